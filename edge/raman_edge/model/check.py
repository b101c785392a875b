"""A model file from anywhere, checked before onnxruntime loads it.

Of a file that :func:`inspect` accepts, run on one spectrum at a time, this holds:

- It reads no other file: weights stored elsewhere are refused wherever a tensor can stand.
- It is a plain network: the operators of :mod:`raman_edge.model.shapes` and no others; no control flow, no functions,
  no sparse tensors, no sequences, no strings, no operators of other domains.
- Every tensor has as many bytes as its shape says; there are no more than :data:`MAX_NODES` nodes and :data:`MAX_WEIGHTS` weights;
  the sizes of all results are known beforehand and hold together at most :data:`MAX_RESULTS` numbers, from at most
  :data:`MAX_WORK` multiplications. Integer weights that are converted to fp32 take four times their bytes in the file, each once.
- The check itself takes memory for two copies of the file and 200 bytes for each of at most
  :data:`raman_edge.model.messages.MAX_FIELDS` fields.

Not promised: that onnxruntime has no defect in these operators (it is native code and the file's weights are its input: run models
that you do not trust as a user with few rights), that a batch of many spectra needs no more memory (the edge runs one), and that the
answers are right: a file can be small, safe and wrong. Only a signature says who made it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from raman_edge.errors import CardError, ModelError
from raman_edge.model import messages
from raman_edge.model.shapes import INT32, INT64, MOST_VALUES, OPERATORS, Node, Shape, Tensor, multiplications, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NODES = 4096
MAX_WEIGHTS = 8192
"""Stored tensors."""
MAX_RESULTS = 64 * 2**20
"""Numbers in all results of one spectrum together; the largest published network, DRCNN, has 16 million."""
MAX_WORK = 20_000_000_000
"""Multiplications of one spectrum: some seconds on one core; DRCNN has 2100 million."""
MIN_OPSET = 13
"""Older operator sets store sizes where :mod:`raman_edge.model.shapes` does not look for them."""
MOST_DIMENSIONS = 8
SHOWN = 60
"""Characters of a name that a message shows."""
NUMPY = {1: "<f4", 2: "u1", 3: "i1", INT32: "<i4", INT64: "<i8", 9: "?", 10: "<f2", 11: "<f8"}
"""ONNX type of a tensor → its numbers in numpy."""
STORED = {"raw_data": NUMPY.keys(), "float_data": {1}, "int32_data": {2, 3, INT32, 9, 10}, "int64_data": {INT64}}
"""Where the numbers of a tensor can stand → of which types."""
VALUE_OF = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}
"""ONNX type of an attribute → the field with its value."""


@dataclass(frozen=True, eq=False, slots=True)
class CheckedModel:
    """What a file holds that may be loaded."""

    nodes: int
    weights: int
    """Stored tensors."""
    metadata: Mapping[str, str]
    sizes: Mapping[str, Tensor]
    """Every tensor of the network by name, for one spectrum."""
    results: int
    """Numbers in all results of one spectrum together."""
    work: int
    """Multiplications of one spectrum."""


def inspect(data: bytes) -> CheckedModel:
    """Check the bytes of a model file; :class:`ModelError` with the reason where it may not be loaded."""
    model = messages.parse(data)
    graph = model.graph
    _check_form(model, len(data))
    known: dict[str, Tensor] = {}
    for stored in graph.initializer:
        _keep(known, stored.name, _stored(stored))
    packed = set(known)
    for value in graph.input:
        _keep(known, value.name, unknown(_shape_of_one(value)))
    results = work = 0
    for message in graph.node:
        node = _node(message)
        made, cost = _run(node, known)
        if node.operator == "DequantizeLinear" and node.inputs[0] in packed:
            packed.remove(node.inputs[0])  # bounded by the file; a second conversion of the same weight counts
        else:
            results += sum(one.count for one in made)
        work += cost
        if results > MAX_RESULTS or work > MAX_WORK:
            raise ModelError(
                kind="too large", place=_place(node), got=f"{results:.3g} numbers and {work:.3g} multiplications of one spectrum so far",
                expected=f"at most {MAX_RESULTS:.3g} and {MAX_WORK:.3g}",
            )  # fmt: skip
        for name, tensor in zip(node.outputs, made, strict=False):
            if name:
                _keep(known, name, tensor)
    for value in graph.output:
        if value.name not in known:
            raise _missing(value.name, "the graph's outputs")
    return CheckedModel(len(graph.node), len(graph.initializer), _metadata(model), known, results, work)


def _check_form(model: Any, size: int) -> None:  # noqa: ANN401 - protobuf makes its classes at run time
    """Refuse a file without a graph, with too many nodes or weights, or of another operator set."""
    if not model.graph.node:
        raise ModelError(kind="no graph", got=f"{size} bytes without a node", expected="an ONNX file")
    for what, got, most in (("nodes", len(model.graph.node), MAX_NODES), ("weights", len(model.graph.initializer), MAX_WEIGHTS)):
        if got > most:
            raise ModelError(kind=f"too many {what}", got=str(got), expected=f"at most {most}")
    versions = [one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}]
    if len(versions) != 1 or versions[0] < MIN_OPSET:
        raise ModelError(
            kind="wrong operator set", got=", ".join(map(str, versions[:8])) or "none", expected=f"one, {MIN_OPSET} or newer",
            advice="Export the model again",
        )  # fmt: skip


def _metadata(model: Any) -> dict[str, str]:  # noqa: ANN401
    """Return the file's metadata, where the card is."""
    found: dict[str, str] = {}
    for entry in model.metadata_props:
        if entry.key in found:
            raise CardError(kind="duplicate metadata", got=f"{entry.key[:SHOWN]!r} twice", expected="each key once")
        found[entry.key] = entry.value
    return found


