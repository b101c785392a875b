"""Results of a transfer: one line of JSON per run, and Table 3 of Zhou 2022 as Markdown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from raman_edge.errors import ConfigError
from raman_edge.outputs.files import JSON_LINES, AppendOnlyFile
from raman_edge.wording import printable

from raman_train import evaluate, metrics
from raman_train.benchmark import intervals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Start = Literal["references", "scratch", "enrolled", "transfer"]
"""``references``: library search without training. ``enrolled``: the pretrained network searches the target's references with its
embedding. ``scratch``: trained only on the target. ``transfer``: pretrained, then retrained on the target."""
TransferKey = tuple[str, str, str, str, str, int]
"""Start, configuration, target, source, split, seed: the identity of a run."""
STARTS = {
    "references": "nothing",
    "enrolled": "{source}; searches the references",
    "scratch": "target",
    "transfer": "{source}, then target",
}
"""What the weights were learned from; ``{source}`` stands for the data of the pretraining."""
HEAD = "| system | learned from | epochs | top-1 | precision | recall | F1 | macro top-1 | top-1, disturbed | runs | s a run |"


class TransferResult(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one fold of one system."""

    target: str
    target_sha256: str
    source: tuple[str, ...]
    """Files of the pretraining; empty without one."""
    source_sha256: str
    system: str
    start: Start
    shots: int
    """Training replicates of a label; 0 is every one outside the test."""
    folds: int
    fold: int
    seed: int
    train: int
    """Training spectra, or references of a search."""
    test: int
    asked: int
    """Different test spectra of all folds."""
    labels: int
    labels_asked: int
    figures: list[evaluate.Figures]
    disturbed: list[evaluate.Figures]
    """The same spectra as from another instrument, see :data:`raman_train.transfer.training.OTHER_INSTRUMENT`."""
    pretraining_spectra: int
    pretraining_epochs: int
    pretraining_seconds: float
    """Once for all runs of a system."""
    epochs: int
    seconds: float
    """Of the training of this fold."""
    device: str
    threads: int
    revision: str
    config_sha256: str
    """Of the model, both trainings and the preprocessing, without seed and fold."""
    split_sha256: str
    """Of the names in training and test: runs with the same one have the same test."""

    @property
    def key(self) -> TransferKey:
        """Identity of the run."""
        return (self.start, self.config_sha256, self.target_sha256, self.source_sha256, self.split_sha256, self.seed)


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A row of the table, with or without results."""

    system: str
    start: str
    config_sha256: str
    source_sha256: str

    @classmethod
    def of(cls, result: TransferResult) -> TransferRow:
        """Return the row of a result: folds and seeds of one system with the same training."""
        return cls(result.system, result.start, result.config_sha256, result.source_sha256)


def read(path: Path) -> list[TransferResult]:
    """Read a results file; a missing file is empty.

    An incomplete last line, after a kill, is left out; the next :func:`append` removes it.

    Raises:
        ConfigError: for an invalid line; the message has its number.
    """
    if not path.exists():
        return []
    found: list[TransferResult] = []
    for number, text in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        try:
            found.append(msgspec.json.decode(text, type=TransferResult))
        except msgspec.MsgspecError as error:
            if not text.endswith(b"\n"):
                break
            msg = (
                f"{str(path)!r}, line {number} is not a result of `raman-train transfer` ({error}): remove it, or choose another --results"
            )
            raise ConfigError(msg) from error
    return found


def append(path: Path, result: TransferResult) -> None:
    """Append one line, completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    AppendOnlyFile(path, JSON_LINES).append([msgspec.json.encode(result) + b"\n"])


def render(results: Sequence[TransferResult], wanted: Mapping[TransferRow, int]) -> str:
    """Return a table of the rows, ``wanted`` with their expected number of results; ``results`` have the same folds."""
    body = [_row(row, count, [line for line in results if TransferRow.of(line) == row]) for row, count in wanted.items()]
    return "\n".join([HEAD, "|" + " --- |" * HEAD.count(" |"), *body])


def sections(results: Sequence[TransferResult]) -> str:
    """Return the tables of a results file, one for each target, number of folds and shots."""
    groups = dict.fromkeys((line.target, line.target_sha256, line.folds, line.shots) for line in results)
    made = []
    for group in groups:
        own = [line for line in results if (line.target, line.target_sha256, line.folds, line.shots) == group]
        made.append(f"{caption(own[0])}\n\n{render(own, Counter(map(TransferRow.of, own)))}")
    return "\n\n".join(made) if made else "not run"


def caption(line: TransferResult) -> str:
    """Return the description of a table."""
    learned = f"{line.shots} replicate{'s' * (line.shots > 1)} of each label" if line.shots else "the other replicates"
    return (
        f"{printable(line.target)}: {line.asked} test spectra of {line.labels_asked} labels in {line.folds} folds, {line.test} per fold, "
        f"trained on {learned} ({line.train} spectra). ± is the larger of two 95 % half widths: Student's t over the folds (seeds "
        "averaged first) and Wilson's over the test spectra. *Disturbed*: the same spectra as from another instrument (axis error of "
        "some 5 cm⁻¹, lines up to 8 cm⁻¹ broader, other response, background, noise and range); training with augmentation contains "
        "similar spectra."
    )


def interval(results: Sequence[TransferResult], values: Sequence[float]) -> tuple[float, float]:
    """Return the mean over folds and the half width of its 95 % interval: Student's t, at least Wilson's (1927) lower one.

    Seeds of a fold have the same test spectra and are averaged first: they are no independent evidence. If every fold is
    completely correct, Student's interval is zero and only the number of spectra gives an interval.
    """
    folds = np.array([line.fold for line in results])
    mean = intervals.mean([float(np.asarray(values)[folds == fold].mean()) for fold in np.unique(folds)])
    count = results[0].asked * mean.n // results[0].folds  # in the folds that have a result
    return mean.value, max(mean.half or 0.0, mean.value - metrics.wilson(mean.value, max(count, 1))[0])


def _source(results: Sequence[TransferResult]) -> str:
    """Return the names of the pretraining data and its number of spectra, for a cell of the table; "source" without results."""
    if not results:
        return "source"
    names = printable(" + ".join(results[0].source)).replace("|", r"\|")
    return f"{names} ({results[0].pretraining_spectra})"


def _row(row: TransferRow, wanted: int, results: list[TransferResult]) -> str:
    learned = STARTS[row.start].format(source=_source(results))
    if not results:
        return f"| {row.system} | {learned} | | not run | | | | | | 0 of {wanted} | |"
    line, figures = results[0], [evaluate.main(one.figures) for one in results]
    mean, half = interval(results, [one.top1 for one in figures])
    columns = [np.mean([getattr(one, name) for one in figures]) for name in ("precision", "recall", "f1", "macro_top1")]
    disturbed, off = interval(results, [evaluate.main(one.disturbed).top1 for one in results])
    epochs = " + ".join(str(count) for count in (line.pretraining_epochs, line.epochs) if count) or "–"
    cells = [
        row.system, learned, epochs, f"{mean:.4f} ± {half:.4f}", *(f"{value:.4f}" for value in columns),
        f"{disturbed:.4f} ± {off:.4f}", f"{len(results)} of {wanted}", f"{np.mean([one.seconds for one in results]):.0f}",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"
