"""Which instrument is on a serial port: its USB numbers, what it sends by itself, and which profiles' probes it answers.

Nothing is sent to a device that sends by itself. To another unknown device only a request is sent that is ``match.probe`` of a profile,
that no known instrument takes for a command that changes something (:func:`raman_edge.instruments.profiles.requests.disturbs`), and that
ends no line: to a device that reads lines, any line may be a command. All other requests are withheld until the user allows them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from raman_edge.instruments import codecs
from raman_edge.instruments.codecs import RawFrame
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.fields import literal
from raman_edge.instruments.profiles.profile import ProbeCommand, Serial
from raman_edge.instruments.serial.port import REAL, SerialPort
from raman_edge.instruments.serial.transport import TEXTS, Listener, Preface, ReplyProblem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.serial.port import Clock

RATES = (115_200, 9600, 921_600, 57_600, 38_400, 19_200, 230_400, 460_800)
"""Rates to listen at, the most common first."""
FIRST_S = 2.5
"""Time at the first rate, s: a board that restarts when the port is opened needs 2 s for its bootloader."""
NEXT_S = 1.0
"""Time at each further rate, s."""
ANSWER_S = 0.5
"""Longest time of an answer beyond its transfer, s."""
QUIET_S = 0.2
"""Silence that ends an answer, s."""
ENDLESS_S = 3.0
"""Longest time of an answer without silence, s."""
BOOT_S, LONGEST_S = 1.0, 20.0
"""Wait before the request of an unknown instrument, and longest time of its answer, s."""
SLICE_S = 0.05
READABLE = 0.95
"""Least share of printable characters in text at the right rate; at a wrong one it is about a third."""
LEAST = 16
"""Fewest values of a spectrum; fewer are a message."""
LINE_ENDS = frozenset(b"\r\n")
MOST_RATES = 16
"""Rates that a profile can have."""
BYTES_A_VALUE = 8
"""Most bytes of a value on the line, as text or in binary."""
SHOWN = 16
"""Bytes of a request in a sentence."""
TEXT = frozenset(b"\t\r\n") | frozenset(range(0x20, 0x7F))


@dataclass(frozen=True, slots=True)
class Traffic:
    """A request, or all bytes until the next one."""

    sent: bool
    """Whether this side sent it."""
    baud: int | None
    """None where there is no rate."""
    data: bytes


class LoggingPort(SerialPort):
    """A port that appends its traffic to ``log``."""

    def __init__(self, log: list[Traffic], where: str, line: Serial, clock: Clock = REAL) -> None:
        super().__init__(where, line, clock)
        self._log = log

    def write(self, data: bytes) -> None:
        """Send bytes, like :class:`SerialPort`."""
        self._log.append(Traffic(sent=True, baud=self.baud, data=data))
        super().write(data)

    def read(self, timeout_s: float) -> bytes:
        """Return bytes, like :class:`SerialPort`."""
        data = super().read(timeout_s)
        last = self._log[-1] if self._log else None
        if last is not None and (last.sent, last.baud) == (False, self.baud):
            self._log[-1] = replace(last, data=last.data + data)
        elif data:
            self._log.append(Traffic(sent=False, baud=self.baud, data=data))
        return data


@dataclass(frozen=True, slots=True)
class StreamMatch:
    """A profile that finds spectra in the bytes."""

    profile: str
    spectra: int
    values: int
    """Of the last spectrum."""


@dataclass(frozen=True, slots=True)
class ListenResult:
    """What a device sends without a request."""

    data: bytes
    """The bytes at the best rate; empty where it is silent."""
    baud: int | None
    """That rate; None where there is none."""
    readings: tuple[StreamMatch, ...] = ()
    """Profiles that find spectra in it, those with a known number of values first."""

    @property
    def readable(self) -> float:
        """Share of the bytes that are printable, 0 to 1."""
        return sum(byte in TEXT for byte in self.data) / max(len(self.data), 1)


@dataclass(frozen=True, slots=True)
class ProbeQuestion:
    """A request to an unknown device; profiles with the same request share it."""

    pages: tuple[Profile, ...]
    """The profiles that send it."""
    line: Serial
    """Of the first profile, with the rates of all."""
    sent: bytes
    expected: bytes
    """First bytes of the answer; b"" where only its form is known."""
    command: str = ""
    """Of which command of the profiles this is the request; "" for one of ``match.probe`` alone."""
    withheld: str = ""
    """Why it is not sent unless the user allows it, as a sentence without a full stop; "" is harmless."""

    @property
    def profiles(self) -> tuple[str, ...]:
        """The names of the profiles."""
        return tuple(page.device.id for page in self.pages)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A request and its answer."""

    question: ProbeQuestion
    baud: int | None
    got: bytes
    """b"" is silence."""
    profiles: tuple[str, ...] = ()
    """Profiles whose instrument answers so, the likeliest first."""

    @property
    def answered(self) -> bool:
        """Whether it is the answer of an instrument with a profile."""
        return bool(self.profiles)


