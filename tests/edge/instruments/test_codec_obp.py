"""Ocean Binary Protocol: the bytes of the data sheets, python-seabreeze's builder and parser, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import ConfigError
from raman_edge.instruments.codecs.obp import ERRORS, FOOTER, Flag, Message, Obp, Spectra
from raman_edge.instruments.codecs.stream import RawFrame, Reply, WireFault

CORRECTED, RAW, SET_ITIME, SERIAL = 0x00101000, 0x00101100, 0x00110010, 0x00000100


def codec(*, md5: bool = False) -> Obp:
    """Return a codec of spectra of 8 pixels."""
    return Obp(Spectra(8, md5=md5))


def oracle(*, version: int = 0x1100) -> object:
    """Return python-seabreeze's protocol over no transport at all."""
    protocol = pytest.importorskip("seabreeze.pyseabreeze.protocol", reason="python-seabreeze is not installed")
    kind = protocol.OBP2Protocol if version == 0x2000 else protocol.OBPProtocol
    return kind.__new__(kind)


def test_request_of_a_corrected_spectrum_is_the_data_sheets() -> None:
    """Ventana's data sheet, page 13: the corrected spectrum is requested with these 64 bytes."""
    head = bytes.fromhex("c1c0 0010 0000 0000 00101000") + bytes(28)
    assert Message(CORRECTED, version=0x1000).to_bytes() == head + bytes.fromhex("14000000") + bytes(16) + FOOTER


def test_request_of_an_exposure_is_the_known_bytes() -> None:
    """100 000 µs goes into the immediate data, and its MD5 is the known one."""
    plain = Message(SET_ITIME, struct.pack("<I", 100_000)).to_bytes()
    assert plain[:28].hex() == "c1c00011000000001000110000000000" + "000000000000" + "0004" + "a0860100"
    assert plain[28:] == bytes(12) + bytes.fromhex("14000000") + bytes(16) + FOOTER
    summed = Message(SET_ITIME, struct.pack("<I", 100_000), md5=True).to_bytes()
    assert summed[-20:-4].hex() == "dcb00e5672a93d095cbef512e5d77c18"


def test_spectrum_of_1024_pixels_takes_2112_bytes() -> None:
    """The STS answers with 44 + 2048 + 20 bytes."""
    assert len(Obp(Spectra(1024)).encode(np.zeros(1024))) == 2112


@given(
    st.integers(0, 2**32 - 1),
    st.binary(max_size=40),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0x1100, 0x2000]),
)
@settings(deadline=None, max_examples=examples(60))
def test_seabreeze_builds_the_same_bytes(kind: int, data: bytes, wants_ack: bool, regarding: int, version: int) -> None:  # noqa: FBT001
    """Any message is, byte for byte, what python-seabreeze's pure-Python protocol makes."""
    theirs = oracle(version=version)._construct_outgoing_message(kind, data, request_ack=wants_ack, regarding=regarding)  # type: ignore[attr-defined]
    flags = Flag.ACK_WANTED if wants_ack else 0
    assert Message(kind, data, flags, regarding=regarding, version=version).to_bytes() == theirs


@given(st.integers(0, 2**32 - 1), st.binary(max_size=40), st.sampled_from([0, 1, 3]), st.booleans())
@settings(deadline=None, max_examples=examples(60))
def test_seabreeze_reads_what_this_builds(kind: int, data: bytes, flags: int, md5: bool) -> None:  # noqa: FBT001
    """python-seabreeze finds the header, the checksum and the data in a message of ours, and so does this codec."""
    made = Message(kind, data, flags, md5=md5).to_bytes()
    theirs = oracle()
    assert theirs._check_incoming_message_header(made[:44]) == (len(made) - 44, int(md5))  # type: ignore[attr-defined]
    assert theirs._check_incoming_message_footer(made[-20:]) == made[-20:-4]  # type: ignore[attr-defined]
    assert theirs._extract_message_data(made) == data  # type: ignore[attr-defined]
    (event,) = Obp(Spectra(8, kinds=())).feed(made)
    assert isinstance(event, Reply)
    assert (event.data, event.fields["type"]) == (data, kind)


