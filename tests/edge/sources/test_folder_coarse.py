"""The watched folder on file systems whose times are coarse: FAT has 2 s, exFAT 10 ms, some shares a second."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import time
from typing import TYPE_CHECKING

import build
import pytest
from markers import slow
from raman_edge.sources import folder, stability
from raman_edge.sources.notify import FolderEvents
from raman_edge.sources.scan import ScanRules, Signature
from watched_folder import Remembered, Watched, attempts, once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIZE = 15_000
"""Bytes of every file."""
TICK_NS = 2 * 10**9


def text(number: int) -> str:
    """Return a spectrum as a table that has the same size for every number."""
    return build.text(seed=number)[:SIZE]


def digest(number: int) -> str:
    """Return the digest of a content."""
    return hashlib.sha256(text(number).encode()).hexdigest()


def wait_for_tick() -> None:
    """Wait until a tick of two seconds has just begun."""
    time.sleep((TICK_NS - time.time_ns() % TICK_NS) / 1e9 + 0.02)


def write(path: Path, number: int) -> None:
    """Write over the file."""
    path.write_text(text(number))


def rename(path: Path, number: int) -> None:
    """Rename another file into place, with the inode that was there, as a file system that reuses them has it."""
    other = path.with_suffix(".tmp")
    write(other, number)
    other.replace(path)


def make_anew(path: Path, number: int) -> None:
    """Delete the file and make it again."""
    path.unlink(missing_ok=True)
    write(path, number)


def keep_times(path: Path, number: int) -> None:
    """Write over the file and give it its times back, as copying programs do."""
    write(path, number)
    os.utime(path, ns=(10**18, 10**18))


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of two seconds, and one inode for all files: the least that a file system has."""
    signature_of = Signature.of

    def of(status: os.stat_result) -> Signature:
        real = signature_of(status)
        change_ns = real.ctime_ns // TICK_NS * TICK_NS
        return Signature(real.dev, 7, real.size, min(real.mtime_ns // TICK_NS * TICK_NS, change_ns), change_ns)

    monkeypatch.setattr(Signature, "of", of)


def rewritten(watched: Watched, path: Path, way: Callable[[Path, int], None], first: int = 0) -> Iterator[int]:
    """Write two contents within a tick, each when the one before is answered, and give the second one's number.

    It goes on with the next two where a busy machine let the tick pass: then the scan could see the change.
    """
    for attempt in attempts():
        number = first + 2 * attempt
        wait_for_tick()
        way(path, number)
        watched.wait_for(values=number + 1)
        state = Signature.of(path.stat())
        way(path, number + 1)
        is_hidden = Signature.of(path.stat()) == state
        watched.wait_for(values=number + 2)
        yield number + 1
        if is_hidden:
            return


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize(
    ("way", "is_deaf"),
    [(rename, False), *slow((rename, True), *itertools.product((write, make_anew, keep_times), (False, True)))],
)
def test_rewritten_within_a_tick(
    tmp_path: Path, way: Callable[[Path, int], None], is_deaf: bool, monkeypatch: pytest.MonkeyPatch  # noqa: FBT001 - a column of the table
) -> None:  # fmt: skip
    """A file of the same name, size, times and inode with another content is answered again, and each content once."""
    if is_deaf:
        monkeypatch.setattr(FolderEvents, "open", lambda _: None)
    path, memory = tmp_path / "a.csv", Remembered()
    with Watched(tmp_path, memory, ScanRules(poll_s=0.02, stable_s=0.2)) as watched:
        for number in rewritten(watched, path, way):
            last = (Signature.of(path.stat()), digest(number))
        watched.wait_until(lambda: memory.files.get(str(path)) == last, "the end of the reading: it is not read for ever")
    assert [value.origin.sha256 for value in watched.values] == [digest(content) for content in range(number + 1)]


@pytest.mark.slow
@pytest.mark.usefixtures("coarse")
def test_at_the_default_settings(tmp_path: Path) -> None:
    """As above, with nothing set: the file is renamed into place, and again within the tick."""
    with Watched(tmp_path, rules=ScanRules()) as watched:
        time.sleep(0.2)
        for number in range(3):
            path = tmp_path / f"{number}.csv"
            wait_for_tick()
            rename(path, 2 * number)
            watched.wait_for(values=2 * number + 1)
            rename(path, 2 * number + 1)
            watched.wait_for(values=2 * number + 2)
    assert [value.origin.sha256 for value in watched.values] == [digest(number) for number in range(6)]


@pytest.mark.usefixtures("coarse")
def test_a_run_that_ends_within_the_tick(tmp_path: Path) -> None:
    """What was answered within a tick of its writing is read again by the next run, and answered where it is another content."""
    path, memory = tmp_path / "a.csv", Remembered()
    wait_for_tick()
    write(path, 1)
    assert len(once(tmp_path, memory)) == 1
    write(path, 2)
    assert [value.origin.sha256 for value in once(tmp_path, memory)] == [digest(2)]
    assert once(tmp_path, memory) == []


@pytest.mark.slow
@pytest.mark.usefixtures("coarse")
def test_left_at_the_start_and_rewritten_within_the_tick(tmp_path: Path) -> None:
    """A file that is left unanswered at the first start is answered when it is written again, however soon."""
    path = tmp_path / "a.csv"
    wait_for_tick()
    write(path, 1)
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=0.2, newest=0)) as watched:
        time.sleep(2.2)
        assert watched.values == []
        write(path, 2)
        watched.wait_for(values=1)
    assert watched.values[0].origin.sha256 == digest(2)