def _node(message: Any) -> Node:  # noqa: ANN401
    """Read a node; :class:`ModelError` where it is of another domain, or an attribute is ambiguous."""
    attributes: dict[str, int | bytes | Shape | Tensor | None] = {}
    node = Node(message.op_type, message.name, tuple(message.input), tuple(message.output), attributes)
    if message.domain not in {"", "ai.onnx"}:
        raise ModelError(kind="foreign operator", place=_place(node), got=f"domain {message.domain[:SHOWN]!r}", expected="ONNX's own")
    for one in message.attribute:
        name = VALUE_OF.get(one.type, "")
        held = {field.name for field, _ in one.ListFields()} - {"name", "type", "doc_string"}
        if not name or held - {name} or one.name in attributes:
            raise ModelError(
                kind="ambiguous attribute", place=_place(node), got=f"{one.name[:SHOWN]!r} of type {one.type} with {sorted(held)}",
                expected="each name once, with the value of its type",
            )  # fmt: skip
        value = getattr(one, name)
        match name:
            case "i" | "s":
                attributes[one.name] = value
            case "ints":
                attributes[one.name] = tuple(value)
            case "t":
                attributes[one.name] = _stored(value)
            case _:
                attributes[one.name] = None
    return node


def _stored(message: Any) -> Tensor:  # noqa: ANN401
    """Read a stored tensor; :class:`ModelError` where it does not hold as many bytes as its shape says."""
    place, shape, kind = f"tensor {message.name[:SHOWN]!r}", tuple(message.dims), message.data_type
    if message.data_location:
        raise ModelError(kind="forbidden field", place=place, got="weights outside the file", expected="weights that its digest covers")
    if kind not in NUMPY:
        raise ModelError(kind="unknown type", place=place, got=f"ONNX type {kind}", expected=f"one of {', '.join(map(str, NUMPY))}")
    _check_shape(place, shape)
    count, dtype = math.prod(shape), np.dtype(NUMPY[kind])
    held = {name: found for name in STORED if (found := getattr(message, name))}
    name, numbers = next(iter(held.items()), ("raw_data", b""))
    wanted = count * dtype.itemsize if name == "raw_data" else count
    if len(held) > 1 or kind not in STORED[name] or len(numbers) != wanted:
        raise ModelError(
            kind="wrong size", place=place, got=f"{len(numbers)} in {', '.join(held) or 'no field'}",
            expected=f"{wanted} for shape {list(shape)} of type {kind}",
        )  # fmt: skip
    if kind in {INT32, INT64} and count <= MOST_VALUES:
        values = np.frombuffer(numbers, dtype) if name == "raw_data" else np.array(numbers, np.int64)
        return Tensor(values.reshape(shape), known=True)
    return unknown(shape)


def _shape_of_one(message: Any) -> Shape:  # noqa: ANN401
    """Return the shape of an input for one spectrum; only the batch may be free."""
    place = f"input {message.name[:SHOWN]!r}"
    dims = message.type.tensor_type.shape.dim
    free = [dim.WhichOneof("value") != "dim_value" for dim in dims]
    if any(free[1:]):
        raise ModelError(
            kind="free dimension", place=place, got=f"{sum(free)} of {len(free)}", expected="(batch, points), only the batch free"
        )
    shape = tuple(1 if is_free else dim.dim_value for dim, is_free in zip(dims, free, strict=True))
    _check_shape(place, shape)
    return shape


def _check_shape(place: str, shape: Shape) -> None:
    if len(shape) > MOST_DIMENSIONS or any(dim < 0 for dim in shape):
        got = f"{list(shape[: MOST_DIMENSIONS + 1])}"
        raise ModelError(kind="wrong shape", place=place, got=got, expected=f"at most {MOST_DIMENSIONS} dimensions of 0 or more")


def _run(node: Node, known: dict[str, Tensor]) -> tuple[list[Tensor], int]:
    """Return what a node gives, and what it costs."""
    rule = OPERATORS.get(node.operator)
    if rule is None:
        raise ModelError(kind="unknown operator", place=_place(node), got=f"{node.operator[:SHOWN]!r}", expected=f"one of {len(OPERATORS)}")
    if missing := [name for name in node.inputs if name and name not in known]:
        raise _missing(missing[0], _place(node))
    inputs = [known[name] if name else None for name in node.inputs]
    try:
        made = rule(node, inputs)
        cost = multiplications(node, inputs, made)
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError) as error:
        raise ModelError(kind="impossible operation", place=_place(node), cause=str(error)[:200]) from error
    if any(len(one.shape) > MOST_DIMENSIONS for one in made) or len(node.outputs) > len(made):
        most = max(len(one.shape) for one in made)
        got, expected = f"{len(node.outputs)} outputs, {most} dimensions", f"at most {len(made)} and {MOST_DIMENSIONS}"
        raise ModelError(kind="impossible operation", place=_place(node), got=got, expected=expected)
    return made, cost


def _keep(known: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    if name in known:
        raise ModelError(kind="duplicate name", place=f"tensor {name[:SHOWN]!r}", got="two tensors of this name", expected="one")
    known[name] = tensor


def _missing(name: str, place: str) -> ModelError:
    return ModelError(
        kind="missing tensor", place=place, got=f"{name[:SHOWN]!r}, which no node before makes", expected="a tensor that is there"
    )


def _place(node: Node) -> str:
    return f"{node.operator[:SHOWN]!r} node {node.name[:SHOWN]!r}"
