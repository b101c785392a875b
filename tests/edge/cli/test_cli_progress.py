"""Progress of a long command, on a terminal and nowhere else."""

from __future__ import annotations

import io
import re
import sys
from typing import TYPE_CHECKING

import journals
from raman_edge.cli import output
from raman_edge.journal import Journal
from raman_edge.journal.chain import OFTEN

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


ERASED = "\x1b[2K"


class Terminal(io.StringIO):
    """A terminal that keeps what was written to it."""

    def isatty(self) -> bool:
        """It is one."""
        return True

    @property
    def text(self) -> str:
        """What was written, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue())


def on_terminal(monkeypatch: pytest.MonkeyPatch, delay_s: float = 0.0) -> Terminal:
    """Make standard error a terminal; called in a test, since pytest sets standard error after the fixtures."""
    monkeypatch.setattr(output, "DELAY_S", delay_s)
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setenv("TERM", "xterm-256color")
    return made


def test_the_line_shows_how_many_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done stands there with what it is counted in, and the line is erased at the end."""
    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(output, "EVERY_S", 0.0)
    with output.progress("rows") as show:
        show(90, 1000)
        assert " 90/1000 rows" in terminal.text
        show(1000, 1000)
    assert "1000/1000 rows" in terminal.text
    assert terminal.getvalue().endswith(ERASED)


def test_the_line_is_not_written_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand reports in a moment are not a thousand lines."""
    terminal = on_terminal(monkeypatch)
    with output.progress("rows") as show:
        for done in range(1000):
            show(done, 1000)
    assert terminal.text.count("/1000 rows") < 10


def test_a_short_command_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that takes no time writes no line."""
    terminal = on_terminal(monkeypatch, 60.0)
    with output.progress("rows") as show:
        show(1, 2)
    assert terminal.getvalue() == ""


def test_nothing_is_written_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log gets no progress; a program without standard error works too."""
    monkeypatch.setattr(output, "DELAY_S", 0.0)
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        with output.progress("rows") as show:
            show(1, 2)
        assert stream is None or stream.getvalue() == ""


def test_a_terminal_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command goes on when its terminal has been closed."""
    monkeypatch.setattr(on_terminal(monkeypatch), "write", lambda _: (_ for _ in ()).throw(OSError(5, "gone")))
    with output.progress("rows") as show:
        show(1, 2)
        show(2, 2)


def test_verify_reports_how_many_rows_it_has_read(tmp_path: Path) -> None:
    """From none on, at a pace that costs nothing, and always of how many."""
    path = tmp_path / "journal.sqlite3"
    count = 2 * OFTEN + 1
    journals.write(path, *map(journals.failure, range(count)))
    shown: list[tuple[int, int]] = []
    with Journal.open(path) as journal:
        assert journal.verify(None, lambda done, of: shown.append((done, of))).wrong is None
    assert shown == [(0, count), (OFTEN, count), (2 * OFTEN, count)]
