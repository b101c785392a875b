"""What the upper part of the screen says: the answer, or what keeps one from coming, and why, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.matching.identify import Reading
from raman_edge.terminal import link as links
from raman_edge.terminal import widgets
from raman_edge.terminal.state import answer, name_of, title_of
from raman_edge.terminal.theme import PLAIN, QUIET, STYLE
from raman_edge.wording import IF

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
    """Name of the sign before it."""
    words: Row
    name: str
    """Of the file or port; data, not yet safe to show."""
    why: str
    """Data, not yet safe to show."""


def said(state: ScreenState, look: Theme) -> Headline:
    """Return what is said of the event that is shown, unless a link gives none, or a person is waited for."""
    if state.link is not None and is_cut_off(state):
        return _cut_off(state, state.link, look)
    if state.bench.question and state.view.at is None:
        return Headline("care", ((look.safe(state.bench.question), STYLE["ambiguous"]),), state.source, "")
    event = state.shown
    if event is None:
        return Headline("waiting", (("waiting for the first spectrum", QUIET),), "", "")
    if isinstance(event, Reading):
        return Headline(event.verdict.decision, _named(event, look), title_of(event, state.now), _why(event, look))
    return Headline("fault", (("no spectrum", STYLE["fault"]),), name_of(event.origin), event.why)


def is_cut_off(state: ScreenState) -> bool:
    """Whether nothing comes from an instrument, and nobody has chosen to look at what came before."""
    return state.link is not None and state.link.state not in links.GOOD and state.view.at is None


def is_old(state: ScreenState) -> bool:
    """Whether the spectrum in view is not of now: none comes, or a person is waited for."""
    return is_cut_off(state) or (bool(state.bench.question) and state.view.at is None)


def brief(event: Reading | Fault) -> str:
    """Return one event in a few words; data, not yet safe to show."""
    return answer(event.verdict) if isinstance(event, Reading) else "no spectrum"


def _cut_off(state: ScreenState, link: LinkStatus, look: Theme) -> Headline:
    """Say that nothing comes, and what came last: it stays in view and must not be taken for the sample of now."""
    words, _ = links.WORDS[link.state]
    if state.shown is None:
        sign = "waiting" if link.state in {"opening", "probing"} else "fault"
        return Headline(sign, ((words, STYLE[sign]),), link.port, link.why)
    here = ((words if link.state == "faulted" else "disconnected"), STYLE["fault"])
    last: Row = ((f"  the last result was {look.safe(brief(state.shown))}", QUIET),)
    return Headline("fault", (here, *last), link.port, link.why or f"{words} again")


def _named(reading: Reading, look: Theme) -> Row:
    """Return the answer in words, with its probability where it is one label."""
    verdict = reading.verdict
    words: Row = ((look.safe(answer(verdict)), STYLE[verdict.decision]),)
    score = verdict.best.score if verdict.decision == "match" and verdict.best else None
    return words if score is None else (*words, (f"  {score:.1%}", PLAIN), (f" {IF}", QUIET))


def _why(reading: Reading, look: Theme) -> str:
    """Return the reasons in plain words, and what the peaks say of a name: before the doubts of a match, after what speaks against it."""
    words = list(reading.verdict.doubts)
    if reading.verdict.best is not None:
        place = 0 if reading.verdict.decision == "match" else len(words)
        words.insert(place, widgets.peak_summary(reading.verdict.best.peaks, look))
    return "; ".join(words)
