"""Models from anywhere: what may not be loaded is refused with its reason, before onnxruntime sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import numpy as np
import onnx
import pytest
import raising
from onnx import TensorProto, helper, numpy_helper
from raman_edge.errors import CardError, ModelError
from raman_edge.model import card, check
from raman_edge.model import model as models
from raman_edge.model.model import Model
from raman_edge.model.shapes import OPERATORS
from raman_edge.preprocessing import Baseline, Despike, MinMax, Recipe, Resample, Smooth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Change = "Callable[[onnx.ModelProto], None]"


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to reach onnxruntime."""

    def reached(*_: object) -> None:
        pytest.fail("onnxruntime has loaded a file that was to be refused")

    monkeypatch.setattr(models, "open_session", reached)


def refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> ModelError:
    """Change the tests' own model, and return why it is refused."""
    proto = build.graph(build.templates())
    helper.set_model_props(proto, {card.KEY: build.model_card(build.templates()).to_json()})
    change(proto)
    path = tmp_path / "changed.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError) as error:
        Model.open(path)
    assert f"{str(path)!r} is refused" in error.value.place
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 700
    return error.value


def with_node(operator: str, *inputs: str, **attributes: object) -> Callable[[onnx.ModelProto], None]:
    """Return a change that puts one more node before the others."""

    def change(proto: onnx.ModelProto) -> None:
        proto.graph.node.insert(0, helper.make_node(operator, inputs, ["made"], name="bomb", **attributes))

    return change


def with_stored(
    change: Callable[[onnx.ModelProto], None], **stored: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> Callable[[onnx.ModelProto], None]:
    """Return ``change`` together with stored tensors."""

    def both(proto: onnx.ModelProto) -> None:
        proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in stored.items())
        change(proto)

    return both


def subgraph() -> onnx.GraphProto:
    """Return a graph to hide in a node, with weights elsewhere."""
    return helper.make_graph([], "hidden", [], [], [outside("hidden")])


