"""The checks of ``raman-edge doctor``: what would stop a run on this machine, or slow it down. Nothing is created and nothing is changed.

Memory, processors, heat and processes are read by psutil (extra ``doctor``); without it these checks are reported as not made.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import shutil
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from raman_edge import __version__
from raman_edge.atomic_write import real_path, system_path
from raman_edge.calibration import store
from raman_edge.diagnostics import verify_model
from raman_edge.errors import CalibrationError, ConfigError
from raman_edge.instruments import ports as instrument_ports
from raman_edge.journal import database as journal_schema
from raman_edge.matching import user_library
from raman_edge.model import runtime
from raman_edge.model.model import Model
from raman_edge.service import settings as settings_file
from raman_edge.sources.scan import FileCandidate, Scan, ScanRules, is_network, scan
from raman_edge.sources.stability import OpenWriter, writer_of
from raman_edge.sources.windows import is_in_use, open_to_read
from raman_edge.sqlite_file import DatabaseFacts, look_into

try:
    import psutil
except ImportError:  # the extra "doctor"
    psutil = None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.diagnostics.verify_model import ModelCheck

MIB = 2**20
LEAST_MEMORY = 256 * MIB
"""Bytes that should be available: twice what `watch` takes."""
FULL_BYTES, LOW_BYTES = 100 * MIB, 1024 * MIB
"""Free disk space that is as good as none, and that calls for attention."""
LOW_DAYS = 30.0
"""Days that the disk should last."""
DAY_S = 86_400.0
HOT_C = 80.0
"""Temperature at which a Raspberry Pi slows down."""
THROTTLED = ("the voltage is too low", "the processor is slowed down", "the processor is throttled", "it is near its temperature limit")
"""Lowest bits of the firmware state of a Raspberry Pi; the same bits 16 places higher are about some time since the start."""
UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""
SOON = 0.2
"""Share of a calibration's time at which the next one is due."""
MOST_OPENED = 200
"""Files that are opened to see whether they can be, the newest ones."""
SERIAL_PORTS = ("ttyUSB*", "ttyACM*")
NEEDED = {"mqtt": ("mqtt", "paho"), "mqtts": ("mqtt", "paho"), "prometheus": ("metrics", "prometheus_client")}
"""Kind of an output → the extra and the package that it needs."""
FILE_OUTPUTS = ("jsonl:", "csv:")
RECORDS = "SELECT count(*), min(ts), (SELECT ts FROM records ORDER BY seq DESC LIMIT 1) FROM records"
"""Number of records, the oldest time, the time of the newest record: milliseconds since 1970."""
ELSEWHERE = "name another place with --journal"

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    """``warning``: works, but not as well as it could, or not for long. ``wrong``: does not work."""
    found: str
    todo: str = ""
    """What to do about it; empty where nothing has to be done."""


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """What ``watch`` would be started with."""

    journal: Path
    model: Path
    library: Path
    folder: str | None = None
    """None: no folder was named."""
    match: tuple[str, ...] = ("*",)
    own: Path | None = None
    """The user's library; None: without."""
    key: Path | None = None
    threads: int = 1
    calibration: str | None = None
    """File or instrument; None: axes as the files have them."""
    move_failed: Path | None = None
    to: tuple[str, ...] = ()
    """Outputs, as they are named on the command line."""
    environ: dict[str, str] = field(default_factory=dict)


