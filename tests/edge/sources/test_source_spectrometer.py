"""An instrument as a source: read by a thread, answered one by one, nothing lost, nothing left behind."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from contracts.source_contract import SourceContract
from raman_edge.acquisition.plan import Plan
from raman_edge.errors import CalibrationError, SourceLost, SourceUnavailable
from raman_edge.sources.spectrometer import AHEAD, SpectrometerSource
from raman_edge.spectrum import Fault, Spectrum
from spectrometers import FAULT, Fake
from watched_folder import dealt_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from raman_edge.instruments.spectrometer import Exposure
    from raman_edge.sources import Batch

LOOK_S = 0.02


class Scripted(Fake):
    """Exposes where a file in a folder says so: ``good`` in its name is an exposure, everything else a fault."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __enter__(self) -> Self:
        if (self._folder / "away").exists():
            msg = "fake: is not there; plug it in"
            raise SourceUnavailable(msg)
        return super().__enter__()

    def expose(self) -> Exposure | Fault | None:
        """Take the next order."""
        for path in sorted(self._folder.iterdir()):
            path.unlink()
            return super().expose() if "good" in path.name else FAULT
        time.sleep(LOOK_S)
        return None


class Opened:
    """A source and its spectrometer, opened and closed together, as a command does."""

    def __init__(self, spectrometer: Fake, stop: threading.Event | None = None, plan: Plan | None = None) -> None:
        self.spectrometer, self.notes = spectrometer, list[str]()
        self.source = SpectrometerSource(spectrometer, plan or Plan(), stop=stop, note=self.notes.append)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(self.spectrometer)
            opening.enter_context(self.source)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.source)


class TestSpectrometer(SourceContract):
    """The contract of every source."""

    def source(self, folder: Path, stop: threading.Event) -> Opened:
        """Scripted by the folder."""
        return Opened(Scripted(folder), stop)

    def provide_spectra(self, folder: Path, count: int) -> None:
        """Leave orders for exposures."""
        for number in range(count):
            (folder / f"{len(list(folder.iterdir()))}-{number}-good").touch()

    def provide_garbage(self, folder: Path) -> None:
        """Leave an order for a fault."""
        (folder / "z-bad").touch()

    def take_away(self, folder: Path) -> None:
        """Have the instrument not there."""
        (folder / "away").touch()

    def test_stops_between_two_batches(self, tmp_path: Path) -> None:
        """What was measured before the stop cannot be measured again: it is still given, and nothing that comes later."""
        self.provide_spectra(tmp_path, 20)
        stop = threading.Event()
        with self.source(tmp_path, stop) as source:
            running = iter(source)
            while not next(running).events:
                pass
            stop.set()
            after = [value for batch in running for value in batch.events]
        assert len(after) <= AHEAD + 1
        assert len(list(tmp_path.iterdir())) >= 20 - 1 - (AHEAD + 1) - 1


def test_every_value_is_a_batch_of_its_own() -> None:
    """Each spectrum and fault comes alone and in its order, so that the first is answered before the second is waited for."""
    with Opened(Fake(happens=[None, FAULT, None], most=3)) as opened:
        given = [batch.events for batch in opened if batch.events]
    assert [[type(event) for event in events] for events in given] == [[Spectrum], [Fault], [Spectrum], [Spectrum]]


def test_a_slow_reader_makes_the_instrument_wait() -> None:
    """Without a reader, no more is measured than waits; then all of it comes, in its order, and nothing is lost."""
    fake = Fake(most=20)
    with Opened(fake) as opened:
        running = iter(opened)
        first = next(running).events[0]
        settled = threading.Event()
        last = -1
        while last != fake.status.counters.frames:
            last = fake.status.counters.frames
            settled.wait(0.2)
        assert last <= 1 + AHEAD + 1
        rest = [event for batch in running for event in batch.events]
    times = [value.taken_at for value in (first, *rest) if isinstance(value, Spectrum) and value.taken_at is not None]
    assert len(times) == 20
    assert times == sorted(times)


def test_what_is_not_done_is_given_again() -> None:
    """A spectrum that the journal did not take comes again when the source is read anew."""
    with Opened(Fake(most=2)) as opened:
        (given,) = next(iter(opened)).events
        again = [event for batch in opened for event in batch.events]
    assert again[0] is given
    assert len(again) == 2


@pytest.mark.parametrize("error", [SourceLost("it is gone: plug it in"), CalibrationError("too old"), ValueError("a defect")])
def test_what_ends_the_instrument_ends_the_reader(error: Exception) -> None:
    """Whatever the thread that measures raises is raised where the spectra are read, after those that came before."""

    class Ending(Fake):
        def expose(self) -> Exposure | Fault | None:
            if self._given == 2:
                raise error
            return super().expose()

    fake, got = Ending(), list[Spectrum | Fault]()
    with pytest.raises(type(error), match=str(error)), Opened(fake) as opened:
        got.extend(dealt_with(opened))
    assert len(got) == 2
    assert fake.opened == 0


def test_a_reader_that_fails_leaves_nothing_behind() -> None:
    """An error of the reader closes the instrument, ends the thread, and a note has the number of lost spectra."""
    before = threading.active_count()
    opened = Opened(Fake())

    def read() -> None:
        with opened:
            next(iter(opened))
            raise KeyError

    with pytest.raises(KeyError):
        read()
    assert opened.spectrometer.opened == 0
    assert threading.active_count() == before
    assert "were measured and not identified" in opened.notes[-1]


def test_keys_reach_the_bench() -> None:
    """What another thread wants of the bench happens while the source is read."""
    with Opened(Fake(), plan=Plan(mode="trigger", count=2)) as opened:
        threading.Timer(0.05, opened.source.acquisition.trigger).start()
        opened.source.acquisition.trigger()
        assert len(list(dealt_with(opened))) == 2
