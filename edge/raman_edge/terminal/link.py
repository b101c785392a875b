"""The rows below the heading for an instrument: state of the link, settings, activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.terminal.rows import EMPTY, cells, spread, width_of
from raman_edge.terminal.theme import ALARM, CHIP, PLAIN, QUIET, STRONG, STYLE

if TYPE_CHECKING:
    from raman_edge.acquisition.plan import Doing
    from raman_edge.instruments.spectrometer import Counters, LinkStatus, State
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.state import ScreenState
    from raman_edge.terminal.theme import Light, Theme

WORDS: dict[State, tuple[str, Light]] = {
    "absent": ("not found", "bad"),
    "opening": ("opening", "care"),
    "probing": ("identifying", "care"),
    "ready": ("ready", "good"),
    "acquiring": ("measuring", "good"),
    "faulted": ("not answering", "bad"),
}
"""Words and light of each state."""
DOING: dict[Doing, str] = {"trigger": "waiting for the trigger", "exposure": "finding the exposure", "dark": "taking the dark"}
"""Activities other than continuous measuring."""
GOOD: tuple[State, ...] = ("ready", "acquiring")
"""States in which the instrument measures."""


def link_rows(state: ScreenState, link: LinkStatus, width: int, lines: int, theme: Theme) -> list[Row]:
    """Return one row, or two with the counters on the second one."""
    words, light = WORDS[link.state]
    head: Row = ((f" {theme.sign[light]} ", STYLE[light]), (words, STRONG if light == "good" else STYLE[light]))
    tail = chips(state, link, theme)
    room = width - width_of(head) - width_of(tail) - 1
    bad = trouble(link.counters)
    facts = facts_of(state, link, theme) if lines > 1 else [*facts_of(state, link, theme)[:2], *bad, *facts_of(state, link, theme)[2:]]
    rows = [spread((*head, (_listed(facts, room, theme), QUIET)), tail, width)]
    if lines > 1:
        counted = [f"{link.counters.frames} exposures", *bad]
        rows.append(spread((("  ", PLAIN), (_listed(counted, width - 4, theme)[2:], QUIET)), EMPTY, width))
    return rows


def facts_of(state: ScreenState, link: LinkStatus, theme: Theme) -> list[str]:
    """Return settings and place of the instrument, the most important first; safe to show."""
    facts = []
    if link.exposure_s is not None:
        facts.append(seconds(link.exposure_s) + (f" {theme.times} {link.averages}" if link.averages > 1 else ""))
    facts += [fact for fact in (link.profile, link.port) if fact not in state.source]
    if link.serial_number:
        facts.append(f"serial number {link.serial_number}")
    if link.baud is not None:
        facts.append(f"{link.baud} baud")
    return [theme.safe(fact, 40) for fact in facts]


def trouble(seen: Counters) -> list[str]:
    """Return the error counters that are not zero."""
    named = (
        (seen.bad, "broken"),
        (seen.timeouts, "late"),
        (seen.refused, "refused"),
        (seen.reconnects, "reconnect" if seen.reconnects == 1 else "reconnects"),
        (seen.stale, "stale"),
        (seen.dropped_bytes, "stray bytes"),
    )
    return [f"{count} {what}" for count, what in named if count]


def chips(state: ScreenState, link: LinkStatus, theme: Theme) -> Row:
    """Return activities that must not be overlooked, each in a box."""
    bench = state.bench
    counted = f"{bench.done} of {bench.of}" if bench.of > 1 else ""
    row: Row = ()
    if link.state not in GOOD:
        boxes = []
    elif bench.paused:
        boxes = ["paused"]
    elif bench.doing == "measuring":
        boxes, row = [], ((f"{counted} ", PLAIN),)
    else:
        boxes = [f"{DOING[bench.doing]} {counted}".rstrip()]
    for box in boxes:
        row = (*row, (f" {theme.boxed(box)} ", CHIP), (" ", PLAIN))
    return (*row, (f" {theme.boxed('LASER ON')} ", ALARM), (" ", PLAIN)) if link.laser else row


def seconds(value: float) -> str:
    """Return a short time: ``80 ms``, ``1.5 s``."""
    return f"{1e3 * value:.3g} ms" if value < 1 else f"{value:.4g} s"


def _listed(facts: list[str], room: int, theme: Theme) -> str:
    """Return as many facts as fit, each after a dot."""
    text = ""
    for fact in facts:
        more = f" {theme.dot} {fact}"
        if cells(text) + cells(more) <= room:
            text += more
    return text
