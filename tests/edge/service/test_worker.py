"""The second process: started when it pays, and never a reason to lose, repeat or wait for anything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import build
import calibrations
import command
import msgspec
import pytest
from markers import slow
from raman_edge import records
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.service import worker as module
from raman_edge.service.worker import IDLE_S, MANY, QUEUED, IdentifiedSpectrum, Worker, WorkerSettings, answer_all
from raman_edge.sources import Batch
from raman_edge.sources.files import RawFile
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.service.worker import Event

PATIENCE_S = 120.0
EVENTS: tuple[Event, ...] = (
    build.spectrum("Quartz", 1),
    Fault(Origin("file", "bad.txt", "0" * 64), "it is no spectrum"),
    RawFile(Origin("file", "good.csv", "1" * 64), build.text("Calcite", 2).encode()),
    RawFile(Origin("file", "words.txt", "2" * 64), b"no spectrum at all\n" * 30),
    RawFile(Origin("file", "axis.csv", "3" * 64), build.text("Calcite", 4).encode(), None, calibrations.fresh(0.1)),
    RawFile(Origin("file", "ended.csv", "4" * 64), build.text("Calcite", 5).encode(), None, calibrations.fresh(ended=True)),
    build.spectrum("Gypsum", 3),
)


@pytest.fixture
def opening(tmp_path: Path) -> WorkerSettings:
    """What names spectra, in a folder of its own."""
    path, references = build.write_pair(tmp_path)
    model = Model.open(path)
    library = Library.open(references, network=model.card.network)
    return WorkerSettings(path, 1, library, records.provenance(model, library))


@pytest.fixture
def worker(opening: WorkerSettings) -> Iterator[Worker]:
    """A worker on a machine of two processors."""
    with Worker(Model.open(opening.path), opening, processors=2) as made:
        yield made


def children() -> list[int]:
    """Return the processes that were started and have not ended."""
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def talking() -> list[str]:
    """Return the threads that talk to a second process."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("worker")]


def ask(worker: Worker, events: tuple[Event, ...]) -> list[IdentifiedSpectrum]:
    """Have a batch of a backlog answered."""
    batch = Batch(events, waiting=MANY)
    return worker.result(batch, worker.answer(batch))


def wait_until_ready(worker: Worker) -> int:
    """Let it start its second process, wait until that is ready, and return its number."""
    ask(worker, EVENTS[:1])
    assert worker._process is not None
    worker._process._ready.result(PATIENCE_S)
    (pid,) = children()
    return pid


def summary(answers: list[IdentifiedSpectrum]) -> list[tuple[int, str, object]]:
    """Return the contents of answers without their times."""
    return [(answer.place, answer.decision, _timeless(answer)) for answer in answers]


def _timeless(answer: IdentifiedSpectrum) -> object:
    line: dict[str, object] = msgspec.json.decode(answer.row.facts.line)
    spectrum = answer.row.spectrum and answer.row.spectrum.digest
    return {name: value for name, value in line.items() if name not in {"ts", "ms"}}, spectrum


@pytest.mark.parametrize(("waiting", "processors"), [(MANY - 1, 2), (MANY, 1), (0, 2)])
def test_nothing_is_started_for_few_files_or_on_one_processor(opening: WorkerSettings, waiting: int, processors: int) -> None:
    """Where a start does not pay, or there is no processor for it, all is done here."""
    with Worker(Model.open(opening.path), opening, processors=processors) as worker:
        answers = worker.answer(Batch(EVENTS, waiting))
        assert answers.done()
        assert children() == []


def test_it_answers_as_the_first_one_does(worker: Worker, opening: WorkerSettings) -> None:
    """Spectra, files and faults are answered by the second process with the same places, words, numbers and rows."""
    pid = wait_until_ready(worker)
    there = ask(worker, EVENTS)
    here = answer_all(EVENTS, Model.open(opening.path), opening.library, opening.provenance)
    assert summary(there) == summary(here)
    assert [answer.decision for answer in there] == ["match", "fault", "match", "fault", "match", "fault", "match"]
    # Faults and the last one can be shown.
    assert [answer.event is None for answer in there] == [True, False, True, False, True, False, False]
    assert children() == [pid]


