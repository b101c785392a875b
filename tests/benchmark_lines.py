"""Results of the benchmark, made by hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
from raman_train.evaluate import Figures
from raman_train.runs import RunResult

if TYPE_CHECKING:
    from pathlib import Path


def sha(*parts: object) -> str:
    """Return a digest that is the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def line(system: str = "cosine", seed: int = 0, top1: float = 0.9, **changes: object) -> RunResult:
    """Return a run of Dataset_1 under ``spectrum``; ``changes`` replace fields."""
    figures = Figures(
        ranking="head", top1=top1, top3=0.95, top5=0.97, macro_top1=0.8, precision=0.91, recall=top1, f1=0.89, interval=0.0123
    )
    subset, protocol = changes.get("subset", "dataset_1"), changes.get("protocol", "spectrum")
    made = RunResult(
        system=system,
        subset="dataset_1",
        copies="none",
        protocol="spectrum",
        split_seed=seed,
        training_seed=seed,
        train=2963,
        validation=741,
        test=1588,
        enrolled=0,
        unknown=0,
        classes=192,
        classes_asked=192,
        figures=[figures],
        measured={},
        epochs=0,
        seconds=0.0,
        device="cpu, 1 threads",
        threads=1,
        revision="0123456789ab",
        config_sha256=sha(system, subset, protocol, seed),
        settings_sha256=sha(system, subset, protocol),
        split_sha256=sha(subset, protocol, seed),
    )
    return msgspec.structs.replace(made, **changes)


def write(path: Path, *results: RunResult) -> Path:
    """Write results as the lines of a file."""
    path.write_bytes(msgspec.json.Encoder().encode_lines(results))
    return path
