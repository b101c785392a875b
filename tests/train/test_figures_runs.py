"""From finished runs to figures: reading, evaluation, comparison, names and errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch
from figure_inputs import history
from raman_edge.errors import ConfigError
from raman_train import checkpoint, confidence, config, metrics, run_figures, runs
from raman_train.cli import main
from raman_train.figures import learning, style
from raman_train.models import build

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"


def leave(folder: Path, *replaced: str) -> Path:
    """Write an untrained run of the smoke configuration to ``folder``, in the form of a finished one."""
    chosen = config.read(SMOKE, replaced)
    material = runs.prepare(chosen)
    torch.manual_seed(0)
    network = build(chosen.model, len(chosen.recipe.axis), len(material.labels))
    about = checkpoint.About(
        config=chosen, length=len(chosen.recipe.axis), labels=material.labels, spectra=1, specimens=1, epochs=2, seconds=0.0,
        device="cpu", revision="unknown",
    )  # fmt: skip
    folder.mkdir(parents=True)
    checkpoint.save(folder / checkpoint.CHECKPOINT, network, about)
    (folder / run_figures.HISTORY).write_bytes(msgspec.json.Encoder().encode_lines(history(2.0, 1.0)))
    np.savez(folder / run_figures.SPLIT, **runs.parts(material))
    return folder


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two systems with the same test set."""
    root = tmp_path_factory.mktemp("runs")
    short = "recipe.steps=[{type='resample@1', start=100, stop=1500, step=40}, {type='minmax@1'}]"
    return [leave(root / "edge"), leave(root / "paper", "model={name='drcnn', recursions=3}", short)]


def test_the_command_draws_every_picture(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`raman-train figures` writes both formats of every figure and prints their paths."""
    monkeypatch.setattr(style, "rendered", lambda _, form: form.encode())  # seconds; what it gives is tested above
    assert main(["figures", str(two_runs[0]), "--out", str(tmp_path)]) == 0
    stems = ["class-size-all-sample-0", "learning-curves", "level-weights", "confused-pairs-edge", "confusion-edge", "reliability-edge"]
    expected = {f"{stem}.{form}" for stem in stems for form in ("png", "svg")}
    assert {file.name for file in tmp_path.iterdir()} == expected
    assert all(file.read_text() == file.suffix[1:] for file in tmp_path.iterdir())
    assert {Path(line).name for line in capsys.readouterr().out.splitlines()} == expected


def test_a_run_is_evaluated_as_in_its_measurement(two_runs: list[Path]) -> None:
    """The figures show the ranking that represents the system."""
    (run,) = run_figures.read(two_runs[:1])
    made = checkpoint.load(two_runs[0])
    result, answers = runs.measure(made, runs.prepare(made.about.config))
    assert run.ranking == "library"
    assert float((run.answered == run.truth).mean()) == pytest.approx(result.main.top1, abs=1e-4)
    queries = confidence.ScoredQueries.of(answers, run.prepared.classes, run.prepared.split)
    output = confidence.cross_fit(queries, run.prepared.dataset.specimens[run.prepared.split.test])
    assert metrics.calibration_error(output.best, output.right) == pytest.approx(result.measured["ece"], abs=1e-4)


def test_runs_with_other_splits_are_not_compared(two_runs: list[Path], tmp_path: Path) -> None:
    """Accuracy by class size is drawn per split; runs with the same split share the figure."""
    other = leave(tmp_path / "other", "data.split_seed=1")
    groups = run_figures.by_test_set(run_figures.read([*two_runs, other]))
    assert {stem: [run.folder for run in group] for stem, group in groups.items()} == {
        "all-sample-0": ["edge", "paper"],
        "all-sample-1": ["other"],
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([["drcnn", "d1", "sample", "x"]], ["drcnn"]),
        ([["drcnn", "d1", "sample", "x"], ["liu", "d1", "sample", "y"]], ["drcnn", "liu"]),
        ([["drcnn", "d1", "sample", "x"], ["drcnn", "d2", "sample", "y"]], ["drcnn, d1", "drcnn, d2"]),
        ([["drcnn", "d1", "sample", "x"], ["drcnn", "d1", "sample", "y"]], ["drcnn, x", "drcnn, y"]),
    ],
)
def test_runs_are_named_by_their_differences(facts: list[list[str]], expected: list[str]) -> None:
    """The system, then the facts that differ, the folder only if needed."""
    assert run_figures.names(facts) == expected


def test_what_cannot_be_drawn_is_left_out_with_its_reason(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A figure without data does not prevent the others; no figure at all is a failure."""

    def refuse() -> Figure:
        raise ConfigError("nothing to show")

    drawn = [run_figures.RunFigure("fine", lambda: learning.draw_levels({"drcnn": np.ones(3)})), run_figures.RunFigure("empty", refuse)]
    for given, code in ((drawn, 0), (drawn[1:], 1)):
        monkeypatch.setattr(run_figures, "all_figures", lambda _, given=given: given)
        assert main(["figures", str(two_runs[0]), "--out", str(tmp_path)]) == code
        assert capsys.readouterr().err == "left out empty: nothing to show\n"
    assert {file.name for file in tmp_path.iterdir()} == {"fine.png", "fine.svg"}


def test_a_run_whose_data_changed_is_refused(tmp_path: Path) -> None:
    """With another split the test part could contain training spectra."""
    run = leave(tmp_path / "run")
    with np.load(run / run_figures.SPLIT) as saved:
        np.savez(run / run_figures.SPLIT, **{**saved, "test": saved["test"][1:]})
    with pytest.raises(ConfigError, match=r"another split .* test differ"):
        run_figures.read([run])


def test_a_run_without_what_a_run_leaves_is_refused(tmp_path: Path) -> None:
    """A missing folder, a duplicate name, an invalid history and an invalid split are each reported."""
    run = leave(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"nowhere.*raman-train fit"):
        run_figures.read([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"\['run'\]"):
        run_figures.read([run, run])
    (run / run_figures.HISTORY).write_text("not json")
    with pytest.raises(ConfigError, match="not the history of a run"):
        run_figures.read([run])
    (run / run_figures.HISTORY).unlink()
    with pytest.raises(ConfigError, match=r"history\.jsonl.*raman-train fit"):
        run_figures.read([run])
    (run / run_figures.SPLIT).write_text("not a zip")
    with pytest.raises(ConfigError, match=r"split\.npz"):
        run_figures.read([run])
