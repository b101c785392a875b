"""The checks of ``raman-edge doctor`` on made-up machines: facts in, a finding out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from calibrations import fresh
from msgspec.structs import replace
from raman_edge.diagnostics.doctor import calibrations, examine, folders, journals, machine, models, software
from raman_edge.diagnostics.doctor.database import DatabaseFacts
from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok
from raman_edge.diagnostics.verify_model import ModelCheck
from raman_edge.journal.schema import APPLICATION, SCHEMA
from raman_edge.matching.user_library import database as own_database
from raman_edge.sources.scan import Scan

GIB = 2**30
MONTH = timedelta(days=30)
MADE = replace(fresh(), expires=fresh().made + MONTH)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACKAGES = {"numpy": "2.4"}
EXTRAS = ["numpy>=1", "paho-mqtt>=2; extra == 'mqtt'", "prometheus-client>=0.20; extra == 'metrics'", "torch>=2; extra == 'train'"]


def ago(**time: float) -> str:
    """Return a time as records have it."""
    return (NOW - timedelta(**time)).isoformat().replace("+00:00", "Z")


def journal(newest: str, count: int = 10, **more: object) -> DatabaseFacts:
    """Return what was seen in a journal."""
    facts: dict[str, object] = {"application": APPLICATION, "schema": SCHEMA, "write_ahead": True, "tables": 3}
    return DatabaseFacts(**facts | {"rows": ((count, newest, newest, count),)} | more)  # type: ignore[arg-type]  # the fields of Looked


@pytest.mark.parametrize(
    ("finding", "level", "words"),
    [
        (software.python((3, 12, 1), "aarch64", PACKAGES, wide=True), "ok", "Python 3.12.1 on aarch64, numpy 2.4"),
        (software.python((3, 10, 9), "x86_64", PACKAGES, wide=True), "wrong", "needs Python 3.11 or newer"),
        (software.python((3, 11, 2), "armv7l", PACKAGES, wide=False), "wrong", "install a 64-bit system"),
        (software.python((3, 11, 2), "x86_64", {"rich": ""}, wide=True), "wrong", "rich missing"),
        (software.onnxruntime({"onnxruntime": "1.31"}, vnni=True), "ok", "onnxruntime 1.31, the only one; int8 in one"),
        (software.onnxruntime({"onnxruntime": "1.31"}, vnni=False), "ok", "no VNNI: int8 models take twice as long"),
        (software.onnxruntime({}, vnni=False), "wrong", "pip install 'raman-edge[cpu]'"),
        (
            software.onnxruntime({"onnxruntime": "1.31", "onnxruntime-gpu": "1.31"}, vnni=True),
            "wrong",
            "pip uninstall -y onnxruntime onnxruntime-gpu",
        ),
        (software.extras(EXTRAS, {"paho-mqtt": "2.2"}.get, ["jsonl:a"]), "ok", "installed: mqtt; not: metrics"),  # type: ignore[arg-type]
        (software.extras(EXTRAS, lambda _: "", ["mqtts://h/t"]), "wrong", "pip install 'raman-edge[mqtt]'"),
        (software.extras(EXTRAS, lambda _: "", ["prometheus:9", "mqtt://h/t"]), "wrong", "'raman-edge[metrics,mqtt]'"),
        (software.variables({"PATH": "/bin"}), "ok", "no RAMAN_EDGE_ variable"),
        (software.variables({"RAMAN_EDGE_POLL_S": "1", "RAMAN_EDGE_MQTT_PASSWORD": "x"}), "ok", "RAMAN_EDGE_POLL_S set"),
        (software.variables({"RAMAN_EDGE_CALIBRATIONS": "/c", "RAMAN_EDGE_CALIBRATION": "SN"}), "ok", "RAMAN_EDGE_CALIBRATIONS set"),
        (calibrations.judged(MADE, MADE.made + 0.5 * MONTH), "ok", "of SN-1, 15.0 days old, 0.23 cm-1 rms, good for 15 days"),
        (calibrations.judged(replace(MADE, rms=None), MADE.made), "ok", "of SN-1, 0.0 days old, one line, good for 30 days"),
        (calibrations.judged(MADE, MADE.made + 0.9 * MONTH), "warning", "27.0 days old, ends in 3.0 days"),
        (calibrations.judged(MADE, MADE.expires), "wrong", "30.0 days old, ended on 2026-02-01 03:04 UTC: nothing is answered"),
        (software.variables({"RAMAN_EDGE_POL_S": "1"}), "warning", "RAMAN_EDGE_POL_S: nothing reads it"),
        (machine.processors(4, 1, {"OMP_NUM_THREADS": "1"}), "ok", "4 processors, 1 thread"),
        (machine.processors(2, 4, {}), "warning", "--threads 2"),
        (machine.processors(4, 1, {"OPENBLAS_NUM_THREADS": "4"}), "warning", "unset OPENBLAS_NUM_THREADS"),
        (machine.memory("MemTotal: 9\nMemAvailable: 1048576 kB\n", None), "ok", "1024 MiB free"),
        (machine.memory("MemAvailable: 102400 kB\n", None), "warning", "100 MiB free"),
        (machine.memory("MemAvailable: 1048576 kB\n", 128 * 2**20), "warning", "limited to 128 MiB"),
        (machine.memory("", None), "ok", "does not tell"),
        (machine.heat(["45000\n", "x", "51234"], ""), "ok", "51 °C"),
        (machine.heat(["81000"], ""), "warning", "give it air"),
        (machine.heat(["60000"], "50005\n"), "warning", "the voltage is too low, the processor is throttled"),
        (machine.heat(["60000"], "50000"), "ok", "short of power since it was started"),
        (machine.heat([], ""), "ok", "no temperature"),
        (machine.time_of_day(0), "ok", "kept right"),
        (machine.time_of_day(5), "warning", "timedatectl set-ntp true"),
        (machine.time_of_day(None), "ok", "does not tell"),
        (machine.serial([]), "ok", "none is connected"),
        (machine.serial([("/dev/ttyUSB0", True)]), "ok", "/dev/ttyUSB0, for this user too"),
        (machine.serial([("/dev/ttyUSB0", True), ("/dev/ttyACM0", False)]), "warning", "not for this user: /dev/ttyACM0"),
        (machine.service({"INVOCATION_ID": "a", "WATCHDOG_USEC": "1"}, []), "ok", "started by systemd, with a watchdog"),
        (machine.service({}, ["raman-edge.service"]), "ok", "raman-edge.service runs"),
        (machine.service({}, []), "ok", "docs/running has one"),
        (journals.room(50 * GIB, None), "ok", "50.0 GiB free"),
        (journals.room(50 * GIB, GIB), "ok", "which lasts 50 days"),
        (journals.room(5 * GIB, GIB), "warning", "which lasts 5 days"),
        (journals.room(GIB // 2, None), "warning", "name a larger disk"),
        (journals.room(1000, None), "wrong", "make room"),
        (journals.content(journal(ago(minutes=5)), NOW), "ok", "10, the newest 5 minutes old"),
        (journals.content(journal(ago(hours=-3)), NOW), "warning", "3 hours in the future"),
        (journals.content(journal(ago(days=1), write_ahead=False), NOW), "warning", "not in write-ahead mode"),
        (journals.content(journal(ago(days=800), schema=SCHEMA - 1), NOW), "ok", f"2 years old; schema {SCHEMA - 1}, brought up to"),
        (journals.content(journal(ago(), count=0), NOW), "ok", "none yet"),
        (journals.content(journal(ago(), application=1, why="no such column: ts"), NOW), "wrong", "another program"),
        (journals.content(journal(ago(), schema=SCHEMA + 1), NOW), "wrong", "update raman-edge"),
        (journals.content(DatabaseFacts(why="file is not a database"), NOW), "wrong", "file is not a database"),
        (journals.content(journal("no time at all"), NOW), "ok", "57 years old"),
        (journals.content(journal("2026-11-22T11:00:00"), NOW), "ok", "60 minutes old"),
        (models.judged(DatabaseFacts(), "own"), "ok", "own: 0 spectra taught"),
        (journals.held([]), "ok", "no process"),
        (journals.held([7]), "ok", "process 7 has the journal open"),
        (journals.held([7, 9]), "warning", "process 7, 9 have the journal open"),
        (folders.content("in", 3, Scan({"in": 1}, {})), "ok", "'in': 3 files that are looked at, in 1 folders"),
        (
            folders.content("in", 3, Scan({}, {"in/a": "cannot be listed: x", "in/b": ""})),
            "warning",
            "'in/a' cannot be listed: x, and 1 more",
        ),
        (folders.waiting({"none": 5, "open": 1}, 2), "ok", "of the newest 6: 1 being written, 0 not readable; 2 empty"),
        (folders.waiting({"denied": 1}, 0), "warning", "let this user read them"),
        (folders.leases({"none": 1, "unknown": 2}, network=False), "ok", "tells when a file is complete; not for 2 files"),
        (folders.leases({"unknown": 2}, network=False), "ok", "when it lies still for 1 s"),
        (folders.leases({}, network=False), "ok", "no file to try them on"),
        (folders.leases({"none": 1}, network=True), "ok", "lies still for 3 s"),
        (folders.events("8192\n", 10, network=False), "ok", "8192 folders allowed"),
        (folders.events("8192\n", 9000, network=False), "warning", "fs.inotify.max_user_watches=18000"),
        (folders.events("", 1, network=False), "ok", "twice a second"),
        (folders.events("8192", 1, network=True), "ok", "every 2 s"),
        (folders.clock([], 0), "ok", "no file"),
        (folders.clock([10**9], 2 * 10**9), "ok", "no file is from the future"),
        (folders.clock([0, 70 * 10**9], 10**9), "warning", "69 s in the future"),
        (folders.writable("output", Path("/a"), there=True, allowed=True), "ok", "can be written"),
        (folders.writable("output", Path("/a"), there=False, allowed=False), "wrong", "/a is no folder"),
        (folders.writable("output", Path("/a"), there=True, allowed=False), "wrong", "ReadWritePaths=/a"),
        (
            models.judged(DatabaseFacts(own_database.APPLICATION, own_database.SCHEMA, tables=2, rows=((4,),)), "own"),
            "ok",
            "own: 4 spectra taught",
        ),
        (models.judged(DatabaseFacts(1, 1, tables=1, why="no such table: entries"), "own"), "wrong", "another program"),
        (models.judged(DatabaseFacts(own_database.APPLICATION, 99), "own"), "wrong", "schema 99"),
        (models.judged(DatabaseFacts(why="denied"), "own"), "wrong", "go without: --no-user-library"),
    ],
)
def test_a_fact_is_judged(finding: Finding, level: str, words: str) -> None:
    """Good, warning or wrong, with what was found and, unless it is good, what to do."""
    assert finding.level == level
    assert words in f"{finding.found} | {finding.todo}"
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
def test_what_the_verification_said_is_told(given: list[ModelCheck], signed: bool, expected: list[tuple[str, str]]) -> None:  # noqa: FBT001
    """One line for the model, one for the library, one for the signature where it was asked for; a broken model ends it."""
    found = list(models.model(given, "m.onnx", signed=signed))
    assert [(finding.check, finding.level) for finding in found] == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), None),
        (((0, None, None, 0),), None),
        (((100, ago(days=700), ago(), 70),), 700 / 7 * 1.0),
        (((100, ago(minutes=1), ago(), 100),), 1000.0),
        (((100, ago(days=2), ago(), 100),), 500.0),
    ],
)
def test_the_rate_is_that_of_the_last_week(rows: tuple[tuple[object, ...], ...], expected: float | None) -> None:
    """A thousand bytes a hundred records; a backlog answered in a minute counts as a day's work."""
    assert journals.growth(1000, rows, NOW) == (None if expected is None else pytest.approx(expected))


