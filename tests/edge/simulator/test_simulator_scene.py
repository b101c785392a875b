"""What the simulated detector sees: lines where they belong, light in proportion, noise as photons have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.profiles.profile import Profile, Static
from raman_edge.simulator import materials
from raman_edge.simulator.materials import Curve, Lamp, LinesMaterial
from raman_edge.simulator.scene import Scene, SceneConditions, saturation
from simulator_desk import PROFILES

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIET = SceneConditions(fluorescence=0.0, ambient=0.0, spikes_per_s=0.0)
LINES = LinesMaterial.at("lines", (500.0, 1000.0, 1500.0), (0.5, 1.0, 0.25))
STS = catalogue.load("ocean-sts")


def axis(scene: Scene, laser_nm: float = 785.0) -> NDArray[np.float64]:
    """Return the Raman shift of every pixel as a host works it out, cm⁻¹."""
    nm = np.polynomial.polynomial.polyval(np.arange(scene.pixels), scene.coefficients)
    return np.asarray(1e7 / laser_nm - 1e7 / nm)


def seen(scene: Scene, exposure_s: float = 0.1, averages: int = 1, *, lit: bool = True, seed: int = 0) -> NDArray[np.int64]:
    """Return one exposure."""
    return scene.expose(exposure_s, averages, np.random.default_rng(seed), lit=lit)


def tops(scene: Scene) -> list[float]:
    """Return where the lines appear on the axis that the host knows, cm⁻¹, by the centre of what is brightest about each."""
    shift, counts = axis(scene), seen(scene, averages=400) / 400 - STS.simulator.dark_counts
    found = []
    for line in LINES.peaks.shift:
        near = np.flatnonzero(np.abs(shift - line) < 25)
        top = near[np.argmax(counts[near])]
        about = slice(top - 3, top + 4)
        found.append(float(np.average(shift[about], weights=counts[about])))
    return found


@pytest.mark.parametrize("error", [0.0, 3.0, -5.5])
def test_lines_lie_where_the_hidden_error_puts_them(error: float) -> None:
    """By the coefficients of the device, every line is off by as much."""
    scene = Scene(STS, LINES, axis_error_cm=error, conditions=QUIET)
    assert tops(scene) == pytest.approx(LINES.peaks.shift + error, abs=0.5)
    assert scene.coefficients == Scene(STS, LINES).coefficients


def test_light_grows_with_the_exposure_up_to_saturation() -> None:
    """Twice the time is twice the counts above the dark, and no count is above the detector's full scale."""
    scene = Scene(STS, LINES, conditions=QUIET)
    dark = STS.simulator.dark_counts
    one, two, long = (seen(scene, seconds).max() for seconds in (0.05, 0.1, 1.0))
    assert (two - dark) / (one - dark) == pytest.approx(2.0, rel=0.05)
    assert two - dark == pytest.approx(0.5 * 16_383, rel=0.05)
    assert long == 16_383
    assert np.count_nonzero(seen(scene, 1.0) == 16_383) > 5
    assert seen(scene, 1.0, 3).max() == 3 * 16_383


def test_noise_is_that_of_photons_and_of_the_readout() -> None:
    """Twice the light has half as much again of noise; without light there is the readout's alone."""
    flat = Curve("flat", np.array([-5000.0, 0.0, 9000.0]), np.array([0.0, 1.0, 1.0]))
    scene = Scene(STS, flat, conditions=QUIET)
    rng = np.random.default_rng(1)
    bright, half, dark = (
        float(np.std([scene.expose(seconds, 1, rng, lit=lit)[100:900] for _ in range(40)], axis=0).mean())
        for seconds, lit in ((0.1, True), (0.05, True), (0.0001, False))
    )
    assert dark == pytest.approx(STS.simulator.noise_counts, rel=0.05)
    assert (bright**2 - dark**2) / (half**2 - dark**2) == pytest.approx(2.0, rel=0.1)


def test_averages_are_a_sum_with_less_noise_than_one() -> None:
    """A sum of sixteen has four times the noise of one, so its mean a quarter."""
    scene = Scene(STS, "none", conditions=QUIET)
    one, sum_of_16 = (np.std(seen(scene, 0.1, many)) for many in (1, 16))
    assert sum_of_16 / one == pytest.approx(4.0, rel=0.15)
    assert seen(scene, 0.1, 16).mean() == pytest.approx(16 * seen(scene).mean(), rel=0.01)


