"""A folder watched with a wavenumber calibration: applied, named, refused when it has ended, and taken anew."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import build
import calibrations
import command
import msgspec
import numpy as np
import pytest
from raman_edge import cli, records
from raman_edge.calibration import store
from raman_edge.cli import journal_records
from raman_edge.journal import Journal
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.service import watch as service_watch
from raman_edge.service.run import follow
from raman_edge.service.worker import Worker, WorkerSettings
from raman_edge.sources.files import RawFile
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules
from raman_edge.spectrum import Fault, Origin, Spectrum
from watch_process import PATIENCE_S, Watch, digests, journaled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.service.worker import IdentifiedSpectrum

TEXT = build.text("Calcite").encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file, a model beside it, and a place for calibrations of its own."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "kept"))
    build.write_pair(tmp_path)
    path = tmp_path / "in"
    path.mkdir()
    (path / "one.csv").write_bytes(TEXT)
    return path


def keep(calibration: Calibration) -> Calibration:
    """Keep a calibration where it is found by its instrument."""
    store.write(calibration, store.path_of(calibration.instrument))
    return calibration


def watch(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> tuple[int, list[dict[str, object]], str]:
    """Answer what lies there, and return the exit code, the records and standard error."""
    places = ("--model", str(folder.parent / "tiny.onnx"), "--journal", str(folder.parent / "journal.sqlite3"))
    code = cli.main(("watch", str(folder), *places, "--no-user-library", "--once", "--stable", "0.1", *more))
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def axis(found: dict[str, object]) -> object:
    """Return the id of the calibration that a record names."""
    named = found["calibration"]
    return named["id"] if isinstance(named, dict) else None


def test_records_name_it_and_a_replay_gives_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Record and journal have the calibrated axis and what made it; answered again, the answer is the same, also without the file."""
    used = keep(calibrations.fresh(0.2))
    code, (found,), _ = watch(capsys, folder, "--calibration", "SN-1")
    assert (code, found["decision"], axis(found)) == (0, "match", used.id)
    assert found["calibration"] == {"id": used.id, "age_days": pytest.approx(used.age_days(used.expires) - 30, abs=0.1), "rms": 0.235}
    with Journal.open(folder.parent / "journal.sqlite3", create=False) as journal:
        (held,) = journal.results()
    assert held.spectrum is not None
    assert held.spectrum.calibrated is not None
    assert (held.spectrum.calibrated.id, held.spectrum.calibrated.made, held.spectrum.calibrated.rms) == (used.id, used.made, used.rms)
    assert held.spectrum.axis.shift[0] == pytest.approx(150.0 + 1e7 * 0.2 / 794.3**2, abs=0.1)
    assert held.spectrum.meta == {"format": "delimited text (commas, decimal point)", "laser_nm": "785"}
    axis_text = dict(journal_records.facts(held))["axis"]
    assert axis_text.startswith(f"calibration {used.id[:12]}, ")
    assert axis_text.endswith(" days old at that time, 0.235 cm⁻¹ rms")
    store.path_of("SN-1").unlink()
    places = ("--model", str(folder.parent / "tiny.onnx"), "--journal", str(folder.parent / "journal.sqlite3"))
    assert cli.main(("journal", "recheck", "--all", "--no-user-library", *places)) == 0
    assert '"same": true' in capsys.readouterr().out


def test_a_content_is_answered_once_for_each_calibration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another calibration is another answer, with an id of its own; the same one again, in a file of its own, is not."""
    first, second = keep(calibrations.fresh()), calibrations.fresh(0.1)
    ids = [watch(capsys, folder)[1], watch(capsys, folder, "--calibration", "SN-1")[1]]
    store.write(first, folder.parent / "copy.json")
    assert watch(capsys, folder, "--calibration", str(folder.parent / "copy.json"))[1] == []
    keep(second)
    ids.append(watch(capsys, folder, "--calibration", "SN-1")[1])
    assert [axis(found) for (found,) in ids] == [None, first.id, second.id]
    assert len({str(found["id"]) for (found,) in ids}) == 3
    assert watch(capsys, folder)[1] == []


def test_a_fault_is_answered_once_for_each_calibration_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What one calibration is not of may be what another one is of: the fault has another id, and its file another chance."""
    keep(calibrations.fresh(pixels=True))
    code, (fault,), _ = watch(capsys, folder, "--calibration", "SN-1")
    assert code == 1
    assert "another kind of axis: got a Raman shift, expected pixels" in str(fault["why"])
    keep(calibrations.fresh(0.3, pixels=True))
    _, (again,), _ = watch(capsys, folder, "--calibration", "SN-1")
    assert again["why"] == fault["why"]
    assert again["id"] != fault["id"]
    keep(calibrations.fresh())
    code, (found,), _ = watch(capsys, folder, "--calibration", "SN-1")
    assert (code, found["decision"]) == (0, "match")


