"""The screen as an object: what it writes to a terminal, and what it leaves behind."""

from __future__ import annotations

import io
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import build
import pyte
import pytest
from raman_edge.errors import OutputError
from raman_edge.matching.identify import Reading, identify
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.spectrum import Fault, Origin
from raman_edge.terminal.controls import Controls
from raman_edge.terminal.live import Screen
from raman_edge.terminal.rows import SIZE, svg
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import ModelFacts, ScreenState, fold
from raman_edge.terminal.terminal import needs_ascii
from rich.console import Console
from screens import BENCH, LASER

if TYPE_CHECKING:
    from collections.abc import Callable

FAULT = Fault(Origin("file", "broken.txt"), "it is [bold]empty[/bold]")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Library]:
    """The tiny model and its library."""
    network, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    model = Model.open(network)
    return model, Library.open(library, network=model.card.network)


@pytest.fixture(scope="module")
def seen(pair: tuple[Model, Library]) -> Reading:
    """A reading of calcite."""
    return identify(build.spectrum("Calcite", 1, origin=Origin("file", "stone.txt")), *pair)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def terminal(width: int = 100, height: int = 30) -> Console:
    """A console that believes to be a terminal, on Windows one that understands escape sequences."""
    return Console(file=io.StringIO(), force_terminal=True, color_system="256", legacy_windows=False, width=width, height=height)


