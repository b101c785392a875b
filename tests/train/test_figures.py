"""The pictures: what is drawn is what was given, in both forms, the same every time, whatever a label holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl
import msgspec
import numpy as np
import pytest
import torch
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.image import imread
from raman_edge.errors import ConfigError
from raman_train import checkpoint, config, evaluate, figures, metrics, runs
from raman_train.cli import main
from raman_train.figures import album, class_size, confusion, finished, learning, levels, pairs, reliability, style
from raman_train.figures.intervals import wilson
from raman_train.loop import Epoch
from raman_train.models import build

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"
HOSTILE = ["$x$", "_", r"\frac{1}{2}", "<b>&\n石 $"]
"""Names that a drawing library may take for something else."""


def texts(figure: Figure) -> list[str]:
    """Return every text of a figure."""
    ticks = [label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    return [text.get_text() for text in (*figure.findobj(mpl.text.Text), *ticks) if text.get_text()]


def points(axes: Axes) -> list[NDArray[np.float64]]:
    """Return the (x, y) of each line of data, in drawing order."""
    return [np.asarray(line.get_xydata()) for line in axes.lines]


def history(*losses: float, validation: tuple[float | None, ...] = ()) -> list[Epoch]:
    """Return the history of a training with these losses."""
    checked = validation or (None,) * len(losses)
    return [Epoch(i, loss, 1.0, seen) for i, (loss, seen) in enumerate(zip(losses, checked, strict=True))]


def mistakes(*given: tuple[int, int, int], classes: int = 12, right: int = 5) -> NDArray[np.intp]:
    """Return counts in which every class is ``right`` times right, and (true, answered, times) wrong."""
    counts = right * np.eye(classes, dtype=np.intp)
    for true, answered, times in given:
        counts[true, answered] += times
    return counts


def confused(*labels: str) -> list[pairs.Confused]:
    """Return confusions of each label with the next one."""
    rng = np.random.default_rng(0)

    def reference(label: str) -> pairs.Reference:
        return pairs.Reference(label, label, rng.random(50, dtype=np.float32), 0.5)

    return [
        pairs.Confused(true, wrong, 2, 3, true, rng.random(50, dtype=np.float32), reference(true), reference(wrong))
        for true, wrong in zip(labels, [*labels[1:], labels[0]], strict=True)
    ]


# --- every picture -------------------------------------------------------------------------


def one_of_each(labels: list[str]) -> dict[str, Figure]:
    """Return every picture, drawn from small arrays with these labels."""
    rng = np.random.default_rng(1)
    right, scores = rng.random(40) < 0.7, rng.random((40, len(labels)), dtype=np.float32)
    counts = mistakes(*((i, i + 1, 2) for i in range(len(labels) - 1)), classes=len(labels))
    return {
        "learning": learning.draw(dict.fromkeys(labels, history(3.0, 1.0, 0.5, validation=(None, 0.5, 0.9)))),
        "levels": levels.draw({label: rng.random(3) for label in labels}),
        "confusion": confusion.draw(counts, labels, labels[0]),
        "pairs": pairs.draw(np.linspace(0, 1700, 50), confused(*labels)[:6], labels[0]),
        "class_size": class_size.draw(dict.fromkeys(labels, right), rng.integers(1, 30, 40), rng.integers(1, 5, 40), labels[0]),
        "reliability": reliability.draw(reliability.calibrated(scores, scores.argmax(axis=1)), labels[0]),
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Figure]]:
    """Every picture with hostile labels, and the folder it was saved in; coarse, because fine takes seconds."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 60)
        made = one_of_each(HOSTILE)
        for stem, figure in made.items():
            style.save(figure, folder, stem)
    return folder, made


