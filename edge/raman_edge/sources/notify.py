"""Events of Linux about a folder (inotify(7)): new names, renames into place, and files that their writers closed.

Events are hints. They get lost without notice (a full queue, a folder that was replaced, no watches left), and a network
file system has none for what other machines do; a file without its event is complete when it is unchanged, a second later.
watchfiles is no replacement: it does not report closes and renames (docs/decisions/0022).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MODIFY = 0x2
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
MASK = MODIFY | CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE
ARRIVAL = CLOSE_WRITE | MOVED_TO | CREATE
"""Events that wake the scan; the single writes of a program do not."""
OVERFLOW = 0x4000
"""Events were lost."""
IGNORED = 0x8000
"""The kernel has dropped a watch, with its folder."""
HEADER = struct.Struct("iIII")
"""watch, mask, cookie, length of the name that follows, padded with zero bytes."""
BUFFER = 1 << 16


class FolderEvents:
    """New files in folders, and which files their writers have closed; no event ever where there is no inotify."""

    def __init__(self) -> None:
        self.writing: set[str] = set()
        """Files that a program has changed and not closed since, as far as events show; the reader may remove paths."""
        self.closed: set[str] = set()
        """Files that a program has closed after writing, and that were not changed since."""
        self._moved: set[str] = set()
        self._written: set[str] = set()
        self._has_arrivals = False
        self._fd = -1
        self._folders: dict[int, str] = {}

    def open(self) -> None:
        """Start listening, where that can be done."""
        if sys.platform.startswith("linux"):
            self._libc = ctypes.CDLL(None)
            if hasattr(self._libc, "inotify_init1"):
                self._fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)

    def close(self) -> None:
        """Stop listening."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def follow(self, folders: Iterable[str]) -> None:
        """Listen to ``folders``; a known one costs a system call, and one that was replaced is found again."""
        for folder in folders if self.listening else ():
            watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), MASK)
            if watch < 0:
                return  # no watches left, or the folder is gone
            self._folders[watch] = folder

    @property
    def listening(self) -> bool:
        """Whether there are events at all."""
        return self._fd >= 0

    def pending(self) -> bool:
        """Whether a file arrived since :meth:`take`."""
        self._read()
        return self._has_arrivals

    def take(self) -> tuple[set[str], set[str]]:
        """Return the paths that were renamed into place since the last call, and those that a writer closed."""
        self._read()
        taken = self._moved, self._written
        self._moved, self._written, self._has_arrivals = set(), set(), False
        return taken

    def _read(self) -> None:
        for watch, mask, name in self._events():
            if mask & OVERFLOW:  # the state of every file is unknown
                self.writing.clear()
                self.closed.clear()
                self._has_arrivals = True
            elif mask & IGNORED:
                self._folders.pop(watch, None)
            elif watch in self._folders:
                self._note(os.path.join(self._folders[watch], os.fsdecode(name)), mask)  # noqa: PTH118 - as the scan writes it

    def _note(self, path: str, mask: int) -> None:
        self._has_arrivals |= bool(mask & ARRIVAL)
        self.writing.discard(path)
        self.closed.discard(path)
        if mask & MODIFY:
            self.writing.add(path)
        elif mask & CLOSE_WRITE:
            self.closed.add(path)
            self._written.add(path)
        elif mask & MOVED_TO:
            self._moved.add(path)

    def _events(self) -> Iterator[tuple[int, int, bytes]]:
        """Give watch, mask and name of each event that waits."""
        while self._fd >= 0:
            try:
                data = os.read(self._fd, BUFFER)
            except OSError:  # nothing more
                return
            place = 0
            while place < len(data):
                watch, mask, _, length = HEADER.unpack_from(data, place)
                place += HEADER.size + length
                yield watch, mask, data[place - length : place].rstrip(b"\0")
