"""Sweeps on synthetic spectra: recorded once, resumable, in time, and not ended by one cell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from benchmark_fakes import Clock, RecordingObserver, jobs, write_configs
from filelock import FileLock
from raman_train import checkpoint
from raman_train.benchmark import grid, results, sweep
from raman_train.benchmark.budget import TimeBudget
from raman_train.cli import main
from raman_train.cli.progress import SweepProgress
from raman_train.loop import Epoch


@pytest.fixture(autouse=True)
def _small_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use small systems instead of the packaged configurations."""
    folder = tmp_path / "configs"
    folder.mkdir()
    monkeypatch.setattr(grid, "CONFIGS", write_configs(folder))
    monkeypatch.chdir(tmp_path)


def run(
    todo: list[sweep.Job], observer: RecordingObserver, budget: TimeBudget | None = None, durations: sweep.DurationEstimator | None = None
) -> sweep.SweepSummary:
    """Run a sweep in this process; results go to ``results.jsonl``."""
    file, budget = Path("results.jsonl"), budget or TimeBudget()
    return sweep.run(todo, sweep.here(todo, file, budget, durations or sweep.DurationEstimator(), observer), file, budget, observer)


def names(todo: list[sweep.Job]) -> list[str]:
    """Return the names of the jobs' cells."""
    return [str(job.cell) for job in todo]


def test_a_sweep_records_every_cell_once() -> None:
    """The file has a line per cell, in order; the same sweep again has nothing to do."""
    todo = jobs(Path("runs"), "cosine,root-derivative,drcnn-edge", "0-1")
    first = RecordingObserver()
    summary = run(todo, first)
    lines = results.read(Path("results.jsonl")).results
    assert [(one.system, one.split_seed) for one in lines] == [(job.cell.system, job.cell.seed) for job in todo]
    assert [one.config_sha256 for one in lines] == [job.config.sha256 for job in todo]
    assert summary.finished == [job.cell for job in todo]
    assert first.begun == names(todo)
    assert sweep.todo(todo, Path("results.jsonl")) == []


def test_only_what_was_trained_is_kept() -> None:
    """The checkpoint of a network is kept; that of a search, which has only references, is not."""
    todo = jobs(Path("runs"), "cosine,drcnn-edge")
    run(todo, RecordingObserver())
    assert [(Path(job.folder) / checkpoint.CHECKPOINT).exists() for job in todo] == [False, True]


def test_systems_have_the_same_splits() -> None:
    """A seed is the same split for every system; the settings are the same for every seed."""
    run(jobs(Path("runs"), "cosine,root-derivative", "0-1"), RecordingObserver())
    cosine0, root0, cosine1, _ = results.read(Path("results.jsonl")).results
    assert cosine0.split_sha256 == root0.split_sha256 != cosine1.split_sha256
    assert cosine0.settings_sha256 == cosine1.settings_sha256 != root0.settings_sha256


def test_the_budget_ends_a_training_and_the_same_sweep_resumes() -> None:
    """Of epochs of 1000 s, 1500 s allow one; the next call trains the rest, to the same weights."""
    whole, torn = jobs(Path("whole")), jobs(Path("torn"))
    run(whole, RecordingObserver())
    Path("results.jsonl").unlink()
    clock = Clock()
    slow = RecordingObserver(lambda: setattr(clock, "now", clock.now + 1000.0))
    summary = run(torn, slow, TimeBudget(1500.0, clock))
    assert (slow.epochs, summary.left, summary.finished) == ([0], [torn[0].cell], [])
    assert isinstance(slow.outcomes[0], sweep.CellStopped)
    assert (Path(torn[0].folder) / checkpoint.STATE).exists()
    again = RecordingObserver()
    assert run(torn, again).finished == [torn[0].cell]
    assert again.epochs == [1, 2]
    assert checkpoint.load(Path(torn[0].folder)).sha256 == checkpoint.load(Path(whole[0].folder)).sha256


