"""The journal: what was seen and what was said of it, exactly once, whatever crashes.

One sqlite file in write-ahead mode, every record committed and synced before it is shown.
A record stands once for each (content, place in the file, model, configuration); writing
it again changes nothing. Beside the records the journal remembers which contents were
answered and which files they lay in, so that a restart neither loses nor repeats work.
What was answered is written with the next record: a mark lost in a crash costs one more
look at a file, never a second record. Every row carries a hash over the row before it and
over all that it holds, so that a change shows.
"""

from __future__ import annotations

from raman_edge.journal.entry import JournalEntry
from raman_edge.journal.finding import Verification
from raman_edge.journal.journal import Journal, default_path
from raman_edge.journal.memory import JournalMemory, Signature
from raman_edge.journal.reading import Filters, JournalRow

__all__ = ["Filters", "Journal", "JournalEntry", "JournalMemory", "JournalRow", "Signature", "Verification", "default_path"]
