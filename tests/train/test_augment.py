"""Augmentation: in cm⁻¹, reproducible, with recognisable results."""

from __future__ import annotations

import msgspec
import pytest
import torch
from raman_train.augment import MIN_HEIGHT, Augment, RawDraws, raw_background
from raman_train.config import AugmentConfig, RawConfig

N = 400
NOTHING = AugmentConfig(
    shift=0, far_shift=0, stretch=0, broaden=0, broaden_share=0, response=0, line_response=0, baseline=0, baseline_share=0,
    noise_low=1e-9, noise_high=1e-8, crop_share=0, spike_share=0, mix_share=0,
)  # fmt: skip


def line(place: float = 200.0, width: float = 4.0, count: int = 64) -> torch.Tensor:
    """Return ``count`` copies of a spectrum with one line, 0..1."""
    points = torch.arange(N, dtype=torch.float32)
    return torch.exp(-(((points - place) / width) ** 2)).repeat(count, 1)


def augment(seed: int = 0, step: float = 1.0, **changes: float | msgspec.UnsetType) -> Augment:
    """Return an augmentation with only these ``changes``."""
    return Augment(msgspec.structs.replace(NOTHING, **changes), step, torch.Generator().manual_seed(seed))


def test_zero_strength_changes_nothing() -> None:
    """With every strength at zero a spectrum is unchanged."""
    torch.testing.assert_close(augment()(line()), line(), atol=1e-4, rtol=0)


