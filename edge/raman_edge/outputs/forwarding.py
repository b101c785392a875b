"""From the journal to the sinks of a run: one thread for each, as fast as it takes records, never faster than it confirms."""

from __future__ import annotations

import time
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Protocol, Self

from raman_edge.errors import (
    ConfigError,
    JournalError,
    JournalUnavailable,
    OutputError,
    RamanEdgeError,
    RecordsDamaged,
    RecordsRefused,
    RowDamaged,
)
from raman_edge.outputs import Sink, Standing, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from raman_edge.journal import JournalRow

BATCH = 200
"""Records between two moves of the cursor: at most so many come twice after a crash."""
POLL_S = 1.0
"""How often the journal is read without a wake-up, s: another process may write to it."""
GATHER_S = 0.05
"""Least time between a batch and the next look at the journal, s: a batch costs two synced writes, large or small."""
FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0
"""Wait after a failure, doubled each time, and reset after an attempt that lasted longer than the longest wait, s."""

ENDING = (BrokenPipeError, OutputError, JournalError)
"""Errors that end the run: standard output has no reader, or the journal is damaged or no journal; it never works again."""
STOPPED_S = 1.5
"""How long a stopped run waits for a sink that works, s."""
STUCK_S = 30.0
"""How long a run at its end waits for a sink that confirms nothing, s; it waits longer for one that does."""
LOOK_S = 0.1
"""How often an ending run checks whether it was stopped, s."""


class JournalFeed(Protocol):
    """The part of an open journal that a delivery uses."""

    def after(self, seq: int, limit: int) -> Sequence[JournalRow]:
        """Return the first ``limit`` records after ``seq``, oldest first."""

    def newest(self) -> int:
        """Return the number of the newest record, 0 where there is none."""

    def cursor(self, sink: str) -> int | None:
        """Return the number of the last record that ``sink`` confirmed; None for an unknown sink."""

    def advance(self, sink: str, seq: int) -> None:
        """Note that ``sink`` has confirmed all up to ``seq``."""


class JournalFeedOpener(Protocol):
    """Opens the journal: each thread its own."""

    def __call__(self) -> AbstractContextManager[JournalFeed]:
        """Return it, opened by ``with``."""


class Delivery:
    """Feeds one sink in one thread: :meth:`begin`, then :meth:`finish`."""

    def __init__(self, sink: Sink, feed: JournalFeedOpener, note: Callable[[str], None], ended: Callable[[], None]) -> None:
        """``note`` gets one line for each change of the sink's state; ``ended`` is called after a :attr:`failure` that ends the run."""
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
        """Time of the last confirmation, monotonic, s."""
        self.failing = False
        self.place = 0
        """The sink has every record up to this one."""
        self.newest = 0
        """The newest known record."""
        self._feed, self._note, self._ended = feed, note, ended
        self._waited = 0
        self._rest_s = FIRST_REST_S
        self._news, self._finishing, self._given_up = Event(), Event(), Event()
        self._thread = Thread(target=self._run, name=f"to {sink.name}", daemon=True)

    def begin(self, feed: JournalFeed, *, from_start: bool) -> Self:
        """Start; a sink without a cursor begins with new records, or with all."""
        self.newest = feed.newest()
        known = feed.cursor(self.sink.name) if self.sink.remembers else None
        self.place = known if known is not None else 0 if from_start else self.newest
        if self.sink.remembers and known is None:
            feed.advance(self.sink.name, self.place)
        self.moved_at = time.monotonic()
        self._thread.start()
        return self

    def wake(self) -> None:
        """Report that the journal has new records."""
        self._news.set()

    def finish(self) -> None:
        """Let it deliver all records and end."""
        self._finishing.set()
        self._news.set()

    def give_up(self) -> None:
        """Let it end now."""
        self._given_up.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds``; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def report(self, newest: int) -> None:
        """Report the records that are still owed where the journal's newest record is ``newest``."""
        if owed := self.standing(newest).owed:
            fate = "they go at the next start" if self.sink.remembers else "they are in the journal"
            self._report(f"{self.sink.name}: {owed} records are still owed; {fate}")

    def standing(self, newest: int) -> Standing:
        """Return the state of the sink where the journal's newest record is ``newest``."""
        return Standing(self.sink.name, max(0, newest - self.place), self.failing)

    def _run(self) -> None:
        """Deliver until the end; after a failure journal and sink are opened anew."""
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
        """Deliver records until :meth:`finish`."""
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
            self._report(f"{self.sink.name}: {error}. It is left out")
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
        """Send rows and return how many of them can never be taken; each gets a line."""
        try:
            self.sink.send(rows)
        except RecordsRefused as refused:
            if isinstance(refused, RecordsDamaged):
                self.damaged += len(refused.args)
            else:
                self.refused += len(refused.args)
            for line in refused.args:
                self._report(f"{self.sink.name}: {line}")
            return len(refused.args)
        return 0

    def _has_all_up_to(self, seq: int, feed: JournalFeed) -> None:
        self.place, self.moved_at = seq, time.monotonic()
        if self.sink.remembers:
            feed.advance(self.sink.name, seq)

    def _agree(self, feed: JournalFeed) -> None:
        """Reconcile our place with the cursor: another process may feed the same sink, or a move of the cursor failed."""
        kept = feed.cursor(self.sink.name)
        if kept is None:  # the journal was replaced by a new one
            self.place = 0
        if kept is None or kept < self.place:
            feed.advance(self.sink.name, self.place)
        else:
            self.place = kept

    def _fails(self, error: Exception) -> None:
        """Report once that the sink fails."""
        if not self.failing:
            self.failing, self._waited = True, 0
            known = isinstance(error, RamanEdgeError)
            why = str(error) if known else f"{type(error).__name__}: {error}; please report this"
            self._report(f"{self.sink.name} fails: {why}. Its records wait in the journal, and it is tried again")

    def _works(self, sent: int, *, more: bool) -> None:
        """Report once that a sink that failed has everything now."""
        self._waited += sent
        if self.failing and not more:
            self.failing = False
            self._report(f"{self.sink.name} works again: {self._waited} records that waited are delivered")

    def _report(self, line: str) -> None:
        """Write a note; delivery goes on where the terminal is gone."""
        with suppress(OSError):
            self._note(line)

    def _rest(self, worked_s: float) -> None:
        """Wait before the next attempt, after one that lasted ``worked_s``; shorter at the end of the run."""
        if worked_s > LONGEST_REST_S:
            self._rest_s = FIRST_REST_S
        if not self._finishing.wait(self._rest_s):
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
        else:
            self._given_up.wait(FIRST_REST_S)


