"""The watched folder and its slow writers; and a folder on a network, where only a scan shows anything."""

from __future__ import annotations

import hashlib
import sys
import time
from typing import TYPE_CHECKING

import build
import pytest
from raman_edge.sources import folder, stability
from raman_edge.sources.folder import NETWORK_POLL_S, FolderSource
from raman_edge.sources.notify import FolderEvents
from raman_edge.sources.scan import ScanRules
from watched_folder import Remembered, Watched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STABLE_S = 0.15
PATIENT = ScanRules(poll_s=0.02, stable_s=STABLE_S)
needs_leases = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports a writer")


def growing(text: str) -> Iterator[str]:
    """Give a text in three parts, with pauses longer than a file has to lie still."""
    for start in range(0, len(text), len(text) // 3 + 1):
        yield text[start : start + len(text) // 3 + 1]
        time.sleep(4 * STABLE_S)


def digest(text: str) -> str:
    """Return SHA-256 in lower-case hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@needs_leases
def test_held_open_it_is_waited_for(tmp_path: Path) -> None:
    """A file that its writer keeps open through long pauses is read once, when it is whole."""
    text = build.text()
    with Watched(tmp_path, rules=PATIENT) as watched:
        with (tmp_path / "a.csv").open("w") as file:
            for part in growing(text):
                file.write(part)
                file.flush()
            assert watched.values == []
        watched.wait_for(values=1)
        time.sleep(2 * STABLE_S)
    assert [value.origin.sha256 for value in watched.values] == [digest(text)]


def test_closed_between_its_parts_each_is_a_content(tmp_path: Path) -> None:
    """A file that is closed and left alone before it is whole counts as it lies, and is answered again when it is whole."""
    text, path = build.text(), tmp_path / "a.csv"
    with Watched(tmp_path, rules=PATIENT) as watched:
        parts = []
        for part in growing(text):
            with path.open("a", newline="") as file:
                file.write(part)
            parts.append(part)
            watched.wait_for(values=len(parts))
    contents = ["".join(parts[: count + 1]) for count in range(len(parts))]
    assert [value.origin.sha256 for value in watched.values] == [digest(content) for content in contents]
    assert contents[-1] == text


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests to the kernel about a folder that counts as one on a network."""
    messages: list[str] = []
    monkeypatch.setattr(folder, "is_network", lambda _: True)
    monkeypatch.setattr(stability, "writer_of", lambda *_: messages.append("lease"))
    monkeypatch.setattr(FolderEvents, "open", lambda _: messages.append("events"))
    return messages


def test_a_network_is_only_looked_at(tmp_path: Path, lookups: list[str]) -> None:
    """On a network files are found by looking and complete when they lie still: neither events nor leases are requested."""
    with Watched(tmp_path, rules=PATIENT) as watched:
        (tmp_path / "a.csv").write_text(build.text())
        watched.wait_for(values=1)
        (tmp_path / "b.tmp").write_text(build.text(seed=1))
        (tmp_path / "b.tmp").rename(tmp_path / "b.csv")
        watched.wait_for(values=2)
    assert lookups == []


@pytest.mark.slow
def test_a_writer_on_a_network_is_waited_for_as_long_as_it_goes_on(tmp_path: Path, lookups: list[str]) -> None:
    """A file that grows in steps shorter than it has to lie still is read once, whole."""
    text = build.text()
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=0.6)) as watched:
        for part in (text[:5000], text[5000:10000], text[10000:]):
            with (tmp_path / "a.csv").open("a") as file:
                file.write(part)
            time.sleep(0.1)
        watched.wait_for(values=1)
    assert [value.origin.sha256 for value in watched.values] == [digest(text)]
    assert lookups == []


def test_a_network_is_looked_at_less_often(tmp_path: Path, lookups: list[str]) -> None:
    """By default a share is polled every two seconds, and its files have to be unchanged for three."""
    source = FolderSource(tmp_path, Remembered())
    assert (source._pace.poll_s, source._pace.glance_s, source._stable_s) == (NETWORK_POLL_S, NETWORK_POLL_S, folder.NETWORK_STABLE_S)
    assert lookups == []
