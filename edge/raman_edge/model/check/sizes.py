"""How large a network's tensors become, told from its graph before anything runs.

Every operator that is run has one rule here: from the sizes of its inputs to the sizes of its outputs,
as the ONNX operator reference has them (https://onnx.ai/onnx/operators/). Shapes that the graph itself
computes (Shape → Concat → Reshape) are followed as numbers. What has no rule is not run, and what
cannot be sized is refused: control flow, sequences and everything whose size depends on the counts.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING

from raman_edge.errors import ModelError
from raman_edge.model.check.graph import MOST_VALUES, Node, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Inputs = Sequence[Tensor | None]
    Rule = Callable[[Node, Inputs], list[Tensor]]

Shape = tuple[int, ...]


class UnboundedSize(ModelError):
    """An operation whose result cannot be told to be small."""


def refuse(why: str) -> UnboundedSize:
    """Return the error that says why."""
    return UnboundedSize(why)


def given(inputs: Inputs, place: int) -> Tensor:
    """Return an input that the operator needs."""
    tensor = inputs[place] if place < len(inputs) else None
    if tensor is None:
        raise refuse(f"input {place} is missing")
    return tensor


def values(inputs: Inputs, place: int) -> tuple[int, ...]:
    """Return an input's numbers, which decide a shape."""
    found = given(inputs, place).values
    if found is None:
        raise refuse(f"input {place} decides a size and is not known before the network runs")
    return found


def optional(node: Node, inputs: Inputs, name: str, place: int) -> tuple[int, ...] | None:
    """Return numbers that older operator sets have as an attribute and newer ones as an input, None where they are left out."""
    if place < len(inputs) and inputs[place] is not None:
        return values(inputs, place)
    return ints(node, name)


def ints(node: Node, name: str) -> tuple[int, ...] | None:
    """Return a list attribute, None where it is left out."""
    found = node.attributes.get(name)
    if found is not None and not isinstance(found, tuple):
        raise refuse(f"attribute {name} is a list of integers")
    return found


def integer(node: Node, name: str, default: int) -> int:
    """Return an integer attribute."""
    found = node.attributes.get(name, default)
    if not isinstance(found, int):
        raise refuse(f"attribute {name} is an integer")
    return found


def flag(node: Node, name: str, *, default: bool = False) -> bool:
    """Return an attribute that is 0 or 1; readers differ in what another number means."""
    found = integer(node, name, int(default))
    if found not in {0, 1}:
        raise refuse(f"attribute {name} is 0 or 1, got {found}")
    return found == 1


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front."""
    if not -rank <= axis < rank:
        raise refuse(f"axis {axis} of a tensor with {rank} dimensions")
    return axis % rank


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that ``shapes`` are stretched to, by numpy's rule."""
    made = []
    for dims in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        wide = {dim for dim in dims if dim != 1}
        if len(wide) > 1:
            raise refuse(f"shapes {', '.join(str(list(shape)) for shape in shapes)} do not fit together")
        made.append(wide.pop() if wide else 1)
    return tuple(reversed(made))


def same(_: Node, inputs: Inputs) -> list[Tensor]:
    """An output as large as the first input."""
    return [Tensor(given(inputs, 0).shape)]


def passed(_: Node, inputs: Inputs) -> list[Tensor]:
    """The first input itself, its numbers with it."""
    return [given(inputs, 0)]


def elementwise(_: Node, inputs: Inputs) -> list[Tensor]:
    """All inputs stretched to one shape."""
    return [Tensor(broadcast(*(one.shape for one in inputs if one is not None)))]


def shape(node: Node, inputs: Inputs) -> list[Tensor]:
    """The input's shape, as numbers."""
    dims = given(inputs, 0).shape
    end = integer(node, "end", len(dims))
    kept = dims[slice(integer(node, "start", 0), end)]
    return [Tensor((len(kept),), kept)]


