"""What stands in one place of a table: a mean with its interval, a range, a difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_train.benchmark import intervals

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from raman_train.benchmark.intervals import Estimate
    from raman_train.runs import Result

NOT_RUN = "not run"
NOTHING = "–"
ONE_RUN = "†"
"""Marks what a single run says."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def top1(results: Sequence[Result], best: float | None) -> str:
    """Return the mean top-1 with its interval, the ``best`` one in bold; of one run, the binomial interval, marked."""
    if not results:
        return NOT_RUN
    found = intervals.mean([result.main.top1 for result in results])
    shown = f"**{found.value:.4f}**" if found.value == best else f"{found.value:.4f}"
    return f"{shown} ± {results[0].main.interval:.4f} {ONE_RUN}" if found.half is None else f"{shown} ± {found.half:.4f}"


def best(rows: Iterable[Sequence[Result]]) -> float | None:
    """Return the highest mean top-1 among the systems' results; None where nothing was run."""
    return max((intervals.mean([result.main.top1 for result in results]).value for results in rows if results), default=None)


def average(results: Sequence[Result], name: str) -> str:
    """Return the mean of one of :class:`raman_train.evaluate.Figures`' shares."""
    return f"{np.mean([getattr(result.main, name) for result in results]):.4f}" if results else ""


def measured(results: Sequence[Result], name: str) -> str:
    """Return the mean of one of ``Result.measured`` with its interval, over the runs that have it; of counts, their range."""
    values = [result.measured[name] for result in results if name in result.measured]
    if not values:
        return NOTHING if results else ""
    if max(values) > 1 and all(value.is_integer() for value in values):
        return span(int(value) for value in values)
    found = intervals.mean(values)
    return f"{found.value:.4f} {ONE_RUN}" if found.half is None else f"{found.value:.4f} ± {found.half:.4f}"


def difference(found: Estimate | None) -> str:
    """Return a signed difference with its interval."""
    if found is None:
        return NOT_RUN
    return f"{found.value:+.4f} {ONE_RUN}" if found.half is None else f"{found.value:+.4f} ± {found.half:.4f}"


def span(values: Iterable[int]) -> str:
    """Return one number, or the range of several."""
    low, *_, high = [*(ordered := sorted(values)), ordered[-1]]
    return f"{low}" if low == high else f"{low} to {high}"


def each(values: Iterable[str]) -> str:
    """Return the different ones, in their order."""
    return ", ".join(dict.fromkeys(values))
