"""What is counted of a link, by the one thread that uses it; any thread may look."""

from __future__ import annotations

from dataclasses import replace

from raman_edge.instruments.spectrometer import Counters


class LinkCounters:
    """Counters that go up; ``counters`` is a snapshot at any time."""

    def __init__(self) -> None:
        self.counters = Counters()

    def add(self, name: str, by: int = 1) -> None:
        """Count ``by`` more of what the counter of that name counts."""
        if by:
            self.counters = replace(self.counters, **{name: getattr(self.counters, name) + by})