class Forwarding:
    """The sinks of a run; they deliver while the ``with`` block runs.

    The end of the block waits for the sinks, with limited patience. It waits for a sink without a
    cursor (standard output) until ``stop`` is set, and an error that leaves the block sets it; records
    that are owed to the others go at the next start. Raises what :meth:`failure` returns.
    """

    def __init__(self, feed: JournalFeedOpener, note: Callable[[str], None], stop: Event, *, from_start: bool = False) -> None:
        """``feed`` opens the journal, once for each thread. ``stop`` ends the run; a sink that ends the run sets it."""
        self._feed, self._note, self._stop, self._from_start = feed, note, stop, from_start
        self._all: list[Delivery] = []
        self._newest = 0
        self._backlog: int | None = None

    def add(self, *specs: str) -> Self:
        """Add the sinks that ``specs`` name; ConfigError for a mistake in one of them."""
        for spec in specs:
            self.add_sink(opened(spec, self))
        return self

    def add_sink(self, sink: Sink) -> None:
        """Add one sink; ConfigError for a second one of the same name."""
        if sink.name in (delivery.sink.name for delivery in self._all):
            raise ConfigError(kind="given twice", place=f"output {sink.name}", advice="Give it once: every record would go there twice")
        self._all.append(Delivery(sink, self._feed, self._note, self._stop.set))

    def __enter__(self) -> Self:
        try:
            with self._feed() as feed:
                for delivery in self._all:
                    delivery.begin(feed, from_start=self._from_start)
        except BaseException:
            for delivery in self._all:
                delivery.give_up()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._stop.set()  # a broken run does not wait for its sinks
        self._finish()
        if error is None and (failure := self.failure()) is not None:
            raise failure

    def wake(self) -> None:
        """Report that the journal has new records; never waits."""
        for delivery in self._all:
            delivery.wake()

    def failure(self) -> Exception | None:
        """Return why the run cannot go on, or None."""
        return next((delivery.failure for delivery in self._all if delivery.failure), None)

    def owed(self) -> int:
        """Return how many records the sinks that remember have not confirmed, over all of them."""
        return sum(standing.owed for standing in self.standings())

    def delivered(self) -> dict[str, int]:
        """Return how many records each sink has confirmed in this run."""
        return {delivery.sink.name: delivery.delivered for delivery in self._all}

    def refused(self) -> int:
        """Return how many records some sink can never take."""
        return sum(delivery.refused for delivery in self._all)

    def damaged(self) -> int:
        """Return how many rows of the journal could not be read, at most, by one sink."""
        return max(delivery.damaged for delivery in self._all)

    def newest(self) -> int:
        """Return the number of the newest known record."""
        return max(self._newest, *(delivery.newest for delivery in self._all))

    def standings(self) -> Sequence[Standing]:
        """Return the states of the sinks that remember."""
        newest = self.newest()
        return [delivery.standing(newest) for delivery in self._all if delivery.sink.remembers]

    def backlog(self) -> int | None:
        """Return the last value of :meth:`waiting`."""
        return self._backlog

    def waiting(self, files: int) -> None:
        """Note how many files wait to be read, for the sinks that show it."""
        self._backlog = files

    def _finish(self) -> None:
        """Deliver what is left as long as the patience lasts; report what is owed."""
        for delivery in self._all:
            delivery.finish()
        patience = _Patience(self._stop)
        for delivery in self._all:
            while not delivery.wait(LOOK_S) and patience.lasts(delivery):
                pass
            delivery.give_up()
        with suppress(JournalError), self._feed() as feed:
            self._newest = feed.newest()  # a thread that hangs or rests does not know it
        for delivery in self._all:
            if delivery.failure is None:
                delivery.report(self.newest())


class _Patience:
    """How long an ending run waits."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._began = time.monotonic()
        self._stopped: float | None = None

    def lasts(self, delivery: Delivery) -> bool:
        """Whether to wait for ``delivery``."""
        now = time.monotonic()
        if self._stop.is_set():
            self._stopped = now if self._stopped is None else self._stopped
            return not delivery.failing and now - self._stopped < STOPPED_S
        only_slow = not delivery.sink.remembers and not delivery.failing
        return only_slow or now - max(self._began, delivery.moved_at) < STUCK_S
