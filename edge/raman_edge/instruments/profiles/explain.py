"""The requests of a profile in bytes, and the answers that it expects in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.profiles.profile import CERTAINTIES, Query, Static

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.profiles.requests import RequestValues

CODECS = {"ooi": "Ocean's ASCII/binary set", "obp": "Ocean Binary Protocol", "delta8": "differences of one byte"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """A profile for a reader or a test."""

    profile: str
    requests: tuple[tuple[str, bytes], ...]
    """Command and its bytes, in the order of the keys; those after every opening first."""
    expects: tuple[str, ...]
    """Line, answers, frame, axis."""
    trust: tuple[str, ...]
    """Certainty, sources, unchecked facts."""


def of(profile: Profile, settings: RequestValues) -> Explanation:
    """Explain a profile, with the requests for these settings."""
    sent = []
    for path, command in requests.commands(profile):
        name = str(path[1])
        sent.append((name, requests.sent(profile, command, requests.values(profile, name, settings), f"commands.{name}")))
    return Explanation(profile.device.id, tuple(sent), tuple(_expected(profile)), tuple(_trust(profile)))


def _expected(profile: Profile) -> Iterator[str]:
    line, rates = profile.serial, ", ".join(map(str, profile.serial.baud))
    yield f"{rates} baud, {line.bytesize}{line.parity}{line.stopbits}"
    answers = {**profile.answers.literals, **{f"frame {name}": data for name, data in profile.frame.answers.items()}}
    if answers:
        yield ", ".join(f"{name} {data.hex(' ')}" for name, data in answers.items())
    yield from _frame(profile)
    if profile.streams:
        yield "spectra come without a request"
    axis = profile.wavelength
    if isinstance(axis, Static):
        yield f"axis: {len(axis.coefficients)} coefficients of this profile"
    elif isinstance(axis, Query):
        yield f"axis: {axis.coefficients} coefficients that the device returns"
    else:
        yield "axis: none; a calibration against a standard is needed"


def _frame(profile: Profile) -> Iterator[str]:
    frame = profile.frame
    pixels = "as many values as the first spectrum has" if frame.count is None else f"{frame.count} values"
    if isinstance(frame, FixedFrame):
        seconds = frame.size * profile.serial.bits_per_byte / profile.serial.baud[0]
        yield f"{pixels} of {frame.dtype}, {frame.size} bytes in all: {seconds:.2f} s at {profile.serial.baud[0]} baud"
    elif isinstance(frame, DelimitedFrame):
        yield f"{pixels} {'as text' if frame.text else f'of {frame.dtype}'} between the lines {frame.start!r} and {frame.end!r}"
    elif isinstance(frame, LinesFrame):
        line = {"row": "a spectrum", "column": "a value", "pairs": "a value and its place on the axis"}[frame.layout]
        yield f"{pixels} as text, {line} a line"
    elif isinstance(frame, NamedFrame):
        yield f"{pixels}, {CODECS[frame.name]}{' as text' if frame.text else ''}"


def _trust(profile: Profile) -> Iterator[str]:
    facts = profile.provenance
    yield f"{CERTAINTIES[facts.certainty]}; {f'tested by {facts.tested_by}' if facts.tested_by else 'not tested on hardware'}"
    yield from (f"source: {source}" for source in facts.sources)
    yield from (f"unchecked: {fact}" for fact in facts.unchecked)
    if profile.device.note:
        yield f"note: {profile.device.note}"
