"""The sizes computed from the graph against those of onnxruntime."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import build
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from onnx import TensorProto, helper, numpy_helper
from raising import refused
from raman_edge.errors import ModelError
from raman_edge.model import check, model
from raman_edge.model.shapes import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

X = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
IMAGE = np.arange(60.0, dtype=np.float32).reshape(1, 2, 30)
KERNEL = np.ones((4, 2, 3), np.float32)


def whole(*numbers: int) -> NDArray[np.int64]:
    """Return int64 numbers, as shapes and axes are written."""
    return np.array(numbers, np.int64)


def one_node(operator: str, inputs: Sequence[NDArray[np.generic] | None], outputs: int, **attributes: object) -> onnx.ModelProto:
    """Return a network of one node whose inputs are all stored."""
    names = ["" if value is None else f"i{place}" for place, value in enumerate(inputs)]
    node = helper.make_node(operator, names, [f"o{place}" for place in range(outputs)], **attributes)
    stored = [numpy_helper.from_array(value, name) for value, name in zip(inputs, names, strict=True) if value is not None]
    results = [onnx.ValueInfoProto(name=name) for name in node.output]
    return helper.make_model(
        helper.make_graph([node], "one", [], results, stored), opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )


def computed(proto: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor, computed from the file."""
    return {name: tensor.shape for name, tensor in check.inspect(proto.SerializeToString()).sizes.items()}


