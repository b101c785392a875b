"""Run the edge on aarch64 under emulation, as a Raspberry Pi 4 has it (Cortex-A72): ``make test-arm``.

Debian's arm64 packages of Python, unpacked into a folder, aarch64 wheels, and qemu's user mode. With arguments, only pytest runs, with
these arguments.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import lane

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = lane.CACHE / "arm"
PACKAGES = ("libc6", "libgcc-s1", "libstdc++6", "libpython3.11-stdlib", "python3.11-minimal", "ca-certificates", "netbase")
NEEDS = (
    *("numpy==2.4.6", "onnxruntime==1.32.0"),
    *("msgspec", "rich", "pyserial", "protobuf", "platformdirs", "shtab", "cryptography"),
    *lane.TESTS,
)
PLATFORMS = (*(f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)), "manylinux2014_aarch64")
"""glibc 2.36 is that of the tree."""
PROCESSOR = "cortex-a72"
CPUINFO = "".join(
    f"processor\t: {number}\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
    "CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
    for number in range(2)
)
"""What a Raspberry Pi 4 has in /proc/cpuinfo. onnxruntime reads it and /sys, and ends where it finds another processor's there."""
BESIDE = 40
"""Files that are written while ``watch`` runs."""
IDLE_S = 3
"""Rest after the last file, s."""
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile", "quick", "--timeout", "170", "--tb", "short")
TESTS = ("tests/edge/matching/test_search.py",)
"""int8 products."""


