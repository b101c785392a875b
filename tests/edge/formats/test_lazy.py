"""Readers that are imported when a file with their mark comes: imports, hostile files, mutations."""

from __future__ import annotations

import struct
import subprocess
import sys
from time import process_time
from typing import TYPE_CHECKING

import format_mutations
import markers
import numpy as np
import pytest
from andor_files import SifFile
from contracts.format_contract import EXAMPLES, answered
from markers import slow
from omnic_files import OmnicSpectrum, omnic
from princeton_files import LightFieldFile
from raman_edge.formats import LAZY_READERS
from witec_files import FREE, GRATING, POLYNOMIAL, TABLE, Tree, WitecFile, WitecGraph, tag

if TYPE_CHECKING:
    from pathlib import Path

MODULES = ("andor", "omnic", "princeton", "witec", "witec_tags")
ROW = 1000.0 + 37 * (np.arange(40) ** 2 % 41)
SHIFT = 150.0 + 15.25 * np.arange(40)
BUDGET_S = 20.0
"""Of one processor, for the largest hostile files, on a slow or busy machine."""


def loaded(then: str) -> set[str]:
    """Return which of the modules a new process has imported after some code."""
    code = f"import sys, raman_edge.formats as f; from raman_edge.spectrum import Origin; {then}; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return {name for name in MODULES if f"raman_edge.formats.{name}" in names}


def test_no_lazy_reader_is_imported_at_the_start() -> None:
    """Nor for a table."""
    path = str(EXAMPLES / "delimited.csv")
    assert loaded(f"f.read(open({path!r}, 'rb').read(), Origin('file', 'x'))") == set()


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("andor.sif", {"andor"}),
        ("omnic.spa", {"omnic"}),
        ("princeton.spe", {"princeton"}),
        ("witec.wip", {"witec", "witec_tags"}),
    ],
)
def test_a_file_brings_its_own_reader_only(name: str, modules: set[str]) -> None:
    """Not those of the other formats."""
    assert loaded(f"f.read(open({str(EXAMPLES / name)!r}, 'rb').read(), Origin('file', 'x'))") == modules


def test_every_mark_is_its_readers() -> None:
    """None is the beginning of another one."""
    marks = [(reader.at, mark) for reader in LAZY_READERS for mark in reader.marks]
    assert all(one == other or one[0] != other[0] or not one[1].startswith(other[1]) for one in marks for other in marks)


@markers.POSIX
def test_no_mutation_of_the_other_forms_does_harm(tmp_path: Path) -> None:
    """Of LightField, groups, series and every axis of a project; the examples are mutated elsewhere."""
    nm = 641.0 + 1.1 * np.arange(40)
    graph = WitecGraph(np.array([[ROW, 2 * ROW], [3 * ROW, 4 * ROW]]), kind="f4")
    made = {
        "lightfield.spe": LightFieldFile([[np.array([ROW, ROW]), ROW]] * 2, nm, starts=(0, 0), wide=40, metadata=bytes(8)).made(),
        "group.spg": omnic([OmnicSpectrum(SHIFT, ROW, title=b"one"), OmnicSpectrum(SHIFT, ROW, title=b"two")]),
        "series.sif": SifFile([[[ROW.tolist()]]] * 3, "640 1.1 0 0", "Wavelength", more_times=True).made(),
        **{f"{k}.wip": WitecFile([graph], axis).made() for k, axis in enumerate((FREE, GRATING, TABLE))},
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    ends = format_mutations.tally(tmp_path, range(600))
    assert set(ends) == {"answered", "fault"}, ends


def hostile_omnic() -> bytes:
    """Return a directory of as many entries as there may be, all of one history of the worst kind."""
    text = b"raman laser " * 1365 + b"\0"
    one = OmnicSpectrum(SHIFT, ROW, history=text).blocks()
    head, history, data = (contents for _, contents in one)
    at, entries = 304 + 16 * 48_000, bytearray()
    for k in range(16_000):
        for kind, place, size in (
            (2, at, len(head)),
            (27, at + len(head) + k % 99, len(history) - 99),
            (3, at + len(head) + len(history), len(data)),
        ):
            entries += struct.pack("<BxII6x", kind, place, size)
    top = b"Spectral Data File\r\n".ljust(294, b"\0") + struct.pack("<HQ", 48_000, 0)
    return top + entries + head + history + data + bytes(8 << 20)


def hostile_witec() -> bytes:
    """Return a project of as many data sets as there may be, which all refer to one axis with long metadata."""
    rich = r"{\par Excitation Wavelength [nm]:\tab 600" + r"\par Integration Time [s]:\tab 1" * 400 + "}"
    sets: list[tuple[int, str, str, Tree]] = [
        (
            22,
            "TDSpectralTransformation",
            "axis",
            [("TDSpectralTransformation", [*POLYNOMIAL[1], *((f"tag {k}", float(k)) for k in range(60))])],
        )
    ]
    graph: Tree = [
        ("SizeX", 1),
        ("SizeY", 1),
        ("SizeGraph", 16),
        ("XTransformationID", 22),
        ("GraphData", [("DataType", 7), ("Data", bytes(16))]),
    ]
    sets += [(100 + k, "TDGraph", f"{k}_Spec", [("TDGraph", graph)]) for k in range(2000)]
    sets += [(9000 + k, "TDText", f"{k} Information", [("TDStream", [("StreamData", rich.encode())])]) for k in range(2000)]
    tree: Tree = []
    for k, (number, name, caption, tags) in enumerate(sets):
        tree += [(f"DataClassName {k}", name), (f"Data {k}", [("TData", [("ID", number), ("Caption", caption)]), *tags])]
    return b"WIT_PR06" + tag("WITec Project", [("Data", [*tree, ("NumberOfData", len(sets))])], 8)


def hostile_sif() -> bytes:
    """Return lines that look like the names of axes, and a text of the user full of polynomials."""
    lines = b"\n1\n" * 30_000
    user = b"".join(b"Calibration data for frame %d, 1,2,3,4\n" % k for k in range(100_000))
    whole = SifFile([[[ROW.tolist()]]], user=user).made()
    at = whole.index(b"\n11\nRaman shift6")
    return whole[:at] + lines + whole[at:]


@pytest.mark.parametrize("make", [hostile_sif, *slow(hostile_omnic, hostile_witec)], ids=["SIF", "OMNIC", "WITec"])
def test_files_made_to_be_slow_are_answered(make: object) -> None:
    """A number in a header, or many references to one thing, cost no more than the file's bytes."""
    assert callable(make)
    data = make()
    started = process_time()
    answered(data)
    assert process_time() - started < BUDGET_S
