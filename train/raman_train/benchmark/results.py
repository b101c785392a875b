"""The lines on disk: one finished run each, appended whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock
from raman_edge.errors import ConfigError

from raman_train.benchmark.grid import dataset_of
from raman_train.runs import Result

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lines:
    """What a results file holds."""

    results: tuple[Result, ...]
    """Oldest first."""
    torn: bytes
    """What a kill left of an unfinished last line; the next :func:`append` removes it."""


def read(path: Path) -> Lines:
    """Read a results file; one that is not there holds nothing.

    Raises:
        ConfigError: for a line that is no result, with file and line number.
    """
    whole, torn = _parts(path)
    results = [_parse(line, path, number) for number, line in enumerate(whole.split(b"\n")[:-1], 1)]
    last = _complete(torn)
    return Lines((*results, last), b"") if last else Lines(tuple(results), torn)


def append(path: Path, result: Result) -> bool:
    """Append one line, flushed to the disk; False where the same run is there already.

    A line that a kill tore is removed first. Two processes may append to the same file.
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


def current(results: Iterable[Result]) -> list[Result]:
    """Return the results that count, by system, dataset and protocol: those with the settings of the newest line.

    Where a recipe was changed, what the old one gave is not averaged in. Of one seed, the newest line counts.
    """
    by_cell: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        by_cell.setdefault((result.system, dataset_of(result), result.protocol), []).append(result)
    chosen = []
    for group in by_cell.values():
        newest = {(r.split_seed, r.training_seed): r for r in group if r.settings_sha256 == group[-1].settings_sha256}
        chosen += [newest[key] for key in sorted(newest)]
    return chosen


def _parts(path: Path) -> tuple[bytes, bytes]:
    """Return the whole lines and what follows the last of them."""
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        return b"", b""
    except OSError as error:
        msg = f"results {str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    end = held.rfind(b"\n") + 1
    return held[:end], held[end:]


def _parse(line: bytes, path: Path, number: int) -> Result:
    try:
        return msgspec.json.decode(line, type=Result)
    except msgspec.MsgspecError as error:
        msg = f"results {str(path)!r}, line {number}: {error}. Remove the line, or choose another --results"
        raise ConfigError(msg) from error


def _complete(torn: bytes) -> Result | None:
    """Return the result of a last line that lacks its end of line alone."""
    try:
        return msgspec.json.decode(torn, type=Result)
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