def test_every_picture_is_there_in_both_forms(drawn: tuple[Path, dict[str, Figure]]) -> None:
    """PNG of the common width, and SVG that is well-formed whatever the labels are."""
    folder, made = drawn
    assert {file.name for file in folder.iterdir()} == {f"{stem}.{form}" for stem in made for form in ("png", "svg")}
    for stem in made:
        assert ET.parse(folder / f"{stem}.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file
        assert imread(folder / f"{stem}.png").shape[1] == 60 * style.WIDTH


def test_hostile_labels_are_drawn_as_they_are(drawn: tuple[Path, dict[str, Figure]]) -> None:
    """Formulas, underscores, line breaks, markup and foreign scripts are names like any other, in every picture."""
    _, made = drawn
    for stem in ("learning", "levels", "class_size"):
        assert {style.plain(label) for label in HOSTILE} <= set(texts(made[stem])), stem
    assert {"$x$ (7)", "_ (7)", "\\frac{1}{2} (7)", "<b>& 石 $ (5)"} <= set(texts(made["confusion"]))
    assert "true: $x$ ($x$, 0.500)" in texts(made["pairs"])
    assert any(text.startswith("$x$: ECE") for text in texts(made["reliability"]))
    assert not any(text.get_parse_math() for figure in made.values() for text in figure.findobj(mpl.text.Text) if "$" in text.get_text())


def test_a_second_drawing_is_the_same_to_the_bit(
    drawn: tuple[Path, dict[str, Figure]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rerun over the same runs changes no file, so that a repository sees no change either."""
    folder, _ = drawn
    monkeypatch.setattr(style, "DPI", 60)
    again = one_of_each(HOSTILE)
    for file in style.save(again.pop("levels"), tmp_path, "levels"):
        assert file.read_bytes() == (folder / file.name).read_bytes(), file.name
    for stem, figure in again.items():
        assert style.rendered(figure, "svg") == (folder / f"{stem}.svg").read_bytes(), stem


def test_settings_of_the_user_change_nothing() -> None:
    """Somebody's own matplotlib settings do not reach the pictures, and ours do not reach theirs."""
    ours = style.rendered(levels.draw({"drcnn": np.ones(3)}), "svg")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "text.parse_math": True}):
        assert style.rendered(levels.draw({"drcnn": np.ones(3)}), "svg") == ours
        assert mpl.rcParams["font.size"] == 30


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    """Where a file stands in the way, the error says which folder."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"taken.*Choose another --out"):
        style.save(levels.draw({"drcnn": np.ones(3)}), tmp_path / "taken", "levels")


@pytest.mark.parametrize(
    ("label", "shown"),
    [("Quartz", "Quartz"), ("a\nb\x07 \u200bc", "a b c"), ("", "(no name)"), ("Ferro-actinolite", "Ferro…te")],
)
def test_a_label_is_one_short_line(label: str, shown: str) -> None:
    """Control characters become spaces; what is too long keeps both of its ends."""
    assert style.plain(label, 8 if shown.endswith("te") else 28) == shown


# --- learning curves -----------------------------------------------------------------------


def test_learning_curves_are_the_histories() -> None:
    """Epochs count from 1; loss above, validation below, a line a run."""
    figure = learning.draw({"a": history(3.0, 1.0, validation=(0.25, 0.5)), "b": history(2.0, 0.5, 0.1)})  # more than a decade
    loss, validation = figure.axes
    assert [line.tolist() for line in points(loss)] == [[[1, 3], [2, 1]], [[1, 2], [2, 0.5], [3, 0.1]]]
    assert [line.tolist() for line in points(validation)] == [[[1, 0.25], [2, 0.5]], []]
    assert loss.lines[0].get_color() != loss.lines[1].get_color()
    assert loss.get_yscale() == "log"


def test_without_validation_the_figure_says_why() -> None:
    """A run that learned from its validation part has no such curve, and a library search none at all."""
    figure = learning.draw({"a": history(3.0, 1.0), "search": []})
    assert len(figure.axes) == 1
    assert any("No validation curve" in text for text in texts(figure))
    assert "search" not in texts(figure)
    with pytest.raises(ConfigError, match="no learning curve"):
        learning.draw({"search": []})


@pytest.mark.parametrize(
    ("losses", "scale"), [((9.0, 0.1), "log"), ((2.0, 0.3), "linear"), ((0.31, 0.3), "linear"), ((1.0, 0.0), "linear")]
)
def test_a_loss_axis_always_has_labels(losses: tuple[float, ...], scale: str) -> None:
    """However much or little the loss moves, at least three numbers stand beside it."""
    (axes,) = learning.draw({"a": history(*losses)}).axes
    low, high = axes.get_ylim()
    assert axes.get_yscale() == scale
    assert sum(low <= place <= high for place in axes.get_yticks()) >= 3


def test_a_run_leaves_its_own_curve(tmp_path: Path) -> None:
    """The training loop's one-line way to its learning curve writes one PNG."""
    figures.learning_curve(history(3.0, 1.0), tmp_path / "curve.png", "drcnn-edge, 64 spectra")
    assert [file.name for file in tmp_path.iterdir()] == ["curve.png"]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


# --- level weights -------------------------------------------------------------------------


def test_level_weights_are_shares() -> None:
    """Bars are wᵢ / Σ w, and the caption says which is highest, there and in the paper."""
    figure = levels.draw({"drcnn": np.array([1.0, 2.0, 5.0]), "drcnn-edge": np.array([3.0, 1.0])})
    (axes,) = figure.axes
    assert [[bar.get_height() for bar in group] for group in axes.containers] == [[0.125, 0.25, 0.625], [0.75, 0.25]]
    said = " ".join(texts(figure)).replace("\n", " ")
    assert "Zhou et al. 2022: the 6th of 9" in said
    assert "drcnn: the 3rd of 3; drcnn-edge: the 1st of 2" in said


def test_only_recursive_networks_have_level_weights() -> None:
    """Where no system sums recursions the figure is refused with the reason."""
    with pytest.raises(ConfigError, match="only drcnn and drcnn-edge"):
        levels.draw({})


@pytest.mark.parametrize(("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (6, "6th"), (11, "11th"), (22, "22nd")])
def test_ordinals(number: int, said: str) -> None:
    """1st to 22nd, eleventh included."""
    assert levels.ordinal(number) == said


# --- confusion -----------------------------------------------------------------------------


def test_confusions_are_counted_by_truth_and_answer() -> None:
    """Rows are what it was, columns what was said."""
    got = confusion.counted(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 1]), 3)
    assert got.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_the_most_frequent_confusion_comes_first() -> None:
    """Right answers are none; of equals the first class comes first."""
    found = confusion.most_confused(mistakes((4, 2, 3), (1, 0, 9), (0, 7, 3)), 3)
    assert found == [(1, 0, 9), (0, 7, 3), (4, 2, 3)]


def test_confused_classes_are_neighbours() -> None:
    """A block holds what is confused with each other, in either direction; the worst block is first, the never confused are in none."""
    assert confusion.blocks(mistakes((0, 9, 2), (9, 3, 1), (5, 6, 8), (6, 5, 1))) in ([[5, 6], [0, 9, 3]], [[5, 6], [3, 9, 0]])


def test_a_chain_of_single_mistakes_makes_no_giant_block() -> None:
    """Blocks stay small enough for their names, and are cut where the fewest confusions are."""
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
    """Every count is drawn once, at its place in the order that the blocks give."""
    counts = mistakes((0, 9, 2), (9, 3, 1), (5, 6, 8))
    order = [5, 6, *confusion.blocks(counts)[1], 1, 2, 4, 7, 8, 10, 11]
    figure = confusion.draw(counts, [f"class {i}" for i in range(12)], "drcnn")
    expected = {(order.index(row), order.index(column)): int(n) for (row, column), n in np.ndenumerate(counts) if n}
    assert cells(figure.axes[0]) == expected


def test_a_block_is_drawn_with_names_and_counts() -> None:
    """Every count of the block, its names with how many were asked, and the answers outside of it."""
    counts = mistakes(*((0, i, 10 - i) for i in range(1, 9)), classes=9)
    figure = confusion.draw(counts, [f"class {i}" for i in range(9)], "drcnn")
    (members,) = confusion.blocks(counts)
    block = next(axes for axes in figure.axes if axes.get_title("left").startswith("A"))
    drawn = {(round(t.get_position()[1] - 0.5), round(t.get_position()[0] - 0.5)): t.get_text() for t in block.texts}
    expected = {(r, c): str(counts[true, said]) for r, true in enumerate(members) for c, said in enumerate(members) if counts[true, said]}
    assert sorted(members) == list(range(8)), "class 8 is the least confused, and one too many"
    assert drawn == expected | {(members.index(0), 8): "2"}
    assert [tick.get_text() for tick in block.get_yticklabels()] == [f"class {i} ({49 if i == 0 else 5})" for i in members]
    assert [tick.get_text() for tick in block.get_xticklabels()] == [*(f"class {i}" for i in members), "others"]
    assert "44 of 89 spectra confused, 42 of them within the blocks below" in " ".join(texts(figure))


def test_1332_classes_still_say_something() -> None:
    """The worst blocks are drawn and framed, the rest is counted, and no cell is too small to see."""
    rng = np.random.default_rng(0)
    counts = mistakes(*((i, (i + 7) % 1332, n) for i, n in enumerate(rng.integers(0, 3, 1332).tolist())), (4, 900, 30), classes=1332)
    figure = confusion.draw(counts, [f"mineral {i}" for i in range(1332)], "drcnn")
    assert sum(axes.get_title("left")[1:3] == ": " for axes in figure.axes) == confusion.SHOWN
    (drawn,) = (artist for artist in figure.axes[0].collections if isinstance(artist, PolyCollection) and artist.get_array() is not None)
    assert np.ptp(drawn.get_paths()[0].vertices[:, 0]) > 1332 / 200
    assert "A–H" in texts(figure)


@pytest.mark.parametrize("classes", [1, 5])
def test_no_confusion_is_said(classes: int) -> None:
    """A perfect system, even of one class, gets its overview and the good news."""
    figure = confusion.draw(mistakes(classes=classes), ["a"] * classes, "drcnn")
    assert cells(figure.axes[0]) == {(i, i): 5 for i in range(classes)}
    assert any("no confusion" in text for text in texts(figure))


def test_nothing_asked_is_no_matrix() -> None:
    """An empty test part is refused."""
    with pytest.raises(ConfigError, match="test part is empty"):
        confusion.draw(np.zeros((3, 3), dtype=np.intp), ["a", "b", "c"], "drcnn")


# --- confused pairs ------------------------------------------------------------------------


def toy_library() -> pairs.Library:
    """Return six spectra of three classes: one reference each of 0 and 1, two of 2; the last two are asked."""
    embedding = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6], [0.96, 0.28], [0.6, 0.8]], dtype=np.float32)
    return pairs.Library(
        features=np.arange(24, dtype=np.float32).reshape(6, 4),
        embedding=embedding,
        classes=np.array([0, 1, 2, 2, 2, 2]),
        labels=["zero", "one", "two"],
        names=np.array([f"R{i}" for i in range(6)]),
        references=np.arange(4),
    )


