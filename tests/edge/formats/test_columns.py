"""What columns are called."""

from __future__ import annotations

import pytest
from contracts.format_contract import UNHURRIED
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.formats.columns import Role, axis_column, is_units, role

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
        "#Wave",
        "X (cm–1)",
    ],
    Role.WAVELENGTH: ["Wavelength", "Wavelength (nm)", "Wellenlänge", "Longueur d'onde (nm)", "nm", "λ [nm]", "Lambda", "波长"],
    Role.PIXEL: ["Pixel", "Pixels #", "pixel number", "Channel", "index", "No."],
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
        "Absorbance #1",
        "Irradiance (W/cm^2/nm) #1",
        "Transmittance",
        "Time (s)",
        "Std",
        "Laser wavelength",
        "Temperature",
        "Baseline",
    ],
    Role.UNKNOWN: ["", "Quartz", "sample 3", "Tags", "532nm", "785", "x", "chinook", "profit margin nmr"],
}


@pytest.mark.parametrize(("name", "wanted"), [(name, wanted) for wanted, names in NAMES.items() for name in names])
def test_names_tell_what_a_column_holds(name: str, wanted: Role) -> None:
    """Names of instruments in several languages are understood; others are unknown."""
    assert role(name.strip("#")) is wanted


@given(st.text(max_size=300))
@UNHURRIED
def test_any_name_has_a_role(name: str) -> None:
    """No name is an error."""
    assert role(name) in Role


def test_the_best_axis_is_taken() -> None:
    """A Raman shift beats a wavenumber, which beats a wavelength, which beats a pixel."""
    order = (Role.PIXEL, Role.WAVELENGTH, Role.WAVENUMBER, Role.SHIFT, Role.COUNTS)
    assert [axis_column(order[:k]) for k in range(5)] == [None, 0, 1, 2, 3]


def test_a_row_of_units_is_told_from_names() -> None:
    """Units only, with or without brackets."""
    assert is_units(("cm⁻¹", "a.u."))
    assert is_units(("(cm-1)", "[counts]", ""))
    assert not is_units(("cm-1", "Quartz"))
    assert not is_units(("", ""))
