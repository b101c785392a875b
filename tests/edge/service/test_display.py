"""Where a person sees what a run gives."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import build
import pytest
from raman_edge.cli.output import say
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.service.display import NoteDisplay
from raman_edge.terminal.live import Screen
from rich.console import Console
from screens import BENCH, FAULT, LASER, MATCH

if sys.platform != "win32":
    import pty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.service.display import Display


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Library]:
    """The tiny model and its library."""
    network, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    model = Model.open(network)
    return model, Library.open(library, network=model.card.network)


def call_everything(display: Display, pair: tuple[Model, Library]) -> None:
    """Call everything that a display has."""
    with display:
        display.show(MATCH)
        display.show(FAULT)
        display.count("match")
        display.waiting(3)
        display.using(*pair)
        display.link(LASER)
        display.acquisition(BENCH)
        display.note("a note\x1b[2J")


def test_into_a_pipe_only_notes_are_written(pair: tuple[Model, Library], capsys: pytest.CaptureFixture[str]) -> None:
    """Results go to the outputs; a note is one harmless line on standard error."""
    call_everything(NoteDisplay(say), pair)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "raman-edge: a note\\x1b[2J\n"


def test_the_screen_is_a_display(pair: tuple[Model, Library]) -> None:
    """Each fact arrives in the state of the screen."""
    screen = Screen("folder", *pair, console=Console(file=open(os.devnull, "w", encoding="utf-8")))  # noqa: SIM115, PTH123 - closed with the process
    call_everything(screen, pair)
    state = screen.state
    assert (state.source, state.waiting, state.link, state.acquisition, state.note) == ("folder", 3, LASER, BENCH, "a note\x1b[2J")
    assert (state.tally.match, state.tally.fault) == (2, 1)


@pytest.fixture
def console() -> Iterator[tuple[Console, Callable[[], bytes]]]:
    """A console on a pseudo-terminal, and what was written to it so far."""
    master, slave = pty.openpty()
    os.set_blocking(master, False)
    written = bytearray()

    def read() -> bytes:
        while True:
            try:
                written.extend(os.read(master, 65_536))
            except BlockingIOError:
                return bytes(written)

    with os.fdopen(slave, "w", encoding="utf-8") as file:
        yield Console(file=file, force_terminal=True, width=80, height=24), read
    os.close(master)


def test_in_the_background_nothing_is_drawn(
    pair: tuple[Model, Library], console: tuple[Console, Callable[[], bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell that has its prompt back is not drawn over; once the process is in the foreground, its screen is there."""
    terminal, read = console
    monkeypatch.setattr("raman_edge.terminal.terminal.in_foreground", lambda _: False)
    screen = Screen("folder", *pair, console=terminal)
    with screen:
        screen.show(MATCH)
        drawn = screen._terminal
        from raman_edge.terminal.screen import render

        drawn.draw(render(screen.state, 80, 24))
        assert read() == b""
        monkeypatch.setattr("raman_edge.terminal.terminal.in_foreground", lambda _: True)
        drawn.draw(render(screen.state, 80, 24))
        assert b"\x1b[?1049h" in read()
        assert b"Zircon" in read()
    assert read().rindex(b"\x1b[?1049l") > read().rindex(b"\x1b[?1049h")
