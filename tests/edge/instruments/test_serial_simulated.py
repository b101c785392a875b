"""Every profile that ships, against its simulated instrument: spectra come, and what breaks is counted and over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import numpy as np
import pytest
from contracts.spectrometer_contract import SpectrometerContract
from markers import slow
from raman_edge.errors import SourceError
from raman_edge.instruments import codecs
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.profiles.frame import DelimitedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.instruments.serial.measurement import frame_bytes
from raman_edge.instruments.serial.spectrometer import Environment
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.simulator.ports import TcpAt
from raman_edge.simulator.simulated import Simulated
from wire_profiles import changed, quick, without_memory

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from raman_edge.instruments.profiles.frame import Frame
    from raman_edge.instruments.profiles.profile import Profile

PROFILES = tuple(catalogue.profiles())
ALIKE = ("ocean-flame-s", "ocean-usb2000-ascii")
"""Profiles whose devices have the commands of ocean-usb2000."""
PIXELS = 288
PATIENCE_S = 60.0
AT_ONCE = Environment(chance=lambda: -0.99)
STREAMING = ("c12880ma-csv", "generic-csv-stream")
AS_TEXT = ("c12880ma-specread", "jeti-versapic", "ocean-usb2000-ascii", *STREAMING)
"""Profiles whose numbers are text without a checksum: a digit less, more or another may be a number too."""
PROVEN = ("ocean-usb2000", "ocean-flame-s", "tcd1304-teensy")
"""Profiles with a checksum."""
COUNTED = {"flip": "bad", "drop": "bad", "duplicate": "bad", "truncate": "bad", "silence": "timeouts"}


def spectra(device: SerialSpectrometer, count: int) -> list[Exposure]:
    """Return the next spectra, whatever breaks between them."""
    found: list[Exposure] = []
    end = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < end, device.status
        result = device.expose()
        found += [result] if isinstance(result, Exposure) else []
    return found


def shipped(name: str, margin_ms: float = 20_000, *, memory: bool = False) -> Profile:
    """Return a profile that ships with few pixels and no time to boot; its device may take ``margin_ms`` beyond its time.

    Only with ``memory`` its coefficients are read.
    """
    profile = quick(name, PIXELS, margin_ms)
    profile = profile if memory else without_memory(profile)
    return changed(profile, "serial", baud=profile.serial.baud[:1])


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_gives_its_instruments_counts(name: str) -> None:
    """What arrives is what the instrument measured, pixel by pixel, and nothing breaks on the way."""
    profile = shipped(name, memory=True)
    with Simulated(profile, pacing=False) as simulated, SerialSpectrometer(profile, simulated.port) as device:
        for _ in range(2):
            (found,) = spectra(device, 1)
            assert found.counts.size == PIXELS
            if name not in STREAMING:
                assert found.frame.counts.tolist() == simulated.device.counts.tolist()
        counters = device.status.counters
    assert (counters.bad, counters.timeouts, counters.refused, counters.reconnects) == (0, 0, 0, 0)


SILENT = ("ocean-usb2000", "ocean-sts", "bwtek-btc100", "tcd1304-rossel")
"""One of each way on after silence: a question, giving up, an echo, nothing but another request."""
QUICK = ("ocean-sts", "tcd1304-rossel")
"""Those whose breaks `make test` tries."""
BREAKING = [(name, kind) for name in PROFILES for kind in COUNTED if name not in STREAMING and (kind != "silence" or name in SILENT)]


@pytest.mark.parametrize(("name", "kind"), [case if case[0] in QUICK else slow(case)[0] for case in BREAKING])
def test_what_breaks_is_counted_and_over(name: str, kind: str) -> None:
    """Every fault that the profile makes noticeable is counted, and the spectra after it are the instrument's again."""
    profile = shipped(name, 250 if kind in {"truncate", "silence", "drop"} else 20_000)
    with Simulated(profile, pacing=False, faults=[f"{kind}@3"]) as simulated, SerialSpectrometer(profile, simulated.port) as device:
        found = spectra(device, 4)
        assert found[-1].frame.counts.tolist() == simulated.device.counts.tolist()
        noticed = getattr(device.status.counters, COUNTED[kind])
    hidden = (kind == "flip" and name not in PROVEN) or (kind in {"drop", "duplicate"} and name in AS_TEXT)
    assert noticed >= (0 if hidden else 1)


def test_a_late_spectrum_is_not_taken_for_another() -> None:
    """A spectrum that comes when it was given up is dropped, and what follows is the instrument's last."""
    profile = shipped("ocean-flame-s", 250)
    with Simulated(profile, pacing=False, faults=["late@3"]) as simulated, SerialSpectrometer(profile, simulated.port) as device:
        for _ in range(6):
            (found,) = spectra(device, 1)
            assert found.frame.counts.tolist() == simulated.device.counts.tolist()
        assert device.status.counters.timeouts >= 1


