"""Opening a model: what runs, and everything that is refused before it can say anything wrong."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import build
import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from onnx import TensorProto, helper, numpy_helper
from raising import refused
from raman_edge.errors import CardError, ModelError, ProbeMismatch
from raman_edge.model import card
from raman_edge.model.model import MAX_MODEL_BYTES, Model
from raman_edge.preprocessing import MinMax, Recipe, Resample, Smooth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

MADE = build.model_card(build.templates())
POINTS = len(build.RECIPE.axis)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the models of this file."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def good(folder: Path) -> Path:
    """The file of a model that opens."""
    return build.write_model(folder / "good.onnx")


def altered(good: Path, change: Callable[[onnx.ModelProto], None]) -> Path:
    """Write the good model with its graph changed, its card as it was."""
    proto = onnx.load(good)
    change(proto)
    path = good.with_name("altered.onnx")
    path.write_bytes(proto.SerializeToString())
    return path


def with_probe(folder: Path, **numbers: NDArray[np.float32]) -> Path:
    """Write the good graph with other numbers in its probe."""
    fields = {name: getattr(MADE.probe, name) for name in MADE.probe.__struct_fields__}
    probe = card.Probe(**(fields | {name: card.Floats.of(values) for name, values in numbers.items()}))
    return build.write_model(folder / "probe.onnx", probe=probe)


def weights(proto: onnx.ModelProto) -> onnx.TensorProto:
    """Return the tensor of the class directions."""
    tensor: onnx.TensorProto = next(tensor for tensor in proto.graph.initializer if tensor.name == "filters")
    return tensor


def test_opens_and_replays_its_probe(good: Path) -> None:
    """A whole model opens with its card, its digest and the provider that really runs it."""
    model = Model.open(good)
    model.replay_probe()
    assert model.card == MADE
    assert model.sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    assert model.provider == "CPUExecutionProvider"


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_runs_batches(good: Path, batch: int) -> None:
    """A batch gives for each spectrum what the spectrum alone gives, in embeddings of length 1."""
    model = Model.open(good)
    features = np.stack([build.RECIPE.features(build.spectrum("Quartz", seed)) for seed in range(batch)])
    outputs = model.run(features)
    assert outputs.logits.shape == (batch, len(build.LINES))
    assert outputs.embedding.shape == (batch, POINTS)
    assert np.linalg.norm(outputs.embedding, axis=1) == pytest.approx(1.0, abs=1e-5)
    alone = np.concatenate([model.run(row[np.newaxis]).logits for row in features])
    assert outputs.logits == pytest.approx(alone, abs=1e-4)


def test_gives_what_the_graph_means(good: Path) -> None:
    """The logits are the cosines with the class directions, times the scale: computed here without onnxruntime."""
    features = build.RECIPE.features(build.spectrum("Zircon", 3))
    centred = features - features.mean()
    expected = build.SCALE * build.templates() @ (centred / np.linalg.norm(centred))
    assert Model.open(good).run(features[np.newaxis]).logits[0] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    "features",
    [np.zeros((1, POINTS - 1), np.float32), np.zeros((1, POINTS)), np.zeros(POINTS, np.float32), np.zeros((1, 1, POINTS), np.float32)],
)
def test_numbers_of_another_form_are_refused(good: Path, features: NDArray[np.float32]) -> None:
    """Features of another length, type or dimension are a ModelError with the shape, not an exception of onnxruntime's."""
    model = Model.open(good)
    with pytest.raises(ModelError) as error:
        model.run(features)
    assert error.value.kind == "cannot be run"
    assert str(features.shape) in error.value.place
    assert str(error.value).isprintable()


def test_changed_weights_are_refused(good: Path) -> None:
    """Weights that changed after the export fail the model's self-test: the logits moved."""

    def change(proto: onnx.ModelProto) -> None:
        values = numpy_helper.to_array(weights(proto)).copy()
        values[:, 0] *= 1.01
        weights(proto).CopyFrom(numpy_helper.from_array(values, "filters"))

    with refused(ProbeMismatch, "self-test failed", "logits", got="a difference of 0.", expected="at most 0.01"):
        Model.open(altered(good, change))


def test_swapped_classes_are_refused(good: Path) -> None:
    """Two class directions in each other's place are noticed: the names would be wrong."""

    def change(proto: onnx.ModelProto) -> None:
        values = numpy_helper.to_array(weights(proto))[:, [1, 0, 2, 3, 4]]
        weights(proto).CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), "filters"))

    with refused(ProbeMismatch, "self-test failed", "logits"):
        Model.open(altered(good, change))


