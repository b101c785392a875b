"""What every sink that remembers keeps; a test class of a sink inherits it and says how to make, break and read one."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scripted_outputs
from raman_edge.errors import SinkError
from raman_edge.journal import Journal
from raman_edge.outputs import forwarding
from raman_edge.outputs.forwarding import Forwarding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from raman_edge.journal import JournalRow
    from raman_edge.outputs import Sink

COUNT = 60


class Unreliable:
    """A sink whose line breaks at random: before a batch, in the middle, or after it, before it is confirmed."""

    def __init__(self, sink: Sink, seed: int) -> None:
        self._sink, self._rng = sink, np.random.default_rng(seed)
        self.name, self.remembers = sink.name, sink.remembers

    def __enter__(self) -> Self:
        self._sink.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._sink.__exit__(*exc)

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Pass some of the rows on, then perhaps fail."""
        some = int(self._rng.integers(0, len(rows) + 1))
        fails = bool(rows) and self._rng.random() < 0.5
        self._sink.send(rows[:some] if fails else rows)
        if fails:
            raise SinkError("the line broke")


class SinkContract:
    """Inherit, and override the four methods below."""

    def sink(self, folder: Path) -> Sink:
        """Return the sink, not yet opened; ``folder`` is its own, and the same place each time."""
        raise NotImplementedError

    def arrived(self, folder: Path, least: int) -> list[str]:
        """Return the ids that the other side has, in the order of their arrival; wait for at least so many."""
        raise NotImplementedError

    def take_away(self, folder: Path) -> None:
        """Make sending impossible."""
        raise NotImplementedError

    def bring_back(self, folder: Path) -> None:
        """Make it possible again."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def unhurried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Small batches, and no long waits for the next attempt."""
        monkeypatch.setattr(forwarding, "BATCH", 7)
        monkeypatch.setattr(forwarding, "FIRST_REST_S", 0.01)
        monkeypatch.setattr(forwarding, "LONGEST_REST_S", 0.05)

    def test_what_was_sent_is_there(self, tmp_path: Path) -> None:
        """When sending returns, every record is at the other side, once, in its order, with its id; nothing is nothing."""
        with self.sink(tmp_path) as sink:
            sink.send(scripted_outputs.rows(COUNT))
            sink.send(())
            sink.send(scripted_outputs.rows(3, first=COUNT + 1))
        assert self.arrived(tmp_path, COUNT + 3) == [row.id for row in scripted_outputs.rows(COUNT + 3)]

    def test_unreachable_is_reported(self, tmp_path: Path) -> None:
        """Where the other side is away, opening or sending says so in one line, and a later opening sends everything."""
        self.take_away(tmp_path)
        with pytest.raises(SinkError, match=r"\w") as raised, self.sink(tmp_path) as sink:
            sink.send(scripted_outputs.rows(5))
        assert "\n" not in str(raised.value)
        self.bring_back(tmp_path)
        with self.sink(tmp_path) as sink:
            sink.send(scripted_outputs.rows(5))
        assert scripted_outputs.first_times(self.arrived(tmp_path, 5)) == [row.id for row in scripted_outputs.rows(5)]

    def test_the_name_is_the_same_next_time(self, tmp_path: Path) -> None:
        """A sink has the same name at every start, without line breaks."""
        assert self.sink(tmp_path).name == self.sink(tmp_path).name
        assert self.sink(tmp_path).name.isprintable()
        assert self.sink(tmp_path).remembers

    @pytest.mark.parametrize("seed", range(3))
    def test_at_least_once_whatever_fails(self, tmp_path: Path, seed: int) -> None:
        """Failing at random points, over three runs, every record arrives, the first time in the order of the journal."""
        path = tmp_path / "journal.sqlite3"
        written = scripted_outputs.write(path, COUNT // 2)
        stop = Event()
        for number in range(3):
            deliveries = Forwarding(lambda: Journal.open(path), lambda _: None, stop, from_start=True)
            deliveries.add_sink(Unreliable(self.sink(tmp_path), seed * 10 + number))
            with deliveries:
                written += scripted_outputs.write(path, COUNT // 6, first=len(written) + 1)
                deliveries.wake()
        assert deliveries.owed() == 0
        assert scripted_outputs.first_times(self.arrived(tmp_path, COUNT)) == written

    def test_a_restart_goes_on(self, tmp_path: Path) -> None:
        """What was confirmed is not sent again by the next run, what came between the runs is."""
        path = tmp_path / "journal.sqlite3"
        written = scripted_outputs.write(path, 10)
        for _ in range(3):
            deliveries = Forwarding(lambda: Journal.open(path), lambda _: None, Event(), from_start=True)
            deliveries.add_sink(self.sink(tmp_path))
            with deliveries:
                pass
            assert deliveries.owed() == 0
            written += scripted_outputs.write(path, 5, first=len(written) + 1)
        assert self.arrived(tmp_path, 20) == written[:20]
