"""From a simulated instrument on a serial line to spectra: exposed, darkened by a person, averaged, recorded and replayed."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.acquisition.plan import Plan
from raman_edge.acquisition.recorded import ReplayedSpectrometer
from raman_edge.calibration import making, standards
from raman_edge.calibration.match import observe
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.recording import Recorder
from raman_edge.instruments.serial.spectrometer import SerialSpectrometer
from raman_edge.simulator.materials import LinesMaterial
from raman_edge.simulator.scene import Scene
from raman_edge.simulator.simulated import Simulated
from raman_edge.spectrum import PIXELS, Fault, Spectrum
from wire_profiles import quick

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from raman_edge.instruments.spectrometer import Spectrometer

HEIGHTS = (0.3, 0.2, 1.0, 0.3, 0.2, 0.2, 0.2, 0.5, 0.3, 0.4, 0.8)
"""Of polystyrene's lines, relative, about as they are."""


def measured(spectrometer: Spectrometer, plan: Plan, simulated: Simulated | None = None) -> tuple[list[Spectrum], list[Fault]]:
    """Return what a bench gives; the person holds a hand into the beam, or takes it out."""

    def answer(question: str) -> None:
        if question and simulated is not None:
            simulated.laser(on=question.startswith("Let the light in"))
            bench.trigger()

    bench = Acquisition(spectrometer, plan, prompt=answer)
    values = list(bench)
    return [one for one in values if isinstance(one, Spectrum)], [one for one in values if isinstance(one, Fault)]


def run(profile: str, plan: Plan, path: Path, faults: Iterable[str] = ()) -> tuple[list[Spectrum], list[Fault]]:
    """Measure with the simulated instrument, and record it."""
    page = catalogue.load(profile)
    with Simulated(page, pacing=False, faults=faults) as simulated, Recorder(SerialSpectrometer(page, simulated.port), path) as recorder:
        return measured(recorder, plan, simulated)


def test_an_instrument_with_wavelengths_shows_calcite_in_its_place(tmp_path: Path) -> None:
    """The STS is exposed well, its dark is taken by a person, and the line of calcite stands at 1086 cm⁻¹; the replay is the same."""
    plan = Plan(auto_exposure=True, averages=3, dark="take", count=2, laser_nm=785.0)
    spectra, _ = run("ocean-sts", plan, tmp_path / "run.recording")
    assert len(spectra) == 2
    for one in spectra:
        assert abs(one.axis.shift[one.counts.argmax()] - 1086.0) < 3.0
        assert one.saturation is not None
        assert 0.6 < one.counts.max() / one.saturation < 0.9
        assert one.meta["dark"].startswith("spectrum of 3 exposures")
        assert one.meta["serial_number"] == "SIM00001"
    with ReplayedSpectrometer(tmp_path / "run.recording") as again:
        replayed, _ = measured(again, plan)
    assert [one.origin.sha256 for one in replayed] == [one.origin.sha256 for one in spectra]


def test_a_line_that_loses_bytes_costs_no_average(tmp_path: Path) -> None:
    """Broken frames are faults, each spectrum is the mean of its five good ones, and the replay has the same faults."""
    plan = Plan(averages=5, count=4, pixels=True)
    spectra, faults = run("tcd1304-rossel", plan, tmp_path / "run.recording", faults=["drop:every=8"])
    assert [one.meta["averages"] for one in spectra] == ["5"] * 4
    assert len({one.origin.sha256 for one in faults}) == len(faults) > 1
    assert all(PIXELS in one.meta for one in spectra)
    with ReplayedSpectrometer(tmp_path / "run.recording") as again:
        replayed = measured(again, plan)
    assert [one.origin.sha256 for one in replayed[0]] == [one.origin.sha256 for one in spectra]
    assert replayed[1] == faults


@pytest.mark.parametrize("profile", ["ocean-sts", "tcd1304-rossel"])
def test_a_hidden_error_of_the_axis_is_gone_after_a_calibration(profile: str) -> None:
    """Whether an instrument has wavelengths that are 3 cm⁻¹ off or none, its calibration puts polystyrene within 1 cm⁻¹ rms."""
    page, standard = catalogue.load(profile), standards.find("polystyrene")
    known = Plan(auto_exposure=True, averages=3, count=1, laser_nm=785.0)
    scene = Scene(page, LinesMaterial.at("polystyrene", standard.lines, HEIGHTS), axis_error_cm=3.0)
    with Simulated(page, scene, pacing=False) as simulated, SerialSpectrometer(page, simulated.port) as spectrometer:
        (seen,), _ = measured(spectrometer, replace(known, pixels=True))
        serial = seen.meta.get("serial_number", "mine")
        made = making.make(making.StandardSpectrum(seen, standard), instrument=serial, laser_nm=785.0, made=datetime.now(UTC), days=1)
        (calibrated,), _ = measured(spectrometer, replace(known, calibration=made))
    assert calibrated.calibrated is not None
    found = 1e7 / 785.0 - 1e7 / observe(calibrated, standard, 785.0).place
    off = np.abs(found[:, None] - np.array(standard.lines)[None, :]).min(axis=0)
    near = off[off < 5.0]
    assert near.size >= 7
    assert np.sqrt(np.mean(near**2)) < 1.0


def test_a_trigger_shows_what_is_in_the_beam_now() -> None:
    """Spectra that a device sent by itself while nothing was wanted are not given for the sample that was laid down since."""
    page = quick("generic-csv-stream", pixels=300)
    with Simulated(page) as simulated, SerialSpectrometer(page, simulated.port) as spectrometer:
        bench = Acquisition(spectrometer, Plan(mode="trigger", count=2, pixels=True))
        running = (value for value in bench if isinstance(value, Spectrum))
        simulated.material("Calcite")
        bench.trigger()
        before = int(next(running).counts.argmax())
        unread = simulated.frames + 2
        while simulated.frames < unread:
            time.sleep(0.01)
        simulated.material("Quartz")
        bench.trigger()
        after = int(next(running).counts.argmax())
    assert after < before - 15
