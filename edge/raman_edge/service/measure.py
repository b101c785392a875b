"""A run that measures: exposures of an instrument, or of a recording of one, become results in the journal."""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Literal, TypeAlias

from raman_edge.acquisition import darks
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.acquisition.plan import LONGEST_S, Plan
from raman_edge.atomic_write import system_path
from raman_edge.calibration import store
from raman_edge.calibration.calibration import Calibration
from raman_edge.errors import ConfigError, JournalError, JournalUnavailable
from raman_edge.instruments import ports
from raman_edge.instruments.ocean_usb import OceanSpectrometer
from raman_edge.instruments.recording import PlanLine
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.instruments.serial.spectrometer import Environment, unguarded
from raman_edge.matching.identify import Reading
from raman_edge.quality import MIN_SNR
from raman_edge.service import find_instrument
from raman_edge.service.display import RunObserver, saver
from raman_edge.service.run import follow, open_outputs, open_worker
from raman_edge.sources import Batch
from raman_edge.sources.spectrometer import SpectrometerSource
from raman_edge.spectrum import Fault, Origin
from raman_edge.terminal.controls import Controls
from raman_edge.terminal.state import AcquisitionState
from raman_edge.wording import counted
from raman_edge.wording import tally as decisions

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from raman_edge.acquisition.darks import Dark
    from raman_edge.acquisition.plan import Mode
    from raman_edge.instruments.spectrometer import InstrumentInfo, Spectrometer
    from raman_edge.journal import Journal
    from raman_edge.service.display import Display, OpenDisplay
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.signals import Stop
    from raman_edge.service.worker import IdentifiedSpectrum, Worker

    NamedCalibration: TypeAlias = Calibration | str | os.PathLike[str] | Literal[False] | None
    """A calibration, its file or serial number, False for none, None for that of the instrument."""

