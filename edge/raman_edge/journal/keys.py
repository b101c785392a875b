"""How the columns of a row are written: digests as bytes, half as long as their text."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal.chain import Facts

INSERT_RECORD = "INSERT INTO records VALUES (?,?,?,?,?,?,?,?,?,?,?)"
INSERT_LINE = "INSERT INTO lines VALUES (?,?)"
STATE_BYTES = 16


def columns(facts: Facts, run: int, head: bytes) -> tuple[object, ...]:
    """Return a row of the table ``records``."""
    sha256 = None if facts.sha256 is None else packed(facts.sha256)
    named = (facts.path, facts.ts, facts.decision, facts.best, facts.spectrum, head)
    return (facts.seq, packed(facts.id), sha256, facts.index, run, *named)


def packed(text: str) -> bytes | str:
    """Return a digest in lower-case hexadecimal digits as its bytes; other text as it is."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return text
    return data if data.hex() == text else text


def unpacked(value: bytes | str) -> str:
    """Return what :func:`packed` was given."""
    return value.hex() if isinstance(value, bytes) else value


def state(signature: Sequence[int]) -> bytes:
    """Return a digest of a file's state: device, inode, size, modification and change time (ns), of any size and sign."""
    numbers = b"".join(struct.pack("<Q", value % 2**64) for value in signature)
    return hashlib.blake2b(numbers, digest_size=STATE_BYTES).digest()
