"""Results in the order of the tables: by protocol, dataset, system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_train.benchmark.gaps import EXPECTED
from raman_train.benchmark.grid import DATASETS, PROTOCOLS, SYSTEMS, dataset_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_train.runs import Result

Rows = dict[str, list["Result"]]
"""Results by system, of one dataset and protocol."""


def datasets(results: Sequence[Result], protocol: str) -> dict[str, Rows]:
    """Return the datasets that are expected or there, in the order of the grid, then of the alphabet."""
    there = {dataset_of(result) for result in results if result.protocol == protocol}.union(EXPECTED[protocol])
    names = [name for name in DATASETS if name in there] + sorted(there - DATASETS.keys())
    return {name: _rows(results, protocol, name) for name in names}


def _rows(results: Sequence[Result], protocol: str, dataset: str) -> Rows:
    rows: Rows = {system: [] for system in SYSTEMS}
    for result in results:
        if (result.protocol, dataset_of(result)) == (protocol, dataset):
            rows.setdefault(result.system, []).append(result)
    return rows


def everything(results: Sequence[Result]) -> list[tuple[str, str, Rows]]:
    """Return protocol, dataset and results, for all that is expected or there."""
    return [(protocol, dataset, rows) for protocol in PROTOCOLS for dataset, rows in datasets(results, protocol).items()]
