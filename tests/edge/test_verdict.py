"""From scores to an answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raman_edge.card import Decision
from raman_edge.quality import Quality
from raman_edge.verdict import Match, Nearest, Verdict, decide, nearest, rank

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD = Quality(snr=50.0, saturated=None, coverage=1.0)
RULE = Decision(logit_scale=20.0, head_weight=0.2, temperature=0.05, unknown_below=0.5, ambiguous_below=0.6)
NAMES = ("Anatase", "Calcite", "Gypsum", "Quartz", "Zircon", "Field sample 7")


def decision(**changes: float) -> Decision:
    """Return the usual rule with some numbers changed."""
    return Decision(**({name: getattr(RULE, name) for name in RULE.__struct_fields__} | changes))


def ranking(
    similarity: Sequence[float], logits: Sequence[float], class_of: Sequence[int], rule: Decision = RULE, top: int = 5
) -> tuple[Match, ...]:
    """Rank as many of the names as there are similarities."""
    return rank(
        NAMES[: len(similarity)],
        np.array(similarity, dtype=np.float32),
        np.array(logits, dtype=np.float32),
        np.array(class_of, dtype=np.intp),
        rule,
        top,
    )


def matches(*scores: float, similarity: float = 0.9) -> tuple[Match, ...]:
    """Return candidates with these scores."""
    return tuple(Match(name, score, similarity) for name, score in zip(NAMES, scores, strict=False))


def slow_rank(similarity: Sequence[float], logits: Sequence[float], class_of: Sequence[int], rule: Decision) -> list[tuple[str, float]]:
    """Return names and probabilities, best first, in plain Python."""
    scores = []
    for k, cosine in enumerate(similarity):
        head = cosine if class_of[k] < 0 else logits[class_of[k]] / rule.logit_scale
        scores.append((1 - rule.head_weight) * cosine + rule.head_weight * head)
    highest = max(scores)
    odds = [math.exp((score - highest) / rule.temperature) for score in scores]
    order = sorted(range(len(scores)), key=lambda k: -scores[k])
    return [(NAMES[k], odds[k] / sum(odds)) for k in order]


UNIT = st.floats(-1.0, 1.0, width=32)


@given(
    st.lists(st.tuples(UNIT, st.floats(-20, 20, width=32), st.booleans()), min_size=1, max_size=6),
    st.floats(0.0, 1.0),
    st.floats(0.01, 2.0),
    st.integers(1, 8),
)
@settings(deadline=None)
def test_rank_is_plain_python(labels: list[tuple[float, float, bool]], weight: float, temperature: float, top: int) -> None:
    """Order and probabilities are those of the sum over class head and library, written out."""
    similarity, logits = [cosine for cosine, _, _ in labels], [logit for _, logit, _ in labels]
    class_of = [k if taught else -1 for k, (_, _, taught) in enumerate(labels)]
    rule = decision(head_weight=weight, temperature=temperature)
    got = ranking(similarity, logits, class_of, rule, top)
    expected = slow_rank(similarity, logits, class_of, rule)
    shares = dict(expected)
    assert len({match.label for match in got}) == min(top, len(labels))
    assert [match.score for match in got] == pytest.approx([shares[match.label] for match in got], abs=6e-5)
    assert [match.score for match in got] == pytest.approx([share for _, share in expected[:top]], abs=6e-5)
    by_name = dict(zip(NAMES, similarity, strict=False))
    assert [match.similarity for match in got] == pytest.approx([by_name[match.label] for match in got], abs=6e-5)


@given(st.lists(UNIT, min_size=1, max_size=6), st.sampled_from([1e-6, 1e-3, 0.05, 1.0, 1e6]), st.sampled_from([1e-6, 1.0, 20.0, 1e6]))
@settings(deadline=None)
def test_scores_are_probabilities(similarity: list[float], temperature: float, scale: float) -> None:
    """Scores fall from the first on, lie in 0..1 and sum to at most 1, for any temperature a card may hold."""
    got = ranking(similarity, similarity, list(range(len(similarity))), decision(temperature=temperature, logit_scale=scale))
    scores = [match.score for match in got]
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1.0 + 5e-5 * len(scores)
    if len(similarity) <= 5:
        assert sum(scores) == pytest.approx(1.0, abs=5e-5 * len(scores))
    assert all(type(number) is float for match in got for number in (match.score, match.similarity))


def test_label_only_in_the_library_ranks_like_any_other() -> None:
    """A material that was enrolled in the field and never taught is first where it is the most similar, and last where it is not."""
    class_of = [0, 1, 2, 3, 4, -1]
    logits = [4.0, 5.0, 3.0, 2.0, 1.0]
    first = ranking([0.2, 0.25, 0.15, 0.1, 0.05, 0.95], logits, class_of, top=6)
    assert first[0].label == "Field sample 7"
    assert first[0].score > 0.99
    last = ranking([0.2, 0.25, 0.15, 0.1, 0.05, 0.04], logits, class_of, top=6)
    assert last[-1].label == "Field sample 7"


def test_untaught_label_is_not_scored_by_another_class() -> None:
    """The logit of the last class does not reach a label that has none."""
    calm = ranking([0.5, 0.6], [10.0, 0.0], [0, -1])
    loud = ranking([0.5, 0.6], [10.0, 999.0], [0, -1])
    assert calm == loud


def test_equal_scores_keep_the_librarys_order() -> None:
    """Labels with the same score come in the order of the library, every time."""
    got = ranking([0.5] * 6, [10.0] * 6, list(range(6)), top=3)
    assert [match.label for match in got] == list(NAMES[:3])
    assert {match.score for match in got} == {0.1667}


@given(st.lists(UNIT, min_size=1, max_size=6))
@settings(deadline=None)
def test_nearest_is_the_most_similar(similarity: list[float]) -> None:
    """The nearest label is the one with the largest similarity, the first of several, as plain numbers."""
    got = nearest(NAMES[: len(similarity)], np.array(similarity, dtype=np.float32))
    assert got.label == NAMES[similarity.index(max(similarity))]
    assert got.similarity == pytest.approx(max(similarity), abs=6e-5)
    assert type(got.similarity) is float


def test_plain_match() -> None:
    """A good spectrum with one likely label is a match, with nothing to doubt."""
    verdict = decide(matches(0.97, 0.02), Nearest("Anatase", 0.9), GOOD, RULE)
    assert verdict == Verdict("match", matches(0.97, 0.02), ())
    assert verdict.best is not None
    assert verdict.best.label == "Anatase"


@pytest.mark.parametrize(("similarity", "answer"), [(0.5, "match"), (0.4999, "unknown"), (-0.2, "unknown")])
def test_unknown_below_the_threshold(similarity: float, answer: str) -> None:
    """Where nothing in the library is near enough the answer is unknown: exactly from the card's threshold down."""
    verdict = decide(matches(0.99, similarity=similarity), Nearest("Anatase", similarity), GOOD, RULE)
    assert verdict.decision == answer
    assert (verdict.best is None) is (answer == "unknown")
    assert verdict.ranked[0].label == "Anatase"


