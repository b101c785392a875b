"""How far a long command has come: a line on the terminal that is written over and over, and then taken away."""

from __future__ import annotations

import sys
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 0.5
"""What is over before this is not told of, s."""
EVERY_S = 0.2
"""Between two writings of the line, s."""
SURE_S = 2.0
"""How long the pace is looked at before it is said how long the rest will take, s."""
MINUTE_S, HOUR_S = 60, 3600


class Progress:
    """Called with how many are done and of how many; says nothing where standard error is no terminal."""

    def __init__(self, what: str, clock: Callable[[], float] = monotonic) -> None:
        """Count ``what``, a word in the plural."""
        self._what, self._clock = what, clock
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._began = clock()
        self._due = self._began + PATIENCE_S
        self._width = 0
        """Characters of the line that stands there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._width:
            self._write("")

    def __call__(self, done: int, of: int) -> None:
        """Say how far it is, where that was not said a moment ago."""
        now = self._clock()
        if self._shows and now >= self._due:
            self._due = now + EVERY_S
            self._write(f"{done} of {of} {self._what}{self._rest(now - self._began, done, of)}")

    def _rest(self, taken_s: float, done: int, of: int) -> str:
        if taken_s < SURE_S or not 0 < done < of:
            return ""
        return f", about {spoken(taken_s / done * (of - done))} more"

    def _write(self, text: str) -> None:
        # Blanks take away what the line before had more: not every terminal knows a code for that.
        line = f"\r{text:<{self._width}}" + ("" if text else "\r")
        self._width = len(text)
        with suppress(OSError):
            sys.stderr.write(line)
            sys.stderr.flush()


def spoken(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours, rounded up."""
    whole = int(-(-seconds // 1))
    if whole < MINUTE_S:
        return f"{whole} s"
    if whole < HOUR_S:
        return f"{-(-whole // MINUTE_S)} min"
    return f"{-(-whole // HOUR_S)} h"
