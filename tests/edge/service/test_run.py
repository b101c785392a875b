"""From a source into the journal: what is kept is done, what is not kept comes again, in the order it came."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import build
import pytest
from raman_edge import records
from raman_edge.errors import JournalUnavailable
from raman_edge.journal import Journal
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.service import run
from raman_edge.service.run import AHEAD, follow
from raman_edge.service.worker import IdentifiedSpectrum, Worker, WorkerSettings, answer_all
from raman_edge.sources import Batch
from raman_edge.sources.files import RawFile
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from raman_edge.journal.chain import Prepared
    from raman_edge.service.worker import Event
    from raman_edge.spectrum import Spectrum

WAITING = 1000
"""Files behind a batch of a backlog."""


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> WorkerSettings:
    """What names spectra."""
    path, references = build.write_pair(tmp_path_factory.mktemp("pair"))
    model = Model.open(path)
    library = Library.open(references, network=model.card.network)
    return WorkerSettings(path, 1, library, records.provenance(model, library))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    with Journal.open(tmp_path / "journal.sqlite3") as opened:
        yield opened


class Script:
    """A source that gives these batches and records which are done."""

    def __init__(self, *batches: tuple[int, Sequence[Event]]) -> None:
        """Each batch is how many files wait behind it, and its events."""
        self._batches = batches
        self.given = 0
        self.done: list[tuple[int, list[int]]] = []
        """Number of a batch and which of its events failed, in the order in which they were done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held open."""

    def __iter__(self) -> Iterator[Batch]:
        for number, (waiting, events) in enumerate(self._batches):
            self.given += 1

            def done(failed: Collection[int], number: int = number) -> None:
                self.done.append((number, sorted(failed)))

            yield Batch(tuple(events), waiting, done)


class Later(Worker):
    """A worker whose second process answers a batch at its turn in the script, or when it is waited for."""

    def __init__(self, opening: WorkerSettings) -> None:
        super().__init__(Model.open(opening.path), opening, processors=1)
        self.submitted: list[tuple[Batch, Future[list[IdentifiedSpectrum]]]] = []
        self.rested = 0

    def answer(self, batch: Batch) -> Future[list[IdentifiedSpectrum]]:
        """Promise an answer."""
        self.submitted.append((batch, Future()))
        return self.submitted[-1][1]

    def result(self, batch: Batch, answers: Future[list[IdentifiedSpectrum]]) -> list[IdentifiedSpectrum]:
        """Answer now."""
        if not answers.done():
            self.finish(answers)
        return super().result(batch, answers)

    def finish(self, answers: Future[list[IdentifiedSpectrum]]) -> None:
        """Have an answer ready."""
        batch = next(batch for batch, requested in self.submitted if requested is answers)
        answers.set_result(answer_all(batch.events, self._model, self._settings.library, self._settings.provenance))

    def rest(self) -> None:
        """Count."""
        self.rested += 1


class Watcher:
    """Keeps what it was shown, and ends the run at its limit."""

    def __init__(self, ends_after: int = -1) -> None:
        self.shown: list[str] = []
        self.pulses: list[int] = []
        self._ends_after = ends_after

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Keep an answer."""
        self.shown.append(answer.row.facts.path)

    def heartbeat(self, waiting: int) -> bool:
        """Keep how many wait."""
        self.pulses.append(waiting)
        return len(self.pulses) == self._ends_after


class Refusing:
    """A journal that can be written so many times, and not again."""

    def __init__(self, journal: Journal, times: int) -> None:
        self._journal = journal
        self._left = times

    def add(self, rows: Sequence[Prepared]) -> tuple[bool, ...]:
        """Write, or fail."""
        self._left -= 1
        if self._left < 0:
            raise JournalUnavailable("the disk is full")
        return self._journal.add(rows)


def spectrum(number: int) -> Spectrum:
    """Return a spectrum of a file of its own."""
    return build.spectrum("Quartz", number, origin=Origin("file", f"{number}", f"{number:064x}"))


def paths(journal: Journal) -> list[str]:
    """Return which files the journal has answers to, oldest first."""
    return [records.decode(line).source.path for line in journal.records(oldest=True)]


