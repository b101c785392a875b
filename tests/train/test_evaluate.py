"""Evaluation: all rankings of a system, few-shot and open-set figures, on outputs that are easy to check by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.errors import ConfigError
from raman_train import evaluate
from raman_train.data.splits import Split, no_indices

if TYPE_CHECKING:
    from numpy.typing import NDArray


def index(*values: int) -> NDArray[np.intp]:
    """Return indices."""
    return np.array(values, dtype=np.intp)


def toward(*angles: float) -> NDArray[np.float32]:
    """Return unit vectors in a plane by their angle in degrees: the nearest angle is the nearest reference."""
    radians = np.deg2rad(np.array(angles))
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


# Classes 0 and 1 have references (at 0 and 90 degrees), class 2 has none; the queries are at 10, 80 and 100 degrees.
CLASSES = index(0, 1, 0, 1, 2)
EMBEDDING = toward(0, 90, 10, 80, 100)
LOGITS = np.array([[9, 0, 0], [0, 9, 0], [1, 2, 9], [0, 3, 1], [0, 1, 9]], dtype=np.float32)
SPLIT = Split(index(0), index(1), index(2, 3))


def test_a_head_cannot_name_classes_outside_its_training() -> None:
    """The highest logit of a class outside the library does not count."""
    answers = evaluate.SystemOutputs(LOGITS, EMBEDDING, None)
    scores = evaluate.head_scores(answers, CLASSES, SPLIT)
    assert np.isneginf(scores[:, 2]).all()
    found = evaluate.figures("head", scores, CLASSES[SPLIT.test])
    assert (found.top1, found.recall, found.macro_top1, found.top3) == (0.5, 0.5, 0.5, 1.0)
    assert found.interval == pytest.approx(1.96 * np.sqrt(0.25 / 2), abs=1e-4)


def test_only_cosines_are_added_to_similarities() -> None:
    """A plain network has two rankings, the edge's has three; the third one is refused for others."""
    plain, edge = evaluate.SystemOutputs(LOGITS, EMBEDDING, None), evaluate.SystemOutputs(LOGITS, EMBEDDING, 10.0)
    assert list(evaluate.rankings(plain, CLASSES, SPLIT)) == ["head", "embedding"]
    ranked = evaluate.rankings(edge, CLASSES, SPLIT)
    assert list(ranked) == ["head", "embedding", "library"]
    best = np.cos(np.deg2rad([[10, 80], [80, 10]]))
    np.testing.assert_allclose(ranked["embedding"][:, :2], best, atol=1e-6)
    np.testing.assert_allclose(ranked["library"][:, :2], 0.7 * best + 0.3 * LOGITS[[2, 3], :2] / 10, atol=1e-6)
    with pytest.raises(ConfigError, match="adds cosines"):
        evaluate.library_scores(plain, CLASSES, SPLIT)


def test_the_library_holds_validation_too() -> None:
    """A library search and the embedding of a network get the same score."""
    scores = evaluate.embedding_scores(evaluate.SystemOutputs(LOGITS, EMBEDDING, None), CLASSES, SPLIT)
    assert scores[1, 1] > 0.98
    assert (scores[:, 2] == -1).all()


# Known: class 0 at 0 degrees. New: class 1 (references at 60, then 90) and class 2 (one reference, at 180).
NEW_CLASSES = index(0, 1, 1, 2, 1, 1, 2)
NEW_EMBEDDING = toward(0, 60, 90, 180, 25, 85, 170)
NEW = Split(index(0), no_indices(), index(4, 5, 6), enrolled=index(1, 2, 3))
NEW_ANSWERS = evaluate.SystemOutputs(np.zeros((7, 3), dtype=np.float32), NEW_EMBEDDING, None)


def test_a_species_needs_as_many_references_as_shots() -> None:
    """The first k references of each species; one with fewer is not in the test, but its references compete."""
    one, two = evaluate.with_references(NEW, NEW_CLASSES, 1), evaluate.with_references(NEW, NEW_CLASSES, 2)
    assert (one.enrolled.tolist(), one.test.tolist()) == ([1, 3], [4, 5, 6])
    assert (two.enrolled.tolist(), two.test.tolist()) == ([1, 2, 3], [4, 5])