def ok(check: str, found: str) -> Finding:
    """Return a good finding."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, todo: str) -> Finding:
    """Return a finding that works for now."""
    return Finding(check, "warning", found, todo)


def wrong(check: str, found: str, todo: str) -> Finding:
    """Return a finding that does not work."""
    return Finding(check, "wrong", found, todo)


def examine(settings: DoctorSettings, checks: Iterable[Callable[[DoctorSettings], Iterable[Finding]]] | None = None) -> Iterator[Finding]:
    """Give the findings as they are made; a check that the system does not permit is reported, and the next one is made."""
    for check in checks or (software, models, calibration, journal, folders, machine):
        try:
            yield from check(settings)
        except OSError as error:
            found = f"could not be completed: {error.strerror} ({error.filename})"
            yield wrong(check.__name__, found, "let this user read it, or run this as the user of `watch`")


def software(settings: DoctorSettings) -> Iterator[Finding]:
    """Check the onnxruntime wheels, the extras of the outputs and the variables of the environment."""
    yield ok("python", f"raman-edge {__version__}, Python {platform.python_version()} on {platform.machine()}")
    try:
        wheels = runtime.installed()
    except ConfigError:
        wheels = {}
    yield onnxruntime(wheels, vnni=runtime.exact_products() == "0")
    needed = {NEEDED[kind] for output in settings.to if (kind := output.partition(":")[0]) in NEEDED}
    missing = ",".join(sorted(extra for extra, package in needed if importlib.util.find_spec(package) is None))
    if missing:
        yield wrong("extras", f"an output needs {missing}, which is not installed", f"pip install 'raman-edge[{missing}]'")
    else:
        yield ok("extras", "every output has the packages that it needs")
    known = settings_file.known_variables()
    given = sorted(name for name in settings.environ if name.startswith("RAMAN_EDGE_"))
    if unknown := [name for name in given if name not in known]:
        yield warning("environment", f"unknown variable {', '.join(unknown)}", f"use one of {', '.join(sorted(known))}")
    else:
        yield ok("environment", f"{', '.join(given) or 'no RAMAN_EDGE_ variable'} is set")


def onnxruntime(wheels: Mapping[str, str], *, vnni: bool) -> Finding:
    """Judge the installed onnxruntime wheels: there must be exactly one."""
    if not wheels:
        return wrong("onnxruntime", "not installed", "pip install 'raman-edge[cpu]', or [gpu] for CUDA")
    if len(wheels) > 1:
        (problem,) = runtime.notes(wheels, offered=False, got="either")
        found, _, todo = problem.partition(". ")
        return wrong("onnxruntime", found, todo)
    speed = "int8 in one instruction (VNNI)" if vnni else "no VNNI: int8 models take twice as long"
    return ok("onnxruntime", f"{' '.join(*wheels.items())}, the only one; {speed}")


def models(settings: DoctorSettings) -> Iterator[Finding]:
    """Check the model with its probe, its library and signature, the GPU, and the user's library."""
    wanted = verify_model.VerifySettings(settings.model, settings.library, settings.key, threads=settings.threads)
    try:
        yield from verified(verify_model.verify(wanted), str(settings.model), signed=settings.key is not None)
        if runtime.installed().keys() == {"onnxruntime-gpu"}:
            opened = Model.open(settings.model, threads=settings.threads)
            for note in opened.notes:
                yield warning("gpu", note, "or install raman-edge[cpu] instead: a GPU is not needed")
            if not opened.notes:
                yield ok("gpu", f"the model runs on {opened.provider}")
    except ConfigError as error:
        yield wrong("model", str(error), error.advice or "correct it")
    if settings.own is None:
        yield ok("own library", "none")
    elif not system_path(settings.own).exists():
        yield wrong(
            "own library", f"{settings.own} does not exist", "name another file, or run without one; `raman-edge library add` makes one"
        )
    else:
        yield references(look_into(settings.own, "SELECT count(*) FROM entries"), str(settings.own))


def verified(checks: Sequence[ModelCheck], path: str, *, signed: bool) -> Iterator[Finding]:
    """Judge the verification of a model and its library."""
    by_name = {check.name: check for check in checks}
    broken = [check for check in checks if check.passed is False]
    if failed := [check for check in broken if check.name not in {"library", "signature"}]:
        yield wrong("model", f"{path}: {failed[0].found}", "name another with --model; `raman-edge model verify` reports every check")
        return
    yield ok("model", f"{by_name['card'].found}; {by_name['probe'].found}")
    todo = {"library": "name the library that was exported with this model with --library", "signature": "get the files from their maker"}
    for name in ("library", "signature"):
        if by_name[name] in broken:
            yield wrong(name, by_name[name].found, todo[name])
        elif name == "library" or signed:
            yield ok(name, by_name[name].found.partition("; SHA-256")[0])


def references(facts: DatabaseFacts, path: str) -> Finding:
    """Judge the user's library."""
    found = ok("own library", f"{path}: {facts.rows[0][0] if facts.rows else 0} spectra")
    return unusable(facts, "own library", (user_library.APPLICATION, user_library.SCHEMA)) or found


