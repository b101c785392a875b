"""Axes of pixels: refused, unless a calibration asks for them."""

from __future__ import annotations

import pytest
from raman_edge import formats
from raman_edge.errors import FormatError
from raman_edge.spectrum import PIXELS, Origin

ORIGIN = Origin("test", "x.csv")
NAMED = "Pixels #,Intensity (a.u.)\n" + "".join(f"{k},{k % 7}.5\n" for k in range(40))
BARE = "".join(f"{k}\t{k % 7}.5\n" for k in range(1, 41))
SHIFT = "Raman shift (cm-1),counts\n" + "".join(f"{200 + 2 * k},{k % 7}.5\n" for k in range(40))


@pytest.mark.parametrize("text", [NAMED, BARE])
def test_pixels_are_refused_without_a_calibration(text: str) -> None:
    """Pixels are no Raman shift: the message says to calibrate."""
    with pytest.raises(FormatError) as caught:
        formats.read(text.encode(), ORIGIN)
    assert caught.value.kind in {"axis in pixels", "axis without a name"}
    assert "Calibrate the instrument" in caught.value.advice


@pytest.mark.parametrize(("text", "first"), [(NAMED, 0.0), (BARE, 1.0)])
def test_pixels_are_given_to_a_calibration(text: str, first: float) -> None:
    """The spectrum has the pixels' numbers for an axis, and reports it."""
    (spectrum,) = formats.read(text.encode(), ORIGIN, pixels=True)
    assert (spectrum.axis.start, len(spectrum)) == (first, 40)
    assert spectrum.meta[PIXELS] == "40"


def test_raman_shift_stays_one() -> None:
    """Asking for pixels changes nothing for a file that has a Raman shift."""
    (in_pixels,) = formats.read(SHIFT.encode(), ORIGIN, pixels=True)
    (plain,) = formats.read(SHIFT.encode(), ORIGIN)
    assert in_pixels.axis.same_as(plain.axis)
    assert PIXELS not in in_pixels.meta
