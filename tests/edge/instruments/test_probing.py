"""Which instrument is at a port: streams, requests, and ``raman-edge instruments probe`` as its users see it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import command
import markers
import pytest
from markers import slow
from raman_edge import cli
from raman_edge.errors import SourceBusy
from raman_edge.instruments import codecs, ports
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import probe
from raman_edge.instruments.serial.port import Clock, SerialPort
from raman_edge.simulator.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.instruments.profiles.profile import Profile, Serial

PROFILES = [catalogue.load(name) for name in catalogue.profiles()]


class Script:
    """A port whose device says ``speak(baud)`` when it is opened or its rate changes, and answers requests; time passes as it is read."""

    def __init__(self, speak: Callable[[int], bytes], answer: Callable[[int, bytes], bytes] = lambda _baud, _data: b"") -> None:
        self.at = 0.0
        self.baud: int | None = None
        self.paced = True
        self.sent: list[tuple[int | None, bytes]] = []
        self.opened = 0
        self._speak, self._answer = speak, answer
        self._waiting = b""

    def __call__(self, _where: str, _line: Serial, _clock: Clock) -> Script:
        """Stand where a port is made."""
        return self

    @property
    def clock(self) -> Clock:
        """A clock that only reading moves."""
        return Clock(lambda: self.at, self._pass)

    def _pass(self, seconds: float) -> None:
        self.at += seconds

    def open(self, baud: int) -> None:
        """Begin."""
        self.opened += 1
        self.set_baud(baud)

    def set_baud(self, baud: int) -> None:
        """Change the rate."""
        self.baud = baud
        self._waiting = self._speak(baud)

    def write(self, data: bytes) -> None:
        """Take a request."""
        self.sent.append((self.baud, data))
        self._waiting += self._answer(self.baud or 0, data)

    def read(self, timeout_s: float) -> bytes:
        """Give what waits; silence takes as long as it is waited for."""
        data, self._waiting = self._waiting, b""
        self.at += 0.001 if data else timeout_s + 1e-6
        return data

    def close(self) -> None:
        """End."""
        self.opened -= 1


class Endless(Script):
    """A device that always has something more to say."""

    def read(self, timeout_s: float) -> bytes:
        """Give a byte a hundredth of a second, but nothing where it is not waited for."""
        self.at += 0.01
        return b"x" if timeout_s else b""


def listened(monkeypatch: pytest.MonkeyPatch, script: Script) -> probe.ListenResult:
    """Listen to a script."""
    monkeypatch.setattr(probe, "SerialPort", script)
    found = probe.listen("port", PROFILES, script.clock)
    assert script.opened == 0
    assert script.sent == []
    return found


def rows(values: int, count: int = 3) -> bytes:
    """Return lines of numbers."""
    return b"".join(b",".join(b"%d" % (line + value) for value in range(values)) + b"\n" for line in range(count + 1))


def test_silence_is_listened_to_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that says nothing says nothing at any rate: the others are not tried."""
    script = Script(lambda _: b"")
    found = listened(monkeypatch, script)
    assert (found.data, found.readings, found.readable) == (b"", (), 0.0)
    assert 2.5 <= script.at < 3


def test_a_stream_of_lines_is_found_at_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a wrong rate it is nonsense; at its own the profile whose count fits stands before the one that takes any."""
    script = Script(lambda baud: rows(288) if baud == 57_600 else bytes(range(128, 256)) * 9)
    found = listened(monkeypatch, script)
    assert found.baud == 57_600
    assert [(one.profile, one.values) for one in found.readings] == [("c12880ma-csv", 288), ("generic-csv-stream", 288)]
    assert found.readings[0].spectra >= 2


def test_a_stream_of_another_length_is_anybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the profile that takes any number of values reads it."""
    found = listened(monkeypatch, Script(lambda _: rows(512)))
    assert [one.profile for one in found.readings] == ["generic-csv-stream"]


