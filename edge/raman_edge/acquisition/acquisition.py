"""Exposures of any instrument become spectra, by a plan.

The spectra depend on the exposures and their order alone: neither a clock nor a key decides what belongs to a spectrum, so
a recording of the exposures gives the same spectra again.
"""

from __future__ import annotations

import hashlib
import math
import threading
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, TypeAlias

from raman_edge.acquisition import average, darks
from raman_edge.acquisition.autoexposure import ExposureSearch, Gate
from raman_edge.acquisition.darks import Dark, DarkRun, length
from raman_edge.acquisition.plan import AcquisitionControls, AcquisitionProgress, Plan
from raman_edge.acquisition.reduction import Reduction, corrected, digest
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.instruments.profiles.profile import DarkSettings
from raman_edge.spectrum import Fault, Spectrum
from raman_edge.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from raman_edge.acquisition.plan import Doing
    from raman_edge.instruments.spectrometer import Exposure, Spectrometer

Events: TypeAlias = "Iterator[Spectrum | Fault | None]"
Next: TypeAlias = "Generator[Fault | None, None, Exposure | None]"
Note: TypeAlias = "Callable[[str], None]"
Prompt: TypeAlias = "Callable[[str], None]"
"""Shows a person what to do; :meth:`Acquisition.trigger` confirms it. "" removes the text."""

PULSE_S = 1.0
"""Between two ``None``s while nothing comes, s."""
LOOK_S = 0.1
"""How often a wait checks whether to stop, s."""
LIVE_S = 1.0
"""An older exposure is not live: it comes from a recording, s."""
GATE_S = 1.0
"""Between two checks of an empty beam, s, with the laser off in between."""
LIGHT_AGAIN = "Let the light in again and press Enter"


def silent(_: str) -> None:
    """Show nothing."""


