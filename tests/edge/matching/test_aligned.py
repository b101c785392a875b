"""Whole reference spectra: moved, over a background, in part; and what they leave of a network's verdict."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge import Identifier
from raman_edge.matching import identify, pack
from raman_edge.matching.aligned import FARTHEST, AlignedSearch
from raman_edge.spectrum import Axis, Spectrum
from raman_edge.terminal.headline import describe
from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

GRID = np.arange(150.0, 3300.0)
LINES = {
    "many": {410.0: 0.6, 780.0: 1.0, 1050.0: 0.4, 1450.0: 0.9, 2900.0: 0.8},
    "other": {350.0: 0.8, 900.0: 0.5, 1180.0: 1.0, 1610.0: 0.7, 3060.0: 0.6},
    "single": {1086.0: 1.0},
}


def made(name: str, *, at: float = 0.0, noise: float = 0.0, background: float = 0.0, grid: NDArray[np.float64] = GRID) -> Spectrum:
    """Return a spectrum with the lines of ``name`` moved by ``at``, on a slope and with noise relative to its highest line."""
    counts = sum(height * np.exp(-0.5 * ((grid - at - shift) / 6.0) ** 2) for shift, height in LINES[name].items())
    counts = counts + background * (1 + np.sin(grid / 900.0)) + noise * np.random.default_rng(3).standard_normal(grid.size)
    return Spectrum(Axis(grid), counts)


@pytest.fixture(scope="module")
def search() -> AlignedSearch:
    """The three materials."""
    return AlignedSearch(tuple(LINES), [made(name) for name in LINES])


@pytest.mark.parametrize("at", [-10.0, -4.0, 0.0, 6.0, float(FARTHEST)])
def test_a_moved_spectrum_is_found_with_its_offset(search: AlignedSearch, at: float) -> None:
    """An error of the axis within reach changes neither the label nor the similarity."""
    found = search.search(made("many", at=at))
    assert found is not None
    assert (found.label, found.offset) == ("many", at)
    assert found.similarity > 0.95
    assert found.convincing


def test_background_and_noise_are_tolerated(search: AlignedSearch) -> None:
    """Fluorescence five times as high as the lines, and noise."""
    found = search.search(made("other", at=4.0, background=5.0, noise=0.01))
    assert found is not None
    assert (found.label, found.offset) == ("other", 4.0)
    assert found.convincing


def test_a_single_line_convinces_of_nothing(search: AlignedSearch) -> None:
    """A line alone fits many materials once it may move, however well it fits."""
    found = search.search(made("single"))
    assert found is not None
    assert found.label == "single"
    assert found.similarity > 0.95
    assert found.windows < 2
    assert not found.convincing


def test_beyond_reach_is_not_found(search: AlignedSearch) -> None:
    """An axis that is off by more than is tried fits nothing."""
    found = search.search(made("many", at=3.0 * FARTHEST))
    assert found is None or not found.convincing


def test_half_of_the_range_is_enough_but_a_sliver_is_not(search: AlignedSearch) -> None:
    """What was not measured counts for neither; the similarity of a sliver with few of the lines is lowered."""
    half = search.search(made("many", grid=np.arange(150.0, 1700.0)))
    assert half is not None
    assert half.covered == (150.0, 1698.0)
    assert half.similarity > 0.95
    assert half.convincing
    sliver = search.search(made("many", grid=np.arange(1000.0, 1100.0)))
    assert sliver is not None
    assert not sliver.convincing


@pytest.mark.parametrize(
    "spectrum",
    [
        Spectrum(Axis(np.linspace(500.0, 540.0, 100)), np.arange(100.0)),
        Spectrum(Axis(np.linspace(4000.0, 5000.0, 100)), np.arange(100.0)),
        Spectrum(Axis(np.linspace(-300.0, 50.0, 100)), np.arange(100.0)),
    ],
    ids=["too short", "beyond the end", "before the start"],
)
def test_what_cannot_be_compared_gives_none(search: AlignedSearch, spectrum: Spectrum) -> None:
    """Too little within 100 to 3400 cm⁻¹."""
    assert search.search(spectrum) is None


def test_no_structure_gives_nothing_convincing(search: AlignedSearch) -> None:
    """A constant and a slope have no lines."""
    for counts in (np.full(GRID.size, 7.0), GRID.copy()):
        found = search.search(Spectrum(Axis(GRID), counts))
        assert found is None or not found.convincing


def test_reference_without_lines_is_harmless() -> None:
    """A constant reference is near nothing, and keeps nothing from being found."""
    search = AlignedSearch(("flat", "many"), [Spectrum(Axis(GRID), np.full(GRID.size, 7.0)), made("many")])
    found = search.search(made("many"))
    assert found is not None
    assert found.label == "many"


def test_without_references_nothing_is_found() -> None:
    """An empty search, and one whose references are too short."""
    short = Spectrum(Axis(np.linspace(500.0, 540.0, 100)), np.arange(100.0))
    for empty in (AlignedSearch((), ()), AlignedSearch(("x",), (short,))):
        assert empty.search(made("many")) is None


@pytest.fixture(scope="module")
def identifier() -> Identifier:
    """The embedded model with the packs that are installed with it."""
    return Identifier(user_library=False, packs=pack.SHIPPED)


def reference(label: str) -> Spectrum:
    """Return the first reference of a material in the pack ``everyday``."""
    opened = pack.Pack.open(pack.shipped_path(pack.EVERYDAY))
    return next(one for of, one in zip(opened.contents.references, opened.spectra, strict=True) if of.label == label)


def moved(spectrum: Spectrum, by: float) -> Spectrum:
    """Return the spectrum on an axis that is off."""
    return replace(spectrum, axis=Axis(spectrum.axis.shift + by))


@pytest.mark.parametrize("label", ["PS", "PP", "Ethanol", "Acetonitrile"])
def test_everyday_material_is_named(identifier: Identifier, label: str) -> None:
    """Over a background, on an axis that is off by what handhelds are off."""
    one = reference(label)
    raw = replace(one, counts=one.counts + 2 * one.counts.max() * (1 + np.sin(one.axis.shift / 1000)))
    result = identifier.identify(moved(raw, 4.0))
    assert (result.decision, result.label) == ("match", label)


def test_large_offset_advises_a_calibration(identifier: Identifier) -> None:
    """The name is possible, and the reason is the axis."""
    result = identifier.identify(moved(reference("PS"), 10.0))
    assert (result.decision, result.label) == ("possible", "PS")
    assert result.reasons == ("its lines are +10 cm⁻¹ off those of PS: calibrate the wavenumber axis",)
    assert result.probability is None
    assert result.record.aligned is not None
    assert result.record.aligned.offset == 10.0


def test_the_whole_reference_is_named_as_the_reason(identifier: Identifier) -> None:
    """A person reads what decided: range, offset of the axis, similarity."""
    reading = identify.identify(moved(reference("PS"), 4.0), identifier.model, identifier.library)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(describe(reading))
    written = console.export_text()
    assert "the whole reference of PS fits from" in written
    assert "the axis +4 cm⁻¹ off: similarity" in written


def test_mixture_is_no_match(identifier: Identifier) -> None:
    """Half polystyrene, half ethanol: the strong lines of the other part stand against either name."""
    one, other = reference("PS"), reference("Ethanol")
    grid = np.arange(310.0, 2290.0)
    parts = [np.interp(grid, part.axis.shift, part.counts / part.counts.max()) for part in (one, other)]
    result = identifier.identify(Spectrum(Axis(grid), parts[0] + parts[1]))
    assert result.decision != "match"


def test_a_pack_of_the_user_makes_no_match(tmp_path: Path) -> None:
    """How often its whole references are wrong was not measured: what was unknown becomes possible, and a shipped pack comes first."""
    resin = pack.PackContents(name="lab", title="lab", sources=(pack.PackSource(title="lab", licence="", attribution=""),), materials=(),
                              references=(pack.PackReference("Resin", "resin", 0),))  # fmt: skip
    pack.Pack(resin, (reference("PS"),)).save(tmp_path / "lab.pack.npz")
    one = reference("PS")
    seen = moved(replace(one, counts=one.counts + 2 * one.counts.max() * (1 + np.sin(one.axis.shift / 1000))), 12.0)
    alone = Identifier(user_library=False, packs=("minerals", str(tmp_path / "lab.pack.npz"))).identify(seen)
    assert (alone.decision, alone.label) == ("possible", "Resin")
    assert alone.reasons[0] == "only its whole reference in your pack supports Resin; similar materials may not be in a pack"
    both = Identifier(user_library=False, packs=(*pack.SHIPPED, str(tmp_path / "lab.pack.npz"))).identify(moved(one, 4.0))
    assert (both.decision, both.label) == ("match", "PS")


def test_a_match_of_the_network_stands(identifier: Identifier) -> None:
    """Whole references settle only what the network leaves open: a mineral keeps its name and its probability."""
    probe = identifier.model.card.probe
    result = identifier.identify(Spectrum(Axis(probe.shift.array()), probe.counts.array()))
    assert result.decision == "match"
    assert result.record.aligned is None
    assert result.probability is not None