def test_errors_are_those_of_seabreeze() -> None:
    """Every error number that python-seabreeze knows has a name here, and no other has."""
    assert set(ERRORS) == set(oracle().OBP.ERROR_CODES)  # type: ignore[attr-defined]


def test_refusal_is_a_reply_with_the_errors_name() -> None:
    """A device that does not know a message answers with an error that names the request."""
    (event,) = codec().feed(Message(RAW, flags=Flag.RESPONSE | Flag.NACK, error=2, regarding=9).to_bytes())
    assert isinstance(event, Reply)
    assert (event.name, event.fields["error_name"], event.fields["regarding"]) == ("nak", "unknown message type", 9)


def test_acknowledgement_and_answer_are_distinguished() -> None:
    """An acknowledgement has no data; an answer has the data that were requested."""
    ack = Message(SET_ITIME, flags=Flag.RESPONSE | Flag.ACK).to_bytes()
    serial = Message(SERIAL, b"S01234", Flag.RESPONSE).to_bytes()
    first, second = codec().feed(ack + serial)
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert (first.name, second.name, second.data) == ("ack", "message", b"S01234")


def changed(message: bytes, place: int, to: bytes) -> bytes:
    """Return the message with other bytes at a place."""
    return message[:place] + to + message[place + len(to) :]


@pytest.mark.parametrize(
    ("place", "to", "why"),
    [
        (2, b"\x00\x30", "protocol version 0x3000; expected one of 0x1000, 0x1100, 0x2000"),
        (22, b"\x07", "checksum type 7; expected 0"),
        (23, b"\x11", "17 bytes of immediate data"),
        (40, b"\x13\x00\x00\x00", "19 bytes remaining; expected 20 to "),
        (40, b"\xff\xff\xff\xff", "4294967275 of payload"),
        (60, b"\x00", "a message ends with 00 c4 c3 c2; expected c5 c4 c3 c2"),
        (30, b"\x01", "of a message; its bytes give"),
    ],
)
def test_damage_is_reported_with_what_was_expected(place: int, to: bytes, why: str) -> None:
    """Each field that cannot be is refused with both values, and the message behind it is read."""
    good = Message(SERIAL, b"S01234", md5=True).to_bytes()
    *faults, reply = codec().feed(changed(good, place, to) + good)
    assert isinstance(faults[0], WireFault)
    assert why in faults[0].why
    assert sum(fault.dropped for fault in faults if isinstance(fault, WireFault)) == len(good)
    assert isinstance(reply, Reply)


def test_a_message_without_md5_is_refused_where_one_was_agreed_on() -> None:
    """A checksum type of 0 does not lead around the checksum."""
    fault = next(codec(md5=True).feed(codec().encode(np.zeros(8))))
    assert isinstance(fault, WireFault)
    assert "expected 1 (MD5)" in fault.why


def test_spectrum_of_other_length_is_a_fault() -> None:
    """Seven pixels are no spectrum of eight."""
    (fault,) = codec().feed(Message(RAW, bytes(18)).to_bytes())
    assert isinstance(fault, WireFault)
    assert "a spectrum of 18 bytes; expected 16" in fault.why


def test_metadata_stand_among_the_fields() -> None:
    """What precedes the pixels in newer messages is kept, in hexadecimal."""
    reader = Obp(Spectra(8, kinds=(0x1C00,), leading=32))
    (frame,) = reader.feed(Message(0x1C00, bytes(range(32)) + bytes(16), version=0x2000).to_bytes())
    assert isinstance(frame, RawFrame)
    assert frame.fields["metadata"] == bytes(range(32)).hex()


def test_numbers_that_do_not_fit_are_refused() -> None:
    """A message type of more than 32 bits is a mistake of the caller's."""
    with pytest.raises(ConfigError, match=r"below 2\*\*32"):
        Message(2**32).to_bytes()
