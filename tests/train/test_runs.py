"""A run, from configuration to checkpoint: reproducible, resumable, measured."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_train import checkpoint, config, loop, runs
from raman_train.cli import main

pytestmark = pytest.mark.slow

SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"
CPU = torch.device("cpu")


def smoke(*replaced: str) -> config.Config:
    """Return the smoke configuration with three epochs and with keys replaced."""
    return config.read(SMOKE, ["training.epochs=3", *replaced])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished smoke run."""
    folder = tmp_path_factory.mktemp("smoke")
    runs.fit(config.read(SMOKE), folder, CPU, lambda _: None)
    return folder


def test_a_run_leaves_what_it_promises(run: Path) -> None:
    """Checkpoint, configuration, split, history and curve exist; the state is removed."""
    assert {p.name for p in run.iterdir()} == {"checkpoint.safetensors", "config.json", "split.npz", "history.jsonl", "curve.png"}
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(6))
    assert lines[-1]["loss"] < lines[0]["loss"] / 2
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")
    with np.load(run / "split.npz") as split:
        assert not set(split["test"].tolist()) & set(split["train"].tolist())


def test_it_learns(run: Path) -> None:
    """On specimens outside the training set the smoke network recognises nine of ten."""
    made = checkpoint.load(run)
    result, _ = runs.measure(made, runs.prepare(made.about.config))
    assert result.main.ranking == "library"
    assert result.main.top1 >= 0.9
    assert result.main.top1 <= result.main.top3 <= result.main.top5
    assert result.main.recall == pytest.approx(result.main.top1)
    assert result.test + result.train + result.validation == 96


def test_killed_and_resumed_is_as_if_it_never_stopped(tmp_path: Path) -> None:
    """A run killed after any epoch ends with the weights of a run without a kill."""

    class Killed(Exception):
        pass

    def kill(done: loop.Epoch) -> None:
        if done.epoch == 1:
            raise Killed

    whole, torn = tmp_path / "whole", tmp_path / "torn"
    runs.fit(smoke(), whole, CPU, lambda _: None)
    with pytest.raises(Killed):
        runs.fit(smoke(), torn, CPU, kill)
    assert (torn / checkpoint.STATE).exists()
    recorded: list[int] = []
    runs.fit(smoke(), torn, CPU, lambda done: recorded.append(done.epoch))
    assert recorded == [2]
    assert checkpoint.load(torn).sha256 == checkpoint.load(whole).sha256


def test_early_stopping_keeps_the_best(tmp_path: Path) -> None:
    """With patience, training ends when validation no longer improves, and the best weights are kept."""
    chosen = smoke("training.patience=2", "training.epochs=60", "training.optimiser=adam", "training.rate=0.005", "training.average=0")
    seen: list[loop.Epoch] = []
    runs.fit(chosen, tmp_path, CPU, seen.append)
    accuracy = [done.validation for done in seen]
    assert None not in accuracy
    best = int(np.argmax(accuracy))
    assert len(seen) < 60
    assert len(seen) - 1 - best == 2
    made = checkpoint.load(tmp_path)
    material = runs.prepare(chosen)
    held = material.split.validation
    logits, _ = loop.outputs(made.network, torch.from_numpy(material.features[held]))
    assert (logits.argmax(1) == material.classes[held]).mean() == pytest.approx(accuracy[best], abs=1e-4)


def test_drcnn_trains_too(tmp_path: Path) -> None:
    """The paper's network goes through the same loop, on short spectra."""
    chosen = smoke(
        "model={name='drcnn', recursions=2}", "training.epochs=1", "training.optimiser=adam",
        "recipe.steps=[{type='resample@1', start=100, stop=1500, step=40}, {type='minmax@1'}]",
    )  # fmt: skip
    runs.fit(chosen, tmp_path, CPU, lambda _: None)
    made = checkpoint.load(tmp_path)
    result, _ = runs.measure(made, runs.prepare(chosen))
    assert result.system == "drcnn"
    assert [row.ranking for row in result.figures] == ["head", "embedding"]
    assert result.main.ranking == "head"


@pytest.mark.parametrize(
    ("protocol", "rankings", "measured", "apart"),
    [
        ("laser", ["head", "embedding", "library"], "ece", "0 unknown, 0 enrolled"),
        ("open", ["head", "embedding", "library"], "open_auroc_fused", "16 unknown, 0 enrolled"),
        ("few-shot", ["embedding"], "all_top1_2_shot", "0 unknown, 4 enrolled"),
    ],
)
def test_every_protocol_is_measured(tmp_path: Path, protocol: str, rankings: list[str], measured: str, apart: str) -> None:
    """Each protocol trains, has its figures in the table, and is the same after JSON."""
    runs.fit(smoke(f"data.protocol={protocol}", "training.epochs=1"), tmp_path, CPU, lambda _: None)
    made = checkpoint.load(tmp_path)
    result, _ = runs.measure(made, runs.prepare(made.about.config))
    assert [row.ranking for row in result.figures] == rankings
    assert measured in result.measured
    assert f"{result.unknown} unknown, {result.enrolled} enrolled" == apart
    assert measured in runs.table(result)
    assert msgspec.json.decode(msgspec.json.encode(result), type=runs.RunResult) == result
    with np.load(tmp_path / "split.npz") as split:
        assert {side: split[side].size for side in ("train", "test", "enrolled", "unknown")} == {
            "train": result.train, "test": result.test, "enrolled": result.enrolled, "unknown": result.unknown,
        }  # fmt: skip


