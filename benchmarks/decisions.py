"""Measure the decisions on spectra that were kept apart, and on what is no material of the library.

``python benchmarks/decisions.py RUN…`` reads runs of ``raman-train evaluate`` (protocol ``sample`` or ``open``) as the edge would
ask: a library of what it learned from, the lines of its references, and :func:`raman_edge.matching.ranking.decide`. Probabilities and
"unknown" are fitted on one half of the specimens (of the species, for what was never learned) and applied to the other. A run
without unknown species takes "unknown" from one that is given beside it, as the export does, else from the embedded model's card.

``python benchmarks/decisions.py --foreign DATA`` identifies the plastics, liquids and standards in a folder such
as ``../shared/data``: a match is false unless the material is a mineral by another name, see :data:`MINERALS`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.matching import ranking
from raman_edge.matching.identify import Reading, identify_all
from raman_edge.matching.library import Library, default_path
from raman_edge.model.card import Claims
from raman_edge.model.model import Model
from raman_edge.model.model import default_path as model_path
from raman_edge.quality import Quality
from raman_edge.sources.files import FileSource
from raman_edge.spectrum import Axis, Origin, Spectrum
from raman_edge.wording import ANSWERS, NAMED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.matching.ranking import Ranking, Verdict
    from raman_edge.model.card import Decision, OutOfLibraryRule
    from raman_edge.peaks import MaterialLines
    from raman_export.held_out import HeldOutRun
    from raman_train.packs.measure import MineralGroups

    Levels = dict[str, tuple[float, float]]
    """Share of the spectra, and share of these that is right, of each of :data:`LEVELS`."""

GOOD = Quality(snr=100.0, saturated=None, coverage=1.0)
EVERYTHING = Claims(sets=True, known=True)
CHANCES = (0.5, 0.6, 0.65, 0.7, 0.75, 0.775, 0.8, 0.85)
LEVELS = (*(answer for answer in ANSWERS if answer in NAMED), "with a group", "answered", "all")
"""What is counted: decisions, and sums of them."""
HEIGHTS = (0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.1)
MINERALS = {
    "calcium carbonate": "Calcite",
    "silicon carbide": "Moissanite",
    "silicon": "Silicon",
    "sodium sulfate": "Thenardite",
    "sodium bicarbonate": "Nahcolite",
    "silicon dioxide": "Quartz",
}
"""Chemicals that are minerals of the embedded library, by their label there."""


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """One spectrum that was kept apart, as far as the decision needs it."""

    truth: str | None
    """None where its species is not in the library."""
    ranking: Ranking
    rule: Decision


def cases(kept: HeldOutRun, other: OutOfLibraryRule) -> list[Case]:
    """Return every spectrum that a run kept apart, each under a rule fitted on the other half; ``other`` is another run's "unknown"."""
    from raman_export import held_out, out_of_library
    from raman_train import confidence, runs

    material, split = kept.prepared, kept.prepared.split
    axis = kept.trained.about.config.recipe.axis
    answers = runs.predict(kept.trained, material)
    scale = confidence.logit_divisor(answers)
    sides = [(split.test, material.dataset.specimens[split.test]), (split.unknown, material.dataset.labels[split.unknown])]
    questions = [confidence.ScoredQueries.of(answers, material.classes, split, queries) for queries, _ in sides]
    first = [confidence.halves(names) for _, names in sides]
    learned = sorted(set(material.classes[split.library].tolist()))
    labels, class_of = [material.labels[k] for k in learned], np.arange(len(learned))
    lines: dict[str, MaterialLines] = {}
    made: list[Case] = []
    for half in (True, False):
        fusion = confidence.fit(questions[0].rows(first[0] != half))
        levels = confidence.levels(questions[0].rows(first[0] != half), fusion)
        looks = [out_of_library.features(material, axis, answers, fusion, queries) for queries, _ in sides]
        known, strange = (look.rows(mine != half) for look, mine in zip(looks, first, strict=True))
        fitted = out_of_library.fit(known, strange) if strange.similarity.size else None
        familiar = fitted or other
        rule = held_out.decision(scale, fusion, levels, familiar)
        for (queries, _), question, mine in zip(sides, questions, first, strict=True):
            for row in np.flatnonzero(mine == half).tolist():
                similarity, head = question.similarity[row, learned], question.head[row, learned] * np.float32(scale)
                ranked = ranking.rank(labels, similarity, head, class_of, rule, 5)
                best = ranked.matches[0].label
                if best not in lines:
                    lines[best] = out_of_library.reference_lines(material, axis, material.labels.index(best))
                found = out_of_library.explain(material, axis, int(queries[row]), lines[best])
                seen = (replace(ranked.matches[0], peaks=found), *ranked.matches[1:])
                truth = material.labels[question.truth[row]]
                made.append(Case(truth if truth in labels else None, replace(ranked, matches=seen), rule))
    return made


