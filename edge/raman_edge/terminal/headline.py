"""The upper part of the screen: the answer or why there is none, the reasons, and the state of the instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.segment import Segment

from raman_edge.matching.identify import Reading
from raman_edge.terminal import widgets
from raman_edge.terminal.rows import EMPTY, Frame, cells, spread, width_of, wrapped
from raman_edge.terminal.state import answer, name_of, title_of
from raman_edge.terminal.theme import ALARM, ASCII, CHIP, PLAIN, QUIET, STRONG, STYLE, UNICODE
from raman_edge.wording import IF, chemistry, counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.style import Style

    from raman_edge.acquisition.plan import Doing
    from raman_edge.instruments.spectrometer import Counters, LinkStatus, State
    from raman_edge.spectrum import Fault
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.state import ScreenState
    from raman_edge.terminal.theme import Light, Theme

UNCALIBRATED = "Nothing is identified or kept until the axis is calibrated: press c, with a standard such as polystyrene at hand"


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline and its reasons."""

    sign: str
    """Name of its sign."""
    words: Row
    name: str
    """Of the file or port; data, not yet safe to show."""
    why: str
    """Data, not yet safe to show."""


def headline_of(state: ScreenState, theme: Theme) -> Headline:
    """Return the headline of the shown event, unless the link is down or the run waits for a person."""
    if state.link is not None and is_cut_off(state):
        return _cut_off(state, state.link, theme)
    if state.acquisition.question and state.view.at is None:
        return Headline("care", ((theme.safe(state.acquisition.question), STYLE["ambiguous"]),), state.source, "")
    event = state.shown
    if event is None and state.preview is not None:
        return Headline("out", (("no wavenumber axis yet: counts by pixel", STYLE["ambiguous"]),), "", UNCALIBRATED)
    if event is None:
        return Headline("waiting", (("waiting for the first spectrum", QUIET),), "", "")
    if isinstance(event, Reading):
        return Headline(event.verdict.decision, _named(event, theme), title_of(event, state.now), _why(event, theme))
    return Headline("fault", (("no spectrum", STYLE["fault"]),), name_of(event.origin), event.why)


def is_cut_off(state: ScreenState) -> bool:
    """Whether the instrument is disconnected, and no earlier result was selected."""
    return state.link is not None and state.link.state not in GOOD and state.view.at is None


def is_old(state: ScreenState) -> bool:
    """Whether the shown spectrum is not current: the link is down, or the run waits for a person."""
    return is_cut_off(state) or (bool(state.acquisition.question) and state.view.at is None)


def brief(event: Reading | Fault) -> str:
    """Return one event in a few words; data, not yet safe to show."""
    return answer(event.verdict) if isinstance(event, Reading) else "no spectrum"


def _cut_off(state: ScreenState, link: LinkStatus, theme: Theme) -> Headline:
    """State that the link is down, and the last result, which stays in view and must not be mistaken for a current one."""
    words, _ = WORDS[link.state]
    if state.shown is None:
        sign = "waiting" if link.state in {"opening", "probing"} else "fault"
        return Headline(sign, ((words, STYLE[sign]),), link.port, link.why)
    here = ((words if link.state == "faulted" else "disconnected"), STYLE["fault"])
    last: Row = ((f"  the last result was {theme.safe(brief(state.shown))}", QUIET),)
    return Headline("fault", (here, *last), link.port, link.why or f"{words} again")


def _named(reading: Reading, theme: Theme) -> Row:
    """Return the answer in words, with the probability of a match."""
    verdict = reading.verdict
    words: Row = ((theme.safe(answer(verdict)), STYLE[verdict.decision]),)
    if verdict.best is not None and len(verdict.names) == 1:
        beside = chemistry(verdict.best.synonyms, verdict.best.formula, ascii_only=theme.ascii_only)
        words = (*words, (f", {theme.safe(beside)}", QUIET)) if beside else words
    score = verdict.best.score if verdict.decision == "match" and verdict.best else None
    return words if score is None else (*words, (f"  {percent(score, 1)}", PLAIN), (f" {IF}", QUIET))


