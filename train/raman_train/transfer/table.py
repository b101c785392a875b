"""Table 3, as Markdown, from the lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from raman_train.benchmark import intervals
from raman_train.transfer.lines import Line, main

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STARTS = {
    "references": "nothing",
    "enrolled": "source; searches the references",
    "scratch": "target",
    "transfer": "source, then target",
}
HEAD = "| system | learned from | epochs | top-1 | precision | recall | F1 | macro top-1 | top-1, disturbed | runs | s a run |"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that the table has, run or not."""

    system: str
    start: str
    config_sha256: str
    source_sha256: str

    @classmethod
    def of(cls, line: Line) -> Row:
        """Return the row a line belongs to: folds and seeds of one system, taught alike."""
        return cls(line.system, line.start, line.config_sha256, line.source_sha256)


def render(lines: Sequence[Line], wanted: Mapping[Row, int]) -> str:
    """Return a table of the rows, each with how many lines it should have; ``lines`` were all asked the same."""
    body = [_row(row, count, [line for line in lines if Row.of(line) == row]) for row, count in wanted.items()]
    return "\n".join([HEAD, "|" + " --- |" * HEAD.count(" |"), *body])


def sections(lines: Sequence[Line]) -> str:
    """Return every table that the lines hold, each under what was asked."""
    asked = dict.fromkeys((line.target, line.target_sha256, line.folds, line.shots) for line in lines)
    made = []
    for about in asked:
        own = [line for line in lines if (line.target, line.target_sha256, line.folds, line.shots) == about]
        made.append(f"{caption(own[0])}\n\n{render(own, Counter(map(Row.of, own)))}")
    return "\n\n".join(made) if made else "not run"


def caption(line: Line) -> str:
    """Return what was asked and how the figures are to be read."""
    learned = f"{line.shots} replicate{'s' * (line.shots > 1)} of each label" if line.shots else "the other replicates"
    return (
        f"{line.target}: {line.asked} spectra of {line.labels_asked} labels asked in {line.folds} folds, {line.test} a fold, learned from "
        f"{learned} ({line.train} spectra). ± is the larger of two 95 % half widths: Student's t over the folds (seeds averaged first) and "
        "Wilson's over the spectra asked. *Disturbed*: the same spectra as another instrument might show them (axis off by some 5 cm⁻¹, "
        "lines up to 8 cm⁻¹ broader, other response, background, noise and range); systems trained with augmentation have seen the like."
    )


def interval(lines: Sequence[Line], values: Sequence[float]) -> tuple[float, float]:
    """Return the mean over folds and the half width of its 95 % interval: Student's t, at least Wilson's (1927) lower one.

    Seeds of a fold ask the same spectra again and are averaged first: they are no further evidence. Where every fold is
    right throughout they do not differ, and only the number of spectra says how sure that is.
    """
    folds = np.array([line.fold for line in lines])
    told = intervals.mean([float(np.asarray(values)[folds == fold].mean()) for fold in np.unique(folds)])
    asked = lines[0].asked * told.n // lines[0].folds  # of the folds there are
    return told.value, max(told.half or 0.0, told.value - _wilson_low(told.value, max(asked, 1)))


def _wilson_low(share: float, count: int) -> float:
    """Return the lower end of Wilson's 95 % interval of a share among ``count``."""
    z = 1.96
    middle, spread = share + z**2 / (2 * count), z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return float((middle - spread) / (1 + z**2 / count))


def _row(row: Row, wanted: int, lines: list[Line]) -> str:
    learned = STARTS[row.start]
    if not lines:
        return f"| {row.system} | {learned} | | not run | | | | | | 0 of {wanted} | |"
    line, told = lines[0], [main(one.figures) for one in lines]
    mean, half = interval(lines, [one.top1 for one in told])
    columns = [np.mean([getattr(one, name) for one in told]) for name in ("precision", "recall", "f1", "macro_top1")]
    elsewhere, off = interval(lines, [main(one.disturbed).top1 for one in lines])
    epochs = " + ".join(str(count) for count in (line.pretraining_epochs, line.epochs) if count) or "–"
    cells = [
        row.system, learned, epochs, f"{mean:.4f} ± {half:.4f}", *(f"{value:.4f}" for value in columns),
        f"{elsewhere:.4f} ± {off:.4f}", f"{len(lines)} of {wanted}", f"{np.mean([one.seconds for one in lines]):.0f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"