def before(case: Case) -> str:
    """Return the decision of record version 1: a match was one name in its set, of a similarity that 95 % of the known reach."""
    ranked, rule = case.ranking, case.rule
    if ranking.known(ranked, ranked.matches[0].peaks, rule.familiar) < rule.familiar.least:
        return "unknown"
    return "ambiguous" if len(ranked.sets.p90) > 1 or (ranked.matches[0].score or 0.0) < rule.ambiguous_below else "match"


def now(case: Case) -> Verdict:
    """Return the verdict of today."""
    return ranking.decide(case.ranking, GOOD, case.rule, EVERYTHING, groups().group_of)


def kind(case: Case) -> str:
    """Return what the first candidate is."""
    return "strange" if case.truth is None else "right" if case.ranking.matches[0].label == case.truth else "wrong"


def shares(made: list[Case]) -> None:
    """Print how often each decision is given, before and now, by what the first candidate is."""
    print(f"{'first candidate':18} {'spectra':>7}  rules   " + "  ".join(f"{answer:>9}" for answer in ANSWERS[:-1]))
    for name in ("right", "wrong", "strange"):
        mine = [case for case in made if kind(case) == name]
        for rules, answers in (("before", map(before, mine)), ("now", (now(case).decision for case in mine))):
            counts = Counter(answers)
            if mine:
                row = "  ".join(f"{counts[answer] / len(mine):9.1%}" for answer in ANSWERS[:-1])
                print(f"{name if rules == 'before' else '':18} {len(mine) if rules == 'before' else '':>7}  {rules:6}  {row}")


@cache
def groups() -> MineralGroups:
    """Open the groups of the minerals."""
    from raman_train.packs.measure import MineralGroups

    return MineralGroups()


def levels(made: list[Case]) -> Levels:
    """Return how often each decision is given to materials of the library, and is right at its level: name, group, or one of several."""
    given: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for case in made:
        if case.truth is None:
            continue
        verdict = now(case)
        kinds = ["all", verdict.decision, *["answered"] * (verdict.decision in NAMED), *["with a group"] * (verdict.group is not None)]
        given.update(kinds)
        if verdict.group in groups().of(case.truth) if verdict.group else case.truth in verdict.names:
            right.update(kinds)
    return {what: (given[what] / given["all"], right[what] / max(1, given[what])) for what in LEVELS}


def print_levels(runs: list[Levels]) -> None:
    """Print the means of the runs, and the smallest and largest share that is right."""
    print(f"\nright at its level, {len(runs)} {'run' if len(runs) == 1 else 'runs'}\n{'':18} {'given':>7} {'right':>7}")
    for what in LEVELS:
        given, right = np.array([one[what] for one in runs]).T
        print(f"{what:18} {given.mean():7.1%} {right.mean():7.1%}  ({right.min():.1%} to {right.max():.1%})")


def curve(made: list[Case]) -> None:
    """Print what each least chance, and each height of a strong line, makes of the matches."""
    whole = Counter(map(kind, made))
    usual = (ranking.LEAST_CHANCE, ranking.STRONG, ranking.REQUIRED)
    tried = [(chance, *usual[1:]) for chance in CHANCES] + [(usual[0], height, usual[2]) for height in HEIGHTS]
    tried += [(usual[0], usual[1], height) for height in HEIGHTS]
    print("\nshare of matches    least chance  unexplained from  lacking from   right   wrong  strange")
    for numbers in tried:
        ranking.LEAST_CHANCE, ranking.STRONG, ranking.REQUIRED = numbers
        counts = Counter(kind(case) for case in made if now(case).decision == "match")
        row = "  ".join(f"{counts[name] / max(1, whole[name]):6.1%}" for name in ("right", "wrong", "strange"))
        print(f"{'':18} {numbers[0]:13.3f} {numbers[1]:17.2f} {numbers[2]:13.2f}  {row}{'   <- ours' if numbers == usual else ''}")
    ranking.LEAST_CHANCE, ranking.STRONG, ranking.REQUIRED = usual


