"""Decimal numbers as text: a spectrum a line, or a value a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from raman_edge.devices.codecs.events import RawFrame, Reply
from raman_edge.devices.codecs.stream import Lost, Stream, Took
from raman_edge.devices.codecs.words import RISING, Scale, same_length
from raman_edge.errors import SpectrumError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import ArrayLike

    from raman_edge.devices.codecs.events import Counts, Event

NUMBER: Final = 24
"""Bytes of the longest number, its separator included."""
MOST: Final = 65_536
"""Values of the longest line where nobody says how many there are."""
_LINE_END = re.compile(rb"[\r\n]")
_NUMERIC = re.compile(rb"[-+.0-9eE \t]+")
_TEXT = re.compile(rb"[\x20-\x7E\t]{1,256}")
_WORD = re.compile(rb"\b(?!(?:nan|inf)\b)[a-z]{2}", re.IGNORECASE)
_PADDING = b"\0 \t\r\n"


@dataclass(frozen=True, slots=True)
class Grammar:
    """How the lines are to be read."""

    count: int | None = None
    """Values of a spectrum; None is as many as the first whole line has, at least 2."""
    layout: Literal["row", "column"] = "row"
    """A spectrum a line, or a value a line."""
    separator: bytes = b","
    """Between the values of a row; one more at its end is no value."""
    comment: bytes = b""
    """Lines that begin with this are skipped; empty where none is."""
    error: bytes = b""
    """Lines that begin with this say why there is no spectrum; empty where none does."""
    end: bytes = b""
    """What stands after the last line of a column."""
    streaming: bool = False
    """Whether the device sends without being asked, so that the first line may have begun before the port was opened."""


class Lines(Stream):
    """Lines of text, ended by CR, LF or both; blank ones are skipped."""

    def __init__(self, grammar: Grammar, scale: Scale = RISING) -> None:
        self._grammar, self._scale = grammar, scale
        super().__init__(NUMBER * ((grammar.count or MOST) + 16))

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

    def _next(self) -> Took | Lost | None:
        found = _LINE_END.search(self._kept)
        if found is None:
            return None
        end, line = found.end(), bytes(self._kept[: found.start()]).strip(_PADDING)
        if self._within:
            self._within = False
            return Took(end, Reply("partial", line, at=self._at))
        grammar = self._grammar
        if not line or (grammar.comment and line.startswith(grammar.comment)):
            return Took(end)
        if grammar.error and line.startswith(grammar.error):
            return Took(end, Reply("error", line, at=self._at))
        if self._is_text(line):
            return Took(end, Reply("text", line, at=self._at))
        return self._row(end, line) if grammar.layout == "row" else self._column()

    def _is_text(self, line: bytes) -> bool:
        """Whether a line was never meant as counts: one damaged byte makes no word of them."""
        alone = self._grammar.separator not in line
        return line[:1] not in b"+-.0123456789" and bool(_TEXT.fullmatch(line)) and (alone or bool(_WORD.search(line)))

    def _row(self, end: int, line: bytes) -> Took | Lost:
        separator = self._grammar.separator
        values = _numbers(line.split() if separator == b" " else line.removesuffix(separator).split(separator))
        if values is None:
            return Lost(end, f"{line[:40]!r} are no numbers; expected numbers with {separator!r} between them")
        self._count = self._count or (len(values) if len(values) > 1 else None)
        if len(values) != self._count:
            return Lost(end, f"{len(values)} values in a line; expected {self._count or 'at least 2'}")
        return self._whole(end, values)

    def _moved(self) -> None:
        self._lines: list[bytes] = []
        self._place = 0

    def _column(self) -> Took | Lost | None:
        count = self._count or 0
        while len(self._lines) < count:
            found = _LINE_END.search(self._kept, self._place)
            if found is None:
                return None
            if line := bytes(self._kept[self._place : found.start()]).strip(_PADDING):
                if not _NUMERIC.fullmatch(line):
                    return Lost(self._place or found.end(), f"{len(self._lines)} values in a column, then {line[:40]!r}; expected {count}")
                self._lines.append(line)
            self._place = found.end()
        return self._closed(count)

    def _closed(self, count: int) -> Took | Lost | None:
        closing, place = self._grammar.end, self._place
        while closing and bytes(self._kept[place : place + 1]) in (b"\r", b"\n"):
            place += 1
        if len(self._kept) < place + len(closing):
            return None
        if not self._kept.startswith(closing, place):
            early = self._kept.find(closing, 0, place)
            found = early + len(closing) if early >= 0 else place
            return Lost(found, f"a column of {count} values does not end with {closing!r}")
        values = _numbers(self._lines)
        return Lost(place, "a line of a column is no number") if values is None else self._whole(place + len(closing), values)

    def _whole(self, length: int, values: Counts) -> Took | Lost:
        if why := self._scale.misfit(values):
            return Lost(length, why)
        return Took(length, RawFrame(self._scale.turned(values), at=self._at, length=length))

    def encode(self, counts: ArrayLike, fields: Mapping[str, int | str] | None = None) -> bytes:
        """Return the lines of a frame, CR LF at their ends; raises :class:`SpectrumError` where the counts do not fit."""
        _ = fields
        if self._count is not None:
            same_length(counts, self._count)
        values = self._scale.turned(np.asarray(counts))
        if not np.isfinite(values).all():
            msg = "counts that are not finite; expected finite numbers"
            raise SpectrumError(msg)
        texts = [repr(value).encode() for value in values.tolist()]
        if self._grammar.layout == "row":
            return self._grammar.separator.join(texts) + b"\r\n"
        return b"".join(text + b"\r\n" for text in texts) + self._grammar.end


def _numbers(texts: list[bytes]) -> Counts | None:
    """Return the numbers, integers where all are written so; None where one is none or is not finite."""
    if not texts or not all(map(_NUMERIC.fullmatch, texts)):
        return None
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        return None
    if not np.isfinite(values).all():
        return None
    written_whole = not any(mark in text for text in texts for mark in (b".", b"e", b"E"))
    return values.astype(np.int64) if written_whole and np.abs(values).max() < 2**53 else values
