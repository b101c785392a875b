"""The counts of the simulated detector: light of a material, dark, noise and cosmic spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles.profile import Query, Static
from raman_edge.simulator import materials

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.simulator.materials import LightSource

    Array = NDArray[np.floating]

PIXELS = 1024
"""Of a detector without a number in the profile."""
EXPOSURE_S = 0.1
"""Of a device whose exposure cannot be set, s."""
FULL_SCALE = 65_535
"""Saturation of a detector without one in the profile, counts."""
FULL_WELL_E = 60_000
"""Electrons at saturation, as of the linear CCDs of such instruments: what makes shot noise."""
BEND = 0.04
"""How far, relative to its length, the axis lies above a straight line: the grating's."""
DARK_PER_S = 0.05
"""Dark current relative to the offset, 1/s."""
HOT = 0.3
"""What a bad pixel shows, relative to saturation."""
DTYPE_TOPS = {"u8": 255, "i16": 32_767}
"""Highest counts of types that hold less than :data:`FULL_SCALE`."""


@dataclass(frozen=True, slots=True)
class SceneConditions:
    """Brightnesses; all but the first relative to the highest line of the material."""

    brightness: float = 0.5
    """Height of the highest line at the default exposure, relative to saturation."""
    fluorescence: float = 0.15
    """A broad hump under the lines, only with the laser."""
    ambient: float = 0.01
    """Light of the room, also without the laser."""
    spikes_per_s: float = 0.02
    """Cosmic particles, 1/s."""


USUAL = SceneConditions()
"""Bright enough to be identified, and far from saturation."""


class Scene:
    """A detector behind a spectrograph, and the sample under the laser. Counts rise with light; a codec inverts them."""

    def __init__(
        self,
        profile: Profile,
        material: str | LightSource | None = None,
        *,
        find: Callable[[str], LightSource] = materials.find,
        axis_error_cm: float = 0.0,
        conditions: SceneConditions = USUAL,
    ) -> None:
        """Put a material under the laser; None is the profile's.

        ``find`` finds materials by name; by the device's coefficients, lines appear ``axis_error_cm`` (cm⁻¹) too high.
        """
        self._find = find
        self.laser = True
        """Whether a person has the laser on: one that the device does not control."""
        self._profile, facts = profile, profile.integration
        self.pixels = profile.n_pixels or PIXELS
        self.saturation = saturation(profile)
        self.coefficients = coefficients(profile, self.pixels)
        """nm, by the pixel number of the profile's polynomial: the device's coefficients."""
        self.default_s = EXPOSURE_S if facts is None else facts.default / {"us": 1e6, "ms": 1e3, "s": 1.0}[facts.unit]
        """Exposure until it is set, s."""
        self._conditions, self._spikes = conditions, 0
        laser_nm = profile.laser.wavelength_nm if profile.laser else profile.simulator.laser_nm
        self._shift = 1e7 / laser_nm - 1e7 / self._nominal_nm() - axis_error_cm
        self._nm = 1e7 / (1e7 / laser_nm - self._shift)
        self._sees = self._seeing()
        self._means: dict[tuple[float, bool], tuple[Array, Array]] = {}
        self.material: LightSource = materials.NONE
        self.put(profile.simulator.material if material is None else material)

    def put(self, material: str | LightSource) -> None:
        """Put another material under the laser, by name (``A+B`` is a mixture) or itself; :class:`ConfigError` for an unknown name."""
        self.material = materials.mixture(material, self._find) if isinstance(material, str) else material
        lines = np.clip(self.material.intensity(self._nm, self._shift), 0.0, None)
        # A material without lines in this range is not scaled up.
        self._lines = lines / max(float((lines * self._sees).max()), 0.05)
        self._means.clear()

    def switch(self, *, on: bool) -> None:
        """Switch a laser that the device does not control."""
        self.laser = on
        self._means.clear()

    def strike(self) -> None:
        """Add a cosmic spike to the next exposure, besides random ones."""
        self._spikes += 1

    def expose(self, exposure_s: float, averages: int, rng: Generator, *, lit: bool) -> NDArray[np.int64]:
        """Return the sum of ``averages`` exposures, whole counts, (pixels,); ``lit`` is whether the laser's light is on."""
        mean, deviation = self._expected(exposure_s, lit=lit)
        seen = averages * mean + (averages**0.5 * deviation) * rng.standard_normal(mean.size)
        spikes, self._spikes = self._spikes, 0
        for _ in range(spikes + rng.poisson(self._conditions.spikes_per_s * exposure_s * averages)):
            place = int(rng.integers(mean.size))
            seen[place : place + int(rng.integers(1, 3))] += rng.uniform(0.2, 1.5) * self.saturation
        counts: NDArray[np.int64] = np.clip(np.rint(seen), 0, averages * self.saturation).astype(np.int64)
        return counts

    def _expected(self, exposure_s: float, *, lit: bool) -> tuple[Array, Array]:
        """Return mean and standard deviation of the pixels, counts, computed once for each exposure."""
        key = (exposure_s, lit)
        if key not in self._means:
            if len(self._means) > 8:  # noqa: PLR2004 - an automatic exposure tries several
                self._means.clear()
            self._means[key] = self._computed(exposure_s, lit=lit)
        return self._means[key]

    def _computed(self, exposure_s: float, *, lit: bool) -> tuple[Array, Array]:
        own, top = self._profile.simulator, float(self.saturation)
        light = np.full(self.pixels, self._conditions.ambient)
        excited = lit and self.laser
        if excited or not self.material.excited:
            light = light + self._lines
        if excited and self.material is not materials.NONE:
            light = light + self._conditions.fluorescence * np.exp(-(((np.linspace(0.0, 1.0, self.pixels) - 0.35) / 0.5) ** 2))
        per_s = self._conditions.brightness * top / self.default_s
        electrons = per_s * exposure_s * light * self._sees + DARK_PER_S * own.dark_counts * exposure_s
        mean = own.dark_counts + electrons
        mean[list(self._profile.sensor.bad_pixels)] += HOT * top
        return mean, np.sqrt(electrons * (top / FULL_WELL_E) + own.noise_counts**2)

    def _nominal_nm(self) -> Array:
        first = getattr(self._profile.wavelength, "first_pixel", 0)
        nm: Array = np.polynomial.polynomial.polyval(np.arange(self.pixels) + first, np.array(self.coefficients))
        if not (nm > 0).all():
            msg = f"{self._profile.device.id}: the polynomial of the axis gives {nm.min():g} nm; expected more than 0 at every pixel"
            raise ConfigError(msg)
        return nm

    def _seeing(self) -> Array:
        """Return 1 where a pixel sees light and 0 where it does not, (pixels,)."""
        sensor = self._profile.sensor
        sees = np.zeros(self.pixels)
        first, last = sensor.active or (0, self.pixels - 1)
        sees[first : last + 1] = 1.0
        if sensor.dark_pixels is not None:
            sees[sensor.dark_pixels[0] : sensor.dark_pixels[1] + 1] = 0.0
        return sees


