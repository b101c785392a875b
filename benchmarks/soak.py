"""``raman-edge serial`` for hours: a simulated instrument, a fault every hundred spectra, and every frame accounted for.

``python benchmarks/soak.py COUNT [--profile NAME] [--paced] [--every N]`` calibrates the instrument, measures COUNT spectra
and prints what the instrument sent, what was answered and counted, how long answers took and how memory went. With ``--paced``
the line and the exposure take their time (115 200 baud where the instrument can). Exit code 1 where a good frame was not answered
or a bad one not counted.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.instruments.profiles import catalogue
from raman_edge.simulator import samples
from raman_edge.simulator.scene import Scene
from raman_edge.simulator.simulated import Simulated

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
import command

if TYPE_CHECKING:
    import subprocess

PAUSED = 40_000
"""Additions in the yardstick: about a millisecond of one core, after the same pauses."""
KINDS = ("flip", "drop", "duplicate", "truncate", "silence", "nak", "busy", "late", "unplug:for=0.3")
"""In turn. A stale frame is not among them: it cannot be detected."""
RATE = 115_200
SUMMARY = re.compile(rb"(\d+) (frames|broken|late|refused|stale|reconnects)")
MOST_MB = 8.0
"""Growth of memory from the first fifth to the end that still is no growth, MB: what allocators and sqlite take."""


@dataclass
class Report:
    """What came of it."""

    sent: int
    """Spectra that the instrument sent, or would have sent but for a fault."""
    struck: int
    """Spectra among them that a fault struck."""
    answered: int
    """Lines on standard output that are results."""
    counted: dict[str, int]
    """Counters of the link at its end: frames, broken, late, refused, stale, reconnects."""
    ms: list[float] = field(default_factory=list)
    """Last byte to ranked matches, of each answer."""
    yardstick_ms: list[float] = field(default_factory=list)
    """What the same additions took after each answer: how even this machine is."""
    rss_mb: list[float] = field(default_factory=list)
    """Resident memory, a sample for each fiftieth of the run."""
    code: int = 0

    @property
    def good(self) -> int:
        """Spectra that no fault struck and that had the requested exposure."""
        return self.sent - self.struck - self.counted.get("stale", 0)

    @property
    def bad(self) -> int:
        """Spectra that the link counted as broken, late, refused or lost."""
        return sum(self.counted.get(name, 0) for name in ("broken", "late", "refused"))

    @property
    def growth_mb(self) -> float:
        """How memory grew after the first fifth of the run, MB."""
        settled = self.rss_mb[len(self.rss_mb) // 5 :]
        return max(settled[len(settled) // 2 :]) - max(settled[: len(settled) // 2]) if len(settled) > 1 else 0.0

    @property
    def is_right(self) -> bool:
        """Whether every good frame was answered, every bad one counted, and memory stayed."""
        answered = self.answered == self.counted.get("frames") and self.answered >= self.good
        return self.code == 0 and answered and self.bad >= self.sent - self.counted.get("stale", 0) - self.answered


def soak(count: int, profile: str = "ocean-usb2000", *, paced: bool = False, every: int = 100) -> Report:
    """Measure ``count`` spectra with a fault at every ``every``-th frame, each kind in its turn."""
    page = catalogue.load(profile)
    unknown = {"nak", "busy"} - {*page.answers.literals, *page.frame.answers}
    kinds = [kind for kind in KINDS if kind not in unknown]
    faults = [_fault(kinds[k % len(kinds)], (k + 1) * every) for k in range(2 * count // every)]
    scene = Scene(page, "polystyrene", find=samples.find)
    with tempfile.TemporaryDirectory(prefix="raman-edge-soak-") as folder, Simulated(page, scene, pacing=paced, seed=count) as simulated:
        calibration = Path(folder) / "calibration.json"
        line = (simulated.port, "--profile", profile, *(("--baud", str(RATE)) if page.commands.set_baud else ()))
        made = command.run(
            *("calibrate", "--port", *line, "--standard", "polystyrene", "--instrument", "soak", "--laser", "785"),
            *("--out", calibration, "--dark", "none"),
        )
        if made.returncode:
            raise SystemExit(made.stderr.decode())
        simulated.material("Calcite")
        before = simulated.frames
        for fault in faults:
            kind, _, at = fault.partition("@")
            number, _, more = at.partition(":")
            simulated.fault(f"{kind}@{int(number) + before}{':' + more if more else ''}")
        report = _measure(count, line, calibration, Path(folder) / "journal.sqlite3")
        report.sent = simulated.frames - before
        report.struck = sum(1 for k in range(len(faults)) if (k + 1) * every <= report.sent)
    return report


def _fault(kind: str, at: int) -> str:
    name, _, more = kind.partition(":")
    return f"{name}@{at}{':' + more if more else ''}"


def _measure(count: int, line: tuple[str, ...], calibration: Path, journal: Path) -> Report:
    options = ["--count", str(count), "--calibration", str(calibration), "--journal", str(journal)]
    options += ["--exposure", "0.01", "--no-user-library"]
    process = command.start("serial", *line, *options)
    report = Report(0, 0, 0, {})
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read() if process.stderr else b""))
    reader.start()
    for text in process.stdout or ():
        record = json.loads(text)
        if record["event"] == "result":
            report.answered += 1
            report.ms.append(record["ms"]["total"])
            report.yardstick_ms.append(_yardstick_ms())
            if report.answered % max(1, count // 50) == 0:
                report.rss_mb.append(_rss_mb(process))
    report.code = process.wait()
    reader.join()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    last = (b"".join(errors).strip().splitlines() or [b""])[-1]
    report.counted = {name.decode(): int(number) for number, name in SUMMARY.findall(last)}
    return report


def _yardstick_ms() -> float:
    """Return how long a loop takes that always does the same."""
    began, total = time.perf_counter(), 0
    for number in range(PAUSED):
        total += number
    return 1e3 * (time.perf_counter() - began)


def _rss_mb(process: subprocess.Popen[bytes]) -> float:
    try:
        text = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0.0
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024


def main() -> int:
    """Run it and print the report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("--profile", default="ocean-usb2000")
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--every", type=int, default=100)
    options = parser.parse_args()
    began = time.monotonic()
    report = soak(options.count, options.profile, paced=options.paced, every=options.every)
    print(f"{options.profile}: {report.sent} spectra sent in {time.monotonic() - began:.0f} s, {report.struck} of them struck by a fault")
    print(f"answered {report.answered} (at least {report.good}), counted {report.counted}, exit code {report.code}")
    for name, ms in (("last byte to ranked matches", report.ms), ("the same loop after each answer", report.yardstick_ms)):
        p1, p50, p99 = np.percentile(ms, [1, 50, 99])
        print(f"{name}: p1 {p1:.1f} ms, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"memory: {min(report.rss_mb):.0f} to {max(report.rss_mb):.0f} MB, second half {report.growth_mb:+.1f} MB on the first")
    right = report.is_right and report.growth_mb < MOST_MB
    print("right" if right else "WRONG")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
