"""The keys of the screen: their names, and the actions that a command provides for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.matching.identify import Reading

Action = Literal["pause", "single", "dark", "calibrate", "results", "zoom", "save", "help", "quit"]


@dataclass(frozen=True, slots=True)
class Controls:
    """The actions of a command for its keys; the keyboard thread calls them, and they return at once.

    None: the command has no such action, and the key is not shown. Keys that only change the view (earlier results, zoom, help) need
    no action.
    """

    quit: Callable[[], None] | None = None
    """End the run cleanly."""
    pause: Callable[[], None] | None = None
    """Pause or resume measuring; without it the pause key holds the shown result while the run continues."""
    single: Callable[[], None] | None = None
    """Take one spectrum."""
    dark: Callable[[], None] | None = None
    """Take a new dark."""
    calibrate: Callable[[], None] | None = None
    """Leave the screen to calibrate the wavenumber axis."""
    save: Callable[[Reading], str] | None = None
    """Save the spectrum that is shown; returns a line for the footer."""

    @property
    def keys(self) -> tuple[KeyBinding, ...]:
        """The available keys, in the order on the screen."""
        return tuple(key for key in KEYS if key.action in ALWAYS or getattr(self, key.action) is not None)


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """One key in the footer and in the help."""

    action: Action
    sign: str
    """As printed on the keyboard."""
    word: str
    """In the footer."""
    means: str
    """In the help: one line."""


KEYS = (
    KeyBinding("pause", "space", "pause", "pause measuring, or hold the shown result; again: continue"),
    KeyBinding("single", "s", "single", "take one spectrum (Enter does the same)"),
    KeyBinding("dark", "d", "dark", "take a new dark"),
    KeyBinding("calibrate", "c", "calibrate", "calibrate the wavenumber axis with a standard, such as polystyrene"),
    KeyBinding("results", "[ ]", "results", "previous and next result; also left and right"),
    KeyBinding("zoom", "+ -", "zoom", "zoom the axis, z in steps; arrows move, 0 shows all"),
    KeyBinding("save", "w", "save", "save the shown spectrum to a file"),
    KeyBinding("help", "?", "help", "show this page; Esc closes it"),
    KeyBinding("quit", "q", "quit", "quit cleanly, like Ctrl-C"),
)
ALWAYS = ("pause", "results", "zoom", "help")
"""Actions that change only the view."""
