"""Requests and answers over an open port: timeouts, repeats, counters, and bytes that belong to no answer."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from raman_edge.instruments.codecs.obp import Obp, Spectra
from raman_edge.instruments.codecs.stream import Reply
from raman_edge.instruments.codecs.words import WordFormat
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.fields import size_of
from raman_edge.instruments.profiles.frame import FrameBase, NamedFrame
from raman_edge.instruments.profiles.requests import DEFAULT
from raman_edge.instruments.serial.port import REAL, SerialPort
from raman_edge.instruments.spectrometer import Counters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from raman_edge.instruments.profiles.profile import Command, Profile, Serial
    from raman_edge.instruments.profiles.requests import RequestValues
    from raman_edge.instruments.serial.port import Clock


LINE = 256
"""Most bytes of an answer that is text."""
TEXTS = ("line", "text")
"""Forms of an answer that is text."""
_END = re.compile(rb"[\r\n]")
_PRINTABLE = re.compile(rb"[\x20-\x7E\t]*")


@dataclass(frozen=True, slots=True)
class ReplyProblem:
    """Why there is no answer, or no spectrum."""

    kind: Literal["refused", "silent", "bad"]
    """The device refused; nothing came in time; the bytes were broken."""
    why: str
    """One line; bytes of the device in it are data."""


Answer = bytes | ReplyProblem | None
"""The value, a problem, or None where more bytes are needed."""


class Listener:
    """Takes the bytes after a request, until its answer is complete."""

    def __init__(self, profile: Profile, command: Command, sent: bytes) -> None:
        self._profile, self._command, self._sent = profile, command, sent
        self._got = b""
        self._obp = (
            Obp(Spectra(profile.frame.count or 1, md5=False))
            if isinstance(profile.frame, NamedFrame) and command.message is not None
            else None
        )

    def feed(self, data: bytes) -> Answer:
        """Take the next bytes; a call without bytes shows whether any are needed."""
        self._got += data
        return self._message(data) if self._obp else self._plain()

    def heard(self) -> bytes:
        """Return the bytes so far."""
        return self._got

    @property
    def size(self) -> int:
        """Bytes of an answer without text, its echo included: more are not this answer."""
        ack = len(self._profile.answers.literals["ack"]) if self._command.ack else 0
        echo = len(self._sent) if self._profile.answers.echo else 0
        return LINE if self._obp else echo + ack + (0 if self._command.reply == "none" else size_of(self._command.reply))

    @property
    def ended_by_silence(self) -> bool:
        """Whether only silence shows the end of the answer."""
        return self._command.reply == "text" and self._obp is None

    def silence(self) -> Answer:
        """End a text without a terminator, as the line is quiet; None where the answer needs more bytes."""
        if not self.ended_by_silence:
            return None
        rest = self._behind_ack()
        if rest is None or isinstance(rest, ReplyProblem):
            return rest
        text = rest.strip(b"\0\r\n ")
        return _line(text, self._command.after) if text else None

    def _message(self, data: bytes) -> Answer:
        if self._command.reply == "none":
            return b""  # without a request to acknowledge, silence is success
        for event in self._obp.feed(data) if self._obp else ():
            if not isinstance(event, Reply):
                continue
            if event.name == "nak":
                return ReplyProblem("refused", f"error {event.fields['error']} ({event.fields['error_name']})")
            if event.fields.get("type") == self._command.message:
                return self._value(event.data)
        return None

    def _value(self, data: bytes) -> bytes | ReplyProblem:
        if self._command.reply in TEXTS:
            return _line(data.rstrip(b"\0"), self._command.after)
        size = size_of(self._command.reply)
        return data if len(data) == size else ReplyProblem("bad", f"{len(data)} bytes, expected {size}")

    def _plain(self) -> Answer:
        rest = self._behind_ack()
        return rest if rest is None or isinstance(rest, ReplyProblem) else self._reply(rest)

    def _behind_ack(self) -> Answer:
        """Return the bytes behind the echo and the acknowledgement."""
        command, rest = self._command, self._got
        if self._profile.answers.echo:
            rest = past_line_end(rest, self._sent)
            if not rest.startswith(self._sent):
                return None if self._sent.startswith(rest) else ReplyProblem("bad", f"{shown(rest)}, expected its echo {shown(self._sent)}")
            rest = rest[len(self._sent) :]
        literals = self._profile.answers.literals
        if command.ack or command.reply in TEXTS:
            rest = past_line_end(rest, literals["ack"]) if command.ack else rest
            expected = literals if command.ack else {name: text for name, text in literals.items() if name != "ack"}
            name = first(rest, expected)
            if name in ("nak", "busy"):
                return ReplyProblem("refused", "it refused" if name == "nak" else "it is busy")
            if (error := self._error(rest)) is not None:
                return error or None
            if command.ack and name is None:
                return None if may_become(rest, literals) else ReplyProblem("bad", f"{shown(rest)}, expected {shown(literals['ack'])}")
            rest = rest[len(literals["ack"]) :] if command.ack else rest
        return rest

    def _error(self, rest: bytes) -> ReplyProblem | Literal[""] | None:
        """Return the error in a line, "" where it may become one, None where it is none."""
        keyword = (self._profile.answers.error or "").encode()
        line = rest.lstrip(b"\r\n")
        if not keyword or not line.startswith(keyword):
            return "" if line and keyword.startswith(line) else None
        end = _END.search(line)
        return ReplyProblem("refused", shown(line[: end.start()])) if end else ""

    def _reply(self, rest: bytes) -> Answer:
        reply = self._command.reply
        if reply == "none":
            return b""
        if reply == "text":
            return ReplyProblem("bad", f"{len(rest)} bytes without an end") if len(rest) > LINE else None
        if reply != "line":
            size = size_of(reply)
            return rest[:size] if len(rest) >= size else None
        line = rest.lstrip(b"\r\n")
        end = _END.search(line)
        if end is None:
            return ReplyProblem("bad", f"no end of line in {len(line)} bytes") if len(line) > LINE else None
        return _line(line[: end.start()], self._command.after)


class Preface:
    """The bytes between a request for a spectrum and its frame: echo, acknowledgement, ready."""

    def __init__(self, frame: FrameBase, sent: bytes) -> None:
        answers: Mapping[str, bytes] = {} if isinstance(frame, NamedFrame) and frame.name in ("ooi", "obp") else frame.answers
        self._refusals = {name: answers[name] for name in ("nak", "busy") if name in answers}
        echo = [sent] if frame.echo else []
        self._parts = echo + [answers[name] for name in ("ack", "ready") if name in answers]
        self._echo = bool(echo)
        self._kept = b""

    def feed(self, data: bytes) -> bytes | ReplyProblem:
        """Return the bytes of the frame; :class:`ReplyProblem` where it will not come, or cannot be recognised."""
        self._kept += data
        while self._parts:
            part = self._parts[0]
            self._kept = past_line_end(self._kept, part)
            if self._kept.startswith(part):
                self._kept = self._kept[len(part) :]
                self._parts.pop(0)
                self._echo = False
                continue
            if not self._echo and (refused := _refusal(first(self._kept, self._refusals))):
                return refused
            if may_become(self._kept, {"expected": part, **({} if self._echo else self._refusals)}):
                return b""
            return ReplyProblem("bad", f"{shown(self._kept)} before the spectrum, expected {shown(part)}")
        kept, self._kept = self._kept, b""
        return kept

    def alone(self, whole: bytes) -> ReplyProblem | None:
        """Return a refusal that is all that came before a quiet line."""
        return _refusal(next((name for name, text in self._refusals.items() if whole == text), None))


def _refusal(name: str | None) -> ReplyProblem | None:
    return ReplyProblem("refused", "it refused to measure" if name == "nak" else "it is busy") if name else None


def first(data: bytes, literals: Mapping[str, bytes]) -> str | None:
    """Return the literal that the bytes begin with."""
    return next((name for name, text in literals.items() if data.startswith(text)), None)


def past_line_end(data: bytes, expected: bytes) -> bytes:
    """Return the bytes after the end of an earlier line: CR alone ends a line, and its LF may come later."""
    return data if expected[:1] in (b"\r", b"\n") else data.lstrip(b"\r\n")


def may_become(data: bytes, literals: Mapping[str, bytes]) -> bool:
    """Whether more bytes can complete one of the literals."""
    return any(text.startswith(data) for text in literals.values())


def number(data: bytes, reply: str) -> float | None:
    """Return an answer as a number; None where it is none, or not finite."""
    if reply not in TEXTS:
        values = WordFormat(reply).decode(data)
        return None if values is None else float(values[0])
    try:
        value = float(data) if b"_" not in data else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def shown(data: bytes) -> str:
    """Return bytes of a device for a message: printable and short."""
    return repr(data[:40])[1:] + (" …" if len(data) > 40 else "")  # noqa: PLR2004 - half a line


def _line(data: bytes, after: str) -> bytes | ReplyProblem:
    if not _PRINTABLE.fullmatch(data):
        return ReplyProblem("bad", f"{shown(data)}, expected a line of text")
    before, found, value = data.partition(after.encode()) if after else (b"", b"-", data)
    if not found:
        return ReplyProblem("bad", f"{shown(before)}, expected {after!r} before the value")
    return value.strip()


TEXT_QUIET_S, QUIET_BYTES = 0.03, 4
"""Silence that ends a text without a terminator: so long, s, and the time of so many bytes."""
SLICE_S = 0.1
"""Longest wait for a byte at a time, s: in between, a stop is noticed."""
MARGIN_S = 0.5
"""Longest time of an answer beyond its transfer, where the profile gives none, s."""
ANSWER_BYTES = 64
"""Bytes of a usual answer: a line, or an OBP message."""
TRIES = 3
"""Most attempts of a request: requests have no checksum, and lines drop bytes."""
ENDLESS_S = 5.0
"""Longest wait for a line to become quiet, s."""


class Transport:
    """Requests of a profile over a port."""

    def __init__(
        self,
        profile: Profile,
        where: str,
        clock: Clock = REAL,
        plug: Callable[[str, Serial, Clock], SerialPort] = SerialPort,
    ) -> None:
        self.profile, self.clock = profile, clock
        self.port = plug(where, profile.serial, clock)
        self.counters = Counters()
        """A snapshot; the thread that uses the line replaces it, any thread may read it."""
        self._sent_at = clock.now()
        self.hurried: Callable[[], bool] = lambda: False
        """Whether the line is needed for something else: then no device is waited for."""

    @property
    def drain_s(self) -> float:
        """Silence that ends a broken answer, s."""
        return self.profile.serial.drain_ms / 1000

    @property
    def margin_s(self) -> float:
        """Longest time of an answer beyond exposure and transfer, s."""
        facts = self.profile.integration
        return MARGIN_S if facts is None else max(facts.margin_ms / 1000, 0.0)

    @property
    def idle_s(self) -> float:
        """Time since the last request, s."""
        return self.clock.now() - self._sent_at

    def transfer_s(self, count: int) -> float:
        """Return the transfer time of so many bytes, s; over a network that at the profile's slowest rate."""
        baud = self.port.baud or min(self.profile.serial.baud)
        return count * self.profile.serial.bits_per_byte / baud

    def send(self, data: bytes) -> None:
        """Send a request; unread bytes belong to none and are dropped. Raises :class:`SourceLost`."""
        self.drop()
        self.port.write(data)
        self._sent_at = self.clock.now()

    def drop(self) -> int:
        """Drop the bytes that are there, without waiting; return and count them."""
        dropped = 0
        while data := self.port.read(0):
            dropped += len(data)
        self.count("dropped_bytes", dropped)
        return dropped

    def quiet(self, seconds: float | None = None) -> None:
        """Drop bytes until the line is silent for ``seconds``; None is the profile's drain."""
        seconds = self.drain_s if seconds is None else seconds
        last = started = self.clock.now()
        while (now := self.clock.now()) < min(last + seconds, started + ENDLESS_S):
            if data := self.port.read(min(SLICE_S, last + seconds - now)):
                self.count("dropped_bytes", len(data))
                last = self.clock.now()

    def ask(self, name: str, settings: RequestValues = DEFAULT) -> bytes | ReplyProblem:
        """Send a command until it is answered, at most :data:`TRIES` times; failures are counted."""
        command: Command = getattr(self.profile.commands, name)
        return self._tried(lambda: self.once(command, requests.request(self.profile, name, settings)), name)

    def prepare(self) -> bytes | ReplyProblem:
        """Send the commands after every opening; stop at the first that is not answered."""
        sent = requests.prepared(self.profile)
        for at, (command, data) in enumerate(zip(self.profile.commands.prepare, sent, strict=True)):
            answer = self._tried(lambda command=command, data=data: self.once(command, data), f"prepare[{at}]")  # type: ignore[misc]
            if isinstance(answer, ReplyProblem):
                return answer
        return b""

    def _tried(self, attempt: Callable[[], bytes | ReplyProblem], name: str) -> bytes | ReplyProblem:
        answer = attempt()
        for left in reversed(range(TRIES)):
            if not isinstance(answer, ReplyProblem):
                return answer
            self.count_problem(answer)
            if left:
                self.quiet()
                answer = attempt()
        return ReplyProblem(answer.kind, f"{name}: {answer.why}") if isinstance(answer, ReplyProblem) else answer

    def count(self, counter: str, by: int = 1) -> None:
        """Add to one of the :attr:`counters`."""
        if by:
            self.counters = replace(self.counters, **{counter: getattr(self.counters, counter) + by})

    def count_problem(self, problem: ReplyProblem) -> None:
        """Count a problem by its kind."""
        self.count({"refused": "refused", "silent": "timeouts", "bad": "bad"}[problem.kind])

    def once(self, command: Command, data: bytes, *, optional: bool = False) -> bytes | ReplyProblem:
        """Send a command once and return its answer; nothing is counted but dropped bytes. An optional answer is not waited for long."""
        self.send(data)
        listener = Listener(self.profile, command, data)
        answer = self._heard(listener, len(data), optional=optional)
        if isinstance(answer, ReplyProblem) and answer.kind == "bad":
            self.count("dropped_bytes", len(listener.heard()))
        if not isinstance(answer, ReplyProblem) and command.settle_ms:
            self._settle(command.settle_ms / 1000)
        return answer

    def _settle(self, seconds: float) -> None:
        """Wait until the device has carried out a command, unless the line is needed: a settling laser must not delay its own off."""
        until = self.clock.now() + seconds
        while (left := until - self.clock.now()) > 0 and not self.hurried():
            self.clock.sleep(min(SLICE_S, left))

    def _heard(self, listener: Listener, sent: int, *, optional: bool) -> bytes | ReplyProblem:
        margin_s = min(self.margin_s, MARGIN_S) if optional else self.margin_s
        until = self.clock.now() + margin_s + self.transfer_s(sent + ANSWER_BYTES)
        quiet_s = TEXT_QUIET_S + self.transfer_s(QUIET_BYTES) if listener.ended_by_silence else SLICE_S
        answer = listener.feed(b"")
        while answer is None and (left := until - self.clock.now()) > 0:
            data = self.port.read(min(quiet_s, left))
            answer = listener.feed(data) if data else listener.silence()
        if answer is not None:
            return answer
        got = listener.heard()
        return ReplyProblem("bad", f"{shown(got)} and no more") if got else ReplyProblem("silent", "no answer")

    def answers_with(self, data: bytes, expected: bytes) -> bool:
        """Whether the answer to ``data`` begins with ``expected``, behind an echo where the device echoes."""
        self.send(data)
        wanted = (data if self.profile.answers.echo else b"") + expected
        until, got = self.clock.now() + self.margin_s + self.transfer_s(len(data) + ANSWER_BYTES), b""
        while len(got) < len(wanted) and wanted.startswith(got) and (left := until - self.clock.now()) > 0:
            got += self.port.read(min(SLICE_S, left))
        self.quiet()
        self.count("dropped_bytes", 0 if got.startswith(wanted) else len(got))
        return got.startswith(wanted)
