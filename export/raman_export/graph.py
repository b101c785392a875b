"""From a torch network to an ONNX graph with one input and two outputs."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import onnxruntime as ort
import torch
from raman_edge.errors import ModelError
from raman_edge.model.model import INPUT, OUTPUTS

if TYPE_CHECKING:
    from torch import nn

OPSET = 18
WEIGHTED = ("Conv", "Gemm", "MatMul")
"""Operators with weights: the size and the time."""
CARRYING = ("Relu", "MaxPool", "Concat", "Reshape")
"""Operators that only hand on or clip what those made: in the same precision nothing is converted in between."""


def convert(network: nn.Module, length: int) -> onnx.ModelProto:
    """Return the graph of ``network`` for spectra of ``length`` points, batch free, without any metadata."""
    network.eval()
    example = torch.rand(2, length)
    batch = torch.export.Dim("batch", min=1, max=65_536)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns of its own deprecated parts; nothing there is ours to change.
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
    """Compute once what depends on weights alone: normalised class directions, level weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 4
        ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path)


def _without_traces(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Drop stack traces and doc strings: they name paths of the machine that exported."""
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
    """Return the names of the nodes that stay fp32 in every smaller precision.

    Those that touch an initializer named in ``exact``, in whichever module it stands, and all that are not between the
    weighted ones: square roots, norms, the joining of the two parts of an embedding.
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
    """Return the inputs that are data: the second one of Reshape is a shape."""
    return set(node.input[:1] if node.op_type == "Reshape" else node.input)