@dataclass(frozen=True, slots=True)
class ProbeCandidate:
    """A profile that may be that of the connected instrument."""

    profile: str
    baud: int | None
    """The rate at which it was found; None where it is unknown, or there is none."""
    reason: str
    """Why, as a clause: "it answers …"."""
    found: bool
    """Whether the device showed it; False where nothing speaks against it, and nothing for it."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What is known of the device on a port."""

    heard: ListenResult
    results: tuple[ProbeResult, ...]
    """Requests in the order in which they were sent."""
    candidates: tuple[ProbeCandidate, ...]
    """The likeliest first; those that were found before those that only may be."""
    withheld: tuple[ProbeQuestion, ...]
    """Requests that were not sent."""

    @property
    def found(self) -> tuple[ProbeCandidate, ...]:
        """The candidates that the device showed."""
        return tuple(candidate for candidate in self.candidates if candidate.found)

    @property
    def silent(self) -> bool:
        """Whether no byte was received."""
        return not self.heard.data and not any(result.got for result in self.results)


def find(
    where: str,
    profiles: Sequence[Profile],
    *,
    usb: Sequence[str] = (),
    everything: bool = False,
    progress: Callable[[str], object] = str,
    show: Callable[[ListenResult | ProbeResult], object] = repr,
    clock: Clock = REAL,
) -> ProbeReport:
    """Find out which instrument is on a port; :class:`raman_edge.errors.SourceUnavailable` where it cannot be opened.

    Parameters
    ----------
    where
        The port.
    profiles
        The known profiles, the likelier first.
    usb
        Names of the profiles that name the USB device of the port; with one of them, nothing is sent.
    everything
        Whether withheld requests are sent, too: the user allows it. They stop at the first that is answered.
    progress
        Called with a line about what happens next, at least every three seconds.
    show
        Called with everything that was received, and with every request that was not answered.
    """
    harmless, withheld = questions(profiles), withheld_questions(profiles)
    progress(f"listening on {where}; nothing is sent")
    heard = listen(where, profiles, clock)
    show(heard)
    listed = tuple(_heard(heard)) or tuple(_named_by_usb(profiles, usb))
    if heard.data or listed:
        return ProbeReport(heard, (), (*listed, *_possible(profiles, listed, (), heard)), (*harmless, *withheld))
    results: list[ProbeResult] = []
    safe = plan(harmless, profiles)
    others = [Attempt(question, rate) for question in (*harmless, *withheld) for rate in question.line.baud]
    for attempts in (safe, [attempt for attempt in others if everything and attempt not in safe]):
        for result in _asked(where, attempts, progress, clock):
            show(result)
            results.append(result)
        if results and results[-1].answered:
            break
    listed = tuple(_answered(results[-1])) if results and results[-1].answered else ()
    left = () if everything else withheld
    return ProbeReport(heard, tuple(results), (*listed, *_possible(profiles, listed, results, heard)), left)


def _heard(heard: ListenResult) -> Iterator[ProbeCandidate]:
    rate = f" at {heard.baud} baud" if heard.baud else ""
    for match in heard.readings:
        yield ProbeCandidate(match.profile, heard.baud, f"it sends spectra of {match.values} values without a request{rate}", found=True)


def _named_by_usb(profiles: Iterable[Profile], usb: Sequence[str]) -> Iterator[ProbeCandidate]:
    for profile in profiles:
        if profile.device.id in usb:
            yield ProbeCandidate(profile.device.id, None, "its USB numbers are in this profile", found=True)


def _answered(result: ProbeResult) -> Iterator[ProbeCandidate]:
    """Give the profiles of an answered request; the likeliest is first there already."""
    rate = f" at {result.baud} baud" if result.baud else ""
    what = "a request for one spectrum" if result.question.command == "acquire" else f"the request {readable(result.question.sent)}"
    for name in result.profiles:
        yield ProbeCandidate(name, result.baud, f"it answers {what} as this instrument does{rate}", found=True)


