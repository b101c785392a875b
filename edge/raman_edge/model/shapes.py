"""The shapes of a network's tensors, and the multiplications that it takes, from the graph alone.

:data:`OPERATORS` is the list of what is run, each operator with a rule from the shapes of its inputs to those of its outputs
(https://onnx.ai/onnx/operators/). A tensor is a numpy view without memory (one zero byte, strides of 0), so that numpy itself transposes,
cuts and reshapes it; a short list of integers is the real array, because it can decide a shape. A rule raises :class:`ValueError`
or :class:`IndexError` where shapes do not fit or cannot be known beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Inputs = Sequence["Tensor | None"]
    Rule = Callable[["Node", Inputs], list["Tensor"]]

Shape = tuple[int, ...]
MOST_VALUES = 64
"""Integers of a list that is followed as numbers: no shape is longer."""
INT32, INT64 = 6, 7
"""onnx.proto's types of the integers that shapes are written in."""
NOTHING = b"\0"
BATCH_AND_CHANNELS = 2
"""Dimensions before the spatial ones."""


@dataclass(frozen=True, eq=False, slots=True)
class Tensor:
    """A tensor as far as its size matters."""

    array: NDArray[Any]
    """Of the tensor's shape; its numbers mean something only where ``known``."""
    known: bool = False

    @property
    def shape(self) -> Shape:
        """Length of each dimension."""
        return self.array.shape

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return self.array.size

    @property
    def values(self) -> Shape | None:
        """The numbers of a short list of integers, None for anything else."""
        return tuple(self.array.reshape(-1).tolist()) if self.known else None


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One operation."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    """Names; empty where an optional input is left out."""
    outputs: tuple[str, ...]
    attributes: Mapping[str, int | bytes | Shape | Tensor | None]
    """None where the value is a float or a text, which enlarges nothing."""

    def ints(self, name: str) -> Shape | None:
        """Return a list attribute, None where it is left out."""
        found = self.attributes.get(name)
        if name in self.attributes and not isinstance(found, tuple):
            raise ValueError(f"attribute {name} is not a list of integers")
        return found if isinstance(found, tuple) else None

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        found = self.attributes.get(name, default)
        if not isinstance(found, int):
            raise ValueError(f"attribute {name} is not an integer")  # noqa: TRY004 - one class for every mistake in a file
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return an attribute that is 0 or 1; programs differ in what another number means."""
        found = self.integer(name, int(default))
        if found not in {0, 1}:
            raise ValueError(f"attribute {name} is {found}, not 0 or 1")
        return found == 1


def unknown(shape: Sequence[int]) -> Tensor:
    """Return a tensor of ``shape`` without its numbers."""
    return Tensor(np.ndarray(tuple(shape), np.int8, NOTHING, 0, (0,) * len(shape)))


def listed(values: Sequence[int]) -> Tensor:
    """Return a known list of integers."""
    return Tensor(np.array(values, np.int64), known=True)


def given(inputs: Inputs, place: int) -> Tensor:
    """Return an input that the operator needs."""
    tensor = inputs[place] if place < len(inputs) else None
    if tensor is None:
        raise ValueError(f"input {place} is missing")
    return tensor


def values(inputs: Inputs, place: int) -> Shape:
    """Return an input's numbers, which decide a shape."""
    found = given(inputs, place).values
    if found is None:
        raise ValueError(f"input {place} decides a size and is not known before the network runs")
    return found


def optional(node: Node, inputs: Inputs, name: str, place: int) -> Shape | None:
    """Return numbers that are an attribute in older operator sets and an input in newer ones, None where they are left out."""
    return values(inputs, place) if place < len(inputs) and inputs[place] is not None else node.ints(name)


def axis_of(axis: int, rank: int, beyond: int = 0) -> int:
    """Return an axis counted from the front."""
    if not -rank <= axis < rank + beyond:
        raise ValueError(f"axis {axis} of a tensor with {rank} dimensions")
    return axis + rank if axis < 0 else axis


def _viewed(inputs: Inputs, view: Callable[[NDArray[Any]], NDArray[Any]]) -> Tensor:
    data = given(inputs, 0)
    return Tensor(view(data.array), data.known)


