"""Recordings of exposures: written during a measurement, and replayed like one; :mod:`recording_file` has the format."""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from raman_edge.bounded_read import without_waiting
from raman_edge.errors import ConfigError, FormatError, OutputError, SourceUnavailable
from raman_edge.instruments import recording_file
from raman_edge.instruments.profiles.requests import UNITS
from raman_edge.instruments.recording_file import MOST_LINE, ExposureLine, FaultLine, InstrumentLine, PlanLine, RecordingHeader
from raman_edge.instruments.spectrometer import Counters, Exposure, LinkStatus
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from typing import Self

    from raman_edge.instruments.spectrometer import InstrumentInfo, Spectrometer

PULSE_S = 1.0
"""Longest call of ``expose`` without a result, s."""


class Recorder:
    """A spectrometer, and a file in which everything it gives lies before anybody else has it.

    Every line is written at once, and safe on the disk at the end; a run that is killed leaves a recording that ends
    earlier. A file that exists is never written to. Raises :class:`ConfigError` for a place that cannot be written on opening,
    and :class:`OutputError` where it no longer can be.
    """

    def __init__(self, spectrometer: Spectrometer, path: str | os.PathLike[str], plan: PlanLine | None = None) -> None:
        self._spectrometer, self._path, self._plan = spectrometer, Path(path), plan or PlanLine()
        self._file = -1
        self._known: InstrumentInfo | None = None
        self._is_dark = False

    def __enter__(self) -> Self:
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            msg = f"the recording cannot be written to {str(self._path)!r}: {error.strerror}; name a new file"
            raise ConfigError(msg) from error
        with ExitStack() as opening:
            opening.callback(self._abandon)
            opening.enter_context(self._spectrometer)
            status = self._spectrometer.status
            self._write(RecordingHeader(port=status.port, profile=status.profile, plan=self._plan))
            opening.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._spectrometer.__exit__(*exc)
        finally:
            os.fsync(self._file)
            os.close(self._file)

    @property
    def status(self) -> LinkStatus:
        """State, settings and counters of the link."""
        return self._spectrometer.status

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Facts of the instrument."""
        return self._spectrometer.instrument

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again."""
        return self._spectrometer.ended

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s."""
        self._spectrometer.set_exposure(seconds)

    def light(self, *, on: bool) -> bool:
        """Let the sample's light in, or keep it out; what follows is recorded as dark, even where a person must block the beam."""
        self._is_dark = not on
        return self._spectrometer.light(on=on)

    def rest(self, seconds: float = math.inf) -> bool:
        """Take the light away for a wait of so many seconds."""
        return self._spectrometer.rest(seconds)

    def make_safe(self) -> str:
        """Stop exposing and switch the laser off for good; return why it may still be on."""
        return self._spectrometer.make_safe()

    def expose(self) -> Exposure | Fault | None:
        """Return the next result of the spectrometer, after recording it."""
        got = self._spectrometer.expose()
        if isinstance(got, Fault):
            self._write(recording_file.broken(got))
        elif got is not None:
            if got.instrument != self._known:
                self._write(InstrumentLine(instrument=got.instrument))
                self._known = got.instrument
            self._write(recording_file.shot(replace(got, dark=got.dark or self._is_dark)))
        return got

    def _abandon(self) -> None:
        os.close(self._file)
        self._path.unlink(missing_ok=True)

    def _write(self, entry: recording_file.Entry) -> None:
        rest = recording_file.encode(entry)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            msg = f"the recording {str(self._path)!r} cannot be written: {error.strerror}; what it has up to here can be read"
            raise OutputError(msg) from error


def entries(lines: Iterable[bytes], note: Callable[[str], None] = lambda _: None) -> Iterator[RecordingHeader | Exposure | Fault]:
    """Read the lines of a recording: first how it began, then everything in its order.

    A last line that is torn, as a run that was killed leaves it, is left out, and ``note`` is told.
    Raises :class:`FormatError` with the line's number for any other that is damaged.
    """
    instrument: InstrumentInfo | None = None
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n") and len(line) <= MOST_LINE:
            note(f"line {number} is torn ({len(line)} bytes without an end): the recording was cut short there, and is read up to it")
            return
        entry = recording_file.decode(line, number)
        if isinstance(entry, RecordingHeader) != (number == 1):
            what = "begins anew" if number > 1 else "does not begin with the line of a recording"
            msg = f"line {number}: the recording {what}; expected the line that begins it once, and first: was it cut or joined?"
            raise FormatError(msg)
        if isinstance(entry, InstrumentLine):
            instrument = entry.instrument
        elif isinstance(entry, ExposureLine):
            if instrument is None:
                msg = f"line {number}: an exposure before the facts of the instrument: are lines missing?"
                raise FormatError(msg)
            yield recording_file.exposure(entry, instrument, number)
        else:
            yield recording_file.fault(entry) if isinstance(entry, FaultLine) else entry


