"""From scores to an answer."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from raman_edge.matching.ranking import (
    LEAST_CHANCE,
    REQUIRED,
    STRONG,
    Candidate,
    PredictionSets,
    Ranking,
    Verdict,
    known,
    objections,
    odds,
    rank,
)
from raman_edge.matching.ranking import decide as decide_ranking
from raman_edge.model.card import Claims, Decision, OutOfLibraryRule
from raman_edge.peaks import MatchedPeak, PeakMatch, UnmatchedPeak
from raman_edge.quality import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD = Quality(snr=50.0, saturated=None, coverage=1.0)
FAMILIAR = OutOfLibraryRule(similarity=20.0, energy=0.0, explained=0.0, bias=-10.0, least=0.5)
RULE = Decision(
    logit_scale=20.0, head_weight=0.2, temperature=0.05, rank_prior=0.0, least_90=0.2, least_95=0.05, ambiguous_below=0.6, familiar=FAMILIAR
)
NAMES = ("Anatase", "Calcite", "Gypsum", "Quartz", "Zircon", "Field sample 7")


ALL = Claims(sets=True, known=True)


def decide(ranking: Ranking, quality: Quality, rule: Decision, claims: Claims = ALL) -> Verdict:
    """Decide for a model that was measured for everything, unless ``claims`` says otherwise."""
    return decide_ranking(ranking, quality, rule, claims)


def decision(**changes: object) -> Decision:
    """Return the usual rule with some numbers changed."""
    return structs.replace(RULE, **changes)


def ordered(similarity: Sequence[float], logits: Sequence[float], class_of: Sequence[int], rule: Decision = RULE, top: int = 5) -> Ranking:
    """Rank as many of the names as there are similarities."""
    return rank(
        NAMES[: len(similarity)],
        np.array(similarity, dtype=np.float32),
        np.array(logits, dtype=np.float32),
        np.array(class_of, dtype=np.intp),
        rule,
        top,
    )


def candidates(
    similarity: Sequence[float], logits: Sequence[float], class_of: Sequence[int], rule: Decision = RULE, top: int = 5
) -> tuple[Candidate, ...]:
    """Return the candidates alone."""
    return ordered(similarity, logits, class_of, rule, top).matches


def ranked(*scores: float, similarity: float = 0.9, energy: float = 0.9, nearest: str = "Anatase") -> Ranking:
    """Return a ranking of candidates with these scores, each alone in its sets."""
    matches = tuple(Candidate(name, score, similarity) for name, score in zip(NAMES, scores, strict=False))
    return Ranking(matches, PredictionSets((matches[0].label,), (matches[0].label,)), energy, nearest, similarity)


def slow_scores(similarity: Sequence[float], logits: Sequence[float], class_of: Sequence[int], rule: Decision) -> list[float]:
    """Return the score of each label in plain Python."""
    heads = [cosine if index < 0 else logits[index] / rule.logit_scale for cosine, index in zip(similarity, class_of, strict=True)]
    return [(1 - rule.head_weight) * cosine + rule.head_weight * head for cosine, head in zip(similarity, heads, strict=True)]


def slow_rank(similarity: Sequence[float], logits: Sequence[float], class_of: Sequence[int], rule: Decision) -> list[tuple[str, float]]:
    """Return names and probabilities, best first, in plain Python."""
    scores = slow_scores(similarity, logits, class_of, rule)
    highest = max(scores)
    order = sorted(range(len(scores)), key=lambda k: -scores[k])
    shares = [math.exp((scores[k] - highest) / rule.temperature) * place**-rule.rank_prior for place, k in enumerate(order, 1)]
    return [(NAMES[k], share / sum(shares)) for k, share in zip(order, shares, strict=True)]


UNIT = st.floats(-1.0, 1.0, width=32)


@given(
    st.lists(st.tuples(UNIT, st.floats(-20, 20, width=32), st.booleans()), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.floats(0.01, 2.0),
    st.floats(0.0, 2.0),
    st.integers(1, 8),
)
@settings(deadline=None)
def test_rank_is_plain_python(labels: list[tuple[float, float, bool]], weight: float, temperature: float, prior: float, top: int) -> None:
    """Order and probabilities are those of the sum over class head and library, written out."""
    # On a grid, because single precision swaps scores that are nearly equal, and then the rank decides between them.
    similarity, logits = [round(cosine, 2) for cosine, _, _ in labels], [round(logit) for _, logit, _ in labels]
    class_of = [k if taught else -1 for k, (_, _, taught) in enumerate(labels)]
    rule = decision(head_weight=weight, temperature=temperature, rank_prior=prior)
    expected = slow_rank(similarity, logits, class_of, rule)
    got = candidates(similarity, logits, class_of, rule, top)
    shares = dict(expected)
    assert len({match.label for match in got}) == min(top, len(labels))
    scores = sorted(slow_scores(similarity, logits, class_of, rule))
    if all(higher - lower > 1e-6 for lower, higher in itertools.pairwise(scores)):
        assert [match.score for match in got] == pytest.approx([shares[match.label] for match in got], abs=6e-5)
    assert [match.score for match in got] == pytest.approx([share for _, share in expected[:top]], abs=6e-5)
    by_name = dict(zip(NAMES, similarity, strict=False))
    assert [match.similarity for match in got] == pytest.approx([by_name[match.label] for match in got], abs=6e-5)


@given(st.lists(UNIT, min_size=1, max_size=6), st.sampled_from([1e-6, 1e-3, 0.05, 1.0, 1e6]), st.sampled_from([1e-6, 1.0, 20.0, 1e6]))
@settings(deadline=None)
def test_scores_are_probabilities(similarity: list[float], temperature: float, scale: float) -> None:
    """Scores fall from the first on, lie in 0..1 and sum to at most 1, for any temperature a card may hold."""
    got = candidates(similarity, similarity, list(range(len(similarity))), decision(temperature=temperature, logit_scale=scale))
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
    first = candidates([0.2, 0.25, 0.15, 0.1, 0.05, 0.95], logits, class_of, top=6)
    assert first[0].label == "Field sample 7"
    assert first[0].score > 0.99
    last = candidates([0.2, 0.25, 0.15, 0.1, 0.05, 0.04], logits, class_of, top=6)
    assert last[-1].label == "Field sample 7"


def test_untaught_label_is_not_scored_by_another_class() -> None:
    """The logit of the last class does not reach a label that has none."""
    calm = candidates([0.5, 0.6], [10.0, 0.0], [0, -1])
    loud = candidates([0.5, 0.6], [10.0, 999.0], [0, -1])
    assert calm == loud


def test_equal_scores_keep_the_librarys_order() -> None:
    """Labels with the same score come in the order of the library, every time."""
    got = candidates([0.5] * 6, [10.0] * 6, list(range(6)), top=3)
    assert [match.label for match in got] == list(NAMES[:3])
    assert {match.score for match in got} == {0.1667}


@given(st.lists(UNIT, min_size=1, max_size=6))
@settings(deadline=None)
def test_nearest_is_the_most_similar(similarity: list[float]) -> None:
    """The nearest label is the one with the largest similarity, the first of several, as plain numbers."""
    got = ordered(similarity, [0.0], [-1] * len(similarity))
    assert got.nearest == NAMES[similarity.index(max(similarity))]
    assert got.similarity == pytest.approx(max(similarity), abs=6e-5)
    assert type(got.similarity) is float
    assert type(got.energy) is float


@given(st.lists(UNIT, min_size=2, max_size=6), st.floats(0.01, 1.0))
@settings(deadline=None)
def test_energy_is_the_soft_maximum(similarity: list[float], temperature: float) -> None:
    """At least the best score, at most that plus the temperature times the logarithm of their number."""
    rule = decision(temperature=temperature)
    got = ordered(similarity, [0.0], [-1] * len(similarity), rule)
    expected = temperature * math.log(sum(math.exp((s - max(similarity)) / temperature) for s in similarity)) + max(similarity)
    assert got.energy == pytest.approx(expected, abs=1e-5)


@given(st.lists(UNIT, min_size=1, max_size=6), st.floats(0.0, 3.0), st.floats(0.01, 1.0))
@settings(deadline=None)
def test_sets_hold_what_is_probable_enough(similarity: list[float], prior: float, temperature: float) -> None:
    """A set is the first labels down to its level, never empty, and the stricter one holds the other."""
    rule = decision(rank_prior=prior, temperature=temperature, least_90=0.3, least_95=0.1)
    got = ordered(similarity, [0.0], [-1] * len(similarity), rule, top=6)
    shares = {match.label: match.score for match in got.matches}
    for members, least in ((got.sets.p90, 0.3), (got.sets.p95, 0.1)):
        assert members == tuple(shares)[: len(members)]
        assert all(shares[label] >= least - 1e-4 for label in members[1:])
        assert all(share <= least + 1e-4 for label, share in shares.items() if label not in members)
    assert got.sets.p90 == got.sets.p95[: len(got.sets.p90)]


def test_labels_far_behind_count_less_than_their_number() -> None:
    """Under a rank prior a crowd of equal scores far behind the first leaves it more of the probability."""
    scores = np.array([0.9, *[0.5] * 500], dtype=np.float32)
    assert odds(scores, 0.1, 1.0)[0] > 2 * odds(scores, 0.1, 0.0)[0]
    assert odds(scores, 0.1, 1.0).sum() == pytest.approx(1.0)
    assert (np.diff(odds(scores, 0.1, 1.0)) <= 0).all()


def test_plain_match() -> None:
    """A good spectrum with one likely label is a match, with nothing to doubt."""
    verdict = decide(ranked(0.97, 0.02), GOOD, RULE)
    assert (verdict.decision, verdict.names, verdict.ranked, verdict.doubts) == ("match", ("Anatase",), ranked(0.97, 0.02).matches, ())
    assert verdict.best is not None
    assert verdict.best.label == "Anatase"
    assert verdict.known is not None
    assert verdict.known > 0.99


@pytest.mark.parametrize(("similarity", "answer"), [(0.5, "possible"), (0.4999, "unknown"), (-0.2, "unknown")])
def test_unknown_below_the_threshold(similarity: float, answer: str) -> None:
    """Where nothing in the library is near enough the answer is unknown: exactly from the card's threshold down."""
    verdict = decide(ranked(0.99, similarity=similarity), GOOD, RULE)
    assert verdict.decision == answer
    assert (verdict.best is None) is (answer == "unknown")
    assert verdict.ranked[0].label == "Anatase"


