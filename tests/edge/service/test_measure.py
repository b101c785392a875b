"""Which calibration a run uses for the instrument that is connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import calibrations
import msgspec
import pytest
import spectrometers
from raman_edge.calibration import store
from raman_edge.cli.output import say
from raman_edge.errors import CalibrationError
from raman_edge.service.measure import calibration_for

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration

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
    """Of two models with one serial number each gets its own calibration, and nothing is said."""
    sts, jeti = keep(STS), keep(JETI)
    assert (used(STS), used(JETI)) == (sts, jeti)
    assert capsys.readouterr().err == ""


def test_that_of_another_model_is_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    """It is left out with a word; where it is named, it is refused."""
    keep(STS)
    assert used(JETI) is None
    said = capsys.readouterr().err
    assert STS in said
    assert JETI in said
    with pytest.raises(CalibrationError, match="same serial number"):
        used(JETI, "1234")


def test_one_without_a_model_is_used_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """A calibration of an earlier version, or from a file that names no model, is used, and the command says what it cannot check."""
    old = keep(None)
    assert used(JETI) == old
    assert "calibrate again" in capsys.readouterr().err
