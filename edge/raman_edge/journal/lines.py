"""Lines of JSON, packed: zlib, which has seen a few records and this row's own columns before."""

from __future__ import annotations

import zlib
from functools import lru_cache
from pathlib import Path

SAMPLE = Path(__file__).with_name("sample.jsonl")
"""What records look like. It can never change: what was packed with it is not read with another."""
LARGEST = 2**24
"""Bytes; a longer line is refused."""


def pack(line: str, columns: tuple[str | None, ...]) -> bytes:
    """Return ``line`` packed; the text of its row's ``columns`` costs nothing a second time."""
    squeezed = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zdict=_seen(columns))
    return squeezed.compress(line.encode()) + squeezed.flush()


def unpack(packed: bytes, columns: tuple[str | None, ...]) -> str:
    """Return the line that was packed with these ``columns``; :class:`ValueError` for anything else."""
    try:
        line = zlib.decompressobj(-15, zdict=_seen(columns)).decompress(packed, LARGEST)
        return line.decode()
    except zlib.error as error:
        raise ValueError(f"no packed line: {error}") from error


def _seen(columns: tuple[str | None, ...]) -> bytes:
    return _sample() + "".join(column or "" for column in columns).encode()


@lru_cache(maxsize=1)
def _sample() -> bytes:
    return SAMPLE.read_bytes()
