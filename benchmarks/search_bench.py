"""The library's search as integers beside the same as floats, in turn in one run.

``python benchmarks/search_bench.py`` prints milliseconds with the library in the processor's caches, and after something else has
filled them, which is what a spectrum meets that comes five times a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.matching import library
from raman_edge.matching.library import Library
from raman_edge.model import model

if TYPE_CHECKING:
    from collections.abc import Callable

TURNS = 300
OTHER_BYTES = 64 * 2**20
"""What fills the caches, more than any of them holds."""


def main() -> None:
    """Measure and print."""
    path = model.default_path()
    references = Library.open(library.default_path(), network=model.look_through(model.read(path), path).network)
    references.prepare()
    floats, query = references.embedding, references.embedding[:1]
    first = np.flatnonzero(np.diff(references.label_of, prepend=-1))
    ways: dict[str, Callable[[], object]] = {
        "int8": lambda: references.search_all(query),
        "float32": lambda: np.maximum.reduceat(floats @ query[0], first),
    }
    other = np.zeros(OTHER_BYTES // 8)
    print(f"{len(references)} references, {references.codes.nbytes / 2**20:.1f} MB as int8, {floats.nbytes / 2**20:.1f} MB as float32")
    for caches in ("filled with the library", "filled with something else"):
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TURNS):
            for name, search in ways.items():
                search()
                if caches == "filled with something else":
                    other += 1
                began = time.perf_counter()
                search()
                taken[name].append(1e3 * (time.perf_counter() - began))
        timings = (f"{name} p50 {np.median(ms):.2f} ms, p99 {np.percentile(ms, 99):.2f} ms" for name, ms in taken.items())
        ratio = np.median(taken["float32"]) / np.median(taken["int8"])
        print(f"caches {caches}: {'; '.join(timings)}; float32 takes {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
