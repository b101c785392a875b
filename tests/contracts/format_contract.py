"""What every file format promises; its tests inherit this class and say which reader and which example."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raman_edge.errors import FormatError
from raman_edge.formats import READERS, FileContent, FormatReader, read, sniff
from raman_edge.spectrum import Origin

if TYPE_CHECKING:
    from raman_edge.spectrum import Spectrum

EXAMPLES = Path(__file__).parents[1] / "data" / "formats"
"""One small file a format, written for these tests."""
ORIGIN = Origin("file", "nowhere/at/all.dat")
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure; the time that reading takes has tests of its own."""
INHERITED = settings(UNHURRIED, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
"""One test, run for every format: each has its own executor, and none shares examples with another."""


def example_names() -> tuple[str, ...]:
    """Return the example files of all formats."""
    return tuple(sorted(file.name for file in EXAMPLES.iterdir()))


def answered(data: bytes) -> tuple[Spectrum, ...] | str:
    """Read, and return the spectra or the message; any other error is the test's failure."""
    try:
        found = read(data, ORIGIN)
    except FormatError as error:
        message = str(error)
        assert message.isprintable(), message
        assert 0 < len(message) < 600, message
        return message
    assert found
    return found


def same(one: tuple[Spectrum, ...], other: tuple[Spectrum, ...]) -> bool:
    """Whether two answers hold the same spectra."""
    return len(one) == len(other) and all(
        a.axis.same_as(b.axis) and np.array_equal(a.counts, b.counts) and a.meta == b.meta and a.exposure_s == b.exposure_s
        for a, b in zip(one, other, strict=True)
    )


class FormatContract:
    """Inherited by the tests of every reader; text formats set ``text``."""

    reader: ClassVar[FormatReader]
    example: ClassVar[str]
    """Name of a file in :data:`EXAMPLES` in this format."""
    text: ClassVar[bool] = True

    @property
    def data(self) -> bytes:
        """The example's bytes."""
        return (EXAMPLES / self.example).read_bytes()

    def test_sniffing_gives_its_example_to_this_reader(self) -> None:
        """The example is recognised from its content, and by no reader that stands before."""
        assert sniff(FileContent(self.data)).name == self.reader.name
        assert self.reader.recognises(FileContent(self.data))

    @pytest.mark.parametrize("other", example_names())
    def test_sniffing_gives_no_other_example_to_this_reader(self, other: str) -> None:
        """The examples of the other formats go to their own readers."""
        if other != self.example:
            assert sniff(FileContent((EXAMPLES / other).read_bytes())).name != self.reader.name

    def test_stands_among_the_readers_once(self) -> None:
        """A reader is reached through the list of readers, under a name of its own."""
        assert [reader.name for reader in READERS].count(self.reader.name) == 1

    def test_reads_its_example(self) -> None:
        """The example has spectra that are numbered, say their format and keep the origin."""
        found = read(self.data, ORIGIN)
        assert [spectrum.origin.index for spectrum in found] == list(range(len(found)))
        assert all(spectrum.meta["format"].startswith(self.reader.name) for spectrum in found)
        assert all(spectrum.origin.path == ORIGIN.path for spectrum in found)

    def test_is_a_function_of_the_bytes(self) -> None:
        """The same bytes give the same spectra, whatever the file is called."""
        again = read(self.data, Origin("file", "other.xyz"))
        assert same(read(self.data, ORIGIN), again)

    @pytest.mark.parametrize("data", [b"", b"\x00" * 99, bytes(range(256)) * 9, b"%PDF-1.7 \x00", b"WDF1\x01\x00"])
    def test_does_not_recognise_what_is_no_text(self, data: bytes) -> None:
        """Sniffing never raises, and no reader claims empty or foreign bytes."""
        assert not self.reader.recognises(FileContent(data))

    @pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "\r\r\n"])
    def test_line_ends_make_no_difference(self, ends: str) -> None:
        """LF, CRLF, CR, and the CR CR LF of a file that was translated twice read alike."""
        if self.text:
            plain = self.data.replace(b"\r\n", b"\n")
            assert same(read(plain.replace(b"\n", ends.encode()), ORIGIN), read(plain, ORIGIN))

    @pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_encodings_make_no_difference(self, codec: str) -> None:
        """UTF-8 with a mark and UTF-16 with and without one read alike."""
        if self.text:
            assert same(read(self.data.decode().encode(codec), ORIGIN), read(self.data, ORIGIN))

    @given(st.data())
    @INHERITED
    def test_cut_anywhere_it_is_answered(self, draw: st.DataObject) -> None:
        """A file that was cut short gives spectra or one line, never another exception."""
        data = self.data
        answered(data[: draw.draw(st.integers(0, len(data)))])
        answered(data[draw.draw(st.integers(0, len(data))) :])

    @given(st.data())
    @INHERITED
    def test_damaged_anywhere_it_is_answered(self, draw: st.DataObject) -> None:
        """A file with bytes changed, put in or taken out gives spectra or one line."""
        data = bytearray(self.data)
        for _ in range(draw.draw(st.integers(1, 4))):
            place = draw.draw(st.integers(0, len(data)))
            data[place : place + draw.draw(st.integers(0, 40))] = draw.draw(st.binary(max_size=40))
        answered(bytes(data))

    @given(st.data())
    @INHERITED
    def test_damaged_text_is_answered(self, draw: st.DataObject) -> None:
        """Signs that mean something in numbers and headers, put anywhere, give spectra or one line."""
        data = self.data.decode() if self.text else ""
        for _ in range(draw.draw(st.integers(1, 6))):
            place = draw.draw(st.integers(0, len(data)))
            put = draw.draw(st.text("0123456789.,;\t -+eE\n\r#\"'=:nainf%/|_\x1b[]<>", max_size=12))
            data = data[:place] + put + data[place + draw.draw(st.integers(0, 12)) :]
        answered(data.encode())
