"""Questions to a person on standard error, and the dialogue that calibrates an instrument."""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Self

from raman_edge.calibration.standards import find
from raman_edge.cli import calibration_text, instrument_options
from raman_edge.cli.options import laser_nm
from raman_edge.cli.output import progress, say, shown_on
from raman_edge.errors import ConfigError, RamanEdgeError
from raman_edge.service.calibrate import fit_calibration, measure_standard, save_calibration
from raman_edge.service.remembered import require_name
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from raman_edge.calibration.making import StandardSpectrum
    from raman_edge.service.measure import LinkSettings, MeasureSettings

    Answer = TypeVar("Answer")

TICK_S = 1.0
"""Between two updates of the seconds that a step takes, s."""
AVERAGES = 10
"""Exposures of a standard."""
LONGEST_S = 2.0
"""Longest exposure of a standard where none is given, s."""
STANDARD = "polystyrene"
STANDARDS = "polystyrene, paracetamol, cyclohexane, silicon, or a lamp: neon, argon, mercury-argon"
YES = {"y": True, "yes": True, "n": False, "no": False}


class Back(Exception):
    """Leaves the dialogue without a calibration."""


class Waiting:
    """Lines about a search on standard error, with the seconds of the running step behind them while nothing else comes.

    Without a terminal there are only the lines.
    """

    def __init__(self) -> None:
        self._ticks = sys.stderr is not None and sys.stderr.isatty()
        self._lock, self._over = threading.Lock(), threading.Event()
        self._since: float | None = None
        self._thread = threading.Thread(target=self._tick, name="waiting", daemon=True)

    def __enter__(self) -> Self:
        if self._ticks:
            self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        if self._ticks:
            self._thread.join()
        self.pause()

    def step(self, text: str) -> None:
        """Write a line on a terminal only; the time of a new step begins."""
        if self._ticks:
            self.note(text)

    def note(self, text: str) -> None:
        """Write a line; the time of a new step begins."""
        self.pause()
        say(text)
        with self._lock:
            self._since = monotonic()

    def pause(self) -> None:
        """Remove the seconds, as before a question."""
        with self._lock:
            shown, self._since = self._since, None
            if shown is not None and self._ticks:
                self._write("\r\x1b[K")

    def _tick(self) -> None:
        while not self._over.wait(TICK_S):
            with self._lock:
                if self._since is not None:
                    self._write(f"\r\x1b[K  {monotonic() - self._since:.0f} s (Ctrl-C leaves)")

    def _write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


class TerminalQuestions:
    """Asks on standard error; Enter is the default, an impossible answer repeats the question, Ctrl-C leaves.

    The answers follow :class:`raman_edge.service.first_contact.Questions`; ``pause`` is called before each question.
    """

    def __init__(self, pause: Callable[[], None]) -> None:
        self._pause = pause

    def choose(self, question: str, answers: Sequence[str], default: int = 0) -> int:
        """Return the index of the chosen answer."""
        self._pause()
        show(question)
        for place, answer in enumerate(answers, 1):
            show(f"  {place:2}  {answer}")

        def number(text: str) -> int:
            if not (text.isascii() and text.isdigit() and 1 <= int(text) <= len(answers)):
                msg = f"expected a number from 1 to {len(answers)}, got {text!r}"
                raise ValueError(msg)
            return int(text) - 1

        return ask("Number", str(default + 1), number)

    def laser(self, usual: Sequence[float]) -> float:
        """Return the laser's wavelength, nm."""
        self._pause()
        others = ", ".join(f"{one:g}" for one in usual[1:])
        return ask(f"Wavelength of the laser in nm, as on its label (also usual: {others})", f"{usual[0]:g}", _laser)

    def confirm(self, question: str, *, default: bool) -> bool:
        """Return yes or no."""
        self._pause()
        return ask(f"{question} (y/n)", "y" if default else "n", _yes_or_no)

    def name(self, default: str) -> str:
        """Return a name for an instrument."""
        self._pause()
        return ask("The instrument gives no serial number. A name for it", default, require_name)