Trigger = Literal["continuous", "key", "sample"]
"""When to measure: always; at every key press or line of input; while something steady is in the beam."""
MODES: dict[str, Mode] = {"continuous": "continuous", "key": "trigger", "sample": "gate"}
DARKS: dict[str, Literal["none", "take", "auto"]] = {"none": "none", "take": "take", "auto": "auto"}
AUTO = "auto"
"""An exposure that is searched."""
TICK_S = 0.2
"""Time between two updates of the screen by the instrument, s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """How to reach an instrument."""

    port: str
    """Such as ``/dev/ttyUSB0``, ``COM3``, ``usb:VID:PID``, ``socket://HOST:PORT``, or ``ocean:``."""
    profile: str | None = None
    """Name of a profile that ships, or a file; None is the only one that names the USB device on that port."""
    exposure_s: float | None = None
    """Exposure to set when the link opens, s; None leaves it."""
    baud: int | None = None
    """Rate to change to."""
    save_baud: bool = False
    """Whether the instrument keeps that rate over a loss of power."""
    arm_laser: bool = False
    """Whether this program may switch the laser on, for an exposure."""
    keep_laser_on: bool = False
    """Whether the laser stays on between exposures."""

    def open(
        self, stop: Event, guard: Callable[[SerialSpectrometer], AbstractContextManager[object]] = unguarded
    ) -> SerialSpectrometer | OceanSpectrometer:
        """Return the spectrometer, whose link is opened by ``with``; :class:`ConfigError` for what it cannot do.

        ``guard`` is entered while the link is open: :func:`raman_edge.service.signals.guarding` where a program may switch the laser.
        """
        if not self.port.startswith(ports.OCEAN):
            return SerialSpectrometer(
                ports.profile_of(self.port, self.profile),
                self.port,
                exposure_s=self.exposure_s,
                baud=self.baud,
                save_baud=self.save_baud,
                laser=self.arm_laser,
                keep_laser_on=self.keep_laser_on,
                stop=stop,
                world=Environment(guard=guard),
            )
        given = [name for name in ("profile", "baud", "save_baud", "arm_laser", "keep_laser_on") if getattr(self, name)]
        if given:
            raise ConfigError(
                kind="option of serial ports",
                place=repr(self.port),
                got=", ".join(name.replace("_", "-") for name in given),
                expected="none of them: the driver of an Ocean instrument on USB knows the instrument",
            )
        return OceanSpectrometer(self.port, self.exposure_s, stop=stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSettings:
    """What a spectrum is made of, and when it is measured."""

    exposure: float | Literal["auto"] | None = None
    """Of a single exposure, s; "auto" searches the one that brings the highest line to 70-85 % of saturation; None leaves it."""
    max_exposure: float | None = None
    """Longest exposure that "auto" may choose, s; None is 10."""
    average: int = 1
    """Exposures that a spectrum is the mean of; from 3 on cosmic spikes are removed."""
    dark: str = "none"
    """What is subtracted: "none", "take", "auto", or the file of a dark spectrum."""
    save_dark: Path | None = None
    """Where every dark that is taken is written; None is nowhere."""
    laser: float | None = None
    """Laser wavelength, nm, instead of the profile's."""
    trigger: Trigger = "continuous"
    count: int | None = None
    """Spectra to take; None has no end."""
    interval: float | None = None
    """From the beginning of one spectrum to that of the next, s; None is as fast as possible."""

    @property
    def exposure_s(self) -> float | None:
        """The exposure to set, s; None where it is searched or left."""
        return None if isinstance(self.exposure, str) else self.exposure

    def plan(self, calibration: Calibration | None = None, *, pixels: bool = False) -> Plan:
        """Return the plan of the acquisition; :class:`ConfigError` where settings contradict each other.

        With ``pixels`` spectra are for making a calibration: nothing is cut from them, and an axis of pixels is no error.
        """
        if isinstance(self.exposure, str) and self.exposure != AUTO:
            raise ConfigError(kind="not an exposure", place="exposure", got=repr(self.exposure), expected='seconds, "auto" or None')
        if self.trigger not in MODES:
            raise ConfigError(kind="unknown trigger", place="trigger", got=repr(self.trigger), expected=" or ".join(map(repr, MODES)))
        return Plan(
            exposure_s=self.exposure_s,
            auto_exposure=self.exposure == AUTO,
            longest_s=LONGEST_S if self.max_exposure is None else self.max_exposure,
            averages=self.average,
            dark=_dark(self.dark),
            save_dark=self.save_dark,
            laser_nm=self.laser,
            calibration=calibration,
            pixels=pixels,
            mode=MODES[self.trigger],
            count=self.count,
            interval_s=self.interval or 0.0,
        )

    def recorded(self) -> PlanLine:
        """Return what a recording keeps of the plan."""
        return PlanLine(
            averages=self.average,
            auto_exposure=self.exposure == AUTO,
            longest_s=self.max_exposure,
            gate=MODES[self.trigger] == "gate",
            dark=DARKS.get(self.dark, "none"),
            laser_nm=self.laser,
        )


def replayed_plan(
    recorded: PlanLine,
    calibration: Calibration | None,
    *,
    average: int | None = None,
    dark: str = "none",
    laser: float | None = None,
    count: int | None = None,
) -> Plan:
    """Return the plan of a recording that is replayed: as it was measured, except for the other arguments."""
    return Plan(
        auto_exposure=recorded.auto_exposure,
        longest_s=recorded.longest_s or LONGEST_S,
        averages=average or recorded.averages,
        dark=recorded.dark if dark == "none" else _dark(dark),
        laser_nm=laser or recorded.laser_nm,
        calibration=calibration,
        mode="gate" if recorded.gate else "continuous",
        count=count,
    )


def calibration_for(
    named: NamedCalibration, instrument: InstrumentInfo | None, now: datetime | None, note: Callable[[str], None], name: str | None = None
) -> Calibration | None:
    """Return the calibration that is given or named, else that of the instrument's serial number and model; None where there is none.

    ``name`` is what an instrument without a serial number is remembered as, and its calibration is kept by. A calibration that
    has expired at ``now`` (None is unchecked), or is of another instrument, is refused: :class:`CalibrationError`.
    ``note`` takes a line where one with the same serial number is not used, or cannot be checked.
    """
    if named is False:
        return None
    serial, model = (None, None) if instrument is None else (instrument.serial_number, instrument.model)
    if isinstance(named, Calibration):
        return store.fitting(named, serial, model, now)
    if named is None and serial is None and name is not None:
        found = store.of_device(name, model)
        return None if found is None else store.fitting(found, None, model, now)
    found = store.for_instrument(None if named is None else os.fspath(named), serial, model, now)
    if found is None and serial is not None and system_path(path := store.path_of(serial)).is_file():
        note(f"the calibration {str(path)!r} is of {store.read(path).model!r} with the same serial number and is not used for {model!r}")
    if found is not None and serial is not None and found.model is None:
        note(f"the calibration of {found.instrument!r} names no vendor and model: calibrate again to bind it to {model!r}")
    return found


def _dark(text: str) -> Literal["none", "take", "auto"] | Dark:
    if text in DARKS:
        return DARKS[text]
    path = Path(text)
    if not system_path(path).is_file():
        raise ConfigError(kind="no such dark", place="--dark", got=repr(text), expected="take, auto, none, or a file of --save-dark")
    return darks.read(path)


class MeasureRun(RunObserver):
    """One run over an open instrument, which goes on after an outage of the journal."""

    def __init__(  # noqa: PLR0913 - each is one part of a run, by name
        self,
        identifier: Identifier,
        journal: Journal,
        stop: Stop,
        spectrometer: Spectrometer,
        plan: Plan,
        *,
        open_display: OpenDisplay,
        outputs: Sequence[str] = (),
        stdout: bool = False,
        triggers: Iterable[object] = (),
        can_calibrate: bool = False,
        weak_advice: str = "",
    ) -> None:
        """Prepare the run.

        Parameters
        ----------
        identifier : Identifier
            Identifies the spectra.
        journal : Journal
            Open.
        stop : Stop
            Ends the run.
        spectrometer : Spectrometer
            Open.
        plan : Plan
            How to measure.
        open_display : callable
            Makes the display.
        outputs : sequence of str
            Where records go besides the journal.
        stdout : bool
            Whether records go to standard output; else a person sees the display, and can be prompted to block the beam.
        triggers : iterable
            With ``stdout`` and the trigger ``key`` each element takes one spectrum, such as the lines of standard input.
        can_calibrate : bool
            Whether a key ends the run for a calibration, see :attr:`wants_calibration`.
        weak_advice : str
            What is noted once where the signal is weak, such as that the laser is not armed.
        """
        self.wants_calibration = False
        """Whether the run was ended to calibrate."""
        self._identifier, self._journal, self._stop = identifier, journal, stop
        self._spectrometer, self._plan = spectrometer, plan
        self._stdout, self._triggers, self._weak_advice = stdout, triggers, weak_advice
        self._advised: set[str] = set()
        self._source = SpectrometerSource(spectrometer, plan, stop=stop.event, note=self._note, prompt=None if stdout else self._note)
        acquisition, status = self._source.acquisition, spectrometer.status
        controls = Controls(
            quit=stop.event.set,
            pause=lambda: acquisition.pause(not acquisition.progress.paused),
            single=acquisition.trigger,
            dark=acquisition.take_dark,
            save=saver(Path()),
            calibrate=self._calibrate if can_calibrate else None,
        )
        display = open_display(f"{status.port}, {status.profile}", identifier, controls)
        super().__init__(display, open_outputs(outputs, journal.path, display.note, stop=stop.event, stdout=stdout))

    def run(self) -> Counter[str]:
        """Identify what is measured, to the end, and return the number of results of each decision."""
        worker = open_worker(self._identifier, self._identifier.provenance(laser=self._plan.laser_nm))
        with self._outputs, self._display, self._updates(), self._source, worker, self._laser_off(worker):
            if self._stdout and self._plan.mode == "trigger":
                Thread(target=_trigger_each, args=(self._source.acquisition, self._triggers), name="standard input", daemon=True).start()
            while True:
                try:
                    self._outage.begin_attempt()
                    follow(self._source, worker, self._journal, self)
                except JournalUnavailable as error:
                    self._wait(error)
                else:
                    return self.tally

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Count and show one result; note once why there may be no signal."""
        super().show(answer)
        event = answer.event
        if isinstance(event, Reading) and event.quality.snr < MIN_SNR:
            self._advise(self._weak_advice)
        elif isinstance(event, Fault):
            self._advise(doubt_advice(self._spectrometer))

    def _advise(self, advice: str) -> None:
        if advice and advice not in self._advised:
            self._advised.add(advice)
            self._note(advice)

    def _calibrate(self) -> None:
        self.wants_calibration = True
        self._source.acquisition.end()

    def _wait(self, error: JournalUnavailable) -> None:
        """Wait for the next attempt while the instrument waits; a run that is stopped meanwhile ends with the error."""
        self._outage.wait(error, self._note, self._stop.event)

    @contextmanager
    def _laser_off(self, worker: Worker) -> Iterator[None]:
        """Switch the laser off however the block ends, while a laser that may still be on can be journaled and forwarded."""
        hurry = False
        try:
            yield
        except KeyboardInterrupt:
            hurry = self._stop.signal is not None  # the second signal
            raise
        finally:
            if why := self._spectrometer.make_safe(self._note, hurry=hurry):
                self._journal_unsafe(why, worker)

    def _journal_unsafe(self, why: str, worker: Worker) -> None:
        """Keep it as a fault; the error that leaving the instrument raises is the last line of the command."""
        made = hashlib.sha256(f"{datetime.now(UTC).isoformat()} {why}".encode("utf-8", "backslashreplace")).hexdigest()
        batch = Batch((Fault(Origin(self._plan.kind, self._spectrometer.status.port, sha256=made), why),))
        try:
            answers = worker.result(batch, worker.answer(batch))
            self._journal.add([answer.row for answer in answers])
        except JournalError as error:
            self._note(f"{error}; that the laser may still be on is not in the journal")
            return
        for answer in answers:
            self.show(answer)
        self._outputs.wake()

    def _note(self, text: str) -> None:
        self._display.note(text)

    @contextmanager
    def _updates(self) -> Iterator[None]:
        """Show link and acquisition on the screen while the block runs."""
        if self._stdout:
            yield
            return
        over = Event()
        thread = Thread(target=self._update_until, args=(over,), name="link to the screen", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _update_until(self, over: Event) -> None:
        expires = None if self._plan.calibration is None else self._plan.calibration.expires
        while not over.is_set():
            self._display.link(self._spectrometer.status)
            self._display.acquisition(AcquisitionState.at(self._source.acquisition.progress, expires))
            over.wait(TICK_S)


class PreviewRun:
    """Shows the spectra of an instrument without a wavenumber axis by pixel: nothing is identified or journaled."""

    def __init__(
        self, spectrometer: Spectrometer, plan: Plan, stop: Event, open_display: Callable[[str, Controls], Display], *, note: str = ""
    ) -> None:
        """Prepare the run; ``plan`` accepts an axis of pixels, ``note`` is shown first."""
        self.wants_calibration = False
        """Whether the run was ended to calibrate."""
        self._spectrometer, self._first_note = spectrometer, note
        self._acquisition = Acquisition(spectrometer, plan, stop=stop, note=self._note, prompt=self._note)
        acquisition, status = self._acquisition, spectrometer.status
        controls = Controls(
            quit=stop.set,
            pause=lambda: acquisition.pause(not acquisition.progress.paused),
            single=acquisition.trigger,
            dark=acquisition.take_dark,
            calibrate=self._calibrate,
        )
        self._display = open_display(f"{status.port}, {status.profile}", controls)

    def run(self) -> bool:
        """Show spectra until stopped or until a calibration is wanted; return whether it is."""
        over = Event()
        with self._display:
            self._note(self._first_note)
            thread = Thread(target=self._update_until, args=(over,), name="link to the screen", daemon=True)
            thread.start()
            try:
                for event in self._acquisition:
                    if isinstance(event, Fault):
                        self._note(doubt_advice(self._spectrometer) or event.why)
                    elif event is not None:
                        self._display.preview(event)
            finally:
                over.set()
                thread.join()
        return self.wants_calibration

    def _calibrate(self) -> None:
        self.wants_calibration = True
        self._acquisition.end()

    def _note(self, text: str) -> None:
        self._display.note(text)

    def _update_until(self, over: Event) -> None:
        while not over.is_set():
            self._display.link(self._spectrometer.status)
            self._display.acquisition(AcquisitionState.at(self._acquisition.progress))
            over.wait(TICK_S)


def doubt_advice(spectrometer: Spectrometer) -> str:
    """Return that the profile may be wrong, where several spectra were broken and none was whole; else ""."""
    status = spectrometer.status
    if status.counters.frames or status.counters.bad + status.counters.timeouts < find_instrument.BROKEN:
        return ""
    others = find_instrument.alternatives(status.profile)
    advice = (
        f"; perhaps it is {' or '.join(others)} (--profile)"
        if others
        else f"; `raman-edge instruments probe {status.port}` shows the bytes"
    )
    return f"no whole spectrum so far: is {status.profile} the right profile?{advice}"


def _trigger_each(acquisition: Acquisition, triggers: Iterable[object]) -> None:
    """Take one spectrum for each element, and end after the last of them."""
    for _ in triggers:
        acquisition.trigger()
    acquisition.last()


def summary(tally: Counter[str], journal: Journal, spectrometer: Spectrometer) -> str:
    """Return one line with the numbers of a run."""
    counters = spectrometer.status.counters
    faults = {
        "broken": counters.bad,
        "late": counters.timeouts,
        "refused": counters.refused,
        "stale": counters.stale,
        "reconnects": counters.reconnects,
    }
    link = ", ".join([counted(counters.frames, "frame"), *(f"{count} {word}" for word, count in faults.items() if count)])
    return f"{decisions(tally)}; {link}; journal {str(journal.path)!r}"
