"""Half-written files in a watched folder: waited for where there is a sign of the writer, and replaced where there is none."""

from __future__ import annotations

import hashlib
import sys
import time
from typing import TYPE_CHECKING

import build
import jcamp_forms
import pytest
from markers import slow
from raman_edge import formats
from raman_edge.sources import folder, stability
from raman_edge.sources.notify import FolderEvents
from raman_edge.sources.scan import ScanRules
from raman_edge.sources.stability import OpenWriter
from raman_edge.spectrum import Fault, Origin
from watched_folder import Remembered, Watched, attempts, once

if TYPE_CHECKING:
    from pathlib import Path

STABLE_S = 0.2
RULES = ScanRules(poll_s=0.02, stable_s=STABLE_S)
needs_events = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports a writer")


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's file: the kernel does not say who writes it, and the processes that may are hidden."""
    monkeypatch.setattr(stability, "writer_of", lambda *_: OpenWriter.UNKNOWN)
    monkeypatch.setattr(folder, "open_for_writing", frozenset)


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """No event is ever reported."""
    monkeypatch.setattr(FolderEvents, "open", lambda _: None)


def digest(text: str) -> str:
    """Return SHA-256 in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_in_halves(path: Path, text: str, pause_s: float) -> float:
    """Write a file with a pause in the middle, and return how long the pause was, s: longer on a busy machine."""
    with path.open("w", newline="") as file:
        began = time.monotonic()
        file.write(text[: len(text) // 2])
        file.flush()
        time.sleep(pause_s)
        file.write(text[len(text) // 2 :])
        file.flush()
        return time.monotonic() - began


@pytest.mark.usefixtures("unknown", "deaf")
def test_without_a_sign_of_the_writer_a_short_pause_is_waited_for(tmp_path: Path) -> None:
    """Without a sign of the writer, a pause longer than the usual wait makes no half answer."""
    for number in attempts():
        text, folder = build.text(seed=number), tmp_path / str(number)
        folder.mkdir()
        with Watched(folder, rules=RULES) as watched:
            paused_s = write_in_halves(folder / "a.csv", text, 2 * STABLE_S)
            watched.wait_for(values=1)
        if paused_s < stability.patience_s(STABLE_S):
            break
    assert [value.origin.sha256 for value in watched.values] == [digest(text)]


@pytest.mark.slow
@pytest.mark.usefixtures("unknown", "deaf")
def test_without_a_sign_of_the_writer_a_long_pause_gives_two_answers(tmp_path: Path) -> None:
    """After a longer one the half is answered, and the answer to the whole file says which one it replaces."""
    text = build.text()
    with Watched(tmp_path, rules=RULES) as watched:
        write_in_halves(tmp_path / "a.csv", text, 20 * STABLE_S)
        watched.wait_for(values=2)
    half = text[: len(text) // 2]
    assert [(value.origin.sha256, value.origin.grown_from) for value in watched.values] == [
        (digest(half), None),
        (digest(text), digest(half)),
    ]


@needs_events
@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("is_touched", [False, True], ids=["made", "touched before"])
def test_events_show_the_writer(tmp_path: Path, is_touched: bool) -> None:  # noqa: FBT001 - a column of the table
    """A file that changes while it is watched is waited for until it is closed, and answered then, not after the 600 s of an open one."""
    text, path = build.text(), tmp_path / "a.csv"
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=0.05)) as watched:
        time.sleep(0.2)
        if is_touched:
            path.touch()
        write_in_halves(path, text, 1.0)  # twice as long as a file is waited for without a sign of its writer
        watched.wait_for(values=1)
    assert [value.origin.sha256 for value in watched.values] == [digest(text)]


@pytest.mark.usefixtures("deaf")
def test_proc_shows_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that a visible process has open is waited for, though the kernel does not report it."""
    monkeypatch.setattr(stability, "writer_of", lambda *_: OpenWriter.UNKNOWN)
    text = build.text()
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=0.05)) as watched:
        write_in_halves(tmp_path / "a.csv", text, 1.0)
        watched.wait_for(values=1)
    assert [value.origin.sha256 for value in watched.values] == [digest(text)]


@pytest.mark.parametrize("soon_s", [0.05, *slow(0.3)])
def test_kept_open_it_is_not_answered_in_halves(tmp_path: Path, soon_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that its writer keeps open is not answered however long it pauses, with one note."""
    monkeypatch.setattr(stability, "OPEN_WHOLE_S", soon_s)
    text = build.text()
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=0.05)) as watched:
        write_in_halves(tmp_path / "a.csv", text, 1.0)
        watched.wait_for(values=1)
    assert [value.origin.sha256 for value in watched.values] == [digest(text)]
    assert len(watched.notes) == 1
    assert "keeps it open" in watched.notes[0]


JCAMP = jcamp_forms.file([10, 20, 40, 30, 20, 10, 5, 6, 7, 8] * 30, "AFFN")


@pytest.mark.usefixtures("unknown", "deaf")
def test_a_file_that_declares_its_length_is_answered_when_it_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JCAMP file is whole when it has all that it declares: nothing more is waited for, and a half of it is not answered."""
    monkeypatch.setattr(stability, "UNKNOWN_S", 60.0)
    monkeypatch.setattr(stability, "UNKNOWN_TIMES", 1000.0)
    with Watched(tmp_path, rules=RULES) as watched:
        write_in_halves(tmp_path / "a.jdx", JCAMP, 5 * STABLE_S)
        watched.wait_for(values=1)
    assert [value.origin.sha256 for value in watched.values] == [digest(JCAMP)]
    assert not isinstance(watched.values[0], Fault)


def test_kept_open_but_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never closes a file which declares its length does not keep it from its answer."""
    monkeypatch.setattr(stability, "OPEN_WHOLE_S", 0.1)
    with Watched(tmp_path, rules=RULES) as watched, (tmp_path / "a.jdx").open("w", newline="") as file:
        file.write(JCAMP)
        file.flush()
        watched.wait_for(values=1)
    assert watched.values[0].origin.sha256 == digest(JCAMP)


def test_what_declares_its_length() -> None:
    """No beginning of a JCAMP file is whole, and no table is, however complete."""
    data = JCAMP.rstrip().encode()
    origin = Origin("test", "")
    assert formats.is_whole(data, origin)
    assert not any(formats.is_whole(data[:size], origin) for size in range(0, len(data), 7))
    assert not formats.is_whole(build.text().encode(), origin)


def test_only_a_beginning_is_replaced(tmp_path: Path) -> None:
    """A file that grows says what it grew from, step by step; one that is written anew says nothing."""
    path, memory, text = tmp_path / "a.csv", Remembered(), build.text()
    digests_seen = []
    for content in (text[:5000], text[:9000], text, build.text(seed=3), build.text(seed=3)[:-1], "x" + build.text(seed=3)):
        path.write_text(content)
        digests_seen += [value.origin.grown_from for value in once(tmp_path, memory)]
    assert digests_seen == [None, digest(text[:5000]), digest(text[:9000]), None, None, None]


def test_a_copy_of_a_half_elsewhere_is_not_replaced(tmp_path: Path) -> None:
    """What lies under another name is another file."""
    memory, text = Remembered(), build.text()
    (tmp_path / "a.csv").write_text(text[:9000])
    once(tmp_path, memory)
    (tmp_path / "b.csv").write_text(text)
    assert [value.origin.grown_from for value in once(tmp_path, memory)] == [None]
