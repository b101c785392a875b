"""The most confused pairs as overlaid spectra: the query, the answered class and the true class (Zhou et al. 2022, Fig. 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError

from raman_train.figures import style
from raman_train.figures.confusion import counted, most_confused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

SHOWN = 6
"""Confusions drawn."""
LIFT = 1.15
"""Vertical distance of the two pairs of curves; features reach from 0 to 1."""


@dataclass(frozen=True, eq=False, slots=True)
class NearestReference:
    """A spectrum of the library to draw with the query."""

    label: str
    name: str
    """Of the spectrum or its specimen."""
    features: NDArray[np.float32]
    """(n,)."""
    similarity: float
    """Cosine with the query, -1..1."""


@dataclass(frozen=True, eq=False, slots=True)
class ConfusedSpectrum:
    """A query that represents one frequent confusion."""

    true: str
    answered: str
    count: int
    """Number of spectra with this confusion."""
    queries: int
    """Number of test spectra of the true class."""
    name: str
    """Of the query or its specimen."""
    query: NDArray[np.float32]
    """(n,)."""
    nearest_true: NearestReference | None
    """None if the library has no spectrum of that class."""
    nearest_answered: NearestReference | None


@dataclass(frozen=True, eq=False, slots=True)
class LabelledEmbeddings:
    """The spectra of a dataset, and the indices of its references."""

    features: NDArray[np.float32]
    """(n, length)."""
    embedding: NDArray[np.float32]
    """Unit norm, (n, e)."""
    classes: NDArray[np.intp]
    """(n,)."""
    labels: Sequence[str]
    names: NDArray[np.str_]
    """(n,)."""
    references: NDArray[np.intp]
    """Indices, (m,)."""

    def nearest(self, query: int, wanted: int) -> NearestReference | None:
        """Return the reference of class ``wanted`` that is most similar to spectrum ``query``."""
        own = self.references[self.classes[self.references] == wanted]
        if not own.size:
            return None
        similarity = self.embedding[own] @ self.embedding[query]
        best = own[similarity.argmax()]
        return NearestReference(self.labels[wanted], str(self.names[best]), self.features[best], float(similarity.max()))


def pick(library: LabelledEmbeddings, test: NDArray[np.intp], scores: NDArray[np.float32]) -> list[ConfusedSpectrum]:
    """Return the most frequent confusions of the spectra ``test``, (q,), with scores (q, classes).

    The query of each is the median by the difference between the scores of the wrong and the true class.
    """
    truth, answered = library.classes[test], scores.argmax(axis=1)
    counts = counted(truth, answered, len(library.labels))
    made = []
    for true, wrong, count in most_confused(counts, SHOWN):
        rows = np.flatnonzero((truth == true) & (answered == wrong))
        lead = scores[rows, wrong] - scores[rows, true]
        query = int(test[rows[np.argsort(lead, kind="stable")[(count - 1) // 2]]])
        texts = library.labels[true], library.labels[wrong], count, int(counts[true].sum()), str(library.names[query])
        made.append(ConfusedSpectrum(*texts, library.features[query], library.nearest(query, true), library.nearest(query, wrong)))
    return made


@style.sheet()
def draw(shift: NDArray[np.floating], confused: Sequence[ConfusedSpectrum], heading: str) -> Figure:
    """Draw confusions on a Raman shift axis (n,), cm⁻¹; :class:`ConfigError` if there are none."""
    if not confused:
        msg = "no spectrum was confused: there is no pair to draw"
        raise ConfigError(msg)
    rows = (len(confused) + 1) // 2
    figure = style.blank(0.7 + 2.75 * rows)
    style.title(figure, heading)
    panels = figure.subplots(rows, 2, sharex=True, squeeze=False)
    for axes, one in zip(panels.flat, confused, strict=False):
        _panel(axes, shift, one)
    for axes in panels.flat[len(confused) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("intensity, scaled")
    for column in range(2):
        last = (len(confused) - 1 - column) // 2
        if last >= 0:
            panels[last, column].set_xlabel("Raman shift / cm⁻¹")
            panels[last, column].tick_params(labelbottom=True)
    style.caption(
        figure,
        "Black, twice: the median query of a confusion, preprocessed. With it, above the most similar reference of the answered "
        "class, below that of the true class; similarity is the cosine of the embeddings.",
    )
    return figure


def _panel(axes: Axes, shift: NDArray[np.floating], one: ConfusedSpectrum) -> None:
    for reference, colour, lift in ((one.nearest_answered, style.VERMILLION, LIFT), (one.nearest_true, style.BLUE, 0.0)):
        if reference is not None:
            axes.plot(shift, reference.features + lift, color=colour, linewidth=1.3)
        axes.plot(shift, one.query + lift, color="black", linewidth=0.7)
    axes.set(xlim=(float(shift[0]), float(shift[-1])), ylim=(-0.06, LIFT + 1.06), yticks=[])
    axes.spines["left"].set_visible(False)
    lines = [
        (f"query {style.plain(one.name, 16)}: {one.count} of {one.queries} confused this way", "black"),
        (_caption("answered", one.answered, one.nearest_answered), style.VERMILLION),
        (_caption("true", one.true, one.nearest_true), style.BLUE),
    ]
    for number, (text, colour) in enumerate(reversed(lines)):
        axes.annotate(text, (0, 1), (0, 3 + 11 * number), xycoords="axes fraction", textcoords="offset points", color=colour, fontsize=8)


def _caption(role: str, label: str, reference: NearestReference | None) -> str:
    found = "no reference" if reference is None else f"{style.plain(reference.name, 14)}, {reference.similarity:.3f}"
    return f"{role}: {style.plain(label, 22)} ({found})"