def test_unknown_says_what_was_nearest() -> None:
    """Unknown names the nearest label, its similarity and the threshold."""
    verdict = decide(matches(0.99), Nearest("Zircon", 0.3124), GOOD, RULE)
    assert verdict.doubts == (
        "nothing in the library is near enough: the nearest, Zircon, has a similarity of 0.312; 0.500 is the least for a name",
    )


def test_nearest_of_the_whole_library_decides() -> None:
    """A library label near enough keeps the answer from being unknown, also where the class head ranks others first."""
    assert decide(matches(0.9, similarity=0.1), Nearest("Field sample 7", 0.8), GOOD, RULE).decision == "match"


@pytest.mark.parametrize(("score", "answer"), [(0.6, "match"), (0.5999, "ambiguous")])
def test_ambiguous_below_the_threshold(score: float, answer: str) -> None:
    """A best label less probable than the card's threshold is one of several."""
    verdict = decide(matches(score, 0.3, 0.05), Nearest("Anatase", 0.9), GOOD, RULE)
    assert verdict.decision == answer
    assert verdict.best is not None


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ((0.5, 0.4, 0.04, 0.01), "one of Anatase, Calcite: together 90%"),
        ((0.5, 0.3, 0.05, 0.04), "one of Anatase, Calcite, Gypsum: together 85%"),
        ((0.55, 0.01, 0.01), "one of Anatase, Calcite: together 56%"),
        ((0.2, 0.2, 0.2, 0.2, 0.2), "one of Anatase, Calcite, Gypsum, Quartz, Zircon: together 100%"),
        ((0.5,), "one of Anatase: together 50%"),
    ],
)
def test_ambiguous_names_the_likely_ones(scores: tuple[float, ...], said: str) -> None:
    """Ambiguous names at least two labels, down to a tenth of the best, and how probable they are together."""
    assert decide(matches(*scores), Nearest("Anatase", 0.9), GOOD, RULE).doubts == (said,)


@pytest.mark.parametrize("quality", [Quality(snr=1.0, saturated=None, coverage=1.0), Quality(snr=50.0, saturated=None, coverage=0.1)])
def test_bad_spectrum_is_rejected_first(quality: Quality) -> None:
    """A spectrum with a problem is rejected whatever it resembles; the candidates are still shown, none is the answer."""
    for similarity in (0.99, 0.1):
        verdict = decide(matches(0.99), Nearest("Anatase", similarity), quality, RULE)
        assert verdict.decision == "rejected"
        assert verdict.best is None
        assert verdict.doubts == quality.problems
        assert verdict.ranked


def test_saturation_is_a_doubt_after_the_reason() -> None:
    """A saturated spectrum is named all the same, with the doubt last."""
    saturated = Quality(snr=50.0, saturated=True, coverage=1.0)
    match = decide(matches(0.97), Nearest("Anatase", 0.9), saturated, RULE)
    assert (match.decision, match.doubts) == ("match", ("the detector is saturated: expose shorter",))
    unknown = decide(matches(0.97), Nearest("Anatase", 0.1), saturated, RULE)
    assert unknown.doubts[0].startswith("nothing in the library")
    assert unknown.doubts[1:] == match.doubts


def test_every_reason_is_plain() -> None:
    """Reasons are one line of printable text without numpy's or Python's marks."""
    saturated = Quality(snr=0.0, saturated=True, coverage=0.0)
    for quality, similarity, scores in ((saturated, 0.9, (0.9,)), (GOOD, 0.1, (0.9,)), (GOOD, 0.9, (0.3, 0.3))):
        for doubt in decide(matches(*scores), Nearest("Anatase", similarity), quality, RULE).doubts:
            assert doubt.isprintable()
            assert not any(mark in doubt for mark in ("np.", "float", "(", "{"))