def outside(name: str) -> onnx.TensorProto:
    """Return a tensor whose numbers lie in another file."""
    tensor = TensorProto(name=name, data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    return tensor


def sparse() -> onnx.SparseTensorProto:
    """Return a sparse tensor with numbers elsewhere."""
    return onnx.SparseTensorProto(values=outside("v"), indices=outside("i"), dims=[10**9, 10**9])


def in_function(proto: onnx.ModelProto) -> None:
    """Hide a subgraph in a function."""
    inner = helper.make_node("If", ["c"], ["o"], then_branch=subgraph(), else_branch=subgraph())
    proto.functions.append(helper.make_function("mine", "f", ["c"], ["o"], [inner], [helper.make_opsetid("", 18)]))


def relabelled(proto: onnx.ModelProto) -> None:
    """Say that weights are elsewhere without saying where."""
    proto.graph.initializer[0].data_location = TensorProto.EXTERNAL


FORBIDDEN = "forbidden field"
HIDDEN = {
    "in an initializer": (lambda proto: proto.graph.initializer.append(outside("w")), "external_data in a Tensor"),
    "by location alone": (relabelled, "weights outside the file"),
    "in a constant": (with_node("Constant", value=outside("w")), "external_data in a Tensor"),
    "in a sparse initializer": (lambda proto: proto.graph.sparse_initializer.append(sparse()), "sparse_initializer in a Graph"),
    "in a sparse constant": (with_node("Constant", sparse_value=sparse()), "sparse_tensor in a Attribute"),
    "in a list of tensors": (with_node("Mine", tensors=[outside("w")]), "tensors in a Attribute"),
    "in a subgraph": (with_node("If", "spectrum", then_branch=subgraph(), else_branch=subgraph()), "g in a Attribute"),
    "in a list of graphs": (with_node("Mine", graphs=[subgraph()]), "graphs in a Attribute"),
    "in a function": (in_function, "functions in a Model"),
    "in the training graph": (lambda proto: proto.training_info.add().algorithm.CopyFrom(subgraph()), "training_info in a Model"),
    "in a segment": (
        lambda proto: proto.graph.initializer[0].segment.CopyFrom(TensorProto.Segment(begin=0, end=9)),
        "segment in a Tensor",
    ),
}


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("where", HIDDEN)
def test_nothing_outside_the_file_is_read(tmp_path: Path, where: str) -> None:
    """Weights elsewhere, and places to hide them in, are refused wherever they stand."""
    change, got = HIDDEN[where]
    error = refused(tmp_path, change)
    assert (error.kind, error.got) == (FORBIDDEN, got)


def doubling(proto: onnx.ModelProto) -> None:
    """Double a tensor forty times."""
    names = ["spectrum", *(f"d{i}" for i in range(40))]
    for here, there in zip(names[-2::-1], names[:0:-1], strict=True):
        proto.graph.node.insert(0, helper.make_node("Concat", [here, here], [there], axis=1, name=there))


def squares(proto: onnx.ModelProto) -> None:
    """Multiply large matrices again and again."""
    names = ["square", *(f"s{i}" for i in range(60))]
    for here, there in zip(names[-2::-1], names[:0:-1], strict=True):
        proto.graph.node.insert(0, helper.make_node("MatMul", [here, here], [there], name=there))


HUGE = np.array([1 << 20, 1 << 20], np.int64)
BOMBS = {
    "Expand": (
        with_stored(with_node("Expand", "spectrum", "to"), to=np.array([10**6, 701])),
        "too large",
    ),
    "Pad": (with_stored(with_node("Pad", "spectrum", "by"), by=np.array([0, 0, 10**12, 0])), "too large"),
    "outer product": (
        with_stored(with_node("MatMul", "a", "b"), a=np.ones((10**5, 1), np.float32), b=np.ones((1, 10**5), np.float32)),
        "too large",
    ),
    "stretching": (
        with_stored(with_node("Add", "a", "b"), a=np.ones((10**5, 1), np.float32), b=np.ones(10**5, np.float32)),
        "too large",
    ),
    "padded convolution": (
        with_stored(
            with_node("Conv", "image", "kernel", pads=[2**40, 2**40]),
            image=np.ones((1, 1, 9), np.float32),
            kernel=np.ones((1, 1, 3), np.float32),
        ),
        "too large",
    ),
    "gathering": (
        with_stored(with_node("Gather", "rows", "at"), rows=np.ones((2, 10**5), np.float32), at=np.zeros(10**4, np.int64)),
        "too large",
    ),
    "doubling": (doubling, "too large"),
    "many products": (with_stored(squares, square=np.ones((700, 700), np.float32)), "too large"),
    "dynamic shape": (with_node("Expand", "spectrum", "spectrum"), "impossible operation"),
    "ConstantOfShape": (with_stored(with_node("ConstantOfShape", "to"), to=HUGE), "unknown operator"),
    "Range": (with_node("Range", "spectrum", "spectrum", "spectrum"), "unknown operator"),
    "Tile": (with_stored(with_node("Tile", "spectrum", "by"), by=HUGE), "unknown operator"),
    "Resize": (with_node("Resize", "spectrum", "", "spectrum"), "unknown operator"),
    "RandomNormal": (with_node("RandomNormal", shape=HUGE.tolist()), "unknown operator"),
    "Loop": (with_node("Loop", "spectrum", body=subgraph()), FORBIDDEN),
    "Scan": (with_node("Scan", "spectrum", body=subgraph(), num_scan_inputs=1), FORBIDDEN),
    "another domain": (with_node("Inverse", "spectrum", domain="com.microsoft"), "foreign operator"),
    "claimed size": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[1 << 40], raw_data=b"1234")),
        "wrong size",
    ),
    "nothing stored": (lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[1 << 40])), "wrong size"),
    "claimed list": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=7, dims=[1 << 40], int64_data=[1])),
        "wrong size",
    ),
    "texts": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=8, string_data=[b"a"])),
        FORBIDDEN,
    ),
    "negative size": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[-1, -4], raw_data=bytes(16))),
        "wrong shape",
    ),
    "a type of its own": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=14, raw_data=bytes(8))),
        "unknown type",
    ),
    "sequence input": (
        lambda proto: proto.graph.input[0].type.sequence_type.elem_type.tensor_type.SetInParent(),
        FORBIDDEN,
    ),
    "free dimension": (lambda proto: proto.graph.input[0].type.tensor_type.shape.dim[1].Clear(), "free dimension"),
    "huge input": (
        lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 1 << 40),
        "too large",
    ),
    "many nodes": (lambda proto: proto.graph.node.extend([proto.graph.node[0]] * check.MAX_NODES), "too many nodes"),
    "a name twice": (lambda proto: proto.graph.node.append(proto.graph.node[0]), "duplicate name"),
    "a circle": (lambda proto: proto.graph.node[0].input.__setitem__(0, "logits"), "missing tensor"),
    "no such output": (lambda proto: setattr(proto.graph.output[0], "name", "nowhere"), "missing tensor"),
    "old operators": (lambda proto: setattr(proto.opset_import[0], "version", 9), "wrong operator set"),
    "two operator sets": (lambda proto: proto.opset_import.append(helper.make_opsetid("ai.onnx", 18)), "wrong operator set"),
    "further outputs": (lambda proto: proto.graph.node[1].output.append("more"), "impossible operation"),
    "much metadata": (lambda proto: proto.metadata_props.extend([onnx.StringStringEntryProto(key="k")] * 99), "duplicate metadata"),
    "two cards": (lambda proto: proto.metadata_props.append(proto.metadata_props[0]), "duplicate metadata"),
}


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("which", BOMBS)
def test_what_grows_too_large_is_refused(tmp_path: Path, which: str) -> None:
    """A file that would take more memory or time than a spectrum is worth, or that is not a plain network, is refused."""
    change, kind = BOMBS[which]
    assert refused(tmp_path, change).kind == kind


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "a\nb", "\u202egnp", "\x00", "\x9b31m", "x" * 300])
@pytest.mark.parametrize("place", ["label", "name", "text", "figure"])
def test_a_card_with_what_a_terminal_might_obey_is_refused(tmp_path: Path, text: str, place: str) -> None:
    """Escape codes, line ends and direction marks in names and texts are refused, and shown escaped."""
    made = build.model_card(build.templates())
    provenance = {name: getattr(made.provenance, name) for name in made.provenance.__struct_fields__}
    added = {"text": {"licence": 20 * text}, "figure": {"measured": {text: 1.0}}}.get(place, {})
    changes: dict[str, object] = {"provenance": card.ModelProvenance(**(provenance | added))}
    changes |= {"label": {"labels": (*tuple(build.LINES)[:-1], text)}, "name": {"name": text}}.get(place, {})
    path = build.write_model(tmp_path / "card.onnx", **changes)
    with pytest.raises(CardError) as error:
        Model.open(path)
    assert error.value.kind == "unprintable text"
    assert str(error.value).isprintable()