class ReplayedSpectrometer:
    """The spectrometer of a recording: gives the same exposures and faults again, in their order, with their times.

    ``paced`` gives them as far apart as they were, otherwise they come as fast as they are asked for. What it is told
    changes nothing: an exposure is as it was recorded, and so is the light. ``note`` is told where the recording is torn.
    Raises :class:`SourceUnavailable` where it cannot be opened, and :class:`FormatError` for a damaged line where it is met.
    """

    def __init__(self, path: str | os.PathLike[str], *, paced: bool = False, note: Callable[[str], None] = lambda _: None) -> None:
        self._path, self._paced, self._note = Path(path), paced, note
        self._open = ExitStack()
        self._entries: Iterator[RecordingHeader | Exposure | Fault] = iter(())
        self._began = RecordingHeader(port=str(path), profile="")
        self._next: Exposure | Fault | None = None
        self._last: Exposure | None = None
        self._first: tuple[datetime, float] | None = None
        self._counters = Counters()

    def __enter__(self) -> Self:
        try:
            file = self._open.enter_context(open(self._path, "rb", opener=without_waiting))
        except OSError as error:
            msg = f"the recording {str(self._path)!r} cannot be read: {error.strerror}; `raman-edge instruments record` makes one"
            raise SourceUnavailable(msg) from error
        self._entries = entries(iter(partial(file.readline, MOST_LINE + 1), b""), self._note)
        try:
            self._begin()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    @property
    def status(self) -> LinkStatus:
        """Port and profile of the recording."""
        last = self._last
        return LinkStatus(
            state="absent" if self.ended else "ready",
            port=self._began.port,
            profile=self._began.profile,
            serial_number=None if self.instrument is None else self.instrument.serial_number,
            exposure_s=None if last is None else last.exposure_s,
            averages=1 if last is None else last.averages,
            counters=self._counters,
            why="the recording is at its end" if self.ended else "",
        )

    @property
    def plan(self) -> PlanLine:
        """The plan of the recorded measurement."""
        return self._began.plan

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Facts of the recorded instrument."""
        known = self._last or self._next
        return known.instrument if isinstance(known, Exposure) else None

    @property
    def ended(self) -> bool:
        """Whether the recording is at its end."""
        return self._next is None

    def set_exposure(self, seconds: float) -> None:
        """Change nothing; :class:`ConfigError` for an exposure that the recorded instrument cannot do."""
        facts = None if self.instrument is None else self.instrument.integration
        if facts is None:
            return
        low, high = facts.min / UNITS[facts.unit], facts.max / UNITS[facts.unit]
        if not low / 2 <= seconds <= 2 * high:  # an exposure is rounded to what the instrument can do
            expected = f"{low:g} to {high:g} s"
            raise ConfigError(kind="exposure out of range", place="the recorded instrument", got=f"{seconds:g} s", expected=expected)

    def rest(self, seconds: float = math.inf) -> bool:  # noqa: ARG002 - of the protocol
        """Return False: there is no light."""
        return False

    def make_safe(self) -> str:
        """Return "": there is no laser."""
        return ""

    def light(self, *, on: bool) -> bool:  # noqa: ARG002 - of the protocol
        """Change nothing; dark exposures come in their recorded order."""
        return True

    def expose(self) -> Exposure | Fault | None:
        """Return the next result; None at the end."""
        got = self._next
        if isinstance(got, Exposure) and not self._is_due(got):
            return None
        if isinstance(got, Exposure):
            self._last = got
            self._counters = replace(self._counters, frames=self._counters.frames + 1)
        elif got is not None:
            self._counters = replace(self._counters, bad=self._counters.bad + 1)
        if got is not None:
            self._advance()
        return got

    def _begin(self) -> None:
        began = next(self._entries, None)
        if not isinstance(began, RecordingHeader):
            msg = f"{str(self._path)!r} is empty, or torn in its first line: there is nothing to replay"
            raise FormatError(msg)
        self._began = began
        self._advance()

    def _advance(self) -> None:
        """Read one ahead, so that the end is known."""
        following = next(self._entries, None)
        self._next = None if isinstance(following, RecordingHeader) else following

    def _is_due(self, exposure: Exposure) -> bool:
        """Wait for the time of an exposure, at most :data:`SIGN_S`; return whether it has come."""
        if not self._paced:
            return True
        if self._first is None:
            self._first = exposure.taken_at, monotonic()
        since_s = (exposure.taken_at - self._first[0]).total_seconds()
        left_s = self._first[1] + since_s - monotonic()
        sleep(max(0.0, min(PULSE_S, left_s)))
        return left_s <= PULSE_S
