"""Export of a checkpoint as a model file with card and probe, and a library beside it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from onnx import helper
from raman_edge import __version__
from raman_edge.errors import ConfigError
from raman_edge.matching.library import Library, path_beside
from raman_edge.matching.pack import Pack, find
from raman_edge.model import card
from raman_edge.model.model import MAX_MODEL_BYTES, Model
from raman_train import checkpoint, runs
from raman_train.config import DrcnnConfig, DrcnnEdgeConfig, FanConfig, LiuConfig, SangConfig, ZhangCnnConfig, ZhangDnnConfig
from raman_train.data import datasets

from raman_export import compress, graph, held_out, library, variant, variant_table
from raman_export.graph import Parity
from raman_export.variant import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from numpy.typing import NDArray
    from raman_edge.model.model import Outputs
    from raman_train.checkpoint import About, Checkpoint
    from raman_train.config import ModelConfig
    from raman_train.data.datasets import Dataset
    from raman_train.runs import PreparedData

    from raman_export.held_out import HeldOutResult
    from raman_export.variant import Precision

CHECKED = 256
"""Number of spectra for the comparison of torch and onnxruntime."""
COMPARED = 1024
"""Number of spectra for the comparison of the fp32 graph and the smaller one."""
BYTES: dict[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}
"""Per weight."""
TOLERANCES: dict[Precision, dict[str, float]] = {
    "fp32": {},
    "fp16": {"logits_within": 0.1, "embedding_cosine": 0.9995},
    "int8": {"logits_within": 1.0, "embedding_cosine": 0.995},
}
"""Tolerances of the probe for lower precisions, which processors round differently."""
RRUFF = (
    "Lafuente B, Downs R T, Yang H, Stone N (2015) The power of databases: the RRUFF project. "
    "Highlights in Mineralogical Crystallography, 1-30"
)
SANG = "Sang et al. (2022) Neural Process. Lett. 54, 677 (the arrays of Dataset_1 and Dataset_2)"
METHODS: dict[type[ModelConfig], str] = {
    DrcnnConfig: "Zhou et al. (2022) RSC Adv. 12, 5053 (DRCNN)",
    DrcnnEdgeConfig: "Zhou et al. (2022) RSC Adv. 12, 5053 (DRCNN, the recursion that this network is made of)",
    LiuConfig: "Liu et al. (2017) arXiv 1708.09022",
    FanConfig: "Fan et al. (2019) Analyst 144, 1789 (DeepCID)",
    ZhangCnnConfig: "Zhang et al. (2020) J. Raman Spectrosc. 51, 176",
    ZhangDnnConfig: "Zhang et al. (2020) J. Raman Spectrosc. 51, 176",
    SangConfig: "Sang et al. (2022) Neural Process. Lett. 54, 677",
}
"""Papers of the networks."""
PAPER = 0b011
"""Bits of :attr:`Dataset.subsets`: in Dataset_1 or Dataset_2 of the paper."""


class DataProvenance(NamedTuple):
    """Texts of the card about data and method."""

    trained_on: str
    cite: tuple[str, ...]
    licence: str


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and figures of an export."""

    model: str
    library: str
    model_bytes: int
    library_bytes: int
    references: int
    labels: int
    fidelity: Parity
    """torch and onnxruntime in fp32."""
    compress: list[str]
    """Steps before the conversion, in their order."""
    smaller: Parity | None
    """The fp32 graph and this one; None if they are the same."""
    measured: dict[str, float]


def compare(source: Path, steps: list[str], out: Path | None) -> str:
    """Measure all variants of a run, write the table to ``out`` as JSON, and return it as lines of text."""
    table = variant_table.build(source, compress.read(steps))
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(table)) + b"\n")
    return variant_table.text(table)