def _shape(node: Node, inputs: Inputs) -> list[Tensor]:
    dims = given(inputs, 0).shape
    return [listed(dims[slice(node.integer("start", 0), node.integer("end", len(dims)))])]


def _constant(node: Node, _: Inputs) -> list[Tensor]:
    if len(node.attributes) != 1:
        raise ValueError(f"a constant has {len(node.attributes)} attributes, not 1")
    ((name, value),) = node.attributes.items()
    if name == "value" and isinstance(value, Tensor):
        return [value]
    if name == "value_ints":
        numbers = node.ints(name) or ()
        return [listed(numbers) if len(numbers) <= MOST_VALUES else unknown((len(numbers),))]
    if name == "value_int":
        return [Tensor(np.array(node.integer(name, 0), np.int64), known=True)]
    if name == "value_float":
        return [unknown(())]
    raise ValueError("a constant is not a tensor, a number or a list of integers")


def _concat(node: Node, inputs: Inputs) -> list[Tensor]:
    parts = [given(inputs, place) for place in range(max(1, len(inputs)))]
    first = parts[0].shape
    axis = axis_of(node.integer("axis", 0), len(first))
    if any(len(one.shape) != len(first) or one.shape[:axis] + one.shape[axis + 1 :] != first[:axis] + first[axis + 1 :] for one in parts):
        raise ValueError(f"shapes {', '.join(str(one.shape) for one in parts[:8])} do not fit together")
    total = sum(one.shape[axis] for one in parts)
    if all(one.known for one in parts) and total * len(first) <= MOST_VALUES and len(first) == 1:
        return [Tensor(np.concatenate([one.array for one in parts]), known=True)]
    return [unknown((*first[:axis], total, *first[axis + 1 :]))]


def _gather(node: Node, inputs: Inputs) -> list[Tensor]:
    data, index = given(inputs, 0), given(inputs, 1)
    axis = axis_of(node.integer("axis", 0), len(data.shape))
    if data.known and index.known and len(data.shape) == 1:
        return [Tensor(np.take(data.array, index.array), known=True)]
    return [unknown(data.shape[:axis] + index.shape + data.shape[axis + 1 :])]


def _gather_nd(node: Node, inputs: Inputs) -> list[Tensor]:
    data, index, batch = given(inputs, 0).shape, given(inputs, 1).shape, node.integer("batch_dims", 0)
    if not index or batch < 0 or index[-1] + batch > len(data):
        raise ValueError(f"indices of shape {index} do not fit into {data}")
    return [unknown(index[:-1] + data[batch + index[-1] :])]


def _reshape(node: Node, inputs: Inputs) -> list[Tensor]:
    data, wanted = given(inputs, 0), list(values(inputs, 1))
    if not node.flag("allowzero"):
        wanted = [data.shape[place] if dim == 0 else dim for place, dim in enumerate(wanted)]
    return [Tensor(data.array.reshape(wanted), data.known)]


def _flatten(node: Node, inputs: Inputs) -> list[Tensor]:
    data = given(inputs, 0).shape
    axis = axis_of(node.integer("axis", 1), len(data), beyond=1)
    return [unknown((math.prod(data[:axis]), math.prod(data[axis:])))]


def _pad(node: Node, inputs: Inputs) -> list[Tensor]:
    data, widths, axes = list(given(inputs, 0).shape), optional(node, inputs, "pads", 1), optional(node, inputs, "axes", 3)
    places = [axis_of(axis, len(data)) for axis in axes] if axes is not None else list(range(len(data)))
    if widths is None or len(widths) != 2 * len(places):
        raise ValueError(f"{len(widths or ())} widths instead of {2 * len(places)}")
    for place, before, after in zip(places, widths, widths[len(places) :], strict=False):
        data[place] += before + after
    return [unknown(data)]