def constant(node: Node, _: Inputs) -> list[Tensor]:
    """A tensor written in the graph."""
    if len(node.attributes) != 1:
        raise refuse(f"a constant says one thing, this one {len(node.attributes)}")
    if isinstance(value := node.attributes.get("value"), Tensor):
        return [value]
    if isinstance(listed := node.attributes.get("value_ints"), tuple):
        return [Tensor((len(listed),), listed)]
    if isinstance(number := node.attributes.get("value_int"), int):
        return [Tensor((), (number,))]
    if "value_float" in node.attributes:
        return [Tensor(())]
    raise refuse("a constant is a tensor, a number or a list of integers")


def concat(node: Node, inputs: Inputs) -> list[Tensor]:
    """Inputs one behind the other."""
    parts = [given(inputs, place) for place in range(len(inputs))]
    first = given(parts, 0).shape
    axis = axis_of(integer(node, "axis", 0), len(first))
    rest = {one.shape[:axis] + one.shape[axis + 1 :] for one in parts}
    if len(rest) > 1 or any(len(one.shape) != len(first) for one in parts):
        raise refuse(f"shapes {', '.join(str(list(one.shape)) for one in parts)} do not fit together")
    total = sum(one.shape[axis] for one in parts)
    known = all(one.values is not None for one in parts) and len(first) == 1 and total <= MOST_VALUES
    listed = tuple(number for one in parts for number in one.values or ()) if known else None
    return [Tensor((*first[:axis], total, *first[axis + 1 :]), listed)]


def gather(node: Node, inputs: Inputs) -> list[Tensor]:
    """Rows by index."""
    data, index = given(inputs, 0), given(inputs, 1)
    axis = axis_of(integer(node, "axis", 0), len(data.shape))
    picked = None
    if data.values is not None and index.values is not None and len(data.shape) == 1:
        if not all(-len(data.values) <= i < len(data.values) for i in index.values):
            raise refuse(f"indices {list(index.values)} of {len(data.values)} numbers")
        picked = tuple(data.values[i] for i in index.values)
    return [Tensor(data.shape[:axis] + index.shape + data.shape[axis + 1 :], picked)]


def gather_nd(node: Node, inputs: Inputs) -> list[Tensor]:
    """Slices by index."""
    data, index = given(inputs, 0).shape, given(inputs, 1).shape
    batch = integer(node, "batch_dims", 0)
    if not index or batch < 0 or index[-1] + batch > len(data):
        raise refuse(f"indices of shape {list(index)} into {list(data)}")
    return [Tensor(index[:-1] + data[batch + index[-1] :])]


def as_second(_: Node, inputs: Inputs) -> list[Tensor]:
    """An output as large as the second input."""
    return [Tensor(given(inputs, 1).shape)]


def unsqueeze(node: Node, inputs: Inputs) -> list[Tensor]:
    """More dimensions, of 1."""
    data, axes = given(inputs, 0), optional(node, inputs, "axes", 1) or ()
    rank = len(data.shape) + len(axes)
    places = {axis_of(axis, rank) for axis in axes}
    if len(places) != len(axes):
        raise refuse(f"axes {list(axes)} name one twice")
    rest = iter(data.shape)
    return [Tensor(tuple(1 if place in places else next(rest) for place in range(rank)), data.values)]


def squeeze(node: Node, inputs: Inputs) -> list[Tensor]:
    """Fewer dimensions of 1."""
    data, axes = given(inputs, 0), optional(node, inputs, "axes", 1)
    rank = len(data.shape)
    places = {axis_of(axis, rank) for axis in axes} if axes is not None else {i for i, dim in enumerate(data.shape) if dim == 1}
    if any(data.shape[place] != 1 for place in places):
        raise refuse(f"only dimensions of 1 can be left out of {list(data.shape)}")
    return [Tensor(tuple(dim for place, dim in enumerate(data.shape) if place not in places), data.values)]


def reshape(node: Node, inputs: Inputs) -> list[Tensor]:
    """The same numbers in another shape; 0 keeps a dimension, -1 takes what is left."""
    data, wanted = given(inputs, 0), list(values(inputs, 1))
    if not flag(node, "allowzero"):
        wanted = [data.shape[place] if dim == 0 and place < len(data.shape) else dim for place, dim in enumerate(wanted)]
    known = math.prod(dim for dim in wanted if dim != -1)
    if wanted.count(-1) == 1 and known > 0:
        wanted[wanted.index(-1)] = data.count // known
    if any(dim < 0 for dim in wanted) or math.prod(wanted) != data.count:
        raise refuse(f"{list(data.shape)} cannot become {list(values(inputs, 1))}")
    return [Tensor(tuple(wanted), data.values)]