def ask(question: str, default: str, read: Callable[[str], Answer]) -> Answer:
    """Ask until ``read`` takes the answer; Enter is ``default``. The end of the input is no answer: :class:`ConfigError`."""
    while True:
        print(shown_on(sys.stderr, f"{question} [{default}]: "), end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            show("")
            raise ConfigError(kind="no answer", place=question, advice="Answer it, or give the option (raman-edge serial --help)")
        try:
            return read(line.strip() or default)
        except (ValueError, ConfigError) as error:
            show(f"  {error}")


def show(line: str) -> None:
    """Write one line to standard error."""
    print(shown_on(sys.stderr, line), file=sys.stderr, flush=True)


def can_ask(options: argparse.Namespace) -> bool:
    """Whether a person can answer: both the keyboard and standard error are a terminal, and no script reads the result."""
    return not options.json and all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _laser(text: str) -> float:
    try:
        return laser_nm(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from error


def _yes_or_no(text: str) -> bool:
    if text.lower() not in YES:
        msg = f"expected y or n, got {text!r}"
        raise ValueError(msg)
    return YES[text.lower()]


def calibrate(link: LinkSettings, settings: MeasureSettings, instrument: str) -> bool:
    """Lead through a calibration; return whether one was made and kept. Ctrl-C before that keeps nothing."""
    show("")
    show("Calibrate the wavenumber axis: a standard with known lines is measured, and the axis is fitted to them.")
    standard = ask(f"Standard ({STANDARDS})", STANDARD, find)
    if standard.lamp:
        link = replace(link, arm_laser=False, keep_laser_on=False)
    while True:
        place = f"Switch the {standard.title} on and put its light" if standard.lamp else f"Put {standard.title} under the laser"
        try:
            ask(f"{place}, then press Enter (q goes back without a calibration)", "measure", _go_on)
            first = _measured(link, settings, standard.name)
            made = fit_calibration(first, instrument, laser=settings.laser)
        except Back:
            return False
        except RamanEdgeError as error:
            if error.exit_code not in {65, 69}:
                raise
            show(f"No calibration: {error}")
            if not ask("Try again? (y/n)", "y", _yes_or_no):
                return False
            continue
        for line in (*calibration_text.words(made, first), *calibration_text.warnings(made, first, datetime.now(UTC))):
            show(line)
        if ask("Keep this calibration? (y/n)", "y", _yes_or_no):
            saved = save_calibration(made)
            say(f"the calibration of {made.instrument!r} is kept as {str(saved.path)!r} until {made.expires:%Y-%m-%d}")
            return True
        if not ask("Measure again? (y/n)", "y", _yes_or_no):
            return False


def _go_on(text: str) -> None:
    """Go on, or back at ``q``."""
    if text.lower() in {"q", "quit", "n", "no"}:
        raise Back


def _measured(link: LinkSettings, settings: MeasureSettings, standard: str) -> StandardSpectrum:
    """Measure the standard, with its progress on standard error; a signal to stop ends the command."""
    with stopping() as stop:
        show(f"connecting to {link.port}")
        notes: list[str] = []
        with link.open(stop.event, instrument_options.guard) as spectrometer, progress("exposures") as done:
            found = spectrometer.instrument
            if spectrometer.status.laser is not None and not link.arm_laser and not find(standard).lamp:
                notes.append("the laser was not armed, so this program left it off: --arm-laser lets it switch it on for each exposure")
            searches = settings.exposure is None and found is not None and found.integration and found.sensor.saturation is not None
            wanted = replace(settings, average=max(AVERAGES, settings.average), count=1, trigger="continuous", interval=None)
            if searches:
                wanted = replace(wanted, exposure="auto", max_exposure=LONGEST_S)
            plan, known = wanted.plan(pixels=True), find(standard)
            first = measure_standard(spectrometer, plan, known, stop=stop.event, note=notes.append, progress=done)
        for line in notes:  # after the bar, which a line would break
            say(line)
    if first is None:
        raise KeyboardInterrupt(stop.signal)
    return first