def unusable(facts: DatabaseFacts, check: str, expected: tuple[int, int]) -> Finding | None:
    """Return why a database cannot be used, whose ``expected`` application and newest schema are these; None where it can."""
    application, schema = expected
    if facts.tables and facts.application != application:
        return wrong(check, "the file is the database of another program", "name another file")
    if facts.problem:
        return wrong(check, f"the file cannot be read: {facts.problem}", "put back a copy, or move it away and start a new one")
    if facts.schema not in {0, schema}:
        todo = "update raman-edge" if facts.schema > schema else "move it away and start a new one"
        return wrong(check, f"the file has schema {facts.schema}, expected {schema}", todo)
    return None


def calibration(settings: DoctorSettings) -> Iterator[Finding]:
    """Check the calibration where one is named."""
    if settings.calibration is not None:
        try:
            yield calibrated(store.find(settings.calibration), datetime.now(UTC))
        except CalibrationError as error:
            yield wrong("calibration", str(error), "name another with --calibration, or leave it out for axes as the files have them")


def calibrated(found: Calibration, now: datetime) -> Finding:
    """Judge how long a calibration is valid."""
    again = "measure the standard again and run `raman-edge calibrate`"
    age = f"of {found.instrument}, {found.age_days(now):.1f} days old"
    if now >= found.expires:
        return wrong("calibration", f"{age}, expired on {found.expires:%Y-%m-%d %H:%M} UTC: nothing is identified with it", again)
    left = (found.expires - now).total_seconds() / DAY_S
    if found.expires - now < SOON * (found.expires - found.made):
        return warning("calibration", f"{age}, expires in {left:.1f} days", again)
    scatter = "one line" if found.rms is None else f"{found.rms:.2f} cm-1 rms"
    return ok("calibration", f"{age}, {scatter}, valid for {left:.0f} days")


def journal(settings: DoctorSettings) -> Iterator[Finding]:
    """Check the place of the journal, its disk, its records, and which processes have it open."""
    path, file = settings.journal, system_path(settings.journal)
    place = next(folder for folder in file.absolute().parents if folder.is_dir())
    if file.is_dir():
        yield wrong("journal", f"{path} is a folder", "name a file in it with --journal")
    elif not os.access(place, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.W_OK)):
        yield wrong("journal", f"{path} cannot be written by this user", ELSEWHERE)
    elif is_network(str(place)):
        todo = f"{ELSEWHERE} on a local disk: several programs cannot share a write-ahead log over a network"
        yield wrong("journal", f"{path} lies on a network file system", todo)
    else:
        yield ok("journal", f"{path}{'' if file.exists() else ', which `watch` makes'}; can be written")
    facts, now = (look_into(path, RECORDS) if file.is_file() else None), datetime.now(UTC)
    yield disk(shutil.disk_usage(place).free, bytes_a_day(file.stat().st_size, facts.rows, now) if facts else None)
    if facts:
        yield records(facts, now)
        if psutil:
            yield in_use(sorted(processes_with(path)))


def bytes_a_day(size: int, rows: Sequence[tuple[object, ...]], now: datetime) -> float | None:
    """Return the growth of a journal of ``size`` bytes; None for one without records. One younger than a day counts as a day old."""
    if not rows or not rows[0][0]:
        return None
    return size / max((now - time_of(rows[0][1])).total_seconds() / DAY_S, 1.0)


def disk(free: int, a_day: float | None) -> Finding:
    """Judge the free space of a disk, bytes, to which ``a_day`` bytes are added."""
    days = free / a_day if a_day else None
    if free < FULL_BYTES:
        return wrong("disk", f"{free / MIB:.1f} MiB free", "make room: without it nothing can be recorded, and nothing is identified")
    found = f"{free / MIB / 1024:.1f} GiB free" + (
        "" if days is None else f", which lasts {duration(days * DAY_S)} at the mean rate so far"
    )
    if free < LOW_BYTES or (days is not None and days < LOW_DAYS):
        return warning("disk", found, "make room, or name a larger disk with --journal")
    return ok("disk", found)


