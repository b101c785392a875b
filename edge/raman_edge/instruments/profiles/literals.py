"""Bytes as a profile writes them: ``hex:45 52`` or ``ascii:ER``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

HEX = "hex:"
ASCII = "ascii:"

Literal = Annotated[
    str,
    Meta(
        pattern=r"\A((hex:( *[0-9A-Fa-f]{2})* *|ascii:[\x00-\x7F]*))?\Z",
        description='bytes as "hex:06 0D" or "ascii:ACK", or "" for none',
        examples=["hex:06"],
    ),
]
"""Bytes that stand in a profile as they go over the wire; "" is none."""


def literal(text: str) -> bytes:
    """Return the bytes that a :data:`Literal` means; ``ValueError`` where it is none."""
    if text.startswith(HEX):
        return bytes.fromhex(text.removeprefix(HEX))
    if text.startswith(ASCII):
        return text.removeprefix(ASCII).encode("ascii")
    if text:
        msg = f'got {text!r}, expected bytes as "hex:06 0D" or "ascii:ACK"'
        raise ValueError(msg)
    return b""