@pytest.mark.parametrize("name", ["features", "logits", "embedding", "counts"])
def test_changed_probe_is_refused(folder: Path, name: str) -> None:
    """Expected numbers that are not the model's are a mismatch, whichever of them it is."""
    values = getattr(MADE.probe, name).array().copy()
    values[values.size // 2 :] *= 1.3
    with refused(ProbeMismatch, "self-test failed"):
        Model.open(with_probe(folder, **{name: values}))


@pytest.mark.parametrize("factor", [1e-3, 0.9, 1.1, 1e6])
def test_embedding_of_another_length_is_refused(folder: Path, factor: float) -> None:
    """An expected embedding is of unit norm: a longer one would make any direction look right."""
    with refused(ProbeMismatch, "self-test failed", "length of the embedding"):
        Model.open(with_probe(folder, embedding=factor * MADE.probe.embedding.array()))


@pytest.mark.parametrize("name", ["features", "logits", "embedding"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_probe_with_what_is_no_number_is_refused(folder: Path, name: str, bad: float) -> None:
    """NaN and infinity in the expected numbers match nothing."""
    values = getattr(MADE.probe, name).array().copy()
    values[3] = bad
    with refused(ProbeMismatch, "self-test failed"):
        Model.open(with_probe(folder, **{name: values}))


def test_network_that_gives_nan_is_refused(good: Path) -> None:
    """A network whose outputs are NaN fails its self-test, although every comparison with NaN is false."""

    def change(proto: onnx.ModelProto) -> None:
        values = np.full_like(numpy_helper.to_array(weights(proto)), np.nan)
        weights(proto).CopyFrom(numpy_helper.from_array(values, "filters"))

    with refused(ProbeMismatch, "self-test failed", "logits", got="nan"):
        Model.open(altered(good, change))


@pytest.mark.parametrize("name", ["features", "logits", "embedding"])
def test_probe_of_another_graph_is_refused(folder: Path, name: str) -> None:
    """Expected numbers of another count are refused with both counts."""
    values = getattr(MADE.probe, name).array()
    with refused(ProbeMismatch, "probe of another graph", name, got=str(values.size), expected=str(values.size - 1)):
        Model.open(with_probe(folder, **{name: values[:-1]}))


@pytest.mark.parametrize("shift", [np.array([]), np.array([1.0]), np.array([2.0, 1.0]), np.array([9e8, 9.1e8]), np.array([np.nan, 1.0])])
def test_probe_that_is_no_spectrum_is_refused(folder: Path, shift: NDArray[np.float32]) -> None:
    """A probe with an impossible axis, or one elsewhere, is the model's fault, not the user's spectrum's."""
    with refused(ProbeMismatch, "damaged probe", "spectrum"):
        Model.open(with_probe(folder, shift=shift, counts=np.ones(shift.size, np.float32)))


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe((*build.RECIPE.steps, Smooth())),
        Recipe((build.RECIPE.steps[0],)),
        Recipe((Smooth(window=5, order=2), *build.RECIPE.steps)),
        Recipe((Resample(start=102.0, stop=1502.0, step=2.0), MinMax())),
    ],
)
def test_changed_recipe_is_refused(folder: Path, recipe: Recipe) -> None:
    """A recipe that is not the one the model was made with moves the features: a mismatch, not other answers."""
    with refused(ProbeMismatch, "self-test failed", "features"):
        Model.open(build.write_model(folder / "recipe.onnx", recipe=recipe))


def test_recipe_for_another_axis_is_refused(folder: Path) -> None:
    """A recipe with another number of points than the graph's input is refused with both numbers."""
    recipe = Recipe((Resample(start=100.0, stop=1500.0, step=1.0), MinMax()))
    with refused(CardError, "card of another graph", got="701", expected="1401"):
        Model.open(build.write_model(folder / "axis.onnx", recipe=recipe))


@pytest.mark.parametrize("labels", [("Calcite",), (*build.LINES, "Diamond")])
def test_another_number_of_labels_is_refused(folder: Path, labels: tuple[str, ...]) -> None:
    """A card with more or fewer names than the network has classes is refused with both numbers."""
    with refused(CardError, "card of another graph", got="'logits': 5", expected=f"'logits': {len(labels)}"):
        Model.open(build.write_model(folder / "labels.onnx", labels=labels))


def test_another_embedding_length_is_refused(folder: Path) -> None:
    """A card with another length of the embedding is refused with both."""
    with refused(CardError, "card of another graph", got="'embedding': 701", expected="'embedding': 64"):
        Model.open(build.write_model(folder / "embedding.onnx", embedding=64))


def _rename(proto: onnx.ModelProto, old: str, new: str) -> None:
    for node in proto.graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
    for value in (*proto.graph.input, *proto.graph.output):
        value.name = new if value.name == old else value.name


@pytest.mark.parametrize("name", ["spectrum", "logits", "embedding"])
def test_wrong_name_of_an_input_or_output_is_refused(good: Path, name: str) -> None:
    """A graph whose input or output is called otherwise is refused with what it has."""
    with refused(CardError, "card of another graph", got="'other'"):
        Model.open(altered(good, lambda proto: _rename(proto, name, "other")))


def test_further_output_is_refused(good: Path) -> None:
    """A graph that wants or gives more than the card knows is refused."""
    more = helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", 1])
    with refused(CardError, "card of another graph", got="'mean': 1"):
        Model.open(altered(good, lambda proto: proto.graph.output.append(more)))


def test_output_of_another_type_is_refused(good: Path) -> None:
    """A graph that gives something else than float32 is refused with the type it gives."""

    def change(proto: onnx.ModelProto) -> None:
        proto.graph.node[-1].output[0] = "single"
        proto.graph.node.append(helper.make_node("Cast", ["single"], ["logits"], to=TensorProto.DOUBLE))
        proto.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE

    with refused(CardError, "card of another graph", got="'logits': \"tensor(double)"):
        Model.open(altered(good, change))


def test_fixed_batch_of_several_is_refused(good: Path) -> None:
    """A graph that only runs four spectra at once cannot name one: a ModelError, not an exception of onnxruntime's."""

    def change(proto: onnx.ModelProto) -> None:
        proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4

    with refused(ModelError, "cannot be run", "(1, 701)", cause="Expected: 4"):
        Model.open(altered(good, change))


@pytest.mark.parametrize("location", ["weights.bin", "../{folder.name}/weights.bin", "{folder}/weights.bin", "../../../../etc/passwd"])
@pytest.mark.parametrize("opened", ["from its folder", "from elsewhere"])
def test_weights_outside_the_file_are_refused(
    folder: Path, good: Path, location: str, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that wants weights from another file is refused wherever it is opened: its digest would not cover them."""
    path = good.with_name("outside.onnx")
    raw = numpy_helper.to_array(weights(onnx.load(good))).tobytes()
    (folder / "weights.bin").write_bytes(raw)
    if opened == "from its folder":
        monkeypatch.chdir(folder)

    def change(proto: onnx.ModelProto) -> None:
        tensor = weights(proto)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location.format(folder=folder), "offset": "0", "length": str(len(raw))}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    proto = onnx.load(good)
    change(proto)
    path.write_bytes(proto.SerializeToString())
    with refused(ModelError, "forbidden field", "outside.onnx' is refused", got="external_data"):
        Model.open(path)


@pytest.mark.parametrize("length", [0, 1, 100, 4096, -1])
def test_truncated_file_is_refused(good: Path, length: int) -> None:
    """A file that was cut anywhere, or is empty, is refused as a model, in one line that names it."""
    path = good.with_name("cut.onnx")
    path.write_bytes(good.read_bytes()[:length])
    with pytest.raises(ModelError) as error:
        Model.open(path)
    assert error.value.kind in {"damaged file", "no graph"}
    assert "cut.onnx' is refused" in error.value.place
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n" + bytes(99), b"{}", bytes(1000), b"PK\x03\x04" + bytes(50)])
def test_other_files_are_refused(folder: Path, content: bytes) -> None:
    """A file that is something else is a ModelError."""
    path = folder / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        Model.open(path)


@given(st.data())
@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_file_is_refused_or_still_itself(good: Path, data: st.DataObject) -> None:
    """A model with a changed byte is refused with a ModelError, or gives the probe's numbers: nothing in between."""
    content = bytearray(good.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path = good.with_name("damaged.onnx")
    path.write_bytes(content)
    try:
        model = Model.open(path)
    except ModelError:
        return
    got = model.run(MADE.probe.features.array()[np.newaxis])
    assert got.logits[0] == pytest.approx(MADE.probe.logits.array(), abs=0.02)


def test_metadata_that_is_no_text_is_refused(good: Path) -> None:
    """Metadata that is not UTF-8 is no message of protobuf."""
    path = good.with_name("latin.onnx")
    path.write_bytes(good.read_bytes().replace(b'"name":"matched', b'"name":"m\xe4tched'))
    with refused(ModelError, "damaged file", expected="UTF-8"):
        Model.open(path)


def test_what_cannot_be_read_is_refused(folder: Path) -> None:
    """A missing file and a directory are refused with the system's reason and the way to a model."""
    with refused(ModelError, "cannot be read", "nowhere.onnx", cause="No such file"):
        Model.open(folder / "nowhere.onnx")
    with refused(ModelError, "cannot be read", cause="Is a directory"):
        Model.open(folder)


def test_file_that_is_too_large_is_not_read(folder: Path) -> None:
    """A file larger than any model is refused by its size, with both sizes."""
    path = folder / "large.onnx"
    path.touch()
    os.truncate(path, MAX_MODEL_BYTES + 2**20)
    with refused(ModelError, "too large", got="257 MiB", expected="256 MiB"):
        Model.open(path)


def test_nothing_is_printed(good: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the records: neither a good model nor a bad one writes to it."""
    Model.open(good)
    path = good.with_name("quiet.onnx")
    path.write_bytes(good.read_bytes().replace(b"MatMul", b"Mat\xfful"))
    with pytest.raises(ModelError):
        Model.open(path)
    assert capfd.readouterr().out == ""
