"""The result of identification for scripts and notebooks: the record that every output writes, with names, HTML and a plot."""

from __future__ import annotations

import html
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

import msgspec

from raman_edge import records
from raman_edge.errors import ConfigError
from raman_edge.matching.identify import Reading
from raman_edge.wording import IF, MEANING, NAMED, chemistry, marked, percent, printable, title

if TYPE_CHECKING:
    from typing import Self

    import numpy as np
    from numpy.typing import NDArray

    from raman_edge.matching.ranking import Candidate, Cause
    from raman_edge.quality import Quality
    from raman_edge.records import Provenance, Record
    from raman_edge.spectrum import Fault, Spectrum
    from raman_edge.wording import Answer


class PlotAxes(Protocol):
    """What :meth:`Identification.plot` uses of ``matplotlib.axes.Axes``."""

    def plot(self, x: NDArray[np.floating], y: NDArray[np.floating], /, **style: object) -> object:
        """Draw a line."""

    def axvline(self, x: float, /, **style: object) -> object:
        """Draw a vertical line."""

    def set_title(self, label: str, /, **style: object) -> object:
        """Set the title."""

    def set_xlabel(self, xlabel: str, /) -> object:
        """Name the horizontal axis."""

    def set_ylabel(self, ylabel: str, /) -> object:
        """Name the vertical axis."""


