"""WITec projects: spectra, series and maps."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from raman_edge.formats import READERS, read
from witec_files import FREE, GRATING, LINEAR, POLYNOMIAL, TABLE, Tree, WitecFile, WitecGraph, tag

COUNTS = 1000.0 + 37 * (np.arange(40) ** 2 % 41)
AT = np.arange(40.0)
NM = 636.3 + 0.1334 * AT - 2e-6 * AT**2
SHIFT = 1e7 / 632.8 - 1e7 / NM
MAP = WitecGraph(np.array([[COUNTS * (1 + x + 10 * y) for y in range(3)] for x in range(2)]), kind="f4")
ONE = WitecGraph(COUNTS.reshape(1, 1, 40), caption="Spectrum_001_Spec.Data 1")
EXAMPLE = WitecFile([MAP])


def message(data: bytes) -> str:
    """Return the error of a file that cannot be read."""
    reason = answered(data)
    assert isinstance(reason, str)
    return reason


class TestWitec(FormatContract):
    """The contract, on a map."""

    reader = next(reader for reader in READERS if reader.name == "WITec project")
    example = "witec.wip"
    text = False


def test_the_example_is_what_the_tests_write() -> None:
    """The example comes from the writer of the tests."""
    assert (EXAMPLES / "witec.wip").read_bytes() == EXAMPLE.made()


@pytest.mark.parametrize("inverted", [False, True])
def test_a_map_is_a_spectrum_a_point_with_its_place(inverted: bool) -> None:  # noqa: FBT001 - a case of the table
    """In either order of the points; the place is turned and scaled as the project says."""
    found = read(replace(EXAMPLE, graphs=[replace(MAP, inverted=inverted)]).made(), ORIGIN)
    points = [(x, y) for y in range(3) for x in range(2)] if inverted else [(x, y) for x in range(2) for y in range(3)]
    assert [spectrum.counts[0] / COUNTS[0] for spectrum in found] == [1 + x + 10 * y for x, y in points]
    places = [(f"{10 - 0.25 * (y - 0.5):g} um", f"{20 + 0.5 * (x - 0.5):g} um") for x, y in points]
    assert [(spectrum.meta["x"], spectrum.meta["y"]) for spectrum in found] == places
    assert np.allclose(found[0].axis.shift, SHIFT, rtol=0, atol=1e-9)
    assert all(spectrum.axis is found[0].axis for spectrum in found)
    assert (found[0].exposure_s, found[0].meta["laser_nm"], found[0].meta["laser_from"]) == (1.5, "632.8", "file")
    assert (found[0].meta["title"], found[0].meta["configuration"]) == ("Map_000_Spec.Data 1", "Raman 633")
    assert (found[0].meta["date"], found[0].meta["time"]) == ("15 July 2015", "15:03:08")


@pytest.mark.parametrize("kind", ["i8", "i4", "i2", "i1", "u4", "u2", "u1", "f4", "f8"])
def test_every_type_of_count_is_read(kind: str) -> None:
    """Whole and real ones."""
    row = COUNTS % 120
    (found,) = read(WitecFile([replace(ONE, counts=row.reshape(1, 1, 40), kind=kind)]).made(), ORIGIN)
    assert found.counts.tolist() == row.tolist()


@pytest.mark.parametrize("mark", [b"WIT_PRCT", b"WIT_PR06", b"WIT_DATA", b"WIT_DA06"])
def test_projects_and_data_of_every_version_are_read(mark: bytes) -> None:
    """They differ in the mark."""
    assert len(read(replace(EXAMPLE, mark=mark).made(), ORIGIN)) == 6


def grating() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the wavelengths behind the grating of the tests, step by step."""
    made = []
    for column in range(40):
        alpha = np.arcsin(704.087 / 1666.67 / (2 * np.cos(0.43633 / 2))) - 0.43633 / 2
        across = 0.026 * (511.5 - column) - 300 * np.sin(0.02)
        beta = 0.43633 + alpha - 0.02 - np.arctan2(across, 300 * np.cos(0.02))
        made.append(1666.67 * (np.sin(alpha) + np.sin(beta)))
    return np.array(made)


