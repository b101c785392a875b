"""The probable cause of an unknown spectrum: each is constructed, and computed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from raman_edge.matching import cause
from raman_edge.matching.cause import LineTable
from raman_edge.matching.library import Library
from raman_edge.matching.ranking import Candidate, PredictionSets, Ranking
from raman_edge.model.model import Model
from raman_edge.peaks import MaterialLines, Peaks
from raman_edge.service.identifier import Identifier
from raman_edge.spectrum import Axis, Spectrum
from raman_edge.synthetic import lines

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_edge.identification import Identification

WHOLE = Axis.linear(100.0, 3400.0, 1.0)


@pytest.fixture(scope="module")
def identifier() -> Identifier:
    """The embedded model with the shipped packs."""
    return Identifier(packs=("minerals", "everyday"), user_library=False)


def drawn(*peaks: tuple[float, float], width: float = 8.0) -> NDArray[np.float64]:
    """Return counts on :data:`WHOLE` with these lines (cm⁻¹, height) and a little noise."""
    at, height = (np.array(column) for column in zip(*peaks, strict=True))
    counts = lines(WHOLE, Peaks(at, height, np.full(at.size, width)))
    return 10_000.0 * counts + np.random.default_rng(0).normal(0.0, 10.0, len(WHOLE)) + 500.0


def anatase(error: float = 0.0) -> NDArray[np.float64]:
    """Return anatase on an axis with that error, cm⁻¹."""
    return drawn(
        *((at + error, height) for at, height in ((144.0, 1.0), (197.0, 0.07), (397.0, 0.25), (516.0, 0.2), (639.0, 0.25))), width=12.0
    )


STRANGE = ((233.0, 0.7), (377.0, 0.9), (555.0, 0.6), (641.0, 1.0), (905.0, 0.8), (1222.0, 0.7), (1391.0, 0.9))
"""Lines of no material."""


def identified(identifier: Identifier, counts: NDArray[np.float64]) -> Identification:
    """Identify counts on :data:`WHOLE`."""
    return identifier.identify(Spectrum(WHOLE, counts))


@pytest.mark.parametrize("error", [-40.0, -22.0, 22.0, 40.0])
def test_a_shifted_axis(identifier: Identifier, error: float) -> None:
    """Its shift is given to a few cm⁻¹, with its sign, and what the spectrum is then."""
    found = identified(identifier, anatase(error))
    assert found.decision == "unknown"
    assert found.cause is not None
    assert (found.cause.kind, found.cause.names) == ("shifted axis", ("Anatase",))
    assert found.cause.shift == pytest.approx(error, abs=4.0)
    assert "calibrate" in found.reasons[0]


def test_an_organic(identifier: Identifier) -> None:
    """Bands where carbon-hydrogen bonds stretch; without them it is only not in the library, with its unexplained peaks."""
    organic = identified(identifier, drawn(*STRANGE, (2880.0, 1.0), (2940.0, 0.9), width=20.0))
    assert (organic.decision, organic.cause and organic.cause.kind) == ("unknown", "organic")
    other = identified(identifier, drawn(*STRANGE))
    assert (other.decision, other.cause and other.cause.kind) == ("unknown", "not in library")
    assert other.cause is not None
    assert other.cause.names[0] in other.cause.text
    assert "unexplained peaks at" in other.cause.text


def test_too_weak(identifier: Identifier) -> None:
    """Below a signal-to-noise ratio where noise alone explains it."""
    rng = np.random.default_rng(1)
    found = identified(identifier, drawn(*STRANGE) + rng.normal(0.0, 1200.0, len(WHOLE)))
    assert found.cause is None or found.cause.kind == "weak"
    assert found.decision in {"unknown", "rejected"}


def test_fluorescence(identifier: Identifier) -> None:
    """A background many times as high as the lines."""
    background = 400_000.0 * np.exp(-(((WHOLE.shift - 1500.0) / 900.0) ** 2))
    found = identified(identifier, drawn(*STRANGE) + background)
    assert (found.decision, found.cause and found.cause.kind) == ("unknown", "fluorescence")


def test_saturation(identifier: Identifier) -> None:
    """Said before anything else: the lines are cut."""
    found = identified(identifier, np.minimum(drawn(*STRANGE), 3000.0))
    assert (found.decision, found.cause and found.cause.kind) == ("unknown", "saturated")


def test_what_is_named_has_no_cause(identifier: Identifier) -> None:
    """A cause explains why nothing is named."""
    found = identified(identifier, anatase())
    assert found.label == "Anatase"
    assert found.cause is None


def test_a_mixture(tmp_path: Path) -> None:
    """Two labels whose lines are all there, and that explain together what neither explains alone."""
    path, beside = build.write_pair(tmp_path)
    library = Library.open(beside, network=Model.open(path).card.network)
    ranked = Ranking((Candidate("Gypsum", None, 0.5),), PredictionSets(), 0.5, "Gypsum", 0.5, ("Gypsum", "Zircon", "Calcite"))
    both = np.array([282.0, 712.0, 1086.0, 357.0, 439.0, 974.0, 1008.0]), np.full(7, 1 / 7)
    found = cause._mixture(both, (100.0, 1400.0), ranked, library)
    assert found is not None
    assert (found.kind, set(found.names)) == ("mixture", {"Calcite", "Zircon"})
    alone = np.array([282.0, 712.0, 1086.0]), np.full(3, 1 / 3)
    assert cause._mixture(alone, (100.0, 1400.0), ranked, library) is None


def test_the_table_of_lines_is_plain_python() -> None:
    """Explained peaks and found lines are those of a loop over all labels, also of a label without lines."""
    rng = np.random.default_rng(3)
    materials = []
    for count in (4, 0, 7, 1):
        shift = np.sort(rng.uniform(100.0, 1500.0, count).round(1))
        materials.append(MaterialLines(shift, np.full(count, 8.0), np.ones(count), rng.uniform(0.1, 1.0, count)))
    peaks = np.sort(rng.uniform(100.0, 1500.0, 40).round())
    heights = rng.uniform(0.1, 1.0, 40)
    table = LineTable.of(tuple(materials))
    explained, found = table.explained(peaks, heights), table.found(peaks, (200.0, 1400.0))
    for label, one in enumerate(materials):
        expected = [
            h if any(abs(round(float(at)) - p) <= cause.NEAR for at in one.shift) else 0.0 for p, h in zip(peaks, heights, strict=True)
        ]
        np.testing.assert_allclose(explained[label], expected)
        inside = [(at, low) for at, low in zip(one.shift, one.lowest, strict=True) if 200.0 <= at <= 1400.0]
        seen = sum(low for at, low in inside if np.abs(peaks - at).min() <= cause.NEAR)
        assert found[label] == pytest.approx(seen / sum(low for _, low in inside) if inside else 0.0)
