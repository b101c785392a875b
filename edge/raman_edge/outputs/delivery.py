"""One sink's thread: from the journal to the sink, as fast as it takes them, never faster than it confirms."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol, Self

from raman_edge.errors import JournalError, JournalUnavailable, OutputError, RamanEdgeError, RecordsDamaged, RecordsRefused, RowDamaged
from raman_edge.outputs import Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from raman_edge.journal import JournalRow
    from raman_edge.outputs import Sink

BATCH = 200
"""Records that are sent before the cursor moves: at most so many come twice after a crash."""
POLL_S = 1.0
"""How often the journal is looked at unasked, s: another process may write to it."""
GATHER_S = 0.05
"""The next look at the journal comes no sooner after a batch, s: a batch costs two synced writes however large it is."""
FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0
"""After a failure the next attempt waits, twice as long each time until one goes on for longer than the longest, s."""

ENDING = (BrokenPipeError, OutputError, JournalError)
"""Errors that end the run: standard output has no reader, or the journal is damaged or no journal; it never works again."""


class JournalFeed(Protocol):
    """What a delivery needs of an open journal."""

    def after(self, seq: int, limit: int) -> Sequence[JournalRow]:
        """Return the first ``limit`` records after ``seq``, oldest first."""

    def newest(self) -> int:
        """Return the number of the newest record, 0 where there is none."""

    def cursor(self, sink: str) -> int | None:
        """Return up to which record ``sink`` has all; None where it was never heard of."""

    def advance(self, sink: str, seq: int) -> None:
        """Remember that ``sink`` has all up to ``seq``."""


class JournalFeedOpener(Protocol):
    """Opens the journal: each thread its own."""

    def __call__(self) -> AbstractContextManager[JournalFeed]:
        """Return it, opened by ``with``."""


class Delivery:
    """Feeds one sink in a thread of its own; made, then :meth:`begin`, then :meth:`finish`."""

    def __init__(self, sink: Sink, feed: JournalFeedOpener, note: Callable[[str], None], ended: Callable[[], None]) -> None:
        """``note`` is told of the sink's troubles; ``ended`` is called where :attr:`failure` is one that ends the run."""
        self.sink = sink
        self.failure: Exception | None = None
        """Why the run cannot go on, see :data:`ENDING`."""
        self.delivered = 0
        """Records that the sink has confirmed in this run."""
        self.refused = 0
        """Records that the sink can never take."""
        self.damaged = 0
        """Rows of the journal that could not be read."""
        self.moved_at = 0.0
        """When something was confirmed last, by the monotonic clock, s."""
        self.failing = False
        self.place = 0
        """The sink has every record up to this one."""
        self.newest = 0
        """The newest record that was heard of."""
        self._feed, self._note, self._ended = feed, note, ended
        self._waited = 0
        self._rest_s = FIRST_REST_S
        self._news, self._finishing, self._given_up = Event(), Event(), Event()
        self._thread = Thread(target=self._run, name=f"to {sink.name}", daemon=True)

    def begin(self, feed: JournalFeed, *, from_start: bool) -> Self:
        """Start; a sink the journal does not know begins with what comes now, or with everything."""
        self.newest = feed.newest()
        known = feed.cursor(self.sink.name) if self.sink.remembers else None
        self.place = known if known is not None else 0 if from_start else self.newest
        if self.sink.remembers and known is None:
            feed.advance(self.sink.name, self.place)
        self.moved_at = time.monotonic()
        self._thread.start()
        return self

    def wake(self) -> None:
        """Say that there is something new in the journal."""
        self._news.set()

    def finish(self) -> None:
        """Ask it to deliver what there is and end."""
        self._finishing.set()
        self._news.set()

    def give_up(self) -> None:
        """Ask it to end, whatever is still owed."""
        self._given_up.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def report(self, newest: int) -> None:
        """Say what is still owed where the journal's newest record is ``newest``."""
        if owed := self.standing(newest).owed:
            fate = "they go at the next start" if self.sink.remembers else "they are in the journal"
            self._say(f"{self.sink.name}: {owed} records are still owed; {fate}")

    def standing(self, newest: int) -> Standing:
        """Return how the sink stands where the journal's newest record is ``newest``."""
        return Standing(self.sink.name, max(0, newest - self.place), self.failing)

    def _run(self) -> None:
        """Deliver until told to end; whatever fails is opened anew."""
        while not self._given_up.is_set():
            began = time.monotonic()
            try:
                with self._feed() as feed:
                    self.newest = feed.newest()
                    with self.sink:
                        self._follow(feed)
            except Exception as error:  # noqa: BLE001 - a defect in one sink must stop neither the instrument nor the other sinks
                if isinstance(error, ENDING) and not isinstance(error, JournalUnavailable):
                    self.failure = error
                    self._ended()
                    return
                self._fails(error)
                self._rest(time.monotonic() - began)
            else:
                return

    def _follow(self, feed: JournalFeed) -> None:
        """Deliver what there is and what comes, until told to finish."""
        while not self._given_up.is_set():
            last = self._finishing.is_set()
            self._news.clear()
            before = self.delivered
            while self._send(feed) and not self._given_up.is_set():
                pass
            if last:
                return
            if self.delivered > before:
                self._finishing.wait(GATHER_S)
            self._news.wait(0.0 if self._finishing.is_set() else POLL_S)

    def _send(self, feed: JournalFeed) -> bool:
        """Send the next batch and move the cursor; whether there may be more."""
        if self.sink.remembers:
            self._agree(feed)
        try:
            rows = feed.after(self.place, BATCH)
        except RowDamaged as error:
            self.damaged += 1
            self._say(f"{self.sink.name}: {error}. It is left out")
            self._has_all_up_to(error.seq, feed)
            return True
        self.newest = feed.newest()
        refused = self._sent(rows)
        if rows:
            self.delivered += len(rows) - refused
            self._has_all_up_to(rows[-1].seq, feed)
        more = self.place < self.newest
        self._works(len(rows) - refused, more=more)
        return more

    def _sent(self, rows: Sequence[JournalRow]) -> int:
        """Send rows and return how many of them can never be taken; each is named in a line."""
        try:
            self.sink.send(rows)
        except RecordsRefused as refused:
            if isinstance(refused, RecordsDamaged):
                self.damaged += len(refused.args)
            else:
                self.refused += len(refused.args)
            for line in refused.args:
                self._say(f"{self.sink.name}: {line}")
            return len(refused.args)
        return 0

    def _has_all_up_to(self, seq: int, feed: JournalFeed) -> None:
        self.place, self.moved_at = seq, time.monotonic()
        if self.sink.remembers:
            feed.advance(self.sink.name, seq)

    def _agree(self, feed: JournalFeed) -> None:
        """Bring our place and the journal's together: another process may feed the same sink, or a move of the cursor have failed."""
        kept = feed.cursor(self.sink.name)
        if kept is None:  # the journal was replaced by a new one
            self.place = 0
        if kept is None or kept < self.place:
            feed.advance(self.sink.name, self.place)
        else:
            self.place = kept

    def _fails(self, error: Exception) -> None:
        """Say once that the sink fails."""
        if not self.failing:
            self.failing, self._waited = True, 0
            known = isinstance(error, RamanEdgeError)
            why = str(error) if known else f"{type(error).__name__}: {error}; please report this"
            self._say(f"{self.sink.name} fails: {why}. Its records wait in the journal, and it is tried again")

    def _works(self, sent: int, *, more: bool) -> None:
        """Say once that a sink that failed has everything now."""
        self._waited += sent
        if self.failing and not more:
            self.failing = False
            self._say(f"{self.sink.name} works again: {self._waited} records that waited are delivered")

    def _say(self, line: str) -> None:
        """Pass a line on; a terminal that has gone is no reason to stop delivering."""
        with suppress(OSError):
            self._note(line)

    def _rest(self, worked_s: float) -> None:
        """Wait before the next attempt, after the last one went on for ``worked_s``; one who is asked to finish is in a hurry."""
        if worked_s > LONGEST_REST_S:
            self._rest_s = FIRST_REST_S
        if not self._finishing.wait(self._rest_s):
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
        else:
            self._given_up.wait(FIRST_REST_S)
