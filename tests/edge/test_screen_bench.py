"""The measurement of the screen, as a command."""

from __future__ import annotations

import sys

import pytest
import screens
from raman_edge.terminal.controls import Controls

if sys.platform == "win32":
    pytest.skip("it measures on a pseudo-terminal", allow_module_level=True)

import screen_bench


def test_every_state_is_measured_on_a_terminal() -> None:
    """Each frame of the turn reaches a terminal, and both times are there for each."""
    with screen_bench.drained(80, 24) as console:
        whole, pure = screen_bench.frames(console, 80, 24)
    assert len(whole) == len(pure) == screen_bench.FRAMES
    assert all(of <= all_ for of, all_ in zip(pure, whole, strict=True))
    assert len(screens.STATES) <= screen_bench.FRAMES
    assert Controls(quit=print, save=str).keys == screens.WATCH_KEYS
