"""How far a long command has come, on a terminal and nowhere else."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import journals
import pytest
from raman_edge.cli.progress import EVERY_S, PATIENCE_S, Progress, spoken
from raman_edge.journal import Journal
from raman_edge.journal.verify import OFTEN

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """A terminal that remembers all that was written to it."""

    def isatty(self) -> bool:
        """It is one."""
        return True

    @property
    def seen(self) -> list[str]:
        """What stood on its line, one state after the other."""
        shown, states = "", []
        for part in self.getvalue().split("\r")[1:]:
            shown = part + shown[len(part) :]
            states.append(shown.rstrip())
        return states


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal; within a test, as pytest sets it anew before each."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_the_line_is_written_over_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before half a second, not more often than five times in a second, and in the end nothing of it is left."""
    now, screen = [0.0], terminal(monkeypatch)
    with Progress("rows", lambda: now[0]) as progress:
        for now[0], done in ((0.1, 5), (PATIENCE_S, 90), (PATIENCE_S + EVERY_S / 2, 95), (1.0, 100), (4.0, 200), (6.0, 999), (7.0, 1000)):
            progress(done, 1000)
    assert screen.seen == [
        "90 of 1000 rows",
        "100 of 1000 rows",
        "200 of 1000 rows, about 16 s more",
        "999 of 1000 rows, about 1 s more",
        "1000 of 1000 rows",
        "",
        "",
    ]


def test_what_is_soon_over_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that takes no time writes no line and takes none away."""
    screen = terminal(monkeypatch)
    with Progress("rows", lambda: 0.0) as progress:
        progress(1, 2)
    assert screen.getvalue() == ""


def test_nothing_is_written_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log has no use for lines that are written over; a program without standard error works too."""
    for stream in (io.StringIO(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        times = iter(range(100))
        with Progress("rows", lambda times=times: float(next(times))) as progress:  # type: ignore[misc]  # bound at once
            progress(1, 2)
        assert stream is None or stream.getvalue() == ""


def test_a_terminal_that_has_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command goes on where nobody can read how far it is."""
    monkeypatch.setattr(terminal(monkeypatch), "write", lambda _: (_ for _ in ()).throw(OSError(5, "gone")))
    now = iter((0.0, 1.0, 2.0, 3.0))
    with Progress("rows", lambda: next(now)) as progress:
        progress(1, 2)


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (59.0, "59 s"), (61.0, "2 min"), (3500.0, "59 min"), (3601.0, "2 h")])
def test_durations_are_rounded_up(seconds: float, said: str) -> None:
    """Who waits is not told less than it will take."""
    assert spoken(seconds) == said


def test_verify_tells_how_many_rows_it_has_read(tmp_path: Path) -> None:
    """From none on, at a pace that costs nothing, and always of how many."""
    path = tmp_path / "journal.sqlite3"
    count = 2 * OFTEN + 1
    journals.write(path, *map(journals.failure, range(count)))
    told: list[tuple[int, int]] = []
    with Journal.open(path) as journal:
        assert journal.verify(None, lambda done, of: told.append((done, of))).wrong is None
    assert told == [(0, count), (OFTEN, count), (2 * OFTEN, count)]
