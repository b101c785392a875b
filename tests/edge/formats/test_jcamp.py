"""JCAMP-DX files: records, blocks, axes, and what is no Raman spectrum."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from jcamp_forms import FORMS, file
from raman_edge.formats import read
from raman_edge.formats.jcamp import Jcamp
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from raman_edge.spectrum import Spectrum

VALUES = [(k * k) % 53 - 9 for k in range(60)]
PAIRS = "\n".join(f"{100 + 3 * k + k % 2} {k % 7}" for k in range(40)) + "\n"


def one(text: str) -> Spectrum:
    """Read a text that holds one spectrum."""
    (found,) = read(text.encode(), ORIGIN)
    return found


def reason_of(text: str) -> str:
    """Return the message of a file that is refused."""
    return str(answered(text.encode()))


class TestJcamp(FormatContract):
    """The contract, on a compound file with a spectrum in DIFDUP form."""

    reader = Jcamp()
    example = "jcamp.jdx"


def test_reads_the_example() -> None:
    """Two of its three blocks are Raman spectra; the third is named, the laser and the exposure are from the records."""
    first, second = read((EXAMPLES / "jcamp.jdx").read_bytes(), ORIGIN)
    assert (len(first), first.axis.start, first.axis.stop) == (40, 150.5, 540.5)
    assert np.array_equal(first.counts, second.counts)
    assert (first.meta["laser_nm"], first.exposure_s, first.meta["title"]) == ("532", 0.25, "Quartz, made up for a test")
    assert first.taken_at == datetime(2020, 1, 1, 11, 34, 56, tzinfo=UTC)
    assert second.meta["left_out"] == "INFRARED SPECTRUM"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_spectrum(form: str) -> None:
    """The factor applies, and the axis is the header's."""
    found = one(file(VALUES, form))
    assert found.axis.shift.tolist() == [100 + 2 * k for k in range(60)]
    assert found.counts.tolist() == [value / 2 for value in VALUES]


@given(st.lists(st.integers(-(10**6), 10**6), min_size=16, max_size=90), st.sampled_from(FORMS), st.booleans())
@UNHURRIED
def test_what_was_written_is_read(values: list[int], form: str, falling: bool) -> None:  # noqa: FBT001 - drawn
    """Rising or falling, in every form."""
    text = file(values, form, factor=0.25)
    if falling:
        x = [100 + 2 * k for k in range(len(values))][::-1]
        rows = "".join(f"{a} {b}\n" for a, b in zip(x, values, strict=True))
        head = text[: text.index("##XYDATA=")].replace("##FIRSTX=100", f"##FIRSTX={x[0]}").replace(f"##LASTX={x[0]}", "##LASTX=100")
        text = f"{head}##XYDATA=(X++(Y..Y))\n{rows}##END=\n"
    found = one(text)
    assert found.counts.tolist() == [value / 4 for value in values[:: -1 if falling else 1]]


@pytest.mark.parametrize("label", ["DATA TYPE", "DATATYPE", "Data_Type", "data-type", " DATA TYPE "])
def test_labels_are_compared_without_what_fills_them(label: str) -> None:
    """Blanks, dashes, underscores and case make no difference."""
    assert len(one(file(VALUES, "SQZ").replace("##DATA TYPE=", f"##{label}="))) == 60


def test_pairs() -> None:
    """XYPOINTS has an axis of its own."""
    found = one("##TITLE=x\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##YFACTOR=2\n##XYPOINTS=(XY..XY)\n" + PAIRS + "##END=\n")
    assert (len(found), found.axis.start, found.counts[3]) == (40, 100.0, 6.0)


def test_decimal_commas_show_in_the_header() -> None:
    """Where the records' numbers have them, the table's have them too."""
    text = file(VALUES, "AFFN", FIRSTX="100,0", YFACTOR="0,5").replace(" 0 ", " 0,0 ")
    assert one(text).counts.tolist() == [value / 2 for value in VALUES]


def test_decimal_commas_beside_commas_that_part() -> None:
    """Ocean Optics writes ``176,36, 32822,795`` on a computer with decimal commas."""
    pairs = "".join(f"{100 + 3 * k},25, {k % 7},500\n" for k in range(40))
    head = "##TITLE=x\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##FIRSTX= 100,25\n##NPOINTS= 40\n##XYPOINTS= (XY..XY)\n"
    found = one(head + pairs + "##END=\n")
    assert (found.axis.start, found.axis.stop, found.counts[3]) == (100.25, 217.25, 3.5)


def test_comments_and_continued_records() -> None:
    """What follows $$ is no record; lines without a label belong to the one above."""
    found = one("$$ a comment\n" + file(VALUES, "PAC").replace("##YUNITS", "##OWNER=somebody $$ else\nof somewhere\n##YUNITS"))
    assert found.meta["owner"] == "somebody of somewhere"


