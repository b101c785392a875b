"""``raman-edge serial`` with a simulated instrument: what is measured is named, and what cannot be done is reported."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import build
import calibrations
import laser_instrument
import markers
import pytest
import soak
from raman_edge import cli, sqlite_file
from raman_edge.calibration import store
from raman_edge.cli import instruments
from raman_edge.instruments.ports import PortInfo, PortUse
from raman_edge.instruments.serial import probe
from raman_edge.journal import Journal
from raman_edge.service import remembered
from raman_edge.service.measure import LinkSettings, MeasureRun, doubt_advice
from raman_edge.simulator.ports import PtyAt

if TYPE_CHECKING:
    from raman_edge.errors import JournalUnavailable
    from raman_edge.service.worker import IdentifiedSpectrum
    from raman_edge.simulator.simulated import Simulated

PAGE = "ocean-sts"
"""Tells its serial number and its wavelengths, and not what laser shines."""
NUMBER = "SIM00001"
Outcome = tuple[int, list[dict[str, object]], str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, with its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the calibrations of this machine's user out of the tests."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


class Command:
    """``raman-edge serial`` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], model: Path, folder: Path) -> None:
        self._capsys, self._given = capsys, ("--model", model, "--journal", folder / "journal.sqlite3", "--no-user-library")

    def __call__(self, port: str, *options: str | Path, page: str | Path | None = PAGE) -> Outcome:
        """Run it; return exit code, records and what it says beside them."""
        named = () if page is None else ("--profile", page)
        code = cli.main([str(one) for one in ("serial", port, *named, *self._given, *options)])
        out, err = self._capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def serial(capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path) -> Command:
    """Return the command."""
    return Command(capsys, model, tmp_path)


def names(records: list[dict[str, object]]) -> list[object]:
    """Return the best match of every record."""
    return [record["matches"][0]["label"] for record in records]  # type: ignore[index]  # a record's matches


def keep(number: str, **more: object) -> str:
    """Keep a calibration for an instrument, and return its id."""
    made = calibrations.fresh(instrument=number, **more)  # type: ignore[arg-type]
    store.write(made, store.path_of(number))
    return made.id


def recorded_requests(simulated: Simulated) -> list[str]:
    """Return the list that fills with the requests to the instrument."""
    requests: list[str] = []
    simulated.note = requests.append
    return requests


# What is measured


def test_what_is_measured_is_named(serial: Command, tmp_path: Path) -> None:
    """So many spectra as were wanted come out as lines, from their port, and in an output; the last line says how it went."""
    out = tmp_path / "out.jsonl"
    with laser_instrument.instrument(PAGE, faults=["silence@3", "nak@4"]) as simulated:
        port = simulated.port
        code, records, err = serial(port, "--laser", "785", "--count", "5", "--output", f"jsonl:{out}")
    assert code == 0
    results = [record for record in records if record["event"] == "result"]
    assert names(results) == ["Calcite"] * 5
    assert [(record["source"]["kind"], record["source"]["path"]) for record in results] == [("serial", port)] * 5  # type: ignore[index]
    assert {json.loads(line)["id"] for line in out.read_bytes().splitlines()} == {record["id"] for record in records}
    assert [record["event"] for record in records].count("fault") == 2
    last = err.splitlines()[-1]
    assert "5 matches; 2 failed; 5 frames, 1 late, 1 refused, 1 stale; journal" in last


def test_a_cable_that_is_out_for_a_while(serial: Command) -> None:
    """Unplugged in the middle of a spectrum the run goes on once it is back, and every good frame is answered."""
    with laser_instrument.instrument(PAGE, faults=["unplug@4:for=0.05"]) as simulated:
        code, records, err = serial(simulated.port, "--laser", "785", "--count", "5")
    assert (code, names([record for record in records if record["event"] == "result"])) == (0, ["Calcite"] * 5)
    assert "5 frames" in err.splitlines()[-1]
    assert "1 reconnects" in err.splitlines()[-1]
    assert any("connection lost" in str(record.get("why")) for record in records)