def test_a_confused_pair_holds_query_and_nearest_references() -> None:
    """The query's own features, and of either class the reference most similar to it, with that similarity."""
    scores = np.array([[0.9, 0.0, 0.5], [0.1, 0.2, 0.6]], dtype=np.float32)
    (one,) = pairs.pick(toy_library(), np.array([4, 5]), scores)
    assert (one.true, one.answered, one.count, one.asked, one.name) == ("two", "zero", 1, 2, "R4")
    assert one.query.tolist() == [16, 17, 18, 19]
    assert one.nearest_true is not None
    assert one.nearest_answered is not None
    assert (one.nearest_true.name, one.nearest_answered.name) == ("R3", "R0")
    assert one.nearest_true.similarity == pytest.approx(0.8 * 0.96 + 0.6 * 0.28)
    assert one.nearest_answered.similarity == pytest.approx(0.96)


def test_the_query_shown_is_the_median_one() -> None:
    """Neither the closest call nor the worst blunder stands for a confusion."""
    library = pairs.Library(
        features=np.arange(5, dtype=np.float32)[:, None], embedding=np.ones((5, 1), dtype=np.float32), classes=np.array([0, 1, 1, 1, 1]),
        labels=["zero", "one"], names=np.array(list("abcde")), references=np.array([0]),
    )  # fmt: skip
    scores = np.array([[0.9, 0.1], [0.5, 0.4], [0.6, 0.3], [0.1, 0.3]], dtype=np.float32)
    (one,) = pairs.pick(library, np.arange(1, 5), scores)
    assert (one.name, one.count, one.asked) == ("d", 3, 4)
    assert one.nearest_true is None, "the library holds none of class one"