def test_one_by_one_each_is_kept_and_shown_before_the_next(opening: WorkerSettings, journal: Journal) -> None:
    """Where nothing waits every batch is in the journal, done and shown before the source gets the request again."""
    source, watcher, kept = Script(*((0, [spectrum(number)]) for number in range(3))), Watcher(), []

    def heartbeat(waiting: int) -> bool:
        kept.append((waiting, len(paths(journal)), len(watcher.shown), len(source.done)))
        return False

    watcher.heartbeat = heartbeat  # type: ignore[method-assign]  # looked at from within
    follow(source, Later(opening), journal, watcher)
    assert kept == [(0, 1, 1, 1), (0, 2, 2, 2), (0, 3, 3, 3)]


def test_several_are_under_way_and_kept_in_their_order(opening: WorkerSettings, journal: Journal) -> None:
    """A backlog runs ahead so many batches, and is journaled, done and shown in the order in which it came, whichever is ready first."""
    worker, watcher = Later(opening), Watcher()
    source = Script(*((WAITING, [spectrum(number)]) for number in range(AHEAD + 3)))
    ahead = []

    def heartbeat(waiting: int) -> bool:  # noqa: ARG001 - of one version
        ahead.append(source.given - len(source.done))
        if source.given == 2:
            worker.finish(worker.submitted[1][1])  # the second before the first
        return False

    watcher.heartbeat = heartbeat  # type: ignore[method-assign]  # looked at from within
    follow(source, worker, journal, watcher)
    assert max(ahead) == AHEAD
    assert paths(journal) == watcher.shown == [str(number) for number in range(AHEAD + 3)]
    assert source.done == [(number, []) for number in range(AHEAD + 3)]


def test_what_is_ready_is_not_kept_waiting(opening: WorkerSettings, journal: Journal) -> None:
    """A batch that is answered is journaled with the next one that comes, however many wait."""
    worker, watcher = Worker(Model.open(opening.path), opening, processors=1), Watcher()
    source = Script(*((WAITING, [spectrum(number)]) for number in range(3)))
    watcher.heartbeat = lambda waiting: source.given > len(source.done)  # type: ignore[method-assign]  # noqa: ARG005 - would end the run
    follow(source, worker, journal, watcher)
    assert source.given == len(source.done) == 3


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_journal_that_fails_has_nothing_done(opening: WorkerSettings, journal: Journal, times: int) -> None:
    """Where writing fails with several batches under way only what was kept is done and shown, and the next run keeps each once."""
    batches = [(WAITING, [spectrum(2 * number), spectrum(2 * number + 1)]) for number in range(AHEAD + 2)]
    source, watcher = Script(*batches), Watcher()
    with pytest.raises(JournalUnavailable, match="full"):
        follow(source, Later(opening), Refusing(journal, times), watcher)  # type: ignore[arg-type]  # it is only written to
    assert [number for number, _ in source.done] == list(range(times))
    assert len(paths(journal)) == len(watcher.shown) == 2 * times
    again, later = Script(*batches), Watcher()
    follow(again, Later(opening), journal, later)
    assert len(again.done) == len(batches)
    assert paths(journal) == watcher.shown + later.shown == [str(number) for number in range(2 * len(batches))]


def test_a_source_that_ends_early_has_everything_kept(opening: WorkerSettings, journal: Journal) -> None:
    """What is under way when a source ends, or the watcher has enough, is kept and done all the same."""
    batches = [(WAITING, [spectrum(number)]) for number in range(AHEAD)]
    ended = Script(*batches)
    follow(ended, Later(opening), journal, Watcher())
    assert len(ended.done) == AHEAD
    enough, watcher = Script(*((WAITING, [spectrum(10 + number)]) for number in range(AHEAD))), Watcher(ends_after=2)
    follow(enough, Later(opening), journal, watcher)
    assert (enough.given, len(enough.done)) == (2, 2)
    assert watcher.pulses == [WAITING, WAITING]
    assert watcher.shown == ["10", "11"]


