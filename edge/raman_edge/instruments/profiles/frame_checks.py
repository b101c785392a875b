"""What a frame, the detector and the line say of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.instruments.profiles.frame import DelimitedFrame, FixedFrame, LinesFrame, NamedFrame, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.instruments.profiles.frame import Frame
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.profiles.validate import Found

CODEC_BITS = {"ooi": 32, "obp": 32, "delta8": 16}
"""Codec → bits of the widest value that it carries."""
ONLY = {"header": ("ooi",), "text": ("ooi",), "compressed": ("ooi",), "checksum": ("ooi", "obp"), "skip": ("delta8",)}
"""Key of a codec → the codecs that know it."""


def check(profile: Profile) -> Iterator[Found]:
    """Give every mistake between ``frame``, ``sensor`` and ``serial``."""
    yield from _frame(profile.frame)
    yield from _pixels(profile)
    yield from _levels(profile)
    yield from _rates(profile)


def _frame(frame: Frame) -> Iterator[Found]:
    if isinstance(frame, FixedFrame):
        yield from _fixed(frame)
    elif isinstance(frame, DelimitedFrame):
        yield from _delimited(frame)
    elif isinstance(frame, LinesFrame):
        yield from _lines(frame)
    else:
        yield from _codec(frame)


def _fixed(frame: FixedFrame) -> Iterator[Found]:
    if frame.checksum.kind == "values":
        yield ("frame", "checksum", "kind"), 'is "values", which stands in a line of text and belongs to mode = "delimited"'
    yield from _twice(frame.header)


def _delimited(frame: DelimitedFrame) -> Iterator[Found]:
    if frame.checksum.kind == "none" and frame.checksum_line is not None:
        yield ("frame", "checksum_line"), 'stands without a checksum: say frame.checksum = { kind = "crc8" } or the like'
    if frame.checksum.kind != "none" and frame.checksum_line is None:
        yield ("frame", "checksum"), "stands without checksum_line: say what the line that holds it begins with"
    if frame.text and frame.dtype.startswith("f"):
        yield ("frame", "dtype"), f"is {frame.dtype}, and how a checksum is taken over decimals with a point is not known: take a whole one"
    if frame.checksum.over != "payload":
        yield ("frame", "checksum", "over"), 'is "frame", and here only the payload is summed: leave it out'


def _lines(frame: LinesFrame) -> Iterator[Found]:
    if frame.layout != "row" and frame.count is None:
        yield ("frame", "layout"), f'is "{frame.layout}", and only frame.count tells where a spectrum ends: say it'
    if frame.layout == "row" and frame.end:
        yield ("frame", "end"), 'belongs to layout = "column" or "pairs": a row ends with its line'


def _codec(frame: NamedFrame) -> Iterator[Found]:
    for key, knowing in ONLY.items():
        if getattr(frame, key) and frame.name not in knowing:
            yield ("frame", key), f'belongs to {" or ".join(knowing)}, and frame.name is "{frame.name}": leave it out'
    if frame.text and frame.compressed:
        yield ("frame", "compressed"), "is true, and differences are sent in binary alone: leave it or text out"
    yield from _twice(frame.header)


def _twice(header: tuple[str, ...]) -> Iterator[Found]:
    names = [word.partition(":")[0] for word in header]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield ("frame", "header", at), f"{name} is the name of an earlier word: give it one of its own"


def _pixels(profile: Profile) -> Iterator[Found]:
    sensor, count = profile.sensor, profile.n_pixels
    for key, pair in (("active", sensor.active), ("dark_pixels", sensor.dark_pixels)):
        if pair is None:
            continue
        path = ("sensor", key)
        if pair[0] > pair[1]:
            yield path, f"got {list(pair)}, expected the smaller pixel first"
        elif count is None or pair[1] >= count:
            yield path, f"got {list(pair)}, expected pixels of the spectrum: {_told(count)}"
    if sensor.active and sensor.dark_pixels and _overlap(sensor.active, sensor.dark_pixels):
        yield ("sensor", "dark_pixels"), f"{list(sensor.dark_pixels)} lie among the active ones {list(sensor.active)}, which see light"
    for at, pixel in enumerate(sensor.bad_pixels):
        if count is None or pixel >= count:
            yield ("sensor", "bad_pixels", at), f"got {pixel}, expected a pixel of the spectrum: {_told(count)}"


def _told(count: int | None) -> str:
    return "frame.count, which is missing, tells how many there are" if count is None else f"0 to {count - 1}, as frame.count says"


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _levels(profile: Profile) -> Iterator[Found]:
    """Compare the converter with what the frame can carry, and with what saturates."""
    bits, frame, saturation = profile.sensor.adc_bits, profile.frame, profile.sensor.saturation
    if bits is None:
        return
    full = 2**bits - 1
    if saturation is not None and saturation > full:
        yield ("sensor", "saturation"), f"got {saturation:g}, and {bits} bits end at {full}: correct one of them"
    if frame.invert_from is not None and frame.invert_from != full:
        yield ("frame", "invert_from"), f"got {frame.invert_from}, and the full scale of {bits} bits is {full}: correct one of them"
    carried = _carried(frame)
    if bits > carried:
        yield ("sensor", "adc_bits"), f"got {bits}, and a value of the frame holds {carried} bits: correct one of them"


def _carried(frame: Frame) -> int:
    """Return how many bits a value of the frame can have."""
    if isinstance(frame, LinesFrame):
        return 32
    if isinstance(frame, NamedFrame):
        return CODEC_BITS[frame.name]
    mantissa = 24
    return {"u": 8 * size_of(frame.dtype), "i": 8 * size_of(frame.dtype) - 1, "f": mantissa}[frame.dtype[0]]


def _rates(profile: Profile) -> Iterator[Found]:
    rates, switch = profile.serial.baud, profile.serial.switch
    for at, rate in enumerate(rates):
        if rate in rates[:at]:
            yield ("serial", "baud", at), f"{rate} stands there twice: leave one out"
    if switch is None and profile.commands.set_baud is not None:
        yield ("commands", "set_baud"), "stands without a [serial.switch] table: say its settle_ms, or leave the command out"
    if switch is None:
        return
    if profile.commands.set_baud is None:
        yield ("serial", "switch"), "stands without commands.set_baud: say how the rate is changed, or leave it out"
    for code in switch.codes:
        if not code.isdecimal() or int(code) not in rates:
            yield ("serial", "switch", "codes", code), f"is no rate of serial.baud, which has {', '.join(map(str, rates))}"
