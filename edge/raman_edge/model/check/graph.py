"""What an ONNX file holds, read without running it: tensors by size, nodes by operator, metadata as text."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import msgspec

from raman_edge.errors import CardError, ModelError
from raman_edge.model.check import messages
from raman_edge.model.check.messages import SHOWN, ProtobufMessage

if TYPE_CHECKING:
    from raman_edge.model.check.messages import Span
    from raman_edge.model.check.wire import ProtobufBytes

BYTES = {1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8}
"""ONNX data type → bytes a number: float, uint8, int8, int32, int64, bool, float16, double."""
INTEGERS = {6: "i", 7: "q"}
"""Data types that shapes are written in → their letter in :mod:`struct`."""
MOST_VALUES = 64
"""Of a longer list of integers nothing is read: no shape is as long."""
MOST_DIMENSIONS = 8
MOST_METADATA = 64
MAX_CARD_BYTES = 32 * 2**20
"""Four bytes for each character that a card may have."""


class Tensor(msgspec.Struct, frozen=True):
    """A tensor as far as its size matters."""

    shape: tuple[int, ...]
    values: tuple[int, ...] | None = None
    """The numbers of a short list of integers; None for everything else."""

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


Attribute = int | bytes | tuple[int, ...] | Tensor | None
"""What an attribute says; None where it says floats or texts, which make nothing larger."""


class Node(msgspec.Struct, frozen=True):
    """One operation."""

    operator: str
    inputs: tuple[str, ...]
    """Names; empty where an optional input is left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = {}
    name: str = ""

    def __str__(self) -> str:
        return f"{self.operator} node {self.name[:SHOWN]!r}"


class Graph(msgspec.Struct, frozen=True):
    """A whole file."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, Tensor]
    """Initializers by name."""
    inputs: Mapping[str, tuple[int | None, ...]]
    """Shapes by name; None is a free dimension."""
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]
    opset: int
    """Version of the default operator set."""


def read(wire: ProtobufBytes, most_nodes: int, most_weights: int) -> Graph:
    """Read the file; :class:`ModelError` says what in it is damaged or refused."""
    model = ProtobufMessage(wire, (0, len(wire.data)), messages.MODEL, "the file")
    graph = model.spans("graph")
    if not graph:
        msg = "it holds no graph: is it an ONNX file?"
        raise ModelError(msg)
    parts = ProtobufMessage(wire, graph[0], messages.GRAPH, "the graph")
    for name, most in (("node", most_nodes), ("initializer", most_weights), ("input", MOST_VALUES), ("output", MOST_VALUES)):
        if len(parts.spans(name)) > most:
            msg = f"it has {len(parts.spans(name))} of {name}, at most {most} are run"
            raise ModelError(msg)
    named = [_tensor(wire, span) for span in parts.spans("initializer")]
    return Graph(
        tuple(_node(wire, span) for span in parts.spans("node")),
        dict(named),
        dict(_value(wire, span) for span in parts.spans("input")),
        tuple(_value(wire, span)[0] for span in parts.spans("output")),
        _metadata(wire, model),
        _opset(wire, model),
    )


def _opset(wire: ProtobufBytes, model: ProtobufMessage) -> int:
    """Return the version of the default operator set; others may be named and are not used."""
    sets = [ProtobufMessage(wire, span, messages.OPSET, "an operator set") for span in model.spans("opset_import")]
    versions = [one.number("version") for one in sets if one.text("domain") in {"", "ai.onnx"}]
    if len(versions) != 1:
        msg = f"it names {len(versions)} versions of ONNX's operators, 1 expected: the file is damaged"
        raise ModelError(msg)
    return versions[0]


def _metadata(wire: ProtobufBytes, model: ProtobufMessage) -> dict[str, str]:
    """Return the file's metadata, where the card is."""
    spans = model.spans("metadata_props")
    if len(spans) > MOST_METADATA:
        msg = f"it has {len(spans)} entries of metadata, at most {MOST_METADATA} are read"
        raise ModelError(msg)
    found: dict[str, str] = {}
    for span in spans:
        entry = ProtobufMessage(wire, span, messages.ENTRY, "its metadata")
        try:
            key, value = entry.text("key"), entry.text("value", MAX_CARD_BYTES)
        except ModelError as error:
            raise CardError(str(error)) from error
        if key in found:
            msg = f"its metadata has {key[:SHOWN]!r} twice, and readers differ in which one they take"
            raise CardError(msg)
        found[key] = value
    return found


