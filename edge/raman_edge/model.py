"""A network that runs: the onnxruntime session, its card, and the proof that it works here."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import card as cards
from raman_edge.errors import CardError, ConfigError, ModelError, ProbeMismatch, SpectrumError
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from raman_edge.card import ModelCard

INPUT = "spectrum"
OUTPUTS = ("logits", "embedding")
MAX_MODEL_BYTES = 1024 * 2**20
"""A larger file is refused before it is read."""
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""In order of preference; what the session really got is :attr:`Model.provider`."""
MAX_MESSAGE = 300
"""Characters shown of what onnxruntime says."""
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

    def __init__(self, session: onnxruntime.InferenceSession, card: ModelCard, sha256: str) -> None:
        self._session = session
        self.card = card
        self.sha256 = sha256
        """Digest of the model file, lower-case hex."""

    @classmethod
    def open(cls, path: Path, *, threads: int = 1) -> Model:
        """Read, check and probe the model at ``path``.

        ``threads`` are onnxruntime's intra-op threads; its own default spins on every core.
        Raises :class:`ModelError` (unreadable, no ONNX model, wrong inputs or outputs),
        :class:`CardError` or :class:`ProbeMismatch`.
        """
        data = _read(path)
        session = _session(data, path, threads)
        model = cls(session, cards.load(_metadata(session)), hashlib.sha256(data).hexdigest())
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
            msg = f"the network cannot be run on {features.dtype} numbers of shape {features.shape}; onnxruntime says: {_brief(error)}"
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
        got, expected = outputs.embedding[0], probe.embedding.array()
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


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            msg = f"model {str(path)!r} is {size / 2**20:.0f} MiB; at most {MAX_MODEL_BYTES / 2**20:.0f} MiB are read"
            raise ModelError(msg)
        return path.read_bytes()
    except OSError as error:
        msg = f"model {str(path)!r} cannot be read: {error.strerror or error}. Give a file made by `raman-train export --onnx`"
        raise ModelError(msg) from error


def _session(data: bytes, path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open an onnxruntime session that neither spins idle cores nor reads other files."""
    try:
        import onnxruntime as ort  # noqa: PLC0415 - commands that run no model do not pay for it
    except ImportError as error:
        msg = "onnxruntime is not installed: pip install 'raman-edge[cpu]' (or [gpu] for CUDA)"
        raise ConfigError(msg) from error
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # int8 on processors without VNNI: exact products instead of saturating ones.
    options.add_session_config_entry("session.x64quantprecision", "1")
    # Weights outside the file would be outside its digest too: they are looked for where nothing can be.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    available = ort.get_available_providers()
    providers: Sequence[str] = [name for name in PROVIDERS if name in available]
    try:
        # onnxruntime prints its fallbacks; standard output belongs to the records.
        with contextlib.redirect_stdout(sys.stderr):
            session = ort.InferenceSession(data, options, providers=providers)
    except Exception as error:
        msg = f"model {str(path)!r} is no ONNX model that onnxruntime {ort.__version__} can run; it says: {_brief(error)}"
        raise ModelError(msg) from error
    session.disable_fallback()
    return session


def _metadata(session: onnxruntime.InferenceSession) -> Mapping[str, str]:
    try:
        metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    except UnicodeDecodeError as error:
        msg = f"the model's metadata is not UTF-8 text: {error}. Export the model again"
        raise CardError(msg) from error
    return metadata


def _width(node: onnxruntime.NodeArg) -> object:
    """Return n of a float tensor (batch, n); of anything else what it is instead."""
    two = node.type == "tensor(float)" and len(node.shape) == 2  # noqa: PLR2004 - (batch, n)
    return node.shape[-1] if two else f"{node.type} {node.shape}"


def _brief(error: Exception) -> str:
    """Return the start of what onnxruntime says, on one line."""
    return " ".join(str(error).split())[:MAX_MESSAGE]


def _largest_difference(got: NDArray[np.float32], expected: NDArray[np.float32], name: str) -> float:
    if got.shape != expected.shape:
        msg = f"the probe holds {expected.shape[0]} {name}, the model gives {got.shape[0]}: the card belongs to another graph"
        raise ProbeMismatch(msg)
    return float(np.abs(got - expected).max())


def _refuse_above(moved: float, limit: float, what: str) -> None:
    if not moved <= limit:
        msg = (
            f"the model's self-test failed: {what} moved by {moved:.3g}, at most {limit:.3g} is accepted. "
            "The file is damaged, or this processor or onnxruntime computes something else: export the model again or report it"
        )
        raise ProbeMismatch(msg)
