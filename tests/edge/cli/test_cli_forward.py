"""``raman-edge forward`` as a process: into files and pipes, stopped, killed, fed mistakes."""

from __future__ import annotations

import argparse
import array
import functools
import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import command
import markers
import pytest
import scripted_outputs
from raising import refused
from raman_edge import cli
from raman_edge.cli import options
from raman_edge.errors import ConfigError
from raman_edge.service.run import open_outputs

if sys.platform != "win32":
    import fcntl
    import termios

if TYPE_CHECKING:
    from pathlib import Path

MANY = 3000

FULL_PIPE = 60_000
"""Bytes in a pipe of 65 536 that has no room for another line."""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with some records."""
    scripted_outputs.write(tmp_path / "journal.sqlite3", 10)
    return tmp_path / "journal.sqlite3"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with more records than any pipe holds."""
    path = tmp_path_factory.mktemp("large") / "journal.sqlite3"
    scripted_outputs.write(path, MANY)
    return path


def holds(path: Path, lines: int) -> bool:
    """Whether the file has so many lines."""
    return path.exists() and path.read_bytes().count(b"\n") >= lines


def test_everything_once(journal: Path, tmp_path: Path) -> None:
    """All that a journal holds goes to each output, the next call sends what has come since, and says how much."""
    names = tmp_path / "a.jsonl", tmp_path / "b.csv"
    call = ("forward", "--once", "--journal", journal, "--output", f"jsonl:{names[0]}", "--output", f"csv:{names[1]}")
    first = command.call(*call)
    assert (first.returncode, first.stdout) == (0, b"")
    assert f"raman-edge: jsonl:{names[0]}: 10 records sent".encode() in first.stderr
    written = scripted_outputs.write(journal, 5, first=11)
    assert command.call(*call).returncode == 0
    assert scripted_outputs.ids(names[0].read_text().splitlines())[10:] == written
    assert len(names[1].read_text().splitlines()) == 16


def test_only_what_comes_from_now_on(journal: Path, tmp_path: Path) -> None:
    """Told so, an output that the journal never fed gets nothing of what was there before."""
    call = ("forward", "--once", "--from-now", "--journal", journal, "--output", f"jsonl:{tmp_path / 'a'}")
    assert command.call(*call).returncode == 0
    written = scripted_outputs.write(journal, 2, first=11)
    assert command.call(*call).returncode == 0
    assert scripted_outputs.ids((tmp_path / "a").read_text().splitlines()) == written


def test_what_comes_is_delivered_until_stopped(journal: Path, tmp_path: Path) -> None:
    """Without --once it follows what other processes write, and a signal ends it with its own code."""
    out = tmp_path / "a"
    process = command.start("forward", "--journal", journal, "--output", f"jsonl:{out}")
    scripted_outputs.wait_until(lambda: holds(out, 10), "what was there")
    scripted_outputs.write(journal, 5, first=11)
    scripted_outputs.wait_until(lambda: holds(out, 15), "what came")
    command.stop(process)
    assert process.communicate(timeout=120)[1].rstrip().endswith(b"15 records sent")
    assert process.returncode == command.STOPPED


def test_killed_nothing_is_lost(large: Path, tmp_path: Path) -> None:
    """Killed again and again while it delivers, every record is in the file, and the first times are in order."""
    out = tmp_path / "a"
    call = ("forward", "--once", "--journal", large, "--output", f"jsonl:{out}")
    for lines in (1, 900, 1800):
        process = command.start(*call)
        scripted_outputs.wait_until(functools.partial(holds, out, lines), "some lines")
        process.kill()
        process.communicate()
    assert command.call(*call).returncode == 0
    found = scripted_outputs.ids(out.read_bytes().splitlines())
    assert scripted_outputs.first_times(found) == [row.id for row in scripted_outputs.rows(MANY)]


def test_an_output_that_is_away(journal: Path, tmp_path: Path) -> None:
    """A signal ends it soon with what is owed; the next run delivers that."""
    call = ("forward", "--journal", journal, "--output", f"jsonl:{tmp_path / 'usb' / 'a'}")
    process = command.start(*call)
    assert process.stderr is not None
    assert b"No such file or directory" in process.stderr.readline()
    command.interrupt(process)
    stderr = process.communicate(timeout=120)[1]
    assert b"10 records are still owed; they go at the next start" in stderr
    assert process.returncode == 130
    (tmp_path / "usb").mkdir()
    assert command.call(*call, "--once").returncode == 0
    assert len((tmp_path / "usb" / "a").read_text().splitlines()) == 10


