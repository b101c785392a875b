"""What a device answers, however its bytes were cut, and what comes before a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raman_edge.instruments.codecs.obp import Flag, Message
from raman_edge.instruments.profiles import requests
from raman_edge.instruments.profiles.profile import Command
from raman_edge.instruments.serial.transport import Answer, Listener, Preface, ReplyProblem, number, shown
from wire_profiles import changed, quick

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile

BTC = quick("bwtek-btc100")
JETI = quick("jeti-versapic")
OCEAN = quick("ocean-usb2000")
STS = quick("ocean-sts")
TEENSY = quick("tcd1304-teensy")


def answers(listener: Listener, data: bytes) -> list[Answer]:
    """Return the answer after each byte."""
    return [listener.feed(data[place : place + 1]) for place in range(len(data))]


REPLIES = [
    (OCEAN, OCEAN.commands.set_integration, b"I\x00\x64", b"\x06", b""),
    (OCEAN, OCEAN.commands.identify, b"v", b"\x06\x03\xe8", b"\x03\xe8"),
    (JETI, JETI.commands.identify, b"*IDN?\r", b"JETI_PIC_VERSA\r", b"JETI_PIC_VERSA"),
    (JETI, JETI.commands.serial_number, b"*PARA:SERN?\r", b"SERN:\tJ7 \r", b"J7"),
    (BTC, BTC.commands.set_averages, b"A1\r", b"A1\r\nACK\r\n", b""),
    (TEENSY, TEENSY.commands.serial_number, b"identifier\r", b"identifier\r\nIdentifier: T1\r\n", b"T1"),
]


@pytest.mark.parametrize(("profile", "command", "sent", "reply", "value"), REPLIES)
def test_an_answer_is_whole_with_its_last_byte(profile: Profile, command: Command, sent: bytes, reply: bytes, value: bytes) -> None:
    """Cut anywhere, more is read until the answer is there, and the answer is the value alone."""
    end = reply.index(b"\r", len(reply) - 2) + 1 if command.reply == "line" else len(reply)
    assert answers(Listener(profile, command, sent), reply[:end]) == [None] * (end - 1) + [value]


REFUSED = [
    (OCEAN, OCEAN.commands.set_integration, b"I\x00\x64", b"\x15", "refused"),
    (JETI, JETI.commands.identify, b"*IDN?\r", b"\x15", "refused"),
    (OCEAN, OCEAN.commands.set_integration, b"I\x00\x64", b"\x02", "bad"),
    (BTC, BTC.commands.set_averages, b"A1\r", b"B", "bad"),
    (BTC, BTC.commands.set_averages, b"A1\r", b"A1\r\nNO", "bad"),
    (JETI, JETI.commands.identify, b"*IDN?\r", b"JET\xf1\r", "bad"),
    (JETI, JETI.commands.serial_number, b"*PARA:SERN?\r", b"J7\r", "bad"),
    (JETI, JETI.commands.identify, b"*IDN?\r", b"x" * 300, "bad"),
    (TEENSY, TEENSY.commands.serial_number, b"identifier\r", b"identifier\r\nWarning: none\r", "refused"),
]


@pytest.mark.parametrize(("profile", "command", "sent", "reply", "kind"), REFUSED)
def test_a_refusal_is_no_broken_answer(profile: Profile, command: Command, sent: bytes, reply: bytes, kind: str) -> None:
    """A refusal and an unknown answer are distinguished; both are one printable line."""
    found = Listener(profile, command, sent).feed(reply)
    assert isinstance(found, ReplyProblem)
    assert found.kind == kind
    assert found.why.isprintable()


def test_the_end_of_the_last_line_is_part_of_no_answer() -> None:
    """The LF that comes behind a CR, when the line is already taken, stands before the next echo, acknowledgement and frame."""
    sent = b"identifier\r"
    value = Listener(TEENSY, TEENSY.commands.serial_number or Command(), sent).feed(b"\n" + sent + b"\r\nIdentifier: T1\r")
    assert value == b"T1"
    assert Listener(OCEAN, OCEAN.commands.set_integration or Command(), b"I\x00\x64").feed(b"\n\x06") == b""
    assert Preface(quick("ocean-usb2000-ascii").frame, b"S").feed(b"\nS\x0265535") == b"\x0265535"
    assert Preface(BTC.frame, b"S\r").feed(b"\nS\r\nACK\r\n\x80") == b"\x80"


def test_busy_is_a_refusal() -> None:
    """A device that says that it cannot now has refused, not acknowledged."""
    profile = changed(OCEAN, "answers", busy="hex:11")
    found = Listener(profile, OCEAN.commands.set_integration or Command(), b"I\x00\x64").feed(b"\x11")
    assert found == ReplyProblem("refused", "it is busy")


def test_messages_are_answered_by_their_type() -> None:
    """Of OBP's messages the one with the type of the request is its answer, a late spectrum is not."""
    command = STS.commands.serial_number or Command()
    late = Message(0x00101100, bytes(16), Flag.RESPONSE).to_bytes()
    mine = Message(0x00000100, b"S1\0\0", Flag.RESPONSE).to_bytes()
    assert [reply for reply in answers(Listener(STS, command, b""), late + mine) if reply is not None] == [b"S1"]
    refused = Listener(STS, command, b"").feed(Message(0x00000100, b"", Flag.NACK, 2).to_bytes())
    assert refused == ReplyProblem("refused", "error 2 (unknown message type)")
    short = Listener(STS, STS.commands.identify or Command(), b"").feed(Message(0x00000090, b"\1", Flag.RESPONSE).to_bytes())
    assert short == ReplyProblem("bad", "1 bytes, expected 2")


