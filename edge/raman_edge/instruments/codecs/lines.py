"""Decimal numbers as text: a spectrum a line, or a value a line, alone or behind its place on the axis."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from raman_edge.errors import SpectrumError
from raman_edge.instruments.codecs.stream import CodecStream, Consumed, Discarded, RawFrame, Reply
from raman_edge.instruments.codecs.words import RISING, CountScale, same_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike

    from raman_edge.instruments.codecs.stream import Counts, Event

LINE_END = re.compile(rb"[\r\n]")
NUMBER = rb"-+.0-9eE \t"
"""Characters of numbers."""
PADDING = b"\0 \t\r\n"
"""Bytes around a line that are not part of it."""
_BLANK = re.compile(rb"[ \t]")
_WRITTEN = re.compile(rb"[%b]+" % NUMBER)
_WRITTEN_BROKEN = re.compile(rb"[.eE]")


class Column:
    """The lines of one spectrum without blank ones."""

    def __init__(self, place: int, characters: bytes = NUMBER) -> None:
        """Begin at ``place`` of the data; lines of nothing but ``characters``, a class of :mod:`re`, are taken."""
        self.lines: list[bytes] = []
        self.place = place
        """Where the next line begins."""
        self._numeric = re.compile(rb"[%b]+" % characters)
        self._all = re.compile(rb"[%b\r\n]*" % characters)

    def resume(self, data: bytearray, count: int) -> bytes | None:
        """Take whole lines until there are ``count``; returns the line that is no number, None where there is none."""
        end = max(data.rfind(b"\n", self.place), data.rfind(b"\r", self.place)) + 1
        if end <= self.place or len(self.lines) >= count:
            return None
        chunk = bytes(data[self.place : end])
        good = self._plain(chunk)
        if good:
            self._take(chunk[:good], count - len(self.lines))
        if len(self.lines) == count or good == len(chunk):
            return None
        return self._look(chunk[good:], count)

    def _plain(self, chunk: bytes) -> int:
        """Return how many bytes at its beginning are good lines without blanks in them."""
        found = self._all.match(chunk)
        end = found.end() if found else 0
        end = max(chunk.rfind(b"\n", 0, end), chunk.rfind(b"\r", 0, end)) + 1
        return 0 if _BLANK.search(chunk, 0, end) else end

    def _take(self, chunk: bytes, wanted: int) -> None:
        """Take lines of numbers without blanks."""
        texts = chunk.split(None, wanted)
        head = chunk[: len(chunk) - len(texts[wanted])] if len(texts) > wanted else chunk
        self.lines += texts[:wanted]
        # However many line ends follow, the last line is over with the first of them.
        self.place += len(chunk) if len(texts) < wanted else len(head.rstrip(PADDING)) + 1

    def _look(self, chunk: bytes, count: int) -> bytes | None:
        """Take lines one by one."""
        taken = 0
        for part in LINE_END.split(chunk)[:-1]:
            line = part.strip(PADDING)
            if line and not self._numeric.fullmatch(line):
                self.place += taken
                return line
            taken += len(part) + 1
            if line:
                self.lines.append(line)
                if len(self.lines) == count:
                    break
        self.place += taken
        return None


def behind(data: bytearray, start: int, count: int) -> int:
    """Return where the line after ``count`` lines with something on them begins, counted from ``start``."""
    place = start
    while count and (found := LINE_END.search(data, place)):
        count -= bool(data[place : found.start()].strip(PADDING))
        place = found.end()
    return place


def shown(data: bytes) -> str:
    """Return bytes of a device for a message: printable and short."""
    return repr(data[:40])[1:] + (" …" if len(data) > 40 else "")  # noqa: PLR2004 - half a line


def odd(cells: list[bytes]) -> str:
    """Return which values are no numbers, as in "value 101 of 512 is empty"; "" where all of them are."""
    found = [(place, why) for place, cell in enumerate(cells, start=1) if (why := _not_a_number(cell.strip(b" \t")))]
    if not found:
        return ""
    place, why = found[0]
    more = f", and {len(found) - 1} more are no numbers" if len(found) > 1 else ""
    return f"value {place} of {len(cells)} {why}{more}"


def _not_a_number(cell: bytes) -> str:
    """Return what a value is instead of a number; "" where it is one."""
    if not cell:
        return "is empty"
    try:
        value = float(cell)
    except ValueError:
        return f"is {shown(cell)}"
    if not math.isfinite(value):
        return f"is {shown(cell)}, which is not finite"
    return "" if _WRITTEN.fullmatch(cell) else f"is {shown(cell)}"


def numbers(texts: list[bytes]) -> Counts | None:
    """Return checked texts as numbers, integers if all are written as such; None where one is no number or not finite."""
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        return None
    if not values.size or not np.isfinite(values).all():
        return None
    written_whole = not _WRITTEN_BROKEN.search(b" ".join(texts))
    return values.astype(np.int64) if written_whole and np.abs(values).max() < 2**53 else values


LONGEST: Final = 24
"""Bytes of the longest number, its separator included."""
MOST: Final = 65_536
"""Most values of a line where the profile does not give their number."""
PAIR: Final = 2
_TEXT = re.compile(rb"[\x20-\x7E\t]{1,256}")
_WORD = re.compile(rb"\b(?!(?:nan|inf)\b)[a-z]{2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Grammar:
    """How the lines are to be read."""

    count: int | None = None
    """Values of a spectrum; None is as many as the first whole line has, at least 2."""
    layout: Literal["row", "column", "pairs"] = "row"
    """A spectrum a line, a value a line, or a value a line behind its place on the axis."""
    separator: bytes = b","
    """Between the values of a row or a pair; one more at its end is no value."""
    comment: bytes = b""
    """Lines that begin with this are skipped; empty where none is."""
    error: bytes = b""
    """Lines that begin with this are the reason for no spectrum; empty where none does."""
    end: bytes = b""
    """What stands after the last line of a column or of pairs."""
    streaming: bool = False
    """Whether the device sends without a request, so that the first line may have begun before the port was opened."""

    @property
    def width(self) -> int:
        """Numbers of a line of a column."""
        return PAIR if self.layout == "pairs" else 1

    def split(self, lines: list[bytes]) -> list[list[bytes]]:
        """Return the numbers of each line."""
        separator = self.separator
        if separator == b" ":
            return [line.split() for line in lines]
        return [line.removesuffix(separator).split(separator) for line in lines]


class LinesCodec(CodecStream):
    """Lines of text, ended by CR, LF or both; blank ones are skipped."""

    def __init__(self, grammar: Grammar, scale: CountScale = RISING) -> None:
        self._grammar, self._scale = grammar, scale
        self._characters = NUMBER + re.escape(grammar.separator)
        self._numeric = re.compile(rb"[%b]+" % self._characters)
        super().__init__(LONGEST * (grammar.width * (grammar.count or MOST) + 16))

    def reset(self) -> None:
        """Begin a new stream at byte 0, as after the port was opened."""
        self._count = self._grammar.count
        self._within = self._grammar.streaming
        super().reset()

    def silence(self) -> Iterator[Event]:
        """Say that the line was quiet: what is kept is no whole frame, is dropped and counted."""
        within = self._grammar.streaming and bool(self._kept)
        events = super().silence()
        self._within = within
        return events

    def _give_up(self, events: list[Event], why: str) -> None:
        super()._give_up(events, why)
        self._within = True

    def _moved(self) -> None:
        self._looked = 0
        self._column = Column(0, self._characters if self._grammar.layout == "pairs" else NUMBER)

    def _next(self) -> Consumed | Discarded | None:
        if self._column.lines:
            return self._values()
        found = LINE_END.search(self._kept, self._looked)
        if found is None:
            self._looked = len(self._kept)
            return None
        raw = bytes(self._kept[: found.start()])
        end, line = found.end(), raw.strip(PADDING)
        if self._within:
            self._within = False
            return Consumed(end, Reply("partial", line, at=self._at))
        if not line or (self._grammar.comment and line.startswith(self._grammar.comment)):
            return Consumed(end)
        if name := self._kind_of(line):
            return Consumed(end, Reply(name, line, at=self._at))
        return self._row(end, line, raw) if self._grammar.layout == "row" else self._values()

    def _kind_of(self, line: bytes) -> str:
        """Return what a line is that was never meant as counts; "" where it was."""
        if self._grammar.error and line.startswith(self._grammar.error):
            return "error"
        return "text" if self._is_text(line) else ""

    def _is_text(self, line: bytes) -> bool:
        """Whether a line was never meant as counts: neither a damaged byte nor a value that is a word makes it one."""
        grammar = self._grammar
        alone = grammar.separator not in line
        if line[:1] in b"+-.0123456789" or not _TEXT.fullmatch(line) or not (alone or _WORD.search(line)):
            return False
        return alone or grammar.layout != "row" or len(*grammar.split([line])) != self._count

    def _row(self, end: int, line: bytes, raw: bytes) -> Consumed | Discarded:
        values = numbers(*self._grammar.split([line])) if self._numeric.fullmatch(line) else None
        if values is None:
            return Discarded(end, self._mistake(raw))
        self._count = self._count or (len(values) if len(values) > 1 else None)
        return self._whole(end, values) if len(values) == self._count else Discarded(end, self._mistake(raw))

    def _mistake(self, raw: bytes) -> str:
        """Say what is wrong with a row: which value is none, or how many there are."""
        separator, count = self._grammar.separator, self._count
        line = raw.strip(PADDING.replace(separator, b""))
        cells = re.split(rb"[ \t]+", line) if separator == b" " else line.removesuffix(separator).split(separator)
        if line.endswith(separator) and len(cells) + 1 == count:
            cells.append(b"")  # what looks like a separator at the end stands before a value that is empty
        if why := odd(cells):
            return f"{why}; expected {count or 'at least 2'} numbers with {shown(separator)} between them"
        return f"{len(cells)} values in a line; expected {count or 'at least 2'}"

    def _values(self) -> Consumed | Discarded | None:
        """Go on with a spectrum of a value a line."""
        count, column = self._count or 0, self._column
        if (line := column.resume(self._kept, count)) is not None:
            end = behind(self._kept, column.place, 1)
            return Discarded(column.place or end, f"{self._place_of(len(column.lines))} is {shown(line)}; expected {self._expected}")
        return self._closed(count) if len(column.lines) == count else None

    def _closed(self, count: int) -> Consumed | Discarded | None:
        closing, place = self._grammar.end, self._column.place
        while closing and bytes(self._kept[place : place + 1]) in (b"\r", b"\n"):
            place += 1
        if len(self._kept) < place + len(closing):
            return None
        if not self._kept.startswith(closing, place):
            early = self._kept.find(closing, 0, place)
            found = early + len(closing) if early >= 0 else place
            return Discarded(found, f"a column of {count} values does not end with {closing!r}")
        return self._read(place, len(closing))

    def _read(self, place: int, closing: int) -> Consumed | Discarded:
        """Read the lines of a column, which end at ``place``; ``closing`` bytes follow them."""
        lines, width = self._column.lines, self._grammar.width
        cells = self._grammar.split(lines) if width > 1 else []
        if cells and set(map(len, cells)) != {width}:
            at = next(at for at, cell in enumerate(cells) if len(cell) != width)
            return Discarded(behind(self._kept, 0, at + 1), f"{self._place_of(at)} is {shown(lines[at])}; expected {self._expected}")
        values = numbers([text for _, text in cells] or lines)
        axis = numbers([text for text, _ in cells]) if cells else None
        if values is None or (cells and axis is None):
            why = odd([text for _, text in cells] or lines) or f"on the axis, {odd([text for text, _ in cells])}"
            return Discarded(place, f"{why}; expected {self._expected}")
        if axis is not None and (turned := _turned(axis)):
            why = f"an axis that goes from {axis[turned - 1]} to {axis[turned]}; expected one that rises or falls to its end"
            return Discarded(behind(self._kept, 0, turned), why)
        return self._whole(place + closing, values)

    def _place_of(self, at: int) -> str:
        """Return what to call the line of a column that is ``at`` lines behind its first."""
        return f"{'line' if self._grammar.layout == 'pairs' else 'value'} {at + 1} of {self._count}"

    @property
    def _expected(self) -> str:
        return f"2 numbers with {shown(self._grammar.separator)} between them" if self._grammar.layout == "pairs" else "a number"

    def _whole(self, length: int, values: Counts) -> Consumed | Discarded:
        if why := self._scale.misfit(values):
            return Discarded(length, why)
        return Consumed(length, RawFrame(self._scale.turned(values), at=self._at, length=length))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the lines of a frame, CR LF at their ends; raises :class:`SpectrumError` where the counts do not fit.

        Pairs have the number of the value, from 0, as their axis.
        """
        _ = fields
        if self._count is not None:
            same_length(counts, self._count)
        values = self._scale.turned(np.asarray(counts))
        if not np.isfinite(values).all():
            msg = "counts that are not finite; expected finite numbers"
            raise SpectrumError(msg)
        texts = [repr(value).encode() for value in values.tolist()]
        separator = self._grammar.separator
        if self._grammar.layout == "row":
            return separator.join(texts) + b"\r\n"
        if self._grammar.layout == "pairs":
            texts = [b"%d%b%b" % (place, separator, text) for place, text in enumerate(texts)]
        return b"".join(text + b"\r\n" for text in texts) + self._grammar.end


def _turned(axis: Counts) -> int:
    """Return from where on an axis goes the way that most of it goes, to its end; 0 where all of it does.

    No spectrum has a step the other way in it: the next one begins behind the last of them.
    """
    ways = np.sign(np.diff(axis))
    if not ways.size:
        return 0
    wrong = np.flatnonzero((ways != (np.median(ways) or ways[-1])) | (ways == 0))
    return int(wrong[-1]) + 1 if wrong.size else 0
