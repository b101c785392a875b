"""Milliseconds that reading takes: ``python tests/read_speed.py FILE…``; the least of many rounds, which other work disturbs least."""

from __future__ import annotations

import sys
from pathlib import Path
from timeit import repeat

from raman_edge.errors import FormatError
from raman_edge.formats import read
from raman_edge.spectrum import Origin

ROUNDS, TIMES = 15, 10


def answered(data: bytes, name: str) -> str:
    """Read, and say what came of it."""
    try:
        return read(data, Origin("file", name))[0].meta["format"]
    except FormatError as error:
        return f"fault: {error}"[:60]


def main() -> int:
    """Read what the command line names."""
    for path in map(Path, sys.argv[1:]):
        data = path.read_bytes()
        least = min(repeat(lambda data=data, name=path.name: answered(data, name), number=TIMES, repeat=ROUNDS)) / TIMES
        print(f"{1e3 * least:7.2f} ms  {len(data) / 1024:6.0f} KiB  {path.name}  ({answered(data, path.name)})")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
