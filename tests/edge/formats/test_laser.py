"""Files without their laser's wavelength, which the user gives."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import build
import materials
import pytest
from contracts.format_contract import EXAMPLES, ORIGIN
from raman_edge.cli import main, options
from raman_edge.errors import ConfigError, FormatError
from raman_edge.formats import header, read
from raman_edge.sources.files import FileSource, parse
from raman_edge.spectrum import Fault, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

WAVELENGTHS = "Wavelength (nm)\tIntensity\n" + "".join(f"{800 + k}\t{k % 7}\n" for k in range(40))
FIRST = 1e7 / 785 - 1e7 / 800
"""Raman shift of the first row with a laser of 785 nm, cm⁻¹."""


def test_the_option_serves_a_file_without_a_laser() -> None:
    """The axis becomes a Raman shift, and the meta says whose word that is."""
    (found,) = read(WAVELENGTHS.encode(), ORIGIN, laser_nm=785.0)
    assert found.axis.start == pytest.approx(FIRST)
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == ("785", "option")


def test_the_file_wins_over_the_option() -> None:
    """The header's laser converts the axis, whatever the option says."""
    (found,) = read(("Laser: 785 nm\n" + WAVELENGTHS).encode(), ORIGIN, laser_nm=532.0)
    assert found.axis.start == pytest.approx(FIRST)
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == ("785", "file")


@pytest.mark.parametrize(("name", "laser"), [("delimited.csv", "532"), ("enlighten.csv", "785.1"), ("rruff.txt", "1064")])
def test_every_reader_records_the_source_of_the_laser(name: str, laser: str) -> None:
    """RRUFF's example names none, the others name their own."""
    (found,) = read((EXAMPLES / name).read_bytes(), ORIGIN, laser_nm=1064.0)
    assert (found.meta["laser_nm"], found.meta["laser_from"]) == (laser, "option" if laser == "1064" else "file")


def test_without_either_the_message_names_the_option() -> None:
    """The line says what to type."""
    with pytest.raises(FormatError, match=r"unknown laser wavelength: got a wavelength axis \(800 to 839 nm\)"):
        read(WAVELENGTHS.encode(), ORIGIN)


@pytest.mark.parametrize("nm", [0.0, -785.0, 149.9, 2000.1, float("nan")])
def test_an_impossible_laser_is_refused(nm: float) -> None:
    """A mistaken number is the caller's error, not the file's."""
    with pytest.raises(ConfigError, match="expected 150 to 2000 nm"):
        read(WAVELENGTHS.encode(), ORIGIN, laser_nm=nm)


def test_sources_pass_it_on(tmp_path: Path) -> None:
    """Parsed bytes and files given by name are read with it."""
    (tmp_path / "a.txt").write_text(WAVELENGTHS)
    (parsed,) = parse(WAVELENGTHS.encode(), ORIGIN, 785.0)
    (given,) = FileSource([str(tmp_path)], laser_nm=785.0)
    (without,) = FileSource([str(tmp_path)])
    assert isinstance(parsed, Spectrum)
    assert isinstance(given, Spectrum)
    assert parsed.axis.start == given.axis.start == pytest.approx(FIRST)
    assert isinstance(without, Fault)


@pytest.mark.parametrize(("text", "nm"), [("785", 785.0), ("632.8", 632.8), ("785nm", 785.0), ("784,82", 784.82)])
def test_the_command_line_takes_a_wavelength(text: str, nm: float) -> None:
    """A number of nm, as people write it."""
    assert options.laser_nm(text) == nm


@pytest.mark.parametrize("text", ["", "red", "0", "-785", "149", "2001", "nan", "inf", "7_85e1000"])
def test_the_command_line_refuses_another_number(text: str) -> None:
    """The message shows what was typed and what is expected."""
    with pytest.raises(argparse.ArgumentTypeError, match="nm, 150 to 2000, such as 785; got"):
        options.laser_nm(text)


def test_the_command_line_and_the_readers_agree_on_the_limits() -> None:
    """The command line's copy is the same."""
    assert options.LASER_NM == header.LASER_NM


def test_the_commands_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of wavelengths is a fault without the option; with it, it is learned, and named by its name."""
    monkeypatch.setenv("RAMAN_EDGE_USER_LIBRARY", str(tmp_path / "own.sqlite3"))
    model, file = str(build.write_pair(tmp_path)[0]), tmp_path / "wafer.txt"
    exposure = materials.exposure()
    nm = 1e7 / (1e7 / 785 - exposure.axis.shift)
    file.write_text("Wavelength (nm)\tcounts\n" + "".join(f"{x:.5f}\t{y:.2f}\n" for x, y in zip(nm, exposure.counts, strict=True)))
    assert main(["identify", str(file), "--model", model]) == 65
    assert "unknown laser wavelength: got a wavelength axis (794.354 to 881.923 nm)" in json.loads(capsys.readouterr().out)["why"]
    assert main(["library", "add", "Silicon", str(file), "--model", model, "--laser", "785"]) == 0
    capsys.readouterr()
    assert main(["identify", str(file), "--model", model, "--laser", "785nm"]) == 0
    assert json.loads(capsys.readouterr().out)["matches"][0]["label"] == "Silicon"


@pytest.mark.parametrize("command", [["identify", "--laser", "12", "x"], ["library", "add", "--laser", "12", "a", "b"]])
def test_a_wrong_laser_is_a_usage_error(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The error comes before any file is opened."""
    assert main(command) == 2
    assert "argument --laser: expected the laser wavelength" in capsys.readouterr().err
