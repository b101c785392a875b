"""How long what waits will take, from how fast the last ones were answered."""

from __future__ import annotations

from collections import deque

LOOKED_S = 20.0
"""The rate is that of these last seconds."""
LEAST_S = 1.0
"""A shorter time tells no rate, s."""


class RemainingTime:
    """Remembers when how many were answered."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._busy_at = 0.0

    def left_s(self, now: float, answered: int, waiting: int) -> float | None:
        """Return how long ``waiting`` will take, s; None where nothing waits or the rate is not known yet.

        ``now`` is of a clock that never goes back, s; ``answered`` counts all so far.
        """
        if waiting:
            self._busy_at = now
        elif now - self._busy_at > LEAST_S:  # between two looks into a folder nothing waits for a moment
            self._seen.clear()
        self._seen.append((now, answered))
        while now - self._seen[0][0] > LOOKED_S:
            self._seen.popleft()
        began, before = self._seen[0]
        if not waiting or now - began < LEAST_S or answered <= before:
            return None
        return waiting * (now - began) / (answered - before)
