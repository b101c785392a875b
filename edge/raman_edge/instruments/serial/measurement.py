"""One spectrum that was asked for, from the request to its last byte, or to the moment when it is clear that it will not come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.instruments.codecs.delta8 import LONGEST
from raman_edge.instruments.codecs.events import RawFrame, WireFault
from raman_edge.instruments.profiles.fields import size_of
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.serial.replies import Preface, ReplyProblem, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from raman_edge.instruments.codecs.events import Codec as Decoder
    from raman_edge.instruments.codecs.events import Event
    from raman_edge.instruments.profiles.frame import Frame
    from raman_edge.instruments.serial.transport import Transport

SHORT = 64
"""Bytes of the longest answer that is a refusal."""
NUMBER_BYTES = 12
"""Of a number as text, of at most ten digits, and of what parts it from the next: CR and LF."""
VALUES = 2048
"""Of a spectrum where nobody says how many it has."""
AFTER_BYTES = 3
"""For how many bytes' time a frame that only silence ends is watched for one byte too many."""


def fresh(_: RawFrame) -> bool:
    """Take every spectrum for a new one."""
    return False


class Measurement:
    """A spectrum on its way; :meth:`step` until it, or what is wrong, is there."""

    def __init__(
        self, wire: Transport, decoder: Decoder, sent: bytes, expected_s: float, repeats: Callable[[RawFrame], bool] = fresh
    ) -> None:
        """Send the request; ``expected_s`` is how long the device exposes.

        ``repeats`` says that a spectrum came before: it is no answer, unless nothing else comes in the time that there is.
        """
        self._wire, self._decoder, self._sent = wire, decoder, sent
        self.extended = False
        """Whether it is waited for a second time."""
        self._preface = Preface(wire.profile.frame, sent)
        self.faults: list[WireFault] = []
        """Bytes that gave nothing, so far."""
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
        """Wait at most so long; None where nothing is decided yet. Raises :class:`SourceLost`."""
        data = self._wire.port.read(timeout_s)
        now = self._wire.clock.now()
        if not data:
            return self._waited(now)
        self._last = now
        self._head = (self._head + data)[: SHORT + 1]
        result = self._take(data)
        if result is None and now > self._end + self._longest_s:
            self._wire.quiet()
            return ReplyProblem("bad", "bytes without end and no spectrum among them")
        return result

    @property
    def overdue(self) -> bool:
        """Whether the time is over in which it should have come."""
        return self._wire.clock.now() >= self._end

    def extend(self) -> None:
        """Wait as long once more: a device that is late still measures, and must not be asked anew."""
        self.extended = True
        self._end = self._wire.clock.now() + self._expected_s + self._wire.margin_s

    def _take(self, data: bytes) -> RawFrame | ReplyProblem | None:
        if self._spoilt:
            self._wire.tally.add("dropped_bytes", len(data))
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
                self._wire.tally.add("stale")
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
        return {"nak": "it refused to measure", "failed": "the measurement failed"}.get(name, f"it says {shown(data)}")

    def _alone(self, frame: RawFrame) -> RawFrame | ReplyProblem:
        """Return a frame, but not one of a form that says only by its length whether it is whole, where bytes follow it."""
        if self._proven:
            return frame
        after = self._wire.port.read(self._wire.transfer_s(AFTER_BYTES) if self._wire.port.baud else 0)
        after_frame = [*self._decoder.feed(after), *self._decoder.silence()]
        extra = sum(event.dropped for event in after_frame if isinstance(event, WireFault))
        if not extra:
            return frame
        self.faults += [event for event in after_frame if isinstance(event, WireFault)]
        self._wire.quiet()
        return ReplyProblem("bad", f"{extra} bytes follow a whole spectrum: its values are shifted")

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
            return None  # a spectrum has begun: it is over when the line is quiet, whatever the time
        if self._fed:
            self._fed = False
            self.faults += [event for event in self._decoder.silence() if isinstance(event, WireFault)]
            if self.faults:
                return ReplyProblem("bad", self.faults[0].why)
        if now < self._end:
            return self._preface.alone(self._head) if now >= self._last + self._wire.drain_s else None
        if self._held is not None:
            return self._held
        return ReplyProblem("silent", f"no spectrum {now - self._due + self._expected_s:.1f} s after it was asked for, {self._told}")

    @property
    def _told(self) -> str:
        got = "nothing came" if not self._head else f"only {shown(self._head)} came"
        return f"expected within {self._expected_s + self._wire.margin_s:.1f} s; {got}"


def frame_bytes(frame: Frame) -> int:
    """Return about how many bytes a frame is on the wire, rather too many."""
    match frame:
        case FixedFrame():
            return frame.size
        case DelimitedFrame():
            return frame.count * (NUMBER_BYTES if frame.text else size_of(frame.dtype)) + 64 * (2 + len(frame.header))
        case LinesFrame():
            return NUMBER_BYTES * (frame.count or VALUES) * (2 if frame.layout == "pairs" else 1)
        case NamedFrame():
            return (NUMBER_BYTES if frame.text else LONGEST) * frame.count + 64
