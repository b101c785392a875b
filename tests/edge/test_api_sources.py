"""Watching, measuring and calibrating from Python: exactly once, closed cleanly, and every fault the right error."""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import build
import calibrations
import laser_instrument
import msgspec
import numpy as np
import pytest
import raman_edge as re
from markers import slow
from raising import refused
from raman_edge import api, synthetic
from raman_edge.calibration import standards, store
from raman_edge.instruments.profiles import catalogue
from raman_edge.peaks import Peaks
from raman_edge.service import remembered
from raman_edge.simulator.materials import LinesMaterial
from raman_edge.simulator.samples import HEIGHTS
from raman_edge.simulator.scene import Scene
from raman_edge.simulator.simulated import Simulated
from raman_edge.spectrum import Axis, Origin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_edge.identification import Identification

LABELS = ("Quartz", "Calcite", "Gypsum")


@pytest.fixture(scope="module")
def identifier(tmp_path_factory: pytest.TempPathFactory) -> re.Identifier:
    """Return an identifier of the tiny model."""
    return re.Identifier(*build.write_pair(tmp_path_factory.mktemp("pair")), user_library=False)


@pytest.fixture(autouse=True)
def calibrations_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the calibrations of this machine's user out of the tests."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "kept"))


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """Return a folder with three spectra."""
    (folder := tmp_path / "incoming").mkdir()
    for label in LABELS:
        (folder / f"{label}.csv").write_text(build.text(label))
        os.utime(folder / f"{label}.csv", (1e9, 1e9))  # it lies there for long: nothing is waited for
    return folder


def rows(path: Path) -> list[dict[str, object]]:
    """Return the journal's records, the oldest first."""
    with re.Journal.open(path) as journal:
        return [json.loads(line) for line in journal.records(oldest=True)]


# A folder


