"""Failed files are moved, and only they: whatever arrives under their names meanwhile stays and is answered."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import build
import pytest
from markers import POSIX
from raman_edge.atomic_write import system_path
from raman_edge.sources import failed, stability
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.notify import FolderEvents
from raman_edge.sources.scan import STAGE, ScanRules, candidate_at
from raman_edge.sources.stability import OpenWriter
from raman_edge.spectrum import Spectrum
from watched_folder import QUICK, Remembered, Watched, dealt_with, once

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD = "no spectrum\n" * 30
STEPS = ("rename", "open", "fstat", "listdir", "rmdir", "link", "unlink", "lstat", "fsync")
"""Calls of a move; before any of them another program may do something."""
needs_leases = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports a writer")


@pytest.fixture(params=["one file system", "across file systems", "across, without renameat2"])
def away(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where failed files go."""
    if request.param == "one file system":
        yield _made(tmp_path / "away")
        return
    shm = Path("/dev/shm")  # noqa: S108 - a file system of its own
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    if "without" in request.param:
        monkeypatch.setattr(failed, "_renameat2", lambda: None)
    with tempfile.TemporaryDirectory(dir=shm) as place:
        yield Path(place)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def contents(*folders: Path) -> list[str]:
    """Return what lies in folders, a private one of a move among them."""
    return sorted(path.read_text() for folder in folders for path in folder.rglob("*") if path.is_file())


class Meddling:
    """Runs ``act`` before one of the system calls of a move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, act: object) -> None:
        self.calls, self._at, self._act = 0, at, act
        for name in STEPS:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, call: object) -> object:
        def called(*given: object, **named: object) -> object:
            self.calls += 1
            if self.calls == self._at:
                self._act()  # type: ignore[operator]  # a callable
            return call(*given, **named)  # type: ignore[operator]  # a function of os

        return called


@pytest.mark.parametrize("how", ["renamed", "rewritten", "removed and made"])
def test_a_good_file_that_comes_at_any_step_stays(tmp_path: Path, away: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each system call of the move a good spectrum comes under the failed file's name: it is never moved nor lost."""
    good, rename = build.text().ljust(len(BAD)), os.replace
    for at in range(1, 100):
        root = _made(tmp_path / f"in {at}")
        path = root / "a.csv"
        path.write_text(BAD)
        (tmp_path / "good").write_text(good)

        def come(path: Path = path) -> None:
            if how == "renamed":
                rename(tmp_path / "good", path)
            elif how == "rewritten":
                path.write_text(good)
            else:
                path.unlink(missing_ok=True)
                path.write_text(good)

        found = candidate_at(str(path))
        assert found is not None
        with monkeypatch.context() as patch:
            meddling = Meddling(patch, at, come)
            failed.move(found, str(away), hashlib.sha256(BAD.encode()).hexdigest())
        if meddling.calls < at:
            break
        assert contents(root) == [good] or contents(root) == sorted([good, BAD])
        assert set(contents(away)) <= {BAD}
        assert not [*root.glob(f"{STAGE}*"), *away.glob(f"{STAGE}*")]
    assert at > 5


def test_a_kill_in_the_middle_of_a_move_loses_nothing(tmp_path: Path) -> None:
    """What a killed run had taken aside is given back at the next look, beside a file that has its name by now, and answered."""
    for number, name in enumerate("ab"):
        stage = _made(tmp_path / f"{STAGE}{name}")
        (stage / "x.csv").write_text(build.text(seed=number))
    (tmp_path / "x.csv").write_text(build.text(seed=7))
    with Watched(tmp_path) as watched:
        watched.wait_for(values=3)
    assert all(isinstance(value, Spectrum) for value in watched.values)
    assert len({value.origin.sha256 for value in watched.values}) == 3
    assert not list(tmp_path.glob(f"{STAGE}*"))


