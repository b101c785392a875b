"""Wrong pages: every mistake at once, each with file, line and key, and what to write instead."""

from __future__ import annotations

import re

import pytest
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import validate
from raman_edge.settings import toml

PAGE = """
schema = 1
device = { id = "x", vendor = "v", model = "m" }
provenance = { sources = ["s"], certainty = "firmware", hardware_tested = false }
serial = { baud = [115200] }
integration = { unit = "ms", min = 1, max = 100, default = 10, averages_max = 4 }
sensor = { adc_bits = 12 }
[frame]
mode = "fixed"
dtype = "u16le"
count = 100
[commands]
acquire = { send = ["u8:{integration}", "u8:{averages}"] }
""".lstrip()
DELIMITED = 'mode = "delimited"\nstart = "B"\nend = "E"\ndtype = "u8"\ncount = 9\n'


def mistakes(text: str) -> list[str]:
    """Return the errors of a profile; none where it is valid."""
    try:
        validate.convert(toml.parse(text.encode(), "x.toml"))
    except ConfigError as error:
        return [str(line) for line in error.args]
    return []


def changed(old: str, new: str) -> str:
    """Return the page with a part of it written otherwise."""
    assert PAGE.count(old) == 1
    return PAGE.replace(old, new)


def test_the_page_is_right() -> None:
    """What the other tests break has no mistake before."""
    assert mistakes(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("schema = 1", "schema = 2", 1, "schema: got 2, expected 1"),
        ('id = "x"', 'id = "X Y"', 2, "device.id: got .* a name of small letters, digits and hyphens; such as: id = .tcd1304-rossel."),
        ('vendor = "v", ', "", 2, "device.vendor is missing: expected a text"),
        ('"firmware"', '"rumour"', 3, 'provenance.certainty: got "rumour", expected "vendor-document" or "firmware"'),
        ("hardware_tested", "hardware_test", 3, "provenance.hardware_test: unknown key; did you mean hardware_tested"),
        ("[115200]", "[115200, 12]", 4, r"serial.baud\[1\]: got 12, expected baud, 300 to 4000000"),
        ("[115200]", "[115200], parity = 'none'", 4, 'serial.parity: got "none", expected "N" or "E" or "O"'),
        ('"ms"', '"minutes"', 5, 'integration.unit: got "minutes"'),
        ("adc_bits = 12", "adc_bits = 12, active = [1]", 6, "sensor.active: got .*expected the first and the last pixel"),
        ('"fixed"', '"packet"', 8, 'frame.mode: got "packet", expected "fixed" or "delimited" or "lines" or "codec"'),
        ('"u16le"', '"u24"', 9, 'frame.dtype: got "u24", expected "u8" or "u16be"'),
        ("count = 100", "count = 0", 10, "frame.count: got 0, expected how many values a spectrum has"),
        ("count = 100", 'count = 100\nack = "06"', 11, 'frame.ack: got "06", expected bytes as "hex:06 0D" or "ascii:ACK"'),
        ("count = 100", 'count = 100\nheader = ["n"]', 11, r'frame.header\[0\]: got "n", expected a header word as "name:type"'),
        ("acquire", "aquire", 12, "commands.aquire: unknown key; did you mean acquire"),
        ('"u8:{averages}"', '"byte:1"', 12, r"commands.acquire.send\[1\]: got .*expected a field"),
    ],
)
def test_a_key_that_is_wrong_by_itself(old: str, new: str, line: int, expected: str) -> None:
    """Unknown, missing and impossible keys are reported with what is expected."""
    messages = mistakes(changed(old, new))
    found = [one for one in messages if re.search(expected, one)]
    assert found, messages
    assert found[0].startswith(f"x.toml:{line}: ")


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("hardware_tested = false", "hardware_tested = true", 3, "provenance.hardware_tested: is true without tested_by"),
        (
            "hardware_tested = false",
            'hardware_tested = false, tested_by = "me"',
            3,
            "provenance.tested_by: is given, and",
        ),
        ("[115200]", "[9600, 9600]", 4, r"serial.baud\[1\]: 9600 is there twice"),
        ("baud = [115200]", "baud = [115200], switch = {}", 4, "serial.switch: needs commands.set_baud"),
        (
            "baud = [115200]",
            "baud = [9600], switch.codes = { 300 = 1 }",
            4,
            "serial.switch.codes.300: is not a rate of serial.baud, which has 9600",
        ),
        ("min = 1", "min = 101", 5, "integration.max: got 100, and min is 101"),
        ("default = 10", "default = 101", 5, "integration.default: got 101, expected 1 to 100"),
        ("adc_bits = 12", "adc_bits = 12, saturation = 4096", 6, "sensor.saturation: got 4096, and the full scale of 12 bits is 4095"),
        ("adc_bits = 12", "adc_bits = 17", 6, "sensor.adc_bits: got 17, and a value of the frame holds 16 bits"),
        (
            "adc_bits = 12",
            "active = [0, 100]",
            6,
            r"sensor.active: got \[0, 100\], expected pixels of the .* 0 to 99",
        ),
        ("adc_bits = 12", "active = [9, 3]", 6, r"sensor.active: got \[9, 3\], expected the smaller pixel first"),
        ("adc_bits = 12", "dark_pixels = [99, 100]", 6, "sensor.dark_pixels: .*0 to 99"),
        ("adc_bits = 12", "dark_pixels = [0, 9], active = [9, 99]", 6, "sensor.dark_pixels: .*overlap the active pixels"),
        ("adc_bits = 12", "bad_pixels = [99, 100]", 6, r"sensor.bad_pixels\[1\]: got 100"),
        ("count = 100", "count = 100\ninvert_from = 4096", 11, "frame.invert_from: got 4096, and the full scale of 12 bits is 4095"),
        ("count = 100", 'count = 100\nchecksum.kind = "values"', 11, 'frame.checksum.kind: is "values", a line of text'),
        ("count = 100", 'count = 100\nheader = ["n:u8", "n:u8"]', 11, r"frame.header\[1\]: n is also the name of an earlier word"),
        ("count = 100", 'count = 100\n[values]\nintegration = "1"', 12, "values.integration: cannot be a name"),
        (
            "count = 100",
            'count = 100\n[values]\na = "b"\nb = "1"',
            12,
            "values.a: b: unknown name; known are averages, integration",
        ),
        ("count = 100", 'count = 100\n[values]\na = "1 +"', 12, "values.a: '1 \\+': not arithmetic"),
        ("count = 100", 'count = 100\n[laser]\nwavelength_nm = 785\n[dark]\nmethod = "laser"', 14, "dark.method: .*no commands.laser_off"),
        ("count = 100", 'count = 100\n[dark]\nmethod = "shutter"', 12, "dark.method: .*no commands.shutter_close"),
        (
            "count = 100",
            'count = 100\n[match]\nprobe = { send = ["u8:{n}"], expect = "hex:06" }',
            12,
            r"match.probe.send\[0\]: n: unknown name; known are none",
        ),
        ("count = 100", 'count = 100\n[match]\nprobe = { send = ["u8:1"], expect = "" }', 12, "match.probe.expect: is empty"),
        ('"u8:{averages}"', '"u8:{average}"', 12, r"commands.acquire.send\[1\]: average: unknown name; known are averages"),
        ('"u8:{averages}"', '"u8:{averages"', 12, r"commands.acquire.send\[1\]: '\{averages': not arithmetic: got '\{' at character 1"),
        (
            '"u8:{averages}"',
            '"u8:{averages*100}"',
            12,
            r"send\[1\] .*value does not fit: got 400, expected 0 to 255 for u8.* \(at integration 1 ms, averages 4\)",
        ),
        ('"u8:{averages}"', '"u8:{averages//(integration-1)}"', 12, r"commands.acquire: send\[1\] .*division by zero"),
        (', "u8:{averages}"', "", 5, "integration.averages_max: got 4, and no command holds {averages}"),
        ("u8:{integration}", "u8:1", 5, "integration: no command holds {integration}"),
        (
            "acquire =",
            'acquire = { message = 1, send = ["u8:{integration*averages//9}"] }\nstop =',
            12,
            'commands.acquire.message: is for frame.name = "obp"',
        ),
        ("acquire =", 'laser_on = { send = ["u8:1"] }\nacquire =', 12, "commands.laser_on: needs commands.laser_off"),
        ("acquire =", 'start = { send = ["u8:1"] }\nacquire =', 12, "commands.start: needs commands.stop"),
        ("acquire =", 'shutter_close = { send = ["u8:1"] }\nacquire =', 12, "commands.shutter_close: needs commands.shutter_open"),
        (
            "acquire =",
            'identify = { send = ["u8:1"] }\nacquire =',
            12,
            'commands.identify.reply: is "none" for a command',
        ),
        ("acquire =", 'abort = { send = ["u8:1"], ack = true }\nacquire =', 12, "commands.abort.ack: is true, and answers.ack is empty"),
        ("acquire =", 'abort = { send = ["u8:1"], after = ":" }\nacquire =', 12, 'commands.abort.after: needs reply = "line"'),
        ("acquire = {", 'acquire = { reply = "line",', 12, r'commands.acquire.reply: is "line", and \[frame\] describes the spectrum'),
        ("acquire =", "abort = {}\nacquire =", 12, "commands.abort.send: is empty"),
        ("acquire =", 'save_baud = { send = ["u8:1"] }\nacquire =', 12, "commands.save_baud: needs commands.set_baud"),
        (
            "acquire =",
            'set_baud = { send = ["u8:{baud_code}"] }\nacquire =',
            12,
            r"commands.set_baud: needs a \[serial.switch\] table",
        ),
        ("acquire =", 'coefficient = { send = ["u8:1"], reply = "line" }\nacquire =', 12, "commands.coefficient: is unused"),
        ("[commands]", '[wavelength]\nsource = "query"\ncoefficients = 4\n[commands]', 12, "wavelength.source: .*no commands.coefficient"),
        ("[commands]", '[wavelength]\nsource = "static"\ncoefficients = [800, 1, -0.01]\n[commands]', 13, "turns back at pixel 51"),
        (
            "[commands]",
            '[wavelength]\nsource = "static"\ncoefficients = [0.8, 0.001]\n[commands]',
            13,
            "expected 150 to 3000 nm: check the unit",
        ),
    ],
)
def test_tables_that_contradict_each_other(old: str, new: str, line: int, expected: str) -> None:
    """A contradiction is reported at the key that has to be corrected."""
    messages = mistakes(changed(old, new))
    found = [one for one in messages if re.search(expected, one)]
    assert found, messages
    assert found[0].startswith(f"x.toml:{line}: ")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('mode = "lines"\nlayout = "column"', 'frame.layout: is "column", and only frame.count ends'),
        ('mode = "lines"\nlayout = "pairs"', 'frame.layout: is "pairs", and only frame.count ends'),
        ('mode = "lines"\nend = "hex:00"', 'frame.end: is for layout = "column" or "pairs"'),
        (DELIMITED.replace("u8", "f32le") + "text = true", "frame.dtype: is f32le, and a checksum over decimals"),
        ('mode = "codec"\nname = "obp"\ncount = 9\ntext = true', 'frame.text: is for ooi, and frame.name is "obp"'),
        (
            'mode = "codec"\nname = "ooi"\ncount = 9\ntext = true\ncompressed = true',
            "frame.compressed: is true, and differ",
        ),
        (DELIMITED + 'checksum_line = "C"', "frame.checksum_line: needs a checksum"),
        (DELIMITED + 'checksum.kind = "sum8"', "frame.checksum: needs checksum_line"),
        (
            DELIMITED + 'checksum_line = "C"\nchecksum = { kind = "sum8", over = "frame" }',
            "frame.checksum.over: is .frame., and a",
        ),
        ('mode = "codec"\nname = "obp"\ncount = 9\nskip = 1', 'frame.skip: is for delta8, and frame.name is "obp"'),
        ('mode = "codec"\nname = "delta8"\ncount = 9\nheader = ["a:u8"]', "frame.header: is for ooi"),
        ('mode = "codec"\nname = "delta8"\ncount = 9\nchecksum = true', "frame.checksum: is for ooi or obp"),
        (
            'mode = "codec"\nname = "obp"\ncount = 9\n[commands]\nacquire = { send = ["u8:1"] }',
            "commands.acquire.message: is for",
        ),
        ('mode = "lines"\n[sensor]\nactive = [1, 2]', "sensor.active: .*frame.count is missing"),
        ('mode = "lines"\n[wavelength]\nsource = "static"\ncoefficients = [1, 2]', "wavelength.coefficients: needs frame.count"),
    ],
)
def test_what_a_frame_cannot_be(frame: str, expected: str) -> None:
    """Each mode and each codec knows its own keys and what they need of each other."""
    messages = mistakes(PAGE.partition("integration =")[0] + f"[frame]\n{frame}\n")
    assert any(re.search(expected, one) for one in messages), messages


