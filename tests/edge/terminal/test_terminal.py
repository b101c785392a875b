"""``raman-edge watch`` and ``demo`` in a real terminal: a pseudo-terminal read by a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

import build
import pytest
from rich.cells import cell_len
from terminals import WITHIN_S, Terminal, is_whole, put, watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model, with its library beside it."""
    return str(build.write_pair(tmp_path_factory.mktemp("pair"))[0])


def fills(columns: int) -> Callable[[list[str]], bool]:
    """Whether a whole frame reaches both sides of a terminal: the counts stand one cell from the right."""
    return lambda rows: is_whole(rows) and cell_len(rows[0]) == columns - 1


def test_watch_shows_a_result_resizes_and_leaves_the_terminal_as_it_was(tmp_path: Path, model: str) -> None:
    """A dropped file is named on the screen, at every size the terminal takes, and Ctrl-C gives the terminal back."""
    folder = tmp_path / "in"
    with watch(folder, model) as terminal:
        terminal.until(lambda rows: "waiting for the first spectrum" in rows[1] and is_whole(rows))
        put(folder, "石英.txt", build.text("Calcite"))
        rows = terminal.until(lambda rows: "Calcite" in rows[1] and is_whole(rows))
        assert "1 done" in rows[0]
        assert any("1086" in row and "matched" in row for row in rows)
        for columns, rows_ in ((100, 30), (200, 60), (80, 24)):
            terminal.resize(columns, rows_)
            rows = terminal.until(fills(columns))
            assert len(rows) == rows_
            assert "Calcite" in rows[1]
        os.write(terminal.master, b"\x03")
        assert terminal.end() == 128 + signal.SIGINT
        terminal.assert_as_before()
        assert b"Traceback" not in terminal.written


def test_a_fault_is_on_the_screen(tmp_path: Path, model: str) -> None:
    """A file that is no spectrum is answered on the screen with the reason."""
    folder = tmp_path / "in"
    with watch(folder, model) as terminal:
        terminal.until(is_whole)
        put(folder, "page.txt", "<!DOCTYPE html><html>")
        rows = terminal.until(lambda rows: "no spectrum" in rows[1])
        assert "1 failed" in rows[0]
        assert "page.txt" in rows[1]


def test_sigterm_restores_the_terminal_too(tmp_path: Path, model: str) -> None:
    """A service manager's stop is as clean as Ctrl-C."""
    with watch(tmp_path / "in", model) as terminal:
        terminal.until(is_whole)
        terminal.process.terminate()
        assert terminal.end() == 128 + signal.SIGTERM
        terminal.assert_as_before()


def test_without_colour_there_is_none(tmp_path: Path, model: str) -> None:
    """NO_COLOR leaves bold and dim, and no code for a colour."""
    folder = tmp_path / "in"
    with watch(folder, model, NO_COLOR="1") as terminal:
        terminal.until(is_whole)
        put(folder, "a.txt", build.text("Zircon"))
        terminal.until(lambda rows: "Zircon" in rows[1])
        assert not re.search(rb"\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])\b[0-9;]*m", terminal.written)


def test_without_utf8_every_byte_is_ascii(tmp_path: Path, model: str) -> None:
    """With LC_ALL=C the plot is made of ASCII, and a Chinese file name of escapes."""
    folder = tmp_path / "in"
    with watch(folder, model, LC_ALL="C") as terminal:
        terminal.until(lambda rows: "waiting" in rows[1])
        put(folder, "石英.txt", build.text("Zircon"))
        rows = terminal.until(lambda rows: "Zircon" in rows[1])
        assert r"\u77f3\u82f1.txt" in rows[1] or r"\xe7\x9f\xb3" in rows[1]
        assert terminal.written.isascii()


def test_a_dumb_terminal_gets_lines(tmp_path: Path, model: str) -> None:
    """TERM=dumb gets a description an event and no escape code at all."""
    folder = tmp_path / "in"
    with watch(folder, model, TERM="dumb") as terminal:
        put(folder, "a.txt", build.text("Quartz"))
        ends = time.monotonic() + WITHIN_S
        while b"Quartz" not in terminal.written:
            assert time.monotonic() < ends
            terminal.read(0.1)
        os.write(terminal.master, b"\x03")
        terminal.end()
        assert b"\x1b" not in terminal.written


def test_the_demo_runs_to_its_end_and_sums_up(model: str) -> None:
    """The demo shows the screen, ends by itself and prints what was dropped, with the terminal given back."""
    with Terminal(100, 40, "demo", "--model", model, "--seconds", "1") as terminal:
        terminal.until(lambda rows: "a simulated spectrometer" in rows[0] and is_whole(rows))
        assert terminal.end() == 0
        terminal.assert_as_before()
        rows = terminal.rows
        assert any("Nothing lost" in row for row in rows)
        assert any("the cable is out and in again" in row for row in rows)


@pytest.mark.slow
def test_ctrl_c_ends_the_demo_with_its_summary(model: str) -> None:
    """Ctrl-C ends the demo early; the summary is printed all the same."""
    with Terminal(90, 30, "demo", "--model", model, "--seconds", "60") as terminal:
        terminal.until(lambda rows: "1 done" in rows[0])
        os.write(terminal.master, b"\x03")
        assert terminal.end() == 128 + signal.SIGINT
        terminal.assert_as_before()
        assert any("ended early" in row for row in terminal.rows)
