"""Ocean instruments on USB: python-seabreeze drives simulated ones, byte for byte, and what it says becomes exposures."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from raman_edge import cli, synthetic
from raman_edge.errors import ConfigError, SourceUnavailable
from raman_edge.instruments import ocean_usb, ports
from raman_edge.instruments.ocean_usb import OceanSpectrometer
from raman_edge.instruments.ports import PortInfo, PortUse
from raman_edge.instruments.serial.port import Clock
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Axis, Fault
from usb_bus import Bus, Sts, Usb2000Plus, use_fake_bus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCESS, BUSY = 13, 16


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    """Return an empty bus that python-seabreeze looks at instead of this machine's."""
    made = use_fake_bus(monkeypatch)
    yield made
    made.unplug()


class Watch:
    """A clock that only sleep moves."""

    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Go on by so much."""
        self.slept.append(seconds)
        self.at += seconds

    @property
    def clock(self) -> Clock:
        """Return it as the spectrometer takes it."""
        return Clock(lambda: self.at, self.sleep)


def next_exposure(spectrometer: OceanSpectrometer) -> Exposure:
    """Ask until an exposure comes."""
    for _ in range(20):
        if isinstance(got := spectrometer.expose(), Exposure):
            return got
    pytest.fail("no exposure in twenty questions")


def test_an_sts_identifies_itself_and_measures(bus: Bus) -> None:
    """Model, serial number, limits, full scale and wavelengths are the device's own; its counts come as they are."""
    sts = Sts()
    bus.plug(sts)
    with OceanSpectrometer("ocean:") as spectrometer:
        instrument = spectrometer.instrument
        assert instrument
        assert (instrument.profile, instrument.model, instrument.serial_number) == ("usb", "Ocean STS", "S13427")
        assert instrument.sensor.saturation == 16383
        assert instrument.integration
        assert (instrument.integration.unit, instrument.integration.min, instrument.integration.averages_max) == ("us", 10, 1)
        assert instrument.coefficients
        np.testing.assert_allclose(instrument.coefficients[:3], (640.0, 0.25, -1e-5), rtol=1e-6)
        exposure = next_exposure(spectrometer)
        assert exposure.instrument is instrument
        np.testing.assert_array_equal(exposure.counts, np.full(1024, 1000.0))
        assert (exposure.exposure_s, exposure.averages, sts.micros) == (0.1, 1, 100_000)
        assert (spectrometer.status.state, spectrometer.status.serial_number) == ("acquiring", "S13427")
        assert not spectrometer.ended
        assert not spectrometer.light(on=False)
    assert spectrometer.status.state == "absent"


def test_a_usb2000_plus_has_dark_pixels_and_a_nonlinearity(bus: Bus) -> None:
    """What stands in its EEPROM is in the instrument; its constants are python-seabreeze's."""
    device = Usb2000Plus()
    bus.plug(device)
    with OceanSpectrometer("ocean:USB2+H00001", 0.02) as spectrometer:
        instrument = spectrometer.instrument
        assert instrument
        assert instrument.sensor.dark_pixels == (6, 20)
        assert instrument.nonlinearity == device.nonlinearity
        assert instrument.coefficients
        np.testing.assert_allclose(instrument.coefficients, device.coefficients, rtol=1e-4)
        assert device.micros == 20_000
        np.testing.assert_array_equal(next_exposure(spectrometer).counts, np.arange(2048.0))


@pytest.mark.parametrize("factors", [(0.0, 0.0), (float("nan"), 1.0), (1.0, 1.0)])
def test_an_eeprom_that_holds_anything_is_no_nonlinearity(bus: Bus, factors: tuple[float, ...]) -> None:
    """Factors that would blow the counts up, or wipe them out, are taken for none."""
    bus.plug(Usb2000Plus(nonlinearity=factors))
    with OceanSpectrometer() as spectrometer:
        assert spectrometer.instrument
        assert spectrometer.instrument.nonlinearity == ()


