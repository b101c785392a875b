"""The calibration of the axis as a traffic light: none, in use, about to end, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from raman_edge.terminal.widgets import light_row

if TYPE_CHECKING:
    from datetime import datetime

    from raman_edge.spectrum import AppliedCalibration
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.theme import Light, Theme

SOON = timedelta(days=3)
"""Before the end of a calibration that the light takes care."""


def calibration_row(used: AppliedCalibration | None, expires: datetime | None, now: datetime | None, look: Theme) -> Row:
    """Return the light of the calibration that made the axis; ``expires`` is when it ends, ``now`` tells how old it is."""
    return light_row(*_judged(used, expires, now), look)


def _judged(used: AppliedCalibration | None, expires: datetime | None, now: datetime | None) -> tuple[Light, str, str]:
    if used is None:
        return "out", "calibrated", "no"
    if now is None:
        return "good", "calibrated", f"{used.made:%d %b}"
    if expires is not None and now >= expires:
        return "bad", "calibrated", "ended"
    if expires is not None and expires - now < SOON:
        return "care", "cal. ends", f"in {age(expires - now)}"
    return "good", "calibrated", f"{age(now - used.made)} ago"


def age(span: timedelta) -> str:
    """Return a time in the largest unit that suits it: ``12 min``, ``5 h``, ``3 d``."""
    minutes = max(0.0, span.total_seconds() / 60)
    if minutes < 100:  # noqa: PLR2004 - two digits
        return f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"  # noqa: PLR2004 - two days
