"""Calibrations as they lie on disk, and what refuses to be applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from raising import refused
from raman_edge.calibration import store
from raman_edge.calibration.calibration import Calibration, CalibrationLine, WavelengthScale, applied
from raman_edge.errors import CalibrationError, SpectrumError
from raman_edge.spectrum import PIXELS, AppliedCalibration, Axis, Fault, Origin, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = MADE + timedelta(days=3)
ORIGIN = Origin("test", "a file")


def calibration(**changes: object) -> Calibration:
    """Return a calibration of 1024 pixels that makes 800 to 900 nm of them."""
    made = Calibration(
        instrument="SN 42",
        serial="42",
        standards=("neon",),
        made=MADE,
        expires=MADE + timedelta(days=30),
        unit="pixel",
        points=1024,
        own_laser_nm=785.0,
        laser_nm=785.0,
        laser_fitted=False,
        scale=WavelengthScale(511.5, 511.5, (850.0, 50.0)),
        order=1,
        valid=(250.0, 1600.0),
        lines=(CalibrationLine("neon", 975.4, 0.1, 0.12),),
        rms=0.1,
        rms_without=0.12,
    )
    return msgspec.structs.replace(made, **changes)


def pixels(count: int = 1024, serial: str = "") -> Spectrum:
    """Return a spectrum on an axis of pixels."""
    meta = {PIXELS: str(count), "serial number": serial}
    return Spectrum(Axis(np.arange(float(count))), np.arange(float(count)), ORIGIN, meta=meta)


def test_written_is_read(tmp_path: Path) -> None:
    """What is kept for an instrument is found by its name and by the file's, with the same digest."""
    path = tmp_path / "deep" / "one.json"
    store.write(calibration(), path)
    assert store.read(path) == store.find(str(path)) == calibration()
    assert store.read(path).id == calibration().id
    assert [entry.name for entry in path.parent.iterdir()] == ["one.json"]


def test_found_by_serial_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An instrument's calibration lies in the folder the environment names, whatever characters its name has."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    for name in ("SN-42", "../../no/such", "instrument Ä", ".hidden"):
        store.write(calibration(instrument=name), store.path_of(name))
        assert store.path_of(name).parent == tmp_path
        assert store.find(name).instrument == name


