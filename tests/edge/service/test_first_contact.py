"""From a port to an instrument: which questions there are, and the command line where no person can answer."""

from __future__ import annotations

import os
import pty
from typing import TYPE_CHECKING

import laser_instrument
import msgspec
import pytest
from raising import refused
from raman_edge.errors import ConfigError, SourceUnavailable
from raman_edge.instruments import ports
from raman_edge.instruments.ports import PortInfo, PortUse
from raman_edge.instruments.serial import SerialSpectrometer, probe
from raman_edge.service import find_instrument, first_contact, remembered
from raman_edge.service.first_contact import Contact, ContactOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_RATES = probe.MOST_RATES


class Person:
    """Answers questions from a script, and keeps them."""

    def __init__(self, **answers: object) -> None:
        self.prompts: list[str] = []
        self._answers = answers

    @property
    def beyond_which(self) -> list[str]:
        """The questions except which instrument it is, which depends on what is harmless to send."""
        return [question for question in self.prompts if "Which one is it?" not in question]

    def choose(self, question: str, answers: Sequence[str], default: int = 0) -> int:
        """Choose the answer with the scripted word in it."""
        self.prompts.append(question)
        wanted = self._answers.get("choose")
        return default if wanted is None else next(n for n, answer in enumerate(answers) if str(wanted) in answer)

    def laser(self, usual: Sequence[float]) -> float:
        """Name the scripted laser, else the default."""
        self.prompts.append("laser")
        return float(self._answers.get("laser", usual[0]))  # type: ignore[arg-type]

    def confirm(self, question: str, *, default: bool) -> bool:
        """Say the scripted answer, else the default."""
        self.prompts.append(question)
        return bool(self._answers.get("confirm", default))

    def name(self, default: str) -> str:
        """Give the scripted name, else the default."""
        self.prompts.append("name")
        return str(self._answers.get("name", default))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated instruments start at once, and are at their first rate: no other is tried."""
    monkeypatch.setattr(probe, "FIRST_S", 0.3)
    monkeypatch.setattr(probe, "NEXT_S", 0.2)
    monkeypatch.setattr(probe, "MOST_RATES", 1)


@pytest.fixture
def notes() -> list[str]:
    """Return the list that takes the lines of a contact."""
    return []


def listed(*named: PortInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have these ports."""
    monkeypatch.setattr(ports, "serial", lambda *_: iter(named))
    monkeypatch.setattr(ports, "ocean", lambda *_: iter(()))


def usb(device: str, **more: object) -> PortInfo:
    """Return a port on USB."""
    return PortInfo(**{"address": device, "device": device, "what": "FTDI", "use": PortUse("free"), "vid": 0x0403, "pid": 0x6001, **more})  # type: ignore[arg-type]


@pytest.fixture
def silent() -> Iterator[str]:
    """A port on which nothing answers."""
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def connect(contact: Contact) -> None:
    """Connect as the command does, and remember the instrument."""
    from raman_edge.instruments.profiles import catalogue

    with SerialSpectrometer(catalogue.load(str(contact.profile)), contact.port) as spectrometer:
        assert spectrometer.instrument is not None
        assert not contact.is_other(spectrometer.instrument)
        first_contact.remember(contact, spectrometer.instrument, lambda _: None)


# Ports


def test_a_port_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names each port and what is on it."""
    listed(usb("/dev/ttyUSB0"), usb("/dev/ttyUSB1", use=PortUse("busy", "minicom (7)")), monkeypatch=monkeypatch)
    with refused(
        SourceUnavailable, "not found", "/dev/ttyUSB5", expected="one of /dev/ttyUSB0 (FTDI), /dev/ttyUSB1 (FTDI, busy: minicom (7))"
    ):
        first_contact.meet(ContactOptions(port="/dev/ttyUSB5"), Person(), print)


def test_no_port_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is invented."""
    listed(monkeypatch=monkeypatch)
    with refused(SourceUnavailable, "no serial port and no Ocean instrument on USB"):
        first_contact.meet(ContactOptions(), Person(), print)