def _slice(node: Node, inputs: Inputs) -> list[Tensor]:
    data, starts, ends = given(inputs, 0), values(inputs, 1), values(inputs, 2)
    axes = optional(node, inputs, "axes", 3) or tuple(range(len(starts)))
    steps = optional(node, inputs, "steps", 4) or (1,) * len(starts)
    places = [axis_of(axis, len(data.shape)) for axis in axes]
    if not len(starts) == len(ends) == len(set(places)) == len(axes) == len(steps) or any(step < 1 for step in steps):
        # onnxruntime clamps the ends of backward steps differently, and our networks have no such steps.
        raise ValueError("starts, ends, axes and steps do not belong together, or a step is below 1")
    cuts = dict(zip(places, map(slice, starts, ends, steps), strict=True))
    return [Tensor(data.array[tuple(cuts.get(place, slice(None)) for place in range(len(data.shape)))], data.known)]


def _reduce(node: Node, inputs: Inputs) -> list[Tensor]:
    data, axes = given(inputs, 0).shape, optional(node, inputs, "axes", 1)
    if not axes and node.flag("noop_with_empty_axes"):
        return [unknown(data)]
    places = {axis_of(axis, len(data)) for axis in axes or range(len(data))}
    keep = node.flag("keepdims", default=True)
    return [unknown([1 if place in places else dim for place, dim in enumerate(data) if keep or place not in places])]


def _top_k(node: Node, inputs: Inputs) -> list[Tensor]:
    data, k = list(given(inputs, 0).shape), values(inputs, 1)
    axis = axis_of(node.integer("axis", -1), len(data))
    if len(k) != 1 or not 0 <= k[0] <= data[axis]:
        raise ValueError(f"the largest {k} of {data[axis]} numbers")
    data[axis] = k[0]
    return [unknown(data), unknown(data)]


def _conv(node: Node, inputs: Inputs) -> list[Tensor]:
    """X (N, C, …), w (M, C / groups, …)."""
    x, w = given(inputs, 0).shape, given(inputs, 1).shape
    if len(x) != len(w) or len(x) <= BATCH_AND_CHANNELS or x[1] != w[1] * node.integer("group", 1):
        raise ValueError(f"a kernel of shape {w} does not fit an input of {x}")
    return [unknown((x[0], w[0], *_windows(node, x[BATCH_AND_CHANNELS:], w[BATCH_AND_CHANNELS:])))]


def _pool(node: Node, inputs: Inputs) -> list[Tensor]:
    x, kernel = given(inputs, 0).shape, node.ints("kernel_shape") or ()
    if not kernel or len(kernel) + BATCH_AND_CHANNELS != len(x):
        raise ValueError(f"a window of {kernel} does not fit an input of {x}")
    made = unknown((*x[:BATCH_AND_CHANNELS], *_windows(node, x[BATCH_AND_CHANNELS:], kernel)))
    return [made, made]


