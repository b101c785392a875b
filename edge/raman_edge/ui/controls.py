"""What the keys of a screen can do to a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.pipeline import Reading


@dataclass(frozen=True, slots=True)
class Controls:
    """What a command lets its keys do: each is called by the thread that reads the keyboard, and returns at once.

    None is what the command cannot do: its key does nothing, and is not named on the screen.
    What only changes the view (earlier results, zoom, help) needs nobody.
    """

    quit: Callable[[], None] | None = None
    """End the run cleanly."""
    pause: Callable[[], None] | None = None
    """Stop measuring, or go on; without it the pause key holds what is shown while the run goes on."""
    single: Callable[[], None] | None = None
    """Take one spectrum."""
    dark: Callable[[], None] | None = None
    """Take the dark anew."""
    save: Callable[[Reading], str] | None = None
    """Keep the spectrum that is shown, and say where in a line for the foot of the screen."""
