"""How keys change the view: pure functions from a state to the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raman_edge.matching.identify import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from raman_edge.terminal.state import ScreenState

STEP = 2.0
"""Factor of one zoom step."""
MOST = 64.0
"""Largest zoom; ``z`` starts over after :data:`ROUND`."""
ROUND = 8.0
MOVE = 0.25
"""Share of the visible range that one arrow key moves."""


def pressed(state: ScreenState, key: str) -> ScreenState:
    """Return the state after ``key``; unknown keys change nothing."""
    does = MOVES.get(key) if state.view.zoom else None
    does = does or VIEWS.get(key)
    return state if does is None else does(state)


def place(state: ScreenState) -> int | None:
    """Return the index of the shown result among the last ones, 0 is the newest; None if it is older."""
    return next((i for i, event in enumerate(state.past) if event is state.shown), None)


def enlarged(state: ScreenState) -> float:
    """Return the zoom factor of the plot; 1 is no zoom."""
    whole, zoom = _whole(state), state.view.zoom
    return 1.0 if zoom is None or whole is None else (whole[1] - whole[0]) / (zoom[1] - zoom[0])


def hold(state: ScreenState) -> ScreenState:
    """Hold the shown result, or follow the newest again."""
    return _at(state, state.shown if state.view.at is None else None)


def _earlier(state: ScreenState) -> ScreenState:
    at = place(state)
    return state if at is None or at + 1 >= len(state.past) else _at(state, state.past[at + 1])


def _later(state: ScreenState) -> ScreenState:
    """Select the next result; after the newest, follow new ones."""
    at = place(state)
    if at is None:
        return _at(state, state.past[-1] if state.past else None)
    return _at(state, state.past[at - 1] if at > 1 else None)


def _at(state: ScreenState, event: object) -> ScreenState:
    return replace(state, view=replace(state.view, at=event))  # type: ignore[arg-type]  # an event of this state


def _nearer(state: ScreenState) -> ScreenState:
    return _zoomed(state, 1 / STEP)


def _farther(state: ScreenState) -> ScreenState:
    return _zoomed(state, STEP)


def _round(state: ScreenState) -> ScreenState:
    """Zoom in steps, and show all after the last one."""
    return _all(state) if enlarged(state) >= ROUND else _nearer(state)


def _all(state: ScreenState) -> ScreenState:
    return replace(state, view=replace(state.view, zoom=None))


def _left(state: ScreenState) -> ScreenState:
    return _shifted(state, -MOVE)


def _right(state: ScreenState) -> ScreenState:
    return _shifted(state, MOVE)


def _help(state: ScreenState) -> ScreenState:
    return replace(state, view=replace(state.view, help=not state.view.help))


def _back(state: ScreenState) -> ScreenState:
    """Leave the help, else the zoom, else the selected result."""
    if state.view.help:
        return _help(state)
    return _all(state) if state.view.zoom else _at(state, None)


def _zoomed(state: ScreenState, factor: float) -> ScreenState:
    """Show ``factor`` times as much of the axis, centred on the highest visible peak when zooming in."""
    whole = _whole(state)
    if whole is None:
        return state
    start, stop = state.view.zoom or whole
    span = (stop - start) * factor
    if span >= whole[1] - whole[0]:
        return _all(state)
    if span < (whole[1] - whole[0]) / MOST:
        return state
    middle = _highest(state, start, stop) if factor < 1 else (start + stop) / 2
    return _window(state, middle - span / 2, span, whole)


def _shifted(state: ScreenState, share: float) -> ScreenState:
    whole, zoom = _whole(state), state.view.zoom
    if whole is None or zoom is None:
        return state
    span = zoom[1] - zoom[0]
    return _window(state, zoom[0] + share * span, span, whole)


def _window(state: ScreenState, start: float, span: float, whole: tuple[float, float]) -> ScreenState:
    start = min(max(start, whole[0]), whole[1] - span)
    return replace(state, view=replace(state.view, zoom=(start, start + span)))


def _whole(state: ScreenState) -> tuple[float, float] | None:
    """Return the ends of the shown axis, cm⁻¹; None without a spectrum."""
    event = state.shown
    return (event.spectrum.axis.start, event.spectrum.axis.stop) if isinstance(event, Reading) else None


def _highest(state: ScreenState, start: float, stop: float) -> float:
    """Return the position of the highest peak between ``start`` and ``stop`` (cm⁻¹), their middle if there is none."""
    found = state.shown.peaks.rounded if isinstance(state.shown, Reading) else ()
    inside = [peak for peak in found if start <= peak.at <= stop]
    return max(inside, key=lambda peak: peak.height).at if inside else (start + stop) / 2


VIEWS: Mapping[str, Callable[[ScreenState], ScreenState]] = {
    "left": _earlier,
    "[": _earlier,
    "right": _later,
    "]": _later,
    "+": _nearer,
    "=": _nearer,
    "-": _farther,
    "z": _round,
    "0": _all,
    "?": _help,
    "h": _help,
    "escape": _back,
    "hold": hold,
}
"""Action of each key on the view; ``hold`` is the pause key of a run that cannot be paused."""
MOVES: Mapping[str, Callable[[ScreenState], ScreenState]] = {"left": _left, "right": _right}
"""Actions of the arrows in a zoomed plot."""