def test_it_gets_no_more_than_it_can_do_soon(worker: Worker) -> None:
    """With its queue full, or nothing waiting behind it, a batch is answered here at once."""
    pid = wait_until_ready(worker)
    os.kill(pid, signal.SIGSTOP)
    try:
        batches = [Batch(EVENTS[:1], waiting=MANY) for _ in range(QUEUED + 1)]
        futures = [worker.answer(batch) for batch in batches]
        assert [one.done() for one in futures] == [False] * QUEUED + [True]
        assert worker.answer(Batch(EVENTS[:1])).done()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert all(len(worker.result(batch, one)) == 1 for batch, one in zip(batches, futures, strict=True))


def test_killed_in_the_middle_its_work_is_done_here(worker: Worker) -> None:
    """What a killed process had is answered here, in full; it is not started again, and leaves no thread."""
    pid = wait_until_ready(worker)
    os.kill(pid, signal.SIGSTOP)
    batches = [Batch(EVENTS, waiting=MANY) for _ in range(QUEUED)]
    futures = [worker.answer(batch) for batch in batches]
    os.kill(pid, signal.SIGKILL)
    assert [len(worker.result(batch, one)) for batch, one in zip(batches, futures, strict=True)] == [len(EVENTS)] * QUEUED
    assert worker.answer(Batch(EVENTS, waiting=MANY)).done()
    assert (children(), talking()) == ([], [])