def test_no_cell_is_begun_that_would_not_get_anywhere() -> None:
    """A cell that does not fit into the remaining time is left for the next call, with all cells after it."""
    todo = jobs(Path("runs"), "cosine,root-derivative", "0")
    clock, durations, observer = Clock(), sweep.DurationEstimator(), RecordingObserver()
    run(todo, RecordingObserver())
    (measured, _) = results.read(Path("results.jsonl")).results
    durations.add(sweep.CellFinished(todo[0].cell, measured, 3000.0))
    Path("results.jsonl").unlink()
    summary = run(todo, observer, TimeBudget(2900.0, clock), durations)
    assert (observer.begun, summary.left) == ([], [job.cell for job in todo])
    assert run(todo, observer, TimeBudget(3100.0, clock), durations).left == []


def test_one_cell_that_fails_does_not_end_the_sweep() -> None:
    """A missing dataset and a lack of memory are reported, recorded in the run folder, and tried again in the next sweep."""
    todo = jobs(Path("runs"), "cosine,root-derivative", "0")
    good = todo[0].config
    missing = sweep.job(todo[0].cell, grid.configuration(todo[0].cell, grid.DatasetFiles(), ["data.path=nowhere.npz"]), Path("runs"), "cpu")
    observer = RecordingObserver()
    summary = run([missing, todo[1]], observer)
    assert [failed.cell for failed in summary.failed] == [missing.cell]
    assert "ConfigError: dataset 'nowhere.npz' cannot be read" in summary.failed[0].why
    assert summary.finished == [todo[1].cell]
    assert "Traceback" in (Path(missing.folder) / sweep.FAILURE).read_text()
    assert good.sha256 != missing.config.sha256
    assert sweep.todo([missing, todo[1]], Path("results.jsonl")) == [missing]


def test_memory_that_runs_out_is_a_failure_of_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's error is reported too, and a successful second try removes the trace."""
    (job,) = jobs(Path("runs"), "cosine")
    fit = sweep.runs.fit

    def full(*_: object) -> Path:
        msg = "CUDA out of memory.\nTried to allocate 2 GiB"
        raise torch.OutOfMemoryError(msg)

    monkeypatch.setattr(sweep.runs, "fit", full)
    assert run([job], RecordingObserver()).failed[0].why == "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    monkeypatch.setattr(sweep.runs, "fit", fit)
    assert run([job], RecordingObserver()).finished == [job.cell]
    assert not (Path(job.folder) / sweep.FAILURE).exists()


def test_an_interrupt_ends_the_sweep_and_the_same_sweep_resumes() -> None:
    """After Ctrl-C in the second cell the first one is recorded and the second one is resumable."""
    todo = jobs(Path("runs"), "cosine,drcnn-edge")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(todo, RecordingObserver(interrupt))
    assert names(sweep.todo(todo, Path("results.jsonl"))) == names(todo[1:])
    again = RecordingObserver()
    run(sweep.todo(todo, Path("results.jsonl")), again)
    assert again.epochs == [1, 2]
    assert sweep.todo(todo, Path("results.jsonl")) == []


def test_a_cell_that_another_process_is_at_is_left_to_it() -> None:
    """A cell of another process is skipped, and so is one that was finished in the meantime."""
    todo = jobs(Path("runs"), "cosine,root-derivative", "0-1")
    done = RecordingObserver()
    run(todo[3:], done)
    Path(todo[0].folder).mkdir(parents=True)
    observer = RecordingObserver()
    with FileLock(Path(todo[0].folder) / "lock"):
        summary = run(todo, observer)
    assert summary.busy == [todo[0].cell, todo[3].cell]
    assert summary.finished == [todo[1].cell, todo[2].cell]
    assert names(todo[3:])[0] not in observer.begun


def test_a_run_that_is_trained_is_only_measured() -> None:
    """A cell killed between its training and its line is not trained again."""
    todo = jobs(Path("runs"))
    run(todo, RecordingObserver())
    (first,) = results.read(Path("results.jsonl")).results
    Path("results.jsonl").write_bytes(b"")
    again = RecordingObserver()
    run(todo, again)
    assert again.epochs == []
    assert results.read(Path("results.jsonl")).results == (first,)


