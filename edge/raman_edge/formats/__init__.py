"""File formats: bytes in, spectra out, no I/O; the content decides which format it is.

A reader is an object with a name, ``recognises`` and ``read`` (:class:`FormatReader`); a new format is a
new file here and an entry in :data:`READERS`. ``meta`` of every spectrum has the header as text
under its keys in lower case, and in addition ``format``, ``laser_nm`` and ``laser_from`` (``file`` or
``option``), ``counts_from`` (the column), ``place`` (on the sample, of a map), ``left_out``
(other contents of the file), ``tidied`` (changes to the rows).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import ConfigError, FormatError
from raman_edge.formats.delimited import DelimitedText
from raman_edge.formats.document import FileContent, FormatReader, unsupported
from raman_edge.formats.enlighten import Enlighten, EnlightenRows
from raman_edge.formats.header import LASER_NM
from raman_edge.formats.jcamp import Jcamp
from raman_edge.formats.labspec import LabspecMap, LabspecXml
from raman_edge.formats.magic import markup_kind, unread_kind
from raman_edge.formats.opus import Opus
from raman_edge.formats.rows import SpectraInRows
from raman_edge.formats.rruff import Rruff
from raman_edge.formats.spc import Spc
from raman_edge.formats.truematch import TrueMatch
from raman_edge.formats.wdf import Wdf

if TYPE_CHECKING:
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum

__all__ = ["MAX_BYTES", "READERS", "FileContent", "FormatReader", "is_whole", "read", "sniff"]

MAX_BYTES = 64 * 1024 * 1024
"""Larger files are refused; sources refuse them by size without reading them."""


@dataclass(frozen=True, slots=True)
class LazyReader:
    """A reader whose module is imported with the first file that has one of its marks: the start of every command is faster."""

    name: str
    marks: tuple[bytes, ...]
    """The file has one of these bytes at :attr:`at`."""
    module: str
    """Module of this package; its ``read(document, origin, name)`` reads the file."""
    at: int = 0

    def recognises(self, document: FileContent) -> bool:
        """Whether one of the marks is in its place."""
        return document.data.startswith(self.marks, self.at)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Import the reader and read every spectrum."""
        found: tuple[Spectrum, ...] = import_module(f"{__name__}.{self.module}").read(document, origin, self.name)
        return found


LAZY_READERS = (
    LazyReader("OMNIC", (b"Spectral Data File",), "omnic"),
    LazyReader("Andor SIF", (b"Andor Technology Multi-Channel File",), "andor"),
    LazyReader("WITec project", (b"WIT_PRCT", b"WIT_PR06", b"WIT_DATA", b"WIT_DA06"), "witec"),
    LazyReader("Princeton SPE", (b"\x67\x45\x23\x01",), "princeton", at=2996),  # 0x01234567: WinView_id in the header
)
READERS: tuple[FormatReader, ...] = (
    *(Wdf(), Opus(), *LAZY_READERS, Spc()),
    *(Rruff(), Jcamp(), LabspecXml(), EnlightenRows(), Enlighten(), TrueMatch(), LabspecMap()),
    *(SpectraInRows(), DelimitedText()),
)
"""All formats. The first that recognises a file reads it, so the unspecific ones come last."""


def read(
    data: bytes, origin: Origin, *, laser_nm: float | None = None, axis: AxisOption | None = None, pixels: bool = False
) -> tuple[Spectrum, ...]:
    """Read the spectra of a file.

    Parameters
    ----------
    data : bytes
        Content of the file, at most :data:`MAX_BYTES`; it decides the format, the name does not.
    origin : Origin
        Of the file; its ``index`` numbers the spectra from 0.
    laser_nm : float, optional
        Wavelength of the laser, nm, 150 to 2000, for a file that does not name it; ``meta["laser_from"]`` names the source.
    axis : {"nm", "shift", "pixel"}, optional
        Kind of an axis that the file does not name.
    pixels : bool
        Whether a table over the pixels of the detector is accepted: they are then the axis, which ``meta`` states.

    Returns
    -------
    tuple of Spectrum
        At least one, on Raman shifts, cm⁻¹.

    Raises
    ------
    FormatError
        The bytes are no spectrum: line or byte, and the reason.
    ConfigError
        An impossible laser.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(
            kind="file too large", got=f"{len(data)} bytes", expected=f"at most {MAX_BYTES}", advice="Export one spectrum per file"
        )
    if laser_nm is not None and not LASER_NM[0] <= laser_nm <= LASER_NM[1]:
        raise ConfigError(
            kind="laser out of range",
            got=f"{laser_nm:g} nm",
            expected=f"{LASER_NM[0]:g} to {LASER_NM[1]:g} nm",
            advice="Give the wavelength of the excitation",
        )
    document = FileContent(data, laser_nm, axis, pixels)
    reader = sniff(document)
    try:
        with np.errstate(all="ignore"):  # numbers that overflow are left out, like missing ones
            return reader.read(document, origin)
    except FormatError as error:
        raise error.at(reader.name) from error


DECLARING = (Wdf, Opus, Spc, Rruff, Jcamp, LabspecXml)
"""Readers of formats that declare the end of the file and refuse one that is cut short."""


JCAMP_END, JCAMP_TAIL = re.compile(rb"##\s*END\s*=", re.IGNORECASE), 256
"""End of a JCAMP file, and the number of last bytes that contain it; a file with all its points is read without it."""


def is_whole(data: bytes, origin: Origin, *, laser_nm: float | None = None, axis: AxisOption | None = None, pixels: bool = False) -> bool:
    """Whether a file declares its own length and has all of it; False for a table, which may end after any row."""
    document = FileContent(data, laser_nm, axis, pixels)
    try:
        reader = sniff(document)
        ended = not isinstance(reader, Jcamp) or JCAMP_END.search(data[-JCAMP_TAIL:]) is not None
        return ended and isinstance(reader, DECLARING) and bool(reader.read(document, origin))
    except Exception:  # noqa: BLE001 - cut short, or a defect in a reader: the fault of the file gives the reason later
        return False


def sniff(document: FileContent) -> FormatReader:
    """Find the reader of a file by its content.

    Parameters
    ----------
    document : FileContent
        The file.

    Returns
    -------
    FormatReader
        The first of :data:`READERS` that recognises it.

    Raises
    ------
    FormatError
        None does; the message names what the file is where that is known.
    """
    if kind := unread_kind(document.data):
        raise unsupported(kind)
    for reader in READERS:
        if reader.recognises(document):
            return reader
    if not document.text.strip():
        raise FormatError(
            kind="empty file",
            got=f"{len(document.data)} bytes without text",
            advice="Copy or export it again; it may still be being written",
        )
    raise unsupported(markup_kind(document.head) or "text of an unknown kind")
