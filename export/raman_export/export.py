"""A checkpoint becomes a model file with its card and probe, and a library beside it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
from onnx import helper
from raman_edge import __version__
from raman_edge.errors import ConfigError
from raman_edge.matching.library import Library, path_beside
from raman_edge.model import card
from raman_edge.model.model import MAX_MODEL_BYTES, Model
from raman_train import checkpoint, runs
from raman_train.data import datasets

from raman_export import compress, held, library, parity, provenance, table, variant
from raman_export.parity import Parity
from raman_export.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import onnx
    from numpy.typing import NDArray
    from raman_edge.model.model import Outputs
    from raman_train.checkpoint import Checkpoint
    from raman_train.data.datasets import Dataset
    from raman_train.runs import Material

    from raman_export.held import Held
    from raman_export.variant import Precision

CHECKED = 256
"""Spectra on which torch and onnxruntime are compared."""
COMPARED = 1024
"""Spectra on which the plain graph and the smaller one are compared."""
BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}
"""Of a weight."""
GRANTED: dict[Precision, dict[str, float]] = {
    "fp32": {},
    "fp16": {"logits_within": 0.1, "embedding_cosine": 0.9995},
    "int8": {"logits_within": 1.0, "embedding_cosine": 0.995},
}
"""What the probe grants beyond its own strictness: processors round smaller numbers differently."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did, as numbers."""

    model: str
    library: str
    model_bytes: int
    library_bytes: int
    references: int
    labels: int
    fidelity: Parity
    """torch against onnxruntime, both fp32."""
    compress: list[str]
    """Steps taken before the conversion, in their order."""
    smaller: Parity | None
    """The plain fp32 graph against this one; None where it is that one."""
    measured: dict[str, float]


def compare(source: Path, steps: list[str], out: Path | None) -> str:
    """Measure every variant of a run side by side, write that to ``out`` as JSON, and return it as lines for a person."""
    made = table.build(source, compress.read(steps))
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return table.text(made)


def run(source: Path, out: Path, precision: Precision, data: Path | None, measured: list[Path], steps: Sequence[str] = ()) -> str:
    """Export ``source`` to ``out`` after ``steps`` with its library beside it, and return the report as JSON."""
    chosen = Variant(precision, compress.read(steps))
    made = checkpoint.load(source)
    _refuse_oversized(made, chosen)
    material = runs.prepare(made.about.config)
    if not measured and material.split.test.size and not material.split.enrolled.size:
        measured = [source]
    measurements = [held.measure(path, chosen) for path in measured]
    proto, smaller, fidelity = _graph(made, material.features, chosen)
    answers = parity.run(proto, material.features)
    dataset = datasets.load(data) if data else material.dataset
    features = dataset.features(made.about.config.recipe) if data else material.features
    embedding = parity.run(proto, features).embedding if data else answers.embedding
    axis = made.about.config.recipe.axis
    network = variant.network_digest(made.sha256, chosen.steps)
    references = library.build(network, dataset.labels, dataset.specimens, embedding, features, axis)
    told = _card(made, material, answers, chosen, measurements)
    helper.set_model_props(proto, {card.KEY: told.to_json()})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(proto.SerializeToString())
    beside = path_beside(out)
    references.save(beside)
    # The edge's own door: the card is read back, the probe replayed, the library matched to the network.
    opened = Model.open(out)
    Library.open(beside, network=opened.card.network)
    report = Report(
        model=str(out), library=str(beside), model_bytes=out.stat().st_size, library_bytes=beside.stat().st_size,
        references=len(references), labels=len(references.labels), fidelity=fidelity,
        compress=[str(step) for step in chosen.steps], smaller=smaller, measured=told.provenance.measured,
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def _refuse_oversized(made: Checkpoint, chosen: Variant) -> None:
    """Raise :class:`ConfigError` for a network that is larger than the edge opens, before minutes are spent on it."""
    if any(isinstance(step, compress.Rank) for step in chosen.steps):
        return
    weights = sum(weight.numel() for weight in made.network.parameters())
    size = weights * BYTES[chosen.precision]
    if size > MAX_MODEL_BYTES:
        msg = (
            f"{weights:,} weights in {chosen.precision} are {size / 1e6:.0f} MB; the edge opens at most {MAX_MODEL_BYTES / 1e6:.0f}. "
            "Export with --precision int8, or make the first dense layer smaller with --compress rank=128"
        )
        raise ConfigError(msg)


def _graph(made: Checkpoint, features: NDArray[np.float32], chosen: Variant) -> tuple[onnx.ModelProto, Parity | None, Parity]:
    """Return the graph, its loss to the plain one if it is another, and torch against onnxruntime."""
    calibration = variant.shown(features)
    network = variant.compress(made.network, chosen.steps, calibration)
    converted = variant.convert(network, made.about.length)
    fidelity = parity.check(network, converted, features[variant.spread(len(features), CHECKED)])
    if chosen == variant.PLAIN:
        return converted, None, fidelity
    proto = variant.shrink(converted, chosen.precision, calibration)
    plain = variant.convert(made.network, made.about.length) if chosen.steps else converted
    asked = features[variant.spread(len(features), COMPARED)]
    return proto, parity.compare(parity.run(plain, asked), parity.run(proto, asked)), fidelity


def _card(made: Checkpoint, material: Material, answers: Outputs, chosen: Variant, measurements: list[Held]) -> card.ModelCard:
    about = made.about
    source = provenance.describe(about, material.dataset)
    return card.ModelCard(
        name=about.config.system,
        network=variant.network_digest(made.sha256, chosen.steps),
        precision=chosen.precision,
        labels=about.labels,
        embedding=answers.embedding.shape[1],
        recipe=about.config.recipe,
        decision=held.together(measurements, held.logit_scale(made)),
        provenance=card.ModelProvenance(
            trained_on=source.trained_on,
            cite=source.cite,
            licence=source.licence,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            revision=about.revision,
            config_sha256=about.config.sha256,
            measured={key: value for one in measurements for key, value in one.measured.items()},
            measured_how="; ".join(one.how for one in measurements) or "not measured; temperature and thresholds are guesses",
        ),
        minimum_raman_edge=__version__,
        probe=_probe(material.dataset, material.features, answers, chosen),
    )


def _probe(dataset: Dataset, features: NDArray[np.float32], answers: Outputs, chosen: Variant) -> card.Probe:
    """Take the middle spectrum of the dataset as the model's self-test."""
    middle = len(dataset) // 2
    spectrum = dataset.spectrum(middle)
    granted = GRANTED[chosen.precision]
    return card.Probe(
        shift=card.Floats.of(spectrum.axis.shift),
        counts=card.Floats.of(spectrum.counts),
        features=card.Floats.of(features[middle]),
        logits=card.Floats.of(answers.logits[middle]),
        embedding=card.Floats.of(answers.embedding[middle]),
        **granted,
    )
