"""Spectra, models and libraries to test with: tiny, real, and made in milliseconds.

The model is a matched filter written as an ONNX graph by hand: it goes through the same
door (card, probe, onnxruntime) as a trained one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from raman_edge import __version__, synthetic
from raman_edge.matching.library import Library
from raman_edge.model import card
from raman_edge.peaks import Peaks
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RECIPE = Recipe((Resample(start=100.0, stop=1500.0, step=2.0), MinMax()))
LINES: dict[str, tuple[tuple[float, float], ...]] = {
    "Calcite": ((282.0, 0.3), (712.0, 0.15), (1086.0, 1.0)),
    "Quartz": ((128.0, 0.4), (206.0, 0.4), (464.0, 1.0)),
    "Anatase": ((144.0, 1.0), (397.0, 0.2), (516.0, 0.2), (640.0, 0.25)),
    "Gypsum": ((414.0, 0.2), (494.0, 0.2), (1008.0, 1.0)),
    "Zircon": ((357.0, 0.5), (439.0, 0.4), (974.0, 0.6), (1008.0, 1.0)),
}
"""Lines of five minerals, (cm⁻¹, relative height), rounded from their RRUFF entries."""
NETWORK = "0" * 64
SCALE = 20.0


def table(label: str) -> Peaks:
    """Return a mineral's peak table."""
    shift, height = zip(*LINES[label], strict=True)
    return Peaks(np.array(shift), np.array(height), np.full(len(shift), 8.0))


def spectrum(
    label: str = "Calcite", seed: int = 0, *, axis: Axis | None = None, origin: Origin | None = None, **conditions: float
) -> Spectrum:
    """Return one exposure of a mineral, its own for each ``seed``."""
    rng = np.random.default_rng(seed)
    place = origin or Origin("test", f"{label}-{seed}")
    return synthetic.expose(axis or Axis.linear(150.0, 1400.0, 1.0), table(label), synthetic.SyntheticConditions(**conditions), rng, place)


def text(label: str = "Calcite", seed: int = 0) -> str:
    """Return an exposure as the text file an instrument would write."""
    made = spectrum(label, seed)
    rows = "\n".join(f"{x:.2f}, {y:.2f}" for x, y in zip(made.axis.shift, made.counts, strict=True))
    return f"Raman shift (cm-1), Intensity (counts)\n{rows}\n"


FAMILIAR = card.OutOfLibraryRule(similarity=20.0, energy=0.0, explained=0.0, bias=-10.0, least=0.5)
"""Known from a similarity of one half on."""


def templates() -> NDArray[np.float32]:
    """Return what the matched filter looks for, (labels, n), centred and of unit norm."""
    pure = np.stack([synthetic.lines(RECIPE.axis, table(label)) for label in LINES])
    pure -= pure.mean(axis=1, keepdims=True)
    return (pure / np.linalg.norm(pure, axis=1, keepdims=True)).astype(np.float32)


def graph(filters: NDArray[np.float32]) -> onnx.ModelProto:
    """Return the matched filter: centred, unit norm (the embedding), times ``filters`` (the logits)."""
    labels, n = filters.shape
    nodes = [
        helper.make_node("ReduceMean", ["spectrum", "last"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["spectrum", "mean"], ["centred"]),
        helper.make_node("LpNormalization", ["centred"], ["embedding"], axis=-1, p=2),
        helper.make_node("MatMul", ["embedding", "filters"], ["logits"]),
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "matched-filter",
            [helper.make_tensor_value_info("spectrum", TensorProto.FLOAT, ["batch", n])],
            [
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", labels]),
                helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", n]),
            ],
            [numpy_helper.from_array(SCALE * filters.T.copy(), "filters"), numpy_helper.from_array(np.array([-1], np.int64), "last")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )


def model_card(filters: NDArray[np.float32], **changes: object) -> card.ModelCard:
    """Return the card that belongs to :func:`graph`; ``changes`` replace fields."""
    seen = spectrum("Calcite", 7)
    features = RECIPE.features(seen)
    centred = features - features.mean()
    embedding = centred / np.linalg.norm(centred)
    fields: dict[str, object] = {
        "name": "matched-filter",
        "network": NETWORK,
        "precision": "fp32",
        "labels": tuple(LINES),
        "embedding": filters.shape[1],
        "recipe": RECIPE,
        "decision": card.Decision(
            logit_scale=SCALE,
            head_weight=0.2,
            temperature=0.05,
            rank_prior=0.0,
            least_90=0.1,
            least_95=0.02,
            ambiguous_below=0.5,
            familiar=FAMILIAR,
        ),
        "provenance": card.ModelProvenance(
            trained_on="lines written down by hand",
            cite=("nobody",),
            licence="MIT",
            created="2026-11-22T00:00:00Z",
            revision="test",
            config_sha256="",
            measured={"sample_coverage_90": 0.9, "open_auroc": 0.99},
            measured_how="pretended: tests want its probabilities",
        ),
        "minimum_raman_edge": __version__,
        "probe": card.Probe(
            shift=card.Floats.of(seen.axis.shift),
            counts=card.Floats.of(seen.counts),
            features=card.Floats.of(features),
            logits=card.Floats.of(SCALE * filters @ embedding),
            embedding=card.Floats.of(embedding),
        ),
    }
    return card.ModelCard(**(fields | changes))  # type: ignore[arg-type]  # the fields above are the card's own


def write_model(path: Path, metadata: dict[str, str] | None = None, **changes: object) -> Path:
    """Write the matched filter with its card (or with other ``metadata``) to ``path``."""
    filters = templates()
    proto = graph(filters)
    helper.set_model_props(proto, metadata if metadata is not None else {card.KEY: model_card(filters, **changes).to_json()})
    path.write_bytes(proto.SerializeToString())
    return path


def make_library() -> Library:
    """Return a library with one reference a mineral, in the matched filter's own embedding."""
    names = list(LINES)
    return Library.build(NETWORK, names, templates(), [f"lines of {name}" for name in names], {name: table(name) for name in names})


def write_pair(folder: Path) -> tuple[Path, Path]:
    """Write model and library into ``folder`` and return their paths."""
    model, library = write_model(folder / "tiny.onnx"), folder / "tiny.library.npz"
    make_library().save(library)
    return model, library
