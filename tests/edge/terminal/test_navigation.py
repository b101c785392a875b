"""What the keys change of what is looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.terminal.controls import KEYS, Controls
from raman_edge.terminal.rows import width_of
from raman_edge.terminal.screen import hints
from raman_edge.terminal.state import MOST, RECENT, enlarged, fold, place, pressed
from screens import BAD_FRAME, EMPTY, EVENTS, FAULT, MATCH, SERIAL, SERIAL_KEYS, STONE, UNKNOWN, after, serial, state_after

ALL = state_after("match")
AXIS = MATCH.spectrum.axis
NAMES = ("left", "right", "up", "[", "]", "+", "=", "-", "_", "z", "0", "?", "h", "escape", "hold", "x")


def test_the_newest_is_shown_until_an_earlier_one_is_selected() -> None:
    """Each new result takes the place of the one before it."""
    assert fold(fold(EMPTY, MATCH), UNKNOWN).shown is UNKNOWN


def test_earlier_and_later_walk_through_the_last_results() -> None:
    """The keys go back result by result, forth again, and end where the newest is followed."""
    back = [after(ALL, *["["] * n).shown for n in range(4)]
    assert back == list(ALL.past[:4])
    assert after(ALL, "[", "[", "]").shown is ALL.past[1]
    followed = after(ALL, "[", "]")
    assert fold(followed, UNKNOWN).shown is UNKNOWN


def test_the_oldest_and_the_newest_are_the_ends() -> None:
    """Beyond the ends nothing happens."""
    assert after(ALL, *["left"] * 50).shown is ALL.past[-1]
    assert after(ALL, "right").shown is ALL.past[0]
    assert after(EMPTY, "left", "right", "hold").shown is None


def test_a_result_stays_while_others_come() -> None:
    """What is looked at does not move when new results come, not even when it is the eleventh."""
    state = after(ALL, "[")
    seen = state.shown
    for _ in range(RECENT + 5):
        state = fold(state, UNKNOWN)
        assert state.shown is seen
    assert place(state) is None
    assert after(state, "]").shown is state.past[-1]


def test_holding_keeps_and_lets_go() -> None:
    """The pause key of a run that goes on holds the newest, and follows again."""
    held = fold(after(ALL, "hold"), UNKNOWN)
    assert held.shown is ALL.past[0]
    assert after(held, "hold").shown is UNKNOWN


def test_a_broken_frame_does_not_blank_the_spectrum() -> None:
    """Of an instrument the newest spectrum stays; of a folder the file that is no spectrum is the answer."""
    assert fold(SERIAL, BAD_FRAME).shown is STONE
    assert fold(ALL, FAULT).shown is FAULT
    assert serial(BAD_FRAME).shown is BAD_FRAME


def test_zoom_doubles_around_what_is_highest() -> None:
    """Each step shows half as much, with the highest peak inside."""
    state = ALL
    for step in range(1, 5):
        state = pressed(state, "+")
        assert enlarged(state) == pytest.approx(2**step)
        assert state.view.zoom is not None
        assert state.view.zoom[0] <= 1008.8 <= state.view.zoom[1]
    assert after(state, "-", "-", "-", "-").view.zoom is None


def test_z_goes_round_and_0_shows_all() -> None:
    """One key enlarges in steps and then shows all; another shows all at once."""
    assert [round(enlarged(after(ALL, *["z"] * n))) for n in range(5)] == [1, 2, 4, 8, 1]
    assert after(ALL, "z", "z", "0").view.zoom is None


def test_arrows_move_what_is_enlarged() -> None:
    """Where the plot is enlarged the arrows move it and the brackets go through the results."""
    state = after(ALL, "+", "+")
    moved = pressed(state, "left")
    assert moved.view.zoom is not None
    assert state.view.zoom is not None
    assert moved.view.zoom[0] < state.view.zoom[0]
    assert moved.shown is state.shown
    assert after(moved, "right").view.zoom == pytest.approx(state.view.zoom)
    assert pressed(state, "[").shown is ALL.past[1]


def test_escape_undoes_one_thing_after_the_other() -> None:
    """First the help goes, then the zoom, then the older result."""
    state = after(ALL, "[", "[", "[", "+", "?")
    state = pressed(state, "escape")
    assert (state.view.help, state.view.zoom is None, state.view.at is None) == (False, False, False)
    state = pressed(state, "escape")
    assert (state.view.zoom, state.view.at is None) == (None, False)
    assert pressed(state, "escape").view.at is None


@given(st.lists(st.sampled_from(NAMES), max_size=40), st.sampled_from([EMPTY, ALL, SERIAL]))
def test_any_keys_leave_the_plot_on_its_axis(names: list[str], state: object) -> None:
    """Whatever is pressed, what is drawn lies on the axis and is no smaller than the least part."""
    state = after(state, *names)  # type: ignore[arg-type]  # a state
    zoom = state.view.zoom
    if zoom is not None:
        assert zoom[0] >= AXIS.start - 1e-6
        assert zoom[1] <= AXIS.stop + 1e-6
        assert zoom[1] - zoom[0] >= (AXIS.stop - AXIS.start) / MOST - 1e-6
    assert state.view.at is None or any(state.view.at is event for event in state.past)


def test_only_keys_that_do_something_are_named() -> None:
    """A command without single, dark and save has no such keys; those of the view are always there."""
    named = [key.action for key in Controls().keys]
    assert named == ["pause", "results", "zoom", "help"]
    assert [key.action for key in SERIAL_KEYS] == [key.action for key in KEYS]


@given(st.integers(1, 120))
def test_where_there_is_little_room_help_and_quit_are_the_last_to_go(width: int) -> None:
    """The row of keys fits; what is left out is not what one needs to find the rest."""
    row = hints(SERIAL_KEYS, "pause", width)
    text = "".join(part for part, _ in row)
    assert width_of(row) <= max(width, 1)
    assert "help" in text or width < len(" ? help")
    assert "quit" in text or width < len(" ? help  q quit")


def test_the_pause_key_shows_what_it_will_do() -> None:
    """While a result is held or the run is paused, the same key goes on."""
    from raman_edge.terminal.screen import render

    def foot(state: object) -> str:
        return render(state, 80, 24).text.split("\n")[-1]  # type: ignore[arg-type]  # a state

    assert "space pause" in foot(SERIAL)
    assert "space continue" in foot(replace(SERIAL, acquisition=replace(SERIAL.acquisition, paused=True)))
    assert "space continue" in foot(after(ALL, "hold"))


def test_every_event_of_the_tests_is_another() -> None:
    """The walk above can fail: the remembered events differ."""
    assert len({id(event) for event in EVENTS.values()}) == len(EVENTS)
