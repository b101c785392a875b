"""Spectra that come by themselves, after one request or none, until the device is stopped."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from raman_edge.instruments.codecs.events import RawFrame, WireFault
from raman_edge.instruments.serial.measurement import frame_bytes
from raman_edge.instruments.serial.replies import Preface, ReplyProblem, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raman_edge.instruments.codecs.events import Codec as Decoder
    from raman_edge.instruments.codecs.events import Event
    from raman_edge.instruments.serial.transport import Transport


class SpectrumStream:
    """Spectra without end; :meth:`step` for the next, or for what is wrong."""

    def __init__(self, wire: Transport, decoder: Decoder, sent: bytes = b"", expected_s: float | None = None) -> None:
        """Send the request, where there is one; ``expected_s`` is the time between two spectra, None is unknown."""
        self._wire, self._decoder, self._expected_s = wire, decoder, expected_s
        self._preface = Preface(wire.profile.frame, sent) if sent else None
        self._found: deque[RawFrame | ReplyProblem] = deque()
        self.faults: list[WireFault] = []
        """Always empty: what is broken is a :class:`ReplyProblem` of its own."""
        decoder.reset()
        if sent:
            wire.send(sent)
        self._last = self._frame_at = wire.clock.now()
        self._open = False
        self._before = frame_bytes(wire.profile.frame)

    def step(self, timeout_s: float) -> RawFrame | ReplyProblem | None:
        """Wait at most so long; None where nothing came. Raises :class:`SourceLost`."""
        if not self._found:
            data = self._wire.port.read(timeout_s)
            now = self._wire.clock.now()
            if data:
                self._last, self._open = now, True
                self._take(data)
            elif self._open and now >= self._last + self._wire.drain_s + self._wire.margin_s:
                self._open = False
                self._judge(self._decoder.silence())
            self._watch(now)
        return self._found.popleft() if self._found else None

    def _take(self, data: bytes) -> None:
        if self._preface is not None:
            rest = self._preface.feed(data)
            if isinstance(rest, ReplyProblem):
                self._found.append(rest)
                self._preface = None
                return
            data = rest
        self._judge(self._decoder.feed(data))

    def _judge(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, RawFrame):
                self._frame_at, self._before = self._last, 0
                self._found.append(event)
            elif isinstance(event, WireFault):
                self._lost(event)
            elif event.name in ("nak", "failed", "error"):
                self._found.append(ReplyProblem("refused", f"it said {shown(event.data)}"))

    def _lost(self, fault: WireFault) -> None:
        """Tell what was broken, but not of the frame that had begun before anybody listened."""
        self._wire.tally.add("dropped_bytes", fault.dropped)
        if fault.dropped >= self._before:
            self._before = 0
            self._found.append(ReplyProblem("bad", fault.why))
        else:
            self._before -= fault.dropped

    def _watch(self, now: float) -> None:
        if self._expected_s is None or self._found:
            return
        patience = self._expected_s + self._wire.margin_s
        if now - max(self._last, self._frame_at) > patience:
            self._frame_at = now
            self._found.append(ReplyProblem("silent", f"no spectrum for {patience:.1f} s from a device that sends them by itself"))
