"""Milliseconds that reading takes: ``python benchmarks/read_speed.py [--map] FILE…``.

Printed is the least of many rounds, which other work disturbs least.

With ``--map``, a WDF map of 2205 spectra of 394 points is written and read by this project and by renishawWiRE in turn, in one run.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from timeit import repeat

import numpy as np
from raman_edge.errors import FormatError
from raman_edge.formats import read
from raman_edge.sources.files import parse
from raman_edge.spectrum import Origin

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
from wdf_files import FILETIME, MICRON, TICKS, TIME, WdfFile, X, Y

ROUNDS, TIMES = 15, 10
MAP_ROUNDS = 40
SPECTRA, POINTS = 2205, 394
ORIGIN = Origin("file", "map.wdf")


def answered(data: bytes, name: str) -> str:
    """Read, and say what came of it."""
    try:
        return read(data, Origin("file", name))[0].meta["format"]
    except FormatError as error:
        return f"fault: {error}"[:60]


def wdf_map() -> bytes:
    """Return a map as WiRE writes one: a falling axis, a place and a time for each spectrum."""
    rng = np.random.default_rng(1)
    rows = list(rng.normal(500.0, 20.0, (SPECTRA, POINTS)))
    places = [list(rng.normal(0.0, 9.0, SPECTRA)) for _ in range(2)]
    times = [FILETIME + 10_000_000 * k for k in range(SPECTRA)]
    origins = {X: (MICRON, places[0]), Y: (MICRON, places[1]), TIME: (TICKS, times)}
    return WdfFile(np.linspace(1800.0, 400.0, POINTS), rows, user=b"a test", origins=origins).made()


def race() -> None:
    """Read one map by both readers in turn, and print the least of each in wall and in processor time."""
    from renishawWiRE import WDFReader  # type: ignore[import-untyped]

    data = wdf_map()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.wdf"
        path.write_bytes(data)
        racers = {
            "raman-edge, formats.read": lambda: read(data, ORIGIN),
            "raman-edge, from the disk": lambda: read(path.read_bytes(), ORIGIN),
            "raman-edge, sources.files": lambda: parse(data, ORIGIN),
            "renishawWiRE": lambda: WDFReader(str(path)).close(),
        }
        least = dict.fromkeys(racers, (np.inf, np.inf))
        for _ in range(MAP_ROUNDS):
            for name, run in racers.items():
                gc.collect()
                wall, processor = perf_counter(), process_time()
                kept = run()
                took = perf_counter() - wall, process_time() - processor
                del kept
                least[name] = (min(least[name][0], took[0]), min(least[name][1], took[1]))
    print(f"a WDF map of {SPECTRA} x {POINTS}, the least of {MAP_ROUNDS} rounds in turn")
    for name, (wall, processor) in least.items():
        print(f"{1e3 * wall:7.2f} ms, processor {1e3 * processor:7.2f} ms  {name}")


def main() -> int:
    """Read what the command line names."""
    names = sys.argv[1:]
    if "--map" in names:
        names.remove("--map")
        race()
    for path in map(Path, names):
        data = path.read_bytes()
        least = min(repeat(lambda data=data, name=path.name: answered(data, name), number=TIMES, repeat=ROUNDS)) / TIMES
        print(f"{1e3 * least:7.2f} ms  {len(data) / 1024:6.0f} KiB  {path.name}  ({answered(data, path.name)})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
