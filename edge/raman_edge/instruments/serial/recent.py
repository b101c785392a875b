"""Spectra that have come: one that comes again, to the last bit and with the same header, is no new exposure.

The noise of a detector makes two exposures differ. A device that has none to send, dark or saturated throughout, sends the same
again and again: the second time that it is asked for anew, it is taken for what the device sees. So is a spectrum that a faulty
device repeats twice in a row; that cannot be told apart unless its header counts (``frame.header``).
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.instruments.codecs.events import RawFrame

MANY = 16
"""How many spectra ago one may have come first."""


class RecentFrames:
    """The last :data:`MANY` spectra of a device."""

    def __init__(self) -> None:
        self._seen: deque[bytes] = deque(maxlen=MANY)
        self._constant = b""

    def repeats(self, frame: RawFrame) -> bool:
        """Whether a spectrum has come before, and is not what the device sends every time."""
        digest = _digest(frame)
        return digest in self._seen and digest != self._constant

    def expect(self, frame: RawFrame) -> None:
        """Take the same spectrum for a new one if it is the next that comes, and for as long as no other does."""
        self._constant = _digest(frame)

    def add(self, frame: RawFrame) -> None:
        """Note a spectrum that was taken for a new one."""
        digest = _digest(frame)
        self._constant = digest if digest == self._constant else b""
        if digest not in self._seen:
            self._seen.append(digest)


def _digest(frame: RawFrame) -> bytes:
    fields = repr(sorted(frame.fields.items())).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(frame.counts.tobytes() + fields, digest_size=16).digest()