def _possible(
    profiles: Iterable[Profile], found: Iterable[ProbeCandidate], results: Iterable[ProbeResult], heard: ListenResult
) -> Iterator[ProbeCandidate]:
    """Give the profiles that nothing speaks for or against: a device that was found, or heard, leaves none."""
    if any(found) or heard.data:
        return
    excluded = {name for result in results for name in result.question.profiles}
    for profile in profiles:
        if profile.device.id not in excluded and not profile.streams:
            yield ProbeCandidate(profile.device.id, None, "no request of this instrument is safe to send to another one", found=False)


def readable(data: bytes) -> str:
    """Return bytes for a sentence: as text where they are text, else in hexadecimal, and not all of many."""
    many = len(data) > SHOWN
    if all(byte in TEXT for byte in data):
        return repr(data[:SHOWN].decode("ascii")) + " …" * many
    return data[:SHOWN].hex(" ") + f" … ({len(data)} bytes)" * many


def listen(
    where: str,
    profiles: Sequence[Profile],
    clock: Clock = REAL,
    *,
    rates: Sequence[int] = RATES,
    recognise: Callable[[bytes], bool] | None = None,
) -> ListenResult:
    """Open the port and return what comes; :class:`raman_edge.errors.SourceUnavailable` where it cannot be opened.

    The first of the ``rates`` at which a profile finds spectra, or ``recognise`` accepts the bytes, is the last one.
    """
    port = SerialPort(where, Serial(baud=tuple(rates)), clock)
    port.open(rates[0])
    best = ListenResult(b"", port.baud)
    try:
        for rate in rates if port.paced else rates[:1]:
            port.set_baud(rate)
            data = _collected(port, FIRST_S if rate == rates[0] else NEXT_S, clock)
            heard = ListenResult(data, port.baud, tuple(readings(data, profiles)))
            if heard.readings or not data or (recognise is not None and recognise(data)):
                return heard if data else best  # a device that sends gives bytes at any rate, if meaningless ones
            if not best.data or heard.readable > best.readable:
                best = heard
            if best.readable >= READABLE:
                break
    finally:
        port.close()
    return best


def answer_to(where: str, request: bytes, baud: int, clock: Clock = REAL) -> bytes:
    """Send a request that the user names, and return what comes until the line is quiet for a second."""
    port = SerialPort(where, Serial(baud=(baud,)), clock)
    port.open(baud)
    try:
        _collected(port, BOOT_S, clock)
        port.write(request)
        return _answer(port, clock, LONGEST_S, LONGEST_S, quiet_s=BOOT_S)
    finally:
        port.close()


def readings(data: bytes, profiles: Iterable[Profile]) -> Iterator[StreamMatch]:
    """Give the profiles of streaming devices that find spectra in these bytes."""
    for profile in sorted((profile for profile in profiles if profile.streams), key=lambda profile: profile.n_pixels is None):
        events = codecs.of(profile.frame, streaming=True).feed(data)
        frames = [event for event in events if isinstance(event, RawFrame) and event.counts.size >= LEAST]
        if frames:
            yield StreamMatch(profile.device.id, len(frames), frames[-1].counts.size)


def questions(profiles: Iterable[Profile]) -> tuple[ProbeQuestion, ...]:
    """Return the requests that are harmless to every known instrument, each once."""
    return tuple(question for question in _questions(tuple(profiles)) if not question.withheld)


def withheld_questions(profiles: Iterable[Profile]) -> tuple[ProbeQuestion, ...]:
    """Return the requests that may be sent only where the user allows it: questions first, then requests for a spectrum."""
    found = [question for question in _questions(tuple(profiles)) if question.withheld]
    return tuple(sorted(found, key=lambda question: question.command == "acquire"))


def _questions(profiles: tuple[Profile, ...]) -> Iterator[ProbeQuestion]:
    """Give the request by which each profile's instrument is found, those of the same bytes together."""
    pages: dict[tuple[bytes, str], list[Profile]] = {}
    for profile in profiles:
        if (question := _request(profile)) is not None:
            pages.setdefault(question, []).append(profile)
    for (sent, command), same in pages.items():
        first = same[0]
        rates = tuple(dict.fromkeys(rate for rank in range(MOST_RATES) for page in same for rate in page.serial.baud[rank : rank + 1]))
        line = msgspec.structs.replace(first.serial, baud=rates, byte_gap_ms=max(page.serial.byte_gap_ms for page in same))
        declared = first.match.probe
        expected = literal(declared.expect) if isinstance(declared, ProbeCommand) else b""
        yield ProbeQuestion(tuple(same), line, sent, expected, command, _why_withheld(sent, first, profiles))


