"""Files with an ambiguous axis: the error names the option, and the option decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import build
import materials
import pytest
from contracts.format_contract import ORIGIN
from raman_edge import records
from raman_edge.cli import main, options
from raman_edge.errors import ConfigError, FormatError
from raman_edge.formats import read
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.service import settings
from raman_edge.sources.files import FileSource, parse
from raman_edge.spectrum import PIXELS, Fault, Spectrum

if TYPE_CHECKING:
    from pathlib import Path

UNNAMED = "".join(f"{800 + k * 0.1:.2f}\t{k % 7}\n" for k in range(900))
FIRST = 1e7 / 785 - 1e7 / 800
"""Raman shift of the first row as a wavelength, with a laser of 785 nm, cm⁻¹."""


def test_the_option_decides_what_the_axis_is() -> None:
    """Wavelengths with a laser, shifts, or the pixels that a calibration asks for."""
    with pytest.raises(
        FormatError, match=r"axis without a name: got 800 to 889\.9 in steps of 0\.1: wavelengths \(nm\) or Raman shifts \(cm-1\)\?"
    ):
        read(UNNAMED.encode(), ORIGIN)
    assert read(UNNAMED.encode(), ORIGIN, axis="nm", laser_nm=785.0)[0].axis.start == pytest.approx(FIRST)
    assert read(UNNAMED.encode(), ORIGIN, axis="shift")[0].axis.start == 800.0
    (pixels,) = read(UNNAMED.encode(), ORIGIN, axis="pixel", pixels=True)
    assert (pixels.axis.start, pixels.meta[PIXELS]) == (800.0, "900")


def test_the_file_wins_over_the_option() -> None:
    """One setting serves a folder with files of both kinds."""
    named = "Raman shift (cm-1)\tcounts\n" + UNNAMED
    assert read(named.encode(), ORIGIN, axis="nm", laser_nm=785.0)[0].axis.start == 800.0


def test_sources_pass_it_on(tmp_path: Path) -> None:
    """Parsed bytes and files given by name are read with it."""
    (tmp_path / "a.txt").write_text(UNNAMED)
    (parsed,) = parse(UNNAMED.encode(), ORIGIN, axis="shift")
    (given,) = FileSource([str(tmp_path)], axis="shift")
    (without,) = FileSource([str(tmp_path)])
    assert isinstance(parsed, Spectrum)
    assert isinstance(given, Spectrum)
    assert isinstance(without, Fault)


def test_another_axis_is_another_question(tmp_path: Path) -> None:
    """Contents are answered anew with it, and without it as they were."""
    network, references = build.write_pair(tmp_path)[:2]
    model = Model.open(network)
    library = Library.open(references, network=model.card.network)
    ways = [records.provenance(model, library, None, None, axis).config for axis in (None, *options.AXES)]
    assert len({*ways}) == 4
    assert ways[0] == records.provenance(model, library).config


def test_the_commands_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without names is a fault without the option; with it, it is learned, named, and answered in a watched folder."""
    monkeypatch.setenv("RAMAN_EDGE_USER_LIBRARY", str(tmp_path / "own.sqlite3"))
    model, folder = str(build.write_pair(tmp_path)[0]), tmp_path / "in"
    folder.mkdir()
    exposure = materials.exposure()
    nm = 1e7 / (1e7 / 785 - exposure.axis.shift)
    file = folder / "wafer.txt"
    file.write_text("".join(f"{x:.5f}\t{y:.2f}\n" for x, y in zip(nm, exposure.counts, strict=True)))
    assert main(["identify", str(file), "--model", model]) == 65
    assert "--axis nm" in json.loads(capsys.readouterr().out)["why"]
    assert main(["library", "add", "Silicon", str(file), "--model", model, "--laser", "785", "--axis", "nm"]) == 0
    capsys.readouterr()
    assert main(["identify", str(file), "--model", model, "--laser", "785", "--axis", "nm"]) == 0
    assert json.loads(capsys.readouterr().out)["matches"][0]["label"] == "Silicon"
    config = tmp_path / "config.toml"
    config.write_text(f"folder = '{folder}'\naxis = 'nm'\nlaser_nm = 785.0\nstable_s = 0.01\n")
    command = ["watch", "--config", str(config), "--once", "--model", model, "--journal", str(tmp_path / "journal.sqlite3"), "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["matches"][0]["label"] == "Silicon"


def test_a_setting_from_file_or_environment(tmp_path: Path) -> None:
    """As other settings are; another word is refused with its place."""
    (tmp_path / "c.toml").write_text('axis = "shift"\n')
    file = tmp_path / "c.toml"
    assert settings.gather({}, file, {})["axis"].value == "shift"
    assert settings.gather({}, file, {"RAMAN_EDGE_AXIS": "pixel"})["axis"].value == "pixel"
    (tmp_path / "c.toml").write_text('axis = "nanometres"\n')
    with pytest.raises(ConfigError, match=r'c.toml:1: axis: got .*nanometres.*, expected "nm", "shift" or "pixel"'):
        settings.gather({}, file, {})


def test_what_is_not_read_is_in_the_record_and_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Once for a file, though it holds two spectra; a file of spectra alone says nothing."""
    model = str(build.write_pair(tmp_path)[0])
    exposure = materials.exposure()
    rows = [f"{x:.3f}\t{y:.2f}\t{y:.2f}\t500\n" for x, y in zip(exposure.axis.shift, exposure.counts, strict=True)]
    file = tmp_path / "two.txt"
    file.write_text("Raman shift (cm-1)\tGrain A\tGrain B\tDark\n" + "".join(rows))
    assert main(["identify", str(file), "--model", model, "--json", "--no-user-library"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["source"]["left_out"] for line in out.splitlines()] == ["'Dark' (dark)"] * 2
    assert err.count("not read: 'Dark' (dark)") == 1
    file.write_text("Raman shift (cm-1)\tGrain A\n" + "".join("\t".join(row.split("\t")[:2]) + "\n" for row in rows))
    assert main(["identify", str(file), "--model", model, "--json", "--no-user-library"]) == 0
    out, err = capsys.readouterr()
    assert "left_out" not in json.loads(out)["source"]
    assert "not read" not in err
