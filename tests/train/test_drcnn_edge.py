"""drcnn-edge: shapes, the two-part embedding, and its fixed first layer."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from raman_train.config import DrcnnEdgeConfig
from raman_train.models.drcnn_edge import FLAT_POINTS, WINDOW, DrcnnEdge
from raman_train.models.search import LibrarySearch

TINY = DrcnnEdgeConfig(width=8, recursions=3, squeeze=4, embedding=16, spectral=12, spectral_weight=0.25)


def tiny(length: int = 200, config: DrcnnEdgeConfig = TINY) -> DrcnnEdge:
    """Return a small network, prepared with its training spectra."""
    torch.manual_seed(0)
    network = DrcnnEdge(length, 5, config)
    network.prepare(spectra(40, length), torch.arange(40) % 5)
    return network.eval()


def spectra(count: int, length: int = 200) -> torch.Tensor:
    """Return random smooth spectra, 0..1."""
    rough = torch.rand(count, length // 5, generator=torch.Generator().manual_seed(count))
    return torch.nn.functional.interpolate(rough[:, None], size=length, mode="linear")[:, 0]


@pytest.mark.parametrize("length", [200, 201, 1570])
def test_outputs_have_their_shapes_and_norms(length: int) -> None:
    """Logits are (batch, classes), the embedding is (batch, trained + spectral) with unit norm."""
    logits, embedding = tiny(length)(spectra(3, length))
    assert (tuple(logits.shape), tuple(embedding.shape)) == ((3, 5), (3, 28))
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))
    assert logits.abs().max() <= TINY.scale


def test_a_cosine_is_the_weighted_sum_of_two_similarities() -> None:
    """The cosine of the embedding is 0.75 of the trained and 0.25 of the √-derivative similarity."""
    network, seen = tiny(), spectra(2)
    root, derivative = network.stem(seen)
    learned = network.learned(root, derivative)
    spectral = torch.nn.functional.normalize(derivative[:, 0, 0] @ network.directions, dim=1)
    _, embedding = network(seen)
    expected = 0.75 * learned[0] @ learned[1] + 0.25 * spectral[0] @ spectral[1]
    torch.testing.assert_close(embedding[0] @ embedding[1], expected)


def test_the_stem_is_the_root_derivative_of_the_literature() -> None:
    """Away from the ends the fixed convolution gives what the √-derivative search compares."""
    seen = spectra(4)
    _, derivative = tiny().stem(seen)
    expected = LibrarySearch(200, 1, "root-derivative").embed(seen).numpy()
    got = derivative[:, 0, 0].numpy()
    got, expected = got[:, 8:-8], expected[:, 8:-8]
    cosine = (got * expected).sum(1) / np.linalg.norm(got, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() > 0.9999


def test_principal_directions_keep_the_similarities() -> None:
    """With as many directions as spectra, projecting changes no cosine."""
    seen = spectra(10)
    network = tiny(config=DrcnnEdgeConfig(width=8, recursions=1, squeeze=4, embedding=16, spectral=40, spectral_weight=1.0))
    network.prepare(seen, torch.arange(10) % 5)
    _, embedding = network(seen)
    _, derivative = network.stem(seen)
    rows = derivative[:, 0, 0]
    torch.testing.assert_close(embedding @ embedding.T, rows @ rows.T, atol=1e-3, rtol=0)


def test_without_a_spectral_part_the_embedding_is_the_learned_one() -> None:
    """``spectral = 0`` omits it."""
    network = tiny(config=DrcnnEdgeConfig(width=8, recursions=1, squeeze=4, embedding=16, spectral=0))
    assert tuple(network(spectra(2))[1].shape) == (2, 16)


def test_recursions_share_one_convolution() -> None:
    """Each recursion adds one level weight."""
    counts = [sum(p.numel() for p in DrcnnEdge(200, 5, DrcnnEdgeConfig(recursions=d)).parameters()) for d in (2, 6)]
    assert counts[1] - counts[0] == 4


def test_the_margin_makes_the_loss_harder() -> None:
    """The same network has a larger loss when the true class's cosine is lowered."""
    plain = tiny(config=DrcnnEdgeConfig(width=8, recursions=1, squeeze=4, embedding=16, margin=0.0))
    strict = tiny(config=DrcnnEdgeConfig(width=8, recursions=1, squeeze=4, embedding=16, margin=0.3))
    strict.load_state_dict(plain.state_dict())
    seen, labels = spectra(4), torch.tensor([0, 1, 2, 3])
    assert strict.loss(seen, labels) > plain.loss(seen, labels) + 1.0


def test_a_flat_or_dark_spectrum_gives_numbers() -> None:
    """The outputs are finite for any input."""
    network = tiny()
    for seen in (torch.zeros(2, 200), torch.ones(2, 200), -torch.ones(2, 200)):
        logits, embedding = network(seen)
        assert torch.isfinite(logits).all()
        assert torch.isfinite(embedding).all()


def test_what_was_not_measured_is_masked() -> None:
    """The height that the recipe holds there does not reach the network; a flat place of few points is measured."""
    network = tiny(config=msgspec.structs.replace(TINY, masked=True))
    seen = spectra(1) * 0.5 + 0.2
    seen[:, 50:56] = seen[:, 50:51]
    seen[:, 140:] = seen[:, 139:140]
    level, mask = network.stem(seen)[0][0, :, 0]
    first_held = 139 + WINDOW // 2 + FLAT_POINTS // 2
    assert mask[:first_held].all()
    assert not mask[first_held:].any()
    assert not level[first_held:].any()


def test_an_unset_mask_leaves_no_trace_in_a_digest() -> None:
    """A configuration without it encodes as in earlier versions."""
    assert b"masked" not in msgspec.json.encode(DrcnnEdgeConfig())
    assert tiny().embed_0.in_channels == 2
