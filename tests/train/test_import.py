"""Import: folders of instrument files, handheld organics, and arrays of strings, read without executing code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import ConfigError
from raman_train.cli import main
from raman_train.data import datasets, folder, organics, readers, synthetic

NAMES = ["calcite", "calcite", "β-carotene", "", "two\nlines", "x" * 300]


def csv(laser: str = "") -> str:
    """Return a table of a Raman shift and counts."""
    header = f"laser_nm,{laser}\n" if laser else ""
    return header + "Raman shift (cm-1),Counts\n" + "".join(f"{x},{1000 + x % 37}\n" for x in range(200, 1800, 4))


def library(root: Path, *names: str, laser: str = "") -> Path:
    """Write instrument files below a folder."""
    for name in names:
        file = root / "library" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(csv(laser))
    return root / "library"


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("tert-Butyl Methyl Ether.csv", "tert-Butyl Methyl Ether"),
        ("1-Butanol.csv", "1-Butanol"),
        ("K2HPO4.csv", "K2HPO4"),
        ("Polysorbate 80.csv", "Polysorbate 80"),
        ("Nylon-6.csv", "Nylon-6"),
        ("Calcite_2.csv", "Calcite"),
        ("Calcite (2).csv", "Calcite"),
        ("Calcite#12.csv", "Calcite"),
        ("Calcite rep 3.csv", "Calcite"),
        ("Calcite-Replicate3.csv", "Calcite"),
        ("Iron(III) oxide_run_04.csv", "Iron(III) oxide"),
        ("Poly(1).csv", "Poly"),
        ("Trep3.csv", "Trep3"),
        ("_2.csv", "_2"),
        ("Calcite/monday_2.csv", "Calcite"),
        ("vendor/Calcite 2/monday.csv", "Calcite 2"),
    ],
)
def test_the_label_is_where_the_file_lies(file: str, label: str) -> None:
    """A sub-folder gives the label of its files; otherwise the file name does, without a replicate number."""
    assert folder.label_of(Path("library") / file, Path("library")) == label


def test_a_folder_of_instrument_files_is_a_library(tmp_path: Path) -> None:
    """Every file is a specimen with its own name; a file without a spectrum is left out by name."""
    where = library(tmp_path, "Calcite/a.csv", "Quartz/a.csv", "Gypsum_1.csv", "Gypsum_2.csv", laser="784.9")
    (where / "LICENSE").write_text("do as you please")
    (where / ".hidden.csv").write_text(csv())
    read, left_out = readers.read(where)
    assert read.labels.tolist() == ["Calcite", "Gypsum", "Gypsum", "Quartz"]
    assert read.names.tolist() == ["library/Calcite/a.csv", "library/Gypsum_1.csv", "library/Gypsum_2.csv", "library/Quartz/a.csv"]
    assert len(set(read.specimens.tolist())) == 4
    assert set(read.lasers.tolist()) == {785}
    assert len(left_out) == 1
    assert "LICENSE" in left_out[0]


def test_one_file_of_rruffs_among_others_is_one_of_them(tmp_path: Path) -> None:
    """A folder is RRUFF's if at least half of its files have such names; otherwise its sub-folders give the labels."""
    name = "Calcite__R040070__Raman__532__0__unoriented__Raman_Data_Processed__1.txt"
    where = library(tmp_path, "a/mine.csv", "b/mine.csv", f"c/{name}")
    assert readers.read(where)[0].labels.tolist() == ["a", "b", "c"]
    (where / "b" / "mine.csv").unlink()
    read, left_out = readers.read(where)
    assert (read.labels.tolist(), read.specimens.tolist()) == (["Calcite"], ["R040070"])
    assert left_out == ["mine.csv: not an RRUFF file name"]


@pytest.mark.parametrize("laser", ["", "unknown", "99999999999", "0"])
def test_a_laser_that_cannot_be_is_unknown(tmp_path: Path, laser: str) -> None:
    """A laser in the header counts only within the range of real ones."""
    read, _ = readers.read(library(tmp_path, "Calcite.csv", laser=laser))
    assert read.lasers.tolist() == [0]


