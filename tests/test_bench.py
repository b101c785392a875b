"""The benchmark's pieces, on a few files: that they measure what they say and that the arithmetic is right. No test looks at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bench
import build
import pytest
from benching import backlog, folders, many, year
from benching.naive import Naive
from benching.processes import Commits
from raising import refused
from raman_edge.errors import JournalError, SourceLost
from raman_edge.formats import read
from raman_edge.journal import Journal, JournalEntry
from raman_edge.journal.chain import prepare
from raman_edge.matching import library
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.model import model
from raman_edge.model.model import Model
from raman_edge.records import of
from raman_edge.spectrum import Origin

if TYPE_CHECKING:
    from raman_edge.journal.chain import Prepared

pytestmark = pytest.mark.slow

PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are measured in /proc")


@pytest.fixture(scope="module")
def naive() -> Naive:
    """The loop with the embedded model."""
    network = Model.open(model.default_path())
    return Naive.of(network, Library.open(library.default_path(), network=network.card.network))


def row(naive: Naive, path: str, seed: int) -> Prepared:
    """Return what the journal would have of a spectrum in a file."""
    record = of(identify(build.spectrum(seed=seed, origin=Origin("file", path)), naive.model, naive.library), naive.means)
    return prepare(JournalEntry(record, None), naive.means.model.sha256, naive.means.config)


def spectra_in(files: list[Path]) -> list[tuple[int, bytes]]:
    """Return the points and the axis of every spectrum in ``files``."""
    read_all = [read(file.read_bytes(), Origin("file", file.name)) for file in files]
    return [(len(one), one.axis.shift.tobytes()) for (one,) in read_all]


def test_simulated_files_share_an_axis_and_differ(naive: Naive, tmp_path: Path) -> None:
    """Each holds one spectrum of 1024 points, all on the same axis, and no two are alike."""
    files = folders.simulated(tmp_path, naive.library, 5)
    found = spectra_in(files)
    assert [points for points, _ in found] == [1024] * 5
    assert len({axis for _, axis in found}) == 1
    assert len({file.read_bytes() for file in files}) == 5


def test_small_files_are_small_and_no_two_are_the_same_bytes(naive: Naive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where exposures repeat, the first line differs: a journal would take equal bytes for one content."""
    monkeypatch.setattr(folders, "ALIKE", 2)
    files = folders.small(tmp_path, naive.library, 5)
    assert len({file.read_bytes() for file in files}) == 5
    assert [points for points, _ in spectra_in(files)] == [folders.FEW_POINTS] * 5
    assert max(file.stat().st_size for file in files) < 4096


def test_original_files_are_what_lies_in_the_archive(real_data: Path, tmp_path: Path) -> None:
    """The bytes are RRUFF's own, and every file has an axis of its own."""
    files = folders.original(tmp_path, real_data / folders.RRUFF, 4)
    assert len(files) == 4
    assert all(file.read_bytes().startswith(b"##NAMES=") for file in files)
    assert len({axis for _, axis in spectra_in(files)}) > 1


def test_the_naive_loops_give_the_answers_of_watch(naive: Naive, tmp_path: Path) -> None:
    """A record for every file, the same names in both, and one of them keeps a journal with a row for each."""
    (tmp_path / "files").mkdir()
    files = folders.simulated(tmp_path / "files", naive.library, 3)
    assert naive.plain(files, tmp_path / "plain.jsonl") > 0
    assert naive.kept(files, tmp_path / "kept.jsonl", tmp_path / "kept.sqlite3") > 0
    overall, times = backlog.watch(tmp_path / "files", tmp_path / "journal.sqlite3", 3)
    assert overall > 0
    assert times == sorted(times)
    assert len(times) == 3
    with Journal.open(tmp_path / "journal.sqlite3") as watched, Journal.open(tmp_path / "kept.sqlite3") as kept:
        lines = [[row.line for row in rows.after(0, 10)] for rows in (watched, kept)]
    results = [(tmp_path / name).read_text().splitlines() for name in ("plain.jsonl", "kept.jsonl")]
    answers = [{(one["source"]["path"], one["matches"][0]["label"]) for one in map(json.loads, written)} for written in (*lines, *results)]
    assert len(answers[0]) == 3
    assert answers == [answers[0]] * 4


