"""What the screen knows: a frozen value, and how one event makes the next one of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from raman_edge.matching.identify import Reading
from raman_edge.wording import title

if TYPE_CHECKING:
    from datetime import datetime

    from raman_edge.acquisition.plan import AcquisitionProgress, Doing
    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Verdict
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Fault, Origin
    from raman_edge.terminal.controls import KeyBinding
    from raman_edge.wording import Answer

RECENT = 10
"""Events that are remembered."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What names the spectra."""

    name: str
    """The system and the beginning of its network's digest."""
    precision: str
    provider: str
    """Where it runs, such as ``CPU``."""
    labels: int
    """Names in the library."""
    start: float
    """Beginning of the model's axis, cm⁻¹."""
    stop: float
    """End of the model's axis, cm⁻¹."""
    created: str = ""
    """The day it was made on, as its card has it; "" is not known."""

    @classmethod
    def of(cls, model: Model, library: Library) -> ModelFacts:
        """Read the facts off an opened pair."""
        card, axis = model.card, model.card.recipe.axis
        name = f"{card.name}-{card.network[:12]}"
        provider, day = model.provider.removesuffix("ExecutionProvider"), card.provenance.created[:10]
        return cls(name, card.precision, provider, len(library.labels), axis.start, axis.stop, day)


@dataclass(frozen=True, slots=True)
class RecentResult:
    """One line of the list of last results."""

    name: str
    """Of the file or port; data, not yet safe to show."""
    decision: Answer | Literal["fault"]
    text: str
    """The label, ``perhaps …``, ``one of …``, ``unknown`` or the reason; data, not yet safe to show."""
    score: float | None = None
    """Probability of a match, 0..1, if it is in the library; None for every other answer."""
    ms: float | None = None
    """From the bytes to the answer; None for a fault."""


@dataclass(frozen=True, slots=True)
class AcquisitionState:
    """What an acquisition is at, beside what its link tells: a snapshot."""

    doing: Doing = "measuring"
    done: int = 0
    """Exposures of the spectrum (or of the dark) that are taken."""
    of: int = 1
    """Exposures that it is the mean of."""
    paused: bool = False
    """Nothing is measured until somebody says so."""
    expires: datetime | None = None
    """When the wavenumber calibration in use ends, with a time zone; None is without end, or none in use."""
    question: str = ""
    """What a person is to do before it goes on; "" is nothing. Data, not yet safe to show."""

    @classmethod
    def at(cls, progress: AcquisitionProgress, expires: datetime | None = None) -> AcquisitionState:
        """Return what the bench of an acquisition tells, with the end of its calibration."""
        return cls(progress.doing, progress.done, progress.of, progress.paused, expires, progress.question)


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """How many events ended how."""

    match: int = 0
    possible: int = 0
    ambiguous: int = 0
    unknown: int = 0
    rejected: int = 0
    fault: int = 0

    def plus(self, decision: Answer | Literal["fault"]) -> ResultCounts:
        """Count one more."""
        return replace(self, **{decision: getattr(self, decision) + 1})

    def minus(self, decision: Answer | Literal["fault"]) -> ResultCounts:
        """Count one less."""
        return replace(self, **{decision: max(0, getattr(self, decision) - 1)})

    @property
    def done(self) -> int:
        """Spectra that got an answer, whichever."""
        return self.match + self.possible + self.ambiguous + self.unknown + self.rejected


@dataclass(frozen=True, eq=False, slots=True)
class Navigation:
    """What a person has chosen to look at."""

    at: Reading | Fault | None = None
    """The event that is looked at while others come; None follows the newest."""
    zoom: tuple[float, float] | None = None
    """The part of the axis that is drawn, cm⁻¹; None is all of it."""
    help: bool = False
    """Whether the keys are explained."""