def test_several_spectra_of_a_file_are_one_specimen(tmp_path: Path) -> None:
    """An export of two measurements gives two names and one specimen."""
    where = library(tmp_path, "Calcite.csv")
    rows = "".join(f"{i},{200 + 4 * i},{1000 + i % 37},{900 + i % 29}\n" for i in range(300))
    (where / "Calcite.csv").write_text("ENLIGHTEN Version,4.1\nLaser Wavelength,785,785\n\nPixel,Wavenumber,Processed,Processed\n" + rows)
    read, left_out = readers.read(where)
    assert left_out == []
    assert read.names.tolist() == ["library/Calcite.csv", "library/Calcite.csv#2"]
    assert set(read.specimens.tolist()) == {"library/Calcite.csv"}


def test_other_paths_are_refused(tmp_path: Path) -> None:
    """A missing path, an empty folder, other arrays and a broken archive each give a message with the expected content."""
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "text.zip").write_text("no zip")
    for name, message in [
        ("nowhere", "does not exist"), ("empty", "contains no readable spectrum"), ("other.npz", "got the arrays"),
        ("broken.npz", "cannot be read"), ("text.zip", "neither a folder nor a zip"),
    ]:  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            readers.read(tmp_path / name)


def test_a_dataset_is_imported_again_and_twins_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Datasets can be merged; a spectrum with the name of an earlier one is left out and counted."""
    synthetic.make(3, 2, 1).save(tmp_path / "before.npz")
    where = library(tmp_path, "Calcite.csv")
    assert main(["import", str(tmp_path / "before.npz"), str(where), str(where), "--out", str(tmp_path / "all.npz")]) == 0
    assert "duplicates 1 spectra" in capsys.readouterr().out
    assert datasets.load(tmp_path / "all.npz").labels.tolist()[-1] == "Calcite"


def handheld(path: Path, **replaced: np.ndarray) -> Path:
    """Write two compounds with two replicates in the form of the handheld's arrays."""
    arrays = {
        "raman_shift_cm1": np.arange(200, 300, dtype=np.float32),
        "intensity": np.arange(400, dtype=np.float32).reshape(4, 100),
        "label": np.array(["urea", "urea", "1,3-xylene", "1,3-xylene"], dtype=object),
        "replicate": np.array([1, 2, 1, 2]),
    } | replaced
    np.savez(path, allow_pickle=True, **arrays)
    return path


@pytest.mark.parametrize("kind", [object, str])
def test_replicates_are_specimens_of_their_own(tmp_path: Path, kind: type) -> None:
    """Handheld organics: each replicate has its own name and specimen, at 785 nm; labels are objects or text."""
    labels = np.array(["urea", "urea", "1,3-xylene", "1,3-xylene"], dtype=kind)
    read, left_out = readers.read(handheld(tmp_path / "h.npz", label=labels))
    assert left_out == []
    assert read.labels.tolist() == ["urea", "urea", "1,3-xylene", "1,3-xylene"]
    assert read.specimens.tolist() == read.names.tolist() == ["urea#1", "urea#2", "1,3-xylene#1", "1,3-xylene#2"]
    assert set(read.lasers.tolist()) == {785}
    assert read.spectrum(2).counts[0] == 200.0


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("replicate", np.array([1, 1, 1, 2]), "more than once"),
        ("replicate", np.array([1, 2, 3]), "3 replicates"),
        ("intensity", np.zeros((4, 99), dtype=np.float32), r"\(4, 99\)"),
        ("intensity", np.full((4, 100), np.nan, dtype=np.float32), "finite"),
        ("label", np.array([1, None, "x", "y"], dtype=object), "never executed"),
        ("label", np.array([["a", "b"], ["c", "d"]], dtype=object), "one dimension"),
        ("intensity", np.array([None] * 4, dtype=object), "cannot be read"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, name: str, array: np.ndarray, message: str) -> None:
    """A mistake in the arrays is reported."""
    with pytest.raises(ConfigError, match=message):
        readers.read(handheld(tmp_path / "h.npz", **{name: array}))


def npy(array: np.ndarray, protocol: int | None = None) -> bytes:
    """Return an array as a ``.npy`` file, with its objects pickled by this or another protocol."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    if protocol is None:
        return file.getvalue()
    header = file.getvalue()[: file.getvalue().index(b"\n") + 1]
    return header + pickle.dumps(array, protocol)


@pytest.mark.parametrize("protocol", [None, 3, 4, 5])
@pytest.mark.parametrize("names", [NAMES, ["one"], [f"compound {number}" for number in range(2500)]])
def test_strings_are_read_as_they_were_written(names: list[str], protocol: int | None) -> None:
    """Few or many, long, empty or repeated strings, as NumPy writes them now and wrote them before."""
    assert organics.strings(npy(np.array(names, dtype=object), protocol)) == names


class Evil:
    """A pickle that creates a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        """Write a file."""
        return Path.touch, (self.file,)


