"""Answers of a simulated device: values, refusals, and the header words of a spectrum."""

from __future__ import annotations

import zlib
from fractions import Fraction
from typing import TYPE_CHECKING

from raman_edge.instruments.codecs.obp import Flag, Message
from raman_edge.instruments.profiles.fields import literal, packed, size_of
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, NamedFrame
from raman_edge.instruments.profiles.profile import ProbeCommand

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.simulator.requests import HostRequest

DIGITS = 8
"""Decimals of a constant in the EEPROM of Ocean's devices, which has room for 15 characters."""
VERSION = 1000
"""Firmware 1.00.0, as Ocean's devices report it."""
NOT_READY, INVALID = 7, 6
"""OBP: errors of a device that is busy, and of one that refuses."""


class ReplyWriter:
    """Makes the answers of one device."""

    def __init__(self, profile: Profile, coefficients: tuple[float, ...], saturation: int) -> None:
        self._profile, self._coefficients, self._saturation = profile, coefficients, saturation
        self.serial_number = profile.simulator.serial_number
        """Changes where another instrument is plugged in."""
        self.obp = isinstance(profile.frame, NamedFrame) and profile.frame.name == "obp"
        """Whether it answers in OBP messages."""
        self._ooi = isinstance(profile.frame, NamedFrame) and profile.frame.name == "ooi"
        self._literals = profile.answers.literals
        texts = (profile.commands.identify, profile.commands.coefficient)
        ends = {template[-1:] for command in texts if command for template in command.send}
        self._end = b"\r" if "\r" in ends else b"\r\n"

    def before(self, request: HostRequest) -> bytes:
        """Return the bytes before the integration: echo and acknowledgement."""
        if self.obp:
            return b""
        frame = self._profile.frame
        # The acknowledgement of ooi is the first byte of its frame.
        ack = b"" if self._ooi else literal(frame.ack)
        return (request.data if frame.echo else b"") + ack

    @property
    def ready(self) -> bytes:
        """The bytes at the end of the integration."""
        return literal(self._profile.frame.ready)

    def done(self, request: HostRequest) -> bytes:
        """Return the complete answer to a request other than an acquisition."""
        if self.obp:
            return self._message(request)
        if request.name == "probe":
            expected = self._profile.match.probe
            return literal(expected.expect if isinstance(expected, ProbeCommand) else "") + self._end
        echo = request.data if self._profile.answers.echo else b""
        ack = self._literals.get("ack", b"") if request.command.ack else b""
        return echo + ack + self._reply(request)

    def mangled(self, request: HostRequest) -> bytes:
        """Return the answer to a change of the rate that has no acknowledgement: its last byte is garbled."""
        echo = request.data if self._profile.answers.echo else b""
        ack = self._literals.get("ack", b"")
        return echo + ack[:-1] + b"\xff" * bool(ack)

    def refusal(self, request: HostRequest, kind: str) -> bytes:
        """Return its ``nak`` or ``busy``; b"" where it has no such answer."""
        if self.obp:
            return self._refused(request, request.error or (NOT_READY if kind == "busy" else INVALID))
        wanted = self._profile.frame.answers if request.name in {"acquire", "start", "repeat"} else {}
        if refusal_bytes := wanted.get(kind) or self._literals.get(kind, b""):
            return (request.data if self._profile.answers.echo and request.name else b"") + refusal_bytes
        error = self._profile.answers.error or getattr(self._profile.frame, "error", None)
        return f"{error}: {'unknown request' if kind == 'nak' else 'busy'}\r\n".encode("ascii") if error else b""

    def _reply(self, request: HostRequest) -> bytes:
        kind = request.command.reply
        if kind == "none":
            return b""
        if kind in ("line", "text"):
            end = b"" if self.obp or (kind == "text" and not self._profile.answers.echo) else self._end
            return request.command.after.encode("ascii") + self._text(request).encode("ascii") + end
        return packed(self._number(request), kind)

    def _text(self, request: HostRequest) -> str:
        if request.name == "serial_number":
            return self.serial_number
        if request.name == "identify":
            probe = self._profile.match.probe
            if isinstance(probe, ProbeCommand) and probe.send == request.command.send and not self._ooi:
                return literal(probe.expect).decode("latin-1")
            return str(VERSION) if self._ooi else self._profile.device.id
        value = self._number(request)
        if request.command.reply == "text":
            return f"{float(value):.{DIGITS}e}"
        return str(int(value)) if value.denominator == 1 else repr(float(value))

    def _number(self, request: HostRequest) -> Fraction:
        if request.name in ("coefficient", "nonlinearity"):
            return Fraction(self.coefficient(request.name, request.values.get("index", 0)) or 0)
        if request.name == "serial_number":
            digits = "".join(filter(str.isdigit, self.serial_number))
            return Fraction(int(digits or zlib.crc32(self.serial_number.encode())) % 2**15)
        return Fraction({"identify": VERSION, "saturation": self._saturation, "nonlinearity_count": self._count}.get(request.name, 0))

    @property
    def _count(self) -> int:
        """How many coefficients its nonlinearity has, or the degree."""
        facts = self._profile.nonlinearity
        return 0 if facts is None else facts.coefficients - (facts.count == "degree")

    def coefficient(self, name: str, index: int) -> float | None:
        """Return a coefficient of the axis or of the nonlinearity by the device's index; None where it has none."""
        axis, facts = self._profile.wavelength, self._profile.nonlinearity
        place = index - (getattr(axis, "first_index", 0) if name == "coefficient" else facts.first_index if facts else 0)
        held = self._coefficients if name == "coefficient" else (1.0, *[0.0] * (facts.coefficients - 1)) if facts else ()
        return held[place] if 0 <= place < len(held) else None

    def _message(self, request: HostRequest) -> bytes:
        data = self._reply(request)
        if not data and not request.wants_ack:
            return b""
        flags = Flag.RESPONSE | (Flag.ACK if request.wants_ack else 0)
        return Message(request.kind, data, flags, regarding=request.regarding, md5=request.md5).to_bytes()

    def _refused(self, request: HostRequest, error: int) -> bytes:
        return Message(request.kind, b"", Flag.RESPONSE | Flag.NACK, error, request.regarding, md5=request.md5).to_bytes()


def header(profile: Profile, exposure_s: float, averages: int, counter: int) -> dict[str, int | str]:
    """Return the values of the profile's header words."""
    ms, us = round(exposure_s * 1e3), round(exposure_s * 1e6)
    known = dict.fromkeys(("integration_ms", "exposure_ms"), ms) | dict.fromkeys(("integration_us", "exposure_us"), us)
    known |= dict.fromkeys(("scans", "averages"), averages) | dict.fromkeys(("counter", "scan_number", "frame"), counter)
    frame = profile.frame
    words = dict.fromkeys(frame.header, "") if isinstance(frame, DelimitedFrame) else {}
    if isinstance(frame, NamedFrame | FixedFrame):
        words = {word.name: word.dtype for word in frame.words}
    fields: dict[str, int | str] = {}
    for name, dtype in words.items():
        if name in {"exposure_s", "exposure"} and dtype[:1] in {"", "f"}:
            fields[name] = f"{exposure_s:g}"
        else:
            most = 2 ** (8 * size_of(dtype) - 1) if dtype else 2**31
            fields[name] = known.get(name, 0) % most
    return fields
