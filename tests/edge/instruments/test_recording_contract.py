"""What is recorded, and a recording itself, keep what every spectrometer keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import spectrometers
from contracts.spectrometer_contract import SpectrometerContract, exposures
from raman_edge.acquisition.recorded import ReplayedSpectrometer
from raman_edge.errors import ConfigError
from raman_edge.instruments.recording import Recorder
from raman_edge.instruments.serial import SerialSpectrometer
from wire_profiles import quick

if TYPE_CHECKING:
    import threading
    from pathlib import Path

MOST = 20
"""Exposures of the instrument that is recorded."""


class TestRecorder(SpectrometerContract):
    """An instrument, recorded."""

    exposure_s = 0.25

    def spectrometer(self, folder: Path, stop: threading.Event) -> Recorder:
        """Return one that ends by itself: the instrument behind it knows of no stop."""
        _ = stop
        return Recorder(spectrometers.Fake(most=MOST), folder / "run.recording")

    def missing(self, folder: Path) -> Recorder:
        """Return one on a port that is not there."""
        return Recorder(SerialSpectrometer(quick("ocean-sts"), str(folder / "ttyUSB0")), folder / "run.recording")


class TestReplayed(SpectrometerContract):
    """A recording."""

    def spectrometer(self, folder: Path, stop: threading.Event) -> ReplayedSpectrometer:
        """Record some exposures, and return what gives them again."""
        _ = stop
        path = folder / "run.recording"
        with Recorder(spectrometers.Fake(most=MOST), path) as recorder:
            exposures(recorder, MOST)
        return ReplayedSpectrometer(path)

    def missing(self, folder: Path) -> ReplayedSpectrometer:
        """Return one of a file that is not there."""
        return ReplayedSpectrometer(folder / "run.recording")

    def test_the_light_is_switched_or_left_to_a_person(self, tmp_path: Path) -> None:
        """What was recorded without light stays so, and the rest as it was, whatever is requested."""
        path = tmp_path / "run.recording"
        with Recorder(spectrometers.Fake(), path) as recorder:
            recorder.light(on=False)
            recorder.expose()
            recorder.light(on=True)
            recorder.expose()
        with ReplayedSpectrometer(path) as device:
            assert device.light(on=True)
            assert [one.dark for one in exposures(device, 2)] == [True, False]


def test_an_exposure_that_is_not_known_to_be_possible_is_taken(tmp_path: Path) -> None:
    """Without an exposure setting there is nothing to refuse; otherwise the limits of the instrument count."""
    for instrument in (spectrometers.INSTRUMENT, spectrometers.instrument(integration=None)):
        path = tmp_path / f"{instrument.integration is None}.recording"
        with Recorder(spectrometers.Fake(instrument=instrument), path) as recorder:
            recorder.expose()
        with ReplayedSpectrometer(path) as device:
            if instrument.integration is None:
                device.set_exposure(1e9)
                continue
            device.set_exposure(60.0)
            with pytest.raises(ConfigError, match=r"expected 0\.001 to 60 s"):
                device.set_exposure(200.0)
