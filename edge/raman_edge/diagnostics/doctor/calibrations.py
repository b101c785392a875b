"""The wavenumber calibration that a watched folder is put on: that it is there, whole, and good for a while yet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok, warning, wrong
from raman_edge.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.calibration.calibration import Calibration

SOON = 0.2
"""Share of its time that is left when it is time for the next one."""
DAY_S = 86_400.0
AGAIN = "measure the standard again and run `raman-edge calibrate`"


def look(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at the calibration where one is named."""
    if asked.calibration is None:
        return
    from raman_edge.calibration import store  # noqa: PLC0415 - numpy

    try:
        yield judged(store.find(asked.calibration), datetime.now(UTC))
    except CalibrationError as error:
        yield wrong("calibration", str(error), "name another with --calibration, or leave it out for axes as the files have them")


def judged(found: Calibration, now: datetime) -> Finding:
    """Judge a calibration by how long it is good for."""
    age = f"of {found.instrument}, {found.age_days(now):.1f} days old"
    if now >= found.expires:
        return wrong("calibration", f"{age}, ended on {found.expires:%Y-%m-%d %H:%M} UTC: nothing is answered with it", AGAIN)
    left = (found.expires - now).total_seconds() / DAY_S
    if found.expires - now < SOON * (found.expires - found.made):
        return warning("calibration", f"{age}, ends in {left:.1f} days", AGAIN)
    scatter = "one line" if found.rms is None else f"{found.rms:.2f} cm-1 rms"
    return ok("calibration", f"{age}, {scatter}, good for {left:.0f} days")
