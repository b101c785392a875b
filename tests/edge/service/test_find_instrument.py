"""Which profile fits a port: decisions from bytes and counts, without any I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import laser_instrument
import numpy as np
import pytest
import spectrometers
from markers import slow
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.profiles.profile import Sensor
from raman_edge.instruments.serial import probe
from raman_edge.instruments.serial.probe import ListenResult, ProbeCandidate, ProbeReport
from raman_edge.service import find_instrument
from raman_edge.service.find_instrument import ProfileCandidate, Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXELS = np.arange(2048)


def spectrum(level: float = 1500.0, height: float = 20_000.0) -> NDArray[np.float64]:
    """Return a background with two lines and noise, in counts."""
    noise = np.random.default_rng(1).normal(0, 12, PIXELS.size)
    lines = sum(height * np.exp(-(((PIXELS - at) / 6) ** 2)) for at in (400, 900))
    return np.round(level + lines + 0.2 * PIXELS + noise)


def swapped(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts whose two bytes came in the other order."""
    return counts.astype("<u2").byteswap().astype(float)


@pytest.mark.parametrize("counts", [spectrum(), spectrum(height=0), spectrum(height=30), np.minimum(spectrum(height=1e5), 65_535)])
def test_a_spectrum_is_plausible(counts: NDArray[np.float64]) -> None:
    """With lines, in the dark, weak, and saturated: what a detector gives is never doubted."""
    assert find_instrument.implausible(counts, 65_535) == ""
    assert find_instrument.implausible(counts, None) == ""


@pytest.mark.parametrize(
    ("counts", "scale", "why"),
    [
        (np.full(2048, 255.0), 65_535, "every value is 255"),
        (spectrum(), 4095, "above its full scale of 4095"),
        (swapped(spectrum()), 65_535, "another order of bytes"),
        (swapped(spectrum()), None, "another order of bytes"),
        (np.random.default_rng(2).integers(0, 65_536, 2048).astype(float), 65_535, "nothing in common"),
        (np.array([1.0, 2.0, 3.0]), 65_535, "3 values are no spectrum"),
        (np.where(PIXELS == 5, np.nan, spectrum()), None, "no numbers"),
    ],
)
def test_what_is_no_spectrum_is_doubted(counts: NDArray[np.float64], scale: float | None, why: str) -> None:
    """Bytes that are read with the wrong profile are whole frames now and then: their values show it."""
    assert why in find_instrument.implausible(counts, scale)


@pytest.mark.parametrize("name", ["ocean-sts", "tcd1304-rossel", "jeti-versapic", *slow("ocean-usb2000", "c12880ma-csv")])
def test_no_simulated_instrument_is_implausible(name: str) -> None:
    """With a sample and in the dark, no shipped instrument is doubted with its own profile."""
    for material in ("polystyrene", "none"):
        with laser_instrument.instrument(name, material) as simulated:
            trial = find_instrument.tried(ProfileCandidate(name, "test"), simulated.port)
        assert trial.doubt == ""
        assert trial.whole >= 1


@pytest.mark.slow
def test_a_profile_of_another_instrument_is_doubted() -> None:
    """A JETI's profile gets no answer from an STS, and reports it; the port is free again."""
    with laser_instrument.instrument("ocean-sts") as simulated:
        assert "no answer" in find_instrument.tried(ProfileCandidate("jeti-versapic", "test"), simulated.port).doubt
        assert find_instrument.tried(ProfileCandidate("ocean-sts", "test"), simulated.port).doubt == ""


def test_a_profile_of_that_length_comes_before_one_of_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of 288 numbers is the sensor with 288 pixels; the generic profile is left where no length fits."""
    profiles = [catalogue.load(name) for name in catalogue.profiles()]
    named = [ProbeCandidate(name, 9600, "it sends", found=True) for name in ("c12880ma-csv", "generic-csv-stream")]
    for found in (named, named[1:]):
        report = ProbeReport(ListenResult(b"1,2", 9600), (), (*found, ProbeCandidate("ocean-sts", None, "perhaps", found=False)), ())
        monkeypatch.setattr(probe, "find", lambda *_, report=report, **__: report)
        assert find_instrument.candidates("port", profiles, (), print) == (ProfileCandidate(found[0].profile, "it sends"),)


def test_the_smallest_detector_that_holds_every_count_is_likeliest() -> None:
    """Of profiles that all give whole spectra; doubted ones are left out."""

    def trial(name: str, saturation: float, doubt: str = "") -> Trial:
        instrument = spectrometers.instrument(sensor=Sensor(saturation=saturation))
        return Trial(ProfileCandidate(name, ""), instrument, 2, 900.0, doubt)

    found = find_instrument.fitting([trial("16 bit", 65_535), trial("broken", 1023, "no answer"), trial("12 bit", 4095)])
    assert [one.candidate.profile for one in found] == ["12 bit", "16 bit"]


def test_another_profile_with_the_same_answer_is_an_alternative() -> None:
    """It is proposed where a profile is doubted; a profile that is alone, or unknown, has none."""
    assert "ocean-usb2000" in find_instrument.alternatives("ocean-flame-s")
    assert find_instrument.alternatives("generic-csv-stream") == ()
    assert find_instrument.alternatives("mine") == ()
