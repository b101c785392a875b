"""Probabilities and sets, on questions whose truth is drawn from known odds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.errors import ConfigError
from raman_edge.matching import ranking
from raman_train import confidence, metrics
from raman_train.confidence import Fusion, Questions
from raman_train.data.splits import Split, nobody
from raman_train.evaluate import Answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = 30


def drawn(fusion: Fusion, count: int = 4000, seed: int = 0) -> tuple[Questions, NDArray[np.str_]]:
    """Return questions whose truth is drawn from the odds that ``fusion`` gives, two spectra a specimen."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(0.2, 0.95, (count, CLASSES)).astype(np.float32)
    head = (similarity + rng.normal(0, 0.1, similarity.shape)).astype(np.float32)
    blind = Questions(similarity, head, np.zeros(count, dtype=np.intp))
    scores = confidence.fused(blind, fusion.head_weight)
    order = np.argsort(-scores, axis=1, kind="stable")
    odds = ranking.odds(np.take_along_axis(scores, order, axis=1), fusion.temperature, fusion.rank_prior)
    place = (odds.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    names = np.array([f"R{index // 2:06d}" for index in range(count)])
    return blind._replace(truth=order[np.arange(count), place]), names


def test_the_odds_that_drew_the_truth_are_found_again() -> None:
    """Temperature and rank prior come out as they went in, to a few per cent."""
    asked, _ = drawn(Fusion(0.2, 0.08, 0.7), count=12_000)
    found = confidence.fit(asked._replace(head_weights=(0.2,)))
    assert found.temperature == pytest.approx(0.08, rel=0.12)
    assert found.rank_prior == pytest.approx(0.7, abs=0.15)


def test_the_weight_of_the_head_is_chosen_by_the_truth() -> None:
    """A head that is pure noise gets no say; one that alone knows gets all that is tried."""
    asked, _ = drawn(Fusion(0.0, 0.05, 0.3))
    noise = np.random.default_rng(5).uniform(0.2, 0.95, asked.head.shape).astype(np.float32)
    assert confidence.fit(asked._replace(head=noise)).head_weight == 0.0
    assert confidence.fit(asked._replace(similarity=noise, head=asked.similarity)).head_weight == max(confidence.HEAD_WEIGHTS)


def test_measured_on_the_other_half_what_it_says_is_true() -> None:
    """Where the odds are as the model has them, the error is small and the sets hold the truth as often as they say."""
    asked, names = drawn(Fusion(0.3, 0.07, 0.5))
    told = confidence.measure(confidence.ask(asked, names))
    assert told["ece"] < 0.03
    assert told["coverage_90"] == pytest.approx(0.90, abs=0.015)
    assert told["coverage_95"] == pytest.approx(0.95, abs=0.015)
    assert 1.0 <= told["set_size_90"] < told["set_size_95"]
    assert told["single_90"] > told["single_95"]


def test_overconfidence_shows() -> None:
    """Answers that are wrong more often in one half of the specimens than in the other are not calibrated by the other."""
    asked, names = drawn(Fusion(0.0, 0.03, 0.0))
    first = confidence.halves(names)
    spoilt = asked.truth.copy()
    spoilt[first] = (spoilt[first] + 1) % CLASSES
    assert confidence.measure(confidence.ask(asked._replace(truth=spoilt), names))["ece"] > 0.3


def test_specimens_stay_whole() -> None:
    """Both spectra of a specimen are in one half, the halves are as large, and the drawing is the same every time."""
    names = np.repeat([f"R{index}" for index in range(101)], 2)
    first = confidence.halves(names)
    assert (first[::2] == first[1::2]).all()
    assert first.sum() == 100
    assert np.array_equal(first, confidence.halves(names))


def test_one_specimen_measures_nothing() -> None:
    """Both numbers are in the refusal."""
    asked, _ = drawn(Fusion(0.0, 0.05, 0.0), count=4)
    with pytest.raises(ConfigError, match="two specimens at least; 1 were"):
        confidence.ask(asked, np.repeat(["R1"], 4))


def test_levels_are_the_conformal_quantile() -> None:
    """With 19 answers the set of 95 % takes every one of them, that of 90 % may lose one: the ⌈(n + 1)(1 - α)⌉-th."""
    similarity = np.full((19, 2), 0.5, dtype=np.float32)
    similarity[:, 0] += np.linspace(0.01, 0.19, 19, dtype=np.float32)
    asked = Questions(similarity, similarity, np.zeros(19, dtype=np.intp))
    fusion = Fusion(0.0, 0.1, 0.0)
    given = [float(ranking.odds(row[np.argsort(-row)], 0.1, 0.0)[0]) for row in similarity]
    level = confidence.levels(asked, fusion)
    assert level.of95 == pytest.approx(min(given))
    assert level.of90 == pytest.approx(sorted(given)[1])


@pytest.mark.parametrize(("scale", "weights"), [(20.0, confidence.HEAD_WEIGHTS), (None, (1.0,))])
def test_questions_are_asked_as_the_edge_asks_them(scale: float | None, weights: tuple[float, ...]) -> None:
    """Similarity is the best of each class in the library; what was never learned has -1 in both; plain logits rank alone."""
    embedding = np.eye(4, dtype=np.float32)[[0, 1, 0, 1]]
    logits = np.array([[9, 0, 9], [0, 9, 9], [5, 1, 9], [1, 8, 9]], dtype=np.float32)
    split = Split(np.array([0, 1]), nobody(), np.array([2, 3]))
    asked = Questions.of(Answers(logits, embedding, scale), np.array([0, 1, 0, 1]), split)
    np.testing.assert_allclose(asked.similarity, [[1, 0, -1], [0, 1, -1]])
    np.testing.assert_allclose(asked.head, [[0.25, 0.05, -1], [0.05, 0.4, -1]])
    assert asked.head_weights == weights
    assert metrics.answers(confidence.fused(asked, 0.3), asked.truth).tolist() == [0, 1]
