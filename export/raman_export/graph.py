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
from raman_edge.model import INPUT, OUTPUTS

if TYPE_CHECKING:
    from raman_train.models import Network

OPSET = 18


def convert(network: Network, length: int) -> onnx.ModelProto:
    """Return the graph of ``network`` for spectra of ``length`` points, batch free, without any metadata."""
    network.eval()
    # Channels last is a matter of CPU training; the graph has its own layout.
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # torch's own types leave this form out
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
