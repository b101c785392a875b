"""A first profile from what an instrument sends: how its spectra look on the line, and the TOML that describes them."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_VALUES = 16
"""Fewest values of a spectrum; fewer are a message."""
LEAST_FRAMES = 3
"""Fewest binary spectra by which their beginning is known."""
LOOKED_AT = 262_144
"""Bytes that are looked at."""
MOST_SYNC = 4
"""Most bytes of a beginning."""
SEPARATORS = {",": b",", ";": b";", "tab": b"\t", "space": b" "}
NUMBER = re.compile(rb"[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")
ENDS = {b"\r\n": "CR LF", b"\n": "LF", b"\r": "CR"}


@dataclass(frozen=True, slots=True)
class FrameSight:
    """Spectra that were seen in some bytes."""

    mode: Literal["row", "column", "fixed"]
    """A spectrum a line, a value a line, or binary."""
    values: int
    """Of one spectrum."""
    spectra: int
    """Whole ones that were seen."""
    separator: str = ","
    """For ``row``: as :class:`raman_edge.instruments.profiles.frame.LinesFrame` names it."""
    end: str = ""
    """For text: how a line ends, in words."""
    sync: bytes = b""
    """For ``fixed``: the bytes at the beginning of each spectrum."""
    dtype: str = "u16le"
    """For ``fixed``: how a value is sent."""

    def described(self) -> str:
        """Return what was seen, as a clause."""
        if self.mode == "row":
            return f"lines of {self.values} numbers ending in {self.end}, {self.spectra} of them"
        if self.mode == "column":
            return f"{self.values} lines ending in {self.end}, a number in each"
        begin = f" beginning with {self.sync.hex(' ')}" if self.sync else ""
        return f"{self.spectra} binary spectra of {self.values} values{begin}, {self.dtype}"


def look(data: bytes, *, answer: bool = False) -> FrameSight | None:
    """Return the spectra in bytes that an instrument sent; None where none are recognised.

    ``answer`` says that the bytes are the whole answer to one request: then a value a line is possible, and binary without a beginning.
    """
    data = data[:LOOKED_AT]
    text = _rows(data) or (_column(data) if answer else None)
    if text is not None or _is_text(data):
        return text
    return _framed(data) or (_alone(data) if answer else None)


def _is_text(data: bytes) -> bool:
    return sum(byte in b"\t\r\n" or 32 <= byte < 127 for byte in data) >= 0.95 * len(data)  # noqa: PLR2004 - printable ASCII


def _lines(data: bytes) -> tuple[list[bytes], str]:
    """Return the lines that are not blank, and how most of them end."""
    ends = Counter(found[0] for found in re.finditer(rb"\r\n|\n|\r", data))
    if not ends:
        return [], ""
    end = ends.most_common(1)[0][0]
    return [line for line in (part.strip() for part in re.split(rb"[\r\n]+", data)) if line], ENDS[end]


def _rows(data: bytes) -> FrameSight | None:
    lines, end = _lines(data)
    for name, separator in SEPARATORS.items():
        counts = Counter(many for line in lines if (many := _numbers(line, separator)) >= LEAST_VALUES)
        if counts:
            values, spectra = counts.most_common(1)[0]
            return FrameSight("row", values, spectra, name, end)
    return None


def _numbers(line: bytes, separator: bytes) -> int:
    """Return how many numbers are in a line; 0 where something else is in it, too."""
    cells = line.split() if separator == b" " else [cell.strip() for cell in line.rstrip(separator).split(separator)]
    return len(cells) if all(NUMBER.fullmatch(cell) for cell in cells) else 0


def _column(data: bytes) -> FrameSight | None:
    lines, end = _lines(data)
    numbers = [line for line in lines if NUMBER.fullmatch(line)]
    return FrameSight("column", len(numbers), 1, end=end) if len(numbers) >= LEAST_VALUES and len(numbers) == len(lines) else None


def _framed(data: bytes) -> FrameSight | None:
    """Find bytes that come again and again at the same distance, and nowhere else."""
    array = np.frombuffer(data, np.uint8)
    pairs = array[:-1].astype(np.int32) * 256 + array[1:]
    order = np.argsort(pairs, kind="stable")
    values, starts, counts = np.unique(pairs[order], return_index=True, return_counts=True)
    for at in np.flatnonzero(counts >= LEAST_FRAMES):
        places = order[starts[at] : starts[at] + counts[at]]
        steps = np.diff(places)
        if (steps == steps[0]).all() and steps[0] >= 2 * LEAST_VALUES and (counts[at] + 2) * steps[0] > array.size:
            return _with_beginning(array, places, int(steps[0]), int(values[at]))
    return None


def _with_beginning(array: np.ndarray[tuple[int], np.dtype[np.uint8]], places: np.ndarray, period: int, pair: int) -> FrameSight | None:
    whole = places[places + period <= array.size]
    frames = np.array([array[place : place + period] for place in whole])
    same = (frames == frames[0]).all(axis=0)
    length = int(np.argmin(same)) if not same.all() else MOST_SYNC
    length = min(max(length, 2), MOST_SYNC)
    length -= (period - length) % 2
    if length < 1:
        return None
    sync = frames[0][:length].tobytes() if length != 2 else pair.to_bytes(2, "big")  # noqa: PLR2004 - the pair itself
    return FrameSight("fixed", (period - length) // 2, len(whole), sync=sync, dtype=_order(frames[:, length:].tobytes()))


def _alone(data: bytes) -> FrameSight | None:
    if len(data) < 2 * LEAST_VALUES or len(data) % 2:
        return None
    return FrameSight("fixed", len(data) // 2, 1, dtype=_order(data))


def _order(data: bytes) -> str:
    """Return the byte order in which neighbouring values are closer to each other."""
    rough = {name: float(np.abs(np.diff(np.frombuffer(data, name).astype(np.float64))).sum()) for name in ("<u2", ">u2")}
    return "u16be" if rough[">u2"] < rough["<u2"] else "u16le"


@dataclass(frozen=True, slots=True)
class DraftFacts:
    """What the user knows about an instrument."""

    name: str
    """Of the profile."""
    baud: int
    vendor: str = "unknown"
    model: str = ""
    laser_nm: float | None = None
    """None leaves the table out."""
    request: str = ""
    """A request for one spectrum, as a field of a profile: ``ascii:S\\r``; "" where spectra come by themselves."""
    source: str = "recorded from the instrument"
    """Where the facts come from."""


def page(facts: DraftFacts, sight: FrameSight) -> str:
    """Return the TOML of a profile."""
    return "\n".join(_page(facts, sight)) + "\n"


def _page(facts: DraftFacts, sight: FrameSight) -> Iterator[str]:
    yield f"# Written by `raman-edge instruments new`: {sight.described()}, at {facts.baud} baud."
    yield "# docs/instruments.md lists every key: the exposure, the bits of the converter, covered pixels, the axis."
    yield from ("schema = 1", "", "[device]", f"id = {_quoted(facts.name)}", f"vendor = {_quoted(facts.vendor)}")
    yield f"model = {_quoted(facts.model or facts.name)}"
    yield from ("", "[provenance]", f"sources = [{_quoted(facts.source)}]", 'certainty = "unchecked"')
    yield from ('unchecked = ["everything that the recorded bytes do not show"]', "hardware_tested = false")
    yield from ("", "[serial]", f"baud = [{facts.baud}]")
    if not facts.request:
        yield "boot_ms = 2000  # boards of the Arduino kind restart when the port is opened"
    else:
        yield from ("", "[commands]", f"acquire = {{ send = [{_quoted(facts.request)}] }}")
    yield from ("", "[frame]")
    if sight.mode == "fixed":
        yield from ('mode = "fixed"', f"count = {sight.values}", f"dtype = {_quoted(sight.dtype)}")
        if sight.sync:
            yield f"sync = {_quoted('hex:' + sight.sync.hex(' '))}"
    else:
        yield from ('mode = "lines"', f"layout = {_quoted(sight.mode)}", f"count = {sight.values}")
        if sight.mode == "row":
            yield f"separator = {_quoted(sight.separator)}"
    if facts.laser_nm is not None:
        yield from ("", "[laser]", f"wavelength_nm = {facts.laser_nm!r}")


def request_bytes(text: str) -> bytes:
    r"""Return the bytes of a request as a user writes it, with ``\r``, ``\n``, ``\t``, ``\xHH``, and ``\\`` for a backslash."""
    known = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}
    data = b""
    for found in re.finditer(r"\\x([0-9A-Fa-f]{2})|\\([rnt\\])|(.)", text, re.DOTALL):
        byte, escape, character = found.groups()
        data += bytes.fromhex(byte) if byte else known[escape] if escape else character.encode()
    return data


def template(request: bytes) -> str:
    """Return the field of a profile that makes these bytes; "" for none."""
    if not request:
        return ""
    plain = request.isascii() and not set(b"{}") & set(request)
    return f"ascii:{request.decode('ascii')}" if plain else f"hex:{request.hex(' ')}"


def _quoted(text: str) -> str:
    """Return a TOML string: JSON's escapes are among TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