@pytest.mark.parametrize(
    ("records", "start"),
    [
        ({"XUNITS": "NANOMETERS", "$LASER WAVELENGTH": "99.5 nm"}, None),
        ({"XUNITS": "NANOMETERS", "FIRSTX": "800", "LASTX": "918"}, 1e7 / 785 - 1e7 / 800),
        ({"XUNITS": "MICROMETERS", "FIRSTX": "0.8", "LASTX": "0.918", "XFACTOR": "0.001"}, 1e7 / 785 - 1e7 / 800),
        ({"XUNITS": "1/CM", "FIRSTX": "12000", "LASTX": "12118"}, 1e7 / 785 - 12118),
        ({"XUNITS": "Raman Shift (cm-1)"}, 100.0),
        ({"XUNITS": ""}, 100.0),
    ],
)
def test_units_of_the_axis(records: dict[str, str], start: float | None) -> None:
    """Wavelengths and absolute wavenumbers need the laser, which a record or the caller gives."""
    text = file(VALUES, "AFFN", **records)
    if "FIRSTX" in records:  # the lines begin with other X values then
        first, last, factor = (float(records.get(name, 1)) for name in ("FIRSTX", "LASTX", "XFACTOR"))
        rows = "".join(f"{x / factor:.6f} {y}\n" for x, y in zip(np.linspace(first, last, 60), VALUES, strict=True))
        text = text[: text.index("##XYDATA=")] + "##XYDATA=(X++(Y..Y))\n" + rows + "##END=\n"
    if start is None:
        assert "unknown laser wavelength: got a wavelength axis (100 to 218 nm)" in reason_of(text)
    else:
        (found,) = read(text.encode(), ORIGIN, laser_nm=785.0)
        assert found.axis.start == pytest.approx(start)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ({"NPOINTS": "61"}, "line 16: wrong number of points: got 60 points"),
        ({"NPOINTS": "1e15"}, "wrong number of points: got 60 points"),
        ({"LASTX": "", "NPOINTS": ""}, None),
        ({"LASTX": "900"}, "wrong abscissa: got X = 124, expected 262.712 from the header"),
        ({"FIRSTX": "nan"}, None),
    ],
)
def test_the_values_of_the_records_count(records: dict[str, str], says: str | None) -> None:
    """Numbers of points and axes are refused by the record with the number; None is read."""
    text = file(VALUES, "SQZ", **records)
    if says is None:
        assert one(text).axis.stop == 218
    else:
        assert says in reason_of(text)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ({"DATA TYPE": "INFRARED SPECTRUM"}, "'INFRARED SPECTRUM' (##DATA TYPE=)"),
        ({"DATA TYPE": "NMR SPECTRUM", "XUNITS": "HZ"}, "'NMR SPECTRUM' (##DATA TYPE=)"),
        ({"DATA TYPE": "", "YUNITS": "ABSORBANCE"}, "'ABSORBANCE' (##YUNITS=)"),
        ({"DATA TYPE": "", "XUNITS": "HZ"}, "'ARBITRARY UNITS' over 'HZ'"),
        ({}, None),
    ],
)
def test_other_methods_are_read_and_reported(records: dict[str, str], says: str | None) -> None:
    """Whatever was measured, the numbers are read as they are, and the meta has what the file calls it."""
    found = one(file(VALUES, "SQZ", **records))
    assert (found.axis.start, found.axis.stop, len(found)) == (100, 218, 60)
    assert found.meta.get(OTHER_METHOD) == says


def test_an_infrared_block_with_raman_units_is_raman() -> None:
    """FT-Raman software calls every interferogram's spectrum infrared."""
    assert len(one(file(VALUES, "DIF", **{"DATA TYPE": "INFRARED SPECTRUM", "YUNITS": "RAMAN INTENSITY"}))) == 60


@pytest.mark.parametrize("delta", ["2", "-2"])
def test_the_step_serves_where_the_last_abscissa_is_missing(delta: str) -> None:
    """Of either sign: the lines say which way it goes."""
    assert one(file(VALUES, "DIFDUP", LASTX="", DELTAX=delta)).axis.stop == 218


def test_a_lost_line_is_noticed() -> None:
    """The number of points, or else the abscissas decide."""
    lines = file(VALUES, "AFFN").splitlines()
    table = lines.index("##XYDATA=(X++(Y..Y))")
    del lines[table + 2]
    assert "wrong number of points: got 48 points" in reason_of("\n".join(lines))
    assert "wrong abscissa: got X = 148, expected 130.128" in reason_of("\n".join(line for line in lines if "NPOINTS" not in line))


@pytest.mark.parametrize(("table", "has"), [("##PEAK TABLE=(XY..XY)\n100 5\n", "PEAKTABLE"), ("##NTUPLES=NMR FID\n", "NTUPLES")])
def test_files_without_a_curve_are_refused(table: str, has: str) -> None:
    """A list of peaks is no spectrum."""
    message = reason_of("##TITLE=x\n##DATA TYPE=RAMAN PEAK TABLE\n" + table + "##END=\n")
    assert f"no curve: got ##{has}=, expected ##XYDATA=" in message


