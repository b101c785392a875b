"""When to say "unknown": fitted on looks made to be told apart, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.matching import ranking
from raman_edge.matching.ranking import Candidate, PredictionSets, Ranking
from raman_edge.peaks import MatchedPeak, PeakMatch, UnmatchedPeak
from raman_export import unknown
from raman_export.unknown import Looks

if TYPE_CHECKING:
    from numpy.typing import NDArray


def looks(rng: np.random.Generator, count: int, similarity: float, explained: float) -> Looks:
    """Return looks around these means; energy says nothing."""
    return Looks(rng.normal(similarity, 0.1, count), rng.normal(0.8, 0.1, count), rng.normal(explained, 0.1, count))


def test_what_tells_is_weighed_and_what_does_not_is_not() -> None:
    """Similarity and peaks that differ get weight, energy that does not gets next to none, and 95 % of the known are kept."""
    rng = np.random.default_rng(0)
    known, strange = looks(rng, 2000, 0.9, 0.9), looks(rng, 500, 0.6, 0.7)
    found = unknown.fit(known, strange)
    assert found.similarity > 5
    assert found.explained > 2
    assert found.energy < 1
    kept = unknown.probability(found, known) >= found.least
    assert kept.mean() == pytest.approx(0.95, abs=0.002)
    assert (unknown.probability(found, strange) >= found.least).mean() < 0.1


def test_nothing_is_stranger_for_being_more_alike() -> None:
    """Where the unknown look more alike than the known, the weight is none instead of negative."""
    rng = np.random.default_rng(1)
    found = unknown.fit(looks(rng, 300, 0.5, 0.9), looks(rng, 300, 0.8, 0.5))
    assert found.similarity == 0.0
    assert found.explained > 1


def test_the_edge_says_the_same() -> None:
    """The probability that was fitted is the one the edge gives."""
    found = unknown.fit(*(looks(np.random.default_rng(seed), 200, mean, mean) for seed, mean in ((2, 0.9), (3, 0.6))))
    ranked = Ranking((Candidate("Quartz", 0.9, 0.8),), PredictionSets(("Quartz",), ("Quartz",)), 0.75, "Quartz", 0.8)
    peaks = PeakMatch(
        matched=(MatchedPeak(at=464, reference=464, delta=0, height=1.0, reference_height=1.0),),
        extra=(UnmatchedPeak(at=800, height=0.25),),
    )
    one = Looks(np.array([0.8]), np.array([0.75]), np.array([0.8]))
    assert ranking.known(ranked, peaks, found) == pytest.approx(float(unknown.probability(found, one)[0]))


def test_without_species_apart_similarity_decides() -> None:
    """The similarity that 95 % of the known reach is where the odds are even."""
    known: NDArray[np.floating] = np.linspace(0.5, 1.0, 101)
    found = unknown.by_similarity(known)
    least = np.quantile(known, 0.05)
    at = Looks(np.array([least - 0.01, least + 0.01]), np.zeros(2), np.zeros(2))
    assert (unknown.probability(found, at) >= found.least).tolist() == [False, True]
