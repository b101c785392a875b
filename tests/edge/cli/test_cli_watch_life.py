"""``raman-edge watch`` over a year: models change, signals come in storms and in the middle of a backlog."""

from __future__ import annotations

import signal
import time
from collections import Counter
from typing import TYPE_CHECKING

import build
import command
import pytest
from markers import POSIX, slow
from raman_edge.service.worker import MANY
from watch_process import Watch, digests, journaled

if TYPE_CHECKING:
    from pathlib import Path

BACKLOG = MANY + 900
"""Files for which a second process is started."""


@pytest.fixture
def folder(folder: Path) -> Path:
    """An empty folder to watch, with a model beside it that may be replaced."""
    build.write_pair(folder.parent)
    return folder


def write(folder: Path, count: int, first: int = 0) -> None:
    """Write spectra that no other number gives."""
    text = build.text("Quartz")
    for number in range(first, first + count):
        (folder / f"{number}.csv.tmp").write_text(f"{text}1401, {number}\n")
        (folder / f"{number}.csv.tmp").rename(folder / f"{number}.csv")


def replace_model(folder: Path, name: str) -> None:
    """Put another model in the place of the one that is used."""
    build.write_model(folder.parent / "new", name=name)
    (folder.parent / "new").replace(folder.parent / "tiny.onnx")


def models(watch: Watch) -> Counter[str]:
    """Return how many rows each model has."""
    return Counter(str(record["model"]["id"]).partition("-0")[0] for record in journaled(watch.journal))  # type: ignore[index]


def verified(watch: Watch) -> bool:
    """Whether the journal's chain holds."""
    return command.call("journal", "verify", "--journal", watch.journal).returncode == 0


@POSIX
def test_another_model_answers_from_the_signal_on(folder: Path) -> None:
    """A model put in the old one's place is used after a signal, and then answers everything that lies there, once."""
    with Watch(folder, folder.parent / "tiny.onnx") as watch:
        write(folder, 2)
        watch.wait_for(2)
        replace_model(folder, "another")
        write(folder, 1, 2)
        watch.wait_for(3)
        assert models(watch) == {"matched-filter": 3}
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for(6)
        assert models(watch) == {"matched-filter": 3, "another": 3}
        assert watch.stop() == command.STOPPED
    assert watch.noted("reloaded: another") == 1
    assert verified(watch)


@POSIX
@pytest.mark.parametrize("how", ["garbage", *slow("none")])
def test_a_bad_model_changes_nothing(folder: Path, how: str) -> None:
    """An invalid model is reported, and the open one goes on answering until there is a valid one."""
    model = folder.parent / "tiny.onnx"
    with Watch(folder, model) as watch:
        write(folder, 1)
        watch.wait_for(1)
        if how == "none":
            model.unlink()
        else:
            model.write_bytes(b"no model")
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_until(lambda: watch.noted("not reloaded, everything goes on as it was") > 0, "a note")
        write(folder, 1, 1)
        watch.wait_for(2)
        replace_model(folder, "another")
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_for(4)
        assert models(watch) == {"matched-filter": 2, "another": 2}
        assert watch.stop() == command.STOPPED
    assert verified(watch)


@POSIX
@pytest.mark.slow
def test_a_storm_of_signals(folder: Path) -> None:
    """However often it reads its settings again during a backlog, every file is answered once, and a signal ends it."""
    with Watch(folder, folder.parent / "tiny.onnx") as watch:
        write(folder, BACKLOG)
        watch.wait_for(MANY)
        for _ in range(100):
            watch.process.send_signal(signal.SIGHUP)
            time.sleep(0.02)
        write(folder, 1, BACKLOG)
        watch.wait_for(BACKLOG + 1)
        assert watch.stop() == command.STOPPED
    assert len(set(digests(watch.lines))) == len(watch.lines) == len(journaled(watch.journal)) == BACKLOG + 1
    assert watch.noted("reloaded: matched-filter") >= 1
    assert watch.noted("Traceback") == 0
    assert verified(watch)


@pytest.mark.slow
def test_stopped_in_a_backlog_it_keeps_every_printed_result(folder: Path) -> None:
    """SIGTERM in the middle of a backlog ends the run soon; what was shown is in the journal, and the next run does the rest."""
    write(folder, BACKLOG)
    with Watch(folder, folder.parent / "tiny.onnx") as watch:
        watch.wait_for(MANY)
        assert watch.stop() == command.STOPPED
    first = len(journaled(watch.journal))
    assert first >= MANY
    assert {line["id"] for line in watch.lines} <= {record["id"] for record in journaled(watch.journal)}
    with Watch(folder, folder.parent / "tiny.onnx", "--once") as rest:
        assert rest.end() == 0
    assert len(rest.lines) == BACKLOG - first
    assert verified(rest)


@POSIX
@pytest.mark.slow
def test_held_while_thousands_come(folder: Path) -> None:
    """A process that is stopped while more files come than any queue of events holds answers each of them once it goes on."""
    with Watch(folder, folder.parent / "tiny.onnx", "--match", "*.csv", "--stable", "0.3") as watch:
        write(folder, 1)
        watch.wait_for(1)
        watch.process.send_signal(signal.SIGSTOP)
        for number in range(9_000):  # twice as many events; a queue holds 16 384
            (folder / f"{number} a.tmp").write_bytes(b"%d\n" % (number % 40))
            (folder / f"{number} a.tmp").rename(folder / f"{number} a.csv")
        write(folder, 50, 1)
        watch.process.send_signal(signal.SIGCONT)
        watch.wait_for(1 + 40 + 50)
        assert watch.stop() == command.STOPPED
    assert len(set(digests(watch.lines))) == len(watch.lines) == 91
