"""A recording that is replayed gives the same journal: the same records of the same spectra, dark by dark and fault by fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import pytest
import spectrometers
from raman_edge import records
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.acquisition.plan import Plan
from raman_edge.acquisition.recorded import ReplayedSpectrometer
from raman_edge.instruments.profiles.profile import DarkSettings as Method
from raman_edge.instruments.recording import Recorder
from raman_edge.journal import Journal
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.records import ResultRecord
from raman_edge.service.run import follow
from raman_edge.service.worker import Worker, WorkerSettings
from raman_edge.sources.spectrometer import SpectrometerSource
from raman_edge.spectrum import Fault, Origin, Spectrum
from spectrometers import Fake

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.instruments.spectrometer import Spectrometer
    from raman_edge.records import Record
    from raman_edge.service.worker import IdentifiedSpectrum

BROKEN = [Fault(Origin("serial", "fake:"), f"frame {number} is short") for number in range(3)]
HAPPENS = (None, BROKEN[0], "Quartz", "Quartz", None, "", "Gypsum", BROKEN[1], "Gypsum", "Gypsum", None, BROKEN[2], "Anatase")
ASKS = spectrometers.instrument(dark=Method(method="ask"))


@pytest.fixture(scope="module")
def opening(tmp_path_factory: pytest.TempPathFactory) -> WorkerSettings:
    """What names spectra."""
    path, references = build.write_pair(tmp_path_factory.mktemp("pair"))
    model = Model.open(path)
    library = Library.open(references, network=model.card.network)
    return WorkerSettings(path, 1, library, records.provenance(model, library))


class Onlooker:
    """Looks at nothing."""

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Look away."""

    def heartbeat(self, waiting: int) -> bool:  # noqa: ARG002 - of the protocol
        """Never end the run."""
        return False


def journal_of(spectrometer: Spectrometer, plan: Plan, opening: WorkerSettings, path: Path) -> list[tuple[object, ...]]:
    """Answer all that a spectrometer gives into a journal, and return what its records say, but for their times."""
    model = Model.open(opening.path)
    with Journal.open(path) as journal:
        with spectrometer, SpectrometerSource(spectrometer, plan) as source, Worker(model, opening, processors=1) as worker:
            follow(source, worker, journal, Onlooker())
        return [facts(records.decode(line)) for line in journal.records()]


def facts(one: Record) -> tuple[object, ...]:
    """Return what a record says, but for its times."""
    if isinstance(one, ResultRecord):
        return one.id, one.source, one.decision, one.matches, one.quality, one.calibration
    return one.id, one.source, one.why


@pytest.mark.parametrize(
    "plan",
    [
        Plan(),
        Plan(averages=3),
        Plan(dark="take", averages=2),
        Plan(dark="auto", dark_age_s=0.5),
        Plan(auto_exposure=True, dark="take"),
        Plan(mode="gate"),
        Plan(mode="gate", auto_exposure=True, averages=2, dark="auto", dark_age_s=0.3),
    ],
    ids=lambda plan: f"{plan.mode}-{plan.averages}-{plan.dark}-{plan.auto_exposure}",
)
def test_a_replayed_recording_gives_the_same_journal(plan: Plan, opening: WorkerSettings, tmp_path: Path) -> None:
    """Ids, decisions, matches and quality of a replay are those of the measurement, and so are its faults."""
    recorder = Recorder(Fake(rate=3e5, happens=HAPPENS, most=40), tmp_path / "run.recording")
    live = journal_of(recorder, plan, opening, tmp_path / "live.sqlite3")
    again = journal_of(ReplayedSpectrometer(tmp_path / "run.recording"), plan, opening, tmp_path / "again.sqlite3")
    assert again == live
    assert len(live) > len(BROKEN) + 2
    assert len({row[0] for row in live}) == len(live)


def test_into_its_own_journal_a_replay_brings_nothing_new(opening: WorkerSettings, tmp_path: Path) -> None:
    """A journal that has the measurement has every record of its replay: nothing is answered twice."""
    live = journal_of(Recorder(Fake(most=6), tmp_path / "run.recording"), Plan(), opening, tmp_path / "one.sqlite3")
    assert journal_of(ReplayedSpectrometer(tmp_path / "run.recording"), Plan(), opening, tmp_path / "one.sqlite3") == live


def spectra(spectrometer: Spectrometer, plan: Plan, *, dark_after: int | None = None, prompted: bool = False) -> list[str | None]:
    """Return the digests of what a bench gives; a dark is requested after so many spectra, and a person answers questions."""
    bench = Acquisition(spectrometer, plan, prompt=(lambda text: bench.trigger() if text else None) if prompted else None)
    found: list[str | None] = []
    with spectrometer:
        for value in bench:
            if isinstance(value, Spectrum):
                found.append(value.origin.sha256)
                if len(found) == dark_after:
                    bench.take_dark()
    return found


@pytest.mark.parametrize("averages", [1, 4])
@pytest.mark.parametrize("happens", [(), (None, BROKEN[0], None)])
def test_a_dark_that_a_key_took_is_in_the_replay(tmp_path: Path, averages: int, happens: tuple[Fault | None, ...]) -> None:
    """Where a dark was taken in between, the replay subtracts it from the same spectrum on, without a key."""
    plan = Plan(averages=averages)
    live = spectra(Recorder(Fake(most=20, happens=happens), tmp_path / "run.recording"), plan, dark_after=2)
    assert len(live) == (20 - max(3, averages)) // averages
    assert spectra(ReplayedSpectrometer(tmp_path / "run.recording"), plan) == live


def test_a_dark_that_a_person_made_is_in_the_replay(tmp_path: Path) -> None:
    """Where a person held a hand into the beam no person gets the request again."""
    fake = Fake(most=12, instrument=ASKS, shutter=False)
    live = spectra(Recorder(fake, tmp_path / "run.recording"), Plan(dark="take"), prompted=True)
    assert len(live) == 9
    assert spectra(ReplayedSpectrometer(tmp_path / "run.recording"), Plan(dark="take")) == live


def test_what_keys_triggered_is_replayed_without_keys(tmp_path: Path) -> None:
    """Spectra that were taken one by one come one after the other."""
    recorder = Recorder(Fake(), tmp_path / "run.recording")
    bench, live = Acquisition(recorder, Plan(mode="trigger", averages=2, count=3)), list[str | None]()
    with recorder:
        for _ in range(3):
            bench.trigger()
        live = [value.origin.sha256 for value in bench if isinstance(value, Spectrum)]
    assert len(live) == 3
    assert spectra(ReplayedSpectrometer(tmp_path / "run.recording"), Plan(averages=2)) == live


def test_a_recording_without_darks_is_replayed_without(tmp_path: Path) -> None:
    """A plan that wants a dark finds none in the recording, and every exposure of it is still a spectrum."""
    live = spectra(Recorder(Fake(most=5), tmp_path / "run.recording"), Plan())
    assert spectra(ReplayedSpectrometer(tmp_path / "run.recording"), Plan(dark="take")) == live


def test_an_exposure_that_a_key_changed_is_in_the_replay(tmp_path: Path) -> None:
    """Where the exposure was changed in the middle of an average, the replay begins its average anew there, too."""
    recorder = Recorder(Fake(most=11), tmp_path / "run.recording")
    bench, live = Acquisition(recorder, Plan(averages=3)), list[str | None]()
    with recorder:
        for value in bench:
            if isinstance(value, Spectrum):
                live.append(value.origin.sha256)
                bench.set_exposure(0.1 + 0.1 * len(live))
    assert spectra(ReplayedSpectrometer(tmp_path / "run.recording"), Plan(averages=3)) == live
