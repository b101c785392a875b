"""A folder's other side: what instruments, people and copying programs do to it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

NAMES = (b"a.csv", b"b.txt", "ü ß.csv".encode(), b"und\xff\xe9.csv", b"new\nline.csv", b"\x1b[31m.csv", b"[bold]x[bold].csv", b"sub/c.csv")
if sys.platform == "win32":
    NAMES = (b"a.csv", b"b.txt", "ü ß.csv".encode(), b"[bold]x[bold].csv", b"sub/c.csv")  # names are Unicode, without control characters

BURST, FLOOD = 50, 1000
"""Files that come at once."""


def content(number: int) -> bytes:
    """Return the text of a spectrum that no other number gives; every beginning of it is another spectrum, or none."""
    return (
        b"Raman shift (cm-1),Counts\n"
        + b"".join(b"%d,%d\n" % (100 + 10 * row, (number * 31 + row * row * 7) % 1000) for row in range(40))
        + (b"%d,%d\n" % (600, number))
    )


def rename_folder(folder: Path, target: Path) -> None:
    """Rename a folder; on Windows that is refused in the moments in which it is listed or looked at, and tried again."""
    until = time.monotonic() + 10.0
    while True:
        try:
            folder.rename(target)
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > until:
                raise
            time.sleep(0.001)
        else:
            return


@dataclass
class Writer:
    """Does to a folder what instruments, people and copying programs do; keeps what was ever complete."""

    root: Path
    complete: set[bytes] = field(default_factory=set)
    """Contents that some file had when its writer closed it."""
    floods: int = 0
    """How many of the next bursts are of a thousand files."""

    def path(self, name: int) -> Path:
        """Return the place of a file."""
        return self.root / os.fsdecode(NAMES[name])

    def whole(self, name: int, number: int) -> None:
        """Write a file at once."""
        self.complete.add(content(number))
        self.path(name).write_bytes(content(number))

    def chunked(self, name: int, number: int) -> None:
        """Write a file in pieces, over another one if there is one, keeping it open."""
        self.complete.add(content(number))
        with self.path(name).open("wb", buffering=0) as file:
            for start in range(0, 600, 150):
                file.write(content(number)[start : start + 150 if start < 450 else None])
                time.sleep(0.01)

    def renamed(self, name: int, number: int) -> None:
        """Write a file beside its place and rename it into place."""
        temporary = self.root / "being written.tmp"
        temporary.write_bytes(content(number))
        self.complete.add(content(number))
        temporary.replace(self.path(name))

    def rewritten(self, name: int, number: int) -> None:
        """Write another content of the same length over a file and set the clock of both to 0."""
        self.whole(name, number)
        os.utime(self.path(name), ns=(0, 0))

    def linked(self, name: int, number: int) -> None:
        """Give a file a second name."""
        other = self.path(number % len(NAMES))
        if other.exists() and not self.path(name).exists():
            self.path(name).hardlink_to(other)

    def removed(self, name: int, number: int) -> None:  # noqa: ARG002 - all operations are called alike
        """Take a file away."""
        self.path(name).unlink(missing_ok=True)

    def emptied(self, name: int, number: int) -> None:  # noqa: ARG002 - all operations are called alike
        """Leave a file of no bytes."""
        self.path(name).write_bytes(b"")

    def lying(self) -> dict[bytes, bytes]:
        """Return the content of every file that is there."""
        paths = [self.path(name) for name in range(len(NAMES))]
        return {os.fsencode(path): path.read_bytes() for path in paths if path.exists()}

    def moved_in(self, name: int, number: int) -> None:
        """Rename a whole folder with files in it into the folder: no event reports the files."""
        outside = self.root.parent / f"outside {number}"
        outside.mkdir(exist_ok=True)
        for more in range(3):
            self.complete.add(content(1000 + 10 * number + more))
            (outside / f"{more}.csv").write_bytes(content(1000 + 10 * number + more))
        target = self.root / f"moved {name}"
        shutil.rmtree(target, ignore_errors=True)
        outside.rename(target)

    def burst(self, name: int, number: int) -> None:
        """Write many files at once."""
        folder = self.root / f"burst {name}"
        folder.mkdir(exist_ok=True)
        size = FLOOD if self.floods > 0 else BURST
        self.floods -= 1
        for more in range(size):
            made = content(100_000 + FLOOD * number + more)
            self.complete.add(made)
            (folder / f"{number} {more}.csv").write_bytes(made)

    def set_back(self, name: int, number: int) -> None:
        """Write a file whose time lies an hour in the future, or before 1970: a clock that was set."""
        self.whole(name, number)
        when = time.time_ns() + 3_600 * 10**9 if number % 2 else -(10**9)
        os.utime(self.path(name), ns=(when, when))

    def replaced(self, name: int, number: int) -> None:  # noqa: ARG002 - all operations are called alike
        """Take the folder itself away and put another one in its place, by a link or as it was."""
        aside = self.root.parent / "aside"
        target = self.root.resolve()
        if self.root.is_symlink():
            self.root.unlink()
            target.rename(self.root)
        else:
            rename_folder(target, aside)
            time.sleep(0.05)
            if number % 2 and sys.platform != "win32":  # a link needs a privilege there
                self.root.symlink_to(aside)
            else:
                rename_folder(aside, self.root)

    def all_lying(self) -> set[bytes]:
        """Return the content of every file in the folder and below that has one."""
        paths = [Path(folder) / name for folder, _, names in os.walk(self.root, followlinks=False) for name in names]
        found = {path.read_bytes() for path in paths if not path.name.endswith(".tmp")}
        return found - {b""}
