"""The tables of the benchmark, as Markdown, from the results alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_train import config
from raman_train.benchmark import grid, intervals
from raman_train.benchmark.results import by_dataset, current, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from raman_train.benchmark.intervals import Estimate
    from raman_train.benchmark.results import Rows
    from raman_train.runs import RunResult

NOT_RUN = "not run"
NOTHING = "–"
ONE_RUN = "†"
"""Marks the figures of a single run."""
PAPER_COLUMNS = ("precision", "recall", "f1", "top3", "top5")
"""Columns of the paper's Table 2 after top-1."""
PARTS = ("train", "validation", "test", "enrolled", "unknown")
BASELINES = ("root-derivative", "drcnn-edge")
"""Every system is compared with these on the same splits."""
NOTE_MEAN = f"± is the 95 % t-interval of the mean over n runs; {ONE_RUN} one run, its binomial interval over the test spectra."
NOTE_PAIRED = f"Top-1, mean difference over the common splits ± its 95 % t-interval (number of splits); {ONE_RUN} one split."
NOTE_LEAKAGE = f"Top-1, difference of two means ± its 95 % interval (Welch); {ONE_RUN} one of the two is a single run."


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of a paper, 0..1; None if the paper does not give them."""

    top1: float
    top3: float | None = None
    top5: float | None = None
    precision: float | None = None
    """Weighted by class size, like recall and F1."""
    recall: float | None = None
    f1: float | None = None


PUBLISHED = {
    ("dataset_1", "liu"): Published(0.9601),
    ("dataset_1", "fan"): Published(0.9679),
    ("dataset_1", "zhang_cnn"): Published(0.9583),
    ("dataset_1", "sang"): Published(0.9772),
    ("dataset_1", "drcnn"): Published(0.9798, 0.9981, 0.9981, 0.9813, 0.9798, 0.9794),
    ("dataset_2", "liu"): Published(0.8309),
    ("dataset_2", "fan"): Published(0.8368),
    ("dataset_2", "zhang_cnn"): Published(0.8466),
    ("dataset_2", "sang"): Published(0.8791),
    ("dataset_2", "drcnn"): Published(0.8818, 0.9347, 0.9347, 0.9298, 0.8842, 0.8579),
    ("dataset_3-paper", "fan"): Published(0.6581),
    ("dataset_3-paper", "zhang_cnn"): Published(0.7950),
    ("dataset_3-paper", "sang"): Published(0.8305),
    ("dataset_3-paper", "drcnn"): Published(0.8419, 0.9115, 0.9251, 0.9271, 0.8419, 0.8055),
}
"""Zhou et al., RSC Adv. 2022, 12, 5053, Table 2: means of 30 runs, random 70/30 splits. The paper's "Zhang" is ``zhang_cnn`` here."""


def render(results: Iterable[RunResult]) -> dict[str, str]:
    """Return every table by name; the same results give the same text."""
    counted = current(results)
    return {
        "spectrum": _by_dataset(counted, "spectrum", _with_paper),
        "sample": _by_dataset(counted, "sample", _figures),
        **{name: _by_dataset(counted, name, _top1_and_measured) for name in ("laser", "open", "few-shot")},
        "confidence": _by_dataset(counted, "sample", _only_measured),
        "paired": paired(counted),
        "leakage": leakage(counted),
        "runs": _runs(counted),
        "not-run": _not_run(counted),
    }


def paired(results: Sequence[RunResult]) -> str:
    """Return the difference between each system and the baselines over their common splits."""
    made = []
    for protocol, dataset, rows in in_order(results):
        tops = {system: _top1_by_split(done) for system, done in rows.items() if done}
        if len(tops) > 1 and tops.keys() & set(BASELINES):
            lines = [[system, *(_against(tops, system, base) for base in BASELINES)] for system in tops]
            made.append(f"**{dataset}**, `{protocol}`\n\n{markdown(['system', *(f'minus {base}' for base in BASELINES)], lines)}")
    return "\n\n".join([*made, NOTE_PAIRED]) if made else NOT_RUN


