"""A checkpoint becomes a model file with its card and probe, and a library beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import torch
from onnx import helper
from raman_edge import __version__, card
from raman_edge.errors import ConfigError
from raman_edge.library import Library, path_beside
from raman_edge.model import Model
from raman_train import checkpoint, evaluate, loop, metrics, runs
from raman_train.config import DrcnnEdgeConfig
from raman_train.data import datasets
from raman_train.models.search import Search

from raman_export import graph, library, parity, quantise
from raman_export.parity import Parity

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray
    from raman_edge.model import Outputs
    from raman_train.checkpoint import Checkpoint
    from raman_train.data.datasets import Dataset
    from raman_train.runs import Material

Precision = Literal["fp32", "int8"]

CALIBRATION = 512
"""Training spectra shown to the calibration of int8."""
CHECKED = 256
"""Spectra on which torch and onnxruntime are compared."""
COMPARED = 1024
"""Spectra on which fp32 and int8 are compared."""
EXACT = ("directions", "kernel")
"""What stays fp32: the √-derivative and its projection are small, and exactness is their use."""
RRUFF = (
    "Lafuente B, Downs R T, Yang H, Stone N (2015) The power of databases: the RRUFF project. "
    "Highlights in Mineralogical Crystallography, 1-30"
)
DRCNN = "Zhou et al. (2022) RSC Adv. 12, 5053 (DRCNN)"
SANG = "Sang et al. (2022) Neural Process. Lett. 54, 677 (the arrays of Dataset_1 and Dataset_2)"
INT8_LOGITS_WITHIN, INT8_EMBEDDING_COSINE = 1.0, 0.995
"""What the probe grants an int8 model: processors round its products differently."""


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
    int8: Parity | None
    """fp32 against int8; None for an fp32 export."""
    measured: dict[str, float]


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """A run with spectra kept apart, measured through its own exported graph."""

    decision: card.Decision
    measured: dict[str, float]
    how: str


def run(source: Path, out: Path, precision: Precision, data: Path | None, measured: list[Path]) -> str:
    """Export ``source`` to ``out`` with its library beside it, and return the report as JSON."""
    made = checkpoint.load(source)
    held = [_measured(path, precision) for path in measured]
    material = runs.prepare(made.about.config)
    proto, int8, fidelity = _graph(made, material.features, precision)
    answers = parity.run(proto, material.features)
    dataset = datasets.load(data) if data else material.dataset
    features = dataset.features(made.about.config.recipe) if data else material.features
    embedding = parity.run(proto, features).embedding if data else answers.embedding
    axis = made.about.config.recipe.axis
    references = library.build(made.sha256, dataset.labels, dataset.specimens, embedding, features, axis)
    told = _card(made, material, answers, precision, held)
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
        references=len(references), labels=len(references.labels), fidelity=fidelity, int8=int8, measured=told.provenance.measured,
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def _graph(made: Checkpoint, features: NDArray[np.float32], precision: Precision) -> tuple[onnx.ModelProto, Parity | None, Parity]:
    """Return the graph, its loss to fp32 if it is int8, and torch against onnxruntime."""
    proto = graph.convert(made.network, made.about.length)
    shown = features[_spread(len(features), CHECKED)]
    fidelity = parity.check(made.network, proto, shown)
    if precision == "fp32":
        return proto, None, fidelity
    smaller = quantise.quantise(proto, features[_spread(len(features), CALIBRATION)], EXACT)
    asked = features[_spread(len(features), COMPARED)]
    return smaller, parity.compare(parity.run(proto, asked), parity.run(smaller, asked)), fidelity


def _spread(count: int, wanted: int) -> NDArray[np.intp]:
    """Return ``wanted`` indices evenly over ``count``."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).astype(np.intp))


