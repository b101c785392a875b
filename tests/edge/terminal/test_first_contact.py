"""``raman-edge serial PORT`` and nothing else, in a real terminal: counted from the command to the first named spectrum, on two days."""

from __future__ import annotations

from pathlib import Path

import first_contact
import laser_instrument
import pytest
from raman_edge.simulator.ports import PtyAt
from terminals import Terminal

LASER, STANDARD, PLACE, KEEP = "Wavelength of the laser", "Standard (", "Put polystyrene", "Keep this calibration?"
NAME, WHICH, ALLOW = "The instrument gives no serial number", "Number", "May this program switch the laser on?"


def asked_questions(contact: first_contact.Contact) -> list[str]:
    """Return the questions of a day by their beginnings."""
    known = (LASER, STANDARD, PLACE, KEEP, NAME, WHICH, ALLOW)
    return [next(begin for begin in known if question.startswith(begin)) for question in contact.questions]


def test_one_command_and_the_laser(tmp_path: Path) -> None:
    """An instrument that says what it is, and which wavelengths it sees, needs its laser's alone; the second day needs nothing."""
    first, second = first_contact.days("jeti-versapic", tmp_path, pacing=False)
    assert ([question for question in asked_questions(first) if question != WHICH], first.keys) == ([LASER], "")
    assert (asked_questions(second), second.keys) == ([], "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "questions", "keys"),
    [
        ("ocean-sts", {LASER}, ""),
        ("ocean-usb2000", {LASER, NAME, STANDARD, PLACE, KEEP}, "c"),
        ("tcd1304-rossel", {LASER, NAME, STANDARD, PLACE, KEEP}, "c"),
        ("tcd1304-teensy", {LASER, NAME, STANDARD, PLACE, KEEP}, "c"),
        ("invented", {ALLOW, STANDARD, PLACE, KEEP}, "c"),
    ],
)
def test_from_one_command_to_the_first_name(tmp_path: Path, name: str, questions: set[str], keys: str) -> None:
    """There is one question for each unknown, and none on the second day.

    Where no harmless request finds an instrument, a person names it (``Number``); an instrument that knows its wavelengths needs no
    calibration.
    """
    page = first_contact.invented(tmp_path) if name == "invented" else name
    first, second = first_contact.days(page, tmp_path, pacing=False, first=("--profile", page) if name == "invented" else ())
    found = asked_questions(first)
    assert len(found) == len(set(found))
    assert set(found) - {WHICH} <= questions
    assert first.keys in {keys, ""}
    assert (asked_questions(second), second.keys) == ([], "")


def test_ctrl_c_at_a_question_remembers_nothing(tmp_path: Path) -> None:
    """The command ends with 130, and the next contact begins anew."""
    with laser_instrument.instrument("jeti-versapic", at=PtyAt(tmp_path / "ttyRAMAN")) as instrument:
        variables = first_contact.environment_of(tmp_path)
        with Terminal(100, 30, "serial", instrument.port, "--profile", "jeti-versapic", **variables) as terminal:
            while not terminal.written.endswith(b"[785]: "):
                terminal.read(0.1)
            for _ in range(5):  # one that comes just before the line is read waits for a key, as in every program of Python
                terminal.press("\x03")
                if terminal.ends(10.0):
                    break
            assert terminal.end() == 130
            assert b"Traceback" not in terminal.written
    assert not Path(variables["RAMAN_EDGE_INSTRUMENTS"]).exists()


def test_an_invalid_answer_is_asked_again(tmp_path: Path) -> None:
    """The line says what was got and expected; the second answer is taken."""
    with laser_instrument.instrument("jeti-versapic", at=PtyAt(tmp_path / "ttyRAMAN")) as instrument:
        variables = first_contact.environment_of(tmp_path)
        with Terminal(100, 30, "serial", instrument.port, "--profile", "jeti-versapic", **variables) as terminal:
            while not terminal.written.endswith(b"[785]: "):
                terminal.read(0.1)
            terminal.press("green\r")
            while terminal.written.count(b"[785]: ") < 2:
                terminal.read(0.1)
            assert b"150 to 2000, such as 785; got 'green'" in terminal.written
            terminal.press("\r")
            terminal.until(lambda rows: "Calcite" in rows[3])
            terminal.press("q")
            assert terminal.end() == 0


def test_with_json_there_are_no_questions(tmp_path: Path) -> None:
    """A script that happens to have a terminal gets exit code 78 and the command line."""
    with laser_instrument.instrument("jeti-versapic", at=PtyAt(tmp_path / "ttyRAMAN")) as instrument:
        with Terminal(
            300, 30, "serial", instrument.port, "--profile", "jeti-versapic", "--json", **first_contact.environment_of(tmp_path)
        ) as terminal:
            assert terminal.end() == 78
        line = f"`raman-edge serial {instrument.port} --profile jeti-versapic --laser 785`"
        assert line.encode() in terminal.written
