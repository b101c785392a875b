"""The checks of ``raman-edge doctor`` on real folders and files, and on any text that a system may say."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import build
import markers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.diagnostics import doctor
from raman_edge.diagnostics.doctor import DoctorSettings, Finding
from raman_edge.errors import ConfigError
from raman_edge.journal import Journal
from raman_edge.matching.user_library import UserLibrary
from raman_edge.sources.scan import FileCandidate, Signature

NUMBERS = st.integers(-(2**70), 2**70).map(str) | st.sampled_from(["", "max", "0x5", "-", "1e9", "\0"])


def requested(root: Path, **more: object) -> DoctorSettings:
    """Return a question about the files in ``root``."""
    return DoctorSettings(**{"journal": root / "j.sqlite3", "model": root / "m.onnx", "library": root / "m.library.npz"} | more)  # type: ignore[arg-type]  # its fields


def by_check(found: object) -> dict[str, Finding]:
    """Return findings by the name of the check."""
    return {finding.check: finding for finding in found}  # type: ignore[attr-defined]  # findings


# folders


def test_no_folder_is_no_trouble(tmp_path: Path) -> None:
    """Without one, the advice is how to name it."""
    (found,) = doctor.folders(requested(tmp_path))
    assert (found.level, found.check) == ("ok", "folder")
    assert "doctor DIR" in found.found


def test_a_folder_is_looked_at_as_watch_does(tmp_path: Path) -> None:
    """By the same rules: names that do not fit, hidden and half-written files are not counted, folders below are."""
    (tmp_path / "below").mkdir()
    for name in ("a.csv", "below/b.csv", "c.txt", ".hidden.csv", "half.csv.part"):
        (tmp_path / name).write_text("x")
    found = by_check(doctor.folders(requested(tmp_path, folder=str(tmp_path), match=("*.csv",))))
    assert "2 matching files in 2 folders" in found["folder"].found
    assert found["files"].found.startswith("of the newest 2: 0 being written")


def test_failed_files_are_not_looked_at_again(tmp_path: Path) -> None:
    """The folder that they are moved to may lie in the watched one."""
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "bad.csv").write_text("x")
    found = by_check(doctor.folders(requested(tmp_path, folder=str(tmp_path), move_failed=tmp_path / "failed")))
    assert "0 matching files" in found["folder"].found
    assert found["failed files"].level == "ok"


def test_a_network_share_is_no_place_for_a_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write-ahead log cannot be shared over a network."""
    monkeypatch.setattr(doctor, "is_network", lambda _: True)
    found = by_check(doctor.journal(requested(tmp_path)))
    assert found["journal"].level == "wrong"
    assert "network" in found["journal"].found


def test_a_folder_that_cannot_be_listed_is_a_warning(tmp_path: Path) -> None:
    """The rest of the tree is watched all the same."""
    deep = tmp_path.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    found = by_check(doctor.folders(requested(tmp_path, folder=str(tmp_path))))
    assert found["folder"].level == "warning"
    assert "more than 8 folders deep" in found["folder"].found


@pytest.mark.parametrize("name", [pytest.param(b"und\xff\xe9.csv", marks=markers.POSIX), b"\x1b[31mred.csv", "größe.csv".encode()])
def test_names_may_be_any_bytes(tmp_path: Path, name: bytes) -> None:
    """A folder of such a name is found and reported."""
    folder = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    try:
        os.mkdir(folder)  # noqa: PTH102 - bytes
    except OSError:
        pytest.skip("no such name on this file system")
    found = by_check(doctor.folders(requested(tmp_path, folder=os.fsdecode(folder))))
    assert found["folder"].level == "ok"


def test_files_that_vanish_meanwhile_are_no_trouble(tmp_path: Path) -> None:
    """Listed, and gone when they are opened."""
    gone = FileCandidate(str(tmp_path / "gone"), Signature(0, 0, 0, 0, 0))
    assert doctor.opened([gone]) == {"gone": 1}


def test_only_the_newest_files_are_opened(tmp_path: Path) -> None:
    """A hundred thousand answered ones cost nothing."""
    path = tmp_path / "a"
    path.write_text("x")
    old = [FileCandidate(str(tmp_path / "none"), Signature(0, 0, 0, index, 0)) for index in range(1000)]
    new = [FileCandidate(str(path), Signature(0, 0, 0, 10_000, 0))] * doctor.MOST_OPENED
    states = doctor.opened([*new, *old])
    assert states.total() == doctor.MOST_OPENED
    assert "gone" not in states


# journals


def test_a_new_journal_will_lie_in_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    """The nearest one that is decides."""
    found = by_check(doctor.journal(requested(tmp_path, journal=tmp_path / "a" / "b" / "j.sqlite3")))
    assert set(found) == {"journal", "disk"}
    assert found["journal"].level == "ok"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_journal_has_no_records(tmp_path: Path) -> None:
    """Made, and nothing answered yet; an empty file too."""
    with Journal.open(tmp_path / "j.sqlite3") as journal:
        assert journal.newest() == 0
    assert by_check(doctor.journal(requested(tmp_path)))["records"].found == "none yet"
    (tmp_path / "empty.sqlite3").touch()
    assert by_check(doctor.journal(requested(tmp_path, journal=tmp_path / "empty.sqlite3")))["records"].found == "none yet"


