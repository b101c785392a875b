"""What columns are called."""

from __future__ import annotations

import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats.columns import Role, axis_kind, is_units, read_name, role

NAMES = {
    Role.SHIFT: [
        "Raman shift",
        "Raman_Shift",
        "RamanShift (cm-1)",
        "Raman Shift / cm⁻¹",
        "Rel. cm-1",
        "rel. 1/cm",
        "Ramanverschiebung",
        "Déplacement Raman (cm-1)",
        "Desplazamiento Raman",
        "拉曼位移",
    ],
    Role.WAVENUMBER: [
        "Wavenumber",
        "Wavenumbers",
        "cm-1",
        "cm⁻¹",
        "cm^-1",
        "1/cm",
        "Wellenzahl [1/cm]",
        "Nombre d'onde",
        "Número de onda",
        "波数",
        "Wavelength (cm-1)",
        "Wavelength (1 / cm)",
        "wavelength [cm^-1]",
        "Energy (eV)",
        "#Wave",
        "X (cm–1)",
    ],
    Role.WAVELENGTH: [
        "wl",
        "WL",
        "wvl",
        "w.length",
        "Wave [nm]",
        "Wavenumber (nm)",
        "λ (µm)",
        "Wavelength (Å)",
        "wavelength_nm",
        "Wavelength",
        "Wavelength (nm)",
        "Wellenlänge",
        "Longueur d'onde (nm)",
        "nm",
        "λ [nm]",
        "Lambda",
        "波长",
    ],
    Role.PIXEL: ["Pixel", "Pixels #", "pixel number", "Channel", "index", "No."],
    Role.SIGMA: ["Std", "Std. dev.", "Error", "Standardabweichung"],
    Role.PROCESSED: [
        "Processed",
        "Processed_Data",
        "Dark Subtracted #1",
        "dark-subtracted counts",
        "Intensity (baseline corrected)",
        "background corrected",
    ],
    Role.COUNTS: [
        "Intensity",
        "Intensity (a.u.)",
        "Intensität",
        "Intensité",
        "Intensidad",
        "counts",
        "Counts/s",
        "a.u.",
        "Signal",
        "强度",
        "Raman intensity",
        "Intensity (counts/nm)",
        "CNT",
    ],
    Role.RAW: ["Raw", "Raw data #1", "Raw_Data", "Rohdaten"],
    Role.DARK: ["Dark", "Dark #1", "Background_Data", "Dunkelspektrum"],
    Role.REFERENCE: ["Reference", "ref", "White reference"],
    Role.OTHER: [
        "%TR #1",
        "Intensity (µW/cm²/nm)",
        "Absorbance #1",
        "Irradiance (W/cm^2/nm) #1",
        "Transmittance",
        "Time (s)",
        "Laser wavelength",
        "Temperature",
        "Baseline",
    ],
    Role.UNKNOWN: ["", "Quartz", "sample 3", "Tags", "532nm", "785", "x", "chinook", "profit margin nmr"],
}


@pytest.mark.parametrize(("name", "wanted"), [(name, wanted) for wanted, names in NAMES.items() for name in names])
def test_names_give_the_role_of_a_column(name: str, wanted: Role) -> None:
    """Names of instruments in several languages are understood; others are unknown."""
    assert role(name.strip("#")) is wanted


@given(st.text(max_size=300))
@UNHURRIED
def test_any_name_has_a_role(name: str) -> None:
    """No name is an error."""
    assert role(name) in Role


@pytest.mark.parametrize(
    ("name", "factor", "unit"),
    [
        ("Wavelength (µm)", 1e3, "µm"),
        ("Wavelength [micron]", 1e3, "µm"),
        ("λ / Å", 0.1, "Å"),
        ("Wavelength (angstrom)", 0.1, "Å"),
        ("Energy (eV)", 8065.543937, "eV"),
        ("Raman shift (meV)", 8.065543937, "meV"),
        ("Wavenumber (cm^{-1})", 1.0, "cm-1"),
        ("raman_shift_cm1", 1.0, "cm-1"),
        ("Wellenlänge/nm", 1.0, "nm"),
        ("Wavelength", 1.0, ""),
    ],
)
def test_units_of_an_axis_are_converted(name: str, factor: float, unit: str) -> None:
    """The factor is to nm or to cm⁻¹."""
    found = axis_kind(name)
    assert found is not None
    assert (found.factor, found.unit, found.doubt) == (pytest.approx(factor), unit, "")


@pytest.mark.parametrize("name", ["Raman shift (nm)", "Shift / nm", "Δλ (nm)", "nm of shift", "Raman shift (µm)"])
def test_a_shift_in_a_unit_of_length_is_in_doubt(name: str) -> None:
    """Wavelengths, shifts in nm, or cm⁻¹ with a wrong unit: the name does not decide it."""
    found = axis_kind(name)
    assert found is not None
    assert found.doubt


@pytest.mark.parametrize(
    "name",
    ["Power (mW/cm^2)", "Irradiance (µW/cm²/nm)", "Counts/nm", "Intensity (counts/cm-1)", "W cm-2 nm-1", "Frequency (THz)", "785 nm"],
)
def test_what_is_per_area_or_time_is_no_axis(name: str) -> None:
    """A unit of an axis within another one is none."""
    assert axis_kind(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("White quartz", "Vein 2 dark", "Laser spot A", "Reference quartz", "Grain A fit for XRD", "No background", "Sample no 1"),
        *("Probe Nr 1", "Mass 12 mg", "Time Series_000_Spec.Data 1(0)", "Dunkle Probe", "Night shift", "暗石英", "bruit de fond"),
    ],
)
def test_a_word_in_a_samples_name_is_not_the_whole_name(name: str) -> None:
    """Other words stand beside it, so that it does not decide."""
    assert not read_name(name).whole


@pytest.mark.parametrize(
    "name", ["Dark", "Dark #1", "Background_Data", "Dunkelspektrum", "White reference", "Raw data #1", "暗スペクトル", "Std"]
)
def test_a_name_of_known_words_is_whole(name: str) -> None:
    """Nothing but the role stands in it."""
    assert read_name(name).whole


def test_a_row_of_units_is_distinguished_from_names() -> None:
    """Units only, with or without brackets."""
    assert is_units(("cm⁻¹", "a.u."))
    assert is_units(("(cm-1)", "[counts]", ""))
    assert is_units(("[nm]", "[counts]", "[% transmittance]"))
    assert not is_units(("cm-1", "Quartz"))
    assert not is_units(("", ""))
