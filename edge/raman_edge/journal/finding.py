"""What a verification of the journal comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found."""

    rows: int
    """Rows that are as they were written, from the first on."""
    spectra: int
    """Rows among them whose spectrum is there, and is the one that was written."""
    head: str
    """The chain's hash after these rows, hexadecimal; note it elsewhere, and it covers them for ever."""
    noted: int | None
    """``seq`` of the row whose hash is the head that was noted elsewhere; None where it is not there, or none was given."""
    wrong: str | None
    """What is wrong first; None where nothing is."""
    pruned: int = 0
    """Rows whose spectrum ``prune`` removed, or that were written without; the chain says so."""
    unexplained: int = 0
    """Rows whose spectrum was gone before the chain had events (schema 3): pruned or removed by hand, nothing tells."""
