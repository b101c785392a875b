"""The model card: what it carries, what it refuses, and that it survives other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import build
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from raising import refused
from raman_edge import __version__
from raman_edge.errors import CardError, ModelError
from raman_edge.model import card
from raman_edge.model.model import Model

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

MADE = build.model_card(build.templates())


def changed(place: str, value: object) -> str:
    """Return the card's JSON with the field at the dotted ``place`` replaced, or left out where the value is Ellipsis."""
    document = json.loads(MADE.to_json())
    *parents, name = place.split(".")
    inner: Any = document
    for parent in parents:
        inner = inner[int(parent)] if isinstance(inner, list) else inner[parent]
    if value is ...:
        del inner[name]
    else:
        inner[name] = value
    return json.dumps(document)


def load(text: str) -> card.ModelCard:
    """Load a card from its JSON."""
    return card.load({card.KEY: text})


def test_card_is_read_as_it_was_written() -> None:
    """Every field of a card comes back as it was."""
    assert load(MADE.to_json()) == MADE


def test_numbers_travel_exactly() -> None:
    """The probe's numbers are the same float32 bits after a journey through JSON."""
    values = np.array([0.1, -0.0, 3e38, 1e-45, np.pi], dtype=np.float32)
    assert card.Floats.of(values).array().tobytes() == values.tobytes()
    again = load(MADE.to_json()).probe
    assert np.array_equal(again.counts.array(), MADE.probe.counts.array())


def test_numbers_cut_short_are_refused() -> None:
    """Bytes that are no whole number of float32 are refused, with how many there are."""
    with refused(CardError, "damaged probe", got="7 bytes"):
        card.Floats(b"1234567").array()


def test_missing_card_is_refused() -> None:
    """A model without a card is refused: the message says what was found and how to get one."""
    with refused(CardError, "no card", got="'author', 'licence'", expected="raman_edge.card"):
        card.load({"licence": "MIT", "author": "somebody"})
    with refused(CardError, "no card", got="no metadata"):
        card.load({})


@pytest.mark.parametrize("text", ["", "quartz", "[]", "null", "{", MADE.to_json()[:-1], MADE.to_json()[: len(MADE.to_json()) // 2], "NaN"])
def test_card_that_is_no_json_object_is_refused(text: str) -> None:
    """Something else than one JSON object is a damaged card."""
    with refused(CardError, "damaged card"):
        load(text)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("colour", "red", "unknown field `colour`"),
        ("decision.colour", 1, r"unknown field `colour` - at `\$\.decision`"),
        ("recipe.steps.0.colour", 1, r"unknown field `colour` - at `\$\.recipe\.steps\[0\]`"),
        ("recipe.steps.1.type", "sharpen@1", r"'sharpen@1' - at `\$\.recipe\.steps\[1\]\.type`"),
        ("recipe.steps.1.type", "minmax@2", r"'minmax@2' - at `\$\.recipe\.steps\[1\]\.type`"),
        ("recipe.steps", [{"type": "minmax@1"}], "got minmax@1, expected a resample step"),
        ("recipe.steps.0.step", 0, r"got a step of 0.* cm⁻¹, expected more than 0.* - at `\$\.recipe\.steps\[0\]`"),
        ("labels", ["Quartz", "Quartz", "Zircon"], "got 3 of which 2 differ"),
        ("labels", [], "got 0 of which 0 differ"),
        ("labels", "Quartz", r"\$\.labels"),
        ("embedding", 0, r"\$\.embedding"),
        ("embedding", 65_537, r"\$\.embedding"),
        ("precision", "fp8", r"\$\.precision"),
        ("decision.temperature", 0, r"\$\.decision\.temperature"),
        ("decision.temperature", 1e-300, r">= 1e-06 - at `\$\.decision\.temperature"),
        ("decision.logit_scale", 1e300, r"<= 1000000\.0 - at `\$\.decision\.logit_scale"),
        ("decision.head_weight", 1.01, r"\$\.decision\.head_weight"),
        ("decision.head_weight", -0.01, r"\$\.decision\.head_weight"),
        ("decision.logit_scale", None, r"\$\.decision\.logit_scale"),
        ("decision.ambiguous_below", "half", r"\$\.decision\.ambiguous_below"),
        ("probe.counts.f32", "not base64!", r"\$\.probe\.counts\.f32"),
        ("probe", ..., "missing required field `probe`"),
        ("provenance.cite", ..., "missing required field `cite`"),
        ("schema", 0, r"\$\.schema"),
    ],
)
def test_wrong_field_is_refused_with_its_place(place: str, value: object, why: str) -> None:
    """A field that is unknown, missing or out of range is refused with its place in the card."""
    with pytest.raises(CardError, match=why) as error:
        load(changed(place, value))
    assert error.value.kind == "invalid card"


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ("schema", 2, "card schema 2"),
        ("schema", 10**30, "card schema 1000"),
        ("minimum_raman_edge", "99.0.0", "raman-edge '99.0.0' or newer"),
        ("minimum_raman_edge", f"{__version__}.1", f"raman-edge '{__version__}.1' or newer"),
    ],
)
def test_card_of_a_newer_version_advises_an_update(place: str, value: object, why: str) -> None:
    """A newer schema or version is refused before its fields are looked at, with both versions and the remedy."""
    document = json.loads(changed(place, value)) | {"a_field_of_the_future": {"deep": [1, 2]}}
    with refused(CardError, "newer card", got=__version__, expected=why):
        load(json.dumps(document))