REFUSALS = ("nak ocean-usb2000", "nak ocean-sts", "busy ocean-sts", "nak jeti-versapic", "busy c12880ma-specread", "nak tcd1304-teensy")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusals_are_counted_and_over(refusal: str) -> None:
    """A device that refuses a spectrum, or is too busy for it, gets the request again."""
    kind, name = refusal.split()
    profile = shipped(name)
    simulated = Simulated(profile, pacing=False, faults=[f"{kind}@2"])
    with simulated, SerialSpectrometer(profile, simulated.port) as device:
        found = spectra(device, 3)
        assert device.status.counters.refused == 1
        assert found[-1].frame.counts.tolist() == simulated.device.counts.tolist()


@pytest.mark.parametrize("name", PROFILES)
def test_the_longest_frame_is_waited_for(name: str) -> None:
    """What a frame is taken to need on the line is never less than it takes."""
    profile = shipped(name)
    codec = codecs.of(profile.frame, PIXELS)
    highest = 4095 if profile.frame.invert_from else 65_535
    counts = np.where(np.arange(PIXELS) % 2, highest, 0)
    assert len(codec.encode(counts)) <= frame_bytes(profile.frame)


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (NamedFrame(name="ooi", count=PIXELS, header=("pixel_mode:u16be",), text=True), b"4294967295\r\n"),
        (DelimitedFrame(count=PIXELS, dtype="u16le", text=True, start="DATA", end="END"), b"65535\r\n"),
        (DelimitedFrame(count=PIXELS, dtype="i32le", text=True, start="DATA", end="END"), b"-99999999\r\n"),
        (LinesFrame(count=PIXELS), b"4294967295,"),
        (LinesFrame(count=PIXELS, layout="column"), b"4294967295\r\n"),
        (LinesFrame(count=PIXELS, layout="pairs"), b"1050.12345,4294967295\r\n"),
    ],
)
def test_numbers_as_text_are_waited_for(frame: Frame, line: bytes) -> None:
    """Text of long numbers is no longer on the line than a frame of them is waited for."""
    assert len(line) * PIXELS <= frame_bytes(frame)


@pytest.mark.parametrize("name", [*(name for name in PROFILES if name not in ALIKE), *slow(*ALIKE)])
def test_an_instrument_that_is_unplugged_is_found_again(name: str) -> None:
    """The cable comes out in the middle of a spectrum and goes in again: what follows is whole."""
    profile = shipped(name)
    faults = ["unplug@3:for=0.05"]
    with Simulated(profile, pacing=False, faults=faults) as simulated, SerialSpectrometer(profile, simulated.port, world=AT_ONCE) as device:
        spectra(device, 4)
        assert device.status.counters.reconnects == 1


def test_another_instrument_is_noticed_by_its_serial_number() -> None:
    """The serial number is read again after every replug."""
    profile = shipped("ocean-sts")
    with Simulated(profile, pacing=False) as simulated, SerialSpectrometer(profile, simulated.port, world=AT_ONCE) as device:
        spectra(device, 1)
        simulated.replug("OTHER")
        with pytest.raises(SourceError, match="serial number OTHER, expected serial number SIM00001"):
            spectra(device, 3)


def test_the_exposure_is_that_of_the_counts() -> None:
    """Four times the exposure is four times the light above the dark, also in the very next spectrum."""
    profile = changed(shipped("ocean-flame-s"), "integration", default=8)
    with Simulated(profile, pacing=False) as simulated, SerialSpectrometer(profile, simulated.port) as device:
        levels = []
        for seconds in (0.001, 0.004):
            device.set_exposure(seconds)
            (found,) = spectra(device, 1)
            assert found.exposure_s == seconds
            levels.append(float(found.counts.max()) - profile.simulator.dark_counts)
        assert device.status.counters.stale >= 2
    assert levels[1] / levels[0] == pytest.approx(4, rel=0.2)


class TestOcean(SpectrometerContract):
    """An Ocean device on a line."""

    name = "ocean-flame-s"
    exposure_s: float | None = 0.25

    def spectrometer(self, folder: Path, stop: threading.Event) -> SerialSpectrometer:
        """Return one on a simulated instrument that is plugged in as long as it is open."""
        _ = folder
        profile = shipped(self.name)
        return Plugged(Simulated(profile, pacing=False), profile, stop)

    def missing(self, folder: Path) -> SerialSpectrometer:
        """Return one on a port that is not there."""
        return SerialSpectrometer(shipped(self.name), str(folder / "ttyUSB0"))


class TestStream(TestOcean):
    """A device that sends by itself."""

    name = "c12880ma-csv"
    exposure_s = None


class TestNetwork(TestOcean):
    """A device behind a TCP port."""

    name = "ocean-sts"

    def spectrometer(self, folder: Path, stop: threading.Event) -> SerialSpectrometer:
        """Return one on a simulated instrument on TCP."""
        _ = folder
        profile = shipped(self.name)
        return Plugged(Simulated(profile, pacing=False, at=TcpAt()), profile, stop)


class Plugged(SerialSpectrometer):
    """A spectrometer that plugs its instrument in, and out again."""

    def __init__(self, simulated: Simulated, profile: Profile, stop: threading.Event) -> None:
        self._simulated, self._profile_of_it, self._until = simulated, profile, stop

    def __enter__(self) -> Self:
        self._simulated.__enter__()
        super().__init__(self._profile_of_it, self._simulated.port, stop=self._until)
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._simulated.__exit__(*exc)
