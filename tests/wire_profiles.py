"""Profiles that ship, with few pixels and little patience, and scripts of the devices they describe."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge.instruments import codecs
from raman_edge.instruments.profiles import catalogue, validate
from raman_edge.instruments.profiles.profile import Integration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray
    from raman_edge.instruments.profiles.profile import Profile
    from scripted_device import ScriptedDevice, ScriptStep

PIXELS = 8
DRAIN_MS = 60
PATIENT_MS, HASTY_MS = 20_000, 700
"""What a device may take beyond its time: where it always answers, and where a test waits until it is given up."""


def quick(name: str, pixels: int = PIXELS, margin_ms: float = PATIENT_MS) -> Profile:
    """Return a profile that ships, with few pixels, the shortest exposure and no time to boot."""
    profile = validate.load(catalogue.find(name))
    replace = msgspec.structs.replace
    times = profile.integration and replace(profile.integration, margin_ms=margin_ms, default=profile.integration.min)
    return replace(
        profile,
        serial=replace(profile.serial, boot_ms=0, drain_ms=DRAIN_MS),
        integration=times,
        frame=replace(profile.frame, count=pixels),
        sensor=replace(profile.sensor, active=None, dark_pixels=None),
    )


def changed(profile: Profile, table: str, **values: object) -> Profile:
    """Return a profile with other values in one of its tables."""
    return msgspec.structs.replace(profile, **{table: msgspec.structs.replace(getattr(profile, table), **values)})


def without_memory(profile: Profile) -> Profile:
    """Return a profile without requests for wavelength coefficients: an Ocean device takes a second to give them."""
    return changed(profile, "commands", coefficient=None)


def hasty(profile: Profile) -> Profile:
    """Return a profile of a device that is given up soon."""
    return changed(profile, "integration", margin_ms=HASTY_MS)


def without_discards(profile: Profile) -> Profile:
    """Return a profile whose first spectrum is as good as the others."""
    facts = profile.integration or Integration(unit="ms", min=1, max=2, default=1)
    return msgspec.structs.replace(profile, integration=msgspec.structs.replace(facts, discard_after_change=0))


class Talker:
    """A device that knows its requests, each with how many bytes follow it, and gives one spectrum after the other."""

    def __init__(self, profile: Profile, requests: dict[bytes, tuple[int, bytes]], measures: Iterable[bytes], before: bytes = b"") -> None:
        """``requests``: beginning → bytes that follow it, answer; ``measures``: those that are answered with ``before`` and a frame."""
        self.known = requests | {begin: (0, b"") for begin in measures if begin not in requests}
        self.measures, self.before = tuple(measures), before
        self.codec = codecs.of(profile.frame, PIXELS)
        self.frames: list[list[ScriptStep]] = []
        """What is sent instead of the next spectra; empty is nothing but good ones."""
        self.answers: dict[bytes, list[list[ScriptStep]]] = {}
        """What is sent instead of the next answers to a request."""
        self.requests: list[bytes] = []
        self._numbers = itertools.count(1)
        self._kept = b""

    def counts(self, number: int) -> NDArray[np.int64]:
        """Return the counts of the how-manieth spectrum."""
        return np.arange(PIXELS) + 100 * number

    def good(self) -> bytes:
        """Return the bytes of the next spectrum."""
        return self.codec.encode(self.counts(next(self._numbers)))

    def __call__(self, data: bytes) -> list[ScriptStep]:
        """Answer what has come; a request that is not whole waits."""
        self._kept += data
        steps: list[ScriptStep] = []
        while self._kept:
            begin = next((one for one in self.known if self._kept.startswith(one)), None)
            if begin is None:
                waits = any(one.startswith(self._kept) for one in self.known)
                self._kept = self._kept if waits else self._kept[1:]
                if waits:
                    break
                continue
            follow, answer = self.known[begin]
            if len(self._kept) < len(begin) + follow:
                break
            request, self._kept = self._kept[: len(begin) + follow], self._kept[len(begin) + follow :]
            self.requests.append(request)
            steps += self._answered(begin, answer)
        return steps

    def _answered(self, begin: bytes, answer: bytes) -> list[ScriptStep]:
        if waiting := self.answers.get(begin):
            return waiting.pop(0)
        if begin not in self.measures:
            return [answer]
        return self.frames.pop(0) if self.frames else [self.before + self.good()]


ACK = b"\x06"


def ooi(profile: Profile) -> Talker:
    """Return an Ocean device in binary."""
    known = {b"bB": (0, ACK), b"v": (0, ACK + b"\x03\xe8"), **dict.fromkeys((b"G", b"k", b"I", b"A", b"K"), (2, ACK)), b"O": (2, b"")}
    known[b"?x"] = (2, b"\x15")  # its memory holds nothing
    return Talker(profile, known, (b"S", b"O"))


def jeti(profile: Profile, number: str = "J1") -> Talker:
    """Return a JETI board."""
    known = {b"*IDN?\r": (0, b"JETI_PIC_VERSA\r"), b"*PARA:SERN?\r": (0, b"SERN:\t%s\r" % number.encode())}
    known |= {b"*PARA:FIT%d?\r" % index: (0, b"FIT:\t%d.5\r" % (index + 1)) for index in range(5)}
    return Talker(profile, known, (b"*MEAS:LIGHT 1 1 2\r",), ACK + b"\x07")


def handshaking(profile: Profile, fake: Callable[[], ScriptedDevice], fails: int = 0) -> Callable[[bytes], list[ScriptStep]]:
    """Return an Ocean device that changes its rate in five steps, and lets the step of that number fail; 0 is none.

    1 the acknowledgement at the old rate, 2 it is a refusal, 3 the change of its rate, 4 the acknowledgement at the new
    rate, 5 it goes back after that.
    """
    talker = ooi(profile)
    codes = {code: int(rate) for rate, code in (profile.serial.switch.codes if profile.serial.switch else {}).items()}
    state = {"rate": profile.serial.baud[0], "old": 0}

    def script(data: bytes) -> list[ScriptStep]:
        if fake().rate != state["rate"]:
            if state["old"]:  # a deviation at any step: the rate before
                state["rate"], state["old"] = state["old"], 0
            return [b"\xf8\x00" * (fake().rate in profile.serial.baud)]
        before = len(talker.requests)
        steps = talker(data)
        for request in talker.requests[before:]:
            if not request.startswith(b"K"):
                continue
            if state["old"]:
                steps = [] if fails == 4 else steps
                state["rate"] = state["old"] if fails >= 4 else state["rate"]
                state["old"] = 0
            elif fails in (1, 2):
                steps = [] if fails == 1 else [b"\x15"]
            elif fails != 3:
                state["old"], state["rate"] = state["rate"], codes[request[2]]
        return steps

    return script
