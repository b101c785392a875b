"""Tables from results, against intervals computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from benchmark_lines import line, sha
from raman_edge.errors import ConfigError
from raman_train.benchmark import document, intervals, tables
from raman_train.benchmark.grid import DATASETS, SYSTEMS
from scipy import stats

if TYPE_CHECKING:
    from pathlib import Path

    from raman_train.runs import RunResult

T2 = 4.302652729749464
"""Student's t, 2 degrees of freedom, 97.5 %, from a printed table: 4.303."""


def row(table: str, system: str, dataset: str = "dataset_1") -> list[str]:
    """Return the cells of a system's row of a dataset's part of a table."""
    part = table.split(f"**{dataset}**", 1)[1].split("\n\n**", 1)[0] if f"**{dataset}**" in table else table
    return next(text for text in part.splitlines() if text.startswith(f"| {system} |")).strip("| ").split(" | ")


def three(system: str, tops: tuple[float, float, float] = (0.90, 0.92, 0.94), **changes: object) -> list[RunResult]:
    """Return a run of each of three seeds."""
    return [line(system, seed, top1, **changes) for seed, top1 in enumerate(tops)]


def test_a_mean_has_the_t_interval_over_runs() -> None:
    """.90, .92, .94: s = .02, so that the half width is 4.3027 x .02 / √3 = .0497."""
    found = intervals.mean([0.90, 0.92, 0.94])
    assert (found.value, found.n) == (pytest.approx(0.92), 3)
    assert found.half == pytest.approx(T2 * 0.02 / 3**0.5)
    assert intervals.mean([0.9]) == intervals.Estimate(0.9, None, 1)


def test_a_difference_of_means_is_welchs() -> None:
    """The interval is that of scipy's test, and zero without variance."""
    ours, theirs = [0.95, 0.97, 0.955], [0.80, 0.84]
    oracle = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    found = intervals.unpaired(ours, theirs)
    assert found.half is not None
    assert (found.value - found.half, found.value + found.half) == (pytest.approx(oracle.low), pytest.approx(oracle.high))
    assert intervals.unpaired([0.9, 0.9], [0.5, 0.5]) == intervals.Estimate(pytest.approx(0.4), 0.0, 2)
    assert intervals.unpaired([0.9, 0.8], [0.5]).half is None


def test_the_table_has_the_papers_figures() -> None:
    """Paper's top-1, our mean with its interval, the paper's other figures in parentheses, n; the highest in bold."""
    table = tables.render([*three("drcnn"), line("cosine", top1=0.97)])["spectrum"]
    assert row(table, "drcnn") == [
        "drcnn", "0.9798", "0.9200 ± 0.0497",
        "0.9100 (0.9813)", "0.9200 (0.9798)", "0.8900 (0.9794)", "0.9500 (0.9981)", "0.9700 (0.9981)", "", "–", "3",
    ]  # fmt: skip
    assert row(table, "cosine") == ["cosine", "–", "**0.9700** ± 0.0123 †", "0.9100", "0.9700", "0.8900", "0.9500", "0.9700", "", "–", "1"]
    assert table.startswith(
        "**dataset_1**: 2963 train, 741 validation, 1588 test; 192 labels in the test part\n\n| system | paper: top-1 |"
    )
    assert "† one run" in table


def test_a_capped_training_shows_both_limits() -> None:
    """Epochs, with both limits if the packaged recipe was capped; the hidden layer as a library beside the class head."""
    made = line("drcnn", epochs=27, epochs_at_most=40, patience=10)
    searched = msgspec.structs.replace(made.figures[0], ranking="embedding", top1=0.983)
    table = tables.render([msgspec.structs.replace(made, figures=[*made.figures, searched])])["spectrum"]
    assert row(table, "drcnn")[-3:] == ["0.9830", "27 (at most 40, patience 10; recipe: 200, 30)", "1"]
    whole = tables.render([line("fan", epochs=100, epochs_at_most=100, patience=0)])["spectrum"]
    assert row(whole, "fan")[-2:] == ["100", "1"]
    assert row(tables.render([line("fan", epochs=100)])["spectrum"], "fan")[-2:] == ["100", "1"]  # a line older than the fields


def test_missing_rows_are_not_run() -> None:
    """Every system has a row in each dataset with figures of the paper; another dataset is "not run"."""
    rendered = tables.render([])
    table = rendered["spectrum"]
    assert row(table, "liu", "dataset_2")[:3] == ["liu", "0.8309", "not run"]
    assert row(table, "drcnn", "dataset_3-paper") == [
        "drcnn", "0.8419", "not run", "(0.9271)", "(0.8419)", "(0.8055)", "(0.9115)", "(0.9251)", "", "", "0",
    ]  # fmt: skip
    assert table.count("not run") == 3 * (len(SYSTEMS) + 1) + 1
    assert "**dataset_3**: not run\n\n±" in table
    assert rendered["sample"].startswith("**dataset_1**: not run\n\n**dataset_2**: not run\n\n±")


