"""Every form of a frame that a page can describe, sent by a simulated device; and devices that hear nonsense."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.profile import Profile
from raman_edge.instruments.profiles.requests import RequestValues
from raman_edge.simulator.device import SimulatedDevice
from raman_edge.simulator.faults import KINDS
from raman_edge.simulator.scene import Scene
from simulator_desk import PROFILES, Desk, spectra

FORMS: dict[str, dict[str, Any]] = {
    "words and nothing else": {"mode": "fixed", "count": 40, "dtype": "u16le"},
    "sync, header, sum, trailer": {
        "mode": "fixed",
        "count": 40,
        "dtype": "u32be",
        "sync": "hex:AA55",
        "trailer": "ascii:END",
        "header": ["frame:u8", "exposure_us:u32le", "exposure_s:f32le"],
        "checksum": {"kind": "sum16le", "over": "frame"},
    },
    "signed words with an MD5": {"mode": "fixed", "count": 40, "dtype": "i16be", "sync": "hex:01", "checksum": {"kind": "md5"}},
    "floats": {"mode": "fixed", "count": 40, "dtype": "f32le", "trailer": "hex:0D0A"},
    "a byte a pixel that falls with light": {"mode": "fixed", "count": 40, "dtype": "u8", "invert_from": 200, "trailer": "hex:FF"},
    "lines around words": {
        "mode": "delimited",
        "count": 40,
        "dtype": "u16le",
        "start": "DATA16",
        "end": "DONE",
        "header": {"counter": "N", "exposure_s": "T"},
        "checksum": {"kind": "crc8"},
        "checksum_line": "CRC",
    },
    "lines around numbers": {
        "mode": "delimited",
        "count": 40,
        "dtype": "u16le",
        "text": True,
        "start": "DATA",
        "end": "DONE",
        "checksum": {"kind": "values"},
        "checksum_line": "SUM",
    },
    "a row": {"mode": "lines", "separator": ";", "ack": "ascii:OK", "ready": "hex:07", "echo": True},
    "a column with an end": {"mode": "lines", "layout": "column", "count": 40, "end": "hex:00"},
    "pairs": {"mode": "lines", "layout": "pairs", "separator": "tab", "count": 40},
    "Ocean's double words": {
        "mode": "codec",
        "name": "ooi",
        "count": 40,
        "header": ["size_flag:u16be", "scans:u16be", "integration_ms:u16be", "pixel_mode:u16be"],
    },
    "Ocean's binary protocol with MD5": {"mode": "codec", "name": "obp", "count": 40, "checksum": True},
    "differences": {"mode": "codec", "name": "delta8", "count": 40, "skip": 2},
}


def page(form: dict[str, Any], **more: Any) -> Profile:
    """Return a page with this frame and as little else as can be."""
    obp = form.get("name") == "obp"
    acquire = {"message": 0x00101100} if obp else {"send": ["ascii:S\r"]}
    document = {
        "schema": 1,
        "device": {"id": "form", "vendor": "x", "model": "x"},
        "provenance": {"sources": ["a test"], "certainty": "unchecked", "hardware_tested": False},
        "serial": {"baud": [9600]},
        "integration": {"unit": "ms", "min": 1, "max": 60_000, "default": 100, "averages_max": 9, "sums": True},
        "commands": {"acquire": acquire, "set_averages": {"send": ["u8:65", "u8:{averages}"], **({"message": 0x00120010} if obp else {})}},
        "simulator": {"dark_counts": 20},
        "frame": form,
        **more,
    }
    return msgspec.convert(document, Profile)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_arrives_as_it_was_exposed(form: dict[str, Any]) -> None:
    """Counts before the codec and after it are the same, twice."""
    desk = Desk(page(form))
    for number in (1, 2):
        (frame,) = spectra(desk.measure())
        assert np.array_equal(frame.counts, desk.device.counts)
        assert frame.counts.max() > frame.counts.min() + 20
        assert float(frame.fields.get("counter", frame.fields.get("frame", number))) == number
        assert float(frame.fields.get("exposure_s", 0.1)) == pytest.approx(0.1)
        assert frame.fields.get("exposure_us", 100_000) == 100_000


def test_sums_are_sent_in_double_words_where_the_protocol_has_them() -> None:
    """Three exposures near saturation are more than a word holds; with a checksum they are cut where a word ends."""
    form = FORMS["Ocean's double words"]
    for checksum, most in ((False, 3 * 65_535), (True, 65_535)):
        desk = Desk(page({**form, "checksum": checksum}, simulator={"dark_counts": 60_000}))
        desk.ask("set_averages", RequestValues(averages=3))
        (frame,) = spectra(desk.measure())
        assert np.array_equal(frame.counts, desk.device.counts)
        assert frame.counts.max() == most
        assert frame.fields["size_flag"] == (not checksum)


def test_a_late_stream_catches_up() -> None:
    """One spectrum comes later than those behind it; none is lost."""
    desk = Desk("c12880ma-csv", faults=["late@2:for=0.35"])
    sent = desk.wait(2.0)
    assert [one.at_s for one in sent] == sorted(one.at_s for one in sent)
    assert len(sent) == len(Desk("c12880ma-csv").wait(2.0))


def test_what_a_page_calls_bad_is_hot() -> None:
    """A bad pixel shows much without light."""
    desk = Desk(page(FORMS["words and nothing else"], sensor={"bad_pixels": [7, 30]}), scene=None)
    desk.device.scene.put("none")
    (frame,) = spectra(desk.measure())
    assert sorted(np.argsort(frame.counts)[-2:]) == [7, 30]


@settings(max_examples=examples(60), deadline=None)
@given(
    st.sampled_from(PROFILES),
    st.lists(st.tuples(st.binary(max_size=40) | st.just(b""), st.integers(0, 3000)), max_size=12),
    st.lists(st.sampled_from(sorted(KINDS)), max_size=4),
)
def test_no_received_bytes_break_a_device(name: str, received: list[tuple[bytes, int]], kinds: list[str]) -> None:
    """Nonsense, requests among it and faults at once: what it sends is in order, never unprompted, and it still measures."""
    profile = catalogue.load(name)
    device = SimulatedDevice(profile, Scene(profile, "none"), 1)
    for kind in kinds:
        with suppress(ConfigError):  # of a refusal that the device has no answer for
            device.fault(f"{kind}:p=0.5")
    now, last = 0.0, 0.0
    device.joined(now)
    request = b"" if profile.streams else requests.request(profile, "acquire")
    for data, ms in received:
        device.receive(data + request * (ms % 2), now)
        now += ms / 1000
        for sent in device.advance(now):
            assert last <= sent.at_s <= now
            assert sent.baud in profile.serial.baud
            last = sent.at_s
    device.advance(now + 100)
    assert device.counts.max() <= device.scene.saturation * device.averages