def test_without_the_laser_only_a_lamp_is_seen() -> None:
    """A material is dark then, a lamp is not; and the room's light stays."""
    lit, off = (seen(Scene(STS, LINES), lit=on).max() for on in (True, False))
    assert lit > 8000
    assert off < 2000
    lamp = Scene(STS, Lamp("lamp", np.array([850.0, 900.0])), conditions=QUIET)
    spectrum = seen(lamp, lit=False)
    nm = np.polynomial.polynomial.polyval(np.arange(1024), lamp.coefficients)
    assert nm[np.argmax(spectrum)] == pytest.approx(850.0, abs=0.3) or nm[np.argmax(spectrum)] == pytest.approx(900.0, abs=0.3)
    scene = Scene(STS, LINES)
    scene.switch(on=False)
    assert seen(scene).max() < 2000


def test_dark_pixels_stay_dark() -> None:
    """Covered pixels, and those before and behind the active ones, see no light however long it is."""
    page = catalogue.load("tcd1304-rossel")
    scene = Scene(page, LINES)
    counts = seen(scene, 0.2)
    assert counts[:32].max() < 250
    assert counts[3680:].max() < 250
    assert counts[32:3680].mean() > 400


def test_cosmic_particles_come_now_and_then() -> None:
    """As often as set, one or two pixels high above their neighbours, and not twice at one place."""
    scene = Scene(STS, "none", conditions=SceneConditions(spikes_per_s=10.0, ambient=0.0))
    rng = np.random.default_rng(2)
    struck = [np.flatnonzero(scene.expose(0.1, 1, rng, lit=True) > 3000) for _ in range(200)]
    many = sum(1 for pixels in struck if pixels.size)
    assert 90 <= many <= 165
    assert all(pixels.size <= 8 for pixels in struck)


@pytest.mark.parametrize("name", PROFILES)
def test_every_page_has_a_scene(name: str) -> None:
    """Its own material, not saturated, above the dark wherever the instrument can see it."""
    page = catalogue.load(name)
    scene = Scene(page)
    counts = seen(scene, scene.default_s)
    assert counts.shape == (scene.pixels,)
    assert 0.3 * scene.saturation < counts.max() < scene.saturation


@pytest.mark.parametrize(
    ("sensor", "frame", "expected"),
    [
        ({}, {"dtype": "u16le"}, 65_535),
        ({"adc_bits": 12}, {"dtype": "u16le"}, 4095),
        ({"saturation": 900.0, "adc_bits": 12}, {"dtype": "u16le"}, 900),
        ({}, {"dtype": "u8"}, 255),
        ({}, {"dtype": "i16be"}, 32_767),
        ({"adc_bits": 18}, {"dtype": "u32le"}, 2**18 - 1),
        ({}, {"dtype": "u16be", "invert_from": 1023}, 1023),
    ],
)
def test_saturation_fits_into_the_frame(sensor: dict[str, object], frame: dict[str, object], expected: int) -> None:
    """The least of what detector, converter, type and inversion can hold."""
    document = {
        "schema": 1,
        "provenance": {"sources": ["x"], "certainty": "unchecked", "hardware_tested": False},
        "device": {"id": "x", "vendor": "x", "model": "x"},
        "serial": {"baud": [9600]},
        "sensor": sensor,
        "frame": {"mode": "fixed", "count": 10, **frame},
    }
    page = msgspec.convert(document, Profile)
    assert saturation(page) == expected
    assert seen(Scene(page, "none", conditions=QUIET), 100.0).max() <= expected


def test_a_material_is_found_by_name_or_refused_with_the_known_names() -> None:
    """In any case, several with a plus between them; a mixture has the lines of all its parts."""
    both = materials.mixture("quartz+CALCITE")
    shift = np.array([464.5, 1085.5])
    assert both.name == "Quartz+Calcite"
    assert both.excited
    assert (both.intensity(shift, shift) > 0.45).all()
    with pytest.raises(ConfigError, match="unknown material: got 'Qartz', expected one of Calcite, Quartz, none"):
        materials.mixture("Calcite+Qartz")


def test_an_invalid_axis_is_refused() -> None:
    """A polynomial with wavelengths below 0 is reported with the profile's name."""
    page = msgspec.structs.replace(STS, wavelength=Static(coefficients=(-900.0, 1.0)))
    with pytest.raises(ConfigError, match="ocean-sts: the polynomial of the axis gives -900 nm"):
        Scene(page)