def _request(profile: Profile) -> tuple[bytes, str] | None:
    """Return the request that shows whether a device is this instrument, and its command; None where it needs none."""
    identify = profile.commands.identify
    if (sent := requests.probe(profile)) is not None:
        return sent, "identify" if identify is not None and requests.request(profile, "identify") == sent else ""
    if identify is not None:
        return requests.request(profile, "identify"), "identify"
    prepared = zip(profile.commands.prepare, requests.prepared(profile), strict=True)
    if acknowledged := next((data for command, data in prepared if command.ack), None):
        return acknowledged, "prepare"
    return None if profile.commands.acquire is None else (requests.request(profile, "acquire"), "acquire")


def _why_withheld(sent: bytes, sender: Profile, profiles: Iterable[Profile]) -> str:
    """Return why a request is not harmless; "" where it is."""
    for profile in profiles:
        same = requests.probe(profile) == sent
        if not same and (key := requests.disturbs(profile, sent)):
            return f"{profile.device.id} may take a part of it for its {key}"
    if sender.match.probe is None:
        return "no profile says that it is safe to send to an unknown device"
    return "a device that reads lines may take any line for a command" if LINE_ENDS & frozenset(sent) else ""


def ask(where: str, question: ProbeQuestion, clock: Clock = REAL) -> Iterator[ProbeResult]:
    """Send a request at one rate after the other until it is answered; give each attempt."""
    attempts = [Attempt(question, rate) for rate in requests.in_safe_order(question.pages[0], question.sent, question.line.baud)]
    yield from _asked(where, attempts, str, clock)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request at a rate."""

    question: ProbeQuestion
    baud: int


def plan(questions: Sequence[ProbeQuestion], profiles: Iterable[Profile]) -> tuple[Attempt, ...]:
    """Return harmless requests at all of their rates, in an order in which they stay harmless where the device has another rate.

    At a wrong rate a device reads other bytes. Where those would change an instrument, the attempt comes behind the one that would have
    found this instrument at this rate; where there is none, it is left out. Else the power-up rates are first.
    """
    wanted = [Attempt(one, rate) for rank in range(MOST_RATES) for one in questions for rate in one.line.baud[rank : rank + 1]]
    finds = {(page.device.id, one.baud): one for one in wanted for page in one.question.pages}
    listening = [(page, rate) for page in profiles if not page.streams for rate in page.serial.baud]
    order: list[Attempt] = []

    def add(attempt: Attempt, above: tuple[Attempt, ...]) -> bool:
        if attempt in order or attempt in above:
            return attempt in order
        for page, rate in listening:
            if rate != attempt.baud and requests.disturbs(page, requests.misread(attempt.question.sent, attempt.baud, rate)):
                before = finds.get((page.device.id, rate))
                if before is None or not add(before, (*above, attempt)):
                    return False
        order.append(attempt)
        return True

    for attempt in wanted:
        add(attempt, ())
    return tuple(order)


def _asked(where: str, attempts: Sequence[Attempt], progress: Callable[[str], object], clock: Clock) -> Iterator[ProbeResult]:
    """Send requests until one is answered; give each attempt.

    The port is opened once for all with the same framing: opening restarts some boards.
    """
    for framing, same in groupby(attempts, key=lambda attempt: _framing(attempt.question)):
        group = tuple(same)
        gap = max(attempt.question.line.byte_gap_ms for attempt in group)
        port = SerialPort(where, msgspec.structs.replace(framing, byte_gap_ms=gap), clock)
        port.open(group[0].baud)
        try:
            clock.sleep(max(attempt.question.line.boot_ms for attempt in group) / 1000)
            for attempt in group if port.paced else {attempt.question.sent: attempt for attempt in reversed(group)}.values():
                yield (result := _attempted(port, attempt, progress, clock))
                if result.answered:
                    return
        finally:
            port.close()


def _framing(question: ProbeQuestion) -> Serial:
    """Return how the port is opened for a request."""
    return msgspec.structs.replace(question.line, baud=RATES, byte_gap_ms=0, boot_ms=0, drain_ms=0, switch=None)


def _attempted(port: SerialPort, attempt: Attempt, progress: Callable[[str], object], clock: Clock) -> ProbeResult:
    question = attempt.question
    progress(f"sending {readable(question.sent)}" + (f" at {attempt.baud} baud" if port.paced else ""))
    port.set_baud(attempt.baud)
    _collected(port, 0, clock)
    port.write(question.sent)
    got = _answer(port, clock, _first_s(question), _endless_s(question, attempt.baud))
    fitting = [page for page in question.pages if _fits(page, question, got)]
    return ProbeResult(question, port.baud, got, _by_likelihood(port, fitting, clock) if fitting else ())


def _first_s(question: ProbeQuestion) -> float:
    """Return the longest time to the first byte of an answer beyond its transfer, s."""
    times = question.pages[0].integration
    exposure_s = 0.0 if times is None or question.command != "acquire" else times.default / requests.UNITS[times.unit]
    return ANSWER_S + len(question.sent) * question.line.byte_gap_ms / 1000 + exposure_s


def _endless_s(question: ProbeQuestion, rate: int) -> float:
    """Return the longest time of an answer without silence, s."""
    many = (question.pages[0].n_pixels or 0) if question.command == "acquire" else 0
    return ENDLESS_S + _first_s(question) + BYTES_A_VALUE * many * question.line.bits_per_byte / rate


def _fits(page: Profile, question: ProbeQuestion, got: bytes) -> bool:
    """Whether this is the answer of the instrument of a profile."""
    declared = page.match.probe
    if isinstance(declared, ProbeCommand):
        expected = literal(declared.expect)
        if not got.startswith((expected, question.sent + expected)):
            return False
    if not got or not question.command:
        return bool(got)
    if question.command == "acquire":
        behind = Preface(page.frame, question.sent).feed(got)
        events = () if isinstance(behind, ReplyProblem) else codecs.of(page.frame).feed(behind)
        return any(isinstance(event, RawFrame) and event.counts.size >= LEAST for event in events)
    known = page.commands.prepare if question.command == "prepare" else (page.commands.identify,)
    command = next(one for one in known if one is not None and (question.command != "prepare" or one.ack))
    listener = Listener(page, command, question.sent)
    answer = listener.feed(got)
    answer = listener.silence() if answer is None else answer
    if answer is None or isinstance(answer, ReplyProblem):
        return False
    return command.reply in TEXTS or len(got) <= listener.size


def _by_likelihood(port: SerialPort, fitting: Sequence[Profile], clock: Clock) -> tuple[str, ...]:
    """Return the names of profiles with the same answer; those whose models have such a serial number are first.

    The serial number is requested only where all of them have the same request for it.
    """
    ways = {requests.request(page, "serial_number") if page.commands.serial_number else b"" for page in fitting}
    names = [page.device.id for page in fitting]
    if len(fitting) == 1 or len(ways) > 1 or ways == {b""} or not any(page.match.serial_numbers for page in fitting):
        return tuple(names)
    page, sent = fitting[0], ways.pop()
    command = page.commands.serial_number
    port.write(sent)
    answer = _answer(port, clock, ANSWER_S, ENDLESS_S)
    if command is None:
        return tuple(names)
    listener = Listener(page, command, sent)
    number = listener.feed(answer) or listener.silence()
    if not isinstance(number, bytes):
        return tuple(names)
    lengths = {
        page.device.id: max((len(begin) for begin in page.match.serial_numbers if number.startswith(begin.encode())), default=0)
        for page in fitting
    }
    return tuple(sorted(names, key=lambda name: -lengths[name]))


def _collected(port: SerialPort, seconds: float, clock: Clock) -> bytes:
    """Return the bytes within so long."""
    until, got = clock.now() + seconds, port.read(0)
    while (left := until - clock.now()) > 0:
        got += port.read(min(SLICE_S, left))
    return got


def _answer(port: SerialPort, clock: Clock, first_s: float, endless_s: float, quiet_s: float = QUIET_S) -> bytes:
    """Return the bytes until the line is quiet."""
    got = b""
    until, end = clock.now() + first_s, clock.now() + endless_s
    while (left := min(until, end) - clock.now()) > 0:
        if data := port.read(min(SLICE_S, left)):
            got += data
            until = clock.now() + quiet_s
    return got
