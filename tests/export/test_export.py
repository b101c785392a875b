"""Export: the graph computes what the network computes, and the edge opens the result."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from raman_edge.errors import ConfigError, ModelError
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library, path_beside
from raman_edge.model import card
from raman_edge.model.model import Model
from raman_export import export, graph, library, precision, variant
from raman_train import checkpoint, config, runs
from raman_train.cli import main
from raman_train.data import synthetic
from scipy.signal import savgol_filter

pytestmark = pytest.mark.slow

SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run."""
    folder = tmp_path_factory.mktemp("smoke")
    runs.fit(config.read(SMOKE), folder, torch.device("cpu"), lambda _: None)
    return folder


@pytest.fixture(scope="module", params=["int8", "fp16", "fp32"])
def exported(request: pytest.FixtureRequest, run: Path) -> Path:
    """The smoke run as a model file, with its library beside it."""
    out = run / f"{request.param}.onnx"
    export.run(run, out, request.param, None, [run])
    return out


def test_the_edge_opens_it_and_names_what_it_learned(exported: Path) -> None:
    """The edge opens card, probe and library, and identifies new exposures."""
    model = Model.open(exported)
    opened = Library.open(path_beside(exported), network=model.card.network)
    made = synthetic.make()
    queries = range(0, len(made), 8)
    named = [identify(made.spectrum(i), model, opened).verdict.ranked[0].label for i in queries]
    assert np.mean([name == made.labels[i] for name, i in zip(named, queries, strict=True)]) >= 0.9


def test_the_card_has_the_measured_figures(exported: Path) -> None:
    """The card has the figures of this precision, the revision and the citations, but no path of this machine."""
    recorded = Model.open(exported).card
    assert recorded.precision == exported.stem
    assert recorded.provenance.measured[f"sample_top1_{exported.stem}"] >= 0.9
    assert "split seed 0" in recorded.provenance.measured_how
    assert recorded.provenance.cite == (export.METHODS[config.DrcnnEdgeConfig],)  # synthetic spectra need no citation
    assert recorded.provenance.licence == "made from synthetic spectra. The weights: MIT"
    assert recorded.recipe == config.read(SMOKE).recipe
    assert str(Path(__file__).parents[2]) not in exported.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("bits", "cites", "terms"),
    [
        ([1, 2], ["Lafuente", "Sang", "Zhou"], "made from RRUFF spectra"),
        ([4, 4], ["Lafuente", "Zhou"], "made from RRUFF spectra"),
        ([0, 0], ["Zhou"], "made from 2 spectra of lab.npz with unknown terms"),
        ([4, 0], ["Lafuente", "Zhou"], "made from 1 spectra of lab.npz with unknown terms"),
    ],
)
def test_a_card_cites_the_data_that_were_used(run: Path, bits: list[int], cites: list[str], terms: str) -> None:
    """RRUFF and Sang are cited if their spectra are in the dataset; a dataset of other origin cites neither."""
    about = checkpoint.load(run).about
    own = msgspec.structs.replace(about, config=msgspec.structs.replace(about.config, data=config.DataConfig("somewhere/lab.npz")))
    dataset = dataclasses.replace(synthetic.make().select(np.arange(2)), subsets=np.array(bits, np.uint8))
    made = export.describe_source(own, dataset)
    assert [line.split()[0] for line in made.cite] == cites
    assert terms in made.licence
    assert "lab.npz" in made.trained_on
    assert "somewhere" not in made.trained_on


def test_a_card_names_the_packs_that_were_learned(run: Path) -> None:
    """With the licence and the attribution of each of their sources."""
    about = checkpoint.load(run).about
    data = config.DataConfig("lab.npz", packs=("everyday",))
    made = export.describe_source(msgspec.structs.replace(about, config=msgspec.structs.replace(about.config, data=data)), synthetic.make())
    assert "(lab.npz, all, pack everyday)" in made.trained_on
    assert any("Wasatch Photonics" in line for line in made.cite)
    assert any("RaMPP" in line for line in made.cite)
    assert "made from the pack everyday: Raman library of 80 compounds, 785 nm (MIT)" in made.licence
    assert "(CC BY 4.0)" in made.licence


def test_export_alone_takes_the_newest_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``raman-train export --onnx`` exports the newest finished run below runs/, measured on its own test spectra."""
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--onnx"]) != 0
    assert "no finished run below" in capsys.readouterr().err
    for name, when in (("old", 1_000_000_000), ("nested/new", 2_000_000_000)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        shutil.copy(run / checkpoint.CHECKPOINT, folder)
        os.utime(folder / checkpoint.CHECKPOINT, (when, when))
    assert main(["export", "--onnx"]) == 0
    assert f"exporting {Path('runs/nested/new')} to {Path('runs/nested/new/model.onnx')}" in capsys.readouterr().err
    made = Model.open(Path("runs/nested/new/model.onnx")).card
    assert made.provenance.measured["sample_top1_int8"] >= 0.9
    assert not (tmp_path / "runs" / "old" / "model.onnx").exists()


def test_a_network_that_the_edge_would_refuse_is_not_converted(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is too large for the edge is refused before the conversion, with the options that make it smaller."""
    weights = sum(weight.numel() for weight in checkpoint.load(run).network.parameters())
    monkeypatch.setattr(export, "MAX_MODEL_BYTES", 2 * weights)
    with pytest.raises(ConfigError, match=r"--precision int8.*--compress rank=128"):
        export.run(run, tmp_path / "large.onnx", "fp32", None, [])
    assert not (tmp_path / "large.onnx").exists()


