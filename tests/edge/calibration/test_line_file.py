"""A standard of one's own, from a text file of lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raising import refused
from raman_edge.calibration import standards
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def written(tmp_path: Path, text: str) -> Path:
    """Write a line file."""
    path = tmp_path / "lamp.txt"
    path.write_text(text, "utf-8")
    return path


def test_lines_heights_and_unit_are_read(tmp_path: Path) -> None:
    """Rows in any order, decimal commas, comments, separators; heights become relative to the highest."""
    path = written(tmp_path, "\ufeff# mine\nTitle: Krypton lamp\nunit = nm (vacuum)\nsource = me\n\n811,51 50 # tall\n760.36;25\n785.7 5\n")
    found = standards.find(str(path))
    assert (found.name, found.title, found.source) == ("lamp", "Krypton lamp", "me")
    assert (found.lamp, found.medium) == (True, "vacuum")
    assert found.lines == (760.36, 785.7, 811.51)
    assert found.heights == (0.5, 0.1, 1.0)
    assert np.array_equal(found.truth(), found.lines)


def test_wavelengths_are_in_air_by_default(tmp_path: Path) -> None:
    """``nm`` is ``nm air``; Raman shifts are no wavelengths."""
    for unit in ("nm", "nm air", "NM Air"):
        found = standards.read_file(written(tmp_path, f"unit = {unit}\n703.2413\n"))
        assert found.truth()[0] == pytest.approx(703.4352, abs=2e-4)
    shifts = standards.read_file(written(tmp_path, "unit = cm-1\n520.45\n1332.5\n"))
    assert (shifts.lamp, shifts.lines, shifts.heights) == (False, (520.45, 1332.5), ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("546.07\n", 1),
        ("unit = nm\n546.07\nabc\n", 3),
        ("unit = nm\n546.07 1 2\n", 2),
        ("unit = nm\n546.07,1.0\n", 2),
        ("unit = nm\n5460.75\n", 2),
        ("unit = cm-1\n-5\n", 2),
        ("unit = nm\n546.07 -1\n", 2),
        ("unit = nm\n546.07 nan\n", 2),
        ("# a\n\nunit = inch\n", 3),
        ("unit = nm\nunit = nm\n", 2),
        ("colour = red\n", 1),
        ("unit = nm\n546.07\n577\n546.07\n", 4),
        ("unit = nm\ntitle = a\x1b[31m\n", 2),
    ],
)
def test_a_mistake_is_answered_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    """Whatever is wrong, the line of the file is named, and what was expected."""
    with pytest.raises(ConfigError, match=rf"lamp\.txt', line {line}: .*expected|lamp\.txt', line {line}: .*do not print"):
        standards.read_file(written(tmp_path, text))


@pytest.mark.parametrize("text", ["", "unit = nm\n", "unit = nm\n546.07 1\n577\n", "unit = nm\n" + "546\n" * 0])
def test_a_file_without_lines_is_refused(tmp_path: Path, text: str) -> None:
    """No lines, or heights for some of them only, are no standard."""
    with pytest.raises(ConfigError, match="expected"):
        standards.read_file(written(tmp_path, text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, files that are too large, and folders."""
    path = tmp_path / "lamp.txt"
    path.write_bytes(b"unit = nm\n\xff\xfe\n")
    with refused(ConfigError, "not UTF-8 text", "line 2"):
        standards.read_file(path)
    path.write_bytes(b"#" * (standards.MAX_BYTES + 1))
    with refused(ConfigError, "too large", "lamp.txt"):
        standards.read_file(path)
    with refused(ConfigError, "cannot be read"):
        standards.read_file(tmp_path)


def test_shipped_lamps_are_in_air() -> None:
    """The green mercury line and argon's strongest are where pencil lamps have them, in air; vacuum is 0.03 % longer."""
    lamp = standards.find("Hg-Ar")
    assert {546.0750, 811.5311} < set(lamp.lines)
    assert lamp.medium == "air"
    assert lamp.truth()[lamp.lines.index(811.5311)] == pytest.approx(811.7542, abs=2e-4)
    assert set(standards.find("argon").lines) < set(lamp.lines)
