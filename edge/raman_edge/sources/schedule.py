"""How long to rest between two scans: short enough to be prompt, long enough to cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

SHARE_RESTING = 100
"""A rest is at least this many times as long as the scan before it: 1 % of a core, however full the folder."""
SHARE_HURRYING = 2
"""The same where a new name was noticed or a file is known to be due."""


@dataclass(frozen=True, slots=True)
class PollSchedule:
    """The rhythm of one folder, all in seconds."""

    poll_s: float
    """Rest between two scans of a small folder."""
    glance_s: float
    """Between two looks whether anything came."""

    def rest(self, stop: threading.Event, came: Callable[[], bool], cost_s: float, due_s: float | None) -> Iterator[None]:
        """Wait for the next scan, after one that took ``cost_s`` of the processor, with a value at every glance.

        ``came`` tells early that something is new; ``due_s`` is when a waiting file may be complete.
        """
        began = monotonic()
        least = SHARE_HURRYING * cost_s
        most = max(self.poll_s, SHARE_RESTING * cost_s) if due_s is None else max(least, min(due_s, self.poll_s))
        while (left := began + most - monotonic()) > 0 and not stop.wait(min(self.glance_s, left)):
            if monotonic() - began >= least and came():
                return
            yield


def changed(folders: Mapping[str, int]) -> bool:
    """Whether a name came or went in any of ``folders`` (path → modification time, ns) since it was listed."""
    try:
        return any(Path(folder).stat().st_mtime_ns != before for folder, before in folders.items())
    except OSError:
        return True