def test_the_first_spectrum_after_a_change_is_dropped(bus: Bus) -> None:
    """It was begun with the exposure before, and is counted."""
    sts = Sts()
    bus.plug(sts)
    with OceanSpectrometer("ocean:") as spectrometer:
        next_exposure(spectrometer)
        spectrometer.set_exposure(0.25)
        assert sts.micros == 250_000
        assert spectrometer.expose() is None
        assert next_exposure(spectrometer).exposure_s == 0.25
        assert (spectrometer.status.counters.frames, spectrometer.status.counters.stale) == (2, 2)


def test_a_long_exposure_gives_signs_of_life(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the driver blocks, every question is answered with None; the spectrum comes when it is there, once."""
    monkeypatch.setattr(ocean_usb, "SIGN_S", 0.01)
    sts = Sts()
    bus.plug(sts)
    with OceanSpectrometer("ocean:") as spectrometer:
        next_exposure(spectrometer)
        sts.light.clear()
        assert [spectrometer.expose() for _ in range(3)] == [None, None, None]
        assert spectrometer.status.state == "acquiring"
        sts.light.set()
        monkeypatch.setattr(ocean_usb, "SIGN_S", 20.0)
        assert isinstance(spectrometer.expose(), Exposure)
        assert spectrometer.status.counters.frames == 2


@pytest.mark.parametrize("seconds", [1e-6, 85.0, float("nan"), float("inf"), -1.0])
def test_an_exposure_that_the_instrument_cannot_do(bus: Bus, seconds: float) -> None:
    """The error has the limits, and the exposure stays what it was; the same from the command line."""
    bus.plug(Sts())
    with OceanSpectrometer("ocean:") as spectrometer:
        with pytest.raises(ConfigError, match="expected 1e-05 to 85 s"):
            spectrometer.set_exposure(seconds)
        assert spectrometer.status.exposure_s == 0.1
    with pytest.raises(ConfigError, match="exposure out of range"), OceanSpectrometer("ocean:", seconds):
        pass


def test_the_one_that_is_meant_is_opened(bus: Bus) -> None:
    """Of two the serial number decides; a missing one is reported with those that are connected."""
    bus.plug(Sts("FIRST"))
    bus.plug(Sts("SECOND"))
    with OceanSpectrometer("ocean:SECOND") as spectrometer:
        assert spectrometer.status.serial_number == "SECOND"
    with pytest.raises(SourceUnavailable, match="not on USB: got FIRST, SECOND, expected THIRD"), OceanSpectrometer("ocean:THIRD"):
        pass


def test_what_cannot_be_opened_is_reported_with_advice(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing there, another's, not for this user: each in words, and never an error of the driver."""
    with pytest.raises(SourceUnavailable, match="not on USB: got no Ocean instrument"), OceanSpectrometer():
        pass
    bus.plug(Sts(), refused=BUSY)
    with pytest.raises(SourceUnavailable, match="not on USB"), OceanSpectrometer():
        pass
    bus.unplug()
    bus.plug(Sts(), refused=ACCESS)
    with pytest.raises(SourceUnavailable, match=r"Access denied.*70-raman-edge\.rules"), OceanSpectrometer():
        pass
    denied = PortInfo("ocean:", "/dev/bus/usb/001/002", "", PortUse("denied"))
    monkeypatch.setattr(ports, "ocean", lambda: iter((denied,)))
    with pytest.raises(SourceUnavailable, match=r"/dev/bus/usb/001/002: permission denied. Copy docs"), OceanSpectrometer():
        pass


def test_without_the_extra_the_advice_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box without python-seabreeze gets the command that installs it."""
    monkeypatch.setitem(sys.modules, "seabreeze", None)
    monkeypatch.delitem(sys.modules, "seabreeze.spectrometers")
    with pytest.raises(ConfigError, match=r"pip install 'raman-edge\[usb\]'"), OceanSpectrometer():
        pass


def test_an_unplugged_instrument_is_found_again(bus: Bus) -> None:
    """One fault, then signs of life with growing pauses, then spectra of the same instrument with the same exposure."""
    watch, sts = Watch(), Sts()
    bus.plug(sts)
    with OceanSpectrometer("ocean:", 0.05, clock=watch.clock) as spectrometer:
        next_exposure(spectrometer)
        bus.unplug()
        lost = spectrometer.expose()
        assert isinstance(lost, Fault)
        assert "No such device" in lost.why
        assert [spectrometer.expose() for _ in range(12)] == [None] * 12
        assert spectrometer.status.state == "absent"
        assert spectrometer.status.why == "not on USB: got no Ocean instrument, expected S13427"
        assert watch.slept[:5] == [0.25, 0.5, 1.0, 1.0, 1.0]  # 0.25, 0.5, 1, 2 seconds, in parts of at most one
        sts.micros = 0
        bus.plug(Sts("ANOTHER"))
        bus.plug(sts)
        assert next_exposure(spectrometer).instrument.serial_number == "S13427"
        assert sts.micros == 50_000
        counters = spectrometer.status.counters
        assert (counters.frames, counters.bad, counters.reconnects) == (2, 1, 1)


def test_another_instrument_is_not_taken_for_it(bus: Bus) -> None:
    """Where another one is plugged in instead, the right one is waited for, and the other is named."""
    watch = Watch()
    bus.plug(Sts())
    with OceanSpectrometer("ocean:", clock=watch.clock) as spectrometer:
        next_exposure(spectrometer)
        bus.unplug()
        bus.plug(Sts("ANOTHER"))
        assert isinstance(spectrometer.expose(), Fault)
        for _ in range(6):
            assert spectrometer.expose() is None
        assert spectrometer.status.why == "not on USB: got ANOTHER, expected S13427"


def test_a_change_while_it_is_away_holds_when_it_is_back(bus: Bus) -> None:
    """An exposure that is set in between is sent to the instrument that comes back."""
    watch, sts = Watch(), Sts()
    bus.plug(sts)
    with OceanSpectrometer("ocean:", clock=watch.clock) as spectrometer:
        bus.unplug()
        spectrometer.set_exposure(0.5)
        assert spectrometer.status.state == "absent"
        spectrometer.set_exposure(0.75)
        bus.plug(sts)
        assert next_exposure(spectrometer).exposure_s == 0.75
        assert sts.micros == 750_000


def test_its_spectra_are_named(bus: Bus, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``serial ocean:`` measures with it as with any other, on the wavelengths from its memory."""
    factors = (786.0, 0.16, -8e-6)
    nm = np.polynomial.Polynomial(factors)(np.arange(1024.0))
    shift = 1e7 / 785.0 - 1e7 / nm
    counts = 900 + 9000 * synthetic.lines(Axis(shift), build.table("Calcite"))
    bus.plug(Sts(coefficients=factors, counts=counts))
    code = cli.main(["serial", "ocean:", "--laser", "785", "--count", "1", "--json", "--journal", str(tmp_path / "journal.sqlite3")])
    out, err = capsys.readouterr()
    (record,) = (json.loads(line) for line in out.splitlines())
    assert code == 0, err
    assert (record["matches"][0]["label"], record["source"]["path"]) == ("Calcite", "ocean:")


@pytest.mark.parametrize(
    ("pixels", "run"), [((), None), ((0, 1, 2, 3, 1040, 1041), (0, 3)), ((5,), (5, 5)), ((0, 4, 5, 6), (4, 6))], ids=str
)
def test_dark_pixels_are_one_run(pixels: tuple[int, ...], run: tuple[int, int] | None) -> None:
    """Of several runs the longest is the range."""
    assert ocean_usb._run(pixels) == run


def test_invalid_wavelengths_have_no_polynomial() -> None:
    """A device without coefficients has zeros or no numbers; a kink is no polynomial."""
    pixels = np.arange(100.0)
    assert ocean_usb.polynomial(np.zeros(100)) is None
    assert ocean_usb.polynomial(np.full(100, np.nan)) is None
    assert ocean_usb.polynomial(np.where(pixels < 50, pixels, 2 * pixels)) is None


def test_only_its_own_addresses() -> None:
    """A path or a serial bridge is not one of them."""
    with pytest.raises(ConfigError, match="expected ocean: or ocean:SERIAL"):
        OceanSpectrometer("/dev/ttyUSB0")
