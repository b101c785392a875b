"""An instrument: its exposures, its facts, and the state of its link.

:class:`Spectrometer` is the interface of a serial line, a USB driver and a recording;
the code that acquires and identifies spectra uses nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

import msgspec
import numpy as np

from raman_edge.instruments.profiles.profile import DarkSettings, Integration, Sensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray

    from raman_edge.instruments.codecs.stream import RawFrame
    from raman_edge.spectrum import Fault

State = Literal["absent", "opening", "probing", "ready", "acquiring", "faulted"]
"""Not there; being opened; being identified; idle; measuring; there, but not answering as it should."""
NEXT_STATES: dict[State, tuple[State, ...]] = {
    "absent": ("opening",),
    "opening": ("probing",),
    "probing": ("ready",),
    "ready": ("acquiring",),
    "acquiring": ("ready",),
    "faulted": ("opening",),
}
"""State → the states that may follow; besides, any state may become absent or faulted."""


class LinkStateMachine:
    """The state of a link; :meth:`enter` is the only way to change it. Any thread may read it."""

    def __init__(self) -> None:
        self.state: State = "absent"
        self.why = ""
        """Why it is absent or faulted, and why it was while it is opened again; else ""."""

    def enter(self, state: State, why: str = "") -> None:
        """Change the state; ``RuntimeError`` where the program takes a way that the states do not have."""
        if state not in (self.state, "absent", "faulted", *NEXT_STATES[self.state]):
            msg = f"a link that is {self.state} cannot become {state}"
            raise RuntimeError(msg)
        self.state, self.why = state, why or (self.why if state in {"opening", "probing"} else "")


class InstrumentInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts of the connected instrument, from its profile and from itself."""

    profile: str
    """Name of the profile; ``usb`` for a driver without one."""
    model: str
    """Vendor and model."""
    identity: str = ""
    """Its answer to ``identify``; data, to be escaped before it is shown. "" is none."""
    serial_number: str | None = None
    """Data, to be escaped. None is unknown."""
    sensor: Sensor = Sensor()
    """The detector, with the device's own ``saturation`` where it gives one."""
    integration: Integration | None = None
    """Range of exposures; None where the exposure cannot be set."""
    coefficients: tuple[float, ...] | None = None
    """Wavelength polynomial of the pixel, nm in air or vacuum as the vendor has it; None is unknown."""
    first_pixel: int = 0
    """Number of the first pixel in the polynomial, 0 or 1."""
    nonlinearity: tuple[float, ...] = ()
    """Polynomial that counts above the dark are divided by; empty is none."""
    laser_nm: float | None = None
    """Excitation wavelength, nm; None is unknown."""
    dark: DarkSettings = DarkSettings()
    """How a dark spectrum is taken."""


LINEAR = (0.5, 2.0)
"""Range of a plausible nonlinearity; an unwritten EEPROM holds anything."""


def plausible_nonlinearity(factors: tuple[float, ...], saturation: float) -> tuple[float, ...]:
    """Return a polynomial by which counts below ``saturation`` can be divided; () where it cannot be one."""
    values = np.polynomial.Polynomial(factors or (0.0,))(np.linspace(0, saturation, 64))
    return factors if np.isfinite(values).all() and LINEAR[0] < values.min() <= values.max() < LINEAR[1] else ()


@dataclass(frozen=True, eq=False, slots=True)
class Exposure:
    """One frame as measured, without corrections."""

    frame: RawFrame
    """Counts of the codec: the sum of ``averages`` where the profile has ``sums``."""
    instrument: InstrumentInfo
    taken_at: datetime
    """Time of its last byte, UTC."""
    exposure_s: float | None = None
    """Of a single exposure, s; None is unknown."""
    averages: int = 1
    """Exposures that the device added or averaged."""
    dark: bool = False
    """Whether it was taken without the sample's light."""

    @property
    def counts(self) -> NDArray[np.float64]:
        """Mean counts of a single exposure, (n,), in the order of the wire."""
        counts = self.frame.counts.astype(np.float64)
        facts = self.instrument.integration
        return counts / self.averages if facts is not None and facts.sums else counts


@dataclass(frozen=True, slots=True)
class Counters:
    """Counts of a link since it was first opened."""

    frames: int = 0
    """Good frames."""
    bad: int = 0
    """Broken frames: wrong checksum, wrong length, foreign bytes."""
    stale: int = 0
    """Good frames that were dropped because they had the previous settings."""
    timeouts: int = 0
    """Answers that did not come in time."""
    refused: int = 0
    """Requests that the device refused, or was too busy for."""
    reconnects: int = 0
    """Times that it was opened again after a loss."""
    dropped_bytes: int = 0
    """Bytes without meaning."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A snapshot of a link, for the screen."""

    state: State
    port: str
    """As the user gave it; data."""
    profile: str
    baud: int | None = None
    """None where there is no rate, as over a network."""
    serial_number: str | None = None
    exposure_s: float | None = None
    averages: int = 1
    laser: bool | None = None
    """Whether the laser is on; None where this link does not control it."""
    counters: Counters = Counters()
    why: str = ""
    """Why it is absent or faulted, and why it was while it is opened again; else ""."""


class Spectrometer(Protocol):
    """An instrument; ``with`` opens it, and one thread at a time uses it.

    Leaving it switches off what it switched on (laser, stream), whatever happened, and raises
    :class:`raman_edge.errors.LaserNotOff` where the laser may still be on.
    """

    def __enter__(self) -> Self:
        """Open it; :class:`raman_edge.errors.SourceUnavailable` where that is impossible now."""

    def __exit__(self, *exc: object) -> None:
        """Leave the instrument as it was, and release everything."""

    @property
    def status(self) -> LinkStatus:
        """State, settings and counters of the link; any thread may read it."""

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Return the facts of the instrument; None before it was reached."""

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next frame on; :class:`raman_edge.errors.ConfigError` where it cannot."""

    def light(self, *, on: bool) -> bool:
        """Let the sample's light in, or keep it out (laser or shutter); False where the device cannot, and a person must."""

    def rest(self, seconds: float = ...) -> bool:
        """Take the light away for a wait of ``seconds`` (s; infinite where unknown) until the next :meth:`expose`.

        Return False where the light stays as it is: the instrument does not switch it, or needs longer to settle.
        """

    def make_safe(self, note: Callable[[str], None] | None = None, *, hurry: bool = False) -> str:
        """Stop exposing and switch the laser off for good; return why it may still be on, "" where it is off or not on this link.

        ``note`` is given a sentence where that takes long; with ``hurry`` a running exposure is not waited for.
        Leaving the instrument does the same and raises :class:`raman_edge.errors.LaserNotOff`; here there is still time to journal it.
        """

    def expose(self) -> Exposure | Fault | None:
        """Return the next exposure or a fault; None about once a second where neither comes.

        A lost link is opened again from inside, for as long as it takes; another instrument than before raises
        :class:`raman_edge.errors.SourceError`. At the end of a recording it returns None, and ``ended`` is true.
        """

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again, as at the end of a recording."""
