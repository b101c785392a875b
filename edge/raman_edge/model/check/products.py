"""Sizes and multiplications of the operators that do the work: convolutions, pooling, matrix products."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from raman_edge.model.check.graph import Node, Tensor
from raman_edge.model.check.sizes import broadcast, flag, given, integer, ints, refuse

if TYPE_CHECKING:
    from raman_edge.model.check.sizes import Inputs, Rule, Shape

SAME = {b"SAME_UPPER", b"SAME_LOWER"}
SPATIAL_FROM = 2
"""Dimensions before the spatial ones: batch and channels."""
FACTOR = 3
"""Where the quantised products have their second factor: behind the first one, its scale and its zero point."""


def conv(node: Node, inputs: Inputs) -> list[Tensor]:
    """A convolution: x (N, C, …), w (M, C / groups, …)."""
    x, w = given(inputs, 0).shape, given(inputs, 1).shape
    if len(x) != len(w) or len(x) <= SPATIAL_FROM or x[1] != w[1] * integer(node, "group", 1):
        raise refuse(f"a kernel of shape {list(w)} does not fit an input of {list(x)}")
    return [Tensor((x[0], w[0], *_windows(node, x, w[SPATIAL_FROM:])))]


def pool(node: Node, inputs: Inputs) -> list[Tensor]:
    """The largest number or the mean of each window; the second output says where the largest one was."""
    x, kernel = given(inputs, 0).shape, ints(node, "kernel_shape")
    if kernel is None or len(kernel) + SPATIAL_FROM != len(x):
        raise refuse(f"a window of {kernel and list(kernel)} does not fit an input of {list(x)}")
    made = Tensor((*x[:SPATIAL_FROM], *_windows(node, x, kernel)))
    return [made, made]


def pool_all(_: Node, inputs: Inputs) -> list[Tensor]:
    """One number a channel."""
    x = given(inputs, 0).shape
    return [Tensor((*x[:SPATIAL_FROM], *(1 for _ in x[SPATIAL_FROM:])))]


def matmul(_: Node, inputs: Inputs) -> list[Tensor]:
    """A product of matrices, or of stacks of them."""
    a, b = given(inputs, 0).shape, given(inputs, 1).shape
    if not a or not b or a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise refuse(f"{list(a)} cannot be multiplied by {list(b)}")
    return [Tensor(broadcast(a[:-2], b[:-2]) + a[-2:-1] + (b[-1:] if len(b) > 1 else ()))]


def gemm(node: Node, inputs: Inputs) -> list[Tensor]:
    """A product of two matrices, turned where asked."""
    a, b = given(inputs, 0).shape, given(inputs, 1).shape
    if len(a) != 2 or len(b) != 2:  # noqa: PLR2004 - matrices
        raise refuse(f"two matrices expected, got {list(a)} and {list(b)}")
    rows, inner = reversed(a) if flag(node, "transA") else a
    other, columns = reversed(b) if flag(node, "transB") else b
    if inner != other:
        raise refuse(f"{list(a)} cannot be multiplied by {list(b)}")
    return [Tensor((rows, columns))]


def quantised(rule: Rule) -> Rule:
    """Return ``rule`` for the operator that has scale and zero point behind each factor."""

    def of_quantised(node: Node, inputs: Inputs) -> list[Tensor]:
        return rule(node, [given(inputs, 0), given(inputs, FACTOR)])

    return of_quantised


def multiplications(node: Node, inputs: Inputs, outputs: list[Tensor]) -> int:
    """Return about how many numbers the node multiplies, adds or moves."""
    if node.operator in {"Conv", "QLinearConv"}:
        w = given(inputs, FACTOR if node.operator == "QLinearConv" else 1).shape
        return outputs[0].count * math.prod(w[1:])
    if node.operator in {"MatMul", "QLinearMatMul"}:
        return outputs[0].count * given(inputs, 0).shape[-1]
    if node.operator == "Gemm":
        return outputs[0].count * given(inputs, 0).shape[0 if flag(node, "transA") else 1]
    if node.operator in {"MaxPool", "AveragePool"}:
        return outputs[0].count * math.prod(ints(node, "kernel_shape") or ())
    return sum(one.count for one in outputs) + sum(one.count for one in inputs if one is not None)


def _windows(node: Node, x: Shape, kernel: Shape) -> Shape:
    """Return at how many places a window stands in each spatial dimension."""
    spatial = x[SPATIAL_FROM:]
    ones = (1,) * len(spatial)
    strides, dilations = ints(node, "strides") or ones, ints(node, "dilations") or ones
    pads = ints(node, "pads") or (0,) * 2 * len(spatial)
    if not (len(strides) == len(dilations) == len(spatial) and len(pads) == 2 * len(spatial)):
        raise refuse(f"strides {strides}, dilations {dilations} or pads {pads} are not for {len(spatial)} dimensions")
    if min(*strides, *dilations, *kernel) < 1 or min(pads) < 0:
        raise refuse(f"strides {strides}, dilations {dilations} and windows {kernel} are 1 or more, pads {pads} 0 or more")
    auto = node.attributes.get("auto_pad", b"NOTSET")
    if auto != b"NOTSET" and any(pads):
        raise refuse(f"pads {pads} beside auto_pad {auto!r}: only one of them can be meant")
    if auto in SAME:
        return tuple(-(-size // stride) for size, stride in zip(spatial, strides, strict=True))
    around = pads if auto == b"NOTSET" else (0,) * len(pads)
    reach = [dilation * (size - 1) + 1 for dilation, size in zip(dilations, kernel, strict=True)]
    free = [size + before + after - wide for size, before, after, wide in zip(spatial, around, around[len(spatial) :], reach, strict=False)]
    if min(free) < 0:
        raise refuse(f"a window of {reach} is wider than its input of {list(spatial)} with pads {list(around)}")
    if flag(node, "ceil_mode"):
        return tuple(-(-room // stride) + 1 for room, stride in zip(free, strides, strict=True))
    return tuple(room // stride + 1 for room, stride in zip(free, strides, strict=True))