def test_a_switch_knows_every_rate() -> None:
    """A rate that the device has no code for cannot be requested."""
    switch = "baud = [9600, 115200], switch = { codes = { 9600 = 2 } }"
    text = changed("baud = [115200]", switch).replace("acquire =", 'set_baud = { send = ["u8:{baud_code}"] }\nacquire =')
    (message,) = mistakes(text)
    assert message == "x.toml:4: serial.switch.codes: has no code for 115200, which is in serial.baud"


def test_a_rate_that_is_never_announced() -> None:
    """A command that changes the rate has to say which."""
    text = changed("baud = [115200]", "baud = [9600], switch = {}").replace("acquire =", 'set_baud = { send = ["u8:1"] }\nacquire =')
    assert mistakes(text) == ["x.toml:12: commands.set_baud: holds no rate: use {baud} or {baud_code}"]


def test_all_mistakes_come_at_once_in_the_order_of_the_page() -> None:
    """A page with five mistakes is corrected in one sitting."""
    text = PAGE.replace("adc_bits = 12", "adc_bits = 12, saturation = 9999, active = [5, 100]").replace("default = 10", "default = 500")
    text = text.replace("[115200]", "[9600, 9600]").replace("{averages}", "{averagse}")
    assert [one.partition(": ")[0] for one in mistakes(text)] == ["x.toml:4", "x.toml:5", "x.toml:6", "x.toml:6", "x.toml:12"]