def leakage(results: Sequence[RunResult]) -> str:
    """Return the difference between the random split and the split by specimen: the effect of known crystals in the test set."""
    spectrum, sample = by_dataset(results, "spectrum"), by_dataset(results, "sample")
    pairs = {
        name: {system: (spectrum[name].get(system, []), honest) for system, honest in sample[name].items()}
        for name in sample
        if name in spectrum
    }
    systems = list(dict.fromkeys(system for both in pairs.values() for system, (random, honest) in both.items() if random and honest))
    if not systems:
        return NOT_RUN
    lines = [[system, *(_gain(*both.get(system, ([], []))) for both in pairs.values())] for system in systems]
    return f"{markdown(['system', *(f'{name}: spectrum minus sample' for name in pairs)], lines)}\n\n{NOTE_LEAKAGE}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _by_dataset(results: Sequence[RunResult], protocol: str, make: Callable[[str, Rows], str]) -> str:
    made = []
    for dataset, rows in by_dataset(results, protocol).items():
        body = make(dataset, rows)
        made.append(f"**{dataset}**: {_sizes(rows)}\n\n{body}" if body else f"**{dataset}**: {NOT_RUN}")
    return "\n\n".join([*made, NOTE_MEAN])


def _sizes(rows: Rows) -> str:
    """Return the number of spectra in each part, a range if splits differ."""
    every = [result for results in rows.values() for result in results]
    if not every:
        return NOT_RUN
    sizes = {name: _span(getattr(result, name) for result in every) for name in PARTS}
    labels = _span(result.classes_asked for result in every)
    return ", ".join(f"{count} {name}" for name, count in sizes.items() if count != "0") + f"; {labels} labels in the test part"


def _with_paper(dataset: str, rows: Rows) -> str:
    """Return the paper's Table 2, with its figures beside ours or in parentheses after them."""
    if not any(rows.values()) and not any(name == dataset for name, _ in PUBLISHED):
        return ""
    head = ["system", "paper: top-1", "top-1", "weighted precision", "recall", "F1", "top-3", "top-5", "as a library", "epochs", "n"]
    best = _best(rows.values())
    made = []
    for system, results in rows.items():
        published = PUBLISHED.get((dataset, system))
        others = []
        for name in PAPER_COLUMNS:
            ours, theirs = _average(results, name), getattr(published, name, None)
            others.append(ours if theirs is None else f"{ours} ({theirs:.4f})".lstrip())
        first = f"{published.top1:.4f}" if published else NOTHING
        made.append([system, first, _top1(results, best), *others, _searched(results), _epochs(results), str(len(results))])
    return markdown(head, made)


def _figures(_: str, rows: Rows) -> str:
    head = ["system", "top-1", "macro top-1", "weighted F1", "top-3", "top-5", "as a library", "epochs", "n"]
    names, best = ("macro_top1", "f1", "top3", "top5"), _best(rows.values())
    lines = [
        [system, _top1(done, best), *(_average(done, n) for n in names), _searched(done), _epochs(done), str(len(done))]
        for system, done in rows.items()
    ]
    return markdown(head, lines) if any(rows.values()) else ""


def _top1_and_measured(_: str, rows: Rows) -> str:
    """Return top-1 and the figures of this protocol."""
    names, best = _names(rows), _best(rows.values())
    lines = [[system, _top1(done, best), *(_measured(done, n) for n in names), str(len(done))] for system, done in rows.items()]
    return markdown(["system", "top-1", *(name.replace("_", " ") for name in names), "n"], lines) if any(rows.values()) else ""


def _only_measured(_: str, rows: Rows) -> str:
    """Return the figures of this protocol, for the systems that have them."""
    names, able = _names(rows), {system: done for system, done in rows.items() if any(result.measured for result in done)}
    lines = [[system, *(_measured(done, name) for name in names), str(len(done))] for system, done in able.items()]
    return markdown(["system", *(name.replace("_", " ") for name in names), "n"], lines) if names else ""


def _runs(results: Sequence[RunResult]) -> str:
    head = ["system", "dataset", "protocol", "seeds", "epochs", "seconds of training", "arithmetic", "device", "revision"]
    made = [
        [
            system, dataset, protocol, grid.seeds_text(sorted({result.split_seed for result in done})),
            _span(result.epochs for result in done), _span(round(result.seconds) for result in done),
            _distinct(result.precision for result in done if result.epochs) or NOTHING,
            _distinct(result.device for result in done), _distinct(result.revision for result in done),
        ]
        for protocol, dataset, rows in in_order(results)
        for system, done in rows.items()
        if done
    ]  # fmt: skip
    return markdown(head, made) if made else NOT_RUN