class Acquisition:
    """Iterates over spectra, faults, and None about once a second while nothing comes; ``spectrometer`` is open.

    It ends at ``plan.count``, when the spectrometer has ``ended``, or soon after ``stop`` is set. A broken exposure becomes a
    fault, and the average that it would have belonged to continues. ``note`` gets one line for each automatic change.
    Without a ``prompt`` no person can block the beam. Iterate in one thread; any thread may call the methods below.

    Raises, out of the iteration, :class:`raman_edge.errors.SourceError` where the instrument is another one or lost for good,
    :class:`ConfigError` where it cannot do what the plan requires, and :class:`raman_edge.errors.CalibrationError`.
    """

    def __init__(
        self,
        spectrometer: Spectrometer,
        plan: Plan,
        *,
        stop: threading.Event | None = None,
        note: Note = silent,
        prompt: Prompt | None = None,
    ) -> None:
        self._spectrometer, self._plan, self._note, self._prompt = spectrometer, plan, note, prompt
        self._stop = stop or threading.Event()
        self._controls = AcquisitionControls()
        self._reduction = Reduction(laser_nm=plan.laser_nm, calibration=plan.calibration, pixels=plan.pixels, kind=plan.kind)
        self._dark = plan.dark if isinstance(plan.dark, Dark) else None
        self._dark_run, self._doubted = DarkRun(), ""
        self._is_without, self._is_blocked, self._by_person = False, False, False
        self._is_late = False
        self._held: Exposure | None = None
        self._last_byte = perf_counter()
        self._after = "", 0
        self._exposing = ExposureSearch(plan, note)
        self._gate = Gate()
        self._group: list[Exposure] = []
        self._given, self._due = 0, 0.0
        self._doing: Doing = "measuring"
        self._question = ""

    def trigger(self) -> None:
        """Take one spectrum in a mode that waits for it; also confirms a prompt."""
        self._controls.trigger()

    def take_dark(self) -> None:
        """Take a new dark now."""
        self._controls.dark()

    def pause(self, on: bool) -> None:  # noqa: FBT001 - the only argument
        """Stop exposing until ``pause(False)``; a trigger still takes one spectrum."""
        self._controls.pause(on=on)

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next one on; a note reports where the instrument cannot."""
        self._controls.exposure(seconds)

    def end(self) -> None:
        """End soon, as ``stop`` does."""
        self._controls.end()

    def last(self) -> None:
        """End after a spectrum for every trigger."""
        self._controls.last()

    @property
    def progress(self) -> AcquisitionProgress:
        """A snapshot of the progress; any thread may read it."""
        taking = self._doing == "dark"
        done, of = (len(self._dark_run), length(self._plan.averages)) if taking else (len(self._group), self._plan.averages)
        return AcquisitionProgress(self._doing, done, of, self._controls.paused, self._question)

    @property
    def dark(self) -> Dark | None:
        """The dark spectrum in use; None where there is none, or only dark pixels."""
        return self._dark

    def __iter__(self) -> Events:
        self._reduction = replace(self._reduction, path=self._spectrometer.status.port)
        if self._plan.exposure_s is not None:
            self._spectrometer.set_exposure(self._plan.exposure_s)
        while not self._is_over:
            self._grant_exposure()
            try:
                yield from self._turn()
            except SpectrumError as error:
                yield Fault(self._reduction.origin(), str(error))
        if self._group:
            self._note(f"{len(self._group)} of {self._plan.averages} exposures were left at the end: they give no spectrum")

    @property
    def _is_over(self) -> bool:
        enough = self._plan.count is not None and self._given >= self._plan.count
        return enough or self._stop.is_set() or self._controls.ended or self._spectrometer.ended

    def _turn(self) -> Events:
        """Do one thing: take a dark, rest, or expose."""
        if self._controls.take_dark():
            yield from self._take_dark(wanted=True)
        elif self._rests:
            waits = self._plan.mode == "trigger" or (self._plan.mode == "gate" and self._gate.seen == "nothing")
            self._doing = "trigger" if waits else "measuring"
            yield from self._rest(lambda: not self._rests or self._controls.pending, self._rest_s)
            self._is_late = True
        else:
            if self._is_late:
                self._spectrometer.light(on=True)  # spectra that came meanwhile show what was in the beam before
                self._is_late = False
            got = yield from self._next()
            if got is not None:
                yield from self._meet(got)

    @property
    def _rests(self) -> bool:
        """Whether nothing is measured now."""
        if self._controls.triggered:
            return False
        return self._waits or (not self._group and monotonic() < self._due)

    @property
    def _waits(self) -> bool:
        """Whether a key must be pressed before anything is measured."""
        return self._controls.paused or self._plan.mode == "trigger"

    @property
    def _rest_s(self) -> float:
        """How long nothing is measured, s; infinite where unknown."""
        return math.inf if self._waits else self._due - monotonic()

    def _rest(self, over: Callable[[], bool], seconds: float = math.inf) -> Events:
        """Wait for about so long, without the laser's light; gives None once a second."""
        self._spectrometer.rest(seconds)
        pulse = monotonic() + PULSE_S
        while not (over() or self._is_over):
            left_s = self._due - monotonic()
            self._controls.wait(min(LOOK_S, left_s) if left_s > 0 else LOOK_S)
            if monotonic() >= pulse:
                yield None
                pulse = monotonic() + PULSE_S

    def _ask(self, text: str) -> Events:
        """Ask a person to do something, and wait for the trigger that confirms it."""
        show = self._prompt or silent
        while self._controls.take_trigger():
            pass  # earlier triggers do not confirm it
        self._question = text
        show(text)
        yield from self._rest(self._controls.take_trigger)
        self._question = ""
        show("")

    def _grant_exposure(self) -> None:
        """Set the exposure that the user wants; this ends the automatic exposure."""
        seconds = self._controls.take_exposure()
        if seconds is None:
            return
        try:
            self._spectrometer.set_exposure(seconds)
        except ConfigError as error:
            self._note(str(error))
        else:
            self._exposing.stop()

    def _next(self) -> Next:
        """Return the next exposure; None where something else came, which it gives."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        got = self._spectrometer.expose()
        if got is None:
            yield None
            return None
        if isinstance(got, Fault):
            yield self._numbered(got)
            return None
        self._after = got.taken_at.isoformat(), 0
        late_s = (datetime.now(UTC) - got.taken_at).total_seconds()
        self._last_byte = perf_counter() - (late_s if 0 <= late_s < LIVE_S else 0.0)
        return replace(got, dark=True) if self._is_blocked else got

    def _numbered(self, fault: Fault) -> Fault:
        """Give a fault a digest from its place after the last exposure: equal faults are two records, in a replay as well."""
        self._after = self._after[0], self._after[1] + 1
        made = hashlib.sha256(f"{self._after} {fault.why}".encode("utf-8", "backslashreplace")).hexdigest()
        return fault if fault.origin.sha256 is not None else replace(fault, origin=replace(fault.origin, sha256=made))

    def _meet(self, exposure: Exposure) -> Events:
        """Use an exposure: for the dark, the automatic exposure, or the spectrum."""
        self._use(self._dark_run.feed(exposure))
        if exposure.dark or not self._is_worth(exposure):
            return
        if self._group and not average.same(self._group[0], exposure):
            self._note(f"dropped {counted(len(self._group), 'exposure')}: the instrument or its exposure has changed")
            self._group.clear()
        if not self._group:
            self._due = monotonic() + self._plan.interval_s
        self._group.append(exposure)
        self._doing = "measuring"
        if len(self._group) == self._plan.averages:
            yield from self._finish()

    def _is_worth(self, exposure: Exposure) -> bool:
        """Whether something is in the beam, and well exposed, where the plan requires it."""
        if self._plan.mode != "gate" and not self._exposing.searches:
            return True
        fits = self._dark is not None and self._dark.why_not(exposure) is None
        found = corrected(average.mean([exposure]), exposure.instrument, self._dark if fits else None)
        if self._plan.mode == "gate":
            self._gate = self._gate.look(found.counts, clipped=found.is_clipped)
            if self._gate.seen != "steady":
                self._group.clear()
                self._doing = "trigger"
                if self._gate.seen == "nothing" and self._spectrometer.rest(GATE_S):
                    self._due = max(self._due, monotonic() + GATE_S)  # an empty beam is checked in pulses
                return False
        if not self._exposing.well(exposure, found, self._spectrometer):
            self._group.clear()
            self._gate = self._gate.rescaled()
            self._doing = "exposure"
            return False
        return True

    def _finish(self) -> Events:
        """Give the spectrum of the collected exposures."""
        group, self._group = self._group, []
        if self._needs_dark(group[-1]):
            yield from self._take_dark()
            if self._is_over:
                self._group = group  # no spectrum without its dark
                return
        try:
            made = self._reduction.spectrum(group, self._fitting(group[-1]))
        except SpectrumError as error:
            yield Fault(self._reduction.origin(digest(group, self._dark)), str(error))
            return
        self._given += 1
        triggered = self._controls.take_trigger()
        read_ms, given = 1e3 * (perf_counter() - self._last_byte), monotonic()
        yield replace(made, origin=replace(made.origin, read_ms=read_ms))
        self._is_late = triggered or monotonic() - given > PULSE_S  # the reader took so long

    def _needs_dark(self, exposure: Exposure) -> bool:
        """Whether the plan needs one now; a person blocks the beam only once."""
        policy = self._plan.dark
        if isinstance(policy, Dark) or policy == "none" or self._is_without:
            return False
        if self._dark is None:
            return True
        if self._by_person:
            return False
        old = (exposure.taken_at - self._dark.taken_at).total_seconds() > self._plan.dark_age_s
        return self._dark.why_not(exposure) is not None or (policy == "auto" and old)

    def _fitting(self, exposure: Exposure) -> Dark | None:
        """Return the dark where it fits; else note once why it does not."""
        if self._dark is None:
            return None
        why = self._dark.why_not(exposure)
        if why is None:
            return self._dark
        if self._dark is self._plan.dark and not self._given:
            raise ConfigError(why)
        if why != self._doubted:
            self._doubted = why
            self._note(f"{why}; until then none is subtracted")
        return None

    def _take_dark(self, *, wanted: bool = False) -> Events:
        """Take the exposures of a dark, with the light off or the beam blocked by a person."""
        self._doing = "dark"
        self._by_person = not self._spectrometer.light(on=False)
        if self._by_person:
            if self._prompt is None:
                self._spectrometer.light(on=True)
                self._go_without(wanted=wanted)
                return
            yield from self._ask(self._dark_prompt)
        self._is_blocked = self._by_person
        yield from self._expose_dark()
        self._is_blocked = False
        if self._is_over:
            return  # the light stays off
        if self._by_person:
            yield from self._ask(LIGHT_AGAIN)
        self._spectrometer.light(on=True)
        self._use(self._dark_run.close())

    def _expose_dark(self) -> Events:
        enough = length(self._plan.averages)
        while len(self._dark_run) < enough and not self._is_over:
            got = yield from self._next()
            if got is not None and not got.dark:
                self._held, self._is_without = got, True
                self._note("no dark comes, as from a recording without one: none is subtracted")
                return
            if got is not None:
                self._dark_run.feed(got)

    def _go_without(self, *, wanted: bool) -> None:
        """Note that no dark can be taken; raises :class:`ConfigError` where the plan needs one."""
        advice = "Take the dark before, and name its file"
        error = ConfigError(kind="no shutter, no laser control, and no person to block the beam", advice=advice)
        if not wanted:
            raise error
        self._note(str(error))

    @property
    def _dark_prompt(self) -> str:
        instrument = self._spectrometer.instrument
        return (instrument.dark if instrument is not None else DarkSettings()).prompt

    def _use(self, dark: Dark | None) -> None:
        """Subtract a dark from now on, and save it where the plan requires it; None changes nothing."""
        if dark is None:
            return
        self._dark, self._doubted, self._is_without = dark, "", False
        if self._plan.save_dark is not None:
            darks.write(dark, self._plan.save_dark)
            self._note(f"the dark is saved in {str(self._plan.save_dark)!r}")
