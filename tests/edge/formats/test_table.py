"""The fast way to a table and the slow one, which is its oracle."""

from __future__ import annotations

import format_mutations
import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, answered
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.errors import FormatError
from raman_edge.formats import read, rruff
from raman_edge.formats.dialect import numbers
from raman_edge.formats.document import FileContent
from raman_edge.formats.table import MAX_MAP_ROWS, any_table, even_table, ungrouped

CELL = st.one_of(st.integers(-99, 99).map(str), st.floats(-1e3, 1e3).map("{:.2f}".format), st.sampled_from(["", " ", "NaN", "1e5", " 7 "]))
ABOVE = st.sampled_from(["", "Raman shift;counts\n", "# a\n\n", "12\n", "NaN 5\n", "0;1\n", "x y\n" * 3, '"a","b"\n', "1.2.3\n"])
BELOW = st.sampled_from(["", "\n", "\n\n", "##END=\n", "5;6\n", "NaN;1\n", "end\n" * 40, "12"])


def agree(text: str) -> bool:
    """Whether the fast way finds something; then the slow one finds the same."""
    message = ""
    try:
        quick = even_table(text)
    except FormatError as error:
        message, quick = str(error), None
    if message:
        with pytest.raises(FormatError) as slow:
            any_table(text.split("\n"))
        assert str(slow.value) == message
    if quick is None:
        return False
    slow_one = any_table(text.split("\n"))
    assert (quick.above, quick.dialect) == (slow_one.above, slow_one.dialect)
    assert (quick.first_line, quick.last_line, quick.size, quick.first_row) == (
        *(slow_one.first_line, slow_one.last_line, slow_one.size, slow_one.first_row),
    )
    for k in range(quick.dialect.columns):
        assert np.array_equal(quick.column(k), slow_one.column(k), equal_nan=True)
    return True


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=14, max_size=40), st.sampled_from(",;\t "), ABOVE, BELOW, st.booleans())
@UNHURRIED
def test_what_the_fast_way_finds_the_slow_one_finds(cells: list[list[str]], delimiter: str, above: str, below: str, comma: bool) -> None:  # noqa: FBT001 - drawn
    """Cells, names, errors and places are the same, on anything that looks like a table."""
    rows = "\n".join(delimiter.join(row) for row in cells)
    agree(above + (rows.replace(".", ",") if comma else rows) + "\n" + below)


def test_they_agree_on_mutated_files() -> None:
    """Damaged examples, as the command makes them."""
    contents = [path.read_bytes() for path in sorted(EXAMPLES.iterdir()) if path.suffix in {".csv", ".txt"}]
    found = 0
    for number in range(1500):
        try:
            text = FileContent(format_mutations.mutation(contents, number)).text
        except FormatError:
            continue
        found += agree(text)
    assert found > 150


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " ", ";\t"])
@pytest.mark.parametrize("form", ["{:.2f}{}{:.1f}\n", "{:.2f}{}{:.1f}", " {:e}{}{:d}\n"])
def test_plain_tables_go_the_fast_way(delimiter: str, form: str) -> None:
    """It is not there in vain: tables as software writes them take it."""
    text = "Raman shift,counts\n" + "\n".join(form.format(100.0 + k, delimiter, k).rstrip("\n") for k in range(40)) + form[-1:].strip("}")
    assert agree(text)


@pytest.mark.parametrize("above", ["12\n", "NaN 1\n", '"a"\n', "0 1\n"])
def test_what_may_be_a_row_elsewhere_goes_the_slow_way(above: str) -> None:
    """Which rows belong together is decided line by line."""
    assert even_table(above + "x y\n" + "100 5\n" * 40) is None


@given(st.lists(st.text("0123456789.,- e\n", max_size=12), max_size=60))
@UNHURRIED
def test_rruff_rows_are_cut_alike_in_both_ways(rows: list[str]) -> None:
    """All rows at once, or one by one."""
    rows = [row for row in "\n".join(rows).split("\n") if row and not row.isspace()]
    cut = [row.partition(",") for row in rows]
    shift, counts = rruff._columns(rows)
    assert np.array_equal(shift, numbers([row[0] for row in cut]), equal_nan=True)
    assert np.array_equal(counts, numbers([row[2] for row in cut]), equal_nan=True)


def test_a_file_that_is_all_table_takes_no_more_memory_than_allowed() -> None:
    """The fast way leaves what is too large to the one that reports it."""
    assert even_table("1 2\n" * (MAX_MAP_ROWS + 1001)) is None


@pytest.mark.parametrize(
    ("rows", "plain"),
    [
        ("1.5\t1,005.59\n2.5\t955.1\n", "1.5\t1005.59\n2.5\t955.1\n"),
        ("1,5;1.005,59\n", "1,5;1005,59\n"),
        ("1,5;1 005,59\n", "1,5;1005,59\n"),
        ("1.5\t1,234,567.8\n", "1.5\t1234567.8\n"),
        ("1.5\t955\n2.5\t1,005\n", "1.5\t955\n2.5\t1005\n"),
        ("1,5\t0,125\n2,5\t1,005\n", "1,5\t0,125\n2,5\t1,005\n"),
        ("100,005.59,1\n", "100,005.59,1\n"),
        ("100.000\t955\n101.000\t956\n", "100.000\t955\n101.000\t956\n"),
        ("1.125\t2.250\n1.250\t2.375\n", "1.125\t2.250\n1.250\t2.375\n"),
    ],
)
def test_separators_of_thousands_are_taken_out_where_they_can_be_nothing_else(rows: str, plain: str) -> None:
    """Three decimals, and commas that part cells, stay."""
    assert ungrouped(rows) == plain


def test_a_text_map_may_have_as_many_spectra_as_a_file_holds() -> None:
    """More rows than any spectrum has, read part by part, are the rows that were written."""
    axis = [f"{x:.2f}" for x in np.linspace(1800.0, 400.0, 1015)]
    text = "#X\t\t#Y\t\t#Wave\t\t#Intensity\n" + "".join(
        f"{k}\t{-k}\t{x}\t{(k * n) % 97}.5\n" for k in range(120) for n, x in enumerate(axis)
    )
    found = read(text.encode(), ORIGIN)
    assert (len(found), len(found[0]), found[119].meta["place"]) == (120, 1015, "119, -119")
    assert found[7].counts.tolist() == [(7 * n) % 97 + 0.5 for n in range(1015)][::-1]


def test_a_table_of_more_rows_than_a_spectrum_has_is_refused_where_it_is_no_map() -> None:
    """No detector has more pixels."""
    text = "Raman shift\tcounts\n" + "".join(f"{100 + k * 0.01:.2f}\t{k % 7}\n" for k in range(100_001))
    assert "expected at most 16384 spectra and 100000 rows each" in str(answered(text.encode()))
