"""That nothing was lost: what instrument and folder say they gave, beside what link and journal have of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.cli.demo.story import Played
    from raman_edge.instruments.spectrometer import Counters
    from raman_edge.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An instrument's side and ours."""

    sent: int
    """Exposures that the instrument says it sent, those that were damaged included."""
    counters: Counters
    played: Sequence[Played]

    @property
    def spectra(self) -> int:
        """Spectra that exposures were made into: those answered, and those of standards."""
        return sum(one.spectra for one in self.played)

    @property
    def in_spectra(self) -> int:
        """Exposures that are in them."""
        return sum(one.spectra * one.act.plan.averages for one in self.played)

    @property
    def searching(self) -> int:
        """Exposures that found the exposure, and were for nothing else."""
        return sum(_besides(one) for one in self.played if one.act.searches)

    @property
    def unfinished(self) -> int:
        """Exposures that were handed over and are in no spectrum."""
        return sum(_besides(one) for one in self.played if not one.act.searches)

    @property
    def told(self) -> int:
        """Exposures of which came a fault and no spectrum: broken frames, and those that a link that was lost cut off."""
        return sum(min(one.faults, max(0, one.sent - one.stale - one.exposures)) for one in self.played)

    @property
    def lost(self) -> int:
        """Exposures that nobody can account for."""
        known = self.in_spectra + self.searching + self.unfinished
        return max(0, self.sent - self.told - self.counters.stale - known)


def _besides(one: Played) -> int:
    return max(0, one.exposures - one.spectra * one.act.plan.averages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Everything that was given, and everything that is kept."""

    link: Link
    dropped: int
    """Files."""
    filed: int
    """Of those the ones with a record."""
    rows: int
    """Of the journal, as far as they are as they were written."""
    expected: int
    """Answers that were shown, each of which was in the journal before."""
    head: str
    wrong: str | None
    """What is wrong with the chain; None is nothing."""
    early: bool = False
    """Whether somebody ended it: what was under way then was never promised."""

    @property
    def holds(self) -> bool:
        """Whether the chain is whole, what was shown is in it, and nothing was lost but by whoever ended it early."""
        lost = self.link.lost or self.link.unfinished or self.filed < self.dropped
        return self.wrong is None and self.rows == self.expected and (self.early or not lost)


def prove(journal: Journal, link: Link, *, dropped: int, filed: int, shown: int, early: bool) -> Proof:
    """Verify the journal and hold it against what was given."""
    found = journal.verify()
    return Proof(link=link, dropped=dropped, filed=filed, rows=found.rows, expected=shown, head=found.head, wrong=found.wrong, early=early)
