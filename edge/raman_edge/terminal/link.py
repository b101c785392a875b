"""The rows beneath the heading that tell how the instrument does: its link, what it measures with, and what goes on."""

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
    "absent": ("not there", "bad"),
    "opening": ("opening", "care"),
    "probing": ("asking who it is", "care"),
    "ready": ("ready", "good"),
    "acquiring": ("measuring", "good"),
    "faulted": ("not answering", "bad"),
}
"""What each state is called, and its light."""
DOING: dict[Doing, str] = {"trigger": "waiting for the trigger", "exposure": "finding the exposure", "dark": "taking the dark"}
"""What goes on while no spectra come one after the other."""
GOOD: tuple[State, ...] = ("ready", "acquiring")
"""States in which spectra come."""


def link_rows(state: ScreenState, link: LinkStatus, width: int, lines: int, look: Theme) -> list[Row]:
    """Return one row, or two with the counters on the second one."""
    words, light = WORDS[link.state]
    head: Row = ((f" {look.sign[light]} ", STYLE[light]), (words, STRONG if light == "good" else STYLE[light]))
    tail = chips(state, link, look)
    room = width - width_of(head) - width_of(tail) - 1
    bad = trouble(link.counters)
    facts = facts_of(state, link, look) if lines > 1 else [*facts_of(state, link, look)[:2], *bad, *facts_of(state, link, look)[2:]]
    rows = [spread((*head, (_listed(facts, room, look), QUIET)), tail, width)]
    if lines > 1:
        counted = [f"{link.counters.frames} exposures", *bad]
        rows.append(spread((("  ", PLAIN), (_listed(counted, width - 4, look)[2:], QUIET)), EMPTY, width))
    return rows


def facts_of(state: ScreenState, link: LinkStatus, look: Theme) -> list[str]:
    """Return what it measures with and where it is, the most telling first; safe to show."""
    facts = []
    if link.exposure_s is not None:
        facts.append(seconds(link.exposure_s) + (f" {look.times} {link.averages}" if link.averages > 1 else ""))
    facts += [fact for fact in (link.profile, link.port) if fact not in state.source]
    if link.serial_number:
        facts.append(f"serial number {link.serial_number}")
    if link.baud is not None:
        facts.append(f"{link.baud} baud")
    return [look.safe(fact, 40) for fact in facts]


def trouble(seen: Counters) -> list[str]:
    """Return what went wrong on the link, in numbers; what never happened is left out."""
    named = (
        (seen.bad, "broken"),
        (seen.timeouts, "too late"),
        (seen.refused, "refused"),
        (seen.reconnects, "reconnect" if seen.reconnects == 1 else "reconnects"),
        (seen.stale, "stale"),
        (seen.dropped_bytes, "bytes of nothing"),
    )
    return [f"{count} {what}" for count, what in named if count]


def chips(state: ScreenState, link: LinkStatus, look: Theme) -> Row:
    """Return what goes on and must not be overlooked, each in a box of its own."""
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
        row = (*row, (f" {look.boxed(box)} ", CHIP), (" ", PLAIN))
    return (*row, (f" {look.boxed('LASER ON')} ", ALARM), (" ", PLAIN)) if link.laser else row


def seconds(value: float) -> str:
    """Return a time as people say it: ``80 ms``, ``1.5 s``."""
    return f"{1e3 * value:.3g} ms" if value < 1 else f"{value:.4g} s"


def _listed(facts: list[str], room: int, look: Theme) -> str:
    """Return as many facts as fit, each after a dot."""
    text = ""
    for fact in facts:
        more = f" {look.dot} {fact}"
        if cells(text) + cells(more) <= room:
            text += more
    return text
