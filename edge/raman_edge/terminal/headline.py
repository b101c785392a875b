"""The upper part of the screen: the answer, or why there is none, and the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.matching.identify import Reading
from raman_edge.terminal import link as links
from raman_edge.terminal import widgets
from raman_edge.terminal.state import answer, name_of, title_of
from raman_edge.terminal.theme import PLAIN, QUIET, STYLE
from raman_edge.wording import IF, chemistry

if TYPE_CHECKING:
    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.spectrum import Fault
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.state import ScreenState
    from raman_edge.terminal.theme import Theme


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
    if state.bench.question and state.view.at is None:
        return Headline("care", ((theme.safe(state.bench.question), STYLE["ambiguous"]),), state.source, "")
    event = state.shown
    if event is None:
        return Headline("waiting", (("waiting for the first spectrum", QUIET),), "", "")
    if isinstance(event, Reading):
        return Headline(event.verdict.decision, _named(event, theme), title_of(event, state.now), _why(event, theme))
    return Headline("fault", (("no spectrum", STYLE["fault"]),), name_of(event.origin), event.why)


def is_cut_off(state: ScreenState) -> bool:
    """Whether the instrument is disconnected, and no earlier result was selected."""
    return state.link is not None and state.link.state not in links.GOOD and state.view.at is None


def is_old(state: ScreenState) -> bool:
    """Whether the shown spectrum is not current: the link is down, or the run waits for a person."""
    return is_cut_off(state) or (bool(state.bench.question) and state.view.at is None)


def brief(event: Reading | Fault) -> str:
    """Return one event in a few words; data, not yet safe to show."""
    return answer(event.verdict) if isinstance(event, Reading) else "no spectrum"


def _cut_off(state: ScreenState, link: LinkStatus, theme: Theme) -> Headline:
    """State that the link is down, and the last result, which stays in view and must not be mistaken for a current one."""
    words, _ = links.WORDS[link.state]
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
    return words if score is None else (*words, (f"  {score:.1%}", PLAIN), (f" {IF}", QUIET))


def _why(reading: Reading, theme: Theme) -> str:
    """Return the reasons and, if there is a name, the summary of its peaks: first for a match, else last."""
    words = list(reading.verdict.doubts)
    if reading.verdict.best is not None:
        place = 0 if reading.verdict.decision == "match" else len(words)
        words.insert(place, widgets.peak_summary(reading.verdict.best.peaks, theme))
    return "; ".join(words)
