"""Requests read back: every page, every command, over all values."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.instruments.profiles import catalogue, requests, validate
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.settings import toml
from raman_edge.simulator.requests import HostRequest, RequestReader
from simulator_desk import PROFILES

PAGES = {name: catalogue.load(name) for name in PROFILES}
COMMANDS = [(name, str(path[1])) for name, page in PAGES.items() for path, _ in requests.commands(page) if path[1] != "prepare"]


def read(name: str, data: bytes, *, streaming: bool = False) -> list[HostRequest]:
    """Return the requests in some bytes."""
    reader = RequestReader(PAGES[name])
    reader.kept += data
    found: list[HostRequest] = []
    while (request := reader.next(streaming=streaming)) is not None:
        found.append(request)
    return found


@pytest.mark.parametrize(("name", "command"), COMMANDS)
@settings(max_examples=examples(10), deadline=None)
@given(st.data())
def test_a_request_is_read_back(name: str, command: str, data: st.DataObject) -> None:
    """Exposure, averages, coefficient and rate come out of the very bytes that the page makes of them, however they are cut."""
    page = PAGES[name]
    facts = page.integration
    exposure = data.draw(st.integers(facts.min, facts.max)) if facts else None
    averages = data.draw(st.integers(1, facts.averages_max)) if facts else 1
    indexed = page.nonlinearity if command == "nonlinearity" else page.wavelength
    first, many = getattr(indexed, "first_index", 0), getattr(indexed, "coefficients", 1)
    index = data.draw(st.integers(first, first + many - 1)) if isinstance(many, int) else 0
    wanted = RequestValues(exposure, averages, index, data.draw(st.sampled_from(page.serial.baud)))
    sent = requests.request(page, command, wanted)
    reader = RequestReader(page)
    for at in range(len(sent)):
        assert reader.next(streaming=command == "stop") is None
        reader.kept.append(sent[at])
    request = reader.next(streaming=command == "stop")
    assert request is not None
    assert requests.request(page, request.name, wanted) == sent
    everything = {"integration": exposure, "averages": averages, "index": wanted.index, "baud": wanted.baud}
    assert {key: value for key, value in request.values.items() if key in everything}.items() <= everything.items()
    if command.startswith("set_") or command == "coefficient":
        assert request.values
    assert not reader.kept


def test_two_requests_glued_together_are_two() -> None:
    """Bytes between them are unknown requests."""
    glued = read("ocean-flame-s", b"I\x00\x0bA\x00\x02S")
    assert [(request.name, dict(request.values)) for request in glued] == [
        ("set_integration", {"integration": 11}),
        ("set_averages", {"averages": 2}),
        ("acquire", {}),
    ]
    found = read("jeti-versapic", b"*IDN?\r*BAD\r*PARA:FIT3?\r")
    assert [(request.name, dict(request.values)) for request in found] == [("identify", {}), ("", {}), ("coefficient", {"index": 3})]


def test_noise_without_an_end_is_given_up() -> None:
    """A line that never ends does not grow for ever, and the request behind it is understood."""
    reader = RequestReader(PAGES["jeti-versapic"])
    for _ in range(50):
        reader.kept += b"*" * 100
        while reader.next(streaming=False) is not None:
            pass
        assert len(reader.kept) <= 1024
    assert [request.name for request in read("jeti-versapic", b"?" * 2000)] == [""]


def test_the_state_of_the_device_distinguishes_stop_from_start() -> None:
    """The same twelve bytes ask for one spectrum, or end a stream."""
    data = requests.request(PAGES["tcd1304-rossel"], "stop")
    assert [request.name for request in read("tcd1304-rossel", data)] == ["acquire"]
    assert [request.name for request in read("tcd1304-rossel", data, streaming=True)] == ["stop"]


@settings(deadline=None)
@given(st.sampled_from(PROFILES), st.binary(max_size=200))
def test_no_bytes_confuse_it(name: str, data: bytes) -> None:
    """Whatever comes, it is taken apart without loss, and what is kept is bounded by what may still become a request."""
    reader = RequestReader(PAGES[name])
    reader.kept += data
    while (request := reader.next(streaming=False)) is not None:
        assert request.data
    assert len(reader.kept) <= len(data)
    assert reader.next(streaming=False) is None


COMPUTED = """
schema = 1
device = {{ id = "x", vendor = "v", model = "m" }}
provenance = {{ sources = ["s"], certainty = "firmware", hardware_tested = false }}
serial = {{ baud = [9600, 115200], switch = {{}} }}
integration = {{ unit = "ms", min = 3, max = 3000, default = 10, averages_max = 40 }}
[values]
clocks = "integration*4 + 1"
frame = "(14776 + clocks - 1)//clocks*clocks"
[commands]
acquire = {{ send = {send} }}
set_baud = {{ send = ["ascii:B", "u32be:{{baud/100}}"] }}
[frame]
mode = "fixed"
dtype = "u16le"
count = 100
"""
FORMS = [
    ["u32be:{frame}", "u32be:{clocks}", "u8:{averages}"],
    ["u16be:{60000 - integration*3}", "u8:{averages*2}"],
    ["ascii:{integration/3} {averages/7}\\r"],
    ["f32le:{integration/1000}", "ascii: {averages:03};", "sum8"],
    ["u16le:{integration*5//2}", "ascii:{averages - 50};"],
    ["u32be:{averages*pixels}", "u16le:{integration}", "u16be:{integration//7}"],
]


@pytest.mark.parametrize("send", FORMS, ids=" ".join)
@settings(max_examples=examples(15), deadline=None)
@given(st.integers(3, 3000), st.integers(1, 40))
def test_a_computed_setting_is_found_again(send: list[str], integration: int, averages: int) -> None:
    """Products, differences, fractions, rounding down and the profile's own values: the setting comes out of the bytes."""
    profile = validate.convert(toml.parse(COMPUTED.format(send=send).encode(), "x.toml"))
    data = requests.request(profile, "acquire", RequestValues(integration, averages))
    reader = RequestReader(profile)
    reader.kept += data
    request = reader.next(streaming=False)
    assert request is not None
    assert (request.name, dict(request.values)) == ("acquire", {"integration": integration, "averages": averages})
    reader.kept += requests.request(profile, "set_baud", RequestValues(baud=115_200))
    request = reader.next(streaming=False)
    assert request is not None
    assert (request.name, dict(request.values)) == ("set_baud", {"baud": 115_200})


def test_a_computed_setting_out_of_range_is_not_understood() -> None:
    """No exposure of the profile makes these bytes."""
    profile = validate.convert(toml.parse(COMPUTED.format(send=FORMS[1]).encode(), "x.toml"))
    for data in (b"\x00\x00\x02", b"\xff\xff\x02", b"\xea\x00\x03"):
        reader = RequestReader(profile)
        reader.kept += data
        request = reader.next(streaming=False)
        assert request is not None
        assert request.name == ""