def test_each_file_is_given_once_and_is_in_the_journal(identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """The results are the journal's records, its chain holds, and a second run gives nothing."""
    (incoming / "rubbish.csv").write_text("no spectrum")
    kept = tmp_path / "journal.sqlite3"
    results = list(re.watch(incoming, identifier, journal=kept, once=True))
    assert sorted(str(one.label) for one in results) == sorted([*LABELS, "None"])
    assert [one.decision for one in results].count("fault") == 1
    assert [one.to_dict() for one in results] == rows(kept)
    assert list(re.watch(str(incoming), identifier, journal=str(kept), once=True)) == []
    with re.Journal.open(str(kept)) as journal:
        assert journal.count() == 4
        assert (journal.verify().rows, journal.verify().wrong) == (4, None)


def test_what_a_closed_generator_has_not_given_comes_from_the_next(identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """Closed after one result, also within one batch: the next generator gives the others and not that one."""
    kept = tmp_path / "journal.sqlite3"
    first = re.watch(incoming, identifier, journal=kept)
    taken = next(first)
    first.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(rows(kept)) == 1
    others = list(re.watch(incoming, identifier, journal=kept, once=True))
    assert sorted([str(taken.label), *(str(one.label) for one in others)]) == sorted(LABELS)


def test_two_generators_share_the_work(identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """At the same time, on one folder and one journal, each file is given by one of them."""
    for seed in range(1, 15):
        (incoming / f"more-{seed}.csv").write_text(build.text("Zircon", seed))
    kept = tmp_path / "journal.sqlite3"
    barrier = threading.Barrier(2)

    def run() -> list[Identification]:
        barrier.wait(30)
        return list(re.watch(incoming, identifier, journal=kept, once=True))

    with ThreadPoolExecutor(2) as pool:
        given = [one for results in pool.map(lambda _: run(), range(2)) for one in results]
    paths = [one.record.source.path for one in given]
    assert len(paths) == len(set(paths)) == 17
    assert len(rows(kept)) == 17


def test_a_file_that_comes_later_is_given_and_stop_ends_it(identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """The iteration waits for more; the event ends it, and an open journal stays the caller's."""
    stop = threading.Event()
    with re.Journal.open(tmp_path / "journal.sqlite3") as journal:
        stream = re.watch(incoming, identifier, journal=journal, stop=stop)
        seen = [next(stream).label for _ in LABELS]
        assert sorted(map(str, seen)) == sorted(LABELS)
        (incoming / "late.csv").write_text(build.text("Anatase"))
        assert next(stream).label == "Anatase"
        stop.set()
        assert list(stream) == []
        assert journal.count() == 4


def test_only_names_that_match_are_read(identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """A single pattern may be a text."""
    results = list(re.watch(incoming, identifier, journal=tmp_path / "journal.sqlite3", match="Q*.csv", once=True))
    assert [one.label for one in results] == ["Quartz"]


def test_the_journal_may_lie_in_the_watched_folder(identifier: re.Identifier, incoming: Path) -> None:
    """It is not read as a spectrum, whatever it is called."""
    results = list(re.watch(incoming, identifier, journal=incoming / "journal.csv", once=True))
    assert sorted(str(one.label) for one in results) == sorted(LABELS)


def test_a_folder_or_a_journal_that_is_not_there(identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """Each has its own error."""
    with pytest.raises(re.SourceUnavailable):
        next(re.watch(tmp_path / "away", identifier, journal=tmp_path / "journal.sqlite3"))
    with pytest.raises(re.JournalError):
        next(re.watch(incoming, identifier, journal=incoming))


# An instrument


@pytest.fixture
def simulated() -> Iterator[Simulated]:
    """Return an instrument with a serial number and coefficients, with calcite under its laser."""
    with laser_instrument.instrument("ocean-sts") as one:
        yield one


def test_a_spectrum_is_measured_and_identified(simulated: Simulated, identifier: re.Identifier) -> None:
    """The mean of five exposures of the time that was requested, on the axis of the laser, is named."""
    with re.connect(simulated.port, profile="ocean-sts", laser=785) as instrument:
        spectrum = instrument.measure(exposure=0.1, average=5)
        assert instrument.status.serial_number == "SIM00001"
        assert spectrum.exposure_s == pytest.approx(0.1)
        assert spectrum.meta["averages"] == "5"
        assert identifier.identify(spectrum).label == "Calcite"
        simulated.material("Quartz")
        assert identifier.identify(instrument.measure()).label == "Quartz"
        assert instrument.measure("auto").exposure_s is not None


@pytest.mark.parametrize("average", [1, 3])
def test_a_dark_is_taken_by_a_shutter(tmp_path: Path, average: int) -> None:
    """With a shutter the dark is subtracted, and the shutter is open afterwards."""
    page = laser_instrument.write(tmp_path, "shutter")
    with laser_instrument.instrument(str(page)) as simulated, re.connect(simulated.port, profile=page) as instrument:
        plain, dark = instrument.measure(average=average), instrument.measure(average=average, dark=True)
        assert float(np.median(dark.counts)) < float(np.median(plain.counts)) - 300
        again = instrument.measure(average=average)
        assert again.counts.max() == pytest.approx(plain.counts.max(), rel=0.05)
        assert simulated.device.shutter


def test_what_an_instrument_cannot_do_is_a_config_error(simulated: Simulated) -> None:
    """A dark without a shutter, an impossible exposure or mean, a time that is none; the link goes on."""
    with re.connect(simulated.port, profile="ocean-sts", laser=785) as instrument:
        for wrong in ({"dark": True}, {"exposure": 1e6}, {"exposure": -1}, {"exposure": "long"}, {"average": 0}, {"timeout": 0}):
            with pytest.raises(re.ConfigError):
                instrument.measure(**wrong)  # type: ignore[arg-type]  # what is to be refused
        assert len(instrument.measure()) > 100
    with refused(re.SourceLost, "not open", expected="with raman_edge.connect"):
        instrument.measure()


def test_without_a_laser_there_is_no_raman_shift(simulated: Simulated) -> None:
    """The wavelength of the laser is requested, and not guessed."""
    with re.connect(simulated.port, profile="ocean-sts") as instrument, pytest.raises(re.RamanEdgeError, match="laser"):
        instrument.measure()


@pytest.mark.parametrize("happens", ["silence:every=1", *slow("drop:every=1")])
def test_an_instrument_that_answers_nothing_good_ends_the_wait(happens: str) -> None:
    """A measurement does not hang: after the time it says what came instead."""
    with (
        laser_instrument.instrument("ocean-sts", faults=[happens]) as simulated,
        re.connect(simulated.port, profile="ocean-sts", laser=785) as instrument,
        refused(re.SourceUnavailable, "no spectrum", simulated.port),
    ):
        instrument.measure(timeout=1.5)


def test_one_broken_frame_costs_nothing() -> None:
    """The exposure is repeated."""
    with (
        laser_instrument.instrument("ocean-sts", faults=["drop@1"]) as simulated,
        re.connect(simulated.port, profile="ocean-sts", laser=785) as instrument,
    ):
        assert len(instrument.measure(average=3)) > 100


def test_the_event_ends_a_measurement(simulated: Simulated) -> None:
    """A measurement that another thread stops raises."""
    stop = threading.Event()
    with re.connect(simulated.port, profile="ocean-sts", laser=785, stop=stop) as instrument:
        simulated.unplug()
        threading.Timer(0.5, stop.set).start()
        with pytest.raises(re.SourceError):
            instrument.measure(timeout=60)


def test_a_port_or_a_profile_that_is_not_there(tmp_path: Path) -> None:
    """Unknown profiles are refused before anything is opened; a port that is away when it is opened."""
    with pytest.raises(re.ConfigError, match="profile"):
        re.connect(str(tmp_path / "ttyUSB9"))
    with pytest.raises(re.ConfigError):
        re.connect(str(tmp_path / "ttyUSB9"), profile="no-such-instrument")
    with refused(re.ConfigError, "option of serial ports"):
        re.connect("ocean:", profile="ocean-sts")
    with pytest.raises(re.SourceUnavailable), re.connect(str(tmp_path / "ttyUSB9"), profile="ocean-sts"):
        pass


def test_the_instruments_own_calibration_is_used(simulated: Simulated, tmp_path: Path) -> None:
    """The one that is kept under its serial number, unless another or none is given; an expired one or another's is refused."""
    kept = calibrations.fresh(instrument="SIM00001")
    store.write(kept, store.path_of("SIM00001"))
    with re.connect(simulated.port, profile="ocean-sts", laser=785) as instrument:
        assert instrument.calibration is not None
        assert instrument.calibration.id == kept.id
    with re.connect(simulated.port, profile="ocean-sts", laser=785, calibration=False) as instrument:
        assert instrument.calibration is None
        assert instrument.measure().calibrated is None
    store.write(calibrations.fresh(0.1, instrument="SIM00001"), tmp_path / "own.json")
    with re.connect(simulated.port, profile="ocean-sts", laser=785, calibration=tmp_path / "own.json") as instrument:
        assert instrument.calibration is not None
        assert instrument.calibration.id != kept.id
    for wrong in (calibrations.fresh(instrument="OTHER"), calibrations.fresh(instrument="SIM00001", ended=True), tmp_path / "away.json"):
        with (
            pytest.raises(re.CalibrationError),
            re.connect(simulated.port, profile="ocean-sts", laser=785, calibration=wrong),
        ):
            pass
    with re.connect(simulated.port, profile="ocean-sts", laser=785, calibration=False) as instrument:
        assert len(instrument.measure()) > 100  # the port was closed after each refusal


# A calibration


@pytest.mark.parametrize("profile", ["ocean-sts", "tcd1304-rossel"])
def test_an_instrument_is_calibrated(profile: str) -> None:
    """A hidden error of 3 cm⁻¹ is found by polystyrene and gone in what is measured afterwards; pixels become a Raman shift."""
    page = catalogue.load(profile)
    lines = standards.find("polystyrene").lines
    scene = Scene(page, LinesMaterial.at("polystyrene", lines, HEIGHTS["polystyrene"]), axis_error_cm=3.0)
    with Simulated(page, scene, pacing=False) as simulated:
        with re.connect(simulated.port, profile=profile, laser=785) as instrument:
            seen = instrument.measure("auto", 3, standard=True)
        calibration = re.calibrate(seen, standard="polystyrene", laser=785)
        assert calibration.rms is not None
        assert calibration.rms < 1.0
        with re.connect(simulated.port, profile=profile, laser=785, calibration=calibration) as instrument:
            spectrum = instrument.measure("auto", 3)
    assert spectrum.calibrated is not None
    assert spectrum.calibrated.id == calibration.id
    applied = calibration.apply(seen)
    peak = applied.axis.shift[applied.counts.argmax()]
    assert abs(peak - 1001.4) < 3.0


def test_a_calibration_is_saved_for_its_instrument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command does: by serial number or to a path, the one before is kept, and an axis that moves too far is refused."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "calibrations"))
    axis, lines = Axis.linear(100.0, 3300.0, 1.5), np.array(standards.find("polystyrene").lines)
    table = Peaks(lines, np.ones(lines.size), np.full(lines.size, 8.0))
    true = synthetic.expose(axis, table, synthetic.SyntheticConditions(), np.random.default_rng(1), Origin("test", ""))
    seen, moved = (re.Spectrum(axis.shift + off, true.counts) for off in (-18.0, 18.0))
    made = re.calibrate(seen, laser=785, instrument="SN-7", save=True)
    assert store.find("SN-7").id == made.id
    again = re.calibrate(seen, laser=785, instrument="SN-7", days=8, save=True)
    assert [one.calibration.id for one in store.kept("SN-7")] == [again.id, made.id]
    re.calibrate(seen, laser=785, instrument="SN-7", save=tmp_path / "SN-7.json")
    assert store.read(tmp_path / "SN-7.json").instrument == "SN-7"
    with refused(re.SpectrumError, "axis moves too far", "SN-7"):
        re.calibrate(moved, laser=785, instrument="SN-7", save=True)


def test_what_cannot_be_calibrated_is_an_error() -> None:
    """Another material, an unknown standard, no laser, an impossible time."""
    quartz = build.spectrum("Quartz")
    with pytest.raises(re.SpectrumError):
        re.calibrate(quartz, laser=785)
    with pytest.raises(re.ConfigError, match="standard"):
        re.calibrate(quartz, "quarz", laser=785)
    for days in (0, -1, float("nan"), 1e9):
        with refused(re.ConfigError, "number out of range", "days"):
            re.calibrate(quartz, laser=785, days=days)


def test_files_are_read_with_a_calibration(tmp_path: Path) -> None:
    """The axis is the calibration's, and one that has expired is refused."""
    (path := tmp_path / "quartz.csv").write_text(build.text("Quartz"))
    (spectrum,) = re.read(path, calibration=calibrations.fresh(0.5))
    assert spectrum.calibrated is not None
    assert abs(spectrum.axis.start - re.read(path)[0].axis.start) > 1
    with pytest.raises(re.CalibrationError):
        re.read(path, calibration=calibrations.fresh(ended=True))
    assert calibrations.fresh().expires > datetime.now(UTC) + timedelta(days=1)


def test_notes_go_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    """What changes by itself is a warning of the logger ``raman_edge``, as text, unless a function takes it."""
    api._log("50 % of %s")
    assert caplog.messages == ["50 % of %s"]
    assert caplog.records[0].name == "raman_edge"


@pytest.mark.parametrize("laser", [0, -785, 7.85e-7, float("nan"), 5000])
def test_an_impossible_laser_is_refused_everywhere(laser: float, identifier: re.Identifier, incoming: Path, tmp_path: Path) -> None:
    """In metres, negative or not a number: the same error from every function that takes one."""
    for call in (
        lambda: re.read(incoming / "Quartz.csv", laser=laser),
        lambda: next(re.watch(incoming, identifier, journal=tmp_path / "journal.sqlite3", laser=laser)),
        lambda: re.connect("/dev/ttyUSB9", profile="ocean-sts", laser=laser),
        lambda: re.calibrate(build.spectrum(), laser=laser),
    ):
        with refused(re.ConfigError, "laser out of range", "laser"):
            call()
    with refused(re.ConfigError, "unknown axis", "axis"):
        re.read(incoming / "Quartz.csv", axis="cm-1")  # type: ignore[arg-type]  # what is to be refused


def test_connect_alone_uses_what_is_remembered() -> None:
    """Profile and laser of the instrument on that port; another instrument there is refused, and what is given wins."""
    with laser_instrument.instrument("ocean-sts") as simulated:
        place = remembered.place_of(simulated.port)
        sts = remembered.RememberedInstrument(
            name="STS", profile="ocean-sts", port=place.port, model="Ocean Optics STS (RS-232)", serial_number="SIM00001", laser_nm=785.0
        )
        remembered.remember(sts, place)
        with re.connect(simulated.port, calibration=False) as instrument:
            measured = instrument.measure(exposure=0.1)
        assert (instrument.status.profile, measured.meta["laser_nm"]) == ("ocean-sts", "785")
        with re.connect(simulated.port, laser=780, calibration=False) as instrument:
            assert instrument.measure(exposure=0.1).meta["laser_nm"] == "780"
        remembered.remember(msgspec.structs.replace(sts, serial_number="OTHER"), place)
        with refused(re.SourceError, "another instrument", got="SIM00001", expected="'STS'"), re.connect(simulated.port):
            pass
        with re.connect(simulated.port, profile="ocean-sts", laser=785, calibration=False) as instrument:
            assert instrument.measure(exposure=0.1).meta["laser_nm"] == "785"
