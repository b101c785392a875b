"""The journal: every result exactly once, also after a crash.

One sqlite file in write-ahead mode; every record is committed and synced before it is shown.
There is one record for each (content, place in the file, model, configuration); writing
it again changes nothing. The journal also remembers which contents were identified and in
which files they were, so that a restart neither loses nor repeats work. These marks are
written with the next record: a mark lost in a crash costs one more reading of a file, never a
second record. Every row carries a hash over the row before it and over all that it holds,
so that a change shows.
"""

from __future__ import annotations

from raman_edge.journal.journal import Journal, default_path
from raman_edge.journal.memory import JournalMemory, Signature
from raman_edge.journal.query import Filters, JournalRow, StoredResult
from raman_edge.journal.rows import JournalEntry, Verification

__all__ = ["Filters", "Journal", "JournalEntry", "JournalMemory", "JournalRow", "Signature", "StoredResult", "Verification", "default_path"]