@pytest.mark.parametrize("version", ["0", "0.0.9", "0.0.999999999", __version__])
def test_card_from_the_past_is_honoured(version: str) -> None:
    """A card that an older raman-edge could read is read."""
    assert load(changed("minimum_raman_edge", version)).minimum_raman_edge == version


@pytest.mark.parametrize("version", ["", ".", "1.", "1..2", "v1.0", "1.0rc1", "-1.0", "1.٢", "9" * 5000, " 1", "1_0"])
def test_invalid_version_is_refused(version: str) -> None:
    """A version is numbers and dots; anything else is shown, not guessed at."""
    with pytest.raises(CardError) as error:
        load(changed("minimum_raman_edge", version))
    assert error.value.kind == "wrong version"
    assert len(str(error.value)) < 200


def test_versions_compare_as_numbers() -> None:
    """0.10 is newer than 0.9."""
    assert card.version_tuple("0.10.0") > card.version_tuple("0.9.12")
    assert card.version_tuple("1.2") == (1, 2)


def test_card_that_is_too_large_is_refused() -> None:
    """A card larger than any of ours is refused with both sizes, before it is parsed."""
    text = "[" * (card.MAX_CARD_CHARACTERS + 1)
    with refused(CardError, "card too long", got=str(len(text)), expected=str(card.MAX_CARD_CHARACTERS)):
        load(text)


def test_card_nested_without_end_is_refused() -> None:
    """A card made to exhaust the parser's stack is damaged like any other."""
    text = '{"schema": 1, "minimum_raman_edge": "0.1.0", "x": ' + "[" * 200_000 + "]" * 200_000 + "}"
    with refused(CardError, "damaged card", cause="recursion"):
        load(text)


def test_message_does_not_quote_a_whole_card() -> None:
    """What a damaged card says of itself is cut: a message is for reading."""
    with pytest.raises(CardError) as error:
        load(changed("x" * 1_000_000, 1))
    assert len(str(error.value)) < 500
    with pytest.raises(CardError) as error:
        card.load({"y" * 1_000_000: ""})
    assert len(str(error.value)) < 500


@given(st.data())
@settings(deadline=None)
def test_damaged_card_is_a_card_error(data: st.DataObject) -> None:
    """A card with characters taken out or put in is read, or refused as a card."""
    text = MADE.to_json()
    place = data.draw(st.integers(0, len(text)))
    put = data.draw(st.text('{}[]",:0123456789.eE-+tfn\\u \ud7ff', max_size=6))
    try:
        load(text[:place] + put + text[place + data.draw(st.integers(0, 6)) :])
    except CardError as error:
        message = str(error)
    else:
        return
    assert message


def test_card_survives_being_loaded_and_saved_by_onnx(tmp_path: Path) -> None:
    """Tools that read a model, change its graph and write it back keep the card: the model still opens."""
    first = build.write_model(tmp_path / "first.onnx")
    proto = onnx.load(first)
    proto.producer_name, proto.doc_string = "another tool", "quantised"
    inferred = onnx.shape_inference.infer_shapes(proto)
    onnx.save(inferred, tmp_path / "second.onnx")
    assert Model.open(tmp_path / "second.onnx").card == MADE


def test_model_whose_card_was_lost_is_refused(tmp_path: Path) -> None:
    """A graph that was rebuilt without its metadata is refused as a model without a card."""
    proto = onnx.load(build.write_model(tmp_path / "first.onnx"))
    bare = helper.make_model(proto.graph, opset_imports=proto.opset_import, ir_version=proto.ir_version)
    onnx.save(bare, tmp_path / "bare.onnx")
    with refused(CardError, "no card"):
        Model.open(tmp_path / "bare.onnx")


def test_card_errors_are_model_errors() -> None:
    """Whoever catches a ModelError catches a card's."""
    with pytest.raises(ModelError):
        card.load({})
