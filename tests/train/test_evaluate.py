"""Measuring: every ranking a system has, few-shot and open-set figures, on answers made to be read by eye."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.errors import ConfigError
from raman_train import evaluate
from raman_train.data.splits import Split, nobody

if TYPE_CHECKING:
    from numpy.typing import NDArray


def index(*values: int) -> NDArray[np.intp]:
    """Return indices."""
    return np.array(values, dtype=np.intp)


def toward(*angles: float) -> NDArray[np.float32]:
    """Return unit vectors in a plane by their angle in degrees: the nearest angle is the nearest reference."""
    radians = np.deg2rad(np.array(angles))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


# Classes 0 and 1 are learned from (at 0 and 90 degrees), class 2 is not; asked are 10, 80 and 100 degrees.
CLASSES = index(0, 1, 0, 1, 2)
EMBEDDING = toward(0, 90, 10, 80, 100)
LOGITS = np.array([[9, 0, 0], [0, 9, 0], [1, 2, 9], [0, 3, 1], [0, 1, 9]], dtype=np.float32)
SPLIT = Split(index(0), index(1), index(2, 3))


def test_a_head_cannot_name_what_it_was_not_taught() -> None:
    """The highest logit of an untaught class is no answer; the figures follow."""
    answers = evaluate.Answers(LOGITS, EMBEDDING, None)
    scores = evaluate.head_scores(answers, CLASSES, SPLIT)
    assert np.isneginf(scores[:, 2]).all()
    found = evaluate.figures("head", scores, CLASSES[SPLIT.test])
    assert (found.top1, found.recall, found.macro_top1, found.top3) == (0.5, 0.5, 0.5, 1.0)
    assert found.interval == pytest.approx(1.96 * np.sqrt(0.25 / 2), abs=1e-4)


def test_only_cosines_are_added_to_similarities() -> None:
    """A plain network has two rankings, the edge's three; the third is refused where it means nothing."""
    plain, edge = evaluate.Answers(LOGITS, EMBEDDING, None), evaluate.Answers(LOGITS, EMBEDDING, 10.0)
    assert list(evaluate.rankings(plain, CLASSES, SPLIT)) == ["head", "embedding"]
    ranked = evaluate.rankings(edge, CLASSES, SPLIT)
    assert list(ranked) == ["head", "embedding", "library"]
    best = np.cos(np.deg2rad([[10, 80], [80, 10]]))
    np.testing.assert_allclose(ranked["embedding"][:, :2], best, atol=1e-6)
    np.testing.assert_allclose(ranked["library"][:, :2], 0.7 * best + 0.3 * LOGITS[[2, 3], :2] / 10, atol=1e-6)
    with pytest.raises(ConfigError, match="adds cosines"):
        evaluate.library_scores(plain, CLASSES, SPLIT)


def test_the_library_holds_validation_too() -> None:
    """A search takes for free what a network is only checked with."""
    scores = evaluate.embedding_scores(evaluate.Answers(LOGITS, EMBEDDING, None), CLASSES, SPLIT)
    assert scores[1, 1] > 0.98
    assert (scores[:, 2] == -1).all()


# Known: class 0 at 0 degrees. New: class 1 (references at 60, then 90) and class 2 (one reference, at 180).
NEW_CLASSES = index(0, 1, 1, 2, 1, 1, 2)
NEW_EMBEDDING = toward(0, 60, 90, 180, 25, 85, 170)
NEW = Split(index(0), nobody(), index(4, 5, 6), enrolled=index(1, 2, 3))
NEW_ANSWERS = evaluate.Answers(np.zeros((7, 3), dtype=np.float32), NEW_EMBEDDING, None)


def test_a_species_is_asked_with_as_many_references_as_it_has() -> None:
    """The first k references of each count; a species with fewer is not asked, but competes with what it has."""
    one, two = evaluate.given(NEW, NEW_CLASSES, 1), evaluate.given(NEW, NEW_CLASSES, 2)
    assert (one.enrolled.tolist(), one.test.tolist()) == ([1, 3], [4, 5, 6])
    assert (two.enrolled.tolist(), two.test.tolist()) == ([1, 2, 3], [4, 5])


