"""How long things took, to say how long they will."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from raman_train.benchmark.grid import dataset_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raman_train.benchmark.grid import Cell
    from raman_train.runs import Result


class Pace:
    """Seconds that cells took, by system and dataset."""

    def __init__(self, known: Iterable[Result] = (), device: str = "") -> None:
        """Take from earlier results on the same ``device`` how long an epoch is."""
        self._epoch: dict[tuple[str, str], list[float]] = {}
        self._rest: dict[tuple[str, str], list[float]] = {}
        for result in known:
            if result.epochs and result.device == device:
                self._epoch.setdefault((result.system, dataset_of(result)), []).append(result.seconds / result.epochs)

    def saw(self, cell: Cell, result: Result, seconds: float) -> None:
        """Learn from a cell that took ``seconds`` in all; ``result`` says how many of them were training."""
        key = cell.system, cell.dataset
        self._epoch.setdefault(key, []).append(result.seconds / max(1, result.epochs))
        self._rest.setdefault(key, []).append(max(0.0, seconds - result.seconds))

    def first(self, cell: Cell) -> float:
        """Return the seconds in which a cell gets anywhere, the longest epoch and measuring seen; 0 where nothing is known."""
        key = cell.system, cell.dataset
        return max(self._rest.get(key, [0.0])) + max(self._epoch.get(key, [0.0]))

    def whole(self, cell: Cell, epochs: int) -> float | None:
        """Return the seconds of a whole cell of ``epochs``, on average; None where nothing is known."""
        key = cell.system, cell.dataset
        if key not in self._rest and key not in self._epoch:
            return None
        return fmean(self._rest.get(key, [0.0])) + epochs * fmean(self._epoch.get(key, [0.0]))


def spoken(seconds: float) -> str:
    """Return seconds as a person says them."""
    if seconds < 100:  # noqa: PLR2004 - where minutes read better
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
