"""A network that runs: the onnxruntime session, its card, and the replay of its probe."""

from __future__ import annotations

import hashlib
import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.bounded_read import bounded
from raman_edge.errors import CardError, ConfigError, ModelError, ProbeMismatch, SpectrumError
from raman_edge.model import card as cards
from raman_edge.model import check
from raman_edge.model.runtime import OpenedSession, brief, open_session
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    import onnxruntime
    from numpy.typing import NDArray

    from raman_edge.model.card import ModelCard

INPUT = "spectrum"
OUTPUTS = ("logits", "embedding")
MAX_MODEL_BYTES = 256 * 2**20
"""A larger file is refused before it is read; the embedded one has 2 MiB, the largest published network in int8 100."""
MAX_SHOWN = 300
"""Characters of each part of an error that are shown, because a model file wrote them."""
NORM_WITHIN = 1e-3
"""How far the length of an embedding may be from 1."""


@dataclass(frozen=True, eq=False, slots=True)
class Outputs:
    """The network's outputs for a batch of spectra."""

    logits: NDArray[np.float32]
    """(batch, classes)."""
    embedding: NDArray[np.float32]
    """(batch, e), unit norm."""


def default_path() -> Path:
    """Return the path of the embedded default model."""
    return Path(str(importlib.resources.files("raman_edge") / "assets" / "default.onnx"))


class Model:
    """An opened model; made by :meth:`open`, which checks and probes the file."""

    def __init__(self, opened: OpenedSession, card: ModelCard, sha256: str) -> None:
        self._session = opened.session
        self.notes = opened.notes
        """Problems of the installed onnxruntime that the user should know of."""
        self.card = card
        self.sha256 = sha256
        """Digest of the model file, lower-case hex."""

    @classmethod
    def open(cls, path: Path, *, threads: int = 1, sha256: str | None = None) -> Model:
        """Read, check and probe the model at ``path``; a ``sha256`` is the digest it must have, lower-case hex.

        onnxruntime loads the file only after :mod:`raman_edge.model.check` has accepted it.
        ``threads`` are onnxruntime's intra-op threads; its own default spins on every core.
        Raises :class:`ModelError` (unreadable, no ONNX model, refused, missing package, wrong inputs or outputs),
        :class:`CardError` or :class:`ProbeMismatch`.
        """
        data = read(path)
        digest = hashlib.sha256(data).hexdigest()
        if sha256 is not None and digest != sha256:
            raise ModelError(
                kind="wrong digest",
                place=f"model {str(path)!r}",
                got=f"SHA-256 {digest}",
                expected=sha256,
                advice="It is another file, or was changed",
            )
        card = look_through(data, path)
        try:
            card.recipe.load()
        except ConfigError as error:
            raise ModelError(
                kind=error.kind, place=f"model {str(path)!r}: {error.place}", expected=error.expected, advice=error.advice
            ) from error
        try:
            opened = open_session(data, threads)
        except ModelError as error:
            raise error.at(f"model {str(path)!r}") from error
        model = cls(opened, card, digest)
        model._check_shape()
        model.replay_probe()
        return model

    @property
    def provider(self) -> str:
        """The execution provider the session really uses."""
        return str(self._session.get_providers()[0])

    def run(self, features: NDArray[np.float32]) -> Outputs:
        """Run the network on ``features``, (batch, n) float32 as the recipe gives them.

        Raises :class:`ModelError` where onnxruntime gives up.
        """
        try:
            logits, embedding = self._session.run(OUTPUTS, {INPUT: features})
        except Exception as error:
            raise ModelError(
                kind="cannot be run", place=f"network, {features.dtype} input of shape {features.shape}", cause=brief(error)
            ) from error
        return Outputs(logits, embedding)

    def replay_probe(self) -> None:
        """Run the card's spectrum through recipe and network; :class:`ProbeMismatch` where a number differs."""
        probe, card = self.card.probe, self.card
        try:
            spectrum = Spectrum(Axis(probe.shift.array()), probe.counts.array(), Origin("probe", ""))
            features = card.recipe.features(spectrum)
        except SpectrumError as error:
            raise ProbeMismatch(kind="damaged probe", place="probe: spectrum", cause=str(error)) from error
        _refuse_above(_largest_difference(features, probe.features.array(), "features"), probe.features_within, "features")
        outputs = self.run(features[np.newaxis])
        _refuse_above(_largest_difference(outputs.logits[0], probe.logits.array(), "logits"), probe.logits_within, "logits")
        got, expected = outputs.embedding[0].astype(np.float64), probe.embedding.array().astype(np.float64)
        _largest_difference(got, expected, "embedding")
        lengths = float(np.linalg.norm(got)), float(np.linalg.norm(expected))
        _refuse_above(max(abs(length - 1.0) for length in lengths), NORM_WITHIN, "length of the embedding")
        apart = 1.0 - float(got @ expected) / (lengths[0] * lengths[1])
        _refuse_above(apart, 1.0 - probe.embedding_cosine, "embedding, 1 - cosine")

    def _check_shape(self) -> None:
        """Refuse a graph whose input or outputs differ from the card."""
        expected = {
            INPUT: len(self.card.recipe.axis),
            "logits": len(self.card.labels),
            "embedding": self.card.embedding,
        }
        got = {node.name: _width(node) for node in (*self._session.get_inputs(), *self._session.get_outputs())}
        if got != expected:
            raise CardError(
                kind="card of another graph",
                place="inputs and outputs",
                got=str(got)[:MAX_SHOWN],
                expected=str(expected),
                advice="Export the model again",
            )


def look_through(data: bytes, path: Path) -> ModelCard:
    """Return the card of the bytes of a model file that may be loaded; :class:`ModelError` or :class:`CardError` with the reason."""
    try:
        card = cards.load(check.inspect(data).metadata)
        cards.check(card)
    except ModelError as error:
        kind, cause, got, expected = (text[:MAX_SHOWN] for text in (error.kind, error.cause, error.got, error.expected))
        place = ": ".join(filter(None, (f"model {str(path)!r} is refused", error.place)))
        raise type(error)(kind=kind, place=place, cause=cause, got=got, expected=expected, advice=error.advice) from error
    return card


def read(path: Path) -> bytes:
    """Return the bytes of a model file; :class:`ModelError` where it is not a file, or too large to be a model."""
    return bounded(
        path, MAX_MODEL_BYTES, ModelError, place=f"model {str(path)!r}", advice="Give a file made by `raman-train export --onnx`"
    )


def _width(node: onnxruntime.NodeArg) -> object:
    """Return n of a float tensor (batch, n); its type and shape for any other."""
    two = node.type == "tensor(float)" and len(node.shape) == 2  # noqa: PLR2004 - (batch, n)
    return node.shape[-1] if two else f"{node.type} {node.shape}"


def _largest_difference(got: NDArray[np.floating], expected: NDArray[np.floating], name: str) -> float:
    if got.shape != expected.shape:
        raise ProbeMismatch(
            kind="probe of another graph",
            place=f"probe: {name}",
            got=f"{got.shape[0]} from the model",
            expected=f"{expected.shape[0]} of the probe",
        )
    with np.errstate(over="ignore", invalid="ignore"):  # _refuse_above refuses NaN
        return float(np.abs(got - expected).max())


def _refuse_above(moved: float, limit: float, name: str) -> None:
    if not moved <= limit:
        raise ProbeMismatch(
            kind="self-test failed", place=f"probe: {name}", got=f"a difference of {moved:.3g}", expected=f"at most {limit:.3g}",
            advice="The file is damaged, or this processor or onnxruntime computes something else: export the model again or report it",
        )  # fmt: skip