def test_systems_stand_in_the_papers_order_whatever_the_order_of_the_lines() -> None:
    """The same results in another order give the same text."""
    lines = [*three("drcnn-edge"), *three("liu"), *three("cosine", protocol="sample"), *three("svm")]
    assert tables.render(lines) == tables.render(lines[::-1])
    part = tables.render(lines)["spectrum"].split("\n\n**")[0]
    assert [text.split(" | ")[0].strip("| ") for text in part.splitlines() if text.startswith("| ")][2:] == list(SYSTEMS)


def test_sizes_that_differ_between_splits_are_a_range() -> None:
    """Under ``sample`` the size of the test part differs between splits."""
    table = tables.render([line(protocol="sample", test=2715), line(protocol="sample", seed=1, test=2757)])["sample"]
    assert "2715 to 2757 test; 192 labels in the test part" in table
    assert row(table, "cosine")[1:3] == ["**0.9000** ± 0.0000", "0.8000"]


@pytest.mark.parametrize("protocol", ["laser", "open", "few-shot"])
def test_a_protocol_shows_what_it_alone_measures(protocol: str) -> None:
    """Figures are columns with their intervals; a system without one has a dash, one without a run nothing."""
    lines = three("cosine", protocol=protocol, measured={"auroc": 0.9}, unknown=40)
    lines[1] = line("cosine", 1, 0.92, protocol=protocol, measured={"auroc": 0.8}, unknown=40)
    lines[2] = line("cosine", 2, 0.94, protocol=protocol, measured={"auroc": 0.7, "fpr_95": 0.25}, unknown=40)
    table = tables.render([*lines, line("svm", protocol=protocol)])[protocol]
    assert "| system | top-1 | auroc | fpr 95 | n |" in table
    assert row(table, "cosine") == ["cosine", "**0.9200** ± 0.0497", f"0.8000 ± {T2 * 0.1 / 3**0.5:.4f}", "0.2500 †", "3"]
    assert row(table, "svm")[2:4] == ["–", "–"]
    assert row(table, "liu")[1] == "not run"
    assert "40 unknown" in table


def test_what_was_counted_is_a_range_and_no_mean() -> None:
    """Counts such as 551 and 665 spectra are a range without an interval; a share of 1 is not a count."""
    lines = [line(seed=seed, protocol="few-shot", measured={"asked": queries, "kept": 1.0}) for seed, queries in enumerate((665.0, 551.0))]
    assert row(tables.render(lines)["few-shot"], "cosine")[2:4] == ["551 to 665", "1.0000 ± 0.0000"]


def test_calibration_has_a_table_of_its_own() -> None:
    """Calibration under ``sample``, for the systems that have it."""
    table = tables.render([line("drcnn-edge", protocol="sample", measured={"ece": 0.03}), line("cosine", protocol="sample")])["confidence"]
    assert row(table, "drcnn-edge") == ["drcnn-edge", "0.0300 †", "1"]
    assert "cosine" not in table


def test_differences_are_paired_over_the_splits_in_common() -> None:
    """.01, .03, .02 better on three common splits: +.0200 ± 4.3027 x .01 / √3; other splits do not count."""
    base = [*three("root-derivative", (0.90, 0.90, 0.90)), line("root-derivative", 9, 0.1)]
    table = tables.render([*base, *three("drcnn-edge", (0.91, 0.93, 0.92)), line("svm", 1, 0.88), line("liu", 8, 0.5)])["paired"]
    half = T2 * 0.01 / 3**0.5
    assert row(table, "drcnn-edge") == ["drcnn-edge", f"+0.0200 ± {half:.4f} (3)", "–"]
    assert row(table, "root-derivative") == ["root-derivative", "–", f"-0.0200 ± {half:.4f} (3)"]
    assert row(table, "svm") == ["svm", "-0.0200 † (1)", "-0.0500 † (1)"]
    assert row(table, "liu") == ["liu", "not run", "not run"]
    assert "**dataset_1**, `spectrum`" in table


def test_the_same_seed_on_another_split_is_no_pair() -> None:
    """The split decides, not the seed."""
    table = tables.render([line("root-derivative"), line("svm", split_sha256=sha("another"))])["paired"]
    assert row(table, "svm")[1] == "not run"


def test_two_trainings_on_one_split_are_one_pair() -> None:
    """Several trainings on one split are averaged before the comparison."""
    lines = [line("root-derivative", 0, 0.80), line("svm", 0, 0.90), line("svm", 0, 0.92, training_seed=7)]
    assert row(tables.render(lines)["paired"], "svm")[1] == "+0.1100 † (1)"


