"""Which pictures finished runs give, and what each is called."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raman_train import confidence
from raman_train.figures import class_size, confusion, learning, levels, pairs, reliability
from raman_train.models.drcnn import Drcnn
from raman_train.models.drcnn_edge import DrcnnEdge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from raman_train.confidence import Asked
    from raman_train.figures.finished import Finished


class Picture(NamedTuple):
    """A picture that can be drawn."""

    stem: str
    """Name of its files, without suffix."""
    draw: Callable[[], Figure]
    """Raises :class:`ConfigError` where the runs have nothing to show in it."""


def pictures(finished: Sequence[Finished]) -> Iterator[Picture]:
    """Return what can be drawn: of all runs together, of those that were asked the same, and of each."""
    called = dict(zip(names([_facts(run) for run in finished]), finished, strict=True))
    yield Picture("learning-curves", lambda: learning.draw({name: run.history for name, run in called.items()}))
    yield Picture("level-weights", lambda: levels.draw({name: w for name, run in called.items() if (w := _levels(run)) is not None}))
    for stem, group in asked_the_same(finished).items():
        yield Picture(f"class-size-{stem}", partial(_class_size, group))
    for run in finished:
        yield from _of_one(run)


def _of_one(run: Finished) -> Iterator[Picture]:
    labels, heading = run.material.labels, f"{run.config.system} on {_spoken(run)}"
    counts = confusion.counted(run.truth, run.answered, len(labels))
    yield Picture(f"confusion-{run.folder}", lambda: confusion.draw(counts, labels, heading))
    yield Picture(f"confused-pairs-{run.folder}", lambda: _pairs(run, heading))
    if not run.material.split.enrolled.size:
        yield Picture(f"reliability-{run.folder}", lambda: reliability.draw(_confidence(run), heading))


def names(facts: Sequence[Sequence[str]]) -> list[str]:
    """Return what to call each run: its first fact, then those in which the runs differ; its last only where nothing else helps."""
    differ = [column for column in range(1, len(facts[0])) if len({row[column] for row in facts}) > 1] if facts else []
    short, full = ([", ".join([row[0], *(row[i] for i in used if row[i])]) for row in facts] for used in (differ[:-1], differ))
    return short if len(set(short)) == len(short) else full


def asked_the_same(finished: Sequence[Finished]) -> dict[str, list[Finished]]:
    """Return the runs that were asked the same spectra and could learn from the same ones, by a name for the questions."""
    groups: dict[str, list[Finished]] = {}
    for run in finished:
        groups.setdefault(run.split_sha256, []).append(run)
    stems = [_stem(group[0]) for group in groups.values()]
    unique = [stem if stems.count(stem) == 1 else f"{stem}-{sha256[:8]}" for stem, sha256 in zip(stems, groups, strict=True)]
    return dict(zip(unique, groups.values(), strict=True))


def _facts(run: Finished) -> list[str]:
    """Return what a run is, most telling first; the last, its folder, is unique."""
    data = run.config.data
    return [
        run.config.system,
        data.subset,
        data.protocol,
        data.copies,
        f"split {data.split_seed}",
        f"seed {run.config.training.seed}",
        run.folder,
    ]


def _spoken(run: Finished) -> str:
    """Return what tells the questions a run was asked from others, for a person."""
    data = run.config.data
    copies = "" if data.copies == "none" else f" with copies {data.copies.replace('_', ' the ')}"
    return f"{data.subset}{copies}, protocol {data.protocol}, split {data.split_seed}"


def _stem(run: Finished) -> str:
    """Return the same for the name of a file."""
    data = run.config.data
    return "-".join([data.subset, data.protocol, *([] if data.copies == "none" else [data.copies]), str(data.split_seed)])


def _levels(run: Finished) -> NDArray[np.floating] | None:
    return run.network.level_weights.detach().cpu().numpy() if isinstance(run.network, Drcnn | DrcnnEdge) else None


def _class_size(group: Sequence[Finished]) -> Figure:
    """Draw runs that share their split."""
    first = group[0]
    material, learned = first.material, first.material.split.library
    classes, count = material.classes[learned], len(material.labels)
    specimens = class_size.specimens_of(classes, material.dataset.specimens[learned], count)
    right = {name: run.answered == run.truth for name, run in zip(names([_facts(run) for run in group]), group, strict=True)}
    return class_size.draw(right, np.bincount(classes, minlength=count)[first.truth], specimens[first.truth], _spoken(first))


def _confidence(run: Finished) -> Asked:
    material = run.material
    asked = confidence.Questions.of(run.answers, material.classes, material.split)
    return confidence.ask(asked, material.dataset.specimens[material.split.test])


def _pairs(run: Finished, heading: str) -> Figure:
    material = run.material
    library = pairs.Library(
        material.features, run.answers.embedding, material.classes, material.labels, material.dataset.specimens, material.split.library
    )
    shown = pairs.pick(library, material.split.test, run.scores)
    return pairs.draw(run.config.recipe.axis.shift, shown, f"{heading}: the most frequent confusions")