def written(console: Console) -> str:
    """Return all that was written to :func:`terminal`."""
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]  # the StringIO above


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until ``what`` holds, half a minute at most."""
    until = time.monotonic() + 30
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_is_shown_reaches_the_terminal(pair: tuple[Model, Library], seen: Reading) -> None:
    """An event is on the screen soon after it was shown, every row in its place."""
    console = terminal()
    with Screen("folder", *pair, console=console) as screen:
        screen.show(seen)
        wait_for(lambda: "stone.txt" in written(console))
        wait_for(lambda: written(console).endswith("\x1b[?2026l"))
        shown = pyte.Screen(100, 30)
        pyte.Stream(shown).feed(written(console))
    expected = render(screen.state, 100, 30).text.split("\n")
    assert [line.rstrip() for line in shown.display] == [line.rstrip() for line in expected]


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_the_terminal_is_restored_on_any_exit(pair: tuple[Model, Library], error: type[BaseException] | None) -> None:
    """However the block ends, alternate screen, cursor and line wrap are as they were."""
    console = terminal()

    def body() -> None:
        with Screen("folder", *pair, console=console):
            if error:
                raise error

    if error:
        with pytest.raises(error):
            body()
    else:
        body()
    codes = written(console)
    for on, off in (("\x1b[?1049h", "\x1b[?1049l"), ("\x1b[?25l", "\x1b[?25h"), ("\x1b[?7l", "\x1b[?7h")):
        assert codes.rindex(off) > codes.rindex(on)


def test_a_backlog_is_not_drawn_event_by_event(pair: tuple[Model, Library], seen: Reading) -> None:
    """A thousand events in a row cost a few frames, and all are counted."""
    console = terminal()
    with Screen("folder", *pair, console=console) as screen:
        began = time.monotonic()
        for _ in range(1000):
            screen.show(seen)
        taken = time.monotonic() - began
        wait_for(lambda: "1000 done" in written(console))
    assert written(console).count("\x1b[?2026h") <= 5 + taken / 0.08


def test_an_idle_screen_hardly_works(pair: tuple[Model, Library], seen: Reading) -> None:
    """Without news a screen of 100 by 30 uses less than 2 % of a processor."""
    with Screen("folder", *pair, console=terminal()) as screen:
        screen.show(seen)
        time.sleep(0.3)
        for _ in range(5):  # on a busy machine some seconds may cost more than the others
            began, used = time.monotonic(), time.process_time()
            time.sleep(2.0)
            share = (time.process_time() - used) / (time.monotonic() - began)
            if share < 0.02:
                break
    assert share < 0.02


def test_a_pipe_gets_text_without_codes(pair: tuple[Model, Library], seen: Reading) -> None:
    """Where there is no terminal, each event is printed once, as plain text."""
    console = Console(file=io.StringIO(), width=80)
    with Screen("folder", *pair, console=console) as screen:
        screen.show(seen)
        screen.show(FAULT)
        screen.note("the folder is gone\x1b[2J")
    text = written(console)
    assert "\x1b" not in text
    assert [text.count(words) for words in ("stone.txt", "broken.txt", "it is [bold]empty[/bold]", r"the folder is gone\x1b[2J")] == [1] * 4


def test_a_failure_of_drawing_is_raised_and_not_swallowed(
    pair: tuple[Model, Library], seen: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a frame cannot be drawn, the next event raises the error instead of a screen that stands still."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("raman_edge.terminal.live.render", broken)
    screen = Screen("folder", *pair, console=terminal())

    def show_for_ever() -> None:
        with screen:
            while True:
                screen.show(seen)
                time.sleep(0.01)

    with pytest.raises(ZeroDivisionError):
        show_for_ever()


def test_warnings_become_notes_and_are_printed_afterwards(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to standard error while the screen is on does not tear it, and is not lost."""
    terminal_error = io.StringIO()
    monkeypatch.setattr(terminal_error, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal_error)
    with Screen("folder", *pair, console=terminal()) as screen:
        sys.stderr.write("careful\n")
        assert terminal_error.getvalue() == ""
        assert screen.state.note == "careful"
    assert terminal_error.getvalue() == "careful\n"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, False), ({"LC_ALL": "C.UTF-8"}, False), ({"LC_ALL": "de_DE.utf8"}, False), ({"LC_ALL": "C"}, True), ({"TERM": "linux"}, True)],
)
def test_where_braille_cannot_be_shown_ascii_is(variables: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter
    """A locale without UTF-8 that was requested, the Linux console and a console of Windows without escape sequences get ASCII."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    utf_8, latin_1 = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for encoding in ("utf-8", "iso8859-1"))
    assert needs_ascii(Console(file=utf_8, legacy_windows=False)) is expected
    assert needs_ascii(Console(file=utf_8, legacy_windows=True))
    assert needs_ascii(Console(file=latin_1, legacy_windows=False))


def test_the_picture_is_the_frame(pair: tuple[Model, Library], seen: Reading) -> None:
    """The SVG has every word of the frame, is well-formed, and loads nothing from other servers."""
    state = fold(fold(ScreenState("folder", ModelFacts.of(*pair)), FAULT), seen)
    frame = render(state, *SIZE)
    drawn = svg(frame, "raman-edge")
    root = ET.fromstring(drawn)  # noqa: S314 - our own document
    text = "".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")).replace("\xa0", "")
    assert "".join(frame.text.split()) in "".join(text.split())
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_keys_do_what_the_command_lets_them(pair: tuple[Model, Library], seen: Reading) -> None:
    """Each key calls its own control, once; one that the command does not have does nothing."""
    called: list[str] = []
    controls = Controls(
        quit=lambda: called.append("quit"),
        pause=lambda: called.append("pause"),
        single=lambda: called.append("single"),
        dark=lambda: called.append("dark"),
        save=lambda reading: f"saved {reading.spectrum.origin.path}",
    )
    screen = Screen("folder", *pair, console=terminal(), controls=controls)
    for key in ("q", "space", "p", "s", "enter", "d", "w", "x", "up"):
        screen.press(key)
    assert called == ["quit", "pause", "pause", "single", "single", "dark"]
    assert screen.state.note == ""
    screen.show(seen)
    screen.press("w")
    assert screen.state.note == "saved stone.txt"
    bare = Screen("folder", *pair, console=terminal())
    for key in ("q", "s", "d", "w", "enter"):
        bare.press(key)
    assert called == ["quit", "pause", "pause", "single", "single", "dark"]


def test_a_run_that_cannot_be_paused_holds_what_is_shown(pair: tuple[Model, Library], seen: Reading) -> None:
    """The pause key then keeps one result in view while the run goes on."""
    screen = Screen("folder", *pair, console=terminal())
    screen.show(seen)
    screen.press("space")
    screen.show(FAULT)
    held = screen.state
    screen.press("p")
    assert [held.shown, held.tally.fault, screen.state.shown] == [seen, 1, FAULT]


def test_the_note_of_a_key_goes_with_the_next_key(pair: tuple[Model, Library], seen: Reading) -> None:
    """A failure is a note and no traceback; the next key takes it away, but never another note."""

    def full(_: Reading) -> str:
        msg = "the disk is full"
        raise OutputError(msg)

    screen = Screen("folder", *pair, console=terminal(), controls=Controls(save=full))
    screen.show(seen)
    screen.press("w")
    assert screen.state.note == "the disk is full"
    screen.press("+")
    assert screen.state.note == ""
    screen.press("w")
    screen.note("the folder is gone")
    screen.press("-")
    assert screen.state.note == "the folder is gone"


def test_a_defect_behind_a_key_is_raised_and_not_swallowed(pair: tuple[Model, Library], seen: Reading) -> None:
    """An unexpected error ends the run at the next event, instead of a key that does nothing."""
    screen = Screen("folder", *pair, console=terminal(), controls=Controls(dark=lambda: 1 / 0))  # type: ignore[arg-type]
    screen.press("d")
    with pytest.raises(ZeroDivisionError):
        screen.show(seen)


def test_the_screen_shows_the_instrument(pair: tuple[Model, Library]) -> None:
    """Link and bench are in the next frame; where nothing has changed nothing is drawn."""
    screen = Screen("/dev/ttyUSB0", *pair, console=terminal())
    screen.link(LASER)
    screen.acquisition(BENCH)
    before = screen.state
    screen.link(replace(LASER))
    screen.acquisition(replace(BENCH))
    assert screen.state is before
    assert "LASER ON" in render(screen.state, 100, 30).text


def test_what_waits_is_shown_with_its_time(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate of the answers gives the time for the files that wait."""
    clock = iter([0.0, 2.0])
    screen = Screen("folder", *pair, console=terminal())
    monkeypatch.setattr("raman_edge.terminal.live.time.monotonic", lambda: next(clock))
    screen.waiting(1000)
    for _ in range(100):
        screen.count("match")
    screen.waiting(900)
    assert "900 waiting, 18 s left" in render(screen.state, 100, 30).text
