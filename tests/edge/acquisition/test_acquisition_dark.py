"""Darks at the bench: taken by the instrument or by a person, kept, aged, and never subtracted from what they are not of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import spectrometers
from raman_edge.acquisition import darks
from raman_edge.acquisition.acquisition import LIGHT_AGAIN, Acquisition
from raman_edge.acquisition.plan import Plan
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles.profile import DarkSettings as Method
from raman_edge.spectrum import Fault, Spectrum
from spectrometers import FAULT, Fake, exposure

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.instruments.spectrometer import Exposure

ASKS = spectrometers.instrument(dark=Method(method="ask", prompt="Put the cap on"))
PATTERN = np.random.default_rng(2).uniform(0, 3000, spectrometers.PIXELS)
"""What every pixel of a bad detector counts without light, counts."""


@pytest.fixture(autouse=True)
def quick_pulse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have signs of life come twenty times a second."""
    monkeypatch.setattr("raman_edge.acquisition.acquisition.PULSE_S", 0.05)
    monkeypatch.setattr("raman_edge.acquisition.acquisition.LOOK_S", 0.01)


class Patterned(Fake):
    """A detector with a pattern of its own, as cheap ones have."""

    def counts(self, label: str | None) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Add the pattern."""
        return super().counts(label) + PATTERN.astype(np.int64)


def taken(bench: Acquisition) -> list[Spectrum]:
    """Return the spectra of a bench to its end."""
    return [value for value in bench if isinstance(value, Spectrum)]


def roughness(spectrum: Spectrum) -> float:
    """Return how much neighbouring points differ far from any line, counts."""
    quiet = (spectrum.axis.shift > 800) & (spectrum.axis.shift < 1000)
    return float(np.std(np.diff(spectrum.counts[quiet])))


@pytest.mark.parametrize("policy", ["take", "auto"])
def test_a_dark_is_taken_before_the_first_answer(policy: str) -> None:
    """The instrument darkens itself, three exposures are its dark, and the pattern is gone from every spectrum."""
    fake = Patterned()
    bench = Acquisition(fake, Plan(dark=policy, count=2))  # type: ignore[arg-type]  # one of both
    found = taken(bench)
    assert fake.calls == ["light off", "light on"]
    assert all(roughness(one) < 20 for one in found)
    assert all(one.meta["dark"].startswith("spectrum of 3 exposures") for one in found)
    assert bench.dark is not None
    assert bench.dark.averages == 3
    plain = taken(Acquisition(Patterned(), Plan(count=1)))[0]
    assert roughness(plain) > 500


def test_a_dark_has_as_many_exposures_as_the_spectrum() -> None:
    """The dark of averages of eight is one of eight, and a fault among them is given and discards nothing."""
    fake = Fake(happens=[None] * 10 + [FAULT])
    bench = Acquisition(fake, Plan(dark="take", averages=8, count=1))
    assert [type(value).__name__ for value in bench] == ["Fault", "Spectrum"]
    assert bench.dark is not None
    assert bench.dark.averages == 8
    assert fake.status.counters.frames == 16


def test_a_dark_is_taken_again_with_another_exposure() -> None:
    """When the exposure changes, the next spectrum has a dark of its own exposure."""
    fake = Fake()
    bench, found = Acquisition(fake, Plan(dark="take", count=2)), []
    for value in bench:
        if isinstance(value, Spectrum):
            found.append((value, bench.dark))
            bench.set_exposure(0.2)
    assert fake.calls == ["light off", "light on", "expose 0.2", "light off", "light on"]
    assert all(dark is not None and dark.exposure_s == one.exposure_s and dark.sha256[:12] in one.meta["dark"] for one, dark in found)


@pytest.mark.parametrize(("policy", "times"), [("take", 1), ("auto", 3)])
def test_an_old_dark_is_taken_again_on_request(policy: str, times: int) -> None:
    """``auto`` takes a dark again when it is older than the plan allows, by the times of the exposures; ``take`` does not."""
    fake = Fake()
    fake.exposure_s = 1.0
    assert len(taken(Acquisition(fake, Plan(dark=policy, dark_age_s=4.0, count=12)))) == 12  # type: ignore[arg-type]  # one of both
    assert fake.calls.count("light off") == times


def test_a_person_is_asked_to_block_the_light_where_the_instrument_cannot() -> None:
    """The page's prompt is shown, then the one for the light, each answered by a trigger; nothing is exposed meanwhile."""
    fake = Fake(instrument=ASKS, shutter=False)
    shown: list[str] = []
    exposed = []
    bench = Acquisition(fake, Plan(dark="take", count=2), prompt=shown.append)
    running = iter(bench)
    assert next(running) is None
    assert bench.progress.question == "Put the cap on"
    exposed.append(fake.status.counters.frames)
    fake.blocked = True
    bench.trigger()
    assert next(running) is None
    assert bench.progress.question == LIGHT_AGAIN
    exposed.append(fake.status.counters.frames)
    fake.blocked = False
    bench.trigger()
    found = list(running)
    assert shown == ["Put the cap on", "", LIGHT_AGAIN, ""]
    assert exposed == [1, 4]
    assert [type(one) for one in found] == [Spectrum, Spectrum]
    assert bench.dark is not None
    assert bench.dark.counts.max() < 500


def test_a_trigger_before_the_question_is_no_answer() -> None:
    """Keys that were pressed before the question do not answer the question."""
    shown: list[str] = []
    bench = Acquisition(Fake(instrument=ASKS, shutter=False), Plan(dark="take", count=1), prompt=shown.append)
    bench.trigger()
    bench.trigger()
    running = iter(bench)
    assert next(running) is None
    assert bench.progress.question == "Put the cap on"
    bench.end()
    assert list(running) == []


