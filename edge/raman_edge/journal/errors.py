"""What sqlite and the file system say, as one clear error: one that passes, or one that stays."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from raman_edge.errors import JournalDamaged, JournalError, JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ELSEWHERE = "Give a place that can be written with --journal, or in RAMAN_EDGE_JOURNAL"
PASSING = {
    sqlite3.SQLITE_FULL: "The disk is full: make room; nothing is lost, what was not journaled is read again",
    sqlite3.SQLITE_IOERR: "The disk failed or is full: make room or check it; nothing is lost, what was not journaled is read again",
    sqlite3.SQLITE_BUSY: "Another program holds it: close that one, or give another journal with --journal",
    sqlite3.SQLITE_LOCKED: "Another program holds it: close that one, or give another journal with --journal",
    sqlite3.SQLITE_PROTOCOL: "Another program holds it: close that one, or give another journal with --journal",
    sqlite3.SQLITE_READONLY: f"It is write-protected. {ELSEWHERE}",
    sqlite3.SQLITE_CANTOPEN: ELSEWHERE,
    sqlite3.SQLITE_PERM: ELSEWHERE,
    sqlite3.SQLITE_NOMEM: "There is no memory left: close other programs",
}
"""Primary result code (sqlite.org/rescode.html) → advice, for what may be over at the next attempt."""
DAMAGED = "It is damaged: move it away and start again, everything in the folder is answered anew"
DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH)
"""What sqlite says of a damaged file; it interrupts what takes more steps than a journal of its size."""
ADVICE = {sqlite3.SQLITE_NOTADB: "It is no journal: give another place with --journal"} | dict.fromkeys(DAMAGES, DAMAGED)
"""The same as :data:`PASSING` for what does not change by itself."""


@contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn an error into :class:`JournalUnavailable` where it may pass, else into :class:`JournalError`."""
    try:
        yield
    except OSError as error:
        msg = f"journal {str(path)!r} cannot be {what}: {error.strerror or error}. {ELSEWHERE}"
        raise JournalUnavailable(msg) from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if isinstance(code, int) else sqlite3.SQLITE_ERROR
        kind = JournalUnavailable if primary in PASSING else JournalDamaged if primary in DAMAGES else JournalError
        advice = PASSING.get(primary) or ADVICE.get(primary, ELSEWHERE)
        msg = f"journal {str(path)!r} cannot be {what}: {error}. {advice}"
        raise kind(msg) from error
