"""What an instrument gives: exposures, what is known of it, and how the link to it does.

:class:`Spectrometer` is what a serial line, a USB driver and a recording have in common;
whatever acquires and names spectra knows no more of an instrument than this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, Self

import msgspec
import numpy as np

from raman_edge.instruments.profiles.profile import DarkSettings, Integration, Sensor

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from raman_edge.instruments.codecs.events import RawFrame
    from raman_edge.spectrum import Fault

State = Literal["absent", "opening", "probing", "ready", "acquiring", "faulted"]
"""Not there; being opened; being asked who it is; waiting; measuring; there, but not answering as it should."""


class InstrumentInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the instrument that is connected: its page, and what it told itself."""

    profile: str
    """The page's name; ``usb`` where a driver and no page knows it."""
    model: str
    """Vendor and model."""
    identity: str = ""
    """What it answered when it was asked who it is; data, to be escaped before it is shown. "" is nothing."""
    serial_number: str | None = None
    """Its own; data, to be escaped. None where it tells none."""
    sensor: Sensor = Sensor()
    """The detector; ``saturation`` as the device told it, where it did."""
    integration: Integration | None = None
    """What exposures it can do; None where it cannot be told one."""
    coefficients: tuple[float, ...] | None = None
    """Wavelength polynomial: nm in air or vacuum as the vendor has it, of the pixel; None where nobody knows."""
    first_pixel: int = 0
    """The number that the polynomial has for the first pixel, 0 or 1."""
    nonlinearity: tuple[float, ...] = ()
    """Polynomial that counts (above the dark) are divided by; empty where the device gives none."""
    laser_nm: float | None = None
    """What excites, nm; None is unknown."""
    dark: DarkSettings = DarkSettings()
    """How a spectrum without the sample's light is taken."""


@dataclass(frozen=True, eq=False, slots=True)
class Exposure:
    """One frame as it was measured: nothing is corrected here."""

    frame: RawFrame
    """Counts as the codec gave them: the sum of ``averages`` where the instrument's page says ``sums``."""
    instrument: InstrumentInfo
    taken_at: datetime
    """When its last byte came, UTC."""
    exposure_s: float | None = None
    """Of a single exposure, s; None is unknown."""
    averages: int = 1
    """Exposures that the device itself added or averaged."""
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
    """What the link has seen since it was first opened."""

    frames: int = 0
    """Good frames."""
    bad: int = 0
    """Frames that were broken: a checksum that is wrong, a length, bytes that are none of a frame."""
    stale: int = 0
    """Good frames that were dropped: they still had the exposure before."""
    timeouts: int = 0
    """Answers that did not come in time."""
    refused: int = 0
    """Requests that the device refused, or was too busy for."""
    reconnects: int = 0
    """Times it was opened again after it was lost."""
    dropped_bytes: int = 0
    """Bytes that gave nothing."""


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How the link does, for the screen: a snapshot."""

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
    """Why it is absent or faulted; "" where it is neither."""


class Spectrometer(Protocol):
    """An instrument that is asked for exposures; opened by ``with``, one thread at a time.

    Leaving it switches off what it switched on (laser, stream), whatever happened, and raises
    :class:`raman_edge.errors.LaserNotOff` where the laser may still be on.
    """

    def __enter__(self) -> Self:
        """Open it; :class:`raman_edge.errors.SourceUnavailable` where that cannot be done now."""

    def __exit__(self, *exc: object) -> None:
        """Leave the instrument as it was, and release everything."""

    @property
    def status(self) -> LinkStatus:
        """How the link does; may be read by any thread."""

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Return what is known of it; None before it was reached."""

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next frame on; :class:`raman_edge.errors.ConfigError` where it cannot."""

    def light(self, *, on: bool) -> bool:
        """Let the sample's light in, or keep it out (laser or shutter); False where the device cannot, and a person has to."""

    def rest(self, seconds: float = ...) -> bool:
        """Take the light away for a wait of ``seconds`` (s; infinite where it is not known) until the next :meth:`expose`.

        Return False where the light stays as it is: the instrument does not switch it, or needs longer than that to settle.
        """

    def make_safe(self) -> str:
        """Expose no more and switch the laser off for good; return why it may still be on, "" where it is off or not this link's.

        Leaving the instrument does the same and raises :class:`raman_edge.errors.LaserNotOff`; here there is still time to journal it.
        """

    def expose(self) -> Exposure | Fault | None:
        """Return the next exposure, what broke instead, or None as a sign of life where nothing comes (about once a second).

        A link that was lost is opened again from inside, for as long as it takes; another instrument than
        before at the other end raises :class:`raman_edge.errors.SourceError`. At the end of a recording it
        gives None, and ``ended`` is true.
        """

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again, as at the end of a recording."""
