"""How long one spectrum takes, variants raced against each other: what disturbs the machine hits all of them alike."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.model.model import INPUT, OUTPUTS

from raman_export import parity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WARM_UP = 20
CALLS = 300
"""Measured calls of each variant."""


class Latency(msgspec.Struct, frozen=True):
    """One spectrum through the network alone, milliseconds."""

    least: float
    """The fastest call: what the machine does when nothing else has it."""
    p50: float
    p99: float


def race(models: Sequence[bytes], spectrum: NDArray[np.float32], threads: int, calls: int = CALLS) -> list[Latency]:
    """Return the latency of each model for ``spectrum`` (1, length), called in turn after warming up."""
    sessions = [parity.session(data, threads) for data in models]
    took = np.empty((calls, len(models)))
    for turn in range(-WARM_UP, calls):
        for place, session in enumerate(sessions):
            began = time.perf_counter()
            session.run(OUTPUTS, {INPUT: spectrum})
            if turn >= 0:
                took[turn, place] = time.perf_counter() - began
    return [Latency(*(round(float(value), 3) for value in np.percentile(1e3 * one, (0, 50, 99)))) for one in took.T]
