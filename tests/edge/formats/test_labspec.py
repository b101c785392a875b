"""Horiba LabSpec: maps and series as text, and everything as XML."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, UNHURRIED, FormatContract, answered
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats import FileContent, read, sniff
from raman_edge.formats.labspec import LabspecMap, LabspecXml

MAP = (EXAMPLES / "labspec_map.txt").read_text(encoding="utf-8")
XML = (EXAMPLES / "labspec.xml").read_text(encoding="utf-8")
SHIFT = [150.5 + 10 * k for k in range(40)]


def reason_of(text: str) -> str:
    """Return the message of a file that is refused."""
    return str(answered(text.encode()))


class TestLabspecMap(FormatContract):
    """The contract, on a map of three places."""

    reader = LabspecMap()
    example = "labspec_map.txt"


class TestLabspecXml(FormatContract):
    """The contract, on a line of two places."""

    reader = LabspecXml()
    example = "labspec.xml"


def test_a_map_is_a_spectrum_a_row() -> None:
    """The axis is the first row's, the place the first cells of each, laser and exposure the header's."""
    found = read(MAP.encode(), ORIGIN)
    assert [spectrum.meta["place"] for spectrum in found] == ["-1, 0", "-1, 2", "1, 0"]
    assert all(spectrum.axis.shift.tolist() == SHIFT for spectrum in found)
    assert [round(float(spectrum.counts.max())) for spectrum in found] == [743, 1366, 1989]
    assert {(spectrum.exposure_s, spectrum.meta["laser_nm"], spectrum.meta["laser_from"]) for spectrum in found} == {
        (2.5, "532.08", "file")
    }


def test_xml_is_a_spectrum_a_row() -> None:
    """The same counts as in the map's text, the exact laser, the settings by name."""
    found = read(XML.encode(), ORIGIN)
    as_text = read(MAP.encode(), ORIGIN)
    assert len(found) == 2
    assert all(np.array_equal(one.counts, other.counts) for one, other in zip(found, as_text, strict=False))
    assert (found[0].exposure_s, found[0].meta["laser_nm"], found[0].meta["title"]) == (2.5, "532.08", "made up for a test")
    assert found[0].meta["detector temperature (°c)"] == "-60.5"


@given(st.integers(1, 6), st.integers(0, 3), st.booleans(), st.booleans(), st.booleans())
@UNHURRIED
def test_what_was_written_is_read(rows: int, places: int, comma: bool, header: bool, tail: bool) -> None:  # noqa: FBT001 - drawn
    """Maps, profiles and series, with or without a header, decimal commas and tabs at the ends of the rows."""
    counts = [[float(k * row % 17) + 0.5 for k in range(40)] for row in range(1, rows + 1)]
    lines = ["\t" * (places + 1) + "\t".join(f"{x:.2f}" for x in SHIFT)]
    lines += ["\t".join(["1.5"] * (places + 1) + [f"{y:.2f}" for y in row]) for row in counts]
    table = "".join(line + "\t" * tail + "\n" for line in lines)
    text = "#Laser (nm)=\t785\n" * header + (table.replace(".", ",") if comma else table)
    found = read(text.encode(), ORIGIN)
    assert [spectrum.counts.tolist() for spectrum in found] == counts
    assert all(spectrum.axis.shift.tolist() == SHIFT for spectrum in found)


