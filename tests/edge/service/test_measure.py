"""Settings of a measurement: plan, link, and the calibration of the instrument that is connected."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import calibrations
import msgspec
import pytest
import spectrometers
from raising import refused
from raman_edge.calibration import store
from raman_edge.cli.output import say
from raman_edge.errors import CalibrationError, ConfigError
from raman_edge.service.measure import LinkSettings, MeasureSettings, calibration_for, replayed_plan

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.service.measure import Trigger

STS, JETI = "Ocean Optics STS", "JETI specbos 1211"


@pytest.fixture(autouse=True)
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the calibrations of this machine's user out of the tests."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))


def keep(model: str | None) -> Calibration:
    """Keep a calibration of serial number 1234."""
    made = msgspec.structs.replace(calibrations.fresh(instrument="1234"), model=model)
    store.write(made, store.place_for("1234", model))
    return made


def used(model: str, named: str | None = None) -> Calibration | None:
    """Return what is used for an instrument of a model with serial number 1234."""
    instrument = spectrometers.instrument(serial_number="1234", model=model)
    return calibration_for(named, instrument, None, say)


def test_each_model_has_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Of two models with one serial number each gets its own calibration, without a note."""
    sts, jeti = keep(STS), keep(JETI)
    assert (used(STS), used(JETI)) == (sts, jeti)
    assert capsys.readouterr().err == ""


def test_that_of_another_model_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    """It is left out with a word; where it is named, it is refused."""
    keep(STS)
    assert used(JETI) is None
    err = capsys.readouterr().err
    assert STS in err
    assert JETI in err
    with pytest.raises(CalibrationError, match="same serial number"):
        used(JETI, "1234")


def test_a_calibration_without_a_model_is_used_with_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    """A calibration of an earlier version, or from a file that names no model, is used, and the command says what it cannot check."""
    old = keep(None)
    assert used(JETI) == old
    assert "calibrate again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "kind", "place"),
    [
        (MeasureSettings(exposure="long"), "not an exposure", "exposure"),  # type: ignore[arg-type]  # what is refused
        (MeasureSettings(trigger="gate"), "unknown trigger", "trigger"),  # type: ignore[arg-type]  # what is refused
        (MeasureSettings(dark="none.dark"), "no such dark", "--dark"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(settings: MeasureSettings, kind: str, place: str) -> None:
    """Before anything is measured, also where no command line has checked them."""
    with refused(ConfigError, kind, place):
        settings.plan()


@pytest.mark.parametrize("longest", [0.0, -1.0])
def test_an_impossible_longest_exposure_is_no_default(longest: float) -> None:
    """0 is not taken for nothing given."""
    with pytest.raises(ConfigError):
        MeasureSettings(exposure="auto", max_exposure=longest).plan()


@pytest.mark.parametrize(
    ("trigger", "mode"),
    [("continuous", "continuous"), ("key", "trigger"), ("sample", "gate")],
)
def test_a_trigger_is_a_mode_of_the_acquisition(trigger: Trigger, mode: str) -> None:
    """In the plan, and whether a recording was gated."""
    settings = MeasureSettings(trigger=trigger)
    assert settings.plan().mode == mode
    assert settings.recorded().gate == (mode == "gate")


def test_a_replay_is_what_was_recorded_except_for_what_is_given() -> None:
    """Average, dark and laser of the recording hold unless others are given."""
    recorded = MeasureSettings(average=3, dark="take", laser=785.0, trigger="sample").recorded()
    assert (same := replayed_plan(recorded, None)).averages == 3
    assert (same.dark, same.laser_nm, same.mode) == ("take", 785.0, "gate")
    other = replayed_plan(recorded, None, average=5, dark="auto", laser=532.0, count=2)
    assert (other.averages, other.dark, other.laser_nm, other.count) == (5, "auto", 532.0, 2)


def test_an_ocean_instrument_takes_no_option_of_a_serial_port() -> None:
    """The options that do not hold are named."""
    with refused(ConfigError, "option of serial ports", "ocean:", got="baud, arm-laser"):
        LinkSettings(port="ocean:", baud=9600, arm_laser=True).open(threading.Event())
