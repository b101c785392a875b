"""What the screen shows, for every state and size.

The frames lie in ``tests/data/screens`` as text; ``UPDATE_SCREENS=1 pytest tests/edge/terminal/test_screen.py``
writes them again, to be read before they are committed.
"""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.matching.ranking import Verdict
from raman_edge.spectrum import Fault, Origin
from raman_edge.terminal.headline import describe
from raman_edge.terminal.rows import width_of
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import fold
from raman_edge.terminal.theme import ASCII, UNICODE
from rich.cells import cell_len
from rich.console import Console
from screens import EMPTY, EVENTS, MATCH, SIZES, STATES, STONE, state_after

SCREENS = Path(__file__).parents[2] / "data" / "screens"
IMPORTANT = ("match", "possible", "serial", "disconnected", "backlog")
"""States whose frames are compared at every size; of the others one size is enough."""
GOLDEN = [
    *((name, 100, 30, False) for name in STATES),
    *((name, *size, False) for name in IMPORTANT for size in ((80, 24), (200, 60))),
    *((name, 80, 24, True) for name in ("match", "possible", "serial", "help")),
]


def test_every_golden_frame_is_compared() -> None:
    """No file lies in the folder that no test reads."""
    named = {f"{name}-{width}x{height}{'-ascii' if ascii_only else ''}.txt" for name, width, height, ascii_only in GOLDEN}
    assert named == {path.name for path in SCREENS.iterdir()}


@pytest.mark.parametrize(("name", "width", "height", "ascii_only"), GOLDEN)
def test_every_state_looks_as_agreed(name: str, width: int, height: int, ascii_only: bool) -> None:  # noqa: FBT001 - a parameter
    """A frame is, character by character, the one that a person has looked at."""
    path = SCREENS / f"{name}-{width}x{height}{'-ascii' if ascii_only else ''}.txt"
    shown = "\n".join(line.rstrip() for line in render(STATES[name], width, height, ascii_only=ascii_only).text.split("\n")) + "\n"
    if os.environ.get("UPDATE_SCREENS"):
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@given(st.sampled_from(sorted(STATES)), st.integers(1, 230), st.integers(1, 70), st.booleans())
def test_a_frame_fits_any_terminal(name: str, width: int, height: int, ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the size, there are as many rows as the terminal has, each as wide as the terminal."""
    frame = render(STATES[name], width, height, ascii_only=ascii_only)
    assert len(frame.rows) == height
    assert {width_of(row) for row in frame.rows} == {width}
    assert not ascii_only or frame.text.isascii()


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=300), st.sampled_from(SIZES), st.booleans())
def test_hostile_names_stay_text(text: str, size: tuple[int, int], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    """A label, a file name, a reason, a source or a note is shown as data, and never moves anything else."""
    match = replace(MATCH.verdict.ranked[0], label=text)
    seen = replace(MATCH.spectrum, origin=Origin("file", text))
    verdict = Verdict("match", (match.label,), (match, *MATCH.verdict.ranked[1:]), (text,))
    state = fold(fold(replace(EMPTY, source=text), replace(MATCH, spectrum=seen, verdict=verdict)), Fault(Origin("file", text), text))
    for latest in (state, replace(state, past=(replace(MATCH, spectrum=seen, verdict=verdict),), note=text)):
        frame = render(latest, *size, ascii_only=ascii_only)
        assert all(line.isprintable() for line in frame.text.split("\n"))
        assert {width_of(row) for row in frame.rows} == {size[0]}


@pytest.mark.parametrize("size", SIZES)
def test_markup_in_a_name_is_not_obeyed(size: tuple[int, int]) -> None:
    """Square brackets in a file name are square brackets, on a colour terminal too."""
    seen = replace(MATCH.spectrum, origin=Origin("file", "[red]a[bold].txt"))
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=size[0])
    console.print(render(fold(EMPTY, replace(MATCH, spectrum=seen)), *size))
    assert "[red]a[bold].txt" in console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO above


@pytest.mark.parametrize("look", [UNICODE, ASCII])
def test_nothing_is_shown_by_colour_alone(look: object) -> None:
    """Decisions differ by their sign, lights too, peaks too; each sign is one cell."""
    sign = look.sign  # type: ignore[attr-defined]  # one of the two looks
    for family in (("match", "ambiguous", "unknown", "rejected", "fault"), ("good", "care", "bad", "out"), ("matched", "missing", "extra")):
        assert len({sign[name] for name in family}) == len(family)
    assert all(cell_len(character) == 1 for character in sign.values())


@pytest.mark.parametrize(("width", "height"), [(12, 2), (20, 1), (30, 5), (50, 12), (80, 24)])
def test_the_answer_is_on_the_smallest_screen(width: int, height: int) -> None:
    """However small the terminal, it says what the sample is."""
    assert "Zircon" in render(STATES["match"], width, height).text


@pytest.mark.parametrize("size", SIZES)
def test_every_matched_peak_has_its_tick(size: tuple[int, int]) -> None:
    """Beneath the plot stands one sign for each of Zircon's four lines, under its place on the axis."""
    lines = render(STATES["match"], *size).text.split("\n")
    ticks = next(line for line in lines if line.strip().startswith("peaks ") and UNICODE.sign["matched"] in line)
    assert ticks.count(UNICODE.sign["matched"]) == 4
    numbers = lines[lines.index(ticks) - 1]
    assert abs(ticks.rindex(UNICODE.sign["matched"]) - (numbers.index("1000") + 2)) <= 2


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_the_reason_stands_in_plain_words(name: str) -> None:
    """What is not plainly a match says why, whole, on a screen of 100 columns."""
    event = EVENTS[name]
    reasons = (event.why,) if isinstance(event, Fault) else event.verdict.doubts
    shown = " ".join(render(STATES[name], 100, 30).text.split())
    assert all(reason in shown for reason in reasons)


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_a_description_has_what_the_screen_has(name: str) -> None:
    """What a scrolling terminal gets has file, answer and reason, and nothing wider than the terminal."""
    event = EVENTS[name]
    console = Console(file=io.StringIO(), width=70)
    console.print(describe(event))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO above
    reasons = (event.why,) if isinstance(event, Fault) else event.verdict.doubts
    assert all(" ".join(reason.split()) in " ".join(" ".join(lines).split()) for reason in reasons)
    assert max(cell_len(line) for line in lines) <= 70
    assert (event.origin if isinstance(event, Fault) else event.spectrum.origin).path.rpartition("/")[2] in lines[0]


def described(event: object, width: int = 70) -> list[str]:
    """Return the rows of a description."""
    console = Console(file=io.StringIO(), width=width)
    console.print(describe(event))  # type: ignore[arg-type]  # a reading or a fault
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]  # the StringIO above