def foreign(data: Path) -> Iterator[tuple[str, str, Spectrum]]:
    """Give group, name and spectrum of everything that is no mineral by its origin."""
    for path in sorted((data / "instrument_files").rglob("*")):
        if path.is_file():
            with FileSource([str(path)], None) as source:
                yield from (("instrument_files", path.name, event) for event in source if isinstance(event, Spectrum))
    for path in sorted((data / "organics" / "wasatch_library").glob("*.csv")):
        with FileSource([str(path)], None) as source:
            yield from (("wasatch_library", path.stem, event) for event in source if isinstance(event, Spectrum))
    from raman_train.data import organics

    handheld = organics.read(data / "organics" / "handheld_785.npz")
    yield from (("handheld_785", str(label), handheld.spectrum(row)) for row, label in enumerate(handheld.labels))
    lines = [line.split(";") for line in (data / "everyday" / "rampp_references.csv").read_text("utf-8").splitlines()]
    table = np.array([[float(cell.replace(",", ".") or "nan") for cell in row] for row in lines[1:]])
    for column, name in enumerate(lines[0][1:], 1):
        yield "rampp_references", name, _finite(table[:, 0], table[:, column], name)
    with np.load(data / "everyday" / "weathered_plastics.npz", allow_pickle=False) as npz:
        rows = zip(npz["counts"].astype(float), npz["label"].tolist(), npz["name"].tolist(), strict=True)
        yield from (("weathered_plastics", label, _finite(npz["shift"].astype(float), counts, name)) for counts, label, name in rows)


def _finite(shift: np.ndarray, counts: np.ndarray, name: str) -> Spectrum:  # type: ignore[type-arg]  # any shape of floats
    given = np.isfinite(shift) & np.isfinite(counts)
    return Spectrum(Axis(shift[given]), counts[given], Origin("test", name))


def is_mineral(name: str, label: str) -> bool:
    """Whether a material by that name may be named ``label``: calcite, silicon and anatase files, and chemicals that are minerals."""
    known = {"CAL": "Calcite", "S0": "Silicon", "Anatase": "Anatase"}
    files = any(part in name.upper() if part.isupper() else part in name for part, mineral in known.items() if mineral == label)
    return files or MINERALS.get(name.lower()) == label


def ask_foreign(data: Path) -> None:
    """Print the decisions of the embedded model by group, and every match."""
    model = Model.open(model_path())
    library = Library.open(default_path(), network=model.card.network)
    counts: dict[str, Counter[str]] = {}
    matches = []
    for group, name, spectrum in foreign(data):
        (event,) = identify_all([spectrum], model, library)
        decision = event.verdict.decision if isinstance(event, Reading) else "fault"
        names = event.verdict.names if isinstance(event, Reading) else ()
        mineral = bool(names) and is_mineral(name, names[0])
        counts.setdefault(group, Counter())[f"{decision}{' of a mineral' if mineral else ''}"] += 1
        if decision == "match":
            matches.append(f"  {'mineral' if mineral else 'FALSE  '} {group}: {name} -> {names[0]}")
    for group, counted in counts.items():
        print(f"{group:20} {sum(counted.values()):4}  " + ", ".join(f"{number} {word}" for word, number in counted.most_common()))
    strangers = sum(number for counted in counts.values() for word, number in counted.items() if not word.endswith("mineral"))
    false = sum(counted["match"] for counted in counts.values())
    print(f"false matches: {false} of {strangers}, {false / strangers:.1%}", *matches, sep="\n")


def _opened(paths: list[Path]) -> Iterator[tuple[HeldOutRun, Path]]:
    from raman_export.held_out import HeldOutRun

    yield from ((HeldOutRun.open(path), path) for path in paths)


def main() -> int:
    """Measure what the options select."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folder of a run with protocol sample or open")
    parser.add_argument("--foreign", type=Path, metavar="DATA", help="folder with instrument_files, organics and everyday")
    options = parser.parse_args()
    if options.foreign:
        ask_foreign(options.foreign)
    found: list[Levels] = []
    familiar = Model.open(model_path()).card.decision.familiar
    for kept, path in sorted(_opened(options.runs), key=lambda one: -one[0].prepared.split.unknown.size):
        made = cases(kept, familiar)
        familiar = made[0].rule.familiar if kept.prepared.split.unknown.size else familiar
        print(f"\n{path.name}: protocol {kept.trained.about.config.data.protocol}, {kept.trained.about.epochs} epochs")
        shares(made)
        curve(made)
        found.append(levels(made))
    if found:
        print_levels(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
