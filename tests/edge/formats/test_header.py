"""What the lines above a table say."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats.columns import Role
from raman_edge.formats.header import facts, pairs


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("Laser: 785", "laser", "785"),
        ("#Acq. time (s)=\t10", "acq. time (s)", "10"),
        ("LaserWavelength_nm\t785", "laserwavelength_nm", "785"),
        ("laser_wavelength;784,82", "laser_wavelength", "784,82"),
        ("time_stamp,2022-08-19 12:19:23", "time_stamp", "2022-08-19 12:19:23"),
        ("% note = a=b", "note", "a=b"),
    ],
)
def test_pairs_are_cut_at_the_first_sign(line: str, key: str, value: str) -> None:
    """Colons, equal signs, tabs, semicolons and commas part a key from its value."""
    assert pairs([line]) == {key: value}


def test_pairs_are_bounded_and_the_first_stays() -> None:
    """A header cannot grow without end, and a later line does not replace an earlier one."""
    assert pairs(["a: 1", "A: 2", "", "no sign", ": no key", "no value:"]) == {"a": "1"}
    assert len(pairs([f"key {k}: {k}" for k in range(9999)])) == 500
    assert all(len(key) <= 80 and len(value) <= 500 for key, value in pairs(["k" * 9999 + ":v", "k:" + "v" * 9999]).items())


@pytest.mark.parametrize(
    ("key", "value", "nm"),
    [
        ("laser_wavelength", "784,82", 784.82),
        ("laser (nm)", "785 ", 785.0),
        ("wl", "532nm", 532.0),
        ("laser", "633 nm HeNe", 633.0),
        ("excitation wavelength", "1064", 1064.0),
        ("laser", "532.00nm", 532.0),
        ("laser", "532nm_Edge", 532.0),
        ("laser", "473nm_Edge", 473.0),
        ("laser", "HeNe 632.8 nm", 632.8),
        ("laser", "300 mW, 785 nm", 785.0),
        ("laser power (mw)", "785", None),
        ("laser_powerlevel", "785", None),
        ("laser power (785 nm)", "300 mW", None),
        ("laser", "on", None),
        ("laser wavelength", "0", None),
        ("laser wavelength", "99999", None),
        ("vertical_line3_wv", "450", None),
    ],
)
def test_the_laser_is_found_under_its_usual_names(key: str, value: str, nm: float | None) -> None:
    """A wavelength that a Raman laser can have, and never its power."""
    assert facts({key: value}).laser_nm == nm


@pytest.mark.parametrize(
    ("meta", "seconds"),
    [
        ({"integration time (usec)": "70000 (USB2+H11150)"}, 0.07),
        ({"intigration times(ms)": "3000"}, 3.0),
        ({"acq. time (s)": "10"}, 10.0),
        ({"exposure_ms": "111"}, 0.111),
        ({"integration time (sec)": "2.000000E-2"}, 0.02),
        ({"exposure": "250 ms"}, 0.25),
        ({"integ_time": "9000", "integ_unit": "ms"}, 9.0),
        ({"integration time": "70000"}, None),
        ({"exposure_ms": "0"}, None),
        ({"interval_time": "3000 ms"}, None),
        ({"autoset integration time": "false"}, None),
    ],
)
def test_the_exposure_needs_a_unit(meta: dict[str, str], seconds: float | None) -> None:
    """Without a unit an exposure is unknown, and 0 is none."""
    assert facts(meta).exposure_s == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("meta", "axis"),
    [
        ({"xaxis mode": "Wavelengths"}, Role.WAVELENGTH),
        ({"xaxis mode": "Raman Shifts"}, Role.SHIFT),
        ({"axisunit[0]": "Cnt", "axisunit[1]": "1/cm"}, Role.WAVENUMBER),
        ({"xunits": "NANOMETERS"}, Role.WAVELENGTH),
        ({"xaxis": "1"}, None),
        ({"yaxis": "nm"}, None),
    ],
)
def test_the_axis_may_be_named_in_the_header(meta: dict[str, str], axis: Role | None) -> None:
    """Formats without column names say it further up."""
    found = facts(meta).axis
    assert (found.role if found else None) is axis


def test_spectrasuite_writes_wavelengths() -> None:
    """A format that never names its axis is known by its first line."""
    kinds = [facts({}, ["SpectraSuite Data File", "+++"]).axis, facts({"xaxis": "Raman shift"}, ["SpectraSuite Data File", "+++"]).axis]
    assert [kind.role for kind in kinds if kind] == [Role.WAVELENGTH, Role.SHIFT]


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        ("#Range (nm)=\t790...905", "nm"),
        ("#Range (eV)=\t1.33...1.57", "eV"),
        ("#Range (µm)=\t0.79...0.93", "µm"),
        ("#Range (cm-¹)=\t100...3200", "cm-1"),
        ("Spectral range: 790 - 930 nm", "nm"),
        ("Units: nm", "nm"),
        ("NM", "nm"),
        ("GR NM", "nm"),
        ("#Range=\tVisible", None),
        ("Laser (nm): 785", None),
        ("Center wavelength (nm): 850", None),
        ("Slit (µm): 50", None),
        ("X range (µm): 20", None),
        ("Y range (nm): 20 - 30", None),
    ],
)
def test_a_unit_anywhere_in_the_header_counts(line: str, unit: str | None) -> None:
    """LabSpec has it in the range; what is the laser's, the stage's or the slit's does not belong to the axis."""
    found = facts(pairs([line]), [line]).axis
    assert (found.unit if found else None) == unit


def test_a_range_that_the_axis_does_not_lie_in_is_not_its_own() -> None:
    """A spectrometer's range in nm stands above shifts as well."""
    known = facts(pairs(["Range (nm): 780 - 930"]))
    assert known.axis_of(np.linspace(790.0, 905.0, 50)) is not None
    assert known.axis_of(np.linspace(100.0, 3200.0, 50)) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-06T12:11:30Z", datetime(2026, 4, 6, 12, 11, 30, tzinfo=UTC)),
        ("2026-04-06 14:11:30+02:00", datetime(2026, 4, 6, 12, 11, 30, tzinfo=UTC)),
        ("2026-04-06 12:11:30", None),
        ("08.10.2024 13:55", None),
        ("yesterday", None),
    ],
)
def test_a_moment_needs_a_time_zone(text: str, moment: datetime | None) -> None:
    """A time without a zone is kept as text only."""
    assert facts({"timestamp": text}).taken_at == moment


def test_saturation_is_a_number_above_zero() -> None:
    """The level at which a detector saturates, where a header says it."""
    assert facts({"saturation level": "65535"}).saturation == 65535
    assert facts({"saturation level": "no"}).saturation is None


@given(st.lists(st.text(max_size=80), max_size=20))
@UNHURRIED
def test_any_lines_have_facts(lines: list[str]) -> None:
    """No header is an error, and no fact is impossible."""
    known = facts(pairs(lines))
    assert known.laser_nm is None or 150 <= known.laser_nm <= 2000
    assert known.exposure_s is None or 0 < known.exposure_s < float("inf")