def test_a_description_names_no_probability_where_there_is_no_name() -> None:
    """What nothing in the library is near to is described by similarity, as on the screen; a match by its probability."""
    unknown, match = "\n".join(described(EVENTS["unknown"])), "\n".join(described(EVENTS["match"]))
    assert "the nearest, by similarity:" in unknown
    assert "0.710" in unknown
    assert "%" not in unknown.split("similarity:")[1].split("Zircon:")[0]
    assert "97.1%" in match
    assert "similarity" not in match


def test_a_description_has_the_calibration() -> None:
    """The day of the calibration that made the axis stands beside quality, on a row that fits 80 columns."""
    rows = described(STONE, 80)
    assert any("calibrated 2026-11-12" in row for row in rows)
    assert max(cell_len(row) for row in rows) <= 80
    assert not any("calibrated" in row for row in described(MATCH))


def cost(width: int, height: int) -> float:
    """Return the least processor time of a frame on its way to the terminal, s."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width)
    times = []
    for _ in range(30):
        began = time.process_time()
        console.print(render(STATES["match"], width, height), crop=False, soft_wrap=True)
        times.append(time.process_time() - began)
    return min(times)


def test_a_frame_costs_what_its_cells_cost() -> None:
    """Six times as many cells cost at most six times as much: nothing grows faster than the screen."""
    assert cost(200, 60) <= 6.25 * cost(80, 24)


def test_a_backlog_is_counted_in_the_heading() -> None:
    """While files wait the heading says how many, and nothing where none does."""
    busy, idle = (str(render(replace(state_after("match"), waiting=files), 100, 30).rows[0]) for files in (1234, 0))
    assert "1234 waiting" in busy
    assert "waiting" not in idle
