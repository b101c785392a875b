"""OMNIC, SIF, SPE and WITec files as instruments write them; skipped where the data is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from contracts.format_contract import answered
from data_folder import DATA
from raman_edge.formats import read
from raman_edge.spectrum import OTHER_METHOD, Origin

INSTRUMENTS = DATA / "instrument_files"

pytestmark = pytest.mark.skipif(not INSTRUMENTS.is_dir(), reason=f"no spectra in {INSTRUMENTS}; set RAMAN_DATA to their folder")

READ = {
    "princeton/Testfile_Single_SPE2.SPE": (35, 1340, 30.0, "636.3", None),
    "witec/Si-data.WIP": (125, 1024, 1.03492, "632.8", None),
}
"""Spectra, points, exposure (s), laser (nm) and time of the files with a laser."""
WITH_A_LASER = {
    "andor/raman1.sif": (400.0, 1, 1024, 0.1, datetime(2017, 9, 8, 13, 3, 52, tzinfo=UTC)),
    "princeton/Testfile_Single_SPE3.spe": (532.0, 1, 512, 3.0, datetime(2022, 4, 4, 15, 11, 43, 85_602, timezone(timedelta(hours=2)))),
}
"""Laser to give (nm), spectra, points, exposure (s) and time of the files on wavelengths."""
INFRARED = {
    "omnic/not_opus.spa": (1, 5549, datetime(2018, 11, 30, 7, 10, 57, tzinfo=UTC)),
    "omnic/wodger.spg": (2, 5549, datetime(2016, 7, 6, 19, 43, 13, tzinfo=UTC)),
}
"""Spectra, points and time of the first."""


@pytest.mark.parametrize("name", READ)
def test_files_with_a_laser_are_read(name: str) -> None:
    """Points, exposure and laser are those of the file."""
    found = read((INSTRUMENTS / name).read_bytes(), Origin("file", name))
    assert (len(found), len(found[0]), found[0].exposure_s, found[0].meta["laser_nm"], found[0].taken_at) == READ[name]
    assert found[0].meta["laser_from"] == "file"


@pytest.mark.parametrize("name", WITH_A_LASER)
def test_files_on_wavelengths_need_the_laser(name: str) -> None:
    """And take the one that is given."""
    data = (INSTRUMENTS / name).read_bytes()
    laser_nm, *wanted = WITH_A_LASER[name]
    reason_text = answered(data)
    assert isinstance(reason_text, str)
    assert "unknown laser wavelength: got a wavelength axis (" in reason_text
    found = read(data, Origin("file", name), laser_nm=laser_nm)
    assert [len(found), len(found[0]), found[0].exposure_s, found[0].taken_at] == wanted
    assert found[0].meta["laser_from"] == "option"


@pytest.mark.parametrize("name", INFRARED)
def test_infrared_files_are_refused_by_name(name: str) -> None:
    """They are read, on their own axis."""
    found = read((INSTRUMENTS / name).read_bytes(), Origin("file", name))
    assert (len(found), len(found[0]), found[0].taken_at) == INFRARED[name]
    assert {spectrum.meta[OTHER_METHOD] for spectrum in found} == {"absorbance over wavenumber (cm-1)"}


def test_the_map_and_the_series_of_the_project_are_silicon() -> None:
    """The band of silicon stands within two pixels of 520.5 cm⁻¹ in every spectrum, as far as this instrument was calibrated."""
    found = read((INSTRUMENTS / "witec" / "Si-data.WIP").read_bytes(), Origin("file", "Si-data.WIP"))
    shift = found[0].axis.shift
    near = (shift > 400) & (shift < 700)
    bands = [shift[near][np.argmax(spectrum.counts[near])] for spectrum in found]
    assert all(abs(band - 520.5) < 7 for band in bands)
    assert ["x" in spectrum.meta for spectrum in found] == [True] * 25 + [False] * 100
    assert {spectrum.meta["title"] for spectrum in found} == {"Map_000_Spec.Data 1_F", "Time Series_000_Spec.Data 1"}


def test_every_file_of_these_kinds_is_known() -> None:
    """None is left out of the lists above."""
    there = [path for path in INSTRUMENTS.glob("*/*") if path.suffix.lower() in {".spa", ".spg", ".sif", ".spe", ".wip", ".wid"}]
    assert {f"{path.parent.name}/{path.name}" for path in there} == {*READ, *WITH_A_LASER, *INFRARED}
