"""The profiles that ship: honest about where they come from, and byte for byte what the devices expect."""

from __future__ import annotations

import struct
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import raman_edge
from raising import refused
from raman_edge.errors import ConfigError
from raman_edge.instruments import codecs
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.profiles.profile import CERTAINTIES, Query, Unknown
from raman_edge.instruments.profiles.requests import RequestValues

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile

ROOT = Path(raman_edge.__file__).parents[2]
SHIPPED = {
    "bwtek-btc100": NamedFrame,
    "c12880ma-csv": LinesFrame,
    "c12880ma-specread": LinesFrame,
    "generic-csv-stream": LinesFrame,
    "jeti-versapic": LinesFrame,
    "ocean-flame-s": NamedFrame,
    "ocean-sts": NamedFrame,
    "ocean-usb2000": NamedFrame,
    "ocean-usb2000-ascii": NamedFrame,
    "tcd1304-nymphet": FixedFrame,
    "tcd1304-rossel": FixedFrame,
    "tcd1304-teensy": DelimitedFrame,
}
TWELFTH = """
schema = 1
device = { id = "bench-12", vendor = "us", model = "a CCD on a microcontroller" }
provenance = { sources = ["our own firmware"], certainty = "firmware", hardware_tested = false }
serial = { baud = [230400] }
sensor = { adc_bits = 12, saturation = 4000, active = [10, 509], dark_pixels = [0, 7] }
integration = { unit = "ms", min = 2, max = 5000, default = 100, averages_max = 8 }
values = { ticks = "integration*84" }
wavelength = { source = "static", coefficients = [790.0, 0.4, -1e-5] }
[commands]
acquire = { send = ["hex:CC 01", "u32le:{ticks}", "u8:{averages}", "sum8"] }
[frame]
mode = "fixed"
sync = "hex:CC 81"
header = ["counter:u16le"]
dtype = "u16le"
count = 512
checksum = { kind = "sum16le" }
"""


@pytest.fixture(params=sorted(SHIPPED))
def profile(request: pytest.FixtureRequest) -> Profile:
    """Return each profile that ships."""
    return catalogue.load(str(request.param))


def test_these_ship() -> None:
    """These profiles, each under the name of its device."""
    assert sorted(catalogue.profiles()) == sorted(SHIPPED)
    assert {name: type(catalogue.load(name).frame) for name in SHIPPED} == SHIPPED
    assert all(catalogue.load(name).device.id == name for name in SHIPPED)


def test_a_profile_states_how_far_to_trust_it(profile: Profile) -> None:
    """It names its sources, its certainty, and that it was not tested."""
    facts = profile.provenance
    assert facts.sources
    assert facts.certainty in CERTAINTIES
    assert not facts.hardware_tested
    assert facts.tested_by is None


def test_a_page_begins_with_what_was_observed_where_and_by_whom(profile: Profile) -> None:
    """A comment before the first key has the sources for a reader."""
    head, _, _ = catalogue.find(profile.device.id).read_text(encoding="utf-8").partition("schema =")
    assert all(line.startswith("#") or not line for line in head.splitlines())
    assert "What was observed, where:" in head
    assert "By whom:" in head.replace("\n# ", " ")


def test_every_frame_has_a_codec(profile: Profile) -> None:
    """Whatever the page says of its frame, a codec is built from it and nothing has come yet."""
    codec = codecs.of(profile.frame, streaming=profile.streams)
    assert codec.limit > 0
    assert list(codec.feed(b"")) == []


def test_every_request_can_be_made(profile: Profile) -> None:
    """Each command has bytes, and a device without any streams by itself."""
    sent = [requests.sent(profile, one, requests.values(profile, str(path[1])), "") for path, one in requests.commands(profile)]
    assert all(sent)
    assert profile.streams or sent


def test_rossels_twelve_bytes() -> None:
    """ER, SH, ICG (a multiple of SH, at least 14776), mode and averages, big-endian, as the firmware reads them."""
    profile = catalogue.load("tcd1304-rossel")
    assert requests.request(profile, "acquire") == bytes.fromhex("4552 00030d40 00030d40 00 01")
    assert requests.request(profile, "start", RequestValues(10, 15)) == bytes.fromhex("4552 00000014 000039bc 01 0f")
    assert profile.frame.size == 7388 if isinstance(profile.frame, FixedFrame) else False