def test_another_instrument_is_refused(serial: Command) -> None:
    """Where another one is plugged in instead, the run ends and names both serial numbers; what came before is answered."""
    with laser_instrument.instrument(PAGE, faults=["unplug@4:for=0.05,serial=OTHER"]) as simulated:
        code, records, err = serial(simulated.port, "--laser", "785")
    assert code == 69
    assert names([record for record in records if record["event"] == "result"]) == ["Calcite"] * 2
    assert f"serial number OTHER, expected serial number {NUMBER}" in err


def test_a_line_is_a_spectrum(serial: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe every line of standard input is one spectrum, and its end is the end."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\nanything\n"))
    with laser_instrument.instrument(PAGE) as simulated:
        code, records, _ = serial(simulated.port, "--laser", "785", "--trigger", "key")
    assert (code, names(records)) == (0, ["Calcite"] * 3)


def test_something_steady_is_a_spectrum(serial: Command) -> None:
    """The gate answers what holds still in the beam, once it has been seen twice."""
    with laser_instrument.instrument(PAGE) as simulated:
        code, records, err = serial(simulated.port, "--laser", "785", "--trigger", "sample", "--count", "1")
    assert (code, names(records)) == (0, ["Calcite"])
    assert int(re.findall(r"(\d+) frames", err)[0]) >= 2


def test_the_exposure_is_searched(serial: Command) -> None:
    """The highest line comes to 70-85 % of saturation, and that exposure is reported and used."""
    with laser_instrument.instrument(PAGE) as simulated:
        code, records, err = serial(simulated.port, "--laser", "785", "--exposure", "auto", "--count", "1")
        used = simulated.device.exposure_s
    assert (code, names(records)) == (0, ["Calcite"])
    assert f"exposure {used:g} s: the highest line is at " in err


@pytest.mark.parametrize(("method", "dark"), [("shutter", "shutter_close"), ("laser", "laser_off")])
def test_the_dark_is_taken_by_what_keeps_light_out(serial: Command, tmp_path: Path, method: str, dark: str) -> None:
    """With a shutter or an armed laser the dark needs no person; the answer is of lit exposures, and both are as before at the end."""
    page = laser_instrument.write(tmp_path, method)
    with laser_instrument.instrument(str(page)) as simulated:
        requests = recorded_requests(simulated)
        code, records, _ = serial(simulated.port, "--dark", "take", "--arm-laser", "--count", "1", page=page)
        assert (simulated.device.laser, simulated.device.shutter) == (False, True)
    assert (code, names(records)) == (0, ["Calcite"])
    assert dark in requests[requests.index("laser_on") : -1]
    assert requests.index("laser_on") < requests.index("acquire")


# Calibrations


def test_the_instruments_own_calibration_is_used(serial: Command) -> None:
    """Kept under its serial number it is found without being named, and every record names it; ``none`` leaves it out."""
    kept = keep(NUMBER)
    with laser_instrument.instrument(PAGE) as simulated:
        _, (found,), _ = serial(simulated.port, "--count", "1", "--laser", "785")
        code, (without,), _ = serial(simulated.port, "--count", "1", "--laser", "785", "--calibration", "none")
    assert kept in json.dumps(found)
    assert (code, kept in json.dumps(without)) == (0, False)


@pytest.mark.parametrize(("number", "ended", "expected"), [(NUMBER, True, "Measure the standard again"), ("OTHER", False, NUMBER)])
def test_a_calibration_that_does_not_hold_is_refused(serial: Command, number: str, ended: bool, expected: str) -> None:  # noqa: FBT001
    """One that is too old, or of another instrument, measures nothing."""
    keep(number, ended=ended)
    with laser_instrument.instrument(PAGE) as simulated:
        code, records, err = serial(simulated.port, "--count", "1", "--calibration", number)
    assert (code, records) == (78, [])
    assert expected in err


