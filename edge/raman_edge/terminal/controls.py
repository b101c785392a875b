"""The keys of the screen: what each is called, and what those of them do to a run that a command lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.matching.identify import Reading

Action = Literal["pause", "single", "dark", "results", "zoom", "save", "help", "quit"]


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

    @property
    def keys(self) -> tuple[KeyBinding, ...]:
        """The keys that do something, in the order in which they are shown."""
        return tuple(key for key in KEYS if key.action in ALWAYS or getattr(self, key.action) is not None)


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """One entry at the foot of the screen and in its help."""

    action: Action
    sign: str
    """What stands on the keys."""
    word: str
    """At the foot of the screen."""
    means: str
    """In the help: one line."""


KEYS = (
    KeyBinding("pause", "space", "pause", "stop measuring, or hold what is shown; again: go on"),
    KeyBinding("single", "s", "single", "take one spectrum (Enter does the same)"),
    KeyBinding("dark", "d", "dark", "take the dark anew"),
    KeyBinding("results", "[ ]", "results", "the result before, the next one; arrows do the same"),
    KeyBinding("zoom", "+ -", "zoom", "part of the axis, z in steps; arrows move it, 0 shows all"),
    KeyBinding("save", "w", "save", "write the spectrum that is shown to a file"),
    KeyBinding("help", "?", "help", "this page, and away with it (Esc)"),
    KeyBinding("quit", "q", "quit", "end the run cleanly, as Ctrl-C does"),
)
ALWAYS = ("pause", "results", "zoom", "help")
"""Actions that change what is looked at, and need no command."""