@pytest.mark.usefixtures("coarse")
def test_bytes_that_change_while_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the times cannot show it, a content that another program writes over while it is read is not taken for one."""
    path, read = tmp_path / "a.csv", os.read
    wait_for_tick()
    write(path, 1)
    changes = [2]

    def reading(fd: int, size: int) -> bytes:
        data = read(fd, size // 2 if changes else size)
        if changes and data:
            write(path, changes.pop())
        return data

    monkeypatch.setattr(stability.os, "read", reading)
    assert [value.origin.sha256 for value in once(tmp_path)] == [digest(2)]


def test_fine_times_cost_no_second_reading_of_a_backlog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that have lain there for a while are read once."""
    for number in range(5):
        write(tmp_path / f"{number}.csv", number)
    time.sleep(0.2)
    reads = []
    read = folder.read_complete
    monkeypatch.setattr(folder, "read_complete", lambda *given, **named: (reads.append(named["twice"]), read(*given, **named))[1])
    assert len(once(tmp_path)) == 5
    assert reads == [False] * 5


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system with times of a second: ext4 with the inodes of ext2."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    for called in (["mkfs.ext4", "-q", "-I", "128", "-O", "^has_journal", image], ["mount", "-o", "loop", image, place]):
        try:
            made = subprocess.run(called, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip(f"there is no {called[0]} here")
        if made.returncode:
            pytest.skip(f"nothing may be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("way", [write, make_anew, keep_times])
@pytest.mark.parametrize("is_deaf", [False, True], ids=["events", "no events"])
def test_on_a_real_disk(
    disk: Path, way: Callable[[Path, int], None], is_deaf: bool, monkeypatch: pytest.MonkeyPatch  # noqa: FBT001 - a column of the table
) -> None:  # fmt: skip
    """On a file system that has no more than seconds, each content is answered."""
    if is_deaf:
        monkeypatch.setattr(FolderEvents, "open", lambda _: None)
    with Watched(disk, rules=ScanRules(poll_s=0.02, stable_s=0.1)) as watched:
        count = 0
        for name in ("0.csv", "1.csv", "2.csv"):
            for number in rewritten(watched, disk / name, way, count):
                count = number + 1
    assert [value.origin.sha256 for value in watched.values] == [digest(number) for number in range(count)]
