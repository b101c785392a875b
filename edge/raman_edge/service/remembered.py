"""What is remembered of each instrument: one TOML file in the user's configuration folder, readable and editable by hand.

An instrument is recognised by vendor, model and serial number; without a serial number by its identity and its USB place, or its
port where that is no USB port. The file is written atomically, under a lock, and holds at most :data:`MOST` instruments.
"""

from __future__ import annotations

import contextlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import platformdirs
from msgspec import Meta

from raman_edge import atomic_write
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles.profile import Nanometres, Rate
from raman_edge.settings import toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from raman_edge.instruments.ports import PortInfo
    from raman_edge.instruments.spectrometer import InstrumentInfo

VARIABLE = "RAMAN_EDGE_INSTRUMENTS"
"""The file, instead of one in the user's configuration folder."""
MOST = 200
"""Most instruments; beyond it the one that was not used for the longest time is dropped."""
MOST_NAME = 80
MOST_TEXT = 400
BY_PATH = Path("/dev/serial/by-path")
"""udev's names by the place of the plug."""
HEADER = """\
# Instruments that raman-edge remembers. `raman-edge serial` adds and updates them; `raman-edge instruments show`, `forget` and
# `rename` change them. You may edit values; comments are not kept.
"""

Name = Annotated[
    str, Meta(min_length=1, max_length=MOST_NAME, description=f"a name of 1 to {MOST_NAME} characters", examples=["Raman bench"])
]
Text = Annotated[str, Meta(max_length=MOST_TEXT, description=f"a text of at most {MOST_TEXT} characters")]
Filled = Annotated[str, Meta(min_length=1, max_length=4096, description="a text")]
Usb = Annotated[
    str,
    Meta(
        pattern=r"\A[0-9a-f]{4}:[0-9a-f]{4}(:.+)?\Z",
        max_length=MOST_TEXT,
        description="VID:PID or VID:PID:SERIAL",
        examples=["0403:6001:FT0TRH2A"],
    ),
]


class RememberedInstrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument."""

    name: Name
    """Unique; also the name of its calibration where it has no serial number."""
    profile: Filled
    """Name of a profile, the absolute path of the user's own, or ``usb`` for an Ocean instrument on USB."""
    port: Filled
    """Where it was last."""
    model: Text = ""
    """Vendor and model."""
    serial_number: Text | None = None
    """None where it gives none."""
    identity: Text = ""
    """Its answer to ``identify``."""
    usb: Usb | None = None
    """USB numbers of its port; None where that is no USB port."""
    usb_place: Text | None = None
    """udev's name of the place of its plug; None is unknown."""
    laser_nm: Nanometres | None = None
    """Laser wavelength, nm, as the user gave it; None is that of the profile."""
    arm_laser: bool | None = None
    """Whether the user allowed this program to switch the laser on; None: the question was not answered."""
    baud: Rate | None = None
    """Rate to change to; None leaves it."""
    last_used: date | None = None


class _Instruments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    instrument: tuple[RememberedInstrument, ...] = ()


@dataclass(frozen=True, slots=True)
class PortPlace:
    """A port now: what distinguishes it from others."""

    port: str
    """A name that survives unplugging, where there is one."""
    path: str
    """The device file behind all links; the port itself where it is none."""
    usb: str | None = None
    usb_place: str | None = None


