"""The state of the screen: a frozen value, and how an event or a key changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from raman_edge.matching.identify import Reading
from raman_edge.wording import title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from raman_edge.acquisition.plan import AcquisitionProgress, Doing
    from raman_edge.instruments.spectrometer import LinkStatus
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Verdict
    from raman_edge.model.model import Model
    from raman_edge.records import RecordSource
    from raman_edge.spectrum import Fault, Origin, Spectrum
    from raman_edge.terminal.controls import KeyBinding
    from raman_edge.wording import Answer

RECENT = 200
"""Most events kept to browse."""
LISTED = 10
"""Events that are listed, and kept whatever their size."""
MOST_POINTS = 1_000_000
"""Points of all kept spectra: a hundred maps do not fill the memory."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of the model."""

    name: str
    """The system and the beginning of the digest of its network."""
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
    """Date of export from the card; "" is unknown."""

    @classmethod
    def of(cls, model: Model, library: Library) -> ModelFacts:
        """Return the facts of an open model and library."""
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
    """Probability of a match, 0..1, if in the library; None for every other decision."""
    ms: float | None = None
    """From the last byte to the result; None for a fault."""


@dataclass(frozen=True, slots=True)
class AcquisitionState:
    """Progress of an acquisition: a snapshot."""

    doing: Doing = "measuring"
    done: int = 0
    """Exposures taken of the spectrum (or of the dark)."""
    of: int = 1
    """Exposures to average."""
    paused: bool = False
    """Measuring is paused."""
    expires: datetime | None = None
    """When the wavenumber calibration expires, with a time zone; None if it does not, or none is in use."""
    question: str = ""
    """Action that a person has to take; "" is none. Data, not yet safe to show."""

    @classmethod
    def at(cls, progress: AcquisitionProgress, expires: datetime | None = None) -> AcquisitionState:
        """Return the state of an acquisition and the expiry of its calibration."""
        return cls(progress.doing, progress.done, progress.of, progress.paused, expires, progress.question)


@dataclass(frozen=True, slots=True)
class ResultCounts:
    """Number of events by decision."""

    match: int = 0
    group: int = 0
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
        """Spectra with a result."""
        return self.match + self.group + self.possible + self.ambiguous + self.unknown + self.rejected


@dataclass(frozen=True, eq=False, slots=True)
class Navigation:
    """The selected view."""

    at: Reading | Fault | None = None
    """The selected event; None follows the newest."""
    zoom: tuple[float, float] | None = None
    """The drawn part of the axis, cm⁻¹; None is all of it."""
    help: bool = False
    """Whether the help is shown."""


@dataclass(frozen=True, eq=False, slots=True)
class ScreenState:
    """Everything that a frame shows."""

    source: str
    """Where spectra come from; data, not yet safe to show."""
    model: ModelFacts
    past: tuple[Reading | Fault, ...] = ()
    """The last events, the newest first."""
    preview: Spectrum | None = None
    """A spectrum by pixel, before there is a wavenumber axis; None where spectra are identified."""
    tally: ResultCounts = ResultCounts()
    waiting: int = 0
    """Files that wait to be read."""
    left_s: float | None = None
    """Remaining time, s; None is unknown."""
    note: str = ""
    """Other information, such as a missing folder; empty for none."""
    link: LinkStatus | None = None
    """State of the link to the instrument; None for files."""
    acquisition: AcquisitionState = AcquisitionState()
    """Progress of the acquisition."""
    view: Navigation = Navigation()
    """The selected view."""
    keys: tuple[KeyBinding, ...] = ()
    """The available keys; empty without a keyboard."""
    now: datetime | None = None
    """Time of the frame, with a time zone, for ages; None leaves them out."""

    @property
    def latest(self) -> Reading | Fault | None:
        """The newest event; None before the first."""
        return self.past[0] if self.past else None

    @property
    def shown(self) -> Reading | Fault | None:
        """The event in the upper part: the selected one, else the newest.

        For an instrument the newest spectrum: a broken frame between two good ones is only listed.
        """
        if self.view.at is not None:
            return self.view.at
        if self.link is not None:
            return next((event for event in self.past if isinstance(event, Reading)), self.latest)
        return self.latest

    @property
    def recent(self) -> tuple[RecentResult, ...]:
        """The last ten outcomes, the newest first."""
        return self.listed(0, LISTED)

    def listed(self, first: int, count: int) -> tuple[RecentResult, ...]:
        """Return ``count`` outcomes, the newest first, from the one at ``first``, where 0 is the newest."""
        return tuple(outcome_of(event, self.now) for event in self.past[first : first + count])


def fold(state: ScreenState, event: Reading | Fault) -> ScreenState:
    """Return the state after ``event``; results of an incomplete version of the same file are removed."""
    origin = origin_of(event)
    kept, tally = [], state.tally
    for earlier in state.past:
        if is_replaced(origin_of(earlier), origin):
            tally = tally.minus(outcome_of(earlier).decision)
        else:
            kept.append(earlier)
    return replace(state, past=_bounded((event, *kept)), tally=tally.plus(outcome_of(event).decision))


def _bounded(events: tuple[Reading | Fault, ...]) -> tuple[Reading | Fault, ...]:
    """Return the newest of the events, as many as are kept."""
    points = 0
    for number, event in enumerate(events[:RECENT]):
        points += len(event.spectrum) if isinstance(event, Reading) else 0
        if number >= LISTED and points > MOST_POINTS:
            return events[:number]
    return events[:RECENT]


def origin_of(event: Reading | Fault) -> Origin:
    """Return the origin of an event."""
    return event.spectrum.origin if isinstance(event, Reading) else event.origin


def is_replaced(earlier: Origin, later: Origin) -> bool:
    """Whether a later result replaces an earlier one: of a part of its content, or of a file that was unreadable or empty."""
    if later.kind != "file" or later.sha256 is None or (earlier.kind, earlier.path) != (later.kind, later.path):
        return False
    return earlier.sha256 is None or earlier.sha256 == later.grown_from


def outcome_of(event: Reading | Fault, now: datetime | None = None) -> RecentResult:
    """Return ``event`` as one line; ``now`` has the time zone."""
    if not isinstance(event, Reading):
        return RecentResult(name_of(event.origin), "fault", event.why)
    verdict = event.verdict
    best = verdict.best.score if verdict.decision == "match" and verdict.best else None
    return RecentResult(title_of(event, now), verdict.decision, answer(verdict), best, event.timing.total)


def answer(verdict: Verdict) -> str:
    """Return the answer in words: a label, a group, ``perhaps …``, ``one of …``, ``unknown``, or that the spectrum is rejected."""
    return str(title(verdict.decision, verdict.names, group=verdict.group, candidates=verdict.ranked))


def title_of(reading: Reading, now: datetime | None) -> str:
    """Return the name of a spectrum: its file, else the time of measurement in the time zone of ``now``."""
    origin, taken = reading.spectrum.origin, reading.spectrum.taken_at
    if origin.kind == "file" or taken is None or now is None:
        return name_of(origin)
    return f"{taken.astimezone(now.tzinfo):%H:%M:%S}"


def name_of(origin: Origin | RecordSource) -> str:
    """Return the last part of the path, with the number of the spectrum if it is not the first of its file."""
    name = origin.path.replace("\\", "/").rstrip("/").rpartition("/")[2] or origin.path or origin.kind
    return f"{name} [{origin.index + 1}]" if origin.index else name


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
