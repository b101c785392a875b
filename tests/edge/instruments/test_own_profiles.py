"""Profiles in the user's own folder: found by name, checked, never in the way of the others; and profiles written from bytes."""

from __future__ import annotations

import json
import os
import pty
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from raising import refused
from raman_edge import cli
from raman_edge.errors import ConfigError
from raman_edge.instruments import codecs, ports
from raman_edge.instruments.codecs import RawFrame
from raman_edge.instruments.profiles import catalogue, draft, validate
from raman_edge.instruments.serial import probe
from raman_edge.settings import toml
from raman_edge.simulator.simulated import Simulated

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile

SHIPPED = Path(__file__).parents[3] / "firmware_configs"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of own profiles that exists and is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    made = catalogue.own_folder()
    made.mkdir(parents=True)
    return made


def own(folder: Path, name: str, base: str = "jeti-versapic", **changes: str) -> Path:
    """Write a profile like a shipped one under another name."""
    text = (SHIPPED / f"{base}.toml").read_text("utf-8").replace(f'id = "{base}"', f'id = "{name}"')
    for before, after in changes.items():
        text = text.replace(before, after)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run ``instruments``; return its exit code, its records and its standard error."""
    capsys.readouterr()
    code = cli.main(["instruments", *arguments])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines() if line.startswith("{")], err


def test_an_own_profile_is_known_by_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`list`, `explain` and the API find it without a path; it comes first where likelihood decides."""
    path = own(folder, "halden")
    assert catalogue.load("halden").device.id == "halden"
    assert catalogue.find("halden") == path
    assert next(profile.device.id for profile in catalogue.load_all()) == "halden"
    code, listed, _ = ran(capsys, "list", "halden")
    assert (code, [(one["profile"], one["own"], one["file"]) for one in listed]) == (0, [("halden", True, str(path))])
    assert ran(capsys, "explain", "halden")[0] == 0
    assert ports.profile_of("/dev/null", "halden").device.id == "halden"


def test_an_own_profile_replaces_a_shipped_one(folder: Path) -> None:
    """It is a corrected copy under the same name."""
    path = own(folder, "ocean-sts", base="ocean-sts")
    assert catalogue.find("ocean-sts") == path
    assert [profile.device.id for profile in catalogue.load_all()].count("ocean-sts") == 1


def test_a_wrong_own_profile_is_left_out_and_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others still work; by name it is an error with its place."""
    (folder / "broken.toml").write_text("schema = 1\n")
    own(folder, "good")
    reports: list[str] = []
    names = {profile.device.id for profile in catalogue.load_all(reports.append)}
    assert "good" in names
    assert "ocean-sts" in names
    assert "broken" not in names
    assert reports
    assert all(str(folder / "broken.toml") in report for report in reports)
    code, _, err = ran(capsys, "list")
    assert code == 0
    assert "left out" in err
    with pytest.raises(ConfigError):
        catalogue.load("broken")


def test_a_file_is_named_as_its_profile(folder: Path) -> None:
    """Both names would be used: a difference is refused with the name that is right."""
    own(folder, "halden").rename(folder / "other.toml")
    with refused(ConfigError, "file name differs from device.id", "other.toml", got="other.toml", expected="halden.toml"):
        catalogue.load("other")


def test_an_own_profile_is_probed_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its request is withheld where it could disturb a known instrument, and found when that is allowed, before the shipped ones."""
    own(folder, "halden")
    monkeypatch.setattr(probe, "FIRST_S", 0.05)
    monkeypatch.setattr(probe, "ANSWER_S", 0.05)
    profiles = catalogue.load_all()
    with Simulated(catalogue.load("halden"), pacing=False) as simulated:
        report = probe.find(simulated.port, profiles)
        assert report.candidates[0].profile == "halden"
        assert report.found == ()
        monkeypatch.setattr(probe, "questions", lambda _profiles: ())
        for patience_s in (0.2, 2.0, 15.0):  # the later ones where a busy machine simulates slowly
            monkeypatch.setattr(probe, "ANSWER_S", patience_s)
            found = probe.find(simulated.port, profiles, everything=True).found
            if len(found) == 2:
                break
    assert [candidate.profile for candidate in found] == ["halden", "jeti-versapic"]


# new