def test_names_are_found_without_looking_for_them(tmp_path: Path, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of older failures of that name, a free one is found in two or three attempts, whatever its bytes and length."""
    for name in (b"x.a.csv" if sys.platform == "win32" else b"x\xff.a.csv", b"y" * 251 + b".csv"):  # names of Windows are Unicode
        system_path(away / os.fsdecode(name)).touch()
        tried: list[str] = []
        with monkeypatch.context() as patch:
            put = failed.rename_new
            patch.setattr(failed, "rename_new", lambda source, target, put=put, tried=tried: (tried.append(target), put(source, target)))
            for number in range(3):
                path = tmp_path / os.fsdecode(name)
                system_path(path).write_bytes(b"%d" % number)
                digest = hashlib.sha256(b"same" if number else b"0").hexdigest()
                patch.setattr(failed, "_digest", lambda _, digest=digest: digest)
                assert failed.move(candidate_at(str(path)), str(away), digest) is not None  # type: ignore[arg-type]  # it is there
        assert len(tried) <= 3 * 6
    assert sorted(system_path(path).read_bytes() for path in away.iterdir()) == [b"", b"", b"0", b"0", b"1", b"1", b"2", b"2"]


@needs_leases
def test_a_file_that_is_being_written_is_not_moved(tmp_path: Path, away: Path) -> None:
    """A program that has the failed file open may be about to write a spectrum into it."""
    path = tmp_path / "a.csv"
    path.write_text(BAD)
    found = candidate_at(str(path))
    assert found is not None
    with path.open("a"):
        assert failed.move(found, str(away)) is None
    assert path.read_text() == BAD
    assert list(away.iterdir()) == []


def test_of_several_copies_all_are_moved(tmp_path: Path, away: Path) -> None:
    """A copy of a failed file is no second fault, and is moved as well."""
    root = _made(tmp_path / "in")
    for name in "abc":
        (root / name).write_text(BAD)
    assert len(once(root, Remembered(), move_failed=str(away))) == 1
    assert list(root.iterdir()) == []
    assert contents(away) == [BAD] * 3


def test_a_kill_before_the_move(tmp_path: Path, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed between the journal's answer and the move leaves a file that the next run moves."""
    root = _made(tmp_path / "in")
    (root / "a").write_text(BAD)
    memory = Remembered()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(failed.FailedFiles, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            once(root, memory, move_failed=str(away))
    assert contents(root) == [BAD]
    assert once(root, memory, move_failed=str(away)) == []
    assert (contents(root), contents(away)) == ([], [BAD])


@pytest.mark.slow
def test_where_the_writer_cannot_be_known_it_is_moved_later(tmp_path: Path, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed file that another user's program may still write is moved when it has been unchanged for a while."""
    root = _made(tmp_path / "in")
    monkeypatch.setattr(stability, "writer_of", lambda *_: OpenWriter.UNKNOWN)
    monkeypatch.setattr(FolderEvents, "open", lambda _: None)
    monkeypatch.setattr(failed, "LATER_S", 3.0)
    (root / "a").write_text(BAD)
    with Watched(root, rules=ScanRules(poll_s=0.02, stable_s=0.1, move_failed=str(away))) as watched:
        watched.wait_for(values=1)
        time.sleep(0.3)
        assert contents(root) == [BAD]
        deadline = time.monotonic() + 30
        while contents(root) and time.monotonic() < deadline:
            time.sleep(0.05)
    assert contents(away) == [BAD]


def put(source: Path, target: Path) -> None:
    """Rename a file into place, as a program does: Windows refuses while the file there is open for a moment, and it tries again."""
    deadline = time.monotonic() + 30
    while True:
        try:
            source.replace(target)
        except PermissionError:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        else:
            return


def test_good_files_that_keep_coming_under_failed_names(tmp_path: Path, away: Path) -> None:
    """While another thread replaces failed files by good ones at any moment, every good one is answered."""
    root = _made(tmp_path / "in")
    wanted = set()
    with Watched(root, rules=ScanRules(poll_s=0.01, stable_s=0.05, move_failed=str(away))) as watched:
        for number in range(60):
            path = root / f"{number % 3}.csv"
            (tmp_path / "bad").write_text(f"{BAD}{number}")
            put(tmp_path / "bad", path)
            time.sleep(0.001 * (number % 12))
            good = build.text(seed=number)
            wanted.add(hashlib.sha256(good.encode()).hexdigest())
            (tmp_path / "good").write_text(good)
            put(tmp_path / "good", path)
            deadline = time.monotonic() + 30
            while hashlib.sha256(good.encode()).hexdigest() not in {value.origin.sha256 for value in tuple(watched.values)}:
                assert time.monotonic() < deadline, f"{number} is not answered"
                time.sleep(0.002)
    assert not {hashlib.sha256(text.encode()).hexdigest() for text in contents(away)} & wanted


@POSIX
def test_a_folder_under_a_failed_name_is_given_back(tmp_path: Path, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands under the name when it is taken, be it a folder, a link or a pipe, stands there again."""
    for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to(away)):
        path = tmp_path / "a"
        path.write_text(BAD)
        found = candidate_at(str(path))
        assert found is not None
        rename = os.rename

        def swap(source: str, target: str, make: object = make, path: Path = path, rename: object = rename) -> None:
            path.unlink()
            make(path)  # type: ignore[operator]  # a callable
            rename(source, target)  # type: ignore[operator]  # os.rename

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", swap)
            assert failed.move(found, str(away)) is None
        assert not path.is_file() or path.is_symlink()
        assert os.path.lexists(path)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    assert list(tmp_path.glob(f"{STAGE}*")) == []


def test_a_stop_before_the_move_is_reported(tmp_path: Path, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single pass that may not move a file yet says that it stays."""
    root = _made(tmp_path / "in")
    monkeypatch.setattr(stability, "writer_of", lambda *_: OpenWriter.UNKNOWN)
    monkeypatch.setattr(FolderEvents, "open", lambda _: None)
    (root / "a").write_text(BAD)
    notes: list[str] = []
    rules = ScanRules(poll_s=0.02, stable_s=0.05, move_failed=str(away))
    with FolderSource(root, Remembered(), rules, once=True, note=notes.append, stop=threading.Event()) as source:
        assert len(list(dealt_with(source))) == 1
    assert contents(root) == [BAD]
    assert len(notes) == 1
    assert QUICK.move_failed is None