def _why(reading: Reading, theme: Theme) -> str:
    """Return the reasons and, if there is a name, the summary of its peaks: first for a match, else last."""
    words = list(reading.verdict.doubts)
    if reading.verdict.best is not None:
        place = 0 if reading.verdict.decision == "match" else len(words)
        words.insert(place, widgets.peak_summary(reading.verdict.best.peaks, theme))
        if reading.verdict.aligned:
            words.insert(place, theme.safe(reading.verdict.aligned.text))
    return "; ".join(words)


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
        counters = [counted(link.counters.frames, "exposure"), *bad]
        rows.append(spread((("  ", PLAIN), (_listed(counters, width - 4, theme)[2:], QUIET)), EMPTY, width))
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
    acquisition = state.acquisition
    counted = f"{acquisition.done} of {acquisition.of}" if acquisition.of > 1 else ""
    row: Row = ()
    if link.state not in GOOD:
        boxes = []
    elif acquisition.paused:
        boxes = ["paused"]
    elif acquisition.doing == "measuring":
        boxes, row = [], ((f"{counted} ", PLAIN),)
    else:
        boxes = [f"{DOING[acquisition.doing]} {counted}".rstrip()]
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


NARROW = 40
"""Least columns of a description."""
BROAD = 72
"""Most columns of the table of candidates."""


def describe(event: Reading | Fault, *, ascii_only: bool = False) -> RenderableType:
    """Return a printable description of ``event``: file, answer, reasons, candidates, peaks, quality."""
    return _Description(event, ascii_only)


@dataclass(frozen=True, slots=True)
class _Description:
    """Its width is known when it is printed."""

    event: Reading | Fault
    ascii_only: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Frame | Segment]:
        theme = ASCII if self.ascii_only or options.ascii_only else UNICODE
        width = max(NARROW, console.width)
        yield Frame(tuple(_rows(self.event, width, theme)))
        yield Segment.line()


def _rows(event: Reading | Fault, width: int, theme: Theme) -> list[Row]:
    if not isinstance(event, Reading):
        return [_head("fault", "no spectrum", name_of(event.origin), width, theme), *_indented(event.why, width, theme)]
    verdict = event.verdict
    name, words = name_of(event.spectrum.origin), answer(verdict)
    rows = [_head(verdict.decision, words, name, width, theme)]
    cut = () if cells(theme.safe(words)) <= _room(name, width, theme) else (words,)
    rows += [row for reason in (*cut, *verdict.doubts) for row in _indented(reason, width, theme)]
    if verdict.best is not None and (beside := chemistry(verdict.best.synonyms, verdict.best.formula, ascii_only=theme.ascii_only)):
        rows += _indented(f"{verdict.best.label}: {beside}", width, theme)
    if verdict.ranked:
        claimed = any(match.score is not None for match in verdict.ranked)
        rows += _indented(f"candidates {IF}:" if claimed else "the nearest, by similarity:", width, theme, QUIET)
    table = min(BROAD, width - 4)
    rows += [(("  ", PLAIN), *row) for row in widgets.matches(verdict, table, len(verdict.ranked), theme)]
    if verdict.ranked:
        rows += _indented(f"{verdict.ranked[0].label}: {widgets.peak_summary(verdict.ranked[0].peaks, theme)}", width, theme, QUIET)
    if verdict.aligned:
        rows += _indented(verdict.aligned.text, width, theme, QUIET)
    return [*rows, _measured(event, theme)]


def _head(sign: str, words: str, name: str, width: int, theme: Theme) -> Row:
    shown, answer = theme.safe(name, max(8, width // 2)), theme.safe(words, _room(name, width, theme))
    return ((f"{theme.sign[sign]} ", STYLE[sign]), (shown, STRONG), ("  ", PLAIN), (answer, STYLE[sign]))


def _room(name: str, width: int, theme: Theme) -> int:
    """Return the cells for the answer beside the name; a longer one is repeated in full below."""
    return width - cells(theme.safe(name, max(8, width // 2))) - 5


def _indented(text: str, width: int, theme: Theme, style: Style = PLAIN) -> list[Row]:
    return [(("  ", PLAIN), (line, style)) for line in wrapped(text, width - 3, 4, theme)]


def _measured(reading: Reading, theme: Theme) -> Row:
    """Return quality, calibration and time in one row."""
    row: Row = (("  ", PLAIN),)
    values = widgets.quality_values(reading.quality)
    for (name, light), value in zip(widgets.lights(reading.quality).items(), values, strict=True):
        row = (*row, (f"{theme.sign[light]} ", STYLE[light]), (f"{name} {value}   ", QUIET))
    by = reading.spectrum.calibrated
    if by is not None:
        row = (*row, (f"{theme.sign['good']} ", STYLE["good"]), (f"calibrated {by.made:%Y-%m-%d}   ", QUIET))
    return (*row, (f"{reading.timing.total:.1f} ms", QUIET))
