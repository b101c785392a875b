"""The checks of ``raman-edge doctor`` on made-up machines: facts in, a finding out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from calibrations import fresh
from msgspec.structs import replace
from raman_edge.diagnostics import doctor
from raman_edge.diagnostics.doctor import DoctorSettings, Finding
from raman_edge.diagnostics.verify_model import ModelCheck
from raman_edge.journal.database import APPLICATION, SCHEMA
from raman_edge.matching import user_library
from raman_edge.sources.scan import Scan
from raman_edge.sqlite_file import DatabaseFacts

MIB, GIB = 2**20, 2**30
MONTH = timedelta(days=30)
MADE = replace(fresh(), expires=fresh().made + MONTH)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def settings(threads: int = 1, **more: object) -> DoctorSettings:
    """Return settings of a machine."""
    return DoctorSettings(Path("j"), Path("m"), Path("l"), threads=threads, **more)  # type: ignore[arg-type]  # its fields


def ago(**time: float) -> int:
    """Return a time as the journal has it."""
    return round((NOW - timedelta(**time)).timestamp() * 1000)


def journal(newest: object, count: int = 10, **more: object) -> DatabaseFacts:
    """Return the facts of a journal."""
    facts: dict[str, object] = {"application": APPLICATION, "schema": SCHEMA, "write_ahead": True, "tables": 3}
    return DatabaseFacts(**facts | {"rows": ((count, newest, newest),)} | more)  # type: ignore[arg-type]  # its fields


@pytest.mark.parametrize(
    ("finding", "level", "part"),
    [
        (doctor.onnxruntime({"onnxruntime": "1.31"}, vnni=True), "ok", "onnxruntime 1.31, the only one; int8 in one"),
        (doctor.onnxruntime({"onnxruntime": "1.31"}, vnni=False), "ok", "no VNNI: int8 models take twice as long"),
        (doctor.onnxruntime({}, vnni=False), "wrong", "pip install 'raman-edge[cpu]'"),
        (
            doctor.onnxruntime({"onnxruntime": "1.31", "onnxruntime-gpu": "1.31"}, vnni=True),
            "wrong",
            "pip uninstall -y onnxruntime onnxruntime-gpu",
        ),
        (doctor.calibrated(MADE, MADE.made + 0.5 * MONTH), "ok", "of SN-1, 15.0 days old, 0.23 cm-1 rms, valid for 15 days"),
        (doctor.calibrated(replace(MADE, rms=None), MADE.made), "ok", "of SN-1, 0.0 days old, one line, valid for 30 days"),
        (doctor.calibrated(MADE, MADE.made + 0.9 * MONTH), "warning", "27.0 days old, expires in 3.0 days"),
        (doctor.calibrated(MADE, MADE.expires), "wrong", "30.0 days old, expired on 2026-02-01 03:04 UTC"),
        (doctor.processors(4, settings(environ={"OMP_NUM_THREADS": "1"})), "ok", "4 processors, 1 thread"),
        (doctor.processors(2, settings(4)), "warning", "--threads 2"),
        (doctor.processors(4, settings(environ={"OPENBLAS_NUM_THREADS": "4"})), "warning", "unset OPENBLAS_NUM_THREADS"),
        (doctor.processors(4, settings(environ={"OPENBLAS_NUM_THREADS": "many"})), "ok", "4 processors"),
        (doctor.memory(GIB), "ok", "1024 MiB available"),
        (doctor.memory(100 * MIB), "warning", "100 MiB available"),
        (doctor.heat([45.0, 51.234], 0), "ok", "51 °C"),
        (doctor.heat([81.0], 0), "warning", "cool it"),
        (doctor.heat([60.0], 0x50005), "warning", "the voltage is too low, the processor is throttled"),
        (doctor.heat([60.0], 0x50000), "ok", "short of power since the start"),
        (doctor.heat([], 0), "ok", "no temperature sensor"),
        (doctor.clock(0), "ok", "is synchronised"),
        (doctor.clock(5), "warning", "timedatectl set-ntp true"),
        (doctor.clock(None), "ok", "unknown"),
        (doctor.serial({}), "ok", "none connected"),
        (doctor.serial({"/dev/ttyUSB0": True}), "ok", "/dev/ttyUSB0"),
        (doctor.serial({"/dev/ttyUSB0": True, "/dev/ttyACM0": False}), "warning", "not for this user: /dev/ttyACM0"),
        (doctor.disk(50 * GIB, None), "ok", "50.0 GiB free"),
        (doctor.disk(50 * GIB, GIB), "ok", "which lasts 50 days"),
        (doctor.disk(5 * GIB, GIB), "warning", "which lasts 5 days"),
        (doctor.disk(GIB // 2, None), "warning", "name a larger disk"),
        (doctor.disk(1000, None), "wrong", "make room"),
        (doctor.records(journal(ago(minutes=5)), NOW), "ok", "10, the newest 5 minutes old"),
        (doctor.records(journal(ago(hours=-3)), NOW), "warning", "3 hours in the future"),
        (doctor.records(journal(ago(days=1), write_ahead=False), NOW), "warning", "not in write-ahead mode"),
        (doctor.records(journal(ago(days=800)), NOW), "ok", f"2 years old; schema {SCHEMA}"),
        (doctor.records(journal(ago(), count=0), NOW), "ok", "none yet"),
        (doctor.records(journal(ago(), application=1, problem="no such column: ts"), NOW), "wrong", "another program"),
        (doctor.records(journal(ago(), schema=SCHEMA + 1), NOW), "wrong", "update raman-edge"),
        (doctor.records(DatabaseFacts(problem="file is not a database"), NOW), "wrong", "file is not a database"),
        (doctor.records(journal("no time at all"), NOW), "ok", "57 years old"),
        (doctor.records(journal(2**62), NOW), "ok", "57 years old"),
        (doctor.records(journal("2026-11-22T11:00:00"), NOW), "ok", "60 minutes old"),
        (doctor.in_use([]), "ok", "no process"),
        (doctor.in_use([7]), "ok", "open in process 7"),
        (doctor.in_use([7, 9]), "warning", "open in process 7, 9"),
        (doctor.content("in", 3, Scan({"in": 1}, {})), "ok", "'in': 3 matching files in 1 folders"),
        (
            doctor.content("in", 3, Scan({}, {"in/a": "cannot be listed: x", "in/b": ""})),
            "warning",
            "'in/a' cannot be listed: x, and 1 more",
        ),
        (doctor.references(DatabaseFacts(), "own"), "ok", "own: 0 spectra"),
        (
            doctor.references(DatabaseFacts(user_library.APPLICATION, user_library.SCHEMA, tables=2, rows=((4,),)), "own"),
            "ok",
            "own: 4 spectra",
        ),
        (doctor.references(DatabaseFacts(1, tables=1), "own"), "wrong", "another program"),
        (doctor.references(DatabaseFacts(user_library.APPLICATION, 99), "own"), "wrong", "schema 99"),
        (doctor.references(DatabaseFacts(problem="denied"), "own"), "wrong", "denied"),
    ],
)
def test_a_fact_is_judged(finding: Finding, level: str, part: str) -> None:
    """Good, warning or wrong, with what was found and, unless it is good, what to do."""
    assert finding.level == level
    assert part in f"{finding.found} | {finding.todo}"
    assert bool(finding.todo) == (level != "ok")


def checks(**passed: bool | None) -> list[ModelCheck]:
    """Return the checks of a model."""
    names = ("file", "digest", "structure", "card", "probe", "library", "signature")
    return [ModelCheck(name, passed.get(name, True), f"{name} said") for name in names]


@pytest.mark.parametrize(
    ("given", "signed", "expected"),
    [
        (checks(), False, [("model", "ok"), ("library", "ok")]),
        (checks(), True, [("model", "ok"), ("library", "ok"), ("signature", "ok")]),
        (checks(card=False, probe=None, library=None, signature=None), False, [("model", "wrong")]),
        (checks(library=False, signature=None), False, [("model", "ok"), ("library", "wrong")]),
        (checks(signature=False), True, [("model", "ok"), ("library", "ok"), ("signature", "wrong")]),
    ],
)
def test_a_verification_is_judged(given: list[ModelCheck], signed: bool, expected: list[tuple[str, str]]) -> None:  # noqa: FBT001
    """One line for the model, one for the library, one for the signature where a key is given; a broken model ends it."""
    found = list(doctor.verified(given, "m.onnx", signed=signed))
    assert [(finding.check, finding.level) for finding in found] == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), None),
        (((0, None, None),), None),
        (((100, ago(days=50), ago()),), 20.0),
        (((100, ago(minutes=1), ago()),), 1000.0),
        (((100, "2026-11-20T12:00:00Z", ago()),), 500.0),
    ],
)
def test_the_rate_is_the_mean_so_far(rows: tuple[tuple[object, ...], ...], expected: float | None) -> None:
    """A thousand bytes of records; a backlog identified in a minute counts as a day's work."""
    assert doctor.bytes_a_day(1000, rows, NOW) == (None if expected is None else pytest.approx(expected))


def test_a_check_that_is_not_permitted_does_not_end_the_others() -> None:
    """It is reported, and the next check is made."""

    def closed(_: DoctorSettings) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/closed")

    found = list(doctor.examine(settings(), [closed, lambda _: [doctor.ok("next", "made")]]))
    assert [finding.check for finding in found] == ["closed", "next"]
    assert (found[0].level, "/closed" in found[0].found) == ("wrong", True)


def test_this_machine_is_checked() -> None:
    """Every check of a machine has a finding here, whatever it is."""
    found = list(doctor.machine(settings()))
    assert [finding.check for finding in found] == ["processors", "memory", "heat", "time", "serial ports"]


def test_without_psutil_its_checks_are_reported_as_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """One warning that names the extra; the other checks are made."""
    monkeypatch.setattr(doctor, "psutil", None)
    found = list(doctor.machine(settings()))
    assert [finding.check for finding in found] == ["machine", "time", "serial ports"]
    assert found[0].level == "warning"
    assert "raman-edge[doctor]" in found[0].todo
