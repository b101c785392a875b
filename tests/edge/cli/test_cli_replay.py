"""``raman-edge instruments replay``, and a recording where files are read: the answers of a recording."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from raman_edge import cli
from raman_edge.calibration import store
from raman_edge.instruments.recording import PlanLine, Recorder
from spectrometers import Fake

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the calibrations of this machine's user out of the tests."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "kept"))


def recorded(path: Path, exposures: int = 4, plan: PlanLine | None = None) -> Path:
    """Record exposures of calcite."""
    with Recorder(Fake(), path, plan) as recorder:
        for _ in range(exposures):
            recorder.expose()
    return path


def answers(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, list[dict[str, object]], str]:
    """Run a command in this process; return its exit code, its records and what it says beside them."""
    code = cli.main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def replay(capsys: pytest.CaptureFixture[str], model: Path, path: Path, *options: str) -> tuple[int, list[dict[str, object]], str]:
    """Replay into a new journal."""
    journal = path.with_name(f"{len(list(path.parent.iterdir()))}.sqlite3")
    return answers(capsys, "instruments", "replay", path, "--model", model, "--journal", journal, "--json", *options)


def test_a_recording_is_named(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> None:
    """Every exposure is answered with the port it was measured at, and a summary stands beside."""
    code, records, err = replay(capsys, model, recorded(tmp_path / "run.recording"))
    assert code == 0
    assert [record["decision"] for record in records] == ["match"] * 4
    sources = [record["source"] for record in records]
    assert all(isinstance(one, dict) and (one["kind"], one["path"]) == ("serial", "fake:") for one in sources)
    assert "4 match" in err


def test_it_is_averaged_as_it_was_planned(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> None:
    """The plan of the recording says of how many exposures a spectrum is the mean; an option says otherwise."""
    path = recorded(tmp_path / "run.recording", plan=PlanLine(averages=2))
    assert len(replay(capsys, model, path)[1]) == 2
    assert len(replay(capsys, model, path, "--average", "1")[1]) == 4


def test_the_laser_that_was_given_belongs_to_the_answer(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> None:
    """A replay has the ids of the measurement without --laser, and others with another laser."""
    path = recorded(tmp_path / "run.recording", plan=PlanLine(laser_nm=784.9))
    remembered, same, other = (
        [record["id"] for record in replay(capsys, model, path, *options)[1]] for options in ((), ("--laser", "784.9"), ("--laser", "785"))
    )
    assert remembered == same
    assert not set(remembered) & set(other)


@pytest.mark.parametrize(("content", "code"), [(b"", 65), (b'{"crc":"0","line":{}}\n', 65), (None, 69)])
def test_what_is_no_recording_is_refused(
    capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path, content: bytes | None, code: int
) -> None:
    """A file that is no recording ends with bad data, one that is not there as an instrument that is not there would."""
    path = tmp_path / "run.recording"
    if content is not None:
        path.write_bytes(content)
    ended, records, err = replay(capsys, model, path)
    assert (ended, records) == (code, [])
    assert err.startswith("raman-edge: ")
    assert err.count("\n") == 1


def test_a_recording_is_identified_as_a_file(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> None:
    """``identify`` reads a recording like any other file: a record for each exposure, numbered in the file."""
    code, records, _ = answers(capsys, "identify", recorded(tmp_path / "run.recording"), "--model", model, "--json")
    assert code == 0
    assert [record["decision"] for record in records] == ["match"] * 4
    assert [record["source"].get("index", 0) for record in records if isinstance(record["source"], dict)] == [0, 1, 2, 3]
