"""Models from anywhere: what may not be loaded is refused with its reason, before onnxruntime sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from raman_edge.errors import CardError, ModelError
from raman_edge.model import card, check
from raman_edge.model import model as models
from raman_edge.model.model import Model
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


def refused(tmp_path: Path, change: Callable[[onnx.ModelProto], None]) -> str:
    """Change the tests' own model, and return why it is refused."""
    proto = build.graph(build.templates())
    helper.set_model_props(proto, {card.KEY: build.model_card(build.templates()).to_json()})
    change(proto)
    path = tmp_path / "changed.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match=r"changed.onnx' is refused: ") as error:
        Model.open(path)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500
    return str(error.value)


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


HIDDEN = {
    "in an initializer": (lambda proto: proto.graph.initializer.append(outside("w")), "external_data is refused: weights outside the file"),
    "by location alone": (relabelled, "weights outside the file"),
    "in a constant": (with_node("Constant", value=outside("w")), "external_data is refused"),
    "in a sparse initializer": (lambda proto: proto.graph.sparse_initializer.append(sparse()), "sparse_initializer is refused"),
    "in a sparse constant": (with_node("Constant", sparse_value=sparse()), "sparse_tensor is refused"),
    "in a list of tensors": (with_node("Mine", tensors=[outside("w")]), "tensors is refused"),
    "in a subgraph": (with_node("If", "spectrum", then_branch=subgraph(), else_branch=subgraph()), "g is refused: control flow"),
    "in a list of graphs": (with_node("Mine", graphs=[subgraph()]), "graphs is refused: control flow"),
    "in a function": (in_function, "functions is refused: functions hide operators"),
    "in the training graph": (lambda proto: proto.training_info.add().algorithm.CopyFrom(subgraph()), "training_info is refused"),
    "in a segment": (lambda proto: proto.graph.initializer[0].segment.CopyFrom(TensorProto.Segment(begin=0, end=9)), "segment is refused"),
}


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("where", HIDDEN)
def test_nothing_outside_the_file_is_read(tmp_path: Path, where: str) -> None:
    """Weights elsewhere, and places to hide them in, are refused wherever they stand."""
    change, why = HIDDEN[where]
    assert why in refused(tmp_path, change)


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
        "by here one spectrum takes 7.01e+08 numbers",
    ),
    "Pad": (with_stored(with_node("Pad", "spectrum", "by"), by=np.array([0, 0, 10**12, 0])), "by here one spectrum takes 7.01e+14 numbers"),
    "outer product": (
        with_stored(with_node("MatMul", "a", "b"), a=np.ones((10**5, 1), np.float32), b=np.ones((1, 10**5), np.float32)),
        "by here one spectrum takes 1e+10 numbers",
    ),
    "stretching": (
        with_stored(with_node("Add", "a", "b"), a=np.ones((10**5, 1), np.float32), b=np.ones(10**5, np.float32)),
        "by here one spectrum takes 1e+10 numbers",
    ),
    "padded convolution": (
        with_stored(
            with_node("Conv", "image", "kernel", pads=[2**40, 2**40]),
            image=np.ones((1, 1, 9), np.float32),
            kernel=np.ones((1, 1, 3), np.float32),
        ),
        "by here one spectrum takes 2.2e+12 numbers",
    ),
    "gathering": (
        with_stored(with_node("Gather", "rows", "at"), rows=np.ones((2, 10**5), np.float32), at=np.zeros(10**4, np.int64)),
        "by here one spectrum takes 1e+09 numbers",
    ),
    "doubling": (doubling, "Concat node 'd"),
    "many products": (with_stored(squares, square=np.ones((700, 700), np.float32)), "2.02e+10 multiplications"),
    "dynamic shape": (with_node("Expand", "spectrum", "spectrum"), "is not known before the network runs"),
    "ConstantOfShape": (with_stored(with_node("ConstantOfShape", "to"), to=HUGE), "operator 'ConstantOfShape' is not among"),
    "Range": (with_node("Range", "spectrum", "spectrum", "spectrum"), "operator 'Range' is not among"),
    "Tile": (with_stored(with_node("Tile", "spectrum", "by"), by=HUGE), "operator 'Tile' is not among"),
    "Resize": (with_node("Resize", "spectrum", "", "spectrum"), "operator 'Resize' is not among"),
    "RandomNormal": (with_node("RandomNormal", shape=HUGE.tolist()), "operator 'RandomNormal' is not among"),
    "Loop": (with_node("Loop", "spectrum", body=subgraph()), "control flow hides a graph"),
    "Scan": (with_node("Scan", "spectrum", body=subgraph(), num_scan_inputs=1), "control flow hides a graph"),
    "another domain": (with_node("Inverse", "spectrum", domain="com.microsoft"), "only ONNX's own are run"),
    "claimed size": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[1 << 40], raw_data=b"1234")),
        "wants 4398046511104 bytes, 4 are stored",
    ),
    "nothing stored": (lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[1 << 40])), "in 0 places"),
    "claimed list": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=7, dims=[1 << 40], int64_data=[1])),
        "wants 1099511627776 bytes, 1 are stored",
    ),
    "texts": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=8, string_data=[b"a"])),
        "string_data is refused",
    ),
    "negative size": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=1, dims=[-1, -4], raw_data=bytes(16))),
        "0 or more",
    ),
    "a type of its own": (
        lambda proto: proto.graph.initializer.append(TensorProto(name="w", data_type=14, raw_data=bytes(8))),
        "type 14 are not run",
    ),
    "sequence input": (
        lambda proto: proto.graph.input[0].type.sequence_type.elem_type.tensor_type.SetInParent(),
        "sequence_type is refused",
    ),
    "free dimension": (lambda proto: proto.graph.input[0].type.tensor_type.shape.dim[1].Clear(), "a free dimension besides the batch"),
    "huge input": (
        lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 1 << 40),
        "do not fit together|1.1e\\+12",
    ),
    "many nodes": (lambda proto: proto.graph.node.extend([proto.graph.node[0]] * check.MAX_NODES), "4100 of node, at most 4096"),
    "a name twice": (lambda proto: proto.graph.node.append(proto.graph.node[0]), "already the name of another tensor"),
    "a circle": (lambda proto: proto.graph.node[0].input.__setitem__(0, "logits"), "which nothing before it makes"),
    "no such output": (lambda proto: setattr(proto.graph.output[0], "name", "nowhere"), "made by no node"),
    "old operators": (lambda proto: setattr(proto.opset_import[0], "version", 9), "operator set 9, 13 or newer"),
    "two operator sets": (lambda proto: proto.opset_import.append(helper.make_opsetid("ai.onnx", 18)), "2 versions"),
    "further outputs": (lambda proto: proto.graph.node[1].output.append("more"), "2 outputs, at most 1"),
    "much metadata": (lambda proto: proto.metadata_props.extend([onnx.StringStringEntryProto(key="k")] * 99), "100 entries of metadata"),
    "two cards": (lambda proto: proto.metadata_props.append(proto.metadata_props[0]), "'raman_edge.card' twice"),
}


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("which", BOMBS)
def test_what_grows_too_large_is_refused(tmp_path: Path, which: str) -> None:
    """A file that would take more memory or time than a spectrum is worth, or that is not a plain network, is refused."""
    change, why = BOMBS[which]
    said = refused(tmp_path, change)
    assert any(part in said for part in why.replace("\\", "").split("|"))


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "a\nb", "\u202egnp", "\x00", "\x9b31m", "x" * 300])
@pytest.mark.parametrize("place", ["label", "name", "text", "figure"])
def test_a_card_with_what_a_terminal_might_obey_is_refused(tmp_path: Path, text: str, place: str) -> None:
    """Escape codes, line ends and direction marks in names and texts are refused, and shown escaped."""
    made = build.model_card(build.templates())
    provenance = {name: getattr(made.provenance, name) for name in made.provenance.__struct_fields__}
    told = {"text": {"licence": 20 * text}, "figure": {"measured": {text: 1.0}}}.get(place, {})
    changes: dict[str, object] = {"provenance": card.ModelProvenance(**(provenance | told))}
    changes |= {"label": {"labels": (*tuple(build.LINES)[:-1], text)}, "name": {"name": text}}.get(place, {})
    path = build.write_model(tmp_path / "card.onnx", **changes)
    with pytest.raises(CardError, match=r"card.onnx' is refused: the model's card: a .* has \d+ characters") as error:
        Model.open(path)
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
    with pytest.raises(CardError, match=rf"wants {name} \d+ of {SLOW[name].tag}, at most \d+ is run"):
        Model.open(build.write_model(tmp_path / "slow.onnx", recipe=recipe))


