"""The laser is on only during a requested exposure, whatever the program does in between."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

import laser_instrument
import pytest
from raman_edge.acquisition.acquisition import Acquisition
from raman_edge.acquisition.plan import Plan
from raman_edge.errors import ConfigError, LaserNotOff, SourceError
from raman_edge.instruments.profiles import catalogue, validate
from raman_edge.instruments.recording import Recorder
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.instruments.serial.spectrometer import Environment
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.settings import toml
from raman_edge.spectrum import Fault, Spectrum
from wire_profiles import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.simulator.simulated import Simulated

PATIENCE_S = 60.0
QUICK = Environment(chance=lambda: -0.99, idle_s=0.1)
SLOW = Environment(chance=lambda: -0.99, idle_s=1000.0)
WATCHDOG = '[commands]\nlaser_watchdog = { send = ["ascii:W\\r"], ack = true }'
REFUSES = "nak:on=laser_off,every=1"


def page(folder: Path, old: str = "", new: str = "", *, method: str = "laser") -> Profile:
    """Return the page with a laser, something of it replaced."""
    path = laser_instrument.write(folder, method)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return catalogue.load(str(path))


@contextlib.contextmanager
def measured(
    profile: Profile, world: Environment = QUICK, *, keep_laser_on: bool = False, **more: object
) -> Iterator[tuple[SerialSpectrometer, Simulated, list[str]]]:
    """An instrument with an armed laser, and the list of its requests."""
    requests: list[str] = []
    with laser_instrument.instrument(profile, **more) as simulated:
        simulated.note = requests.append
        with SerialSpectrometer(profile, simulated.port, laser=True, keep_laser_on=keep_laser_on, world=world) as device:
            yield device, simulated, requests


@contextlib.contextmanager
def warned_that_it_is_on() -> Iterator[None]:
    """Expect that leaving the block says that the laser may be on."""
    with pytest.raises(LaserNotOff, match="LASER MAY STILL BE ON: lit on "):
        yield


def exposed(device: SerialSpectrometer) -> Exposure:
    """Return the next exposure, with nothing wrong before it."""
    end = time.monotonic() + PATIENCE_S
    while not isinstance(got := device.expose(), Exposure):
        assert got is None, got.why
        assert time.monotonic() < end
    return got


def eventually(what: Callable[[], bool]) -> bool:
    """Whether ``what`` comes to hold."""
    end = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_without_requests_the_laser_goes_off(tmp_path: Path) -> None:
    """While the program does something else the laser goes off by itself, and on for the next exposure."""
    with measured(page(tmp_path)) as (device, simulated, _):
        for _ in range(2):
            exposed(device)
            assert eventually(lambda: not simulated.device.laser)
            assert eventually(lambda: device.status.laser is False)
    assert not simulated.device.laser


def test_a_reader_of_a_bench_that_is_slow_leaves_no_laser_on(tmp_path: Path) -> None:
    """So it does where a script takes its time with a spectrum."""
    with measured(page(tmp_path)) as (device, simulated, _):
        for one in Acquisition(device, Plan(count=2)):
            assert isinstance(one, Spectrum)
            assert eventually(lambda: not simulated.device.laser)


def test_a_known_wait_is_dark_from_its_beginning(tmp_path: Path) -> None:
    """Told of a wait, the laser is off before it begins; a wait that is shorter than the laser needs leaves it on."""
    profile = page(tmp_path, 'L1\\r"], ack = true', 'L1\\r"], ack = true, settle_ms = 300')
    with measured(profile, SLOW) as (device, simulated, _):
        exposed(device)
        assert not device.rest(900.0)
        assert simulated.device.laser
    with measured(profile, QUICK) as (device, simulated, _):
        exposed(device)
        assert device.rest(0.31)
        assert not simulated.device.laser
        assert not device.rest(0.29)
        assert device.rest()


def test_a_laser_that_is_not_armed_rests_in_silence(tmp_path: Path) -> None:
    """Nothing is sent for a wait, and nothing is given away, where this program does not switch the laser on."""
    profile, requests = page(tmp_path), list[str]()
    with laser_instrument.instrument(profile) as simulated:
        simulated.note = requests.append
        with SerialSpectrometer(profile, simulated.port, world=QUICK) as device:
            exposed(device)
            before = len(requests)
            assert not device.rest()
            assert device.make_safe() == ""
            assert set(requests[before:]) <= {"laser_off"}


def test_a_laser_that_is_kept_on_is_off_at_faults_suspensions_and_the_end(tmp_path: Path) -> None:
    """Only the waits of a program that runs leave it on."""
    with measured(page(tmp_path), keep_laser_on=True) as (device, simulated, _):
        exposed(device)
        assert not device.rest()
        time.sleep(0.5)
        assert simulated.device.laser
        with device.suspended() as why:
            assert (why, simulated.device.laser) == ("", False)
        exposed(device)
        assert simulated.device.laser
    assert not simulated.device.laser


def test_a_laser_that_stays_warm_hides_behind_its_shutter(tmp_path: Path) -> None:
    """keep_warm: between exposures the shutter is closed and the laser on; at the end the laser is off and the shutter open."""
    profile = page(tmp_path, "wavelength_nm = 785.0", "wavelength_nm = 785.0, keep_warm = true", method="shutter")
    with measured(profile) as (device, simulated, _):
        for _ in range(2):
            lit = exposed(device)
            assert lit.counts.max() > 1000
            assert eventually(lambda: not simulated.device.shutter)
            assert simulated.device.laser
    assert (simulated.device.laser, simulated.device.shutter) == (False, True)


def test_a_shutter_that_does_not_close_costs_the_laser(tmp_path: Path) -> None:
    """Where the shutter refuses, the laser goes off instead."""
    profile = page(tmp_path, "wavelength_nm = 785.0", "wavelength_nm = 785.0, keep_warm = true", method="ask")
    with measured(profile, faults=["nak:on=shutter_close,every=1"]) as (device, simulated, _):
        exposed(device)
        assert device.rest()
        assert not simulated.device.laser


def test_what_cannot_be_armed_like_this_is_a_mistake(tmp_path: Path) -> None:
    """A laser that stays warm without a shutter needs a word of the user; so does one that is kept on and not armed."""
    profile = page(tmp_path, "wavelength_nm = 785.0", "wavelength_nm = 785.0, keep_warm = true", method="ask")
    bare = changed(profile, "commands", shutter_open=None, shutter_close=None)
    with pytest.raises(ConfigError, match=r"laser.keep_warm without a shutter.*--keep-laser-on"):
        SerialSpectrometer(bare, "port", laser=True)
    SerialSpectrometer(bare, "port", laser=True, keep_laser_on=True)
    with pytest.raises(ConfigError, match="--arm-laser"):
        SerialSpectrometer(profile, "port", keep_laser_on=True)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("wavelength_nm = 785.0", "wavelength_nm = 785.0, keep_warm = true", 'dark.method: is "laser", and laser.keep_warm is true'),
        ("[commands]", WATCHDOG, "commands.laser_watchdog: needs laser.watchdog_s"),
    ],
)
def test_mistakes_of_a_page(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """What a page says of its laser has to be possible."""
    text = laser_instrument.write(tmp_path).read_text().replace(old, new)
    with pytest.raises(ConfigError, match=expected.replace(".", r"\.")):
        validate.convert(toml.parse(text.encode(), "lit.toml"))


def watched(folder: Path, seconds: float) -> Profile:
    """Return a page whose device has a watchdog that has to be set."""
    path = laser_instrument.write(folder)
    text = path.read_text().replace("wavelength_nm = 785.0", f"wavelength_nm = 785.0, watchdog_s = {seconds}")
    path.write_text(text.replace("[commands]", WATCHDOG))
    return catalogue.load(str(path))


def test_the_devices_watchdog_is_set_before_the_laser_is_on(tmp_path: Path) -> None:
    """A watchdog in the profile is used: a program that is killed leaves the laser on no longer than that."""
    with measured(watched(tmp_path, 1.0), SLOW) as (device, simulated, requests):
        exposed(device)
        assert requests.index("laser_watchdog") < requests.index("laser_on")
        device._wire.port.close()  # as a kill does
        assert simulated.device.laser
        assert eventually(lambda: not simulated.device.laser)


def test_a_watchdog_that_cannot_be_set_keeps_the_laser_off(tmp_path: Path) -> None:
    """Without its watchdog the laser is not switched on."""
    with measured(watched(tmp_path, 1.0), faults=["nak:on=laser_watchdog,every=1"]) as (device, _, requests):
        got = device.expose()
        assert isinstance(got, Fault)
        assert "laser_watchdog: it refused" in got.why
    assert "laser_on" not in requests


def test_a_laser_that_is_kept_on_is_kept_from_its_watchdog(tmp_path: Path) -> None:
    """In a long wait the device hears of us often enough to leave on what is kept on; on a busy machine a longer watchdog shows it."""
    for seconds in (0.6, 3.0, 15.0):
        with measured(watched(tmp_path, seconds), keep_laser_on=True) as (device, simulated, _):
            exposed(device)
            end, is_on = time.monotonic() + 2.5 * seconds, True
            while is_on and time.monotonic() < end:
                is_on = simulated.device.laser
                time.sleep(0.01)
        if is_on:
            break
    assert is_on


def test_suspended_nothing_is_exposed(tmp_path: Path) -> None:
    """While the block runs another thread gets no exposure, and the laser stays off; then it goes on, with no fault."""
    with measured(page(tmp_path), SLOW) as (device, simulated, requests):
        over = threading.Event()
        found: list[object] = []

        def ask() -> None:
            while not over.is_set():
                if (got := device.expose()) is not None:
                    found.append(got)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            for _ in range(3):
                count = len(found)
                assert eventually(lambda count=count: len(found) > count + 2)  # type: ignore[misc]  # bound now
                with device.suspended() as why:
                    assert (why, simulated.device.laser) == ("", False)
                    before = requests.count("acquire")
                    time.sleep(0.3)
                    assert requests.count("acquire") == before
                    assert not simulated.device.laser
        finally:
            over.set()
            asking.join()
        assert all(isinstance(one, Exposure) for one in found)


def test_an_exposure_is_given_up_for_a_suspension(tmp_path: Path) -> None:
    """A device that exposes meanwhile is waited for, and that exposure, part of it without light, is not given."""
    with measured(page(tmp_path), SLOW, pacing=True) as (device, simulated, _):
        device.set_exposure(1.5)
        while device.status.state != "acquiring" or not simulated.device.laser:
            device.expose()
        with device.suspended() as why:
            assert (why, simulated.device.laser) == ("", False)
        assert device.status.counters.stale >= 1
        assert exposed(device).exposure_s == 1.5


@pytest.mark.parametrize("error", [ValueError("a mistake"), KeyboardInterrupt()])
def test_the_error_that_ends_a_block_is_kept_beside_the_laser(tmp_path: Path, error: BaseException) -> None:
    """A block that an error ends says both: the laser, and as its context the error."""
    with pytest.raises(LaserNotOff) as raised, measured(page(tmp_path), SLOW) as (device, simulated, _):  # noqa: PT012 - what is raised inside
        exposed(device)
        simulated.fault(REFUSES)
        raise error
    assert raised.value.__context__ is error
    assert raised.value.exit_code == 74


def test_the_laser_is_switched_off_once(tmp_path: Path) -> None:
    """The first result stands: the laser gets no second command, nothing is exposed after it, and leaving reports the same."""
    with warned_that_it_is_on(), measured(page(tmp_path), SLOW) as (device, simulated, requests):
        exposed(device)
        simulated.fault(REFUSES)
        why = device.make_safe()
        assert "laser_off: it refused" in why
        before = len(requests)
        assert device.make_safe() == why
        assert device.expose() is None
        assert len(requests) == before


def test_an_answer_that_a_page_does_not_have_is_replaced_by_a_question(tmp_path: Path) -> None:
    """laser_off without an acknowledgement: a device that answers nothing after it has not been proven to be off."""
    plain = 'L0\\r"], ack = true'
    asks = page(tmp_path, plain, 'L0\\r"]')
    asks = changed(asks, "commands", identify=asks.commands.serial_number)
    with measured(asks, SLOW) as (device, simulated, _):
        exposed(device)
    assert not simulated.device.laser
    with warned_that_it_is_on(), measured(asks, SLOW) as (device, simulated, _):
        exposed(device)
        for name in ("laser_off", "identify", "serial_number"):
            simulated.fault(f"silence:on={name},every=1")


def test_a_line_that_is_lost_at_the_very_end_is_opened_again(tmp_path: Path) -> None:
    """Unplugged and back before the end: the laser is off at the end, and nothing is raised."""
    with measured(page(tmp_path), SLOW) as (device, simulated, _):
        exposed(device)
        simulated.unplug()
        simulated.replug(None)
        simulated.device.laser = True  # a device with a power supply of its own
    assert not simulated.device.laser


def test_a_laser_that_stays_on_in_between_is_reported_and_tried_again(tmp_path: Path) -> None:
    """In a wait: a fault says it at once, the line is opened anew, and nothing is measured until the laser has been off."""
    with measured(page(tmp_path), SLOW) as (device, simulated, requests):
        exposed(device)
        for number in range(2, 8):
            simulated.fault(f"nak@{number}:on=laser_off")
        before = len(requests)
        device.rest(2000.0)
        got = device.expose()
        assert isinstance(got, Fault)
        assert got.why.startswith("LASER MAY STILL BE ON: lit on ")
        end = time.monotonic() + PATIENCE_S
        while not isinstance(device.expose(), Exposure):
            assert time.monotonic() < end
        since = requests[before:]
        assert since.index("laser_off") < since.index("laser_on") < since.index("acquire")


def test_another_instrument_does_not_vouch_for_the_one_before(tmp_path: Path) -> None:
    """Lost with its laser on, and another one plugged in: that one's laser is off, and the first one's may still be on."""

    def measure() -> None:
        with measured(page(tmp_path), SLOW) as (device, simulated, _):
            exposed(device)
            simulated.replug("OTHER")
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end:
                device.expose()

    with pytest.raises(LaserNotOff, match="LIT1 was lost with its laser on") as raised:
        measure()
    assert "serial number OTHER" in str(raised.value.__context__)


def test_a_late_spectrum_of_a_page_without_a_question_is_not_taken_for_the_next(tmp_path: Path) -> None:
    """It has come and gone before the next one is requested; every exposure is the instrument's last."""
    with measured(page(tmp_path), SLOW, faults=["late@3"]) as (device, simulated, _):
        end = time.monotonic() + PATIENCE_S
        count = 0
        while count < 6:
            assert time.monotonic() < end
            got = device.expose()
            if isinstance(got, Exposure):
                count += 1
                assert got.frame.counts.tolist() == simulated.device.counts.tolist()
        assert device.status.counters.timeouts == 1


def test_a_recorder_passes_it_on(tmp_path: Path) -> None:
    """A recording of an instrument with a laser rests, ends and complains as the instrument does."""
    profile = page(tmp_path)
    with laser_instrument.instrument(profile) as simulated:
        recorder = Recorder(SerialSpectrometer(profile, simulated.port, laser=True, world=QUICK), tmp_path / "run.recording")
        with warned_that_it_is_on(), recorder as device:
            while not isinstance(device.expose(), Exposure):
                pass
            assert device.rest()
            assert not simulated.device.laser
            while not isinstance(device.expose(), Exposure):
                pass
            simulated.fault(REFUSES)
            assert "LASER MAY STILL BE ON" in device.make_safe()
    assert (tmp_path / "run.recording").stat().st_size > 0


def test_a_start_whose_laser_does_not_go_off_is_refused(tmp_path: Path) -> None:
    """Also where nothing is armed: an earlier program may have been killed with the laser on."""
    profile = page(tmp_path)
    with laser_instrument.instrument(profile, faults=[REFUSES]) as simulated:
        with warned_that_it_is_on(), SerialSpectrometer(profile, simulated.port):
            pass
        assert issubclass(LaserNotOff, SourceError)
