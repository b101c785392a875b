"""Smaller graphs: the form for inference, fp16 and int8, with nearly the same outputs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from raman_export import graph, precision, variant
from raman_export.inference import for_inference
from raman_train import config
from raman_train.models import Network, build

pytestmark = pytest.mark.slow

LENGTH, CLASSES = 101, 5
SYSTEMS = {
    "drcnn": config.DrcnnConfig(recursions=3),
    "drcnn-edge": config.DrcnnEdgeConfig(width=8, recursions=3, squeeze=4, embedding=16, spectral=6),
    "drcnn-edge without √-derivative": config.DrcnnEdgeConfig(width=8, recursions=2, squeeze=4, embedding=16, spectral=0),
    "drcnn-edge with a mask": config.DrcnnEdgeConfig(width=8, recursions=2, squeeze=4, embedding=16, spectral=6, masked=True),
    "zhang_cnn": config.ZhangCnnConfig(),
}


def spectra(count: int) -> np.ndarray:
    """Return lines on a background, (count, LENGTH), scaled as by a recipe; half of them are held from a place on."""
    rng = np.random.default_rng(1)
    place = rng.uniform(10, LENGTH - 10, (count, 4, 1))
    lines = np.exp(-(((np.arange(LENGTH) - place) / 3) ** 2)).sum(axis=1) + 0.01 * rng.random((count, LENGTH))
    lines[: count // 2, 70:] = lines[: count // 2, 69:70]
    return (lines / lines.max(axis=1, keepdims=True)).astype(np.float32)


def network(name: str) -> Network:
    """Return a system with different level weights and with statistics of some spectra."""
    torch.manual_seed(0)
    made = build(SYSTEMS[name], LENGTH, CLASSES)
    made.prepare(torch.from_numpy(spectra(20)), torch.arange(20) % CLASSES)
    if hasattr(made, "level_weights"):
        made.level_weights.data = torch.linspace(1.0, -0.2, len(made.level_weights))
    made.train()
    with torch.no_grad():
        made(torch.from_numpy(spectra(32)))
    return made.eval()


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_arrangement_changes_no_number(name: str) -> None:
    """The form with branches as rows gives the logits and the embedding of the network, also with negative level weights."""
    trained = network(name)
    shown = torch.from_numpy(spectra(6))
    with torch.no_grad():
        expected = [part.numpy().copy() for part in trained(shown)]
        got = for_inference(trained)(shown)
    for want, have in zip(expected, got, strict=True):
        np.testing.assert_allclose(have.numpy(), want, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_every_system_has_a_smaller_graph_with_nearly_the_same_embedding(name: str, kind: variant.Precision) -> None:
    """Embeddings change little, and any batch size works."""
    converted = variant.convert(network(name), LENGTH)
    smaller = variant.reduce(converted, kind, spectra(40))
    queries = spectra(3)
    found = graph.compare(graph.run(converted, queries), graph.run(smaller, queries))
    assert found.embedding > {"fp16": 0.9999, "int8": 0.9}[kind]
    np.testing.assert_allclose(np.linalg.norm(graph.run(smaller, queries).embedding, axis=1), 1.0, atol=1e-5)
    alone = graph.run(smaller, queries[:1])
    np.testing.assert_allclose(alone.embedding, graph.run(smaller, queries).embedding[:1], atol=1e-4)


def test_bytes_are_a_half_and_a_quarter() -> None:
    """In a graph that consists of weights, fp16 halves the size and int8 quarters it."""
    converted = variant.convert(network("drcnn"), LENGTH)
    sizes = [variant.reduce(converted, precision, spectra(40)).ByteSize() for precision in ("fp16", "int8")]
    assert [round(converted.ByteSize() / size, 1) for size in sizes] == [pytest.approx(2, abs=0.1), pytest.approx(4, abs=0.2)]


@pytest.mark.parametrize("kind", ["fp16", "int8"])
def test_the_root_derivative_stays_exact(kind: variant.Precision) -> None:
    """The √-derivative part of the embedding is that of the fp32 graph."""
    converted = variant.convert(network("drcnn-edge"), LENGTH)
    smaller = variant.reduce(converted, kind, spectra(40))
    queries = spectra(8)
    exact, got = (graph.run(proto, queries).embedding[:, -6:] for proto in (converted, smaller))
    np.testing.assert_allclose(got, exact, atol=1e-6)


def test_int8_has_no_relu_and_one_set_of_supervision_weights() -> None:
    """ReLU is part of the convolution before it, and the branches of all recursions share their weights."""
    made = precision.to_int8(variant.convert(network("drcnn-edge"), LENGTH), spectra(40), variant.EXACT)
    assert "Relu" not in {node.op_type for node in made.graph.node}
    assert sum("supervise.weight" in one.name and one.name.endswith("_quantized") for one in made.graph.initializer) == 1


def test_what_is_not_between_weights_stays_fp32() -> None:
    """Square root, norms and the concatenation of the embedding's parts stay fp32; convolutions, ReLU and pools do not."""
    converted = variant.convert(network("drcnn-edge"), LENGTH)
    kept = set(graph.kept_exact(converted, variant.EXACT))
    kinds = {node.op_type for node in converted.graph.node if node.name in kept}
    assert {"Sqrt", "Div", "ReduceL2", "Pad"} <= kinds
    assert not {"Relu", "MaxPool", "Gemm"} & kinds
    assert sum(node.op_type == "Concat" and node.name in kept for node in converted.graph.node) == 2


def test_fp16_keeps_inputs_and_outputs_in_fp32() -> None:
    """Input and outputs stay float32 in every precision."""
    made = precision.to_fp16(variant.convert(network("drcnn"), LENGTH))
    kinds = {value.name: value.type.tensor_type.elem_type for value in (*made.graph.input, *made.graph.output)}
    assert kinds == dict.fromkeys(("spectrum", "logits", "embedding"), onnx.TensorProto.FLOAT)
    assert onnx.TensorProto.FLOAT16 in {one.data_type for one in made.graph.initializer}
