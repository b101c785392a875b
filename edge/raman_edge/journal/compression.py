"""Lines of JSON, packed: zlib, which has seen a few records and this row's own columns before."""

from __future__ import annotations

import zlib
from functools import lru_cache
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample.jsonl")
"""What records look like. It can never change: what was packed with it is not read with another."""
LARGEST = 2**24
"""Bytes; a longer line is refused."""


PHRASES = (
    b'},{"at":', b'},"reference":', b',"reference":', b',"delta":-', b',"delta":', b',"height":0.', b',"height":1.0',
    b',"reference_height":0.', b',"reference_height":1.0', b'],"missing":[', b'],"extra":[', b']}},{"label":"', b'","score":0.',
    b',"similarity":0.', b',"peaks":{"matched":[', b'{"at":',
)  # fmt: skip
"""What a record says again and again, in the order in which it is made short; JSON has no bytes below 32. It never changes."""
SHORT = tuple((phrase, bytes([number])) for number, phrase in enumerate(PHRASES, start=1))


def pack(line: str, seen: bytes) -> bytes:
    """Return ``line``, a line of JSON, packed; what :func:`before` says was ``seen`` costs next to nothing a second time."""
    squeezed = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zdict=seen)
    return squeezed.compress(_shortened(line.encode())) + squeezed.flush()


def unpack(packed: bytes, seen: bytes) -> str:
    """Return the line that was packed with the same ``seen``; :class:`ValueError` for anything else."""
    squeezed = zlib.decompressobj(-15, zdict=seen)
    try:
        line = squeezed.decompress(packed, LARGEST)
    except zlib.error as error:
        raise ValueError(f"no packed line: {error}") from error
    if not squeezed.eof or squeezed.unused_data:
        raise ValueError(f"no packed line: it ends {'early' if not squeezed.eof else 'late'}")
    for phrase, short in reversed(SHORT):
        line = line.replace(short, phrase)
    return line.decode()


def before(first: str, columns: tuple[str | None, ...]) -> bytes:
    """Return what is read before a line: the samples, the ``first`` line of the same model and configuration, the row's columns."""
    return b"".join((_samples(first), *(column.encode() for column in columns if column)))


def _shortened(line: bytes) -> bytes:
    for phrase, short in SHORT:
        line = line.replace(phrase, short)
    return line


@lru_cache(maxsize=8)
def _samples(first: str) -> bytes:
    text = SAMPLE.read_text(encoding="utf-8")  # as text: a checkout on Windows may end its lines otherwise
    return _shortened((text + first).encode())
