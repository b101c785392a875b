"""The messages of an ONNX file against the onnx package, what is counted before they are parsed, and bytes that are no message."""

from __future__ import annotations

import tracemalloc
from typing import Any

import build
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from onnx import helper, numpy_helper
from raising import refused
from raman_edge.errors import ModelError, RamanEdgeError
from raman_edge.model import check, model
from raman_edge.model.check import NUMPY
from raman_edge.model.shapes import INT32, INT64, MOST_VALUES

NAMES = st.text(max_size=12)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def test_the_schema_is_onnxs_own() -> None:
    """Every message, field, number and type is that of onnx.proto, and every other field is listed as forbidden."""
    own = {
        "OperatorSet": "OperatorSetIdProto",
        "Entry": "StringStringEntryProto",
        "Annotation": "TensorAnnotation",
        "Value": "ValueInfoProto",
    }
    own |= {"TensorType": "TypeProto.Tensor", "Shape": "TensorShapeProto", "Dimension": "TensorShapeProto.Dimension"}
    for name, fields in check.SCHEMA.items():
        theirs = onnx
        for part in own.get(name, f"{name}Proto").split("."):
            theirs = getattr(theirs, part)
        described = theirs.DESCRIPTOR.fields_by_number
        ours = {int(number): (field, kind) for number, field, kind in map(str.split, fields.split(", "))}
        assert {number: field.name for number, field in described.items()} == {
            number: field for number, (field, _) in ours.items()
        } | check.FORBIDDEN.get(name, {})
        for number, (_, kind) in ours.items():
            field = described[number]
            assert (kind.startswith("*")) == (field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED)
            types = {"enum": field.TYPE_ENUM, "int64": field.TYPE_INT64, "int32": field.TYPE_INT32, "float": field.TYPE_FLOAT}
            types |= {"string": field.TYPE_STRING, "bytes": field.TYPE_BYTES}
            assert field.type in {types.get(kind.lstrip("*"), field.TYPE_MESSAGE), types["enum"] if kind == "int32" else None}


def test_the_embedded_model_is_read_as_onnx_reads_it() -> None:
    """Every field of the model that ships."""
    data = model.default_path().read_bytes()
    assert_same(check.parse(data), onnx.load_model_from_string(data), "Model")


def assert_same(ours: Any, theirs: Any, name: str) -> None:
    """Compare every field of two messages."""
    for _, field, kind in map(str.split, check.SCHEMA[name].split(", ")):
        got, expected = getattr(ours, field), getattr(theirs, field)
        if (plain := kind.lstrip("*")) not in check.SCHEMA:
            assert (list(got) == list(expected)) if kind != plain else (got == expected), (name, field)
        elif kind == plain:
            assert_same(got, expected, plain)
        else:
            for one, other in zip(got, expected, strict=True):
                assert_same(one, other, plain)


@st.composite
def tensors(draw: st.DrawFn) -> onnx.TensorProto:
    """A tensor of any type that is run, stored as raw bytes or as a list."""
    kind = draw(st.sampled_from(sorted(NUMPY)))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    made = onnx.TensorProto(name=draw(NAMES), dims=shape, data_type=kind)
    count = int(np.prod(shape))
    if kind in {INT32, INT64} and draw(st.booleans()):
        bound = 2 ** (31 if kind == INT32 else 63)
        numbers = draw(st.lists(st.integers(-bound, bound - 1), min_size=count, max_size=count))
        (made.int32_data if kind == INT32 else made.int64_data).extend(numbers)
    elif kind == 1 and draw(st.booleans()):
        made.float_data.extend(draw(st.lists(st.floats(width=32), min_size=count, max_size=count)))
    else:
        size = count * np.dtype(NUMPY[kind]).itemsize
        made.raw_data = draw(st.binary(min_size=size, max_size=size))
    return made


@given(tensors())
@settings(max_examples=examples(150), deadline=None)
def test_any_tensor_is_read_as_onnx_reads_it(made: onnx.TensorProto) -> None:
    """Its shape, and its numbers where they are a short list of integers."""
    read = check._stored(check.parse(onnx.ModelProto(graph=onnx.GraphProto(initializer=[made])).SerializeToString()).graph.initializer[0])
    expected = numpy_helper.to_array(made)
    assert read.shape == expected.shape
    assert read.count == expected.size
    follows = made.data_type in {INT32, INT64} and expected.size <= MOST_VALUES
    assert read.values == (tuple(expected.reshape(-1).tolist()) if follows else None)


