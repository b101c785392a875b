"""What a frame of the screen costs on this machine, and what a screen of eight frames a second takes of a core.

``python benchmarks/screen_bench.py [--seconds S]``. Nothing here passes or fails: a timed test would fail on a busy machine.
Processor time is measured, not time that went by: what else the machine does counts little.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from raman_edge.matching import library
from raman_edge.model import model
from raman_edge.terminal.live import Screen
from raman_edge.terminal.screen import render
from raman_edge.terminal.terminal import Terminal
from rich.console import Console

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
import screens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.terminal.state import ScreenState

FRAMES = 200
A_SECOND = 8
LIMIT_MS, LIMIT_SHARE = 5.0, 0.05


def main() -> None:
    """Print milliseconds a frame at three sizes, then the share of a core."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each screen is driven (10)")
    options = parser.parse_args()
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    print(f"a frame at most {LIMIT_MS:g} ms, {A_SECOND} a second at most {LIMIT_SHARE:.0%} of a core")
    print(f"{'screen':>8}  {'ms a frame':>10}  {'p99':>5}  {'renderer alone':>14}  {'of a core':>9}")
    for width, height in screens.SIZES:
        with drained(width, height) as console:
            whole, pure = frames(console, width, height)
            share = _share(console, options.seconds)
        late = quantiles(whole, n=100)[-1]
        print(f"{width:>4}x{height:<3}  {median(whole):>10.2f}  {late:>5.2f}  {median(pure):>14.2f}  {share:>9.1%}")


@contextmanager
def drained(width: int, height: int) -> Iterator[Console]:
    """Give a terminal that another process reads as fast as it can."""
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    reader = subprocess.Popen(["cat"], stdin=master, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with os.fdopen(slave, "w", encoding="utf-8") as file:
        yield Console(file=file, force_terminal=True, color_system="truecolor", width=width, height=height)
    reader.terminate()
    reader.wait()
    os.close(master)


def frames(console: Console, width: int, height: int) -> tuple[list[float], list[float]]:
    """Return the processor milliseconds of whole frames, and of the pure renderer alone, for every state in turn."""
    terminal = Terminal(console, lambda _: None, lambda _: None)
    whole, pure = [], []
    for state in _turn():
        began = time.process_time()
        frame = render(state, width, height)
        drawn = time.process_time()
        terminal.draw(frame)
        pure.append(1e3 * (drawn - began))
        whole.append(1e3 * (time.process_time() - began))
    return whole, pure


def _turn() -> Iterator[ScreenState]:
    states = list(screens.STATES.values())
    for i in range(FRAMES):
        yield states[i % len(states)]


def _share(console: Console, seconds: float) -> float:
    """Return the share of a core that a screen takes on which eight spectra a second come."""
    named = model.Model.open(model.default_path())
    known = library.Library.open(library.default_path(), network=named.card.network)
    with Screen("/dev/ttyUSB0", named, known, console=console) as screen:
        screen.link(screens.LASER)
        screen.show(screens.STONE)
        time.sleep(0.3)
        began, used = time.monotonic(), time.process_time()
        for i in range(round(seconds * A_SECOND)):
            screen.show(screens.STONE if i % 2 else screens.UNKNOWN)
            time.sleep(max(0.0, began + (i + 1) / A_SECOND - time.monotonic()))
        return (time.process_time() - used) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
