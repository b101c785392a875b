"""How long a whole frame takes to decode, for every profile that ships.

``python benchmarks/codec_bench.py [REPEATS]`` prints, a line a profile, values, bytes, and the median and 99th percentile in ms.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from raman_edge.instruments.codecs import Codec, of
from raman_edge.instruments.profiles.catalogue import load, profiles


def spectrum(count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return counts with noise and a few sharp peaks, as compression meets them."""
    rng, place = np.random.default_rng(0), np.arange(count)
    peaks = sum(800 * np.exp(-(((place - count * where) / 4) ** 2)) for where in (0.2, 0.35, 0.6, 0.8))
    return np.round(200 + peaks + rng.normal(0, 8, count)).clip(0, 1023).astype(np.int64)


def times(codec: Codec, data: bytes, repeats: int) -> list[float]:
    """Return how long each of so many frames took, in ms, sorted."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        list(codec.feed(data))
        taken.append(1000 * (time.perf_counter() - started))
    return sorted(taken)


def main() -> None:
    """Measure what the command line selects."""
    repeats = int((sys.argv[1:] or ["200"])[0])
    for name in profiles():
        frame = load(name).frame
        codec = of(frame, 512)
        count = frame.count or 512
        data = codec.encode(spectrum(count))
        taken = times(codec, data, repeats)
        half, most = taken[repeats // 2], taken[repeats * 99 // 100]
        print(f"{name:20} {count:5} values {len(data):6} bytes  median {half:.3f} ms  p99 {most:.3f} ms")


if __name__ == "__main__":
    main()
