"""How long a simulated device takes over a spectrum, for every profile that ships: request read, exposed, encoded.

``python benchmarks/simulator_bench.py [REPEATS]`` prints, a line a profile, values, and the median and 99th percentile in ms.
"""

from __future__ import annotations

import sys
import time

from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.simulator.device import SimulatedDevice
from raman_edge.simulator.scene import Scene


def times(name: str, repeats: int) -> list[float]:
    """Return how long each of so many spectra took, in ms, sorted."""
    profile = catalogue.load(name)
    device = SimulatedDevice(profile, Scene(profile), pacing=False)
    device.joined(0.0)
    for data in requests.prepared(profile):
        device.receive(data, 0.0)
    request_bytes = b"" if profile.streams else requests.request(profile, "acquire")
    taken = []
    for number in range(1, repeats + 2):
        before, started = device.frames, time.perf_counter()
        device.receive(request_bytes, float(number) / 500)
        device.advance(float(number) / 500)
        taken.append(1000 * (time.perf_counter() - started) / max(1, device.frames - before))
    return sorted(taken[1:])


def main() -> None:
    """Measure what the command line selects."""
    repeats = int((sys.argv[1:] or ["200"])[0])
    for name in catalogue.profiles():
        taken = times(name, repeats)
        pixels = catalogue.load(name).n_pixels or 1024
        print(f"{name:20} {pixels:5} values  median {taken[repeats // 2]:.2f} ms  p99 {taken[repeats * 99 // 100]:.2f} ms")


if __name__ == "__main__":
    main()
