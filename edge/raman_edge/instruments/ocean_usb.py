"""``ocean:`` and ``ocean:SERIAL``: an Ocean instrument on USB, driven by python-seabreeze (the extra ``usb``).

python-seabreeze blocks for the whole exposure, so a second thread calls it, and :meth:`OceanSpectrometer.expose` returns every
second even during a minute's exposure. The first spectrum after a change of the exposure began before the change and is dropped.
A lost instrument is found again by its serial number; no other replaces it. Never tried on hardware: the tests run
python-seabreeze against a simulated USB bus.
"""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Self

import numpy as np

from raman_edge.errors import ConfigError, SourceError, SourceLost, SourceUnavailable
from raman_edge.instruments import ports
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.ports import OCEAN
from raman_edge.instruments.profiles.profile import Integration, Sensor
from raman_edge.instruments.serial.port import REAL
from raman_edge.instruments.spectrometer import Counters, Exposure, InstrumentInfo, LinkStateMachine, LinkStatus, plausible_nonlinearity
from raman_edge.spectrum import Fault, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from seabreeze.spectrometers import Spectrometer as Driver

    from raman_edge.instruments.serial.port import Clock

SIGN_S = 1.0
"""Longest call of :meth:`OceanSpectrometer.expose` without a result, s."""
BACK_OFF_S = (0.25, 5.0)
"""Shortest and longest wait between attempts to open a lost instrument, s; doubled each time."""
MICRO = 1_000_000
PROFILE = "usb"
"""Instead of the name of a profile."""
DEFAULT_US = 100_000
"""Default exposure, µs."""
DEGREES = (3, 5, 7)
"""Of the polynomials to try: Ocean's are of the third degree, some devices have a higher one."""
AXIS_NM = 1e-3
"""Largest error of a polynomial against the device's own wavelengths, nm; a pixel is 0.05 or more."""
RULES = "Copy docs/running/70-raman-edge.rules to /etc/udev/rules.d, `sudo udevadm control --reload`, and plug it in again"


def is_ours(where: str) -> bool:
    """Whether ``where`` is an address of :class:`OceanSpectrometer`."""
    return where.startswith(OCEAN)