def test_the_same_questions_have_the_same_digest() -> None:
    """The digest is of the names in each part: seed, copies and the order of references change it, the network does not."""
    first = runs.prepare(smoke("data.protocol=spectrum"))
    digests = [
        runs.split_sha256(runs.prepare(smoke(*keys)))
        for keys in (
            ("data.protocol=spectrum", "training.seed=5", "model.width=4"),
            ("data.protocol=spectrum", "data.split_seed=1"),
            ("data.protocol=spectrum", "data.copies=before_split"),
            ("data.protocol=spectrum", "data.copies=after_split"),
        )
    ]
    assert digests[0] == runs.split_sha256(first)
    assert len(set(digests)) == 4
    few = runs.prepare(smoke("data.protocol=few-shot"))
    turned = dataclasses.replace(few, split=dataclasses.replace(few.split, enrolled=few.split.enrolled[::-1]))
    assert runs.split_sha256(turned) != runs.split_sha256(few)


def test_a_folder_of_another_run_is_refused(run: Path) -> None:
    """A run is never resumed with another configuration."""
    with pytest.raises(ConfigError, match="another configuration"):
        runs.fit(smoke("training.seed=9"), run, CPU, lambda _: None)


def test_a_run_without_its_data_leaves_the_folder_free(tmp_path: Path) -> None:
    """A missing dataset does not block the folder for the next configuration."""
    with pytest.raises(ConfigError, match="cannot be read"):
        runs.fit(smoke(f"data.path='{tmp_path / 'nothing.npz'}'"), tmp_path / "run", CPU, lambda _: None)
    assert not (tmp_path / "run").exists()
    assert runs.fit(smoke("training.epochs=1"), tmp_path / "run", CPU, lambda _: None).exists()


def test_fit_without_a_folder_makes_one_for_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command resumes in the same folder, other keys have another one."""
    monkeypatch.chdir(tmp_path)
    for seed in (1, 1, 2):
        assert main(["fit", "--config", str(SMOKE), "--set", "training.epochs=2", "--set", f"training.seed={seed}", "--device", "cpu"]) == 0
    made = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert [path.parts[0] for path in made] == ["runs"] * 3
    assert made[0] == made[1] != made[2]
    assert all(path.exists() for path in made)


def test_an_epoch_is_a_line_in_a_pipe(tmp_path: Path) -> None:
    """Device, arithmetic and allocator first, then one line per epoch, never wrapped."""
    command = [sys.executable, "-m", "raman_train.cli", "fit", "--config", str(SMOKE), "--set", "training.epochs=3", "--out", "run"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    first, *epochs = made.stderr.splitlines()
    assert first.startswith("drcnn-edge: ")
    assert "fp32" in first
    assert [line.split()[:2] for line in epochs] == [["epoch", "1/3"], ["epoch", "2/3"], ["epoch", "3/3"]]


def test_without_torch_the_package_is_named(tmp_path: Path) -> None:
    """The message has what to install, without a traceback; help needs no torch."""
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "raman_train.cli", "fit", "--model", "drcnn", "--out", "run"]
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert made.returncode == 78
    assert made.stderr == "raman-train: torch is not installed: install training with pip install 'raman-edge[cpu,train]'\n"
    shown = subprocess.run([*command[:3], "--help"], env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert "transfer" in shown.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.epochs=0", "training.epochs"),
        ("training.epoch=3", "epoch"),
        ("model.name=resnet", "model"),
        ("data.protocol=random", "data.protocol"),
        ("nonsense", "KEY=VALUE"),
    ],
)
def test_a_mistake_in_the_configuration_names_its_place(text: str, message: str) -> None:
    """A wrong key or value is refused with its path."""
    with pytest.raises(ConfigError, match=message):
        config.read(SMOKE, [text])


def test_every_shipped_configuration_reads() -> None:
    """The packaged configurations are valid."""
    for path in SMOKE.parent.glob("*.toml"):
        assert config.read(path).sha256


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    """A text and a safetensors file of another program are refused."""
    text = tmp_path / "checkpoint.safetensors"
    text.write_text("not a checkpoint")
    with pytest.raises(ConfigError, match="cannot be read"):
        checkpoint.load(text)
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(2)}, text)
    with pytest.raises(ConfigError, match="not a checkpoint of raman-train"):
        checkpoint.load(text)


def test_the_command_line_fits_evaluates_and_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train evaluate` trains, prints the table and appends one line of JSON."""
    record = tmp_path / "results.jsonl"
    code = main(["evaluate", "--config", str(SMOKE), "--out", str(tmp_path / "run"), "--set", "training.epochs=2", "--record", str(record)])
    assert code == 0
    assert "\nlibrary " in capsys.readouterr().out
    result = msgspec.json.decode(record.read_bytes(), type=runs.RunResult)
    assert result.protocol == "sample"
    assert result.epochs == 2


def test_the_command_line_reports_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing dataset is one line on stderr and exit code 78."""
    code = main(["fit", "--config", str(SMOKE), "--out", str(tmp_path / "run"), "--set", "data.path=nowhere.npz"])
    assert code == 78
    output = capsys.readouterr().err
    assert "nowhere.npz" in output
    assert "raman-train import" in output
