"""Who is better than whom on the same splits, and what a random split is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_train.benchmark import intervals, markdown
from raman_train.benchmark.rows import datasets, everything

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_train.runs import Result

BASELINES = ("root-derivative", "drcnn-edge")
"""Whom every system is compared with on the same splits."""
NOTE_PAIRED = f"Top-1, mean difference over the splits that both were asked ± its 95 % t-interval (splits); {markdown.ONE_RUN} one split."
NOTE_LEAKAGE = f"Top-1, difference of two means ± its 95 % interval (Welch); {markdown.ONE_RUN} one of the two is a single run."


def paired(results: Sequence[Result]) -> str:
    """Return each system minus the baselines, over the splits that both were asked."""
    made = []
    for protocol, dataset, rows in everything(results):
        tops = {system: _by_split(done) for system, done in rows.items() if done}
        if len(tops) > 1 and tops.keys() & set(BASELINES):
            head = ["system", *(f"minus {base}" for base in BASELINES)]
            lines = [[system, *(_against(tops, system, base) for base in BASELINES)] for system in tops]
            made.append(f"**{dataset}**, `{protocol}`\n\n{markdown.table(head, lines)}")
    return "\n\n".join([*made, NOTE_PAIRED]) if made else markdown.NOT_RUN


def _by_split(results: Sequence[Result]) -> dict[str, float]:
    """Return top-1 by split; several trainings on one split are averaged."""
    found: dict[str, list[float]] = {}
    for result in results:
        found.setdefault(result.split_sha256, []).append(result.main.top1)
    return {split: float(np.mean(values)) for split, values in found.items()}


def _against(tops: dict[str, dict[str, float]], system: str, base: str) -> str:
    if system == base:
        return markdown.NOTHING
    found = intervals.paired(tops[system], tops.get(base, {}))
    return markdown.difference(found) + (f" ({found.n})" if found else "")


def leakage(results: Sequence[Result]) -> str:
    """Return the random split minus the honest one: what it is worth to have seen the crystal."""
    spectrum, sample = datasets(results, "spectrum"), datasets(results, "sample")
    pairs = {
        name: {system: (spectrum[name].get(system, []), honest) for system, honest in sample[name].items()}
        for name in sample
        if name in spectrum
    }
    systems = list(dict.fromkeys(system for both in pairs.values() for system, (random, honest) in both.items() if random and honest))
    if not systems:
        return markdown.NOT_RUN
    lines = [[system, *(_gain(*both.get(system, ([], []))) for both in pairs.values())] for system in systems]
    return f"{markdown.table(['system', *(f'{name}: spectrum minus sample' for name in pairs)], lines)}\n\n{NOTE_LEAKAGE}"


def _gain(random: Sequence[Result], honest: Sequence[Result]) -> str:
    both = [[result.main.top1 for result in results] for results in (random, honest)]
    return markdown.difference(intervals.unpaired(*both)) if random and honest else markdown.NOT_RUN
