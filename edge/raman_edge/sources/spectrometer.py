"""Spectra from an instrument: it measures in one thread, another one reads the spectra one at a time."""

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
"""Values that wait for the reader; then the instrument waits."""
PULSE_S = 1.0
"""Between two signs of life, s."""
FULL_S = 0.25
"""How often the measuring thread checks for the end while the reader is slow, s."""
PATIENCE_S = 30.0
"""How long it may take to end, s: the rest of an exposure that nothing interrupts."""


class _End:
    """Stands behind the last value."""


class SpectrometerSource:
    """Spectra of ``spectrometer``, which is open, by ``plan``; :attr:`acquisition` takes the commands of keys and other threads.

    No measured spectrum is dropped: where identification takes longer than an exposure, :data:`AHEAD` values wait, then the
    instrument does. Values that were given and are not done are given again by the next iteration, as after a time
    without a journal. Values that were measured before ``stop`` are still given. ``note`` reports those that are left.
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
        self.acquisition = Acquisition(spectrometer, plan, stop=self._stop, note=note, prompt=prompt)
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
        self.acquisition.end()
        self._thread.join(PATIENCE_S)
        left = len(self._under_way) + self._dropped
        while not self._waiting.empty():
            left += not isinstance(self._waiting.get_nowait()[1], _End)
        if left:
            self._note(f"{left} spectra or faults were measured and not identified, because the run was stopped")

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
        """Measure to the end; the reader gets the exception of this thread."""
        try:
            for value in self.acquisition:
                if value is not None:
                    self._give(value)
        except Exception as error:  # noqa: BLE001 - raised again in the reader
            self._failure = error
        self._give(_End())

    def _give(self, value: Spectrum | Fault | _End) -> None:
        """Queue a value as soon as there is room, or drop it where the reader has ended."""
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
    """Return the value; a spectrum's time since its last byte includes its wait for the reader."""
    if isinstance(value, Fault):
        return value
    return replace(value, origin=replace(value.origin, read_ms=value.origin.read_ms + ms))
