"""What is sent to an unknown device changes nothing in any known instrument, at any baud rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from raman_edge.instruments.profiles import catalogue, requests, validate
from raman_edge.instruments.serial import probe
from raman_edge.settings import toml
from raman_edge.simulator.device import SimulatedDevice
from raman_edge.simulator.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raman_edge.instruments.profiles.profile import Profile

PROFILES = [catalogue.load(name) for name in catalogue.profiles()]
RATES = sorted({rate for profile in PROFILES for rate in profile.serial.baud})
ADVERSARIES = {
    "any-line": """
        acquire = { send = ["u8:{averages}", "ascii:\\n"] }
    """,
    "laser-at-v": """
        laser_on = { send = ["ascii:v"] }
        laser_off = { send = ["ascii:w"] }
        acquire = { send = ["ascii:S"] }
    """,
    "laser-at-a-byte-of-obp": """
        laser_on = { send = ["hex:90"] }
        laser_off = { send = ["hex:91"] }
        acquire = { send = ["ascii:S"] }
    """,
    "rate-at-vv": """
        set_baud = { send = ["ascii:vv", "u8:{baud_code}"] }
        acquire = { send = ["ascii:S"] }
    """,
}
"""Devices that misunderstand a request of another: name → its commands."""


def adversary(name: str) -> Profile:
    """Return the profile of a device that misunderstands."""
    laser, switch = "laser_on" in ADVERSARIES[name], "set_baud" in ADVERSARIES[name]
    text = f"""
        schema = 1
        device = {{ id = "{name}", vendor = "a test", model = "{name}" }}
        provenance = {{ sources = ["a test"], certainty = "unchecked", hardware_tested = false }}
        serial = {{ baud = [9600, 115200]{", switch = { codes = { '9600' = 0, '115200' = 1 } }" if switch else ""} }}
        integration = {{ unit = "ms", min = 1, max = 10, default = 1, averages_max = 255 }}
        values = {{ unused = "integration" }}
        {"laser = { wavelength_nm = 785.0 }" if laser else ""}
        [commands]
        {ADVERSARIES[name]}
        set_integration = {{ send = ["hex:FE", "u8:{{integration}}"] }}
        set_averages = {{ send = ["hex:FD", "u8:{{averages}}"] }}
        [frame]
        mode = "fixed"
        count = 64
        dtype = "u16le"
    """
    return validate.convert(toml.TomlDocument(name, toml.tomllib.loads(text), {}))


def device(profile: Profile) -> SimulatedDevice:
    """Return a simulated device that is on."""
    made = SimulatedDevice(profile, Scene(profile))
    made.joined(0.0)
    return made


def changed(profile: Profile, sent: Iterable[bytes]) -> bool:
    """Whether a simulated instrument is in another state after these bytes and a while, or measures at any time."""
    made = device(profile)
    now, before = 100.0, made.settings
    for data in sent:
        for byte in data:  # one by one, as on a line
            made.receive(bytes((byte,)), now)
            now += 0.001
            if made.settings != before:
                return True
        now += 0.2
    made.advance(now + 5)
    return made.settings != before


def every_request(profile: Profile) -> Iterator[tuple[str, bytes]]:
    """Give every request of a profile, and that of its probe."""
    for path, command in requests.commands(profile):
        name = str(path[1])
        yield name, requests.sent(profile, command, requests.values(profile, name), name)
    if (data := requests.probe(profile)) is not None:
        yield "probe", data


def test_a_uart_reads_its_own_rate() -> None:
    """At the same rate the bytes are the same; a slow break is zeros at a fast rate."""
    assert requests.misread(b"*IDN?\r\xff\x00v", 9600, 9600) == b"*IDN?\r\xff\x00v"
    assert requests.misread(b"\x00", 9600, 115_200)[:5] == bytes(5)


@pytest.mark.parametrize("sender", PROFILES, ids=lambda profile: profile.device.id)
def test_what_is_called_harmless_changes_nothing(sender: Profile) -> None:
    """Every request of every profile, sent to every instrument: where `disturbs` sees no harm, the simulator has none.

    What changes an instrument is seen, too; the analysis may see more than the simulator does.
    """
    for name, data in every_request(sender):
        for target in PROFILES:
            if not target.streams and changed(target, [data]):
                assert requests.disturbs(target, data), f"{sender.device.id} {name} changes {target.device.id}"


def test_jetis_question_changes_an_ocean() -> None:
    """The case that was found: I, D and N are a new exposure of 17.5 s."""
    flame = catalogue.load("ocean-flame-s")
    made = device(flame)
    made.receive(b"*IDN?\r", 1.0)
    assert made.exposure_s == pytest.approx(17.486)
    assert requests.disturbs(flame, b"*IDN?\r")


def test_harmless_requests_change_no_instrument() -> None:
    """All of them in a row, as they are sent, to every simulated instrument."""
    harmless = [question.sent for question in probe.questions(PROFILES)]
    assert harmless
    for profile in PROFILES:
        if not profile.streams:
            assert not changed(profile, harmless * 3), profile.device.id


def test_harmless_requests_end_no_line() -> None:
    """To a device that reads lines, any line may be a command."""
    for question in probe.questions(PROFILES):
        assert not frozenset(b"\r\n") & frozenset(question.sent)


def slow_misread(data: bytes, sender: int, listener: int) -> bytes:
    """Read a line as a UART does that looks at it 64 times a bit: the slow oracle of `requests.misread`."""
    bits = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    received, at, step = bytearray(), 0.0, sender / listener

    def level(place: float) -> int:
        return bits[int(place)] if place < len(bits) else 1

    while at < len(bits):
        if level(at) or level(at + step / 2):
            at += min(1.0, step) / 64
            continue
        received.append(sum(level(at + (place + 1.5) * step) << place for place in range(8)))
        at += 9.5 * step
    return bytes(received)


@pytest.mark.parametrize(("sender", "listener"), [(9600, 9600), (9600, 19_200), (115_200, 9600), (57_600, 9600), (921_600, 38_400)])
def test_reading_at_a_wrong_rate_agrees_with_its_oracle(sender: int, listener: int) -> None:
    """The same bytes come out where the line is looked at all the time."""
    for data in (b"v", b"*IDN?\r", bytes(range(0, 256, 5))):
        assert requests.misread(data, sender, listener) == slow_misread(data, sender, listener)


def test_oceans_question_is_a_write_at_half_the_rate() -> None:
    """The case that was found: `v` at 9600 is `x` at 19200, the beginning of a write to the EEPROM."""
    assert requests.misread(b"v", 9600, 19_200).startswith(b"x")
    assert requests.in_safe_order(catalogue.load("ocean-usb2000"), b"v", (9600, 115_200, 57_600, 38_400, 19_200, 4800, 2400)) == (
        38_400,
        19_200,
        9600,
        115_200,
        57_600,
        4800,
        2400,
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.device.id)
def test_probing_is_harmless_at_any_rate(profile: Profile) -> None:
    """At a wrong rate a device reads other bytes: wherever it listens, the whole plan changes nothing until its own request finds it."""
    attempts = probe.plan(probe.questions(PROFILES), PROFILES)
    for listener in RATES if not profile.streams else ():
        read: list[bytes] = []
        for attempt in attempts:
            read.append(requests.misread(attempt.question.sent, attempt.baud, listener))
            if profile in attempt.question.pages and attempt.baud == listener:
                break
        if listener in profile.serial.baud:
            assert not changed(profile, read), (profile.device.id, listener)


def test_the_plan_sends_each_request_where_its_instrument_wakes() -> None:
    """Ocean's at all rates, OBP's at the power-up rate at least; nothing is sent twice."""
    questions = probe.questions(PROFILES)
    attempts = probe.plan(questions, PROFILES)
    sent = [(one.question.sent, one.baud) for one in attempts]
    assert len(set(sent)) == len(sent)
    assert {(question.sent, question.line.baud[0]) for question in questions} <= set(sent)
    assert {rate for data, rate in sent if data == b"v"} == set(catalogue.load("ocean-usb2000").serial.baud)
    assert [one.baud for one in attempts[:3]] == [38_400, 19_200, 9600]


def test_an_attempt_is_left_out_where_it_may_disturb_a_device_that_cannot_be_found() -> None:
    """The laser of this device is switched on by a byte that `v` is at another rate, and no request finds the device before."""
    byte = requests.misread(b"v", 9600, 115_200)[-1]
    nymphet = catalogue.load("tcd1304-nymphet")
    disturbed = msgspec.structs.replace(nymphet.match, disturbed_by=(f"hex:{byte:02x}",))
    page = msgspec.structs.replace(nymphet, match=disturbed)
    questions = [question for question in probe.questions(PROFILES) if question.sent == b"v"]
    assert 9600 not in [one.baud for one in probe.plan(questions, [page, *PROFILES])]
    assert 9600 in [one.baud for one in probe.plan(questions, PROFILES)]


@pytest.mark.parametrize("name", ADVERSARIES)
def test_a_device_with_a_profile_is_never_disturbed(name: str) -> None:
    """A profile of the user's own, too, keeps every request away that would change its device."""
    known = [adversary(name), *PROFILES]
    harmless = [question.sent for question in probe.questions(known)]
    assert not changed(known[0], harmless)
    shipped = [question.sent for question in probe.questions(PROFILES)]
    assert changed(known[0], shipped) or name in {"any-line", "rate-at-vv"}, "the test is about a device that would be disturbed"