class OceanSpectrometer:
    """An Ocean instrument on USB as a spectrometer; ``exposure_s`` None is the instrument's default; ``stop`` ends it."""

    def __init__(self, where: str = OCEAN, exposure_s: float | None = None, *, stop: Event | None = None, clock: Clock = REAL) -> None:
        if not is_ours(where):
            raise ConfigError(kind="not an Ocean address", got=repr(where), expected=f"{OCEAN} or {OCEAN}SERIAL")
        self._where = where
        self._serial = where.removeprefix(OCEAN) or None
        self._exposure = exposure_s
        self._clock = clock
        self._stop = stop or Event()
        self._is_lit = True
        self._driver: Driver | None = None
        self._instrument: InstrumentInfo | None = None
        self._reading: Future[NDArray[np.float64]] | None = None
        self._stale = 0
        self._delay = BACK_OFF_S[0]
        self._due = 0.0
        self._link = LinkStateMachine()
        self._counters = Counters()

    def __enter__(self) -> Self:
        """Open it; :class:`SourceUnavailable` where it is absent, busy or not permitted, :class:`ConfigError` without the extra."""
        self._pool = ThreadPoolExecutor(1, "ocean")
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it after the running exposure: the driver cannot be interrupted."""
        self._close()

    @property
    def status(self) -> LinkStatus:
        """State, settings and counters of the link; any thread may read it."""
        link = self._link
        return LinkStatus(link.state, self._where, PROFILE, None, self._serial, self._exposure, counters=self._counters, why=link.why)

    @property
    def instrument(self) -> InstrumentInfo | None:
        """Return the facts of the instrument; None before it was reached."""
        return self._instrument

    @property
    def ended(self) -> bool:
        """False: a cable may be plugged in again."""
        return False

    def set_exposure(self, seconds: float) -> None:
        """Measure with this exposure, s, from the next frame on; :class:`ConfigError` where the instrument cannot."""
        self._micros(seconds)
        self._exposure = seconds
        self._settle()
        try:
            self._send_exposure()
        except SourceLost as error:
            self._lose(error)

    def light(self, *, on: bool) -> bool:
        """Return False: neither laser nor shutter is on this link, so a person must handle the light."""
        if on != self._is_lit:
            self._is_lit = on
            self._settle()  # the running exposure may have seen both
        return False

    def rest(self, seconds: float = math.inf) -> bool:  # noqa: ARG002 - of the protocol
        """Return False: no laser is on this link."""
        return False

    def make_safe(self, note: Callable[[str], None] | None = None, *, hurry: bool = False) -> str:  # noqa: ARG002
        """Return "": no laser is on this link."""
        return ""

    def expose(self) -> Exposure | Fault | None:
        """Return the next exposure or a fault; None about once a second without either, and once ``stop`` is set."""
        if self._stop.is_set():
            return None
        if self._driver is None:
            self._reopen()
            return None
        try:
            return self._next(self._driver)
        except SourceLost as error:
            return self._lose(error)

    def _next(self, driver: Driver) -> Exposure | None:
        if self._reading is None:
            self._link.enter("acquiring")
            self._reading = self._pool.submit(driver.intensities)
        if not wait([self._reading], SIGN_S).done:
            return None
        reading, self._reading = self._reading, None
        with driver_errors():
            counts = np.array(reading.result(), dtype=np.float64)
        if counts.ndim != 1 or counts.size != driver.pixels or not np.isfinite(counts).all():
            raise SourceLost(kind="broken spectrum", got=f"{counts.size} values", expected=f"{driver.pixels} finite values")
        if self._stale:
            self._stale -= 1
            self._counters = replace(self._counters, stale=self._counters.stale + 1)
            return None
        return self._exposed(counts)

    def _exposed(self, counts: NDArray[np.float64]) -> Exposure:
        if self._instrument is None:
            raise SourceLost(kind="spectrum before the facts of the instrument")
        self._counters = replace(self._counters, frames=self._counters.frames + 1)
        return Exposure(RawFrame(counts), self._instrument, datetime.now(UTC), self._exposure, dark=not self._is_lit)

    def _open(self) -> None:
        """Open the instrument and set the exposure."""
        self._link.enter("opening")
        self._driver = connect(self._serial)
        self._link.enter("probing")
        try:
            self._instrument = facts(self._driver)
            self._serial = self._instrument.serial_number
            if self._exposure is None and self._instrument.integration is not None:
                self._exposure = self._instrument.integration.default / MICRO
            self._send_exposure()
        except SourceLost as error:
            advice = "Unplug it and plug it in again"
            raise SourceUnavailable(kind="opened, but no answer", place=self._where, cause=str(error), advice=advice) from error
        self._link.enter("ready")
        self._delay = BACK_OFF_S[0]

    def _reopen(self) -> None:
        """Make the next attempt where it is due; else wait, at most a second."""
        pause = self._due - self._clock.now()
        if pause > 0:
            self._clock.sleep(min(pause, SIGN_S))
            return
        try:
            self._open()
        except SourceError as error:
            self._delay = min(2 * self._delay, BACK_OFF_S[1])
            self._let_go(str(error))
        else:
            self._counters = replace(self._counters, reconnects=self._counters.reconnects + 1)

    def _lose(self, error: SourceLost) -> Fault:
        """Close an instrument that no longer answers."""
        self._let_go(f"lost ({error})")
        self._counters = replace(self._counters, bad=self._counters.bad + 1)
        return Fault(Origin("usb", self._where), f"the instrument was lost ({error}); it is opened again as soon as it is back")

    def _send_exposure(self) -> None:
        if self._driver is None or self._exposure is None or self._instrument is None:
            return  # the next opening sets it
        micros = self._micros(self._exposure)
        with driver_errors():
            self._driver.integration_time_micros(micros)
        self._stale = self._instrument.integration.discard_after_change if self._instrument.integration else 0

    def _micros(self, seconds: float) -> int:
        """Return an exposure in µs; :class:`ConfigError` where the instrument, once known, cannot do it."""
        facts = None if self._instrument is None else self._instrument.integration
        low, high = (1, math.inf) if facts is None else (facts.min, facts.max)
        micros = round(seconds * MICRO) if math.isfinite(seconds) else 0
        if not low <= micros <= high:
            expected = f"{low / MICRO:g} to {high / MICRO:g} s"
            raise ConfigError(kind="exposure out of range", place=self._where, got=f"{seconds:g} s", expected=expected)
        return micros

    def _settle(self) -> None:
        """Wait for the end of the running exposure, and drop it."""
        if self._reading is not None:
            wait([self._reading])
            self._reading = None

    def _let_go(self, why: str) -> None:
        """Close the driver, even where the instrument is gone."""
        self._settle()
        if self._driver is not None:
            with suppress(SourceLost), driver_errors():
                self._driver.close()
        self._driver = None
        self._link.enter("absent", why)
        self._due = self._clock.now() + self._delay

    def _close(self) -> None:
        self._let_go("")
        self._pool.shutdown()


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn any error of the driver into :class:`SourceLost`.

    Its two back ends raise their own errors, pyusb's, libusb's, or those of numpy and struct about missing bytes,
    depending on when the cable was pulled.
    """
    try:
        yield
    except Exception as error:
        raise SourceLost(f"{type(error).__name__}: {error}") from error


