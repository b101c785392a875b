"""What the embedded default says of files that real instruments wrote."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from raman_edge.matching import library
from raman_edge.matching.identify import Reading, readings
from raman_edge.model import model
from raman_edge.service.identifier import Identifier
from raman_edge.sources.files import FileSource

DATA = Path(os.environ.get("RAMAN_DATA") or Path(__file__).parents[3] / "shared" / "data")
FOLDER = DATA / "instrument_files"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"real instrument files are not at {FOLDER}")


def texts(pattern: str) -> list[Path]:
    """Return the text files that match, with upper and lower case distinguished on every system."""
    return sorted(path for path in FOLDER.rglob("*") if fnmatchcase(path.name, pattern) and path.suffix in {".txt", ".tsv", ".csv"})


def answers(pattern: str) -> dict[str, Reading]:
    """Return the results of the text files that match, by name; binary formats are not read yet."""
    network = model.Model.open(model.default_path())
    references = library.Library.open(library.default_path(), network=network.card.network)
    with FileSource([str(path) for path in texts(pattern)], None) as source:
        results = [event for event in readings(source, network, references) if isinstance(event, Reading)]
    return {_name(reading): reading for reading in results}


def _name(reading: Reading) -> str:
    return Path(reading.spectrum.origin.path).name


@pytest.mark.parametrize(("pattern", "least"), [("PST*", 6), ("*olystyrene*", 2), ("Ne_*", 1)])
def test_what_is_no_mineral_is_unknown(pattern: str, least: int) -> None:
    """Polystyrene and a neon lamp are nothing in the library, whichever instrument saw them."""
    results = answers(pattern)
    assert len(results) >= least
    assert {name: reading.verdict.decision for name, reading in results.items()} == dict.fromkeys(results, "unknown")


def test_calcite_is_calcite_on_every_instrument() -> None:
    """With one name in its set, and all of its lines found."""
    results = answers("?C[Aa][Ll]*")
    assert len(results) >= 3
    for name, reading in results.items():
        assert reading.verdict.decision == "match", name
        assert reading.verdict.ranked[0].label == "Calcite", name
        assert reading.verdict.sets.p90 == ("Calcite",), name
        assert not reading.verdict.ranked[0].peaks.missing, name


def test_everyday_materials_are_named_with_their_pack() -> None:
    """Polystyrene on every instrument, and acetonitrile of another spectrometer, are named; the lamp stays unknown."""
    identifier = Identifier(packs=("minerals", "everyday"), user_library=False)
    found = {}
    for pattern in ("PST*", "*olystyrene*", "WP785_acetonitrile*", "Ne_*", "?CAL*"):
        for path in texts(pattern):
            with FileSource([str(path)], None) as source:
                found[path.name] = identifier.identify(list(source))[0]
    for name, one in found.items():
        if name.startswith("Ne_"):
            assert one.decision == "unknown", name
        elif "CAL" in name:
            assert (one.decision, one.label) == ("match", "Calcite"), name
        elif "acetonitrile" in name:
            assert (one.decision, one.label) == ("match", "Acetonitrile"), name
        else:
            assert "PS" in one.names, name
            assert one.candidates[0].label in {"PS", "SAN", "ABS"}, name
    assert len(found) >= 10
