"""Spectra from an instrument: a bench in a thread of its own, read one spectrum at a time."""

from __future__ import annotations

import threading
from dataclasses import replace
from queue import Empty, Full, Queue
from time import perf_counter
from typing import TYPE_CHECKING

from raman_edge.acquisition.acquisition import Acquisition, silent
from raman_edge.sources import Batch
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from raman_edge.acquisition.acquisition import Note, Prompt
    from raman_edge.acquisition.plan import Plan
    from raman_edge.instruments.spectrometer import Spectrometer
    from raman_edge.spectrum import Spectrum

AHEAD = 2
"""Values that wait for whoever reads; then the instrument waits."""
PULSE_S = 1.0
"""Between two signs of life, s."""
FULL_S = 0.25
"""How often the thread that measures looks whether anybody still reads, s."""
PATIENCE_S = 30.0
"""How long it may take to end, s: the rest of an exposure that nothing interrupts."""


class _End:
    """Stands behind the last value."""


class SpectrometerSource:
    """What ``spectrometer``, which is open, measures as ``plan`` says; :attr:`bench` takes what keys and other threads want.

    Nothing that was measured is dropped: where answers take longer than exposures, :data:`AHEAD` values wait, then the
    instrument does. What was given and is not done is given again when it is iterated once more, as after a while
    without a journal. What was measured before ``stop`` is set is still given. ``note`` is told of what is left all the same.
    """

    def __init__(
        self,
        spectrometer: Spectrometer,
        plan: Plan,
        *,
        stop: threading.Event | None = None,
        note: Note = silent,
        prompt: Prompt | None = None,
    ) -> None:
        self._spectrometer = spectrometer
        self._stop = stop or threading.Event()
        self._note = note
        self.bench = Acquisition(spectrometer, plan, stop=self._stop, note=note, prompt=prompt)
        self._waiting: Queue[tuple[float, Spectrum | Fault | _End]] = Queue(AHEAD)
        self._failure: Exception | None = None
        self._has_ended, self._is_closing, self._dropped = False, False, 0
        self._under_way: list[Spectrum | Fault] = []
        self._thread = threading.Thread(target=self._measure, name="spectrometer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_closing = True
        self.bench.end()
        self._thread.join(PATIENCE_S)
        left = len(self._under_way) + self._dropped
        while not self._waiting.empty():
            left += not isinstance(self._waiting.get_nowait()[1], _End)
        if left:
            self._note(f"{left} spectra or faults were measured and are not answered, because it was stopped")

    def __iter__(self) -> Iterator[Batch]:
        for again in tuple(self._under_way):
            yield self._batch(again)
        while not self._has_ended:
            try:
                since, value = self._waiting.get(timeout=PULSE_S)
            except Empty:
                yield Batch()
                continue
            if isinstance(value, _End):
                self._has_ended = True
            else:
                value = _waited(value, 1e3 * (perf_counter() - since))
                self._under_way.append(value)
                yield self._batch(value)
        if self._failure is not None:
            raise self._failure

    def _batch(self, value: Spectrum | Fault) -> Batch:
        return Batch((value,), done=lambda _: self._under_way.remove(value))

    def _measure(self) -> None:
        """Run the bench to its end; what it raises is raised again where the values are read."""
        try:
            for value in self.bench:
                if value is not None:
                    self._give(value)
        except Exception as error:  # noqa: BLE001 - nobody else would see it
            self._failure = error
        self._give(_End())

    def _give(self, value: Spectrum | Fault | _End) -> None:
        """Put a value where it is read from, as soon as there is room or nobody will read any more."""
        since = perf_counter()
        while True:
            try:
                self._waiting.put((since, value), timeout=FULL_S)
            except Full:
                if not self._is_closing:
                    continue
                self._dropped += not isinstance(value, _End)
            return


def _waited(value: Spectrum | Fault, ms: float) -> Spectrum | Fault:
    """Return the value; a spectrum's time from its last byte includes how long it waited for whoever names it."""
    if isinstance(value, Fault):
        return value
    return replace(value, origin=replace(value.origin, read_ms=value.origin.read_ms + ms))
