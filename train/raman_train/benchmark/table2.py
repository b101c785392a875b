"""The queue of the paper's Table 2: its own networks, trained, in the order in which a row is worth most.

``raman-train benchmark --table2`` works it off. Any interruption costs at most the epoch that is under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_train.benchmark import grid

if TYPE_CHECKING:
    from raman_train.benchmark.grid import Cell, Files
    from raman_train.config import Config

BOTH = ("dataset_1", "dataset_2")
SLOW = ("drcnn", "sang")
"""Minutes an epoch on two cores; at the paper's 200 epochs a cell would take half a day."""
QUICK = ("zhang_cnn", "zhang_dnn", "liu", "fan")
CPU_CAP = ("training.epochs=40", "training.patience=10")
"""What replaces the paper's 200 and 30 for :data:`SLOW` on a CPU; Zhou 2022 writes that 20 epochs reach the maximum and 40 are the end."""
MORE_SEEDS = (1, 2, 3, 4)


def cells() -> list[Cell]:
    """Return the cells in the order in which they are run."""
    ordered = grid.cells(["drcnn"], BOTH, ["spectrum"], [0])
    for system in ("sang", *QUICK):
        ordered += grid.cells([system], BOTH, ["spectrum"], [0])
    ordered += grid.cells(SLOW, BOTH, ["sample"], [0])
    ordered += grid.cells(["drcnn"], ["dataset_3-paper"], ["spectrum"], [0])
    return ordered + grid.cells(QUICK, BOTH, ["spectrum"], MORE_SEEDS)


def configuration(cell: Cell, files: Files, *, capped: bool) -> Config:
    """Return the packaged recipe of the cell's system; ``capped`` shortens the training of the slow ones."""
    return grid.configuration(cell, files, CPU_CAP if capped and cell.system in SLOW else ())
