"""What every source keeps; a test class of a source inherits it and says how to open one."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from raman_edge.errors import SourceUnavailable
from raman_edge.spectrum import Fault, Origin, Spectrum
from watched_folder import PATIENCE_S, dealt_with

if TYPE_CHECKING:
    from raman_edge.sources import Source


class SourceContract:
    """Inherit, and override the four methods below."""

    def source(self, folder: Path, stop: threading.Event) -> Source:
        """Return a source, not yet opened, that ends when ``stop`` is set; ``folder`` is empty and its own."""
        raise NotImplementedError

    def provide_spectra(self, folder: Path, count: int) -> None:
        """Have the source meet ``count`` different good spectra."""
        raise NotImplementedError

    def provide_garbage(self, folder: Path) -> None:
        """Have the source meet one thing that is no spectrum."""
        raise NotImplementedError

    def take_away(self, folder: Path) -> None:
        """Make it impossible to open the source."""
        raise NotImplementedError

    def collect(self, folder: Path, count: int, patience_s: float = 60.0) -> list[Spectrum | Fault]:
        """Read ``count`` values, then stop the source and read it to its end."""
        stop = threading.Event()
        watchdog = threading.Timer(patience_s, stop.set)
        watchdog.start()
        values: list[Spectrum | Fault] = []
        with self.source(folder, stop) as source:
            for value in dealt_with(source):
                values.append(value)
                if len(values) == count:
                    stop.set()
        watchdog.cancel()
        watchdog.join()
        return values

    def test_gives_every_spectrum(self, tmp_path: Path) -> None:
        """All spectra come, each once, each with an origin of a kind and a path."""
        self.provide_spectra(tmp_path, 3)
        values = self.collect(tmp_path, 3)
        assert [type(value) for value in values] == [Spectrum] * 3
        assert len({value.counts.tobytes() for value in values if isinstance(value, Spectrum)}) == 3
        assert all(value.origin.kind and value.origin.path for value in values)

    def test_garbage_is_a_value(self, tmp_path: Path) -> None:
        """What is no spectrum is a fault with one line of reason, and the spectra around it still come."""
        self.provide_spectra(tmp_path, 1)
        self.provide_garbage(tmp_path)
        values = self.collect(tmp_path, 2)
        faults = [value for value in values if isinstance(value, Fault)]
        assert len(values) == 2
        assert len(faults) == 1
        assert faults[0].why
        assert faults[0].why.isprintable()
        assert isinstance(faults[0].origin, Origin)

    def test_stops_soon_when_idle(self, tmp_path: Path) -> None:
        """An idle source ends soon after it is stopped."""
        stop = threading.Event()
        with self.source(tmp_path, stop) as source:
            threading.Timer(0.2, stop.set).start()
            started = time.monotonic()
            assert list(dealt_with(source)) == []
        assert time.monotonic() - started < PATIENCE_S

    def test_stops_between_two_batches(self, tmp_path: Path) -> None:
        """A source that is stopped during a batch gives no further one."""
        self.provide_spectra(tmp_path, 3)
        stop = threading.Event()
        with self.source(tmp_path, stop) as source:
            for batch in source:
                if batch.events:
                    stop.set()
                    after = list(source)
                    break
        assert [one for one in after if one.events] == []

    def test_lives_while_nothing_comes(self, tmp_path: Path) -> None:
        """Where nothing comes, empty batches do."""
        stop = threading.Event()
        with self.source(tmp_path, stop) as source:
            batches = iter(source)
            assert [next(batches).events for _ in range(2)] == [(), ()]

    def test_unavailable_is_reported_on_opening(self, tmp_path: Path) -> None:
        """A source that cannot be opened says so when it is entered, with what to do."""
        self.take_away(tmp_path)
        with pytest.raises(SourceUnavailable, match=r"\w") as raised, self.source(tmp_path, threading.Event()):
            pass
        assert "\n" not in str(raised.value)

    def test_holds_nothing_open_afterwards(self, tmp_path: Path) -> None:
        """A closed source leaves no file, port or thread behind."""
        if not Path("/proc/self/fd").exists():
            pytest.skip("open files are counted in /proc")
        self.provide_spectra(tmp_path, 2)
        self.collect(tmp_path, 2)
        before = open_files(), threading.active_count()
        self.collect(tmp_path, 0, patience_s=0.3)
        assert open_files() <= before[0]
        assert threading.active_count() <= before[1]


def open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
