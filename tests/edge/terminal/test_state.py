"""How events become what the screen knows, and rows that are exact to the cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.matching.identify import Reading, identify
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum
from raman_edge.terminal.rows import block, cells, fit, spread, width_of, wrapped
from raman_edge.terminal.screen import render
from raman_edge.terminal.state import LISTED, MOST_POINTS, RECENT, ModelFacts, RecentResult, ScreenState, fold, name_of, pressed
from raman_edge.terminal.theme import ASCII, PLAIN, UNICODE
from raman_edge.terminal.widgets import bar, chips, peak_rows

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.terminal.rows import Row

TEXT = st.text(st.sampled_from("ab 石\u0301─⣿"), max_size=12)
ROWS = st.lists(st.tuples(TEXT, st.just(PLAIN)), max_size=5).map(tuple)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Library]:
    """The tiny model and its library."""
    folder: Path = tmp_path_factory.mktemp("pair")
    network, library = build.write_pair(folder)
    model = Model.open(network)
    return model, Library.open(library, network=model.card.network)


@pytest.fixture(scope="module")
def seen(pair: tuple[Model, Library]) -> Reading:
    """A reading of calcite."""
    return identify(build.spectrum("Calcite", 1), *pair)


@pytest.fixture
def state(pair: tuple[Model, Library]) -> ScreenState:
    """Nothing has come yet."""
    return ScreenState("folder", ModelFacts.of(*pair))


def test_the_model_is_described_from_its_card(state: ScreenState) -> None:
    """Name with digest, precision, where it really runs, names and range."""
    assert state.model == ModelFacts("matched-filter-000000000000", "fp32", "CPU", 5, 100.0, 1500.0, state.model.created)
    assert len(state.model.created) == len("2026-11-20")


def test_folding_leaves_the_state_before_as_it_was(state: ScreenState, seen: Reading) -> None:
    """A state is a value: the next one is another."""
    after = fold(state, seen)
    assert (state.latest, state.recent, state.tally.done) == (None, (), 0)
    assert (after.latest, after.tally.match, after.tally.done) == (seen, 1, 1)


def test_a_fault_is_counted_and_shown_as_an_event(state: ScreenState, seen: Reading) -> None:
    """A fault is the latest event, and no spectrum is done by it."""
    fault = Fault(Origin("file", "/a/b/broken.txt"), "it is empty")
    after = fold(fold(state, seen), fault)
    assert after.latest is fault
    assert (after.tally.done, after.tally.fault) == (1, 1)
    assert after.recent[0] == RecentResult("broken.txt", "fault", "it is empty")


def test_the_last_results_are_kept_newest_first(state: ScreenState) -> None:
    """Two hundred can be browsed, ten are listed; one more pushes the first one out."""
    for i in range(RECENT + 3):
        state = fold(state, Fault(Origin("file", f"{i}"), ""))
    newest_first = [str(i) for i in range(RECENT + 2, 2, -1)]
    assert [outcome.name for outcome in state.listed(0, RECENT + 1)] == newest_first
    assert [outcome.name for outcome in state.recent] == newest_first[:LISTED]
    assert state.tally.fault == RECENT + 3


def test_long_spectra_do_not_fill_the_memory(state: ScreenState, seen: Reading) -> None:
    """Of spectra with very many points only those that are listed are kept."""
    x = np.linspace(100.0, 4000.0, MOST_POINTS // 5)
    large = replace(seen, spectrum=Spectrum(Axis(x), x, origin=seen.spectrum.origin))
    for _ in range(LISTED + 5):
        state = fold(state, large)
    assert len(state.past) == LISTED
    assert state.tally.match == LISTED + 5


def test_the_list_moves_to_the_selected_result(state: ScreenState) -> None:
    """Whichever result is selected, it stands in the list, and strong."""
    for i in range(40):
        state = fold(state, Fault(Origin("file", f"file-{i}"), "why"))
    for _ in range(30):
        state = pressed(state, "[")
    rows = [text.rstrip() for text in render(state, 100, 30).text.splitlines()]
    assert any("file-9 " in row for row in rows)
    assert not any("file-39" in row for row in rows)


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        (Origin("file", "/data/a.txt"), "a.txt"),
        (Origin("file", "C:\\data\\a.txt"), "a.txt"),
        (Origin("file", "map.csv", index=2), "map.csv [3]"),
        (Origin("serial", "/dev/ttyUSB0"), "ttyUSB0"),
        (Origin("demo", ""), "demo"),
        (Origin("file", "/"), "/"),
    ],
)
def test_a_name_is_the_last_part_of_a_path(origin: Origin, name: str) -> None:
    """Files are shown by name, spectra of one file by their number from 1."""
    assert name_of(origin) == name


@given(ROWS, st.integers(-2, 40))
def test_a_row_fits_exactly(row: Row, width: int) -> None:
    """Cut or padded, a row takes the cells it was given, wide characters included."""
    assert width_of(fit(row, width)) == max(0, width)


@given(ROWS, ROWS, st.integers(1, 40))
def test_two_ends_of_a_row_fit_exactly(left: Row, right: Row, width: int) -> None:
    """What stands at the right end stays whole as long as there is room for it."""
    row = spread(left, right, width)
    assert width_of(row) == width
    text = "".join(part for part, _ in right)
    assert width_of(right) > width or "".join(part for part, _ in row).endswith(text)


@given(st.lists(ROWS, max_size=6), st.integers(0, 20), st.integers(0, 8))
def test_a_block_has_its_size(rows: list[Row], width: int, height: int) -> None:
    """A block has the rows and cells it was given, whatever was put in."""
    shaped = block(rows, width, height)
    assert len(shaped) == height
    assert all(width_of(row) == width for row in shaped)


@given(st.text(st.sampled_from("abc  石─"), max_size=120), st.integers(2, 30))
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    """Broken over as many lines as it takes, a text is all there and no line is too wide."""
    lines = wrapped(text, width, 200, UNICODE)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(cells(line) <= width for line in lines)


def test_a_long_word_does_not_leave_a_line_nearly_empty() -> None:
    """A word that is longer than a line is cut where the line ends, not pushed to the next one."""
    assert wrapped("a " + 20 * "b", 12, 3, UNICODE) == ["a " + 10 * "b", 10 * "b"]


def test_the_last_line_of_a_long_text_shows_that_it_goes_on() -> None:
    """What does not fit ends in an ellipsis."""
    assert wrapped("one two three four", 8, 2, UNICODE) == ["one two", "three f…"]
    assert wrapped("one two three four", 8, 2, ASCII) == ["one two", "three..."]


@given(st.floats(-1, 2), st.integers(0, 50))
def test_a_bar_is_as_long_as_its_share(share: float, width: int) -> None:
    """A bar never leaves its room and is right to half a cell."""
    drawn = bar(share, width, UNICODE)
    assert len(drawn) <= width
    assert abs(len(drawn) - min(1.0, max(0.0, share)) * width) <= 1


def test_peaks_that_do_not_fit_are_counted(seen: Reading) -> None:
    """The most telling peaks are kept, the last row says how many are not shown."""
    found = seen.verdict.ranked[1].peaks
    total = len(found.matched) + len(found.missing) + len(found.extra)
    rows = peak_rows(found, 3, UNICODE)
    assert len(rows) == 3
    assert rows[-1][0][0].strip() == f"… {total - 2} smaller"
    assert len(peak_rows(found, 30, UNICODE)) == total


def test_a_row_of_results_stops_before_the_edge() -> None:
    """Only whole results are shown; the newest is the first."""
    recent = [RecentResult(f"{i}", "match", f"Mineral {i}") for i in range(9)]
    row = chips(recent, 50, UNICODE)
    text = "".join(part for part, _ in row)
    assert cells(text.rstrip()) <= 50
    assert text.split("   ")[:2] == ["✓ Mineral 0", "✓ Mineral 1"]


def test_the_whole_file_replaces_its_half_on_the_screen(state: ScreenState, seen: Reading) -> None:
    """An answer to more of a file takes that to its beginning away, and a fault of a file that was not read; nothing else."""

    def of(path: str, sha256: str | None, grown_from: str | None = None, kind: str = "file") -> Reading:
        origin = Origin(kind, path, sha256, grown_from=grown_from)
        return replace(seen, spectrum=replace(seen.spectrum, origin=origin))

    for event in (of("a", "half"), of("b", "half"), Fault(Origin("file", "a"), "empty"), Fault(Origin("serial", "a"), "why")):
        state = fold(state, event)
    assert (state.tally.match, state.tally.fault, len(state.past)) == (2, 2, 4)
    state = fold(state, of("a", "other"))
    assert (state.tally.match, state.tally.fault, len(state.past)) == (3, 1, 4)
    state = fold(state, of("a", "whole", "half"))
    assert (state.tally.match, state.tally.fault, len(state.past)) == (3, 1, 4)
    assert [event.spectrum.origin.sha256 for event in state.past if isinstance(event, Reading)] == ["whole", "other", "half"]