def test_few_shot_figures() -> None:
    """At 25° the known species at 0° wins against the new one at 60°, unless only new ones compete; five references has none."""
    assert evaluate.few_shot(NEW_ANSWERS, NEW_CLASSES, NEW) == {
        "novel_top1_1_shot": 1.0, "all_top1_1_shot": 0.6667, "asked_1_shot": 3, "species_1_shot": 2,
        "novel_top1_2_shot": 1.0, "all_top1_2_shot": 0.5, "asked_2_shot": 2, "species_2_shot": 1,
    }  # fmt: skip
    assert evaluate.protocol_figures(NEW_ANSWERS, NEW_CLASSES, NEW) == evaluate.few_shot(NEW_ANSWERS, NEW_CLASSES, NEW)


def test_more_references_are_of_use() -> None:
    """At 88° a known species at 100° wins against one reference at 60°, but not against a second one at 90°."""
    embedding = toward(100, 60, 90, 88)
    split = Split(index(0), no_indices(), index(3), enrolled=index(1, 2))
    found = evaluate.few_shot(evaluate.SystemOutputs(np.zeros((4, 2), dtype=np.float32), embedding, None), index(0, 1, 1, 1), split)
    assert (found["all_top1_1_shot"], found["all_top1_2_shot"]) == (0.0, 1.0)


@pytest.mark.parametrize("scale", [None, 10.0])
def test_few_shot_ranks_with_one_reference_and_everything_competing(scale: float | None) -> None:
    """A class head cannot name species outside its training set: the only ranking is the search."""
    answers = evaluate.SystemOutputs(NEW_ANSWERS.logits, NEW_EMBEDDING, scale)
    ranked = evaluate.rankings(answers, NEW_CLASSES, NEW)
    assert list(ranked) == ["embedding"]
    assert ranked["embedding"][1, 1] == pytest.approx(np.cos(np.deg2rad(85 - 60)))
    assert evaluate.figures("embedding", ranked["embedding"], NEW_CLASSES[NEW.test]).top1 == 0.6667


# References at 0 and 90 degrees, queries at 2 and 85 degrees; unknown ones at 40 and 180.
OPEN_CLASSES = index(0, 1, 0, 1, 2, 2)
OPEN_EMBEDDING = toward(0, 90, 2, 85, 40, 180)
OPEN = Split(index(0, 1), no_indices(), index(2, 3), unknown=index(4, 5))


def test_unknown_species_look_less_known() -> None:
    """The library separates both unknown species; a head with a high logit for one of them does not."""
    logits = np.array([[9, 0, 9], [0, 9, 9], [5, 0, 9], [-9, 3, 9], [6, 0, 9], [1, 1, 9]], dtype=np.float32)
    found = evaluate.open_set(evaluate.SystemOutputs(logits, OPEN_EMBEDDING, None), OPEN_CLASSES, OPEN)
    assert found == {"open_auroc_library": 1.0, "open_auroc_head": 0.75, "open_fpr95_library": 0.0, "open_fpr95_head": 0.5}


def test_the_open_set_figures_of_the_edge() -> None:
    """The combined score adds cosines; the head's score is its cosine, not a probability."""
    logits = np.array([[9, 0, 9], [0, 9, 9], [5, 4, 9], [4, 5, 9], [4.5, -9, 9], [1, 1, 9]], dtype=np.float32)
    answers = evaluate.SystemOutputs(logits, OPEN_EMBEDDING, 10.0)
    found = evaluate.open_set(answers, OPEN_CLASSES, OPEN)
    assert (found["open_auroc_head"], found["open_auroc_fused"], found["open_fpr95_fused"]) == (1.0, 1.0, 0.0)
    assert evaluate.protocol_figures(answers, OPEN_CLASSES, OPEN) == found


def test_a_plain_network_has_no_further_figures_under_sample() -> None:
    """Only the edge's ranking has a calibration."""
    assert evaluate.protocol_figures(evaluate.SystemOutputs(LOGITS, EMBEDDING, None), CLASSES, SPLIT) == {}
