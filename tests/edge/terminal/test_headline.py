"""What the parts of the screen say: long answers, help, older results, an enlarged plot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.spectrum import Origin
from raman_edge.terminal import plot
from raman_edge.terminal.controls import KEYS
from raman_edge.terminal.rows import width_of
from raman_edge.terminal.screen import LEGEND, help_rows, render
from raman_edge.terminal.state import fold, title_of
from raman_edge.terminal.theme import ASCII, QUIET, STRONG, UNICODE
from screens import AMBIGUOUS, EMPTY, MATCH, NOW, SIZES, STATES, STONE, UNKNOWN, after, state_after

NAMES = tuple(f"Mineral-{i:02}-of-a-group" for i in range(30))


def one_of(count: int) -> object:
    """A reading whose answer is one of so many names."""
    doubt = f"one of {', '.join(NAMES[:count])}: right in 90 of 100 cases"
    ranked = tuple(Candidate(name, 1 / count, 0.9) for name in NAMES[:5])
    verdict = replace(AMBIGUOUS.verdict, ranked=ranked, doubts=(doubt,), sets=PredictionSets(NAMES[:count], NAMES[:count]))
    return replace(AMBIGUOUS, verdict=verdict)


def text_of(state: object, width: int = 100, height: int = 30, **how: bool) -> str:
    """The text of a frame, spaces run together."""
    return " ".join(render(state, width, height, **how).text.split())  # type: ignore[arg-type]  # a state


def test_a_long_answer_is_shown_whole_beneath_its_row() -> None:
    """One of four long names does not fit on a row of 80 cells: the reasons begin with all of it."""
    shown = text_of(fold(EMPTY, one_of(4)), 80, 24)  # type: ignore[arg-type]  # a reading
    assert all(name in shown for name in NAMES[:4])
    assert "right in 90 of 100 cases" in shown


@pytest.mark.parametrize("size", SIZES)
def test_thirty_names_break_nothing(size: tuple[int, int]) -> None:
    """What does not fit ends in an ellipsis; the tables stay in their places."""
    frame = render(fold(EMPTY, one_of(30)), *size)  # type: ignore[arg-type]  # a reading
    assert {width_of(row) for row in frame.rows} == {size[0]}
    assert "…" in frame.text
    assert "── if in the library" in frame.text


def test_the_names_of_the_answer_are_marked_in_the_table() -> None:
    """Those that the answer is one of have its sign; a match has one arrow; an unknown none."""
    rows = text_of(fold(EMPTY, AMBIGUOUS))
    for name in ("Calcite", "Gypsum", "Anatase"):
        assert f"≈ {name} ━" in rows
    assert "≈ Zircon" not in rows
    assert text_of(fold(EMPTY, MATCH)).count("▸") == 1
    assert "▸" not in text_of(fold(EMPTY, UNKNOWN))


def test_an_unknown_has_similarities_and_no_probability() -> None:
    """A share among the library's names says nothing of what is in none of them."""
    shown = text_of(fold(EMPTY, UNKNOWN))
    assert "nearest, similarity" in shown
    assert "0.710" in shown
    assert "55.0%" not in shown


def test_labels_of_any_length_leave_room_for_their_numbers() -> None:
    """A name of a hundred letters, or of Chinese ones, is cut; its probability is there at every size."""
    for label in ("x" * 100, "石" * 60):
        match = replace(MATCH.verdict.ranked[0], label=label)
        seen = replace(MATCH, verdict=replace(MATCH.verdict, ranked=(match, *MATCH.verdict.ranked[1:])))
        for size in SIZES:
            frame = render(fold(EMPTY, seen), *size)
            table = frame.text.split("── if in the library")[1]
            assert "97.1%" in table
            assert {width_of(row) for row in frame.rows} == {size[0]}


