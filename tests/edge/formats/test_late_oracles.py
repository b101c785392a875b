"""OMNIC, SIF, SPE and WITec beside other people's readers of the same formats; skipped where they are not installed."""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from andor_files import SifFile
from contracts.format_contract import ORIGIN
from data_folder import DATA
from omnic_files import ABSORBANCE, WAVENUMBER, OmnicSpectrum, omnic
from princeton_files import LightFieldFile
from raman_edge.formats import read
from raman_edge.formats.andor import _calibration, _described, _names
from raman_edge.formats.document import BinaryFile
from raman_edge.formats.spectra import polynomial
from witec_files import FREE, GRATING, LINEAR, POLYNOMIAL, TABLE, WitecFile, WitecGraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

INSTRUMENTS = DATA / "instrument_files"
LASER = 400.0
"""nm; given for wavelengths, below all of them."""
ROW = 1000.0 + 37 * (np.arange(40) ** 2 % 41)
SHIFT = 150.0 + 15.25 * np.arange(40)


def there(*names: str) -> list[bytes]:
    """Return the real files that are there."""
    return [(INSTRUMENTS / name).read_bytes() for name in names if (INSTRUMENTS / name).is_file()]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Let another reader print and warn."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


def same(data: bytes, nm: Sequence[NDArray[np.float64]], rows: Sequence[NDArray[np.float64]], laser_nm: float) -> None:
    """Hold a file's spectra against wavelengths (nm) and counts."""
    found = read(data, ORIGIN, laser_nm=laser_nm)
    assert len(found) == len(rows)
    for spectrum, wavelengths, row in zip(found, nm, rows, strict=True):
        shift = 1e7 / float(spectrum.meta["laser_nm"]) - 1e7 / np.asarray(wavelengths, np.float64)
        kept = np.abs(shift) <= 6000
        order = np.argsort(shift[kept])
        assert np.allclose(spectrum.axis.shift, shift[kept][order], rtol=0, atol=2e-3)  # the meta has the laser in six digits
        assert spectrum.counts.tolist() == np.asarray(row, np.float64)[kept][order].tolist()


def sif_files() -> list[bytes]:
    """Return made files of the newest versions, and the real one."""
    series = [[[ROW.tolist()]], [[(2 * ROW).tolist()]]]
    tracks = [[[ROW.tolist()], [(3 * ROW).tolist()]]]
    coarse = "410 1.1076981 -5.0062e-04 0"
    made = [SifFile(series, coarse, "Wavelength", odd=False), SifFile(tracks, coarse, "Wavelength", odd=False, more_times=True)]
    return [file.made() for file in made] + there("andor/raman1.sif")


def test_sif_is_read_as_sif_parser_reads_it(tmp_path: Path) -> None:
    """Wavelengths and counts of every frame and track are the same."""
    sif_parser = pytest.importorskip("sif_parser", reason="an extra of development")
    from sif_parser.utils import extract_calibration

    for data in sif_files():
        (tmp_path / "file.sif").write_bytes(data)
        with quiet():
            counts, stated = sif_parser.np_open(str(tmp_path / "file.sif"))
            nm = extract_calibration(stated)[: counts.shape[2]]
        rows = counts.reshape(-1, counts.shape[2])
        same(data, [nm] * len(rows), rows, LASER)
        assert read(data, ORIGIN, laser_nm=LASER)[0].exposure_s == stated["ExposureTime"]


@pytest.mark.skipif(not INSTRUMENTS.is_dir(), reason=f"no spectra in {INSTRUMENTS}; set RAMAN_DATA to their folder")
def test_sif_has_the_wavelengths_and_counts_of_the_text_that_solis_exports() -> None:
    """Of the same measurement."""
    data = (INSTRUMENTS / "andor" / "raman1.sif").read_bytes()
    rows = [line.split() for line in (INSTRUMENTS / "andor" / "raman1.asc").read_text("latin-1").splitlines()[:1024]]
    nm, counts = np.array(rows, np.float64).T
    file = BinaryFile(data)
    *_, end, _ = _described(file, data.index(b"65567"))
    coefficients, _ = _calibration(data[end : _names(file, end).begin])
    assert np.allclose(polynomial(coefficients, np.arange(1.0, 1025)), nm, rtol=0, atol=2e-5)
    (found,) = read(data, ORIGIN, laser_nm=400)
    assert np.allclose(found.counts, counts, rtol=5e-6)


def spe_files() -> list[bytes]:
    """Return made files of LightField, and the real one."""
    nm = 641.0 + 1.1 * np.arange(40)
    regions = [[np.array([ROW, 2 * ROW]), 3 * ROW], [np.array([4 * ROW, 5 * ROW]), 6 * ROW]]
    made = [LightFieldFile([[ROW]], nm), LightFieldFile(regions, nm, starts=(0, 0), wide=40)]
    return [file.made() for file in made] + there("princeton/Testfile_Single_SPE3.spe")


def test_spe_of_lightfield_is_read_as_spe2py_reads_it(tmp_path: Path) -> None:
    """Wavelengths and counts of every frame and region are the same."""
    spe_loader = pytest.importorskip("spe_loader", reason="an extra of development")
    for data in spe_files():
        (tmp_path / "file.spe").write_bytes(data)
        with quiet():
            theirs = spe_loader.SpeFile(str(tmp_path / "file.spe"))
        rows = [row for frame in theirs.data for region in frame for row in region]
        same(data, [theirs.wavelength] * len(rows), rows, 540.0)


