"""A model file from anywhere, checked before onnxruntime loads it.

Of a file that :func:`inspect` accepts, run on one spectrum at a time, this holds:

- It reads no other file: weights stored elsewhere are refused wherever a tensor can stand.
- It is a plain network: the operators of :mod:`raman_edge.model.shapes` and no others; no control flow, no functions,
  no sparse tensors, no sequences, no strings, no operators of other domains.
- Every tensor has as many bytes as its shape says; there are no more than :data:`MAX_NODES` nodes and :data:`MAX_WEIGHTS` weights;
  the sizes of all results are known beforehand and hold together at most :data:`MAX_RESULTS` numbers, from at most
  :data:`MAX_WORK` multiplications. Integer weights that are converted to fp32 take four times their bytes in the file, each once.
- The check itself takes memory for two copies of the file and 200 bytes for each of at most
  :data:`raman_edge.model.check.MAX_FIELDS` fields.

Not promised: that onnxruntime has no defect in these operators (it is native code and the file's weights are its input: run models
that you do not trust as a user with few rights), that a batch of many spectra needs no more memory (the edge runs one), and that the
answers are right: a file can be small, safe and wrong. Only a signature says who made it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from raman_edge.errors import CardError, ModelError
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
    model = parse(data)
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


MAX_FIELDS = 400_000
"""Fields of one file; each byte of a packed list of integers counts as one. The largest network of the literature has some 20 000."""
SCHEMA = {
    "Model": "1 ir_version int64, 2 producer_name string, 3 producer_version string, 4 domain string, 5 model_version int64, "
    "6 doc_string string, 7 graph Graph, 8 opset_import *OperatorSet, 14 metadata_props *Entry",
    "OperatorSet": "1 domain string, 2 version int64",
    "Entry": "1 key string, 2 value string",
    "Graph": "1 node *Node, 2 name string, 5 initializer *Tensor, 10 doc_string string, 11 input *Value, 12 output *Value, "
    "13 value_info *Value, 14 quantization_annotation *Annotation, 16 metadata_props *Entry",
    "Annotation": "1 tensor_name string, 2 quant_parameter_tensor_names *Entry",
    "Node": "1 input *string, 2 output *string, 3 name string, 4 op_type string, 5 attribute *Attribute, 6 doc_string string, "
    "7 domain string, 9 metadata_props *Entry",
    "Attribute": "1 name string, 2 f float, 3 i int64, 4 s bytes, 5 t Tensor, 7 floats *float, 8 ints *int64, 9 strings *bytes, "
    "13 doc_string string, 20 type int32",
    "Tensor": "1 dims *int64, 2 data_type int32, 4 float_data *float, 5 int32_data *int32, 7 int64_data *int64, 8 name string, "
    "9 raw_data bytes, 12 doc_string string, 14 data_location int32, 16 metadata_props *Entry",
    "Value": "1 name string, 2 type Type, 3 doc_string string, 4 metadata_props *Entry",
    "Type": "1 tensor_type TensorType, 6 denotation string",
    "TensorType": "1 elem_type int32, 2 shape Shape",
    "Shape": "1 dim *Dimension",
    "Dimension": "1 dim_value int64, 2 dim_param string, 3 denotation string",
}
"""The messages of a plain network: number, name and type of each field; ``*`` marks a field that may be repeated."""
FORBIDDEN = {
    "Model": {20: "training_info", 25: "functions", 26: "configuration"},
    "Graph": {15: "sparse_initializer"},
    "Node": {8: "overload", 10: "device_configurations"},
    "Attribute": {6: "g", 10: "tensors", 11: "graphs", 14: "tp", 15: "type_protos", 21: "ref_attr_name", 22: "sparse_tensor"}
    | {23: "sparse_tensors"},
    "Tensor": {3: "segment", 6: "string_data", 10: "double_data", 11: "uint64_data", 13: "external_data"},
    "Type": {4: "sequence_type", 5: "map_type", 7: "opaque_type", 8: "sparse_tensor_type", 9: "optional_type"},
}
"""The other fields of onnx.proto: they hide operators, graphs or weights, or have no use in a network for spectra."""
VARINT, SPAN, FIXED32 = 0, 2, 5
"""Wire types (https://protobuf.dev/programming-guides/encoding/); no field of a plain network is of 64 bits."""
WIRES = {"int64": VARINT, "int32": VARINT, "float": FIXED32}
"""Wire type of each type of number; everything else is a span of bytes."""
MORE = 0x80
"""Set in each byte of a number but the last."""
VARINT_BITS = 64

Keys = dict[int, tuple[str, bool]]
"""Number and wire type of a field as they stand in a file → its message type, and whether its bytes count as fields."""


def _keys(fields: str) -> Keys:
    made = {}
    for field in fields.split(", "):
        number, _, kind = field.split()
        plain = kind.lstrip("*")
        made[int(number) << 3 | WIRES.get(plain, SPAN)] = (plain if plain in SCHEMA else "", False)
        if kind != plain and plain in WIRES:
            made[int(number) << 3 | SPAN] = ("", WIRES[plain] == VARINT)
    return made


KEYS = {name: _keys(fields) for name, fields in SCHEMA.items()}


@cache
def _model_class() -> Any:  # noqa: ANN401 - as above
    """Return the class of the Model message, from a descriptor pool that shares nothing with the onnx package."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="raman_edge.proto", package="raman_edge", syntax="proto3")
    for message, fields in SCHEMA.items():
        made = file.message_type.add(name=message)
        if message == "Dimension":
            made.oneof_decl.add(name="value")
        for field in fields.split(", "):
            number, field_name, kind = field.split()
            plain = kind.lstrip("*")
            one = made.field.add(name=field_name, number=int(number), label=kinds.LABEL_OPTIONAL if plain == kind else kinds.LABEL_REPEATED)
            one.type = kinds.TYPE_MESSAGE if plain in SCHEMA else kinds.Type.Value(f"TYPE_{plain.upper()}")
            if plain in SCHEMA:
                one.type_name = f".raman_edge.{plain}"
            if field_name.startswith("dim_"):
                one.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("raman_edge.Model"))


def serialize(**fields: object) -> bytes:
    """Return an ONNX file with these fields of a Model, messages as dicts."""
    return bytes(_model_class()(**fields).SerializeToString())


def parse(data: bytes, most: int = MAX_FIELDS) -> Any:  # noqa: ANN401
    """Return the Model message of a file; :class:`ModelError` where it has other fields, or more than ``most``."""
    _count(data, 0, len(data), "Model", most)
    try:
        return _model_class().FromString(data)
    except DecodeError as error:
        raise _damaged(0, "bytes that protobuf does not read", "messages with UTF-8 text") from error


def _count(data: bytes, place: int, end: int, name: str, left: int) -> int:
    """Return how many of ``left`` fields are left after the message in bytes ``place`` to ``end``."""
    keys = KEYS[name]
    while place < end:
        start = place
        key, place = (data[place], place + 1) if data[place] < MORE else read_varint(data, place, end)
        if key not in keys:
            raise _unknown(start, name, key >> 3, key & 7)
        message, listed = keys[key]
        wire = key & 7
        if wire == FIXED32:
            size = 4
        else:
            size, place = (data[place], place + 1) if place < end and data[place] < MORE else read_varint(data, place, end)
        stop = place if wire == VARINT else place + size
        if stop > end:
            raise _damaged(start, f"a field of {size} bytes", f"at most the {end - place} bytes that its message has left")
        left -= 1 + (size if listed else 0)
        if left < 0:
            raise ModelError(kind="too many fields", got=f"more than {MAX_FIELDS}", expected="the fields of one network")
        if message:
            left = _count(data, place, stop, message, left)
        place = stop
    return left


def read_varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """Return the unsigned number at ``place`` and the place after it."""
    value = shift = 0
    while place < end and shift < VARINT_BITS:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < MORE:
            return value, place
        shift += 7
    raise _damaged(place, "a number that does not end", f"at most {VARINT_BITS} bits, inside its message")


def _unknown(place: int, message: str, number: int, wire: int) -> ModelError:
    if name := FORBIDDEN.get(message, {}).get(number):
        return ModelError(
            kind="forbidden field", place=f"byte {place}", got=f"{name} in a {message}",
            expected="a plain network: weights inside the file, no graph in a node, no functions, no sparse tensors",
        )  # fmt: skip
    return ModelError(
        kind="unknown field", place=f"byte {place}", got=f"field {number} of wire type {wire} in a {message}", expected="an ONNX file",
        advice="Update raman-edge if a newer onnx wrote the file",
    )  # fmt: skip


def _damaged(place: int, got: str, expected: str) -> ModelError:
    return ModelError(kind="damaged file", place=f"byte {place}", got=got, expected=expected, advice="Copy the file again")