@given(st.integers(1, 220), st.integers(1, 60), st.booleans())
def test_the_help_fits_any_terminal(width: int, height: int, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the size, the page has its rows and cells."""
    rows = help_rows(KEYS, width, height, ASCII if ascii_only else UNICODE)
    assert len(rows) == height
    assert {width_of(row) for row in rows} == {width}


@pytest.mark.parametrize("ascii_only", [False, True])
def test_at_80_columns_the_help_is_whole(ascii_only: bool) -> None:  # noqa: FBT001 - a parameter
    """Every key with what it does, every sign with what it stands for: nothing is cut."""
    look = ASCII if ascii_only else UNICODE
    shown = text_of(STATES["serial-help"], 80, 24, ascii_only=ascii_only)
    assert all(key.means in shown for key in KEYS)
    for _, signs in LEGEND:
        assert all(f"{look.sign[name]} {means}" in shown for name, means in signs)


def test_every_sign_of_the_screen_is_explained() -> None:
    """A sign that is not in the legend would have to be guessed."""
    explained = {name for _, signs in LEGEND for name, _ in signs}
    assert explained == set(UNICODE.sign) - {"waiting"}


def test_what_is_looked_at_is_marked_among_the_last_results() -> None:
    """The chosen one of them is strong, the others are not; following the newest marks none."""

    def names(state: object) -> list[tuple[str, bool]]:
        rows = render(state, 100, 30).rows  # type: ignore[arg-type]  # a state
        return [(text.strip(), style == STRONG) for row in rows for text, style in row if text.strip() in {"bright.txt", "export.txt"}]

    assert all(not strong for _, strong in names(state_after("match")))
    looked = names(after(state_after("match"), "[", "["))
    assert ("bright.txt", True) in looked
    assert ("export.txt", False) in looked


def test_a_spectrum_of_an_instrument_is_shown_by_its_time() -> None:
    """Ten results of one port would all have its name; a file keeps its own."""
    assert title_of(STONE, NOW) == "09:59:58"
    assert title_of(STONE, None) == "ttyUSB0"
    assert title_of(MATCH, NOW) == "zircon-017.txt"
    assert title_of(replace(STONE, spectrum=replace(STONE.spectrum, taken_at=None)), NOW) == "ttyUSB0"
    named = replace(STONE, spectrum=replace(STONE.spectrum, origin=Origin("file", "a.txt")))
    assert title_of(named, NOW) == "a.txt"


def test_enlarged_the_plot_is_as_high_as_what_is_in_it() -> None:
    """A small line beside a large one fills the plot once it is all that is seen."""
    shift = np.linspace(0, 1000, 1001)
    counts = 1000 * np.exp(-(((shift - 200) / 5) ** 2)) + 10 * np.exp(-(((shift - 800) / 5) ** 2))
    view = plot.part(shift, counts, (700, 900))
    assert (view.start, view.stop) == (700, 900)
    assert view.high == pytest.approx(10)
    lines = plot.braille(shift, counts, view, 40, 6)
    assert lines[0].strip()
    assert 15 <= len(lines[0]) - len(lines[0].lstrip()) <= 25


@given(st.floats(-500, 2000), st.floats(1, 3000), st.integers(1, 60), st.integers(1, 20))
def test_any_part_of_the_plane_can_be_drawn(start: float, span: float, width: int, height: int) -> None:
    """Beyond the axis, between two points or across an end: the plot has its size."""
    shift = np.linspace(100, 1500, 50)
    view = plot.part(shift, np.sin(shift), (start, start + span))
    for draw in (plot.braille, plot.ascii_plot):
        lines = draw(shift, np.sin(shift), view, width, height)
        assert [len(line) for line in lines] == [width] * height


def test_enlarged_only_the_peaks_in_view_have_ticks() -> None:
    """Zircon's two lines at 1000 are seen, those at 400 are not; the axis says where one is."""
    lines = render(after(state_after("match"), "+", "+"), 100, 30).text.split("\n")
    ticks = next(line for line in lines if line.strip().startswith("peaks ") and "▲" in line)
    assert ticks.count("▲") == 2
    assert "1000" in lines[lines.index(ticks) - 1]


def test_what_is_old_is_faint() -> None:
    """While a person is waited for, no row between the answer and the last results has a colour."""
    rows = render(STATES["question"], 80, 24).rows
    assert all(style == QUIET for row in rows[5:21] for text, style in row if text.strip())
