"""``raman-edge calibrate``, and ``identify --calibration``, as a user runs them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from raman_edge import cli
from raman_edge.calibration import standards, store
from raman_edge.cli import calibrate, calibration_text
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Axis, Origin
from raman_edge.synthetic import SyntheticConditions, expose

if TYPE_CHECKING:
    from pathlib import Path

AXIS = Axis.linear(100.0, 3300.0, 1.5)
OFF = 2.5
"""How far the simulated instrument is off, cm⁻¹."""


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the calibrations of this machine's user out of the tests."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


def written(path: Path, places: tuple[float, ...], off: float = OFF, laser: str = "785") -> str:
    """Write a spectrum with lines at ``places`` on an axis that is off, and return its path."""
    table = Peaks(np.array(places), np.linspace(1.0, 0.5, len(places)), np.full(len(places), 8.0))
    seen = expose(AXIS, table, SyntheticConditions(), np.random.default_rng(1), Origin("test", ""))
    rows = "\n".join(f"{shift + off:.3f},{counts:.1f}" for shift, counts in zip(AXIS.shift, seen.counts, strict=True))
    path.write_text(f"Laser wavelength (nm): {laser}\nRaman shift (cm-1),counts\n{rows}\n")
    return str(path)


def polystyrene(path: Path, off: float = OFF) -> str:
    """Write a polystyrene spectrum."""
    return written(path, standards.find("polystyrene").lines, off)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    """Run the command and return its code, its records and its standard error."""
    code = cli.main(arguments)
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_calibration_is_made_kept_and_checked(tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The calibration lies under the serial number; today's standard on it is as good as new, and a moved axis is not."""
    file = polystyrene(tmp_path / "ps.csv")
    arguments = ("calibrate", file, "--standard", "polystyrene", "--instrument", "SN-1")
    code, (record,), _ = run(capsys, *arguments)
    assert code == 0
    assert record["path"] == str(kept / "SN-1.json")
    assert float(str(record["rms"])) < 0.5
    code, (checked,), _ = run(capsys, *arguments, "--check")
    assert (code, checked["good"], checked["id"]) == (0, True, record["id"])
    moved = polystyrene(tmp_path / "moved.csv", OFF + 4)
    code, (checked,), _ = run(capsys, "calibrate", moved, "--standard", "polystyrene", "--instrument", "SN-1", "--check")
    assert (code, checked["good"]) == (1, False)
    assert float(str(checked["mean"])) == pytest.approx(4.0, abs=0.5)


def test_identify_uses_the_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every record names the calibration that made the axis, its age and its scatter, and has an id of its own."""
    _, (made,), _ = run(capsys, "calibrate", polystyrene(tmp_path / "ps.csv"), "--standard", "polystyrene", "--instrument", "SN-1")
    calcite = written(tmp_path / "c.csv", (1085.4, 281.7, 712.1, 155.0), OFF)
    _, (plain,), _ = run(capsys, "identify", "--no-user-library", calcite)
    code, (record,), _ = run(capsys, "identify", "--no-user-library", "--calibration", "SN-1", calcite)
    assert code == 0
    assert plain["calibration"] is None
    assert record["id"] != plain["id"]
    named = record["calibration"]
    assert isinstance(named, dict)
    assert named["id"] == made["id"]
    assert 0 <= named["age_days"] < 1
    assert named["rms"] == pytest.approx(float(str(made["rms"])), abs=1e-3)


def test_file_of_another_laser_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A spectrum that the calibration is not of is answered with why, and the run goes on."""
    run(capsys, "calibrate", polystyrene(tmp_path / "ps.csv"), "--standard", "polystyrene", "--instrument", "SN-1")
    green = written(tmp_path / "g.csv", (1085.4, 281.7), laser="532")
    red = written(tmp_path / "r.csv", (1085.4, 281.7))
    code, (fault, result), _ = run(capsys, "identify", "--no-user-library", "--calibration", "SN-1", green, red)
    assert code == 1
    assert fault["event"] == "fault"
    assert "got 532 nm, expected 785 nm, as in the calibration" in str(fault["why"])
    assert result["event"] == "result"


