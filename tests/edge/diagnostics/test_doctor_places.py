"""The checks of ``raman-edge doctor`` on real folders and files, and on any text that a system may say."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import build
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.diagnostics.doctor import folders, journals, machine, models, software
from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, text_of
from raman_edge.errors import ConfigError
from raman_edge.journal import Journal
from raman_edge.matching.user_library import UserLibrary
from raman_edge.sources.scan import FileCandidate, Signature

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = st.integers(-(2**70), 2**70).map(str) | st.sampled_from(["", "max", "0x5", "-", "1e9", "\0"])


def asked(root: Path, **more: object) -> DoctorSettings:
    """Return a question about the files in ``root``."""
    return DoctorSettings(**{"journal": root / "j.sqlite3", "model": root / "m.onnx", "library": root / "m.library.npz"} | more)  # type: ignore[arg-type]  # its fields


def by_check(found: object) -> dict[str, Finding]:
    """Return findings by the name of the check."""
    return {finding.check: finding for finding in found}  # type: ignore[attr-defined]  # findings


# folders


def test_no_folder_is_no_trouble(tmp_path: Path) -> None:
    """Who does not name one is told how to."""
    (found,) = folders.look(asked(tmp_path))
    assert (found.level, found.check) == ("ok", "folder")
    assert "doctor DIR" in found.found


def test_a_folder_is_looked_at_as_watch_does(tmp_path: Path) -> None:
    """By the same rules: names that do not fit, hidden and half-written files are not counted, folders below are."""
    (tmp_path / "below").mkdir()
    for name in ("a.csv", "below/b.csv", "c.txt", ".hidden.csv", "half.csv.part"):
        (tmp_path / name).write_text("x")
    found = by_check(folders.look(asked(tmp_path, folder=str(tmp_path), match=("*.csv",))))
    assert "2 files that are looked at, in 2 folders" in found["folder"].found
    assert found["files"].found.startswith("of the newest 2: 0 being written")


def test_failed_files_are_not_looked_at_again(tmp_path: Path) -> None:
    """The folder that they are moved to may lie in the watched one."""
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "bad.csv").write_text("x")
    found = by_check(folders.look(asked(tmp_path, folder=str(tmp_path), move_failed=tmp_path / "failed")))
    assert "0 files that are looked at" in found["folder"].found
    assert found["failed files"].level == "ok"


def test_a_network_share_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of what the kernel tells of local files is promised there."""
    monkeypatch.setattr(folders, "is_network", lambda _: True)
    monkeypatch.setattr(journals, "is_network", lambda _: True)
    found = by_check([*folders.look(asked(tmp_path, folder=str(tmp_path))), *journals.look(asked(tmp_path))])
    assert "every 2 s" in found["events"].found
    assert "3 s" in found["leases"].found
    assert found["journal"].level == "wrong"


def test_a_folder_that_cannot_be_listed_is_a_warning(tmp_path: Path) -> None:
    """The rest of the tree is watched all the same."""
    deep = tmp_path.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    found = by_check(folders.look(asked(tmp_path, folder=str(tmp_path))))
    assert found["folder"].level == "warning"
    assert "more than 8 folders deep" in found["folder"].found


@pytest.mark.parametrize("name", [b"und\xff\xe9.csv", b"\x1b[31mred.csv", "größe.csv".encode()])
def test_names_may_be_any_bytes(tmp_path: Path, name: bytes) -> None:
    """A folder of such a name is found and told."""
    folder = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    try:
        os.mkdir(folder)  # noqa: PTH102 - bytes
    except OSError:
        pytest.skip("no such name on this file system")
    found = by_check(folders.look(asked(tmp_path, folder=os.fsdecode(folder))))
    assert found["folder"].level == "ok"


def test_files_that_vanish_meanwhile_are_no_trouble(tmp_path: Path) -> None:
    """Listed, and gone when they are opened."""
    gone = FileCandidate(str(tmp_path / "gone"), Signature(0, 0, 0, 0, 0))
    assert folders.opened([gone]) == {"gone": 1}


def test_only_the_newest_files_are_opened(tmp_path: Path) -> None:
    """A hundred thousand answered ones cost nothing."""
    path = tmp_path / "a"
    path.write_text("x")
    old = [FileCandidate(str(tmp_path / "none"), Signature(0, 0, 0, index, 0)) for index in range(1000)]
    new = [FileCandidate(str(path), Signature(0, 0, 0, 10_000, 0))] * folders.MOST_OPENED
    states = folders.opened([*new, *old])
    assert states.total() == folders.MOST_OPENED
    assert "gone" not in states


# journals


