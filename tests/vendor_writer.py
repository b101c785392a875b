"""Writes spectra as an instrument's software does: ``python tests/vendor_writer.py FOLDER COUNT [FIRST]``.

Each file is opened without sharing it, written in pieces with pauses, and closed; every second one has another name until then. Lines end
with CR LF. The SHA-256 of each file is printed when it lies there complete.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import random
import sys
import time
from pathlib import Path

PIECES, PAUSE_S = 4, 0.01


def text(number: int) -> bytes:
    """Return a spectrum with three lines whose places depend on the number."""
    rng = random.Random(number)  # noqa: S311 - the same spectra every time
    lines = [(rng.uniform(200, 1200), rng.uniform(500, 3000)) for _ in range(3)]
    counts = {
        shift: 100 + sum(height * math.exp(-(((shift - place) / 8) ** 2)) for place, height in lines) for shift in range(150, 1300, 4)
    }
    rows = (f"{shift},{count:.2f}" for shift, count in counts.items())
    return "\r\n".join((f"# vendor file {number}", "Raman shift / cm-1,counts", *rows, "")).encode()


def create(path: Path) -> int:
    """Create a file, shared with no other program where the system can do so, and return its descriptor."""
    if sys.platform != "win32":
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    import msvcrt

    open_file = ctypes.WinDLL("kernel32", use_last_error=True).CreateFileW
    open_file.restype = ctypes.c_void_p
    open_file.argtypes = (ctypes.c_wchar_p, *(ctypes.c_uint32,) * 2, ctypes.c_void_p, *(ctypes.c_uint32,) * 2, ctypes.c_void_p)
    handle = open_file(str(path), 0x40000000, 0, None, 1, 0x80, None)  # GENERIC_WRITE, no sharing, CREATE_NEW
    if handle in (None, ctypes.c_void_p(-1).value):
        raise ctypes.WinError(ctypes.get_last_error())
    return msvcrt.open_osfhandle(handle, os.O_WRONLY | os.O_BINARY)


def write(folder: Path, number: int) -> str:
    """Write one file and return the digest of its content."""
    content = text(number)
    target = folder / f"acquisition {number:05}.csv"
    written = target.with_suffix(".acquiring") if number % 2 else target
    fd = create(written)
    size = -(-len(content) // PIECES)
    for place in range(0, len(content), size):
        os.write(fd, content[place : place + size])
        time.sleep(PAUSE_S)
    os.close(fd)
    if written != target:
        written.rename(target)
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Write what the command line names."""
    folder, count, first = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0
    for number in range(first, first + count):
        sys.stdout.write(f"{write(folder, number)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
