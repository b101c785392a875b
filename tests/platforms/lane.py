"""What the lanes of other platforms share: packages in a cache, a folder of wheels, and steps that are run and timed.

Everything lies in ``.cache/platforms`` of the checkout and is made again where its description has changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).parents[1]))  # helpers that tests share
import vendor_writer
from data_folder import DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "platforms"
TESTS = (
    *("onnx==1.17.0", "pytest", "pytest-timeout", "hypothesis", "pyte", "psutil"),
    *("paho-mqtt", "prometheus-client", "jinja2", "markupsafe"),
)
"""What the tests of the edge import beside the edge's own packages."""
FILES = 80
"""Spectra that are compared."""
CLOSE = 1e-4
"""Largest difference of a score or a similarity, which have four digits."""
LIMIT_S = 300.0
"""Longest time of one step, s."""
LEFT_S = 3.0
"""How long programs that a step leaves may hold its pipe, s."""
LONGEST_REPORT = 8000
"""Most characters of what a failed step wrote that are shown."""


def say(line: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Unavailable(Exception):
    """This machine cannot have the lane; the message says what is missing."""


class Failed(Exception):
    """A step of the lane went wrong."""


def need(programs: Mapping[str, str]) -> None:
    """Have each program, by its Debian package where it is missing; :class:`Unavailable` where that cannot be done."""
    missing = {program: package for program, package in programs.items() if shutil.which(program) is None}
    if not missing:
        return
    wanted = " and ".join(missing)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Unavailable(f"{wanted} missing: apt-get install {' '.join(sorted(set(missing.values())))}")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(set(missing.values()))]
    variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, check=False, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if still := [program for program in missing if shutil.which(program) is None]:
        raise Unavailable(f"{' and '.join(still)} cannot be installed")


def cached(folder: Path, description: str, make: Callable[[Path], None]) -> Path:
    """Return ``folder`` as ``make`` filled it; it is filled again where ``description`` is not that of the last time."""
    stamp = folder / ".description"
    if not stamp.is_file() or stamp.read_text("utf-8") != description:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp.write_text(description, "utf-8")
    return folder


def wheels(folder: Path, requirements: Sequence[str], platforms: Sequence[str]) -> Path:
    """Return a folder with packages of another platform, for Python 3.11, unpacked."""
    options = ["--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:", "--no-compile"]
    options += [option for platform in platforms for option in ("--platform", platform)]
    return cached(folder, "\n".join((*options, *requirements)), lambda target: pip("install", "--target", target, *options, *requirements))


def pip(*arguments: str | Path) -> None:
    """Run pip; :class:`Unavailable` with its last line where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise Unavailable(f"pip: {(done.stderr.strip() or 'no message').splitlines()[-1]}")


def project(folder: Path) -> Path:
    """Build the wheel of this checkout and unpack it into ``folder``, afresh."""
    shutil.rmtree(folder, ignore_errors=True)
    built = folder.with_name("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def spectra(folder: Path) -> Path:
    """Return a folder with spectra: real ones where they are at hand, else what :mod:`vendor_writer` writes."""
    archive = DATA / "rruff" / "excellent_unoriented.zip"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if not archive.is_file():
        for number in range(FILES):
            (folder / f"{number:02}.csv").write_bytes(vendor_writer.text(number))
        return folder
    with zipfile.ZipFile(archive) as files:
        names = sorted(files.namelist())
        for number, name in enumerate(names[:: len(names) // FILES][:FILES]):
            (folder / f"{number:02}.txt").write_bytes(files.read(name))
    return folder


def here(folder: Path) -> str:
    """Return what this machine's own Python identifies, as JSON lines."""
    command = [sys.executable, "-m", "raman_edge", "identify", "--no-user-library", "--json", folder]
    variables = os.environ | {"PYTHONPATH": str(ROOT / "edge")}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=variables, stdin=subprocess.DEVNULL).stdout


def results(text: str) -> list[dict[str, Any]]:
    """Return the records among the lines of a command."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def compare(there: str, here: str) -> str:
    """Compare the results of two machines for the same files, and return how far they are apart."""
    ours, theirs = results(here), results(there)
    if len(ours) != FILES or len(theirs) != FILES:
        raise Failed(f"{len(theirs)} results of {len(ours)}: {there[-2000:]}")
    worst = 0.0
    for one, other in zip(ours, theirs, strict=True):
        for key in ("decision", "names"):
            if one[key] != other[key]:
                raise Failed(f"{other['source']['path']}: {key}: got {other[key]!r}, expected {one[key]!r}")
        for mine, its in zip(one["matches"], other["matches"], strict=True):
            far = max(abs((mine[key] or 0) - (its[key] or 0)) for key in ("score", "similarity"))
            if mine["label"] != its["label"] or far > CLOSE:
                raise Failed(f"{other['source']['path']}: got {its['label']} {its['score']}, expected {mine['label']} {mine['score']}")
            worst = max(worst, far)
    return f"{FILES} files: the same decisions, labels and scores; largest difference {worst:.1g}"


class Lane:
    """Runs steps one after the other, with a line for each; a failed one does not keep the next from running."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.failed: list[str] = []
        self._environment = dict(environment)
        self._began = time.monotonic()

    def run(self, command: Sequence[str | Path], *, cwd: Path | None = None, limit_s: float = LIMIT_S, **more: str) -> str:
        """Run a command and return what it wrote; :class:`Failed` where it fails or takes too long."""
        # Standard output has to be a pipe under Wine, and standard input something that can be read.
        with subprocess.Popen(
            command,
            cwd=cwd,
            env=self._environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            pieces: list[bytes] = []
            reader = threading.Thread(target=lambda: pieces.extend(process.stdout or ()))
            reader.start()
            try:
                code = process.wait(limit_s)
                reader.join(LEFT_S)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                if reader.is_alive():
                    self.end_programs(process)
                reader.join()
        lines = b"".join(pieces).decode("utf-8", "replace").splitlines()
        if code == 0:
            return "\n".join(lines)
        report = "\n".join(line for line in lines if not line.startswith("0x"))  # Wine's server lists what it held
        what = f"took more than {limit_s:g} s" if code is None else f"ended with {code}"
        raise Failed(f"{what}\n{report[-LONGEST_REPORT:]}")

    def end_programs(self, process: subprocess.Popen[bytes]) -> None:
        """End a step's programs: those that are left run no longer than :data:`LEFT_S` after its first one."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def start(self, command: Sequence[str | Path], **more: str) -> subprocess.Popen[bytes]:
        """Start a command whose standard output is a pipe."""
        variables = self._environment | more
        return subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def step(self, name: str, what: Callable[[], str | None]) -> None:
        """Do ``what``, and print how it went."""
        began = time.monotonic()
        try:
            result, word = what() or "", "ok"
        except (Failed, AssertionError, LookupError, ValueError) as error:
            result, word = f"{type(error).__name__}: {error}", "FAILED"
            self.failed.append(name)
        say(f"{self.name}: {name}: {word}, {time.monotonic() - began:.1f} s{': ' if result else ''}{result}")

    def end(self) -> int:
        """Print the sum and return the exit code."""
        outcome = f"{len(self.failed)} steps failed ({', '.join(self.failed)})" if self.failed else "every step passed"
        say(f"{self.name}: {outcome} in {time.monotonic() - self._began:.0f} s")
        return 1 if self.failed else 0


def main(lane: Callable[[Sequence[str]], int], name: str) -> None:
    """Run a lane as a program; one that this machine cannot have is skipped with a word."""
    try:
        sys.exit(lane(sys.argv[1:]))
    except Unavailable as reason:
        say(f"{name}: skipped: {reason}")
