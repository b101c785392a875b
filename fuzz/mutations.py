"""Mutations of a model or library file, opened one after the other in child processes.

``python fuzz/mutations.py FILE COUNT [FIRST]``: a crash or a hang of a child is reported with the
number of its mutation, and the rest goes on. Exit code 1 where anything but a result or an error of
ours came of one.
"""

from __future__ import annotations

import collections
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ModelError, RamanEdgeError
from raman_edge.matching.library import Library
from raman_edge.model.check import SPAN, VARINT, read_varint
from raman_edge.model.model import Model

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 512
"""Bytes of a span that is taken for numbers, unless it is a message."""
DEEPEST = 4
CHILD = 500
"""Mutations opened in one process."""
MEMORY = 8 << 30
"""Bytes of address space that a child may have."""
SLOW_S, HANGS_S = 10.0, 60.0


def structure(content: bytes) -> list[int]:
    """Return the places of a protobuf file that are not long runs of numbers; every place of another file."""
    mask = np.ones(len(content), bool)
    try:
        _leave_out(content, 0, len(content), mask, 0)
    except RamanEdgeError:
        return list(range(len(content)))
    return [int(place) for place in np.flatnonzero(mask)]


def _fields(content: bytes, place: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Give number, wire type, first byte and end of the fields in bytes ``place`` to ``end``."""
    while place < end:
        key, place = read_varint(content, place, end)
        size, begin = read_varint(content, place, end) if key & 7 in {SPAN, VARINT} else ({1: 8, 5: 4}.get(key & 7, end), place)
        place = begin if key & 7 == VARINT else begin + size
        if place > end or not key >> 3:
            raise ModelError(kind="damaged file")
        yield key >> 3, key & 7, begin, place


def _leave_out(content: bytes, low: int, high: int, mask: np.ndarray[tuple[int], np.dtype[np.bool_]], depth: int) -> None:
    for _, kind, first, end in _fields(content, low, high):
        if kind != SPAN or end - first < LONG:
            continue
        try:
            message = depth < DEEPEST and all(number < 30 for number, *_ in _fields(content, first, end))
        except RamanEdgeError:
            message = False
        if message:
            _leave_out(content, first, end, mask, depth + 1)
        else:
            mask[first:end] = False


def mutated(content: bytes, number: int, places: list[int] | None = None) -> bytes:
    """Return the mutation of that number: one to eight bytes changed, taken out, put in, copied; or the end cut off."""
    rng = random.Random(number)  # noqa: S311 - not for secrets
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        place = rng.choice(places) if places and rng.random() < 0.8 else rng.randrange(len(content))
        place = min(place, len(made) - 1)
        _change(made, place, rng)
        if not made:
            return b"\0"
    return bytes(made)


def _change(made: bytearray, place: int, rng: random.Random) -> None:
    how = rng.random()
    if how < 0.4:
        made[place] = rng.randrange(256)
    elif how < 0.55:
        made[place] ^= 1 << rng.randrange(8)
    elif how < 0.65:
        made[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
    elif how < 0.75:
        del made[place : place + rng.choice([1, 2, 4, 16])]
    elif how < 0.85:
        made[place:place] = rng.randbytes(rng.choice([1, 2, 4]))
    elif how < 0.97:
        source, length = rng.randrange(len(made)), rng.choice([1, 4, 16, 64])
        made[place : place + length] = made[source : source + length]
    else:
        del made[place + 1 :]


def opened(path: Path, network: str) -> str:
    """Open a file in the format of its name, and return the outcome; other exceptions are not caught."""
    try:
        if path.suffix == ".onnx":
            model = Model.open(path)
            model.run(model.card.probe.features.array()[np.newaxis])
        else:
            Library.open(path, network=network)
    except RamanEdgeError as error:
        return type(error).__name__
    return "opened"


def child(file: Path, numbers: range, out: int) -> None:
    """Open these mutations, telling the number of each one before it begins."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    content = file.read_bytes()
    places = structure(content) if file.suffix == ".onnx" else None
    network = "" if file.suffix == ".onnx" else str(np.load(file)["network"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file.name
        for number in numbers:
            path.write_bytes(mutated(content, number, places))
            os.write(out, f"{number}\n".encode())
            started = time.process_time()
            try:
                outcome = opened(path, network)
            except Exception as error:  # noqa: BLE001 - this is what is looked for
                outcome = f"ESCAPED {type(error).__name__}"
            if time.process_time() - started > SLOW_S:
                outcome = "SLOW"
            os.write(out, json.dumps([number, outcome]).encode() + b"\n")


def run(file: Path, numbers: range, work: Callable[[Path, range, int], None] = child) -> collections.Counter[str]:
    """Do mutations in children, and return how many ended how; a crash ends a child, and the next one goes on behind it."""
    tally: collections.Counter[str] = collections.Counter()
    while numbers:
        ours, theirs = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(ours)
            work(file, numbers[:CHILD], theirs)
            os._exit(0)
        os.close(theirs)
        last, hung = numbers[0], False
        with os.fdopen(ours, "rb", buffering=0) as results:
            for line in _lines(results.fileno()):
                if line is None:
                    os.kill(pid, signal.SIGKILL)
                    hung = True
                    break
                read = json.loads(line)
                last = read if isinstance(read, int) else read[0]
                if not isinstance(read, int):
                    tally[read[1]] += 1
                    _report(last, read[1])
        _, status = os.waitpid(pid, 0)
        if hung or status:
            tally["HUNG" if hung else "CRASHED"] += 1
            _report(last, "HUNG" if hung else f"CRASHED with status {status}")
        numbers = range(last + 1, numbers.stop)
    return tally


def _report(number: int, outcome: str) -> None:
    if outcome.isupper() or outcome.startswith(("ESCAPED", "CRASHED")):
        print(f"mutation {number}: {outcome}", flush=True)


def _lines(fd: int) -> Iterator[bytes | None]:
    """Give whole lines; None where none came for too long."""
    rest = b""
    while True:
        if not select.select([fd], [], [], HANGS_S)[0]:
            yield None
            return
        part = os.read(fd, 65_536)
        if not part:
            return
        *whole, rest = (rest + part).split(b"\n")
        yield from whole


def main() -> int:
    """Run what the command line selects."""
    file, count, first = Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0])
    tally = run(file, range(first, first + count))
    print(f"{count} mutations of {file.name}: {dict(sorted(tally.items()))}")
    return int(any(outcome.isupper() or outcome.startswith("ESCAPED") for outcome in tally))


if __name__ == "__main__":
    sys.exit(main())
