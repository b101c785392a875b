"""Readers whose modules are imported only when a file with their mark comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.formats.document import FileContent
    from raman_edge.spectrum import Origin, Spectrum

    Read = Callable[["FileContent", "Origin", str], tuple["Spectrum", ...]]
    """Reads a document; the last argument is the name of the format."""


@dataclass(frozen=True, slots=True)
class LateReader:
    """A reader that costs nothing until a file begins with one of its marks."""

    name: str
    marks: tuple[bytes, ...]
    """The file has one of these bytes at :attr:`at`."""
    load: Callable[[], Read]
    """Imports the reader's module and returns its function."""
    at: int = 0

    def recognises(self, document: FileContent) -> bool:
        """Whether one of the marks is in its place."""
        return document.data.startswith(self.marks, self.at)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Import the reader and read every spectrum."""
        return self.load()(document, origin, self.name)


def _andor() -> Read:
    from raman_edge.formats.andor import read  # noqa: PLC0415 - see the module's docstring

    return read


def _omnic() -> Read:
    from raman_edge.formats.omnic import read  # noqa: PLC0415 - see the module's docstring

    return read


def _princeton() -> Read:
    from raman_edge.formats.princeton import read  # noqa: PLC0415 - see the module's docstring

    return read


def _witec() -> Read:
    from raman_edge.formats.witec import read  # noqa: PLC0415 - see the module's docstring

    return read


LATE = (
    LateReader("OMNIC", (b"Spectral Data File",), _omnic),
    LateReader("Andor SIF", (b"Andor Technology Multi-Channel File",), _andor),
    LateReader("WITec project", (b"WIT_PRCT", b"WIT_PR06", b"WIT_DATA", b"WIT_DA06"), _witec),
    LateReader("Princeton SPE", (b"\x67\x45\x23\x01",), _princeton, at=2996),
)
"""Marks: "Spectral Exte File" is an OMNIC series; 0x01234567 at byte 2996 is ``WinView_id`` in the header of WinSpec and LightField."""