def test_without_its_end_a_file_is_cut_unless_its_points_are_counted() -> None:
    """A block may still be growing; one that has all it declares is complete."""
    assert len(one(file(VALUES, "AFFN").replace("##END=\n", ""))) == 60
    assert "missing ##END=: got the end of the file" in reason_of(file(VALUES, "AFFN", NPOINTS="").replace("##END=\n", ""))
    linked = "##TITLE=all\n##DATA TYPE=LINK\n##BLOCKS=2\n" + file(VALUES, "AFFN")
    assert "missing ##END=: got the end of the file" in reason_of(linked)
    assert len(one(linked + "##END=\n")) == 60


def test_blocks_below_one_another_are_several_spectra() -> None:
    """Linked or just put together."""
    found = read((file(VALUES, "DIF") + file(VALUES[::-1], "PAC")).encode(), ORIGIN)
    assert [spectrum.counts.tolist() for spectrum in found] == [[value / 2 for value in order] for order in (VALUES, VALUES[::-1])]
    assert [spectrum.origin.index for spectrum in found] == [0, 1]


def bent(step_at: int = -1) -> str:
    """Write a file whose lines begin where an uneven axis has them; one line elsewhere."""
    axis = [100 + 3 * k - 0.01 * k * k for k in range(60)]
    lines = [f"{axis[k] + 40 * (k == step_at):.3f} " + " ".join(map(str, VALUES[k : k + 5])) for k in range(0, 60, 5)]
    text = file(VALUES, "AFFN", LASTX=f"{axis[-1]:.3f}")
    return text[: text.index("##XYDATA=")] + "##XYDATA=(X++(Y..Y))\n" + "\n".join(lines) + "\n##END=\n"


def test_an_uneven_axis_is_the_lines_own() -> None:
    """Between the lines' abscissas it is interpolated; where one stands out, a line is damaged."""
    expected = [100 + 3 * k - 0.01 * k * k for k in range(60)]
    assert one(bent()).axis.shift == pytest.approx(expected, abs=0.2)
    assert "wrong abscissa: got X = 114.75" in reason_of(bent(step_at=30))


@pytest.mark.parametrize("kind", ["UNKNOWN", "spectrum", ""])
def test_an_unknown_data_type_leaves_it_to_the_units(kind: str) -> None:
    """The units decide then."""
    assert OTHER_METHOD not in one(file(VALUES, "AFFN", **{"DATA TYPE": kind})).meta
    assert OTHER_METHOD in one(file(VALUES, "AFFN", **{"DATA TYPE": kind, "YUNITS": "TRANSMITTANCE"})).meta


@pytest.mark.parametrize("lines", ["", "100\n", "100\n110\n"])
def test_a_table_without_values_is_refused(lines: str) -> None:
    """Abscissas alone are no spectrum."""
    head = "##TITLE=x\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##FIRSTX=100\n##LASTX=200\n##XYDATA=(X++(Y..Y))\n"
    message = reason_of(head + lines + "##END=\n")
    assert "##XYDATA=: empty table" in message or "no curve: got ##XYDATA=" in message


HEAD = "##TITLE=q\n##JCAMP-DX=4.24\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##YUNITS=ARBITRARY UNITS\n##XFACTOR=1\n##YFACTOR=1\n"


@pytest.mark.parametrize("records", ["##NPOINTS=40\n", "##FIRSTX=100\n##LASTX=178\n##NPOINTS=40\n", ""])
@pytest.mark.parametrize("separator", [" ", "; ", "\t"])
def test_pairs_with_decimal_commas(records: str, separator: str) -> None:
    """Whole numbers in the header say nothing; the number of points or the abscissas do."""
    rows = "".join(f"{100 + 2 * k},25{separator}{(k * k) % 37},50\n" for k in range(40))
    found = one(HEAD + records + "##XYPOINTS=(XY..XY)\n" + rows + "##END=\n")
    assert (len(found), found.axis.start, found.axis.stop, found.counts[3]) == (40, 100.25, 178.25, 9.5)


def test_steps_with_decimal_commas() -> None:
    """A comma within a number parts nothing where blanks do."""
    rows = "".join(f"{100 + 12 * k} " + " ".join(f"0,{(k * 7 + n) % 90 + 10}" for n in range(6)) + "\n" for k in range(10))
    found = one(HEAD + "##FIRSTX=100\n##LASTX=218\n##DELTAX=2\n##NPOINTS=60\n##XYDATA=(X++(Y..Y))\n" + rows + "##END=\n")
    assert (len(found), found.axis.stop, found.counts[1]) == (60, 218.0, 0.11)


def test_more_points_than_declared_are_refused() -> None:
    """They are two numbers torn apart, or another table."""
    rows = "".join(f"{100 + 2 * k}.25, {k % 7}.5\n" for k in range(40))
    message = reason_of(HEAD + "##NPOINTS=30\n##XYPOINTS=(XY..XY)\n" + rows + "##END=\n")
    assert "wrong number of points: got 40 points" in message
    assert "decimal commas" in message