@pytest.mark.parametrize("integration", [10, 11, 777, 7388, 100_000, 9_999_999])
def test_rossels_frame_is_a_whole_number_of_exposures(integration: int) -> None:
    """ICG is the smallest multiple of SH that is not below 14776."""
    sent = requests.request(catalogue.load("tcd1304-rossel"), "acquire", RequestValues(integration))
    sh, icg = struct.unpack_from(">II", sent, 2)
    assert sh == 2 * integration
    assert icg % sh == 0
    assert icg - sh < 14_776 <= icg


@pytest.mark.parametrize(
    ("name", "command", "wanted", "expected"),
    [
        ("ocean-usb2000", "set_integration", RequestValues(300), b"I\x01\x2c"),
        ("ocean-usb2000", "set_averages", RequestValues(averages=2), b"A\x00\x02"),
        ("ocean-usb2000", "set_baud", RequestValues(baud=115_200), b"K\x00\x06"),
        ("ocean-usb2000", "acquire", RequestValues(), b"S"),
        ("ocean-usb2000", "serial_number", RequestValues(), b"?x\x00\x00"),
        ("ocean-usb2000", "coefficient", RequestValues(index=4), b"?x\x00\x04"),
        ("ocean-flame-s", "nonlinearity_count", RequestValues(), b"?x\x00\x0e"),
        ("ocean-usb2000-ascii", "nonlinearity", RequestValues(index=6), b"?x6\r"),
        ("ocean-usb2000-ascii", "set_integration", RequestValues(300), b"I300\r"),
        ("ocean-usb2000-ascii", "set_baud", RequestValues(baud=115_200), b"K6\r"),
        ("tcd1304-teensy", "acquire", RequestValues(50_000), b"read 1 0.05\r"),
        ("bwtek-btc100", "set_baud", RequestValues(baud=115_200), b"K0\r"),
        ("bwtek-btc100", "set_integration", RequestValues(50), b"I50\r"),
        ("jeti-versapic", "acquire", RequestValues(250, 4), b"*MEAS:LIGHT 250 4 2\r"),
        ("jeti-versapic", "coefficient", RequestValues(index=3), b"*PARA:FIT3?\r"),
        ("tcd1304-nymphet", "set_integration", RequestValues(500), b"#IT:500ms%"),
        ("tcd1304-nymphet", "set_integration", RequestValues(7), b"#IT:007ms%"),
        ("c12880ma-specread", "set_integration", RequestValues(250), b"SPEC.INTEG 0.25\n"),
    ],
)
def test_requests_byte_for_byte(name: str, command: str, wanted: RequestValues, expected: bytes) -> None:
    """What the documents show is what is sent."""
    assert requests.request(catalogue.load(name), command, wanted) == expected


def test_oceans_message_for_an_integration_of_a_tenth_of_a_second() -> None:
    """The 64 bytes of the Ocean Binary Protocol that set 100000 us."""
    head = "c1c00011 00000000 10001100 00000000 000000000000 00 04 a0860100" + "00" * 12
    assert requests.request(catalogue.load("ocean-sts"), "set_integration", RequestValues(100_000)) == bytes.fromhex(
        head + "14000000" + "00" * 16 + "c5c4c3c2"
    )


def test_preparation_comes_in_the_order_of_the_page() -> None:
    """Binary, compressed, with checksum."""
    assert requests.prepared(catalogue.load("ocean-usb2000")) == (b"bB", b"G\x00\x01", b"k\x00\x01")


@pytest.mark.parametrize(("name", "exposure_s", "units"), [("tcd1304-rossel", 0.1, 100_000), ("ocean-usb2000", 0.25, 250)])
def test_an_exposure_in_the_devices_units(name: str, exposure_s: float, units: int) -> None:
    """Seconds become whole microseconds or milliseconds."""
    assert requests.units(catalogue.load(name), exposure_s) == units