def really(proto: onnx.ModelProto, **given: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """Return every result, run by onnxruntime without its optimiser."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


CASES: list[tuple[str, list[NDArray[np.generic] | None], int, dict[str, object]]] = [
    *[
        (name, [X], 1, {})
        for name in ("Abs", "Erf", "Exp", "Identity", "LeakyRelu", "Log", "LogSoftmax", "Neg", "Relu", "Shape", "Sigmoid")
    ],
    *[(name, [X], 1, {}) for name in ("Softmax", "Softplus", "Sqrt", "Tanh", "Transpose", "Flatten", "GlobalAveragePool", "GlobalMaxPool")],
    *[(name, [X, np.ones((3, 1), np.float32)], 1, {}) for name in ("Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub", "Less")],
    ("Add", [np.ones((3, 1), np.float32), np.ones((2, 1, 4), np.float32)], 1, {}),
    ("Where", [np.array([[True], [False]]), np.ones((2, 3), np.float32), np.float32(1).reshape(())], 1, {}),
    ("BatchNormalization", [X, *[np.ones(3, np.float32)] * 4], 1, {}),
    ("Cast", [X], 1, {"to": TensorProto.FLOAT16}),
    ("Clip", [X, np.float32(0).reshape(()), None], 1, {}),
    ("Concat", [X, X, X], 1, {"axis": 1}),
    ("Concat", [X, X], 1, {"axis": -1}),
    ("Constant", [], 1, {"value": numpy_helper.from_array(X, "")}),
    ("Constant", [], 1, {"value_ints": [1, 2, 3]}),
    ("Constant", [], 1, {"value_float": 1.0}),
    ("Conv", [IMAGE, KERNEL], 1, {}),
    ("Conv", [IMAGE, KERNEL, np.ones(4, np.float32)], 1, {"pads": [1, 2], "strides": [3], "dilations": [2]}),
    ("Conv", [IMAGE, np.ones((4, 1, 5), np.float32)], 1, {"group": 2, "auto_pad": "SAME_UPPER", "strides": [4]}),
    ("Conv", [IMAGE[..., None], KERNEL[..., None]], 1, {"auto_pad": "VALID"}),
    ("DequantizeLinear", [np.ones((3, 2), np.int8), np.ones(2, np.float32), np.zeros(2, np.int8)], 1, {"axis": 1}),
    ("Expand", [np.ones((3, 1), np.float32), whole(2, 1, 4)], 1, {}),
    ("Flatten", [X], 1, {"axis": -1}),
    ("Gather", [X, whole(0, 1)], 1, {"axis": 2}),
    ("Gather", [X, np.int64(1).reshape(())], 1, {"axis": -1}),
    ("GatherElements", [X, np.zeros((2, 3, 1), np.int64)], 1, {"axis": 2}),
    ("GatherND", [X, whole(0, 1).reshape(1, 2)], 1, {}),
    ("GatherND", [X, whole(0, 1).reshape(2, 1)], 1, {"batch_dims": 1}),
    ("Gemm", [np.ones((3, 2), np.float32), np.ones((4, 3), np.float32)], 1, {"transA": 1, "transB": 1}),
    ("Gemm", [np.ones((2, 3), np.float32), np.ones((3, 4), np.float32), np.ones(4, np.float32)], 1, {}),
    ("LpNormalization", [X], 1, {}),
    ("MatMul", [X, np.ones((4, 5), np.float32)], 1, {}),
    ("MatMul", [np.ones(4, np.float32), np.ones((2, 4, 5), np.float32)], 1, {}),
    ("MatMul", [X, np.ones(4, np.float32)], 1, {}),
    ("MaxPool", [IMAGE], 2, {"kernel_shape": [3], "strides": [2]}),
    ("MaxPool", [IMAGE], 1, {"kernel_shape": [4], "strides": [3], "pads": [1, 1], "dilations": [2]}),
    ("MaxPool", [IMAGE], 1, {"kernel_shape": [3], "strides": [4], "ceil_mode": 1}),
    ("AveragePool", [IMAGE], 1, {"kernel_shape": [3], "strides": [2], "auto_pad": "SAME_LOWER"}),
    ("Pad", [X, whole(0, 1, 0, 2, 0, 3)], 1, {}),
    ("Pad", [X, whole(1, -1), None, whole(-1)], 1, {}),
    ("QuantizeLinear", [X, np.float32(1).reshape(()), np.uint8(0).reshape(())], 1, {}),
    ("ReduceL2", [X, whole(-1)], 1, {}),
    ("ReduceMean", [X, whole(0, 2)], 1, {"keepdims": 0}),
    ("ReduceSum", [X], 1, {"keepdims": 0}),
    ("ReduceSum", [X], 1, {"noop_with_empty_axes": 1}),
    ("Reshape", [X, whole(0, -1)], 1, {}),
    ("Reshape", [np.ones((0, 3), np.float32), whole(3, 0)], 1, {"allowzero": 1}),
    ("ScatterElements", [X, np.zeros((1, 1, 1), np.int64), np.ones((1, 1, 1), np.float32)], 1, {"axis": 1}),
    ("Shape", [X], 1, {"start": 1, "end": -1}),
    ("Slice", [X, whole(1, -3), whole(99, -1), whole(1, 2), whole(1, 2)], 1, {}),
    ("Slice", [X, whole(0), whole(1)], 1, {}),
    ("Slice", [X, whole(-9), whole(2**63 - 1), whole(2), whole(3)], 1, {}),
    ("Slice", [whole(5, 6, 7), whole(-2), whole(2**31 - 1)], 1, {}),
    ("Squeeze", [np.ones((1, 3, 1), np.float32)], 1, {}),
    ("Squeeze", [np.ones((1, 3, 1), np.float32), whole(-1)], 1, {}),
    ("TopK", [X, whole(2)], 2, {"axis": 1}),
    ("Transpose", [X], 1, {"perm": [2, 0, 1]}),
    ("Unsqueeze", [X, whole(0, -1)], 1, {}),
]


@pytest.mark.parametrize(("operator", "inputs", "outputs", "attributes"), CASES, ids=[f"{i}-{case[0]}" for i, case in enumerate(CASES)])
def test_a_computed_size_is_the_real_one(
    operator: str, inputs: list[NDArray[np.generic] | None], outputs: int, attributes: dict[str, object]
) -> None:
    """Each operator gives what its rule says, and integers that are followed are the real ones."""
    proto = one_node(operator, inputs, outputs, **attributes)
    sizes = check.inspect(proto.SerializeToString()).sizes
    for name, value in really(proto).items():
        # A window that reaches over the end may be left out: the rule counts it.
        assert sizes[name].shape == value.shape or (attributes.get("ceil_mode") and sizes[name].count >= value.size)
        assert sizes[name].values is None or sizes[name].values == tuple(value.reshape(-1).tolist())


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.UINT8, TensorProto.BOOL, TensorProto.FLOAT])
def test_integers_are_not_followed_through_a_narrower_type(kind: int) -> None:
    """2^32 + 1 cast to int32 is 1: what onnxruntime makes of such a number is not known here, and decides no size."""
    assert check.inspect(one_node("Cast", [whole(2**32 + 1)], 1, to=kind).SerializeToString()).sizes["o0"].values is None
    assert check.inspect(one_node("Cast", [whole(7)], 1, to=TensorProto.INT64).SerializeToString()).sizes["o0"].values == (7,)


QUANTISED = [
    ("QLinearMatMul", np.ones((2, 3), np.uint8), np.ones((3, 4), np.int8)),
    ("QLinearConv", np.ones((1, 2, 9), np.uint8), np.ones((4, 2, 3), np.int8)),
]


@pytest.mark.parametrize(("operator", "a", "b"), QUANTISED)
def test_a_quantised_product_has_the_size_of_a_plain_one(operator: str, a: NDArray[np.uint8], b: NDArray[np.int8]) -> None:
    """The second factor stands behind scale and zero point of the first."""
    scale, zero, zero_b = np.float32(1).reshape(()), np.uint8(0).reshape(()), np.int8(0).reshape(())
    proto = one_node(operator, [a, scale, zero, b, scale, zero_b, scale, zero], 1)
    assert computed(proto)["o0"] == really(proto)["o0"].shape


@pytest.mark.parametrize("which", ["embedded", "tiny"])
def test_every_tensor_of_a_network_is_as_large_as_computed(which: str) -> None:
    """Every result inside a whole network, beside what onnxruntime gives for one spectrum."""
    proto = onnx.load(model.default_path()) if which == "embedded" else build.graph(build.templates())
    sizes = computed(proto)
    kept = {value.name for value in proto.graph.output}
    proto.graph.output.extend(
        onnx.ValueInfoProto(name=name) for node in proto.graph.node for name in node.output if name and name not in kept
    )
    (given_in,) = proto.graph.input
    got = really(proto, spectrum=np.zeros((1, given_in.type.tensor_type.shape.dim[1].dim_value), np.float32))
    assert len(got) >= len(proto.graph.node)
    assert {name: sizes[name] for name in got} == {name: value.shape for name, value in got.items()}


DIMS = st.lists(st.integers(0, 4), max_size=4)


@given(DIMS, DIMS)
@settings(max_examples=examples(300))
def test_stretching_is_numpys(a: list[int], b: list[int]) -> None:
    """Two shapes fit by the rules of numpy, and become what numpy makes of them."""
    proto = one_node("Add", [np.zeros(a, np.float32), np.zeros(b, np.float32)], 1)
    try:
        expected = np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        with refused(ModelError, "impossible operation"):
            computed(proto)
    else:
        assert computed(proto)["o0"] == expected


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=examples(60), deadline=None)
def test_any_window_is_counted_as_onnxruntime_does(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> None:
    """Convolutions of any geometry: the same length, or refused by both."""
    data, weights = np.ones((1, 1, size), np.float32), np.ones((1, 1, kernel), np.float32)
    proto = one_node("Conv", [data, weights], 1, strides=[stride], dilations=[dilation], pads=[before, after])
    if size + before + after < dilation * (kernel - 1) + 1:
        with refused(ModelError, "impossible operation", cause="wider than its input"):
            computed(proto)
    else:
        assert computed(proto)["o0"] == really(proto)["o0"].shape


WRONG: list[tuple[str, list[NDArray[np.generic] | None], dict[str, object], str]] = [
    ("MatMul", [X, X], {}, "cannot be multiplied"),
    ("Gemm", [X, X], {}, "are not two matrices"),
    ("Gemm", [np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)], {}, "cannot be multiplied"),
    ("Conv", [IMAGE, np.ones((4, 3, 3), np.float32)], {}, "does not fit an input"),
    ("Conv", [IMAGE, KERNEL], {"strides": [0]}, "below 1"),
    ("Conv", [IMAGE, KERNEL], {"strides": [1, 1]}, "not for 1 dimensions"),
    ("Conv", [IMAGE, KERNEL], {"auto_pad": "SAME_UPPER", "pads": [1, 1]}, "exclude each other"),
    ("MaxPool", [IMAGE], {"kernel_shape": [1, 1]}, "does not fit an input"),
    ("MaxPool", [IMAGE], {}, "does not fit an input"),
    ("MaxPool", [X[0]], {}, "does not fit an input"),
    ("Concat", [X, IMAGE], {"axis": 0}, "do not fit together"),
    ("Reshape", [X, whole(5, -1)], {}, ""),
    ("Reshape", [X, whole(-1, -1)], {}, ""),
    ("Expand", [X, whole(-1)], {}, ""),
    ("Pad", [X, whole(1)], {}, "instead of 6"),
    ("Pad", [X, whole(-9, 0, 0, 0, 0, 0)], {}, ""),
    ("Gather", [whole(1, 2), whole(7)], {}, ""),
    ("GatherND", [X, whole(0, 0, 0, 0).reshape(1, 4)], {}, "indices of shape"),
    ("Unsqueeze", [X, whole(1, 1)], {}, ""),
    ("Unsqueeze", [X, whole(9)], {}, ""),
    ("Unsqueeze", [X, whole(*range(3, 9))], {}, "9 dimensions"),
    ("Squeeze", [X, whole(0)], {}, ""),
    ("Transpose", [X], {"perm": [0, 0, 1]}, ""),
    ("Slice", [X, whole(0), whole(1), whole(0), whole(0)], {}, "a step is below 1"),
    ("Slice", [X, whole(3), whole(0), whole(0), whole(-1)], {}, "a step is below 1"),
    ("TopK", [X, whole(5)], {}, "the largest"),
    ("Flatten", [X], {"axis": 7}, "axis 7"),
    ("Concat", [X], {"axis": "0"}, "axis is not an integer"),
    ("Transpose", [X], {"perm": 3}, "perm is not a list"),
    ("Constant", [], {"value_string": "a"}, "a constant is not a tensor"),
    ("Constant", [], {"value_float": 1.0, "value_ints": [1, 2]}, "a constant has 2 attributes"),
    ("ReduceSum", [X], {"noop_with_empty_axes": 2}, "noop_with_empty_axes is 2"),
    ("Gemm", [np.ones((2, 3), np.float32), np.ones((3, 2), np.float32)], {"transA": -1}, "transA is -1"),
    ("Relu", [], {}, "input 0 is missing"),
    ("Expand", [X, np.ones(100, np.int64)], {}, "is not known before the network runs"),
    ("Gather", [whole(1, 2), whole(-3)], {}, ""),
    ("Expand", [X, whole(2**40, 2**40)], {}, ""),
    ("Slice", [X, whole(0, 0), whole(1, 1), whole(1, 1)], {}, "do not belong together"),
]


@pytest.mark.parametrize(("operator", "inputs", "attributes", "why"), WRONG, ids=[f"{i}-{case[0]}" for i, case in enumerate(WRONG)])
def test_an_operation_that_cannot_be_is_refused(
    operator: str, inputs: list[NDArray[np.generic] | None], attributes: dict[str, object], why: str
) -> None:
    """Shapes that do not fit are refused with the node, and in our own words where numpy has none."""
    with pytest.raises(ModelError, match=re.escape(why) or None) as caught:
        computed(one_node(operator, inputs, 1, **attributes))
    assert caught.value.kind == "impossible operation"
    assert f"{operator!r} node" in caught.value.place


ODD = st.sampled_from([-(2**63), -(2**31) - 1, -2, -1, 0, 1, 2, 3, 64, 2**31, 2**62, 2**63 - 1])
LISTS = st.lists(ODD, max_size=10)
ARRAYS = st.one_of(
    st.none(),
    LISTS.map(lambda numbers: np.array(numbers, np.int64)),
    ODD.map(lambda number: np.array(number, np.int64)),
    st.lists(st.integers(0, 3), max_size=5).map(lambda shape: np.zeros(shape, np.float32)),
)
ATTRIBUTES = (
    "axis", "axes", "perm", "to", "start", "end", "pads", "strides", "dilations", "kernel_shape", "group", "auto_pad", "ceil_mode",
    "allowzero", "batch_dims", "keepdims", "noop_with_empty_axes", "transA", "transB", "value", "value_ints", "value_int", "value_float",
)  # fmt: skip
VALUES = st.one_of(ODD, LISTS.filter(bool), st.sampled_from(["SAME_UPPER", "VALID", "x"]), st.just(1.5))


@pytest.mark.slow
@given(st.sampled_from(sorted(OPERATORS)), st.lists(ARRAYS, max_size=5), st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES, max_size=4))
@settings(max_examples=examples(1500), deadline=None)
def test_any_operation_is_sized_or_refused(operator: str, inputs: list[NDArray[np.generic] | None], attributes: dict[str, object]) -> None:
    """Whatever shapes, integers and attributes a file gives an operator: a size within the limits, or our own error."""
    with contextlib.suppress(ModelError):
        assert check.inspect(one_node(operator, inputs, 1, **attributes).SerializeToString()).results <= check.MAX_RESULTS