def test_pixels_are_readable_only_with_a_calibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A neon lamp on pixels calibrates; a file of pixels is then answered, and stays a fault without."""
    wavelength = 533.0 + 0.06 * np.arange(2048)
    lines = standards.vacuum(np.array(standards.find("neon").lines))
    counts = 300 + 20_000 * np.exp(-(((wavelength[:, None] - lines) / 0.1) ** 2) / 2).sum(axis=1)
    counts += np.random.default_rng(1).normal(0, 20, counts.size)
    file = tmp_path / "neon.csv"
    file.write_text("Pixels #,Intensity (a.u.)\n" + "\n".join(f"{k},{value:.2f}" for k, value in enumerate(counts)))
    arguments = ("calibrate", str(file), "--standard", "neon", "--instrument", "DIY", "--out", str(tmp_path / "c.json"))
    code, _, err = run(capsys, *arguments)
    assert code == 65
    assert "--laser NM" in err
    code, (record,), _ = run(capsys, *arguments, "--laser", "532")
    assert (code, record["unit"], record["points"]) == (0, "pixel", 2048)
    code, (fault,), _ = run(capsys, "identify", "--no-user-library", str(file))
    assert code == 65
    assert "axis in pixels" in str(fault["why"])
    code, (record,), _ = run(capsys, "identify", "--no-user-library", "--calibration", str(tmp_path / "c.json"), str(file))
    assert (code, record["event"]) == (0, "result")


def test_ended_calibration_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A calibration that has ended answers nothing: the command reports it before it reads a file."""
    run(capsys, "calibrate", polystyrene(tmp_path / "ps.csv"), "--standard", "polystyrene", "--instrument", "SN-1")
    stored = store.find("SN-1")
    store.write(msgspec.structs.replace(stored, expires=stored.made), store.path_of("SN-1"))
    code, records, err = run(capsys, "identify", "--no-user-library", "--calibration", "SN-1", "nothing.csv")
    assert (code, records) == (78, [])
    assert "Measure the standard again" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--standard", "diamond", "--instrument", "SN"), 78, "expected one of polystyrene"),
        (("--standard", "polystyrene", "--instrument", ""), 2, "--instrument"),
        (("--standard", "polystyrene", "--instrument", "SN", "--expires", "soon"), 2, "30d or 8w"),
        (("--standard", "neon", "--instrument", "SN", "--laser-file", "x"), 2, "--laser-standard stand together"),
        (("--standard", "polystyrene", "--instrument", "SN", "--check"), 78, "unknown calibration"),
        (("--standard", "silicon", "--instrument", "SN", "--laser-file", "{file}", "--laser-standard", "silicon"), 65, "a lamp"),
    ],
)
def test_mistakes_are_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, words: str
) -> None:
    """What cannot be done says why on one line, with the code of its kind."""
    file = written(tmp_path / "si.csv", (520.45,))
    got, _, err = run(capsys, "calibrate", file, *(argument.format(file=file) for argument in arguments))
    assert got == code
    assert words in err