def _measured(path: Path, precision: Precision) -> Held:
    """Measure a run on what it kept apart, through the graph that an export of it would be."""
    made = checkpoint.load(path)
    config = made.about.config
    material = runs.prepare(config)
    split, truth = material.split, material.classes[material.split.test]
    if not truth.size or split.enrolled.size:
        kept = "new species apart" if truth.size else "nothing apart"
        msg = f"{str(path)!r} kept {kept} (protocol {config.data.protocol!r}): --measured wants a run with protocol 'sample' or 'spectrum'"
        raise ConfigError(msg)
    scale = _scale(made)
    whole, _ = runs.measure(made, material)
    proto, _, _ = _graph(made, material.features[split.library], precision)
    outputs = parity.run(proto, material.features)
    answers = evaluate.Answers(outputs.logits, outputs.embedding, scale)
    scores = evaluate.library_scores(answers, material.classes, split)
    decision, more = evaluate.decision(answers, material.classes, split)
    name = config.data.protocol
    figures = {
        f"{name}_top1_fp32": whole.main.top1,
        f"{name}_top1_{precision}": round(metrics.top(scores, truth, 1), 4),
        f"{name}_top3_{precision}": round(metrics.top(scores, truth, 3), 4),
        f"{name}_top1_root_derivative_search": _search_top1(material),
    } | {f"{name}_{key}": value for key, value in more.items()}
    how = (
        f"{name}: {config.data.subset}, split seed {config.data.split_seed}, "
        f"{split.library.size} spectra learned from and in the library, "
        f"{truth.size} of {np.unique(truth).size} labels asked, "
        f"by the same network trained without them (configuration {config.sha256[:12]})"
    )
    return Held(decision, figures, how)


def _search_top1(material: Material) -> float:
    """Return what the best library search gets right of the same questions: what a network has to beat."""
    split, classes = material.split, material.classes
    features = torch.from_numpy(material.features)
    search = Search(features.shape[1], len(material.labels), "root-derivative")
    search.prepare(features[split.library], torch.from_numpy(classes[split.library]))
    scores = evaluate.head_scores(evaluate.Answers(*loop.outputs(search, features), None), classes, split)
    return round(metrics.top(scores, classes[split.test], 1), 4)


def _scale(made: Checkpoint) -> float:
    config = made.about.config.model
    if not isinstance(config, DrcnnEdgeConfig):
        msg = f"the edge ranks cosines: export wants a drcnn-edge checkpoint, this is {made.about.config.system!r}"
        raise ConfigError(msg)
    return config.scale


def _card(made: Checkpoint, material: Material, answers: Outputs, precision: Precision, held: list[Held]) -> card.ModelCard:
    about = made.about
    untested = card.Decision(
        logit_scale=_scale(made),
        head_weight=evaluate.HEAD_WEIGHT,
        temperature=0.05,
        unknown_below=0.5,
        ambiguous_below=evaluate.AMBIGUOUS_BELOW,
    )
    return card.ModelCard(
        name=about.config.system,
        network=made.sha256,
        precision=precision,
        labels=about.labels,
        embedding=answers.embedding.shape[1],
        recipe=about.config.recipe,
        decision=held[0].decision if held else untested,
        provenance=card.Provenance(
            trained_on=(
                f"{about.spectra} Raman spectra of {about.specimens} specimens, {len(about.labels)} labels "
                f"({Path(about.config.data.path).name}, {about.config.data.subset})"
            ),
            cite=(RRUFF, SANG, DRCNN),
            licence="made from RRUFF spectra, published without a licence; RRUFF asks to be cited. The weights: MIT",
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            revision=about.revision,
            config_sha256=about.config.sha256,
            measured={key: value for one in held for key, value in one.measured.items()},
            measured_how="; ".join(one.how for one in held) or "not measured; temperature and thresholds are guesses",
        ),
        minimum_raman_edge=__version__,
        probe=_probe(material.dataset, material.features, answers, precision),
    )


def _probe(dataset: Dataset, features: NDArray[np.float32], answers: Outputs, precision: Precision) -> card.Probe:
    """Take the middle spectrum of the dataset as the model's self-test."""
    chosen = len(dataset) // 2
    spectrum = dataset.spectrum(chosen)
    strict = {} if precision == "fp32" else {"logits_within": INT8_LOGITS_WITHIN, "embedding_cosine": INT8_EMBEDDING_COSINE}
    return card.Probe(
        shift=card.Floats.of(spectrum.axis.shift),
        counts=card.Floats.of(spectrum.counts),
        features=card.Floats.of(features[chosen]),
        logits=card.Floats.of(answers.logits[chosen]),
        embedding=card.Floats.of(answers.embedding[chosen]),
        **strict,
    )