def test_pairs_are_drawn_over_each_other() -> None:
    """Above the answered reference and the query, below the true one and the query, on the shift axis."""
    shift, shown = np.linspace(100, 1700, 50), confused("Quartz", "Opal", "Calcite")
    figure = pairs.draw(shift, shown, "drcnn")
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]
    for axes, one in zip(figure.axes, shown, strict=False):
        assert one.nearest_true is not None
        assert one.nearest_answered is not None
        above, query_above, below, query_below = points(axes)
        assert np.allclose(above, np.stack([shift, one.nearest_answered.features + pairs.LIFT], axis=1))
        assert np.allclose(query_above, np.stack([shift, one.query + pairs.LIFT], axis=1))
        assert np.allclose(below, np.stack([shift, one.nearest_true.features], axis=1))
        assert np.allclose(query_below, np.stack([shift, one.query], axis=1))
        said = {text.get_text(): to_hex(text.get_color()) for text in axes.texts}
        assert said[f"answered: {one.answered} ({one.answered}, 0.500)"] == axes.lines[0].get_color()
        assert said[f"true: {one.true} ({one.true}, 0.500)"] == axes.lines[2].get_color()
    assert {axes.get_xlabel() for axes in figure.axes[1:3]} == {"Raman shift / cm⁻¹"}
    assert {axes.get_xlim() for axes in figure.axes} == {(100, 1700)}