def test_a_stop_does_not_wait_for_what_comes_again(opening: WorkerSettings, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to stop, a run of a source that gives again what is not done leaves what is under way; else it answers all of it."""
    monkeypatch.setattr(run, "STOPPED_S", -1.0)
    batches = [(WAITING, [spectrum(number)]) for number in range(AHEAD)]
    stop = threading.Event()
    for is_set, done in ((False, AHEAD), (True, 0)):
        if is_set:
            stop.set()
        source = Script(*batches)
        follow(source, Later(opening), journal, Watcher(), stop)
        assert len(source.done) == done


def test_a_sign_of_life_lets_the_worker_rest(opening: WorkerSettings, journal: Journal) -> None:
    """An empty batch starts no work, settles what is under way, and is a heartbeat."""
    worker, watcher = Later(opening), Watcher()
    source = Script((WAITING, [spectrum(1)]), (0, []), (0, []))
    follow(source, worker, journal, watcher)
    assert (worker.rested, len(worker.submitted)) == (2, 1)
    assert watcher.pulses == [WAITING, 0, 0]


def test_the_source_hears_what_failed(opening: WorkerSettings, journal: Journal) -> None:
    """Places of faults are reported, also of files without a spectrum; not of a file with one good spectrum among its faults."""
    flat = build.spectrum("Quartz", 5, origin=Origin("file", "flat", "5" * 64))
    good = RawFile(Origin("file", "good.csv", "6" * 64), build.text().encode())
    words = RawFile(Origin("file", "words.txt", "7" * 64), b"no spectrum\n" * 30)
    half = _Half(Origin("file", "half.wdf", "8" * 64), b"")
    source = Script((0, [Fault(Origin("file", "empty"), "it is empty"), flat, good, words, half]))
    watcher = Watcher()
    follow(source, Later(opening), journal, watcher)
    assert source.done == [(0, [0, 3])]
    assert watcher.shown.count("half.wdf") == 2


class _Half(RawFile):
    """A file with one good spectrum in it and one that cannot be read."""

    def values(self) -> tuple[Spectrum | Fault, ...]:
        """Return both."""
        return build.spectrum("Quartz", 8, origin=self.origin), Fault(Origin("file", "half.wdf", "8" * 64, 1), "it is cut")


def test_what_the_journal_holds_is_not_shown_again(opening: WorkerSettings, journal: Journal) -> None:
    """An answer that stands in the journal is done, and neither written nor shown a second time."""
    for _ in range(2):
        source, watcher = Script((0, [spectrum(1)])), Watcher()
        follow(source, Later(opening), journal, watcher)
        assert source.done == [(0, [])]
    assert watcher.shown == []
    assert journal.count() == 1


# With a folder


def watch_once(folder: Path, opening: WorkerSettings, journal: Journal, laser_nm: float | None = None) -> list[records.Record]:
    """Answer a folder once and return what is new in the journal."""
    before = journal.count()
    library, model = opening.library, Model.open(opening.path)
    means = records.provenance(model, library, laser_nm)
    memory = journal.memory(means.model.sha256, means.config)
    rules = ScanRules(poll_s=0.02, stable_s=0.1, laser_nm=laser_nm)
    with FolderSource(folder, memory, rules, once=True) as source:
        follow(source, Worker(model, WorkerSettings(opening.path, 1, library, means), processors=1), journal, Watcher())
    return [records.decode(line) for line in journal.records(oldest=True)][before:]


def test_a_laser_is_part_of_the_question(opening: WorkerSettings, journal: Journal, tmp_path: Path) -> None:
    """The same content with and without a laser's wavelength is two rows, each once; the wavelength makes the axis."""
    folder = tmp_path / "in"
    folder.mkdir()
    made = build.spectrum("Quartz", 1)
    rows = "\n".join(f"{1e7 / (1e7 / 785 - x):.4f}\t{y:.2f}" for x, y in zip(made.axis.shift, made.counts, strict=True))
    (folder / "nm.txt").write_text(f"Wavelength (nm)\tIntensity\n{rows}\n")
    (without,) = watch_once(folder, opening, journal)
    (with_laser,) = watch_once(folder, opening, journal, 785.0)
    assert isinstance(without, records.FaultRecord)
    assert isinstance(with_laser, records.ResultRecord)
    assert with_laser.matches[0].label == "Quartz"
    assert without.source.sha256 == with_laser.source.sha256
    assert without.id != with_laser.id
    for laser_nm in (None, 785.0):
        assert watch_once(folder, opening, journal, laser_nm) == []
    (other,) = watch_once(folder, opening, journal, 532.0)
    assert other.id not in {without.id, with_laser.id}


def test_a_large_file_is_as_a_small_one(opening: WorkerSettings, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a file is parsed by its source or by who names its spectra makes no difference."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text(build.text())
    (folder / "words.txt").write_text("no spectrum\n" * 30)
    small = watch_once(folder, opening, journal)
    monkeypatch.setattr("raman_edge.sources.folder.SMALL", 0)
    with Journal.open(tmp_path / "another.sqlite3") as another:
        large = watch_once(folder, opening, another)
    assert len(small) == 2
    assert [(record.id, type(record)) for record in small] == [(record.id, type(record)) for record in large]