@dataclass(frozen=True, eq=False, slots=True)
class ScreenState:
    """Everything a frame shows."""

    source: str
    """Where spectra come from; data, not yet safe to show."""
    model: ModelFacts
    past: tuple[Reading | Fault, ...] = ()
    """The last ten events, the newest first."""
    tally: ResultCounts = ResultCounts()
    waiting: int = 0
    """Files that wait to be read."""
    left_s: float | None = None
    """How long those take at the rate of the last ones, s; None is not known."""
    note: str = ""
    """What is to be known besides, such as a folder that is gone; empty for nothing."""
    link: LinkStatus | None = None
    """How the link to the instrument does; None where spectra come from files."""
    bench: AcquisitionState = AcquisitionState()
    """What the acquisition is at."""
    view: Navigation = Navigation()
    """What a person has chosen to look at."""
    keys: tuple[KeyBinding, ...] = ()
    """The keys that do something; empty where there is no keyboard."""
    now: datetime | None = None
    """When it is looked at, with a time zone: ages are told from it, and left out where it is None."""

    @property
    def latest(self) -> Reading | Fault | None:
        """The newest event; None before the first."""
        return self.past[0] if self.past else None

    @property
    def shown(self) -> Reading | Fault | None:
        """The event in the upper part: the chosen one, else the newest.

        Of an instrument's link the newest spectrum: a broken frame between two good ones is told beneath it.
        """
        if self.view.at is not None:
            return self.view.at
        if self.link is not None:
            return next((event for event in self.past if isinstance(event, Reading)), self.latest)
        return self.latest

    @property
    def recent(self) -> tuple[RecentResult, ...]:
        """The last ten outcomes, the newest first."""
        return tuple(outcome_of(event, self.now) for event in self.past)


def fold(state: ScreenState, event: Reading | Fault) -> ScreenState:
    """Return the state after ``event``; answers to a part of the same file, read before all of it was written, go."""
    origin = origin_of(event)
    kept, tally = [], state.tally
    for earlier in state.past:
        if is_replaced(origin_of(earlier), origin):
            tally = tally.minus(outcome_of(earlier).decision)
        else:
            kept.append(earlier)
    return replace(state, past=(event, *kept)[:RECENT], tally=tally.plus(outcome_of(event).decision))


def origin_of(event: Reading | Fault) -> Origin:
    """Return where an event came from."""
    return event.spectrum.origin if isinstance(event, Reading) else event.origin


def is_replaced(earlier: Origin, later: Origin) -> bool:
    """Whether a later answer replaces an earlier one: to a part of its content, or to a file that could not be read or was empty."""
    if later.kind != "file" or later.sha256 is None or (earlier.kind, earlier.path) != (later.kind, later.path):
        return False
    return earlier.sha256 is None or earlier.sha256 == later.grown_from


def outcome_of(event: Reading | Fault, now: datetime | None = None) -> RecentResult:
    """Return ``event`` as one line; ``now`` tells the time zone."""
    if not isinstance(event, Reading):
        return RecentResult(name_of(event.origin), "fault", event.why)
    verdict = event.verdict
    best = verdict.best.score if verdict.decision == "match" and verdict.best else None
    return RecentResult(title_of(event, now), verdict.decision, answer(verdict), best, event.timing.total)


def answer(verdict: Verdict) -> str:
    """Return the answer in words: a label, ``perhaps …``, ``one of …``, ``unknown``, or that the spectrum is rejected."""
    return str(title(verdict.decision, verdict.names))


def title_of(reading: Reading, now: datetime | None) -> str:
    """Return what tells a spectrum from others: a file's name, else when it was taken, in the time zone of ``now``."""
    origin, taken = reading.spectrum.origin, reading.spectrum.taken_at
    if origin.kind == "file" or taken is None or now is None:
        return name_of(origin)
    return f"{taken.astimezone(now.tzinfo):%H:%M:%S}"


def name_of(origin: Origin) -> str:
    """Return the last part of a path, and which spectrum of the file where it is not the first."""
    name = origin.path.replace("\\", "/").rstrip("/").rpartition("/")[2] or origin.path or origin.kind
    return f"{name} [{origin.index + 1}]" if origin.index else name
