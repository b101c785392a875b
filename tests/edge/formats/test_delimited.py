"""Delimited text as people have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats import read
from raman_edge.formats.delimited import DelimitedText

if TYPE_CHECKING:
    from raman_edge.spectrum import Spectrum

SHIFT = [100.5 + 10 * k for k in range(40)]
COUNTS = [float(k * k % 37) + 0.25 for k in range(40)]


def rows(*columns: list[float], delimiter: str = "\t", decimal: str = ".", form: str = ".2f") -> str:
    """Write columns of numbers as text."""
    return "".join(delimiter.join(format(x, form).replace(".", decimal) for x in row) + "\n" for row in zip(*columns, strict=True))


def one(text: str) -> Spectrum:
    """Read a text that holds one spectrum."""
    (found,) = read(text.encode(), ORIGIN)
    return found


def is_plain(found: Spectrum) -> bool:
    """Whether this is the spectrum that :data:`SHIFT` and :data:`COUNTS` are."""
    return bool(found.axis.shift.tolist() == SHIFT and found.counts.tolist() == COUNTS)


class TestDelimited(FormatContract):
    """The contract, on a table with semicolons and decimal commas."""

    reader = DelimitedText()
    example = "delimited.csv"


def test_reads_the_example() -> None:
    """German names, decimal commas, laser and exposure from the comments."""
    (found,) = read((EXAMPLES / "delimited.csv").read_bytes(), ORIGIN)
    assert (len(found), found.axis.start, found.axis.stop) == (40, 150.5, 540.5)
    assert (found.exposure_s, found.meta["laser_nm"], found.meta["gerät"]) == (0.25, "532", "handgeschrieben")
    assert found.meta["format"] == "delimited text (semicolons, decimal comma)"
    assert found.meta["counts_from"] == "Intensität (a.u.)"


@pytest.mark.parametrize(
    ("delimiter", "decimal"),
    [
        (",", "."),
        (", ", "."),
        (" , ", "."),
        (";", "."),
        (";", ","),
        ("; ", ","),
        ("\t", "."),
        ("\t", ","),
        (" ", "."),
        (" ", ","),
        ("   ", "."),
        ("|", "."),
        (",\t", "."),
    ],
)
@pytest.mark.parametrize("form", [".2f", ".4e", "+.3f", "12.2f"])
def test_every_delimiter_and_decimal_mark(delimiter: str, decimal: str, form: str) -> None:
    """Comma, tab, semicolon, bar and spaces, with decimal point or comma, fixed or scientific."""
    assert is_plain(one(rows(SHIFT, COUNTS, delimiter=delimiter, decimal=decimal, form=form)))


@pytest.mark.parametrize("end", ["", ";", "; ", ";;"])
def test_delimiters_at_the_ends_of_rows_are_no_columns(end: str) -> None:
    """Some software ends every row with a delimiter."""
    assert is_plain(one(rows(SHIFT, COUNTS, delimiter=";").replace("\n", end + "\n")))


@pytest.mark.parametrize(
    "above",
    [
        "",
        "\n\n",
        "# made by hand\n",
        "Raman shift\tcounts\n",
        "#Wave\t\t#Intensity\n",
        "cm-1\ta.u.\n",
        "Raman Shift\tIntensity\ncm-1\ta.u.\n",
        "x\ty\n",
        "Title: something\nDate: 2020-01-01 12:00\n\n",
        "DeviceSN\t11111\nTags\t\n",
        "Laser wavelength (nm)\t785\n",
        "[Header]\nsoftware=1.2.3\n[Data]\n",
        "--------------------\n",
        "12\n",
        "40 points\n",
        "% 1 2 3\n// c\n! d\n* e\n",
        "sep=\t\n",
        "0\t1\n",
        "Raman shift\tcounts\n\n# a comment\n",
        "Operator: Meyer\nSample Quartz\n",
        '"Raman shift (cm-1)","Intensity, a.u."\n',
        "Raman shift (cm-1), Intensity\n",
    ],
)
def test_headers_of_all_kinds(above: str) -> None:
    """Names, units, settings, comments, counts of rows or nothing at all may stand above the table."""
    assert is_plain(one(above + rows(SHIFT, COUNTS)))


@pytest.mark.parametrize("below", ["", "\n\n\n", "##END=\n", ">>>>>End Processed Spectral Data<<<<<\n", "Sum\t12\n", "# done\n", "\x1a"])
def test_footers_of_all_kinds(below: str) -> None:
    """What stands below the table is no part of it."""
    assert is_plain(one(rows(SHIFT, COUNTS) + below))


def test_comments_and_blank_lines_between_rows() -> None:
    """They do not part a table in two."""
    lines = rows(SHIFT, COUNTS).splitlines()
    assert is_plain(one("\n".join([*lines[:9], "# half", *lines[9:20], "", "", *lines[20:]])))


@pytest.mark.parametrize("order", [slice(None, None, -1), slice(None)])
def test_descending_axes(order: slice) -> None:
    """Renishaw and LabSpec write the highest Raman shift first."""
    assert is_plain(one(rows(SHIFT[order], COUNTS[order])))


def test_overlapping_windows_are_sorted_and_averaged() -> None:
    """Two scan windows below one another are one spectrum."""
    found = one(rows(SHIFT[:22] + SHIFT[20:], [*COUNTS[:22], 0.0, 0.0, *COUNTS[22:]]))
    assert found.axis.shift.tolist() == SHIFT
    assert found.counts[20:22].tolist() == [COUNTS[20] / 2, COUNTS[21] / 2]


def test_quoted_cells() -> None:
    """Quotes around names and numbers are no part of them, and protect commas."""
    quoted = "".join(f'"{x:.2f}","{y:.2f}"\n'.replace(".", ",") for x, y in zip(SHIFT, COUNTS, strict=True))
    assert is_plain(one('"Raman shift","counts"\n' + quoted))


@pytest.mark.parametrize("word", ["", "NaN", "nan", "NA", "N/A", "-", "--", "null", "inf", "-inf", "#N/A", "OVER", "1.2.3"])
def test_one_row_without_a_number_is_left_out(word: str) -> None:
    """Empty cells and words for "nothing" cost one row, and the metadata record it."""
    text = rows(SHIFT, COUNTS).replace(f"{COUNTS[7]:.2f}\n", f"{word}\n", 1)
    found = one(text)
    assert len(found) == 39
    assert found.meta["tidied"] == "1 of 40 rows without a number left out"


def test_many_rows_without_a_number_are_refused() -> None:
    """A table full of NaN is no spectrum."""
    text = "".join(f"{x}\t{'NaN' if k % 2 else y}\n" for k, (x, y) in enumerate(zip(SHIFT, COUNTS, strict=True)))
    assert "too many rows without a number: got 19 of 39 rows inside the spectrum (empty, NaN or inf)" in str(answered(text.encode()))


def test_a_cut_last_row_is_left_out() -> None:
    """A file that was cut in its last row keeps the rows before."""
    found = one(rows(SHIFT, COUNTS)[:-6])
    assert found.counts.tolist() == COUNTS[:-1]


def test_bwspec_style_table_with_empty_axis_cells() -> None:
    """Semicolons at the ends, decimal commas, spaces for pixels without a Raman shift; the dark-subtracted column is used."""
    names = "Pixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;%TR #1;\n"
    table = "".join(
        f"{k};"
        + ("   ;   ;   ;" if k < 5 else f"{790 + k},5;{12_658 - k},1;{80 + 10 * k},5;")
        + f"900,0000;65535,0000;{1000 + k},0000;{100 + k},0000;0,0000;\n"
        for k in range(40)
    )
    found = one("intigration times(ms);3200\nlaser_wavelength;784,82\n" + names + table)
    assert (len(found), found.axis.start, found.counts[0]) == (35, 130.5, 105.0)
    assert (found.meta["counts_from"], found.meta["laser_nm"], found.exposure_s) == ("Dark Subtracted #1", "784.82", 3.2)


def test_raw_minus_dark_where_nothing_is_processed() -> None:
    """One raw and one dark column are subtracted."""
    found = one("Raman shift\tRaw\tDark\n" + rows(SHIFT, COUNTS, [0.25] * 40))
    assert found.counts.tolist() == [count - 0.25 for count in COUNTS]
    assert found.meta["counts_from"] == "Raw - Dark"


def test_several_columns_are_several_spectra() -> None:
    """Each column of counts is a spectrum with its own number and name."""
    found = read(("Raman shift\tQuartz\t1-Butanol\tCalcite\n" + rows(SHIFT, COUNTS, COUNTS[::-1], SHIFT)).encode(), ORIGIN)
    assert [spectrum.origin.index for spectrum in found] == [0, 1, 2]
    assert [spectrum.meta["counts_from"] for spectrum in found] == ["Quartz", "1-Butanol", "Calcite"]
    assert found[1].counts.tolist() == COUNTS[::-1]


def test_each_axis_belongs_to_the_columns_on_its_right() -> None:
    """Spectra with axes of their own, side by side, keep them."""
    text = "Raman shift\tIntensity\tRaman shift\tIntensity\n" + rows(SHIFT, COUNTS, [x + 3 for x in SHIFT], COUNTS[::-1])
    first, second = read(text.encode(), ORIGIN)
    assert (first.axis.start, second.axis.start) == (SHIFT[0], SHIFT[0] + 3)
    assert second.counts.tolist() == COUNTS[::-1]


def test_several_columns_without_names_are_several_spectra() -> None:
    """The first column is the axis of all others."""
    found = read(rows(SHIFT, COUNTS, COUNTS[::-1]).encode(), ORIGIN)
    assert [spectrum.counts.tolist() for spectrum in found] == [COUNTS, COUNTS[::-1]]


def test_a_map_is_as_many_spectra_as_it_has_places() -> None:
    """The same axis again and again, with columns for the place, is one spectrum a place and never their mean."""
    table = "".join(rows([float(place)] * 40, SHIFT, [count + place for count in COUNTS]) for place in range(3))
    found = read(("#X\t#Wave\t#Intensity\n" + table).encode(), ORIGIN)
    assert [spectrum.counts.tolist() for spectrum in found] == [[count + place for count in COUNTS] for place in range(3)]
    assert [spectrum.origin.index for spectrum in found] == [0, 1, 2]


@pytest.mark.parametrize("names", ["Wavelength (nm)\tIntensity", "Wellenlänge\tIntensität", "λ / nm\tcounts"])
def test_a_wavelength_axis_needs_the_laser(names: str) -> None:
    """With a laser in the header it is converted, without one the message asks for it."""
    table = names + "\n" + rows([800.0 + k for k in range(40)], COUNTS)
    assert one("Laser: 785 nm\n" + table).axis.start == pytest.approx(1e7 / 785 - 1e7 / 800)
    assert "unknown laser wavelength: got a wavelength axis (800 to 839 nm)" in str(answered(table.encode()))


def test_spectrasuite_is_not_taken_for_a_raman_shift() -> None:
    """Its wavelengths look like Raman shifts."""
    text = "SpectraSuite Data File\n+++\nIntegration Time (usec): 70000 (USB2)\n>>>>>Begin Processed Spectral Data<<<<<\n"
    message = answered((text + rows([180.0 + 15 * k for k in range(40)], COUNTS)).encode())
    assert "unknown laser wavelength: got a wavelength axis (180 to 765 nm)" in str(message)


def test_a_pixel_axis_needs_a_calibration() -> None:
    """Pixels are not guessed into Raman shifts."""
    message = answered(("Pixels #,Intensity (a.u.)\n" + rows([float(k) for k in range(40)], COUNTS, delimiter=",")).encode())
    assert message == (
        "delimited text: lines 2 to 41: axis in pixels: got 0 to 39, expected a Raman shift (cm-1). "
        "Calibrate the instrument (`raman-edge calibrate`) and give --calibration, or export with a wavenumber axis"
    )


def test_a_single_row_has_one_line_and_one_value() -> None:
    """Not ``lines 2 to 2`` and ``1 to 1``."""
    message = str(answered(b"a,b\n1,2\n"))
    assert "line 2: axis without a name: got 1 alone, expected" in message


def test_an_infrared_spectrum_is_no_raman_spectrum() -> None:
    """Absorbance and transmittance are not counts."""
    message = answered(("Wavenumber (cm-1),Absorbance\n" + rows(SHIFT, COUNTS, delimiter=",")).encode())
    assert "missing counts: got only the columns 'Absorbance' beside the axis" in str(message)


def test_another_first_column_is_refused_by_name() -> None:
    """A time is no axis of a spectrum."""
    message = answered(("Time (s),Counts\n" + rows(SHIFT, COUNTS, delimiter=",")).encode())
    assert "lines 2 to 41: unsupported axis: got 'Time (s)' as first column" in str(message)


@pytest.mark.parametrize("cells", ["{x},5,{y},2", "{x},05"])
def test_commas_that_may_be_decimal_marks_are_explained(cells: str) -> None:
    """Nothing is guessed where both readings are possible."""
    text = "".join(cells.format(x=100 + k * 10, y=k % 7) + "\n" for k in range(40))
    message = str(answered(text.encode()))
    assert message.startswith("delimited text: line 1: ambiguous comma: got '100,")
    assert "Export with semicolons or tabs" in message


def test_a_table_on_its_side_is_explained() -> None:
    """A spectrum a row instead of a column is refused with the way out."""
    text = " ".join(map(str, SHIFT)) + "\n" + " ".join(map(str, COUNTS)) + "\n"
    assert "line 1: too few rows: got 2 rows of 40 numbers, expected at least 16 rows" in str(answered(text.encode()))


def test_two_tables_are_refused() -> None:
    """Half of a file is not left out in silence."""
    message = str(answered((rows(SHIFT, COUNTS) + "second sample\n" + rows(SHIFT, COUNTS)).encode()))
    assert "line 41: several tables: got 'second sample' between lines 1 to 40 and 40 rows of the same kind" in message


def test_rows_of_other_lengths_are_refused_with_the_first_one() -> None:
    """A table whose rows do not agree is not guessed at."""
    text = "".join(f"{x};{y}" + (";7" if k % 5 == 0 else "") + "\n" for k, (x, y) in enumerate(zip(SHIFT, COUNTS, strict=True)))
    assert "line 1: unequal rows: got '100.5;0.25;7', like 8 of 40 rows" in str(answered(text.encode()))


def test_column_names_settle_what_the_commas_are() -> None:
    """Four names above four cells mean four columns."""
    text = "Pixel,Raman shift,Raw,Dark\n" + "".join(f"{k},{100 + 10 * k},{50 + k},{7}\n" for k in range(40))
    assert one(text).counts[0] == 43


def test_saturation_belongs_to_counts_as_measured() -> None:
    """A level of the detector says nothing about processed counts."""
    header = "Saturation: 65535\nRaman shift\t{}\n"
    assert one(header.format("counts") + rows(SHIFT, COUNTS)).saturation == 65535
    assert one(header.format("processed") + rows(SHIFT, COUNTS)).saturation is None


@given(
    st.lists(st.floats(-1e4, 1e6), min_size=16, max_size=80),
    st.sampled_from([(",", "."), (";", ","), ("\t", ","), (" ", "."), (";", ".")]),
    st.sampled_from(["", "Raman shift (cm-1){}Intensity\n", "# laser: 785 nm\n\n"]),
    st.booleans(),
)
@UNHURRIED
def test_what_was_written_is_read(counts: list[float], dialect: tuple[str, str], above: str, falling: bool) -> None:  # noqa: FBT001 - drawn
    """A spectrum written in any dialect comes back to the last digit written."""
    shift = [100.25 + 7 * k for k in range(len(counts))]
    table = list(zip(shift, counts, strict=True))[:: -1 if falling else 1]
    delimiter, decimal = dialect
    text = above.format(delimiter) + rows([x for x, _ in table], [y for _, y in table], delimiter=delimiter, decimal=decimal, form=".3f")
    found = one(text)
    assert found.axis.shift.tolist() == shift
    assert np.array_equal(found.counts, [float(f"{count:.3f}") for count in counts])
