"""Whole sweeps on synthetic spectra: recorded once, resumable, in time, not ended by one cell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from filelock import FileLock
from raman_train import checkpoint
from raman_train.benchmark import grid, results, sweep, work
from raman_train.benchmark.budget import Budget
from raman_train.benchmark.pace import Pace
from raman_train.cli import main
from raman_train.cli.told import Told
from raman_train.loop import Epoch
from sweeping import Clock, Remembering, jobs, write_configs


@pytest.fixture(autouse=True)
def _small_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The packaged configurations are for real spectra; these are for seconds."""
    folder = tmp_path / "configs"
    folder.mkdir()
    monkeypatch.setattr(grid, "CONFIGS", write_configs(folder))
    monkeypatch.chdir(tmp_path)


def run(todo: list[work.Job], audience: Remembering, budget: Budget | None = None, pace: Pace | None = None) -> sweep.Summary:
    """Sweep in this process; results go to ``results.jsonl``."""
    file, budget = Path("results.jsonl"), budget or Budget()
    return sweep.run(todo, sweep.here(todo, file, budget, pace or Pace(), audience), file, budget, audience)


def names(todo: list[work.Job]) -> list[str]:
    """Return the names of jobs' cells."""
    return [str(job.cell) for job in todo]


def test_a_sweep_records_every_cell_once() -> None:
    """A line a cell, in order; the same sweep again has nothing to do."""
    todo = jobs(Path("runs"), "cosine,root-derivative,drcnn-edge", "0-1")
    first = Remembering()
    summary = run(todo, first)
    lines = results.read(Path("results.jsonl")).results
    assert [(one.system, one.split_seed) for one in lines] == [(job.cell.system, job.cell.seed) for job in todo]
    assert [one.config_sha256 for one in lines] == [job.config.sha256 for job in todo]
    assert summary.finished == [job.cell for job in todo]
    assert first.begun == names(todo)
    assert sweep.todo(todo, Path("results.jsonl")) == []


def test_only_what_was_trained_is_kept() -> None:
    """A network's checkpoint stays; a search's, which is the references once more, does not."""
    todo = jobs(Path("runs"), "cosine,drcnn-edge")
    run(todo, Remembering())
    assert [(Path(job.folder) / checkpoint.CHECKPOINT).exists() for job in todo] == [False, True]


def test_systems_are_asked_the_same_questions() -> None:
    """One seed is one split for every system, another seed another; settings are one for every seed."""
    run(jobs(Path("runs"), "cosine,root-derivative", "0-1"), Remembering())
    cosine0, root0, cosine1, _ = results.read(Path("results.jsonl")).results
    assert cosine0.split_sha256 == root0.split_sha256 != cosine1.split_sha256
    assert cosine0.settings_sha256 == cosine1.settings_sha256 != root0.settings_sha256


def test_the_budget_ends_a_training_and_the_same_sweep_goes_on() -> None:
    """Epochs of 1000 s, of which 1500 s hold one; again, it trains the rest only, to the very same weights."""
    whole, torn = jobs(Path("whole")), jobs(Path("torn"))
    run(whole, Remembering())
    Path("results.jsonl").unlink()
    clock = Clock()
    slow = Remembering(lambda: setattr(clock, "now", clock.now + 1000.0))
    summary = run(torn, slow, Budget(1500.0, clock))
    assert (slow.epochs, summary.left, summary.finished) == ([0], [torn[0].cell], [])
    assert isinstance(slow.outcomes[0], work.Stopped)
    assert (Path(torn[0].folder) / checkpoint.STATE).exists()
    again = Remembering()
    assert run(torn, again).finished == [torn[0].cell]
    assert again.epochs == [1, 2]
    assert checkpoint.load(Path(torn[0].folder)).sha256 == checkpoint.load(Path(whole[0].folder)).sha256


def test_no_cell_is_begun_that_would_not_get_anywhere() -> None:
    """What is known to take longer than what is left stays for the next time, and so does all behind it."""
    todo = jobs(Path("runs"), "cosine,root-derivative", "0")
    clock, pace, audience = Clock(), Pace(), Remembering()
    run(todo, Remembering())
    (measured, _) = results.read(Path("results.jsonl")).results
    pace.saw(todo[0].cell, measured, 3000.0)
    Path("results.jsonl").unlink()
    summary = run(todo, audience, Budget(2900.0, clock), pace)
    assert (audience.begun, summary.left) == ([], [job.cell for job in todo])
    assert run(todo, audience, Budget(3100.0, clock), pace).left == []


def test_one_cell_that_fails_does_not_end_the_sweep() -> None:
    """A wrong dataset and a lack of memory are told, kept in the run folder, and tried again next time."""
    todo = jobs(Path("runs"), "cosine,root-derivative", "0")
    good = todo[0].config
    missing = work.job(todo[0].cell, grid.configuration(todo[0].cell, grid.Files(), ["data.path=nowhere.npz"]), Path("runs"), "cpu")
    audience = Remembering()
    summary = run([missing, todo[1]], audience)
    assert [failed.cell for failed in summary.failed] == [missing.cell]
    assert "ConfigError: dataset 'nowhere.npz' cannot be read" in summary.failed[0].why
    assert summary.finished == [todo[1].cell]
    assert "Traceback" in (Path(missing.folder) / work.FAILURE).read_text()
    assert good.sha256 != missing.config.sha256
    assert sweep.todo([missing, todo[1]], Path("results.jsonl")) == [missing]


