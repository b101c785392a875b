"""The watched folder, many files at once: batches, what goes first, what is left, where failed files go."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import sys
import threading
import time
from pathlib import Path

import build
import pytest
from raman_edge.sources import failed
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.pending import MOST, Batcher, OpenFile
from raman_edge.sources.scan import FileCandidate, ScanRules, candidate_at
from raman_edge.spectrum import Fault, Origin
from watched_folder import QUICK, Remembered, dealt_with, names, once

FAULT = Fault(Origin("test", ""), "why")


def write(folder: Path, name: str, seed: int, age_s: float = 0.0) -> Path:
    """Write a spectrum that was last changed so many seconds ago."""
    path = folder / name
    path.write_text(build.text(seed=seed))
    if age_s:
        then = time.time_ns() - round(age_s * 1e9)
        os.utime(path, ns=(then, then))
    return path


# Batches


def test_a_backlog_comes_in_batches_with_the_number_that_waits(tmp_path: Path) -> None:
    """Many files come together, at most so many at once, each batch with the number of files behind it."""
    for seed in range(MOST + 5):
        write(tmp_path, f"{seed}.csv", seed)
    time.sleep(0.2)  # all of them lie still
    with FolderSource(tmp_path, Remembered(), QUICK, once=True) as source:
        seen = []
        for batch in source:
            batch.done(())
            seen += [(len(batch.events), batch.waiting)] * bool(batch.events)
    assert sum(size for size, _ in seen) == MOST + 5
    assert max(size for size, _ in seen) <= MOST
    assert [waiting for _, waiting in seen] == sorted((waiting for _, waiting in seen), reverse=True)
    assert seen[0][1] == MOST + 5 - seen[0][0]


def test_what_is_under_way_is_not_given_again(tmp_path: Path) -> None:
    """Between a batch and its end the source looks again, and gives neither those files nor copies of them."""
    write(tmp_path, "a.csv", 1)
    memory, stop = Remembered(), threading.Event()
    with FolderSource(tmp_path, memory, QUICK, stop=stop) as source:
        stream = iter(source)
        first = next(batch for batch in stream if batch.events)
        shutil.copy(tmp_path / "a.csv", tmp_path / "copy.csv")
        assert [next(stream).events for _ in range(2)] == [(), ()]
        first.done(())
        deadline = time.monotonic() + 30.0
        while len(memory.files) < 2 and time.monotonic() < deadline:
            assert next(stream).events == ()
        stop.set()
    assert sorted(Path(path).name for path in memory.files) == ["a.csv", "copy.csv"]


def test_a_file_is_remembered_when_its_last_value_is_done() -> None:
    """A file over several batches, done in any order, is finished once; a file of no values at once; a loose fault never."""
    finished: list[OpenFile] = []
    gathering = Batcher(finished.append)
    candidate = FileCandidate("a", candidate_at(__file__).signature)  # type: ignore[union-attr]  # this very file
    long, empty = OpenFile(candidate, "1", MOST + 1), OpenFile(candidate, "2", 0)
    (first,) = gathering.add((FAULT,) * (MOST + 1), long, 3)
    assert list(gathering.add((), empty, 2)) == []
    assert finished == [empty]
    assert list(gathering.add((FAULT,), None, 1)) == []
    second = gathering.batch(0)
    assert (len(first.events), len(second.events)) == (MOST, 2)
    second.done([0, 1])
    assert finished == [empty]
    first.done(range(MOST))
    assert finished == [empty, long]
    assert (empty.is_failed, long.is_failed) == (False, True)
    assert not gathering


def test_what_comes_now_goes_before_what_was_there(tmp_path: Path) -> None:
    """Files older than the watch are answered after newer ones, each kind oldest first."""
    for seed, (name, age_s) in enumerate((("old", 50.0), ("older", 90.0), ("new", -50.0), ("newer", -90.0))):
        write(tmp_path, name, seed, age_s)
    time.sleep(0.2)  # all of them lie still
    assert names(once(tmp_path), tmp_path) == ["new", "newer", "older", "old"]


# What is left


@pytest.mark.parametrize(("newest", "answered"), [(None, "abcd"), (0, ""), (2, "cd"), (9, "abcd")])
def test_a_first_watch_may_leave_what_lies_there(tmp_path: Path, newest: int | None, answered: str) -> None:
    """Of the files that lie there the newest so many are answered; what is left stays left, and what changes later is answered."""
    for place, name in enumerate("abcd"):
        write(tmp_path, name, place, 90.0 - place)
    memory = Remembered()
    assert "".join(names(once(tmp_path, memory, newest=newest), tmp_path)) == answered
    assert once(tmp_path, memory, newest=newest) == []
    write(tmp_path, "a", 77)
    assert names(once(tmp_path, memory, newest=newest), tmp_path) == ["a"]


def test_only_a_first_watch_leaves_anything(tmp_path: Path) -> None:
    """Where the memory knows the folder, what came while no run watched is answered, also by a run that skips what lies there."""
    write(tmp_path, "a", 1)
    memory = Remembered()
    once(tmp_path, memory)
    write(tmp_path, "b", 2)
    assert names(once(tmp_path, memory, newest=0), tmp_path) == ["b"]


# Failed files


def test_failed_files_are_moved_when_that_was_requested(tmp_path: Path) -> None:
    """A file without a spectrum goes to the folder for them once its fault is done; the others stay, and by default all do."""
    root, away = tmp_path / "in", tmp_path / "away"
    root.mkdir()
    away.mkdir()
    write(root, "good.csv", 1)
    (root / "words.txt").write_text("no spectrum\n" * 30)
    (root / "empty.csv").touch()
    memory = Remembered()
    assert len(once(root, memory)) == 3
    assert len(list(root.iterdir())) == 3
    assert len(once(root, Remembered(), move_failed=str(away))) == 3
    assert [path.name for path in root.iterdir()] == ["good.csv"]
    assert sorted(path.name for path in away.iterdir()) == ["empty.csv", "words.txt"]


def test_a_file_that_cannot_be_named_counts_as_failed(tmp_path: Path) -> None:
    """The identification may report a failure, and the file is moved as if it could not be read."""
    root, away = tmp_path / "in", tmp_path / "away"
    root.mkdir()
    away.mkdir()
    write(root, "flat.csv", 1)
    with FolderSource(root, Remembered(), ScanRules(poll_s=0.02, stable_s=0.1, move_failed=str(away)), once=True) as source:
        for batch in source:
            batch.done(range(len(batch.events)))
    assert [path.name for path in away.iterdir()] == ["flat.csv"]


def test_moving_never_overwrites(tmp_path: Path) -> None:
    """A second file of the same name gets the beginning of its digest, a third one random digits, whatever its name's bytes are."""
    away = tmp_path / "away"
    away.mkdir()
    stem = b"x.a" if sys.platform == "win32" else b"x\xff.a"  # names of Windows are Unicode
    path = tmp_path / os.fsdecode(stem + b".csv")
    for expected in (rb"\.csv", rb" \([0-9a-f]{12}\)\.csv", rb" \([0-9a-f]{12}\)\.csv"):
        path.write_bytes(b"1")
        moved = failed.move(candidate_at(str(path)), str(away), hashlib.sha256(b"1").hexdigest())  # type: ignore[arg-type]  # it is there
        assert re.fullmatch(re.escape(stem) + expected, os.fsencode(Path(moved or "").name))
        assert not path.exists()
    assert [path.read_bytes() for path in away.iterdir()] == [b"1"] * 3


