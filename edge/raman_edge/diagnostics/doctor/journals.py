"""The journal: where it lies, whether it can be written and for how long, and what its newest record says."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok, text_of, warning, wrong
from raman_edge.journal.schema import APPLICATION, SCHEMA
from raman_edge.sources.root import is_network
from raman_edge.sqlite_file import DatabaseFacts, look_into

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WEEK_DAYS = 7.0
"""Time whose records tell how many come in a day."""
QUERY = """
WITH told AS (
    SELECT count(*) AS number, min(ts) AS oldest, (SELECT ts FROM records ORDER BY seq DESC LIMIT 1) AS newest, (
        SELECT count(*) FROM records
        WHERE CASE typeof(ts) WHEN 'integer' THEN ts > CAST(strftime('%s', ?1) AS INTEGER) * 1000 ELSE ts > ?1 END
    ) AS since
    FROM records
)
SELECT
    number,
    CASE typeof(oldest) WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%fZ', oldest / 1000.0, 'unixepoch') ELSE oldest END,
    CASE typeof(newest) WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%fZ', newest / 1000.0, 'unixepoch') ELSE newest END,
    since
FROM told
"""
"""How many records, the oldest time, the time of the newest record, how many since a time.

Times are milliseconds since 1970; where a record has another form, text.
"""
FULL_BYTES, LOW_BYTES = 100 * 2**20, 2**30
"""Free space that is as good as none, and that calls for attention."""
LOW_DAYS = 30.0
DAY_S = 86_400.0
ELSEWHERE = "name another place with --journal"
LOCK = re.compile(r"\d+: (?:POSIX|OFDLCK) +\S+ +\S+ +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) ")
"""A line of /proc/locks: who, on which device and inode; proc_locks(5)."""


def look(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at the journal as it lies there."""
    path = asked.journal
    place = nearest(path)
    yield where(path, place, writable=_writable(path, place), network=is_network(str(place)))
    now = datetime.now(UTC)
    since = (now - timedelta(days=WEEK_DAYS)).isoformat()
    seen = look_into(path, QUERY, (since,)) if path.is_file() else None
    a_day = growth(path.stat().st_size, seen.rows, now) if seen is not None else None
    yield room(shutil.disk_usage(place).free, a_day)
    if seen is not None:
        yield content(seen, now)
        status = [file.stat() for end in ("", "-shm") if (file := path.with_name(path.name + end)).exists()]
        yield held(holders(text_of(Path("/proc/locks")), [(one.st_dev, one.st_ino) for one in status]))


def nearest(path: Path) -> Path:
    """Return the folder of ``path``, or the first above it that is there."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def _writable(path: Path, place: Path) -> bool:
    return os.access(place, os.W_OK | os.X_OK) and (not path.exists() or os.access(path, os.W_OK))


def where(path: Path, place: Path, *, writable: bool, network: bool) -> Finding:
    """Judge the place of the journal; ``place`` is the nearest folder that is there."""
    if path.is_dir():
        return wrong("journal", f"{path} is a folder", "name a file in it with --journal")
    if not writable:
        why = "cannot be written by this user" if path.exists() else f"cannot be made: this user may not write in {place}"
        return wrong("journal", f"{path} {why}", ELSEWHERE)
    if network:
        todo = f"{ELSEWHERE} on a local disk: several programs cannot share a write-ahead log over a network"
        return wrong("journal", f"{path} lies on a network file system", todo)
    return ok("journal", f"{path}{'' if path.exists() else ', which `watch` makes'}; can be written")


def growth(size: int, rows: Sequence[tuple[object, ...]], now: datetime) -> float | None:
    """Return how many bytes a day are added, by what :data:`QUERY` gave and the size of all; None where nothing tells.

    A journal that is younger than a day counts as a day old: a backlog that was answered in a minute is no rate.
    """
    if not rows or not rows[0][0]:
        return None
    count, oldest, _, recent = rows[0]
    days = min(max((now - _time(oldest)).total_seconds() / DAY_S, 1.0), WEEK_DAYS)
    return size * int(str(recent)) / int(str(count)) / days


def room(free: int, a_day: float | None) -> Finding:
    """Judge the space on the journal's disk, bytes, where ``a_day`` bytes are added a day."""
    days = free / a_day if a_day else None
    lasts = "" if days is None else f", which lasts {_duration(days * DAY_S)} at the rate of the last week"
    found = f"{free / 2**30:.1f} GiB free{lasts}"
    if free < FULL_BYTES:
        return wrong("disk", f"{free / 2**20:.1f} MiB free", "make room: without it nothing can be recorded, and nothing is answered")
    if free < LOW_BYTES or (days is not None and days < LOW_DAYS):
        return warning("disk", found, "make room, or name a larger disk with --journal")
    return ok("disk", found)


def content(seen: DatabaseFacts, now: datetime) -> Finding:
    """Judge what stands in the journal."""
    if (unusable := refused(seen)) is not None:
        return unusable
    if not seen.rows or not seen.rows[0][0]:
        return ok("records", "none yet")
    count, _, newest, _ = seen.rows[0]
    age_s = (now - _time(newest)).total_seconds()
    found = f"{count}, the newest {_duration(abs(age_s))} {'old' if age_s >= 0 else 'in the future'}; schema {seen.schema}"
    if age_s < -1:
        return warning("records", found, "set this machine's clock: an answer is dated by it")
    if not seen.write_ahead:
        return warning("records", f"{found}; not in write-ahead mode", "`raman-edge watch` sets it when it starts")
    return ok("records", found)


def refused(seen: DatabaseFacts) -> Finding | None:
    """Return why the file cannot be used as a journal; None where it can."""
    if seen.tables and seen.application != APPLICATION:
        return wrong("records", "the journal is the database of another program", ELSEWHERE)
    if seen.why:
        todo = "move it away and start again, everything in the folder is answered anew; a copy may be put back"
        return wrong("records", f"the journal cannot be read: {seen.why}", todo)
    if seen.tables and seen.schema != SCHEMA:
        todo = "update raman-edge" if seen.schema > SCHEMA else "move it away: every file in the folder is identified again"
        return wrong("records", f"the journal has schema {seen.schema}, this raman-edge has {SCHEMA}", todo)
    return None


def holders(locks: str, files: Iterable[tuple[int, int]]) -> list[int]:
    """Return the processes that hold one of ``files``, (device, inode), by what the kernel tells of all ``locks``."""
    if not locks:
        return []  # another system than Linux, which knows no such device numbers either
    wanted = {(os.major(dev), os.minor(dev), ino) for dev, ino in files}
    found = [lock.groups() for line in locks.splitlines() if (lock := LOCK.match(line))]
    return sorted({int(who) for who, major, minor, ino in found if (int(major, 16), int(minor, 16), int(ino)) in wanted})


def held(by: list[int]) -> Finding:
    """Judge who has the journal open."""
    if not by:
        return ok("in use", "no process has the journal open")
    named = f"process {', '.join(map(str, by))} {'has' if len(by) == 1 else 'have'} the journal open"
    if len(by) > 1:
        return warning("in use", named, "fine for different folders; of two watchers of one folder stop one: they do its work twice")
    return ok("in use", named)


def _time(said: object) -> datetime:
    """Return a time of a record; who has no zone is in UTC, what is none is the beginning of time."""
    try:
        time = datetime.fromisoformat(str(said))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _duration(seconds: float) -> str:
    """Return a time as a person says it."""
    for name, length in (("years", 365 * DAY_S), ("days", DAY_S), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"
