"""A network that runs: the onnxruntime session, its card, and the proof that it works here."""

from __future__ import annotations

import hashlib
import importlib.resources
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import CardError, ModelError, ProbeMismatch, SpectrumError
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
"""A larger file is refused before it is read: no network for a spectrum comes near it, the embedded one has 2 MiB."""
NORM_WITHIN = 1e-3
"""How far the length of an embedding may be from 1."""


@dataclass(frozen=True, eq=False, slots=True)
class Outputs:
    """What the network says of a batch of spectra."""

    logits: NDArray[np.float32]
    """(batch, classes)."""
    embedding: NDArray[np.float32]
    """(batch, e), unit norm."""


def default_path() -> Path:
    """Return where the embedded default model lies."""
    return Path(str(importlib.resources.files("raman_edge") / "assets" / "default.onnx"))


class Model:
    """An opened model; made by :meth:`open`, which refuses what it cannot honour."""

    def __init__(self, opened: OpenedSession, card: ModelCard, sha256: str) -> None:
        self._session = opened.session
        self.notes = opened.notes
        """What a person should hear of the installed onnxruntime; empty where all is well."""
        self.card = card
        self.sha256 = sha256
        """Digest of the model file, lower-case hex."""

    @classmethod
    def open(cls, path: Path, *, threads: int = 1, sha256: str | None = None) -> Model:
        """Read, check and probe the model at ``path``; a ``sha256`` is the digest it must have, lower-case hex.

        Nothing is loaded before :mod:`raman_edge.model.check` has looked through it.
        ``threads`` are onnxruntime's intra-op threads; its own default spins on every core.
        Raises :class:`ModelError` (unreadable, no ONNX model, not to be trusted, wrong inputs or outputs),
        :class:`CardError` or :class:`ProbeMismatch`.
        """
        data = read(path)
        digest = hashlib.sha256(data).hexdigest()
        if sha256 is not None and digest != sha256:
            msg = f"model {str(path)!r} has SHA-256 {digest}, {sha256} expected: it is another file, or was changed"
            raise ModelError(msg)
        card = look_through(data, path)
        try:
            opened = open_session(data, threads)
        except ModelError as error:
            msg = f"model {str(path)!r} passes as a network, but {error}"
            raise ModelError(msg) from error
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
            msg = f"the network cannot be run on {features.dtype} numbers of shape {features.shape}; onnxruntime says: {brief(error)}"
            raise ModelError(msg) from error
        return Outputs(logits, embedding)

    def replay_probe(self) -> None:
        """Run the card's own spectrum through recipe and network; :class:`ProbeMismatch` where a number moved."""
        probe, card = self.card.probe, self.card
        try:
            spectrum = Spectrum(Axis(probe.shift.array()), probe.counts.array(), Origin("probe", ""))
            features = card.recipe.features(spectrum)
        except SpectrumError as error:
            msg = f"the model's probe is no spectrum its own recipe can prepare: {error}"
            raise ProbeMismatch(msg) from error
        moved = _largest_difference(features, probe.features.array(), "features")
        _refuse_above(moved, probe.features_within, "the recipe's features")
        outputs = self.run(features[np.newaxis])
        moved = _largest_difference(outputs.logits[0], probe.logits.array(), "logits")
        _refuse_above(moved, probe.logits_within, "the logits")
        got, expected = outputs.embedding[0].astype(np.float64), probe.embedding.array().astype(np.float64)
        _largest_difference(got, expected, "embedding")
        lengths = float(np.linalg.norm(got)), float(np.linalg.norm(expected))
        _refuse_above(max(abs(length - 1.0) for length in lengths), NORM_WITHIN, "the length of the embedding")
        apart = 1.0 - float(got @ expected) / (lengths[0] * lengths[1])
        _refuse_above(apart, 1.0 - probe.embedding_cosine, "the embedding (1 - cosine)")

    def _check_shape(self) -> None:
        """Refuse a graph whose input or outputs are not what the card says."""
        expected = {
            INPUT: len(self.card.recipe.axis),
            "logits": len(self.card.labels),
            "embedding": self.card.embedding,
        }
        got = {node.name: _width(node) for node in (*self._session.get_inputs(), *self._session.get_outputs())}
        if got != expected:
            msg = f"the graph and its card disagree: the graph has {got}, the card says {expected}. Export the model again"
            raise CardError(msg)


def look_through(data: bytes, path: Path) -> ModelCard:
    """Return the card of the bytes of a model file, which may be loaded: it hides nothing, and is no larger than it says.

    Raises :class:`CardError` or :class:`ModelError` with the reason.
    """
    try:
        card = cards.load(check.inspect(data).graph.metadata)
        check.check_card(card)
    except ModelError as error:
        msg = f"model {str(path)!r} is refused: {brief(error)}"
        raise type(error)(msg) from error
    return card


def read(path: Path) -> bytes:
    """Return the bytes of a model file; :class:`ModelError` where it is no file, or too large to be a model."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            msg = f"model {str(path)!r} is a pipe or a device: give a file made by `raman-train export --onnx`"
            raise ModelError(msg)
        if status.st_size > MAX_MODEL_BYTES:
            raise ModelError(_too_large(path, status.st_size))
        with path.open("rb") as file:
            return file.read(MAX_MODEL_BYTES)  # no more, also where it grows: what is cut is refused as damaged
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        why = getattr(error, "strerror", None) or error
        msg = f"model {str(path)!r} cannot be read: {why}. Give a file made by `raman-train export --onnx`"
        raise ModelError(msg) from error


def _too_large(path: Path, size: int) -> str:
    most = f"{MAX_MODEL_BYTES / 2**20:.0f} MiB"
    return f"model {str(path)!r} is {size / 2**20:.0f} MiB; at most {most} are read. Give a file made by `raman-train export --onnx`"


def _width(node: onnxruntime.NodeArg) -> object:
    """Return n of a float tensor (batch, n); of anything else what it is instead."""
    two = node.type == "tensor(float)" and len(node.shape) == 2  # noqa: PLR2004 - (batch, n)
    return node.shape[-1] if two else f"{node.type} {node.shape}"


def _largest_difference(got: NDArray[np.floating], expected: NDArray[np.floating], name: str) -> float:
    if got.shape != expected.shape:
        msg = f"the probe holds {expected.shape[0]} {name}, the model gives {got.shape[0]}: the card belongs to another graph"
        raise ProbeMismatch(msg)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number is refused by whoever compares
        return float(np.abs(got - expected).max())


def _refuse_above(moved: float, limit: float, what: str) -> None:
    if not moved <= limit:
        msg = (
            f"the model's self-test failed: {what} moved by {moved:.3g}, at most {limit:.3g} is accepted. "
            "The file is damaged, or this processor or onnxruntime computes something else: export the model again or report it"
        )
        raise ProbeMismatch(msg)
