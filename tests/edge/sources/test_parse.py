"""From a file's bytes to what a source gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import build
from raman_edge import formats
from raman_edge.sources.files import RawFile, parse, values
from raman_edge.spectrum import OTHER_METHOD, Fault, Origin, Spectrum

if TYPE_CHECKING:
    import pytest

HERE = Origin("file", "a.spc", "0" * 64)


def test_a_file_of_another_method_gives_one_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred mass spectra are one answer; as many Raman spectra are five hundred."""
    raman = tuple(build.spectrum(seed=seed) for seed in range(5))
    mass = tuple(replace(one, meta={OTHER_METHOD: "'Abundance' over 'mass (m/z)'"}) for one in raman)
    for made, count in ((raman, 5), (mass, 1)):
        monkeypatch.setattr(formats, "read", lambda *_, laser_nm, axis, pixels, made=made: made)  # noqa: ARG005 - a reader's signature
        assert [value.origin.index for value in parse(b"", HERE)] == list(range(count))


def test_an_unread_file_is_read_as_parse_does() -> None:
    """A file on its way to another process gives there what it would have given here, with the given laser."""
    text = build.text(seed=3).encode()
    (one,), (other,) = values(RawFile(HERE, text)), parse(text, HERE)
    assert isinstance(one, Spectrum)
    assert isinstance(other, Spectrum)
    assert (one.counts == other.counts).all()
    wavelengths = b"Wavelength (nm),Counts\n" + b"".join(b"%d,%d\n" % (800 + row, row % 7) for row in range(60))
    assert isinstance(values(RawFile(HERE, wavelengths))[0], Fault)
    assert isinstance(values(RawFile(HERE, wavelengths, 785.0))[0], Spectrum)
    assert values(one) == (one,)
