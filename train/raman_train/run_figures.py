"""Finished runs, evaluated again from their folders, and the figures of them with their file names."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from raman_edge.errors import ConfigError

from raman_train import checkpoint, confidence, evaluate, runs
from raman_train.figures import accuracy, confused_pairs, confusion, learning
from raman_train.loop import Epoch
from raman_train.models.drcnn import Drcnn
from raman_train.models.drcnn_edge import DrcnnEdge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from raman_train.config import Config, DataConfig
    from raman_train.evaluate import Ranking, SystemOutputs
    from raman_train.models import Network
    from raman_train.runs import PreparedData

HISTORY, SPLIT = "history.jsonl", "split.npz"


@dataclass(frozen=True, eq=False, slots=True)
class FinishedRun:
    """A finished run and its results on the test spectra."""

    folder: str
    """Name of its folder, unique in a set of figures."""
    config: Config
    network: Network
    history: tuple[Epoch, ...]
    """Empty for a system without training."""
    prepared: PreparedData
    outputs: SystemOutputs
    """For every spectrum."""
    ranking: Ranking
    """The ranking that represents the system."""
    scores: NDArray[np.float32]
    """Of that ranking, (test, classes)."""
    split_sha256: str
    """Equal for the same split."""

    @property
    def truth(self) -> NDArray[np.intp]:
        """True class of each test spectrum, (test,)."""
        return self.prepared.classes[self.prepared.split.test]

    @property
    def answered(self) -> NDArray[np.intp]:
        """Class with the highest score for each test spectrum, (test,)."""
        best: NDArray[np.intp] = self.scores.argmax(axis=1)
        return best


def read(folders: Sequence[Path]) -> list[FinishedRun]:
    """Read runs and evaluate them; runs with the same data share its preparation.

    Raises:
        ConfigError: for a folder without a finished run, for data whose split has changed, and for two folders of one name.
    """
    names = [folder.resolve().name for folder in folders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = (
            f"got folders with the same name: {twice}; expected different names, which become file names. Give each run once, or rename one"
        )
        raise ConfigError(msg)
    shared: dict[tuple[DataConfig, bytes], PreparedData] = {}
    return [_read(folder, name, shared) for folder, name in zip(folders, names, strict=True)]


def _read(folder: Path, name: str, shared: dict[tuple[DataConfig, bytes], PreparedData]) -> FinishedRun:
    trained = checkpoint.load(folder / checkpoint.CHECKPOINT)
    config = trained.about.config
    key = (config.data, msgspec.json.encode(config.recipe))
    if key not in shared:
        shared[key] = runs.prepare(config)
    prepared = shared[key]
    _check_split(folder, prepared)
    result, outputs = runs.measure(trained, prepared)
    ranking = result.main.ranking
    return FinishedRun(
        folder=name, config=config, network=trained.network, history=_history(folder / HISTORY), prepared=prepared, outputs=outputs,
        ranking=ranking, scores=evaluate.rankings(outputs, prepared.classes, prepared.split)[ranking], split_sha256=result.split_sha256,
    )  # fmt: skip


def _history(file: Path) -> tuple[Epoch, ...]:
    try:
        return tuple(msgspec.json.Decoder(Epoch).decode_lines(file.read_bytes()))
    except OSError as error:
        msg = f"{str(file)!r} cannot be read: {error.strerror}. `raman-train fit` writes it at the end of a training"
        raise ConfigError(msg) from error
    except msgspec.MsgspecError as error:
        msg = f"{str(file)!r} is not the history of a run: {error}"
        raise ConfigError(msg) from error


def _check_split(folder: Path, prepared: PreparedData) -> None:
    """Raise :class:`ConfigError` if the data changed since the training: the test part could contain training spectra."""
    file = folder / SPLIT
    try:
        with np.load(file, allow_pickle=False) as saved:
            kept = {part: saved[part] for part in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{str(file)!r} cannot be read ({error}): `raman-train fit` writes it at the end of a training"
        raise ConfigError(msg) from error
    changed = [part for part, names in runs.parts(prepared).items() if part in kept and not np.array_equal(kept[part], names)]
    if changed:
        msg = (
            f"{str(folder)!r} was trained on another split than that of its data now: {', '.join(changed)} differ. "
            "Import the dataset it was trained on, or train it again"
        )
        raise ConfigError(msg)


class RunFigure(NamedTuple):
    """A figure that can be drawn."""

    stem: str
    """File name without suffix."""
    draw: Callable[[], Figure]
    """Raises :class:`ConfigError` if the runs have no data for it."""


def all_figures(finished: Sequence[FinishedRun]) -> Iterator[RunFigure]:
    """Yield the figures of all runs together, of the runs with the same test set, and of each run."""
    named = dict(zip(names([_facts(run) for run in finished]), finished, strict=True))
    yield RunFigure("learning-curves", lambda: learning.draw({name: run.history for name, run in named.items()}))
    yield RunFigure("level-weights", lambda: learning.draw_levels(_levels(named)))
    for stem, group in by_test_set(finished).items():
        yield RunFigure(f"class-size-{stem}", partial(_class_size, group))
    for run in finished:
        heading = f"{run.config.system} on {_description(run)}"
        yield RunFigure(f"confusion-{run.folder}", partial(_confusion, run, heading))
        yield RunFigure(f"confused-pairs-{run.folder}", partial(_pairs, run, heading))
        if not run.prepared.split.enrolled.size:
            yield RunFigure(f"reliability-{run.folder}", partial(_reliability, run, heading))


def names(facts: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each run: its first fact and those in which the runs differ; the last fact only if needed."""
    differ = [column for column in range(1, len(facts[0])) if len({row[column] for row in facts}) > 1] if facts else []
    short, full = ([", ".join([row[0], *(row[i] for i in used if row[i])]) for row in facts] for used in (differ[:-1], differ))
    return short if len(set(short)) == len(short) else full