def test_any_batch_gives_the_same_answers(exported: Path) -> None:
    """The batch size is free, and the outputs for a spectrum do not depend on the others."""
    model = Model.open(exported)
    features = synthetic.make(4, 2, 1).features(model.card.recipe)
    together = model.run(features)
    for index, row in enumerate(features):
        alone = model.run(row[None])
        np.testing.assert_allclose(alone.logits[0], together.logits[index], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(together.embedding, axis=1), 1.0, atol=1e-5)


def test_parity_is_refused_beyond_its_tolerance(run: Path) -> None:
    """A graph with other weights than the network is refused."""
    made = checkpoint.load(run)
    proto = variant.convert(made.network, made.about.length)
    features = synthetic.make(3, 1, 1).features(made.about.config.recipe)
    assert graph.check(made.network, proto, features).agreement == 1.0
    with torch.no_grad():
        made.network.project.weight.mul_(1.05).add_(0.01)
    with pytest.raises(ModelError, match="Nothing was written"):
        graph.check(made.network, proto, features)


def test_int8_is_smaller_and_nearly_the_same(run: Path) -> None:
    """Convolutions and dense layers become int8; the exact initializers stay unchanged."""
    made = checkpoint.load(run)
    features = synthetic.make().features(made.about.config.recipe)
    proto = variant.convert(made.network, made.about.length)
    smaller = precision.to_int8(proto, features, variant.EXACT)
    kinds = {initializer.name: initializer.data_type for initializer in smaller.graph.initializer}
    assert kinds["directions"] == onnx.TensorProto.FLOAT
    assert kinds["project.weight_quantized"] == onnx.TensorProto.INT8
    assert sum(node.op_type == "QuantizeLinear" for node in smaller.graph.node) >= 8
    found = graph.compare(graph.run(proto, features), graph.run(smaller, features))
    assert found.agreement >= 0.97
    assert 0.98 < found.embedding < 1.0


def test_metadata_survives_quantisation_and_optimisation(run: Path, tmp_path: Path) -> None:
    """The card stays in the file when onnxruntime's tools rewrite it."""
    out = tmp_path / "m.onnx"
    export.run(run, out, "fp32", None, [])
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(str(out), options, providers=["CPUExecutionProvider"])
    assert card.KEY in {p.key for p in onnx.load(tmp_path / "optimised.onnx").metadata_props}


def test_twin_references_are_kept_once() -> None:
    """Of duplicate references of one label, one is kept; other labels keep theirs."""
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 0]]
    labels = np.array(["a", "a", "a", "b"])
    assert library.distinct(labels, rows).tolist() == [0, 2, 3]


def test_export_prints_its_report(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train export --onnx` prints sizes, parity and test figures as JSON."""
    assert main(["export", "--onnx", str(run), str(tmp_path / "m.onnx"), "--measured", str(run)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model_bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert report["fidelity"]["embedding"] > 0.99999
    assert report["measured"]["sample_top1_int8"] >= 0.9


@pytest.mark.parametrize(("protocol", "message"), [("none", "has no test spectra"), ("few-shot", "has only new species in its test part")])
def test_figures_need_known_species_kept_apart(tmp_path: Path, protocol: str, message: str) -> None:
    """A run without test spectra, or with new species only, cannot be measured."""
    chosen = config.read(SMOKE, [f"data.protocol={protocol}", "training.epochs=1"])
    runs.fit(chosen, tmp_path, torch.device("cpu"), lambda _: None)
    with pytest.raises(ConfigError, match=message):
        export.run(tmp_path, tmp_path / "m.onnx", "fp32", None, [tmp_path])


def test_the_card_has_the_figure_of_a_library_search(exported: Path) -> None:
    """The card has the figure of the √-derivative search on the same test spectra as a baseline."""
    material = runs.prepare(config.read(SMOKE))
    rows = savgol_filter(np.sqrt(material.features), 11, 2, deriv=1, axis=1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    library, queries = material.split.library, material.split.test
    named = material.classes[library][(rows[queries] @ rows[library].T).argmax(axis=1)]
    recorded = Model.open(exported).card.provenance.measured
    assert recorded["sample_top1_root_derivative_search"] == pytest.approx((named == material.classes[queries]).mean(), abs=1e-4)
