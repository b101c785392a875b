"""All sinks of a run: started together, woken together, ended with patience."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from raman_edge.errors import ConfigError, JournalError
from raman_edge.outputs import Sink, Standing, opened
from raman_edge.outputs.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from raman_edge.outputs.delivery import JournalFeedOpener

STOPPED_S = 1.5
"""How long a run that was told to stop waits for a sink that works, s."""
STUCK_S = 30.0
"""How long a run that came to its end waits for a sink that confirms nothing, s; one that moves is waited for."""
LOOK_S = 0.1
"""How often an ending run looks whether it was told to stop, s."""


class Forwarding:
    """The sinks of a run; they deliver while the ``with`` block runs.

    At the end of the block everything is delivered that the patience allows. A sink that
    forgets (standard output) is waited for until ``stop`` is set, and an error that leaves
    the block sets it; what is owed to the others goes at the next start. Raises what :meth:`failure` returns.
    """

    def __init__(self, feed: JournalFeedOpener, note: Callable[[str], None], stop: Event, *, from_start: bool = False) -> None:
        """``feed`` opens the journal; each thread opens its own. ``stop`` ends the run, and is set where a sink ends it."""
        self._feed, self._note, self._stop, self._from_start = feed, note, stop, from_start
        self._all: list[Delivery] = []
        self._newest = 0
        self._backlog: int | None = None

    def add(self, *specs: str) -> Self:
        """Add the sinks that ``specs`` name; ConfigError where one of them makes no sense."""
        for spec in specs:
            self.add_sink(opened(spec, self))
        return self

    def add_sink(self, sink: Sink) -> None:
        """Add one sink; ConfigError where it is there already."""
        if sink.name in (delivery.sink.name for delivery in self._all):
            msg = f"the output {sink.name} is given twice: every record would go there twice; give it once"
            raise ConfigError(msg)
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
            self._stop.set()  # of what a broken run owes, only what goes at once is delivered
        self._finish()
        if error is None and (failure := self.failure()) is not None:
            raise failure

    def wake(self) -> None:
        """Say that there is something new in the journal; never waits."""
        for delivery in self._all:
            delivery.wake()

    def failure(self) -> Exception | None:
        """Return why the run cannot go on, if it cannot: nobody reads standard output any more."""
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
        """Return the number of the newest record that was heard of."""
        return max(self._newest, *(delivery.newest for delivery in self._all))

    def standings(self) -> Sequence[Standing]:
        """Return how the sinks stand that remember."""
        newest = self.newest()
        return [delivery.standing(newest) for delivery in self._all if delivery.sink.remembers]

    def backlog(self) -> int | None:
        """Return what :meth:`waiting` was told last."""
        return self._backlog

    def waiting(self, files: int) -> None:
        """Tell how many files wait to be read, for the sinks that show it."""
        self._backlog = files

    def _finish(self) -> None:
        """Deliver what there is, as long as there is patience for it; say what is owed."""
        for delivery in self._all:
            delivery.finish()
        patience = _Patience(self._stop)
        for delivery in self._all:
            while not delivery.wait(LOOK_S) and patience.lasts(delivery):
                pass
            delivery.give_up()
        with suppress(JournalError), self._feed() as feed:
            self._newest = feed.newest()  # a thread that hangs or rests has not heard of it
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
        """Whether ``delivery`` is still waited for."""
        now = time.monotonic()
        if self._stop.is_set():
            self._stopped = now if self._stopped is None else self._stopped
            return not delivery.failing and now - self._stopped < STOPPED_S
        only_slow = not delivery.sink.remembers and not delivery.failing
        return only_slow or now - max(self._began, delivery.moved_at) < STUCK_S
