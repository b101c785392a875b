"""The gate: what is in the beam and holds still is let through, nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import spectrometers
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.acquisition.autoexposure import Gate, Seen

Array = npt.NDArray[np.float64]
RNG = np.random.default_rng(11)


def seen(label: str | None, height: float = 1000.0, noise: float = 10.0, base: float = 0.0) -> Array:
    """Return counts of a mineral whose highest line has ``height``."""
    counts = spectrometers.light(label, height)[spectrometers.COVERED :]
    return counts + base * np.linspace(1.0, 0.5, counts.size) + RNG.normal(0, noise, counts.size)


def through(*frames: Array, clipped: bool = False) -> list[Seen]:
    """Return what the gate says after each exposure."""
    gate, states = Gate(), []
    for counts in frames:
        gate = gate.look(counts, clipped=clipped)
        states.append(gate.seen)
    return states


def test_an_empty_beam_is_nothing() -> None:
    """Noise alone never opens the gate, in a thousand exposures."""
    assert set(through(*(seen(None) for _ in range(1000)))) == {"nothing"}


def test_a_sample_is_let_through_from_its_second_exposure_on() -> None:
    """The first exposure may have seen half of the sample; from the second one that is like it on the gate is open."""
    frames = [seen(None), seen("Calcite"), seen("Calcite"), seen("Calcite"), seen(None)]
    assert through(*frames) == ["nothing", "coming", "steady", "steady", "nothing"]


@pytest.mark.parametrize("height", [200.0, 1000.0, 20_000.0])
def test_a_weak_or_strong_sample_stays_steady(height: float) -> None:
    """Noise, shot noise and a laser that drifts by a few percent do not close the gate."""
    frames = []
    for k in range(50):
        counts = seen("Quartz", height * (1 + 0.03 * np.sin(k)), base=0.5 * height)
        frames.append(counts + RNG.normal(0, 1, counts.size) * np.sqrt(np.abs(counts)))
    assert set(through(*frames)[1:]) == {"steady"}


def test_another_sample_has_to_hold_still_too() -> None:
    """When one mineral follows on another, the exposure between is let through by neither."""
    frames = [seen("Calcite"), seen("Calcite"), seen("Quartz"), seen("Quartz")]
    assert through(*frames) == ["coming", "steady", "coming", "steady"]


def test_a_sample_that_moves_is_not_steady() -> None:
    """While the signal grows from exposure to exposure nothing is let through."""
    assert through(*(seen("Calcite", height) for height in (200, 600, 2000, 6000))) == ["coming"] * 4


def test_fading_fluorescence_is_steady() -> None:
    """A background that bleaches by a tenth between exposures is the same sample still."""
    assert through(*(seen("Calcite", base=20_000.0 * 0.9**k) for k in range(6)))[1:] == ["steady"] * 5


def test_a_cosmic_spike_in_an_empty_beam_is_not_steady() -> None:
    """A spike looks like a signal once, and is gone in the next exposure."""
    spike = seen(None)
    spike[300] += 5000.0
    assert through(seen(None), spike, seen(None)) == ["nothing", "coming", "nothing"]


def test_a_detector_that_is_full_everywhere_is_something() -> None:
    """A detector without a single line below saturation is no empty beam."""
    flat = np.full(500, 65_535.0)
    assert through(flat, flat, clipped=True) == ["coming", "steady"]
    assert through(flat, flat) == ["nothing", "nothing"]


def test_another_exposure_is_compared_with_nothing() -> None:
    """After the exposure was changed, the gate looks twice again."""
    gate = Gate().look(seen("Calcite")).look(seen("Calcite"))
    assert gate.seen == "steady"
    again = gate.rescaled().look(seen("Calcite", 4000.0))
    assert again.seen == "coming"
    assert again.look(seen("Calcite", 4000.0)).seen == "steady"


@given(st.lists(st.sampled_from([None, "Calcite", "Quartz", "Zircon"]), min_size=1, max_size=12))
@settings(max_examples=examples(60), deadline=None)
def test_steady_is_what_was_there_before(labels: list[str | None]) -> None:
    """In any order of samples, an exposure is let through exactly where the one before showed the same mineral."""
    before = [None, *labels[:-1]]
    expected = ["nothing" if now is None else "steady" if now == last else "coming" for now, last in zip(labels, before, strict=True)]
    assert through(*(seen(label) for label in labels)) == expected