def records(facts: DatabaseFacts, now: datetime) -> Finding:
    """Judge the contents of the journal."""
    if found := unusable(facts, "records", (journal_schema.APPLICATION, journal_schema.SCHEMA)):
        return found
    if not facts.rows or not facts.rows[0][0]:
        return ok("records", "none yet")
    age_s = (now - time_of(facts.rows[0][2])).total_seconds()
    text = f"{facts.rows[0][0]}, the newest {duration(abs(age_s))} {'old' if age_s >= 0 else 'in the future'}; schema {facts.schema}"
    if age_s < -1:
        return warning("records", text, "set the clock of this machine: it dates the records")
    if not facts.write_ahead:
        return warning("records", f"{text}; not in write-ahead mode", "`raman-edge watch` sets it when it starts")
    return ok("records", text)


def processes_with(path: Path) -> Iterator[int]:
    """Give the processes that have a file open, as far as this user may see them."""
    name = real_path(path)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if any(file.path == name for file in process.open_files()):
                yield process.pid


def in_use(processes: Sequence[int]) -> Finding:
    """Judge which processes have the journal open."""
    if not processes:
        return ok("in use", "no process of this user has the journal open")
    found = f"open in process {', '.join(map(str, processes))}"
    if len(processes) > 1:
        return warning("in use", found, "fine for different folders; stop all but one watcher of the same folder: they do its work twice")
    return ok("in use", found)


def folders(settings: DoctorSettings) -> Iterator[Finding]:
    """Check the watched folder, and the folders that are written to."""
    if settings.folder is None:
        yield ok("folder", "none named; `raman-edge doctor DIR` checks one")
    else:
        yield from watched(settings.folder, settings)
    targets = {
        f"output {output!r}": Path(output.partition(":")[2]).absolute().parent for output in settings.to if output.startswith(FILE_OUTPUTS)
    }
    if settings.move_failed is not None:
        targets["failed files"] = settings.move_failed
    for name, folder in targets.items():
        if (there := system_path(folder)).is_dir() and os.access(there, os.W_OK | os.X_OK):
            yield ok(name, f"{folder} can be written")
        else:
            problem = "cannot be written by this user" if there.is_dir() else "is no folder"
            yield wrong(name, f"{folder} {problem}", f"make it, or let this user write there; in a unit: ReadWritePaths={folder}")


def watched(folder: str, settings: DoctorSettings) -> Iterator[Finding]:
    """Check a watched folder by the rules of ``watch``."""
    ignore = frozenset[tuple[int, int]]()
    if settings.move_failed is not None and system_path(settings.move_failed).is_dir():
        status = system_path(settings.move_failed).stat()
        ignore = frozenset(((status.st_dev, status.st_ino),))
    candidates: list[FileCandidate] = []
    try:
        found = scan(folder, ScanRules(settings.match, ignore=ignore), candidates.append)
    except OSError as error:
        yield wrong("folder", f"{folder!r} cannot be read: {error.strerror}", "name a folder that exists and that this user may read")
        return
    yield content(folder, len(candidates), found)
    states = opened(candidates)
    empty = sum(candidate.signature.size == 0 for candidate in candidates)
    text = f"of the newest {states.total()}: {states['open']} being written, {states['denied']} not readable; {empty} empty"
    if states["denied"]:
        yield warning("files", text, "let this user read them; they are tried again until they can be read")
    else:
        yield ok("files", text)


def content(folder: str, count: int, found: Scan) -> Finding:
    """Judge the scan of a folder with ``count`` candidates."""
    text = f"{folder!r}: {count} matching files in {len(found.folders)} folders"
    if found.problems:
        (place, problem), *more = found.problems.items()
        others = f", and {len(more)} more folders" if more else ""
        return warning("folder", f"{text}; {place!r} {problem}{others}", "let this user read them, or move them up")
    return ok("folder", text)


def opened(candidates: Iterable[FileCandidate]) -> Counter[str]:
    """Open the newest files as ``watch`` would, and count the outcomes."""
    states: Counter[str] = Counter()
    for candidate in sorted(candidates, key=lambda candidate: candidate.signature.mtime_ns)[-MOST_OPENED:]:
        try:
            fd = open_to_read(candidate.path)
        except OSError as error:
            there = "open" if is_in_use(error) else "denied"
            states[there if os.path.lexists(candidate.path) else "gone"] += 1
            continue
        try:
            states["open" if writer_of(fd, candidate.path) is OpenWriter.OPEN else "closed"] += 1
        finally:
            os.close(fd)
    return states


