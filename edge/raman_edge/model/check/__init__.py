"""A model file from anywhere, looked through before onnxruntime loads it.

What is promised of a file that :func:`inspect` lets pass, run on one spectrum at a time:

- It reads no other file: weights stored elsewhere are refused wherever a tensor can stand.
- It is a plain network: the operators in :data:`OPERATORS` and no others; no control flow, no
  functions, no sparse tensors, no sequences, no strings, no operators of other domains.
- Every tensor has as many bytes as its shape says; no more than :data:`MAX_NODES` nodes and
  :data:`MAX_WEIGHTS` weights; the sizes of all results are known beforehand and hold together at most
  :data:`MAX_RESULTS` numbers, from at most :data:`MAX_WORK` multiplications. Integer weights that are
  converted to fp32 take four times their bytes in the file besides, each once.
- Looking through it takes time and memory in proportion to the number of its fields, which is bounded.

What is not promised: that onnxruntime has no defect of its own in these operators (it is native code
and the file's weights are its input: run models you do not trust as a user who may do little), that a
batch of many spectra needs no more memory (the edge runs one), and that the answers are right: a
file can be small, safe and wrong. Only a signature says who made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from raman_edge.errors import ModelError
from raman_edge.model.check import products, sizes
from raman_edge.model.check.cards import check as check_card
from raman_edge.model.check.cards import check_names
from raman_edge.model.check.graph import MOST_DIMENSIONS, Graph, Tensor, read
from raman_edge.model.check.messages import SHOWN
from raman_edge.model.check.wire import ProtobufBytes

if TYPE_CHECKING:
    from raman_edge.model.check.graph import Node

__all__ = ["MAX_NODES", "MAX_RESULTS", "MAX_WEIGHTS", "MAX_WORK", "OPERATORS", "CheckedModel", "check_card", "check_names", "inspect"]

MAX_NODES = 4096
MAX_WEIGHTS = 8192
"""Stored tensors."""
MAX_RESULTS = 64 * 2**20
"""Numbers in all results of one spectrum together; the largest published network, DRCNN, has 16 million."""
MAX_WORK = 20_000_000_000
"""Multiplications of one spectrum: some seconds on one core; DRCNN has 2100 million."""
MIN_OPSET = 13
"""Older operator sets write sizes where this module does not look for them."""

ONE_BY_ONE = (
    "Abs", "BatchNormalization", "Clip", "DequantizeLinear", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish",
    "InstanceNormalization", "LeakyRelu", "Log", "LogSoftmax", "LpNormalization", "Neg", "QuantizeLinear", "Reciprocal",
    "Relu", "ScatterElements", "Sigmoid", "Softmax", "Softplus", "Sqrt", "Tanh",
)  # fmt: skip
STRETCHED = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu", "Where", "Equal", "Greater", "Less")
REDUCED = ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare")
OPERATORS: dict[str, sizes.Rule] = {
    **dict.fromkeys(ONE_BY_ONE, sizes.same),
    **dict.fromkeys(STRETCHED, sizes.elementwise),
    **dict.fromkeys(REDUCED, sizes.reduce),
    **dict.fromkeys(["Identity", "Cast"], sizes.passed),
    **dict.fromkeys(["MaxPool", "AveragePool"], products.pool),
    **dict.fromkeys(["GlobalMaxPool", "GlobalAveragePool"], products.pool_all),
    "Concat": sizes.concat,
    "Constant": sizes.constant,
    "Conv": products.conv,
    "Expand": sizes.expand,
    "Flatten": sizes.flatten,
    "Gather": sizes.gather,
    "GatherElements": sizes.as_second,
    "GatherND": sizes.gather_nd,
    "Gemm": products.gemm,
    "MatMul": products.matmul,
    "Pad": sizes.pad,
    "QLinearConv": products.quantised(products.conv),
    "QLinearMatMul": products.quantised(products.matmul),
    "Reshape": sizes.reshape,
    "Shape": sizes.shape,
    "Slice": sizes.cut,
    "Squeeze": sizes.squeeze,
    "TopK": sizes.top_k,
    "Transpose": sizes.transpose,
    "Unsqueeze": sizes.unsqueeze,
}
"""What is run, each with the rule for the size of what it gives: what drcnn, drcnn-edge, the published networks
and the library searches are made of, in any precision, and their nearest relatives."""


class CheckedModel(msgspec.Struct, frozen=True):
    """What was found in a file that may be loaded."""

    graph: Graph
    sizes: Mapping[str, Tensor]
    """Every tensor of the network by name, for one spectrum."""
    results: int
    """Numbers in all results of one spectrum together."""
    work: int
    """Multiplications of one spectrum."""


def inspect(data: bytes) -> CheckedModel:
    """Look through the bytes of a model file; :class:`ModelError` with the reason where it may not be loaded."""
    graph = read(ProtobufBytes(data), MAX_NODES, MAX_WEIGHTS)
    if graph.opset < MIN_OPSET:
        msg = f"it is written in operator set {graph.opset}, {MIN_OPSET} or newer expected: export it again"
        raise ModelError(msg)
    known: dict[str, Tensor] = dict(graph.weights)
    for name, shape in graph.inputs.items():
        _keep(known, name, Tensor(_of_one(name, shape)), f"input {name[:SHOWN]!r}")
    results = work = 0
    packed = set(graph.weights)
    for node in graph.nodes:
        made, cost = _made(node, known)
        if node.operator == "DequantizeLinear" and node.inputs[0] in packed:
            packed.remove(node.inputs[0])  # bounded by the file; a second time the same weight counts
        else:
            results += sum(one.count for one in made)
        work += cost
        if results > MAX_RESULTS or work > MAX_WORK:
            msg = (
                f"{node}: by here one spectrum takes {results:.3g} numbers and {work:.3g} multiplications; "
                f"at most {MAX_RESULTS:.3g} and {MAX_WORK:.3g} are run"
            )
            raise ModelError(msg)
        for name, tensor in zip(node.outputs, made, strict=False):
            if name:
                _keep(known, name, tensor, str(node))
    for name in graph.outputs:
        if name not in known:
            msg = f"output {name[:SHOWN]!r} is made by no node: the file is damaged"
            raise ModelError(msg)
    return CheckedModel(graph, known, results, work)


def _of_one(name: str, shape: tuple[int | None, ...]) -> tuple[int, ...]:
    """Return an input's shape for one spectrum; only the batch may be free."""
    if None in shape[1:]:
        msg = f"input {name[:SHOWN]!r} has a free dimension besides the batch; the edge wants (batch, points)"
        raise ModelError(msg)
    return tuple(1 if dim is None else dim for dim in shape)


