"""The watched folder, one behaviour a test: what is looked at, answered, and wrong."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import build
import pytest
from contracts.source_contract import SourceContract
from markers import POSIX
from raman_edge import formats
from raman_edge.sources import pending, stability
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules
from raman_edge.spectrum import Fault, Spectrum
from watched_folder import QUICK, Remembered, Watched, dealt_with, names, once

needs_events = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports a rename")


class TestFolderSource(SourceContract):
    """A folder is a source."""

    def source(self, folder: Path, stop: threading.Event) -> FolderSource:
        """Watch the folder."""
        return FolderSource(folder, Remembered(), QUICK, stop=stop)

    def provide_spectra(self, folder: Path, count: int) -> None:
        """Write files."""
        for seed in range(count):
            (folder / f"{seed}.csv").write_text(build.text(seed=seed))

    def provide_garbage(self, folder: Path) -> None:
        """Write a file of words."""
        (folder / "words.txt").write_text("no spectrum at all\n" * 30)

    def take_away(self, folder: Path) -> None:
        """Remove the folder."""
        folder.rmdir()


# What is looked at


def test_origin_is_the_path_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The origin names the file below the folder as the user gave it, with the digest of its bytes."""
    (tmp_path / "in" / "day 1").mkdir(parents=True)
    (tmp_path / "in" / "day 1" / "a.csv").write_text(build.text())
    monkeypatch.chdir(tmp_path)
    (value,) = once("in")  # type: ignore[arg-type]  # a folder may be given as text
    assert value.origin.path == str(Path("in") / "day 1" / "a.csv")
    assert value.origin.kind == "file"
    assert len(value.origin.sha256 or "") == 64
    assert value.origin.read_ms > 0


@pytest.mark.parametrize(
    "name", [".hidden.csv", "~lock.csv", "$own.csv", "a.csv.tmp", "a.PART", "a.csv.crdownload", "a.csv~", "j.sqlite3-wal"]
)
def test_ignores_hidden_and_temporary_names(tmp_path: Path, name: str) -> None:
    """A name that says "not finished" or "hidden" is not looked at."""
    (tmp_path / name).write_text(build.text())
    (tmp_path / "a.csv").write_text(build.text(seed=1))
    assert names(once(tmp_path), tmp_path) == ["a.csv"]


def test_patterns_choose_names(tmp_path: Path) -> None:
    """With patterns, only names that fit one of them are looked at."""
    for seed, name in enumerate(("a.csv", "b.txt", "c.log")):
        (tmp_path / name).write_text(build.text(seed=seed))
    assert sorted(names(once(tmp_path, include=("*.csv", "*.txt")), tmp_path)) == ["a.csv", "b.txt"]


@POSIX
def test_links_and_special_files_are_left_alone(tmp_path: Path) -> None:
    """Symbolic links, pipes and folders' links are not followed, wherever they lead."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(build.text())
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.csv").symlink_to(outside / "secret.csv")
    (root / "folder").symlink_to(outside)
    (root / "dangling.csv").symlink_to(root / "nothing")
    os.mkfifo(root / "pipe.csv")
    assert once(root) == []


def test_enters_folders_to_a_depth_and_reports_the_limit(tmp_path: Path) -> None:
    """Folders are entered down to the limit, and a deeper one is named once."""
    deep = tmp_path / "1" / "2" / "3"
    deep.mkdir(parents=True)
    for level, place in enumerate((tmp_path, tmp_path / "1", tmp_path / "1" / "2", deep)):
        (place / f"{level}.csv").write_text(build.text(seed=level))
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=0.1, depth=2)) as watched:
        watched.wait_for(values=3, notes=1)
        time.sleep(0.1)
    assert sorted(value.origin.path[-5:] for value in watched.values) == ["0.csv", "1.csv", "2.csv"]
    assert watched.notes == [f"folder {str(deep)!r} lies more than 2 folders deep and is not watched"]


def test_ignores_its_own_files(tmp_path: Path) -> None:
    """A file named by device and inode, such as the journal or a redirected output, is not looked at."""
    (tmp_path / "out.jsonl").write_text("{}\n")
    status = (tmp_path / "out.jsonl").stat()
    assert once(tmp_path, ignore=frozenset({(status.st_dev, status.st_ino)})) == []


def test_oldest_first(tmp_path: Path) -> None:
    """A backlog is answered in the order in which it was written."""
    for seed, name in enumerate("cab"):
        (tmp_path / name).write_text(build.text(seed=seed))
        os.utime(tmp_path / name, ns=(0, seed * 10**9))
    assert names(once(tmp_path), tmp_path) == ["c", "a", "b"]


# What is answered, and how often


def test_a_copy_is_no_second_result(tmp_path: Path) -> None:
    """The same content under another name, as a copy or a hard link, gives one value and is remembered under each name."""
    (tmp_path / "a.csv").write_text(build.text())
    shutil.copy(tmp_path / "a.csv", tmp_path / "b.csv")
    os.link(tmp_path / "a.csv", tmp_path / "c.csv")
    memory = Remembered()
    assert len(once(tmp_path, memory)) == 1
    assert sorted(Path(path).name for path in memory.files) == ["a.csv", "b.csv", "c.csv"]


def test_a_second_run_gives_nothing(tmp_path: Path) -> None:
    """What was answered is not read again."""
    (tmp_path / "a.csv").write_text(build.text())
    (tmp_path / "empty.csv").touch()
    memory = Remembered()
    assert len(once(tmp_path, memory)) == 2
    assert once(tmp_path, memory) == []


@POSIX
def test_same_name_new_content_is_new(tmp_path: Path) -> None:
    """A file that is written again, even with the same size and a modification time set back, is answered again."""
    path = tmp_path / "a.csv"
    memory = Remembered()
    path.write_text(build.text(seed=1)[:15_000])
    os.utime(path, ns=(0, 0))
    first = once(tmp_path, memory)
    path.write_text(build.text(seed=2)[:15_000])
    os.utime(path, ns=(0, 0))
    second = once(tmp_path, memory)
    assert len(first) == len(second) == 1
    assert first[0].origin.sha256 != second[0].origin.sha256


def test_marked_only_when_it_is_done(tmp_path: Path) -> None:
    """A value that was given but not dealt with is not remembered, and comes again."""
    (tmp_path / "a.csv").write_text(build.text())
    memory = Remembered()
    with FolderSource(tmp_path, memory, QUICK) as source:
        first = next(batch for batch in source if batch.events)
        assert not memory.files
    assert not memory.files
    assert len(once(tmp_path, memory)) == 1
    first.done(())
    assert len(memory.files) == 1


def test_several_spectra_of_a_file_are_numbered_and_marked_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of several spectra gives all of them, numbered, and is remembered after the last one."""
    made = [build.spectrum(seed=seed) for seed in range(70)]
    monkeypatch.setattr(formats, "read", lambda data, origin, laser_nm, axis, pixels: tuple(made))  # noqa: ARG005 - a reader's signature
    (tmp_path / "map.csv").write_text("seventy spectra")
    memory = Remembered()
    with FolderSource(tmp_path, memory, QUICK, once=True) as source:
        indices = []
        for value in dealt_with(source):
            assert not memory.files
            indices.append(value.origin.index)
    assert indices == list(range(70))
    assert len(memory.files) == 1


