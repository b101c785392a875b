"""Whatever a writer does, every content that lies still is given once, and never a part of one."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from folder_writers import NAMES, Writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import SourceUnavailable
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.pending import MOST
from raman_edge.sources.scan import ScanRules
from raman_edge.spectrum import Fault
from watched_folder import Remembered, dealt_with

RULES = ScanRules(poll_s=0.01, stable_s=0.12)
PATIENCE_S = 60.0


class Ledger(Remembered):
    """What a journal does, in memory: records once for each content, and the memory of a source."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[object, int] = {}


def read(root: str, ledger: Ledger, stop: threading.Event, crash_after: list[int]) -> None:
    """Watch and write down what comes, dropping everything and starting again after the given numbers of values."""
    while not stop.is_set():
        left = crash_after.pop() if crash_after else -1
        with suppress(SourceUnavailable), FolderSource(root, ledger, RULES, stop=stop) as source:  # just away: tried again
            for value in dealt_with(source):
                key = os.fsencode(value.origin.path) if isinstance(value, Fault) else value.counts.tobytes()
                ledger.records[key] = ledger.records.get(key, 0) + 1
                left -= 1
                if left == 0:
                    break  # as a crash would: recorded, not marked


operations = st.lists(
    st.tuples(
        st.sampled_from(["whole", "chunked", "renamed", "rewritten", "linked", "removed", "emptied", "moved_in", "set_back", "replaced"]),
        st.integers(0, len(NAMES) - 1),
        st.integers(0, 40),
        st.sampled_from([0.0, 0.0, 0.005, 0.05, 0.2]),
    ),
    min_size=1,
    max_size=14,
)


def expected_keys(contents: set[bytes]) -> set[bytes]:
    """Return what the ledger calls these contents."""
    return {np.array([float(line.split(b",")[1]) for line in text.splitlines()[1:]]).tobytes() for text in contents if text}


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(operations, st.lists(st.integers(1, 3), max_size=3))
def test_results_are_the_contents(script: list[tuple[str, int, int, float]], crash_after: list[int]) -> None:
    """All contents that lie in the folder at the end are given; nothing else is but what was complete before; without a crash once."""
    crashes = len(crash_after)
    with tempfile.TemporaryDirectory() as around:
        root = Path(around) / "in"
        writer, ledger, stop = Writer(root), Ledger(), threading.Event()
        (root / "sub").mkdir(parents=True)
        reader = threading.Thread(target=read, args=(str(root), ledger, stop, crash_after))
        reader.start()
        for operation, name, number, pause_s in script:
            getattr(writer, operation)(name, number)
            time.sleep(pause_s)
        wanted = expected_keys(writer.all_lying()) | {path for path, text in writer.lying().items() if not text}
        deadline = time.monotonic() + PATIENCE_S
        while not wanted <= ledger.records.keys() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.05)
        stop.set()
        reader.join()
    given_contents = {key for key in ledger.records if not (isinstance(key, bytes) and key.startswith(os.fsencode(writer.root)))}
    assert wanted <= ledger.records.keys()
    assert given_contents <= expected_keys(writer.complete)
    # An empty file has no content to be known by: touched or linked it is in another state, and its fault is given again.
    # What was under way when it crashed comes again: a batch.
    assert sum(ledger.records[key] - 1 for key in given_contents) <= crashes * MOST
