"""Tells the story: each act is measured by the code of ``serial``, the burst answered by that of ``watch``, all in one journal.

Nothing here waits for a time to pass: an act is over when its spectrum is answered, and what is left of its share of
the time is for whoever reads the screen. One that is not answered is reported, and the story goes on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge import records
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.calibration import making, standards
from raman_edge.calibration.calibration import serial_of
from raman_edge.cli.demo.calibrated import Calibrated, off
from raman_edge.cli.demo.instrument import PROFILE
from raman_edge.errors import SpectrumError
from raman_edge.records import FaultRecord, ResultRecord
from raman_edge.service.display import RunObserver
from raman_edge.service.run import follow
from raman_edge.sources.spectrometer import SpectrometerSource
from raman_edge.spectrum import Fault, Spectrum
from raman_edge.terminal.state import AcquisitionState as Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.acquisition.plan import Plan
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.cli.demo.acts import Act
    from raman_edge.cli.demo.burst import Burst
    from raman_edge.cli.demo.instrument import Instrument
    from raman_edge.cli.demo.witness import Witness
    from raman_edge.journal import Journal
    from raman_edge.outputs.forwarding import Forwarding
    from raman_edge.records import Record
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.worker import Worker
    from raman_edge.sources.folder import FolderSource

PATIENCE_S = 45.0
"""How long one act may take, s: a slow machine, and a link that is opened anew."""
TICK_S = 0.1
"""How often the screen is told what the instrument is at, s."""
MOST = 1000
"""Records that an act may have."""
AWAY = 0.6
"""Share of its act for which the cable is out."""


@dataclass(frozen=True, slots=True)
class Played:
    """One act that was played."""

    act: Act
    said: tuple[Record, ...]
    """What the journal has of it."""
    sent: int
    """Exposures that the instrument says it sent meanwhile."""
    stale: int
    """Of those the ones that were still of the exposure before."""
    exposures: int
    """Of those the good ones, which the link handed over."""
    faults: int
    """What broke instead, and was told."""
    spikes: int
    """Values that were left out of averages, as a cosmic particle made them."""
    spectra: int
    """Spectra that they were made into: answered, or of a standard."""
    calibrated: Calibrated | None = None
    """What came of a calibration; None where it was none, or failed."""


class Story:
    """One telling. ``stop`` ends it early and cleanly; what was played until then stands in :attr:`played`."""

    def __init__(self, naming: Identifier, journal: Journal, witness: Witness, deliveries: Forwarding, stop: Event, seconds: float) -> None:
        self.played: list[Played] = []
        self._naming, self._journal, self._witness, self._stop = naming, journal, witness, stop
        self._onlooker = RunObserver(witness, deliveries)
        self._calibration: Calibration | None = None
        self._began, self._seconds = monotonic(), seconds

    def play(self, acts: Sequence[Act], instrument: Instrument, crew: Worker) -> None:
        """Play every act, the last one's end a share of the time before the story's: that is for the burst."""
        share = self._seconds / (len(acts) + 1)
        for number, act in enumerate(acts, 1):
            if self._stop.is_set():
                return
            self._witness.note(f"{number}/{len(acts) + 1} {act.title}")
            self.played.append(self._play(act, instrument, crew, share))
            if act.pictured:
                self._witness.keep()
            self._rest_until(self._began + number * share)

    def watch(self, burst: Burst, source: FolderSource, crew: Worker) -> None:
        """Answer a burst of files, to its end."""
        self._witness.note(f"{len(self.played) + 1}/{len(self.played) + 1} a burst of files lands in a folder")
        with burst, source:
            follow(source, crew, self._journal, self._onlooker)
        self._rest_until(self._began + self._seconds)

    def _play(self, act: Act, instrument: Instrument, crew: Worker, share: float) -> Played:
        newest, spikes, before = self._journal.newest(), self._witness.spikes, _counted(instrument)
        instrument.prepare(act)
        calibrated, spectra, faults = None, 0, 0
        if act.right == "axis":
            standard, faults = self._measured(act, instrument)
            spectra = int(standard is not None)
            calibrated = None if standard is None else self._calibrate(act, standard)
        else:
            self._identify(act, instrument, crew, share)
        said = tuple(records.decode(row.line) for row in self._journal.after(newest, MOST))
        spectra += sum(isinstance(record, ResultRecord) for record in said)
        faults += sum(isinstance(record, FaultRecord) for record in said)
        sent, stale, good = (after - count for after, count in zip(_counted(instrument), before, strict=True))
        return Played(act, said, sent, stale, good, faults, self._witness.spikes - spikes, spectra, calibrated)

    def _identify(self, act: Act, instrument: Instrument, crew: Worker, share: float) -> None:
        """Measure and answer, as `serial` does."""
        over, plan = Event(), replace(act.plan, calibration=self._calibration)
        source = SpectrometerSource(instrument.spectrometer, plan, stop=over, note=self._witness.note)
        with self._told(instrument, source.bench, act, over, share), source:
            follow(source, crew, self._journal, self._onlooker)

    def _measured(self, act: Act, instrument: Instrument) -> tuple[Spectrum | None, int]:
        """Measure a standard, as `calibrate --port` does: the spectrum, None where it did not come, and how often something broke."""
        over = Event()
        bench = Acquisition(instrument.spectrometer, act.plan, stop=over, note=self._witness.note)
        with self._told(instrument, bench, act, over, 0.0):
            seen = [event for event in bench if event is not None]
        faults = [event for event in seen if isinstance(event, Fault)]
        for fault in faults:
            self._witness.note(fault.why)
        return next((event for event in seen if isinstance(event, Spectrum)), None), len(faults)

    def _calibrate(self, act: Act, seen: Spectrum) -> Calibrated | None:
        """Calibrate by a standard from now on; None where its lines are not found."""
        name, now = serial_of(seen), seen.taken_at or datetime.now(UTC)
        measured = making.StandardSpectrum(seen, standards.find(act.sample))
        try:
            made = making.make(measured, instrument=name or PROFILE, laser_nm=act.plan.laser_nm, made=now, days=30.0)
        except SpectrumError as error:
            self._witness.note(str(error))
            return None
        self._calibration = made
        result = Calibrated(off(made, seen), made.rms or 0.0, len(made.lines))
        self._witness.note(f"calibrated: {result.words}")
        return result

    @contextmanager
    def _told(self, instrument: Instrument, bench: Acquisition, act: Act, over: Event, share: float) -> Iterator[None]:
        """Keep the screen told of link and bench while the block runs, and end the act where it takes too long."""
        done = Event()
        plug = Thread(target=instrument.plug_in_again, args=(over, AWAY * share), name="cable", daemon=True)
        teller = Thread(target=self._tell, args=(instrument, bench, act.plan, over, done), name="link to the screen", daemon=True)
        teller.start()
        if act.mishap == "unplug":
            plug.start()
        try:
            yield
        finally:
            over.set()
            done.set()
            teller.join()
            if plug.ident is not None:
                plug.join()

    def _tell(self, instrument: Instrument, bench: Acquisition, plan: Plan, over: Event, done: Event) -> None:
        until = monotonic() + PATIENCE_S
        expires = None if plan.pixels or self._calibration is None else self._calibration.expires
        while True:
            last = done.is_set()
            self._witness.link(instrument.spectrometer.status)
            self._witness.bench(Shown.at(bench.progress, expires))
            if last:
                return
            if self._stop.is_set() or monotonic() > until:
                over.set()
            done.wait(TICK_S)

    def _rest_until(self, at: float) -> None:
        """Leave a person the rest of the time to read."""
        self._stop.wait(max(0.0, at - monotonic()))


def _counted(instrument: Instrument) -> tuple[int, int, int]:
    """Return the exposures so far: sent, still of the exposure before, handed over."""
    counters = instrument.spectrometer.status.counters
    return instrument.simulated.frames, counters.stale, counters.frames
