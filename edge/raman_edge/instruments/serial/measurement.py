"""Spectra on their way: one that was requested, a stream of them, and which of them are repeats.

The noise of a detector makes two exposures differ, so a spectrum that is equal to a recent one, to the last bit and with the same
header, is no new exposure. A detector that is dark or saturated throughout sends the same spectrum again and again: when the second
request in a row gives it, it is accepted. The same holds for a faulty device that repeats a spectrum twice in a row, which
cannot be distinguished unless its header counts (``frame.header``).
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING

from raman_edge.instruments.codecs.delta8 import LONGEST
from raman_edge.instruments.codecs.stream import RawFrame, WireFault
from raman_edge.instruments.profiles.fields import size_of
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.serial.transport import Preface, ReplyProblem, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from raman_edge.instruments.codecs.stream import Codec as Decoder
    from raman_edge.instruments.codecs.stream import Event
    from raman_edge.instruments.profiles.frame import Frame
    from raman_edge.instruments.serial.transport import Transport

SHORT = 64
"""Bytes of the longest refusal."""
NUMBER_BYTES = 12
"""Bytes of a number as text: at most ten digits, CR and LF."""
VALUES = 2048
"""Values of a spectrum of unknown size."""
AFTER_BYTES = 3
"""A frame that only silence ends is watched for surplus bytes for the time of this many bytes."""
MANY = 16
"""How many spectra are remembered."""


def fresh(_: RawFrame) -> bool:
    """Accept every spectrum as new."""
    return False


class Measurement:
    """A requested spectrum on its way; call :meth:`step` until it, or a problem, is there."""

    def __init__(
        self, wire: Transport, decoder: Decoder, sent: bytes, expected_s: float, repeats: Callable[[RawFrame], bool] = fresh
    ) -> None:
        """Send the request; ``expected_s`` is the time that the device exposes.

        ``repeats`` recognises a repeated spectrum, which is no answer unless nothing else comes in time.
        """
        self._wire, self._decoder, self._sent = wire, decoder, sent
        self.extended = False
        """Whether the wait was extended."""
        self._preface = Preface(wire.profile.frame, sent)
        self.faults: list[WireFault] = []
        """Bytes without a spectrum so far."""
        self._head = b""
        self._fed = False
        self._repeats = repeats
        self._held: RawFrame | None = None
        self._spoilt: ReplyProblem | None = None
        decoder.reset()
        wire.send(sent)
        self._last = wire.clock.now()
        self._due = self._last + expected_s + wire.transfer_s(len(sent))
        self._expected_s = expected_s
        self._end = self._due + wire.margin_s
        self._longest_s = 2 * wire.transfer_s(frame_bytes(wire.profile.frame)) + wire.drain_s

    def step(self, timeout_s: float) -> RawFrame | ReplyProblem | None:
        """Wait at most so long; None where it is undecided. Raises :class:`SourceLost`."""
        data = self._wire.port.read(timeout_s)
        now = self._wire.clock.now()
        if not data:
            return self._waited(now)
        self._last = now
        self._head = (self._head + data)[: SHORT + 1]
        result = self._take(data)
        if result is None and now > self._end + self._longest_s:
            self._wire.quiet()
            return ReplyProblem("bad", "endless bytes without a spectrum")
        return result

    @property
    def overdue(self) -> bool:
        """Whether it should have come by now."""
        return self._wire.clock.now() >= self._end

    def extend(self) -> None:
        """Wait as long again: a late device still measures, and must not get another request."""
        self.extended = True
        self._end = self._wire.clock.now() + self._expected_s + self._wire.margin_s

    def _take(self, data: bytes) -> RawFrame | ReplyProblem | None:
        if self._spoilt:
            self._wire.count("dropped_bytes", len(data))
            return None
        rest = self._preface.feed(data)
        if isinstance(rest, ReplyProblem):
            if rest.kind == "refused" or self._is_error(data):
                return ReplyProblem("refused", rest.why)
            self._spoilt = rest
            return None
        self._fed = self._fed or bool(rest)
        return self._judged(self._decoder.feed(rest))

    def _judged(self, events: Iterable[Event]) -> RawFrame | ReplyProblem | None:
        frame: RawFrame | None = None
        for event in events:
            if isinstance(event, WireFault):
                self.faults.append(event)
            elif isinstance(event, RawFrame) and self._repeats(event):
                self._wire.count("stale")
                self._held, self._fed = event, False
            elif isinstance(event, RawFrame):
                frame = event
            elif event.name in ("nak", "failed", "error") or self._is_error(event.data):
                return ReplyProblem("refused", self._refusal(event.name, event.data, event.fields.get("error_name")))
        return frame if frame is None else self._alone(frame)

    def _is_error(self, data: bytes) -> bool:
        keyword = self._wire.profile.answers.error
        return keyword is not None and data.lstrip(b"\r\n").startswith(keyword.encode())

    def _refusal(self, name: str, data: bytes, error: int | str | None) -> str:
        if error:
            return f"it refused to measure: {error}"
        return {"nak": "it refused to measure", "failed": "the measurement failed"}.get(name, f"it answered {shown(data)}")

    def _alone(self, frame: RawFrame) -> RawFrame | ReplyProblem:
        """Return a frame; a problem where bytes follow a frame that only its length proves complete."""
        if self._proven:
            return frame
        after = self._wire.port.read(self._wire.transfer_s(AFTER_BYTES) if self._wire.port.baud else 0)
        after_frame = [*self._decoder.feed(after), *self._decoder.silence()]
        extra = sum(event.dropped for event in after_frame if isinstance(event, WireFault))
        if not extra:
            return frame
        self.faults += [event for event in after_frame if isinstance(event, WireFault)]
        self._wire.quiet()
        return ReplyProblem("bad", f"{extra} bytes follow a complete spectrum: its values are shifted")

    @property
    def _proven(self) -> bool:
        frame = self._wire.profile.frame
        if isinstance(frame, FixedFrame):
            return bool(frame.sync or frame.trailer or frame.checksum.size)
        return not (isinstance(frame, NamedFrame) and frame.name == "delta8")

    def _waited(self, now: float) -> RawFrame | ReplyProblem | None:
        if self._spoilt:
            return self._spoilt if now >= max(self._due, self._last + self._wire.drain_s) else None
        if self._fed and now < self._last + self._wire.drain_s + (0 if self.faults else self._wire.margin_s):
            return None  # a spectrum has begun: only a quiet line ends it
        if self._fed:
            self._fed = False
            self.faults += [event for event in self._decoder.silence() if isinstance(event, WireFault)]
            if self.faults:
                return ReplyProblem("bad", self.faults[0].why)
        if now < self._end:
            return self._preface.alone(self._head) if now >= self._last + self._wire.drain_s else None
        if self._held is not None:
            return self._held
        return ReplyProblem("silent", f"no spectrum {now - self._due + self._expected_s:.1f} s after the request, {self._expectation}")

    @property
    def _expectation(self) -> str:
        got = "nothing came" if not self._head else f"only {shown(self._head)} came"
        return f"expected within {self._expected_s + self._wire.margin_s:.1f} s; {got}"


class SpectrumStream:
    """Spectra one after the other; :meth:`step` gives the next, or a problem."""

    def __init__(self, wire: Transport, decoder: Decoder, sent: bytes = b"", expected_s: float | None = None) -> None:
        """Send the request, if any; ``expected_s`` is the time between two spectra, None is unknown."""
        self._wire, self._decoder, self._expected_s = wire, decoder, expected_s
        self._preface = Preface(wire.profile.frame, sent) if sent else None
        self._found: deque[RawFrame | ReplyProblem] = deque()
        self.faults: list[WireFault] = []
        """Always empty: broken frames are :class:`ReplyProblem` values."""
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
                self._found.append(ReplyProblem("refused", f"it answered {shown(event.data)}"))

    def _lost(self, fault: WireFault) -> None:
        """Report a broken frame, unless it had begun before the port was opened."""
        self._wire.count("dropped_bytes", fault.dropped)
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
            self._found.append(ReplyProblem("silent", f"no spectrum for {patience:.1f} s from a device that streams"))


class RecentFrames:
    """The last :data:`MANY` spectra of a device."""

    def __init__(self) -> None:
        self._seen: deque[bytes] = deque(maxlen=MANY)
        self._constant = b""

    def repeats(self, frame: RawFrame) -> bool:
        """Whether a spectrum is a repeat, and not the one that the device sends every time."""
        digest = _digest(frame)
        return digest in self._seen and digest != self._constant

    def expect(self, frame: RawFrame) -> None:
        """Accept the same spectrum as new if it comes next, and until another one comes."""
        self._constant = _digest(frame)

    def add(self, frame: RawFrame) -> None:
        """Remember an accepted spectrum."""
        digest = _digest(frame)
        self._constant = digest if digest == self._constant else b""
        if digest not in self._seen:
            self._seen.append(digest)


def _digest(frame: RawFrame) -> bytes:
    fields = repr(sorted(frame.fields.items())).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(frame.counts.tobytes() + fields, digest_size=16).digest()


def frame_bytes(frame: Frame) -> int:
    """Return an upper estimate of the bytes of a frame."""
    match frame:
        case FixedFrame():
            return frame.size
        case DelimitedFrame():
            return frame.count * (NUMBER_BYTES if frame.text else size_of(frame.dtype)) + 64 * (2 + len(frame.header))
        case LinesFrame():
            return NUMBER_BYTES * (frame.count or VALUES) * (2 if frame.layout == "pairs" else 1)
        case NamedFrame():
            return (NUMBER_BYTES if frame.text else LONGEST) * frame.count + 64