def test_a_pipe_gets_everything(large: Path) -> None:
    """At the end of --once all is written, to whomever reads slowly."""
    process = command.start("forward", "--once", "--journal", large, "--output", "stdout")
    assert process.stdout is not None
    first = process.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    rest = process.stdout.read()
    process.communicate(timeout=120)
    assert scripted_outputs.ids([first, *rest.splitlines()]) == [row.id for row in scripted_outputs.rows(MANY)]
    assert process.returncode == 0


def test_a_reader_that_goes_ends_it(large: Path) -> None:
    """Without a reader the run ends quietly, as the shell expects it."""
    process = command.start("forward", "--journal", large, "--output", "stdout")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "result"
    process.stdout.close()
    assert process.wait(60) == cli.READER_LEFT
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


@markers.POSIX
def test_a_stuck_reader_does_not_hold_up_the_end(large: Path) -> None:
    """A signal ends the run within its patience though the pipe is full and has no reader."""
    read, write = os.pipe()
    process = command.start("forward", "--once", "--journal", large, "--output", "stdout", stdout=os.fdopen(write, "wb", closefd=True))
    waiting = array.array("i", [0])
    while waiting[0] < FULL_PIPE:
        time.sleep(0.05)
        fcntl.ioctl(read, termios.FIONREAD, waiting)
    command.stop(process)
    stderr = process.communicate(timeout=120)[1]
    assert b"records are still owed; they are in the journal" in stderr
    assert process.returncode == command.STOPPED
    os.close(read)


def test_mistakes(journal: Path, tmp_path: Path) -> None:
    """No output, an unknown one, no journal: one line that says what to do, and the code of its kind."""
    for arguments, code, message in (
        ((), 78, b"--output csv:results.csv"),
        (("--output", "ftp:x"), 78, b"expected jsonl:FILE"),
        (("--output", "csv:a", "--output", "csv:./a"), 78, b"given twice"),
        (("--output", "csv:a", "--journal", tmp_path / "none"), 73, b"not found"),
        (("--output",), 2, b"expected one argument"),
    ):
        done = command.call("forward", "--once", "--journal", journal, *arguments)
        assert (done.returncode, done.stdout) == (code, b"")
        assert message in done.stderr


def test_for_commands_that_watch(journal: Path, tmp_path: Path) -> None:
    """``--output`` may be repeated and is empty without; standard output comes besides, once."""
    parser = argparse.ArgumentParser()
    options.add_output(parser)
    assert parser.parse_args([]).output == []
    specs = parser.parse_args(["--output", f"csv:{tmp_path / 'a'}", "--output", "stdout"]).output
    stop = threading.Event()
    deliveries = open_outputs(specs, journal, lambda _: None, stop=stop, stdout=True)
    assert set(deliveries.delivered()) == {f"csv:{tmp_path / 'a'}", "standard output"}
    assert set(open_outputs([], journal, lambda _: None, stop=stop).delivered()) == set()


def test_no_output_in_the_watched_folder(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that would be read as a spectrum, and answered with one more line of it, is a mistake."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    specs = ["csv:a.csv", f"jsonl:{tmp_path}/in/deep/a", f"csv:{tmp_path}/out/../in/a"]
    if sys.platform != "win32":  # links need a privilege there
        (tmp_path / "link").symlink_to(tmp_path / "in")
        specs.append(f"jsonl:{tmp_path}/link/a")
    monkeypatch.chdir(tmp_path / "in")
    watched = tmp_path / "in"
    for spec in specs:
        with refused(ConfigError, "output in the watched folder", "--output"):
            open_outputs([spec], journal, lambda _: None, stop=threading.Event(), watched=watched)
    open_outputs([f"csv:{tmp_path}/a.csv", "stdout"], journal, lambda _: None, stop=threading.Event(), watched=watched)


def test_a_light_start() -> None:
    """Neither the command's help nor standard output loads a library of another output."""
    script = (
        "import sys; from raman_edge.cli import forward; import scripted_outputs; from raman_edge.outputs import opened; "
        "opened('stdout', scripted_outputs.Alone()); "
        "print([n for n in ('paho', 'prometheus_client', 'onnxruntime', 'rich') if n in sys.modules])"
    )
    environment = command.environment(PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"