def test_only_devices_that_stream_are_looked_for() -> None:
    """A profile whose device has to be started reads nothing that comes by itself; a short line is a message."""
    nymphet, generic = catalogue.load("tcd1304-nymphet"), catalogue.load("generic-csv-stream")
    assert list(probe.readings(bytes(8 * 3694), [nymphet])) == []
    assert list(probe.readings(rows(5), [generic])) == []
    made = codecs.of(generic.frame, 64, streaming=True).encode(range(64))
    assert [one.values for one in probe.readings(made * 4, [generic])] == [64]


def test_an_unknown_stream_is_reported_at_the_rate_where_it_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A greeting is no spectrum, and its rate is where it can be read."""
    script = Script(lambda baud: b"Hello, I am a board\r\n" if baud == 9600 else b"\xf8\x00\xe0H")
    found = listened(monkeypatch, script)
    assert (found.baud, found.readable, found.readings) == (9600, 1.0, ())


def test_nonsense_at_every_rate_is_reported_at_the_best_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text anywhere are still shown."""
    found = listened(monkeypatch, Script(lambda baud: b"\xf8\x00\xe0" + b"A" * (baud == 38_400)))
    assert (found.baud, found.readable) == (38_400, 0.25)


def test_profiles_with_the_same_request_share_it() -> None:
    """Each request is there once, with all its profiles and the rates of all."""
    found = {question.sent: question for question in probe.questions(PROFILES)}
    assert set(found[b"v"].profiles) >= {"ocean-flame-s", "ocean-usb2000"}
    assert set(found[b"v"].line.baud) >= {9600, 115_200, 57_600}
    assert found[b"v"].line.byte_gap_ms == 1
    assert found[b"v"].profiles == ("ocean-flame-s", "ocean-usb2000", "ocean-usb2000-ascii")
    (jeti,) = [question for question in probe.withheld_questions(PROFILES) if question.sent == b"*IDN?\r"]
    assert (jeti.expected, jeti.profiles) == (b"JETI_PIC_VERSA", ("jeti-versapic",))


def test_a_request_is_sent_at_each_rate_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device at the second rate gets two requests."""
    question = next(question for question in probe.withheld_questions(PROFILES) if question.sent == b"*IDN?\r")
    script = Script(lambda _: b"", lambda baud, data: data + b"JETI_PIC_VERSA\r" if baud == 38_400 else b"")
    monkeypatch.setattr(probe, "SerialPort", script)
    answers = list(probe.ask("port", question, script.clock))
    assert [(one.baud, one.answered) for one in answers] == [(115_200, False), (38_400, True)]
    assert script.sent == [(115_200, b"*IDN?\r"), (38_400, b"*IDN?\r")]
    assert script.opened == 0


def test_a_device_that_never_stops_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer without end is cut."""
    question = probe.questions(PROFILES)[0]
    script = Endless(lambda _: b"")
    monkeypatch.setattr(probe, "SerialPort", script)
    first = next(probe.ask("port", question, script.clock))
    assert 100 < len(first.got) < 1000
    assert not first.answered


# the command


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run ``instruments probe`` and return its exit code, its records and standard error."""
    capsys.readouterr()
    code = cli.main(["instruments", "probe", *arguments])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_with_its_profile_a_device_identifies_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Every request and answer is a record, in order; then what is known of the instrument."""
    with Simulated(catalogue.load("ocean-sts"), pacing=False) as simulated:
        code, records, err = ran(capsys, simulated.port, "--profile", "ocean-sts")
    assert (code, err) == (0, "")
    *traffic, instrument = records
    assert traffic[0]["sent"]
    assert traffic[0]["hex"].startswith("c1 c0 00 11")
    assert {one["event"] for one in traffic} == {"traffic"}
    assert not traffic[1]["sent"]
    assert (instrument["event"], instrument["serial_number"], instrument["profile"]) == ("instrument", "SIM00001", "ocean-sts")
    assert len(instrument["coefficients"]) == 4