def run(source: Path, out: Path, precision: Precision, data: Path | None, measured: list[Path], steps: Sequence[str] = ()) -> str:
    """Export ``source`` to ``out`` after ``steps``, with its library beside it, and return the report as JSON.

    ``measured`` are runs whose figures and rules go into the card, by default ``source`` itself if it has test spectra of known
    species. ``data`` is a dataset for the library instead of that of the training.

    Raises:
        ConfigError: if a step, a run or the size of the network is invalid.
        ModelError: if the graph differs from the network.
    """
    chosen = Variant(precision, compress.read(steps))
    trained = checkpoint.load(source)
    _refuse_oversized(trained, chosen)
    prepared = runs.prepare(trained.about.config)
    if not measured and prepared.split.test.size and not prepared.split.enrolled.size:
        measured = [source]
    measurements = [held_out.measure(path, chosen) for path in measured]
    proto, smaller, fidelity = _graph(trained, prepared.features, chosen)
    outputs = graph.run(proto, prepared.features)
    # Spectra of packs are references of their packs, not of the library beside the model.
    own = np.flatnonzero(~prepared.in_packs)
    dataset = datasets.load(data) if data else prepared.dataset.select(own)
    features = dataset.features(trained.about.config.recipe) if data else prepared.features[own]
    embedding = graph.run(proto, features).embedding if data else outputs.embedding[own]
    axis = trained.about.config.recipe.axis
    network = variant.network_digest(trained.sha256, chosen.steps)
    references = library.build(network, dataset.labels, dataset.specimens, embedding, features, axis)
    model_card = _card(trained, prepared, outputs, chosen, measurements)
    helper.set_model_props(proto, {card.KEY: model_card.to_json()})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(proto.SerializeToString())
    beside = path_beside(out)
    references.save(beside)
    # As the edge opens them: it reads the card, replays the probe, and compares the digests of library and network.
    opened = Model.open(out)
    Library.open(beside, network=opened.card.network)
    report = ExportReport(
        model=str(out), library=str(beside), model_bytes=out.stat().st_size, library_bytes=beside.stat().st_size,
        references=len(references), labels=len(references.labels), fidelity=fidelity,
        compress=[str(step) for step in chosen.steps], smaller=smaller, measured=model_card.provenance.measured,
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def _refuse_oversized(trained: Checkpoint, chosen: Variant) -> None:
    """Raise :class:`ConfigError` for a network that is too large for the edge, before minutes of conversion."""
    if any(isinstance(step, compress.RankStep) for step in chosen.steps):
        return
    weights = sum(weight.numel() for weight in trained.network.parameters())
    size = weights * BYTES[chosen.precision]
    if size > MAX_MODEL_BYTES:
        msg = (
            f"got {weights:,} weights in {chosen.precision}, {size / 1e6:.0f} MB; the edge opens at most {MAX_MODEL_BYTES / 1e6:.0f} MB. "
            "Export with --precision int8, or make the first dense layer smaller with --compress rank=128"
        )
        raise ConfigError(msg)


def _graph(trained: Checkpoint, features: NDArray[np.float32], chosen: Variant) -> tuple[onnx.ModelProto, Parity | None, Parity]:
    """Return the graph, its difference to the fp32 one if it is another, and the comparison of torch and onnxruntime."""
    spectra = variant.calibration(features)
    network = variant.compress(trained.network, chosen.steps, spectra)
    converted = variant.convert(network, trained.about.length)
    fidelity = graph.check(network, converted, features[variant.spread(len(features), CHECKED)])
    if chosen == variant.PLAIN:
        return converted, None, fidelity
    proto = variant.reduce(converted, chosen.precision, spectra)
    plain = variant.convert(trained.network, trained.about.length) if chosen.steps else converted
    compared = features[variant.spread(len(features), COMPARED)]
    return proto, graph.compare(graph.run(plain, compared), graph.run(proto, compared)), fidelity


def _card(
    trained: Checkpoint, prepared: PreparedData, outputs: Outputs, chosen: Variant, measurements: list[HeldOutResult]
) -> card.ModelCard:
    about = trained.about
    source = describe_source(about, prepared.dataset.select(np.flatnonzero(~prepared.in_packs)))
    return card.ModelCard(
        name=about.config.system,
        network=variant.network_digest(trained.sha256, chosen.steps),
        precision=chosen.precision,
        labels=about.labels,
        embedding=outputs.embedding.shape[1],
        recipe=about.config.recipe,
        decision=held_out.combined(measurements, held_out.logit_scale(trained)),
        provenance=card.ModelProvenance(
            trained_on=source.trained_on,
            cite=source.cite,
            licence=source.licence,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            revision=about.revision,
            config_sha256=about.config.sha256,
            measured={key: value for one in measurements for key, value in one.measured.items()},
            measured_how="; ".join(one.how for one in measurements) or "not measured; temperature and thresholds are defaults",
        ),
        minimum_raman_edge=__version__,
        probe=_probe(prepared.dataset, prepared.features, outputs, chosen),
    )


def _probe(dataset: Dataset, features: NDArray[np.float32], outputs: Outputs, chosen: Variant) -> card.Probe:
    """Return the self-test of the model: the middle spectrum of the dataset and its outputs."""
    middle = len(dataset) // 2
    spectrum = dataset.spectrum(middle)
    return card.Probe(
        shift=card.Floats.of(spectrum.axis.shift),
        counts=card.Floats.of(spectrum.counts),
        features=card.Floats.of(features[middle]),
        logits=card.Floats.of(outputs.logits[middle]),
        embedding=card.Floats.of(outputs.embedding[middle]),
        **TOLERANCES[chosen.precision],
    )


def describe_source(about: About, dataset: Dataset) -> DataProvenance:
    """Return the texts for the card of a run on ``dataset`` and on the packs of its configuration."""
    cite, terms = [], []
    if bool((dataset.subsets & (PAPER | datasets.NATIVE)).any()):
        cite.append(RRUFF)
        terms.append("made from RRUFF spectra, published without a licence; RRUFF asks to be cited")
    if bool((dataset.subsets & PAPER).any()):
        cite.append(SANG)
    computed = about.config.data.path == runs.SYNTHETIC
    others = 0 if computed else int((dataset.subsets == 0).sum())
    if computed:
        terms.append("made from synthetic spectra")
    elif others:
        terms.append(f"made from {others} spectra of {Path(about.config.data.path).name} with unknown terms: ask their owner")
    packs = about.config.data.packs or ()
    for name in packs:
        for source in Pack.open(find(name)).contents.sources:
            cite.append(source.attribution)
            terms.append(f"made from the pack {name}: {source.title} ({source.licence or 'without a licence'})")
    if type(about.config.model) in METHODS:
        cite.append(METHODS[type(about.config.model)])
    return DataProvenance(
        trained_on=(
            f"{about.spectra} Raman spectra of {about.specimens} specimens, {len(about.labels)} labels "
            f"({', '.join((Path(about.config.data.path).name, about.config.data.subset, *(f'pack {name}' for name in packs)))})"
        ),
        cite=tuple(dict.fromkeys(cite)),
        licence=". ".join([*terms, "The weights: MIT" if not others else "The weights: as their owner decides"]),
    )
