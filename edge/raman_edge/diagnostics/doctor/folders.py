"""The watched folder: that it is there, can be read, and what of Linux' helps works in it."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok, text_of, warning, wrong
from raman_edge.sources.root import is_network
from raman_edge.sources.scan import FileCandidate, Scan, ScanRules, scan
from raman_edge.sources.stability import OpenWriter, writer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MOST_OPENED = 200
"""Files that are opened to see whether they can be, the newest ones."""
SKEW_S = 2.0
"""How far the change time of a file may lie ahead of this machine's clock, s."""
DENIED = "denied"
INOTIFY = Path("/proc/sys/fs/inotify/max_user_watches")
FILE_SINKS = ("jsonl:", "csv:")


def look(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at the folder, and at those that are written to."""
    if asked.folder is None:
        yield ok("folder", "none named; `raman-edge doctor DIR` looks at one")
    else:
        yield from _watched(asked.folder, ScanRules(asked.match, ignore=_own_folders(asked)))
    yield from written(asked)


def _watched(folder: str, rules: ScanRules) -> Iterator[Finding]:
    candidates: list[FileCandidate] = []
    try:
        found = scan(folder, rules, candidates.append)
    except OSError as error:
        yield wrong("folder", f"{folder!r} cannot be read: {error.strerror}", "name a folder that exists and that this user may read")
        return
    yield content(folder, len(candidates), found)
    network = is_network(folder)
    states = opened(candidates)
    yield waiting(states, sum(candidate.signature.size == 0 for candidate in candidates))
    yield leases(states, network=network)
    yield events(text_of(INOTIFY), len(found.folders), network=network)
    yield clock((candidate.signature.ctime_ns for candidate in candidates), time.time_ns())


def _own_folders(asked: DoctorSettings) -> frozenset[tuple[int, int]]:
    """Return the folder for failed files, which is not looked into."""
    if asked.move_failed is None or not asked.move_failed.is_dir():
        return frozenset()
    status = asked.move_failed.stat()
    return frozenset(((status.st_dev, status.st_ino),))


def content(folder: str, count: int, found: Scan) -> Finding:
    """Judge what lies in the folder, ``count`` files of it by their names spectra."""
    told = f"{folder!r}: {count} files that are looked at, in {len(found.folders)} folders"
    if found.problems:
        (place, why), *more = found.problems.items()
        others = f", and {len(more)} more folders" if more else ""
        return warning("folder", f"{told}; {place!r} {why}{others}", "let this user read them, or move them nearer")
    return ok("folder", told)


def opened(candidates: Iterable[FileCandidate]) -> Counter[str]:
    """Open the newest files as ``watch`` would, and count how it went."""
    newest = sorted(candidates, key=lambda candidate: candidate.signature.mtime_ns)[-MOST_OPENED:]
    return Counter(_state(candidate.path) for candidate in newest)


def _state(path: str) -> str:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(path, flags)
    except OSError:
        return DENIED if os.path.lexists(path) else "gone"
    try:
        return writer_of(fd).value
    finally:
        os.close(fd)


def waiting(states: Mapping[str, int], empty: int) -> Finding:
    """Judge the files that cannot be answered now."""
    denied, written_to = states.get(DENIED, 0), states.get(OpenWriter.OPEN.value, 0)
    told = f"of the newest {sum(states.values())}: {written_to} being written, {denied} not readable; {empty} empty"
    if denied:
        return warning("files", told, "let this user read them; they are tried again until they can be read")
    return ok("files", told)


def leases(states: Mapping[str, int], *, network: bool) -> Finding:
    """Judge whether the kernel tells that a file is still being written."""
    known, unknown = states.get(OpenWriter.NONE.value, 0) + states.get(OpenWriter.OPEN.value, 0), states.get(OpenWriter.UNKNOWN.value, 0)
    if network:
        return ok("leases", "not asked on a network file system: a file is complete when it lies still for 3 s")
    if known:
        some = f"; not for {unknown} files of other users" if unknown else ""
        return ok("leases", f"the kernel tells when a file is complete{some}")
    if unknown:
        return ok("leases", "not for these files (another user's, or this system has none): a file is complete when it lies still for 1 s")
    return ok("leases", "no file to try them on")


def events(limit: str, count: int, *, network: bool) -> Finding:
    """Judge whether the kernel tells of new files, where it allows ``limit`` folders to a user and ``count`` are watched."""
    if network:
        return ok("events", "a network file system tells of nothing: it is looked at every 2 s")
    if not limit.strip().isdecimal():
        return ok("events", "none on this system: it is looked at twice a second")
    if count > int(limit):
        todo = f"sysctl fs.inotify.max_user_watches={2 * count}; until then the others are looked at twice a second"
        return warning("events", f"{count} folders, and the kernel tells of {limit.strip()}", todo)
    return ok("events", f"the kernel tells of new files ({limit.strip()} folders allowed)")


def clock(changed_ns: Iterable[int], now_ns: int) -> Finding:
    """Judge the clock that dates the files against this machine's."""
    newest = max(changed_ns, default=None)
    if newest is None:
        return ok("clock of the files", "no file to tell it")
    ahead_s = (newest - now_ns) / 1e9
    if ahead_s > SKEW_S:
        todo = "let both machines take their time from the network (NTP); files are found all the same"
        return warning("clock of the files", f"a file is from {ahead_s:.0f} s in the future", todo)
    return ok("clock of the files", "no file is from the future")


def written(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at the folders that outputs and failed files go to."""
    targets = {f"output {spec!r}": Path(spec.partition(":")[2]).absolute().parent for spec in asked.to if spec.startswith(FILE_SINKS)}
    if asked.move_failed is not None:
        targets["failed files"] = asked.move_failed
    for name, folder in targets.items():
        yield writable(name, folder, there=folder.is_dir(), allowed=os.access(folder, os.W_OK | os.X_OK))


def writable(name: str, folder: Path, *, there: bool, allowed: bool) -> Finding:
    """Judge a folder that is written to."""
    if there and allowed:
        return ok(name, f"{folder} can be written")
    why = "cannot be written by this user" if there else "is no folder"
    return wrong(name, f"{folder} {why}", f"make it, or let this user write there; in a unit: ReadWritePaths={folder}")