@given(st.lists(NAMES, unique=True, max_size=4), st.data())
@settings(max_examples=examples(150), deadline=None)
def test_any_attribute_is_read_as_onnx_reads_it(names: list[str], data: st.DataObject) -> None:
    """Integers, lists of integers, bytes and tensors by their value; floats and lists of texts enlarge nothing and are not read."""
    kinds = st.one_of(INTEGERS, st.lists(INTEGERS, min_size=1, max_size=5), st.text(max_size=5), st.floats(width=32), tensors())
    attributes = [helper.make_attribute(name, data.draw(kinds)) for name in names]
    node = onnx.NodeProto(op_type="Any", attribute=attributes)
    read = check._node(check.parse(onnx.ModelProto(graph=onnx.GraphProto(node=[node])).SerializeToString()).graph.node[0]).attributes
    for one in attributes:
        value = helper.get_attribute_value(one)
        got = read[one.name]
        if one.type == onnx.AttributeProto.TENSOR:
            assert getattr(got, "shape", None) == tuple(value.dims)
        elif one.type in {onnx.AttributeProto.INT, onnx.AttributeProto.STRING}:
            assert got == value
        else:
            assert got == (tuple(value) if one.type == onnx.AttributeProto.INTS else None)


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node.attribute.append(onnx.AttributeProto(name="pads", type=onnx.AttributeProto.INT, ints=[1 << 40, 1 << 40])),
        lambda node: node.attribute.append(onnx.AttributeProto(name="pads", type=onnx.AttributeProto.FLOATS, ints=[1 << 40, 1 << 40])),
        lambda node: node.attribute.append(onnx.AttributeProto(name="pads", ints=[1 << 40, 1 << 40])),
        lambda node: node.attribute.append(onnx.AttributeProto(name="x", type=onnx.AttributeProto.INT, i=1, ints=[1])),
        lambda node: node.attribute.extend([onnx.AttributeProto(name="axis", type=onnx.AttributeProto.INT, i=1)] * 2),
    ],
)
def test_an_attribute_that_programs_may_read_differently_is_refused(change: object) -> None:
    """A value beside the type's own field, no type, or one name twice: onnxruntime may take the other one."""
    proto = build.graph(build.templates())
    change(proto.graph.node[0])  # type: ignore[operator]  # one of the functions above
    with refused(ModelError, "ambiguous attribute"):
        check.inspect(proto.SerializeToString())


@given(INTEGERS)
def test_a_number_is_read_as_int64(number: int) -> None:
    """Every 64-bit number, negative ones in ten bytes."""
    assert check.parse(onnx.ModelProto(model_version=number).SerializeToString()).model_version == number


@given(st.binary(max_size=200))
@settings(max_examples=examples(500))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but our own error comes out of bytes that are no model."""
    with pytest.raises(RamanEdgeError):
        check.inspect(data)


@pytest.mark.parametrize(
    ("data", "kind", "got"),
    [
        (b"\x3a\x05abc", "damaged file", "a field of 5 bytes"),
        (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "damaged file", "a field of 18446744073709551615 bytes"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "damaged file", "a number that does not end"),
        (b"\x08\x80", "damaged file", "a number that does not end"),
        (b"\x08", "damaged file", "a number that does not end"),
        (b"\x3a", "damaged file", "a number that does not end"),
        (b"\x3a\x02\x0a", "damaged file", "a field of 2 bytes"),
        (b"\x12\x01\xff", "damaged file", "bytes that protobuf does not read"),
        (b"\x00\x01", "unknown field", "field 0 of wire type 0"),
        (b"\x3b\x3c", "unknown field", "field 7 of wire type 3"),
        (b"\x38\x01", "unknown field", "field 7 of wire type 0"),
        (b"\xfa\x07\x00", "unknown field", "field 127 of wire type 2"),
        (b"\xa2\x01\x00", "forbidden field", "training_info"),
        (b"", "no graph", ""),
        (b"\x3a\x00\x3a\x00", "no graph", ""),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(data: bytes, kind: str, got: str) -> None:
    """Each way in which bytes are no plain network has its kind."""
    with refused(ModelError, kind, got=got):
        check.inspect(data)


def field(number: int, content: bytes) -> bytes:
    """Return a span field of protobuf."""
    size, made = len(content), bytearray([number << 3 | check.SPAN])
    while size >= check.MORE:
        made.append(size & 0x7F | check.MORE)
        size >>= 7
    return bytes(made) + bytes([size]) + content


MANY = 5000
TINY = {
    "nodes": field(7, field(1, b"") * MANY),
    "attributes": field(7, field(1, field(5, b"") * MANY)),
    "names": field(7, field(1, field(1, b"") * MANY)),
    "metadata of a tensor": field(7, field(5, b"\x82\x01\x00" * MANY)),
    "dimensions": field(7, field(5, b"\x08\x01" * MANY)),
    "packed dimensions": field(7, field(5, field(1, b"\x01" * MANY))),
    "packed integers": field(7, field(5, field(7, b"\x01" * MANY))),
    "integers of an attribute": field(7, field(1, field(5, field(8, b"\x01" * MANY)))),
    "shapes between nodes": field(7, field(13, field(2, field(1, field(2, b"\x0a\x00" * MANY))))),
}


@pytest.mark.parametrize("which", TINY)
def test_very_many_fields_are_refused_before_they_become_objects(which: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a file can repeat a field of two bytes, it is counted without memory, and protobuf never sees the file."""
    monkeypatch.setattr(check, "_model_class", lambda: pytest.fail("protobuf was given a file of too many fields"))
    tracemalloc.start()
    try:
        with refused(ModelError, "too many fields"):
            check.parse(TINY[which], MANY)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_long_list_of_floats_is_no_list_of_fields() -> None:
    """Four bytes each in the file and in memory: they are bounded by the size of the file."""
    tensor = onnx.TensorProto(name="w", dims=[check.MAX_FIELDS * 2], data_type=1, float_data=np.zeros(check.MAX_FIELDS * 2))
    read = check.parse(onnx.ModelProto(graph=onnx.GraphProto(initializer=[tensor])).SerializeToString())
    assert check._stored(read.graph.initializer[0]).count == check.MAX_FIELDS * 2