@dataclass(frozen=True, eq=False, slots=True)
class Identification:
    """What one spectrum was identified as.

    Every attribute is read from :attr:`record`, which the command line, the journal and every output write. A spectrum that cannot
    be identified (an unreadable file, no overlap with the model's axis) has the decision ``fault`` and its reason.
    """

    record: Record
    """The versioned record."""
    event: Reading | Fault
    """What the record was made of: the spectrum with its features, peaks and quality, or the fault."""

    @classmethod
    def of(cls, event: Reading | Fault, provenance: Provenance) -> Self:
        """Return the identification of an identified spectrum, or of a fault.

        Parameters
        ----------
        event : Reading or Fault
            What :func:`raman_edge.matching.identify.identify_all` returned.
        provenance : Provenance
            Model, library and configuration that made it.
        """
        return cls(records.of(event, provenance), event)

    @property
    def decision(self) -> Answer | Literal["fault"]:
        """``match``, ``group``, ``possible``, ``ambiguous``, ``unknown``, ``rejected`` or ``fault``; docs/api.md says what each means."""
        return self.record.decision if isinstance(self.record, records.ResultRecord) else "fault"

    @property
    def names(self) -> tuple[str, ...]:
        """Names that the decision leaves, the likeliest first; empty for ``unknown``, ``rejected`` and ``fault``."""
        return self.record.names if isinstance(self.record, records.ResultRecord) else ()

    @property
    def label(self) -> str | None:
        """The likeliest of :attr:`names`; None where nothing is named. Only a ``match`` is certain enough to be used alone."""
        return self.names[0] if self.names else None

    @property
    def group(self) -> str | None:
        """The group that all of several :attr:`names` belong to; it is the answer of the decision ``group``. None where they share none."""
        return self.record.group if isinstance(self.record, records.ResultRecord) else None

    @property
    def cause(self) -> Cause | None:
        """The probable cause of ``unknown``: ``kind``, ``text`` and, of a shifted axis, ``shift`` in cm⁻¹; None for other decisions."""
        return self.record.cause if isinstance(self.record, records.ResultRecord) else None

    @property
    def probability(self) -> float | None:
        """Probability of :attr:`label` among the library's labels, 0..1, if the material is in the library.

        None where nothing is named, and for a model whose probabilities were not measured.
        """
        return next((one.score for one in self.candidates if one.label == self.label), None)

    @property
    def known(self) -> float | None:
        """Probability that the material is in the library at all, 0..1; None where that was not measured."""
        return self.record.known if isinstance(self.record, records.ResultRecord) else None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the decision is not, or not plainly, the first candidate; the reason of a fault."""
        return self.record.why if isinstance(self.record, records.ResultRecord) else (self.record.why,)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The best candidates first, for every decision: ``label``, ``score``, ``similarity`` (cosine, -1..1) and ``peaks``."""
        return self.record.matches if isinstance(self.record, records.ResultRecord) else ()

    @property
    def quality(self) -> Quality | None:
        """Signal-to-noise ratio, saturation, coverage; None for a fault."""
        return self.record.quality if isinstance(self.record, records.ResultRecord) else None

    @property
    def spectrum(self) -> Spectrum | None:
        """The spectrum as it was given; None for a fault."""
        return self.event.spectrum if isinstance(self.event, Reading) else None

    def to_dict(self) -> dict[str, object]:
        """Return the record as JSON values: equal to ``json.loads`` of the line that the command line prints.

        Returns
        -------
        dict
            Keys and values as in docs/outputs.md; text is data and not escaped.
        """
        return cast("dict[str, object]", msgspec.json.decode(records.encode(self.record)))

    def plot(self, ax: PlotAxes | None = None) -> PlotAxes:
        """Draw the spectrum, and the peaks that the first candidate shares with it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure where there is none.

        Returns
        -------
        matplotlib.axes.Axes
            Horizontal axis in cm⁻¹, vertical axis in counts.

        Raises
        ------
        ConfigError
            matplotlib is not installed, or the identification is a fault and has no spectrum.
        """
        if self.spectrum is None:
            raise ConfigError(
                kind="nothing to plot", place="plot", got=f"a fault: {self.reasons[0]}", expected="an identification with a spectrum"
            )
        axes = _new_axes() if ax is None else ax
        axes.plot(self.spectrum.axis.shift, self.spectrum.counts, linewidth=1.0)
        for peak in self.candidates[0].peaks.matched if self.candidates else ():
            axes.axvline(peak.at, linestyle=":", linewidth=0.8, color="grey")
        axes.set_title(_words(self), parse_math=False)  # a label with a dollar sign is text
        axes.set_xlabel("Raman shift (cm⁻¹)")
        axes.set_ylabel("Counts")
        return axes

    def __repr__(self) -> str:
        sure = "" if self.probability is None else f", probability={self.probability:.4f}"
        return f"Identification(decision={self.decision!r}, names={self.names!r}{sure})"

    def _repr_html_(self) -> str:
        """Return a title, the reasons and the candidates for a notebook; every text is escaped."""
        meaning = f' title="{_safe(MEANING[self.decision])}"'
        reasons = "".join(f"<li>{_safe(reason)}</li>" for reason in self.reasons)
        scores = ("" if one.score is None else percent(one.score, 1) for one in self.candidates)
        rows = "".join(
            f"<tr><td>{_safe(marked(one))}{_beside(one)}</td><td>{_safe(score)}</td><td>{one.similarity:.3f}</td></tr>"
            for one, score in zip(self.candidates, scores, strict=True)
        )
        table = f"<table><tr><th>candidate</th><th>probability {IF}</th><th>similarity</th></tr>{rows}</table>" if rows else ""
        return f"<div><strong{meaning}>{_safe(_words(self))}</strong>{f'<ul>{reasons}</ul>' if reasons else ''}{table}</div>"


def _words(one: Identification) -> str:
    """Return the decision in words, such as ``possible: perhaps Quartz``."""
    words = str(title(one.decision, one.names, group=one.group, candidates=one.candidates))
    return f"{one.decision}: {printable(words)}" if one.decision in NAMED else words


def _beside(candidate: Candidate) -> str:
    """Return synonym and formula for a cell, escaped."""
    beside = chemistry(candidate.synonyms, candidate.formula)
    return f"<br><small>{_safe(beside)}</small>" if beside else ""


def _safe(text: str) -> str:
    return html.escape(printable(text))


def _new_axes() -> PlotAxes:
    """Return the axes of a new figure; matplotlib is imported only here, and the edge does not depend on it."""
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise ConfigError(
            kind="matplotlib not available", place="plot", cause=str(error), expected="matplotlib, or axes", advice="pip install matplotlib"
        ) from error
    axes: PlotAxes = pyplot.subplots()[1]
    return axes
