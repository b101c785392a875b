"""Bruker OPUS files to test with: blocks and the directory of them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

RAMAN, ABSORBANCE, SAMPLE = 3 | 3 << 2 | 10 << 10, 3 | 3 << 2 | 4 << 10, 3 | 1 << 2 | 1 << 10
STATUS, INSTRUMENT, OPTICS, ORIGIN = 1 << 4, 2 << 4, 6 << 4, 10 << 4
REFERENCE = 3 | 2 << 2 | 10 << 10
DERIVATIVE, SERIES, COMPACT = 1 << 17, 2 << 19, 4 << 19
HEADER = 24
ROOM = 40
"""Entries of the directory."""

Value = str | int | float
Block = tuple[int, bytes]
"""Code and contents."""


def parameters(values: Mapping[str, Value]) -> bytes:
    """Return a block of parameters."""
    made = b""
    for name, value in values.items():
        if isinstance(value, str):
            raw = value.encode("latin-1") + b"\0"
            kind, raw = 2, raw + b"\0" * (len(raw) % 2)
        else:
            kind, raw = (0, struct.pack("<i", value)) if isinstance(value, int) else (1, struct.pack("<d", value))
        made += struct.pack("<4sHH", name.encode(), kind, len(raw) // 2) + raw
    return made + b"END\0\0\0\0\0"


def status(x: NDArray[np.float64], **other: Value) -> bytes:
    """Return the status of a block of numbers on an even axis."""
    values: dict[str, Value] = {"DPF": 1, "NPT": len(x), "FXV": float(x[0]), "LXV": float(x[-1]), "CSF": 1.0, "DXU": "WN"}
    return parameters(values | {"DAT": "04/07/2023", "TIM": "16:59:10.608 (GMT+1)"} | other)


def raman(x: NDArray[np.float64], counts: NDArray[np.float64], code: int = RAMAN, **other: Value) -> list[Block]:
    """Return a block of numbers and its status."""
    return [(code, np.asarray(counts, "<f4").tobytes()), (code | STATUS, status(x, **other))]


def series(x: NDArray[np.float64], rows: Sequence[NDArray[np.float64]], stored: int | None = None) -> list[Block]:
    """Return a series of spectra and its status; ``stored`` spectra are announced."""
    information = bytes(152)
    head = struct.pack("<6I", 0, len(rows) if stored is None else stored, 32, 4 * len(x), len(information), 1) + struct.pack(
        "<2I", 0, len(rows)
    )
    body = b"".join(np.asarray(row, "<f4").tobytes() + information for row in rows)
    return [(RAMAN | SERIES, head + body), (RAMAN | SERIES | STATUS, status(x))]


INSTRUMENTS: list[Block] = [
    (INSTRUMENT, parameters({"INS": "VERTEX 70", "RLW": 9394.9, "ASS": 1})),
    (OPTICS, parameters({"SRC": "Laser; 9394.9cm-1; 1000mW"})),
    (ORIGIN, parameters({"SNM": "Größe", "CNM": "by hand", "SFM": ""})),
]
"""What describes the instrument and the sample."""


def opus(blocks: Sequence[Block]) -> bytes:
    """Return a file of these blocks."""
    at = HEADER + 12 * ROOM
    entries, body = struct.pack("<3I", 13 << 10, 3 * ROOM, HEADER), b""
    for code, contents in blocks:
        padded = contents + b"\0" * (-len(contents) % 4)
        entries += struct.pack("<3I", code, len(padded) // 4, at + len(body))
        body += padded
    head = struct.pack("<4sdIII", b"\x0a\x0a\xfe\xfe", 920_622.0, HEADER, ROOM, len(blocks) + 1)
    return head + entries.ljust(12 * ROOM, b"\0") + body
