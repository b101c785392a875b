"""Files as large as they may be: answered within the memory of a small box."""

from __future__ import annotations

import subprocess
import sys

import pytest
from contracts.format_contract import EXAMPLES
from raman_edge.formats import MAX_BYTES

pytestmark = pytest.mark.slow

ROOM = 1 << 30
"""Bytes of address space beyond what the process and its input have."""
READ = f"""
import resource, sys
from raman_edge.errors import FormatError
from raman_edge.formats import read
from raman_edge.spectrum import Origin
read(open({str(EXAMPLES / "labspec.xml")!r}, "rb").read(), Origin("file", ""))
unit, head, tail = (bytes.fromhex(part) for part in sys.argv[1:])
data = head + unit * (({MAX_BYTES} - len(head) - len(tail)) // len(unit)) + tail
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + {ROOM}, mapped + {ROOM}))
try:
    print(len(read(data, Origin("file", ""))), "spectra")
except FormatError as error:
    print(error)
"""
JCAMP = b"##TITLE=x\n##DATA TYPE=RAMAN SPECTRUM\n##XUNITS=1/CM\n##FIRSTX=1\n##LASTX=9\n##XYDATA=(X++(Y..Y))\n"
XML = (EXAMPLES / "labspec.xml").read_bytes()
MATRIX = XML[: XML.index(b"<LSX_Matrix>")] + b"<LSX_Matrix>"
CASES = [
    (b"123.5 678.9\n", b"", b"", "too many lines: got 5592406 lines, expected at most 250000"),
    (b"1 ", b"", b"", "line too long: got 67108864 characters, expected at most 65536"),
    (b'"1.5","2.5";' * 24 + b"\n", b"", b"", "not a table: got "),
    (b"1 ", JCAMP, b"\n##END=\n", "characters, expected at most 65536, in the standard 80"),
    (b"1@S" + b"Z999" * 70 + b"\n", JCAMP, b"##END=\n", "points so far, expected at most 100000"),
    (
        b"120 ",
        MATRIX + b"<LSX_Row>",
        b"</LSX_Row></LSX_Matrix></LSX_Data>",
        "wrong number of counts: got 41 counts or more",
    ),
    (b"<a>", b"<LSX_Data>", b"", "tags, expected at most 100000"),
    (b"1,2," * 75 + b"\n", b"##NAMES=a\n##RRUFFID=R1\n", b"##END=\n", "rows with a Raman shift and counts"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of the address space is Linux's")
@pytest.mark.parametrize(("unit", "head", "tail", "says"), CASES, ids=[says for *_, says in CASES])
def test_sixty_four_megabytes_are_answered_in_one_gigabyte(unit: bytes, head: bytes, tail: bytes, says: str) -> None:
    """Whatever the text is, one line says what is too much."""
    command = [sys.executable, "-c", READ, unit.hex(), head.hex(), tail.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    assert says in done.stdout