@pytest.mark.parametrize("exposure_s", [0.0, -1.0, 0.001, 66.0, 1e300, float("inf"), float("nan")])
def test_an_exposure_that_the_device_cannot_do_is_refused(exposure_s: float) -> None:
    """The error has both limits."""
    with refused(ConfigError, "exposure out of range", "ocean-usb2000", expected="0.003 to 65.535 s"):
        requests.units(catalogue.load("ocean-usb2000"), exposure_s)


def test_what_a_device_has_not_is_refused() -> None:
    """A command or an exposure that the page does not have has no bytes."""
    stream = catalogue.load("c12880ma-csv")
    with refused(ConfigError, "no such command", "c12880ma-csv", got="acquire"):
        requests.request(stream, "acquire")
    with refused(ConfigError, "exposure cannot be set", "c12880ma-csv"):
        requests.units(stream, 0.1)


def test_a_twelfth_is_a_page_of_under_thirty_lines(tmp_path: Path) -> None:
    """A new instrument needs no Python: its page loads, makes its request and reads its spectrum."""
    assert len(TWELFTH.strip().splitlines()) < 30
    path = tmp_path / "bench-12.toml"
    path.write_text(TWELFTH, encoding="utf-8")
    profile = catalogue.load(str(path))
    assert requests.request(profile, "acquire", RequestValues(2, 3)) == bytes.fromhex("cc01 a8000000 03 78")
    counts = range(512)
    codec = codecs.of(profile.frame)
    sent = codec.encode(list(counts), {"counter": 7})
    (frame,) = codecs.of(profile.frame).feed(sent)
    assert isinstance(frame, codecs.RawFrame)
    assert list(frame.counts) == list(counts)
    assert frame.fields["counter"] == 7
    assert isinstance(profile.frame, FixedFrame)
    assert len(sent) == profile.frame.size


def test_where_the_axis_comes_from() -> None:
    """Some devices have their polynomial in memory, the others have to be calibrated; no profile has an invented one."""
    axes = {name: type(catalogue.load(name).wavelength) for name in SHIPPED}
    queried = {"ocean-sts", "jeti-versapic", "ocean-usb2000", "ocean-usb2000-ascii", "ocean-flame-s"}
    assert {name for name, axis in axes.items() if axis is Query} == queried
    assert {axis for axis in axes.values() if axis is not Query} == {Unknown}


def test_profiles_go_into_the_wheel_and_the_source_distribution() -> None:
    """The build puts the folder beside the modules, where the catalogue looks first."""
    build = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    (target,) = [to for of, to in build["wheel"]["force-include"].items() if of == "firmware_configs"]
    assert Path(raman_edge.__file__).parents[1] / target == catalogue.FOLDERS[0]
    assert "/firmware_configs" in build["sdist"]["include"]
    assert catalogue.FOLDERS[1] == ROOT / "firmware_configs"


def test_the_package_wins_over_the_checkout(tmp_path: Path) -> None:
    """A name is looked for in the folders in their order; one that is not there holds nothing."""
    first, second = tmp_path / "package", tmp_path / "checkout"
    for folder in (first, second):
        folder.mkdir()
        (folder / "one.toml").touch()
    (second / "two.toml").touch()
    found = catalogue.profiles((first, tmp_path / "missing", second))
    assert found == {"one": first / "one.toml", "two": second / "two.toml"}


@pytest.mark.parametrize(
    ("name", "kind", "place", "advice"),
    [
        ("ocean-usb200", "unknown profile", "", "Did you mean ocean-usb2000?"),
        ("zzz", "unknown profile", "", "ends with .toml"),
        ("", "unknown profile", "", ""),
        ("/nowhere/mine.toml", "cannot be read", str(Path("/nowhere/mine.toml")), ""),
        ("../tcd1304-rossel", "cannot be read", str(Path("../tcd1304-rossel")), ""),
    ],
)
def test_an_unknown_profile_is_refused(name: str, kind: str, place: str, advice: str) -> None:
    """A near name is suggested; what looks like a path is one."""
    with pytest.raises(ConfigError) as caught:
        catalogue.load(name)
    raised = caught.value
    assert (raised.kind, raised.place) == (kind, place)
    assert advice in raised.advice
