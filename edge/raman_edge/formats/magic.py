"""What a file is that is no text table: named by its first bytes, so that the message can say so."""

from __future__ import annotations

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"WDF1", "a Renishaw WDF file with a damaged header, cut short or still being written"),
    (b"\x0a\x0a\xfe\xfe", "a Bruker OPUS file with a damaged header, cut short or still being written"),
    (b"WIT_", "a WITec file of a version that is not supported"),
    (b"%PDF", "a PDF document, not a spectrum"),
    (b"PK\x03\x04", "a ZIP archive (or an Excel, Word or NumPy file, which are one), not a spectrum"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document (old Excel or Word, Shimadzu SPC), which is not supported"),
    (b"\x89PNG", "a PNG image, not a spectrum"),
    (b"\xff\xd8\xff", "a JPEG image, not a spectrum"),
    (b"GIF8", "a GIF image, not a spectrum"),
    (b"II*\x00", "a TIFF image, not a spectrum"),
    (b"MM\x00*", "a TIFF image, not a spectrum"),
    (b"\x1f\x8b", "a gzip archive, not a spectrum"),
    (b"BZh", "a bzip2 archive, not a spectrum"),
    (b"\xfd7zXZ", "an xz archive, not a spectrum"),
    (b"7z\xbc\xaf", "a 7z archive, not a spectrum"),
    (b"Rar!", "a RAR archive, not a spectrum"),
    (b"\x89HDF", "an HDF5 file, which is not supported"),
    (b"\x93NUMPY", "a NumPy array, which is not supported"),
    (b"SQLite format 3", "an SQLite database, not a spectrum"),
    (b"\x7fELF", "a program, not a spectrum"),
    (b"MZ\x90", "a program, not a spectrum"),
)
_SPC_VERSIONS = (0x4B, 0x4C, 0x4D)
"""Second byte of a Galactic SPC file: new little-endian, new big-endian, old (SPC.H, fversn)."""
_MARKUP: tuple[tuple[str, str], ...] = (
    ("<!doctype html", "a web page (HTML), not a spectrum: save the file behind the link, not the page"),
    ("<html", "a web page (HTML), not a spectrum: save the file behind the link, not the page"),
    ("<?xml", "an XML document, not a text table"),
    ("<", "markup (HTML or XML), not a text table"),
    ("{\\rtf", "a rich-text document (RTF), not plain text: save it as plain text"),
    ("{", "a JSON document, not a text table"),
    ("[{", "a JSON document, not a text table"),
    ("[[", "a JSON document, not a text table"),
    ('["', "a JSON document, not a text table"),
)


def binary_kind(data: bytes) -> str | None:
    """Say what the first bytes are the mark of, as in "a PDF document, not a spectrum"; None is unknown."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return "a BMP image, not a spectrum"
    if len(data) > 1 and data[1] in _SPC_VERSIONS and 0 in data[:64]:
        return "a Galactic SPC file with a damaged header, cut short or still being written"
    return None


def markup_kind(head: str) -> str | None:
    """Say what a text begins like when it is no table; None where it may be one."""
    start = head.lstrip()[:64].lower()
    return next((kind for mark, kind in _MARKUP if start.startswith(mark)), None)