def by_test_set(finished: Sequence[FinishedRun]) -> dict[str, list[FinishedRun]]:
    """Return the runs with the same split, by a name for the split."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in finished:
        groups.setdefault(run.split_sha256, []).append(run)
    firsts = [group[0].config.data for group in groups.values()]
    copies = [[] if data.copies == "none" else [data.copies] for data in firsts]
    stems = ["-".join([one.subset, one.protocol, *more, str(one.split_seed)]) for one, more in zip(firsts, copies, strict=True)]
    unique = [stem if stems.count(stem) == 1 else f"{stem}-{sha256[:8]}" for stem, sha256 in zip(stems, groups, strict=True)]
    return dict(zip(unique, groups.values(), strict=True))


def _facts(run: FinishedRun) -> list[str]:
    """Return the facts about a run, most important first; the last one, its folder, is unique."""
    data = run.config.data
    seeds = f"split {data.split_seed}", f"seed {run.config.training.seed}"
    return [run.config.system, data.subset, data.protocol, data.copies, *seeds, run.folder]


def _description(run: FinishedRun) -> str:
    """Return the dataset and split of a run, as text."""
    data = run.config.data
    copies = "" if data.copies == "none" else f" with copies {data.copies.replace('_', ' the ')}"
    return f"{data.subset}{copies}, protocol {data.protocol}, split {data.split_seed}"


def _levels(named: Mapping[str, FinishedRun]) -> dict[str, NDArray[np.floating]]:
    recursive = {name: run.network for name, run in named.items() if isinstance(run.network, Drcnn | DrcnnEdge)}
    return {name: network.level_weights.detach().cpu().numpy() for name, network in recursive.items()}


def _class_size(group: Sequence[FinishedRun]) -> Figure:
    """Draw runs with the same split."""
    first = group[0]
    data, library = first.prepared, first.prepared.split.library
    classes, count = data.classes[library], len(data.labels)
    specimens = accuracy.specimens_of(classes, data.dataset.specimens[library], count)
    right = {name: run.answered == run.truth for name, run in zip(names([_facts(run) for run in group]), group, strict=True)}
    return accuracy.draw_class_size(right, np.bincount(classes, minlength=count)[first.truth], specimens[first.truth], _description(first))


def _confusion(run: FinishedRun, heading: str) -> Figure:
    labels = run.prepared.labels
    return confusion.draw(confusion.counted(run.truth, run.answered, len(labels)), labels, heading)


def _reliability(run: FinishedRun, heading: str) -> Figure:
    data = run.prepared
    queries = confidence.ScoredQueries.of(run.outputs, data.classes, data.split)
    return accuracy.draw_reliability(confidence.cross_fit(queries, data.dataset.specimens[data.split.test]), heading)


def _pairs(run: FinishedRun, heading: str) -> Figure:
    data = run.prepared
    library = confused_pairs.LabelledEmbeddings(
        data.features, run.outputs.embedding, data.classes, data.labels, data.dataset.specimens, data.split.library
    )
    shown = confused_pairs.pick(library, data.split.test, run.scores)
    return confused_pairs.draw(run.config.recipe.axis.shift, shown, f"{heading}: the most frequent confusions")
