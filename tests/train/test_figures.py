"""The figures show their data, in both formats, reproducibly, with any label."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from figure_inputs import confused, history, mistakes, points, texts
from matplotlib.container import ErrorbarContainer
from matplotlib.image import imread
from raman_edge.errors import ConfigError
from raman_train import figures, metrics
from raman_train.confidence import HeldOutPredictions
from raman_train.figures import accuracy, confused_pairs, confusion, learning, style
from raman_train.metrics import wilson

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

HOSTILE = ["$x$", "_", r"\frac{1}{2}", "<b>&\n石 $"]
"""Names that a drawing library may take for something else."""


# --- every picture -------------------------------------------------------------------------


def queries(best: NDArray[np.float64], right: NDArray[np.bool_]) -> HeldOutPredictions:
    """Return predictions with these probabilities and sets of one label."""
    return HeldOutPredictions(best, np.where(right, 0, 1), np.stack([right, right]), np.ones((2, best.size), dtype=np.intp))


def one_of_each(labels: list[str]) -> dict[str, Figure]:
    """Return every figure, drawn from small arrays with these labels."""
    rng = np.random.default_rng(1)
    right = rng.random(40) < 0.7
    counts = mistakes(*((i, i + 1, 2) for i in range(len(labels) - 1)), classes=len(labels))
    return {
        "learning": learning.draw(dict.fromkeys(labels, history(3.0, 1.0, 0.5, validation=(None, 0.5, 0.9)))),
        "levels": learning.draw_levels({label: rng.random(3) for label in labels}),
        "confusion": confusion.draw(counts, labels, labels[0]),
        "pairs": confused_pairs.draw(np.linspace(0, 1700, 50), confused(*labels)[:6], labels[0]),
        "class_size": accuracy.draw_class_size(dict.fromkeys(labels, right), rng.integers(1, 30, 40), rng.integers(1, 5, 40), labels[0]),
        "reliability": accuracy.draw_reliability(queries(rng.random(40), right), labels[0]),
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Figure]]:
    """Every figure with hostile labels, and the folder it was saved in, at a low resolution to save time."""
    folder = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 60)
        made = one_of_each(HOSTILE)
        for stem, figure in made.items():
            style.save(figure, folder, stem)
    return folder, made


def test_every_picture_is_there_in_both_forms(drawn: tuple[Path, dict[str, Figure]]) -> None:
    """PNG has the common width, and SVG is well-formed with any label."""
    folder, made = drawn
    assert {file.name for file in folder.iterdir()} == {f"{stem}.{form}" for stem in made for form in ("png", "svg")}
    for stem in made:
        assert ET.parse(folder / f"{stem}.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file
        assert imread(folder / f"{stem}.png").shape[1] == 60 * style.WIDTH


def test_hostile_labels_are_drawn_as_they_are(drawn: tuple[Path, dict[str, Figure]]) -> None:
    """Formulas, underscores, line breaks, markup and foreign scripts are plain text in every figure."""
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
    """The same runs give the same files, so that a repository shows no change."""
    folder, _ = drawn
    monkeypatch.setattr(style, "DPI", 60)
    again = one_of_each(HOSTILE)
    for file in style.save(again.pop("levels"), tmp_path, "levels"):
        assert file.read_bytes() == (folder / file.name).read_bytes(), file.name
    for stem, figure in again.items():
        assert style.rendered(figure, "svg") == (folder / f"{stem}.svg").read_bytes(), stem


def test_settings_of_the_user_change_nothing() -> None:
    """The user's matplotlib settings do not affect the figures, and ours do not affect theirs."""
    ours = style.rendered(learning.draw_levels({"drcnn": np.ones(3)}), "svg")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "text.parse_math": True}):
        assert style.rendered(learning.draw_levels({"drcnn": np.ones(3)}), "svg") == ours
        assert mpl.rcParams["font.size"] == 30


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    """If a file blocks the folder, the error names it."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"taken.*Choose another --out"):
        style.save(learning.draw_levels({"drcnn": np.ones(3)}), tmp_path / "taken", "levels")


@pytest.mark.parametrize(
    ("label", "shown"),
    [("Quartz", "Quartz"), ("a\nb\x07 \u200bc", "a b c"), ("", "(no name)"), ("Ferro-actinolite", "Ferro…te")],
)
def test_a_label_is_one_short_line(label: str, shown: str) -> None:
    """Control characters become spaces; a long label keeps both ends."""
    assert style.plain(label, 8 if shown.endswith("te") else 28) == shown


# --- learning curves -----------------------------------------------------------------------


def test_learning_curves_are_the_histories() -> None:
    """Epochs count from 1; loss above, validation below, one line per run."""
    figure = learning.draw({"a": history(3.0, 1.0, validation=(0.25, 0.5)), "b": history(2.0, 0.5, 0.1)})  # more than a decade
    loss, validation = figure.axes
    assert [line.tolist() for line in points(loss)] == [[[1, 3], [2, 1]], [[1, 2], [2, 0.5], [3, 0.1]]]
    assert [line.tolist() for line in points(validation)] == [[[1, 0.25], [2, 0.5]], []]
    assert loss.lines[0].get_color() != loss.lines[1].get_color()
    assert loss.get_yscale() == "log"


def test_precision_and_auc_have_panels_of_their_own() -> None:
    """Zhou's Fig. 3: loss, recall, precision, AUC; a panel starts at the tenth below its lowest value."""
    figure = learning.draw({"a": history(3.0, 1.0, validation=(0.25, 0.5), precision=(0.43, 0.6), auc=(0.9, 0.97))})
    assert [axes.get_ylabel() for axes in figure.axes] == ["training loss", "validation recall (top-1)", "precision", "AUC"]
    assert [line.tolist() for line in points(figure.axes[3])] == [[[1, 0.9], [2, 0.97]]]
    assert [axes.get_ylim()[0] for axes in figure.axes[1:]] == [0.2, 0.4, 0.8]