def test_without_a_terminal_several_ports_are_command_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports of the board itself do not count where there is one on USB."""
    board = PortInfo("/dev/ttyS0", "/dev/ttyS0", "", PortUse("free"))
    listed(board, usb("/dev/ttyUSB0"), usb("/dev/ttyUSB1"), monkeypatch=monkeypatch)
    with pytest.raises(ConfigError) as error:
        first_contact.meet(ContactOptions(), None, print)
    assert error.value.kind == "several ports"
    assert "`raman-edge serial /dev/ttyUSB0`, or `raman-edge serial /dev/ttyUSB1`" in error.value.advice
    assert "ttyS0" not in str(error.value)


def test_a_port_of_the_board_is_not_used_without_confirmation(monkeypatch: pytest.MonkeyPatch, notes: list[str]) -> None:
    """Where nothing is on USB, the built-in port is a question, or a command line."""
    listed(PortInfo("/dev/ttyS0", "/dev/ttyS0", "", PortUse("free")), monkeypatch=monkeypatch)
    with refused(ConfigError, "no port on USB", got="/dev/ttyS0"):
        first_contact.meet(ContactOptions(), None, notes.append)
    ask = Person(choose="none of these")
    with refused(SourceUnavailable, "no port chosen"):
        first_contact.meet(ContactOptions(), ask, notes.append)
    assert len(ask.prompts) == 1


def test_the_only_port_on_usb_is_taken(silent: str, monkeypatch: pytest.MonkeyPatch, notes: list[str]) -> None:
    """Beside ports of the board; the line shows it."""
    listed(PortInfo("/dev/ttyS0", "/dev/ttyS0", "", PortUse("free")), usb(silent), monkeypatch=monkeypatch)
    with refused(ConfigError, "unknown instrument", silent):
        first_contact.meet(ContactOptions(), None, notes.append)
    assert notes[0] == f"using {silent}, the only port where an instrument may be"


# Instruments


def test_an_instrument_is_found_confirmed_once_and_remembered(notes: list[str]) -> None:
    """The first contact asks for the laser alone; the second one has no question, and another port changes nothing."""
    person = Person(laser=633, choose="(jeti-versapic)")
    with laser_instrument.instrument("jeti-versapic") as simulated:
        contact = first_contact.meet(ContactOptions(port=simulated.port), person, notes.append)
        assert (contact.profile, contact.laser, person.beyond_which) == ("jeti-versapic", 633.0, ["laser"])
        assert any(line.startswith(f"JETI VersaPIC (also Ibsen ROCK, EAGLE) on {simulated.port}: ") for line in notes)
        assert remembered.load() == ()  # until it is connected
        connect(contact)
        for ask in (Person(), None):
            again = first_contact.meet(ContactOptions(port=simulated.port), ask, notes.append)
            assert (again.profile, again.laser, again.reason) == ("jeti-versapic", 633.0, "remembered as 'SIM00001'")
            assert ask is None or ask.prompts == []
    with laser_instrument.instrument("jeti-versapic") as simulated:  # another port
        ask = Person(choose="(jeti-versapic)")
        moved = first_contact.meet(ContactOptions(port=simulated.port), ask, notes.append)
        assert (moved.laser, ask.beyond_which) == (633.0, [])


def test_another_instrument_on_the_port_is_confirmed_again(tmp_path: Path, notes: list[str]) -> None:
    """The laser of the remembered one is not taken for the other."""
    link = tmp_path / "ttyRAMAN"
    from raman_edge.simulator.ports import PtyAt

    with laser_instrument.instrument("jeti-versapic", at=PtyAt(link)) as simulated:
        connect(first_contact.meet(ContactOptions(port=simulated.port, profile="jeti-versapic"), Person(laser=633), notes.append))
    with laser_instrument.instrument("ocean-usb2000", at=PtyAt(link)) as simulated:
        ask = Person(choose="(ocean-usb2000")
        contact = first_contact.meet(ContactOptions(port=simulated.port), ask, notes.append)
    assert (contact.profile, contact.laser, "laser" in ask.prompts) == ("ocean-usb2000", 785.0, True)


def test_arming_the_laser_is_a_question_with_no_as_default(tmp_path: Path, notes: list[str]) -> None:
    """A page with a laser asks for permission, whose default is no; the answer is remembered, an option is not."""
    page = str(laser_instrument.write(tmp_path))
    with laser_instrument.instrument(page) as simulated:
        for confirm, options in ((False, {}), (True, {"arm_laser": True})):
            ask = Person(confirm=confirm)
            contact = first_contact.meet(ContactOptions(port=simulated.port, profile=page, **options), ask, notes.append)  # type: ignore[arg-type]
            assert (contact.arm_laser, len(ask.prompts)) == (confirm, 0 if options else 1)
        connect(contact)
        assert remembered.load()[0].arm_laser is None
        allowed = first_contact.meet(ContactOptions(port=simulated.port), Person(confirm=True), notes.append)
        connect(allowed)
        assert remembered.load()[0].arm_laser is True
        assert first_contact.meet(ContactOptions(port=simulated.port), None, notes.append).arm_laser
        assert not first_contact.meet(ContactOptions(port=simulated.port, arm_laser=False), None, notes.append).arm_laser


def test_without_a_terminal_the_missing_option_is_a_command_line(silent: str, notes: list[str]) -> None:
    """An unknown instrument is exit code 78, with what was given and what is missing."""
    with pytest.raises(ConfigError) as error:
        first_contact.meet(ContactOptions(port=silent, laser=532, arm_laser=True), None, notes.append)
    assert (error.value.kind, error.value.exit_code) == ("unknown instrument", 78)
    assert f"`raman-edge serial {silent} --profile NAME --laser 532 --arm-laser`" in error.value.advice
    assert f"raman-edge instruments probe {silent}" in error.value.advice


def test_by_default_nothing_is_sent_to_an_unknown_device(silent: str, notes: list[str]) -> None:
    """Enter at the list of instruments tries none of them."""
    ask = Person()
    with refused(ConfigError, "unknown instrument"):
        first_contact.meet(ContactOptions(port=silent), ask, notes.append)
    assert len(ask.prompts) == 1


def test_a_named_instrument_that_gives_no_spectrum_is_doubted(notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next question has the doubted one last, and the right one is then found."""
    monkeypatch.setattr(find_instrument, "candidates", lambda *_, **__: ())
    orders: list[list[str]] = []

    class Wrong(Person):
        def choose(self, question: str, answers: Sequence[str], default: int = 0) -> int:  # noqa: ARG002 - of the protocol
            self.prompts.append(question)
            orders.append(list(answers))
            wanted = "(jeti-versapic)" if len(orders) == 1 else "(ocean-sts)"
            return next(n for n, answer in enumerate(answers) if wanted in answer)

    ask = Wrong()
    with laser_instrument.instrument("ocean-sts") as simulated:
        contact = first_contact.meet(ContactOptions(port=simulated.port), ask, notes.append)
    assert contact.profile == "ocean-sts"
    known = [answer for answer in orders[1] if answer.endswith(")")]
    assert "(jeti-versapic)" in known[-1]
    assert "jeti-versapic gives no whole spectra" in ask.prompts[1]
    assert any("jeti-versapic is doubted: " in note for note in notes)