def test_unknown_instrument_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor an instrument: both are named."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    with refused(CalibrationError, "unknown calibration", got="'nobody'"):
        store.find("nobody")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[1, 2]", b'{"id": "", "calibration": null}', b"[" * 100_000])
def test_no_calibration_is_refused(tmp_path: Path, damage: bytes) -> None:
    """Any other file is refused with its name and what to do."""
    path = tmp_path / "x.json"
    path.write_bytes(damage)
    with refused(CalibrationError, "not a calibration of version 1", "x.json"):
        store.read(path)


def test_changed_calibration_is_refused(tmp_path: Path) -> None:
    """A digit changed by hand is found by the digest."""
    path = tmp_path / "x.json"
    store.write(calibration(), path)
    path.write_text(path.read_text().replace("850.0", "850.5"))
    with refused(CalibrationError, "calibration changed or damaged"):
        store.read(path)


def test_disk_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """A folder that is a file is no place for a calibration."""
    (tmp_path / "file").write_text("")
    with refused(CalibrationError, "cannot write the calibration"):
        store.write(calibration(), tmp_path / "file" / "x.json")


def test_missing_file_is_reported(tmp_path: Path) -> None:
    """A path that is not there is an error with the command that makes one."""
    with refused(CalibrationError, "cannot be read"):
        store.read(tmp_path / "x.json")


def test_applied_axis_is_named() -> None:
    """Pixels become a Raman shift; the spectrum says by which calibration."""
    seen = calibration().apply(pixels(), NOW)
    assert seen.axis.start == pytest.approx(1e7 / 785 - 1e7 / 800)
    assert seen.axis.stop == pytest.approx(1e7 / 785 - 1e7 / 900)
    assert seen.calibrated == AppliedCalibration(calibration().id, MADE, 0.1)
    assert PIXELS not in seen.meta


def test_stale_calibration_is_refused() -> None:
    """On the day it ends it ends, with its age and what to do."""
    calibration().apply(pixels(), MADE + timedelta(days=29, hours=23))
    with refused(CalibrationError, "calibration expired", got="30.0 days old"):
        calibration().apply(pixels(), MADE + timedelta(days=30))


def test_another_serial_number_is_refused() -> None:
    """A device, or a file's header, that names another instrument is not calibrated."""
    calibration().require_instrument("SN 42")
    calibration().require_instrument("42")
    with refused(CalibrationError, "another instrument", got="'43'", expected="'SN 42'"):
        calibration().require_instrument("43")
    with refused(SpectrumError, "another instrument", got="'43'", expected="'42'"):
        calibration().apply(pixels(serial="43"), NOW)


def test_another_laser_is_refused() -> None:
    """A Raman shift made with another laser is another axis."""
    mine = calibration(unit="shift", points=None, scale=WavelengthScale(850.0, 50.0, (850.1, 50.0)))
    shift = Spectrum(Axis.linear(300.0, 1500.0, 1.0), np.ones(1201), ORIGIN, meta={"laser_nm": "785"})
    assert mine.apply(shift, NOW).axis.start == pytest.approx(300.0 + 1e7 * 0.1 / 804.0**2, abs=0.1)
    with refused(SpectrumError, "another laser", got="532 nm", expected="785 nm"):
        mine.apply(replace(shift, meta={"laser_nm": "532"}), NOW)


def test_another_axis_is_refused() -> None:
    """Neither another number of pixels nor a Raman shift is what the calibration is of."""
    with refused(SpectrumError, "another number of pixels", got="512", expected="1024"):
        calibration().apply(pixels(512), NOW)
    with refused(SpectrumError, "another kind of axis", got="a Raman shift", expected="pixels"):
        calibration().apply(replace(pixels(), meta={}), NOW)


def test_nothing_is_calibrated_twice() -> None:
    """An axis that a calibration made is not corrected again."""
    with refused(SpectrumError, "calibrated already"):
        calibration().apply(calibration().apply(pixels(), NOW), NOW)


def test_scale_that_turns_is_refused() -> None:
    """Where the polynomial would give two pixels one wavelength, there is no axis."""
    with refused(SpectrumError, "calibrated axis not increasing"):
        calibration(scale=WavelengthScale(511.5, 511.5, (850.0, 10.0, 40.0))).apply(pixels(), NOW)


def test_stream_goes_on_after_a_spectrum_of_another_instrument() -> None:
    """A spectrum that does not fit is a fault in its place; a fault stays what it was."""
    before = Fault(ORIGIN, "unreadable")
    fresh = calibration(made=datetime.now(UTC), expires=datetime.now(UTC) + timedelta(days=1))
    first, second, third = applied([pixels(512), before, pixels()], fresh)
    assert isinstance(first, Fault)
    assert "another number of pixels: got 512" in first.why
    assert second is before
    assert isinstance(third, Spectrum)


# What was there before


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where calibrations are kept."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def test_a_replaced_calibration_is_kept_and_restored(kept: Path) -> None:
    """Each one that is replaced stays, with its date; restoring swaps it with the one in use, and none is lost."""
    path = store.path_of("SN 42")
    first, second, third = (calibration(made=MADE + timedelta(days=day), rms=0.1 + day) for day in range(3))
    assert store.write(first, path) is None
    for one, before in ((second, first), (third, second)):
        aside = store.write(one, path)
        assert aside is not None
        assert aside.parent == kept / store.EARLIER
        assert f"{before.made:%Y%m%dT%H%M%SZ}" in aside.name
        assert store.read(aside) == before
    assert [(one.calibration, one.in_use) for one in store.kept("SN 42")] == [(third, True), (second, False), (first, False)]
    one, aside = store.restore("SN 42")
    assert (one.calibration, store.find("SN 42")) == (second, second)
    assert aside is not None
    assert store.read(aside) == third
    assert {each.calibration.id for each in store.kept()} == {each.id for each in (first, second, third)}
    store.restore(first.id[:8])
    assert store.find("SN 42") == first
    assert len(list(store.kept())) == 3


def test_a_removed_calibration_is_out_of_use_and_comes_back(kept: Path) -> None:
    """Removing takes it out of use; only an earlier one, by its id, is deleted."""
    one = calibration()
    store.write(one, store.path_of("SN 42"))
    removed, aside = store.remove("SN 42")
    assert (removed.calibration, aside is not None) == (one, True)
    with refused(CalibrationError, "unknown calibration", got="'SN 42'"):
        store.find("SN 42")
    with refused(CalibrationError, "unknown calibration"):
        store.remove("SN 42")
    store.restore("SN 42")
    assert store.find("SN 42") == one
    store.remove("SN 42")
    _, aside = store.remove(one.id[:6])
    assert aside is None
    assert list(store.kept()) == []
    with refused(CalibrationError, "unknown calibration", expected="earlier"):
        store.restore("SN 42")
    assert kept.is_dir()


def test_a_damaged_file_is_kept_when_it_is_replaced(kept: Path) -> None:
    """What is no calibration is not listed, but not lost either."""
    path = store.path_of("SN-1")
    path.parent.mkdir(parents=True)
    path.write_text("by hand")
    aside = store.write(calibration(instrument="SN-1"), path)
    assert aside is not None
    assert aside.read_text() == "by hand"
    assert [one.path for one in store.kept()] == [path]
    assert kept in aside.parents


def test_two_models_with_one_serial_number_have_a_calibration_each(kept: Path) -> None:
    """A serial number alone names no instrument: each model finds its own, and neither replaces the other."""
    sts, jeti = (calibration(instrument="1234", serial="1234", model=model) for model in ("Ocean Optics STS", "JETI specbos 1211"))
    store.write(sts, store.place_for("1234", sts.model))
    assert store.of_device("1234", jeti.model) is None
    assert store.write(jeti, store.place_for("1234", jeti.model)) is None
    assert (store.of_device("1234", sts.model), store.of_device("1234", jeti.model)) == (sts, jeti)
    assert store.place_for("1234", sts.model) != store.place_for("1234", jeti.model)
    with refused(CalibrationError, "several calibrations"):
        store.remove("1234")
    with refused(CalibrationError, "ambiguous serial number"):
        store.find("1234")
    assert (store.find("1234", sts.model), store.find("1234", jeti.model)) == (sts, jeti)
    assert store.find(jeti.id[:8]) == jeti
    store.remove(jeti.id)
    assert (store.of_device("1234", sts.model), store.of_device("1234", jeti.model)) == (sts, None)
    assert kept.is_dir()


def test_another_model_is_refused() -> None:
    """A device or a file of another vendor or model with the same serial number is not calibrated; a part of the name is the same."""
    mine = calibration(model="Ocean Optics STS")
    mine.require_instrument("42", "Ocean Optics STS")
    mine.require_instrument("42", "STS")
    mine.require_instrument("42", None)
    with refused(CalibrationError, "another model", got="'JETI specbos'", expected="'Ocean Optics STS'"):
        mine.require_instrument("42", "JETI specbos")
    spectrum = pixels(serial="42")
    mine.apply(spectrum, NOW)
    with refused(SpectrumError, "another model", got="'JETI specbos'"):
        mine.apply(replace(spectrum, meta={**spectrum.meta, "model": "JETI specbos"}), NOW)


def test_a_calibration_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """A file without vendor and model, with the digest it had, is read; it holds for any model with its serial number."""
    path = tmp_path / "old.json"
    old = calibration()
    store.write(old, path)
    text = path.read_text()
    assert '"model": null' in text
    path.write_text("\n".join(line for line in text.splitlines() if '"model"' not in line))
    assert store.read(path) == old
    assert old.id == "9a31f51f69dcebdc198e5e1c1a662292"  # by the version before vendor and model
    store.read(path).require_instrument("42", "JETI specbos")
