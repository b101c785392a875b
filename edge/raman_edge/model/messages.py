"""ONNX files as protobuf messages, with the fields of a plain network and no others.

Field names and numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Every field of
a file is counted before protobuf parses it: a field of two bytes becomes an object of up to 200, so that the size of a file alone
does not bound the memory that parsing takes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from raman_edge.errors import ModelError

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
VARINT, FIXED64, SPAN, FIXED32 = 0, 1, 2, 5
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