def test_a_file_that_changed_is_not_moved(tmp_path: Path) -> None:
    """What was written after it was answered stays where it is, and what is gone is no trouble."""
    path = tmp_path / "a.csv"
    path.write_text("1")
    before = candidate_at(str(path))
    assert before is not None
    path.write_text("two")
    assert failed.move(before, str(tmp_path)) is None
    assert path.read_text() == "two"
    path.unlink()
    assert failed.move(before, str(tmp_path)) is None


def test_moved_across_file_systems_by_copying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a rename is not possible the file is copied before it is taken away."""
    rename = failed.rename_new

    def another(source: str, target: str) -> None:
        if Path(source).parent != tmp_path / "away":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, target)

    monkeypatch.setattr(failed, "rename_new", another)
    (tmp_path / "away").mkdir()
    (tmp_path / "a.csv").write_text("1")
    failed.move(candidate_at(str(tmp_path / "a.csv")), str(tmp_path / "away"))  # type: ignore[arg-type]  # it is there
    assert (tmp_path / "away" / "a.csv").read_text() == "1"
    assert not (tmp_path / "a.csv").exists()


def test_what_cannot_be_moved_stays_and_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room the file stays, nothing half is left in the other folder, and the run goes on with a note."""
    root, away = tmp_path / "in", tmp_path / "away"
    rename = failed.rename_new

    def full(source: str, target: str) -> None:
        if Path(target).parent == away:
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(failed, "rename_new", full)
    root.mkdir()
    away.mkdir()
    (root / "words.txt").write_text("no spectrum\n" * 30)
    notes: list[str] = []
    rules = ScanRules(poll_s=0.02, stable_s=0.1, move_failed=str(away))
    with FolderSource(root, Remembered(), rules, once=True, note=notes.append) as source:
        assert len(list(dealt_with(source))) == 1
    assert [path.name for path in root.iterdir()] == ["words.txt"]
    assert list(away.iterdir()) == []
    assert notes == [f"file {str(root / 'words.txt')!r} cannot be moved to {str(away)!r}: No space left on device; it stays"]


def test_a_folder_of_ours_is_not_looked_into(tmp_path: Path) -> None:
    """Where failed files go may lie inside the watched folder."""
    away = tmp_path / "failed"
    away.mkdir()
    write(away, "a.csv", 1)
    status = away.stat()
    assert once(tmp_path, ignore=frozenset({(status.st_dev, status.st_ino)})) == []
