"""What benchmarks/third_voters.py and benchmarks/unknown_species.py compute, against small computations by hand."""

from __future__ import annotations

import numpy as np
import pytest
import third_voters
import unknown_species
from third_voters import Comparison
from unknown_species import Library, OpenSplit


def test_the_interval_of_one_split_resamples_specimens() -> None:
    """With one spectrum per specimen the standard error is that of a share; ten equal spectra per specimen change nothing."""
    gained = np.arange(200) % 2 == 0
    base, names = np.zeros(200, dtype=bool), np.array([f"R{k}" for k in range(200)])
    one = Comparison(base, base, gained, names)
    assert one.gain == 0.5
    assert one.half_width() == pytest.approx(1.96 * 0.5 / np.sqrt(200), rel=0.1)
    ten = Comparison(one.base.repeat(10), one.voter.repeat(10), one.both.repeat(10), one.specimens.repeat(10))
    assert ten.half_width() == pytest.approx(one.half_width())


def test_a_voter_without_weight_changes_nothing() -> None:
    """Where the voter contradicts a base that is always right, the fitted weight keeps the base's answers."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 5, 80)
    base = (0.5 + 0.4 * np.eye(5)[truth] + rng.normal(0, 0.01, (80, 5))).astype(np.float32)
    wrong = rng.normal(0, 0.1, (80, 5)).astype(np.float32)
    found = third_voters.combined(base, wrong, truth, np.array([f"R{k}" for k in range(80)]))
    assert found.base.all()
    assert found.both.all()
    assert not found.voter.all()


def test_spread_and_crowd_of_a_label_by_hand() -> None:
    """Two specimens of label 0 at 60°, one spectrum of label 1 at 90° from the first and 30° from the second, label 2 unrelated."""
    angles = np.deg2rad([0.0, 60.0, 90.0, 180.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    related = np.eye(3, dtype=bool)
    related[0, 1] = related[1, 0] = True
    library = Library(vectors, np.array([0, 0, 1, 2]), np.array(["a", "b", "c", "d"]), related)
    mean, deviation = library.spread()
    np.testing.assert_allclose(mean, [0.5, 0.5, 0.5], atol=1e-6)  # the only similarity within a label is cos 60°
    np.testing.assert_allclose(deviation, 0, atol=1e-6)
    np.testing.assert_allclose(library.crowd(groups=False), [0.0, np.cos(np.pi / 6), np.cos(np.pi / 6), 0.0], atol=1e-6)
    np.testing.assert_allclose(library.crowd(groups=True), [-1.0, -0.5, 0.0, 0.0], atol=1e-6)


def test_one_specimen_is_no_spread() -> None:
    """Two spectra of one specimen say nothing about the spread of its label, which is then that of all."""
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    library = Library(vectors, np.array([0, 0, 1, 1]), np.array(["a", "a", "b", "c"]), np.eye(2, dtype=bool))
    np.testing.assert_allclose(library.spread()[0], [0.96, 0.96], atol=1e-6)


def test_windows_find_a_moved_reference() -> None:
    """Equal spectra fit everywhere; one that is moved by three points fits after the move, the same in all windows."""
    rng = np.random.default_rng(0)
    spectrum = rng.normal(size=(1, 400)).astype(np.float32)
    same = unknown_species.in_windows(spectrum, spectrum)
    np.testing.assert_allclose([same[name][0] for name in ("windows", "gained", "moved")], [1, 0, 0], atol=1e-3)
    moved = unknown_species.in_windows(spectrum, np.roll(spectrum, 3, axis=1))
    assert moved["windows"][0] < 0.5
    assert moved["windows"][0] + moved["gained"][0] == pytest.approx(1, abs=1e-3)
    assert moved["moved"][0] == pytest.approx(0, abs=1e-3)


def test_evidence_is_fitted_on_other_species() -> None:
    """Evidence that only remembers each species separates nothing on species that were not fitted on; real evidence does."""
    rng = np.random.default_rng(0)
    species = np.repeat(np.arange(200), 5)
    known = species < 120
    memory, useful = rng.normal(size=200)[species], known + rng.normal(0, 0.5, species.size)
    nothing = np.zeros(species.size, dtype=bool)
    split = OpenSplit({"memory": memory, "useful": useful}, known, species, nothing, nothing)
    (blind,), (seeing,) = (unknown_species.measure([split], [name]) for name in ("memory", "useful"))
    assert len(blind.auroc) == unknown_species.FOLDS
    assert np.mean(blind.auroc) == pytest.approx(0.5, abs=0.15)
    assert np.mean(seeing.auroc) > 0.85
    assert seeing.apart == seeing.auroc == seeing.group_unseen
