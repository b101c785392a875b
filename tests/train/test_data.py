"""Datasets: read from RRUFF's formats, stored, merged, summarised; synthetic spectra."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train.cli import main
from raman_train.data import datasets, readers, rruff, synthetic

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = Recipe((Resample(start=100.0, stop=1500.0, step=2.0), MinMax()))


def rruff_text(names: str, peak: float = 500.0) -> str:
    """Return an RRUFF file as the database writes it: LF in the header, CRLF in the table."""
    rows = "".join(f"{x:.3f}, {np.exp(-(((x - peak) / 6) ** 2)) * 900 + 3:.4f}\r\n" for x in np.arange(150.0, 1200.0, 1.9))
    return f"##NAMES={names}\n##RRUFFID=R000001\n##LOCALITY=Somewhere\n{rows}##END=\n\n\n\n"


def folder_of(tmp_path: Path, **files: str) -> Path:
    """Write files named by keyword (``__`` is RRUFF's separator) into a folder."""
    folder = tmp_path / "rruff"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.txt").write_bytes(text.encode("latin-1"))
    return folder


@pytest.mark.parametrize(
    ("name", "specimen", "laser"),
    [
        ("Calcite__R040070-4__Raman__532__0__unoriented__Raman_Data_Processed__1.txt", "R040070", 532),
        ("Natrolite__R040022perptofiberaxes__Raman__514__0__unoriented__Raman_Data_Processed__3.txt", "R040022", 514),
        ("Hornesite__RS151-1001269__Raman__785__0__unoriented__Raman_Data_Processed__1.txt", "RS151-1001269", 785),
        ("Anatase__R060277__Broad_Scan____0__unoriented__Raman_Data_RAW__2.txt", "R060277", 0),
        ("nonsense", "nonsense", 0),
    ],
)
def test_specimen_and_laser_from_a_file_name(name: str, specimen: str, laser: int) -> None:
    """The suffix of a crystal does not make another specimen; a missing part is unknown."""
    assert rruff.specimen_of(name) == specimen
    assert rruff.laser_of(name) == laser


def test_a_folder_and_a_zip_of_rruff_files_read_alike(tmp_path: Path) -> None:
    """A zip and a folder give the same dataset; raw files and others are left out by name."""
    folder = folder_of(
        tmp_path,
        Calcite__R000001__Raman__532__0__unoriented__Raman_Data_Processed__1=rruff_text("Calcite", 1086),
        Quartz__R000002__Raman__785__0__unoriented__Raman_Data_Processed__2=rruff_text("Quartz", 464),
        Quartz__R000002__Raman__785__0__unoriented__Raman_Data_RAW__3=rruff_text("Quartz", 464),
        Broken__R000003__Raman__785__0__unoriented__Raman_Data_Processed__4="<html>",
        notes="read me",
    )
    packed = tmp_path / "rruff.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"inside/{file.name}")
    read, left_out = readers.read(folder)
    zipped, also = readers.read(packed)
    assert read.labels.tolist() == zipped.labels.tolist() == ["Calcite", "Quartz"]
    assert read.lasers.tolist() == [532, 785]
    assert np.array_equal(read.counts, zipped.counts)
    assert len(left_out) == len(also) == 3
    assert any("RAW" in line for line in left_out)


def test_the_header_beats_the_file_name(tmp_path: Path) -> None:
    """A file whose header names another mineral has the label of its header, with the spelling of the file name."""
    folder = folder_of(
        tmp_path,
        Calcite__R000001__Raman__532__0__unoriented__Raman_Data_Processed__1=rruff_text("Vaterite"),
        FerrieriteK__R000002__Raman__532__0__unoriented__Raman_Data_Processed__2=rruff_text("Ferrierite-K"),
    )
    assert readers.read(folder)[0].labels.tolist() == ["Vaterite", "FerrieriteK"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A folder without a spectrum is refused with the files left out."""
    with pytest.raises(ConfigError, match="contains no readable spectrum"):
        readers.read(folder_of(tmp_path, notes="nothing"))


def test_the_papers_arrays_lose_what_was_not_measured(tmp_path: Path) -> None:
    """Zeros at both ends are removed; the subsets are marked."""
    intensity = np.zeros((2, 1570), dtype=np.uint16)
    intensity[0, 100:1200] = 1000
    intensity[1, 5:1500] = 65535
    path = tmp_path / "paper.npz"
    np.savez(
        path,
        intensity_u16=intensity,
        raman_shift_cm1=np.arange(30, 1600, dtype=np.float32),
        mineral=np.array(["A", "B"]),
        filename=np.array(["A__R010101-2__Raman__514__0__ccw__x__1.txt", "B__R010102__Raman__780__0__x__2.txt"]),
        in_dataset_1=np.array([True, False]),
    )
    read, _ = readers.read(path)
    assert np.diff(read.start).tolist() == [1100, 1495]
    assert (read.spectrum(0).axis.start, read.spectrum(1).axis.stop) == (130.0, 1529.0)
    assert read.spectrum(1).counts.max() == 1.0
    assert (len(read.subset("dataset_1")), len(read.subset("dataset_2"))) == (1, 2)


def archive(tmp_path: Path, name: str, **spectra: int) -> Path:
    """Write a zip in RRUFF's form with this number of spectra for each mineral."""
    packed = tmp_path / name
    with zipfile.ZipFile(packed, "w") as made:
        for mineral, count in spectra.items():
            for number in range(count):
                file = f"{mineral}__R{number:06}__Raman__532__0__unoriented__Raman_Data_Processed__{number}.txt"
                made.writestr(file, rruff_text(mineral))
    return packed


def test_dataset_3_is_the_originals_of_2_to_20_spectra(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels with one spectrum or with 21 are left out; the summary has the rest."""
    packed = archive(tmp_path, "excellent_unoriented.zip", Calcite=21, Quartz=20, Gypsum=2, Talc=1)
    assert main(["import", str(packed), "--out", str(tmp_path / "d.npz")]) == 0
    assert "Dataset_3 22 of 2 labels" in capsys.readouterr().out
    third = datasets.load(tmp_path / "d.npz").subset("dataset_3")
    assert {label: third.labels.tolist().count(label) for label in set(third.labels.tolist())} == {"Quartz": 20, "Gypsum": 2}


def test_dataset_3_is_not_chosen_from_a_mixture(tmp_path: Path) -> None:
    """Spectra of other origin would change the sizes of labels, and are refused."""
    native, _ = readers.read(archive(tmp_path, "excellent_unoriented.zip", Quartz=3))
    other, _ = readers.read(archive(tmp_path, "fair_oriented.zip", Calcite=3))
    for dataset, strangers in ((other, "3 of these 3"), (datasets.merge(native, other), "3 of these 6"), (synthetic.make(2, 1, 1), "2 of")):
        with pytest.raises(ConfigError, match=strangers):
            dataset.subset("dataset_3")
        assert "Dataset_3 0" in dataset.census()


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    """A dataset is the same after saving and loading; another file is refused with what to do."""
    made = synthetic.make(3, 2, 1)
    made.save(tmp_path / "d.npz")
    again = datasets.load(tmp_path / "d.npz")
    for name in datasets.Dataset.__slots__:
        assert np.array_equal(getattr(made, name), getattr(again, name)), name
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    with pytest.raises(ConfigError, match="raman-train import"):
        datasets.load(tmp_path / "other.npz")
    with pytest.raises(ConfigError, match="contains no spectrum of dataset_1"):
        made.subset("dataset_1")


def test_merging_keeps_the_first_of_a_name() -> None:
    """A spectrum of two sources is kept once."""
    one, two = synthetic.make(3, 2, 1, seed=0), synthetic.make(4, 2, 1, seed=1)
    both = datasets.merge(one, two)
    assert len(both) == 8
    assert np.array_equal(both.spectrum(0).counts, one.spectrum(0).counts)
    assert np.array_equal(both.spectrum(7).counts, two.spectrum(7).counts)


def test_features_are_the_edges_own() -> None:
    """The features come from the recipe of the edge."""
    made = synthetic.make(2, 1, 1)
    assert np.array_equal(made.features(RECIPE)[1], RECIPE.features(made.spectrum(1)))


def test_synthetic_spectra_are_reproducible_and_distinguish_materials() -> None:
    """A seed gives one dataset; two exposures of a specimen are more similar than two materials."""
    made = synthetic.make(6, 2, 2, seed=5)
    assert np.array_equal(made.counts, synthetic.make(6, 2, 2, seed=5).counts)
    rows = made.features(RECIPE)
    rows -= rows.mean(axis=1, keepdims=True)
    cosines = np.corrcoef(rows)
    same = np.mean([cosines[i, i + 1] for i in range(0, len(made), 2)])
    other = np.mean([cosines[i, (i + 8) % len(made)] for i in range(0, len(made), 2)])
    assert same > other + 0.3


def test_import_prints_a_census(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train import` prints what it read and what it left out."""
    folder = folder_of(
        tmp_path, Calcite__R000001__Raman__532__0__unoriented__Raman_Data_Processed__1=rruff_text("Calcite"), notes="no spectrum"
    )
    assert main(["import", str(folder), "--out", str(tmp_path / "out" / "d.npz")]) == 0
    output = capsys.readouterr().out
    assert "1 of 1 labels and 1 specimens" in output
    assert "left out   1 files" in output


def test_the_real_database(real_data: Path) -> None:
    """The paper's arrays contain Dataset_1 and Dataset_2 as published."""
    read, _ = readers.read(real_data / "rruff" / "paper_datasets.npz")
    assert (len(read), len(set(read.labels.tolist()))) == (8578, 1332)
    first = read.subset("dataset_1")
    assert (len(first), len(set(first.labels.tolist()))) == (5292, 192)
    assert read.specimens[0] == "R060227"