def test_a_port_calibrates_and_is_calibrated(serial: Command, capsys: pytest.CaptureFixture[str], kept: Path) -> None:
    """A standard measured at the port shows how far the instrument is off, is kept by its serial number, and used from then on."""
    with laser_instrument.instrument(PAGE, "polystyrene") as simulated:
        measured = ("calibrate", "--port", simulated.port, "--profile", PAGE, "--laser", "786", "--standard", "polystyrene")
        assert cli.main([*measured, "--average", "3", "--dark", "none"]) == 0
        calibration = json.loads(capsys.readouterr().out)
        assert (kept / f"{NUMBER}.json").is_file()
        simulated.material("Calcite")
        code, (record,), _ = serial(simulated.port, "--count", "1")
    assert (code, names([record])) == (0, ["Calcite"])
    assert str(calibration["id"]) in json.dumps(record)
    places = [peak["at"] for peak in record["matches"][0]["peaks"]["matched"]]  # type: ignore[index]  # a record's matches
    assert min(abs(at - 1086.0) for at in places) < 1.5  # with the other laser it would be off by sixteen


# What cannot be done


@pytest.mark.parametrize(
    ("options", "page", "code", "expected"),
    [
        ((), PAGE, 78, "laser"),
        (("--laser", "2000"), PAGE, 78, "axis without Raman lines"),
        (("--laser", "785", "--baud", "300"), PAGE, 78, "unknown baud rate: got 300"),
        (("--laser", "785", "--arm-laser"), PAGE, 78, "no command that switches a laser on"),
        (("--laser", "785", "--exposure", "60000"), PAGE, 78, "exposure out of range: got 60000 s"),
        (("--laser", "785", "--dark", "nothing"), PAGE, 78, "no such dark"),
        (("--laser", "785", "--calibration", "nothing"), PAGE, 78, "unknown calibration"),
        (("--laser", "785", "--record", "."), PAGE, 78, "the recording cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_reported(serial: Command, options: tuple[str, ...], page: str | None, code: int, expected: str) -> None:
    """Options that cannot be met end with the code of their kind and a reason on one line, and nothing is answered."""
    with laser_instrument.instrument(PAGE) as simulated:
        got, records, err = serial(simulated.port, *options, "--count", "1", page=page)
    assert (got, records) == (code, [])
    assert expected in err
    assert "Traceback" not in err


def test_what_is_not_a_port_is_reported(serial: Command, tmp_path: Path) -> None:
    """A port that is not there is 69; line options at an instrument that has no line are 78; a recording that is there stays."""
    code, _, err = serial(str(tmp_path / "ttyUSB0"), "--laser", "785")
    assert (code, "ttyUSB0: not found" in err, "Plug it in" in err) == (69, True, True)
    code, _, err = serial("ocean:", "--laser", "785")
    assert (code, "option of serial ports" in err) == (78, True)
    (tmp_path / "run.recording").write_text("mine")
    with laser_instrument.instrument(PAGE) as simulated:
        code, _, err = serial(simulated.port, "--laser", "785", "--count", "1", "--record", tmp_path / "run.recording")
    assert (code, (tmp_path / "run.recording").read_text()) == (78, "mine")
    assert "name a new file" in err


def test_a_defect_leaves_no_laser_on(serial: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails in the middle of a run, the laser is off after it."""

    def fail(*_: object) -> None:
        assert laser_instrument.shines(simulated)
        msg = "a defect"
        raise RuntimeError(msg)

    monkeypatch.setattr(MeasureRun, "show", fail)
    page = laser_instrument.write(tmp_path)
    with laser_instrument.instrument(str(page)) as simulated:
        code, _, err = serial(simulated.port, "--arm-laser", page=page)
        assert not laser_instrument.shines(simulated)
    assert (code, "internal error (RuntimeError)" in err) == (70, True)


def test_a_defect_is_reported_above_a_laser_that_may_be_on(serial: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the laser does not go off after a defect, both are reported, the laser last, and the exit code is the laser's."""

    def fail(*_: object) -> None:
        simulated.fault("nak:on=laser_off,every=1")
        msg = "a defect"
        raise RuntimeError(msg)

    monkeypatch.setattr(MeasureRun, "show", fail)
    page = laser_instrument.write(tmp_path)
    with laser_instrument.instrument(str(page)) as simulated:
        code, _, err = serial(simulated.port, "--arm-laser", page=page)
    assert code == 74
    assert "internal error (RuntimeError)" in err
    assert "LASER MAY STILL BE ON: lit on " in err.splitlines()[-1]


def test_a_journal_that_another_program_holds_is_waited_for(serial: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another program writes to the journal the instrument waits; what was measured is answered then, and nothing twice."""
    monkeypatch.setattr(sqlite_file, "BUSY_S", 0.1)
    show, rest = MeasureRun.show, MeasureRun._wait
    held: list[sqlite3.Connection] = []

    def hold(run: MeasureRun, answer: IdentifiedSpectrum) -> None:
        show(run, answer)
        if not held:
            held.append(sqlite3.connect(tmp_path / "journal.sqlite3", isolation_level=None))
            held[0].execute("BEGIN IMMEDIATE")

    def let_go(run: MeasureRun, error: JournalUnavailable) -> None:
        if held[0].in_transaction:
            held[0].execute("ROLLBACK")
        rest(run, error)

    monkeypatch.setattr(MeasureRun, "show", hold)
    monkeypatch.setattr(MeasureRun, "_wait", let_go)
    with laser_instrument.instrument(PAGE) as simulated:
        code, records, err = serial(simulated.port, "--laser", "785", "--count", "6")
    held[0].close()
    assert code == 0
    assert err.count("Another program holds it") == 1
    results = [str(record["id"]) for record in records if record["event"] == "result"]
    assert len(results) == len(set(results)) == 6
    with Journal.open(tmp_path / "journal.sqlite3", create=False) as journal:
        assert {str(json.loads(line)["id"]) for line in journal.records()} == {str(record["id"]) for record in records}


@pytest.mark.slow
def test_every_frame_is_accounted_for() -> None:
    """With a fault at every twentieth spectrum, all good ones are answered and all bad ones counted."""
    report = soak.soak(200, every=20)
    assert report.struck >= 9
    assert report.is_right, report


# What is remembered, and advised


def test_what_was_given_once_is_remembered(serial: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """The first run names profile and laser, the second one nothing; ``instruments`` shows, renames and forgets it."""
    with laser_instrument.instrument(PAGE) as simulated:
        assert serial(simulated.port, "--laser", "785", "--count", "1", "--name", "Bench")[0] == 0
        code, records, _ = serial(simulated.port, "--count", "1", page=None)
        assert (code, names(records)) == (0, ["Calcite"])
        assert cli.main(["instruments", "show"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert (shown["name"], shown["profile"], shown["serial_number"], shown["laser_nm"]) == ("Bench", PAGE, NUMBER, 785)
        assert cli.main(["instruments", "rename", NUMBER, "Bench 2"]) == 0
        assert cli.main(["instruments", "show", "Bench 2"]) == 0
        assert json.loads(capsys.readouterr().out)["name"] == "Bench 2"
        assert cli.main(["instruments", "forget", "Bench 2"]) == 0
        assert cli.main(["instruments", "forget", "Bench 2"]) == 78
        assert serial(simulated.port, "--count", "1")[0] == 78  # the laser is unknown again
        assert f"raman-edge serial {simulated.port} --profile {PAGE} --laser 785" in serial(simulated.port, "--count", "1")[2]


def test_an_option_wins_over_what_is_remembered_for_one_run(serial: Command) -> None:
    """A laser that is given is used, and the remembered one stays."""
    with laser_instrument.instrument(PAGE) as simulated:
        for laser in ("785", "780"):
            _, (record,), _ = serial(simulated.port, "--laser", laser, "--count", "1")
        _, (again,), _ = serial(simulated.port, "--count", "1", page=None)
    assert record["id"] != again["id"]
    assert remembered.load()[0].laser_nm == 785


def test_an_instrument_without_an_axis_needs_a_calibration(serial: Command) -> None:
    """In a pipe that is exit code 78, with the command that makes one; nothing is guessed, and no journal is made."""
    with laser_instrument.instrument("tcd1304-rossel") as simulated:
        code, records, err = serial(simulated.port, "--laser", "785", page="tcd1304-rossel")
    assert (code, records) == (78, [])
    assert f"`raman-edge calibrate --port {simulated.port} --profile tcd1304-rossel --laser 785 --standard polystyrene`" in err


def test_a_calibration_by_name_is_found_by_the_next_run(
    serial: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instrument without a serial number is calibrated by its remembered name, without a word about it, and keeps it when renamed."""
    monkeypatch.setattr(probe, "ANSWER_S", 0.02)  # it answers no request of another instrument
    page = "tcd1304-rossel"
    with laser_instrument.instrument(page, "polystyrene") as simulated:
        serial(simulated.port, "--laser", "785", page=page)
        measured = ("calibrate", "--port", simulated.port, "--standard", "polystyrene", "--exposure", "0.05", "--average", "3")
        assert cli.main([*measured, "--dark", "none"]) == 0
        capsys.readouterr()
        simulated.material("Calcite")
        assert serial(simulated.port, "--count", "1", page=None)[0] == 0
        assert cli.main(["instruments", "rename", remembered.load()[0].name, "My CCD"]) == 0
        code, (record,), _ = serial(simulated.port, "--count", "1", page=None)
    assert (code, names([record])) == (0, ["Calcite"])
    assert store.of_device("My CCD", "DIY TCD1304 + STM32F40x, firmware of E. Rossel") is not None
    assert '"rms"' in json.dumps(record)


def test_a_laser_that_is_not_armed_is_named_where_the_signal_is_weak(serial: Command, tmp_path: Path) -> None:
    """Once, with the option; an armed one is not."""
    page = laser_instrument.write(tmp_path)
    with laser_instrument.instrument(str(page)) as simulated:
        code, records, err = serial(simulated.port, "--count", "3", page=page)
        assert (code, {record.get("decision") for record in records}) == (0, {"rejected"})
        assert err.count("--arm-laser") == 1
        assert "--arm-laser" not in serial(simulated.port, "--count", "1", "--arm-laser", page=page)[2]


def test_frames_that_stay_broken_doubt_the_profile() -> None:
    """After three broken ones and no whole one the profile is doubted."""
    with laser_instrument.instrument(PAGE, faults=["truncate:every=1"]) as simulated:
        spectrometer = LinkSettings(port=simulated.port, profile=PAGE).open(threading.Event())
        with spectrometer:
            for _ in range(60):
                if doubt_advice(spectrometer):
                    break
                spectrometer.expose()
            assert doubt_advice(spectrometer).startswith(f"no whole spectrum so far: is {PAGE} the right profile?")


def test_root_is_no_group_to_join() -> None:
    """A port of root's group needs a rule, and the group that it names."""
    port = PortInfo("/dev/ttyUSB0", "/dev/ttyUSB0", "", PortUse("denied", group="root"))
    lines = " ".join(instruments.advice([port], Path("/proc/version")))
    assert "usermod -aG root" not in lines
    assert "usermod -aG dialout" in lines


@markers.POSIX
def test_two_that_were_on_this_port_and_a_third_one_that_is(serial: Command, tmp_path: Path) -> None:
    """Neither of the remembered ones is taken for it, whatever they were on; a remembered one on another port brings its laser."""
    link = PtyAt(tmp_path / "ttyRAMAN")
    for number, laser in (("A1", "633"), ("B2", "532")):
        with laser_instrument.instrument(PAGE, at=link) as simulated:
            simulated.device.begin(serial=number)
            assert serial(simulated.port, "--laser", laser, "--count", "1")[0] == 0
    with laser_instrument.instrument(PAGE, at=link) as simulated:
        simulated.device.begin(serial="C3")
        code, records, err = serial(simulated.port, "--count", "1", page=PAGE)
        assert (code, records) == (78, [])  # neither 633 nor 532
        assert err.count("another instrument is there") == 2
    with laser_instrument.instrument(PAGE) as simulated:
        simulated.device.begin(serial="A1")
        serial(simulated.port, "--count", "1")
    assert [one.serial_number for one in remembered.load()] == ["A1", "C3", "B2"]
    assert {one.serial_number: one.laser_nm for one in remembered.load()} == {"A1": 633.0, "B2": 532.0, "C3": None}
