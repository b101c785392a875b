"""Wasatch Photonics ENLIGHTEN CSV."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from raman_edge.formats import read
from raman_edge.formats.enlighten import Enlighten, EnlightenRows

HEAD = "ENLIGHTEN Version,4\nIntegration Time,500\nLaser Wavelength,785\n\n"


def table(names: str, *columns: list[object]) -> bytes:
    """Return a file with these columns."""
    rows = "\n".join(",".join(map(str, row)) for row in zip(*columns, strict=True))
    return f"{HEAD}{names}\n{rows}\n".encode()


PIXEL: list[object] = list(range(30))
SHIFT: list[object] = [200 + 2.5 * k for k in range(30)]
RAW: list[object] = [1000 + k for k in range(30)]
DARK: list[object] = [900] * 30
NA: list[object] = ["NA"] * 30


class TestEnlighten(FormatContract):
    """The contract, on a file in ENLIGHTEN's form."""

    reader = Enlighten()
    example = "enlighten.csv"


def test_reads_axis_counts_and_exposure() -> None:
    """Wavenumber is the axis, Processed the counts, the integration time milliseconds."""
    (found,) = read((EXAMPLES / "enlighten.csv").read_bytes(), ORIGIN)
    assert (len(found), found.axis.start, found.axis.stop) == (37, 180.0, 540.0)
    assert found.counts[28] == 858.68
    assert found.exposure_s == 1.5
    assert found.meta["laser_nm"] == "785.1"
    assert found.meta["counts_from"] == "Processed"
    assert found.meta["tidied"] == "3 of 40 rows without a number left out"


def test_a_time_without_zone_is_no_moment() -> None:
    """The timestamp stays as text, because it has no time zone."""
    (found,) = read((EXAMPLES / "enlighten.csv").read_bytes(), ORIGIN)
    assert found.taken_at is None
    assert found.meta["timestamp"] == "2020-01-01 12:34:56.789000"


@pytest.mark.parametrize(
    ("names", "columns", "source", "first"),
    [
        ("Pixel,Wavenumber,Processed,Raw,Dark", (PIXEL, SHIFT, RAW, RAW, DARK), "Processed", 1000),
        ("Pixel,Wavenumber,Processed,Raw,Dark", (PIXEL, SHIFT, NA, RAW, DARK), "Raw - Dark", 100),
        ("Pixel,Wavenumber,Processed,Raw", (PIXEL, SHIFT, NA, RAW), "Raw", 1000),
        ("Pixel,Wavenumber,Raw,Dark,Reference", (PIXEL, SHIFT, RAW, DARK, RAW), "Raw - Dark", 100),
        ("Pixel,Wavenumber,Processed,Raw,Dark", (PIXEL, SHIFT, [""] * 30, RAW, [""] * 30), "Raw", 1000),
        ("Wavenumber,Raw", (SHIFT, RAW), "Raw", 1000),
    ],
)
def test_prefers_processed_then_raw_minus_dark_then_raw(names: str, columns: tuple[list[object], ...], source: str, first: float) -> None:
    """The counts are the best column that is filled."""
    (found,) = read(table(names, *columns), ORIGIN)
    assert (found.meta["counts_from"], found.counts[0]) == (source, first)


def test_a_wavelength_axis_is_converted_with_the_laser_of_the_header() -> None:
    """A file without wavenumbers still has wavelengths and the laser's."""
    nm: list[object] = [800 + k for k in range(30)]
    (found,) = read(table("Pixel,Wavelength,Raw", PIXEL, nm, RAW), ORIGIN)
    assert found.axis.start == pytest.approx(1e7 / 785 - 1e7 / 800)


def test_pixels_alone_are_refused() -> None:
    """Without a calibrated axis there is no Raman spectrum."""
    assert "axis in pixels: got 0 to 29" in str(answered(table("Pixel,Raw", PIXEL, RAW)))


def test_an_export_of_two_measurements_is_two_spectra_with_their_own_headers() -> None:
    """Values of the header belong to the columns below them."""
    header = "ENLIGHTEN Version,4\nLabel,,water,,salt\nIntegration Time,,100,,200\nLaser Wavelength,,785,,785\n\n"
    rows = "\n".join(f"{k},{200 + k * 2},{k},{k + 5},{k * 2},{k + 7}" for k in range(30))
    first, second = read(f"{header}Pixel,Wavenumber,Processed,Raw,Processed,Raw\n{rows}\n".encode(), ORIGIN)
    assert (first.origin.index, second.origin.index) == (0, 1)
    assert [spectrum.meta["label"] for spectrum in (first, second)] == ["water", "salt"]
    assert [spectrum.exposure_s for spectrum in (first, second)] == [0.1, 0.2]
    assert np.array_equal(second.counts, 2 * np.arange(30))
    assert second.axis.same_as(first.axis)