def test_stuck_it_is_given_up(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not answer in time is ended, even if it does not hear, and its work is done here."""
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    os.kill(wait_until_ready(worker), signal.SIGSTOP)
    assert len(ask(worker, EVENTS)) == len(EVENTS)
    assert (children(), talking()) == ([], [])


@pytest.mark.parametrize("how", ["another", "none", "garbage"])
def test_another_model_in_its_place_is_refused(opening: WorkerSettings, how: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Where the model's file is not what it was, the second process does nothing and says nothing, and all is answered here."""
    model = Model.open(opening.path)
    if how == "none":
        opening.path.unlink()
    elif how == "garbage":
        opening.path.write_bytes(b"no model")
    else:
        build.write_model(opening.path, name="another")
    with Worker(model, opening, processors=2) as worker:
        assert worker.answer(Batch(EVENTS, waiting=MANY)).done()
        assert worker._process is not None
        with pytest.raises(EOFError):
            worker._process._ready.result(PATIENCE_S)
        assert len(ask(worker, EVENTS)) == len(EVENTS)
        assert (children(), talking()) == ([], [])
    assert capfd.readouterr().err == ""


def test_what_cannot_be_sent_is_answered_here(worker: Worker) -> None:
    """An event that no other process can be given is no reason to lose its batch."""
    wait_until_ready(worker)
    event = Fault(Origin("file", "a"), "why")
    object.__setattr__(event, "why", _Local("why"))
    assert [answer.decision for answer in ask(worker, (event,))] == ["fault"]


class _Local(str):
    """A text that stays where it is."""

    __slots__ = ()

    def __reduce__(self) -> str:
        raise TypeError("it stays here")


def test_no_process_more(opening: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no process can be started all is done here, and that is tried once."""
    tried: list[WorkerSettings] = []

    def refused(settings: WorkerSettings) -> object:
        tried.append(settings)
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module, "WorkerProcess", refused)
    with Worker(Model.open(opening.path), opening, processors=2) as worker:
        for _ in range(3):
            assert worker.answer(Batch(EVENTS, waiting=MANY)).done()
    assert len(tried) == 1


def test_it_ends_when_it_is_idle(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a backlog for a while it is ended, not before; the next backlog starts it again."""
    now = time.monotonic()
    monkeypatch.setattr(module, "monotonic", lambda: now)
    pid = wait_until_ready(worker)
    now += IDLE_S
    worker.rest()
    assert children() == [pid]
    now += 1.0
    worker.rest()
    assert (children(), talking()) == ([], [])
    assert wait_until_ready(worker) != pid


def test_leaving_ends_it(opening: WorkerSettings) -> None:
    """At the end nothing is left, whatever is under way."""
    with Worker(Model.open(opening.path), opening, processors=2) as worker:
        wait_until_ready(worker)
        worker.answer(Batch(EVENTS, waiting=MANY))
    assert (children(), talking()) == ([], [])


def test_leaving_while_it_starts_ends_it(opening: WorkerSettings) -> None:
    """A second process that has not taken its end of the pipe yet is not waited for."""
    with Worker(Model.open(opening.path), opening, processors=2) as worker:
        worker.answer(Batch(EVENTS, waiting=MANY))
    assert (children(), talking()) == ([], [])


# As processes

SCRIPT = """
import sys
from raman_edge.service import worker
from raman_edge.cli import main
print("runs", file=sys.stderr)
worker._processors = lambda: 2
sys.exit(main(sys.argv[1:]))
"""
FILES = MANY + 400


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with as many files as make a second process worth its start."""
    place = tmp_path_factory.mktemp("backlog")
    (place / "in").mkdir()
    text = build.text("Quartz")
    for number in range(FILES):
        (place / "in" / f"{number}.csv").write_text(f"{text}1401, {number}\n")
    build.write_pair(place)
    return place


class Script:
    """A user's script without a guard around its work, in a process group of its own."""

    def __init__(self, backlog: Path, place: Path) -> None:
        import subprocess

        (place / "script.py").write_text(SCRIPT)
        self.journal = place / "j.sqlite3"
        called = ["watch", backlog / "in", "--model", backlog / "tiny.onnx", "--journal", self.journal, "--once", "--json"]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": (place / "out").open("wb"), "stderr": (place / "err").open("wb")}
        self.process = subprocess.Popen(
            [sys.executable, place / "script.py", *called],
            **pipes,  # type: ignore[call-overload]  # pipes by name
            env=command.environment(),
            start_new_session=True,
        )
        self._place = place

    def wait_for_second(self) -> int:
        """Wait until it has started a second process and return its number."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            for pid in map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()):
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
            time.sleep(0.005)
        raise AssertionError(f"no second process: {self.errors}")

    @property
    def errors(self) -> str:
        """Its standard error."""
        return (self._place / "err").read_text()

    @property
    def lines(self) -> int:
        """How many answers it has given."""
        return (self._place / "out").read_bytes().count(b"\n")


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked up in /proc")


@linux_only
def test_a_script_without_a_guard_is_not_run_twice(backlog: Path, tmp_path: Path) -> None:
    """A script that calls the command at its top level runs once, and every answer comes once."""
    script = Script(backlog, tmp_path)
    script.wait_for_second()
    assert script.process.wait(PATIENCE_S) == 0
    assert script.errors.count("runs") == 1
    assert script.lines == FILES


@linux_only
@pytest.mark.parametrize("after_s", [0.05, *slow(0.0, 0.8)])
def test_ctrl_c_reaches_both_and_the_first_decides(backlog: Path, tmp_path: Path, after_s: float) -> None:
    """SIGINT to the whole group, whenever it comes, ends the run cleanly with 130; the second process has nothing to say to it."""
    script = Script(backlog, tmp_path)
    second = script.wait_for_second()
    time.sleep(after_s)
    os.killpg(script.process.pid, signal.SIGINT)
    assert script.process.wait(PATIENCE_S) in {130, 0}  # a quick machine is done by then
    assert "Traceback" not in script.errors
    assert "failed; journal" in script.errors
    assert not _runs(second)


@linux_only
@pytest.mark.parametrize("after_s", [0.0, *slow(0.8)])
def test_the_first_one_killed_the_second_ends(backlog: Path, tmp_path: Path, after_s: float) -> None:
    """Nothing is left of a run that is killed, whenever that is."""
    script = Script(backlog, tmp_path)
    second = script.wait_for_second()
    time.sleep(after_s)
    script.process.kill()
    script.process.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while _runs(second) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(second)


def _runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@linux_only
def test_killed_from_outside_nothing_is_lost(backlog: Path, tmp_path: Path) -> None:
    """A second process that the system kills in the middle of a backlog costs nothing: every file is answered once."""
    script = Script(backlog, tmp_path)
    second = script.wait_for_second()
    time.sleep(0.6)
    os.kill(second, signal.SIGKILL)
    assert script.process.wait(PATIENCE_S) == 0
    assert script.lines == FILES