def test_who_holds_a_file_is_read_from_the_kernels_locks() -> None:
    """By device and inode; a process once, however many locks it has, and no other file's."""
    locks = (
        "1: POSIX  ADVISORY  READ  1234 fd:01:77 128 128\n2: POSIX  ADVISORY  WRITE 1234 fd:01:77 120 120\n"
        "3: FLOCK  ADVISORY  WRITE 5 fd:01:77 0 EOF\n4: POSIX  ADVISORY  READ  9 fd:01:78 128 128\nnonsense\n"
        "4: -> POSIX  ADVISORY  READ  8 fd:01:77 0 EOF\n5: OFDLCK ADVISORY  READ  -1 fd:01:77 0 EOF\n"
    )
    assert journals.holders(locks, [(0xFD01, 77)]) == [-1, 1234]
    assert journals.holders("", [(0xFD01, 77)]) == []


@pytest.mark.parametrize(
    ("there", "writable", "network", "level"),
    [(False, True, False, "ok"), (False, False, False, "wrong"), (False, True, True, "wrong")],
)
def test_the_place_of_the_journal_is_judged(tmp_path: Path, there: bool, writable: bool, network: bool, level: str) -> None:  # noqa: FBT001
    """It has to be writable and on a disk of this machine; it need not be there yet."""
    path = tmp_path / "j.sqlite3"
    assert path.exists() == there
    assert journals.where(path, tmp_path, writable=writable, network=network).level == level
    assert journals.where(tmp_path, tmp_path, writable=True, network=False).level == "wrong"


def test_a_check_that_may_not_look_does_not_end_the_others() -> None:
    """What the system refuses is told, and the next check is made."""

    def refused(_: DoctorSettings) -> list[Finding]:
        raise PermissionError(13, "Permission denied", "/closed")

    asked = DoctorSettings(Path("j"), Path("m"), Path("l"))
    found = list(examine(asked, [refused, lambda _: [ok("next", "made")]]))
    assert [finding.check for finding in found] == ["test_doctor_judgements", "next"]
    assert found[0].found == "could not be looked at to the end: Permission denied (/closed)"


def test_this_machine_is_looked_at() -> None:
    """Every check of a machine answers here, whatever it finds."""
    found = list(machine.look(DoctorSettings(Path("j"), Path("m"), Path("l"))))
    assert [finding.check for finding in found] == ["processors", "memory", "heat", "time", "terminal", "serial ports", "service"]