def test_a_hostile_array_is_refused_and_not_run(tmp_path: Path) -> None:
    """A function call among the labels is not executed: the array is refused."""
    marker = tmp_path / "ran"
    data = npy(np.array(["calcite", Evil(marker)], dtype=object))
    with pytest.raises(organics.NotStringsError, match=r"opcode|name"):
        organics.strings(data)
    with pytest.raises(ConfigError, match="never executed"):
        readers.read(handheld(tmp_path / "h.npz", label=np.array(["a", "b", "c", Evil(marker)], dtype=object)))
    assert not marker.exists()
    np.load(io.BytesIO(data), allow_pickle=True)
    assert marker.exists()  # it would have


GOOD = npy(np.array(["calcite", "quartz", "calcite"], dtype=object))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"_reconstruct", b"_Reconstruct"),
        (b"ndarray", b"memmap_"),
        (b"multiarray", b"multiarraz"),
        (b"\x8c\x05dtype", b"\x8c\x05exec_"),
        (b"O8", b"f8"),
        (b"\x8c\x07calcite", b"\x8c\x05calci\x8c\x00"),  # a string more, in as many bytes
        (b"et\x94b.", b"et\x94b0."),  # an opcode more at the end
        (b"et\x94b.", b"et\x94bt\x94b."),  # the end twice
        (b"et\x94b.", b"eN\x94b."),  # another end
        (b"\x8c\x06quartz\x94", b"\x8c\x05quart\x93\x94"),  # a global among the strings
        (b"\x8c\x06quartz\x94", b"\x8c\x04quar\x94hc\x94"),  # entry 99 of the memo
        (b"\x8c\x06quartz\x94", b"\x8c\x04quar\x94h\x05\x94"),  # entry 5 of the memo, a class
        (b"\x8c\x06quartz", b"\x8c\xffquartz"),  # longer than the file
        (b"quartz", b"quart\xff"),  # no UTF-8
        (b"quartz", b"qua\xed\xa0\x80"),  # half a character
        (b"\x8c\x06quartz", b"\x96" + 8 * b"\x7f"),  # a byte array of 2 ** 62 zeros
        (b"quartz\x94", b"quartzr\xff\xff\xff\x7f"),  # entry 2 ** 31 of the memo
        (b"\x8c\x06quartz", b"\x80\x02cposix\nsystem\nU\x04true\x85R"),  # a function of the operating system
        (b"\x8c\x06quartz", b"cbuiltins\neval\n\x8c\x04open\x85R"),  # evaluation of a text
        (b"\x8c\x06quartz", b"cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R"),  # an array of 2 ** 31 numbers
        (b"\x8c\x06quartz", b"cnumpy\nload\n\x8c\x01x\x85R"),  # another function of NumPy
    ],
)
def test_a_program_that_is_not_numpys_is_refused(was: bytes, becomes: bytes) -> None:
    """Another function, another class, an additional opcode, a huge allocation."""
    assert was in GOOD
    with pytest.raises(organics.NotStringsError):
        organics.strings(GOOD.replace(was, becomes))


@settings(max_examples=examples(300), deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=0, max_size=4), st.integers(0, 4))
def test_damage_is_refused_or_harmless(place: int, put: bytes, cut: int) -> None:
    """Any change of bytes gives three strings or the one error."""
    damaged = GOOD[:place] + put + GOOD[place + cut :]
    try:
        found = organics.strings(damaged)
    except organics.NotStringsError:
        return
    assert len(found) == 3
    assert all(isinstance(name, str) for name in found)


def test_the_real_organics(real_data: Path) -> None:
    """38 compounds of four replicates, and 80 of one file each."""
    read, _ = readers.read(real_data / "organics" / "handheld_785.npz")
    assert set(np.unique(read.labels, return_counts=True)[1].tolist()) == {4}
    assert (len(read), len(set(read.specimens.tolist()))) == (152, 152)
    files, left_out = readers.read(real_data / "organics" / "wasatch_library")
    assert len(files) == len(set(files.labels.tolist())) == 80
    assert {"tert-Butyl Methyl Ether", "1-Butanol", "K2HPO4"} <= set(files.labels.tolist())
    assert len(left_out) == 1
