"""Which cells a benchmark has, and the configuration of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
from raman_edge.errors import ConfigError

from raman_train import config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_train.config import Config
    from raman_train.runs import Result

CONFIGS = Path(config.__file__).parent / "configs"
PAPERS_SYSTEMS = ("liu", "fan", "zhang_cnn", "zhang_dnn", "sang", "drcnn")
CLASSICAL_SYSTEMS = ("cosine", "pearson", "derivative", "root-derivative", "knn", "svm")
SYSTEMS = (*PAPERS_SYSTEMS, *CLASSICAL_SYSTEMS, "drcnn-edge")
"""In the order of the tables; each has its packaged configuration ``configs/NAME.toml``."""
PROTOCOLS = ("spectrum", "sample", "laser", "open", "few-shot")
DECIDED = {"data.subset": "--datasets", "data.copies": "--datasets", "data.protocol": "--protocols"} | dict.fromkeys(
    ("data.split_seed", "training.seed"), "--seeds"
)
"""What a cell decides, and the option that says it: ``--set`` may not."""
DATASET_3_RECIPE = (
    f"recipe.steps=[{{type='resample@1', start=0.0, stop=1700.0, step={1700 / 1023!r}, outside='zero'}}, {{type='minmax@1'}}]"
)
"""1024 points on 0..1700 cm⁻¹, zero outside the measured range: Zhou 2022, section 2.1."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a dataset's name stands for."""

    subset: str
    copies: Literal["none", "before_split", "after_split"] = "none"
    native: bool = False
    """Made from the files as the database ships them, each on its own axis."""


DATASETS = {
    "dataset_1": Source("dataset_1"),
    "dataset_2": Source("dataset_2"),
    "dataset_3-paper": Source("dataset_3", "before_split", native=True),
    "dataset_3": Source("dataset_3", "after_split", native=True),
    "everything": Source("all"),
}
"""``dataset_3-paper`` copies small classes before it splits, as the paper does, so that copies of one spectrum
stand on both sides; ``dataset_3`` copies only what is learned from. ``everything`` is all that ``--data`` holds."""


class Cell(msgspec.Struct, frozen=True):
    """One training and its measurement."""

    system: str
    dataset: str
    protocol: str
    seed: int
    """Of the split and of the training."""

    def __str__(self) -> str:
        return f"{self.system}-{self.dataset}-{self.protocol}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Files:
    """Where the spectra lie, as ``raman-train import`` wrote them."""

    data: str = "runs/rruff.npz"
    native: str = "runs/rruff-native.npz"


def cells(systems: Sequence[str], datasets: Sequence[str], protocols: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return every cell in the order given, seeds outermost: every system has the first seed before any has the second.

    Raises:
        ConfigError: for a name that is none, with those there are.
    """
    systems = SYSTEMS if list(systems) == ["all"] else systems
    _known("system", systems, SYSTEMS)
    _known("dataset", datasets, tuple(DATASETS))
    _known("protocol", protocols, PROTOCOLS)
    return [Cell(system, dataset, protocol, seed) for seed in seeds for dataset in datasets for protocol in protocols for system in systems]


def configuration(cell: Cell, files: Files, replaced: Sequence[str] = ()) -> Config:
    """Return the packaged configuration of the cell's system on the cell's data; ``replaced`` are ``key=value`` texts."""
    for text in replaced:
        key = text.partition("=")[0].strip()
        if key in DECIDED:
            msg = f"--set {text}: a benchmark's cells differ in {key}; say it with {DECIDED[key]}"
            raise ConfigError(msg)
    source = DATASETS[cell.dataset]
    texts = [
        f"data.path='{files.native if source.native else files.data}'",
        *([DATASET_3_RECIPE] if source.native else []),
        *replaced,
        f"data.subset={source.subset}",
        f"data.copies={source.copies}",
        f"data.protocol={cell.protocol}",
        f"data.split_seed={cell.seed}",
        f"training.seed={cell.seed}",
    ]
    made = config.read(CONFIGS / f"{cell.system}.toml", texts)
    if made.system != cell.system:
        msg = f"--set made {made.system!r} of {cell.system!r}: a row of a table would bear the wrong name. Choose the system with --systems"
        raise ConfigError(msg)
    return made


def dataset_of(result: Result) -> str:
    """Return the dataset's name that a result belongs to."""
    names: dict[tuple[str, str], str] = {(source.subset, source.copies): name for name, source in DATASETS.items()}
    return names.get((result.subset, result.copies), f"{result.subset}, copies {result.copies}")


def seeds(text: str) -> tuple[int, ...]:
    """Parse ``0-4`` or ``0,2,7``; :class:`ConfigError` says what is wrong."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match is None:
            msg = f"--seeds takes numbers and ranges, such as 0-4 or 0,2,7; got {text!r}"
            raise ConfigError(msg)
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    if not found:
        msg = f"--seeds takes ranges that go upwards, such as 0-4; got {text!r}"
        raise ConfigError(msg)
    return tuple(dict.fromkeys(found))


def seeds_text(wanted: Sequence[int]) -> str:
    """Return seeds as ``--seeds`` takes them."""
    ordered = sorted(wanted)
    whole = len(ordered) > 1 and ordered == list(range(ordered[0], ordered[-1] + 1))
    return f"{ordered[0]}-{ordered[-1]}" if whole else ",".join(map(str, ordered))


def _known(kind: str, given: Sequence[str], there_are: Sequence[str]) -> None:
    wrong = [name for name in given if name not in there_are]
    if wrong or not given:
        msg = f"no such {kind}: {', '.join(wrong) or 'none named'}; there are {', '.join(there_are)}"
        raise ConfigError(msg)
