"""The model card and the probe: what travels inside the ONNX file.

The card is one JSON document under :data:`KEY` in the file's ``metadata_props``, which
quantisation and graph optimisation keep. It says how to prepare a spectrum, what the
outputs mean, when to answer "unknown", what the network was trained on and how it was
measured. The probe is one spectrum with the numbers the model gave where it was
exported: every device replays it at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
import numpy as np

from raman_edge import __version__
from raman_edge.errors import CardError
from raman_edge.preprocessing import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

KEY = "raman_edge.card"
"""Where the card stands in the ONNX file's ``metadata_props``."""
SCHEMA: Literal[1] = 1
"""Version of the card's fields; a newer one is refused, an older one migrated in :func:`load`."""
MAX_CARD_CHARACTERS = 8 * 2**20
"""A card larger than this is no card of ours."""

MAX_DIGITS = 9
"""Of one part of a version."""
MAX_MESSAGE = 300
"""Characters shown of what a damaged card makes the decoder say: it quotes the card."""

Positive = Annotated[float, msgspec.Meta(gt=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Finite = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Divisor = Annotated[float, msgspec.Meta(ge=1e-6, le=1e6)]
"""No quotient of scores overflows."""


class Floats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row of float32 numbers, as JSON can carry it."""

    f32: bytes
    """Little-endian float32; JSON shows them as base64."""

    @classmethod
    def of(cls, values: ArrayLike) -> Floats:
        """Pack ``values``, (n,)."""
        return cls(np.asarray(values, dtype="<f4").tobytes())

    def array(self) -> NDArray[np.float32]:
        """Return the numbers, (n,) float32."""
        if len(self.f32) % 4:
            msg = f"probe: float32 numbers come in fours of bytes; got {len(self.f32)} bytes"
            raise CardError(msg)
        return np.frombuffer(self.f32, dtype="<f4")


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One raw spectrum and what the model made of it where it was exported."""

    shift: Floats
    """Raman shift, cm⁻¹, (n,)."""
    counts: Floats
    """Counts, (n,)."""
    features: Floats
    """What the recipe gave, (length,)."""
    logits: Floats
    """(classes,)."""
    embedding: Floats
    """(e,), unit norm."""
    features_within: Positive = 1e-4
    """Largest accepted difference of a feature (features span 0..1)."""
    logits_within: Positive = 1e-2
    """Largest accepted difference of a logit."""
    embedding_cosine: Fraction = 0.9999
    """Smallest accepted cosine of the two embeddings."""


class OutOfLibraryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How probable it is that a material is in the library at all: a logistic function, fitted on species kept apart."""

    similarity: Finite
    """Weight of the best library similarity (cosine)."""
    energy: Finite
    """Weight of the scores' energy, see :class:`raman_edge.matching.ranking.Ranking`."""
    explained: Finite
    """Weight of the share of the spectrum's peaks that the first candidate has too."""
    bias: Finite
    """Added to the weighted sum."""
    least: Fraction
    """Probability below which the answer is "unknown"."""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How outputs become an answer; every number was chosen on held-out samples."""

    logit_scale: Divisor
    """A logit is this times the cosine of the embedding and its class's direction."""
    head_weight: Fraction
    """Share of the class head in a label's score; the rest is the best library similarity."""
    temperature: Divisor
    """Divides the scores before the softmax over labels; smaller is surer."""
    rank_prior: Annotated[float, msgspec.Meta(ge=0, le=100)]
    """The r-th candidate counts ``r ** -rank_prior`` in the softmax."""
    least_90: Fraction
    """Probability of a member of the set that holds the truth in 90 of 100 cases."""
    least_95: Fraction
    """The same for 95 of 100."""
    ambiguous_below: Fraction
    """Probability of the best label below which more than one name is possible, whatever the sets say."""
    familiar: OutOfLibraryRule


class ModelProvenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the network was trained on, how it was measured, whom to cite."""

    trained_on: str
    """Data, number of spectra, of specimens and of labels."""
    cite: tuple[str, ...]
    """References that use of the data or the method asks to cite."""
    licence: str
    """Terms of the data the weights were made from, as far as known."""
    created: str
    """UTC time of the export, ISO 8601."""
    revision: str
    """Revision of the training code."""
    config_sha256: str
    """Digest of the training configuration."""
    measured: dict[str, float]
    """Held-out figures by name, such as ``sample_top1``."""
    measured_how: str
    """Protocol, split sizes and seeds behind the figures; of which network, where that is another."""


class Claims(NamedTuple):
    """What a model was measured for, and may therefore say of an answer."""

    sets: bool
    """The probability of a name, and the sets that hold the truth."""
    known: bool
    """The probability that a material is in the library at all."""


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything the edge must know about a model, beside its weights."""

    schema: Literal[1] = SCHEMA
    name: str
    """The system, such as ``drcnn-edge``."""
    network: str
    """Digest of the trained weights: a library belongs to the network whose digest it carries."""
    precision: Literal["fp32", "fp16", "int8"]
    labels: tuple[str, ...]
    """Name of each logit, unique."""
    embedding: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    """Length of the embedding."""
    recipe: Recipe
    decision: Decision
    provenance: ModelProvenance
    minimum_raman_edge: str
    """The oldest raman-edge that can honour this card."""
    probe: Probe

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels) or not self.labels:
            msg = f"labels are unique and at least one; got {len(self.labels)} of which {len(set(self.labels))} differ"
            raise ValueError(msg)

    @property
    def claims(self) -> Claims:
        """What was measured: figures of coverage for the sets, of species kept apart for "unknown"."""
        measured = self.provenance.measured
        return Claims(sets=any(name.endswith("_coverage_90") for name in measured), known=any(name.endswith("_auroc") for name in measured))

    def to_json(self) -> str:
        """Write the card as it stands in the ONNX file."""
        return msgspec.json.encode(self).decode()


def version_tuple(version: str) -> tuple[int, ...]:
    """Return the numeric parts of ``major.minor.patch``; :class:`CardError` where it is none."""
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        msg = f"a version is numbers and dots; got {version[:40]!r}"
        raise CardError(msg)
    return tuple(int(part) for part in parts)


def load(metadata: Mapping[str, str]) -> ModelCard:
    """Read the card out of a model's metadata, or say why it cannot be honoured."""
    text = metadata.get(KEY)
    if text is None:
        found = ", ".join(key[:40] for key in sorted(metadata)[:8]) or "no metadata at all"
        msg = f"the model carries no card ({KEY}); found {found}. Export it with `raman-train export --onnx`"
        raise CardError(msg)
    if len(text) > MAX_CARD_CHARACTERS:
        msg = f"the model's card is {len(text)} characters; at most {MAX_CARD_CHARACTERS} are read"
        raise CardError(msg)
    _check_age(text)
    try:
        return msgspec.json.decode(text, type=ModelCard)
    except msgspec.MsgspecError as error:
        msg = (
            f"the model's card cannot be honoured: {_brief(error)}. "
            f"A step or field unknown here may need a newer raman-edge than {__version__}"
        )
        raise CardError(msg) from error


class _Age(msgspec.Struct):
    """The fields that decide whether the rest of a card can be read at all."""

    schema: int
    minimum_raman_edge: str


def _check_age(text: str) -> None:
    """Refuse a card from the future before its fields are looked at."""
    try:
        age = msgspec.json.decode(text, type=_Age)
    except (msgspec.MsgspecError, RecursionError) as error:
        msg = f"the model's card is damaged: {_brief(error)}"
        raise CardError(msg) from error
    if age.schema > SCHEMA or version_tuple(age.minimum_raman_edge) > version_tuple(__version__):
        msg = (
            f"the model wants raman-edge {age.minimum_raman_edge[:40]!r} or newer (card schema {age.schema}); "
            f"this is {__version__} (schema {SCHEMA}): update raman-edge"
        )
        raise CardError(msg)


def _brief(error: Exception) -> str:
    return str(error)[:MAX_MESSAGE]
