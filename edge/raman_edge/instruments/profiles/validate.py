"""Checks of a profile that no single key can express: tables against each other, frames, and every request at its limits."""

from __future__ import annotations

import keyword
import re
from itertools import pairwise, product
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import expressions, fields, requests
from raman_edge.instruments.profiles.fields import literal, size_of
from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame
from raman_edge.instruments.profiles.profile import Profile, Query, Static
from raman_edge.instruments.profiles.requests import BUILT_IN, INTEGRATION, QUESTIONS, RequestValues, commands
from raman_edge.settings import toml
from raman_edge.settings.toml import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from raman_edge.instruments.profiles.frame import Frame
    from raman_edge.instruments.profiles.profile import Command
    from raman_edge.settings.toml import KeyPath, Mistake, TomlDocument

PAIRS = (
    ("laser_on", "laser_off", "every fault must switch the laser off"),
    ("laser_watchdog", "laser_on", "a watchdog guards a laser that is switched on"),
    ("shutter_close", "shutter_open", "a closed shutter must be opened again"),
    ("start", "stop", "a stream must be stopped"),
    ("save_baud", "set_baud", "only a changed rate can be saved"),
    ("nonlinearity_count", "nonlinearity", "only coefficients can be counted"),
)
"""Command, the command that it needs, and why."""
MEASUREMENTS = ("acquire", "repeat", "start")
"""Commands that a frame answers."""
SHORTEST_NM, LONGEST_NM = 150.0, 3000.0
"""Range of a grating spectrometer."""
CODEC_BITS = {"ooi": 32, "obp": 32, "delta8": 16}
"""Codec → bits of its widest value."""
ONLY = {"header": ("ooi",), "text": ("ooi",), "compressed": ("ooi",), "checksum": ("ooi", "obp"), "skip": ("delta8",)}
"""Key of a codec → the codecs that use it."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def load(path: Path) -> Profile:
    """Read a profile; :class:`ConfigError` with a message for every mistake: file, line, key, got, expected."""
    return convert(toml.read(path))


def convert(document: TomlDocument) -> Profile:
    """Return a document as a profile; :class:`ConfigError` with a message for every mistake."""
    profile = toml.convert(document, Profile)
    found = [(path, f"{named(path)}: {message}") for path, message in check(profile)]
    if found:
        raise document.refused(found)
    return profile


def check(profile: Profile) -> Iterator[Mistake]:
    """Give every mistake between the tables."""
    for part in (_provenance, _match, _commands, _wavelength, _nonlinearity, _dark, _frame, _pixels, _levels, _rates, _requests):
        yield from part(profile)


def _provenance(profile: Profile) -> Iterator[Mistake]:
    facts = profile.provenance
    if facts.hardware_tested and facts.tested_by is None:
        yield ("provenance", "hardware_tested"), "is true without tested_by: say who tested it, when, with which firmware"
    if facts.tested_by is not None and not facts.hardware_tested:
        yield ("provenance", "tested_by"), "is given, and hardware_tested is false: set it to true, or leave tested_by out"


def _match(profile: Profile) -> Iterator[Mistake]:
    if profile.match.probe == "identify" and profile.commands.identify is None:
        yield ("match", "probe"), 'is "identify", and there is no commands.identify'
    if profile.match.serial_numbers and profile.commands.serial_number is None:
        yield ("match", "serial_numbers"), "needs commands.serial_number, which asks for it"
    for at, text in enumerate(profile.match.disturbed_by):
        if not literal(text):
            yield ("match", "disturbed_by", at), "is empty, and every request holds it: give the first bytes of a command"


def _nonlinearity(profile: Profile) -> Iterator[Mistake]:
    if (profile.nonlinearity is None) != (profile.commands.nonlinearity is None):
        missing, there = (("nonlinearity",), "commands.nonlinearity"), (("commands", "nonlinearity"), "a [nonlinearity] table")
        path, other = there if profile.nonlinearity is None else missing
        yield path, f"needs {other}: each is of no use without the other"


def _commands(profile: Profile) -> Iterator[Mistake]:
    have = {path[1] for path, _ in commands(profile)}
    for name, needed, why in PAIRS:
        if name in have and needed not in have:
            yield ("commands", name), f"needs commands.{needed}: {why}"
    if "laser_on" in have and profile.laser is None:
        yield ("commands", "laser_on"), "needs a [laser] table with wavelength_nm"
    if "laser_watchdog" in have and (profile.laser is None or profile.laser.watchdog_s is None):
        yield ("commands", "laser_watchdog"), "needs laser.watchdog_s: the seconds after which it switches the laser off"
    for path, command in commands(profile):
        rules = (
            (
                path[1] in QUESTIONS and command.reply == "none",
                "reply",
                'is "none" for a command sent for its answer: give "line", "u16be" …',
            ),
            (
                path[1] in MEASUREMENTS and command.reply != "none",
                "reply",
                f'is "{command.reply}", and [frame] describes the spectrum: leave it out',
            ),
            (command.ack and not profile.answers.ack, "ack", "is true, and answers.ack is empty: give the bytes of the acknowledgement"),
            (
                command.reply not in ("line", "text") and command.after,
                "after",
                f'needs reply = "line" or "text", and reply is "{command.reply}"',
            ),
            (command.message is None and not command.send, "send", "is empty: give the bytes to send"),
            (
                (command.message is not None) != (getattr(profile.frame, "name", "") == "obp"),
                "message",
                'is for frame.name = "obp", where every command has one, and for no other frame',
            ),
        )
        yield from (((*path, key), message) for wrong, key, message in rules if wrong)


def _wavelength(profile: Profile) -> Iterator[Mistake]:
    axis = profile.wavelength
    if isinstance(axis, Query) and profile.commands.coefficient is None:
        yield ("wavelength", "source"), 'is "query", and there is no commands.coefficient'
    if not isinstance(axis, Query) and profile.commands.coefficient is not None:
        yield ("commands", "coefficient"), 'is unused: set wavelength.source = "query", or leave it out'
    if not isinstance(axis, Static):
        return
    path = ("wavelength", "coefficients")
    if profile.n_pixels is None:
        yield path, "needs frame.count, the number of pixels"
        return
    first, last = profile.sensor.active or (0, profile.n_pixels - 1)
    if last >= profile.n_pixels:
        return  # a mistake of sensor.active
    powers = tuple(enumerate(axis.coefficients))
    pixels = range(first + axis.first_pixel, last + axis.first_pixel + 1)
    nm = [sum(factor * pixel**power for power, factor in powers) for pixel in pixels]
    steps = [after - before for before, after in pairwise(nm)]
    turn = next((at for at, step in enumerate(steps) if not step * steps[0] > 0), None)
    if turn is not None:
        yield (
            path,
            f"the axis turns back at pixel {first + turn + 1} ({nm[turn]:g} nm, then {nm[turn + 1]:g}): check the order of the factors",
        )
    elif not SHORTEST_NM <= min(nm) <= max(nm) <= LONGEST_NM:
        yield path, f"the axis is {min(nm):g} to {max(nm):g} nm, expected {SHORTEST_NM:g} to {LONGEST_NM:g} nm: check the unit"


def _dark(profile: Profile) -> Iterator[Mistake]:
    if profile.dark.method == "laser" and profile.laser is not None and profile.laser.keep_warm:
        yield ("dark", "method"), 'is "laser", and laser.keep_warm is true: a dark would cool the laser; give "shutter" or "ask"'
    needed = {"laser": "laser_off", "shutter": "shutter_close"}.get(profile.dark.method)
    if needed and getattr(profile.commands, needed) is None:
        yield ("dark", "method"), f'is "{profile.dark.method}", and there is no commands.{needed}'


def _frame(profile: Profile) -> Iterator[Mistake]:
    """Check a frame against itself: every mode and codec has its own keys."""
    frame = profile.frame
    rules: list[tuple[object, tuple[str, ...], str]] = []
    if isinstance(frame, FixedFrame):
        rules = [(frame.checksum.kind == "values", ("checksum", "kind"), 'is "values", a line of text: only mode = "delimited" has it')]
    elif isinstance(frame, DelimitedFrame):
        kind, line, dtype = frame.checksum.kind, frame.checksum_line, frame.dtype
        undefined = f"is {dtype}, and a checksum over decimals with a point is undefined: give a whole type"
        covers = 'is "frame", and a delimited checksum always covers the payload: leave it out'
        rules = [
            (kind == "none" and line is not None, ("checksum_line",), 'needs a checksum, such as frame.checksum = { kind = "crc8" }'),
            (kind != "none" and line is None, ("checksum",), "needs checksum_line, the beginning of the line that holds it"),
            (frame.text and dtype.startswith("f"), ("dtype",), undefined),
            (frame.checksum.over != "payload", ("checksum", "over"), covers),
        ]
    elif isinstance(frame, LinesFrame):
        endless = f'is "{frame.layout}", and only frame.count ends such a spectrum: give it'
        rules = [
            (frame.layout != "row" and frame.count is None, ("layout",), endless),
            (frame.layout == "row" and frame.end, ("end",), 'is for layout = "column" or "pairs": a row ends with its line'),
        ]
    elif isinstance(frame, NamedFrame):
        for key, users in ONLY.items():
            unused = f'is for {" or ".join(users)}, and frame.name is "{frame.name}": leave it out'
            rules.append((getattr(frame, key) and frame.name not in users, (key,), unused))
        rules.append((frame.text and frame.compressed, ("compressed",), "is true, and differences are binary: leave it or text out"))
    yield from ((("frame", *key), message) for wrong, key, message in rules if wrong)
    words = [word.name for word in frame.words] if isinstance(frame, FixedFrame | NamedFrame) else []
    for at, word in enumerate(words):
        if word in words[:at]:
            yield ("frame", "header", at), f"{word} is also the name of an earlier word: choose another"


def _pixels(profile: Profile) -> Iterator[Mistake]:
    sensor, count = profile.sensor, profile.n_pixels
    known = "frame.count is missing" if count is None else f"frame.count gives 0 to {count - 1}"
    for key, pair in (("active", sensor.active), ("dark_pixels", sensor.dark_pixels)):
        if pair is None:
            continue
        path = ("sensor", key)
        if pair[0] > pair[1]:
            yield path, f"got {list(pair)}, expected the smaller pixel first"
        elif count is None or pair[1] >= count:
            yield path, f"got {list(pair)}, expected pixels of the spectrum: {known}"
    if (active := sensor.active) and (dark := sensor.dark_pixels) and active[0] <= dark[1] and dark[0] <= active[1]:
        yield ("sensor", "dark_pixels"), f"{list(dark)} overlap the active pixels {list(active)}, which see light"
    for at, pixel in enumerate(sensor.bad_pixels):
        if count is None or pixel >= count:
            yield ("sensor", "bad_pixels", at), f"got {pixel}, expected a pixel of the spectrum: {known}"


def _levels(profile: Profile) -> Iterator[Mistake]:
    """Compare the converter with the values that a frame can carry, and with saturation."""
    bits, frame, saturation = profile.sensor.adc_bits, profile.frame, profile.sensor.saturation
    if bits is None:
        return
    full = 2**bits - 1
    if saturation is not None and saturation > full:
        yield ("sensor", "saturation"), f"got {saturation:g}, and the full scale of {bits} bits is {full}: correct one of them"
    if frame.invert_from is not None and frame.invert_from != full:
        yield ("frame", "invert_from"), f"got {frame.invert_from}, and the full scale of {bits} bits is {full}: correct one of them"
    carried = _carried_bits(frame)
    if bits > carried:
        yield ("sensor", "adc_bits"), f"got {bits}, and a value of the frame holds {carried} bits: correct one of them"


def _carried_bits(frame: Frame) -> int:
    if isinstance(frame, LinesFrame):
        return 32
    if isinstance(frame, NamedFrame):
        return CODEC_BITS[frame.name]
    mantissa = 24
    return {"u": 8 * size_of(frame.dtype), "i": 8 * size_of(frame.dtype) - 1, "f": mantissa}[frame.dtype[0]]


def _rates(profile: Profile) -> Iterator[Mistake]:
    rates, switch, settable = profile.serial.baud, profile.serial.switch, profile.commands.set_baud is not None
    for at, rate in enumerate(rates):
        if rate in rates[:at]:
            yield ("serial", "baud", at), f"{rate} is there twice: leave one out"
    if switch is None and settable:
        yield ("commands", "set_baud"), "needs a [serial.switch] table with settle_ms"
    if switch is None:
        return
    if not settable:
        yield ("serial", "switch"), "needs commands.set_baud, or leave it out"
    for code in switch.codes:
        if not code.isdecimal() or int(code) not in rates:
            yield ("serial", "switch", "codes", code), f"is not a rate of serial.baud, which has {', '.join(map(str, rates))}"


def _requests(profile: Profile) -> Iterator[Mistake]:
    """Check the expressions and templates; and where all of them are good, every request at its limits."""
    found = [*_probe(profile), *_integration(profile), *_values(profile)]
    for path, command in commands(profile):
        for at, text in enumerate(command.send):
            found += _field((*path, "send", at), text, requests.known(profile, str(path[1])))
    yield from found
    if found:
        return
    yield from _unsent(profile)
    for path, command in commands(profile):
        message = next(_failures(profile, path, command), None)
        if message is not None:
            yield path, message


def _probe(profile: Profile) -> Iterator[Mistake]:
    probe = profile.match.probe
    if probe is None or isinstance(probe, str):
        return
    for at, text in enumerate(probe.send):
        yield from _field(("match", "probe", "send", at), text, frozenset())
    if not probe.expect:
        yield ("match", "probe", "expect"), "is empty, and any device would match: give the first bytes of the answer"


def _integration(profile: Profile) -> Iterator[Mistake]:
    times = profile.integration
    if times is not None and times.min > times.max:
        yield ("integration", "max"), f"got {times.max}, and min is {times.min}: max is the larger one"
    elif times is not None and not times.min <= times.default <= times.max:
        yield ("integration", "default"), f"got {times.default}, expected {times.min} to {times.max}, from min to max"


def _values(profile: Profile) -> Iterator[Mistake]:
    names = {*requests.ALWAYS, *(() if profile.integration is None else (INTEGRATION,))}
    for key, formula in profile.values.items():
        path = ("values", key)
        if key in BUILT_IN or keyword.iskeyword(key) or not NAME.fullmatch(key):
            yield path, f"cannot be a name: use letters, digits and _, no word of Python, and none of {', '.join(sorted(BUILT_IN))}"
        try:
            yield from _unknown(path, expressions.parse(formula).names(), names)
        except ConfigError as error:
            yield path, str(error)
        names.add(key)


def _field(path: KeyPath, text: str, names: frozenset[str]) -> Iterator[Mistake]:
    try:
        yield from _unknown(path, fields.names((text,)), names)
    except ConfigError as error:
        yield path, str(error)


def _unknown(path: KeyPath, used: frozenset[str], names: Iterable[str]) -> Iterator[Mistake]:
    for name in sorted(used.difference(names)):
        yield path, f"{name}: unknown name; known are {', '.join(sorted(names)) or 'none'}"


def _unsent(profile: Profile) -> Iterator[Mistake]:
    """Give the settings of the profile that no request holds."""
    held = set(fields.names(text for _, command in commands(profile) for text in command.send))
    for key, formula in reversed(profile.values.items()):
        if key in held:
            held |= expressions.parse(formula).names()
    times, switch = profile.integration, profile.serial.switch
    if times is not None and INTEGRATION not in held:
        yield ("integration",), "no command holds {integration}: use it in one, or leave the table out"
    if times is not None and times.averages_max > 1 and "averages" not in held:
        yield ("integration", "averages_max"), f"got {times.averages_max}, and no command holds {{averages}}: use it in one"
    if profile.commands.set_baud is not None and not held & {"baud", "baud_code"}:
        yield ("commands", "set_baud"), "holds no rate: use {baud} or {baud_code}"
    for rate in profile.serial.baud:
        if "baud_code" in held and switch is not None and str(rate) not in switch.codes:
            yield ("serial", "switch", "codes"), f"has no code for {rate}, which is in serial.baud"


def _failures(profile: Profile, path: KeyPath, command: Command) -> Iterator[str]:
    """Give why a request cannot be made, at the smallest and the largest of everything that it may hold."""
    name, times, axis = str(path[1]), profile.integration, profile.wavelength
    integrations = (None,) if times is None else (times.min, times.default, times.max)
    averages = (1,) if times is None else (1, times.averages_max)
    last = axis.first_index + axis.coefficients - 1 if isinstance(axis, Query) and name == "coefficient" else 0
    if profile.nonlinearity is not None and name == "nonlinearity":
        last = profile.nonlinearity.first_index + profile.nonlinearity.coefficients - 1
    rates = profile.serial.baud if name == "set_baud" else profile.serial.baud[:1]
    for integration, average, index, rate in product(integrations, averages, (0, last), rates):
        try:
            requests.sent(profile, command, requests.values(profile, name, RequestValues(integration, average, index, rate)), "")
        except ConfigError as error:
            exposure = "" if times is None else f"integration {integration} {times.unit}, "
            yield f"{str(error).removeprefix('.')} (at {exposure}averages {average})"
