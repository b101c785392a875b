"""Calibrations to test with: a Raman shift that is off by so much, or pixels; fresh, or ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from raman_edge.calibration.calibration import Calibration, CalibrationLine, WavelengthScale

LASER_NM = 785.0
POINTS = 1251
"""Of the files that :func:`build.text` makes."""
MADE = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def fresh(off_nm: float = 0.0, *, instrument: str = "SN-1", ended: bool = False, pixels: bool = False) -> Calibration:
    """Return a calibration of an axis that is ``off_nm`` nm too low; ``pixels`` is for files that number their points."""
    centre, half = ((POINTS - 1) / 2, (POINTS - 1) / 2) if pixels else (850.0, 60.0)
    shift = np.linspace(150.0, 1400.0, POINTS)
    fitted = np.polynomial.polynomial.polyfit(np.linspace(-1, 1, POINTS), 1e7 / (1e7 / LASER_NM - shift), 3).tolist()
    nm = fitted if pixels else [centre, half]
    return Calibration(
        instrument=instrument,
        serial=None,
        standards=("polystyrene",),
        made=MADE,
        expires=MADE if ended else datetime.now(UTC) + timedelta(days=30),
        unit="pixel" if pixels else "shift",
        points=POINTS if pixels else None,
        own_laser_nm=LASER_NM,
        laser_nm=LASER_NM,
        laser_fitted=False,
        scale=WavelengthScale(centre, half, (nm[0] + off_nm, *nm[1:])),
        order=len(nm) - 1,
        valid=(620.9, 3054.3),
        lines=(CalibrationLine("polystyrene", 1001.4, 0.2, 0.3),),
        rms=0.2345678,
        rms_without=0.3,
    )
