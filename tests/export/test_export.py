"""Export: the graph computes what the network computes, and the edge opens what comes out."""

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
from raman_export import export, library, parity, provenance, quantise, variant
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
    """The smoke run as a model file with its library beside it."""
    out = run / f"{request.param}.onnx"
    export.run(run, out, request.param, None, [run])
    return out


def test_the_edge_opens_it_and_names_what_it_learned(exported: Path) -> None:
    """Through the edge's own door: card, probe, library, and the right name for a new exposure."""
    model = Model.open(exported)
    opened = Library.open(path_beside(exported), network=model.card.network)
    made = synthetic.make()
    asked = range(0, len(made), 8)
    named = [identify(made.spectrum(i), model, opened).verdict.ranked[0].label for i in asked]
    assert np.mean([name == made.labels[i] for name, i in zip(named, asked, strict=True)]) >= 0.9


def test_the_card_tells_what_was_measured_and_how(exported: Path) -> None:
    """Held-out figures of the very precision, the revision, whom to cite; no path of this machine."""
    told = Model.open(exported).card
    assert told.precision == exported.stem
    assert told.provenance.measured[f"sample_top1_{exported.stem}"] >= 0.9
    assert "split seed 0" in told.provenance.measured_how
    assert told.provenance.cite == (provenance.METHODS[config.DrcnnEdgeConfig],)  # computed spectra: nobody else's data
    assert told.provenance.licence == "made from computed spectra. The weights: MIT"
    assert told.recipe == config.read(SMOKE).recipe
    assert str(Path(__file__).parents[2]) not in exported.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("bits", "cites", "terms"),
    [
        ([1, 2], ["Lafuente", "Sang", "Zhou"], "made from RRUFF spectra"),
        ([4, 4], ["Lafuente", "Zhou"], "made from RRUFF spectra"),
        ([0, 0], ["Zhou"], "made from 2 spectra of lab.npz whose terms the file does not name"),
        ([4, 0], ["Lafuente", "Zhou"], "made from 1 spectra of lab.npz whose terms the file does not name"),
    ],
)
def test_a_card_cites_the_data_that_were_used(run: Path, bits: list[int], cites: list[str], terms: str) -> None:
    """RRUFF and Sang's arrays where their spectra are in it, nobody where the file is somebody's own."""
    about = checkpoint.load(run).about
    own = msgspec.structs.replace(about, config=msgspec.structs.replace(about.config, data=config.DataConfig("somewhere/lab.npz")))
    dataset = dataclasses.replace(synthetic.make().select(np.arange(2)), subsets=np.array(bits, np.uint8))
    made = provenance.describe(own, dataset)
    assert [line.split()[0] for line in made.cite] == cites
    assert terms in made.licence
    assert "lab.npz" in made.trained_on
    assert "somewhere" not in made.trained_on


def test_export_alone_takes_the_newest_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``raman-train export --onnx``, word for word: the newest finished run beneath runs/, measured on what it kept apart."""
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--onnx"]) != 0
    assert "no finished run beneath" in capsys.readouterr().err
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
    """What export writes the edge opens; the size is told before any work, with the options that make it smaller."""
    weights = sum(weight.numel() for weight in checkpoint.load(run).network.parameters())
    monkeypatch.setattr(export, "MAX_MODEL_BYTES", 2 * weights)
    with pytest.raises(ConfigError, match=r"--precision int8.*--compress rank=128"):
        export.run(run, tmp_path / "large.onnx", "fp32", None, [])
    assert not (tmp_path / "large.onnx").exists()


def test_any_batch_gives_the_same_answers(exported: Path) -> None:
    """The batch axis is free, and a spectrum's answer does not depend on its neighbours."""
    model = Model.open(exported)
    features = synthetic.make(4, 2, 1).features(model.card.recipe)
    together = model.run(features)
    for index, row in enumerate(features):
        alone = model.run(row[None])
        np.testing.assert_allclose(alone.logits[0], together.logits[index], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(together.embedding, axis=1), 1.0, atol=1e-5)


