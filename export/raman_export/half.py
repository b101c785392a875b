"""fp16: half the bytes of what has weights. A processor computes in fp32 all the same; a GPU does not."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from raman_export import graph

DATA_OF = {"Reshape": 1}
"""How many of the inputs are data, where not all are."""


def halve(proto: onnx.ModelProto, exact: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Return ``proto`` in fp16 but for its inputs, its outputs and what :func:`graph.kept_exact` keeps."""
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
    _halve_weights(made, {name for node in smaller for name in _data(node)})
    onnx.checker.check_model(made, full_check=True)
    return made


def _data(node: onnx.NodeProto) -> list[str]:
    """Return the inputs that are numbers to compute with."""
    return list(node.input[: DATA_OF.get(node.op_type)])


def _casts(node: onnx.NodeProto, half: bool, weights: set[str], halved: set[str], cast: set[str]) -> list[onnx.NodeProto]:  # noqa: FBT001 - one of two precisions
    """Return what has to be cast in front of ``node``, which is made to use it."""
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
    """Give the graph's outputs back in fp32."""
    for output in {output.name for output in made.graph.output} & halved:
        for node in nodes:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == output:
                        names[place] = f"{output}/fp16"
        nodes.append(helper.make_node("Cast", [f"{output}/fp16"], [output], name=f"cast {output}", to=TensorProto.FLOAT))


def _halve_weights(made: onnx.ModelProto, used: set[str]) -> None:
    """Store the weights that fp16 operators use as fp16."""
    for initializer in made.graph.initializer:
        if initializer.name in used:
            initializer.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(initializer).astype(np.float16), initializer.name))