def test_without_validation_the_figure_has_the_reason() -> None:
    """A run without a validation part has no such curve, and a library search none at all."""
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
    """The loss axis has at least three labels for any range."""
    (axes,) = learning.draw({"a": history(*losses)}).axes
    low, high = axes.get_ylim()
    assert axes.get_yscale() == scale
    assert sum(low <= place <= high for place in axes.get_yticks()) >= 3


def test_a_run_leaves_its_own_curve(tmp_path: Path) -> None:
    """The learning curve of a training is one PNG."""
    figures.learning_curve(history(3.0, 1.0), tmp_path / "curve.png", "drcnn-edge, 64 spectra")
    assert [file.name for file in tmp_path.iterdir()] == ["curve.png"]
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


# --- level weights -------------------------------------------------------------------------


def test_level_weights_are_shares() -> None:
    """Bars are wᵢ / Σ w, and the caption has the largest weight here and in the paper."""
    figure = learning.draw_levels({"drcnn": np.array([1.0, 2.0, 5.0]), "drcnn-edge": np.array([3.0, 1.0])})
    (axes,) = figure.axes
    assert [[bar.get_height() for bar in group] for group in axes.containers] == [[0.125, 0.25, 0.625], [0.75, 0.25]]
    output = " ".join(texts(figure)).replace("\n", " ")
    assert "Zhou et al. 2022: the 6th of 9" in output
    assert "drcnn: the 3rd of 3; drcnn-edge: the 1st of 2" in output


def test_only_recursive_networks_have_level_weights() -> None:
    """The figure is refused if no system has recursions."""
    with pytest.raises(ConfigError, match="expected a run of drcnn or drcnn-edge"):
        learning.draw_levels({})


@pytest.mark.parametrize(("number", "output"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (6, "6th"), (11, "11th"), (22, "22nd")])
def test_ordinals(number: int, output: str) -> None:
    """1st to 22nd, eleventh included."""
    assert learning.ordinal(number) == output


# --- accuracy by class size ----------------------------------------------------------------


def bars(axes: Axes) -> list[list[tuple[float, float, float]]]:
    """Return (share, low, high) of each point of each system."""
    made = []
    for drawn in axes.containers:
        assert isinstance(drawn, ErrorbarContainer)
        ends = [segment[:, 1] for segment in drawn.lines[2][0].get_segments()]
        made.append([(float(y), float(low), float(high)) for y, (low, high) in zip(drawn.lines[0].get_ydata(), ends, strict=True)])
    return made