def test_several_spectra_of_a_standard_are_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of three noisy exposures calibrates by their mean, and reports it; spectra on different axes are refused."""
    lines = standards.find("polystyrene").lines
    table = Peaks(np.array(lines), np.linspace(1.0, 0.5, len(lines)), np.full(len(lines), 8.0))
    seen = [expose(AXIS, table, SyntheticConditions(), np.random.default_rng(seed), Origin("test", "")).counts for seed in range(3)]
    rows = [f"{shift + OFF:.3f},{','.join(f'{value:.1f}' for value in counts)}" for shift, *counts in zip(AXIS.shift, *seen, strict=True)]
    file, mean = tmp_path / "three.csv", tmp_path / "mean.csv"
    file.write_text("Laser wavelength (nm): 785\nRaman shift (cm-1),a,b,c\n" + "\n".join(rows) + "\n")
    averaged = (f"{shift + OFF:.3f},{value:.4f}" for shift, value in zip(AXIS.shift, np.mean(np.round(seen, 1), axis=0), strict=True))
    mean.write_text("Laser wavelength (nm): 785\nRaman shift (cm-1),counts\n" + "\n".join(averaged) + "\n")
    arguments = ("--standard", "polystyrene", "--instrument", "SN-1")
    code, (three,), err = run(capsys, "calibrate", str(file), *arguments)
    assert (code, "holds 3 spectra" in err) == (0, True)
    _, (one,), err = run(capsys, "calibrate", str(mean), *arguments)
    assert "holds 3 spectra" not in err
    assert three["scale"]["coefficients"] == pytest.approx(one["scale"]["coefficients"], abs=1e-6)  # type: ignore[index]

    (tmp_path / "axes.csv").write_text(
        "Laser wavelength (nm): 785\nRaman shift (cm-1),a,Raman shift (cm-1),b\n"
        + "\n".join(f"{shift:.1f},{value:.1f},{shift + 1:.1f},{value:.1f}" for shift, value in zip(AXIS.shift, seen[0], strict=True))
    )
    code, _, err = run(capsys, "calibrate", str(tmp_path / "axes.csv"), *arguments)
    assert (code, "on different axes" in err) == (65, True)


def test_unreadable_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, and one that is no spectrum, end with bad data."""
    (tmp_path / "x").write_text("hello")
    for file in ("x", "y"):
        code, _, err = run(capsys, "calibrate", str(tmp_path / file), "--standard", "silicon", "--instrument", "SN")
        assert code == 65
        assert str(tmp_path / file) in err


def test_person_sees_table_and_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal every line has a row with its residual, and the spectrum is drawn with the lines marked."""
    monkeypatch.setattr(calibrate, "is_terminal", lambda: True)
    file = polystyrene(tmp_path / "ps.csv")
    assert cli.main(["calibrate", file, "--standard", "polystyrene", "--instrument", "SN-1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert sum("polystyrene" in line and "|" in line for line in shown) == len(standards.find("polystyrene").lines)
    assert any(line.count("^") > 5 for line in shown)
    assert cli.main(["calibrate", file, "--standard", "polystyrene", "--instrument", "SN-1", "--check"]) == 0
    assert "still good" in capsys.readouterr().out


def test_warning_of_a_single_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Silicon gives an offset only, and a warning says that."""
    code, (record,), err = run(capsys, "calibrate", written(tmp_path / "si.csv", (520.45,)), "--standard", "silicon", "--instrument", "SN")
    assert (code, record["rms"]) == (0, None)
    assert "one line gives an offset only" in err


@pytest.mark.parametrize(("text", "days"), [("30d", 30.0), ("12h", 0.5), ("2w", 14.0), ("1.5", 1.5)])
def test_durations(text: str, days: float) -> None:
    """Hours, days and weeks; days without a unit."""
    assert calibrate.days(text) == days


@pytest.mark.parametrize("text", ["", "0d", "-3d", "nan", "1e9d", "99999w", "30 m"])
def test_no_durations(text: str) -> None:
    """Anything else is refused with what was expected."""
    with pytest.raises(argparse.ArgumentTypeError, match="such as 12h"):
        calibrate.days(text)


def test_bars_point_to_their_side() -> None:
    """What is too low has its bar left of the middle, what is too high right of it."""
    _, low, high = calibration_text.table([(100.0, -1.0), (200.0, 0.5)], [])
    assert low.endswith("|")
    assert low.count("=") == 2 * high.count("=")
    assert "|=" in high


# What is never kept, and what stays


