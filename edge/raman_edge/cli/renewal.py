"""A calibration that ends while it is used: told once, and its successor taken as soon as there is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from raman_edge.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.calibration.calibration import Calibration

LOOK = timedelta(seconds=5)
"""Between two looks for the next calibration."""


class Renewal:
    """Looks after the calibration that a run was started with."""

    def __init__(self, named: str | None, used: Calibration | None, note: Callable[[str], None]) -> None:
        """``named`` is where the calibration was found and the next one will be; ``note`` is told when it has ended."""
        self._named, self._used, self._note = named, used, note
        self._next_look: datetime | None = None
        """None until it has ended."""
        self._asked_for = ""
        """Which successor was spoken of already: one that cannot be used is not asked for again."""

    def is_due(self, now: datetime | None = None) -> bool:
        """Whether it has ended and another one, which has not, lies in its place; that is said once of each."""
        now = now or datetime.now(UTC)
        if self._used is None or self._named is None or now < self._used.expires:
            return False
        if self._next_look is None:
            self._note(
                f"the calibration of {self._used.instrument!r} has ended; until the standard is measured again and "
                "`raman-edge calibrate` has run, files are faults, and then they are answered"
            )
        elif now < self._next_look:
            return False
        self._next_look = now + LOOK
        return self._is_there(now)

    def _is_there(self, now: datetime) -> bool:
        from raman_edge.calibration import store  # noqa: PLC0415 - loaded by now

        try:
            found = store.find(str(self._named))
            found.require_fresh(now)
        except CalibrationError:
            return False
        is_news, self._asked_for = found.id != self._asked_for, found.id
        return is_news
