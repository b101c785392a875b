"""An entry of the user's own library: what was taught, and where it comes from."""

from __future__ import annotations

import unicodedata

import msgspec

from raman_edge.errors import LibraryError

MOST_NAME = 200
"""Characters of a material's name."""


class UserReference(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One reference that was taught, and where it comes from."""

    name: str
    kind: str
    """``file`` or ``stdin``."""
    path: str
    """Absolute where it is a file; data, to be escaped before it is shown."""
    sha256: str
    """Digest of the bytes it was read from, lower-case hex; of axis and counts where a calibration made the axis."""
    index: int
    """Which spectrum of the file, from 0."""
    learned: str
    """UTC, ISO 8601."""
    version: str
    """The raman-edge that learned it."""
    network: str
    """Digest of the network it was taught with; its embedding is made again for another."""
    note: str


def checked_name(text: str) -> str:
    """Return a material's name in Unicode's composed form; :class:`LibraryError` where it is none."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        got = ascii(text if len(text) <= MOST_NAME else f"{text[:40]}…")
        msg = f"a material's name is 1 to {MOST_NAME} characters that print, got {len(text)}: {got}"
        raise LibraryError(msg)
    return name


def storable(text: str) -> str:
    """Return ``text`` as UTF-8 can carry it: bytes of a file name that are not UTF-8 become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()
