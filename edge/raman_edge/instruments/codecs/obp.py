"""Ocean Binary Protocol: messages of at least 64 bytes, little-endian (OBPMessage.cpp of seabreeze, STS and Ventana data sheets).

====== ==== ========================================= ====== ==== ===================================
offset size field                                     offset size field
====== ==== ========================================= ====== ==== ===================================
0      2    ``C1 C0``                                 22     1    checksum type: 0 none, 1 MD5
2      2    version: 0x1000, 0x1100, 0x2000           23     1    immediate length, 0..16
4      2    flags                                     24     16   immediate data
6      2    error number                              40     4    bytes remaining: payload + 20
8      4    message type                              44     n    payload
12     4    regarding                                 44 + n 16   MD5 of everything before it, or zeros
16     6    reserved                                  60 + n 4    ``C5 C4 C3 C2``
====== ==== ========================================= ====== ==== ===================================
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING, Final

import numpy as np

from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded, RawFrame, Reply
from raman_edge.instruments.codecs.words import RISING, CountScale, WordFormat, same_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

SYNC: Final = b"\xc1\xc0"
FOOTER: Final = b"\xc5\xc4\xc3\xc2"
VERSIONS: Final = (0x1000, 0x1100, 0x2000)
IMMEDIATE: Final = 16
"""Bytes of data that fit into the header; longer data are the payload."""
NONE, MD5 = 0, 1
HEADER: Final = struct.Struct("<2sHHHII6sBB16sI")
CLOSING: Final = 20
"""Bytes of checksum and footer."""
REPLY_MOST: Final = 4096
"""Bytes of the longest payload that is no spectrum."""
ERRORS: Final[Mapping[int, str]] = {
    0: "no error",
    1: "unsupported protocol",
    2: "unknown message type",
    3: "bad checksum",
    4: "message too large",
    5: "payload length does not match the message type",
    6: "payload data invalid",
    7: "device not ready",
    8: "unknown checksum type",
    9: "device was reset",
    10: "too many buses",
    11: "out of memory",
    12: "value does not exist",
    13: "internal error",
    **dict.fromkeys(range(100, 105), "firmware error"),
    255: "deferred",
}


U16LE: Final = WordFormat("u16le")


class Flag(IntFlag):
    """Bits of the flags word."""

    RESPONSE = 1
    ACK = 2
    ACK_WANTED = 4
    NACK = 8
    EXCEPTION = 16
    DEPRECATED = 32


@dataclass(frozen=True, slots=True)
class Message:
    """One message, either way."""

    kind: int
    """Message type, u32: 0x00101100 requests a raw spectrum and is the type of the reply."""
    data: bytes = b""
    """Immediate data where they are 16 bytes or fewer, else the payload."""
    flags: int = 0
    error: int = 0
    """Of :data:`ERRORS`."""
    regarding: int = 0
    """Given back by the device: which request it answers, u32."""
    version: int = 0x1100
    md5: bool = False
    """Whether the message carries its MD5; devices answer in kind."""

    def to_bytes(self) -> bytes:
        """Return the message as it stands on the wire."""
        now, payload = (self.data, b"") if len(self.data) <= IMMEDIATE else (b"", self.data)
        head = (SYNC, self.version, self.flags, self.error, self.kind, self.regarding, bytes(6))
        try:
            made = HEADER.pack(*head, MD5 if self.md5 else NONE, len(now), now, len(payload) + CLOSING) + payload
        except struct.error as error:
            msg = f"{self}: {error}; expected message type and regarding below 2**32, version, flags and error below 2**16"
            raise ConfigError(msg) from error
        return made + (_md5(made) if self.md5 else bytes(16)) + FOOTER


@dataclass(frozen=True, slots=True)
class Spectra:
    """Which messages are spectra, and how they are read."""

    pixels: int
    words: WordFormat = U16LE
    kinds: tuple[int, ...] = (0x00101000, 0x00101100)
    """Message types: corrected and raw spectrum now."""
    leading: int = 0
    """Bytes of metadata before the first pixel."""
    md5: bool = False
    """Whether a message without its MD5 is refused."""


class Obp(CodecStream):
    """Spectra as frames, every other message as a reply: ``ack``, ``nak`` with the error by name, or ``message`` with its data."""

    def __init__(self, spectra: Spectra, scale: CountScale = RISING) -> None:
        self._spectra, self._scale = spectra, scale
        longest = max(REPLY_MOST, spectra.leading + spectra.pixels * spectra.words.size)
        super().__init__(HEADER.size + longest + CLOSING, SYNC)

    def _next(self) -> Consumed | Discarded | None:
        if lost := self._seek():
            return lost
        if len(self._kept) < HEADER.size:
            return None
        _, version, flags, error, kind, regarding, _, check, now, immediate, left = HEADER.unpack_from(self._kept)
        if why := self._impossible(version, check, now, left):
            return self._bad(HEADER.size, why)
        length = HEADER.size + left
        if len(self._kept) < length:
            return None
        data = bytes(self._kept[:length])
        if why := _damage(data, check):
            return self._bad(length, why)
        body = immediate[:now] if now else data[HEADER.size : -CLOSING]
        return self._message(length, Message(kind, body, flags, error, regarding, version, check == MD5))

    def _impossible(self, version: int, check: int, now: int, left: int) -> str:
        if version not in VERSIONS:
            return f"protocol version {version:#06x}; expected one of {', '.join(f'{known:#06x}' for known in VERSIONS)}"
        if check not in (NONE, MD5) or (check == NONE and self._spectra.md5):
            return f"checksum type {check}; expected {'1 (MD5)' if self._spectra.md5 else '0 (none) or 1 (MD5)'}"
        if now > IMMEDIATE or (now and left > CLOSING):
            return f"{now} bytes of immediate data and {left - CLOSING} of payload; expected at most {IMMEDIATE}, or a payload alone"
        if not CLOSING <= left <= self.limit - HEADER.size:
            return f"{left} bytes remaining; expected {CLOSING} to {self.limit - HEADER.size}"
        return ""

    def _message(self, length: int, message: Message) -> Consumed | Discarded:
        fields: dict[str, int | str] = {
            "type": message.kind,
            "regarding": message.regarding,
            "flags": message.flags,
            "error": message.error,
            "error_name": ERRORS.get(message.error, "unknown error"),
        }
        if message.flags & (Flag.NACK | Flag.EXCEPTION):
            return Consumed(length, Reply("nak", message.data, fields, self._at))
        if message.kind not in self._spectra.kinds or not message.data:
            name = "ack" if message.flags & Flag.ACK and not message.data else "message"
            return Consumed(length, Reply(name, message.data, fields, self._at))
        return self._spectrum(length, message, fields)

    def _spectrum(self, length: int, message: Message, fields: dict[str, int | str]) -> Consumed | Discarded:
        wanted = self._spectra.leading + self._spectra.pixels * self._spectra.words.size
        if len(message.data) != wanted:
            return self._bad(length, f"a spectrum of {len(message.data)} bytes; expected {wanted}")
        values = self._spectra.words.decode(message.data[self._spectra.leading :])
        if values is None:
            return self._bad(length, "a value is not finite")
        if why := self._scale.misfit(values):
            return self._bad(length, why)
        if self._spectra.leading:
            fields["metadata"] = message.data[: self._spectra.leading].hex()
        return Consumed(length, RawFrame(self._scale.turned(values), fields, self._at, length))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the bytes of a spectrum as a device answers with it: ``type``, ``regarding`` and ``metadata`` from ``fields``."""
        same_length(counts, self._spectra.pixels)
        given = fields or {}
        metadata = bytes.fromhex(str(given.get("metadata", "00" * self._spectra.leading)))
        data = metadata + self._spectra.words.encode(self._scale.turned(np.asarray(counts)))
        kind, regarding = int(given.get("type", self._spectra.kinds[-1])), int(given.get("regarding", 0))
        return Message(kind, data, int(given.get("flags", Flag.RESPONSE)), regarding=regarding, md5=self._spectra.md5).to_bytes()


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _damage(data: bytes, check: int) -> str:
    if not data.endswith(FOOTER):
        return f"a message ends with {data[-4:].hex(' ')}; expected {FOOTER.hex(' ')}"
    sent, made = data[-CLOSING:-4], _md5(data[:-CLOSING])
    return f"MD5 {sent.hex()} of a message; its bytes give {made.hex()}" if check == MD5 and sent != made else ""