@pytest.mark.parametrize(
    ("transformation", "nm"),
    [
        (GRATING, grating()),
        (TABLE, 640 + 1.25 * AT),
        (LINEAR, 640 + 1.5 * (AT - 2)),
        (FREE, np.polynomial.polynomial.polyval(np.clip(AT, 2, 36), [640, 1.5, 1e-3, 1e-6])),
    ],
    ids=["grating", "table", "linear", "free"],
)
def test_every_axis_is_read(transformation: tuple[str, Tree], nm: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """A free polynomial stands still beyond its ends: rows of one shift are averaged."""
    (found,) = read(WitecFile([ONE], transformation).made(), ORIGIN)
    shift = np.unique(1e7 / 632.8 - 1e7 / nm)
    assert np.allclose(found.axis.shift, shift, rtol=0, atol=1e-9)


def test_a_series_and_a_map_of_one_project_are_both_read() -> None:
    """One behind the other; a series has no places."""
    series = WitecGraph(np.array([[COUNTS * (k + 1)] for k in range(4)]), caption="Time Series_000_Spec.Data 1", kind="f4")
    found = read(WitecFile([MAP, series]).made(), ORIGIN)
    assert [spectrum.origin.index for spectrum in found] == list(range(10))
    assert [spectrum.counts[0] / COUNTS[0] for spectrum in found[6:]] == [1, 2, 3, 4]
    assert (found[6].meta["title"], found[6].exposure_s) == ("Time Series_000_Spec.Data 1", None)
    assert "x" not in found[6].meta


def test_a_map_that_is_being_measured_gives_what_was_collected() -> None:
    """Lines that are not valid are no spectra."""
    found = read(WitecFile([replace(MAP, valid=[True, False, True])]).made(), ORIGIN)
    assert [spectrum.counts[0] / COUNTS[0] for spectrum in found] == [1, 21, 2, 22]
    assert found[0].meta["collected"] == "4 of 6"
    assert "no spectra: got 0 of 6 spectra" in message(WitecFile([replace(MAP, valid=[False] * 3)]).made())


def test_a_wavelength_axis_needs_the_laser() -> None:
    """Where neither the interpretation nor the information has it."""
    made = replace(EXAMPLE, laser=0.0)
    assert "unknown laser wavelength: got a wavelength axis (636.3 to 641.5 nm)" in message(made.made())
    assert "unknown laser wavelength: got a wavelength axis (636.3 to 641.5 nm)" in message(made.made())
    (found, *_) = read(made.made(), ORIGIN, laser_nm=632.8)
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == ("632.8", "option")
    with_laser = replace(made, information=made.information.replace("General:", r"UHTS\par Excitation Wavelength [nm]:\tab 532"))
    assert read(with_laser.made(), ORIGIN)[0].meta["laser_nm"] == "532"


def test_what_is_no_spectrum_is_named() -> None:
    """Images, texts and graphs over time are no spectra; beside spectra they are counted."""
    image = {7: ("TDImage", "a picture", [("TDImage", [("SizeX", 2)])])}
    assert "no spectra" in message(replace(EXAMPLE, graphs=[], others=image).made())
    assert "no spectra" in message(replace(EXAMPLE, transformation=LINEAR, unit="s").made())
    (found, *_) = read(replace(EXAMPLE, others=image).made(), ORIGIN)
    assert found.meta["left_out"] == "1 images and graphs that are no spectra"


def test_a_graph_that_cannot_be_raman_is_left_out_with_a_word() -> None:
    """Another graph of the project is still read."""
    far = {
        30: (
            "TDSpectralTransformation",
            "far",
            [("TDSpectralTransformation", [("SpectralTransformationType", 0), ("Polynom", np.array([300.0, 0.1]))])],
        )
    }
    found = read(replace(EXAMPLE, graphs=[replace(ONE, transformation=30), MAP], others=far).made(), ORIGIN)
    assert len(found) == 6
    assert found[0].meta["left_out"].startswith("1 graphs ('Spectrum_001_Spec.Data 1': Raman shift out of range: got")
    assert "Raman shift out of range: got -17530.6 to -17102.8 cm-1 with a laser of 632.8 nm" in message(
        replace(EXAMPLE, graphs=[replace(ONE, transformation=30)], others=far).made()
    )


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (replace(EXAMPLE, transformation=("TDSpectralTransformation", [("SpectralTransformationType", 7)])), "a spectral axis of kind 7"),
        (replace(EXAMPLE, transformation=("TDSpectralTransformation", [])), "missing number: got no number SpectralTransformationType"),
        (replace(EXAMPLE, transformation=("TDSpectralTransformation", POLYNOMIAL[1][:1])), "missing numbers: got no Polynom"),
        (replace(EXAMPLE, transformation=("TDLUTTransformation", [("LUTSize", 1), ("LUT", AT)])), "a table of 1 wavelengths"),
        (replace(EXAMPLE, graphs=[replace(ONE, counts=COUNTS[:8].reshape(1, 1, 8))]), "8 points a spectrum"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_read_is_reported(made: WitecFile, says: str) -> None:
    """Each in one line."""
    reason = message(made.made())
    assert reason.startswith("WITec project: ")
    assert says in reason


def test_a_file_that_is_cut_short_is_reported() -> None:
    """At every byte behind its mark: the first tag has the length of the file."""
    whole = WitecFile([ONE]).made()
    for end in range(8, len(whole)):
        assert "cut short or still being written" in message(whole[:end]), end


def project(tree: Tree) -> bytes:
    """Return a project with these tags."""
    return b"WIT_PR06" + tag("WITec Project", tree, 8)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (project([]), "too many data sets: got no"),
        (project([("Data", [("NumberOfData", 2**31 - 1)])]), "too many data sets: got 2.14748e+09, expected up to 4096"),
        (project([("Data", [("NumberOfData", -1)])]), "too many data sets: got -1"),
        (project([("Data", [("NumberOfData", 4)])]), "no spectra: got 0 data sets (nothing)"),
        (project([(f"tag {k}", 1) for k in range(99)]), "a tag of more than 64 tags"),
        (b"WIT_PR06" + b"\xff\xff\xff\x7f" + bytes(99), "name too long: got 2147483647 bytes"),
        (EXAMPLE.made().replace(tag("SizeX", 2, 0)[-4:], b"\xff\xff\xff\x7f"), "WITec project: "),
    ],
)
def test_counts_and_places_are_checked_before_anything_is_made(data: bytes, says: str) -> None:
    """A number in a header is compared with the bytes there are."""
    assert says in message(data)


