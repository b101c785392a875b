"""The forms in which JCAMP-DX writes numbers."""

from __future__ import annotations

import io
import math

import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import assume, given
from hypothesis import strategies as st
from jcamp_forms import FORMS, LINE, file, table
from raman_edge.errors import FormatError
from raman_edge.formats.asdf import ordinates, pairs

VALUES = st.lists(st.one_of(st.integers(-3, 3), st.integers(-(10**9), 10**9)), min_size=2, max_size=80)


def rows(text: str) -> list[tuple[int, str]]:
    """Number the lines of a text."""
    return list(enumerate(text.splitlines(), 1))


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("100 1 2 -3", [1, 2, -3]),
        ("100+1+2-3", [1, 2, -3]),
        ("100 1+2-3", [1, 2, -3]),
        ("100 1.5E2 -2e-1 .5", [150, -0.2, 0.5]),
        ("100@A2b3C", [0, 12, -23, 3]),
        ("100A0J%k1%", [10, 11, 11, -10, -10]),
        ("100A0JT", [10, 11, 12]),
        ("100E%V", [5, 5, 5, 5, 5]),
        ("100A2T", [12, 12]),
        ("100A2S2B", [12] * 12 + [2]),
        ("100E5e5@", [55, -55, 0]),
        ("100E00E00", [500, 500]),
        ("100 ? 3", [math.nan, 3]),
        ("100,1;2\t3", [1, 2, 3]),
    ],
)
def test_forms_of_the_standard(line: str, values: list[float]) -> None:
    """Plain, packed, squeezed, differences, repetitions of values and of differences, unknown values."""
    found = ordinates([(1, line)])
    assert found.values == pytest.approx(values, nan_ok=True)
    assert found.checks == [(0, 100.0, 1)]


@given(VALUES, st.sampled_from(FORMS))
@UNHURRIED
def test_what_was_written_is_read(values: list[int], form: str) -> None:
    """Whole numbers come back from every form, and every line knows its place."""
    assume(form in {"AFFN", "PAC"} or len(values) > 1 or not str(abs(values[0])).startswith("5"))  # 100E2 alone is a number
    found = ordinates(rows(table(values, form)))
    assert found.values == values
    assert all(begins == 100 + 2 * index for index, begins, _ in found.checks)


NO_EXPONENTS = st.integers(-10_000, 10_000).filter(lambda value: str(abs(value))[0] != "5")
"""The other reader takes the E of a squeezed 5 for an exponent."""


@given(st.lists(NO_EXPONENTS, min_size=30, max_size=80), st.sampled_from(["AFFN", "PAC", "SQZ", "DIF"]))
@UNHURRIED
def test_agrees_with_another_reader(values: list[int], form: str) -> None:
    """The library ``jcamp`` reads the same numbers where it reads them: its repetitions end at nine, so those are left out."""
    jcamp = pytest.importorskip("jcamp")
    other = jcamp.read(io.BytesIO(file(values, form, factor=1.0).encode()))
    assert other["y"].tolist() == ordinates(rows(table(values, form))).values


@given(st.lists(st.integers(-99, 99), min_size=2 * LINE, max_size=60), st.data())
@UNHURRIED
def test_a_damaged_difference_shows_in_the_next_line(values: list[int], draw: st.DataObject) -> None:
    """Another digit in a difference is an error, or changes nothing but the last line."""
    lines = table(values, "DIF").splitlines()
    place = draw.draw(st.integers(0, len(lines) - 3))
    cells = lines[place]
    changed = cells.replace("%", "J") if "%" in cells else cells.translate(str.maketrans("JKLMNOPQRjklmnopqr", "KLMNOPQRJklmnopqrj"))
    with pytest.raises(FormatError, match=rf"line {place + 2}: wrong check value: got .* at the beginning, expected .*The file is damaged"):
        ordinates(rows("\n".join([*lines[:place], changed, *lines[place + 1 :]])))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("100 1 2x", "line 1: not a number: got 'x' in '100 1 2x'"),
        ("100T5", "missing value: got 'T5', which repeats or changes a value"),
        ("100J5", "missing value: got 'J5', which repeats or changes a value"),
        ("100A5T99999999", "too many points: got 299999999 points so far, expected at most 100000"),
    ],
)
def test_what_is_no_table_is_refused(line: str, says: str) -> None:
    """The message has the line and what is wrong in it."""
    with pytest.raises(FormatError, match=says):
        ordinates([(1, line)])


def test_repetitions_do_not_fill_the_memory() -> None:
    """Line after line of repetitions ends at the most points that a detector has."""
    with pytest.raises(FormatError, match="line 3: too many points: got 120000 points so far"):
        ordinates([(number, "100A5V0000") for number in range(1, 9)])


def test_pairs_are_read_with_any_separators() -> None:
    """Commas, semicolons, blanks, and several pairs a line."""
    assert pairs(rows("100,1; 102,2\n104 3 106 -4e1\n108;5")) == ([100, 102, 104, 106, 108], [1, 2, 3, -40, 5])


def test_half_a_pair_is_refused() -> None:
    """An X without a Y is no point."""
    with pytest.raises(FormatError, match="line 2: odd number of values: got 3 numbers in '102 2 104', expected pairs of X and Y"):
        pairs(rows("100 1\n102 2 104"))


@given(st.text("0123456789.+-@ABJKSTZsjk%Ee?,; \n", max_size=200))
@UNHURRIED
def test_any_characters_are_read_or_refused(text: str) -> None:
    """Nothing but values or the one error."""
    for read in (ordinates, pairs):
        message = "line of no error"
        try:
            read(rows(text))
        except FormatError as error:
            message = str(error)
        assert message.startswith("line ")
