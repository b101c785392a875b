"""The tables, as Markdown, from the results alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_train import config
from raman_train.benchmark import comparisons, gaps, markdown, paper
from raman_train.benchmark.grid import seeds_text
from raman_train.benchmark.results import current
from raman_train.benchmark.rows import datasets, everything

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from raman_train.benchmark.rows import Rows
    from raman_train.runs import Result

PAPERS = ("precision", "recall", "f1", "top3", "top5")
"""The columns of the paper's Table 2 after top-1."""
SIDES = {"train": "train", "validation": "validation", "test": "asked", "enrolled": "enrolled", "unknown": "unknown"}
"""What the tables call the sides of a split."""
NOTE_MEAN = f"± is the 95 % t-interval of the mean over n runs; {markdown.ONE_RUN} one run, its binomial interval over the spectra asked."


def render(results: Iterable[Result]) -> dict[str, str]:
    """Return every table by name; the same results give the same text."""
    counted = current(results)
    return {
        "spectrum": _by_dataset(counted, "spectrum", _beside_the_paper),
        "sample": _by_dataset(counted, "sample", _figures),
        **{name: _by_dataset(counted, name, _measured) for name in ("laser", "open", "few-shot")},
        "confidence": _by_dataset(counted, "sample", _only_measured),
        "paired": comparisons.paired(counted),
        "leakage": comparisons.leakage(counted),
        "runs": _runs(counted),
        "not-run": _not_run(counted),
    }


def _by_dataset(results: Sequence[Result], protocol: str, make: Callable[[str, Rows], str]) -> str:
    made = []
    for dataset, rows in datasets(results, protocol).items():
        body = make(dataset, rows)
        made.append(f"**{dataset}**: {_asked(rows)}\n\n{body}" if body else f"**{dataset}**: {markdown.NOT_RUN}")
    return "\n\n".join([*made, NOTE_MEAN])


def _asked(rows: Rows) -> str:
    """Return how many spectra are on each side, a range where splits differ."""
    every = [result for results in rows.values() for result in results]
    if not every:
        return markdown.NOT_RUN
    sides = {name: markdown.span(getattr(result, name) for result in every) for name in SIDES}
    labels = markdown.span(result.classes_asked for result in every)
    return ", ".join(f"{count} {SIDES[name]}" for name, count in sides.items() if count != "0") + f"; {labels} labels asked"


def _beside_the_paper(dataset: str, rows: Rows) -> str:
    """The paper's Table 2: its figures beside ours, or in parentheses behind them."""
    if not any(rows.values()) and not any(name == dataset for name, _ in paper.FIGURES):
        return ""
    head = ["system", "paper: top-1", "top-1", "weighted precision", "recall", "F1", "top-3", "top-5", "as a library", "epochs", "n"]
    best = markdown.best(rows.values())
    made = []
    for system, results in rows.items():
        published = paper.FIGURES.get((dataset, system))
        theirs = f"{published.top1:.4f}" if published else markdown.NOTHING
        more = [_with_theirs(markdown.average(results, name), getattr(published, name, None)) for name in PAPERS]
        made.append([system, theirs, markdown.top1(results, best), *more, _searched(results), _epochs(results), str(len(results))])
    return markdown.table(head, made)


def _with_theirs(ours: str, theirs: float | None) -> str:
    return ours if theirs is None else f"{ours} ({theirs:.4f})".lstrip()


def _figures(_: str, rows: Rows) -> str:
    if not any(rows.values()):
        return ""
    head, names = ["system", "top-1", "macro top-1", "weighted F1", "top-3", "top-5", "epochs", "n"], ("macro_top1", "f1", "top3", "top5")
    best = markdown.best(rows.values())
    made = (
        [system, markdown.top1(done, best), *(markdown.average(done, name) for name in names), _epochs(done), str(len(done))]
        for system, done in rows.items()
    )
    return markdown.table(head, made)


def _searched(results: Sequence[Result]) -> str:
    """Return the mean top-1 of a trained network's last hidden layer, searched like a library; nothing for a search."""
    found = [row.top1 for result in results if result.epochs for row in result.figures if row.ranking == "embedding"]
    return f"{np.mean(found):.4f}" if found else ""


def _epochs(results: Sequence[Result]) -> str:
    """Return the epochs that were trained; where the packaged recipe was capped, the cap beside the recipe's."""
    if not results:
        return ""
    trained = [result.epochs for result in results]
    if not any(trained):
        return markdown.NOTHING
    system, last = results[-1].system, results[-1]
    recipe = config.read(config.of_model(system)).training
    capped = last.epochs_at_most is not None and (last.epochs_at_most, last.patience) != (recipe.epochs, recipe.patience)
    limits = f" (at most {last.epochs_at_most}, patience {last.patience}; recipe: {recipe.epochs}, {recipe.patience})" if capped else ""
    return markdown.span(trained) + limits


def _measured(_: str, rows: Rows) -> str:
    """Top-1, and whatever else this protocol measures."""
    if not any(rows.values()):
        return ""
    names, best = _names(rows), markdown.best(rows.values())
    return markdown.table(
        ["system", "top-1", *_spoken(names), "n"],
        (
            [system, markdown.top1(done, best), *(markdown.measured(done, n) for n in names), str(len(done))]
            for system, done in rows.items()
        ),
    )


def _only_measured(_: str, rows: Rows) -> str:
    """What a system measures besides its figures, of the systems that do."""
    names = _names(rows)
    if not names:
        return ""
    able = {system: done for system, done in rows.items() if any(result.measured for result in done)}
    made = ([system, *(markdown.measured(done, name) for name in names), str(len(done))] for system, done in able.items())
    return markdown.table(["system", *_spoken(names), "n"], made)


def _names(rows: Rows) -> list[str]:
    """Return what was measured, in the order the results have it."""
    return list(dict.fromkeys(name for results in rows.values() for result in results for name in result.measured))


def _spoken(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _runs(results: Sequence[Result]) -> str:
    head = ["system", "dataset", "protocol", "seeds", "epochs", "seconds of training", "arithmetic", "device", "revision"]
    made = [
        [system, dataset, protocol, *_history(done)]
        for protocol, dataset, rows in everything(results)
        for system, done in rows.items()
        if done
    ]
    return markdown.table(head, made) if made else markdown.NOT_RUN


def _history(results: Sequence[Result]) -> list[str]:
    return [
        seeds_text(sorted({result.split_seed for result in results})),
        markdown.span(result.epochs for result in results),
        markdown.span(round(result.seconds) for result in results),
        markdown.each(result.precision for result in results if result.epochs) or markdown.NOTHING,
        markdown.each(result.device for result in results),
        markdown.each(result.revision for result in results),
    ]


def _not_run(results: Sequence[Result]) -> str:
    lines = [
        [f"{dataset}, `{protocol}`", f"`{gaps.command(protocol, dataset, seeds, systems)}`"]
        for (protocol, dataset, seeds), systems in gaps.missing(results).items()
    ]
    return markdown.table(["what", "command"], lines) if lines else "Nothing is missing."
