"""Simulated exposures: what the demonstration measures and the tests are made of."""

from __future__ import annotations

import build
import numpy as np
import pytest
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Axis, Origin, Spectrum
from raman_edge.synthetic import SyntheticConditions, expose, lines

AXIS = Axis.linear(100.0, 1500.0, 1.0)
HERE = Origin("demo", "simulated")
QUIET = SyntheticConditions(background=0.0, dark=0.0, read_noise=0.0)


def exposed(conditions: SyntheticConditions, seed: int = 0, peaks: Peaks | None = None) -> Spectrum:
    """Return one exposure of zircon, or of ``peaks``."""
    return expose(AXIS, build.table("Zircon") if peaks is None else peaks, conditions, np.random.default_rng(seed), HERE)


def test_line_is_a_lorentzian() -> None:
    """A line has its height at its place, half of it half a width away, and a quarter as far out as a Lorentzian's."""
    one = lines(AXIS, Peaks(np.array([800.0]), np.array([3.0]), np.array([10.0])))
    assert one[700] == 3.0
    assert one[[695, 705]].tolist() == [1.5, 1.5]
    assert one[710] == pytest.approx(3.0 / 5)
    assert one.argmax() == 700


def test_lines_add_up() -> None:
    """Several lines are the sum of each."""
    table = build.table("Gypsum")
    each = [lines(AXIS, Peaks(table.shift[[k]], table.height[[k]], table.width[[k]])) for k in range(len(table))]
    assert lines(AXIS, table) == pytest.approx(np.sum(each, axis=0))


def test_no_lines_are_nothing() -> None:
    """A material without lines is its background and noise, not an error."""
    none = Peaks(np.empty(0), np.empty(0), np.empty(0))
    assert lines(AXIS, none).tolist() == [0.0] * len(AXIS)
    assert exposed(QUIET, peaks=none).counts.tolist() == [0.0] * len(AXIS)


def test_axis_error_moves_every_line() -> None:
    """An instrument that is off by a few wavenumbers shows every line that far away."""
    table = build.table("Quartz")
    assert lines(AXIS, table, 4.0)[4:] == pytest.approx(lines(AXIS, table)[:-4])


def test_highest_line_has_the_signal() -> None:
    """The highest line has the counts that were requested, whatever the heights in the table."""
    for factor in (0.01, 1.0, 40.0):
        table = build.table("Zircon")
        taller = Peaks(table.shift, factor * table.height, table.width)
        counts = exposed(SyntheticConditions(signal=1e6, background=0.0, dark=0.0, read_noise=0.0), peaks=taller).counts
        assert counts.max() == pytest.approx(1e6, rel=0.01)


def test_noise_is_shot_and_read_noise() -> None:
    """The deviation of repeated exposures is the root of the counts, and the read-out's on top."""
    none = Peaks(np.empty(0), np.empty(0), np.empty(0))
    dark = exposed(SyntheticConditions(background=0.0, dark=2500.0, read_noise=0.0), peaks=none).counts
    assert dark.mean() == pytest.approx(2500.0, rel=0.01)
    assert dark.std() == pytest.approx(50.0, rel=0.1)
    both = exposed(SyntheticConditions(background=0.0, dark=2500.0, read_noise=120.0), peaks=none).counts
    assert both.std() == pytest.approx(130.0, rel=0.1)


def test_saturation_clips_and_is_reported() -> None:
    """A detector that saturates shows no more than its limit, and the spectrum says what that is."""
    clipped = exposed(SyntheticConditions(signal=50_000.0, saturation=30_000.0))
    assert clipped.counts.max() == clipped.saturation == 30_000.0
    assert (clipped.counts == 30_000.0).sum() > 3
    assert exposed(SyntheticConditions()).saturation is None


def test_exposures_are_their_seeds() -> None:
    """The same seed gives the same counts, another seed others; the origin is the one that was given."""
    assert np.array_equal(exposed(SyntheticConditions(), 3).counts, exposed(SyntheticConditions(), 3).counts)
    assert not np.array_equal(exposed(SyntheticConditions(), 3).counts, exposed(SyntheticConditions(), 4).counts)
    assert exposed(SyntheticConditions()).origin is HERE
