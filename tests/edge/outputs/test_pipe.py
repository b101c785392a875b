"""Standard output: a reader that is slow, that stops reading, or that has gone."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING

import markers
import pytest
import scripted_outputs
from raising import refused
from raman_edge.errors import OutputError
from raman_edge.journal import Journal
from raman_edge.outputs.forwarding import Forwarding
from raman_edge.outputs.sink import Pipe

if sys.platform != "win32":
    import pty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MUCH = 2000
"""Records, 1 MB: no pipe holds so much."""


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Where to read and where to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def read_lines(fd: int, count: int) -> list[str]:
    """Read until so many lines have come and return their ids."""
    found = b""
    while found.count(b"\n") < count:
        found += os.read(fd, 65_536)
    return scripted_outputs.ids(found.splitlines())


def test_lines_are_the_records(pipe: tuple[int, int]) -> None:
    """Each record is one line, there as soon as sending returns."""
    with Pipe(pipe[1]) as sink:
        sink.send(scripted_outputs.rows(3))
        sink.send(())
    assert read_lines(pipe[0], 3) == [row.id for row in scripted_outputs.rows(3)]


@markers.POSIX
def test_a_file_that_is_appended_to(tmp_path: Path) -> None:
    """Where a crash or an editor left the last line of a file behind ``>>`` without newline, it gets one, and no other file does."""
    path = tmp_path / "out.jsonl"
    for content, flags in ((b"", os.O_APPEND), (b"{}", os.O_APPEND), (b"{}\n", os.O_APPEND), (b"{}", os.O_TRUNC)):
        path.write_bytes(content)
        fd = os.open(path, os.O_WRONLY | flags)
        with Pipe(fd) as sink:
            sink.send(scripted_outputs.rows(1))
        os.close(fd)
        kept = content.removesuffix(b"\n") + b"\n" if content and flags == os.O_APPEND else b""
        assert path.read_bytes() == kept + f"{scripted_outputs.row(1).line}\n".encode(), (content, flags)


HOSTILE = "Quartz\u009b31m\x7f\u202e\u2066\u2028\U000e0001 Å"


@pytest.mark.parametrize("fd_of", ["terminal", "pipe"])
def test_a_terminal_gets_no_control_characters(fd_of: str, pipe: tuple[int, int]) -> None:
    """On a terminal what does not print stands as JSON's escape, in a pipe as it is; both are the same JSON."""
    hostile = scripted_outputs.row(1, scripted_outputs.result(1, label=HOSTILE))
    ours, theirs = pty.openpty() if fd_of == "terminal" else pipe
    with Pipe(theirs) as sink:
        sink.send([hostile])
    data = os.read(ours, 65_536).removesuffix(b"\n").removesuffix(b"\r")
    assert json.loads(data) == json.loads(hostile.line)
    assert data.decode().isprintable() == (fd_of == "terminal")
    assert (data == hostile.line.encode()) == (fd_of == "pipe")
    if fd_of == "terminal":
        os.close(ours)
        os.close(theirs)


def test_a_reader_that_stops_reading_stops_no_other(pipe: tuple[int, int], tmp_path: Path) -> None:
    """While a pipe is full, records are written to the journal; read again, it gives every one, in order."""
    path = tmp_path / "journal.sqlite3"
    scripted_outputs.write(path, 0)
    deliveries = Forwarding(lambda: Journal.open(path), lambda _: None, threading.Event())
    deliveries.add_sink(Pipe(pipe[1]))
    read: list[str] = []
    with deliveries:
        for first in range(1, MUCH, 100):
            scripted_outputs.write(path, 100, first=first)
            deliveries.wake()
        reader = threading.Thread(target=lambda: read.extend(read_lines(pipe[0], MUCH)))
        reader.start()
    reader.join(60)
    assert read == [row.id for row in scripted_outputs.rows(MUCH)]


@markers.POSIX
@pytest.mark.parametrize("blocking", [True, False])
def test_a_slow_reader_gets_all(pipe: tuple[int, int], *, blocking: bool) -> None:
    """More than a pipe holds arrives whole and in order, also where another process made the pipe non-blocking."""
    os.set_blocking(pipe[1], blocking)
    writer = threading.Thread(target=Pipe(pipe[1]).send, args=(scripted_outputs.rows(MUCH),))
    writer.start()
    assert read_lines(pipe[0], MUCH) == [row.id for row in scripted_outputs.rows(MUCH)]
    writer.join(60)


def test_a_reader_that_has_gone_is_reported() -> None:
    """Without a reader the write fails, and the failure is not temporary."""
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        Pipe(write).send(scripted_outputs.rows(1))
    os.close(write)


def test_a_full_disk_behind_it() -> None:
    """What cannot be written to standard output for another reason says why and what to do."""
    fd = os.open("/dev/full", os.O_WRONLY)
    with refused(OutputError, "cannot be written", "standard output", cause="No space left"):
        Pipe(fd).send(scripted_outputs.rows(1))
    os.close(fd)


def test_no_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started without one writes nowhere, and to no other file that has its number."""
    monkeypatch.setattr("sys.stdout", None)
    with Pipe.standard_output() as sink:
        sink.send(scripted_outputs.rows(1))
    assert sink._fd is None
