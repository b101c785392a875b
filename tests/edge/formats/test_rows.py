"""Spectra in rows: a line of the axis, then a spectrum a line behind its name, its place or its time."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats import read
from raman_edge.formats.rows import SpectraInRows

SHIFT = [100.5 + 10 * k for k in range(40)]
NM = [790.0 + 2 * k for k in range(40)]
ROWS = [[float(k * row % 37) + 0.25 for k in range(40)] for row in (3, 5, 7)]
OCEAN = (
    "Data from a Node\n\nIntegration Time (sec): 2.0E-1\nXAxis mode: Wavelengths\nNumber of Pixels in Spectrum: 40\n"
    ">>>>>Begin Spectral Data<<<<<\n"
)


def line(*cells: object, delimiter: str = ",") -> str:
    """Write one line."""
    return delimiter.join(map(str, cells)) + "\n"


class TestSpectraInRows(FormatContract):
    """The contract, on rows behind names."""

    reader = SpectraInRows()
    example = "rows.csv"


def test_reads_the_example() -> None:
    """A name a row; the laser of the header; the dark row is left out and named."""
    found = read((EXAMPLES / "rows.csv").read_bytes(), ORIGIN)
    assert [spectrum.meta["counts_from"] for spectrum in found] == ["first", "White second"]
    assert {(spectrum.axis.start, spectrum.meta["laser_nm"], spectrum.meta["left_out"]) for spectrum in found} == {
        (150.5, "785", "'Dark' (dark)")
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("heads", "labels"), [(["sample"], [["a"], ["b"], ["c"]]), ([""], [[0], [1], [2]]), (["name", "class"], [["a", 1], ["b", 1], ["c", 2]])]
)
def test_names_numbers_and_classes_before_the_counts(delimiter: str, heads: list[str], labels: list[list[object]]) -> None:
    """As spreadsheets and data frames write them."""
    text = line(*heads, *SHIFT, delimiter=delimiter) + "".join(
        line(*label, *row, delimiter=delimiter) for label, row in zip(labels, ROWS, strict=True)
    )
    found = read(text.encode(), ORIGIN)
    assert [spectrum.counts.tolist() for spectrum in found] == ROWS
    assert all(spectrum.axis.shift.tolist() == SHIFT for spectrum in found)


def test_decimal_commas() -> None:
    """With semicolons, as a German spreadsheet saves them."""
    text = (line("Probe", *SHIFT, delimiter=";") + line("Quarz", *ROWS[0], delimiter=";")).replace(".", ",")
    (found,) = read(text.encode(), ORIGIN)
    assert (found.axis.shift.tolist(), found.counts.tolist()) == (SHIFT, ROWS[0])


@pytest.mark.parametrize("heads", [["", ""], []])
def test_oceanview_series(heads: list[str]) -> None:
    """Times before the counts, wavelengths by the header; with and without empty cells above the times."""
    rows = "".join(line(f"2024-05-01 10:00:0{k}.123", 1714 + k, *row, delimiter="\t") for k, row in enumerate(ROWS))
    text = OCEAN + line(*heads, *NM, delimiter="\t") + rows + ">>>>>End Spectral Data<<<<<\n"
    assert "unknown laser wavelength: got a wavelength axis (790 to 868 nm)" in str(answered(text.encode()))
    found = read(text.encode(), ORIGIN, laser_nm=785.0)
    assert [spectrum.counts.tolist() for spectrum in found] == ROWS
    assert (found[0].axis.start, found[0].exposure_s) == (pytest.approx(1e7 / 785 - 1e7 / 790), pytest.approx(0.2))
    assert found[1].meta["counts_from"] == "2024-05-01 10:00:01.123, 1715"


def test_the_first_cell_may_name_the_axis() -> None:
    """Wavelengths need the laser, whatever their range is."""
    text = line("Wavelength (nm)", *NM) + line("a", *ROWS[0])
    assert "unknown laser wavelength: got a wavelength axis (790 to 868 nm)" in str(answered(text.encode()))
    assert "wavelengths (nm) or Raman shifts (cm-1)?" in str(answered(text.replace("Wavelength (nm)", "name").encode()))


def test_a_short_row_is_cut_short() -> None:
    """The line is named."""
    text = line("sample", *SHIFT) + line("a", *ROWS[0]) + line("b", *ROWS[1][:20])
    assert "line 3: wrong number of cells: got 21 cells, expected 41, as the axis has" in str(answered(text.encode()))


@pytest.mark.parametrize("heads", [["shift", *range(1, 31)], ["", *range(30)], ["Raman shift", *[5.5 * k for k in range(30)]]])
def test_columns_with_numbers_for_names_stay_columns(heads: list[object]) -> None:
    """A table whose first column is the axis has no axis in its first row, even if that rises."""
    text = line(*heads) + "".join(line(x, *[(k * n) % 17 + 0.5 for n in range(30)]) for k, x in enumerate(SHIFT))
    found = read(text.encode(), ORIGIN)
    assert len(found) == 30
    assert all(spectrum.axis.stop == SHIFT[-1] for spectrum in found)


@pytest.mark.parametrize("head", ["", "time (s)", "sample"])
def test_times_before_many_rows_are_no_axis(head: str) -> None:
    """Of two rising sequences the longer one is the axis."""
    text = line(head, *SHIFT) + "".join(line(30.5 * k, *[(k * n) % 17 + 0.5 for n in range(40)]) for k in range(20))
    found = read(text.encode(), ORIGIN)
    assert (len(found), found[0].axis.shift.tolist()) == (20, SHIFT)


@pytest.mark.parametrize("names", [True, False])
def test_many_spectra_of_few_points_are_columns(names: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A map exported a column a place is wider than it is long."""
    head = line("Raman shift", *[f"place {k}" for k in range(500)]) * names
    text = head + "".join(line(x, *[(k * k * (n + 3)) % 91 + 0.5 for n in range(500)]) for k, x in enumerate(SHIFT))
    found = read(text.encode(), ORIGIN)
    assert (len(found), found[7].axis.shift.tolist()) == (500, SHIFT)


def test_rows_without_an_axis_are_reported() -> None:
    """As many numbers a row as the header has pixels."""
    text = "Number of Pixels: 100\n\n" + "".join(line(*[(k * n) % 91 for n in range(100)], delimiter="\t") for k in range(20))
    assert "spectra in rows without an axis: got 20 rows of 100 numbers" in str(answered(text.encode()))


@given(st.lists(st.lists(st.floats(-1e4, 1e6), min_size=40, max_size=40), min_size=1, max_size=6), st.sampled_from("\t;,"), st.booleans())
@UNHURRIED
def test_what_was_written_is_read(rows: list[list[float]], delimiter: str, falling: bool) -> None:  # noqa: FBT001 - drawn
    """Rows in any dialect come back to the last digit written."""
    order = slice(None, None, -1 if falling else 1)
    text = line("sample", *SHIFT[order], delimiter=delimiter)
    text += "".join(line(f"s{k}", *[f"{y:.3f}" for y in row[order]], delimiter=delimiter) for k, row in enumerate(rows))
    found = read(text.encode(), ORIGIN)
    assert [spectrum.meta["counts_from"] for spectrum in found] == [f"s{k}" for k in range(len(rows))]
    for spectrum, row in zip(found, rows, strict=True):
        assert np.array_equal(spectrum.counts, [float(f"{y:.3f}") for y in row])