def test_a_new_journal_will_lie_in_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    """The nearest one that is decides."""
    found = by_check(journals.look(asked(tmp_path, journal=tmp_path / "a" / "b" / "j.sqlite3")))
    assert set(found) == {"journal", "disk"}
    assert found["journal"].level == "ok"
    assert journals.nearest(tmp_path / "a" / "b" / "j.sqlite3") == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_an_empty_journal_has_no_records(tmp_path: Path) -> None:
    """Made, and nothing answered yet; an empty file too."""
    with Journal.open(tmp_path / "j.sqlite3") as journal:
        assert journal.newest() == 0
    assert by_check(journals.look(asked(tmp_path)))["records"].found == "none yet"
    (tmp_path / "empty.sqlite3").touch()
    assert by_check(journals.look(asked(tmp_path, journal=tmp_path / "empty.sqlite3")))["records"].found == "none yet"


def test_another_programs_database_is_no_journal(tmp_path: Path) -> None:
    """With a table of the same name, and without one."""
    for name in ("records", "other"):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite3")) as connection:
            connection.execute(f"CREATE TABLE {name} (x)")
        found = by_check(journals.look(asked(tmp_path, journal=tmp_path / f"{name}.sqlite3")))["records"]
        assert (found.level, found.found) == ("wrong", "the journal is the database of another program")


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    """It is told, and nothing is read of it."""
    assert by_check(journals.look(asked(tmp_path, journal=tmp_path)))["journal"].level == "wrong"


# models


def test_the_own_library_is_counted(tmp_path: Path) -> None:
    """None, one that was named and is not there, one that is."""
    path = tmp_path / "own.sqlite3"
    assert models.own(asked(tmp_path)).found == "none"
    assert models.own(asked(tmp_path, own=path)).level == "wrong"
    with UserLibrary.open(path, create=True):
        pass
    assert models.own(asked(tmp_path, own=path)).found == f"{path}: 0 spectra taught"


def test_without_onnxruntime_the_model_cannot_be_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is missed once, with how to install it, and the own library is looked at all the same."""

    def missing(*_: object, **__: object) -> None:
        msg = "onnxruntime is not installed: pip install 'raman-edge[cpu]'"
        raise ConfigError(msg)

    model, library = build.write_pair(tmp_path)
    monkeypatch.setattr("raman_edge.model.model.open_session", missing)
    found = list(models.look(asked(tmp_path, model=model, library=library)))
    assert [(finding.check, finding.level) for finding in found] == [("model", "wrong"), ("own library", "ok")]
    assert "pip install" in found[0].found
    monkeypatch.setattr("raman_edge.model.runtime.installed", missing)
    assert by_check(software.look(asked(tmp_path)))["onnxruntime"].level == "wrong"


@pytest.mark.parametrize(("notes", "level"), [((), "ok"), (("CUDA did not load",), "warning")])
def test_a_gpu_that_is_not_used_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple[str, ...], level: str) -> None:
    """Only where the wheel for it is installed."""
    model, _ = build.write_pair(tmp_path)
    assert list(models.provider(asked(tmp_path, model=model))) == []
    monkeypatch.setattr("raman_edge.model.runtime.installed", lambda: {"onnxruntime-gpu": "1.31"})
    monkeypatch.setattr("raman_edge.model.runtime.notes", lambda *_, **__: notes)
    (found,) = models.provider(asked(tmp_path, model=model))
    assert (found.check, found.level) == ("gpu", level)


# machine and software


@pytest.mark.parametrize(
    ("language", "terminal", "level", "words"),
    [("C.UTF-8", True, "ok", "shows braille"), ("C", True, "warning", "language C"), ("C", False, "ok", "lines of JSON")],
)
def test_the_terminal_is_judged(monkeypatch: pytest.MonkeyPatch, language: str, terminal: bool, level: str, words: str) -> None:  # noqa: FBT001
    """By its language; in a pipe nothing is drawn."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("LC_ALL", language)
    monkeypatch.setenv("TERM", "xterm")
    found = machine.terminal({"LC_ALL": language})
    assert found.level == level
    assert words in found.found


def test_what_cannot_be_read_is_empty(tmp_path: Path) -> None:
    """A file that is not there, a folder, and bytes that are no text."""
    (tmp_path / "bytes").write_bytes(b"\xff7")
    assert (text_of(tmp_path / "none"), text_of(tmp_path)) == ("", "")
    assert text_of(tmp_path / "bytes").endswith("7")


@given(st.text(), NUMBERS, st.lists(NUMBERS, max_size=3))
def test_no_text_of_a_system_ends_a_check(text: str, number: str, numbers: list[str]) -> None:
    """Whatever /proc, /sys, package metadata or a journal hold, there is a finding."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    found = [
        machine.heat(numbers, number),
        machine.memory(f"{text}\nMemAvailable: {number} kB", None),
        machine.processors(2, 1, {"OMP_NUM_THREADS": number}),
        folders.events(number, 3, network=False),
        software.extras([text, f"{text}; extra == 'mqtt'"], lambda _: "", [text]),
        software.variables({text: number}),
    ]
    assert all(finding.level in {"ok", "warning", "wrong"} and finding.found for finding in found)
    assert journals.holders(text, [(1, 1)]) == []
    assert journals.growth(1, ((3, text, text, 2),), now) is not None