def path() -> Path:
    """Return the file."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    return Path(platformdirs.user_config_dir("raman-edge")) / "instruments.toml"


def load() -> tuple[RememberedInstrument, ...]:
    """Return the instruments, () where there is no file; :class:`ConfigError` with line and key for every mistake."""
    file = path()
    if not atomic_write.system_path(file).is_file():
        return ()
    document = toml.read(file)
    found = toml.convert(document, _Instruments).instrument
    names = [one.name for one in found]
    twice = [index for index, name in enumerate(names) if name in names[:index]]
    unprintable = [index for index, name in enumerate(names) if not (name.isprintable() and name == name.strip())]
    if twice or unprintable:
        raise document.refused(
            [
                *(
                    (("instrument", k, "name"), f"instrument[{k}].name: got {names[k]!r} a second time, expected unique names")
                    for k in twice
                ),
                *((("instrument", k, "name"), f"instrument[{k}].name: got {names[k]!r}, expected a name that prints") for k in unprintable),
            ]
        )
    return found


def place_of(port: str, listed: Sequence[PortInfo] = (), by_path: Path = BY_PATH) -> PortPlace:
    """Return the place of ``port``; ``listed`` are the ports of this machine, which know the USB numbers."""
    is_path = Path(port).exists()
    device = os.path.realpath(port) if is_path else port
    known = next((one for one in listed if port in {one.address, one.device} or device == os.path.realpath(one.device)), None)
    usb = None if known is None or known.vid is None or known.pid is None else f"{known.vid:04x}:{known.pid:04x}"
    if usb is not None and known is not None and known.serial_number:
        usb = f"{usb}:{known.serial_number}"[:MOST_TEXT]
    links = sorted(by_path.glob("*")) if by_path.is_dir() else []
    plug = next((link.name for link in links if os.path.realpath(link) == device), None)
    lasting = known.address if known is not None else str(Path(port).absolute()) if is_path else port
    return PortPlace(lasting, device, usb, plug)


def is_at(one: RememberedInstrument, place: PortPlace) -> bool:
    """Whether the port where ``one`` was last is ``place``."""
    if one.usb is not None or place.usb is not None:
        if one.usb != place.usb or one.usb is None:
            return False
        return one.usb.count(":") > 1 or one.usb_place is None or one.usb_place == place.usb_place
    return one.port == place.port or (Path(one.port).exists() and os.path.realpath(one.port) == place.path)


def on_port(known: Sequence[RememberedInstrument], place: PortPlace) -> RememberedInstrument | None:
    """Return the instrument that was on this port last; None where none was."""
    here = [one for one in known if is_at(one, place)]
    return max(here, key=lambda one: one.last_used or date.min, default=None)


def of_device(known: Sequence[RememberedInstrument], found: InstrumentInfo, place: PortPlace) -> RememberedInstrument | None:
    """Return what is remembered of a connected instrument; None where it is new."""
    return next((one for one in known if is_device(one, found, place)), None)


def is_device(one: RememberedInstrument, found: InstrumentInfo, place: PortPlace) -> bool:
    """Whether the connected instrument is ``one``."""
    if one.model != found.model[:MOST_TEXT]:
        return False
    if one.serial_number is not None or found.serial_number is not None:
        return one.serial_number == (found.serial_number or "")[:MOST_TEXT]
    return one.identity == found.identity[:MOST_TEXT] and is_at(one, place)


def require_name(name: str) -> str:
    """Return a name without blanks at its ends; :class:`ConfigError` where no instrument can have it."""
    name = name.strip()
    if not (0 < len(name) <= MOST_NAME and name.isprintable()):
        expected = f"1 to {MOST_NAME} characters that print"
        raise ConfigError(kind="not a name of an instrument", place="--name", got=repr(name[:MOST_NAME]), expected=expected)
    return name


def free_name(wanted: str, known: Sequence[RememberedInstrument]) -> str:
    """Return ``wanted``, as far as it prints, with a number where another instrument has that name."""
    plain = "".join(character for character in wanted if character.isprintable()).strip()[: MOST_NAME - 4].strip() or "instrument"
    taken = {one.name for one in known}
    return next(name for name in (plain, *(f"{plain} {number}" for number in range(2, MOST + 3))) if name not in taken)


def remember(one: RememberedInstrument, place: PortPlace, today: date | None = None) -> list[RememberedInstrument]:
    """Add or update an instrument by its name; return those that are dropped for want of room.

    Raises :class:`ConfigError` where the file cannot be read or written.
    """
    now = today or datetime.now(UTC).date()
    one = msgspec.structs.replace(one, port=place.port, usb=place.usb, usb_place=place.usb_place, last_used=now)
    if one in load():
        return []
    dropped: list[RememberedInstrument] = []

    def changed(known: tuple[RememberedInstrument, ...]) -> list[RememberedInstrument]:
        others = [other for other in known if other.name != one.name]
        others.sort(key=lambda other: other.last_used or date.min, reverse=True)
        dropped.extend(others[MOST - 1 :])
        return [one, *others[: MOST - 1]]

    _change(changed)
    return dropped


def forget(name: str) -> RememberedInstrument:
    """Remove an instrument and return it; :class:`ConfigError` where none has that name."""
    gone = named(name)
    _change(lambda known: [one for one in known if one.name != gone.name])
    return gone


def rename(name: str, to: str) -> RememberedInstrument:
    """Give an instrument another name and return it; :class:`ConfigError` where that is taken, or none has the old one."""
    to, name = require_name(to), named(name).name

    def changed(known: tuple[RememberedInstrument, ...]) -> list[RememberedInstrument]:
        if to != name and any(one.name == to for one in known):
            raise ConfigError(kind="name is taken", got=repr(to), expected="a name that no other instrument has")
        return [msgspec.structs.replace(one, name=to) if one.name == name else one for one in known]

    _change(changed)
    return named(to)


def named(name: str) -> RememberedInstrument:
    """Return the instrument of that name, or the only one with that serial number; :class:`ConfigError` where there is none."""
    known = load()
    by_serial = [one for one in known if one.serial_number == name]
    found = next((one for one in known if one.name == name), by_serial[0] if len(by_serial) == 1 else None)
    if found is None:
        names = ", ".join(repr(one.name) for one in known[:20])
        expected = f"one of {names}" if names else "the name of a remembered instrument; there is none yet"
        raise ConfigError(kind="unknown instrument", got=repr(name), expected=expected)
    return found


def _change(changed: Callable[[tuple[RememberedInstrument, ...]], list[RememberedInstrument]]) -> None:
    """Read, change and write the file while no other process does."""
    file = Path(atomic_write.real_path(path()))
    try:
        atomic_write.system_path(file.parent).mkdir(parents=True, exist_ok=True)
        with _locked(file.with_name(f".{file.name}.lock")):
            data = encoded(changed(load()))
            with atomic_write.written(file) as target:
                target.write(data)
    except OSError as error:
        raise ConfigError(
            kind="cannot write the remembered instruments",
            place=repr(str(file)),
            cause=error.strerror or str(error),
            advice=f"Make it writable, or name another file in {VARIABLE}",
        ) from error


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    """Hold a lock that other processes wait for; the system releases it where this one is killed."""
    with atomic_write.system_path(lock).open("ab") as file, atomic_write.locked(file):
        yield


def encoded(known: Sequence[RememberedInstrument]) -> bytes:
    """Return the file; :class:`ConfigError` for a text that is not Unicode, such as a path of other bytes."""
    lines = [HEADER]
    for one in known:
        lines.append("[[instrument]]")
        for key, value in msgspec.structs.asdict(one).items():
            if value is not None and value != "":
                lines.append(f"{key} = {_value(value)}")
        lines.append("")
    with contextlib.suppress(UnicodeEncodeError):
        return "\n".join(lines).encode()
    raise ConfigError(kind="cannot be remembered", got="a path that is not UTF-8", expected="text", advice="Give the port another name")


def _value(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # a basic string of TOML, but for DEL
    return str(value).lower() if isinstance(value, bool) else str(value)