def stream(values: int, spectra: int = 5, separator: str = ",", end: str = "\r\n") -> bytes:
    """Return lines of numbers, the first of them cut."""
    lines = [separator.join(str((7 * value + line) % 1000) for value in range(values)) for line in range(spectra + 1)]
    return (lines[0][len(lines[0]) // 2 :] + end + end.join(lines[1:]) + end).encode()


def read_back(data: bytes, sight: draft.FrameSight, request: str = "") -> tuple[Profile, list[RawFrame]]:
    """Return the profile that is written for these bytes, and the spectra that it finds in them."""
    facts = draft.DraftFacts("mine", 115_200, request=request)
    profile = validate.convert(toml.parse(draft.page(facts, sight).encode(), "mine.toml"))
    events = codecs.of(profile.frame, streaming=profile.streams).feed(data)
    return profile, [event for event in events if isinstance(event, RawFrame)]


@pytest.mark.parametrize(("separator", "name"), [(",", ","), (";", ";"), ("\t", "tab"), (" ", "space")])
@pytest.mark.parametrize(("end", "words"), [("\r\n", "CR LF"), ("\n", "LF"), ("\r", "CR")])
def test_lines_of_numbers_are_recognised(separator: str, name: str, end: str, words: str) -> None:
    """Any separator and line end; the profile reads what was recorded."""
    data = stream(1024, separator=separator, end=end)
    sight = draft.look(data)
    assert sight is not None
    assert (sight.mode, sight.values, sight.spectra, sight.separator) == ("row", 1024, 5, name)
    assert sight.described() == f"lines of 1024 numbers ending in {words}, 5 of them"
    assert len(read_back(data, sight)[1]) >= 4


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("cut", [0, 5])
def test_binary_spectra_with_a_beginning_are_recognised(order: str, cut: int) -> None:
    """The bytes that come again and again at one distance begin a spectrum; smooth counts show which byte is first."""
    rng = np.random.default_rng(1)
    counts = [(1000 + 500 * np.sin(np.arange(256) / 20) + rng.normal(0, 9, 256)).astype(order) for _ in range(6)]
    data = b"".join(b"\xaa\x55" + one.tobytes() for one in counts)[cut:]
    sight = draft.look(data)
    assert sight is not None
    assert (sight.mode, sight.values, sight.sync, sight.dtype) == ("fixed", 256, b"\xaa\x55", "u16le" if order == "<u2" else "u16be")
    _, frames = read_back(data, sight)
    assert len(frames) >= 5
    assert np.array_equal(frames[-1].counts, counts[-1])


def test_an_answer_to_a_request_is_recognised() -> None:
    """A value a line, or binary without a beginning, are spectra only as the whole answer to a request."""
    column = "\r\n".join(map(str, range(500))).encode() + b"\r\n"
    assert draft.look(column) is None
    sight = draft.look(column, answer=True)
    assert sight is not None
    assert (sight.mode, sight.values) == ("column", 500)
    profile, frames = read_back(column, sight, "ascii:S\r")
    assert (len(frames), profile.streams) == (1, False)
    binary = np.arange(1000, 1300, dtype="<u2").tobytes()
    assert draft.look(binary) is None
    alone = draft.look(binary, answer=True)
    assert alone is not None
    assert (alone.mode, alone.values, alone.dtype) == ("fixed", 300, "u16le")


@pytest.mark.parametrize("data", [b"", b"hello\r\n" * 50, b"1,2,3\n" * 50, bytes(1000), os.urandom(999)])
def test_what_is_no_spectrum_is_not_recognised(data: bytes) -> None:
    """A greeting, a few numbers, zeros, noise."""
    assert draft.look(data) is None


def test_a_request_is_written_as_a_user_writes_it() -> None:
    """Escapes become bytes, and bytes a field of the profile."""
    assert draft.request_bytes(r"GO\r\n\x00\\") == b"GO\r\n\x00\\"
    assert draft.template(b"GO\r") == "ascii:GO\r"
    assert draft.template(b"{\xff") == "hex:7b ff"
    assert draft.template(b"") == ""


def test_new_writes_a_profile_from_a_capture(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what it sees, writes a valid profile that is known by name, and never overwrites one."""
    raw = tmp_path / "raw.bin"
    raw.write_bytes(stream(1024))
    given = ("new", "mine", "--capture", str(raw), "--laser", "785", "--vendor", 'A "B" \\ C')
    code, (record,), err = ran(capsys, *given)
    assert (code, record["values"], record["file"]) == (0, 1024, str(folder / "mine.toml"))
    assert "I see lines of 1024 numbers ending in CR LF, 5 of them, at 115200 baud" in err
    profile = catalogue.load("mine")
    assert (profile.device.vendor, profile.laser and profile.laser.wavelength_nm) == ('A "B" \\ C', 785.0)
    code, records, err = ran(capsys, *given)
    assert (code, records) == (78, [])
    assert "profile exists already" in err


@pytest.mark.parametrize("name", ["../escape", "A b", ""])
def test_new_writes_nothing_under_an_invalid_name(name: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name with a path in it is refused before anything is written."""
    raw = tmp_path / "raw.bin"
    raw.write_bytes(stream(64))
    assert ran(capsys, "new", name, "--capture", str(raw))[0] == 78
    assert list(folder.iterdir()) == []
    assert not list(tmp_path.rglob("escape*"))


def test_new_from_a_simulated_instrument(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port is listened to; with a request, the answer is described."""
    with Simulated(catalogue.load("c12880ma-csv")) as simulated:
        code, (record,), _ = ran(capsys, "new", "mine", "--port", simulated.port)
    assert (code, record["values"], record["baud"]) == (0, 288, 115_200)
    with Simulated(catalogue.load("c12880ma-specread")) as simulated:
        code, (record,), _ = ran(capsys, "new", "other", "--port", simulated.port, "--request", r"SPEC.READ?\n")
    assert (code, record["values"]) == (0, 288)
    assert catalogue.load("other").commands.acquire is not None
    assert {path.name for path in folder.iterdir()} == {"mine.toml", "other.toml"}


def test_new_needs_something_to_look_at(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal there are no questions: 78 names the options; bytes that are no spectrum are 65; silence is 69."""
    code, _, err = ran(capsys, "new", "mine")
    assert code == 78
    assert "--port PORT or --capture FILE" in err
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"hello\n" * 99)
    assert ran(capsys, "new", "mine", "--capture", str(raw))[0] == 65
    monkeypatch.setattr(probe, "FIRST_S", 0.2)
    ours, theirs = pty.openpty()
    try:
        assert ran(capsys, "new", "mine", "--port", os.ttyname(theirs), "--baud", "9600")[0] == 69
    finally:
        os.close(ours)
        os.close(theirs)
