"""The bench: continuous, counted, on a trigger, behind a gate, well exposed; whatever breaks in between."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import spectrometers
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.acquisition.plan import AcquisitionProgress, Plan
from raman_edge.errors import ConfigError, SourceError
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Fault, Spectrum
from spectrometers import FAULT, Fake

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 400
"""Values, signs of life among them, after which a test gives up: no clock decides."""


@pytest.fixture(autouse=True)
def quick_pulse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have signs of life come twenty times a second."""
    monkeypatch.setattr("raman_edge.acquisition.acquisition.PULSE_S", 0.05)
    monkeypatch.setattr("raman_edge.acquisition.acquisition.LOOK_S", 0.01)


def values(bench: Acquisition, most: int = PATIENCE) -> list[Spectrum | Fault]:
    """Return what a bench gives until it ends."""
    found = []
    for count, value in enumerate(bench):
        assert count < most, "the bench does not end"
        if value is not None:
            found.append(value)
    return found


def spectra(fake: Fake, plan: Plan, notes: list[str] | None = None) -> list[Spectrum]:
    """Return the spectra that a plan gives; a fault fails the test."""
    found = values(Acquisition(fake, plan, note=([] if notes is None else notes).append))
    assert all(isinstance(one, Spectrum) for one in found)
    return [one for one in found if isinstance(one, Spectrum)]


def highest(spectrum: Spectrum) -> float:
    """Return where the highest line is, cm⁻¹."""
    return float(spectrum.axis.shift[spectrum.counts.argmax()])


def test_it_takes_as_many_as_were_requested() -> None:
    """A count of spectra is taken, each of its own exposure, and then it ends."""
    found = spectra(Fake(), Plan(count=3))
    assert len({one.origin.sha256 for one in found}) == 3
    assert {one.origin.path for one in found} == {"fake:"}


def test_it_ends_with_the_instrument() -> None:
    """Where nothing will ever come again, as at the end of a recording, the bench ends."""
    assert len(spectra(Fake(most=4), Plan())) == 4


def test_it_stops_between_two_exposures() -> None:
    """Told to stop, it ends without another exposure."""
    stop, fake = threading.Event(), Fake()
    for value in Acquisition(fake, Plan(), stop=stop):
        assert isinstance(value, Spectrum)
        stop.set()
    assert fake.status.counters.frames == 1


def test_a_spectrum_is_the_mean_of_its_exposures() -> None:
    """An average of 16 has a quarter of the noise of one exposure, and says of how many it is."""
    flat = [spectra(Fake(None), Plan(averages=averages, count=1))[0] for averages in (1, 16)]
    assert 0.2 < np.std(flat[1].counts) / np.std(flat[0].counts) < 0.3
    assert flat[1].meta["averages"] == "16"


def test_a_fault_in_the_middle_of_an_average_discards_nothing() -> None:
    """A broken exposure is given as a fault, and the average goes on with those before and after it."""
    fake = Fake(happens=[None, FAULT, FAULT, None, None, None])
    found = values(Acquisition(fake, Plan(averages=4, count=1)))
    assert [type(one) for one in found] == [Fault, Fault, Spectrum]
    assert [one.why for one in found[:2] if isinstance(one, Fault)] == [FAULT.why] * 2
    assert fake.status.counters.frames == 4


def test_faults_with_the_same_message_have_different_ids() -> None:
    """Each fault has a digest of its own, wherever it stands, and the same one again when the same exposures come again."""
    runs = [values(Acquisition(Fake(happens=[FAULT, FAULT, None, FAULT], most=3), Plan())) for _ in range(2)]
    digests = [[one.origin.sha256 for one in run if isinstance(one, Fault)] for run in runs]
    assert len(set(digests[0])) == 3
    assert None not in digests[0]
    assert digests[0] == digests[1]


def test_what_is_left_of_an_average_is_reported() -> None:
    """Exposures that are left when nothing more comes give no spectrum, and a note says how many."""
    notes: list[str] = []
    assert len(spectra(Fake(most=7), Plan(averages=3), notes)) == 2
    assert notes == ["1 of 3 exposures were left at the end: they give no spectrum"]