def connect(serial_number: str | None) -> Driver:
    """Open the instrument of that serial number, or the first that is free.

    Raises :class:`ConfigError` where python-seabreeze is not installed, :class:`SourceUnavailable` where
    the instrument is not there, busy, or not for this user.
    """
    try:
        from seabreeze import backends, spectrometers, use  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(kind="python-seabreeze is not installed", advice="pip install 'raman-edge[usb]'") from error
    try:  # the compiled back end, or the Python one where it was not built
        backends.get_backend()
    except ImportError:
        use("pyseabreeze")
    try:
        with driver_errors():
            found = spectrometers.list_devices()
            fitting = [device for device in found if serial_number in {None, device.serial_number} and not device.is_open]
            if fitting:
                return spectrometers.Spectrometer(fitting[0])
    except SourceLost as error:
        raise _unavailable(str(error)) from error
    connected = ", ".join(device.serial_number for device in found) or "no Ocean instrument"
    raise SourceUnavailable(kind="not on USB", got=connected, expected=serial_number or "an Ocean instrument that is free")


def facts(device: Driver) -> InstrumentInfo:
    """Return the facts that the instrument gives; :class:`SourceLost` where it stops answering."""
    with driver_errors():
        shortest, longest = device.integration_time_micros_limits
        saturation = float(device.max_intensity)
        return InstrumentInfo(
            profile=PROFILE,
            model=f"Ocean {device.model}",
            serial_number=device.serial_number,
            sensor=Sensor(saturation=saturation, dark_pixels=_run(device.f.spectrometer.get_electric_dark_pixel_indices())),
            # python-seabreeze refuses the longest itself; the first spectrum after a change began before it
            integration=Integration(
                unit="us", min=shortest, max=longest - 1, default=min(max(DEFAULT_US, shortest), longest - 1), discard_after_change=1
            ),
            coefficients=polynomial(device.wavelengths()),
            nonlinearity=_nonlinearity(device, saturation),
        )


def polynomial(wavelengths: NDArray[np.float64]) -> tuple[float, ...] | None:
    """Return the coefficients, constant first, of these wavelengths (nm) by pixels from 0; None where no fit reaches 0.001 nm.

    The driver gives (n,) wavelengths, not the device's coefficients.
    """
    if not np.isfinite(wavelengths).all() or np.ptp(wavelengths) == 0:
        return None
    pixels = np.arange(wavelengths.size, dtype=np.float64)
    for degree in DEGREES:
        fitted = np.polynomial.Polynomial.fit(pixels, wavelengths, degree).convert()
        if np.abs(fitted(pixels) - wavelengths).max() < AXIS_NM:
            return tuple(float(factor) for factor in fitted.coef)
    return None


def _nonlinearity(device: Driver, saturation: float) -> tuple[float, ...]:
    feature = getattr(device.f, "nonlinearity_coefficients", None)  # None where the model has none
    if feature is None:
        return ()
    try:
        with driver_errors():
            factors = tuple(float(factor) for factor in feature.get_nonlinearity_coefficients())
    except SourceLost:  # a Spark has the feature and sends none; the next request notices a pulled cable
        return ()
    return plausible_nonlinearity(factors, saturation)


def _run(pixels: Sequence[int]) -> tuple[int, int] | None:
    """Return the first and last pixel of the longest run; None without pixels."""
    if not pixels:
        return None
    runs = np.split(np.asarray(pixels), np.flatnonzero(np.diff(pixels) != 1) + 1)
    longest = max(runs, key=len)
    return int(longest[0]), int(longest[-1])


def _unavailable(problem: str) -> SourceUnavailable:
    """Return the error for an instrument that cannot be opened, with advice."""
    for port in ports.ocean():
        if port.use.access == "denied":
            return SourceUnavailable(kind="permission denied", place=f"the Ocean instrument at {port.device}", advice=RULES)
        if port.use.access == "busy":
            return SourceUnavailable(kind="busy", place=f"the Ocean instrument at {port.device}", got=f"{port.use.holder} has it open")
    if "backend" in problem:
        advice = "Install libusb, such as `sudo apt install libusb-1.0-0`"
        return SourceUnavailable(kind="USB cannot be used", cause=problem, advice=advice)
    advice = RULES if "Access denied" in problem else "Unplug it, and plug it in again"
    return SourceUnavailable(kind="cannot be opened", place="the Ocean instrument", cause=problem, advice=advice)
