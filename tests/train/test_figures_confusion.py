"""The confusion matrix and the confused spectra: counts, positions, curves and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from figure_inputs import confused, mistakes, points, texts
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from raman_edge.errors import ConfigError
from raman_train.figures import confused_pairs, confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def test_confusions_are_counted_by_truth_and_answer() -> None:
    """Rows are true classes, columns answers."""
    got = confusion.counted(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), 3)
    assert got.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_the_most_frequent_confusion_comes_first() -> None:
    """Correct answers are not confusions; ties keep the order of the classes."""
    found = confusion.most_confused(mistakes((4, 2, 3), (1, 0, 9), (0, 7, 3)), 3)
    assert found == [(1, 0, 9), (0, 7, 3), (4, 2, 3)]


def test_confused_classes_are_neighbours() -> None:
    """A block contains classes confused in either direction; the worst block is first, classes without confusion are in none."""
    assert confusion.blocks(mistakes((0, 9, 2), (9, 3, 1), (5, 6, 8), (6, 5, 1))) in ([[5, 6], [0, 9, 3]], [[5, 6], [3, 9, 0]])


def test_a_chain_of_single_mistakes_makes_no_giant_block() -> None:
    """Blocks are limited in size, and cut at the fewest confusions."""
    chain = mistakes(*((i, i + 1, 1 if i == 3 else 4) for i in range(11)))
    found = confusion.blocks(chain, most=4)
    assert all(2 <= len(members) <= 4 for members in found)
    assert sorted(found[0]) in ([0, 1, 2, 3], [4, 5, 6, 7])


def cells(axes: Axes) -> dict[tuple[int, int], int]:
    """Return count by (row, column) of the overview."""
    (drawn,) = (artist for artist in axes.collections if isinstance(artist, PolyCollection) and artist.get_array() is not None)
    corners = [path.vertices[:4].mean(axis=0) - 0.5 for path in drawn.get_paths()]
    return {(round(float(y)), round(float(x))): int(n) for (x, y), n in zip(corners, drawn.get_array(), strict=True)}


def test_the_overview_holds_every_cell() -> None:
    """Every count is drawn once, at its position in the order of the blocks."""
    counts = mistakes((0, 9, 2), (9, 3, 1), (5, 6, 8))
    order = [5, 6, *confusion.blocks(counts)[1], 1, 2, 4, 7, 8, 10, 11]
    figure = confusion.draw(counts, [f"class {i}" for i in range(12)], "drcnn")
    expected = {(order.index(row), order.index(column)): int(n) for (row, column), n in np.ndenumerate(counts) if n}
    assert cells(figure.axes[0]) == expected


def test_a_block_is_drawn_with_names_and_counts() -> None:
    """A block has all counts, its names with the number of queries, and the answers outside."""
    counts = mistakes(*((0, i, 10 - i) for i in range(1, 9)), classes=9)
    figure = confusion.draw(counts, [f"class {i}" for i in range(9)], "drcnn")
    (members,) = confusion.blocks(counts)
    block = next(axes for axes in figure.axes if axes.get_title("left").startswith("A"))
    drawn = {(round(t.get_position()[1] - 0.5), round(t.get_position()[0] - 0.5)): t.get_text() for t in block.texts}
    expected = {
        (r, c): str(counts[true, output]) for r, true in enumerate(members) for c, output in enumerate(members) if counts[true, output]
    }
    assert sorted(members) == list(range(8)), "class 8 is the least confused, and one too many"
    assert drawn == expected | {(members.index(0), 8): "2"}
    assert [tick.get_text() for tick in block.get_yticklabels()] == [f"class {i} ({49 if i == 0 else 5})" for i in members]
    assert [tick.get_text() for tick in block.get_xticklabels()] == [*(f"class {i}" for i in members), "others"]
    assert "44 of 89 spectra confused, 42 of them within the blocks below" in " ".join(texts(figure))


def test_1332_classes_are_readable() -> None:
    """The worst blocks are drawn and framed, the others are counted, and every cell is visible."""
    rng = np.random.default_rng(0)
    counts = mistakes(*((i, (i + 7) % 1332, n) for i, n in enumerate(rng.integers(0, 3, 1332).tolist())), (4, 900, 30), classes=1332)
    figure = confusion.draw(counts, [f"mineral {i}" for i in range(1332)], "drcnn")
    assert sum(axes.get_title("left")[1:3] == ": " for axes in figure.axes) == confusion.SHOWN
    (drawn,) = (artist for artist in figure.axes[0].collections if isinstance(artist, PolyCollection) and artist.get_array() is not None)
    assert np.ptp(drawn.get_paths()[0].vertices[:, 0]) > 1332 / 200
    assert "A–H" in texts(figure)


@pytest.mark.parametrize("classes", [1, 5])
def test_no_confusion_is_reported(classes: int) -> None:
    """A perfect system, also with one class, has an overview without confusions."""
    figure = confusion.draw(mistakes(classes=classes), ["a"] * classes, "drcnn")
    assert cells(figure.axes[0]) == {(i, i): 5 for i in range(classes)}
    assert any("no confusion" in text for text in texts(figure))


def test_without_queries_there_is_no_matrix() -> None:
    """An empty test part is refused."""
    with pytest.raises(ConfigError, match="needs a test part"):
        confusion.draw(np.zeros((3, 3), dtype=np.intp), ["a", "b", "c"], "drcnn")


# --- confused pairs ------------------------------------------------------------------------


def toy_library() -> confused_pairs.LabelledEmbeddings:
    """Return six spectra of three classes: one reference each of 0 and 1, two of 2; the last two are queries."""
    embedding = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6], [0.96, 0.28], [0.6, 0.8]], dtype=np.float32)
    return confused_pairs.LabelledEmbeddings(
        features=np.arange(24, dtype=np.float32).reshape(6, 4),
        embedding=embedding,
        classes=np.array([0, 1, 2, 2, 2, 2]),
        labels=["zero", "one", "two"],
        names=np.array([f"R{i}" for i in range(6)]),
        references=np.arange(4),
    )


def test_a_confused_pair_holds_query_and_nearest_references() -> None:
    """The query's features, and the most similar reference of each class with its similarity."""
    scores = np.array([[0.9, 0.0, 0.5], [0.1, 0.2, 0.6]], dtype=np.float32)
    (one,) = confused_pairs.pick(toy_library(), np.array([4, 5]), scores)
    assert (one.true, one.answered, one.count, one.queries, one.name) == ("two", "zero", 1, 2, "R4")
    assert one.query.tolist() == [16, 17, 18, 19]
    assert one.nearest_true is not None
    assert one.nearest_answered is not None
    assert (one.nearest_true.name, one.nearest_answered.name) == ("R3", "R0")
    assert one.nearest_true.similarity == pytest.approx(0.8 * 0.96 + 0.6 * 0.28)
    assert one.nearest_answered.similarity == pytest.approx(0.96)