@pytest.mark.parametrize("weight", ["similarity", "energy", "explained"])
def test_everything_weighed_counts(weight: str) -> None:
    """Similarity, energy and explained peaks each raise the probability of being known, by the weight the card gives them."""
    nothing = {"similarity": 0.0, "energy": 0.0, "explained": 0.0}
    rule = OutOfLibraryRule(**(nothing | {weight: 4.0}), bias=-2.0, least=0.5)
    ranking = ranked(0.99, similarity=0.8, energy=0.7)
    found = PeakMatch(
        matched=(MatchedPeak(at=464, reference=464, delta=0, height=0.6, reference_height=1.0),), extra=(UnmatchedPeak(at=900, height=0.2),)
    )
    value = {"similarity": 0.8, "energy": 0.7, "explained": 0.75}[weight]
    assert known(ranking, found, rule) == pytest.approx(1 / (1 + math.exp(2 - 4 * value)))


@pytest.mark.parametrize("bias", [-1e6, 1e6])
def test_any_card_gives_a_probability(bias: float) -> None:
    """However large the numbers of a card, being known has a probability."""
    rule = OutOfLibraryRule(similarity=1e6, energy=-1e6, explained=1e6, bias=bias, least=0.5)
    assert 0.0 <= known(ranked(0.9), PeakMatch(), rule) <= 1.0


