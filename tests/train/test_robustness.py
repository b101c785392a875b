"""Robustness: each disturbance has its stated size and is the same every time, and a run is measured under all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_edge.spectrum import Axis
from raman_train import checkpoint, config, robustness, runs
from raman_train.cli import main

pytestmark = pytest.mark.slow

SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"
AXIS = Axis.linear(100.0, 1500.0, 1.0)
LINE = np.exp(-(((AXIS.shift - 800.0) / 5.0) ** 2))


def rng() -> np.random.Generator:
    """Return the same random numbers at each call."""
    return np.random.default_rng(3)


def test_backgrounds_have_their_height() -> None:
    """Fluorescence reaches its height, the Rayleigh foot has it at the first point and vanishes at the end."""
    assert robustness.fluorescence(AXIS.shift, 3.0, rng()).max() == pytest.approx(3.0)
    foot = robustness.rayleigh(AXIS.shift, 2.0, rng())
    assert foot[0] == pytest.approx(2.0)
    assert (np.diff(foot) < 0).all()
    assert foot[-1] < 1e-6


def test_the_axis_moves_by_its_amount() -> None:
    """A line moves by 5 cm⁻¹ in either direction."""
    moved = [AXIS.shift[robustness.shifted(LINE, AXIS.shift, 5.0, np.random.default_rng(seed)).argmax()] for seed in range(20)]
    assert set(moved) == {795.0, 805.0}


def test_lines_get_broader_by_their_amount() -> None:
    """Widths add in quadrature, and the area is preserved."""
    wide = robustness.broadened(LINE, AXIS.shift, 8.0)
    assert wide.size == LINE.size
    assert wide.sum() == pytest.approx(LINE.sum(), rel=1e-3)
    above = AXIS.shift[wide >= wide.max() / 2]
    assert above[-1] - above[0] == pytest.approx(np.hypot(2 * 5.0 * np.sqrt(np.log(2)), 8.0), abs=2.0)


def test_a_shorter_range_is_held_at_its_ends() -> None:
    """Outside the range the last value is repeated; inside nothing changes."""
    ramp = AXIS.shift.copy()
    short = robustness.cut(ramp, AXIS.shift, 400.0, 1200.0)
    assert (short.min(), short.max()) == (400.0, 1200.0)
    inside = (AXIS.shift >= 400) & (AXIS.shift <= 1200)
    np.testing.assert_array_equal(short[inside], ramp[inside])


def test_spikes_are_two_points_wide() -> None:
    """Three spikes change at most six points and are as high as the lines."""
    hit = robustness.spiked(np.zeros(500), 3, rng())
    assert 4 <= np.count_nonzero(hit) <= 6
    assert 0.4 < hit.max() <= 3.0


@pytest.mark.parametrize("name", list(robustness.disturbances()))
def test_every_disturbance_is_the_same_again(name: str) -> None:
    """Repeated calls give the same spectra; they stay 0..1 and finite, and removing the background keeps the line."""
    features = np.stack([LINE, LINE[::-1]]).astype(np.float32)
    plain, flat = robustness.disturbed(features, AXIS, robustness.disturbances()[name])
    again, _ = robustness.disturbed(features, AXIS, robustness.disturbances()[name])
    np.testing.assert_array_equal(plain, again)
    for made in (plain, flat):
        assert np.isfinite(made).all()
        np.testing.assert_allclose([made.min(axis=1), made.max(axis=1)], [[0, 0], [1, 1]], atol=1e-6)
    near = flat[0][np.abs(AXIS.shift - 800.0) <= 6]
    assert near.max() > 3 * np.median(flat[0])


def fitted(folder: Path, *replaced: str) -> Path:
    """Write a run of the smoke configuration."""
    chosen = config.read(SMOKE, ["training.epochs=1", *replaced])
    runs.fit(chosen, folder, torch.device("cpu"), lambda _: None)
    return folder


def test_a_run_is_measured_under_every_disturbance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints a row per disturbance, and the first is the undisturbed result."""
    made = fitted(tmp_path / "run")
    assert main(["evaluate", "--config", str(SMOKE), "--out", str(made), "--robustness"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(robustness.disturbances())
    assert lines[2].startswith("| as measured | ")
    assert 0.0 <= float(lines[2].split("|")[2]) <= 1.0


def test_new_species_are_no_harder_questions(tmp_path: Path) -> None:
    """A run whose test part has only new species is refused with its protocol."""
    made = checkpoint.load(fitted(tmp_path / "run", "data.protocol=few-shot"))
    with pytest.raises(ConfigError, match="protocol 'few-shot'"):
        robustness.measure(made, runs.prepare(made.about.config))