def test_a_stop_in_the_middle_of_a_file_begins_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped between two batches of one file, the file is not remembered and comes again as a whole."""
    made = [build.spectrum(seed=seed) for seed in range(70)]
    monkeypatch.setattr(formats, "read", lambda data, origin, laser_nm, axis, pixels: tuple(made))  # noqa: ARG005 - a reader's signature
    (tmp_path / "map.csv").write_text("seventy spectra" * 20_000)  # a large file: a small one goes on whole
    memory, stop = Remembered(), threading.Event()
    with FolderSource(tmp_path, memory, QUICK, stop=stop) as source:
        for batch in source:
            stop.set()
            batch.done(())
    assert not memory.files
    assert len(once(tmp_path, memory)) == 70


# What is wrong with a file


def test_an_empty_file_is_a_fault_of_its_own(tmp_path: Path) -> None:
    """Every file of no bytes is answered, also where there are two of them."""
    (tmp_path / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    values = once(tmp_path)
    assert [(type(value), value.origin.sha256) for value in values] == [(Fault, None)] * 2


def test_too_large_is_a_fault_without_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is answered without one byte of it being read."""
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(200 * 2**20)
    monkeypatch.setattr(stability, "_read", lambda _, size: b"" if size == 0 else pytest.fail("it was read"))
    (value,) = once(tmp_path)
    assert isinstance(value, Fault)
    assert value.why == "the file is 200 MiB; at most 64 MiB are read"


def test_a_defect_in_a_reader_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader raises, the file is answered and the next one is read."""

    def broken(data: bytes, origin: object, laser_nm: object, axis: object, pixels: object) -> tuple[Spectrum, ...]:  # noqa: ARG001 - a reader's signature
        raise ZeroDivisionError(data)

    monkeypatch.setattr(formats, "read", broken)
    (tmp_path / "a.csv").write_text("\x1b[31m\n")
    (tmp_path / "b.csv").write_text("2")
    values = once(tmp_path)
    assert [type(value) for value in values] == [Fault, Fault]
    assert "ZeroDivisionError" in values[0].why  # type: ignore[union-attr]  # a fault
    values[0].why.encode()  # type: ignore[union-attr]  # it is valid Unicode


def test_a_denied_file_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be read for a while is answered when it can, without a note."""
    (tmp_path / "a.csv").write_text(build.text())
    monkeypatch.setattr(pending, "RETRY_S", (0.01, 0.01, 0.01))
    deny = Denying(monkeypatch, times=2)
    (value,) = once(tmp_path)
    assert isinstance(value, Spectrum)
    assert deny.calls > 2


def test_a_file_denied_for_long_is_a_fault_and_still_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some failures the file is answered with a deferral, once, and with its spectrum when it can be read at last."""
    (tmp_path / "a.csv").write_text(build.text())
    monkeypatch.setattr(pending, "RETRY_S", (0.01, 0.01, 0.05))
    deny = Denying(monkeypatch, times=6)
    with Watched(tmp_path) as watched:
        watched.wait_for(values=2)
    fault, spectrum = watched.values
    assert isinstance(fault, Fault)
    assert fault.why.startswith("deferred: the file cannot be read (Permission denied)")
    assert isinstance(spectrum, Spectrum)
    assert deny.calls > 6


class Denying:
    """Refuses to open a file a few times, as another program's lock or missing rights would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.calls = 0
        self._times = times
        place, name = (stability, "open_to_read") if sys.platform == "win32" else (os, "open")
        self._open = getattr(place, name)
        monkeypatch.setattr(place, name, self)

    def __call__(self, path: str, *more: int) -> int:
        """Stand in for ``os.open``, or for what opens a file on Windows."""
        self.calls += 1
        if self.calls <= self._times:
            raise PermissionError(errno.EACCES, "Permission denied")
        return self._open(path, *more)
