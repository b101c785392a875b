"""``raman-edge watch`` as a process: killed, stopped, fed garbage, run twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import build
import command
import numpy as np
import pytest
import watch_process
from watch_process import Watch, digests, journaled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = 100
FILES_OF_A_BACKLOG = 1000


@pytest.fixture
def watch(folder: Path, model: Path) -> Iterator[Callable[..., Watch]]:
    """What starts ``raman-edge watch`` on the folder, with more arguments."""
    started: list[Watch] = []

    def start(*more: str) -> Watch:
        started.append(Watch(folder, model, *more))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.mark.slow
def test_killed_again_and_again_nothing_is_lost_or_doubled(folder: Path, watch: Callable[..., Watch]) -> None:
    """Killed at random moments while files keep coming, after restarts every content stands exactly once in the journal.

    Its file of results has every record; standard output, which begins anew with each run, may lack what a kill came before.
    """
    rng = np.random.default_rng(20261122)
    kept = folder.parent / "results.jsonl"
    to_file = ("--output", f"jsonl:{kept}", "--output", "stdout")
    texts = [build.text("Quartz", seed) for seed in range(FILES)]

    def write() -> None:
        for number, text in enumerate(texts):
            temporary = folder / f"{number}.csv.tmp"
            temporary.write_text(text)
            temporary.rename(folder / f"{number}.csv")
            if number % 4 == 0:
                (folder / f"copy of {number}.csv").write_text(text)
            time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    runs: list[list[object]] = []
    for _ in range(3):
        running = watch("--stable", "0.2", *to_file)
        running.wait_for(int(rng.integers(1, 7)))
        time.sleep(rng.uniform(0.0, 0.02))
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
        runs.append([line["id"] for line in running.lines])
    writer.join()
    last = watch("--once", *to_file)
    assert last.end() == 0
    runs.append([line["id"] for line in last.lines])
    records = journaled(last.journal)
    assert len(digests(records)) == len(set(digests(records))) == FILES
    ids = [record["id"] for record in records]
    assert {json.loads(line)["id"] for line in kept.read_text().splitlines()} == set(ids)
    place = 0
    for run in filter(None, runs):  # in the journal's order, without a gap, and the last to its end
        place = ids.index(run[0], place)
        assert ids[place : place + len(run)] == run
        place += len(run)
    assert not runs[-1] or place == len(ids)
    again = watch("--once")
    assert again.end() == 0
    assert again.lines == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, command.STOPPED)])
def test_a_signal_ends_it_cleanly(folder: Path, watch: Callable[..., Watch], number: int, code: int) -> None:
    """Ctrl-C and SIGTERM end it soon with 130 and 143, a summary, and all that was shown in the journal."""
    for seed in range(3):
        (folder / f"{seed}.csv").write_text(build.text(seed=seed))
    running = watch("--stable", "0.1")
    running.wait_for(3)
    assert running.end(number) == code
    assert b"3 matches; 0 failed" in running.stderr
    assert b"Traceback" not in running.stderr
    assert [record["id"] for record in journaled(running.journal)] == [line["id"] for line in running.lines]


@pytest.mark.slow
def test_a_signal_in_a_backlog_finishes_the_current_spectrum(folder: Path, watch: Callable[..., Watch]) -> None:
    """Stopped in a backlog, what was shown is what is journaled, and the next run does the rest."""
    for seed in range(FILES_OF_A_BACKLOG):
        (folder / f"{seed}.csv").write_text(build.text(seed=seed))
    running = watch("--stable", "0.1")
    running.wait_for(2)
    assert running.end(signal.SIGTERM) == command.STOPPED
    first = len(running.lines)
    assert first == len(journaled(running.journal)) < FILES_OF_A_BACKLOG
    rest = watch("--once")
    assert rest.end() == 0
    assert first + len(rest.lines) == FILES_OF_A_BACKLOG


def test_two_watchers_of_one_folder(folder: Path, watch: Callable[..., Watch]) -> None:
    """Two processes that watch one folder with one journal leave one record a content."""
    for seed in range(15):
        (folder / f"{seed}.csv").write_text(build.text(seed=seed))
    both = [watch("--once", "--stable", "0.1") for _ in range(2)]
    assert [one.end() for one in both] == [0, 0]
    assert len(digests(journaled(both[0].journal))) == 15


def test_garbage_is_answered_and_never_fatal(folder: Path, watch: Callable[..., Watch]) -> None:
    """Whatever lies in the folder, every file is answered, the good ones with a name, and the run goes on."""
    contents = {
        b"empty.csv": b"",
        b"binary.csv": os.urandom(50_000).replace(b"\n", b"\x00"),
        b"truncated.csv": build.text(seed=1).encode()[:800],
        b"page.html": b"<!DOCTYPE html><html><body><h1>404</h1></body></html>",
        b"words.txt": b"lorem ipsum dolor sit amet\n" * 100,
        b"long.txt": b"1" * 2_000_000,
        b"nan.csv": b"x,y\n" + b"".join(b"%d,nan\n" % x for x in range(200)),
        b"\x1b[31mred\x07.csv": build.text(seed=2).encode(),
        b"und\xff\xe9.csv": build.text(seed=3).encode(),
        b"new\nline.csv": build.text(seed=4).encode(),
        b"[bold red]x[bold].csv": build.text(seed=5).encode(),
        b"good.csv": build.text(seed=6).encode(),
    }
    impossible = [name for name in contents if re.search(rb"[\x00-\x1f\xff]", name)] if sys.platform == "win32" else []
    for name in impossible:  # names are Unicode there, without control characters
        del contents[name]
    for name, content in contents.items():
        (folder / os.fsdecode(name)).write_bytes(content)
    with (folder / "large.csv").open("wb") as file:
        file.truncate(200 * 2**20)
    running = watch("--once", "--stable", "0.2")
    assert running.end() == 1
    answered = [line["source"]["path"] for line in running.lines]  # type: ignore[index]  # a record's source
    names = [name.replace(b"\xff\xe9", rb"\xff\xe9").decode() for name in (*contents, b"large.csv")]
    assert sorted(answered) == sorted(str(folder / name) for name in names)
    assert [line["decision"] for line in running.lines if line["event"] == "result"].count("match") == 5 - len(impossible)
    assert b"\x1b" not in running.stderr
    again = watch("--once", "--stable", "0.2")
    assert (again.end(), again.lines) == (0, [])


def test_its_own_files_are_not_spectra(folder: Path, model: Path) -> None:
    """A journal and an output that lie in the watched folder are not read."""
    (folder / "good.csv").write_text(build.text())
    with (folder / "out.jsonl").open("wb") as out:
        process = command.start("watch", folder, "--once", "--stable", "0.1", "--model", model, "--journal", folder / "my.db", stdout=out)
        assert process.communicate(timeout=120)[1].startswith(b"raman-edge: 1 match; 0 failed")
    assert len((folder / "out.jsonl").read_text().splitlines()) == 1


def test_what_lands_is_answered_while_it_runs(folder: Path, watch: Callable[..., Watch]) -> None:
    """A file written slowly is answered once it is complete, as a whole; a note on standard error reports a folder that is away."""
    running = watch("--stable", "0.3")
    text = build.text("Zircon")
    with (folder / "slow.csv").open("w") as file:
        for start in range(0, len(text), len(text) // 4 + 1):
            file.write(text[start : start + len(text) // 4 + 1])
            file.flush()
            time.sleep(0.2)
    running.wait_for(1)
    folder.rename(folder.parent / "away")
    time.sleep(0.8)
    (folder.parent / "away").rename(folder)
    (folder / "next.csv").write_text(build.text("Quartz"))
    running.wait_for(2)
    assert running.end(signal.SIGINT) == 130
    assert [line["matches"][0]["label"] for line in running.lines] == ["Zircon", "Quartz"]  # type: ignore[index]  # a record's matches
    assert b"waiting for it" in running.stderr
    assert b"can be read again" in running.stderr


def test_a_second_signal_does_not_wait(folder: Path, model: Path) -> None:
    """While the first signal waits for something that does not come back, the second one ends the run."""
    hanging = f"{watch_process.ANNOUNCING}; import raman_edge.quality as q; q.assess = lambda *a: (print('in', flush=True), time.sleep(60))"
    (folder / "a.csv").write_text(build.text())
    called = ("watch", folder, "--model", model, "--journal", folder.parent / "j", "--stable", "0.1")
    process = subprocess.Popen(
        [sys.executable, "-c", f"{hanging}; {watch_process.MAIN}", *called],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=command.environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    command.interrupt(process)
    assert f"{watch_process.SIGNAL}\n".encode() in iter(process.stderr.readline, b"")
    assert process.poll() is None
    command.interrupt(process)
    stderr = process.communicate(timeout=50)[1]
    assert process.returncode == 130
    assert b"Traceback" not in stderr


def test_the_screen_is_left_on_a_signal(folder: Path, model: Path) -> None:
    """On a terminal the live screen shows the answer, and a signal gives the terminal back."""
    (folder / "a.csv").write_text(build.text("Gypsum"))
    code, written = command.on_terminal(
        "watch", folder, "--model", model, "--journal", folder.parent / "j", "--stable", "0.1", signal_after=(b"Gypsum", signal.SIGINT)
    )
    assert code == 130
    assert b"\x1b[?1049h" in written
    assert written.rindex(b"\x1b[?1049l") > written.rindex(b"\x1b[?1049h")
    assert written.rindex(b"\x1b[?25h") > written.rindex(b"\x1b[?25l")
    assert b"1 match; 0 failed" in written
