"""Probabilities and conformal sets, on queries drawn from known probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.errors import ConfigError
from raman_edge.matching import ranking
from raman_train import confidence, metrics
from raman_train.confidence import Fusion, ScoredQueries
from raman_train.data.splits import Split, no_indices
from raman_train.evaluate import SystemOutputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 30


def drawn(fusion: Fusion, count: int = 4000, seed: int = 0) -> tuple[ScoredQueries, NDArray[np.str_]]:
    """Return queries whose true classes follow the probabilities of ``fusion``, two spectra per specimen."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(0.2, 0.95, (count, CLASSES)).astype(np.float32)
    head = (similarity + rng.normal(0, 0.1, similarity.shape)).astype(np.float32)
    blind = ScoredQueries(similarity, head, np.zeros(count, dtype=np.intp))
    scores = confidence.fused(blind, fusion.head_weight)
    order = np.argsort(-scores, axis=1, kind="stable")
    odds = ranking.odds(np.take_along_axis(scores, order, axis=1), fusion.temperature, fusion.rank_prior)
    place = (odds.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    names = np.array([f"R{index // 2:06d}" for index in range(count)])
    return blind._replace(truth=order[np.arange(count), place]), names


def test_the_odds_that_drew_the_truth_are_found_again() -> None:
    """The fit recovers temperature and rank prior within a few per cent."""
    queries, _ = drawn(Fusion(0.2, 0.08, 0.7), count=12_000)
    found = confidence.fit(queries._replace(head_weights=(0.2,)))
    assert found.temperature == pytest.approx(0.08, rel=0.12)
    assert found.rank_prior == pytest.approx(0.7, abs=0.15)


def test_the_weight_of_the_head_is_chosen_by_the_truth() -> None:
    """A head of pure noise gets the weight 0, an informative one the largest weight."""
    queries, _ = drawn(Fusion(0.0, 0.05, 0.3))
    noise = np.random.default_rng(5).uniform(0.2, 0.95, queries.head.shape).astype(np.float32)
    assert confidence.fit(queries._replace(head=noise)).head_weight == 0.0
    assert confidence.fit(queries._replace(similarity=noise, head=queries.similarity)).head_weight == max(confidence.HEAD_WEIGHTS)


def test_probabilities_hold_on_the_other_half() -> None:
    """For probabilities of the model the calibration error is small and the sets have their coverage."""
    queries, names = drawn(Fusion(0.3, 0.07, 0.5))
    recorded = confidence.measure(confidence.cross_fit(queries, names))
    assert recorded["ece"] < 0.03
    assert recorded["coverage_90"] == pytest.approx(0.90, abs=0.015)
    assert recorded["coverage_95"] == pytest.approx(0.95, abs=0.015)
    assert 1.0 <= recorded["set_size_90"] < recorded["set_size_95"]
    assert recorded["single_90"] > recorded["single_95"]


def test_overconfidence_shows() -> None:
    """A half with more errors than the other one is not calibrated by it."""
    queries, names = drawn(Fusion(0.0, 0.03, 0.0))
    first = confidence.halves(names)
    spoilt = queries.truth.copy()
    spoilt[first] = (spoilt[first] + 1) % CLASSES
    assert confidence.measure(confidence.cross_fit(queries._replace(truth=spoilt), names))["ece"] > 0.3


def test_specimens_stay_whole() -> None:
    """Both spectra of a specimen are in one half, the halves have the same size, and the choice is always the same."""
    names = np.repeat([f"R{index}" for index in range(101)], 2)
    first = confidence.halves(names)
    assert (first[::2] == first[1::2]).all()
    assert first.sum() == 100
    assert np.array_equal(first, confidence.halves(names))


def test_one_specimen_measures_nothing() -> None:
    """The message has both numbers."""
    queries, _ = drawn(Fusion(0.0, 0.05, 0.0), count=4)
    with pytest.raises(ConfigError, match=r"at least two test specimens.*got 1"):
        confidence.cross_fit(queries, np.repeat(["R1"], 4))


def test_levels_are_the_conformal_quantile() -> None:
    """Of 19 answers the set of 95 % covers all, that of 90 % may miss one: the ⌈(n + 1)(1 - α)⌉-th."""
    similarity = np.full((19, 2), 0.5, dtype=np.float32)
    similarity[:, 0] += np.linspace(0.01, 0.19, 19, dtype=np.float32)
    queries = ScoredQueries(similarity, similarity, np.zeros(19, dtype=np.intp))
    fusion = Fusion(0.0, 0.1, 0.0)
    given = [float(ranking.odds(row[np.argsort(-row)], 0.1, 0.0)[0]) for row in similarity]
    level = confidence.levels(queries, fusion)
    assert level.of95 == pytest.approx(min(given))
    assert level.of90 == pytest.approx(sorted(given)[1])


@pytest.mark.parametrize(("scale", "weights"), [(20.0, confidence.HEAD_WEIGHTS), (None, (*confidence.HEAD_WEIGHTS, 1.0))])
def test_queries_have_the_scores_of_the_edge(scale: float | None, weights: tuple[float, ...]) -> None:
    """The similarity is the highest of each class in the library; a class outside it has -1; plain logits may also rank alone."""
    embedding = np.eye(4, dtype=np.float32)[[0, 1, 0, 1]]
    logits = np.array([[9, 0, 9], [0, 9, 9], [5, 1, 9], [1, 8, 9]], dtype=np.float32)
    split = Split(np.array([0, 1]), no_indices(), np.array([2, 3]))
    queries = ScoredQueries.of(SystemOutputs(logits, embedding, scale), np.array([0, 1, 0, 1]), split)
    np.testing.assert_allclose(queries.similarity, [[1, 0, -1], [0, 1, -1]])
    np.testing.assert_allclose(queries.head, [[0.25, 0.05, -1], [0.05, 0.4, -1]])
    assert queries.head_weights == weights
    assert metrics.predicted(confidence.fused(queries, 0.3), queries.truth).tolist() == [0, 1]
