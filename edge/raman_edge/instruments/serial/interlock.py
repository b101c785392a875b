"""Sees to it that a laser is on only while an exposure is asked for, and that it is off at the end."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raman_edge.errors import SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.instruments.serial.acquire import AcquireExchange
    from raman_edge.instruments.serial.laser import LightControl
    from raman_edge.instruments.serial.replies import ReplyProblem
    from raman_edge.instruments.serial.transport import Transport

IDLE_S = 0.25
"""How long no exposure may be asked for before the laser goes off, s; longer where the laser needs longer to settle."""
LOOK_S = 0.05
"""How often it is looked whether exposures are still asked for, s."""
ATTEMPTS = 2
"""How often a line that is lost at the end is opened again to switch the laser off."""


class LaserInterlock:
    """One thread at a time uses the line, and the laser goes before everything else."""

    def __init__(self, wire: Transport, lights: LightControl, asking: AcquireExchange, idle_s: float) -> None:
        self._wire, self._lights, self._asking, self._idle_s = wire, lights, asking, idle_s
        self.lock = threading.RLock()
        """Held by the thread that uses the line."""
        self._claims: list[None] = []
        self._used_at = time.monotonic()
        self._over = threading.Event()
        self.hurry = False
        """Whether an exposure that runs is not waited for any more."""
        self.unsafe: str | None = None
        """Why the laser may be on after the end; "" where it is off, None before the end."""

    @property
    def claimed(self) -> bool:
        """Whether a thread wants the line for something that must not wait for an exposure."""
        return bool(self._claims)

    @property
    def idle_s(self) -> float:
        """How long no exposure may be asked for before the laser goes off, s."""
        return max(self._idle_s, self._lights.settle_s)

    def begin(self) -> None:
        """Forget how it ended the last time."""
        self.unsafe, self.hurry = None, False
        self._over.clear()

    def end(self) -> None:
        """End what :meth:`watched` began."""
        self._over.set()

    def used(self) -> None:
        """Note that the line was used for an exposure, or that its light was taken away."""
        self._used_at = time.monotonic()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the line for oneself: an exposure that is waited for elsewhere gives way within a slice."""
        self._claims.append(None)
        try:
            with self.lock:
                yield
        finally:
            self._claims.pop()

    @contextmanager
    def watched(self, darken: Callable[[], None], gone: Callable[[SourceLost], None]) -> Iterator[None]:
        """Call ``darken`` while no exposure is asked for, whatever the thread that asks is busy with; ``gone`` where the line is lost."""
        watch = threading.Thread(target=self._watch, args=(darken, gone), name="laser", daemon=True)
        watch.start()
        try:
            yield
        finally:
            self._over.set()
            watch.join()

    def _watch(self, darken: Callable[[], None], gone: Callable[[SourceLost], None]) -> None:
        lights = self._lights
        while not self._over.wait(LOOK_S):
            if not lights.laser or self.unsafe is not None or not self.lock.acquire(blocking=False):
                continue
            try:
                is_idle = time.monotonic() - self._used_at > self.idle_s and not self._asking.exposing
                if is_idle and lights.rests and not lights.resting:
                    darken()
                elif lights.hungry and self._asking.idle and self._wire.port.is_open:
                    lights.feed()
            except SourceLost as error:
                gone(error)
            finally:
                self.lock.release()

    def off(self, impatient: Callable[[], bool], rate: int) -> str:
        """Give up what is measured and switch the laser off; return why it may still be on, "" where it is off.

        A line that is lost is opened again at ``rate`` baud. ``impatient`` ends the wait for a device that hears nothing while it exposes.
        """
        why = ""
        for _ in range(ATTEMPTS):
            try:
                trouble = self._off(impatient, rate)
            except Exception as error:  # noqa: BLE001 - whatever it is, the laser may be on because of it
                why = str(error) or type(error).__name__
            else:
                why = "" if trouble is None else f"it did not confirm {trouble.why}"
            if not self._lights.laser:
                return ""
            if self._wire.port.is_open:
                break
        return self.warning(why)

    def _off(self, impatient: Callable[[], bool], rate: int) -> ReplyProblem | None:
        if not self._lights.laser:
            self._asking.halt()
        else:
            if not self._wire.port.is_open:
                self._wire.port.open(rate)
            elif not self._asking.idle:
                self._lights.cut(always=True)
            self._asking.finish(impatient)
        return self._lights.off(surely=True)

    def shielded(self, work: Callable[[], str]) -> str:
        """Return what ``work`` returns. A signal that asks to end at once waits for it, and shortens what it waits for.

        That signal is raised afterwards where ``work`` has returned "".
        """
        if threading.current_thread() is not threading.main_thread():
            return work()
        found: list[str] = []
        interrupted: KeyboardInterrupt | None = None
        worker: threading.Thread | None = None
        while not found:
            try:
                if worker is None or not worker.is_alive():
                    worker = threading.Thread(target=lambda: found.append(work()), name="laser off")
                    worker.start()
                worker.join()
            except KeyboardInterrupt as error:
                self.hurry, interrupted = True, error
            except RuntimeError:  # at the exit of the interpreter no thread can be started
                found.append(work())
        if interrupted is not None and not found[0]:
            raise interrupted
        return found[0]

    def warning(self, why: str) -> str:
        """Return the line that says that the laser may be on."""
        profile = self._wire.profile
        watchdog_s = None if profile.laser is None else profile.laser.watchdog_s
        itself = "" if watchdog_s is None else f", or wait {watchdog_s:g} s until its watchdog does"
        at = f"{profile.device.id} on {self._wire.port.where}"
        return f"LASER MAY STILL BE ON: {at}: {why}; switch the laser off at its key or its power supply{itself}"
