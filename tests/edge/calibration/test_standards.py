"""The tables of standards."""

from __future__ import annotations

import numpy as np
import pytest
from raising import refused
from raman_edge.calibration import standards
from raman_edge.errors import ConfigError


@pytest.mark.parametrize("standard", standards.STANDARDS, ids=lambda standard: standard.name)
def test_every_standard_is_in_order(standard: standards.Standard) -> None:
    """Lines increase, lie where such lines lie, and have a source."""
    lines = np.array(standard.lines)
    low, high = (400, 1100) if standard.lamp else (50, 3600)
    assert (np.diff(lines) > 0).all()
    assert low < lines.min()
    assert lines.max() < high
    assert standard.source
    assert standards.find(standard.name) is standard


def test_common_names_are_known() -> None:
    """People say paracetamol, and write it as they like."""
    assert standards.find("Paracetamol").name == "4-acetamidophenol"
    assert standards.find("Toluene_Acetonitrile").name == "toluene-acetonitrile"


def test_unknown_standard_is_answered_with_the_known_ones() -> None:
    """A name that is none lists those that are."""
    with refused(ConfigError, "unknown standard", got="'diamond'", expected="neon"):
        standards.find("diamond")


def test_air_becomes_vacuum() -> None:
    """The index of standard air at 633 nm is 1.0002765 (Ciddor 1996)."""
    assert standards.vacuum(np.array([632.8]))[0] / 632.8 == pytest.approx(1.0002765, abs=2e-7)


def test_raman_lines_lie_beyond_the_laser() -> None:
    """520.45 cm⁻¹ from 785 nm is 818.4 nm."""
    assert standards.find("silicon").wavelengths(785.0)[0] == pytest.approx(818.43, abs=0.01)