def test_a_request_that_one_profile_forbids_is_withheld_with_a_reason() -> None:
    """The reason names the instrument and its command."""
    known = [adversary("laser-at-v"), *PROFILES]
    (ocean,) = [question for question in probe.withheld_questions(known) if question.sent == b"v"]
    assert ocean.withheld == "laser-at-v may take a part of it for its laser_on"
    assert not [question for question in probe.questions(known) if question.sent == b"v"]


def test_requests_for_a_spectrum_are_the_last() -> None:
    """Of the requests that need the user's consent, questions are first."""
    commands = [question.command for question in probe.withheld_questions(PROFILES)]
    assert "acquire" in commands
    assert commands == sorted(commands, key=lambda command: command == "acquire")
    everything = {name for question in (*probe.questions(PROFILES), *probe.withheld_questions(PROFILES)) for name in question.profiles}
    assert everything == {profile.device.id for profile in PROFILES if not profile.streams}


def test_a_request_that_begins_with_a_number_is_disturbed_by_everything() -> None:
    """Its first byte may be any."""
    page = adversary("any-line")
    assert requests.disturbs(page, b"v")
    assert requests.disturbs(msgspec.structs.replace(page, commands=msgspec.structs.replace(page.commands, acquire=None)), b"v") == ""


def test_a_begun_command_is_a_disturbance() -> None:
    """The next bytes would complete it."""
    page = adversary("rate-at-vv")
    assert requests.disturbs(page, b"v") == "set_baud"
    assert requests.disturbs(page, b"vw") == ""