def saturation(profile: Profile) -> int:
    """Return the saturation in counts: the profile's, limited by what its frames can hold."""
    sensor, frame = profile.sensor, profile.frame
    known = sensor.saturation or (2**sensor.adc_bits - 1 if sensor.adc_bits else FULL_SCALE)
    holds = DTYPE_TOPS.get(str(getattr(frame, "dtype", "")).removesuffix("be").removesuffix("le"), 2**32)
    word = FULL_SCALE if getattr(frame, "dtype", "").startswith("u16") else 2**32
    return int(min(known, holds, word, frame.invert_from or 2**32))


def coefficients(profile: Profile, pixels: int) -> tuple[float, ...]:
    """Return the polynomial of the axis, nm of the pixel: the profile's, or one over ``simulator.axis_nm`` with a slight bend."""
    axis = profile.wavelength
    if isinstance(axis, Static):
        return axis.coefficients
    low, high = profile.simulator.axis_nm
    first, last = profile.sensor.active or (0, pixels - 1)
    begin = first + (axis.first_pixel if isinstance(axis, Query) else 0)
    many = axis.coefficients if isinstance(axis, Query) else 3
    bend = BEND * (high - low) if many > 2 else 0.0  # noqa: PLR2004 - two make a straight line
    # low + (high - low) t + bend t (1 - t) with t = (pixel - begin) / long, multiplied out.
    long = last - first
    slope, curve = (high - low + bend) / long, -bend / long**2
    found = (low - slope * begin + curve * begin**2, slope - 2 * curve * begin, curve)
    return (*found[:many], *[0.0] * (many - len(found)))