def test_unknown_gives_the_evidence_against_the_best_match() -> None:
    """Unknown names the nearest label, its similarity, and how much of the peaks do not fit."""
    ranking = ranked(0.99, similarity=0.3124, nearest="Zircon")
    assert decide(ranking, GOOD, RULE).doubts == ("nothing in the library is near enough: the nearest, Zircon, has a similarity of 0.312",)
    found = PeakMatch(
        matched=(MatchedPeak(at=464, reference=464, delta=0, height=0.5, reference_height=0.6),),
        missing=(UnmatchedPeak(at=640, height=0.4),),
        extra=(UnmatchedPeak(at=900, height=1.0), UnmatchedPeak(at=1000, height=0.5)),
    )
    seen = replace(ranking, matches=tuple(replace(match, peaks=found) for match in ranking.matches))
    (doubt,) = decide(seen, GOOD, RULE).doubts
    assert doubt.endswith("0.312; 75% of the peaks are none of Anatase; 40% of the peaks of Anatase are missing")


def test_what_is_only_near_is_listed_by_similarity() -> None:
    """Without a name there is no probability, and the order is that of the number that is shown."""
    ranking = ranked(0.6, 0.3, 0.1, similarity=0.2)
    near = tuple(replace(match, similarity=one) for match, one in zip(ranking.matches, (0.2, 0.4, 0.3), strict=True))
    assert [match.similarity for match in decide(replace(ranking, matches=near), GOOD, RULE).ranked] == [0.4, 0.3, 0.2]