def tree(folder: Path) -> None:
    """Unpack Debian's arm64 packages, with what they need, into ``folder``; the sources are those of this machine."""
    state = folder.with_name("apt")
    for part in ("lists/partial", "archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    places = {"Dir::State": state, "Dir::State::status": state / "status", "Dir::Cache": state}
    settings = {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Sandbox::User": "", **places}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    for command in (["update"], ["install", "-y", "--no-install-recommends", "--download-only", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *options, *command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise lane.Unavailable(f"apt-get: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    for package in sorted((state / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    # qemu looks here first, so that the host's own processor is not seen.
    processors = folder / "sys" / "devices" / "system" / "cpu"
    processors.mkdir(parents=True)
    for name in ("possible", "present"):
        (processors / name).write_text("0-1\n", "ascii")
    (folder / "proc").mkdir()
    (folder / "proc" / "cpuinfo").write_text(CPUINFO, "ascii")


def _field(file: Path, name: str) -> int:
    """Return the number behind a name in a file of /proc."""
    return next(int(line.split()[1]) for line in file.read_text("ascii").splitlines() if line.startswith(name))


def script(root: Path, paths: Sequence[Path]) -> Path:
    """Write the script that starts the emulated Python, also as a child of itself, and return it."""
    found = HOME / "python"
    start = f'exec qemu-aarch64-static -cpu {PROCESSOR} -L "{root}" "{root}/usr/bin/python3.11" "$@"'
    lines = ("#!/bin/sh", f'export PYTHONPATH="{":".join(map(str, paths))}" LANE_PYTHON="{found}"', start, "")
    found.write_text("\n".join(lines), "utf-8")
    found.chmod(0o755)
    return found


class Arm(lane.Lane):
    """The steps; ``python`` is the script that starts the interpreter."""

    def __init__(self, environment: dict[str, str], python: Path, folder: Path) -> None:
        super().__init__("arm", environment)
        self.python, self.folder = python, folder
        self.journal = str(folder / "journal.sqlite3")
        self.spectra = lane.spectra(folder / "spectra")

    def edge(self, *arguments: str | Path) -> str:
        """Run ``raman-edge`` and return what it wrote."""
        return self.run([self.python, "-m", "raman_edge", *arguments])

    def verify(self) -> str:
        """Verify the model with its probe."""
        checks = {check["check"]: check for check in lane.results(self.edge("model", "verify", "--json"))[0]["checks"]}
        if checks["probe"]["passed"] is not True:
            raise lane.Failed(checks["probe"]["found"])
        return str(checks["probe"]["found"])

    def identify(self) -> str:
        """Identify the same files here and there; the search multiplies int8."""
        return lane.compare(self.edge("identify", "--no-user-library", "--json", self.spectra), lane.here(self.spectra))

    def watch(self) -> str:
        """Watch a folder while an instrument's software writes into it, and stop by a signal."""
        incoming = self.folder / "incoming"
        incoming.mkdir()
        options = ("--journal", self.journal, "--no-user-library", "--stable", "0.5", "--json")
        watcher = self.start([self.python, "-m", "raman_edge", "watch", incoming, *options])
        found: set[str] = set()
        done = threading.Event()

        def read() -> None:
            for line in watcher.stdout or ():
                for record in lane.results(line.decode("utf-8", "replace")):
                    if record["event"] == "result":
                        found.add(record["source"]["sha256"])
                if len(found) == BESIDE:
                    done.set()
            done.set()

        reader = threading.Thread(target=read)
        reader.start()
        writer = [sys.executable, Path(lane.vendor_writer.__file__), incoming, str(BESIDE)]
        written = set(subprocess.run(writer, check=True, capture_output=True, text=True).stdout.split())
        done.wait(120)
        watcher.send_signal(signal.SIGTERM)
        code = watcher.wait(timeout=60)
        reader.join()
        if code != 128 + signal.SIGTERM or found != written:
            raise lane.Failed(f"ended with {code}, {len(found & written)} results of {len(written)} files")
        return f"{len(found)} results of {len(written)} files"

    def wear(self) -> str:
        """Measure what a run asks of memory and card: 40 results one by one, then rest; on this machine's own processor."""
        incoming = self.folder / "one by one"
        incoming.mkdir()
        options = ("--journal", str(self.folder / "wear.sqlite3"), "--no-user-library", "--stable", "0.1", "--json")
        watcher = self.start([sys.executable, "-m", "raman_edge", "watch", incoming, *options], PYTHONPATH=str(lane.ROOT / "edge"))
        process = Path(f"/proc/{watcher.pid}")
        writes: list[int] = []
        for number in range(BESIDE):
            lane.vendor_writer.write(incoming, number)
            while watcher.stdout and not (line := watcher.stdout.readline()).startswith(b"{"):
                if not line:
                    raise lane.Failed(f"ended with {watcher.wait()}")
            writes.append(_field(process / "io", "write_bytes:"))
        time.sleep(IDLE_S)  # what is still to be written of the last result
        before = _field(process / "io", "write_bytes:")
        time.sleep(IDLE_S)
        idle, most = _field(process / "io", "write_bytes:") - before, _field(process / "status", "VmHWM:")
        watcher.terminate()
        watcher.wait(timeout=60)
        each = (writes[-1] - writes[0]) / (BESIDE - 1)
        days = f"{each * 1440 / 1e6:.0f} MB a day at one a minute, {each * 86400 / 1e9:.1f} GB at one a second"
        return f"{most / 1e3:.0f} MB at most; {each / 1e3:.0f} kB written per result: {days}; {idle} bytes at rest"

    def look(self) -> str:
        """Verify and export the journal."""
        self.edge("journal", "verify", "--journal", self.journal)
        listed = len(lane.results(self.edge("journal", "export", "--format", "jsonl", "--journal", self.journal)))
        if listed != BESIDE:
            raise lane.Failed(f"{listed} records, expected {BESIDE}")
        return f"{listed} records"

    def tests(self, *arguments: str) -> str:
        """Run tests of the edge."""
        return self.run([self.python, *PYTEST, *arguments], cwd=lane.ROOT).strip().splitlines()[-1]


def main(arguments: Sequence[str]) -> int:
    """Make the lane where it is not there, run its steps and return the exit code."""
    lane.need({"qemu-aarch64-static": "qemu-user-static", "apt-get": "apt", "dpkg-deb": "dpkg"})
    root = lane.cached(HOME / "tree", f"{PACKAGES} {CPUINFO}", tree)
    site = lane.wheels(HOME / "site", NEEDS, PLATFORMS)
    python = script(root, (Path(__file__).parent / "aarch64", lane.project(HOME / "app"), site))
    variables = {"PATH": "/usr/bin:/bin", "HOME": str(HOME), "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="raman-edge-arm-") as scratch:
        arm = Arm(variables, python, Path(scratch))
        if arguments:
            arm.step("tests", lambda: arm.tests(*arguments))
            return arm.end()
        arm.step("model verify", arm.verify)
        arm.step("identify", arm.identify)
        arm.step("watch", arm.watch)
        arm.step("journal", arm.look)
        arm.step("memory and card", arm.wear)
        for tests in TESTS:
            arm.step(tests, lambda tests=tests: arm.tests("-m", "not slow", tests))
        return arm.end()


if __name__ == "__main__":
    lane.main(main, "arm")