def test_another_exposure_begins_another_average() -> None:
    """Exposures of two durations are never averaged: those before are dropped, with a note."""
    notes: list[str] = []
    bench = Acquisition(fake := Fake(), Plan(averages=3, count=1), note=notes.append)
    fake._happens.extend([None, FAULT])
    found: list[Spectrum] = []
    for value in bench:
        if isinstance(value, Fault):
            bench.set_exposure(0.2)
        elif isinstance(value, Spectrum):
            found.append(value)
    assert [one.exposure_s for one in found] == [0.2]
    assert notes == ["dropped 1 exposure: the instrument or its exposure has changed"]


def test_an_exposure_that_cannot_be_set_is_a_note() -> None:
    """A wish that the instrument refuses changes nothing but what the person reads."""
    notes: list[str] = []
    bench = Acquisition(Fake(), Plan(count=1), note=notes.append)
    bench.set_exposure(1e6)
    assert [one.exposure_s for one in values(bench) if isinstance(one, Spectrum)] == [0.1]
    assert "expected 0.001 to 60 s" in notes[0]


def test_an_exposure_of_the_plan_that_cannot_be_set_ends_it() -> None:
    """A plan that the instrument refuses is an error before anything is measured."""
    fake = Fake()
    with pytest.raises(ConfigError, match=r"expected 0\.001 to 60 s"):
        values(Acquisition(fake, Plan(exposure_s=100.0)))
    assert fake.status.counters.frames == 0


def test_a_frame_that_gives_no_spectrum_is_a_fault_with_its_digest() -> None:
    """A frame that does not fit the profile becomes a fault with an id of its own."""
    wrong = spectrometers.instrument(sensor=replace_sensor(active=(20, 5000)))
    found = values(Acquisition(Fake(instrument=wrong, most=2), Plan()))
    assert all(isinstance(one, Fault) and "sensor.active" in one.why for one in found)
    assert len({one.origin.sha256 for one in found}) == 2


def replace_sensor(**changes: object) -> object:
    """Return the fake's detector with other facts."""
    import msgspec

    return msgspec.structs.replace(spectrometers.INSTRUMENT.sensor, **changes)


def test_another_instrument_ends_the_run() -> None:
    """What the spectrometer raises comes out of the bench as it is."""

    class Replugged(Fake):
        def expose(self) -> Exposure | Fault | None:
            msg = "it was F1, it is F2"
            raise SourceError(msg)

    with pytest.raises(SourceError, match="it was F1"):
        values(Acquisition(Replugged(), Plan()))


def test_nothing_is_measured_until_it_is_triggered() -> None:
    """On demand, each trigger gives one spectrum, signs of life come meanwhile, and triggers add up."""
    fake = Fake()
    bench = Acquisition(fake, Plan(mode="trigger", averages=2, count=3))
    running = iter(bench)
    assert next(running) is None
    assert bench.progress == AcquisitionProgress("trigger", 0, 2)
    assert fake.status.counters.frames == 0
    bench.trigger()
    assert isinstance(next(running), Spectrum)
    assert next(running) is None
    threading.Timer(0.0, bench.trigger).start()
    bench.trigger()
    assert [value for value in running if value is not None]
    assert fake.status.counters.frames == 6


def test_the_last_trigger_is_answered_before_the_end() -> None:
    """Told that no trigger follows, it gives a spectrum for each that waits, and ends."""
    bench = Acquisition(Fake(), Plan(mode="trigger", averages=2))
    for _ in range(3):
        bench.trigger()
    bench.last()
    assert len([value for value in bench if value is not None]) == 3


def test_after_a_rest_earlier_exposures_are_dropped() -> None:
    """Before each triggered spectrum the instrument learns that light counts from now on: one that streams drops the rest."""
    fake = Fake()
    bench = Acquisition(fake, Plan(mode="trigger", count=2))
    bench.trigger()
    running = iter(bench)
    assert isinstance(next(running), Spectrum)
    before = len(fake.calls)
    bench.trigger()
    assert isinstance(next(running), Spectrum)
    assert fake.calls[before:] == ["light on"]


@pytest.mark.parametrize(("seconds", "calls"), [(0.0, []), (60.0, ["light on"])])
def test_after_a_slow_answer_exposures_from_meanwhile_are_dropped(
    monkeypatch: pytest.MonkeyPatch, seconds: float, calls: list[str]
) -> None:
    """Where the reader took long over a spectrum, the next one is of light from now on, by a clock that this test turns."""
    now = [0.0]
    monkeypatch.setattr("raman_edge.acquisition.acquisition.monotonic", lambda: now[0])
    fake = Fake()
    for value in Acquisition(fake, Plan(count=2)):
        assert isinstance(value, Spectrum)
        now[0] += seconds
    assert fake.calls == calls


