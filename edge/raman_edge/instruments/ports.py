"""Serial ports and Ocean instruments on USB, found without opening them.

Opening a port raises DTR, which restarts boards, and takes bytes from other readers, so only the system's own facts are
used. The holder of a port comes from ``/proc``, which shows the processes of this user.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import catalogue

if sys.platform != "win32":
    import grp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from raman_edge.instruments.profiles.profile import Profile

Access = Literal["free", "busy", "denied", "unknown"]
"""No visible process has it open; one has; this user has no permission; this system does not show it."""

DEV = Path("/dev")
PROC = Path("/proc")
USB_DEVICES = Path("/sys/bus/usb/devices")
OCEAN_VENDOR = 0x2457
"""Ocean Optics' (Ocean Insight's) USB vendor number."""
OCEAN = "ocean:"
"""How an instrument that python-seabreeze drives is addressed: ``ocean:`` or ``ocean:SERIAL``."""


class PortUse(NamedTuple):
    """Whether a device file can be used, and its holder."""

    access: Access
    holder: str = ""
    """The process that has it open, as ``name (pid)``; "" is none visible. Data."""
    group: str = ""
    """The group that may use it; "" is unknown."""


class ListedPort(Protocol):
    """Facts of a port from pyserial; None is unknown."""

    @property
    def device(self) -> str:
        """The system's name."""

    @property
    def description(self) -> str | None:
        """A description, or ``n/a``."""

    @property
    def manufacturer(self) -> str | None:
        """From the USB device."""

    @property
    def product(self) -> str | None:
        """From the USB device."""

    @property
    def serial_number(self) -> str | None:
        """Of the USB chip."""

    @property
    def vid(self) -> int | None:
        """USB vendor."""

    @property
    def pid(self) -> int | None:
        """USB product."""


@dataclass(frozen=True, slots=True)
class PortInfo:
    """A port where an instrument may be; its texts are data, to be escaped."""

    address: str
    """The address for a command: where possible a name that survives unplugging."""
    device: str
    """The system's name, which depends on the order of plugging in."""
    what: str
    """Vendor and product from the device; "" is unknown."""
    use: PortUse
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    """Of the USB chip, not of the spectrometer behind it; an Ocean instrument's own. None is unknown."""
    profiles: tuple[str, ...] = ()
    """Profiles that name this USB device in ``match.usb``."""


def serial(
    profiles: Iterable[Profile], listed: Iterable[ListedPort] | None = None, dev: Path = DEV, proc: Path = PROC
) -> Iterator[PortInfo]:
    """Give the serial ports in the order of their names; ``listed`` is what pyserial finds."""
    links, held, matches = _links(dev), holders(proc), _matches(profiles)
    for port in sorted(_listed() if listed is None else listed, key=lambda port: port.device):
        yield PortInfo(
            address=links.get(os.path.realpath(port.device), port.device),
            device=port.device,
            what=_what(port),
            vid=port.vid,
            pid=port.pid,
            serial_number=port.serial_number,
            profiles=matches.get((port.vid, port.pid), ()),
            use=_use(port.device, held),
        )


def ocean(devices: Path = USB_DEVICES, dev: Path = DEV, proc: Path = PROC) -> Iterator[PortInfo]:
    """Give Ocean's instruments on USB, on Linux only; their models come from python-seabreeze, if it is installed."""
    held, models = holders(proc), _models()
    for place in sorted(devices.glob("*")):
        read = partial(_text, place)
        if read("idVendor") != f"{OCEAN_VENDOR:04x}":
            continue
        pid = int(read("idProduct"), 16)
        device = str(dev / "bus" / "usb" / f"{int(read('busnum')):03}" / f"{int(read('devnum')):03}")
        number = read("serial")
        yield PortInfo(
            address=OCEAN + number,
            device=device,
            what=" ".join(filter(None, (read("manufacturer") or "Ocean Optics", models.get(pid) or read("product")))),
            vid=OCEAN_VENDOR,
            pid=pid,
            serial_number=number or None,
            use=_use(device, held),
        )