def test_pixels_are_read_where_a_calibration_makes_an_axis_of_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that numbers its points is a fault without, and named with the calibration of that detector."""
    counts = build.spectrum("Quartz", 3).counts
    rows = "\n".join(f"{pixel},{count:.2f}" for pixel, count in enumerate(counts))
    (folder / "one.csv").write_text(f"Pixels #,Intensity (a.u.)\n{rows}\n")
    _, (fault,), _ = watch(capsys, folder)
    assert "axis in pixels" in str(fault["why"])
    keep(calibrations.fresh(pixels=True))
    code, (found,), _ = watch(capsys, folder, "--calibration", "SN-1")
    assert (code, found["decision"]) == (0, "match")
    assert found["matches"][0]["label"] == "Quartz"  # type: ignore[index]


def test_what_cannot_be_used_is_refused_at_the_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a missing or expired calibration nothing is answered."""
    refused = [watch(capsys, folder, "--calibration", "SN-1")]
    keep(calibrations.fresh(ended=True))
    refused.append(watch(capsys, folder, "--calibration", "SN-1"))
    assert [(code, found) for code, found, _ in refused] == [(78, []), (78, [])]
    assert "unknown calibration" in refused[0][2]
    assert "Measure the standard again" in refused[1][2]


class Shown:
    """Takes the answers."""

    def __init__(self) -> None:
        self.answers: list[IdentifiedSpectrum] = []

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Take one."""
        self.answers.append(answer)

    def heartbeat(self, waiting: int) -> bool:
        """Go on."""
        return waiting < 0


def followed(folder: Path, calibration: Calibration) -> Sequence[object]:
    """Answer what lies in a folder as a run does that was started with this calibration, and return records."""
    model = Model.open(folder.parent / "tiny.onnx")
    library = Library.open(folder.parent / "tiny.library.npz", network=model.card.network)
    means = records.provenance(model, library, None, calibration.id)
    rules = ScanRules(calibration=calibration, move_failed=str(folder.parent / "failed"), stable_s=0.01, poll_s=0.01)
    shown = Shown()
    with Journal.open(folder.parent / "journal.sqlite3") as journal:
        source = FolderSource(str(folder), journal.memory(model.sha256, means.config), rules, once=True)
        with source, Worker(model, WorkerSettings(folder.parent / "tiny.onnx", 1, library, means), processors=1) as worker:
            follow(source, worker, journal, shown)
    return [answer.event for answer in shown.answers]


def test_one_that_ends_while_files_come_costs_none_of_them(folder: Path) -> None:
    """Each is a fault that says what to do, is not moved away as failed, and is answered with the next calibration."""
    (folder.parent / "failed").mkdir()
    (folder / "words.txt").write_text("no spectrum\n" * 30)
    faults = followed(folder, calibrations.fresh(ended=True))
    ended = ["expired on 2026-01-02 03:04 UTC. Measure the standard again" in fault.why for fault in faults if isinstance(fault, Fault)]
    assert sorted(ended) == [False, True]
    assert sorted(path.name for path in folder.iterdir()) == ["one.csv", "words.txt"]
    assert followed(folder, calibrations.fresh(ended=True)) == []
    named, words = sorted(followed(folder, calibrations.fresh(0.1)), key=lambda event: isinstance(event, Fault))
    assert not isinstance(named, Fault)
    assert isinstance(words, Fault)
    assert [path.name for path in folder.iterdir()] == ["one.csv"]


def test_the_next_calibration_is_used_automatically(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose calibration has expired reports it once, looks for the next one and answers all that waited."""
    real = service_watch.open_calibration
    given = iter([calibrations.fresh(ended=True)])
    monkeypatch.setattr(service_watch, "open_calibration", lambda name: next(given, None) or real(name))
    monkeypatch.setattr(service_watch, "SUCCESSOR_S", timedelta(seconds=0.1))
    keep(calibrations.fresh(ended=True))
    new, path = calibrations.fresh(0.1), folder.parent / "journal.sqlite3"

    over, deadline = threading.Event(), time.monotonic() + PATIENCE_S

    def until(count: int) -> None:
        while not (over.is_set() or (path.exists() and len(journaled(path)) >= count)) and time.monotonic() < deadline:
            over.wait(0.02)

    def renew() -> None:
        until(1)
        keep(new)
        until(2)
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    waiting = threading.Thread(target=renew)
    waiting.start()
    places = ("--model", str(folder.parent / "tiny.onnx"), "--journal", str(path))
    try:
        code = cli.main(("watch", str(folder), *places, "--no-user-library", "--calibration", "SN-1", "--stable", "0.1", "--poll", "0.1"))
    finally:
        over.set()
        waiting.join()
    out, err = capsys.readouterr()
    fault, found = map(json.loads, out.splitlines())
    assert (code, fault["event"], axis(found)) == (143, "fault", new.id)
    assert err.count("the calibration of 'SN-1' has expired") == 1
    assert err.count("reloaded: matched-filter") == 1


