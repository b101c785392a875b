"""The box: processors, memory, heat, clock, terminal, serial ports, and the service it runs as."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok, text_of, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MIB = 2**20
LEAST_BYTES = 256 * MIB
"""Memory that should be free: twice what `watch` takes."""
HOT_C = 80.0
"""Where a Raspberry Pi slows down."""
SERIAL = ("ttyUSB*", "ttyACM*")
THROTTLED = {
    0: "the voltage is too low",
    1: "the processor is slowed down",
    2: "the processor is throttled",
    3: "it is near its limit of heat",
}
"""Bits of what the firmware of a Raspberry Pi says of now; the same 16 higher are of some time since it was started."""
UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""
AVAILABLE = re.compile(r"^MemAvailable:\s+([0-9]+) kB", re.MULTILINE)
"""A line of /proc/meminfo; proc_meminfo(5)."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def look(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at the machine."""
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    yield processors(len(affinity), asked.threads, asked.environ)
    yield memory(text_of(Path("/proc/meminfo")), _limit())
    zones = [text_of(zone) for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*/temp"))]
    told = [text_of(place) for place in Path("/sys/devices/platform").glob("soc*/soc*firmware/get_throttled")]
    yield heat(zones, told[0] if told else "")
    yield time_of_day(_clock_state())
    yield terminal(asked.environ)
    yield serial([(str(port), os.access(port, os.R_OK | os.W_OK)) for kind in SERIAL for port in sorted(Path("/dev").glob(kind))])
    yield service(asked.environ, [unit.name for unit in Path("/sys/fs/cgroup/system.slice").glob("raman-edge*.service")])


def processors(count: int, threads: int, environ: Mapping[str, str]) -> Finding:
    """Judge how many threads are asked for, where ``count`` processors may be used."""
    told = f"{count} processors, {threads} {'thread' if threads == 1 else 'threads'}"
    if threads > count:
        return warning("processors", told, f"--threads {count}: more of them wait for one another")
    for name in THREAD_VARIABLES:
        if environ.get(name, "").isdecimal() and int(environ[name]) > max(threads, 1):
            return warning("processors", f"{told}; {name}={environ[name]}", f"unset {name}: idle threads of numpy burn a processor each")
    return ok("processors", told)


def memory(meminfo: str, limit: int | None) -> Finding:
    """Judge the memory that is left, by /proc/meminfo and the ``limit`` of this control group, bytes; None is none."""
    said = AVAILABLE.search(meminfo)
    if said is None:
        return ok("memory", "this system does not tell")
    free = int(said[1]) * 1024
    told = f"{free / MIB:.0f} MiB free" + (f", limited to {limit / MIB:.0f} MiB" if limit else "")
    if min(free, limit or free) < LEAST_BYTES:
        return warning("memory", told, f"leave {LEAST_BYTES / MIB:.0f} MiB: end other programs, or raise MemoryMax= of the unit")
    return ok("memory", told)


def _limit() -> int | None:
    own = next((line[3:] for line in text_of(Path("/proc/self/cgroup")).splitlines() if line.startswith("0::")), "/")
    told = text_of(Path(f"/sys/fs/cgroup{own}") / "memory.max").strip()
    return int(told) if told.isdecimal() else None


def heat(zones: Iterable[str], firmware: str) -> Finding:
    """Judge the temperatures, thousandths of °C, and what the firmware of a Raspberry Pi says (hexadecimal)."""
    degrees = []
    for zone in zones:
        with suppress(ValueError):
            degrees.append(int(zone) / 1000)
    told = f"{max(degrees):.0f} °C" if degrees else "this system tells no temperature"
    bits = 0
    with suppress(ValueError):
        bits = int(firmware, 16)
    if now := [why for bit, why in THROTTLED.items() if bits >> bit & 1]:
        return warning("heat", f"{told}; {', '.join(now)}", "a power supply and a cable that are strong enough; a heat sink")
    if degrees and max(degrees) >= HOT_C:
        return warning("heat", told, "give it air: a hot processor slows down")
    if bits >> 16:
        return ok("heat", f"{told}; it was slowed down or short of power since it was started")
    return ok("heat", told)


def time_of_day(state: int | None) -> Finding:
    """Judge whether the clock is kept by the network, by what adjtimex(2) returns; None where there is no such call."""
    if state is None:
        return ok("time", "this system does not tell whether its clock is kept right")
    if state == UNSYNCHRONISED:
        return warning("time", "nobody keeps this machine's clock right", "timedatectl set-ntp true, or chrony; answers are dated by it")
    return ok("time", "the clock is kept right")


def _clock_state() -> int | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "adjtimex"):
        return None
    asked = ctypes.create_string_buffer(512)  # struct timex, with nothing to be set
    state: int = libc.adjtimex(asked)
    return state if state >= 0 else None


def terminal(environ: Mapping[str, str]) -> Finding:
    """Judge how a spectrum can be drawn."""
    from rich.console import Console  # noqa: PLC0415 - no other check needs it

    from raman_edge.terminal.terminal import needs_ascii  # noqa: PLC0415

    if not sys.stdout.isatty():
        return ok("terminal", "none: answers are lines of JSON")
    if needs_ascii(Console()):
        language = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or "not set"
        return warning(
            "terminal",
            f"cannot show braille (language {language}): drawn coarsely in ASCII",
            "export LC_ALL=C.UTF-8, in a terminal of today",
        )
    return ok("terminal", "shows braille")


def serial(ports: Iterable[tuple[str, bool]]) -> Finding:
    """Judge the serial ports, each with whether this user may use it."""
    found = dict(ports)
    if not found:
        return ok("serial ports", "none is connected; files need none")
    if denied := [port for port, allowed in found.items() if not allowed]:
        todo = "sudo usermod -aG dialout $USER and log in again; in a unit: SupplementaryGroups=dialout"
        return warning("serial ports", f"{', '.join(found)}; not for this user: {', '.join(denied)}", todo)
    return ok("serial ports", f"{', '.join(found)}, for this user too")


def service(environ: Mapping[str, str], units: Iterable[str]) -> Finding:
    """Judge how it runs."""
    if "INVOCATION_ID" in environ:
        watched = ", with a watchdog" if environ.get("WATCHDOG_USEC") else ""
        return ok("service", f"started by systemd{watched}")
    running = sorted(units)
    return ok("service", f"{', '.join(running)} runs" if running else "no unit of ours runs; docs/running has one")
