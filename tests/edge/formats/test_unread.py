"""Formats that are not read are named by their own marks, with the export that works."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from contracts.format_contract import answered, example_names
from data_folder import DATA
from raman_edge.formats.magic import unread_kind

CASES = DATA.parent / "cases"
HAMAMATSU = b"IM" + struct.pack("<6H", 3301, 672, 512, 0, 0, 3) + bytes(50)
MATLAB = b"\0\0\0\0" + struct.pack("<4I", 1024, 2, 0, 9) + b"spectrum\0" + bytes(99)
FILES = {
    "LabSpec 6": (b"LabSpec6" + bytes(8) + b"\xd7ati" + bytes(99), "a Horiba LabSpec file", "from LabSpec"),
    "WiRE 2": (b"#WXD" + b"0" * 40 + b".\n#\x1aJL\x1a\0\0\1", "a Renishaw WiRE file (.wxd)", ".wdf"),
    "PerkinElmer": (b"PEPE2D constant interval DataSet file".ljust(44, b"\0"), "a PerkinElmer Spectrum file (.sp)", "from Spectrum"),
    "MATLAB 4": (MATLAB, "a MATLAB file (.mat)", "CSV file"),
    "MATLAB 5": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\1IM" + bytes(99), "a MATLAB file (.mat)", "CSV file"),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n", "a MATLAB file (.mat)", "CSV file"),
    "TriVista": (b"\xef\xbb\xbf<!--TriVista-File. (c) S&I GmbH -->\n<XmlMain>", "a TriVista file (.tvf)", "from VistaControl"),
    "TriVista without a mark": (b"\r\n<!--TriVista-File. (c) S&I GmbH -->\n<XmlMain>", "a TriVista file (.tvf)", "from VistaControl"),
    "HPD-TA": (HAMAMATSU + b"[Application],Encoding=UTF-8,Software=HPD-TA", "a Hamamatsu image (.img", "text (ASCII)"),
    "HiPic": (HAMAMATSU + b"HiPic,1.0,100,1.0,0,0,4,8,0,0,0", "a Hamamatsu image (.img", "text (ASCII)"),
    "OMNIC series": (b"Spectral Exte File\r\n" + bytes(300), "an OMNIC series (.srs)", "from OMNIC"),
    "AvaSoft 8": (b"AVS84\x01" + bytes(300), "an Avantes AvaSoft 8 file", "from AvaSoft"),
    "AvaSoft 7": (struct.pack("<f", 70.0) + b"1\0\0B" * 9 + bytes(300), "an Avantes AvaSoft file", "from AvaSoft"),
    "AvaSoft 6": (struct.pack("<f", 60.0) + b"1\0\0B" * 9 + bytes(300), "an Avantes AvaSoft file", "from AvaSoft"),
    "FieldSpec": (b"as7" + bytes(481), "an ASD FieldSpec file", "from ViewSpec"),
    "FieldSpec 1": (b"ASD" + bytes(481), "an ASD FieldSpec file", "from ViewSpec"),
    "WITec of old": (b"WIT^\0\0" + bytes(99), "a WITec project of an old version", "from WITec Project"),
    "MountainsMap": (b"DSCOMPRESSED\0\0\1\0" + bytes(99), "a Digital Surf file", "from MountainsMap"),
    "Parquet": (b"PAR1\x15\4" + bytes(99), "a Parquet file", "CSV file"),
    "SpectraSuite": (b"PK\3\4\x14\0\x08\0\x08\0" + bytes(20) + b"ps_291.xml\xdc", "an Ocean Optics SpectraSuite file", "from SpectraSuite"),
    "JASCO": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2552) + "DataInfo".encode("utf-16-le") + bytes(99),
        "a JASCO file (.jws)",
        "Spectra Manager",
    ),
    "NetCDF": (b"CDF\x01" + bytes(99), "a NetCDF file", "CSV file"),
    "Origin": (b"CPYA 4.2673 552#\n\x9c\0\0\0", "an Origin project (.opj)", "from Origin"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_with_the_export_that_works(name: str) -> None:
    """One line: whose file it is, and what to save from which program."""
    data, kind, what_to_do = FILES[name]
    reason_text = answered(data)
    assert isinstance(reason_text, str)
    assert reason_text.startswith(f"unsupported file: got {kind}")
    assert what_to_do in reason_text


@pytest.mark.parametrize("name", example_names())
def test_no_file_that_is_read_has_one_of_the_marks(name: str) -> None:
    """No example of a format that is read is refused."""
    assert unread_kind((Path(__file__).parents[2] / "data" / "formats" / name).read_bytes()) is None


@pytest.mark.parametrize(
    "text", [b"as7 and more\r\n100 1\r\n", b"PEPERONI,1\n", b"AVS8 spectrum\n", b"CDF\n", b"IMAGE 1\n", b"LabSpec6 export\n", b""]
)
def test_text_that_begins_alike_is_not_refused(text: bytes) -> None:
    """A mark is more than letters that a name may begin with."""
    assert unread_kind(text) is None


def test_a_bitmap_is_an_image() -> None:
    """Its second letter is a version of Galactic SPC."""
    assert answered(b"BM" + struct.pack("<IHHI", 9999, 0, 0, 54) + bytes(99)) == (
        "unsupported file: got a BMP image, not a spectrum. Export the spectrum as text or CSV"
    )


@pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases in {CASES}")
def test_the_hamamatsu_image_of_the_cases_is_named() -> None:
    """It was called a Galactic SPC file with a damaged header."""
    reason_text = answered((CASES / "22-instrument-files" / "hamamatsu_named_galactic_head.img").read_bytes())
    assert isinstance(reason_text, str)
    assert "Hamamatsu" in reason_text
    assert "Galactic" not in reason_text