def test_a_class_without_a_reference_says_so() -> None:
    """What the library does not hold is not drawn."""
    one = pairs.Confused("Opal", "Quartz", 1, 1, "R1", np.zeros(50, dtype=np.float32), None, confused("Quartz", "Quartz")[0].nearest_true)
    figure = pairs.draw(np.linspace(0, 1, 50), [one], "drcnn")
    assert "true: Opal (no reference)" in texts(figure)
    assert len(figure.axes[0].lines) == 3


def test_no_confusion_is_no_pair() -> None:
    """A perfect system has no pair to draw, and the reason is said."""
    scores = np.eye(3, dtype=np.float32)[toy_library().classes[4:]]
    shown = pairs.pick(toy_library(), np.array([4, 5]), scores)
    with pytest.raises(ConfigError, match="no spectrum was confused"):
        pairs.draw(np.arange(4.0), shown, "drcnn")


# --- accuracy by class size ----------------------------------------------------------------


def bars(axes: Axes) -> list[list[tuple[float, float, float]]]:
    """Return (share, low, high) of every point of each system."""
    made = []
    for drawn in axes.containers:
        assert isinstance(drawn, ErrorbarContainer)
        ends = [segment[:, 1] for segment in drawn.lines[2][0].get_segments()]
        made.append([(float(y), float(low), float(high)) for y, (low, high) in zip(drawn.lines[0].get_ydata(), ends, strict=True)])
    return made


def test_accuracy_stands_in_the_bin_of_its_class_size() -> None:
    """Every bin's edges, how many were asked, and the shares of two systems beside each other."""
    sizes = np.array([0, 1, 2, 3, 5, 6, 10, 11, 20, 21, 400])
    right = {"a": np.ones(11, dtype=bool), "b": np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1], dtype=bool)}
    figure = class_size.draw(right, sizes, np.ones(11, dtype=np.intp), "dataset_1")
    spectra, specimens = figure.axes
    ticks = [tick.get_text().split("\n") for tick in spectra.get_xticklabels()]
    assert ticks == [["none", "1 asked"], ["1", "1 asked"], ["2", "1 asked"]] + [
        [name, "2 asked"] for name in ("3–5", "6–10", "11–20", "> 20")
    ]
    first, second = bars(spectra)
    assert [share for share, _, _ in first] == [1] * 7
    assert [share for share, _, _ in second] == [0, 0, 0, 0.5, 0, 0, 1]
    assert bars(specimens)[1] == [pytest.approx((3 / 11, *wilson(3, 11)))]
    assert [tick.get_text() for tick in specimens.get_xticklabels()] == ["1\n11 asked"]


def test_wilson_is_the_textbooks() -> None:
    """Against the formula, and inside 0..1 at both ends."""
    for right, asked in ((0, 3), (3, 3), (7, 10), (150, 160)):
        z, share = 1.959963984540054, right / asked
        middle, half = share + z * z / (2 * asked), z * np.sqrt(share * (1 - share) / asked + z * z / (4 * asked**2))
        assert wilson(right, asked) == pytest.approx(((middle - half) / (1 + z * z / asked), (middle + half) / (1 + z * z / asked)))


def test_a_specimen_counts_once_a_class() -> None:
    """Ten spectra of one crystal are one specimen; one stone of two minerals counts for both."""
    got = class_size.specimens_of(np.array([0, 0, 0, 1, 3]), np.array(["a", "a", "b", "a", "c"]), 5)
    assert got.tolist() == [2, 1, 0, 1, 0]


def test_nobody_asked_has_no_accuracy() -> None:
    """Without systems or queries there is nothing to draw."""
    nobody = np.empty(0, dtype=np.intp)
    for right in ({}, {"a": np.empty(0, dtype=bool)}):
        with pytest.raises(ConfigError, match="nothing was asked"):
            class_size.draw(right, nobody, nobody, "dataset_1")


