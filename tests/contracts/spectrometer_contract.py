"""What every spectrometer keeps; a test class of one inherits it and says how to make one."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from contracts.source_contract import open_files
from raman_edge.errors import ConfigError, SourceUnavailable
from raman_edge.instruments.spectrometer import Counters, Exposure, LinkStatus
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from raman_edge.instruments.spectrometer import Spectrometer

PATIENCE_S = 60.0
"""A busy machine is no failure."""


def exposures(device: Spectrometer, count: int) -> list[Exposure]:
    """Return the next exposures, whatever breaks between them."""
    found: list[Exposure] = []
    until = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < until and not device.ended:
        result = device.expose()
        found += [result] if isinstance(result, Exposure) else []
    assert len(found) == count, f"{len(found)} of {count} exposures: {device.status}"
    return found


class SpectrometerContract:
    """Inherit, and override the first two methods; the numbers say what the device can do."""

    exposure_s: float | None = None
    """An exposure that it can do and that is not its default; None without an exposure setting."""

    def spectrometer(self, folder: Path, stop: threading.Event) -> Spectrometer:
        """Return one that gives exposures, not yet opened; ``folder`` is empty and its own."""
        raise NotImplementedError

    def missing(self, folder: Path) -> Spectrometer:
        """Return one whose instrument is not there."""
        raise NotImplementedError

    def test_gives_exposures_of_a_known_instrument(self, tmp_path: Path) -> None:
        """Exposures are counts that cannot be written to, with a moment, and name the instrument."""
        with self.spectrometer(tmp_path, threading.Event()) as device:
            found = exposures(device, 3)
            assert device.instrument is not None
            assert all(one.instrument.serial_number == device.instrument.serial_number for one in found)
        assert all(one.counts.ndim == 1 and one.counts.size > 1 and not one.frame.counts.flags.writeable for one in found)
        assert all(one.taken_at.tzinfo is not None and one.averages >= 1 for one in found)
        assert [one.taken_at for one in found] == sorted(one.taken_at for one in found)
        assert not any(one.dark for one in found)

    def test_it_gives_exposures_faults_and_signs_of_life(self, tmp_path: Path) -> None:
        """Nothing else comes, and it does not end while the instrument is there."""
        with self.spectrometer(tmp_path, threading.Event()) as device:
            assert all(isinstance(device.expose(), Exposure | Fault | None) for _ in range(3))

    def test_the_status_is_a_snapshot_for_any_thread(self, tmp_path: Path) -> None:
        """Another thread that looks all the while sees states and counters that only go up."""
        seen: list[LinkStatus] = []
        over = threading.Event()
        with self.spectrometer(tmp_path, threading.Event()) as device:

            def look() -> None:
                while not over.wait(0.001):
                    seen.append(device.status)

            looking = threading.Thread(target=look)
            looking.start()
            exposures(device, 3)
            over.set()
            looking.join()
            seen.append(device.status)
        assert seen[-1].counters.frames >= 3
        assert seen[-1].port
        assert seen[-1].profile
        for before, after in pairwise(seen):
            assert all(getattr(before.counters, name) <= getattr(after.counters, name) for name in Counters.__slots__)

    def test_the_exposure_can_be_changed_or_is_refused(self, tmp_path: Path) -> None:
        """The frames after a change have the new exposure; one that the device cannot do is a mistake of the user."""
        with self.spectrometer(tmp_path, threading.Event()) as device:
            exposures(device, 1)
            if self.exposure_s is not None:
                device.set_exposure(self.exposure_s)
                assert exposures(device, 1)[0].exposure_s == pytest.approx(self.exposure_s)
                assert device.status.exposure_s == pytest.approx(self.exposure_s)
            with pytest.raises(ConfigError, match="exposure"):
                device.set_exposure(1e9)

    def test_the_light_is_switched_or_left_to_a_person(self, tmp_path: Path) -> None:
        """An exposure without the sample's light is marked dark, whatever keeps it out; with light again it is not."""
        with self.spectrometer(tmp_path, threading.Event()) as device:
            able = device.light(on=False)
            assert exposures(device, 1)[0].dark
            assert device.light(on=True) == able
            assert not exposures(device, 1)[0].dark

    def test_it_stops_soon(self, tmp_path: Path) -> None:
        """Told to stop, it gives nothing more, at once."""
        stop = threading.Event()
        with self.spectrometer(tmp_path, stop) as device:
            exposures(device, 1)
            stop.set()
            started = time.monotonic()
            while device.expose() is not None:  # what had come before
                assert time.monotonic() - started < PATIENCE_S
        assert time.monotonic() - started < PATIENCE_S

    def test_what_is_not_there_is_reported_on_opening(self, tmp_path: Path) -> None:
        """An instrument that is not there is an error on one line, when it is entered."""
        with pytest.raises(SourceUnavailable, match=r"\w") as raised, self.missing(tmp_path):
            pass
        assert "\n" not in str(raised.value)

    def test_holds_nothing_open_afterwards(self, tmp_path: Path) -> None:
        """A closed device leaves no file, port or thread behind, also after an exception."""
        if not Path("/proc/self/fd").exists():
            pytest.skip("open files are counted in /proc")
        device = self.spectrometer(tmp_path, threading.Event())
        before = open_files(), threading.active_count()
        with suppress(KeyboardInterrupt), device:
            exposures(device, 1)
            raise KeyboardInterrupt
        assert open_files() <= before[0]
        assert threading.active_count() <= before[1]
