"""What other people's readers of binary formats do with damaged files: ``python tests/other_readers.py FILE [COUNT]``.

The numbers of docs/decisions/0012 come from here. Each mutation, and then each file with a number in
it that leads nowhere, is read in this process under a limit of memory and of time.
"""

from __future__ import annotations

import collections
import contextlib
import io
import os
import signal
import struct
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mutations import mutated

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY, PATIENCE_S = 1 << 30, 3.0
WRONG: dict[str, dict[str, tuple[str, int, *tuple[int, ...]]]] = {
    ".wdf": {"a block of size 0": ("<Q", 520, 0), "2**29 spectra": ("<QQ", 0x40, 2**29, 2**29), "a Latin-1 name": ("<H", 0xD0, 0xE8E9)},
    ".0": {"a parameter of length -4": ("<h", 510, -4), "2**30 blocks": ("<i", 16, 2**30)},
    ".sif": {},
    ".spe": {"2**16 - 1 frames": ("<H", 1446, 2**16 - 1), "an XML at byte 0": ("<Q", 678, 0)},
    ".spa": {"a block at the end of memory": ("<I", 306, 2**32 - 1), "2**30 points": ("<I", 564, 2**30)},
    ".wip": {"a name of 2**31 bytes": ("<I", 45, 2**31 - 1)},
}
"""Numbers to put into the real files of each format, and where."""


def read_wdf(path: Path) -> None:
    """Read a file with renishawWiRE."""
    from renishawWiRE import WDFReader  # type: ignore[import-untyped]

    WDFReader(str(path)).close()


def read_opus(path: Path) -> None:
    """Read a file with brukeropus."""
    from brukeropus import read_opus as read  # type: ignore[import-untyped]

    found = read(str(path))
    for name in found.data_keys:
        getattr(found, name).y.shape  # noqa: B018 - numbers are made when they are requested


def read_sif(path: Path) -> None:
    """Read a file with sif_parser."""
    from sif_parser import np_open  # type: ignore[import-untyped]

    np_open(str(path))


def read_spe(path: Path) -> None:
    """Read a file with spe2py."""
    from spe_loader import SpeFile  # type: ignore[import-untyped]

    SpeFile(str(path))


def read_spa(path: Path) -> None:
    """Read a file with spectrochempy-omnic."""
    from spectrochempy_omnic import OMNICReader  # type: ignore[import-untyped]

    OMNICReader(path)


def read_wip(path: Path) -> None:
    """Read every spectrum of a project with witio."""
    from witio import read as read_project  # type: ignore[import-untyped]

    for graph in read_project(path).data:
        if graph.class_name == "TDGraph":
            graph.x_axis("nm")
            graph._graph_array()


READERS: dict[str, Callable[[Path], None]] = {
    ".wdf": read_wdf,
    ".0": read_opus,
    ".sif": read_sif,
    ".spe": read_spe,
    ".spa": read_spa,
    ".wip": read_wip,
}
"""By the end of the file's name."""


def ended(read: Callable[[Path], None], data: bytes, path: Path) -> str:
    """Read a file, and return how that ended."""
    path.write_bytes(data)
    out = io.StringIO()
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    started = time.perf_counter()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            read(path)
        outcome = "read"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        outcome = type(error).__name__
    signal.setitimer(signal.ITIMER_REAL, 0)
    if time.perf_counter() - started >= PATIENCE_S:
        outcome = f"still reading after {PATIENCE_S:g} s"
    return outcome + ", printing" * bool(out.getvalue())


def late(*_: object) -> None:
    """End a reader that does not end."""
    raise TimeoutError


def main() -> int:
    """Run what the command line asks for."""
    file, count = Path(sys.argv[1]), int((sys.argv[2:] or ["1000"])[0])
    suffix = file.suffix.lower()
    read, data = READERS[suffix], file.read_bytes()
    signal.signal(signal.SIGALRM, late)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        tally = collections.Counter(ended(read, mutated(data, k, list(range(1024))), path) for k in range(count))
        print(f"{count} mutations of {file.name}: {dict(tally.most_common())}")  # noqa: T201 - a command
        print(f"cut in half: {ended(read, data[: len(data) // 2], path)}")  # noqa: T201 - a command
        for name, (form, at, *values) in WRONG[suffix].items():
            made = bytearray(data)
            struct.pack_into(form, made, at, *values)
            print(f"{name}: {ended(read, bytes(made), path)}")  # noqa: T201 - a command
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
