"""Axis, Spectrum, Origin, Fault."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from raising import refused
from raman_edge.errors import SpectrumError
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum, frozen

HERE = Origin("test", "somewhere")
AXIS = Axis(np.array([100.0, 101.5, 103.0]))


def test_axis_is_a_copy() -> None:
    """What happens to the caller's array afterwards does not reach the axis."""
    mine = np.array([1.0, 2.0, 3.0])
    axis = Axis(mine)
    mine[0] = 99.0
    assert axis.shift.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("array", [AXIS.shift, Spectrum(AXIS, np.zeros(3), HERE).counts, frozen([1, 2])])
def test_arrays_are_read_only(array: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """The arrays of a value cannot be written to, and are float64 in one piece."""
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0
    assert array.dtype == np.float64
    assert array.flags.c_contiguous


def test_values_are_frozen() -> None:
    """No field of a value can be set to something else."""
    spectrum = Spectrum(AXIS, np.zeros(3), HERE)
    for value, name in ((AXIS, "shift"), (HERE, "path"), (spectrum, "counts"), (Fault(HERE, "why"), "why")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, None)


@pytest.mark.parametrize("shift", [np.array([]), np.array([5.0]), np.zeros((2, 2)), np.array(3.0)])
def test_axis_of_another_shape_is_refused(shift: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """An axis has one dimension and two points; the message has the shape it got."""
    with refused(SpectrumError, "impossible Raman shift", got=str(shift.shape), expected="at least 2 points"):
        Axis(shift)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_axis_that_is_not_finite_is_refused(bad: float) -> None:
    """A shift that is not a number is refused with its place, counted from 1, and its value."""
    with refused(SpectrumError, "impossible Raman shift", "point 3 of 4", got=str(bad)):
        Axis(np.array([1.0, 2.0, bad, 4.0]))


@pytest.mark.parametrize("second", [7.5, 3.0])
def test_axis_that_does_not_increase_is_refused(second: float) -> None:
    """Equal and falling shifts are refused with both values and their place."""
    with refused(SpectrumError, "Raman shift does not increase", "point 3 of 4", got=f"{second:g} cm⁻¹ after 7.5 cm⁻¹"):
        Axis(np.array([1.0, 7.5, second, 9.0]))


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats()))
@settings(deadline=None)
def test_axis_is_made_or_refused(shift: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    """Any numbers are an axis exactly if they are finite, increase strictly, and are two at least."""
    good = shift.size > 1 and all(np.isfinite(shift)) and all(a < b for a, b in pairwise(shift))
    if good:
        assert np.array_equal(Axis(shift).shift, shift)
    else:
        with pytest.raises(SpectrumError):
            Axis(shift)


def test_linear_axis_includes_its_end() -> None:
    """An axis by steps has its first and last point, without the drift of adding steps up."""
    axis = Axis.linear(30.0, 1599.0, 0.1)
    assert (len(axis), axis.start) == (15_691, 30.0)
    assert axis.stop == pytest.approx(1599.0, abs=1e-9)
    assert type(axis.start) is type(axis.stop) is float


def test_axes_are_the_same_by_their_shifts() -> None:
    """Two axes are the same where every shift is, not where they are one object."""
    assert AXIS.same_as(Axis(AXIS.shift))
    assert AXIS.same_as(AXIS)
    assert not AXIS.same_as(Axis(AXIS.shift + 1e-9))
    assert not AXIS.same_as(Axis(AXIS.shift[:2]))


def test_spectrum_is_a_copy() -> None:
    """Neither counts nor header change when the caller's do."""
    counts, meta = np.array([1.0, 2.0, 3.0]), {"laser": "532"}
    spectrum = Spectrum(AXIS, counts, HERE, meta=meta)
    counts[:] = 0
    meta["laser"] = "785"
    assert spectrum.counts.tolist() == [1.0, 2.0, 3.0]
    assert dict(spectrum.meta) == {"laser": "532"}
    with pytest.raises(TypeError):
        spectrum.meta["laser"] = "1064"  # type: ignore[index]  # the very thing that must fail
    assert len(spectrum) == 3


def test_integer_counts_become_floats() -> None:
    """A detector's integers are counts like any other, also where they would overflow as integers."""
    counts = np.array([0, 2**16 - 1, 2**31 - 1], dtype=np.uint32)
    assert Spectrum(AXIS, counts, HERE).counts.tolist() == [0.0, 65_535.0, 2_147_483_647.0]  # type: ignore[arg-type]  # integers, on purpose


@pytest.mark.parametrize("shape", [(2,), (4,), (3, 1), ()])
def test_counts_of_another_length_are_refused(shape: tuple[int, ...]) -> None:
    """One count a point: another shape is refused with both."""
    with refused(SpectrumError, "wrong number of counts", got=f"shape {shape}", expected="(3,)"):
        Spectrum(AXIS, np.zeros(shape), HERE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_counts_that_are_not_finite_are_refused(bad: float) -> None:
    """A count that is not a number is refused with its Raman shift and its value."""
    with refused(SpectrumError, "impossible counts", "101.5 cm⁻¹", got=str(bad)):
        Spectrum(AXIS, np.array([1.0, bad, np.nan]), HERE)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["exposure_s", "saturation"])
def test_impossible_conditions_are_refused(name: str, value: float) -> None:
    """Exposure and saturation are above 0 and finite: 0 does not stand for unknown."""
    with refused(SpectrumError, f"impossible {name.removesuffix('_s')}", got=str(value), expected="above 0"):
        Spectrum(AXIS, np.zeros(3), HERE, **{name: value})  # type: ignore[arg-type]  # one of two float fields


def test_time_without_a_zone_is_refused() -> None:
    """A time that could be anywhere is refused, and shown."""
    with refused(SpectrumError, "time without a time zone", got="2026-11-22 10:00:00"):
        Spectrum(AXIS, np.zeros(3), HERE, taken_at=datetime(2026, 11, 22, 10))  # noqa: DTZ001 - the very thing that must fail
    when = datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert Spectrum(AXIS, np.zeros(3), HERE, taken_at=when).taken_at == when


def test_unknown_conditions_are_none() -> None:
    """What is unknown is None, never 0."""
    spectrum = Spectrum(AXIS, np.zeros(3), HERE)
    assert (spectrum.taken_at, spectrum.exposure_s, spectrum.saturation) == (None, None, None)
    assert (HERE.sha256, HERE.index, HERE.read_ms) == (None, 0, 0.0)


def test_a_numbered_origin_keeps_every_other_field() -> None:
    """It is built field by field, for maps of thousands: a field that is added later must not be lost."""
    whole = Origin("file", "map.wdf", "ab" * 32, 0, 0.0, "cd" * 32)
    made = whole.numbered(7, 1.5)
    kept = {field.name: getattr(made, field.name) for field in dataclasses.fields(Origin)}
    assert kept == {field.name: getattr(whole, field.name) for field in dataclasses.fields(Origin)} | {"index": 7, "read_ms": 1.5}


def test_a_located_spectrum_keeps_every_other_field() -> None:
    """The same for a spectrum."""
    whole = Spectrum(Axis(np.array([100.0, 200.0])), np.array([1.0, 2.0]), Origin("file", "a"), datetime(2026, 1, 1, tzinfo=UTC), 0.5)
    made = whole.located(3, 0.1)
    for field in dataclasses.fields(Spectrum):
        if field.name != "origin":
            assert getattr(made, field.name) is getattr(whole, field.name)