def _node(wire: ProtobufBytes, span: Span) -> Node:
    read = ProtobufMessage(wire, span, messages.NODE, "a node")
    domain = read.text("domain")
    if domain not in {"", "ai.onnx"}:
        msg = f"{read.text('op_type')[:SHOWN]!r} is an operator of {domain[:SHOWN]!r}; only ONNX's own are run"
        raise ModelError(msg)
    inputs, outputs = tuple(read.texts("input")), tuple(read.texts("output"))
    attributes = dict(_attribute(wire, span) for span in read.spans("attribute"))
    return Node(read.text("op_type"), inputs, outputs, attributes, read.text("name"))


def _attribute(wire: ProtobufBytes, span: Span) -> tuple[str, Attribute]:
    read = ProtobufMessage(wire, span, messages.ATTRIBUTE, "an attribute")
    name = read.text("name")
    if read.has("t"):
        return name, _tensor(wire, read.spans("t")[0])[1]
    if read.has("ints"):
        return name, read.numbers("ints")
    if read.has("s"):
        return name, read.text("s").encode()
    if read.has("i"):
        return name, read.number("i")
    return name, None


def _tensor(wire: ProtobufBytes, span: Span) -> tuple[str, Tensor]:
    """Return a stored tensor; it holds as many bytes as its shape says, or it is refused."""
    read = ProtobufMessage(wire, span, messages.TENSOR, "a tensor")
    name, shape, kind = read.text("name"), read.numbers("dims"), read.number("data_type")
    what = f"tensor {name[:SHOWN]!r}"
    if read.number("data_location"):
        _refuse(what, messages.OUTSIDE)
    if kind not in BYTES:
        _refuse(what, f"numbers of ONNX type {kind} are not run, types {', '.join(map(str, BYTES))} are")
    _check_shape(what, shape)
    count = math.prod(shape)
    stored = [part for part in ("raw_data", "float_data", "int32_data", "int64_data") if read.has(part)]
    if len(stored) > 1 or (count and not stored):
        _refuse(what, f"{count} numbers are stored in {len(stored)} places, 1 expected: the file is damaged")
    held = sum(high - low for part in stored for low, high in read.spans(part))
    # A stored float has four bytes; a stored integer has one or more.
    wanted = count * {"raw_data": BYTES[kind], "float_data": 4}.get(stored[0], 1) if stored else 0
    exact = stored[:1] in (["raw_data"], ["float_data"])
    if held < wanted or (exact and held != wanted):
        _refuse(what, f"its shape {list(shape)} wants {wanted} bytes, {held} are stored: the file is damaged")
    return name, Tensor(shape, _values(wire, read, stored, kind, count))


def _values(wire: ProtobufBytes, read: ProtobufMessage, stored: list[str], kind: int, count: int) -> tuple[int, ...] | None:
    """Return the numbers of a short list of integers, None for anything else."""
    if kind not in INTEGERS or count > MOST_VALUES:
        return None
    if not stored:
        return ()
    if stored == ["raw_data"]:
        low, high = read.spans("raw_data")[0]
        return struct.unpack(f"<{count}{INTEGERS[kind]}", wire.data[low:high])
    values = read.numbers(stored[0])
    return values if len(values) == count else None


def _value(wire: ProtobufBytes, span: Span) -> tuple[str, tuple[int | None, ...]]:
    """Return name and shape of an input or output."""
    read = ProtobufMessage(wire, span, messages.VALUE, "an input or output")
    name = read.text("name")
    what = f"input or output {name[:SHOWN]!r}"
    types = [ProtobufMessage(wire, span, messages.TYPE, what) for span in read.spans("type")]
    tensors = [ProtobufMessage(wire, span, messages.TENSOR_TYPE, what) for one in types for span in one.spans("tensor_type")]
    shapes = [ProtobufMessage(wire, span, messages.SHAPE, what) for one in tensors for span in one.spans("shape")]
    dims = [ProtobufMessage(wire, span, messages.DIMENSION, what) for one in shapes for span in one.spans("dim")]
    for one in dims:
        one.text("dim_param")  # onnxruntime hands it on as text
    shape = tuple(one.number("dim_value") if one.has("dim_value") else None for one in dims)
    _check_shape(what, tuple(dim or 0 for dim in shape))
    return name, shape


def _check_shape(what: str, shape: tuple[int, ...]) -> None:
    if len(shape) > MOST_DIMENSIONS or any(dim < 0 for dim in shape):
        _refuse(what, f"at most {MOST_DIMENSIONS} dimensions of 0 or more are run, got {list(shape)[: MOST_DIMENSIONS + 1]}")


def _refuse(what: str, why: str) -> NoReturn:
    msg = f"{what}: {why}"
    raise ModelError(msg)
