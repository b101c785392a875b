"""Files that are not read, known by their first bytes, so that the message can name them and the export that works.

:func:`unread_kind` names formats of instruments. It runs before any reader, since a Galactic SPC header is two bytes and may
be found in any of these files. :func:`binary_kind` and :func:`markup_kind` name what else a file can be that no reader recognises.
"""

from __future__ import annotations

import re

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
    """Return the kind of file that the first bytes mark, as in "a PDF document, not a spectrum"; None is unknown."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return "a BMP image, not a spectrum"
    if len(data) > 1 and data[1] in _SPC_VERSIONS and 0 in data[:64]:
        return "a Galactic SPC file with a damaged header, cut short or still being written"
    return None


def markup_kind(head: str) -> str | None:
    """Return what kind of text that is not a table begins like this; None where it may be a table."""
    start = head.lstrip()[:64].lower()
    return next((kind for mark, kind in _MARKUP if start.startswith(mark)), None)


_HEAD = 512
"""Bytes that are looked at."""
_MARKS: tuple[tuple[bytes, str], ...] = (
    (b"Spectral Exte File", "an OMNIC series (.srs): save its spectra as .spa or .spg, or export them as CSV, from OMNIC"),
    (b"#WXD", "a Renishaw WiRE file (.wxd): open it in WiRE and save it as .wdf, .spc or text"),
    (b"\x00\x00\x70\x42", "an Avantes AvaSoft file (.trm, .roh): export it as text (ASCII) from AvaSoft"),
    (b"\x00\x00\x8c\x42", "an Avantes AvaSoft file (.trm, .roh): export it as text (ASCII) from AvaSoft"),
    (b"<!--TriVista-File", "a TriVista file (.tvf): export the spectrum as text (ASCII) or SPC from VistaControl"),
    (b"WIT^", "a WITec project of an old version: export the spectra as text (ASCII) from WITec Project"),
    (b"DSCOMPRESSED", "a Digital Surf file (.sur, .pro): export the spectra as text from MountainsMap"),
    (b"DIGITAL SURF", "a Digital Surf file (.sur, .pro): export the spectra as text from MountainsMap"),
    (b"PAR1", "a Parquet file: write the Raman shift and the counts as two columns of a CSV file"),
    (b"CDF\x01", "a NetCDF file: write the Raman shift and the counts as two columns of a CSV file"),
    (b"CDF\x02", "a NetCDF file: write the Raman shift and the counts as two columns of a CSV file"),
    (b"CPYA ", "an Origin project (.opj): export the worksheet as ASCII from Origin"),
    (b"CPYUA", "an Origin project (.opju): export the worksheet as ASCII from Origin"),
)
_MATLAB = "a MATLAB file (.mat): write the Raman shift and the counts as two columns of a CSV file, as writematrix does"
_PATTERNS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"PK\x03\x04.{26}ps_[0-9]{1,9}\.xml", re.DOTALL),
        "an Ocean Optics SpectraSuite file (.ProcSpec): save it as text (ASCII) from SpectraSuite or OceanView",
    ),
    (re.compile(rb"PEPE[1-4]D"), "a PerkinElmer Spectrum file (.sp): save it as ASCII (.csv) or JCAMP-DX (.jdx) from Spectrum"),
    (re.compile(rb"AVS8[0-9][\0-\x08]"), "an Avantes AvaSoft 8 file (.raw8 and others): export it as text (ASCII) from AvaSoft"),
    (re.compile(rb"LabSpec[0-9]\0"), "a Horiba LabSpec file (.l6s, .l6m): save it as text (.txt), XML or SPC from LabSpec"),
    (re.compile(rb"MATLAB [0-9.]{1,4} MAT-file"), _MATLAB),
    (
        re.compile(
            rb"(?:\0\0|\x0a\0|\x14\0|\x1e\0|\x28\0|\x32\0)\0\0.{3}\0.{3}\0[\0\1]\0\0\0.\0\0\0[A-Za-z][A-Za-z0-9_]{0,30}\0", re.DOTALL
        ),
        _MATLAB,
    ),
    (
        re.compile(rb"IM.{62}(?:\[Application\]|HiPic|Encoding=|Software=)", re.DOTALL),
        "a Hamamatsu image (.img of HiPic or HPD-TA): save the profile along the wavelengths as text (ASCII) from that program",
    ),
    (re.compile(rb"as[5-8][^\0\r\n]{0,156}\0|ASD\0{99}"), "an ASD FieldSpec file (.asd): export it as text (ASCII) from ViewSpec"),
)
"""Marks with something between; a MATLAB 4 file is the type, the size and the name of its first variable."""
_OLE, _JASCO = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "DataInfo".encode("utf-16-le")
_DIRECTORY = 65_536
"""Bytes in which the names of an OLE document's parts are looked for."""
_BOM = b"\xef\xbb\xbf"


def unread_kind(data: bytes) -> str | None:
    """Return whose file it is and how to export it, as in "a Renishaw WiRE file (.wxd): …"; None where no mark is known."""
    head = data[:_HEAD]
    text = head.removeprefix(_BOM).lstrip()
    for mark, kind in _MARKS:
        if head.startswith(mark) or text.startswith(mark):
            return kind
    if head.startswith(_OLE) and _JASCO in data[:_DIRECTORY]:
        return "a JASCO file (.jws): export it as text (ASCII) or JCAMP-DX (.jdx) from Spectra Manager"
    return next((kind for pattern, kind in _PATTERNS if pattern.match(head)), None)