def test_a_wavelength_axis_is_converted() -> None:
    """LabSpec shows nm as readily as 1/cm."""
    wavelengths = [str(540 + k) for k in range(40)][::-1]
    first = MAP.splitlines()[13]
    text = MAP.replace(first, "\t\t" + "\t".join(wavelengths)).replace("1/cm", "nm")
    assert read(text.encode(), ORIGIN)[0].axis.start == pytest.approx(1e7 / 532.08 - 1e7 / 540)
    points = " ".join(f"{x:g}" for x in SHIFT[::-1])
    found = read(XML.replace(points, " ".join(wavelengths)).replace("1/cm", "nm").encode(), ORIGIN)
    assert found[0].axis.start == pytest.approx(1e7 / 532.08 - 1e7 / 540)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.rstrip()[:-30], "line 17: wrong number of cells: got 37 cells, expected 42, as the first row has"),
        (
            lambda text: text[: text.index("-1\t0")],
            "too many spectra: got 0 rows of 40 counts, expected 1 to 4096",
        ),
        (
            lambda text: text + "\n".join(text.splitlines()[-1:] * 5000),
            "too many spectra: got 5003 rows of 40 counts, expected 1 to 4096",
        ),
    ],
)
def test_maps_that_are_no_maps(change, says: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a function on text
    """Rows that end early, no rows, and more than a file should hold."""
    assert says in reason_of(change(MAP))


def test_an_absolute_axis_is_converted() -> None:
    """LabSpec calls it ``1/cm abs``."""
    points = " ".join(f"{x:g}" for x in SHIFT[::-1])
    absolute = " ".join(f"{1e7 / 532.08 - x:.3f}" for x in SHIFT[::-1])
    (found, _) = read(XML.replace(points, absolute).replace("1/cm", "1/cm abs").encode(), ORIGIN)
    assert found.axis.shift == pytest.approx(SHIFT, abs=0.001)


def test_a_column_that_begins_empty_is_no_map() -> None:
    """An empty cell in a table of two columns is a pixel without a Raman shift."""
    text = "\t1\n\t2\n" + "".join(f"{x}\t{k}\n" for k, x in enumerate(SHIFT))
    assert sniff(FileContent(text.encode())).name == "delimited text"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("</LSX_Data>", "", "broken XML: 'no element found: line 22, column 0'"),
        (
            "<LSX_Data>",
            '<!DOCTYPE a [<!ENTITY b "c">]>\n<LSX_Data>',
            "line 2: unsupported XML declaration: got '<!DOCTYPE a [<!ENTI…'",
        ),
        ("<LSX_Data>", "<!ENTITY b 'c'>\n<LSX_Data>", "line 2: unsupported XML declaration: got '<!ENTITY"),
        ("Spectr<", "Wheel<", "missing axis"),
        ("1/cm", "THz", "unsupported axis unit: got 'THz', expected 1/cm or nm"),
        ("</LSX_Row>", " 7</LSX_Row>", "spectrum 1 of 2: wrong number of counts: got 41 counts or more"),
        ("<LSX_Row>", "<LSX_Line>", "broken XML: 'mismatched tag: line 18, column 217'"),
        ("120.09 120 120</LSX_Row>", "120</LSX_Row>", "wrong number of counts: got 38 counts"),
        ("LSX_Row>", "LSX_Line>", "wrong number of spectra: got 0 spectra, expected 1 to 4096"),
        ("<LSX_Matrix>", "<LSX_Matrix>" + "<a/>" * 110_000, "too many tags: got 110067 tags, expected at most 100000"),
        ("<LSX_Matrix>", "<LSX_Matrix>" + "<a>" * 90_000, "broken XML: 'mismatched tag: line 20, column 4'"),
    ],
)
def test_xml_that_is_not_labspecs(old: str, new: str, says: str) -> None:
    """Cut, with entities, another axis, rows of other lengths, a tree that is too large or too deep."""
    assert old in XML
    assert says in reason_of(XML.replace(old, new))


def test_an_entity_is_never_expanded() -> None:
    """A few hundred characters that stand for gigabytes are refused before they are parsed."""
    entities = "".join(f'<!ENTITY e{k + 1} "{f"&e{k};" * 10}">' for k in range(12))
    bomb = f'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>\n<LSX_Data><LSX_Tree>&e12;</LSX_Tree></LSX_Data>'
    assert "unsupported XML declaration: got '<!DOCTYPE x [<!ENTI…'" in reason_of(bomb)
