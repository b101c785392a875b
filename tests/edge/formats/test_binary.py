"""Numbers at places in a file's bytes, and the limits of what comes out of one file."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.format_contract import ORIGIN
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.errors import FormatError
from raman_edge.formats.document import BinaryFile
from raman_edge.formats.header import HeaderFacts
from raman_edge.formats.spectra import MAX_POINTS, MAX_SPECTRA, check_points, check_spectra, stacked

DATA = bytes(range(1, 17))
SHIFT = 100.0 + np.arange(20)


def test_numbers_are_read_in_the_order_of_the_file() -> None:
    """Little-endian or big-endian."""
    assert BinaryFile(DATA).integer("H", 0, "x") == 0x0201
    assert BinaryFile(DATA, ">").integer("H", 0, "x") == 0x0102
    assert BinaryFile(np.array([2.5], ">f8").tobytes(), ">").real("d", 0, "x") == 2.5
    assert BinaryFile(DATA).array("i2", 2, 2, "x").tolist() == [0x0403, 0x0605]
    assert BinaryFile(DATA, ">").array("u2", 2, 2, "x").tolist() == [0x0304, 0x0506]


def test_numbers_that_are_not_finite_are_nan() -> None:
    """Infinity, and NaN of either kind, are no counts; the file's bytes are left alone."""
    raw = np.array([1.0, np.inf, -np.inf, np.nan], "<f4").tobytes() + b"\x01\x00\xa0\x7f"
    values = BinaryFile(raw).array("f4", 0, 5, "counts")
    assert values[0] == 1.0
    assert np.isnan(values[1:]).all()
    assert np.isinf(np.frombuffer(raw, "<f4")[1])


@given(st.integers(-2, 20) | st.integers(-(2**40), 2**70), st.integers(-2, 20) | st.integers(-(2**40), 2**70))
def test_what_is_not_there_is_never_read(at: int, count: int) -> None:
    """Before the first byte, behind the last one, or more than there are."""
    file = BinaryFile(DATA)
    if at >= 0 and count >= 0 and at + 2 * count <= len(DATA):
        assert len(file.array("u2", at, count, "counts")) == count
        return
    with pytest.raises(FormatError, match=f"byte {at}: file cut short: got 16 bytes in all, expected counts of {2 * count} bytes here"):
        file.array("u2", at, count, "counts")


@pytest.mark.parametrize("code", ["b", "B", "h", "H", "i", "I", "q", "Q"])
def test_an_integer_needs_all_its_bytes(code: str) -> None:
    """The last place is read, the one behind it not."""
    size = np.dtype(code).itemsize
    file = BinaryFile(DATA)
    assert file.integer(code, len(DATA) - size, "x") > 0  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="cut short or still being written"):
        file.integer(code, len(DATA) - size + 1, "x")  # type: ignore[arg-type]


def test_texts_end_at_a_zero_and_have_any_encoding() -> None:
    """UTF-8, or what Windows wrote; what is not there is empty."""
    file = BinaryFile("Größe\0x".encode() + "Größe ".encode("cp1252"))
    assert (file.text(0, 7), file.text(0, 99), file.text(9, 6)) == ("Größe", "Größe", "Größe")
    assert (file.text(99, 5), file.text(7, 1)) == ("", "")


@pytest.mark.parametrize("points", [-1, 0, 15, 100_001, 2**32])
def test_a_spectrum_has_neither_too_few_nor_too_many_points(points: int) -> None:
    """Both numbers stand in the message."""
    with pytest.raises(FormatError, match=f"wrong number of points: got {points} points a spectrum, expected 16 to 100000"):
        check_points(points)


def test_a_file_has_no_more_spectra_and_points_than_are_read() -> None:
    """The largest is read, one more is not."""
    check_spectra(MAX_SPECTRA, MAX_POINTS)
    for spectra, points in ((MAX_SPECTRA + 1, 1), (1, MAX_POINTS + 1)):
        with pytest.raises(FormatError, match=f"{spectra} spectra of {points} points in all"):
            check_spectra(spectra, points)


def test_spectra_are_numbered_and_share_an_axis_where_it_is_the_same() -> None:
    """Each has its own meta and facts beside those of the file."""
    known = HeaderFacts(exposure_s=2.0)
    axes = [SHIFT, SHIFT.copy(), SHIFT + 1]
    found = stacked(((axis, SHIFT * k, {"z": str(k)}, known) for k, axis in enumerate(axes)), ORIGIN, {"format": "x", "z": "?"})
    assert [spectrum.origin.index for spectrum in found] == [0, 1, 2]
    assert [spectrum.meta["z"] for spectrum in found] == ["0", "1", "2"]
    assert found[0].axis is found[1].axis
    assert found[2].axis.start == 101
    assert {spectrum.exposure_s for spectrum in found} == {2.0}
