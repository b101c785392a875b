"""``raman-edge library`` as its users run it."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import build
import calibrations
import command
import markers
import materials
import pytest
from raman_edge import cli
from raman_edge.calibration import store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The matched filter with its library beside it."""
    return build.write_pair(tmp_path)[0]


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment says that the user's library lies; it is not there yet."""
    path = tmp_path / "data" / "user-library.sqlite3"
    monkeypatch.setenv("RAMAN_EDGE_USER_LIBRARY", str(path))
    return path


@pytest.fixture
def wafer(tmp_path: Path) -> Path:
    """A file with one exposure of silicon."""
    return materials.write(tmp_path / "wafer.csv")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was printed, line by line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def identified(path: Path, model: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    """Return the record of one file."""
    assert cli.main(["identify", str(path), "--model", str(model), *more]) == 0
    return lines(capsys)[0]


def test_learned_is_named_by_the_next_command(model: Path, wafer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown before, learned from one file, named after, also in another exposure; ``--no-user-library`` does without."""
    another = materials.write(tmp_path / "another.csv", seed=1)
    assert identified(another, model, capsys)["decision"] == "unknown"
    assert cli.main(["library", "add", "Silicon", str(wafer), "--model", str(model), "--note", "by hand"]) == 0
    (record,) = lines(capsys)
    assert (record["v"], record["event"], record["name"], record["new"]) == (1, "added", "Silicon", True)
    assert (record["before"]["decision"], record["now"]["decision"], record["now"]["match"]) == ("unknown", "match", "Silicon")
    assert (record["alike"], record["warnings"]) == ([], [])
    assert record["source"]["path"] == str(wafer)
    assert record["ms"]["enrol"] > 0
    after = identified(another, model, capsys)
    assert (after["decision"], after["matches"][0]["label"]) == ("match", "Silicon")
    assert identified(another, model, capsys, "--no-user-library")["decision"] == "unknown"


def test_watch_knows_it_at_its_start(model: Path, wafer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was learned before ``watch`` started is named by it."""
    assert cli.main(["library", "add", "Silicon", str(wafer), "--model", str(model)]) == 0
    capsys.readouterr()
    folder = tmp_path / "in"
    folder.mkdir()
    materials.write(folder / "another.csv", seed=2)
    journal = str(tmp_path / "journal.sqlite3")
    assert cli.main(["watch", str(folder), "--once", "--stable", "0.1", "--model", str(model), "--journal", journal]) == 0
    assert lines(capsys)[0]["matches"][0]["label"] == "Silicon"


def test_list_show_and_remove(model: Path, wafer: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``list`` and ``show`` print what was added from what; ``remove`` prints what it removed, and ends with 65 where there is nothing."""
    assert cli.main(["library", "list"]) == 0
    assert cli.main(["library", "remove", "Silicon"]) == 65
    assert capsys.readouterr().out == ""
    assert not own.exists()
    materials.write(tmp_path / "second.csv", seed=1)
    assert cli.main(["library", "add", "Silicon", str(wafer), str(tmp_path / "second.csv"), "--model", str(model), "--note", "N"]) == 0
    capsys.readouterr()
    assert cli.main(["library", "list"]) == 0
    (listed,) = lines(capsys)
    assert (listed["event"], listed["name"]) == ("material", "Silicon")
    assert [one["source"]["path"] for one in listed["references"]] == [str(wafer), str(tmp_path / "second.csv")]
    assert {one["note"] for one in listed["references"]} == {"N"}
    assert cli.main(["library", "remove", "Silicone"]) == 65
    assert "no material 'Silicone'" in capsys.readouterr().err
    assert cli.main(["library", "show", "Silicon"]) == 0
    assert lines(capsys)[0] == listed
    assert cli.main(["library", "show", "silicon"]) == 0
    assert {one.get("pack") for one in lines(capsys)} == {None, "minerals", "everyday"}  # the user's has no pack
    assert cli.main(["library", "show", "unobtainium"]) == 65
    assert "no material 'unobtainium'" in capsys.readouterr().err
    assert cli.main(["library", "remove", "Silicon"]) == 0
    (removed,) = lines(capsys)
    assert (removed["event"], removed["references"]) == ("removed", listed["references"])
    assert identified(wafer, model, capsys)["decision"] == "unknown"


def test_case_does_not_count_in_a_name(model: Path, wafer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``remove`` and ``show`` find a material in other letters, but for two names that differ in nothing else."""
    for name in ("Beaker 7", "Wafer", "wafer"):
        assert cli.main(["library", "add", name, str(wafer), "--model", str(model)]) in {0, 1}
    capsys.readouterr()
    assert cli.main(["library", "show", "BEAKER 7"]) == 0
    assert cli.main(["library", "remove", "beaker 7"]) == 0
    assert [line["name"] for line in lines(capsys)] == ["Beaker 7", "Beaker 7"]
    assert cli.main(["library", "remove", "WAFER"]) == 65
    assert cli.main(["library", "remove", "wafer"]) == 0
    assert [line["name"] for line in lines(capsys)] == ["wafer"]


def test_standard_input(model: Path, wafer: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``-`` is standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(wafer.read_bytes())))
    assert cli.main(["library", "add", "Silicon", "-", "--model", str(model)]) == 0
    (record,) = lines(capsys)
    assert (record["source"]["kind"], record["source"]["path"]) == ("stdin", "-")


def test_what_cannot_be_learned_is_reported(
    model: Path, wafer: Path, tmp_path: Path, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some files unreadable is 1 and the good ones are learned; all of them is 65."""
    (tmp_path / "prose.csv").write_text("words, words\n" * 99)
    bad = [str(tmp_path / "prose.csv"), str(tmp_path / "none.csv")]
    assert cli.main(["library", "add", "Silicon", *bad, str(wafer), "--model", str(model)]) == 1
    assert [line["event"] for line in lines(capsys)] == ["added", "fault", "fault"]
    assert cli.main(["library", "add", "Silicon", *bad, "--model", str(model)]) == 65
    assert [line["event"] for line in lines(capsys)] == ["fault", "fault"]
    assert own.exists()


def test_a_label_with_nearly_the_same_spectrum_is_a_warning(
    model: Path, wafer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same spectrum under a second name warns that the two are one to the eye, that it keeps its first name, and ends with 1."""
    assert cli.main(["library", "add", "Silicon", str(wafer), "--model", str(model)]) == 0
    copy = tmp_path / "copy.csv"
    copy.write_bytes(wafer.read_bytes())
    capsys.readouterr()
    assert cli.main(["library", "add", "silicon", str(copy), "--model", str(model)]) == 1
    captured = capsys.readouterr()
    (record,) = [json.loads(line) for line in captured.out.splitlines()]
    (alike,) = record["alike"]
    assert (alike["label"], alike["similarity"]) == ("Silicon", pytest.approx(1.0, abs=1e-3))
    still = "is still one of Silicon (user library), silicon (user library)"
    for part in ("silicon is indistinguishable from Silicon (1.000)", still, "the library also has 'Silicon'"):
        assert part in captured.err
        assert any(part in warning for warning in record["warnings"])


def test_option_goes_before_environment_and_that_before_the_data_folder(
    model: Path, wafer: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--user-library`` names the library, else RAMAN_EDGE_USER_LIBRARY, else it lies in the user's data folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    learn = ["library", "add", "Silicon", str(wafer), "--model", str(model)]
    assert cli.main([*learn, "--user-library", str(tmp_path / "option.sqlite3")]) == 0
    assert not own.exists()
    assert cli.main(learn) == 0
    assert own.exists()
    monkeypatch.delenv("RAMAN_EDGE_USER_LIBRARY")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / "home" / name))
    assert cli.main(learn) == 0
    assert (tmp_path / "home" / "raman-edge" / "user-library.sqlite3").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["library"], 2, "ACTION"),
        (["library", "add"], 2, "NAME, FILE"),
        (["library", "add", "Silicon"], 2, "FILE"),
        (["library", "show"], 2, "NAME"),
        (["library", "remove"], 2, "NAME"),
        (["library", "add", "\x1b[31m", "x", "--model", "{model}"], 2, r"got 5 characters: '\x1b[31m'"),
        (["library", "add", "x" * 201, "x", "--model", "{model}"], 2, "got 201 characters"),
        (["library", "add", "x", "{wafer}", "--model", "{model}", "--note", "x" * 2001], 78, "at most 2000"),
        (["library", "list", "--user-library", "{}/none.sqlite3"], 78, "none.sqlite3': cannot be opened"),
        (["library", "list", "--user-library", "{wafer}"], 78, "file is not a database"),
        (["identify", "{wafer}", "--model", "{model}", "--user-library", "{wafer}"], 78, "file is not a database"),
        (["identify", "{wafer}", "--model", "{model}", "--user-library", "{}/none"], 78, "none': cannot be opened"),
        (["library", "add", "x", "{wafer}", "--model", "{model}", "--user-library", "/proc/none/own"], 78, "cannot be opened"),
    ],
)
def test_errors(arguments: list[str], code: int, expected: str, model: Path, wafer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done ends with its exit code and a reason on standard error, nothing on standard output."""
    before = wafer.read_bytes()
    assert cli.main([argument.format(wafer.parent, model=model, wafer=wafer) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert expected in captured.err
    assert "\x1b" not in captured.err
    assert wafer.read_bytes() == before


@markers.POSIX
def test_a_terminal_gets_words(model: Path, tmp_path: Path) -> None:
    """For a person: what it was, what it is, how long it took; a hostile file name stays data."""
    wafer = materials.write(tmp_path / "\x1b[31mwafer.csv")
    own = tmp_path / "mine.sqlite3"
    code, written = command.on_terminal("library", "add", "Silicon", wafer, "--model", model, "--user-library", own)
    assert code == 0
    assert b"added in" in written
    assert b"before unknown (nearest " in written
    assert b"now Silicon" in written
    assert rb"\x1b[31mwafer" in written
    assert b"\x1b[31m" not in written
    code, written = command.on_terminal("library", "list", "--user-library", own)
    assert b"Silicon  1 reference" in written
    assert rb"\x1b[31mwafer.csv" in written
    code, written = command.on_terminal("library", "add", "Silicon", wafer, wafer.parent / "none", "--model", model, "--user-library", own)
    assert code == 1
    assert b"was there already" in written
    assert b"No such file or directory" in written
    code, written = command.on_terminal("library", "remove", "Silicon", "--user-library", own)
    assert (code, written.startswith(b"removed: Silicon\r\n  ")) == (0, True)
    code, written = command.on_terminal("library", "list", "--user-library", own)
    assert b"no material was added yet" in written


@markers.POSIX
def test_a_name_of_undecodable_bytes_is_stored(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose name is no UTF-8 can be learned, and is listed with escapes."""
    path = materials.write(tmp_path / os.fsdecode(b"w\xff.csv"))
    assert cli.main(["library", "add", "Silicon", str(path), "--model", str(model)]) == 0
    assert cli.main(["library", "list"]) == 0
    records = lines(capsys)
    assert records[0]["source"]["path"].endswith("w\\udcff.csv")
    assert records[1]["references"][0]["source"]["path"].endswith("w\\udcff.csv")


def test_a_calibrated_reference(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is taught with a calibration stands on its axis, also from pixels; without it such a file is refused with what to do."""
    made = calibrations.fresh(pixels=True)
    store.write(made, tmp_path / "pixels.json")
    seen = materials.exposure()
    pixels = tmp_path / "pixels.csv"
    pixels.write_text("pixel,counts\n" + "\n".join(f"{k},{value:.1f}" for k, value in enumerate(seen.counts)) + "\n")
    assert cli.main(["library", "add", "Silicon", str(pixels), "--model", str(model)]) == 65
    assert "calibrat" in lines(capsys)[0]["why"]
    given = ("--model", str(model), "--calibration", str(tmp_path / "pixels.json"))
    assert cli.main(["library", "add", "Silicon", str(pixels), *given]) == 0
    (record,) = lines(capsys)
    assert (record["now"]["decision"], record["now"]["match"]) == ("match", "Silicon")
    assert cli.main(["identify", str(materials.write(tmp_path / "shift.csv", seed=1)), "--model", str(model)]) == 0
    assert lines(capsys)[0]["matches"][0]["label"] == "Silicon"


def test_a_file_is_learned_again_on_a_calibrated_axis(model: Path, wafer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes on another axis are another reference; on the same axis they are known already."""
    store.write(calibrations.fresh(off_nm=0.3), tmp_path / "c.json")
    calibrated = ("--calibration", str(tmp_path / "c.json"))
    for more, new in (((), True), (calibrated, True), (calibrated, False), ((), False)):
        assert cli.main(["library", "add", "Silicon", str(wafer), "--model", str(model), "--laser", "785", *more]) == 0
        assert lines(capsys)[0]["new"] is new


def test_a_calibration_that_ended_teaches_nothing(model: Path, wafer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An expired calibration is refused before anything is learned."""
    store.write(calibrations.fresh(ended=True), tmp_path / "c.json")
    assert cli.main(["library", "add", "Silicon", str(wafer), "--model", str(model), "--calibration", str(tmp_path / "c.json")]) == 78
    assert lines(capsys) == []


def test_every_material_of_a_pack_is_listed_and_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Also the minerals without a group or another name, which are in the embedded library alone; a wrong name is offered the nearest."""
    assert cli.main(["library", "packs", "--packs", "minerals"]) == 0
    (facts, *_) = lines(capsys)
    assert cli.main(["library", "list", "--packs", "minerals"]) == 0
    listed = lines(capsys)
    assert len({one["name"] for one in listed}) == len(listed) == facts["materials"]
    assert sum(len(one["references"]) for one in listed) == facts["references"]
    bare = next(one for one in listed if not one["groups"] and not one["synonyms"])
    assert cli.main(["library", "show", bare["name"].upper()]) == 0
    assert lines(capsys) == [bare]
    for wrong, near in {"monazite": "MonaziteCe or MonaziteLa", "Quarz": "Quartz"}.items():
        assert cli.main(["library", "show", wrong]) == 65
        assert f"did you mean {near}?" in capsys.readouterr().err


def test_packs_with_their_terms(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``packs`` prints licence and attribution of every source; ``list --packs`` the materials, ``show`` finds one by its synonym."""
    assert not own.exists()
    assert cli.main(["library", "packs"]) == 0
    minerals, everyday, *_ = lines(capsys)
    assert (minerals["name"], minerals["references"] > 9000) == ("minerals", True)
    assert {source["licence"] for source in everyday["sources"]} == {"MIT", "CC BY 4.0"}
    assert all(source["attribution"] for pack in (minerals, everyday) for source in pack["sources"])
    assert cli.main(["library", "list", "--packs", "everyday"]) == 0
    assert {"PE", "PET", "PP", "PS", "Acetonitrile"} <= {one["name"] for one in lines(capsys)}
    assert cli.main(["library", "show", "Sodium Sulfate"]) == 0
    assert {(one["name"], one["formula"]) for one in lines(capsys) if one["pack"] == "minerals"} == {("Thenardite", "Na2SO4")}


def test_a_folder_becomes_a_pack(
    model: Path, wafer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``add FOLDER`` makes a pack, which its name selects; what names it says which pack it is of."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "lab" / "Wafer").mkdir(parents=True)
    (tmp_path / "lab" / "Wafer" / "monday.csv").write_bytes(wafer.read_bytes())
    (tmp_path / "lab" / "prose.csv").write_text("words, words\n" * 99)
    assert cli.main(["library", "add", str(tmp_path / "lab"), "--licence", "CC0", "--attribution", "us"]) == 1
    (made,) = lines(capsys)
    assert (made["name"], made["materials"], made["references"]) == ("lab", ["Wafer"], 1)
    assert cli.main(["identify", str(wafer), "--model", str(model), "--packs", "minerals,lab", "--json"]) == 0
    (record,) = lines(capsys)
    assert (record["names"], record["matches"][0]["packs"]) == (["Wafer"], ["lab"])
    assert cli.main(["identify", str(wafer), "--model", str(model), "--packs", "none"]) == 65 or capsys.readouterr().err


def test_a_synonym_is_taught_as_the_label(wafer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A material has one name in every result; the command says which one it took."""
    assert cli.main(["library", "add", "sodium sulfate", str(wafer)]) in {0, 1}
    captured = capsys.readouterr()
    assert json.loads(captured.out.splitlines()[0])["name"] == "Thenardite"
    assert "sodium sulfate is Thenardite in the library" in captured.err
