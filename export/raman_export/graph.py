"""Conversion of a torch network to an ONNX graph with one input and two outputs, and its comparison with the network."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
import torch
from raman_edge.errors import ModelError
from raman_edge.model import runtime
from raman_edge.model.model import INPUT, OUTPUTS, Outputs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

OPSET = 18
WEIGHTED = ("Conv", "Gemm", "MatMul")
"""Operators with weights, which determine size and time."""
CARRYING = ("Relu", "MaxPool", "Concat", "Reshape")
"""Operators that pass on or clip the outputs of those; in the same precision they need no conversion in between."""


def convert(network: nn.Module, length: int) -> onnx.ModelProto:
    """Return the graph of ``network`` for batches of spectra with ``length`` points, without metadata.

    Raises:
        ModelError: if the exporter gives no program.
    """
    network.eval()
    example = torch.rand(2, length)
    batch = torch.export.Dim("batch", min=1, max=65_536)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns about its own deprecated parts.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network, (example,), input_names=[INPUT], output_names=list(OUTPUTS), opset_version=OPSET,
            dynamic_shapes=({0: batch},), dynamo=True, optimize=True, verbose=False,
        )  # fmt: skip
        if program is None:
            msg = "torch.onnx.export gave no program"
            raise ModelError(msg)
    proto = _folded(_without_traces(program.model_proto))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _folded(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Precompute everything that depends only on weights: normalised class directions, level weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 4
        ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def _without_traces(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Remove stack traces and doc strings, which contain paths of this machine."""
    for node in proto.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        value.ClearField("doc_string")
        del value.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    return proto


def kept_exact(proto: onnx.ModelProto, exact: tuple[str, ...]) -> list[str]:
    """Return the names of the nodes that stay fp32 in a lower precision.

    These are the nodes that use an initializer named in ``exact``, of any module, and all nodes that are not between weighted
    ones: square roots, norms, the concatenation of the two parts of an embedding.
    """
    smaller: set[str] = set()
    kept = []
    for node in proto.graph.node:
        weighted = node.op_type in WEIGHTED and not {name.rpartition(".")[2] for name in node.input} & set(exact)
        if weighted or (node.op_type in CARRYING and _carried(node) <= smaller):
            smaller |= set(node.output)
        else:
            kept.append(node.name)
    return kept


def _carried(node: onnx.NodeProto) -> set[str]:
    """Return the inputs that are data; the second one of Reshape is a shape."""
    return set(node.input[:1] if node.op_type == "Reshape" else node.input)


BATCH = 128
MAX_DIFFERENCE = 2e-3
"""Largest accepted difference of a logit (they reach ±20) between torch and onnxruntime in fp32."""
MIN_COSINE = 0.99999
"""Smallest accepted cosine of the embeddings in fp32."""


class Parity(msgspec.Struct, frozen=True):
    """Differences between the outputs of two networks for the same spectra."""

    logits: float
    """Largest absolute difference of a logit."""
    embedding: float | None
    """Smallest cosine of two embeddings; None if their lengths differ."""
    agreement: float
    """Share of spectra with the same first class."""


def session(data: bytes, threads: int) -> ort.InferenceSession:
    """Open a graph on the CPU with the settings of the edge."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", runtime.exact_products())
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run(proto: onnx.ModelProto, features: NDArray[np.float32], threads: int = 2) -> Outputs:
    """Return the outputs of a graph for ``features`` (n, length), computed in batches."""
    opened = session(proto.SerializeToString(), threads)
    made = [opened.run(OUTPUTS, {INPUT: features[low : low + BATCH]}) for low in range(0, len(features), BATCH)]
    return Outputs(*(np.concatenate(part) for part in zip(*made, strict=True)))


def compare(left: Outputs, right: Outputs) -> Parity:
    """Compare the outputs of two graphs for the same spectra."""
    return Parity(
        logits=float(np.abs(left.logits - right.logits).max()),
        embedding=float((left.embedding * right.embedding).sum(axis=1).min()) if left.embedding.shape == right.embedding.shape else None,
        agreement=float((left.logits.argmax(axis=1) == right.logits.argmax(axis=1)).mean()),
    )


@torch.no_grad()
def check(network: nn.Module, proto: onnx.ModelProto, features: NDArray[np.float32]) -> Parity:
    """Compare torch and onnxruntime on ``features`` (n, length); :class:`ModelError` if they differ by more than the tolerance."""
    network.eval()
    logits, embedding = network(torch.from_numpy(features))
    found = compare(Outputs(logits.numpy(), embedding.numpy()), run(proto, features))
    cosine = found.embedding or 0.0
    if not (found.logits <= MAX_DIFFERENCE and cosine >= MIN_COSINE):
        msg = (
            f"onnxruntime and torch differ: got logits {found.logits:.2g} apart, expected at most {MAX_DIFFERENCE}; "
            f"got embeddings with a cosine of {cosine:.6f}, expected at least {MIN_COSINE}. Nothing was written"
        )
        raise ModelError(msg)
    return found
