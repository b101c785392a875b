"""Figures: against slow loops, and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raman_train import evaluate, metrics
from raman_train.data.splits import Split


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_best_of_class_is_the_slow_loop(seed: int) -> None:
    """The best similarity of each class, and -1 for a class without references."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(-1, 1, (3, 12)).astype(np.float32)
    classes = rng.choice([0, 1, 2, 4], 12)
    got = metrics.best_of_class(similarity, classes, 5)
    for query in range(3):
        for label in range(5):
            own = similarity[query, classes == label]
            assert got[query, label] == (own.max() if own.size else -1)


def test_top_k_counts_the_true_class_among_the_highest() -> None:
    """Top-1 to top-3 of a table that can be read by eye."""
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.7], [0.3, 0.2, 0.1]], dtype=np.float32)
    truth = np.array([0, 2, 2])
    assert [metrics.top(scores, truth, k) for k in (1, 2, 3, 9)] == [pytest.approx(v) for v in (1 / 3, 2 / 3, 1, 1)]


def test_macro_counts_each_class_once() -> None:
    """Nine right of one class and one wrong of another are 50 %."""
    scores = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (10, 1))
    assert metrics.macro_top1(scores, np.array([0] * 9 + [1])) == pytest.approx(0.5)


def test_the_temperature_that_made_the_odds_is_found() -> None:
    """Labels drawn from a softmax of temperature 0.05 fit a temperature near it."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.5, 1.0, (4000, 6)).astype(np.float32)
    odds = metrics.probabilities(scores, 0.05)
    truth = (odds.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    assert metrics.fit_temperature(scores, truth) == pytest.approx(0.05, rel=0.2)
    right = odds.argmax(axis=1) == truth
    assert metrics.calibration_error(odds.max(axis=1), right) < 0.03


def test_calibration_error_of_a_braggart() -> None:
    """Always sure and right half of the time is off by a half."""
    assert metrics.calibration_error(np.ones(10), np.arange(10) % 2 == 0) == pytest.approx(0.5)


def test_auroc_of_separate_equal_and_reversed_scores() -> None:
    """1, a half and 0."""
    low, high = np.array([0.1, 0.2], dtype=np.float32), np.array([0.8, 0.9], dtype=np.float32)
    assert metrics.auroc(high, low) == 1.0
    assert metrics.auroc(low, low) == 0.5
    assert metrics.auroc(low, high) == 0.0


def test_unknown_is_played_without_the_querys_own_species() -> None:
    """The threshold keeps what the library knows and rejects what it does not."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(20, 32))
    classes = np.repeat(np.arange(20), 10)
    embedding = centres[classes] + 0.15 * rng.normal(size=(200, 32))
    embedding = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    unit = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    test = np.arange(200) % 10 < 3
    split = Split(np.flatnonzero(~test), np.empty(0, dtype=np.intp), np.flatnonzero(test))
    decision, measured = evaluate.decision(evaluate.Answers(20 * embedding @ unit.T, embedding), classes, split, 20.0)
    assert 0 < decision.unknown_below < 1
    assert measured["unknown_auroc_library_only"] > 0.95
    assert measured["known_kept"] > 0.8