@markers.POSIX
def test_an_unknown_device_is_found_by_its_answer(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listened to first; then harmless requests are sent until one is answered, and the profile whose answer it is is named."""
    monkeypatch.setattr(probe, "FIRST_S", 0.05)
    monkeypatch.setattr(probe, "ANSWER_S", 2.0)
    with Simulated(catalogue.load("ocean-flame-s"), pacing=False) as simulated:
        code, records, err = ran(capsys, simulated.port)
    assert code == 0
    assert (records[0]["event"], records[0]["bytes"]) == ("listened", 0)
    probed = [one for one in records if one["event"] == "probed"]
    assert [one["answered"] for one in probed] == [False, False, True]
    assert (probed[-1]["baud"], probed[-1]["sent"], probed[-1]["expected"]) == (9600, "76", "06")
    assert [one["profile"] for one in records[-1]["candidates"]] == ["ocean-flame-s", "ocean-usb2000"]
    assert f"Next: raman-edge instruments probe {simulated.port} --profile ocean-flame-s" in err
    assert "then ocean-usb2000" in err or "if its spectra stay broken, ocean-usb2000" in err


PATIENCES_S = (0.6, 4.0, 15.0)
"""How long an answer is waited for, s: the later ones where a busy machine simulates slowly."""
SILENT_UNTIL_REQUEST = ("bwtek-btc100", "c12880ma-specread", "jeti-versapic", "tcd1304-nymphet", "tcd1304-rossel", "tcd1304-teensy")
"""Instruments that have no request which is harmless to all others."""
FEW = tuple(page for page in PROFILES if page.device.id in {"bwtek-btc100", "ocean-sts", "tcd1304-rossel"})
"""Among all profiles many requests are tried before one of a silent instrument: `make test` finds one among few."""


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *((name, PROFILES) for name in catalogue.profiles() if name not in SILENT_UNTIL_REQUEST),
        ("bwtek-btc100", FEW),
        *slow(*((name, PROFILES) for name in SILENT_UNTIL_REQUEST)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"among {len(value)}",
)
def test_every_shipped_instrument_is_found(name: str, known: Sequence[Profile], monkeypatch: pytest.MonkeyPatch) -> None:
    """By listening, by a harmless request, or, where the user allows it, by any request; its own profile is the likeliest.

    Nothing is changed in it before the user allows that.
    """
    profile = catalogue.load(name)
    if name in SILENT_UNTIL_REQUEST:
        monkeypatch.setattr(probe, "FIRST_S", 0.05)
        monkeypatch.setattr(probe, "ANSWER_S", 0.05)
        with Simulated(profile, pacing=False) as simulated:
            before = simulated.device.settings
            report = probe.find(simulated.port, known)
            assert simulated.device.settings == before
        assert report.found == ()
        assert name in {candidate.profile for candidate in report.candidates}
        assert name in {page for question in report.withheld for page in question.profiles}
    for patience_s in PATIENCES_S:
        monkeypatch.setattr(probe, "FIRST_S", max(2.0, patience_s) if profile.streams else 0.05)
        monkeypatch.setattr(probe, "ANSWER_S", patience_s)
        with Simulated(profile, pacing=profile.streams) as simulated:
            before = simulated.device.settings
            report = probe.find(simulated.port, known, everything=name in SILENT_UNTIL_REQUEST)
            assert simulated.device.settings == before or profile.streams or name in SILENT_UNTIL_REQUEST
        if report.found and report.found[0].profile == name:
            break
    likeliest = report.found[0]
    assert likeliest.profile == name
    assert likeliest.baud == (None if sys.platform == "win32" else profile.serial.baud[0])  # TCP has none
    assert likeliest.reason.startswith("it ")


def test_answers_that_look_alike_are_distinguished() -> None:
    """An acknowledgement alone, an echo, or a longer answer is not that of an Ocean; each mode is found by its own profile."""
    (ocean,) = [question for question in probe.questions(PROFILES) if question.sent == b"v"]
    fitting = {
        got: [page.device.id for page in ocean.pages if probe._fits(page, ocean, got)]
        for got in (b"\x06\x03\xe8", b"v\x061000\r\n", b"\x06", b"v", b"", b"\x15", b"\x06\x03\xe8more", b"### Error: v\r\n")
    }
    assert fitting.pop(b"\x06\x03\xe8") == ["ocean-flame-s", "ocean-usb2000"]
    assert fitting.pop(b"v\x061000\r\n") == ["ocean-usb2000-ascii"]
    assert not any(fitting.values())


def test_a_usb_device_that_is_known_is_sent_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its USB numbers are enough, and the reason names them."""
    script = Script(lambda _: b"")
    monkeypatch.setattr(probe, "SerialPort", script)
    report = probe.find("port", PROFILES, usb=("tcd1304-rossel",), clock=script.clock)
    assert [(one.profile, one.reason) for one in report.candidates] == [("tcd1304-rossel", "its USB numbers are in this profile")]
    assert (script.sent, report.silent) == ([], True)


def test_each_wait_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller can show what happens: a line before listening, and one before each request."""
    script = Script(lambda _: b"")
    monkeypatch.setattr(probe, "SerialPort", script)
    lines: list[str] = []
    report = probe.find("port", PROFILES, progress=lines.append, clock=script.clock)
    assert lines[0] == "listening on port; nothing is sent"
    assert len(lines) == 1 + len(report.results) == 1 + len(script.sent)
    assert "sending 'v' at 9600 baud" in lines
    assert script.opened == 0


def test_on_a_terminal_the_bytes_are_seen() -> None:
    """Requests and answers as hexadecimal beside their text, then a line a fact."""
    with Simulated(catalogue.load("jeti-versapic"), pacing=False) as simulated:
        code, shown = command.on_terminal("instruments", "probe", simulated.port, "--profile", "jeti-versapic", columns=120)
    assert code == 0
    assert b"> 2a 49 44 4e 3f 0d" in shown
    assert b"*IDN?." in shown
    assert b"JETI_PIC_VERSA" in shown
    assert b"serial number  SIM00001" in shown
    assert b"exposure       1 to 60000 ms" in shown


def test_a_port_that_answers_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """69, and what may be the matter, what was not sent, or what its USB numbers mean; a port that is not there is an error."""
    silent = Script(lambda _: b"")
    monkeypatch.setattr(probe, "SerialPort", silent)
    monkeypatch.setattr(probe, "FIRST_S", 0.0)
    monkeypatch.setattr(probe, "ANSWER_S", 0.0)
    code, records, err = ran(capsys, "/dev/null")
    assert (code, records[0]["event"], records[-1]["event"]) == (69, "listened", "candidates")
    assert "TX and RX" in err
    assert {name for one in records[-1]["withheld"] for name in one["profiles"]} == set(SILENT_UNTIL_REQUEST)
    assert "raman-edge instruments probe /dev/null --everything" in err
    board = ports.PortInfo("/dev/null", "/dev/null", "", ports.PortUse("free"), profiles=("tcd1304-rossel",))
    monkeypatch.setattr(ports, "serial", lambda _: iter((board,)))
    code, records, err = ran(capsys, "/dev/null")
    assert (code, [one["event"] for one in records]) == (69, ["listened", "candidates"])
    assert "its USB numbers are those of a known instrument" in err
    assert "--profile tcd1304-rossel" in err
    monkeypatch.undo()
    code, records, err = ran(capsys, "/dev/does-not-exist")
    assert (code, records) == (69, [])
    assert "not found" in err


def test_a_device_that_streams_is_sent_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is shown with advice; nothing is sent."""
    script = Script(lambda _: b"\x1b[2Jhello\r\n")
    monkeypatch.setattr(probe, "SerialPort", script)
    monkeypatch.setattr(probe, "FIRST_S", 0.01)
    monkeypatch.setattr(probe, "NEXT_S", 0.01)
    code, (record, _), err = ran(capsys, "port")
    assert (code, record["bytes"], script.sent) == (0, 11, [])
    assert "no known profile reads it" in err


@markers.POSIX
def test_a_busy_port_is_75(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that another program holds is distinguished from a silent instrument."""
    profile = catalogue.load("ocean-sts")
    with Simulated(profile, pacing=False) as simulated:
        port = SerialPort(simulated.port, profile.serial)
        port.open(9600)
        try:
            for arguments in ((), ("--profile", "ocean-sts")):
                code, records, err = ran(capsys, simulated.port, *arguments)
                assert (code, records) == (SourceBusy.exit_code, [])
                assert "busy" in err
        finally:
            port.close()


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """A profile that does not exist is 78; no port is 2."""
    assert ran(capsys, "/dev/null", "--profile", "ocaen-sts")[0] == 78
    assert ran(capsys)[0] == 2
