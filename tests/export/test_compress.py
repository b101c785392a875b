"""Compression before the conversion: a low-rank first dense layer, fewer recursions, a shorter embedding, and refused steps."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_export import compress, variant
from raman_export.compress import LevelsStep, RankStep
from raman_train import config
from raman_train.models import Network, build
from torch import nn

LENGTH, CLASSES = 101, 5
EDGE = config.DrcnnEdgeConfig(width=8, recursions=4, squeeze=4, embedding=16, spectral=6)


def spectra(count: int) -> np.ndarray:
    """Return smooth random rows, (count, LENGTH), 0..1."""
    rows = np.cumsum(np.random.default_rng(2).normal(size=(count, LENGTH)), axis=1)
    return ((rows - rows.min()) / np.ptp(rows)).astype(np.float32)


def network(chosen: config.ModelConfig = EDGE) -> Network:
    """Return an untrained system."""
    torch.manual_seed(3)
    made = build(chosen, LENGTH, CLASSES)
    made.prepare(torch.from_numpy(spectra(20)), torch.arange(20) % CLASSES)
    return made.eval()


def outputs(of: nn.Module, rows: np.ndarray) -> np.ndarray:
    """Return the logits of ``rows``."""
    with torch.no_grad():
        return of(torch.from_numpy(rows))[0].numpy()


def test_steps_are_read_in_their_order() -> None:
    """The texts of the command line become frozen values that print the same texts."""
    steps = compress.read(["rank=128", "levels=4"])
    assert steps == (RankStep(128), LevelsStep(4))
    assert [str(step) for step in steps] == ["rank=128", "levels=4"]


@pytest.mark.parametrize("text", ["rank", "rank=", "rank=-3", "rank=1.5", "depth=4", "levels=four", "=4", "rank=²", "rank=" + "9" * 5000])
def test_anything_else_is_refused_with_what_is_expected(text: str) -> None:
    """A misspelt step is an error with an example."""
    with pytest.raises(ConfigError, match="rank=R, levels=K or embedding=E"):
        compress.read([text])


def test_a_kind_of_step_is_taken_once() -> None:
    """Each kind of step is accepted once: a second rank would factor a factor."""
    with pytest.raises(ConfigError, match="rank=3, rank=2"):
        compress.read(["rank=3", "rank=2"])


def test_more_rank_is_nearer() -> None:
    """The error of the factored layer falls with its rank."""
    trained = network()
    shown = spectra(60)
    expected = outputs(trained, shown)
    errors = [np.square(outputs(RankStep(rank).apply(trained, shown), shown) - expected).mean() for rank in (1, 4, 8)]
    assert errors[0] > errors[1] > errors[2]


def test_the_factors_are_the_nearest_matrix_and_exact_for_the_mean_input() -> None:
    """The singular value decomposition of the weights, with a bias that takes what the mean input loses."""
    torch.manual_seed(0)
    dense = nn.Linear(40, 20)
    inputs = torch.randn(500, 40) * torch.linspace(3.0, 0.05, 40) + 1.0
    factored = compress._factored(dense, inputs.mean(dim=0), 6)
    u, s, v = torch.linalg.svd(dense.weight.detach(), full_matrices=False)
    narrow, wide = factored
    with torch.no_grad():
        torch.testing.assert_close(wide.weight @ narrow.weight, u[:, :6] * s[:6] @ v[:6], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(factored(inputs).mean(dim=0), dense(inputs).mean(dim=0), atol=1e-4, rtol=1e-4)


def test_the_given_network_stays_as_it_was() -> None:
    """A step returns a new network and leaves the trained one unchanged."""
    trained = network()
    before = copy.deepcopy(trained.state_dict())
    RankStep(3).apply(trained, spectra(10))
    LevelsStep(2).apply(trained, spectra(10))
    assert before.keys() == trained.state_dict().keys()
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())


@pytest.mark.parametrize("chosen", [EDGE, config.DrcnnConfig(recursions=4)])
def test_dropped_recursions_without_weight_change_nothing(chosen: config.ModelConfig) -> None:
    """Later levels with weight 0 have no effect; the other weights are scaled to the sum 1."""
    trained = network(chosen)
    trained.level_weights.data = torch.tensor([0.6, 0.2, 0.0, 0.0])
    smaller = LevelsStep(2).apply(trained, spectra(1))
    shown = spectra(4)
    np.testing.assert_allclose(outputs(smaller, shown), outputs(trained, shown), atol=1e-4, rtol=1e-4)
    assert len(smaller.level_weights) == 2


def test_the_share_of_the_dropped_levels() -> None:
    """The share is that of the absolute weights."""
    trained = network()
    trained.level_weights.data = torch.tensor([0.5, 0.3, -0.1, 0.1])
    assert compress.level_share(trained, 2) == pytest.approx(0.2)


@pytest.mark.parametrize("step", [RankStep(0), RankStep(12_000), LevelsStep(0), LevelsStep(4), LevelsStep(9)])
def test_a_step_that_saves_nothing_is_refused_with_the_range(step: compress.Step) -> None:
    """A rank or number of levels outside the possible range is an error with the range."""
    with pytest.raises(ConfigError, match=r"=1 to \w+=\d"):
        step.apply(network(), spectra(2))


def test_networks_without_the_layer_are_refused() -> None:
    """A library search has no dense layer, a plain convolutional network has no recursions."""
    with pytest.raises(ConfigError, match="no dense layer"):
        RankStep(2).apply(network(config.SearchConfig()), spectra(2))
    with pytest.raises(ConfigError, match="no recursions"):
        LevelsStep(2).apply(network(config.ZhangCnnConfig()), spectra(2))


def test_a_shorter_embedding_keeps_what_it_can() -> None:
    """Logits are unchanged, the embedding has the requested length and unit norm, and cosines change little."""
    whole, rows = network(), spectra(200)
    (step,) = compress.read(["embedding=16"])
    smaller = step.apply(whole, rows)
    with torch.no_grad():
        before, after = whole(torch.from_numpy(rows)), smaller(torch.from_numpy(rows))
    assert torch.equal(before[0], after[0])
    assert (before[1].shape, after[1].shape) == ((200, 22), (200, 16))
    torch.testing.assert_close(after[1].norm(dim=1), torch.ones(200))
    torch.testing.assert_close(after[1] @ after[1].T, before[1] @ before[1].T, atol=0.02, rtol=0)
    plain = torch.from_numpy(np.linalg.svd(before[1].numpy(), full_matrices=False)[2][:16].T)
    turned = before[1] @ plain
    expected = (turned @ turned.T) / (turned.norm(dim=1)[:, None] * turned.norm(dim=1))
    torch.testing.assert_close(after[1] @ after[1].T, expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (["embedding=4", "levels=1"], "expected embedding=E last"),
        (["embedding=0"], "got embedding=0, expected embedding=1 to embedding=21"),
        (["embedding=400"], "embedding=21: 40 spectra of 22 numbers"),
    ],
)
def test_an_embedding_that_cannot_be_is_refused(steps: list[str], why: str) -> None:
    """An embedding step before another step, and lengths outside the range, are refused."""
    with pytest.raises(ConfigError, match=why):
        variant.compress(network(), compress.read(steps), spectra(40))


def test_a_library_belongs_to_the_network_as_it_was_made_smaller() -> None:
    """Every list of steps has its own digest; without steps it is the digest of the weights."""
    digests = [variant.network_digest("ab", compress.read(steps)) for steps in ([], ["levels=2"], ["embedding=4"], ["embedding=5"])]
    assert digests[0] == "ab"
    assert len(set(digests)) == 4
    assert all(len(digest) == 64 for digest in digests[1:])
