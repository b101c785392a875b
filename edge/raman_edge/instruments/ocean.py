"""Ocean's instruments on USB as python-seabreeze (the extra ``usb``) drives them: found, opened, and what they tell.

Never tried on hardware: the tests run python-seabreeze itself against a simulated USB bus.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import ConfigError, SourceLost, SourceUnavailable
from raman_edge.instruments import ports
from raman_edge.instruments.profiles.profile import Integration, Sensor
from raman_edge.instruments.spectrometer import InstrumentInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from seabreeze.spectrometers import Spectrometer as Driven

PROFILE = "usb"
"""What stands where a page's name would."""
DEFAULT_US = 100_000
"""The exposure where nobody asks for one, µs."""
DEGREES = (3, 5, 7)
"""Ocean's polynomials are of the third degree; a device that has more of them is met by more."""
AXIS_NM = 1e-3
"""How well a polynomial has to give the device's own wavelengths, nm; a pixel is 0.05 and more."""
LINEAR = (0.5, 2.0)
"""Between these a nonlinearity is one; an EEPROM that was never written holds anything."""
RULES = "copy docs/running/70-raman-edge.rules to /etc/udev/rules.d, `sudo udevadm control --reload`, and plug it in again"


@contextmanager
def driven() -> Iterator[None]:
    """Tell whatever the driver raises as :class:`SourceLost`.

    What that is depends on its two back ends and on where in them the cable was when it was pulled:
    their own errors, pyusb's, libusb's, or those of numpy and struct about bytes that are missing.
    """
    try:
        yield
    except Exception as error:
        raise SourceLost(f"{type(error).__name__}: {error}") from error


def connect(serial_number: str | None) -> Driven:
    """Open the instrument of that serial number, or the first that is free.

    Raises :class:`ConfigError` where python-seabreeze is not installed, :class:`SourceUnavailable` where
    the instrument is not there, busy, or not for this user.
    """
    try:
        from seabreeze import spectrometers  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "Ocean instruments on USB are driven by python-seabreeze, which is not here: pip install 'raman-edge[usb]'"
        raise ConfigError(msg) from error
    _choose_backend()
    try:
        with driven():
            found = spectrometers.list_devices()
            fitting = [device for device in found if serial_number in {None, device.serial_number} and not device.is_open]
            if fitting:
                return spectrometers.Spectrometer(fitting[0])
    except SourceLost as error:
        raise SourceUnavailable(_why(str(error))) from error
    raise SourceUnavailable(_absent(serial_number, [device.serial_number for device in found]))


def told(device: Driven) -> InstrumentInfo:
    """Return what the instrument tells of itself; :class:`SourceLost` where it stops answering."""
    with driven():
        shortest, longest = device.integration_time_micros_limits
        saturation = float(device.max_intensity)
        return InstrumentInfo(
            profile=PROFILE,
            model=f"Ocean {device.model}",
            serial_number=device.serial_number,
            sensor=Sensor(saturation=saturation, dark_pixels=_run(device.f.spectrometer.get_electric_dark_pixel_indices())),
            # python-seabreeze refuses the longest itself; the first spectrum after a change was begun before it
            integration=Integration(
                unit="us", min=shortest, max=longest - 1, default=min(max(DEFAULT_US, shortest), longest - 1), discard_after_change=1
            ),
            coefficients=polynomial(device.wavelengths()),
            nonlinearity=_nonlinearity(device, saturation),
        )


def polynomial(wavelengths: NDArray[np.float64]) -> tuple[float, ...] | None:
    """Return the coefficients, constant first, that give these wavelengths (nm) for pixels from 0; None where none do to 0.001 nm.

    The driver keeps the device's own coefficients to itself and tells (n,) wavelengths alone.
    """
    if not np.isfinite(wavelengths).all() or np.ptp(wavelengths) == 0:
        return None
    pixels = np.arange(wavelengths.size, dtype=np.float64)
    for degree in DEGREES:
        fitted = np.polynomial.Polynomial.fit(pixels, wavelengths, degree).convert()
        if np.abs(fitted(pixels) - wavelengths).max() < AXIS_NM:
            return tuple(float(factor) for factor in fitted.coef)
    return None


def _nonlinearity(device: Driven, saturation: float) -> tuple[float, ...]:
    feature = getattr(device.f, "nonlinearity_coefficients", None)  # None where the model has none
    if feature is None:
        return ()
    try:
        with driven():
            factors = tuple(float(factor) for factor in feature.get_nonlinearity_coefficients())
    except SourceLost:  # a Spark says that it has them and then sends none; a cable that was pulled is noticed by the next question
        return ()
    values = np.polynomial.Polynomial(factors or (0.0,))(np.linspace(0, saturation, 64))
    return factors if np.isfinite(values).all() and LINEAR[0] < values.min() <= values.max() < LINEAR[1] else ()


def _run(pixels: Sequence[int]) -> tuple[int, int] | None:
    """Return the first and last of the longest run of neighbours; None where there are no pixels."""
    if not pixels:
        return None
    runs = np.split(np.asarray(pixels), np.flatnonzero(np.diff(pixels) != 1) + 1)
    longest = max(runs, key=len)
    return int(longest[0]), int(longest[-1])


def _choose_backend() -> None:
    """Take python-seabreeze's compiled back end, or the one in Python where the compiled one was not built."""
    import seabreeze  # noqa: PLC0415 - an extra
    from seabreeze.backends import get_backend  # noqa: PLC0415

    try:
        get_backend()
    except ImportError:
        seabreeze.use("pyseabreeze")


def _why(said: str) -> str:
    """Return what to do about an instrument that cannot be opened."""
    for port in ports.ocean():
        if port.use.access == "denied":
            return f"the Ocean instrument at {port.device} is not for this user: {RULES}"
        if port.use.access == "busy":
            return f"the Ocean instrument at {port.device} is busy: {port.use.holder} has it open"
    if "backend" in said:
        return f"USB cannot be used ({said}): install libusb, such as `sudo apt install libusb-1.0-0`"
    advice = RULES if "Access denied" in said else "unplug it, and plug it in again"
    return f"the Ocean instrument cannot be opened ({said}): {advice}"


def _absent(serial_number: str | None, found: Sequence[str]) -> str:
    others = f"connected: {', '.join(found)}" if found else "no Ocean instrument is connected"
    return f"no Ocean instrument is free on USB; {others}" if serial_number is None else f"{serial_number} is not on USB; {others}"
