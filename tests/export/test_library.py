"""The library of a folder: labels, references, spectra of low quality, and similar labels."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import build
import command
import materials
import numpy as np
import pytest
from raman_edge import peaks
from raman_edge.errors import ConfigError, LibraryError
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_export import library
from raman_train.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The matched filter with its library beside it."""
    return build.write_pair(tmp_path)[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of spectra: silicon by sub-folder, quartz by file name, a spectrum of noise and a text file."""
    place = tmp_path / "lab"
    (place / "Silicon").mkdir(parents=True)
    for seed in range(3):
        materials.write(place / "Silicon" / f"{seed}.csv", seed=seed)
    (place / "Quartz_2.csv").write_text(build.text("Quartz", 1))
    materials.write_spectrum(place / "Air.csv", materials.noise())
    (place / "notes.txt").write_text("words, words\n" * 99)
    return place


def made(folder: Path, model: Path, *, with_base: bool = False) -> tuple[Library, dict[str, Any]]:
    """Build the library of a folder and return it with its report."""
    out = folder.parent / "out.library.npz"
    report = json.loads(library.of_folder(folder, model, out, with_base=with_base))
    return Library.open(out, network=build.NETWORK), report


def test_a_folder_becomes_a_library(folder: Path, model: Path) -> None:
    """Labels come from folders and file names, and the library identifies other exposures of the same materials."""
    opened, report = made(folder, model)
    assert opened.labels == ("Quartz", "Silicon")
    assert (report["labels"], report["references"], report["spectra"], report["with_base"]) == (2, len(opened), 4, None)
    assert "lab/Silicon/0.csv" in opened.specimens
    network = Model.open(model)
    for seen, label in ((materials.exposure(seed=9), "Silicon"), (build.spectrum("Quartz", 9), "Quartz")):
        best = identify(seen, network, opened).verdict.best
        assert best is not None
        assert best.label == label


def test_files_left_out_are_reported(folder: Path, model: Path) -> None:
    """A spectrum of noise and a file without a spectrum are reported with the reason; the rest is in the library."""
    _, report = made(folder, model)
    refused = dict(line.split(": ", 1) for line in report["refused"])
    assert set(refused) == {"lab/Air.csv", "lab/notes.txt"}
    assert refused["lab/Air.csv"].startswith("too noisy")


def test_with_the_models_own(folder: Path, model: Path) -> None:
    """With the model's library, a known label gains references and keeps its peaks; all other labels are present."""
    opened, report = made(folder, model, with_base=True)
    base = build.make_library()
    assert opened.labels == (*base.labels, "Silicon")
    assert report["with_base"] == [len(opened.labels), len(opened)]
    assert len(opened) == len(base) + report["references"]
    place = base.labels.index("Quartz")
    assert opened.peaks[place].shift == pytest.approx(base.peaks[place].shift, abs=1e-3)


def test_similar_labels_are_reported(folder: Path, model: Path) -> None:
    """The same spectrum under two labels is reported once, with the cosine."""
    (folder / "Wafer.csv").write_bytes((folder / "Silicon" / "0.csv").read_bytes())
    _, report = made(folder, model)
    (alike,) = report["alike"]
    assert alike == {"label": "Silicon", "other": "Wafer", "similarity": pytest.approx(1.0, abs=1e-3)}


def test_duplicate_references_are_left_out(folder: Path, model: Path) -> None:
    """Copies of a spectrum are one reference, and the peaks of a label are those of its most central spectrum."""
    for number in range(5):
        (folder / "Silicon" / f"copy{number}.csv").write_bytes((folder / "Silicon" / "1.csv").read_bytes())
    opened, report = made(folder, model)
    assert report["spectra"] == 9
    assert [name for name in opened.specimens if "Silicon" in name].count("lab/Silicon/1.csv") == 1
    assert not any("copy" in name for name in opened.specimens)
    features = build.RECIPE.features(materials.read(folder / "Silicon" / "1.csv")).astype(np.float64)
    expected = peaks.find(build.RECIPE.axis, features, most=16)
    assert opened.peaks[opened.labels.index("Silicon")].shift == pytest.approx(expected.shift, abs=0.01)


def test_a_folder_of_nothing_is_refused(tmp_path: Path, model: Path) -> None:
    """A folder without a usable spectrum is refused with an example, and nothing is written."""
    place = tmp_path / "air"
    place.mkdir()
    materials.write_spectrum(place / "Air.csv", materials.noise())
    with pytest.raises(ConfigError, match=r"none of the 1 spectra below .* is good enough for a reference: .*too noisy"):
        made(place, model)
    assert not (tmp_path / "out.library.npz").exists()


def test_a_folder_that_cannot_be_written_is_refused(folder: Path, model: Path) -> None:
    """A folder that does not exist is a LibraryError."""
    with pytest.raises(LibraryError, match="cannot be written"):
        library.of_folder(folder, model, folder.parent / "nowhere" / "x.npz", with_base=False)


def test_the_command(folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``raman-train export --library FOLDER MODEL.onnx OUT`` writes the file and prints the report."""
    out = tmp_path / "command.library.npz"
    assert main(["export", "--library", str(folder), str(model), str(out), "--with-base"]) == 0
    assert json.loads(capsys.readouterr().out)["library"] == str(out)
    assert "Silicon" in Library.open(out, network=build.NETWORK).labels
    assert main(["export", "--library", str(tmp_path / "none"), str(model), str(out)]) == 78
    assert "contains no readable spectrum" in capsys.readouterr().err


FORBIDDEN = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "onnx", "sklearn", "matplotlib"}:
            raise ImportError(f"{name} must not be imported here")

sys.meta_path.insert(0, Forbidden())
from raman_export.cli import add_export
from raman_train.cli import main
sys.exit(main(sys.argv[1:], [add_export]))
"""


def test_no_torch_is_needed(folder: Path, model: Path, tmp_path: Path) -> None:
    """Building the library needs only onnxruntime and the recipe of the edge."""
    called = [sys.executable, "-c", FORBIDDEN, "export", "--library", str(folder), str(model), str(tmp_path / "bare.library.npz")]
    done = subprocess.run(called, capture_output=True, text=True, check=False, env=command.environment(PYTHONPATH=":".join(sys.path)))
    assert done.returncode == 0, done.stderr


def test_distinct_keeps_the_first_of_what_is_the_same() -> None:
    """Of equal references of one label the first is kept; references of other labels are not compared."""
    rows = np.eye(3, dtype=np.float32)[[0, 0, 1, 0, 2, 2]]
    labels = np.array(["a", "a", "a", "b", "b", "b"])
    assert library.distinct(labels, rows).tolist() == [0, 2, 3, 4]


def test_the_central_reference_is_most_like_all() -> None:
    """The most central reference is the one with the largest mean cosine."""
    rows = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], dtype=np.float32)
    assert library.central(np.array([0, 1, 2]), rows) == 1
    assert library.central(np.array([3]), rows) == 3