def test_a_paused_bench_exposes_nothing() -> None:
    """While it is paused nothing is exposed; a trigger takes a single spectrum all the same; then it goes on."""
    fake = Fake()
    bench = Acquisition(fake, Plan(count=3))
    bench.pause(on=True)
    running = iter(bench)
    assert next(running) is None
    assert bench.progress.paused
    assert fake.status.counters.frames == 0
    bench.trigger()
    assert isinstance(next(running), Spectrum)
    assert next(running) is None
    bench.pause(on=False)
    assert [type(value) for value in running] == [Spectrum, Spectrum]


def test_an_interval_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an interval, spectra begin that far apart, by a clock that this test turns."""
    now = [0.0]
    monkeypatch.setattr("raman_edge.acquisition.acquisition.monotonic", lambda: now[0])
    monkeypatch.setattr("raman_edge.acquisition.plan.AcquisitionControls.wait", lambda _, seconds: now.__setitem__(0, now[0] + seconds))
    began = [now[0] for value in Acquisition(Fake(), Plan(interval_s=30.0, count=4)) if value is not None]
    assert began == pytest.approx([0.0, 30.0, 60.0, 90.0], abs=0.01)


def test_a_wait_is_announced_to_the_instrument() -> None:
    """Before a wait the light is taken away: for the rest of an interval, or for as long as a key, a pause or a person takes."""
    fake = Fake()
    values(Acquisition(fake, Plan(count=3, interval_s=0.2)))
    assert len(fake.rested) == 2
    assert all(0 < seconds <= 0.2 for seconds in fake.rested)
    fake = Fake()
    bench = Acquisition(fake, Plan(mode="trigger", count=1))
    threading.Timer(0.1, bench.trigger).start()
    values(bench)
    assert set(fake.rested) == {math.inf}
    fake = Fake()
    bench = Acquisition(fake, Plan(count=1))
    bench.pause(on=True)
    threading.Timer(0.1, bench.pause, (False,)).start()
    values(bench)
    assert set(fake.rested) == {math.inf}


def test_a_person_with_a_hand_in_the_beam_has_no_laser_on_it() -> None:
    """While a person blocks the beam and opens it again, the light is gone."""
    fake = Fake(shutter=False)
    bench = Acquisition(fake, Plan(count=1, dark="take"), prompt=lambda text: text and threading.Timer(0.02, bench.trigger).start())
    assert len(values(bench)) == 1
    assert fake.rested == [math.inf, math.inf]


@pytest.mark.parametrize("shutter", [True, False])
def test_the_gate_looks_in_pulses_where_the_light_can_be_taken_away(monkeypatch: pytest.MonkeyPatch, shutter: bool) -> None:  # noqa: FBT001 - a column
    """An empty beam is looked at now and then; where the light stays on anyway, all the time; what comes into it is answered."""
    monkeypatch.setattr("raman_edge.acquisition.acquisition.GATE_S", 0.2)
    fake = Fake(happens=["", "", "", None, None, None], shutter=shutter)
    began = time.monotonic()
    assert len(values(Acquisition(fake, Plan(mode="gate", count=1)))) == 1
    assert (time.monotonic() - began >= 0.6) == shutter
    assert len(fake.rested) >= 3


def test_progress_counts_the_exposures() -> None:
    """Between two exposures the progress of the spectrum can be read."""
    fake = Fake(happens=[None, None, FAULT])
    bench = Acquisition(fake, Plan(averages=4, count=1))
    assert [bench.progress for value in bench if isinstance(value, Fault)] == [AcquisitionProgress("measuring", 2, 4)]


def test_the_gate_answers_what_holds_still() -> None:
    """Behind the gate, an empty beam and the exposure in which a sample is laid down give nothing, what lies there does."""
    happens = ["", "", "Calcite", "Calcite", "Calcite", "", "Quartz", "Quartz", ""]
    found = spectra(Fake(happens=happens, most=len(happens)), Plan(mode="gate"))
    assert [round(highest(one), -1) for one in found] == [1090, 1090, 460]


def test_an_average_behind_the_gate_is_of_one_sample() -> None:
    """A sample that is taken away in the middle of an average leaves nothing in the average of the next one."""
    happens = ["Calcite"] * 3 + [""] + ["Quartz"] * 5
    (found,) = spectra(Fake(happens=happens, most=len(happens)), Plan(mode="gate", averages=4))
    assert round(highest(found), -1) == 460
    assert found.counts[np.abs(found.axis.shift - 1086).argmin()] < 0.1 * found.counts.max()


@pytest.mark.parametrize("rate", [1e3, 1e5, 1e7, 1e8])
def test_the_exposure_is_found(rate: float) -> None:
    """From weak to blinding light, the first spectrum is well exposed, or as well as the limits allow, and a note says how."""
    notes: list[str] = []
    (found,) = spectra(Fake(rate=rate), Plan(auto_exposure=True, exposure_s=1.0, count=1), notes)
    assert found.saturation is not None
    share = found.counts.max() / found.saturation
    limited = "longest" if rate == 1e3 else "shortest" if rate == 1e8 else ""
    assert limited in notes[0] if limited else 0.68 < share < 0.87
    assert notes[0].startswith(f"exposure {found.exposure_s:g} s")


def test_the_exposure_is_searched_again_when_the_sample_needs_it() -> None:
    """A sample that is a hundred times as bright is exposed anew; none of its clipped exposures becomes a spectrum."""
    fake = Fake(rate=3e4)
    bench, found = Acquisition(fake, Plan(auto_exposure=True, count=4)), []
    for value in bench:
        if isinstance(value, Spectrum):
            found.append(value)
            fake.rate = 3e6
    assert found[0].exposure_s is not None
    assert all(one.exposure_s is not None and one.exposure_s < found[0].exposure_s / 50 for one in found[1:])
    assert not any(one.saturation is None or one.counts.max() >= one.saturation for one in found)


def test_the_search_ends_where_the_instrument_does_not_follow() -> None:
    """An instrument that exposes as it likes is measured as it is, with a note."""

    class Stubborn(Fake):
        def set_exposure(self, seconds: float) -> None:
            self.calls.append(f"{seconds:g}")

    notes: list[str] = []
    assert len(spectra(Stubborn(), Plan(auto_exposure=True, count=2), notes)) == 2
    assert "the search ends" in notes[0]


def test_the_search_ends_where_the_light_flickers() -> None:
    """Light that is never twice the same ends the search somewhere, not never."""

    class Flickering(Fake):
        def expose(self) -> Exposure | Fault | None:
            self.rate = 1e7 / self.exposure_s if self.rate * self.exposure_s < 1e5 else 1.0
            return super().expose()

    assert len(spectra(Flickering(), Plan(auto_exposure=True, count=1))) == 1


def test_a_chosen_exposure_ends_the_search() -> None:
    """A person's exposure is kept, however the light is."""
    fake = Fake(rate=1e8)
    bench = Acquisition(fake, Plan(auto_exposure=True, count=2))
    bench.set_exposure(0.5)
    assert {one.exposure_s for one in values(bench) if isinstance(one, Spectrum)} == {0.5}