def test_a_successor_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked for before the end, nor where none is used; one that lies there is news once, and so is the one after it."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    notes: list[str] = []
    used = calibrations.fresh()
    looked = service_watch.CalibrationRenewal("SN-1", used, notes.append)
    later = [used.expires + step * service_watch.SUCCESSOR_S for step in range(6)]
    assert not looked.is_due(used.expires - service_watch.SUCCESSOR_S)
    assert not service_watch.CalibrationRenewal(None, None, notes.append).is_due(later[0])
    assert (looked.is_due(later[0]), len(notes)) == (False, 1)
    keep(msgspec.structs.replace(used, expires=used.expires + timedelta(days=1)))
    assert not looked.is_due(later[1] - service_watch.SUCCESSOR_S / 2)
    assert [looked.is_due(now) for now in later[1:4]] == [True, False, False]
    keep(msgspec.structs.replace(used, expires=used.expires + timedelta(days=2)))
    assert [looked.is_due(now) for now in later[4:]] == [True, False]
    assert len(notes) == 1


def test_a_file_goes_to_the_second_process_with_its_calibration() -> None:
    """What is parsed elsewhere is put on the same axis; a file that holds none is the fault it was."""
    used = calibrations.fresh(0.2)
    for data in (TEXT, b"no spectrum\n" * 30):
        here = RawFile(Origin("file", "a.csv", "0" * 64), data, None, used)
        (one,), (other,) = here.values(), pickle.loads(pickle.dumps(here)).values()  # noqa: S301 - our own
        if isinstance(one, Fault):
            assert one == other
            continue
        assert isinstance(one, Spectrum)
        assert one.calibrated == other.calibrated
        assert one.calibrated is not None
        assert one.calibrated.id == used.id
        assert np.array_equal(one.axis.shift, other.axis.shift)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal on Windows")
def test_a_reload_takes_the_new_one_and_keeps_the_old_where_that_has_ended(folder: Path) -> None:
    """After the signal everything is answered once with the new calibration; one that cannot be used changes nothing."""
    old, new = keep(calibrations.fresh()), calibrations.fresh(0.1)
    with Watch(folder, folder.parent / "tiny.onnx", "--calibration", store.path_of("SN-1"), "--stable", "0.1") as running:
        running.wait_for(1)
        keep(new)
        running.process.send_signal(signal.SIGHUP)
        running.wait_for(2)
        keep(calibrations.fresh(ended=True))
        running.process.send_signal(signal.SIGHUP)
        running.wait_until(lambda: running.noted("not reloaded, everything goes on as it was: calibration of 'SN-1'") > 0, "a note")
        (folder / "two.tmp").write_text(build.text("Quartz", 1))
        os.replace(folder / "two.tmp", folder / "two.csv")  # noqa: PTH105 - as instruments do
        running.wait_for(3)
        assert running.stop() == command.STOPPED
    assert [axis(found) for found in journaled(running.journal)] == [old.id, new.id, new.id]
    assert len(set(digests(running.lines))) == 2
    assert running.noted(f"calibration {new.id[:8]}") == 1