def test_nearest_of_the_whole_library_decides() -> None:
    """A library label near enough keeps the answer from being unknown, also where the class head ranks others first."""
    ranking = replace(ranked(0.9, similarity=0.1), similarity=0.8, nearest="Field sample 7")
    assert decide(ranking, GOOD, RULE).decision == "match"


@pytest.mark.parametrize(("score", "names"), [(0.6, ("Anatase",)), (0.5999, ("Anatase", "Calcite"))])
def test_ambiguous_below_the_threshold(score: float, names: tuple[str, ...]) -> None:
    """A best label less probable than the card's threshold is one of several, whatever the sets say; one above is alone."""
    verdict = decide(ranked(score, 0.3, 0.05), GOOD, RULE)
    assert verdict.names == names
    assert (verdict.decision == "ambiguous") is (len(names) > 1)
    assert verdict.best is not None


@pytest.mark.parametrize(
    ("sets", "score", "names", "often"),
    [
        (PredictionSets(("A", "B"), ("A", "B", "C")), 0.9, ("A", "B"), "90 of 100"),
        (PredictionSets(("A",), ("A", "B", "C")), 0.5, ("A", "B", "C"), "95 of 100"),
        (PredictionSets(("A",), ("A",)), 0.5, ("Anatase", "Calcite"), "no name is more likely than not"),
    ],
)
def test_one_of_names_those_among_which_the_truth_is(sets: PredictionSets, score: float, names: tuple[str, ...], often: str) -> None:
    """Where one name would be dishonest the answer is a set, and how often such sets hold the truth."""
    verdict = decide(replace(ranked(score, 0.3), sets=sets), GOOD, RULE)
    assert (verdict.decision, verdict.names, verdict.sets) == ("ambiguous", names, sets)
    assert len(verdict.doubts) == 1
    assert often in verdict.doubts[0]


@pytest.mark.parametrize("quality", [Quality(snr=1.0, saturated=None, coverage=1.0), Quality(snr=50.0, saturated=None, coverage=0.1)])
def test_bad_spectrum_is_rejected_first(quality: Quality) -> None:
    """A spectrum with a problem is rejected whatever it resembles; the candidates are still shown, none is the answer."""
    for similarity in (0.99, 0.1):
        verdict = decide(ranked(0.99, similarity=similarity), quality, RULE)
        assert verdict.decision == "rejected"
        assert verdict.best is None
        assert verdict.doubts == quality.reject_reasons
        assert verdict.ranked


def test_saturation_is_a_doubt_after_the_reason() -> None:
    """A saturated spectrum is named all the same, with the doubt last."""
    saturated = Quality(snr=50.0, saturated=True, coverage=1.0)
    match = decide(ranked(0.97), saturated, RULE)
    assert (match.decision, match.doubts) == ("match", ("the detector is saturated: expose shorter",))
    unknown = decide(ranked(0.97, similarity=0.1), saturated, RULE)
    assert unknown.doubts[0].startswith("nothing in the library")
    assert unknown.doubts[1:] == match.doubts


def test_every_reason_is_plain() -> None:
    """Reasons are one line of printable text without numpy's or Python's marks."""
    saturated = Quality(snr=0.0, saturated=True, coverage=0.0)
    for quality, similarity, scores in ((saturated, 0.9, (0.9,)), (GOOD, 0.1, (0.9,)), (GOOD, 0.9, (0.3, 0.3))):
        for doubt in decide(ranked(*scores, similarity=similarity), quality, RULE).doubts:
            assert doubt.isprintable()
            assert not any(mark in doubt for mark in ("np.", "float", "(", "{"))


LENIENT = OutOfLibraryRule(similarity=20.0, energy=0.0, explained=0.0, bias=-10.0, least=0.2)
"""Known from a similarity of .43 on, and likelier known than not from .5 on."""