def test_a_job_and_its_outcome_fit_through_a_wire() -> None:
    """Jobs and outcomes are the same after JSON."""
    (job,) = jobs(Path("runs"), "cosine")
    assert msgspec.json.decode(msgspec.json.encode(job), type=sweep.Job) == job
    outcomes = [
        sweep.work(job, TimeBudget(), lambda _: None),
        sweep.CellFailed(job.cell, "why"),
        sweep.CellStopped(job.cell),
        sweep.CellBusy(job.cell),
    ]
    assert isinstance(outcomes[0], sweep.CellFinished)
    assert [msgspec.json.decode(msgspec.json.encode(one), type=sweep.Outcome) for one in outcomes] == outcomes


def command(*more: str) -> list[str]:
    """Return a command that runs two searches over one seed."""
    return ["benchmark", "--systems", "cosine,root-derivative", "--datasets", "everything", "--protocols", "sample", "--seeds", "0",
            "--data", "synthetic", "--results", "out.jsonl", "--runs", "runs", "--device", "cpu", *more]  # fmt: skip


def test_the_command_lists_runs_and_renders(capsys: pytest.CaptureFixture[str]) -> None:
    """Dry run, run, repeated run, tables, and tables in a document."""
    assert main(command("--dry-run")) == 0
    assert "2 of 2 cells to run" in capsys.readouterr().out
    assert not Path("runs").exists()
    assert main(command()) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert "2 cells, 0 done before; 2 left, 2 of unknown length" in output.err
    assert "[2/2] root-derivative-everything-sample-0" in output.err
    assert "2 run, 0 failed" in output.err
    assert main(command()) == 0
    assert "2 cells, 2 done before" in capsys.readouterr().err
    assert main(command("--table")) == 0
    table = capsys.readouterr().out
    top1 = json.loads(Path("out.jsonl").read_text().splitlines()[0])["figures"][0]["top1"]
    assert f"{top1:.4f}" in next(text for text in table.splitlines() if text.startswith("| cosine | ") and "not run" not in text)
    Path("doc.md").write_text("<!-- table: sample -->\n<!-- end -->\n")
    assert main(command("--write", "doc.md")) == 0
    assert "**everything**" in Path("doc.md").read_text()


def test_the_command_reports_what_is_left_and_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Out of time is not a failure; a failed cell gives exit code 1 and its reason in the summary."""
    assert main(command("--budget", "0s")) == 0
    output = capsys.readouterr().err
    assert "next is cosine-everything-sample-0. The same command again resumes" in output
    assert main(command("--set", "data.path=nowhere.npz")) == 1
    output = capsys.readouterr().err
    assert "2 failed" in output
    assert "failed  cosine-everything-sample-0: ConfigError: dataset 'nowhere.npz'" in output


def test_a_budget_below_one_epoch_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A budget that is too short for one epoch is reported, since the same command would not progress."""
    (job,) = jobs(Path("runs"))
    progress = SweepProgress([job], sweep.DurationEstimator())
    progress.begins(job)
    progress.ended(sweep.CellStopped(job.cell))
    assert "use a longer --budget" in capsys.readouterr().err
    progress.begins(job)
    progress.epoch(job, Epoch(0, 1.0, 2.0))
    progress.ended(sweep.CellStopped(job.cell))
    output = capsys.readouterr().err
    assert "out of time" in output
    assert "longer" not in output


def test_the_command_reports_an_incomplete_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The line is ignored and reported, and the sweep continues."""
    assert main(command()) == 0
    held = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(held[:-50])
    capsys.readouterr()
    assert main(command()) == 0
    output = capsys.readouterr().err
    assert "is incomplete" in output
    assert "2 cells, 1 done before" in output
    assert len(results.read(Path("out.jsonl")).results) == 2


def test_a_missing_ray_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the extra, and nothing runs."""
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(command("--ray", "127.0.0.1:1")) == 78
    assert "pip install 'raman-edge[cluster]'" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()
