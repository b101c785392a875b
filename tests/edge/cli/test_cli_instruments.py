"""``raman-edge instruments list``, ``show``, ``validate`` and ``explain`` as their users see them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import command
import pytest
from raman_edge import cli
from raman_edge.instruments.profiles import catalogue

if TYPE_CHECKING:
    from pathlib import Path


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run ``instruments`` and return its exit code, its records and its standard error."""
    capsys.readouterr()
    code = cli.main(["instruments", *arguments])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_list_has_a_line_for_every_profile(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets a record each: what it is, how far to trust it, what is unchecked."""
    code, records, err = ran(capsys, "list")
    assert (code, err) == (0, "")
    assert [one["profile"] for one in records] == list(catalogue.profiles())
    assert {one["hardware_tested"] for one in records} == {False}
    assert all(one["v"] == 1 and one["certainty"] and one["sources"] for one in records)


def test_list_on_a_terminal_shows_what_was_tested() -> None:
    """A person reads names, models and how far each page can be trusted."""
    code, shown = command.on_terminal("instruments", "list", columns=160)
    assert code == 0
    assert b"tcd1304-rossel" in shown
    assert b"read in the source of the firmware; not tested on hardware" in shown


def test_list_by_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Every word has to be in the name, the vendor or the model; where none has them all, the existing names are printed."""
    code, records, _ = ran(capsys, "list", "OCEAN", "sts")
    assert (code, [one["profile"] for one in records]) == (0, ["ocean-sts"])
    assert (records[0]["pixels"], records[0]["baud"][0], records[0]["file"]) == (1024, 9600, str(catalogue.find("ocean-sts")))
    code, records, err = ran(capsys, "list", "ocean", "bwtek")
    assert (code, records) == (1, [])
    assert "no profile has ocean and bwtek in its name" in err
    assert "ocean-sts" in err


def test_show_is_the_file_itself(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A pipe gets it byte for byte, to be changed and used; an unknown name is refused with the nearest ones."""
    assert cli.main(["instruments", "show", "generic-csv-stream"]) == 0
    assert capfdbinary.readouterr().out == catalogue.find("generic-csv-stream").read_bytes()
    assert cli.main(["instruments", "show", "generic-csv-steam"]) == 78
    assert b"Did you mean generic-csv-stream" in capfdbinary.readouterr().err


def test_show_on_a_terminal() -> None:
    """A person reads it line by line."""
    code, shown = command.on_terminal("instruments", "show", "ocean-sts", columns=200)
    assert code == 0
    assert b'id = "ocean-sts"\r\n' in shown


def test_explain_gives_the_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    """Exposure and averages of the command line stand in the request."""
    code, (record,), err = ran(capsys, "explain", "tcd1304-rossel", "--exposure", "0.05", "--average", "3")
    assert (code, err) == (0, "")
    assert {"command": "acquire", "hex": "45 52 00 01 86 a0 00 01 86 a0 00 03"} in record["sends"]
    assert "3694 values of u16le, 7388 bytes in all: 0.64 s at 115200 baud" in record["expects"]
    assert record["trust"][0] == "read in the source of the firmware; not tested on hardware"


@pytest.mark.parametrize("name", catalogue.profiles())
def test_every_profile_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the page holds, it has a line, an axis or the want of one, and its trust."""
    code, (record,), _ = ran(capsys, "explain", name)
    assert code == 0
    assert "baud, 8N1" in record["expects"][0]
    assert any(line.startswith("axis: ") for line in record["expects"])
    assert record["trust"]


def test_explain_on_a_terminal_shows_bytes_as_text_too() -> None:
    """Hexadecimal beside what can be read of it; sixteen bytes a line."""
    code, shown = command.on_terminal("instruments", "explain", "jeti-versapic", columns=160)
    assert code == 0
    assert b"2a 49 44 4e 3f 0d" in shown
    assert b"*IDN?." in shown
    assert b"ready 07" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("explain", "ocean-usb2000", "--exposure", "9999"), 78, "expected 0.003 to 65.535 s"),
        (("explain", "ocean-usb2000", "--exposure", "nan"), 78, "exposure out of range: got nan s"),
        (("explain", "ocean-usb2000", "--exposure", "1 ms"), 2, "expected seconds, such as 0.1, got '1 ms'"),
        (("explain", "tcd1304-rossel", "--average", "16"), 78, "tcd1304-rossel: averages out of range: got 16, expected 1 to 15"),
        (("explain", "c12880ma-csv", "--exposure", "1"), 78, "exposure cannot be set"),
        (("explain", "tcd1304"), 78, "unknown profile: got 'tcd1304'"),
        (("explain",), 2, "PROFILE"),
        ((), 2, "ACTION"),
    ],
)
def test_what_cannot_be_explained(arguments: tuple[str, ...], code: int, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Limits, names and usage are printed on standard error, nothing on standard output."""
    got, records, words = ran(capsys, *arguments)
    assert (got, records) == (code, [])
    assert expected in words


def test_validate_prints_every_mistake_of_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file is good, a wrong one has its mistakes with lines, and one wrong file decides the exit code."""
    good = catalogue.find("tcd1304-rossel")
    wrong = tmp_path / "wrong.toml"
    text = good.read_text(encoding="utf-8").replace("adc_bits = 12", "adc_bits = 10").replace("{averages}", "{avrages}")
    wrong.write_text(text, encoding="utf-8")
    code, (first, second), err = ran(capsys, "validate", str(good), str(wrong))
    assert code == 78
    assert first == {"v": 1, "file": str(good), "ok": True, "profile": "tcd1304-rossel", "mistakes": []}
    assert (second["ok"], second["profile"]) == (False, None)
    assert len(second["mistakes"]) == 5  # two of the bits, three of the name
    line = text.splitlines().index("adc_bits = 10") + 2
    scales = "got 4095, and the full scale of 10 bits is 1023: correct one of them"
    assert second["mistakes"][0] == f"{wrong}:{line}: sensor.saturation: {scales}"
    assert [words.removeprefix("raman-edge: ") for words in err.splitlines()] == second["mistakes"]


def test_validate_on_a_terminal_has_a_line_a_file(tmp_path: Path) -> None:
    """A person reads which files are good."""
    (tmp_path / "empty.toml").touch()
    code, shown = command.on_terminal("instruments", "validate", "ocean-sts", tmp_path / "empty.toml", columns=200)
    assert code == 78
    assert b"ocean-sts: valid, ocean-sts" in shown
    assert b"empty.toml: 5 mistake(s)" in shown


def test_a_file_needs_no_suffix_and_cannot_act_on_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there is read by any name; escape codes in it are shown, not obeyed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text('schema = 1\n"\\u001b[2J" = 1\n', encoding="utf-8")
    code, shown = command.on_terminal("instruments", "validate", tmp_path / "mine", columns=200)
    assert code == 78
    assert b"\x1b[2J" not in shown
    assert catalogue.find("mine").name == "mine"