def off_by(delta: float) -> MatchedPeak:
    """Return a matched peak that is so far off, cm⁻¹."""
    return MatchedPeak(at=464.0 + delta, reference=464.0, delta=delta, height=1.0, reference_height=1.0)


MATCHED = off_by(0.0)


def beside(found: PeakMatch, score: float = 0.97) -> Ranking:
    """Return a ranking whose first candidate has these peaks."""
    ranking = ranked(score, 0.02)
    return replace(ranking, matches=(replace(ranking.matches[0], peaks=found), *ranking.matches[1:]))


@pytest.mark.parametrize(
    ("ranking", "objected"),
    [
        (ranked(0.97), ""),
        (ranked(0.97, similarity=0.45), "more likely not in the library"),
        (ranked(LEAST_CHANCE - 0.01), "not sure enough"),
        (ranked(LEAST_CHANCE + 0.01), ""),
        (beside(PeakMatch((MATCHED,), (), (UnmatchedPeak(1086.0, STRONG),))), "does not explain the peak at 1086 cm"),
        (beside(PeakMatch((MATCHED,), (), (UnmatchedPeak(1086.0, STRONG - 0.01),))), ""),
        (beside(PeakMatch((MATCHED,), (UnmatchedPeak(206.0, REQUIRED),))), "lacks the peak at 206 cm"),
        (beside(PeakMatch((MATCHED,), (UnmatchedPeak(206.0, REQUIRED - 0.01),))), ""),
        (beside(PeakMatch((off_by(7.0),))), "calibrate the wavenumber axis"),
        (beside(PeakMatch((off_by(-7.0),))), "calibrate the wavenumber axis"),
        (beside(PeakMatch((off_by(5.0),))), ""),
    ],
)
def test_no_match_with_evidence_against_it(ranking: Ranking, objected: str) -> None:
    """A name is a match exactly where nothing objects; else it is possible, and the first reason is the objection."""
    verdict = decide(ranking, GOOD, decision(familiar=LENIENT))
    assert verdict.decision == ("possible" if objected else "match")
    assert verdict.names == ("Anatase",)
    assert bool(verdict.doubts) is bool(objected)
    assert all(objected in doubt for doubt in verdict.doubts)


def test_several_possible_names_are_possible_together() -> None:
    """With several names left and evidence against the first, the decision is possible, with all of them."""
    sets = PredictionSets(("Anatase", "Calcite"), ("Anatase", "Calcite", "Gypsum"))
    verdict = decide(replace(ranked(0.6, 0.3, similarity=0.45), sets=sets), GOOD, decision(familiar=LENIENT))
    assert (verdict.decision, verdict.names) == ("possible", sets.p90)
    assert "not in the library" in verdict.doubts[0]
    assert "if in the library" in verdict.doubts[1]


def test_a_model_that_was_not_measured_claims_no_figure() -> None:
    """Without measured figures there is no probability, no set and no percentage in any reason; names and thresholds stay."""
    sets = PredictionSets(("Anatase", "Calcite"), ("Anatase", "Calcite", "Gypsum"))
    for ranking in (ranked(0.97), ranked(0.5, 0.4), replace(ranked(0.6, 0.3), sets=sets), ranked(0.9, similarity=0.1)):
        verdict = decide(ranking, GOOD, RULE, Claims(sets=False, known=False))
        assert (verdict.sets, verdict.known, {match.score for match in verdict.ranked}) == (None, None, {None})
        assert not any("of 100" in doubt or "%" in doubt for doubt in verdict.doubts)
    assert decide(ranked(0.97), GOOD, RULE, Claims(sets=False, known=False)).decision == "match"
    assert decide(ranked(0.97), GOOD, RULE, Claims(sets=True, known=False)).known is None


LONE = st.lists(st.builds(UnmatchedPeak, st.floats(100, 1500), st.floats(0, 1)), max_size=4).map(tuple)


@st.composite
def rankings(draw: st.DrawFn) -> Ranking:
    """Any ranking of one to four candidates with any peaks."""
    found = PeakMatch((off_by(draw(st.floats(-8.0, 8.0))),), draw(LONE), draw(LONE))
    scores = draw(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4))
    ranking = ranked(*sorted(scores, reverse=True), similarity=draw(st.floats(-1.0, 1.0)))
    matches = tuple(replace(match, peaks=found) for match in ranking.matches)
    return replace(ranking, matches=matches, sets=PredictionSets(NAMES[: draw(st.integers(1, 3))], NAMES[:4]))


