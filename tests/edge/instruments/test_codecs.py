"""Every codec keeps the contract."""

from __future__ import annotations

from codec_wires import WIRES
from contracts.codec_contract import CodecContract

WIRE = {wire.name: wire for wire in WIRES}


def test_every_wire_is_tested() -> None:
    """No wire is left out below."""
    assert {found.wire.name for found in CodecContract.__subclasses__()} == set(WIRE)


class TestOoi(CodecContract):
    """ooi on its wire."""

    wire = WIRE["ooi"]


class TestOoiChecksum(CodecContract):
    """ooi-checksum on its wire."""

    wire = WIRE["ooi-checksum"]


class TestOoiCompressed(CodecContract):
    """ooi-compressed on its wire."""

    wire = WIRE["ooi-compressed"]


class TestOoiCompressedChecksum(CodecContract):
    """ooi-compressed-checksum on its wire."""

    wire = WIRE["ooi-compressed-checksum"]


class TestOoiDouble(CodecContract):
    """ooi-double on its wire."""

    wire = WIRE["ooi-double"]


class TestObp(CodecContract):
    """obp on its wire."""

    wire = WIRE["obp"]


class TestObpMd5(CodecContract):
    """obp-md5 on its wire."""

    wire = WIRE["obp-md5"]


class TestDelta8(CodecContract):
    """delta8 on its wire."""

    wire = WIRE["delta8"]


class TestDelta8Sync(CodecContract):
    """delta8-sync on its wire."""

    wire = WIRE["delta8-sync"]


class TestFixedInverted(CodecContract):
    """fixed-inverted on its wire."""

    wire = WIRE["fixed-inverted"]


class TestFixedSum8(CodecContract):
    """fixed-sum8 on its wire."""

    wire = WIRE["fixed-sum8"]


class TestFixedXor8(CodecContract):
    """fixed-xor8 on its wire."""

    wire = WIRE["fixed-xor8"]


class TestFixedCrc8(CodecContract):
    """fixed-crc8 on its wire."""

    wire = WIRE["fixed-crc8"]


class TestFixedCrc16(CodecContract):
    """fixed-crc16 on its wire."""

    wire = WIRE["fixed-crc16"]


class TestFixedMd5(CodecContract):
    """fixed-md5 on its wire."""

    wire = WIRE["fixed-md5"]


class TestDelimited(CodecContract):
    """delimited on its wire."""

    wire = WIRE["delimited"]


class TestLinesRow(CodecContract):
    """lines-row on its wire."""

    wire = WIRE["lines-row"]


class TestLinesSpace(CodecContract):
    """lines-space on its wire."""

    wire = WIRE["lines-space"]


class TestLinesColumn(CodecContract):
    """lines-column on its wire."""

    wire = WIRE["lines-column"]


class TestLinesColumnEnd(CodecContract):
    """lines-column-end on its wire."""

    wire = WIRE["lines-column-end"]


class TestOoiText(CodecContract):
    """ooi-text on its wire."""

    wire = WIRE["ooi-text"]


class TestOoiTextChecksum(CodecContract):
    """ooi-text-checksum on its wire."""

    wire = WIRE["ooi-text-checksum"]


class TestOoiTextDouble(CodecContract):
    """ooi-text-double on its wire."""

    wire = WIRE["ooi-text-double"]


class TestDelimitedText(CodecContract):
    """delimited-text on its wire."""

    wire = WIRE["delimited-text"]


class TestDelimitedTextCrc(CodecContract):
    """delimited-text-crc on its wire."""

    wire = WIRE["delimited-text-crc"]


class TestLinesPairs(CodecContract):
    """lines-pairs on its wire."""

    wire = WIRE["lines-pairs"]
