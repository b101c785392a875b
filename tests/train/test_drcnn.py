"""DRCNN as in the paper's Table 1."""

from __future__ import annotations

import pytest
import torch
from raman_train.models.drcnn import Drcnn

PAPER = (1024, 1322)
"""Points and classes of the paper's Dataset_3."""


def paper_network() -> Drcnn:
    """Return the paper's network without allocating its 282 MB."""
    with torch.device("meta"):
        return Drcnn(*PAPER)


def small(length: int = 64, recursions: int = 9) -> Drcnn:
    """Return the same network for short spectra."""
    torch.manual_seed(0)
    return Drcnn(length, 5, recursions)


def test_it_has_the_papers_number_of_parameters() -> None:
    """At 1024 points and 1322 classes there are 70,456,371 parameters."""
    assert sum(p.numel() for p in paper_network().parameters() if p.requires_grad) == 70_456_371


def test_every_shape_of_table_1() -> None:
    """Each layer of Table 1 has the printed length and channels."""
    network = paper_network()
    spectra = torch.empty(2, 1024, device="meta")
    embedded = [spectra[:, None]]
    for layer in network.embed:
        embedded.append(layer(embedded[-1]))
    assert [tuple(e.shape[1:]) for e in embedded[1::2]] == [(64, 1024), (128, 1024)]
    levels = network.levels(spectra)
    assert [tuple(level.shape) for level in levels] == [(2, 128, 1024)] * 9
    supervised = network.supervise(levels[0])
    assert tuple(supervised.shape) == (2, 512, 128)
    assert tuple(network.reconstruct(supervised).shape) == (2, 65_536)
    assert tuple(network.hidden(spectra).shape) == (2, 512)
    logits, embedding = network(spectra)
    assert (tuple(logits.shape), tuple(embedding.shape)) == ((2, 1322), (2, 512))


@pytest.mark.parametrize(("length", "flat"), [(1024, 65_536), (1570, 100_352), (777, 49_152), (17, 1024)])
def test_any_length_works(length: int, flat: int) -> None:
    """The pools round down, and the first dense layer follows."""
    with torch.device("meta"):
        network = Drcnn(length, 7)
    assert network.dense[0].in_features == flat
    assert tuple(network(torch.empty(2, length, device="meta"))[0].shape) == (2, 7)


def test_nine_recursions_share_one_convolution() -> None:
    """D changes neither the number of convolutions nor their weights, only the level weights."""
    counts = {depth: sum(p.numel() for p in small(recursions=depth).parameters()) for depth in (1, 9)}
    assert counts[9] - counts[1] == 8
    network = small()
    before = torch.stack(network.levels(torch.rand(1, 64)))
    with torch.no_grad():
        network.recur.weight.zero_()
        network.recur.bias.fill_(1.0)
    after = torch.stack(network.levels(torch.rand(1, 64)))
    assert not torch.equal(before, after)
    assert torch.equal(after, torch.ones_like(after))


def test_the_signal_survives_nine_recursions() -> None:
    """Relative to L₀, half of the difference between two inputs is left after nine recursions.

    With PyTorch's own initialisation 3e-4 is left: the deep recursions would be dead.
    """

    @torch.no_grad()
    def survival(network: Drcnn) -> float:
        spectra = torch.rand(2, 256, generator=torch.Generator().manual_seed(1))
        start = network.embed(spectra[:, None])
        last = network.levels(spectra)[-1]
        kept = [(a[0] - a[1]).norm() / a.norm() for a in (start, last)]
        return float(kept[1] / kept[0])

    ours = small(256)
    theirs = small(256)
    for layer in theirs.modules():
        if isinstance(layer, torch.nn.Conv1d):
            layer.reset_parameters()
    assert survival(ours) > 0.5
    assert survival(theirs) < 0.05


def test_every_recursion_feeds_the_output() -> None:
    """Each level weight gets a gradient, and so does the shared convolution."""
    network = small()
    network.loss(torch.rand(4, 64), torch.tensor([0, 1, 2, 3])).backward()
    assert network.level_weights.grad is not None
    assert (network.level_weights.grad != 0).all()
    assert network.recur.weight.grad is not None
    assert network.recur.weight.grad.abs().sum() > 0


def test_stacked_branches_equal_single_ones() -> None:
    """Supervising nine levels at once gives what nine calls give."""
    network = small().eval()
    spectra = torch.rand(3, 64)
    weights = network.level_weights / network.level_weights.sum()
    slow = sum(w * network.supervise(level) for w, level in zip(weights, network.levels(spectra), strict=True))
    expected = network.dense(network.reconstruct(slow))
    torch.testing.assert_close(network.hidden(spectra), expected)


def test_there_is_nothing_to_take_from_the_training_spectra() -> None:
    """Preparing changes nothing: all weights are trained."""
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.prepare(torch.rand(4, 64), torch.tensor([0, 1, 2, 3]))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