def test_the_same_seed_draws_the_same() -> None:
    """A seed reproduces a run, another seed gives another one."""
    config = AugmentConfig()
    first, again, other = (Augment(config, 1.0, torch.Generator().manual_seed(s))(line()) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_everything_stays_between_zero_and_one() -> None:
    """An augmented spectrum is finite and spans 0..1, at any strength."""
    made = Augment(AugmentConfig(), 1.0, torch.Generator().manual_seed(3))(line(count=500))
    assert torch.isfinite(made).all()
    assert made.min() >= 0
    assert made.max() <= 1
    assert (made.amax(1) > 0.999).all()


@pytest.mark.parametrize("step", [1.0, 2.0])
def test_shifts_are_in_wavenumbers(step: float) -> None:
    """A standard deviation of 4 cm⁻¹ moves a line by 4 / step points."""
    made = augment(step=step, shift=4.0)(line(count=2000))
    moved = made.argmax(1).float() - 200
    assert moved.std() == pytest.approx(4.0 / step, rel=0.1)


def test_broadening_widens_by_its_amount() -> None:
    """The widest line is near the largest broadening, in quadrature with its own width."""
    made = augment(broaden=8.0, broaden_share=1.0)(line(width=2.0, count=500))
    widest = (made > 0.5).sum(1).max()
    own = 2.0 * 1.665
    assert int(widest) == pytest.approx((own**2 + 8.0**2) ** 0.5, abs=1.5)


def test_cropping_holds_the_last_value() -> None:
    """Beyond a cut the spectrum is constant: a derivative sees no edge."""
    ramp = torch.linspace(0, 1, N).repeat(200, 1)
    made = augment(crop_share=1.0)(ramp)
    steps = made.diff(dim=1)
    assert (steps[:, -1] == 0).any()
    assert (steps >= -1e-6).all()
    assert steps.max() < 0.2


@pytest.mark.parametrize("hold", [True, msgspec.UNSET])
def test_what_was_not_measured_stays_flat(*, hold: bool | msgspec.UnsetType) -> None:
    """Noise reaches the measured part only, which moves with the axis."""
    seen = line(count=100)
    seen[:, :150], seen[:, 300:] = seen[:, 150:151], 0.3
    made = augment(hold=hold, shift=3.0, noise_low=0.01, noise_high=0.011, baseline=0.5, baseline_share=1.0)(seen)
    flat = made.diff(dim=1) == 0
    assert bool(flat[:, :130].all() and flat[:, 320:].all()) == (hold is True)
    assert not flat[:, 170:280].all(1).any()


def test_a_flat_spectrum_is_held_whole() -> None:
    """Nothing was measured of it."""
    assert (augment(hold=True, noise_low=0.01, noise_high=0.011)(torch.full((3, N), 0.5)).diff(dim=1) == 0).all()


def test_a_baseline_never_hides_the_line() -> None:
    """At the default strength the line is still the highest point of most spectra."""
    made = augment(baseline=0.6, baseline_share=1.0)(line(count=300))
    assert ((made.argmax(1) - 200).abs() < 8).float().mean() > 0.8


def test_mixing_keeps_the_larger_share() -> None:
    """The weight of the spectrum itself in a mix is at least one half."""
    mixed = augment(mix_share=1.0).mix(line(100.0), line(300.0))
    assert (mixed[:, 100] >= 0.5 - 1e-6).all()
    assert (mixed[:, 300] > 0).any()


def test_a_seed_means_the_same_in_every_version() -> None:
    """The order of the draws is part of the meaning of a seed: runs of earlier versions can be repeated."""
    drawn = augment(seed=7).draw(3, 5)
    again = torch.Generator().manual_seed(7)
    columns = {"response": 6, "line_response": 40, "noise": 5}
    normal = {"shift", "stretch", "response", "line_response", "slope", "bend", "twist", "noise"}
    order = (
        "shift far stretch width broadened response line_response slope bend twist height lit level noise "
        "spike spike_height spiked low low_again low_cut high high_cut"
    )
    for name in order.split():
        draw = torch.randn if name in normal else torch.rand
        assert torch.equal(getattr(drawn, name), draw(3, columns.get(name, 1), generator=again)), name


def test_rows_of_a_batch_are_changed_as_in_the_batch() -> None:
    """Several processes draw for the whole batch and use their own rows, with the same result as one process."""
    whole = Augment(AugmentConfig(), 1.0, torch.Generator().manual_seed(5))
    spectra, partners = line(150.0, count=6), line(250.0, count=6)
    mixing, drawn = whole.draw_mixing(6), whole.draw(6, N)
    expected = whole.change(whole.blend(spectra, partners, mixing), drawn)
    for own in (slice(0, 2), slice(2, 6)):
        made = whole.change(whole.blend(spectra[own], partners[own], mixing.rows(own)), drawn.rows(own))
        torch.testing.assert_close(made, expected[own])


def test_raw_backgrounds_reach_the_height_they_may_have() -> None:
    """Fluorescence is positive, up to the configured height, and absent with a share of 0."""
    generator = torch.Generator().manual_seed(0)
    drawn = RawDraws.draw(500, generator)
    tall = raw_background(RawConfig(fluorescence=6.0, fluorescence_share=1.0, rayleigh_share=0.0), drawn, N, 1.0)
    assert (tall >= 0).all()
    assert 5.5 < tall.max() <= 6.0
    assert tall.amax(1).min() >= MIN_HEIGHT * 0.999
    assert not raw_background(RawConfig(fluorescence_share=0.0, rayleigh_share=0.0), drawn, N, 1.0).any()


def test_the_rayleigh_foot_is_at_the_start() -> None:
    """The foot of the laser line is highest at the first point and vanishes within 400 cm⁻¹, for any step."""
    config = RawConfig(fluorescence_share=0.0, rayleigh_share=1.0)
    for step in (0.5, 2.0):
        made = raw_background(config, RawDraws.draw(200, torch.Generator().manual_seed(1)), 900, step)
        assert (made.argmax(1) == 0).all()
        assert made[:, int(400 / step)].max() < 1e-3


def test_raw_spectra_stay_recognisable_and_differ_from_processed_ones() -> None:
    """Raw backgrounds change the batch, keep it finite and 0..1, and do not change the other random numbers."""
    plain = Augment(AugmentConfig(), 1.0, torch.Generator().manual_seed(3))
    seen = Augment(AugmentConfig(raw=RawConfig(fluorescence_share=1.0)), 1.0, torch.Generator().manual_seed(3))
    before, after = plain.draw(64, N), seen.draw(64, N)
    assert torch.equal(before.high_cut, after.high_cut)
    made = seen.change(line(), after)
    assert torch.isfinite(made).all()
    assert made.min() >= 0
    assert made.max() <= 1
    assert not torch.allclose(made, plain.change(line(), before))
    rows = after.rows(slice(3, 9))
    assert rows.raw is not None
    assert rows.raw.height.shape == (6, 1)


def test_unset_raw_leaves_no_trace_in_a_digest() -> None:
    """A configuration without raw backgrounds encodes as in earlier versions."""
    encoded = msgspec.json.encode(AugmentConfig())
    assert b"raw" not in encoded
    assert b"hold" not in encoded
    assert b"raw" in msgspec.json.encode(AugmentConfig(raw=RawConfig()))
