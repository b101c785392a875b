"""Lower precision of a graph: fp16 and static int8.

fp16 halves the bytes of the weights; a CPU still computes in fp32, a GPU does not. int8 has U8 activations and S8 weights per
channel, calibrated on training spectra: processors with VNNI multiply this pair in one instruction. Dynamic quantisation does not
speed up convolutions.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from raman_edge.model.model import INPUT

from raman_export import graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 32
DATA_INPUTS = {"Reshape": 1}
"""Number of inputs that are data, for operators with other inputs too."""


def to_fp16(proto: onnx.ModelProto, exact: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Return ``proto`` in fp16 except its inputs, its outputs and the nodes of :func:`graph.kept_exact`."""
    kept = set(graph.kept_exact(proto, exact))
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    smaller = [node for node in made.graph.node if node.name not in kept]
    weights = {initializer.name for initializer in made.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    halved = {name for node in smaller for name in node.output}
    cast: set[str] = set()
    for node in made.graph.node:
        nodes += _casts(node, node.name not in kept, weights, halved, cast)
        nodes.append(node)
    _rename_outputs(made, nodes, halved)
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    del made.graph.value_info[:]
    used = {name for node in smaller for name in _data(node)}
    for weight in made.graph.initializer:
        if weight.name in used:
            weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), weight.name))
    onnx.checker.check_model(made, full_check=True)
    return made


def _data(node: onnx.NodeProto) -> list[str]:
    """Return the inputs that are data."""
    return list(node.input[: DATA_INPUTS.get(node.op_type)])


def _casts(node: onnx.NodeProto, half: bool, weights: set[str], halved: set[str], cast: set[str]) -> list[onnx.NodeProto]:  # noqa: FBT001 - one of two precisions
    """Return the Cast nodes that ``node`` needs before it, and make it use them."""
    made = []
    suffix, kind = ("/fp16", TensorProto.FLOAT16) if half else ("/fp32", TensorProto.FLOAT)
    for place, name in enumerate(node.input):
        if name in weights or name not in _data(node) or (name in halved) == half:
            continue
        node.input[place] = name + suffix
        if name + suffix not in cast:
            cast.add(name + suffix)
            made.append(helper.make_node("Cast", [name], [name + suffix], name=f"cast {name}{suffix}", to=kind))
    return made


def _rename_outputs(made: onnx.ModelProto, nodes: list[onnx.NodeProto], halved: set[str]) -> None:
    """Convert the outputs of the graph back to fp32."""
    for output in {output.name for output in made.graph.output} & halved:
        for node in nodes:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == output:
                        names[place] = f"{output}/fp16"
        nodes.append(helper.make_node("Cast", [f"{output}/fp16"], [output], name=f"cast {output}", to=TensorProto.FLOAT))


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Gives training spectra to the calibration in chunks."""

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._chunks = iter([features[low : low + CHUNK] for low in range(0, len(features), CHUNK)])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next chunk, or None at the end."""
        chunk = next(self._chunks, None)
        return None if chunk is None else {INPUT: chunk}


def to_int8(proto: onnx.ModelProto, calibration: NDArray[np.float32], exact: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Return ``proto`` in int8 except the nodes of :func:`graph.kept_exact`.

    A ReLU becomes part of the range of the convolution before it, whose zero point is 0; pools and concatenations work on int8.
    """
    kept = graph.kept_exact(proto, exact)
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        source, cleaned, made = (Path(folder) / name for name in ("fp32.onnx", "clean.onnx", "int8.onnx"))
        onnx.save(_unshared(proto), source)
        quant_pre_process(str(source), str(cleaned), skip_symbolic_shape=True)
        quantize_static(
            cleaned, made, _Reader(calibration), quant_format=QuantFormat.QDQ, op_types_to_quantize=[*graph.WEIGHTED, *graph.CARRYING],
            per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=kept,
            calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip
        return onnx.load(made)


def _unshared(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph in which each recursion has its own copy of the shared weights, some 7 kB of int8.

    The scale of a quantised bias is that of the convolution's input times that of the weights, and the scale of the input differs
    between recursions; onnxruntime 1.31 refuses shared quantised weights when it arranges them for the processor.
    """
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    known = {initializer.name: initializer for initializer in copied.graph.initializer}
    seen: set[str] = set()
    for node in copied.graph.node:
        if node.op_type != "Conv":
            continue
        for place, name in enumerate(node.input):
            if name in seen:
                own = copied.graph.initializer.add()
                own.CopyFrom(known[name])
                own.name = node.input[place] = f"{name}/{node.name}"
            elif name in known:
                seen.add(name)
    return copied