def test_another_programs_database_is_no_journal(tmp_path: Path) -> None:
    """With a table of the same name, and without one."""
    for name in ("records", "other"):
        with closing(sqlite3.connect(tmp_path / f"{name}.sqlite3")) as connection:
            connection.execute(f"CREATE TABLE {name} (x)")
        found = by_check(doctor.journal(requested(tmp_path, journal=tmp_path / f"{name}.sqlite3")))["records"]
        assert (found.level, found.found) == ("wrong", "the file is the database of another program")


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    """It is reported, and nothing of it is read."""
    assert by_check(doctor.journal(requested(tmp_path, journal=tmp_path)))["journal"].level == "wrong"


# models


def test_the_users_library_is_counted(tmp_path: Path) -> None:
    """None, one that was named and does not exist, one that does."""
    path = tmp_path / "own.sqlite3"
    build.write_pair(tmp_path)
    assert by_check(doctor.models(requested(tmp_path)))["own library"].found == "none"
    assert by_check(doctor.models(requested(tmp_path, own=path)))["own library"].level == "wrong"
    with UserLibrary.open(path, create=True):
        pass
    assert by_check(doctor.models(requested(tmp_path, own=path)))["own library"].found == f"{path}: 0 spectra"


def test_without_onnxruntime_the_model_cannot_be_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is missed once, with how to install it, and the own library is looked at all the same."""

    def missing(*_: object, **__: object) -> None:
        msg = "onnxruntime is not installed: pip install 'raman-edge[cpu]'"
        raise ConfigError(msg)

    model, library = build.write_pair(tmp_path)
    monkeypatch.setattr("raman_edge.model.model.open_session", missing)
    found = list(doctor.models(requested(tmp_path, model=model, library=library)))
    assert [(finding.check, finding.level) for finding in found] == [("model", "wrong"), ("own library", "ok")]
    assert "pip install" in found[0].found
    monkeypatch.setattr("raman_edge.model.runtime.installed", missing)
    assert by_check(doctor.software(requested(tmp_path)))["onnxruntime"].level == "wrong"


@pytest.mark.parametrize(("notes", "level"), [((), "ok"), (("CUDA did not load",), "warning")])
def test_a_gpu_that_is_not_used_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: tuple[str, ...], level: str) -> None:
    """Only where the wheel for it is installed."""
    model, library = build.write_pair(tmp_path)
    assert "gpu" not in by_check(doctor.models(requested(tmp_path, model=model, library=library)))
    monkeypatch.setattr("raman_edge.model.runtime.installed", lambda: {"onnxruntime-gpu": "1.31"})
    monkeypatch.setattr("raman_edge.model.runtime.notes", lambda *_, **__: notes)
    assert by_check(doctor.models(requested(tmp_path, model=model, library=library)))["gpu"].level == level


# machine and software


@pytest.mark.parametrize(
    ("outputs", "installed", "level", "part"),
    [
        (("jsonl:a",), (), "ok", "every output"),
        (("mqtts://h/t",), (), "wrong", "raman-edge[mqtt]"),
        (("mqtts://h/t",), ("paho",), "ok", "every output"),
        (("prometheus:9", "mqtt://h/t"), (), "wrong", "raman-edge[metrics,mqtt]"),
    ],
)
def test_an_output_needs_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outputs: tuple[str, ...], installed: tuple[str, ...], level: str, part: str
) -> None:
    """A package that an output needs and that is not installed would stop the run."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if name in installed else None)
    found = by_check(doctor.software(requested(tmp_path, to=outputs)))["extras"]
    assert found.level == level
    assert part in f"{found.found} {found.todo}"


@pytest.mark.parametrize(
    ("environ", "level", "part"),
    [
        ({"PATH": "/bin"}, "ok", "no RAMAN_EDGE_ variable"),
        ({"RAMAN_EDGE_POLL_S": "1", "RAMAN_EDGE_MQTT_PASSWORD": "x"}, "ok", "RAMAN_EDGE_POLL_S is set"),
        ({"RAMAN_EDGE_CALIBRATIONS": "/c", "RAMAN_EDGE_CALIBRATION": "SN"}, "ok", "RAMAN_EDGE_CALIBRATIONS is set"),
        ({"RAMAN_EDGE_POL_S": "1"}, "warning", "unknown variable RAMAN_EDGE_POL_S"),
    ],
)
def test_a_misspelt_variable_is_found(tmp_path: Path, environ: dict[str, str], level: str, part: str) -> None:
    """Nothing reads it, so that its setting would be missing; a secret is named, never shown."""
    found = by_check(doctor.software(requested(tmp_path, environ=environ)))["environment"]
    assert (found.level, part in found.found) == (level, True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="sensors are read on Linux")
def test_the_hottest_sensor_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all groups that psutil lists; a machine without any has no heat to report."""
    sensors = {"cpu": [SimpleNamespace(current=45.0)], "nvme": [SimpleNamespace(current=85.0)]}
    monkeypatch.setattr("psutil.sensors_temperatures", lambda: sensors)
    assert by_check(doctor.machine(requested(tmp_path)))["heat"].level == "warning"
    monkeypatch.setattr("psutil.sensors_temperatures", dict)
    assert "no temperature sensor" in by_check(doctor.machine(requested(tmp_path)))["heat"].found


@given(st.text(), NUMBERS)
def test_no_text_of_a_system_ends_a_check(text: str, number: str) -> None:
    """Whatever the environment and a journal hold, there is a finding."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    settings = DoctorSettings(Path("j"), Path("m"), Path("l"), environ={text: number, "OMP_NUM_THREADS": number}, to=(text,))
    found = [doctor.processors(2, settings), *doctor.software(settings)]
    assert all(finding.level in {"ok", "warning", "wrong"} and finding.found for finding in found)
    assert doctor.bytes_a_day(1000, ((3, text, number),), now) is not None