def _listed() -> Iterable[ListedPort]:
    try:
        from serial.tools import list_ports  # noqa: PLC0415 - only where ports are looked for
    except AttributeError:  # pyserial takes functions of Windows at its import; Wine 8 lacks one of them
        return ()
    found: Iterable[ListedPort] = list_ports.comports()
    return found


def holders(proc: Path = PROC) -> dict[str, str]:
    """Return the device files that other visible processes have open: path → ``name (pid)``."""
    found: dict[str, str] = {}
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        for path in _opened(process):
            found.setdefault(path, f"{_text(process, 'comm') or 'a process'} ({process.name})")
    return found


def _opened(process: Path) -> Iterator[str]:
    """Give the device files that a process has open; none where it belongs to another user, or has just ended."""
    with suppress(OSError):
        for entry in (process / "fd").iterdir():
            with suppress(OSError):
                path = str(entry.readlink())
                if path.startswith("/dev/"):
                    yield path


def _use(device: str, held: Mapping[str, str]) -> PortUse:
    if sys.platform == "win32":
        return PortUse("unknown")
    path = os.path.realpath(device)
    try:
        group = grp.getgrgid(os.stat(path).st_gid).gr_name  # noqa: PTH116 - a name, not a Path
    except (OSError, KeyError):
        group = ""
    if path in held:
        return PortUse("busy", held[path], group)
    return PortUse("free" if os.access(path, os.R_OK | os.W_OK) else "denied", group=group)


def _links(dev: Path) -> dict[str, str]:
    """Return udev's names by serial number: real path → name."""
    return {os.path.realpath(link): str(link) for link in sorted((dev / "serial" / "by-id").glob("*"), reverse=True)}


def _matches(profiles: Iterable[Profile]) -> dict[tuple[int | None, int | None], tuple[str, ...]]:
    found: dict[tuple[int | None, int | None], tuple[str, ...]] = {}
    for profile in profiles:
        for usb in profile.match.usb:
            found[usb.vid, usb.pid] = (*found.get((usb.vid, usb.pid), ()), profile.device.id)
    return found


def _what(port: ListedPort) -> str:
    made = " ".join(filter(None, (port.manufacturer, port.product)))
    description = port.description or ""
    return made or ("" if description == "n/a" else description)


def _models() -> dict[int, str]:
    """Return python-seabreeze's models by product number; none where it is not installed. No device is opened."""
    try:
        from seabreeze.pyseabreeze import devices  # noqa: F401, PLC0415 - an extra; it registers the models
        from seabreeze.pyseabreeze.transport import USBTransport  # noqa: PLC0415
    except ImportError:
        return {}
    return {pid: model for (vid, pid), model in USBTransport.vendor_product_ids.items() if vid == OCEAN_VENDOR}


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def named_by_usb(where: str, profiles: Iterable[Profile]) -> tuple[str, ...]:
    """Return the names of the profiles that name the USB device of a port; () where none does, or it is not on USB."""
    here = os.path.realpath(where)
    return next((port.profiles for port in serial(profiles) if os.path.realpath(port.device) == here), ())


def profile_of(port: str, named: str | None) -> Profile:
    """Return the profile of that name, else the only one that names the USB device on ``port``; :class:`ConfigError` if none."""
    if named is not None:
        return catalogue.load(named)
    known = catalogue.load_all(lambda _: None)
    fitting = set(named_by_usb(port, known))
    if len(fitting) == 1:
        return catalogue.load(fitting.pop())
    several = f"several profiles name its USB device ({', '.join(sorted(fitting))})" if fitting else "no profile names its USB device"
    expected = f"one of {', '.join(catalogue.profiles())}, or a TOML file"
    advice = f"Give --profile (in Python profile=); `raman-edge instruments probe {port}` finds it out"
    raise ConfigError(kind="unknown instrument", place=repr(port), got=several, expected=expected, advice=advice)
