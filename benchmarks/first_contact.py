"""From one command to the first named spectrum, as a new user types it: ``python benchmarks/first_contact.py [PROFILE ...]``.

Prints, for simulated instruments at the pace of their lines, the commands, the questions, the keys and the seconds of the first day, and
of the second day. A person's thinking time is not in the seconds; everything that the program, the line and the exposures take is.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.instruments.profiles import catalogue

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
import laser_instrument
from raman_edge.simulator.ports import PtyAt
from terminals import Terminal

if TYPE_CHECKING:
    from raman_edge.simulator.simulated import Simulated

PROFILES = ("ocean-usb2000", "ocean-sts", "jeti-versapic", "tcd1304-rossel", "tcd1304-teensy")
COLUMNS, ROWS = 120, 40
WITHIN_S = 240.0
LAST = 4000
"""Bytes of the terminal in which a question, with its answers, is looked for."""
QUESTION = re.compile(r"([^\n\r]*)\[([^\[\]\n]*)\]: \Z")
"""The last line of the terminal where it waits for an answer: the question, and its default."""
INVENTED = laser_instrument.PAGE.replace('wavelength = {{ source = "static", coefficients = [790.0, 0.2] }}\n', "")
"""A profile that does not ship: with a laser that it switches, a serial number, and no wavelengths."""


@dataclass(slots=True)
class Contact:
    """What one day took."""

    questions: list[str] = field(default_factory=list)
    """Those that the person answered, in their order."""
    keys: str = ""
    """Pressed on the screen."""
    seconds: float = 0.0
    """From the command to the first named spectrum, without the time of answering."""
    named: str = ""
    """The headline with the name."""
    longest_silence: float = 0.0
    """Longest time in which the terminal did not change, s, while no question waited."""


def meet(instrument: Simulated, *options: str, material: str = "Calcite", **environment: str) -> Contact:
    """Type ``raman-edge serial PORT`` and the answers to its questions, until the material is named; leave with q."""
    profile = instrument.device.profile
    done = Contact()
    with Terminal(COLUMNS, ROWS, "serial", instrument.port, *options, **environment) as terminal:
        began = changed = time.monotonic()
        seen = 0
        while material not in terminal.rows[3]:
            assert time.monotonic() - began < WITHIN_S, "\n".join(terminal.rows)
            assert terminal.process.poll() is None, terminal.written.decode(errors="replace")
            if terminal.read(0.05):
                done.longest_silence = max(done.longest_silence, time.monotonic() - changed)
                changed = time.monotonic()
                continue
            written = terminal.written[seen:][-LAST:].decode(errors="replace")
            if written.endswith("]: ") and (prompt := QUESTION.search(written)):
                seen = len(terminal.written)
                question = prompt[1].replace("\x1b[K", "").strip()
                assert not question.startswith("Try again"), written
                done.questions.append(question)
                terminal.press(answer(question, written, instrument, material, profile.device.id) + "\r")
                changed = time.monotonic()
            elif not done.keys and "counts by pixel" in terminal.rows[3] and "exposures" in terminal.rows[2]:
                seen = len(terminal.written)
                done.keys += "c"
                terminal.press("c")
        done.seconds, done.named = time.monotonic() - began, terminal.rows[3].strip()
        terminal.press("q")
        assert terminal.end() == 0
        terminal.assert_as_before()
    return done


def answer(question: str, written: str, instrument: Simulated, material: str, profile: str) -> str:
    """Return what the person types; "" is Enter, which takes the default."""
    if question.startswith("Number"):
        return next(found[1] for found in re.finditer(r" (\d+)  [^\n]*\(([a-z0-9-]+)[);]", written) if found[2] == profile)
    if question.startswith("Wavelength"):
        return f"{instrument.device.profile.simulator.laser_nm:g}"
    if question.startswith("May this program"):
        return "y"
    if question.startswith("Put polystyrene"):
        instrument.material("polystyrene")
    if question.startswith("Keep"):
        instrument.material(material)
    return ""


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of a user who has never used raman-edge."""
    return {
        "RAMAN_EDGE_INSTRUMENTS": str(folder / "instruments.toml"),
        "RAMAN_EDGE_CALIBRATIONS": str(folder / "calibrations"),
        "RAMAN_EDGE_JOURNAL": str(folder / "journal.sqlite3"),
    }


def days(page: str, folder: Path, *options: str, pacing: bool = True, first: tuple[str, ...] = ()) -> tuple[Contact, Contact]:
    """Return the first and the second day with an instrument; ``first`` are options of the first day only."""
    instrument = laser_instrument.instrument(page, pacing=pacing, at=PtyAt(folder / "ttyRAMAN"))
    with instrument:
        one = meet(instrument, *options, *first, **environment_of(folder))
    again = laser_instrument.instrument(page, pacing=pacing, at=PtyAt(folder / "ttyRAMAN"))
    with again:
        return one, meet(again, *options, **environment_of(folder))


def invented(folder: Path) -> str:
    """Write the page of the invented instrument and return its path."""
    path = folder / "invented.toml"
    path.write_text(INVENTED.format(method="laser").replace('id = "lit"', 'id = "invented"'))
    return str(path)


def main() -> None:
    """Print a line an instrument."""
    print(f"{'instrument':20} {'first day':>44}   {'second day':>30}")
    for name in sys.argv[1:] or (*PROFILES, "invented"):
        with tempfile.TemporaryDirectory() as text:
            folder = Path(text)
            page = invented(folder) if name == "invented" else name
            first, second = days(page, folder, first=("--profile", page) if name == "invented" else ())
        assert name == "invented" or name in catalogue.profiles()
        print(f"{name:20} {described(first):>44}   {described(second):>30}", flush=True)
        for question in first.questions:
            print(f"    {question}")


def described(one: Contact) -> str:
    """Return the counts of a day."""
    keys = f", keys {one.keys}" if one.keys else ""
    return f"1 command, {len(one.questions)} questions{keys}, {one.seconds:.0f} s, silent {one.longest_silence:.1f} s at most"


if __name__ == "__main__":
    main()
