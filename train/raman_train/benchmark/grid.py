"""The cells of a benchmark and their configurations, the queue of Table 2, and the cells without a result."""

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
    from raman_train.runs import RunResult

CONFIGS = Path(config.__file__).parent / "configs"
PAPERS_SYSTEMS = ("liu", "fan", "zhang_cnn", "zhang_dnn", "sang", "drcnn")
CLASSICAL_SYSTEMS = ("cosine", "pearson", "derivative", "root-derivative", "knn", "svm", "logistic", "random-convolution")
SYSTEMS = (*PAPERS_SYSTEMS, *CLASSICAL_SYSTEMS, "drcnn-edge")
"""In the order of the tables; each has a packaged configuration ``configs/NAME.toml``."""
PROTOCOLS = ("spectrum", "sample", "laser", "open", "few-shot")
CELL_KEYS = {"data.subset": "--datasets", "data.copies": "--datasets", "data.protocol": "--protocols"} | dict.fromkeys(
    ("data.split_seed", "training.seed"), "--seeds"
)
"""Keys that a cell determines, and their options; ``--set`` may not change them."""
DATASET_3_RECIPE = (
    f"recipe.steps=[{{type='resample@1', start=0.0, stop=1700.0, step={1700 / 1023!r}, outside='zero'}}, {{type='minmax@1'}}]"
)
"""1024 points on 0..1700 cm⁻¹, zero outside the measured range: Zhou 2022, section 2.1."""


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """The configuration behind the name of a dataset."""

    subset: str
    copies: Literal["none", "before_split", "after_split"] = "none"
    native: bool = False
    """From the files of the database, each on its own axis."""


DATASETS = {
    "dataset_1": DatasetSource("dataset_1"),
    "dataset_2": DatasetSource("dataset_2"),
    "dataset_3-paper": DatasetSource("dataset_3", "before_split", native=True),
    "dataset_3": DatasetSource("dataset_3", "after_split", native=True),
    "everything": DatasetSource("all"),
}
"""``dataset_3-paper`` copies small classes before the split, as the paper does, so that copies of one spectrum are in training
and test; ``dataset_3`` copies only training spectra. ``everything`` is the whole file of ``--data``."""
EXPECTED = {
    "spectrum": ("dataset_1", "dataset_2", "dataset_3-paper", "dataset_3"),
    "sample": ("dataset_1", "dataset_2"),
    "laser": ("dataset_2",),
    "open": ("dataset_2",),
    "few-shot": ("dataset_2",),
}
"""Datasets of each protocol that the tables expect; results for others are shown too."""
SEEDS = tuple(range(5))
"""Splits that the intervals expect."""
TABLE_2_DATASETS = ("dataset_1", "dataset_2")
SLOW = ("drcnn", "sang")
"""Minutes per epoch on two cores: with the paper's 200 epochs a cell would take half a day."""
QUICK = ("zhang_cnn", "zhang_dnn", "liu", "fan")
CPU_CAP = ("training.epochs=40", "training.patience=10")
"""Replaces the paper's 200 and 30 for :data:`SLOW` on a CPU; in Zhou 2022, 20 epochs reach the maximum and 40 are the end."""


class Cell(msgspec.Struct, frozen=True):
    """One training and its evaluation."""

    system: str
    dataset: str
    protocol: str
    seed: int
    """Of the split and of the training."""

    def __str__(self) -> str:
        return f"{self.system}-{self.dataset}-{self.protocol}-{self.seed}"


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """Paths of the datasets of ``raman-train import``."""

    data: str = "runs/rruff.npz"
    native: str = "runs/rruff-native.npz"


