"""The table of variants, and the export of a network whose logits are not cosines."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import untrained_run
from raman_edge.errors import ConfigError
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library, path_beside
from raman_edge.model.model import Model
from raman_export import compress, export, held_out, variant, variant_table
from raman_train import confidence, config, runs
from raman_train.cli import main
from raman_train.data import synthetic

pytestmark = pytest.mark.slow

SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run."""
    folder = tmp_path_factory.mktemp("smoke")
    runs.fit(config.read(SMOKE), folder, torch.device("cpu"), lambda _: None)
    return folder


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small DRCNN, whose logits are not cosines."""
    folder = tmp_path_factory.mktemp("drcnn")
    chosen = config.read(SMOKE, [
        "model={name='drcnn', recursions=2}", "training.epochs=8", "training.rate=1e-3", "training.optimiser=adam",
        "recipe.steps=[{type='resample@1', start=100, stop=1500, step=25}, {type='minmax@1'}]",
    ])  # fmt: skip
    runs.fit(chosen, folder, torch.device("cpu"), lambda _: None)
    return folder


def test_variants_come_one_step_after_the_other() -> None:
    """The table has the precisions of the plain network, then fp32 and int8 with each additional step."""
    steps = compress.read(["rank=8", "levels=1"])
    assert [str(one) for one in variant_table.variants(steps)] == [
        "fp32", "fp16", "int8", "fp32 rank=8", "int8 rank=8", "fp32 rank=8 levels=1", "int8 rank=8 levels=1",
    ]  # fmt: skip


def test_the_table_measures_every_variant_on_what_was_kept_apart(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train export --onnx RUN --table FILE.json --compress …` prints a line per variant and writes the table as JSON."""
    file = tmp_path / "table.json"
    assert main(["export", "--onnx", str(run), "--table", str(file), "--compress", "rank=8", "--compress", "levels=1"]) == 0
    recorded = json.loads(file.read_text())
    lines = capsys.readouterr().out.splitlines()
    assert [row["variant"] for row in recorded["rows"]] == [line[:20].rstrip() for line in lines[2:9]]
    assert "dropped levels had" in lines[9]
    plain = recorded["rows"][0]
    assert plain["test"]["agreement"] == 1.0
    assert plain["test"]["top1"] >= 0.9
    for row in recorded["rows"]:
        took = row["latency"]["1"]
        assert took["p99"] >= took["p50"] >= took["least"] > 0
        assert row["latency"]["2"]["p50"] > 0
        assert row["test"]["library_bytes"] > 1000
        assert row["test"]["top3"] >= row["test"]["top1"]
    assert recorded["test"] == runs.prepare(config.read(SMOKE)).split.test.size
    assert recorded["rows"][-1]["levels_dropped"] > 0


def test_latency_is_measured_in_turn_and_one_a_model(run: Path) -> None:
    """Each model has its own latency."""
    kept = held_out.HeldOutRun.open(run)
    proto = kept.graph(variant.PLAIN).SerializeToString()
    took = variant_table.latency([proto, proto], kept.prepared.features[:1], threads=1, calls=5)
    assert len(took) == 2


def test_compressed_exports_open_at_the_edge(run: Path, tmp_path: Path) -> None:
    """Card, probe and library fit the smaller network, and report and card list its steps."""
    out = tmp_path / "m.onnx"
    report = json.loads(export.run(run, out, "int8", None, [run], ["rank=8", "levels=1"]))
    recorded = Model.open(out).card.provenance
    assert report["compress"] == ["rank=8", "levels=1"]
    assert report["smaller"]["embedding"] < 1.0
    assert recorded.measured_how.endswith("rank=8, levels=1")
    assert recorded.measured["sample_top1_int8"] >= 0.8


def test_a_paper_network_ranks_by_head_and_search_at_the_edge(paper: Path, tmp_path: Path) -> None:
    """DRCNN's logits are not cosines: they are scaled, and the weight of class head and library search is fitted."""
    out = tmp_path / "m.onnx"
    export.run(paper, out, "int8", None, [paper])
    model = Model.open(out)
    decision = model.card.decision
    assert decision.logit_scale == confidence.LOGIT_SPAN
    assert decision.head_weight in {*confidence.HEAD_WEIGHTS, confidence.HEAD_ALONE}
    opened = Library.open(path_beside(out), network=model.card.network)
    made = synthetic.make()
    features = made.features(model.card.recipe)
    outputs = model.run(features)
    place = np.array([model.card.labels.index(label) for label in opened.labels])
    for query in range(0, len(made), 16):
        reading = identify(made.spectrum(query), model, opened)
        head = outputs.logits[query][place] / decision.logit_scale
        scores = (1 - decision.head_weight) * opened.search(outputs.embedding[query]) + decision.head_weight * head
        assert reading.verdict.ranked[0].label == opened.labels[int(scores.argmax())]
    assert "sample_ece" in model.card.provenance.measured


def test_a_paper_network_is_measured_by_its_own_run(paper: Path, tmp_path: Path) -> None:
    """A run with test spectra needs no --measured."""
    out = tmp_path / "m.onnx"
    export.run(paper, out, "fp32", None, [], ["levels=1"])
    recorded = Model.open(out).card
    assert "split seed 0" in recorded.provenance.measured_how
    assert recorded.provenance.measured["sample_top1_fp32"] > 0


def test_an_unmeasured_paper_network_has_guesses(tmp_path: Path) -> None:
    """The card of a run without test spectra has no figures."""
    made = untrained_run.write("drcnn", tmp_path / "run", points=64, classes=3)
    export.run(made, tmp_path / "m.onnx", "fp32", None, [])
    recorded = Model.open(tmp_path / "m.onnx").card
    assert recorded.decision.head_weight == 1.0
    assert "not measured" in recorded.provenance.measured_how


def test_an_untrained_network_shows_size_and_speed_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table of a run without test spectra has no accuracy."""
    made = untrained_run.write("liu", tmp_path / "run", points=64, classes=3)
    assert main(["export", "--onnx", str(made), "--table"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "no test spectra" in lines[0]
    assert lines[-1].split()[-4:] == ["-"] * 4


@pytest.mark.parametrize(("options", "message"), [
    (["out.onnx", "--compress", "rank=99999"], "expected rank=1 to"),
    (["out.onnx", "--with-base"], "--with-base needs --library FOLDER"),
    (["out.onnx", "--compress", "depth=3"], "rank=R, levels=K or embedding=E"),
])  # fmt: skip
def test_a_mistake_in_the_options_is_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    """A mistake gives one line with the expected value, without traceback, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--onnx", str(run), *options]) != 0
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "out.onnx").exists()


def test_few_shot_runs_have_no_table(tmp_path: Path) -> None:
    """A run with new species only is refused with the reason."""
    chosen = config.read(SMOKE, ["data.protocol=few-shot", "training.epochs=1"])
    runs.fit(chosen, tmp_path, torch.device("cpu"), lambda _: None)
    with pytest.raises(ConfigError, match="has only new species in its test part"):
        export.compare(tmp_path, [], None)