def test_few_shot_figures() -> None:
    """At 25° the known species at 0° wins against the new one at 60°, unless only new ones compete; five references has none."""
    assert evaluate.few_shot(NEW_ANSWERS, NEW_CLASSES, NEW) == {
        "novel_top1_1_shot": 1.0, "all_top1_1_shot": 0.6667, "asked_1_shot": 3, "species_1_shot": 2,
        "novel_top1_2_shot": 1.0, "all_top1_2_shot": 0.5, "asked_2_shot": 2, "species_2_shot": 1,
    }  # fmt: skip
    assert evaluate.more(NEW_ANSWERS, NEW_CLASSES, NEW) == evaluate.few_shot(NEW_ANSWERS, NEW_CLASSES, NEW)


def test_more_references_are_of_use() -> None:
    """At 88° a known species at 100° wins while the new one is known at 60° alone, not with its second reference at 90°."""
    embedding = toward(100, 60, 90, 88)
    split = Split(index(0), nobody(), index(3), enrolled=index(1, 2))
    found = evaluate.few_shot(evaluate.Answers(np.zeros((4, 2), dtype=np.float32), embedding, None), index(0, 1, 1, 1), split)
    assert (found["all_top1_1_shot"], found["all_top1_2_shot"]) == (0.0, 1.0)


@pytest.mark.parametrize("scale", [None, 10.0])
def test_few_shot_ranks_with_one_reference_and_everything_competing(scale: float | None) -> None:
    """No head can name a species it was never taught: the one ranking is the search."""
    answers = evaluate.Answers(NEW_ANSWERS.logits, NEW_EMBEDDING, scale)
    ranked = evaluate.rankings(answers, NEW_CLASSES, NEW)
    assert list(ranked) == ["embedding"]
    assert ranked["embedding"][1, 1] == pytest.approx(np.cos(np.deg2rad(85 - 60)))
    assert evaluate.figures("embedding", ranked["embedding"], NEW_CLASSES[NEW.test]).top1 == 0.6667


# Known at 0 and 90 degrees and asked 2 and 85 degrees; unknown at 40 and 180.
OPEN_CLASSES = index(0, 1, 0, 1, 2, 2)
OPEN_EMBEDDING = toward(0, 90, 2, 85, 40, 180)
OPEN = Split(index(0, 1), nobody(), index(2, 3), unknown=index(4, 5))


def test_unknown_species_look_less_known() -> None:
    """By the library both unknown are told; by a head that is sure of one of them, it is not; its own class counts nowhere."""
    logits = np.array([[9, 0, 9], [0, 9, 9], [5, 0, 9], [-9, 3, 9], [6, 0, 9], [1, 1, 9]], dtype=np.float32)
    found = evaluate.open_set(evaluate.Answers(logits, OPEN_EMBEDDING, None), OPEN_CLASSES, OPEN)
    assert found == {"open_auroc_library": 1.0, "open_auroc_head": 0.75, "open_fpr95_library": 0.0, "open_fpr95_head": 0.5}


def test_the_edge_is_asked_by_its_own_score_too() -> None:
    """The fused score adds cosines; the head's is its cosine, not a probability."""
    logits = np.array([[9, 0, 9], [0, 9, 9], [5, 4, 9], [4, 5, 9], [4.5, -9, 9], [1, 1, 9]], dtype=np.float32)
    answers = evaluate.Answers(logits, OPEN_EMBEDDING, 10.0)
    found = evaluate.open_set(answers, OPEN_CLASSES, OPEN)
    assert (found["open_auroc_head"], found["open_auroc_fused"], found["open_fpr95_fused"]) == (1.0, 1.0, 0.0)
    assert evaluate.more(answers, OPEN_CLASSES, OPEN) == found


def test_nothing_more_is_said_of_a_plain_network_under_sample() -> None:
    """Calibration is the edge's alone."""
    assert evaluate.more(evaluate.Answers(LOGITS, EMBEDDING, None), CLASSES, SPLIT) == {}
