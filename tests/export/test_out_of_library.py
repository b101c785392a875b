"""The rule for "unknown", fitted on features that separate the two groups, or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.matching.ranking import Candidate, PredictionSets, Ranking, known
from raman_edge.peaks import MatchedPeak, PeakMatch, UnmatchedPeak
from raman_export import out_of_library
from raman_export.out_of_library import Features

if TYPE_CHECKING:
    from numpy.typing import NDArray


def looks(rng: np.random.Generator, count: int, similarity: float, explained: float) -> Features:
    """Return features around these means; the energy is the same in both groups."""
    return Features(rng.normal(similarity, 0.1, count), rng.normal(0.8, 0.1, count), rng.normal(explained, 0.1, count))


def test_only_informative_features_get_weight() -> None:
    """Features that differ get weight, the energy gets almost none, and 95 % of the known spectra are accepted."""
    rng = np.random.default_rng(0)
    known, strange = looks(rng, 2000, 0.9, 0.9), looks(rng, 500, 0.6, 0.7)
    found = out_of_library.fit(known, strange)
    assert found.similarity > 5
    assert found.explained > 2
    assert found.energy < 1
    kept = out_of_library.probability(found, known) >= found.least
    assert kept.mean() == pytest.approx(0.95, abs=0.002)
    assert (out_of_library.probability(found, strange) >= found.least).mean() < 0.1


def test_nothing_is_stranger_for_being_more_alike() -> None:
    """A feature that is higher for unknown spectra gets the weight 0 instead of a negative one."""
    rng = np.random.default_rng(1)
    found = out_of_library.fit(looks(rng, 300, 0.5, 0.9), looks(rng, 300, 0.8, 0.5))
    assert found.similarity == 0.0
    assert found.explained > 1


def test_the_probability_is_that_of_the_edge() -> None:
    """The fitted probability is that of the edge."""
    found = out_of_library.fit(*(looks(np.random.default_rng(seed), 200, mean, mean) for seed, mean in ((2, 0.9), (3, 0.6))))
    ranking = Ranking((Candidate("Quartz", 0.9, 0.8),), PredictionSets(("Quartz",), ("Quartz",)), 0.75, "Quartz", 0.8)
    peaks = PeakMatch(
        matched=(MatchedPeak(at=464, reference=464, delta=0, height=1.0, reference_height=1.0),),
        extra=(UnmatchedPeak(at=800, height=0.25),),
    )
    one = Features(np.array([0.8]), np.array([0.75]), np.array([0.8]))
    assert known(ranking, peaks, found) == pytest.approx(float(out_of_library.probability(found, one)[0]))


def test_without_species_apart_similarity_decides() -> None:
    """The similarity that 95 % of the known spectra reach has the probability 0.5."""
    known: NDArray[np.floating] = np.linspace(0.5, 1.0, 101)
    found = out_of_library.by_similarity(known)
    least = np.quantile(known, 0.05)
    at = Features(np.array([least - 0.01, least + 0.01]), np.zeros(2), np.zeros(2))
    assert (out_of_library.probability(found, at) >= found.least).tolist() == [False, True]
