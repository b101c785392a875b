"""The bytes of a file, with the views that readers need; and the protocol of a reader."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from raman_edge.errors import FormatError
from raman_edge.formats.text import MAX_LINES, decode

if TYPE_CHECKING:
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum

_HEAD = 8_192
"""Characters that sniffing looks at."""


@dataclass(frozen=True, eq=False)
class FileContent:
    """One file as bytes; text readers use :attr:`text` or :attr:`lines`, binary ones :attr:`data`."""

    data: bytes
    """The whole file."""
    laser_nm: float | None = None
    """Wavelength of the laser for files that do not state it, nm; None is unknown."""
    axis: AxisOption | None = None
    """Kind of an axis that the file does not name; None is unknown."""
    pixels: bool = False
    """Whether an axis of pixels is accepted, for a calibration to convert."""

    @cached_property
    def text(self) -> str:
        """The decoded text, lines ended by newlines; raises :class:`FormatError` where the file is not text."""
        return decode(self.data)

    @cached_property
    def head(self) -> str:
        """The beginning of the text, without blanks before it; empty where the file is empty or not text."""
        try:
            return self.text[:_HEAD].lstrip() or self.text.lstrip()[:_HEAD]
        except FormatError:
            return ""

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text; raises :class:`FormatError` where there are too many."""
        count = self.text.count("\n") + 1
        if count > MAX_LINES:
            raise FormatError(
                kind="too many lines", got=f"{count} lines", expected=f"at most {MAX_LINES}", advice="Export one spectrum per file"
            )
        return self.text.split("\n")


class FormatReader(Protocol):
    """One file format: pure functions of a document's bytes, no I/O."""

    @property
    def name(self) -> str:
        """Name of the format, in messages and in ``meta["format"]``."""

    def recognises(self, document: FileContent) -> bool:
        """Whether the content has this format; never raises, reads little."""

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Return the spectra, at least one; raises :class:`FormatError` with the place."""
