"""The networks of papers that are kept in export/models: small, whole, cited, and able to identify."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from raman_edge import Identifier, read
from raman_edge.model.model import Model

MODELS = Path(__file__).parents[2] / "export" / "models"
FILES = sorted(MODELS.glob("*.onnx"))
LARGEST = 13_000_000
"""Bytes of a model file."""
DATA = Path(os.environ.get("RAMAN_DATA") or Path(__file__).parents[3] / "shared" / "data") / "instrument_files"
EXAMPLE = Path(__file__).parents[2] / "edge" / "raman_edge" / "assets" / "quartz.csv"


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """Each model file."""
    return Path(request.param)


@pytest.fixture(scope="module")
def identifier(path: Path) -> Identifier:
    """The model with the library beside it, and nothing else."""
    return Identifier(path, user_library=False)


def test_drcnn_is_there() -> None:
    """The network of Zhou et al. 2022 can be run without training it."""
    assert any(path.stem.startswith("drcnn") for path in FILES)


def test_a_model_is_small_and_gives_the_numbers_of_its_probe(path: Path) -> None:
    """Opening replays the probe; the README lists the file with its digest."""
    assert path.stat().st_size <= LARGEST
    opened = Model.open(path)  # ProbeMismatch where a number differs
    assert opened.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert opened.sha256 in (MODELS / "README.md").read_text(encoding="utf-8")


def test_a_model_cites_its_data_and_its_method(path: Path) -> None:
    """In the card inside the file."""
    source = Model.open(path).card.provenance
    cited = " ".join(source.cite)
    assert "RRUFF" in cited
    assert "Zhou" in cited
    assert source.licence


def test_a_model_identifies_the_example(identifier: Identifier) -> None:
    """The spectrum of quartz that is installed with raman-edge."""
    (spectrum,) = read(EXAMPLE)
    assert identifier.identify(spectrum).record.matches[0].label == "Quartz"


@pytest.mark.skipif(not DATA.is_dir(), reason=f"real instrument files are not at {DATA}")
def test_a_model_identifies_calcite_of_other_instruments(identifier: Identifier) -> None:
    """Files of laboratories whose spectra the network never saw."""
    files = sorted(file for file in DATA.rglob("?C[Aa][Ll]*") if file.suffix in {".txt", ".tsv", ".csv"})
    first = [identifier.identify(read(file)[0]).record.matches[0].label for file in files]
    assert len(first) >= 3
    assert first.count("Calcite") >= len(first) - 1