def _windows(node: Node, spatial: Shape, kernel: Shape) -> Shape:
    """Return at how many places a window stands in each spatial dimension."""
    n = len(spatial)
    strides, dilations = node.ints("strides") or (1,) * n, node.ints("dilations") or (1,) * n
    pads = node.ints("pads") or (0,) * 2 * n
    if not (len(strides) == len(dilations) == n and len(pads) == 2 * n):
        raise ValueError(f"strides {strides}, dilations {dilations} or pads {pads} are not for {n} dimensions")
    if min(*strides, *dilations, *kernel) < 1 or min(pads) < 0:
        raise ValueError(f"strides {strides}, dilations {dilations} or window {kernel} below 1, or pads {pads} below 0")
    auto = node.attributes.get("auto_pad", b"NOTSET")
    if auto != b"NOTSET" and any(pads):
        raise ValueError("pads and auto_pad exclude each other")
    if auto in {b"SAME_UPPER", b"SAME_LOWER"}:
        return tuple(-(-size // stride) for size, stride in zip(spatial, strides, strict=True))
    room = [spatial[i] + pads[i] + pads[n + i] - dilations[i] * (kernel[i] - 1) - 1 for i in range(n)]
    if min(room) < 0:
        raise ValueError(f"a window of {kernel} with dilations {dilations} is wider than its input of {spatial} with pads {pads}")
    up = node.flag("ceil_mode")
    return tuple((-(-free // stride) if up else free // stride) + 1 for free, stride in zip(room, strides, strict=True))


def _matmul(_: Node, inputs: Inputs) -> list[Tensor]:
    a, b = given(inputs, 0).shape, given(inputs, 1).shape
    if not a or not b or a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise ValueError(f"{a} cannot be multiplied by {b}")
    return [unknown(np.broadcast_shapes(a[:-2], b[:-2]) + a[-2:-1] + (b[-1:] if len(b) > 1 else ()))]


def _gemm(node: Node, inputs: Inputs) -> list[Tensor]:
    a, b = given(inputs, 0).array, given(inputs, 1).array
    if a.ndim != 2 or b.ndim != 2:  # noqa: PLR2004 - matrices
        raise ValueError(f"{a.shape} and {b.shape} are not two matrices")
    return _matmul(node, [Tensor(a.T if node.flag("transA") else a), Tensor(b.T if node.flag("transB") else b)])


ONE_BY_ONE = (
    "Abs", "BatchNormalization", "Clip", "DequantizeLinear", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish",
    "InstanceNormalization", "LeakyRelu", "Log", "LogSoftmax", "LpNormalization", "Neg", "QuantizeLinear", "Reciprocal",
    "Relu", "ScatterElements", "Sigmoid", "Softmax", "Softplus", "Sqrt", "Tanh",
)  # fmt: skip
"""Operators whose result has the shape of the first input."""
ELEMENTWISE = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "PRelu", "Where", "Equal", "Greater", "Less")
"""Operators that broadcast their inputs to one shape."""
OPERATORS: dict[str, Rule] = {
    **dict.fromkeys(ONE_BY_ONE, lambda _, inputs: [unknown(given(inputs, 0).shape)]),
    **dict.fromkeys(ELEMENTWISE, lambda _, inputs: [unknown(np.broadcast_shapes(*(one.shape for one in inputs if one is not None)))]),
    **dict.fromkeys(["ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare"], _reduce),
    **dict.fromkeys(["MaxPool", "AveragePool"], _pool),
    **dict.fromkeys(
        ["GlobalMaxPool", "GlobalAveragePool"],
        lambda _, inputs: [unknown([dim if place < BATCH_AND_CHANNELS else 1 for place, dim in enumerate(given(inputs, 0).shape)])],
    ),
    "Cast": lambda node, inputs: [given(inputs, 0) if node.integer("to", 0) == INT64 else unknown(given(inputs, 0).shape)],
    "Concat": _concat,
    "Constant": _constant,
    "Conv": _conv,
    "Expand": lambda _, inputs: [unknown(np.broadcast_shapes(given(inputs, 0).shape, values(inputs, 1)))],
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": lambda _, inputs: [unknown(given(inputs, 1).shape)],
    "GatherND": _gather_nd,
    "Gemm": _gemm,
    "Identity": lambda _, inputs: [given(inputs, 0)],
    "MatMul": _matmul,
    "Pad": _pad,
    # The quantised products have scale and zero point after each factor.
    "QLinearConv": lambda node, inputs: _conv(node, [given(inputs, 0), given(inputs, 3)]),
    "QLinearMatMul": lambda node, inputs: _matmul(node, [given(inputs, 0), given(inputs, 3)]),
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Squeeze": lambda node, inputs: [_viewed(inputs, lambda data: np.squeeze(data, optional(node, inputs, "axes", 1)))],
    "TopK": _top_k,
    "Transpose": lambda node, inputs: [_viewed(inputs, lambda data: data.transpose(node.ints("perm")))],
    "Unsqueeze": lambda node, inputs: [_viewed(inputs, lambda data: np.expand_dims(data, optional(node, inputs, "axes", 1) or ()))],
}
"""What is run: what the networks of this project and the published ones are exported to, in any precision, and their nearest relatives."""


def multiplications(node: Node, inputs: Inputs, outputs: list[Tensor]) -> int:
    """Return about how many numbers the node multiplies, adds or moves."""
    match node.operator:
        case "Conv" | "QLinearConv":
            w = given(inputs, 1 if node.operator == "Conv" else 3).shape
            return outputs[0].count * math.prod(w[1:])
        case "MatMul" | "QLinearMatMul" | "Gemm":
            return outputs[0].count * given(inputs, 0).shape[0 if node.flag("transA") else -1]
        case "MaxPool" | "AveragePool":
            return outputs[0].count * math.prod(node.ints("kernel_shape") or ())
    return sum(one.count for one in outputs) + sum(one.count for one in inputs if one is not None)