def test_accuracy_is_in_the_bin_of_its_class_size() -> None:
    """Edges of the bins, numbers of queries, and the shares of two systems beside each other."""
    sizes = np.array([0, 1, 2, 3, 5, 6, 10, 11, 20, 21, 400])
    right = {"a": np.ones(11, dtype=bool), "b": np.array([0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1], dtype=bool)}
    figure = accuracy.draw_class_size(right, sizes, np.ones(11, dtype=np.intp), "dataset_1")
    spectra, specimens = figure.axes
    ticks = [tick.get_text().split("\n") for tick in spectra.get_xticklabels()]
    assert ticks == [["none", "1 queries"], ["1", "1 queries"], ["2", "1 queries"]] + [
        [name, "2 queries"] for name in ("3–5", "6–10", "11–20", "> 20")
    ]
    first, second = bars(spectra)
    assert [share for share, _, _ in first] == [1] * 7
    assert [share for share, _, _ in second] == [0, 0, 0, 0.5, 0, 0, 1]
    assert bars(specimens)[1] == [pytest.approx((3 / 11, *wilson(3 / 11, 11)))]
    assert [tick.get_text() for tick in specimens.get_xticklabels()] == ["1\n11 queries"]


@pytest.mark.parametrize("wrong", [0, 2, 300, 2000])
def test_every_interval_is_seen_on_a_labelled_axis(wrong: int) -> None:
    """Near 100 % and near 0, no interval is cut and the axis has at least two labels."""
    right = np.arange(2000) >= wrong
    figure = accuracy.draw_class_size({"a": right}, np.full(2000, 7), np.arange(2000) // 50, "dataset_1")
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert all(low <= ends[1] <= ends[2] <= high for ends in bars(axes)[0])
        assert 2 <= sum(low <= place <= high for place in axes.get_yticks()) <= 8


def test_wilson_is_the_textbooks() -> None:
    """Against the formula, and within 0..1 at both ends."""
    for right, queries in ((0, 3), (3, 3), (7, 10), (150, 160)):
        z, share = 1.96, right / queries
        middle, half = share + z * z / (2 * queries), z * np.sqrt(share * (1 - share) / queries + z * z / (4 * queries**2))
        assert wilson(share, queries) == pytest.approx(((middle - half) / (1 + z * z / queries), (middle + half) / (1 + z * z / queries)))


def test_a_specimen_counts_once_a_class() -> None:
    """Ten spectra of one crystal are one specimen; a specimen of two minerals counts for both."""
    got = accuracy.specimens_of(np.array([0, 0, 0, 1, 3]), np.array(["a", "a", "b", "a", "c"]), 5)
    assert got.tolist() == [2, 1, 0, 1, 0]


def test_without_queries_there_is_no_accuracy() -> None:
    """Without systems or queries the figure is refused."""
    nothing = np.empty(0, dtype=np.intp)
    for right in ({}, {"a": np.empty(0, dtype=bool)}):
        with pytest.raises(ConfigError, match="no test spectra"):
            accuracy.draw_class_size(right, nothing, nothing, "dataset_1")


# --- reliability ---------------------------------------------------------------------------


def test_a_reliability_diagram_is_the_bins() -> None:
    """Points are mean confidence and accuracy of each bin, bars the number of answers, and the title has the error."""
    confidence = np.array([0.05, 0.95, 0.97, 0.99, 1.0])
    measured = queries(confidence, np.array([True, True, True, False, True]))
    figure = accuracy.draw_reliability(measured, "drcnn")
    upper, lower = figure.axes
    (drawn,) = (container for container in upper.containers if isinstance(container, ErrorbarContainer))
    assert np.allclose(drawn.lines[0].get_xydata(), [[0.05, 1.0], [0.9775, 0.75]])
    assert [bar.get_height() for bar in lower.patches] == [1, *[0] * 13, 4]
    error = metrics.calibration_error(measured.best, measured.right)
    assert any(f"ECE {error:.3f}" in text for text in texts(figure))
