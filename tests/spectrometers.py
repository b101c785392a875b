"""A spectrometer to test with: a linear detector behind a beam, and a script of what happens to it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import build
import numpy as np
from raman_edge import synthetic
from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.profiles.profile import DarkSettings, Integration, Sensor
from raman_edge.instruments.spectrometer import Counters, Exposure, InstrumentInfo, LinkStatus
from raman_edge.spectrum import Axis, Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

    from numpy.typing import NDArray

PIXELS = 800
COVERED = 20
"""Pixels without light, the first ones."""
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
LASER_NM = 785.0
COEFFICIENTS = (785.5, 0.125)
"""nm of the pixel: 8 to 1441 cm⁻¹."""
INSTRUMENT = InstrumentInfo(
    profile="fake",
    model="Nobody's fake",
    serial_number="F1",
    sensor=Sensor(adc_bits=16, saturation=65_535, active=(COVERED, PIXELS - 1), dark_pixels=(2, COVERED - 3)),
    integration=Integration(unit="ms", min=1, max=60_000, default=100),
    coefficients=COEFFICIENTS,
    laser_nm=LASER_NM,
    dark=DarkSettings(method="laser"),
)
OFFSET = 400.0
"""Counts without light or time."""
DARK_RATE = 50.0
"""Counts a second without light."""
NOISE = 3.0
"""Standard deviation of the readout, counts."""
FAULT = Fault(Origin("serial", "fake:"), "checksum of the frame: got 0x12, expected 0x34")


def shift() -> NDArray[np.float64]:
    """Return the Raman shift of every pixel, cm⁻¹."""
    return np.asarray(1e7 / LASER_NM - 1e7 / (COEFFICIENTS[0] + COEFFICIENTS[1] * np.arange(PIXELS)), dtype=np.float64)


def light(label: str | None, rate: float) -> NDArray[np.float64]:
    """Return counts a second at every pixel: the highest line of a mineral has ``rate``; None is an empty beam."""
    if label is None:
        return np.zeros(PIXELS)
    seen = synthetic.lines(Axis(shift()), build.table(label)) * rate
    seen[:COVERED] = 0.0
    return np.asarray(seen, dtype=np.float64)


class Fake:
    """Sees ``label`` with ``rate`` counts a second; ``happens`` replaces that, one by one: a fault, a label, "" for nothing."""

    def __init__(
        self,
        label: str | None = "Calcite",
        rate: float = 100_000.0,
        *,
        instrument: InstrumentInfo = INSTRUMENT,
        happens: Iterable[Fault | str | None] = (),
        most: int | None = None,
        seed: int = 1,
        shutter: bool = True,
    ) -> None:
        self.label, self.rate, self.made = label, rate, instrument
        self.exposure_s = 0.1
        self.calls: list[str] = []
        """The calls, in words."""
        self.rested: list[float] = []
        """For how long its light was not needed, s."""
        self.opened = 0
        self._happens = deque(happens)
        self._most, self._given = most, 0
        self._rng = np.random.default_rng(seed)
        self._at = BEGAN
        self._shutter, self._is_lit = shutter, True
        self.blocked = False
        """Whether a person holds a hand into the beam."""

    def __enter__(self) -> Self:
        self.opened += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self.opened -= 1

    @property
    def status(self) -> LinkStatus:
        """A link without history."""
        return LinkStatus("ready", "fake:", self.made.profile, exposure_s=self.exposure_s, counters=Counters(frames=self._given))

    @property
    def instrument(self) -> InstrumentInfo | None:
        """The facts."""
        return self.made

    @property
    def ended(self) -> bool:
        """Whether it gave all it has."""
        return self._most is not None and self._given >= self._most

    def set_exposure(self, seconds: float) -> None:
        """Take whole milliseconds within the limits."""
        if not 0.001 <= seconds <= 60:
            msg = f"an exposure of {seconds:g} s; expected 0.001 to 60 s"
            raise ConfigError(msg)
        self.exposure_s = round(seconds * 1000) / 1000
        self.calls.append(f"expose {self.exposure_s:g}")

    def light(self, *, on: bool) -> bool:
        """Switch the laser, where it can."""
        self.calls.append(f"light {'on' if on else 'off'}")
        if self._shutter:
            self._is_lit = on
        return self._shutter

    def rest(self, seconds: float = math.inf) -> bool:
        """Take the light away, where it can."""
        self.rested.append(seconds)
        return self._shutter

    def make_safe(self, note: Callable[[str], None] | None = None, *, hurry: bool = False) -> str:  # noqa: ARG002
        """Have no laser."""
        return ""

    def expose(self) -> Exposure | Fault | None:
        """Give the next one."""
        if self.ended:
            return None
        what = self._happens.popleft() if self._happens else None
        if isinstance(what, Fault):
            return what
        self._given += 1
        label = None if what == "" else what or self.label
        self._at += timedelta(seconds=self.exposure_s)
        dark = self._shutter and not self._is_lit
        counts = self.counts(None if dark or self.blocked else label)
        return Exposure(RawFrame(counts), self.made, self._at, self.exposure_s, 1, dark)

    def counts(self, label: str | None) -> NDArray[np.int64]:
        """Return what the detector counts."""
        seen = (light(label, self.rate) + DARK_RATE) * self.exposure_s
        seen = self._rng.poisson(seen) + OFFSET + self._rng.normal(0.0, NOISE, PIXELS)
        most = self.made.sensor.saturation
        return np.clip(np.rint(seen), 0, most).astype(np.int64)


def instrument(**changes: object) -> InstrumentInfo:
    """Return the instrument with other facts."""
    import msgspec

    return msgspec.structs.replace(INSTRUMENT, **changes)


def exposure(counts: NDArray[np.int64] | NDArray[np.float64], **changes: object) -> Exposure:
    """Return an exposure of these counts."""
    made = Exposure(RawFrame(counts.copy()), INSTRUMENT, BEGAN, 0.1)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of Exposure