def cells(systems: Sequence[str], datasets: Sequence[str], protocols: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return the cells in the order of the names, seeds outermost: all cells of the first seed precede those of the second.

    Raises:
        ConfigError: for an unknown name; the message lists the known ones.
    """
    systems = SYSTEMS if list(systems) == ["all"] else systems
    _check_names("system", systems, SYSTEMS)
    _check_names("dataset", datasets, tuple(DATASETS))
    _check_names("protocol", protocols, PROTOCOLS)
    return [Cell(system, dataset, protocol, seed) for seed in seeds for dataset in datasets for protocol in protocols for system in systems]


def configuration(cell: Cell, files: DatasetFiles, replaced: Sequence[str] = ()) -> Config:
    """Return the packaged configuration of a cell; ``replaced`` are ``key=value`` texts that override it.

    Raises:
        ConfigError: if ``replaced`` changes a key that the cell determines, or is invalid.
    """
    for text in replaced:
        key = text.partition("=")[0].strip()
        if key in CELL_KEYS:
            msg = f"--set {text}: the cells of a benchmark determine {key}; use {CELL_KEYS[key]}"
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
        msg = f"--set: got system {made.system!r} in a cell of {cell.system!r}. Choose the system with --systems"
        raise ConfigError(msg)
    return made


def dataset_of(result: RunResult) -> str:
    """Return the name of a result's dataset."""
    names: dict[tuple[str, str], str] = {(source.subset, source.copies): name for name, source in DATASETS.items()}
    return names.get((result.subset, result.copies), f"{result.subset}, copies {result.copies}")


def seeds(text: str) -> tuple[int, ...]:
    """Parse ``0-4`` or ``0,2,7``; :class:`ConfigError` for anything else."""
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match is None:
            msg = f"--seeds: got {text!r}, expected numbers and ranges, such as 0-4 or 0,2,7"
            raise ConfigError(msg)
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    if not found:
        msg = f"--seeds: got {text!r}, expected ascending ranges, such as 0-4"
        raise ConfigError(msg)
    return tuple(dict.fromkeys(found))


def seeds_text(wanted: Sequence[int]) -> str:
    """Return seeds in the form of ``--seeds``."""
    ordered = sorted(wanted)
    whole = len(ordered) > 1 and ordered == list(range(ordered[0], ordered[-1] + 1))
    return f"{ordered[0]}-{ordered[-1]}" if whole else ",".join(map(str, ordered))


def table_2_cells() -> list[Cell]:
    """Return the cells of the paper's Table 2 in the order of ``raman-train benchmark --table2``, the most useful rows first."""
    ordered = cells(["drcnn"], TABLE_2_DATASETS, ["spectrum"], [0])
    for system in ("sang", *QUICK):
        ordered += cells([system], TABLE_2_DATASETS, ["spectrum"], [0])
    ordered += cells(SLOW, TABLE_2_DATASETS, ["sample"], [0])
    ordered += cells(["drcnn"], ["dataset_3-paper"], ["spectrum"], [0])
    return ordered + cells(QUICK, TABLE_2_DATASETS, ["spectrum"], SEEDS[1:])


def table_2_part(systems: Sequence[str], datasets: Sequence[str], protocols: Sequence[str], wanted: Sequence[int]) -> list[Cell]:
    """Return the cells of that queue with one of these systems, datasets, protocols and seeds; an empty sequence selects all.

    Raises:
        ConfigError: if none is left; the message lists what the queue has.
    """
    queue = table_2_cells()
    columns = [{getattr(cell, name): None for cell in queue} for name in ("system", "dataset", "protocol", "seed")]
    selected = zip(("--systems", "--datasets", "--protocols", "--seeds"), (systems, datasets, protocols, wanted), columns, strict=True)
    for option, values, known in selected:
        if not set(values) <= set(known):
            msg = f"{option}: got {', '.join(map(str, values))}; the queue of Table 2 has {', '.join(map(str, known))}"
            raise ConfigError(msg)
    found = [
        cell
        for cell in queue
        if (not systems or cell.system in systems)
        and (not datasets or cell.dataset in datasets)
        and (not protocols or cell.protocol in protocols)
        and (not wanted or cell.seed in wanted)
    ]
    if not found:
        msg = f"no cell of the queue of Table 2 is selected: of {len(queue)} cells, `--table2 --dry-run` lists those that are left"
        raise ConfigError(msg)
    return found


def table_2_configuration(cell: Cell, files: DatasetFiles, *, capped: bool) -> Config:
    """Return the packaged configuration of a cell; ``capped`` shortens the training of the slow systems."""
    return configuration(cell, files, CPU_CAP if capped and cell.system in SLOW else ())


def missing(results: Sequence[RunResult]) -> dict[tuple[str, str, tuple[int, ...]], list[str]]:
    """Return the systems without a result, by protocol, dataset and seeds."""
    finished = {(r.protocol, dataset_of(r), r.system, r.split_seed) for r in results}
    found: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for protocol, datasets in EXPECTED.items():
        for dataset in datasets:
            for system in SYSTEMS:
                without = tuple(seed for seed in SEEDS if (protocol, dataset, system, seed) not in finished)
                if without:
                    found.setdefault((protocol, dataset, without), []).append(system)
    return found


def command(protocol: str, dataset: str, wanted: Sequence[int], systems: Sequence[str]) -> str:
    """Return the command that runs these cells."""
    named = "all" if tuple(systems) == SYSTEMS else ",".join(systems)
    return f"raman-train benchmark --systems {named} --datasets {dataset} --protocols {protocol} --seeds {seeds_text(wanted)}"


def _check_names(kind: str, names: Sequence[str], known: Sequence[str]) -> None:
    wrong = [name for name in names if name not in known]
    if wrong or not names:
        msg = f"unknown {kind}: {', '.join(wrong) or 'none given'}; expected {', '.join(known)}"
        raise ConfigError(msg)