def test_a_message_without_a_reply_is_not_waited_for() -> None:
    """A device of OBP says nothing where all is well."""
    command = STS.commands.set_integration or Command()
    assert Listener(STS, command, requests.request(STS, "set_integration")).feed(b"") == b""


PREFACES = [
    (JETI, b"*MEAS\r", b"\x06\x07", b"1 2 3\r"),
    (BTC, b"S\r", b"S\r\nACK\r\n", b"\x80\x00\x00"),
    (OCEAN, b"S", b"", b"\x02\xff\xff"),
    (quick("ocean-usb2000-ascii"), b"S", b"S", b"\x0265535\r\n"),
]


@pytest.mark.parametrize(("profile", "sent", "before", "frame"), PREFACES)
def test_bytes_before_a_frame_do_not_belong_to_it(profile: Profile, sent: bytes, before: bytes, frame: bytes) -> None:
    """Echo, acknowledgement and the sign of readiness are taken away, however they were cut."""
    preface = Preface(profile.frame, sent)
    given = [preface.feed((before + frame)[place : place + 1]) for place in range(len(before + frame))]
    assert b"".join(part for part in given if isinstance(part, bytes)) == frame
    assert given[: len(before)] == [b""] * len(before)


def test_a_refusal_before_a_frame_is_one() -> None:
    """A device that refuses to measure reports it in the place of its acknowledgement; another byte there is a broken answer."""
    assert Preface(JETI.frame, b"*MEAS\r").feed(b"\x15") == ReplyProblem("refused", "it refused to measure")
    broken = Preface(JETI.frame, b"*MEAS\r").feed(b"17 18")
    assert isinstance(broken, ReplyProblem)
    assert broken.kind == "bad"
    assert "expected" in broken.why


def test_a_refusal_without_an_acknowledgement_needs_silence() -> None:
    """Where nothing is acknowledged, a byte is a refusal only if nothing follows it: it may as well be a value."""
    profile = changed(quick("tcd1304-rossel"), "frame", nak="hex:15")
    preface = Preface(profile.frame, b"ER")
    assert preface.feed(b"\x15") == b"\x15"
    assert preface.alone(b"\x15") == ReplyProblem("refused", "it refused to measure")
    assert preface.alone(b"\x15\x00") is None


def test_numbers_are_read_as_they_were_sent() -> None:
    """Text and binary give the same number; what is none, or not finite, is unknown."""
    assert number(b" -1.5e-3", "line") == -0.0015
    assert number(b"\x03\xe8", "u16be") == 1000
    assert number(b"\x00\x00\xc0\x3f", "f32le") == 1.5
    assert [number(text, "line") for text in (b"", b"ERROR", b"inf", b"nan", b"1_0")] == [None] * 5
    assert number(b"\x00\x00\xc0\x7f", "f32le") is None


def test_a_devices_bytes_are_shown_printable() -> None:
    """What a device says is shown escaped and short."""
    assert shown(b"\x1b[31m\xff") == "'\\x1b[31m\\xff'"
    assert len(shown(b"x" * 500)) < 50