def test_a_wrong_standard_leaves_everything_as_it_was(tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad data, nothing on standard output, and the good calibration byte for byte as before."""
    file = polystyrene(tmp_path / "ps.csv")
    assert run(capsys, "calibrate", file, "--standard", "polystyrene", "--instrument", "SN-1")[0] == 0
    before = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    for wrong in ("cyclohexane", "naphthalene", "benzonitrile", "paracetamol", "neon", "argon", "silicon", "toluene-acetonitrile"):
        code, records, err = run(capsys, "calibrate", file, "--standard", wrong, "--instrument", "SN-1")
        assert (code, records) == (65, [])
        assert "polystyrene" in err
    assert {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()} == before


def test_the_one_before_is_listed_and_restored(tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A replaced calibration is announced with its date and how far the axis moves; listed, restored, removed by the command."""
    make = ("--standard", "polystyrene", "--instrument", "SN-1")
    _, (first,), _ = run(capsys, "calibrate", polystyrene(tmp_path / "a.csv"), *make)
    assert first["replaced"] is None
    _, (second,), err = run(capsys, "calibrate", polystyrene(tmp_path / "b.csv", OFF + 3), *make)
    assert second["moved"] == pytest.approx(3.0, abs=0.5)
    assert str(kept) in str(second["replaced"])
    assert "--restore SN-1" in err
    _, listed, _ = run(capsys, "calibrate", "--list")
    assert [(one["id"], one["in_use"]) for one in listed] == [(second["id"], True), (first["id"], False)]
    code, (restored,), _ = run(capsys, "calibrate", "--restore", "SN-1")
    assert (code, restored["id"], store.find("SN-1").id) == (0, first["id"], first["id"])
    code, (removed,), _ = run(capsys, "calibrate", "--remove", "SN-1")
    assert (code, removed["event"], removed["in_use"]) == (0, "removed", False)
    assert run(capsys, "calibrate", "--list", "SN-1")[1][0]["in_use"] is False
    assert run(capsys, "calibrate", "--remove", "SN-1")[0] == 78
    assert run(capsys, "calibrate", "--list", "SN-2")[:2] == (0, [])
    for mixed in (("--list", "--restore", "SN-1"), ("--list", "SN-1", "--standard", "neon"), ("x.csv",)):
        assert run(capsys, "calibrate", *mixed)[0] == 2


def test_an_axis_that_jumps_is_refused(tmp_path: Path, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """More than 30 cm⁻¹ between two calibrations is a mistake or another instrument; after --remove it is accepted."""
    make = ("--standard", "polystyrene", "--instrument", "SN-1")
    run(capsys, "calibrate", polystyrene(tmp_path / "a.csv", 25.0), *make)
    before = (kept / "SN-1.json").read_bytes()
    moved = polystyrene(tmp_path / "b.csv", -25.0)
    code, _, err = run(capsys, "calibrate", moved, *make)
    assert (code, (kept / "SN-1.json").read_bytes()) == (65, before)
    assert "--remove SN-1" in err
    run(capsys, "calibrate", "--remove", "SN-1")
    assert run(capsys, "calibrate", moved, *make)[0] == 0


def test_a_line_file_is_a_standard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines of one's own calibrate as shipped ones do, and a mistake in the file is answered with its line."""
    lines = tmp_path / "mine.txt"
    lines.write_text("unit = cm-1\n" + "\n".join(str(line) for line in standards.find("polystyrene").lines))
    file = polystyrene(tmp_path / "ps.csv")
    code, (record,), _ = run(capsys, "calibrate", file, "--standard", str(lines), "--instrument", "SN-1")
    assert (code, record["standards"]) == (0, ["mine"])
    lines.write_text("unit = cm-1\n620.9\nhello\n")
    code, _, err = run(capsys, "calibrate", file, "--standard", str(lines), "--instrument", "SN-1")
    assert (code, "line 3" in err) == (78, True)


def test_a_lamp_warns_that_it_cannot_check_the_laser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A laser that is given wrongly shifts every line: the command says which option measures it."""
    neon = standards.find("neon")
    places = 1e7 / 785 - 1e7 / neon.truth()
    inside = tuple(float(place) for place, height in zip(places, neon.heights, strict=True) if 100 < place < 2400 and height > 0.1)
    code, _, err = run(capsys, "calibrate", written(tmp_path / "ne.csv", inside), "--standard", "neon", "--instrument", "SN-1")
    assert code == 0
    assert "--laser-file" in err
