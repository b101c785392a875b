"""The messages of an ONNX file that the edge needs, and the reason for each one that it refuses.

Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). A field
that stands in no table is refused: what is not known is not skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import msgspec

from raman_edge.errors import ModelError
from raman_edge.model.check.wire import FIXED32, SPAN, VARINT

if TYPE_CHECKING:
    from raman_edge.model.check.wire import ProtobufBytes

MOST_NUMBERS = 1024
"""Numbers in one list of a node, or dimensions of a tensor."""
LONGEST_TEXT = 4096
"""Bytes of a name; the card has its own limit."""
SHOWN = 60
"""Characters of a name that a message shows."""
SUBGRAPH = "control flow hides a graph in a node"
SPARSE = "sparse tensors say how large they are and do not have to be"
FUNCTION = "functions hide operators"
OUTSIDE = "weights outside the file lie outside its digest"
NOT_TENSOR = "the edge runs tensors only"

Span = tuple[int, int]
"""First byte of a message and one behind its last."""


class Known(msgspec.Struct, frozen=True):
    """A field, by its place in onnx.proto."""

    name: str
    wire: int = SPAN
    many: bool = False
    """Whether it may stand more than once."""
    packed: bool = False
    """Whether its numbers may stand in one span."""
    refused: str = ""
    """Why its presence is the reason to refuse the file; empty where it is not."""


Table = dict[int, Known]


class ProtobufMessage:
    """One message, read by its table: numbers as they are, everything else as the span of its bytes."""

    def __init__(self, wire: ProtobufBytes, span: Span, table: Table, what: str) -> None:
        self._wire, self._what = wire, what
        self._numbers: dict[str, int] = {}
        self._spans: dict[str, list[Span]] = {}
        for number, kind, value, low, high in wire.fields(*span):
            name = self._name(number, kind, table)
            if kind == VARINT and not table[number].packed:
                self._numbers[name] = value
            elif name in self._spans:
                self._spans[name].append((low, high))
            else:
                self._spans[name] = [(low, high)]

    def number(self, name: str) -> int:
        """Return a number that may stand once; 0 where it does not, as protobuf has it."""
        return self._numbers.get(name, 0)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._numbers or name in self._spans

    def spans(self, name: str) -> list[Span]:
        """Return where the messages or texts of this name lie."""
        return self._spans.get(name, [])

    def numbers(self, name: str, most: int = MOST_NUMBERS) -> tuple[int, ...]:
        """Return a list of integers; more than ``most`` are refused."""
        spans = self.spans(name)
        if len(spans) > most:
            self._refuse(f"{name} is a list of more than {most} numbers where a few are expected")
        return tuple(value for low, high in spans for value in self._wire.varints(low, high, most))

    def texts(self, name: str, longest: int = LONGEST_TEXT) -> list[str]:
        """Return texts, each of at most ``longest`` bytes."""
        return [self._text(name, low, high, longest) for low, high in self.spans(name)]

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """Return a text that may stand once; empty where it does not."""
        return next(iter(self.texts(name, longest)), "")

    def _name(self, number: int, kind: int, table: Table) -> str:
        """Return the name of a field that may stand here."""
        known = table.get(number)
        if known is None:
            self._refuse(f"field {number} is unknown: is it an ONNX file, or one of a newer onnx?")
        if known.refused:
            self._refuse(f"{known.name} is refused: {known.refused}")
        if kind != known.wire and not (known.packed and kind == SPAN):
            self._refuse(f"{known.name} has wire type {kind}, {known.wire} expected: the file is damaged")
        if not known.many and self.has(known.name):
            self._refuse(f"{known.name} stands more than once, and readers differ in which one they take")
        return known.name

    def _text(self, name: str, low: int, high: int, longest: int) -> str:
        if high - low > longest:
            self._refuse(f"{name} has {high - low} bytes, at most {longest} are read")
        try:
            return self._wire.data[low:high].decode()
        except UnicodeDecodeError:
            self._refuse(f"{name} is not UTF-8 text: the file is damaged")

    def _refuse(self, why: str) -> NoReturn:
        msg = f"{self._what}: {why}"
        raise ModelError(msg)


def one(name: str, wire: int = SPAN) -> Known:
    """Return a field that stands at most once."""
    return Known(name, wire)


def refused(name: str, why: str) -> Known:
    """Return a field that no file of ours has."""
    return Known(name, refused=why)


def many(name: str) -> Known:
    """Return a field of messages or texts that may be repeated."""
    return Known(name, SPAN, many=True)


def numbers(name: str) -> Known:
    """Return a field of integers, packed or not."""
    return Known(name, VARINT, many=True, packed=True)


MODEL: Table = {
    1: one("ir_version", VARINT),
    2: one("producer_name"),
    3: one("producer_version"),
    4: one("domain"),
    5: one("model_version", VARINT),
    6: one("doc_string"),
    7: one("graph"),
    8: many("opset_import"),
    14: many("metadata_props"),
    20: refused("training_info", "a model that is run needs none"),
    25: refused("functions", FUNCTION),
    26: refused("configuration", "the edge runs on one device"),
}
OPSET: Table = {1: one("domain"), 2: one("version", VARINT)}
ENTRY: Table = {1: one("key"), 2: one("value")}
GRAPH: Table = {
    1: many("node"),
    2: one("name"),
    5: many("initializer"),
    10: one("doc_string"),
    11: many("input"),
    12: many("output"),
    13: many("value_info"),
    14: many("quantization_annotation"),
    15: refused("sparse_initializer", SPARSE),
    16: many("metadata_props"),
}
NODE: Table = {
    1: many("input"),
    2: many("output"),
    3: one("name"),
    4: one("op_type"),
    5: many("attribute"),
    6: one("doc_string"),
    7: one("domain"),
    8: refused("overload", FUNCTION),
    9: many("metadata_props"),
    10: refused("device_configurations", "the edge runs on one device"),
}
ATTRIBUTE: Table = {
    1: one("name"),
    2: one("f", FIXED32),
    3: one("i", VARINT),
    4: one("s"),
    5: one("t"),
    6: refused("g", SUBGRAPH),
    7: Known("floats", FIXED32, many=True, packed=True),
    8: numbers("ints"),
    9: many("strings"),
    10: refused("tensors", "no operator of ours has a list of tensors"),
    11: refused("graphs", SUBGRAPH),
    13: one("doc_string"),
    14: refused("tp", NOT_TENSOR),
    15: refused("type_protos", NOT_TENSOR),
    20: one("type", VARINT),
    21: refused("ref_attr_name", FUNCTION),
    22: refused("sparse_tensor", SPARSE),
    23: refused("sparse_tensors", SPARSE),
}
TENSOR: Table = {
    1: numbers("dims"),
    2: one("data_type", VARINT),
    3: refused("segment", "a tensor is stored whole"),
    4: Known("float_data", FIXED32, many=True, packed=True),
    5: numbers("int32_data"),
    6: refused("string_data", "a network computes with numbers"),
    7: numbers("int64_data"),
    8: one("name"),
    9: one("raw_data"),
    10: refused("double_data", "doubles are stored as raw bytes"),
    11: refused("uint64_data", "a network of ours has none"),
    12: one("doc_string"),
    13: refused("external_data", OUTSIDE),
    14: one("data_location", VARINT),
    16: many("metadata_props"),
}
VALUE: Table = {1: one("name"), 2: one("type"), 3: one("doc_string"), 4: many("metadata_props")}
TYPE: Table = {
    1: one("tensor_type"),
    4: refused("sequence_type", NOT_TENSOR),
    5: refused("map_type", NOT_TENSOR),
    6: one("denotation"),
    7: refused("opaque_type", NOT_TENSOR),
    8: refused("sparse_tensor_type", SPARSE),
    9: refused("optional_type", NOT_TENSOR),
}
TENSOR_TYPE: Table = {1: one("elem_type", VARINT), 2: one("shape")}
SHAPE: Table = {1: many("dim")}
DIMENSION: Table = {1: one("dim_value", VARINT), 2: one("dim_param"), 3: one("denotation")}