def test_naive_loop_and_watch_take_turns(naive: Naive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What slows the machine for a while slows all three, and the median of each is shown."""
    turns: list[str] = []
    taken = iter([(1.0, 4.0), (2.0, 2.0), (4.0, 1.0)])

    def watch(*_: object) -> tuple[float, list[float]]:
        turns.append("watch")
        return 100.0 * len(turns), [0.0, 1.0, 2.0, 2.5]

    def loop(name: str) -> object:
        def timed(*_: object) -> float:
            turns.append(name)
            if name == "plain":
                loop.now = next(taken)  # type: ignore[attr-defined]  # what the other loop takes in the same turn
            return float(loop.now[name == "kept"])  # type: ignore[attr-defined]

        return timed

    monkeypatch.setattr(backlog, "watch", watch)
    monkeypatch.setattr(Naive, "plain", loop("plain"))
    monkeypatch.setattr(Naive, "kept", loop("kept"))
    rates = backlog.turns([tmp_path / "a.csv"] * 8, naive, 3)
    assert turns == ["plain", "watch", "kept"] * 3
    assert rates == backlog.Rates(naive=4.0, kept=4.0, overall=500.0, running=2.0)


def test_the_rate_is_that_of_the_second_half() -> None:
    """Eight results, of which half came while everything started: three intervals of a tenth of a second follow."""
    assert backlog.after_start([0.0, 5.0, 6.0, 8.0, 9.2, 9.3, 9.4, 9.5]) == pytest.approx(10.0)


def test_rates_are_reported_with_their_ratios() -> None:
    """Both naive loops, both rates of watch, and how they compare."""
    lines = backlog.Rates(naive=200.0, kept=100.0, overall=300.0, running=500.0).lines("8 files")
    assert lines[0] == "backlog of 8 files"
    assert lines[1] == "  naive loop 200 files/s, with a journal 100"
    assert lines[2] == "  `watch --once` 500 files/s, with its start 300"
    assert lines[3] == "  `watch` is 2.50 × the naive loop, 5.00 × the one with a journal"


def test_files_without_an_answer_are_no_rate(tmp_path: Path) -> None:
    """An incompletely answered backlog is an error with the command's last line."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.csv").write_text("no spectrum\n")
    with pytest.raises(SourceLost, match=r"answered 0 of 1 files and ended with 1; message: .*1 failed"):
        backlog.watch(tmp_path / "files", tmp_path / "journal.sqlite3", 1)
    with pytest.raises(SourceLost, match=r"answered \d of 2 files"):
        many.memory(tmp_path / "files", tmp_path / "other.sqlite3", 2)


@PROC
def test_many_files_are_answered_started_over_and_idled_on(naive: Naive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory by number of files, a start among answered ones, and idling beside an empty folder."""
    monkeypatch.setattr(many, "LOOK_S", 0.02)
    monkeypatch.setattr(many, "EVERY", 50)
    monkeypatch.setattr(many, "SETTLE_S", 0.1)
    made = many.measure(naive.library, 300, 0.3)
    assert [one.files for one in made.held] == sorted(one.files for one in made.held)
    assert 0 < made.held[-1].files <= 300
    assert all(one.first is not None and 20 < one.first < 1000 for one in made.held)
    assert made.start_s > 0
    assert made.start_mb is not None
    assert made.idle.empty is not None
    assert made.idle.answered is not None
    assert all(line.isprintable() for line in made.lines())


def test_growth_is_given_per_ten_thousand_files() -> None:
    """Ten megabytes more over the last 5 000 files are twenty each 10 000; the start, where everything is made, is left out."""
    held = [many.Held(100, 50.0, None), many.Held(5000, 100.0, 80.0), many.Held(10_000, 110.0, 80.0)]
    assert many.growth(held, "first") == pytest.approx(20.0)
    assert many.growth(held, "second") == 0
    assert many.growth(held[:1], "first") is None
    assert many.growth([many.Held(1, None, None), many.Held(5, 1.0, None)], "second") is None
    assert many.spoken(None) == "?"


@PROC
def test_the_worker_process_is_distinguished_from_other_children() -> None:
    """Only what multiprocessing spawned counts, not another child."""
    assert many.peak_of_second(os.getpid()) is None
    called = "import time; 'spawn_main'; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", called]) as child, subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as other:
        try:
            while (found := many.peak_of_second(os.getpid())) is None:
                time.sleep(0.01)
            assert found > 0
        finally:
            child.kill()
            other.kill()


def test_the_journal_of_a_year_is_measured_and_reported() -> None:
    """Rows, bytes and times as its command says them, and what they would be for a year."""
    measured = year.measure(50, points=128)
    assert measured["rows"] == 50
    assert measured["bytes"] > 0
    lines = year.lines(measured | {"bytes": 100_000.0, "list_ms": 3.0})
    assert lines[0] == "journal of 50 rows with their spectra of 128 points"
    assert lines[1] == "  0 MB, 2000 bytes a row (1.00 GB a year of one a minute)"
    assert lines[2].startswith("  the newest 50 and the number of all 3.0 ms; ")


def test_a_journal_that_cannot_be_measured_is_reported() -> None:
    """The command's last words, not a missing number."""
    with pytest.raises(SourceLost, match=r"journal_bench.py ended with \d+; message: .*"):
        year.measure(-1)


def test_commits_are_seen_once_and_only_from_then_on(naive: Naive, tmp_path: Path) -> None:
    """What another connection committed is there by the end of the block; what was there before is left out."""
    path = tmp_path / "journal.sqlite3"
    with Journal.open(path) as journal:
        journal.add([row(naive, "/old/a.csv", 1)])
        with Commits(path) as commits:
            before = time.perf_counter()
            journal.add([row(naive, "/new/b.csv", 2), row(naive, "/new/c.csv", 3)])
        assert commits.came.keys() == {"b.csv", "c.csv"}
        assert all(before <= when <= time.perf_counter() for when in commits.came.values())


def test_there_are_no_commits_without_a_journal(tmp_path: Path) -> None:
    """A path with no journal is an error, and no journal is made there."""
    with refused(JournalError, "not found"):
        Commits(tmp_path / "none.sqlite3")
    assert not (tmp_path / "none.sqlite3").exists()


@pytest.mark.parametrize(
    ("got", "at_least", "judged"),
    [(None, False, "not measured here"), (2.0, False, "within"), (2.1, False, "OVER"), (2.0, True, "within"), (1.9, True, "UNDER")],
)
def test_a_number_is_held_against_its_limit(got: float | None, judged: str, *, at_least: bool) -> None:
    """At most for what costs, at least for what is done; nothing is made up where nothing was measured."""
    line = bench.Limit("this", got, 2.0, at_least).line
    assert line.endswith(f"of at {'least' if at_least else 'most'} 2: {judged}")


def test_the_commands_defaults_are_those_of_a_short_run() -> None:
    """Twenty thousand files and rows, unless a year is requested, which excludes a number of rows."""
    options = bench.arguments().parse_args([])
    assert (options.files, options.rows, options.year, options.quick) == (20_000, 20_000, False, False)
    with pytest.raises(SystemExit):
        bench.arguments().parse_args(["--year", "--rows", "5"])


def test_a_backlog_too_short_to_be_timed_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Both numbers and the reason, before anything is measured."""
    monkeypatch.setattr(sys, "argv", ["bench.py", "--backlog", "3"])
    with pytest.raises(SystemExit, match="2"):
        bench.main()
    assert "--backlog 3: expected at least 64" in capsys.readouterr().err