def test_no_person_to_ask_is_an_error_with_advice() -> None:
    """Where the light cannot be kept out and no person to block the beam, a plan that needs a dark is refused; a wish only noted."""
    with pytest.raises(ConfigError, match="name its file"):
        taken(Acquisition(Fake(instrument=ASKS, shutter=False), Plan(dark="take")))
    notes: list[str] = []
    bench = Acquisition(Fake(instrument=ASKS, shutter=False), Plan(count=1), note=notes.append)
    bench.take_dark()
    assert len(taken(bench)) == 1
    assert "no person to block the beam" in notes[0]


def test_a_person_is_not_asked_again_automatically() -> None:
    """When the exposure changes and only a person could darken, the dark is left out, and one note says why."""
    fake = Fake(instrument=ASKS, shutter=False)
    notes: list[str] = []
    bench = Acquisition(fake, Plan(dark="take", count=4), note=notes.append, prompt=lambda text: bench.trigger() if text else None)
    found = []
    for value in bench:
        if isinstance(value, Spectrum):
            found.append(value)
            bench.set_exposure(0.2)
    assert found[0].meta["dark"].startswith("spectrum")
    assert {one.meta["dark"] for one in found[1:]} == {"pixels 2 to 17"}
    assert len(notes) == 1
    assert "the dark has 0.1 s, the spectrum 0.2 s" in notes[0]


def test_a_requested_dark_is_used_from_then_on() -> None:
    """A key takes a dark whatever the plan says."""
    bench, found = Acquisition(Fake(), Plan(count=3)), []
    for value in bench:
        if isinstance(value, Spectrum):
            found.append(value)
            if len(found) == 1:
                bench.take_dark()
    assert [one.meta["dark"].split(" ")[0] for one in found] == ["pixels", "spectrum", "spectrum"]


def test_a_dark_can_be_requested_between_measurements() -> None:
    """On demand and paused, a dark is taken at once."""
    fake = Fake()
    bench = Acquisition(fake, Plan(mode="trigger", count=1))
    running = iter(bench)
    assert next(running) is None
    bench.take_dark()
    assert next(running) is None
    assert bench.dark is not None
    assert fake.status.counters.frames == 3


def test_every_dark_is_kept_on_request(tmp_path: Path) -> None:
    """The dark in use lies in its file, which is a dark for the next run."""
    plan = Plan(dark="take", save_dark=tmp_path / "dark.json", count=1)
    bench = Acquisition(Fake(), plan)
    taken(bench)
    kept = darks.read(tmp_path / "dark.json")
    assert bench.dark is not None
    assert kept.sha256 == bench.dark.sha256
    fake = Fake(seed=9)
    (again,) = taken(Acquisition(fake, Plan(dark=kept, count=1)))
    assert fake.calls == []
    assert kept.sha256[:12] in again.meta["dark"]


def test_a_kept_dark_of_another_exposure_ends_the_run() -> None:
    """A dark that was named and does not fit what is measured first is an error with both exposures."""
    dark = darks.of([exposure(np.full(spectrometers.PIXELS, 400.0), dark=True)])
    with pytest.raises(ConfigError, match=r"has 0\.1 s, the spectrum 0\.2 s"):
        taken(Acquisition(Fake(), Plan(dark=dark, exposure_s=0.2)))


def test_a_kept_dark_and_a_search_contradict_each_other() -> None:
    """A dark is good for one exposure, and a search takes another one: the plan is refused."""
    dark = darks.of([exposure(np.full(spectrometers.PIXELS, 400.0), dark=True)])
    with pytest.raises(ConfigError, match="automatic exposure with a dark from a file"):
        Plan(dark=dark, auto_exposure=True)


def test_dark_exposures_that_come_unasked_make_a_dark() -> None:
    """Where an instrument or a recording gives dark exposures by itself, they are the dark, and no spectra."""

    class Blinking(Fake):
        def expose(self) -> Exposure | Fault | None:
            self._is_lit = self._given not in {2, 3}
            return super().expose()

    found = taken(Acquisition(Blinking(most=6), Plan()))
    assert [one.meta["dark"].split(" ")[0] for one in found] == ["pixels", "pixels", "spectrum", "spectrum"]


def test_a_dark_that_does_not_come_is_gone_without() -> None:
    """An instrument that says it is dark and goes on with light is measured without a dark, nothing is lost, with a note."""

    class Lying(Fake):
        def light(self, *, on: bool) -> bool:  # noqa: ARG002 - of the protocol
            return True

    notes: list[str] = []
    fake = Lying()
    found = taken(Acquisition(fake, Plan(dark="take", count=3), note=notes.append))
    assert len(found) == fake.status.counters.frames == 3
    assert [note for note in notes if "no dark comes" in note] == notes[:1] == notes


def test_the_search_comes_before_the_dark() -> None:
    """The dark is of the exposure that was found, whatever was tried before."""
    bench = Acquisition(Fake(rate=3e5), Plan(auto_exposure=True, dark="take", count=1))
    (found,) = taken(bench)
    assert bench.dark is not None
    assert bench.dark.exposure_s == found.exposure_s != 0.1


def test_a_stop_in_the_dark_leaves_the_light_off() -> None:
    """A run that ends while the dark is taken does not switch the laser on once more."""
    fake = Fake(happens=[None, None, FAULT])
    bench = Acquisition(fake, Plan(dark="take"))
    for value in bench:
        if isinstance(value, Fault):
            bench.end()
    assert fake.calls == ["light off"]
    assert msgspec.structs.asdict(spectrometers.INSTRUMENT.dark)["method"] == "laser"
