"""What Linux tells of a folder (inotify(7)): that something came, which files were renamed into place, and which were closed.

Only a hint. Events get lost without a word (a full queue, a folder that was replaced, no
watches left), and a network file system has none for what others do; a file without its
event is complete when it lies still, a second later.
"""

from __future__ import annotations

import ctypes
import os
import select
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
NAMES = MOVED_FROM | MOVED_TO | CREATE | DELETE
"""A name stands for another file from now on."""
OVERFLOW = 0x4000
"""Events were lost."""
IGNORED = 0x8000
"""The kernel has dropped a watch, with its folder."""
HEADER = struct.Struct("iIII")
"""watch, mask, cookie, length of the name that follows, padded with zero bytes."""
BUFFER = 1 << 16


class Queue:
    """One inotify queue over folders; empty for ever where there is no inotify."""

    def __init__(self, mask: int) -> None:
        self._mask = mask
        self._fd = -1
        self._folders: dict[int, str] = {}

    def open(self) -> None:
        """Start listening; silently not, where that cannot be done."""
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
        """Listen to ``folders``; one that is followed already costs a system call, and one that was replaced is found again."""
        if self._fd < 0:
            return
        for folder in folders:
            watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), self._mask)
            if watch < 0:
                return  # no watches left, or the folder is gone
            self._folders[watch] = folder

    @property
    def listening(self) -> bool:
        """Whether anything is ever reported."""
        return self._fd >= 0

    def pending(self) -> bool:
        """Whether something came since :meth:`events`."""
        if self._fd < 0:
            return False
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        return bool(waiting.poll(0))

    def events(self) -> Iterator[tuple[str, int]]:
        """Give path and mask of each event since the last call; the path of an overflow is empty."""
        for watch, mask, name in self._events():
            if mask & IGNORED:
                self._folders.pop(watch, None)
            elif mask & OVERFLOW:
                yield "", mask
            elif watch in self._folders:
                yield os.path.join(self._folders[watch], os.fsdecode(name)), mask  # noqa: PTH118 - as the scan writes it

    def _events(self) -> Iterator[tuple[int, int, bytes]]:
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


class FolderEvents:
    """What comes into folders, and which files their writers have closed.

    Two queues: a writer's every step is heard in the second one only, so that it does not wake anything.
    """

    def __init__(self) -> None:
        self._coming, self._writing = Queue(CLOSE_WRITE | MOVED_TO | CREATE), Queue(MODIFY | CLOSE_WRITE | NAMES)
        self.writing: set[str] = set()
        """Files that a program changed and has not closed since, as far as was heard; whoever reads this may take paths out."""
        self.closed: set[str] = set()
        """Files that a program closed after writing, and that were not changed since."""

    def open(self) -> None:
        """Start listening; silently not, where that cannot be done."""
        self._coming.open()
        self._writing.open()

    def close(self) -> None:
        """Stop listening."""
        self._coming.close()
        self._writing.close()

    def follow(self, folders: Iterable[str]) -> None:
        """Listen to ``folders`` as well."""
        if self.listening:
            known = tuple(folders)
            self._coming.follow(known)
            self._writing.follow(known)

    @property
    def listening(self) -> bool:
        """Whether anything is ever reported."""
        return self._coming.listening

    def pending(self) -> bool:
        """Whether something came since :meth:`take`."""
        return self._coming.pending()

    def take(self) -> tuple[set[str], set[str]]:
        """Return the paths that were renamed into place since the last call, and those that were closed by a writer."""
        moved, written = set(), set()
        for path, mask in self._coming.events():
            if mask & MOVED_TO:
                moved.add(path)
            elif mask & CLOSE_WRITE:
                written.add(path)
        for path, mask in self._writing.events():
            if mask & OVERFLOW:  # nothing is known of any file
                self.writing.clear()
                self.closed.clear()
            else:
                self.writing.discard(path)
                self.closed.discard(path)
            if mask & MODIFY:
                self.writing.add(path)
            elif mask & CLOSE_WRITE:
                self.closed.add(path)
        return moved, written