def _keep(known: dict[str, Tensor], name: str, tensor: Tensor, who: str) -> None:
    """Remember a result; a name stands for one tensor."""
    if name in known:
        msg = f"{who}: {name[:SHOWN]!r} is already the name of another tensor"
        raise ModelError(msg)
    known[name] = tensor


def _made(node: Node, known: dict[str, Tensor]) -> tuple[list[Tensor], int]:
    """Return what a node gives, and what it costs."""
    rule = OPERATORS.get(node.operator)
    if rule is None:
        msg = f"operator {node.operator[:SHOWN]!r} is not among the {len(OPERATORS)} that are run"
        raise ModelError(msg)
    if missing := [name for name in node.inputs if name and name not in known]:
        msg = f"{node}: it wants {missing[0][:SHOWN]!r}, which nothing before it makes"
        raise ModelError(msg)
    inputs = [known[name] if name else None for name in node.inputs]
    try:
        made = rule(node, inputs)
        cost = products.multiplications(node, inputs, made)
    except sizes.UnboundedSize as error:
        msg = f"{node}: {error}"
        raise ModelError(msg) from error
    if any(len(one.shape) > MOST_DIMENSIONS for one in made):
        msg = f"{node}: more than {MOST_DIMENSIONS} dimensions"
        raise ModelError(msg)
    if len(node.outputs) > len(made):
        msg = f"{node}: {len(node.outputs)} outputs, at most {len(made)} expected"
        raise ModelError(msg)
    return made, cost