def test_the_query_shown_is_the_median_one() -> None:
    """The query is the median of the confusion."""
    library = confused_pairs.LabelledEmbeddings(
        features=np.arange(5, dtype=np.float32)[:, None], embedding=np.ones((5, 1), dtype=np.float32), classes=np.array([0, 1, 1, 1, 1]),
        labels=["zero", "one"], names=np.array(list("abcde")), references=np.array([0]),
    )  # fmt: skip
    scores = np.array([[0.9, 0.1], [0.5, 0.4], [0.6, 0.3], [0.1, 0.3]], dtype=np.float32)
    (one,) = confused_pairs.pick(library, np.arange(1, 5), scores)
    assert (one.name, one.count, one.queries) == ("d", 3, 4)
    assert one.nearest_true is None, "the library holds none of class one"


def test_pairs_are_drawn_over_each_other() -> None:
    """Above the answered reference and the query, below the true one and the query, on the Raman shift axis."""
    shift, shown = np.linspace(100, 1700, 50), confused("Quartz", "Opal", "Calcite")
    figure = confused_pairs.draw(shift, shown, "drcnn")
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
    for axes, one in zip(figure.axes, shown, strict=False):
        assert one.nearest_true is not None
        assert one.nearest_answered is not None
        above, query_above, below, query_below = points(axes)
        assert np.allclose(above, np.stack([shift, one.nearest_answered.features + confused_pairs.LIFT], axis=1))
        assert np.allclose(query_above, np.stack([shift, one.query + confused_pairs.LIFT], axis=1))
        assert np.allclose(below, np.stack([shift, one.nearest_true.features], axis=1))
        assert np.allclose(query_below, np.stack([shift, one.query], axis=1))
        output = {text.get_text(): to_hex(text.get_color()) for text in axes.texts}
        assert output[f"answered: {one.answered} ({one.answered}, 0.500)"] == axes.lines[0].get_color()
        assert output[f"true: {one.true} ({one.true}, 0.500)"] == axes.lines[2].get_color()
    assert {axes.get_xlabel() for axes in figure.axes[1:3]} == {"Raman shift / cm⁻¹"}
    assert {axes.get_xlim() for axes in figure.axes} == {(100, 1700)}


def test_a_class_without_a_reference() -> None:
    """A missing reference is not drawn."""
    one = confused_pairs.ConfusedSpectrum(
        "Opal", "Quartz", 1, 1, "R1", np.zeros(50, dtype=np.float32), None, confused("Quartz", "Quartz")[0].nearest_true
    )
    figure = confused_pairs.draw(np.linspace(0, 1, 50), [one], "drcnn")
    assert "true: Opal (no reference)" in texts(figure)
    assert len(figure.axes[0].lines) == 3


def test_no_confusion_is_no_pair() -> None:
    """A perfect system has no pair to draw, and the figure is refused."""
    scores = np.eye(3, dtype=np.float32)[toy_library().classes[4:]]
    shown = confused_pairs.pick(toy_library(), np.array([4, 5]), scores)
    with pytest.raises(ConfigError, match="no spectrum was confused"):
        confused_pairs.draw(np.arange(4.0), shown, "drcnn")
