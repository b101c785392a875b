"""A finished run, read from its folder and asked again: everything the pictures are made from."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.errors import ConfigError

from raman_train import checkpoint, evaluate, runs
from raman_train.loop import Epoch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from raman_train.config import Config, DataConfig
    from raman_train.evaluate import Answers, Ranking
    from raman_train.models import Network
    from raman_train.runs import Material

HISTORY, SPLIT = "history.jsonl", "split.npz"


@dataclass(frozen=True, eq=False, slots=True)
class Finished:
    """A finished run and what it says of the spectra that were kept apart."""

    folder: str
    """Name of its folder; unique among the runs drawn together."""
    config: Config
    network: Network
    history: tuple[Epoch, ...]
    """Empty where nothing is trained."""
    material: Material
    answers: Answers
    """For every spectrum."""
    ranking: Ranking
    """The one the system stands for."""
    scores: NDArray[np.float32]
    """Of that ranking, (test, classes)."""
    split_sha256: str
    """Equal where the same questions were asked."""

    @property
    def truth(self) -> NDArray[np.intp]:
        """The true class of each asked spectrum, (test,)."""
        return self.material.classes[self.material.split.test]

    @property
    def answered(self) -> NDArray[np.intp]:
        """The class each asked spectrum was given, (test,)."""
        best: NDArray[np.intp] = self.scores.argmax(axis=1)
        return best


def read(folders: Sequence[Path]) -> list[Finished]:
    """Read runs and ask them again; data that several share are prepared once.

    :class:`ConfigError` for a folder without a finished run, for data that are no longer split
    as they were, and for two folders of one name.
    """
    names = [folder.resolve().name for folder in folders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = (
            f"a picture is called after the folder of its run, and these names are there twice: {twice}. Give each run once, or rename one"
        )
        raise ConfigError(msg)
    shared: dict[tuple[DataConfig, bytes], Material] = {}
    return [_one(folder, name, shared) for folder, name in zip(folders, names, strict=True)]


def _one(folder: Path, name: str, shared: dict[tuple[DataConfig, bytes], Material]) -> Finished:
    made = checkpoint.load(folder / checkpoint.CHECKPOINT)
    config = made.about.config
    key = (config.data, msgspec.json.encode(config.recipe))
    if key not in shared:
        shared[key] = runs.prepare(config)
    material = shared[key]
    _same_split(folder, material)
    result, answers = runs.measure(made, material)
    ranking = result.main.ranking
    return Finished(
        folder=name,
        config=config,
        network=made.network,
        history=_history(folder / HISTORY),
        material=material,
        answers=answers,
        ranking=ranking,
        scores=evaluate.rankings(answers, material.classes, material.split)[ranking],
        split_sha256=result.split_sha256,
    )


def _history(file: Path) -> tuple[Epoch, ...]:
    try:
        return tuple(msgspec.json.Decoder(Epoch).decode_lines(file.read_bytes()))
    except OSError as error:
        msg = f"{str(file)!r} cannot be read: {error.strerror}. A finished run has one: `raman-train fit` makes it"
        raise ConfigError(msg) from error
    except msgspec.MsgspecError as error:
        msg = f"{str(file)!r} is no history of a run: {error}"
        raise ConfigError(msg) from error


def _same_split(folder: Path, material: Material) -> None:
    """Refuse a run whose data changed since: its test part would hold what it learned from."""
    file = folder / SPLIT
    try:
        with np.load(file, allow_pickle=False) as saved:
            kept = {side: saved[side] for side in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        msg = f"{str(file)!r} cannot be read ({error}): a finished run has it, `raman-train fit` makes one"
        raise ConfigError(msg) from error
    changed = [side for side, names in runs.sides(material).items() if side in kept and not np.array_equal(kept[side], names)]
    if changed:
        msg = (
            f"{str(folder)!r} was trained on another split than its data give today: {', '.join(changed)} differ. "
            "Import the dataset it was trained on, or train it again"
        )
        raise ConfigError(msg)
