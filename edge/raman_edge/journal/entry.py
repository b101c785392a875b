"""What is handed to the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from raman_edge.records import Record
    from raman_edge.spectrum import Spectrum


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What is written of one answer."""

    record: Record
    spectrum: Spectrum | None
    """None for a fault."""
