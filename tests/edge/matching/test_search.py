"""The product of integers against the product of floats, and what guards it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raising import refused
from raman_edge.errors import LibraryError
from raman_edge.matching import search
from raman_edge.matching.search import Search

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDINARY = settings(max_examples=examples(40), deadline=None)


def unit(rng: np.random.Generator, count: int, length: int) -> NDArray[np.float32]:
    """Return random rows of unit norm, some components of which are far larger than others."""
    rows = rng.normal(size=(count, length)) * np.exp(rng.normal(size=(count, length)))
    made: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


@given(st.integers(1, 200), st.integers(1, 400), st.integers(1, 5), st.integers(0, 99))
@ORDINARY
def test_cosines_are_those_of_floats(count: int, length: int, queries: int, seed: int) -> None:
    """Whatever the shapes, each cosine is that of a float64 product within two millionths."""
    rng = np.random.default_rng(seed)
    codes, query = search.encode(unit(rng, count, length)), unit(rng, queries, length)
    rows = codes / np.linalg.norm(codes.astype(np.float64), axis=1, keepdims=True)
    assert Search(codes).cosines(query) == pytest.approx(query.astype(np.float64) @ rows.T, abs=2e-6)


@given(st.integers(1, 20), st.integers(1, 400), st.integers(0, 99))
@ORDINARY
def test_encoding_keeps_directions(count: int, length: int, seed: int) -> None:
    """Each component is within half a step, the largest at full scale, and what was encoded encodes to itself."""
    rows = unit(np.random.default_rng(seed), count, length)
    codes = search.encode(rows)
    scaled = rows / np.abs(rows).max(axis=1, keepdims=True) * search.FULL_SCALE
    assert np.abs(codes - scaled).max() <= 0.5 + 1e-4
    assert (np.abs(codes).max(axis=1) == search.FULL_SCALE).all()
    again = search.encode(codes / search.lengths(codes)[:, np.newaxis])
    assert np.array_equal(again, codes)


@pytest.mark.parametrize("sign", [1, -1])
def test_extremes_do_not_saturate(sign: int) -> None:
    """Where every component stands at its limit, also pairs of products fit: the cosine is still right."""
    codes = np.full((3, 352), sign * search.FULL_SCALE, dtype=np.int8)
    query = np.full((1, 352), 352**-0.5, dtype=np.float32)
    assert Search(codes).cosines(query)[0] == pytest.approx(np.full(3, sign), abs=2e-6)


def test_nothing_is_like_nothing_and_no_number_like_no_number() -> None:
    """Zeros have the cosine 0 to everything; what is not finite has none, and leaves its neighbours alone."""
    codes = search.encode(np.array([[1.0, 0.5], [0.0, 0.0]]))
    found = Search(codes).cosines(np.array([[0.6, 0.8], [0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0]], dtype=np.float32))
    assert found[0] == pytest.approx([1.0 / 1.25**0.5, 0.0], abs=0.005)
    assert (found[1] == 0).all()
    assert np.isnan(found[2:]).all()


def test_graph_is_one_that_the_specification_knows() -> None:
    """The file written by hand passes onnx's own checker, types and shapes included."""
    columns = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    model = onnx.load_from_string(search._graph(columns))
    onnx.checker.check_model(model, full_check=True)
    (stored,) = (onnx.numpy_helper.to_array(one) for one in model.graph.initializer if one.name == "columns")
    assert np.array_equal(stored, columns)


def test_wrong_products_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which onnxruntime multiplies wrongly gets an error, not another ranking."""
    right = Search._products

    def saturating(self: Search, digits: NDArray[np.uint8]) -> NDArray[np.int32]:
        return np.minimum(right(self, digits), 1000)

    monkeypatch.setattr(Search, "_products", saturating)
    with refused(LibraryError, "wrong products"):
        Search(search.encode(unit(np.random.default_rng(0), 5, 352)))