@pytest.mark.skipif(not INSTRUMENTS.is_dir(), reason=f"no spectra in {INSTRUMENTS}; set RAMAN_DATA to their folder")
def test_spe_of_winspec_has_the_wavelengths_that_it_was_calibrated_with() -> None:
    """The header keeps the pixels and wavelengths that the polynomial was fitted to."""
    data = (INSTRUMENTS / "princeton" / "Testfile_Single_SPE2.SPE").read_bytes()
    found = read(data, ORIGIN)
    pixels, nm = (struct.unpack_from("<3d", data, at) for at in (3103, 3183))
    shift = np.interp(np.array(pixels), np.arange(1.0, 1341), found[0].axis.shift)
    assert np.allclose(shift, 1e7 / 636.3 - 1e7 / np.array(nm), rtol=0, atol=0.01)
    assert len(found) == 35
    assert np.array_equal(np.array([one.counts for one in found]), np.frombuffer(data, "<u2", 35 * 1340, 4100).reshape(35, 1340))


def omnic_files() -> list[tuple[str, bytes]]:
    """Return made spectra and groups, and the real ones."""
    infrared = OmnicSpectrum(SHIFT, ROW, WAVENUMBER, ABSORBANCE)
    group = [OmnicSpectrum(SHIFT, ROW * (k + 1), title=b"number %d" % k) for k in range(3)]
    real = ("not_opus.spa", "wodger.spg")
    return [
        *[("spa", omnic([OmnicSpectrum(SHIFT[::-1], ROW[::-1])])), ("spa", omnic([infrared])), ("spg", omnic(group))],
        *[(name[-3:], data) for name in real for data in there(f"omnic/{name}")],
    ]


def test_omnic_is_read_as_spectrochempy_reads_it(tmp_path: Path) -> None:
    """Axis, counts and time are the same, of a spectrum and of a group."""
    theirs = pytest.importorskip("spectrochempy_omnic", reason="an extra of development")
    for suffix, data in omnic_files():
        (tmp_path / f"file.{suffix}").write_bytes(data)
        with quiet():
            reader = theirs.OMNICReader(tmp_path / f"file.{suffix}")
        found = read(data, ORIGIN)
        order = np.argsort(reader.x)
        assert len(found) == len(reader.data)
        for spectrum, row, moment in zip(found, reader.data, reader.y_labels[0], strict=True):
            assert np.allclose(spectrum.axis.shift, reader.x[order], rtol=0, atol=1e-3)
            assert spectrum.counts.tolist() == row[order].astype(np.float64).tolist()
            assert spectrum.taken_at == moment


def witec_files() -> list[bytes]:
    """Return made maps on every axis, and the real project."""
    grid = np.array([[ROW * (1 + x + 10 * y) for y in range(3)] for x in range(2)])
    graphs = [WitecGraph(grid, kind="f4"), WitecGraph(grid, kind="u2", inverted=True), WitecGraph(grid[:1, :1], kind="f8")]
    made = [WitecFile(graphs, axis).made() for axis in (POLYNOMIAL, GRATING, TABLE, LINEAR)]
    return [*made, *there("witec/Si-data.WIP")]


def test_witec_is_read_as_witio_reads_it() -> None:
    """Wavelengths, counts and places of every graph are the same."""
    witio = pytest.importorskip("witio", reason="an extra of development")
    for data in witec_files():
        graphs = [graph for graph in witio.read_bytes(data).data if graph.class_name == "TDGraph"]
        nm, rows, places = [], [], []
        for graph in graphs:
            counts = graph.data_array() if hasattr(graph, "data_array") else graph._graph_array()
            inverted = "DataFieldInverted" in graph.payload and bool(graph.payload["DataFieldInverted"].scalar())
            wide, high, _ = counts.shape
            order = [(x, y) for y in range(high) for x in range(wide)] if inverted else [(x, y) for x in range(wide) for y in range(high)]
            values, unit = graph.x_axis("nm")
            assert unit == "nm"
            where = graph.position_grid() if min(wide, high) > 1 else None
            for x, y in order:
                nm.append(values)
                rows.append(counts[x, y])
                places.append(None if where is None else (where[0][x, y], where[1][x, y]))
        same(data, nm, rows, LASER)
        for spectrum, place in zip(read(data, ORIGIN), places, strict=True):
            stated = tuple(spectrum.meta[name] for name in "xy") if "x" in spectrum.meta else None
            assert stated == (None if place is None else tuple(f"{value:g} um" for value in place))


def test_witec_free_polynomials_are_those_of_witio() -> None:
    """Between their ends; beyond them both stand still, and such rows are one here."""
    witio = pytest.importorskip("witio", reason="an extra of development")
    data = WitecFile([WitecGraph(ROW.reshape(1, 1, 40))], FREE).made()
    (graph,) = [graph for graph in witio.read_bytes(data).data if graph.class_name == "TDGraph"]
    nm = np.unique(graph.x_axis("nm")[0])
    (found,) = read(data, ORIGIN)
    assert np.allclose(found.axis.shift, 1e7 / 632.8 - 1e7 / nm, rtol=0, atol=1e-9)
