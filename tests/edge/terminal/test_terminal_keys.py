"""The keys of ``raman-edge watch`` in a real terminal."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import build
import pytest
from terminals import WITHIN_S, is_whole, put, watch

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model, with its library beside it."""
    return str(build.write_pair(tmp_path_factory.mktemp("pair"))[0])


def answers(name: str, rows: list[str]) -> bool:
    """Whether the screen's answer has this name in it."""
    return name in rows[1]


def test_a_person_looks_back_zooms_asks_for_help_and_quits(tmp_path: Path, model: str) -> None:
    """Every key shows at once what it does; the last one ends the run with 0 and gives the terminal back."""
    folder = tmp_path / "in"
    with watch(folder, model) as terminal:
        terminal.until(is_whole)
        for name in ("Calcite", "Zircon"):
            put(folder, f"{name}.txt", build.text(name))
            terminal.until(partial(answers, name))
        assert not terminal.line_edited()
        terminal.press("\x1b[D")
        terminal.until(lambda rows: "Calcite" in rows[1] and "result 2 of 2" in rows[0])
        terminal.press("+z")
        terminal.until(lambda rows: "zoom ×4" in rows[0])
        terminal.resize(100, 30)
        terminal.until(lambda rows: is_whole(rows) and "zoom ×4" in rows[0])
        terminal.press("?")
        terminal.until(lambda rows: any("── keys ─" in row for row in rows))
        terminal.press("\x1b")
        terminal.until(lambda rows: is_whole(rows) and "zoom ×4" in rows[0])
        terminal.press("0]")
        terminal.until(lambda rows: "Zircon" in rows[1] and "zoom ×" not in rows[0] and " result " not in rows[0])
        terminal.press("q")
        assert terminal.end() == 0
        terminal.assert_as_before()
        assert "2 match" in terminal.rows[0]
        assert b"Traceback" not in terminal.written


def test_held_means_held_while_files_are_answered(tmp_path: Path, model: str) -> None:
    """The pause key holds what is shown; what comes meanwhile is counted, and shown when it goes on."""
    folder = tmp_path / "in"
    with watch(folder, model) as terminal:
        terminal.until(is_whole)
        put(folder, "a.txt", build.text("Calcite"))
        terminal.until(lambda rows: "Calcite" in rows[1])
        terminal.press(" ")
        terminal.until(lambda rows: " held " in rows[0] and "continue" in rows[-1])
        put(folder, "b.txt", build.text("Quartz"))
        rows = terminal.until(lambda rows: "2 done" in rows[0])
        assert "Calcite" in rows[1]
        terminal.press("p")
        terminal.until(lambda rows: "Quartz" in rows[1] and "pause" in rows[-1])


def test_suspended_and_resumed_the_keys_work_again(tmp_path: Path, model: str) -> None:
    """Ctrl-Z gives the terminal back as it was; afterwards the screen and its keys are there again."""
    with watch(tmp_path / "in", model) as terminal:
        terminal.until(is_whole)
        terminal.press("\x1a")
        ends = time.monotonic() + WITHIN_S
        while os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is None:
            assert time.monotonic() < ends
            terminal.read(0.05)
        assert terminal.line_edited()
        terminal.process.send_signal(signal.SIGCONT)
        while terminal.line_edited():
            assert time.monotonic() < ends
            terminal.read(0.05)
        terminal.press("?")
        terminal.until(lambda rows: any("── keys ─" in row for row in rows))
        terminal.press("q")
        assert terminal.end() == 0
        terminal.assert_as_before()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_any_signal_gives_the_line_discipline_back(tmp_path: Path, model: str, number: signal.Signals) -> None:
    """Whoever ends the run, a shell finds its terminal as it left it."""
    with watch(tmp_path / "in", model) as terminal:
        terminal.until(is_whole)
        assert not terminal.line_edited()
        terminal.process.send_signal(number)
        assert terminal.end() == 128 + number
        terminal.assert_as_before()


def test_what_is_typed_at_random_breaks_nothing(tmp_path: Path, model: str) -> None:
    """Function keys, pastes and letters of other alphabets change nothing and tear nothing."""
    folder = tmp_path / "in"
    with watch(folder, model) as terminal:
        terminal.until(is_whole)
        put(folder, "a.txt", build.text("Gypsum"))
        terminal.until(lambda rows: "Gypsum" in rows[1])
        terminal.press("\x1b[15~\x1bOP\x1b[1;5D石英äé\x00\x7f\t\x1b[<0;3;4M\x1b]11;rgb:00/00/00\x07xyzzz0")
        put(folder, "b.txt", build.text("Anatase"))
        rows = terminal.until(lambda rows: "Anatase" in rows[1] and is_whole(rows))
        assert "zoom ×" not in rows[0]


def test_without_a_keyboard_no_keys_are_named(tmp_path: Path, model: str) -> None:
    """Where standard input is no terminal, the screen is there and nothing is read or named."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    with watch(tmp_path / "in", model, stdin=nowhere) as terminal:
        rows = terminal.until(lambda rows: "waiting for the first spectrum" in rows[1] and "matched-filter" in rows[-1])
        assert not any("quit" in row for row in rows)
        terminal.process.terminate()
        assert terminal.end() == 128 + signal.SIGTERM
        terminal.assert_as_before()
    os.close(nowhere)