def test_an_export_of_two_spectrometers_is_refused() -> None:
    """Which axis belongs to which counts is unknown."""
    assert "the axes of 2 spectrometers" in str(answered(table("Wavenumber,Processed,Wavenumber,Processed", SHIFT, RAW, SHIFT, RAW)))


@pytest.mark.parametrize("exposure", ["", "0", "-3", "abc", "1e999"])
def test_an_impossible_integration_time_is_unknown(exposure: str) -> None:
    """An exposure of 0 or none is never made up."""
    data = table("Wavenumber,Raw", SHIFT, RAW).replace(b"Time,500", f"Time,{exposure}".encode())
    assert read(data, ORIGIN)[0].exposure_s is None


def test_saved_again_by_a_german_spreadsheet() -> None:
    """Semicolons and decimal commas in an ENLIGHTEN file read as well."""
    data = table("Pixel,Wavenumber,Raw", PIXEL, SHIFT, RAW).replace(b",", b";").replace(b".", b",")
    (found,) = read(data, ORIGIN)
    assert (found.axis.stop, found.exposure_s, found.meta["laser_nm"]) == (272.5, 0.5, "785")


def test_a_table_parted_by_spaces_keeps_its_header() -> None:
    """Only the table was changed by hand; the header still has commas and an empty line."""
    names, *lines = table("Wavenumber,Raw", SHIFT, RAW).decode().split("\n")[4:]
    (found,) = read((HEAD + "\n".join(line.replace(",", " ") for line in [names, *lines])).encode(), ORIGIN)
    assert (len(found), found.exposure_s) == (30, 0.5)


class TestEnlightenRows(FormatContract):
    """The contract, on a file in rows."""

    reader = EnlightenRows()
    example = "enlighten_rows.csv"


ROWS = (EXAMPLES / "enlighten_rows.csv").read_text(encoding="utf-8")


def test_rows_are_measurements_on_the_row_of_wavenumbers() -> None:
    """Processed, else raw minus dark of the same line; laser and exposure from the cells before the values."""
    found = read(ROWS.encode(), ORIGIN)
    assert [spectrum.meta["counts_from"] for spectrum in found] == ["processed", "raw - dark"]
    assert [round(float(spectrum.axis.shift[spectrum.counts.argmax()])) for spectrum in found] == [250, 350]
    assert {(spectrum.axis.start, spectrum.meta["laser_nm"], spectrum.exposure_s) for spectrum in found} == {(150.5, "785", 1.5)}
    assert found[0].meta["timestamp"] == "2020-01-01 12:34:51"


def test_rows_without_wavenumbers_are_converted() -> None:
    """The row of wavelengths, with the laser of the measurement."""
    text = "\n".join(line for line in ROWS.splitlines() if ",wavenumbers," not in line)
    assert read(text.encode(), ORIGIN)[0].axis.start == pytest.approx(150.5, abs=0.1)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Line Number,", "Number,", "missing line of names"),
        (",wavenumbers,", ",words,", None),
        ("True,40,", "True,41,", "expected 41, its pixel count. The file is cut short"),
    ],
)
def test_rows_that_are_wrong_are_named(old: str, new: str, says: str | None) -> None:
    """One line."""
    found = answered(ROWS.replace(old, new).encode())
    assert says is None or says in str(found)


def test_a_grid_of_nm_is_no_detector() -> None:
    """Even steps of a wavelength, with shifts beside them, are fewer than the detector's pixels; a bent axis that is short is cut."""
    head = HEAD.replace("\n\n", "\nPixel Count,50\n\n") + "Wavelength,Wavenumber,Processed\n"
    grid = [790 + 0.5 * k for k in range(30)]
    rows = "".join(f"{nm:.2f},{1e7 / 785 - 1e7 / nm:.2f},{k % 7}\n" for k, nm in enumerate(grid))
    assert len(read((head + rows).encode(), ORIGIN)[0]) == 30
    bent = "".join(f"{nm + 0.002 * k * k:.2f},{1e7 / 785 - 1e7 / (nm + 0.002 * k * k):.2f},{k % 7}\n" for k, nm in enumerate(grid))
    assert "wrong number of rows: got 30 rows" in str(answered((head + bent).encode()))


def test_a_column_before_the_axis_has_no_value_of_its_own_in_the_header() -> None:
    """The keys stand above it; a header line may be a key alone."""
    text = f"{HEAD.rstrip()}\nNote\n\nStone A,Wavenumber,Stone B\n" + "".join(f"{k % 5},{200 + 3 * k},{k % 7}\n" for k in range(30))
    assert len(read(text.encode(), ORIGIN)) == 2
