"""The results file: one line per finished run, appended completely or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock
from raman_edge.errors import ConfigError

from raman_train.benchmark.grid import DATASETS, EXPECTED, PROTOCOLS, SYSTEMS, dataset_of
from raman_train.runs import RunResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


Rows = dict[str, list[RunResult]]
"""Results by system, for one dataset and protocol."""


@dataclass(frozen=True, slots=True)
class ResultsFile:
    """The content of a results file."""

    results: tuple[RunResult, ...]
    """Oldest first."""
    torn: bytes
    """An incomplete last line after a kill; the next :func:`append` removes it."""


def read(path: Path) -> ResultsFile:
    """Read a results file; a missing file is empty; :class:`ConfigError` for an invalid line; the message has file and line number."""
    whole, torn = _parts(path)
    results: list[RunResult] = []
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            results.append(msgspec.json.decode(line, type=RunResult))
        except msgspec.MsgspecError as error:
            msg = f"results {str(path)!r}, line {number}: {error}. Remove the line, or choose another --results"
            raise ConfigError(msg) from error
    last = _complete(torn)
    return ResultsFile((*results, last), b"") if last else ResultsFile(tuple(results), torn)


def append(path: Path, result: RunResult) -> bool:
    """Append one line and flush it to the disk; False if the file already has this run.

    An incomplete last line is removed first. Several processes may append to the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        _repair(path)
        if any(known.config_sha256 == result.config_sha256 for known in read(path).results):
            return False
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, msgspec.json.encode(result) + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
    return True


def current(results: Iterable[RunResult]) -> list[RunResult]:
    """Return the results with the settings of the newest line, for each system, dataset and protocol.

    Results of an older recipe are not averaged with those of a newer one. For each seed, the newest line counts.
    """
    by_cell: dict[tuple[str, str, str], list[RunResult]] = {}
    for result in results:
        by_cell.setdefault((result.system, dataset_of(result), result.protocol), []).append(result)
    chosen = []
    for group in by_cell.values():
        newest = {(r.split_seed, r.training_seed): r for r in group if r.settings_sha256 == group[-1].settings_sha256}
        chosen += [newest[key] for key in sorted(newest)]
    return chosen


def by_dataset(results: Sequence[RunResult], protocol: str) -> dict[str, Rows]:
    """Return the results of a protocol by dataset and system: expected or present, in the order of the grid, then by name."""
    present = {dataset_of(result) for result in results if result.protocol == protocol}.union(EXPECTED[protocol])
    found: dict[str, Rows] = {}
    for dataset in [name for name in DATASETS if name in present] + sorted(present - DATASETS.keys()):
        found[dataset] = {system: [] for system in SYSTEMS}
        for result in results:
            if (result.protocol, dataset_of(result)) == (protocol, dataset):
                found[dataset].setdefault(result.system, []).append(result)
    return found


def in_order(results: Sequence[RunResult]) -> list[tuple[str, str, Rows]]:
    """Return protocol, dataset and results by system, for everything that is expected or present."""
    return [(protocol, dataset, rows) for protocol in PROTOCOLS for dataset, rows in by_dataset(results, protocol).items()]


def _parts(path: Path) -> tuple[bytes, bytes]:
    """Return the complete lines and the rest."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return b"", b""
    except OSError as error:
        msg = f"results {str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def _complete(torn: bytes) -> RunResult | None:
    """Return the result of a last line that lacks only its end of line."""
    try:
        return msgspec.json.decode(torn, type=RunResult)
    except msgspec.MsgspecError:
        return None


def _repair(path: Path) -> None:
    whole, torn = _parts(path)
    if not torn:
        return
    with path.open("r+b") as file:
        if _complete(torn):
            file.seek(0, os.SEEK_END)
            file.write(b"\n")
        else:
            file.truncate(len(whole))