QUALITIES = st.sampled_from([GOOD, Quality(1.0, None, 1.0), Quality(50.0, True, 1.0)])  # noqa: FBT003 - saturated


@given(rankings(), QUALITIES, st.builds(Claims, st.booleans(), st.booleans()))
@settings(deadline=None)
def test_an_answer_never_contradicts_itself(ranking: Ranking, quality: Quality, claims: Claims) -> None:
    """Whatever is known of a spectrum: a match has nothing against it, and what names nothing has neither probability nor set."""
    verdict = decide(ranking, quality, decision(familiar=LENIENT), claims)
    first = verdict.ranked[0]
    if verdict.decision == "match":
        assert verdict.known is None or verdict.known >= 0.5
        assert not objections(first, verdict.known)
        assert not [peak for peak in first.peaks.extra if peak.height >= STRONG]
        assert len(verdict.names) == 1
        assert verdict.names == (first.label,)
        assert verdict.doubts == quality.warnings
    if verdict.decision in {"unknown", "rejected"}:
        assert (verdict.names, verdict.sets, verdict.best) == ((), None, None)
        assert {match.score for match in verdict.ranked} == {None}
    if verdict.decision in {"possible", "ambiguous"}:
        assert verdict.names
        assert verdict.doubts
    if verdict.decision == "ambiguous":
        assert len(verdict.names) > 1
        assert verdict.known is None or verdict.known >= 0.5
    assert (verdict.known is not None) is claims.known


def group_of(names: Sequence[str]) -> str | None:
    """Return the group of the tests: Calcite and Gypsum are one."""
    return "powders" if {*names} <= {"Calcite", "Gypsum"} else None


@pytest.mark.parametrize(
    ("names", "score", "expected"),
    [
        (("Calcite", "Gypsum"), 0.6, ("group", "powders")),
        (("Calcite", "Quartz"), 0.6, ("ambiguous", None)),
        (("Calcite",), 0.95, ("match", None)),
    ],
)
def test_names_of_one_group_are_the_group(names: tuple[str, ...], score: float, expected: tuple[str, str | None]) -> None:
    """Several names that share a group are that group; names that share none stay one of several, one name stays a match."""
    matches = tuple(Candidate(name, score if k == 0 else (1 - score) / 2, 0.9) for k, name in enumerate((*names, "Zircon")))
    ranking = Ranking(matches, PredictionSets(names, names), 0.9, names[0], 0.9)
    verdict = decide_ranking(ranking, GOOD, RULE, ALL, group_of)
    assert (verdict.decision, verdict.group) == expected
    assert verdict.names == names


def test_a_name_too_uncertain_for_a_match_becomes_its_group() -> None:
    """One name in the 90 % set with too little probability: the names of the 95 % set are the answer if they share a group."""
    matches = (Candidate("Calcite", 0.7, 0.9), Candidate("Gypsum", 0.15, 0.8))
    ranking = Ranking(matches, PredictionSets(("Calcite",), ("Calcite", "Gypsum")), 0.9, "Calcite", 0.9)
    verdict = decide_ranking(ranking, GOOD, RULE, ALL, group_of)
    assert (verdict.decision, verdict.group, verdict.names) == ("group", "powders", ("Calcite", "Gypsum"))
    assert decide_ranking(ranking, GOOD, RULE, ALL).decision == "possible"


def test_evidence_against_the_first_name_counts_against_its_group() -> None:
    """A strong peak that the first name does not have makes the group possible, and it is still named."""
    foreign = PeakMatch(extra=(UnmatchedPeak(700.0, 0.9),))
    matches = (Candidate("Calcite", 0.6, 0.9, foreign), Candidate("Gypsum", 0.3, 0.8))
    ranking = Ranking(matches, PredictionSets(("Calcite", "Gypsum"), ("Calcite", "Gypsum")), 0.9, "Calcite", 0.9)
    verdict = decide_ranking(ranking, GOOD, RULE, ALL, group_of)
    assert (verdict.decision, verdict.group) == ("possible", "powders")
