"""What goes wrong on demand: how it is ordered, when it strikes, and what the codec makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.stream import Reply, WireFault
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.simulator import faults
from raman_edge.simulator.faults import InjectedFault
from simulator_desk import ON_REQUEST, STREAMS, Desk, spectra

PROVEN = ("ocean-usb2000", "ocean-flame-s", "tcd1304-teensy")
"""Devices whose frames carry a checksum."""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("flip", InjectedFault("flip")),
        ("drop@7", InjectedFault("drop", at=7)),
        ("silence:every=100", InjectedFault("silence", every=100)),
        ("late:p=0.25,for=3", InjectedFault("late", p=0.25, seconds=3.0)),
        ("nak@2:on=set_integration", InjectedFault("nak", at=2, on="set_integration")),
        ("unplug:for=0.5,serial=X7", InjectedFault("unplug", seconds=0.5, serial="X7")),
    ],
)
def test_a_fault_is_written_so(text: str, fault: InjectedFault) -> None:
    """A kind, when it strikes, and options."""
    assert faults.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flop", "no fault is called 'flop': expected one of drop, flip"),
        ("", "no fault is called ''"),
        ("flip@", "'' is no count; expected a whole number from 1"),
        ("flip@0", "'0' is no count"),
        ("flip@٣", "is no count"),
        ("flip:every=x", "'x' is no count"),
        ("flip:p=2", "'2' is no number from 0 to 1"),
        ("flip:p=nan", "'nan' is no number from 0 to 1"),
        ("late:for=9999", "'9999' is no number from 0 to 3600"),
        ("flip:when=3", "'when=3' is no option; expected every="),
        ("flip:", ""),
        ("flip@3:every=2", "each say when; give one of them"),
        ("nak:on=dance", "'dance' is no request; expected one of frames, prepare, identify"),
        ("unplug:serial=a b", "expected 1 to 15 printable ASCII characters"),
    ],
)
def test_an_unknown_fault_is_reported(text: str, expected: str) -> None:
    """The message says what was got and what was expected; an empty list of options is none."""
    if not expected:
        assert faults.parse(text) == InjectedFault("flip")
        return
    with pytest.raises(ConfigError, match="got the ") as error:
        faults.parse(text)
    assert expected in str(error.value)


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_fault_or_a_mistake(text: str) -> None:
    """No text makes the reader fail otherwise."""
    for typed in (text, f"flip{text}", f"flip:{text}"):
        try:
            kind = faults.parse(typed).kind
        except ConfigError:
            continue
        assert kind in faults.KINDS


@pytest.mark.parametrize(
    ("text", "struck"),
    [("flip@3", [3]), ("flip", [1]), ("flip:every=4", [4, 8, 12]), ("flip:p=1", list(range(1, 13))), ("flip:p=0", [])],
)
def test_a_fault_strikes_at_its_time(text: str, struck: list[int]) -> None:
    """Once, at a number, every so many, or by chance."""
    coming = faults.Faults((faults.parse(text),), np.random.default_rng(0))
    assert [number for number in range(1, 13) if coming.struck("frames")] == struck


def test_requests_are_counted_by_their_name() -> None:
    """What strikes a request leaves spectra and other requests alone."""
    coming = faults.Faults((faults.parse("silence@2:on=identify"),), np.random.default_rng(0))
    assert [len(coming.struck(name)) for name in ("identify", "frames", "acquire", "identify", "identify")] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("kind", ["drop", "flip", "duplicate", "truncate"])
@pytest.mark.parametrize("name", PROVEN)
def test_damage_is_noticed_by_a_checksum(name: str, kind: str) -> None:
    """Nothing damaged passes for a spectrum with other counts, wherever it was struck; the next spectrum is whole."""
    desk = Desk(name, faults=[f"{kind}:p=1"], seed=3)
    for _ in range(12):
        frames = spectra(events := desk.measure())
        assert all(np.array_equal(frame.counts, desk.device.counts) for frame in frames)
        assert frames or not events or any(isinstance(event, WireFault) for event in events)
    whole = Desk(name, faults=[kind])
    whole.measure()
    assert len(spectra(whole.measure())) == 1


@pytest.mark.parametrize("name", ON_REQUEST)
def test_what_was_cut_off_is_no_spectrum(name: str) -> None:
    """The rest of the answer is lost: the silence after it ends the frame, and the next one is whole."""
    desk = Desk(name, faults=["truncate"], seed=1)
    events = desk.measure()
    assert not spectra(events)
    assert any(isinstance(event, WireFault) for event in events)
    assert len(spectra(desk.measure())) == 1


@pytest.mark.parametrize("kind", ["drop", "duplicate"])
@pytest.mark.parametrize("name", ["tcd1304-rossel", "tcd1304-nymphet", "ocean-sts"])
def test_a_length_that_is_wrong_is_noticed(name: str, kind: str) -> None:
    """A frame of so many bytes has one too few or too many."""
    desk = Desk(name, faults=[kind], seed=1)
    events = desk.measure()
    assert any(isinstance(event, WireFault) for event in events)
    assert kind == "duplicate" or not spectra(events)
    assert len(spectra(desk.measure())) == 1


@pytest.mark.parametrize("name", [*ON_REQUEST, *STREAMS])
def test_silence_is_silence(name: str) -> None:
    """No byte of a spectrum comes, and the one after it is there."""
    desk = Desk(name, faults=["silence"])
    if name in STREAMS:
        first, quiet = desk.wait(2.0), Desk(name).wait(2.0)
        assert len(first) == len(quiet) - 1
        return
    assert desk.measure() == []
    assert len(spectra(desk.measure())) == 1


def test_a_late_answer_comes_after_the_host_has_given_up() -> None:
    """It is whole, and later than exposure, transfer and margin together; ``for`` says how late."""
    for fault, earliest in (("late", 0.1 + 0.5), ("late:for=7", 7.0)):
        desk = Desk("tcd1304-rossel", faults=[fault])
        request = requests.request(desk.profile, "acquire")
        assert desk.send(request, earliest) == b""
        assert len(desk.send(b"", 10.0)) == 7388


@pytest.mark.parametrize(
    ("name", "kind", "answer"),
    [
        ("ocean-flame-s", "nak", b"\x03"),
        ("jeti-versapic", "nak", b"\x15"),
        ("c12880ma-specread", "nak", b"### Error: unknown request\r\n"),
        ("c12880ma-specread", "busy", b"### Error: busy\r\n"),
    ],
)
def test_a_spectrum_is_refused_as_the_device_does(name: str, kind: str, answer: bytes) -> None:
    """By a byte or in words, instead of a spectrum."""
    desk = Desk(name, faults=[f"{kind}@2"])
    desk.measure()
    assert desk.ask("acquire") == answer
    assert len(spectra(desk.measure())) == 1


def test_obp_refuses_by_the_name_of_an_error() -> None:
    """Not ready while it is busy, and for any request that was given."""
    desk = Desk("ocean-sts", faults=["busy", "nak:on=identify"])
    (busy,) = desk.measure()
    (refused,) = desk.decoded(desk.ask("identify"))
    assert isinstance(busy, Reply)
    assert isinstance(refused, Reply)
    assert (busy.name, busy.fields["error_name"]) == ("nak", "device not ready")
    assert (refused.name, refused.fields["error_name"]) == ("nak", "payload data invalid")


def test_a_fault_that_a_device_cannot_have_is_refused() -> None:
    """A refusal for a device without refusals is reported at once."""
    with pytest.raises(ConfigError, match=r"tcd1304-rossel: no answer nak: got the fault .*Use silence instead"):
        Desk("tcd1304-rossel", faults=["nak"])
    with pytest.raises(ConfigError, match="c12880ma-csv: no answer busy"):
        Desk("c12880ma-csv", faults=["busy"])


def test_a_stale_spectrum_has_the_exposure_before() -> None:
    """One more than the page has already, and its header counts it."""
    desk = Desk("ocean-flame-s", faults=["stale@3"])
    desk.ask("set_integration", RequestValues(10))
    frames = [frame for _ in range(4) for frame in spectra(desk.measure())]
    assert [frame.fields["integration_ms"] for frame in frames] == [100, 10, 100, 10]


def test_an_unplugged_cable_ends_an_answer_in_the_middle() -> None:
    """Half of a spectrum comes, and the order names what is plugged in afterwards; a request can be struck too."""
    desk = Desk("tcd1304-nymphet", faults=["unplug@2:for=1,serial=Z9", "unplug:on=set_integration"])
    desk.measure()
    desk.device.receive(requests.request(desk.profile, "acquire"), desk.now)
    (sent,) = desk.wait()
    assert len(sent.data) == 3694
    assert sent.unplugs == InjectedFault("unplug", at=2, seconds=1.0, serial="Z9")
    desk.device.receive(requests.request(desk.profile, "set_integration"), desk.now)
    (sent,) = desk.wait()
    assert (sent.data, sent.unplugs) == (b"", InjectedFault("unplug", on="set_integration"))


def test_a_fault_can_come_while_it_runs() -> None:
    """The next spectrum is struck, and only that one."""
    desk = Desk("tcd1304-rossel")
    desk.measure()
    desk.device.fault("truncate")
    assert not spectra(desk.measure())
    assert len(spectra(desk.measure())) == 1
    assert "fault truncate" in desk.notes
