"""What was not run, and the commands that fill it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_train.benchmark.grid import SYSTEMS, dataset_of, seeds_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_train.runs import Result

EXPECTED = {
    "spectrum": ("dataset_1", "dataset_2", "dataset_3-paper", "dataset_3"),
    "sample": ("dataset_1", "dataset_2"),
    "laser": ("dataset_2",),
    "open": ("dataset_2",),
    "few-shot": ("dataset_2",),
}
"""Which datasets each protocol is asked of; more may be run, and then stand in the tables too."""
SEEDS = tuple(range(5))
"""Splits an interval is said from."""


def missing(results: Sequence[Result]) -> dict[tuple[str, str, tuple[int, ...]], list[str]]:
    """Return by protocol, dataset and seeds the systems that were not run."""
    there = {(r.protocol, dataset_of(r), r.system, r.split_seed) for r in results}
    found: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for protocol, datasets in EXPECTED.items():
        for dataset in datasets:
            for system in SYSTEMS:
                seeds = tuple(seed for seed in SEEDS if (protocol, dataset, system, seed) not in there)
                if seeds:
                    found.setdefault((protocol, dataset, seeds), []).append(system)
    return found


def command(protocol: str, dataset: str, seeds: Sequence[int], systems: Sequence[str]) -> str:
    """Return the command that runs these cells."""
    named = "all" if tuple(systems) == SYSTEMS else ",".join(systems)
    return f"raman-train benchmark --systems {named} --datasets {dataset} --protocols {protocol} --seeds {seeds_text(seeds)}"
