"""Lines of JSON, packed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.journal.chain import Facts


def pack(facts: Facts) -> bytes:
    """Return the line of ``facts``, packed."""
    return zlib.compress(facts.line.encode())


def unpack(packed: bytes) -> str:
    """Return the line that was packed."""
    return zlib.decompress(packed).decode()