def _not_run(results: Sequence[RunResult]) -> str:
    lines = [
        [f"{dataset}, `{protocol}`", f"`{grid.command(protocol, dataset, seeds, systems)}`"]
        for (protocol, dataset, seeds), systems in grid.missing(results).items()
    ]
    return markdown(["what", "command"], lines) if lines else "Nothing is missing."


def _top1_by_split(results: Sequence[RunResult]) -> dict[str, float]:
    """Return top-1 by split, averaged over the trainings on it."""
    found: dict[str, list[float]] = {}
    for result in results:
        found.setdefault(result.split_sha256, []).append(result.main.top1)
    return {split: float(np.mean(values)) for split, values in found.items()}


def _against(tops: dict[str, dict[str, float]], system: str, base: str) -> str:
    if system == base:
        return NOTHING
    found = intervals.paired(tops[system], tops.get(base, {}))
    return _difference(found) + (f" ({found.n})" if found else "")


def _gain(random: Sequence[RunResult], honest: Sequence[RunResult]) -> str:
    both = [[result.main.top1 for result in results] for results in (random, honest)]
    return _difference(intervals.unpaired(*both)) if random and honest else NOT_RUN


def _top1(results: Sequence[RunResult], best: float | None) -> str:
    """Return the mean top-1 with its interval, bold if it is ``best``; for one run the binomial interval, marked."""
    if not results:
        return NOT_RUN
    found = intervals.mean([result.main.top1 for result in results])
    shown = f"**{found.value:.4f}**" if found.value == best else f"{found.value:.4f}"
    return f"{shown} ± {results[0].main.interval:.4f} {ONE_RUN}" if found.half is None else f"{shown} ± {found.half:.4f}"


def _best(rows: Iterable[Sequence[RunResult]]) -> float | None:
    """Return the highest mean top-1; None without results."""
    return max((intervals.mean([result.main.top1 for result in results]).value for results in rows if results), default=None)


def _average(results: Sequence[RunResult], name: str) -> str:
    return f"{np.mean([getattr(result.main, name) for result in results]):.4f}" if results else ""


def _measured(results: Sequence[RunResult], name: str) -> str:
    """Return the mean of one of ``RunResult.measured`` with its interval, or the range of a count, over the runs that have it."""
    values = [result.measured[name] for result in results if name in result.measured]
    if not values:
        return NOTHING if results else ""
    if max(values) > 1 and all(value.is_integer() for value in values):
        return _span(int(value) for value in values)
    found = intervals.mean(values)
    return f"{found.value:.4f} {ONE_RUN}" if found.half is None else f"{found.value:.4f} ± {found.half:.4f}"


def _searched(results: Sequence[RunResult]) -> str:
    """Return the mean top-1 of a library search with the last hidden layer of a trained network; nothing for a search."""
    found = [row.top1 for result in results if result.epochs for row in result.figures if row.ranking == "embedding"]
    return f"{np.mean(found):.4f}" if found else ""


def _epochs(results: Sequence[RunResult]) -> str:
    """Return the number of epochs; if the packaged configuration was capped, also the cap and its original."""
    if not results:
        return ""
    trained = [result.epochs for result in results]
    if not any(trained):
        return NOTHING
    last = results[-1]
    recipe = config.read(config.of_model(last.system)).training
    capped = last.epochs_at_most is not None and (last.epochs_at_most, last.patience) != (recipe.epochs, recipe.patience)
    limits = f" (at most {last.epochs_at_most}, patience {last.patience}; recipe: {recipe.epochs}, {recipe.patience})" if capped else ""
    return _span(trained) + limits


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for results in rows.values() for result in results for name in result.measured))


def _difference(found: Estimate | None) -> str:
    if found is None:
        return NOT_RUN
    return f"{found.value:+.4f} {ONE_RUN}" if found.half is None else f"{found.value:+.4f} ± {found.half:.4f}"


def _span(values: Iterable[int]) -> str:
    """Return one number, or the range of several."""
    low, *_, high = [*(ordered := sorted(values)), ordered[-1]]
    return f"{low}" if low == high else f"{low} to {high}"


def _distinct(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