def test_memory_that_runs_out_is_a_failure_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's own error is caught too, and a second try that succeeds takes its trace away."""
    (job,) = jobs(Path("runs"), "cosine")
    fit = work.runs.fit

    def full(*_: object) -> Path:
        msg = "CUDA out of memory.\nTried to allocate 2 GiB"
        raise torch.OutOfMemoryError(msg)

    monkeypatch.setattr(work.runs, "fit", full)
    assert run([job], Remembering()).failed[0].why == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    monkeypatch.setattr(work.runs, "fit", fit)
    assert run([job], Remembering()).finished == [job.cell]
    assert not (Path(job.folder) / work.FAILURE).exists()


def test_an_interrupt_ends_the_sweep_and_the_same_sweep_goes_on() -> None:
    """Ctrl-C in the second cell leaves the first one recorded and the second one resumable."""
    todo = jobs(Path("runs"), "cosine,drcnn-edge")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(todo, Remembering(interrupt))
    assert names(sweep.todo(todo, Path("results.jsonl"))) == names(todo[1:])
    again = Remembering()
    run(sweep.todo(todo, Path("results.jsonl")), again)
    assert again.epochs == [1, 2]
    assert sweep.todo(todo, Path("results.jsonl")) == []


def test_a_cell_that_another_process_is_at_is_left_to_it() -> None:
    """Neither is it run twice, nor does it hold up the others; nor is one that was done in the meantime."""
    todo = jobs(Path("runs"), "cosine,root-derivative", "0-1")
    done = Remembering()
    run(todo[3:], done)
    Path(todo[0].folder).mkdir(parents=True)
    audience = Remembering()
    with FileLock(Path(todo[0].folder) / "lock"):
        summary = run(todo, audience)
    assert summary.busy == [todo[0].cell, todo[3].cell]
    assert summary.finished == [todo[1].cell, todo[2].cell]
    assert names(todo[3:])[0] not in audience.begun


def test_a_run_that_is_trained_is_only_measured() -> None:
    """Killed between the training and its line, a cell is not trained again."""
    todo = jobs(Path("runs"))
    run(todo, Remembering())
    (first,) = results.read(Path("results.jsonl")).results
    Path("results.jsonl").write_bytes(b"")
    again = Remembering()
    run(todo, again)
    assert again.epochs == []
    assert results.read(Path("results.jsonl")).results == (first,)


def test_a_job_and_its_outcome_fit_through_a_wire() -> None:
    """What a cluster is sent and sends back is the same after JSON."""
    (job,) = jobs(Path("runs"), "cosine")
    assert msgspec.json.decode(msgspec.json.encode(job), type=work.Job) == job
    outcomes = [work.work(job, Budget(), lambda _: None), work.Failed(job.cell, "why"), work.Stopped(job.cell), work.Busy(job.cell)]
    assert isinstance(outcomes[0], work.Finished)
    assert [msgspec.json.decode(msgspec.json.encode(one), type=work.Outcome) for one in outcomes] == outcomes


def command(*more: str) -> list[str]:
    """Return a command that sweeps two searches over one seed."""
    return ["benchmark", "--systems", "cosine,root-derivative", "--datasets", "everything", "--protocols", "sample", "--seeds", "0",
            "--data", "synthetic", "--results", "out.jsonl", "--runs", "runs", "--device", "cpu", *more]  # fmt: skip


def test_the_command_says_what_it_would_do_does_it_and_renders_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Dry run, run, run again, tables, tables in a document."""
    assert main(command("--dry-run")) == 0
    assert "2 of 2 cells to run" in capsys.readouterr().out
    assert not Path("runs").exists()
    assert main(command()) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "2 cells, 0 done before; 2 left, 2 of unknown length" in said.err
    assert "[2/2] root-derivative-everything-sample-0" in said.err
    assert "2 run, 0 failed" in said.err
    assert main(command()) == 0
    assert "2 cells, 2 done before" in capsys.readouterr().err
    assert main(command("--table")) == 0
    table = capsys.readouterr().out
    top1 = json.loads(Path("out.jsonl").read_text().splitlines()[0])["figures"][0]["top1"]
    assert f"{top1:.4f}" in next(text for text in table.splitlines() if text.startswith("| cosine | ") and "not run" not in text)
    Path("doc.md").write_text("<!-- table: sample -->\n<!-- end -->\n")
    assert main(command("--write", "doc.md")) == 0
    assert "**everything**" in Path("doc.md").read_text()


def test_the_command_says_what_is_left_and_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Out of time is no failure; a cell that failed is, with exit code 1 and its reason in the summary."""
    assert main(command("--budget", "0s")) == 0
    said = capsys.readouterr().err
    assert "next is cosine-everything-sample-0. The same command again goes on" in said
    assert main(command("--set", "data.path=nowhere.npz")) == 1
    said = capsys.readouterr().err
    assert "2 failed" in said
    assert "failed  cosine-everything-sample-0: ConfigError: dataset 'nowhere.npz'" in said


def test_a_budget_in_which_no_epoch_ends_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """The same command again would come no further; after an epoch it would."""
    (job,) = jobs(Path("runs"))
    told = Told([job], Pace())
    told.begins(job)
    told.ended(work.Stopped(job.cell))
    assert "give it a longer --budget" in capsys.readouterr().err
    told.begins(job)
    told.epoch(job, Epoch(0, 1.0, 2.0))
    told.ended(work.Stopped(job.cell))
    said = capsys.readouterr().err
    assert "the time is up" in said
    assert "longer" not in said


def test_the_command_tells_of_a_torn_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It is left out and said, and the sweep goes on."""
    assert main(command()) == 0
    held = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(held[:-50])
    capsys.readouterr()
    assert main(command()) == 0
    said = capsys.readouterr().err
    assert "torn" in said
    assert "2 cells, 1 done before" in said
    assert len(results.read(Path("out.jsonl")).results) == 2


def test_ray_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The extra is named, and nothing was run."""
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(command("--ray", "127.0.0.1:1")) == 78
    assert "pip install 'raman-edge[cluster]'" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()