SLOW = {
    "window": Smooth(window=50_001, order=3),
    "order": Smooth(window=999, order=500),
    "half_window": Baseline(method="snip", half_window=10**9),
    "width": Despike(width=10**9),
}


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("name", SLOW)
def test_a_recipe_that_takes_for_ever_is_refused(tmp_path: Path, name: str) -> None:
    """A step that looks at a milliard of points would stop the instrument."""
    recipe = Recipe((*build.RECIPE.steps, SLOW[name]))
    with raising.refused(CardError, "recipe too slow", f"{name} of {SLOW[name].tag}"):
        Model.open(build.write_model(tmp_path / "slow.onnx", recipe=recipe))


@pytest.mark.usefixtures("unloaded")
def test_a_recipe_of_very_many_steps_is_refused(tmp_path: Path) -> None:
    """The number of steps is bounded."""
    recipe = Recipe((Resample(start=100.0, stop=1500.0, step=2.0), *[MinMax()] * 40))
    with raising.refused(CardError, "too many steps", got="41", expected="16"):
        Model.open(build.write_model(tmp_path / "many.onnx", recipe=recipe))


def test_every_published_operator_is_run() -> None:
    """What the networks of the literature are exported to is on the list; control flow and sequences are not."""
    assert {"Conv", "Gemm", "MatMul", "MaxPool", "QuantizeLinear", "ScatterElements", "TopK", "Cast"} <= OPERATORS.keys()
    assert not {"If", "Loop", "Scan", "Tile", "ConstantOfShape", "Range", "SequenceAt", "NonZero", "Resize"} & OPERATORS.keys()


def test_the_embedded_model_passes_far_from_the_limits() -> None:
    """The model that ships leaves a factor of ten to every limit."""
    seen = check.inspect(models.default_path().read_bytes())
    assert seen.nodes * 10 < check.MAX_NODES
    assert seen.results * 10 < check.MAX_RESULTS
    assert seen.work * 100 < check.MAX_WORK


def packed_twice(times: int) -> bytes:
    """Return a graph that converts one stored int8 matrix of 8 million numbers to fp32, ``times`` times."""
    stored = [numpy_helper.from_array(np.zeros((2048, 4096), np.int8), "w"), numpy_helper.from_array(np.float32(1), "s")]
    nodes = [helper.make_node("DequantizeLinear", ["w", "s"], [f"w{place}"]) for place in range(times)]
    nodes += [helper.make_node("MatMul", ["x", f"w{place}"], [f"y{place}"]) for place in range(times)]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2048])
    results = [helper.make_tensor_value_info(f"y{place}", TensorProto.FLOAT, [None, 4096]) for place in range(times)]
    opset = [helper.make_opsetid("", 18)]
    made = helper.make_model(helper.make_graph(nodes, "packed", [entry], results, stored), opset_imports=opset, ir_version=10)
    return bytes(made.SerializeToString())


def test_integer_weights_count_by_their_bytes_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """DRCNN's int8 weights are 103 million numbers in 106 MB; the same weight converted again counts as a result."""
    monkeypatch.setattr(check, "MAX_RESULTS", 1_000_000)
    assert check.inspect(packed_twice(1)).results == 4096
    with raising.refused(ModelError, "too large"):
        check.inspect(packed_twice(2))


def test_a_pipe_or_device_is_no_model() -> None:
    """What has no end is not read."""
    from pathlib import Path

    zero = Path("/dev/zero")
    with raising.refused(ModelError, "not a file", str(zero)):
        Model.open(zero)
    with raising.refused(ModelError, "cannot be read"):
        Model.open(Path("a\0b"))