@pytest.mark.parametrize("size", ["SizeX", "SizeY", "SizeGraph"])
@pytest.mark.parametrize("value", [-1, 0, 4, 1000, 2**31 - 1])
def test_sizes_that_do_not_fit_are_reported(size: str, value: int) -> None:
    """Whatever the graph says of itself."""
    data = bytearray(EXAMPLE.made())
    at = data.index(size.encode()) + len(size) + 20
    data[at : at + 4] = (value & 0xFFFF_FFFF).to_bytes(4, "little")
    assert message(bytes(data)).startswith("WITec project: ")


@pytest.mark.parametrize("name", ["XTransformationID", "XInterpretationID", "SizeX", "SizeGraph", "NumberOfData", "DataType", "ID"])
def test_an_invalid_number_is_left_out(name: str) -> None:
    """A NaN where a whole number is kept by other projects."""
    made = bytearray(EXAMPLE.made())
    at = made.index(name.encode() + struct.pack("<I", 5)) + len(name)
    made[at : at + 4] = struct.pack("<I", 3)
    made[at + 20 : at + 24] = struct.pack("<f", np.nan)
    reason = answered(bytes(made))
    assert isinstance(reason, str) or name == "ID"


def test_a_tag_that_goes_back_is_refused() -> None:
    """No tag may stand in itself."""
    data = bytearray(EXAMPLE.made())
    at = data.index(b"TData") + 5 + 4
    data[at : at + 8] = (8).to_bytes(8, "little")
    assert "damaged tag: got byte 8 to byte 302" in message(bytes(data))