@pytest.mark.slow
def test_of_two_matching_profiles_the_broken_one_is_left_out(notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A USB2000 answers as a Flame does; the Flame's frames stay broken, without a question."""
    monkeypatch.setattr(probe, "MOST_RATES", MOST_RATES)
    ask = Person()
    with laser_instrument.instrument("ocean-usb2000") as simulated:
        contact = first_contact.meet(ContactOptions(port=simulated.port), ask, notes.append)
    assert contact.profile == "ocean-usb2000"
    assert not any("Which one" in question for question in ask.prompts)
    assert any(note.startswith("ocean-flame-s is doubted") for note in notes) or not any("trying ocean-flame-s" in note for note in notes)


def test_a_remembered_file_that_is_gone_is_no_obstacle(tmp_path: Path, notes: list[str]) -> None:
    """Where the profile of a remembered instrument cannot be read, it is looked for again."""
    with laser_instrument.instrument("jeti-versapic") as simulated:
        connect(first_contact.meet(ContactOptions(port=simulated.port, profile="jeti-versapic"), Person(), notes.append))
        (known,) = remembered.load()
        lost = msgspec.structs.replace(known, profile=str(tmp_path / "gone.toml"))
        remembered.remember(lost, remembered.place_of(simulated.port))
        contact = first_contact.meet(ContactOptions(port=simulated.port), Person(choose="(jeti-versapic)"), notes.append)
    assert contact.profile == "jeti-versapic"
    assert any("is not used: " in note for note in notes)