def test_parity_is_refused_beyond_its_tolerance(run: Path) -> None:
    """A graph with other weights than the network is not written."""
    made = checkpoint.load(run)
    proto = variant.convert(made.network, made.about.length)
    features = synthetic.make(3, 1, 1).features(made.about.config.recipe)
    assert parity.check(made.network, proto, features).agreement == 1.0
    with torch.no_grad():
        made.network.project.weight.mul_(1.05).add_(0.01)
    with pytest.raises(ModelError, match="Nothing was written"):
        parity.check(made.network, proto, features)


def test_int8_is_smaller_and_nearly_the_same(run: Path) -> None:
    """Convolutions and dense layers become int8; what is named exact stays as it was."""
    made = checkpoint.load(run)
    features = synthetic.make().features(made.about.config.recipe)
    proto = variant.convert(made.network, made.about.length)
    smaller = quantise.quantise(proto, features, variant.EXACT)
    kinds = {initializer.name: initializer.data_type for initializer in smaller.graph.initializer}
    assert kinds["directions"] == onnx.TensorProto.FLOAT
    assert kinds["project.weight_quantized"] == onnx.TensorProto.INT8
    assert sum(node.op_type == "QuantizeLinear" for node in smaller.graph.node) >= 8
    found = parity.compare(parity.run(proto, features), parity.run(smaller, features))
    assert found.agreement >= 0.97
    assert 0.98 < found.embedding < 1.0


def test_metadata_survives_quantisation_and_optimisation(run: Path, tmp_path: Path) -> None:
    """The card stays in the file when onnxruntime's own tools rewrite it."""
    out = tmp_path / "m.onnx"
    export.run(run, out, "fp32", None, [])
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(str(out), options, providers=["CPUExecutionProvider"])
    assert card.KEY in {p.key for p in onnx.load(tmp_path / "optimised.onnx").metadata_props}


def test_twin_references_are_kept_once() -> None:
    """Of references of one label that say the same, one stays; the other labels keep theirs."""
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 0]]
    labels = np.array(["a", "a", "a", "b"])
    assert library.distinct(labels, rows).tolist() == [0, 2, 3]


def test_export_prints_its_report(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train export --onnx` says sizes, parity and held-out figures as JSON."""
    assert main(["export", "--onnx", str(run), str(tmp_path / "m.onnx"), "--measured", str(run)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model_bytes"] == (tmp_path / "m.onnx").stat().st_size
    assert report["fidelity"]["embedding"] > 0.99999
    assert report["measured"]["sample_top1_int8"] >= 0.9


@pytest.mark.parametrize(("protocol", "says"), [("none", "kept nothing apart"), ("few-shot", "kept new species apart")])
def test_figures_need_known_species_kept_apart(tmp_path: Path, protocol: str, says: str) -> None:
    """A refit on everything cannot be its own measurement, and species it was never taught say nothing of its head."""
    chosen = config.read(SMOKE, [f"data.protocol={protocol}", "training.epochs=1"])
    runs.fit(chosen, tmp_path, torch.device("cpu"), lambda _: None)
    with pytest.raises(ConfigError, match=says):
        export.run(tmp_path, tmp_path / "m.onnx", "fp32", None, [tmp_path])


def test_the_card_says_what_a_library_search_gets_right(exported: Path) -> None:
    """The √-derivative search of the same references, asked the same questions, stands beside the network's figures."""
    material = runs.prepare(config.read(SMOKE))
    rows = savgol_filter(np.sqrt(material.features), 11, 2, deriv=1, axis=1)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    library, asked = material.split.library, material.split.test
    named = material.classes[library][(rows[asked] @ rows[library].T).argmax(axis=1)]
    told = Model.open(exported).card.provenance.measured
    assert told["sample_top1_root_derivative_search"] == pytest.approx((named == material.classes[asked]).mean(), abs=1e-4)
