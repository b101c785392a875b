"""Delimiter and decimal mark."""

from __future__ import annotations

import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import given
from hypothesis import strategies as st
from raising import refused
from raman_edge.errors import FormatError
from raman_edge.formats.dialect import Dialect, detect


@pytest.mark.parametrize(
    ("row", "delimiter", "decimal", "columns"),
    [
        ("400.5,12.3", ",", ".", 2),
        ("400.5, 12.3", ",", ".", 2),
        ("400,12", ",", ".", 2),
        ("400.5 , 12.3 , 7", ",", ".", 3),
        ("400,5;12,3", ";", ",", 2),
        ("400.5;12.3;", ";", ".", 3),
        ("400;12", ";", ".", 2),
        ("400,5\t12,3", "\t", ",", 2),
        ("400.5\t12.3", "\t", ".", 2),
        ("400.5,\t12.3", ",", ".", 2),
        ("400 12", None, ".", 2),
        ("  400.5    1.2e+03", None, ".", 2),
        ("400,5 12,3", None, ",", 2),
        ("400,5 12", None, ",", 2),
        ("-1.5E-3|2", "|", ".", 2),
        ("400.5;NaN;;-", ";", ".", 4),
    ],
)
def test_delimiter_and_decimal_mark_are_derived_from_a_row(row: str, delimiter: str | None, decimal: str, columns: int) -> None:
    """Each way of writing the same numbers is understood, with 2 numbers at least."""
    if columns == 4:
        row = row.replace("NaN", "3")
    found = detect([row] * 20, 1)
    assert (found.delimiter, found.decimal, found.columns) == (delimiter, decimal, columns)


def test_one_row_with_commas_decides_for_all() -> None:
    """Whole numbers do not hide the decimal commas of other rows."""
    assert detect(["400 12"] * 500 + ["401,5 13,5"] + ["402 14"] * 500, 1).decimal == ","


@pytest.mark.parametrize(
    ("row", "ambiguous"),
    [
        ("1,5,2,7", True),
        ("400,12,03", True),
        ("400,12,-3,4", True),
        ("400,12,3,-4", False),
        ("400,12,7", False),
        ("400,12", False),
        ("400.0,1,2,3", False),
        ("1;5;2;7", False),
    ],
)
def test_commas_that_may_be_either_are_marked(row: str, ambiguous: bool) -> None:  # noqa: FBT001 - a table of cases
    """Pairs of whole numbers, and fractions with a zero before them, may be decimal commas."""
    assert detect([row] * 20, 1).ambiguous is ambiguous


@pytest.mark.parametrize("row", ["400.5", "400,", "12;", " 7 "])
def test_one_column_is_refused_with_its_line(row: str) -> None:
    """A single column has no axis."""
    with refused(FormatError, "one column", "line 8"):
        detect([row] * 20, 8)


@pytest.mark.parametrize("row", ["1.2.3 4.5.6", "2022-08-19 12-19-23", "1,2;3.4,5.6", "+-+1 2"])
def test_rows_that_are_no_numbers_are_refused_with_their_line(row: str) -> None:
    """Dates and versions look like rows of numbers and are none."""
    with refused(FormatError, "not a table", "line 3", got=row.strip()):
        detect([row] * 20, 3)


def test_cells_beyond_the_last_column_make_the_row_longer() -> None:
    """The length of a row shows whether it fits; a delimiter at its end makes no cell."""
    dialect = Dialect(";", ",", 2)
    assert dialect.cut(["1,5;2", "1;2;", "1;2; ;", "1;2;3", "1"]) == [["1.5", "2"], ["1", "2"], ["1", "2"], ["1", "2", "3"], ["1"]]


@given(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), min_size=20, max_size=40),
    st.sampled_from([(";", ","), ("\t", ","), (";", "."), ("\t", "."), (" ", ",")]),
)
@UNHURRIED
def test_written_numbers_are_read_back(rows: list[tuple[float, ...]], dialect: tuple[str, str]) -> None:
    """Whatever the numbers are, the dialect they were written in is found."""
    delimiter, decimal = dialect
    lines = [delimiter.join(f"{value:.3f}".replace(".", decimal) for value in row) for row in rows]
    cut = detect(lines, 1).cut(lines)
    assert [[float(cell) for cell in cells] for cells in cut] == [[float(f"{value:.3f}") for value in row] for row in rows]