def machine(settings: DoctorSettings) -> Iterator[Finding]:
    """Check processors, memory, heat, the clock and the serial ports."""
    if psutil:
        yield processors(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1, settings)
        yield memory(psutil.virtual_memory().available)
        sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
        yield heat([sensor.current for group in sensors.values() for sensor in group], _firmware())
    else:
        todo = "pip install 'raman-edge[doctor]'"
        yield warning("machine", "processors, memory, heat and other processes are not checked: psutil is not installed", todo)
    yield clock(_clock_state())
    yield serial(_serial_ports())


def processors(count: int, settings: DoctorSettings) -> Finding:
    """Judge the threads of the settings on ``count`` processors."""
    threads = settings.threads
    found = f"{count} processors, {threads} {'thread' if threads == 1 else 'threads'}"
    if threads > count:
        return warning("processors", found, f"--threads {count}: more threads wait for one another")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        value = settings.environ.get(name, "")
        if value.isdecimal() and int(value) > max(threads, 1):
            return warning("processors", f"{found}; {name}={value}", f"unset {name}: idle threads of numpy use a processor each")
    return ok("processors", found)


def memory(available: int) -> Finding:
    """Judge the available memory, bytes."""
    found = f"{available / MIB:.0f} MiB available"
    if available < LEAST_MEMORY:
        return warning("memory", found, f"`watch` needs half of {LEAST_MEMORY / MIB:.0f} MiB: end other programs")
    return ok("memory", found)


def heat(degrees: Sequence[float], firmware: int) -> Finding:
    """Judge the temperatures, °C, and the firmware state of a Raspberry Pi."""
    found = f"{max(degrees):.0f} °C" if degrees else "no temperature sensor"
    if now := [text for bit, text in enumerate(THROTTLED) if firmware >> bit & 1]:
        return warning("heat", f"{found}; {', '.join(now)}", "use a stronger power supply and cable, and a heat sink")
    if degrees and max(degrees) >= HOT_C:
        return warning("heat", found, "cool it: a hot processor slows down")
    return ok("heat", f"{found}; it was slowed down or short of power since the start" if firmware >> 16 else found)


def _firmware() -> int:
    for path in Path("/sys/devices/platform").glob("soc*/soc*firmware/get_throttled"):
        with suppress(OSError, ValueError):
            return int(path.read_text("utf-8", "replace"), 16)
    return 0


def clock(state: int | None) -> Finding:
    """Judge whether the clock is synchronised, by the result of adjtimex(2); None where that is unknown."""
    if state == UNSYNCHRONISED:
        return warning("time", "the clock is not synchronised", "timedatectl set-ntp true, or chrony: the clock dates the records")
    return ok("time", "unknown whether the clock is synchronised" if state is None else "the clock is synchronised")


def _clock_state() -> int | None:
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None) if sys.platform.startswith("linux") else None
    state = adjtimex(ctypes.create_string_buffer(512)) if adjtimex else -1  # struct timex without anything to set
    return state if state >= 0 else None


def _serial_ports() -> dict[str, bool]:
    """Return the serial ports, each with whether this user may use it: on Windows every user may."""
    if sys.platform == "win32":
        return {port.device: True for port in instrument_ports.serial(())}
    ports = [port for kind in SERIAL_PORTS for port in sorted(Path("/dev").glob(kind))]
    return {str(port): os.access(port, os.R_OK | os.W_OK) for port in ports}


def serial(ports: Mapping[str, bool]) -> Finding:
    """Judge the serial ports, each with whether this user may use it."""
    if not ports:
        return ok("serial ports", "none connected; files need none")
    if denied := [port for port, allowed in ports.items() if not allowed]:
        todo = "sudo usermod -aG dialout $USER and log in again; in a unit: SupplementaryGroups=dialout"
        return warning("serial ports", f"{', '.join(ports)}; not for this user: {', '.join(denied)}", todo)
    return ok("serial ports", ", ".join(ports))


def time_of(value: object) -> datetime:
    """Return the time of a record, milliseconds since 1970 or ISO 8601, UTC; 1970 for anything else."""
    with suppress(ValueError, OverflowError, OSError):
        if isinstance(value, int):
            return datetime.fromtimestamp(value / 1000, UTC)
        time = datetime.fromisoformat(str(value))
        return time if time.tzinfo else time.replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC)


def duration(seconds: float) -> str:
    """Return a time for a person."""
    for name, length in (("years", 365 * DAY_S), ("days", DAY_S), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"
