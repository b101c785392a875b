"""Protobuf's wire format, walked within bounds: which fields a message has and where their bytes lie.

Nothing is copied and nothing is decoded that was not asked for: a tensor of a hundred megabytes is
one span. There is no recursion here; a message inside a message is another call with its span.
The format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, SPAN, FIXED32 = 0, 1, 2, 5
"""Wire types; groups (3, 4) are obsolete and refused."""
FIXED = {FIXED64: 8, FIXED32: 4}
MAX_FIELDS = 400_000
"""Fields read of one file; the largest network of the literature here has some 20 000."""
VARINT_BITS = 64
SIGN = 1 << 63
LARGEST_NUMBER = (1 << 29) - 1
"""Protobuf's own limit of a field number."""


Field = tuple[int, int, int, int, int]
"""Number, wire type, value (of a varint, as protobuf's int64 reads it; elsewhere 0), first byte of the content, one behind its last."""
SMALL = 0x80
"""A varint below this is one byte; nearly all of them are."""


class ProtobufBytes:
    """The bytes of one file, and how many fields may still be read of it."""

    def __init__(self, data: bytes, most: int = MAX_FIELDS) -> None:
        self.data = data
        self._most = self._left = most

    def fields(self, low: int, high: int) -> Iterator[Field]:
        """Give the fields of the message in bytes ``low`` to ``high``; :class:`ModelError` where it is none."""
        data, place = self.data, low
        while place < high:
            self._left -= 1
            if self._left < 0:
                msg = f"it has more than {self._most} fields"
                raise ModelError(msg)
            key, begin = (data[place], place + 1) if data[place] < SMALL else self.varint(place, high)
            number, wire = key >> 3, key & 7
            if not 0 < number <= LARGEST_NUMBER:
                msg = f"byte {place}: no field has the number {number}"
                raise ModelError(msg)
            if wire == VARINT:
                value, place = self.varint(begin, high)
                yield number, wire, value, begin, place
                continue
            size, begin = self.varint(begin, high) if wire == SPAN else (self._fixed(wire, begin), begin)
            place = begin + size
            if size < 0 or place > high:
                msg = f"byte {begin}: a field of {size} bytes where its message has {high - begin} left: the file was cut or damaged"
                raise ModelError(msg)
            yield number, wire, 0, begin, place

    def varint(self, place: int, high: int) -> tuple[int, int]:
        """Return the int64 at ``place`` and where it ends."""
        data, value = self.data, 0
        if place < high and data[place] < SMALL:
            return data[place], place + 1
        for shift in range(0, VARINT_BITS + 6, 7):
            if place >= high:
                msg = f"byte {place}: the file was cut inside a number"
                raise ModelError(msg)
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < SMALL:
                value &= (1 << VARINT_BITS) - 1
                return (value - (1 << VARINT_BITS) if value & SIGN else value), place
        msg = f"byte {place}: a number of more than {VARINT_BITS} bits"
        raise ModelError(msg)

    def varints(self, low: int, high: int, most: int) -> tuple[int, ...]:
        """Return the packed int64s in bytes ``low`` to ``high``; more than ``most`` are refused."""
        values = []
        while low < high:
            value, low = self.varint(low, high)
            values.append(value)
            if len(values) > most:
                msg = f"byte {low}: a list of more than {most} numbers where a few are expected"
                raise ModelError(msg)
        return tuple(values)

    @staticmethod
    def _fixed(wire: int, place: int) -> int:
        """Return how many bytes a field of fixed size has."""
        if wire not in FIXED:
            msg = f"byte {place}: wire type {wire} is in no ONNX file"
            raise ModelError(msg)
        return FIXED[wire]
