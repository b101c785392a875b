"""The model card and the probe: what travels inside the ONNX file.

The card is one JSON document under :data:`KEY` in the file's ``metadata_props``, which
quantisation and graph optimisation keep. It says how to prepare a spectrum, what the
outputs mean, when to answer "unknown", what the network was trained on and how it was
measured. The probe is one spectrum with the numbers that the model gave at
export: every device replays it at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
import numpy as np

from raman_edge import __version__
from raman_edge.errors import CardError
from raman_edge.preprocessing import Baseline, Despike, Recipe, Smooth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from raman_edge.preprocessing import Step

KEY = "raman_edge.card"
"""Where the card stands in the ONNX file's ``metadata_props``."""
SCHEMA: Literal[1] = 1
"""Version of the card's fields; a newer one is refused, an older one migrated in :func:`load`."""
MAX_CARD_CHARACTERS = 8 * 2**20
"""A larger card is refused."""
MAX_DIGITS = 9
"""Digits in one part of a version."""
MAX_MESSAGE = 300
"""Characters shown of the decoder's message about a damaged card: it quotes the card."""
MAX_STEPS = 16
"""Steps of a recipe."""
MAX_WINDOW = 1001
"""Points around each one that a step may use."""
MAX_ORDER = 20
"""Order of a polynomial that is fitted."""
LONGEST_NAME = 200
LONGEST_TEXT = 4000
SHOWN = 60
"""Characters of a text that a message shows."""

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
            raise CardError(kind="damaged probe", got=f"{len(self.f32)} bytes", expected="four bytes for each float32 number")
        return np.frombuffer(self.f32, dtype="<f4")


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One raw spectrum and what the model made of it at export."""

    shift: Floats
    """Raman shift, cm⁻¹, (n,)."""
    counts: Floats
    """Counts, (n,)."""
    features: Floats
    """What the recipe gave, (n,)."""
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
    """How outputs become a decision; every number was chosen on held-out samples."""

    logit_scale: Divisor
    """A logit is this times the cosine of the embedding and its class's direction."""
    head_weight: Fraction
    """Share of the class head in a label's score; the rest is the best library similarity."""
    temperature: Divisor
    """Divides the scores before the softmax over labels; a smaller one gives higher probabilities to the first."""
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
    """What the network was trained on, how it was measured, and the references to cite."""

    trained_on: str
    """Data, number of spectra, of specimens and of labels."""
    cite: tuple[str, ...]
    """References to cite for the data and the method."""
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
    """Protocol, split sizes and seeds behind the figures, and the network that was measured where it is another."""


class Claims(NamedTuple):
    """What a model was measured for, and can therefore state about an identification."""

    sets: bool
    """The probability of a name, and the sets that hold the truth."""
    known: bool
    """The probability that the material is in the library at all."""


class ModelCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything the edge needs to know about a model besides its weights."""

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
            raise ValueError(
                f"labels: got {len(self.labels)} of which {len(set(self.labels))} differ, expected at least one and all different"
            )

    @property
    def claims(self) -> Claims:
        """What was measured: figures of coverage for the sets, of species kept apart for "unknown"."""
        measured = self.provenance.measured
        return Claims(sets=any(name.endswith("_coverage_90") for name in measured), known=any(name.endswith("_auroc") for name in measured))

    def to_json(self) -> str:
        """Write the card as it stands in the ONNX file."""
        return msgspec.json.encode(self).decode()


def version_tuple(version: str) -> tuple[int, ...]:
    """Return the numbers of ``major.minor.patch``; :class:`CardError` for any other text."""
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS for part in parts):
        raise CardError(
            kind="wrong version", place="the model's card: minimum_raman_edge", got=f"{version[:40]!r}", expected="numbers and dots"
        )
    return tuple(int(part) for part in parts)


def load(metadata: Mapping[str, str]) -> ModelCard:
    """Read the card from a model's metadata; :class:`CardError` where it is missing, damaged or from a newer raman-edge."""
    text = metadata.get(KEY)
    if text is None:
        found = ", ".join(f"{key[:40]!r}" for key in sorted(metadata)[:8]) or "no metadata"
        raise CardError(kind="no card", got=found, expected=KEY, advice="Export the model with `raman-train export --onnx`")
    if len(text) > MAX_CARD_CHARACTERS:
        raise CardError(kind="card too long", got=f"{len(text)} characters", expected=f"at most {MAX_CARD_CHARACTERS}")
    _check_age(text)
    try:
        return msgspec.json.decode(text, type=ModelCard)
    except msgspec.MsgspecError as error:
        raise CardError(
            kind="invalid card", cause=_brief(error), advice=f"An unknown step or field may need a newer raman-edge than {__version__}"
        ) from error


class _Age(msgspec.Struct):
    """The fields that decide whether the rest of a card can be read."""

    schema: int
    minimum_raman_edge: str


def _check_age(text: str) -> None:
    """Refuse a card from a newer version before its other fields are read."""
    try:
        age = msgspec.json.decode(text, type=_Age)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise CardError(kind="damaged card", cause=_brief(error), advice="Export the model again") from error
    if age.schema > SCHEMA or version_tuple(age.minimum_raman_edge) > version_tuple(__version__):
        raise CardError(
            kind="newer card", got=f"raman-edge {__version__}, card schema {SCHEMA}",
            expected=f"raman-edge {age.minimum_raman_edge[:40]!r} or newer, card schema {age.schema}", advice="Update raman-edge",
        )  # fmt: skip


def _brief(error: Exception) -> str:
    return str(error)[:MAX_MESSAGE]


def check(card: ModelCard) -> None:
    """Refuse texts that a terminal might obey, and recipes that take more time or memory than a spectrum is worth; :class:`CardError`."""
    made = card.provenance
    for place, names in (("label", card.labels), ("measured", made.measured), ("name", (card.name, card.network))):
        check_names(f"the model's card: {place}", names)
    texts = (made.trained_on, made.licence, made.created, made.revision, made.config_sha256, made.measured_how, card.minimum_raman_edge)
    check_names("the model's card: text", (*texts, *made.cite), LONGEST_TEXT)
    if len(card.recipe.steps) > MAX_STEPS:
        raise CardError(
            kind="too many steps", place="the model's card: recipe", got=str(len(card.recipe.steps)), expected=f"at most {MAX_STEPS}"
        )
    for step in card.recipe.steps:
        for name, value, most in _demands(step):
            if value > most:
                raise CardError(
                    kind="recipe too slow", place=f"the model's card: {name} of {step.tag}", got=str(value), expected=f"at most {most}"
                )


def check_names(place: str, names: Iterable[str], longest: int = LONGEST_NAME) -> None:
    """Refuse texts with characters that cannot be printed, and texts that are too long to read; :class:`CardError`."""
    for text in names:
        if not text.isprintable() or len(text) > longest:
            raise CardError(
                kind="unprintable text", place=place, got=f"{len(text)} characters, {text[:SHOWN]!a}",
                expected=f"at most {longest} characters, all printable",
            )  # fmt: skip


def _demands(step: Step) -> Iterator[tuple[str, int, int]]:
    """Give the settings that make a step slow: name, value, the largest value that is run."""
    match step:
        case Smooth(window=window, order=order):
            yield "window", window, MAX_WINDOW
            yield "order", order, MAX_ORDER
        case Baseline(half_window=half_window):
            yield "half_window", half_window, MAX_WINDOW
        case Despike(width=width):
            yield "width", width, MAX_WINDOW
        case _:
            return
