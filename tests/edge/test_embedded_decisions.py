"""What the embedded default decides about exposures that are moved, mixed or cut: no match with evidence against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from raman_edge import synthetic
from raman_edge.matching import library
from raman_edge.matching.identify import identify
from raman_edge.model import model
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Verdict
    from raman_edge.model.model import Model

    Pair = tuple[Model, Library]

AXIS = Axis.linear(120.0, 1500.0, 1.0)
MINERALS = ("Quartz", "Calcite", "Gypsum", "Anatase", "Fluorapatite", "Zircon")


@pytest.fixture(scope="module")
def pair() -> Pair:
    """The embedded model and library."""
    network = model.Model.open(model.default_path())
    return network, library.Library.open(library.default_path(), network=network.card.network)


def lines(pair: Pair, label: str, shift: float = 0.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the lines of a mineral, from the library's own table, moved by ``shift`` cm⁻¹."""
    references = pair[1]
    pure = synthetic.lines(AXIS, references.peaks[references.place[label]], shift_error=shift)
    return np.asarray(pure, dtype=np.float64)


def verdict(pair: Pair, counts: np.ndarray[tuple[int], np.dtype[np.float64]], part: slice = slice(None)) -> Verdict:
    """Return the answer to these lines with a little noise, on ``part`` of the axis."""
    noise = np.random.default_rng(1).normal(0.0, 0.002, counts.size)
    seen = Spectrum(Axis(AXIS.shift[part]), (1000.0 * (counts + noise))[part], Origin("test", "made"))
    return identify(seen, *pair).verdict


@pytest.mark.parametrize("label", ["Quartz", "Calcite", "Gypsum", "Anatase", "Zircon"])
def test_a_mineral_is_a_match(pair: Pair, label: str) -> None:
    """The lines of a well-known mineral are its match: the rules leave matches."""
    answer = verdict(pair, lines(pair, label))
    assert (answer.decision, answer.names) == ("match", (label,))


@pytest.mark.parametrize("shift", [-25.0, -20.0, -15.0, -12.0, 12.0, 15.0, 20.0, 25.0])
@pytest.mark.parametrize("label", MINERALS)
def test_lines_moved_far_are_no_match(pair: Pair, label: str, shift: float) -> None:
    """An axis that is far off gives no match, whatever is nearest: neither the mineral nor another."""
    assert verdict(pair, lines(pair, label, shift)).decision != "match"


@pytest.mark.parametrize("share", [0.5, 0.65, 0.75])
@pytest.mark.parametrize(
    ("one", "other"), [("Quartz", "Calcite"), ("Calcite", "Quartz"), ("Gypsum", "Calcite"), ("Anatase", "Fluorapatite")]
)
def test_a_mixture_is_no_match(pair: Pair, one: str, other: str, share: float) -> None:
    """Where the lines of a second mineral stay unexplained, the answer is no match and says which peaks they are."""
    answer = verdict(pair, share * lines(pair, one) + (1 - share) * lines(pair, other))
    assert answer.decision in {"possible", "unknown"}
    if answer.names == (one,):
        assert any("does not explain" in doubt for doubt in answer.doubts)


@pytest.mark.parametrize(("low", "high"), [(120, 420), (300, 620), (700, 1000), (1150, 1500)])
@pytest.mark.parametrize("label", MINERALS)
def test_a_part_of_the_range_names_nothing_else(pair: Pair, label: str, low: int, high: int) -> None:
    """What is left of a mineral in a part of the range may still be a match with it, but never with another mineral."""
    answer = verdict(pair, lines(pair, label), slice(low - 120, high - 120))
    assert answer.decision != "match" or answer.names == (label,)


def test_noise_alone_is_no_match(pair: Pair) -> None:
    """Noise, smooth or not, is rejected, unknown or possible, never a match."""
    for seed in range(20):
        counts = np.random.default_rng(seed).normal(300.0, 8.0, len(AXIS))
        smooth = np.convolve(counts, np.ones(9) / 9, mode="same")
        for made in (counts, smooth):
            answer = identify(Spectrum(AXIS, made, Origin("test", "noise")), *pair).verdict
            assert answer.decision != "match"