# --- reliability ---------------------------------------------------------------------------


def test_a_reliability_diagram_is_the_bins() -> None:
    """Points are mean confidence and accuracy of each bin, bars how many stand in it, the title says the error."""
    confidence = np.array([0.05, 0.95, 0.97, 0.99, 1.0])
    measured = reliability.Calibrated(confidence, np.array([True, True, True, False, True]), 0.07)
    figure = reliability.draw(measured, "drcnn")
    upper, lower = figure.axes
    (drawn,) = (container for container in upper.containers if isinstance(container, ErrorbarContainer))
    assert np.allclose(drawn.lines[0].get_xydata(), [[0.05, 1.0], [0.9775, 0.75]])
    assert [bar.get_height() for bar in lower.patches] == [1, *[0] * 13, 4]
    error = metrics.calibration_error(*measured[:2])
    assert any(f"ECE {error:.3f} at temperature 0.07" in text for text in texts(figure))


@pytest.mark.parametrize("size", [0.3, 25.0])
def test_the_temperature_is_fitted_on_the_other_half(size: float) -> None:
    """Every other spectrum is drawn, the rest decides the temperature; logits of any size are calibrated like cosines."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.0, size, (800, 5)).astype(np.float32)
    odds = metrics.probabilities(scores, size / 8)
    truth = (odds.cumsum(axis=1) > rng.random((800, 1))).argmax(axis=1)
    truth[1::2] = (truth[1::2] + 1) % 5  # what the drawn half is like must not matter to the temperature
    got = reliability.calibrated(scores, truth)
    assert got.temperature == pytest.approx(size / 8, rel=0.25)
    assert np.array_equal(got.right, scores[1::2].argmax(axis=1) == truth[1::2])
    assert np.allclose(got.confidence, metrics.probabilities(scores[1::2], got.temperature).max(axis=1), atol=1e-6)


def test_a_class_that_cannot_be_named_gets_no_confidence() -> None:
    """Minus infinity, the score of a class that was never learned, does not spoil the others."""
    scores = np.tile(np.array([30.0, 10.0, -np.inf], dtype=np.float32), (8, 1))
    got = reliability.calibrated(scores, np.zeros(8, dtype=np.intp))
    assert np.allclose(got.confidence, 1, atol=1e-3)


def test_three_spectra_calibrate_nothing() -> None:
    """Both numbers are in the refusal."""
    with pytest.raises(ConfigError, match=r"at least 4 asked .* got 3"):
        reliability.calibrated(np.eye(3, dtype=np.float32), np.arange(3))


# --- runs ----------------------------------------------------------------------------------


def leave(folder: Path, *replaced: str) -> Path:
    """Leave an untrained run of the smoke configuration in ``folder``, as a finished one would lie there."""
    chosen = config.read(SMOKE, replaced)
    material = runs.prepare(chosen)
    torch.manual_seed(0)
    network = build(chosen.model, len(chosen.recipe.axis), len(material.labels))
    about = checkpoint.About(
        config=chosen, length=len(chosen.recipe.axis), labels=material.labels, spectra=1, specimens=1, epochs=2, seconds=0.0,
        device="cpu", revision="unknown",
    )  # fmt: skip
    folder.mkdir(parents=True)
    checkpoint.save(folder / checkpoint.CHECKPOINT, network, about)
    (folder / finished.HISTORY).write_bytes(msgspec.json.Encoder().encode_lines(history(2.0, 1.0)))
    np.savez(folder / finished.SPLIT, **runs.sides(material))
    return folder


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two systems that were asked the same."""
    root = tmp_path_factory.mktemp("runs")
    short = "recipe.steps=[{type='resample@1', start=100, stop=1500, step=40}, {type='minmax@1'}]"
    return [leave(root / "edge"), leave(root / "paper", "model={name='drcnn', recursions=3}", short)]


