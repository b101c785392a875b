"""What the screen shows, for every state and size.

The frames lie in ``tests/data/screens`` as text; ``UPDATE_SCREENS=1 pytest tests/edge/test_ui_screen.py``
writes them anew, to be read before they are committed.
"""

from __future__ import annotations

import io
import os
import time
from dataclasses import replace
from pathlib import Path

import build
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge import peaks, scene
from raman_edge.pipeline import Reading, Timing
from raman_edge.quality import Quality
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum
from raman_edge.ui.look import ASCII, UNICODE
from raman_edge.ui.report import describe
from raman_edge.ui.rows import width_of
from raman_edge.ui.screen import render
from raman_edge.ui.state import ModelFacts, ScreenState, fold
from raman_edge.verdict import Match, Verdict
from rich.cells import cell_len
from rich.console import Console

SCREENS = Path(__file__).parents[1] / "data" / "screens"
SIZES = ((80, 24), (100, 30), (200, 60))
EMPTY = ScreenState("/data/incoming", ModelFacts("drcnn-edge-0123456789ab", "int8", "CPU", 812, 100.0, 1500.0))
ABSENT = (("Zircon", 0.55, 0.71), ("Anatase", 0.25, 0.64), ("Gypsum", 0.1, 0.52), ("Quartz", 0.06, 0.4), ("Calcite", 0.04, 0.33))


def exposure(label: str, name: str, *, ripple: float = 0.004, ceiling: float = 1e9) -> Spectrum:
    """One exposure without chance in it: lines, a background, and a ripple in place of noise."""
    axis = Axis.linear(150.0, 1400.0, 1.0)
    pure = scene.lines(axis, build.table(label), shift_error=0.8)
    ripples = ripple * np.sin(2.3 * axis.shift) * np.cos(0.7 * axis.shift)
    counts = 900 + 21_000 * (pure + 0.3 * np.exp(-(((axis.shift - 800) / 400) ** 2)) + ripples)
    return Spectrum(axis, np.minimum(counts, ceiling), Origin("file", name), exposure_s=0.5)


def reading(
    seen: Spectrum, decision: str, scores: tuple[tuple[str, float, float], ...], doubts: tuple[str, ...] = (), **quality: object
) -> Reading:
    """A reading with these words and numbers; features and peaks are computed."""
    features = build.RECIPE.features(seen)
    found = peaks.find(build.RECIPE.axis, features)
    ranked = tuple(
        Match(label, score, similarity, peaks.match(found, build.table(label), (150.0, 1400.0))) for label, score, similarity in scores
    )
    judged = Quality(**({"snr": 57.3, "saturated": None, "coverage": 0.893} | quality))  # type: ignore[arg-type]  # its own fields
    return Reading(seen, features, found, judged, Verdict(decision, ranked, doubts), Timing(0.41, 0.92, 0.55, 1.88))  # type: ignore[arg-type]  # one of the four


MATCH = reading(
    exposure("Zircon", "/data/incoming/zircon-017.txt"),
    "match",
    (("Zircon", 0.971, 0.95), ("Gypsum", 0.02, 0.61), ("Anatase", 0.006, 0.3), ("Quartz", 0.002, 0.2), ("Calcite", 0.001, 0.1)),
    saturated=False,
)
AMBIGUOUS = reading(
    exposure("Calcite", "/data/incoming/石膏-第三号样品.csv"),
    "ambiguous",
    (("Calcite", 0.46, 0.9), ("Gypsum", 0.44, 0.89), ("Anatase", 0.06, 0.4), ("Zircon", 0.03, 0.3), ("Quartz", 0.01, 0.2)),
    ("one of Calcite, Gypsum, Anatase: together 96%",),
)
UNKNOWN = reading(
    exposure("Quartz", "wafer.txt"),
    "unknown",
    ABSENT,
    ("nothing in the library is near enough: the nearest, Zircon, has a similarity of 0.71; 0.84 is the least for a name",),
)
WEAK = reading(
    exposure("Gypsum", "dark.txt", ripple=2.0),
    "rejected",
    ABSENT,
    ("too noisy: the signal is 1.8 times the noise, 3 is the least; expose longer",),
    snr=1.8,
    coverage=0.41,
)
SATURATED = reading(
    exposure("Anatase", "bright.txt", ceiling=9000.0),
    "match",
    (("Anatase", 0.93, 0.9), *ABSENT[2:]),
    ("the detector is saturated: expose shorter",),
    saturated=True,
)
FAULT = Fault(
    Origin("file", "/data/incoming/export.txt"),
    "the file is a web page (HTML), not a spectrum: save the file behind the link, not the page itself, and copy it here again",
)
EVENTS: dict[str, Reading | Fault] = {
    "match": MATCH,
    "ambiguous": AMBIGUOUS,
    "unknown": UNKNOWN,
    "rejected": WEAK,
    "saturated": SATURATED,
    "fault": FAULT,
}


def state_after(*names: str) -> ScreenState:
    """The state after all events and then the named ones."""
    state = EMPTY
    for event in (*EVENTS.values(), *(EVENTS[name] for name in names)):
        state = fold(state, event)
    return state


STATES = {
    "waiting": EMPTY,
    **{name: state_after(name) for name in EVENTS},
    "note": replace(state_after("match"), note="the folder is gone"),
}
GOLDEN = [(name, *size, False) for name in STATES for size in SIZES] + [(name, 80, 24, True) for name in STATES]


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
    verdict = Verdict("match", (match, *MATCH.verdict.ranked[1:]), (text,))
    state = fold(fold(replace(EMPTY, source=text), replace(MATCH, spectrum=seen, verdict=verdict)), Fault(Origin("file", text), text))
    for latest in (state, replace(state, latest=replace(MATCH, spectrum=seen, verdict=verdict), note=text)):
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
def test_nothing_is_said_by_colour_alone(look: object) -> None:
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
def test_a_description_says_the_same_as_the_screen(name: str) -> None:
    """What a scrolling terminal gets has file, answer and reason, and nothing wider than the terminal."""
    event = EVENTS[name]
    console = Console(file=io.StringIO(), width=70)
    console.print(describe(event))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # the StringIO above
    reasons = (event.why,) if isinstance(event, Fault) else event.verdict.doubts
    assert all(" ".join(reason.split()) in " ".join(" ".join(lines).split()) for reason in reasons)
    assert max(cell_len(line) for line in lines) <= 70
    assert (event.origin if isinstance(event, Fault) else event.spectrum.origin).path.rpartition("/")[2] in lines[0]


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
