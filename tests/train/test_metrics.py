"""Metrics against slow loops, and at their limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_train import metrics


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 10_000))
def test_best_of_class_is_the_slow_loop(seed: int) -> None:
    """The highest similarity of each class, and -1 for a class without references."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(-1, 1, (3, 12)).astype(np.float32)
    classes = rng.choice([0, 1, 2, 4], 12)
    got = metrics.best_of_class(similarity, classes, 5)
    for query in range(3):
        for label in range(5):
            own = similarity[query, classes == label]
            assert got[query, label] == (own.max() if own.size else -1)


def test_top_k_counts_the_true_class_among_the_highest() -> None:
    """Top-1 to top-3 of a small table."""
    scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.7], [0.3, 0.2, 0.1]], dtype=np.float32)
    truth = np.array([0, 2, 2])
    assert [metrics.top(scores, truth, k) for k in (1, 2, 3, 9)] == [pytest.approx(v) for v in (1 / 3, 2 / 3, 1, 1)]


def test_macro_counts_each_class_once() -> None:
    """Nine correct of one class and one wrong of another are 50 %."""
    scores = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (10, 1))
    assert metrics.macro_top1(scores, np.array([0] * 9 + [1])) == pytest.approx(0.5)


def test_calibration_error_of_a_braggart() -> None:
    """Full confidence with half of the answers correct has an error of one half."""
    assert metrics.calibration_error(np.ones(10), np.arange(10) % 2 == 0) == pytest.approx(0.5)


def test_auroc_of_separate_equal_and_reversed_scores() -> None:
    """1, a half and 0."""
    low, high = np.array([0.1, 0.2], dtype=np.float32), np.array([0.8, 0.9], dtype=np.float32)
    assert metrics.auroc(high, low) == 1.0
    assert metrics.auroc(low, low) == 0.5
    assert metrics.auroc(low, high) == 0.0


@settings(max_examples=examples(50), deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_top_is_the_slow_loop(seed: int, k: int) -> None:
    """The true class is among the k highest if fewer than k others score as high; scores that are not finite never count."""
    rng = np.random.default_rng(seed)
    scores = rng.choice(np.array([-np.inf, 0.0, 0.25, 0.5, 1.0], dtype=np.float32), (8, 5))
    truth = rng.integers(0, 5, 8)
    right = []
    for row, label in zip(scores.tolist(), truth.tolist(), strict=True):
        others = [score for place, score in enumerate(row) if place != label]
        right.append(row[label] > -np.inf and sum(score >= row[label] for score in others) < k)
    assert metrics.top(scores, truth, k) == pytest.approx(np.mean(right))


def test_a_constant_table_recognises_nothing() -> None:
    """Ties never count as correct, also in precision and recall."""
    scores = np.full((6, 3), 0.5, dtype=np.float32)
    truth = np.array([0, 1, 2, 0, 1, 2])
    assert [metrics.top(scores, truth, k) for k in (1, 2)] == [0.0, 0.0]
    assert metrics.macro_top1(scores, truth) == 0.0
    assert metrics.weighted(metrics.predicted(scores, truth), truth)[1] == 0.0


def test_what_cannot_be_named_is_never_right() -> None:
    """A true class with a score of minus infinity or NaN is wrong, also if every score is."""
    scores = np.array([[-np.inf, 0.1], [np.nan, 0.1], [-np.inf, -np.inf]], dtype=np.float32)
    assert metrics.top(scores, np.zeros(3, dtype=np.intp), 1) == 0.0
    assert metrics.top(scores, np.zeros(3, dtype=np.intp), 5) == 0.0


@settings(max_examples=examples(30), deadline=None)
@given(st.integers(0, 10_000))
def test_recall_is_top_1(seed: int) -> None:
    """Weighted recall is the share of correct answers, ties included."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (20, 5)).astype(np.float32)
    truth = rng.integers(0, 5, 20)
    assert metrics.weighted(metrics.predicted(scores, truth), truth)[1] == pytest.approx(metrics.top(scores, truth, 1))


def test_a_class_never_answered_has_a_precision_of_one() -> None:
    """Two of A correct, one B answered as A: precision (2·2/3 + 1·1)/3, recall 2/3, F1 (2·0.8 + 0)/3, as in published code."""
    precision, recall, f1 = metrics.weighted(np.array([0, 0, 0]), np.array([0, 0, 1]))
    assert (precision, recall, f1) == (pytest.approx(7 / 9), pytest.approx(2 / 3), pytest.approx(1.6 / 3))


def test_fpr_at_tpr_of_tables_read_by_eye() -> None:
    """With 95 % of 20 known accepted, one may be rejected; unknown spectra at the threshold are accepted."""
    known = np.arange(1, 21) / 20
    assert metrics.fpr_at_tpr(known, np.array([0.0, 0.05, 0.09]), 0.95) == 0.0
    assert metrics.fpr_at_tpr(known, np.array([0.05, 0.1, 0.5, 0.0]), 0.95) == 0.5
    assert metrics.fpr_at_tpr(known, np.array([0.05, 0.1, 0.5, 0.0]), 1.0) == 0.75
    assert metrics.fpr_at_tpr(np.ones(3), np.ones(3), 0.95) == 1.0


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_fpr_at_tpr_keeps_what_it_promises(known: list[int], unknown: list[int]) -> None:
    """The threshold is the highest known score that accepts the share."""
    kept = max(value for value in known if np.mean([score >= value for score in known]) >= 0.95)
    expected = np.mean([score >= kept for score in unknown])
    assert metrics.fpr_at_tpr(np.array(known, dtype=float), np.array(unknown, dtype=float), 0.95) == pytest.approx(expected)


def test_odds_that_drew_the_truth_are_calibrated() -> None:
    """Labels drawn from the probabilities give almost no calibration error; squared probabilities are overconfident."""
    rng = np.random.default_rng(0)
    odds = metrics.probabilities(rng.uniform(0.5, 1.0, (4000, 6)).astype(np.float32), 0.05)
    truth = (odds.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    right = odds.argmax(axis=1) == truth
    assert metrics.calibration_error(odds.max(axis=1), right) < 0.03
    sharper = odds**2 / (odds**2).sum(axis=1, keepdims=True)
    assert metrics.calibration_error(sharper.max(axis=1), right) > 0.1