@pytest.mark.usefixtures("unloaded")
def test_a_recipe_of_very_many_steps_is_refused(tmp_path: Path) -> None:
    """The number of steps is bounded."""
    recipe = Recipe((Resample(start=100.0, stop=1500.0, step=2.0), *[MinMax()] * 40))
    with pytest.raises(CardError, match="has 41 steps, at most 16"):
        Model.open(build.write_model(tmp_path / "many.onnx", recipe=recipe))


def test_every_published_operator_is_run() -> None:
    """What the networks of the literature are exported to is on the list; control flow and sequences are not."""
    assert {"Conv", "Gemm", "MatMul", "MaxPool", "QuantizeLinear", "ScatterElements", "TopK", "Cast"} <= check.OPERATORS.keys()
    assert not {"If", "Loop", "Scan", "Tile", "ConstantOfShape", "Range", "SequenceAt", "NonZero", "Resize"} & check.OPERATORS.keys()


def test_the_embedded_model_passes_far_from_the_limits() -> None:
    """The model that ships leaves a factor of ten to every limit."""
    seen = check.inspect(models.default_path().read_bytes())
    assert len(seen.graph.nodes) * 10 < check.MAX_NODES
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
    with pytest.raises(ModelError, match="one spectrum takes"):
        check.inspect(packed_twice(2))


def test_a_pipe_or_device_is_no_model() -> None:
    """What has no end is not read."""
    from pathlib import Path

    with pytest.raises(ModelError, match="'/dev/zero' is a pipe or a device"):
        Model.open(Path("/dev/zero"))
    with pytest.raises(ModelError, match="cannot be read: "):
        Model.open(Path("a\0b"))
