"""The bounded reader of ONNX files against the onnx package, and bytes that are no message."""

from __future__ import annotations

import build
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from raman_edge.errors import ModelError, RamanEdgeError
from raman_edge.model import model
from raman_edge.model.check import MAX_NODES, MAX_WEIGHTS, messages
from raman_edge.model.check.graph import BYTES, MOST_VALUES, Graph, Tensor, read
from raman_edge.model.check.messages import ProtobufMessage
from raman_edge.model.check.wire import ProtobufBytes

NAMES = st.text(max_size=12)
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def read_back(data: bytes) -> Graph:
    """Read a file with the bounds that the edge has."""
    return read(ProtobufBytes(data), MAX_NODES, MAX_WEIGHTS)


def assert_same(data: bytes) -> None:
    """Compare every node, attribute and tensor with what the onnx package reads."""
    proto, got = onnx.load_model_from_string(data), read_back(data)
    assert len(got.nodes) == len(proto.graph.node)
    for mine, theirs in zip(got.nodes, proto.graph.node, strict=True):
        assert (mine.operator, mine.name) == (theirs.op_type, theirs.name)
        assert (mine.inputs, mine.outputs) == (tuple(theirs.input), tuple(theirs.output))
        for attribute in theirs.attribute:
            assert_attribute(mine.attributes[attribute.name], attribute)
    assert got.weights.keys() == {tensor.name for tensor in proto.graph.initializer}
    for tensor in proto.graph.initializer:
        assert_tensor(got.weights[tensor.name], tensor)
    assert got.metadata == {entry.key: entry.value for entry in proto.metadata_props}
    assert got.outputs == tuple(value.name for value in proto.graph.output)
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        assert got.inputs[value.name] == tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)


def assert_attribute(mine: object, theirs: onnx.AttributeProto) -> None:
    """Compare an attribute; floats and lists of texts make nothing larger and are not read."""
    value = helper.get_attribute_value(theirs)
    if theirs.type == onnx.AttributeProto.TENSOR:
        assert isinstance(mine, Tensor)
        assert_tensor(mine, value)
    elif theirs.type == onnx.AttributeProto.INTS:
        assert mine == (tuple(value) or None)
    elif theirs.type in {onnx.AttributeProto.INT, onnx.AttributeProto.STRING}:
        assert mine == value
    else:
        assert mine is None


def assert_tensor(mine: Tensor, theirs: onnx.TensorProto) -> None:
    """Compare a tensor's shape, and its numbers where they are a short list of integers."""
    values = numpy_helper.to_array(theirs)
    assert mine.shape == values.shape
    assert mine.count == values.size
    if values.dtype.kind == "i" and values.dtype.itemsize >= 4 and values.size <= MOST_VALUES:
        assert mine.values == tuple(values.reshape(-1).tolist())
    else:
        assert mine.values is None


def test_the_embedded_model_is_read_as_onnx_reads_it() -> None:
    """Every node, attribute, weight, and the card of the model that ships."""
    assert_same(model.default_path().read_bytes())


def test_a_model_written_by_hand_is_read_as_onnx_reads_it() -> None:
    """The tests' own model, with a card."""
    proto = build.graph(build.templates())
    helper.set_model_props(proto, {"a": "b", "ü": "中"})
    assert_same(proto.SerializeToString())


@st.composite
def tensors(draw: st.DrawFn) -> onnx.TensorProto:
    """A tensor of any type that is run, stored as raw bytes or as a list."""
    kind = draw(st.sampled_from(sorted(BYTES)))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    made = onnx.TensorProto(name=draw(NAMES), dims=shape, data_type=kind)
    count = int(np.prod(shape))
    if kind in {6, 7} and draw(st.booleans()):
        bound = 2 ** (31 if kind == 6 else 63)
        numbers = draw(st.lists(st.integers(-bound, bound - 1), min_size=count, max_size=count))
        (made.int32_data if kind == 6 else made.int64_data).extend(numbers)
    elif kind == 1 and draw(st.booleans()):
        made.float_data.extend(draw(st.lists(st.floats(width=32), min_size=count, max_size=count)))
    else:
        made.raw_data = draw(st.binary(min_size=count * BYTES[kind], max_size=count * BYTES[kind]))
    return made


@st.composite
def nodes(draw: st.DrawFn) -> onnx.NodeProto:
    """A node of any name with any attributes that are read."""
    node = onnx.NodeProto(op_type=draw(NAMES), name=draw(NAMES), doc_string=draw(NAMES))
    node.input.extend(draw(st.lists(NAMES, max_size=3)))
    node.output.extend(draw(st.lists(NAMES, max_size=3)))
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        value = st.one_of(INTEGERS, st.lists(INTEGERS, min_size=1, max_size=5), st.binary(max_size=5), st.floats(width=32), tensors())
        made = draw(value)
        made = made.decode("latin-1") if isinstance(made, bytes) else made
        node.attribute.append(helper.make_attribute(name, made))
    return node


@given(
    st.lists(nodes(), max_size=4),
    st.lists(tensors(), max_size=4, unique_by=lambda one: one.name),
    st.dictionaries(NAMES, NAMES, max_size=3),
)
@settings(max_examples=150, deadline=None)
def test_any_graph_is_read_as_onnx_reads_it(made: list[onnx.NodeProto], stored: list[onnx.TensorProto], props: dict[str, str]) -> None:
    """Whatever the onnx package writes within the limits is read back the same."""
    value = helper.make_tensor_value_info("x", 1, ["batch", 3])
    graph = helper.make_graph(made, "any", [value], [value], stored)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(proto, props)
    assert_same(proto.SerializeToString())


@given(INTEGERS)
def test_a_number_is_read_as_int64(number: int) -> None:
    """Every 64-bit number, negative ones in ten bytes."""
    data = onnx.AttributeProto(i=number).SerializeToString()
    read_message = ProtobufMessage(ProtobufBytes(data), (0, len(data)), messages.ATTRIBUTE, "an attribute")
    assert read_message.number("i") == number


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing but our own error comes out of bytes that are no model."""
    with pytest.raises(RamanEdgeError):
        read_back(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x3a\x05abc", "a field of 5 bytes where its message has 3 left"),
        (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a field of -1 bytes"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "more than 64 bits"),
        (b"\x08\x80", "cut inside a number"),
        (b"\x00\x01", "no field has the number 0"),
        (b"\x3b\x3c", "wire type 3 is in no ONNX file"),
        (b"\x3a\x00\x3a\x00", "graph stands more than once"),
        (b"\x38\x01", "graph has wire type 0, 2 expected"),
        (b"\xfa\x07\x00", "field 127 is unknown: is it an ONNX file, or one of a newer onnx"),
        (b"", "it holds no graph"),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(data: bytes, why: str) -> None:
    """Each way in which bytes are no message has its own sentence."""
    with pytest.raises(ModelError, match=why):
        read_back(data)


def test_a_file_of_very_many_fields_is_refused() -> None:
    """The number of fields is bounded, whatever they hold."""
    with pytest.raises(ModelError, match="it has more than 1000 fields"):
        read(ProtobufBytes(b"\x42\x00" * 1001, most=1000), MAX_NODES, MAX_WEIGHTS)


def test_a_long_list_of_numbers_is_refused() -> None:
    """A tensor with a thousand dimensions is none of ours; its list is not read to the end."""
    tensor = onnx.TensorProto(dims=[1] * 3000, data_type=1)
    graph = onnx.GraphProto(initializer=[tensor])
    with pytest.raises(ModelError, match="a list of more than 1024 numbers"):
        read_back(onnx.ModelProto(graph=graph).SerializeToString())