def expand(_: Node, inputs: Inputs) -> list[Tensor]:
    """One tensor stretched to a shape."""
    wanted = values(inputs, 1)
    if any(dim < 0 for dim in wanted):
        raise refuse(f"a dimension below 0 in {list(wanted)}")
    return [Tensor(broadcast(given(inputs, 0).shape, wanted))]


def pad(node: Node, inputs: Inputs) -> list[Tensor]:
    """More numbers around; a negative width takes some away."""
    data = given(inputs, 0).shape
    widths = optional(node, inputs, "pads", 1)
    axes = optional(node, inputs, "axes", 3)
    places = [axis_of(axis, len(data)) for axis in axes] if axes is not None else list(range(len(data)))
    if widths is None or len(widths) != 2 * len(places):
        raise refuse(f"{2 * len(places)} widths expected")
    made = list(data)
    for place, before, after in zip(places, widths, widths[len(places) :], strict=False):
        made[place] += before + after
    if any(dim < 0 for dim in made):
        raise refuse(f"{list(data)} cannot be cut by {list(widths)}")
    return [Tensor(tuple(made))]


def transpose(node: Node, inputs: Inputs) -> list[Tensor]:
    """Dimensions in another order."""
    data = given(inputs, 0).shape
    order = ints(node, "perm") or tuple(reversed(range(len(data))))
    if sorted(order) != list(range(len(data))):
        raise refuse(f"{list(order)} is no order of {len(data)} dimensions")
    return [Tensor(tuple(data[place] for place in order))]


def flatten(node: Node, inputs: Inputs) -> list[Tensor]:
    """Two dimensions."""
    data = given(inputs, 0).shape
    axis = integer(node, "axis", 1)
    axis += len(data) if axis < 0 else 0
    if not 0 <= axis <= len(data):
        raise refuse(f"axis {axis} of a tensor with {len(data)} dimensions")
    return [Tensor((math.prod(data[:axis]), math.prod(data[axis:])))]


def cut(node: Node, inputs: Inputs) -> list[Tensor]:
    """A part of a tensor (Slice)."""
    data = given(inputs, 0)
    starts, ends = values(inputs, 1), values(inputs, 2)
    axes = optional(node, inputs, "axes", 3) or tuple(range(len(starts)))
    steps = optional(node, inputs, "steps", 4) or (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or any(step < 1 for step in steps):
        # onnxruntime has ends of its own for steps backwards, and no network of ours goes backwards.
        raise refuse("as many starts as ends, axes and steps, and no step below 1 expected")
    made, kept = list(data.shape), data.values if len(data.shape) == 1 else None
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = axis_of(axis, len(made))
        part = slice(start, end, step)
        made[place] = len(range(*part.indices(made[place])))
        kept = kept[part] if kept is not None else None
    return [Tensor(tuple(made), kept)]


def reduce(node: Node, inputs: Inputs) -> list[Tensor]:
    """One number for each row of some dimensions."""
    data, axes = given(inputs, 0).shape, optional(node, inputs, "axes", 1)
    if not axes:
        if flag(node, "noop_with_empty_axes"):
            return [Tensor(data)]
        axes = tuple(range(len(data)))
    places = {axis_of(axis, len(data)) for axis in axes}
    if flag(node, "keepdims", default=True):
        return [Tensor(tuple(1 if place in places else dim for place, dim in enumerate(data)))]
    return [Tensor(tuple(dim for place, dim in enumerate(data) if place not in places))]


def top_k(node: Node, inputs: Inputs) -> list[Tensor]:
    """The largest numbers, and where they were."""
    data, k = given(inputs, 0).shape, values(inputs, 1)
    axis = axis_of(integer(node, "axis", -1), len(data))
    if len(k) != 1 or not 0 <= k[0] <= data[axis]:
        raise refuse(f"the best {list(k)} of {data[axis]}")
    made = (*data[:axis], k[0], *data[axis + 1 :])
    return [Tensor(made), Tensor(made)]