def test_an_unknown_exposure_cannot_be_searched() -> None:
    """Where the instrument has no exposure, the search is refused with what to do."""

    class Silent(Fake):
        def expose(self) -> Exposure | Fault | None:
            got = super().expose()
            return replace(got, exposure_s=None) if isinstance(got, Exposure) else got

    with pytest.raises(ConfigError, match="unknown exposure"):
        values(Acquisition(Silent(), Plan(auto_exposure=True)))


@pytest.mark.parametrize(
    "options",
    [{"exposure_s": 0.0}, {"averages": 0}, {"count": 0}, {"interval_s": -1.0}, {"longest_s": float("nan")}, {"dark_age_s": float("inf")}],
)
def test_a_plan_that_cannot_be_is_refused(options: dict[str, float]) -> None:
    """Options out of their range are refused with what was got and expected."""
    with pytest.raises(ConfigError, match="expected"):
        Plan(**options)  # type: ignore[arg-type]  # options of several types


def test_the_time_from_the_last_byte_is_reported() -> None:
    """The origin has the milliseconds from the last byte to the spectrum, without the time a recording is old."""

    def fresh(fake: Fake) -> Iterator[Spectrum]:
        for value in Acquisition(fake, Plan(count=2)):
            assert isinstance(value, Spectrum)
            yield value

    assert all(0 < one.origin.read_ms < 5000 for one in fresh(Fake()))