def test_the_command_draws_every_picture(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`raman-train figures` writes both forms of every picture and prints where they lie."""
    monkeypatch.setattr(style, "rendered", lambda _, form: form.encode())  # seconds; what it gives is tested above
    assert main(["figures", str(two_runs[0]), "--out", str(tmp_path)]) == 0
    stems = ["class-size-all-sample-0", "learning-curves", "level-weights", "confused-pairs-edge", "confusion-edge", "reliability-edge"]
    expected = {f"{stem}.{form}" for stem in stems for form in ("png", "svg")}
    assert {file.name for file in tmp_path.iterdir()} == expected
    assert all(file.read_text() == file.suffix[1:] for file in tmp_path.iterdir())
    assert {Path(line).name for line in capsys.readouterr().out.splitlines()} == expected


def test_a_run_is_asked_as_its_measurement_asks_it(two_runs: list[Path]) -> None:
    """The pictures show the answers of the ranking that the result stands for."""
    (run,) = finished.read(two_runs[:1])
    made = checkpoint.load(two_runs[0])
    result, answers = runs.measure(made, runs.prepare(made.about.config))
    assert run.ranking == "library"
    assert float((run.answered == run.truth).mean()) == pytest.approx(result.main.top1, abs=1e-4)
    calibrated = reliability.calibrated(run.scores, run.truth)
    decision, measured = evaluate.decision(answers, run.material.classes, run.material.split)
    assert calibrated.temperature == pytest.approx(decision.temperature, abs=1e-5)
    assert metrics.calibration_error(calibrated.confidence, calibrated.right) == pytest.approx(measured["ece"], abs=1e-4)


def test_runs_that_were_asked_something_else_are_not_compared(two_runs: list[Path], tmp_path: Path) -> None:
    """Accuracy by class size is drawn a split; runs of one split share their picture."""
    other = leave(tmp_path / "other", "data.split_seed=1")
    groups = album.asked_the_same(finished.read([*two_runs, other]))
    assert {stem: [run.folder for run in group] for stem, group in groups.items()} == {
        "all-sample-0": ["edge", "paper"],
        "all-sample-1": ["other"],
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([["drcnn", "d1", "sample", "x"]], ["drcnn"]),
        ([["drcnn", "d1", "sample", "x"], ["liu", "d1", "sample", "y"]], ["drcnn", "liu"]),
        ([["drcnn", "d1", "sample", "x"], ["drcnn", "d2", "sample", "y"]], ["drcnn, d1", "drcnn, d2"]),
        ([["drcnn", "d1", "sample", "x"], ["drcnn", "d1", "sample", "y"]], ["drcnn, x", "drcnn, y"]),
    ],
)
def test_runs_are_called_by_what_tells_them_apart(facts: list[list[str]], expected: list[str]) -> None:
    """The system, then whatever differs, the folder only where nothing else does."""
    assert album.names(facts) == expected


def test_what_cannot_be_drawn_is_left_out_with_its_reason(
    two_runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One picture that a run does not give costs no other picture; none at all is a failure."""

    def refuse() -> Figure:
        raise ConfigError("nothing to show")

    drawn = [album.Picture("fine", lambda: levels.draw({"drcnn": np.ones(3)})), album.Picture("empty", refuse)]
    for given, code in ((drawn, 0), (drawn[1:], 1)):
        monkeypatch.setattr(album, "pictures", lambda _, given=given: given)
        assert main(["figures", str(two_runs[0]), "--out", str(tmp_path)]) == code
        assert capsys.readouterr().err == "left out empty: nothing to show\n"
    assert {file.name for file in tmp_path.iterdir()} == {"fine.png", "fine.svg"}


def test_a_run_whose_data_changed_is_refused(tmp_path: Path) -> None:
    """Drawn on another split it would be asked what it learned."""
    run = leave(tmp_path / "run")
    with np.load(run / finished.SPLIT) as saved:
        np.savez(run / finished.SPLIT, **{**saved, "test": saved["test"][1:]})
    with pytest.raises(ConfigError, match=r"another split .* test differ"):
        finished.read([run])


def test_a_run_without_what_a_run_leaves_is_refused(tmp_path: Path) -> None:
    """A folder that is none, one name twice, a history that is none and a split that is none are each named."""
    run = leave(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"nowhere.*raman-train fit"):
        finished.read([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"\['run'\]"):
        finished.read([run, run])
    (run / finished.HISTORY).write_text("not json")
    with pytest.raises(ConfigError, match="no history of a run"):
        finished.read([run])
    (run / finished.HISTORY).unlink()
    with pytest.raises(ConfigError, match=r"history\.jsonl.*raman-train fit"):
        finished.read([run])
    (run / finished.SPLIT).write_text("not a zip")
    with pytest.raises(ConfigError, match=r"split\.npz"):
        finished.read([run])
