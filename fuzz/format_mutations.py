"""Mutations of files as instruments write them, read one after the other in child processes.

``python fuzz/format_mutations.py FOLDER COUNT [FIRST]`` mutates every file below FOLDER in turn. A
crash, a hang, more memory than a spectrum can need or anything but spectra or one clear line is reported
with the number of its mutation, and the run continues; exit code 1 then. ``mutation(files(FOLDER), N)``
gives the bytes again.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from mutations import run
from raman_edge.errors import FormatError
from raman_edge.formats import read
from raman_edge.sources.files import parse
from raman_edge.spectrum import Fault, Origin

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    import collections
    from collections.abc import Callable, Sequence

    from raman_edge.spectrum import Spectrum

ROOM = 1 << 30
"""Bytes of memory beyond what a child has when it starts."""
SLOW_S = 5.0
LONGEST = 600
"""Characters of a message."""
PARSED = 16
"""Of so many mutations, one also goes through :func:`parse`, which must never raise."""
NUMBER = re.compile(rb"[-+]?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?")
NUMBERS = (
    b"1e308",
    b"-1e308",
    b"9" * 40,
    b"9" * 5000,
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e-320",
    b"",
    b"1,5",
    b"0x10",
    b"1_000",
    b"\xef\xbc\x91",
)
LASERS = (None, None, 785.0, 532.0)


def files(folder: Path) -> list[bytes]:
    """Return the contents of the files below a folder, sorted by path."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def mutation(contents: Sequence[bytes], number: int) -> bytes:
    """Return the mutation of that number: of one file, one to six changes."""
    rng = random.Random(number)  # noqa: S311 - not for secrets
    made = bytearray(contents[number % len(contents)])
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        rng.choice(CHANGES)(made, rng, contents)
    return bytes(made)


def _place(made: bytearray, rng: random.Random) -> int:
    """Return a place, in the header more often than its length is worth."""
    return rng.randrange(min(len(made), rng.choice([64, 1024, 1 << 30])) + 1)


def _bytes(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    place = _place(made, rng)
    made[place : place + 1] = bytes([rng.choice([0, 0xFF, 0x7F, 0x80, rng.randrange(256), rng.randrange(32, 127)])])


def _inserted(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    place = _place(made, rng)
    made[place:place] = rng.choice([rng.randbytes(rng.choice([1, 4, 40])), b"\n", b"\r", b"\t", b";", b",", b'"', b"#", b"=", b"\x00" * 8])


def _deleted(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    place = _place(made, rng)
    del made[place : place + rng.choice([1, 2, 7, 64, 4096])]


def _cut(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del made[_place(made, rng) :]


def _beheaded(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    del made[: _place(made, rng)]


def _spliced(made: bytearray, rng: random.Random, contents: Sequence[bytes]) -> None:
    other = rng.choice(contents)
    start = _place(bytearray(other), rng)
    place = _place(made, rng)
    made[place : place + rng.choice([0, 100, len(made)])] = other[start : start + rng.choice([100, 5000, len(other)])]


def _number(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    found = NUMBER.search(made, _place(made, rng))
    if found:
        made[found.start() : found.end()] = rng.choice(NUMBERS)


def _four(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    """Make four bytes a number that a binary header must not believe."""
    place = _place(made, rng) & ~3
    made[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0", b"\0\0\xc0\x7f", b"\1\0\0\0"])


def _lines(made: bytearray, rng: random.Random, _: Sequence[bytes]) -> None:
    lines = bytes(made).split(b"\n")
    start = min(rng.randrange(len(lines)), rng.choice([8, 1 << 30]))
    length = rng.choice([1, 2, 20, 400])
    part = lines[start : start + length]
    how = rng.randrange(4)
    if how == 0:
        lines[start:start] = part * rng.choice([1, 2, 30])
    elif how == 1:
        del lines[start : start + length]
    elif how == 2:
        lines[start : start + length] = part[::-1]
    else:
        lines[start : start + length] = rng.sample(part, len(part))
    made[:] = b"\n".join(lines)


CHANGES: tuple[Callable[[bytearray, random.Random, Sequence[bytes]], None], ...] = (
    *(_bytes, _bytes, _inserted, _deleted, _cut, _beheaded),
    *(_spliced, _number, _number, _four, _lines, _lines),
)


def answer(data: bytes, number: int) -> str:
    """Return what comes of reading these bytes: spectra, a fault, or what must not be; other exceptions are not caught."""
    laser_nm = LASERS[number % len(LASERS)]
    origin = Origin("file", f"mutation {number}")
    if number % PARSED == 0:
        parsed = parse(data, origin, laser_nm)
        if any(isinstance(one, Fault) and one.why.startswith("the reader failed") for one in parsed):
            return "ESCAPED into parse"
    try:
        found = read(data, origin, laser_nm=laser_nm)
    except FormatError as error:
        message = str(error)
        return "fault" if message.isprintable() and 0 < len(message) < LONGEST else "ESCAPED message"
    return _checked(found)


def _checked(found: tuple[Spectrum, ...]) -> str:
    numbered = [spectrum.origin.index for spectrum in found] == list(range(len(found)))
    return "answered" if found and numbered and all("format" in spectrum.meta for spectrum in found) else "ESCAPED answer"


def child(folder: Path, numbers: range, out: int) -> None:
    """Read these mutations, telling the number of each one before it begins."""
    contents = files(folder)
    answer(contents[numbers[0] % len(contents)], numbers[0])  # imports are no part of the limit
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + ROOM, mapped + ROOM))
    warnings.simplefilter("error")
    for number in numbers:
        os.write(out, f"{number}\n".encode())
        data = mutation(contents, number)
        started = time.process_time()
        try:
            outcome = answer(data, number)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            outcome = f"ESCAPED {type(error).__name__} {error}"[:200]
        if time.process_time() - started > SLOW_S:
            outcome = "SLOW"
        os.write(out, json.dumps([number, outcome]).encode() + b"\n")


def tally(folder: Path, numbers: range) -> collections.Counter[str]:
    """Read mutations in children, and return how many ended how."""
    return run(folder, numbers, child)


def main() -> int:
    """Run what the command line selects."""
    folder, count, first = Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0])
    ends = tally(folder, range(first, first + count))
    print(f"{count} mutations of the files below {folder}: {dict(sorted(ends.items()))}")
    return int(any(outcome not in {"answered", "fault"} for outcome in ends))


if __name__ == "__main__":
    sys.exit(main())