def test_leakage_is_the_random_split_minus_the_honest_one() -> None:
    """By system and dataset, if both protocols were run."""
    lines = [*three("svm"), *three("svm", (0.80, 0.82, 0.84), protocol="sample"), *three("liu")]
    lines += [line("svm", protocol=protocol, subset="dataset_2", top1=top1) for protocol, top1 in (("spectrum", 0.9), ("sample", 0.7))]
    table = tables.render(lines)["leakage"]
    half = intervals.unpaired([0.90, 0.92, 0.94], [0.80, 0.82, 0.84]).half
    assert row(table, "svm") == ["svm", f"+0.1000 ± {half:.4f}", "+0.2000 †"]
    assert "liu" not in table
    assert tables.render([])["leakage"] == tables.render([])["paired"] == "not run"


def test_the_runs_behind_the_figures() -> None:
    """Seeds, epochs, seconds, device and revision, each once."""
    lines = [line("liu", 0, epochs=50, seconds=100.4), line("liu", 1, epochs=48, seconds=98.2, device="H200"), line("liu", 2, epochs=48)]
    table = tables.render(lines)["runs"]
    assert row(table, "liu") == [
        "liu",
        "dataset_1",
        "spectrum",
        "0-2",
        "48 to 50",
        "0 to 100",
        "fp32",
        "cpu, 1 threads, H200",
        "0123456789ab",
    ]


def test_each_gap_has_the_one_command_that_fills_it() -> None:
    """Systems with the same missing seeds share a command; finished cells are in none."""
    whole = [line(system, seed) for system in SYSTEMS for seed in range(5)]
    table = tables.render(whole[:-2])["not-run"]
    assert "`raman-train benchmark --systems drcnn-edge --datasets dataset_1 --protocols spectrum --seeds 3-4`" in table
    assert "`raman-train benchmark --systems all --datasets dataset_2 --protocols spectrum --seeds 0-4`" in table
    assert "--datasets dataset_1 --protocols spectrum --seeds 0-4" not in table
    assert "--datasets dataset_1 --protocols spectrum" not in tables.render(whole)["not-run"]


def test_an_unexpected_dataset_has_a_table_too() -> None:
    """Other datasets and copies follow the paper's datasets."""
    table = tables.render([line(subset="all"), line(copies="after_split")])["spectrum"]
    names = [text.split("**")[1] for text in table.splitlines() if text.startswith("**")]
    assert names == ["dataset_1", "dataset_2", "dataset_3-paper", "dataset_3", "everything", "dataset_1, copies after_split"]


def test_the_papers_figures_belong_to_systems_and_datasets_there_are() -> None:
    """Names of the paper's figures exist in the grid, and DRCNN's figures are complete."""
    assert {dataset for dataset, _ in tables.PUBLISHED} <= DATASETS.keys()
    assert {system for _, system in tables.PUBLISHED} <= set(SYSTEMS)
    assert all(figures.f1 and figures.top3 for (_, system), figures in tables.PUBLISHED.items() if system == "drcnn")


def test_a_document_changes_between_its_markers_alone(tmp_path: Path) -> None:
    """Everything else stays byte for byte, line ends too; a second call changes nothing."""
    before = b"\xce\xb1 text\r\n<!-- table: a -->\nold\n<!-- end -->\n \ttail<!-- table: b -->\r\n<!-- end -->\r\n\\1"
    path = tmp_path / "README.md"
    path.write_bytes(before)
    path.chmod(0o640)
    made = {"a": "| x |\n| \\1 |", "b": "new", "c": "nowhere"}
    assert document.write(path, made)
    assert path.read_bytes() == before.replace(b"old\n", b"| x |\n| \\1 |\n").replace(b"-->\r\n<!-- end", b"-->\r\nnew\n<!-- end")
    assert not document.write(path, made)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    assert document.fill(path.read_text("utf-8"), made) == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!-- table: z -->\n<!-- end -->", "unknown table: z; expected a"),
        ("<!-- table: a -->\n", "got 1 markers of a start and 0 of an end"),
        ("<!-- table: a -->\n<!-- table: a -->\n<!-- end -->", "got 2 markers of a start and 1 of an end"),
        ("<!-- end -->\n<!-- table: a -->\n", "0 of them paired"),
        ("<!-- table: a --> text\n<!-- end -->", "0 of them paired"),
        ("nothing", "got 0 markers"),
    ],
)
def test_a_document_with_wrong_markers_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """An unknown table, a marker without its end or a document without markers is refused."""
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"README\.md'.*{message}"):
        document.write(path, {"a": "x"})
    assert path.read_text() == text
    with pytest.raises(ConfigError, match="cannot be read"):
        document.write(tmp_path / "none.md", {"a": "x"})
