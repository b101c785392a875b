"""One line of JSON a run: what was asked of whom, and how it was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from raman_edge.errors import ConfigError
from raman_edge.outputs.append_only import JSON_LINES, AppendOnlyFile

from raman_train import evaluate

if TYPE_CHECKING:
    from pathlib import Path

Start = Literal["references", "scratch", "enrolled", "transfer"]
"""``references``: a library search, nothing is learned. ``enrolled``: the pretrained network searches the target's
references with its embedding, nothing is retrained. ``scratch``: trained on the target alone. ``transfer``: both."""


Key = tuple[str, str, str, str, str, int]
"""Start, configuration, target, source, split, seed: what makes two runs the same run."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One fold of one system, measured."""

    target: str
    target_sha256: str
    source: tuple[str, ...]
    """What was pretrained on; empty where nothing was."""
    source_sha256: str
    system: str
    start: Start
    shots: int
    """Replicates of a label learned from; 0 is every one that is not asked."""
    folds: int
    fold: int
    seed: int
    train: int
    """Spectra learned from, or searched."""
    test: int
    asked: int
    """Different spectra asked, over all folds."""
    labels: int
    labels_asked: int
    figures: list[evaluate.Figures]
    disturbed: list[evaluate.Figures]
    """The same spectra asked as another instrument might show them, see :data:`raman_train.transfer.teach.ELSEWHERE`."""
    pretraining_spectra: int
    pretraining_epochs: int
    pretraining_seconds: float
    """Spent once for all lines of a system."""
    epochs: int
    seconds: float
    """Of this fold's training alone."""
    device: str
    threads: int
    revision: str
    config_sha256: str
    """Of the model, both trainings and the preprocessing; seed and fold stand above."""
    split_sha256: str
    """Of the names on each side: lines with the same one were asked the same."""

    @property
    def key(self) -> Key:
        """What this line is the answer to."""
        return (self.start, self.config_sha256, self.target_sha256, self.source_sha256, self.split_sha256, self.seed)


def main(figures: list[evaluate.Figures]) -> evaluate.Figures:
    """Return the ranking a system stands for: the edge's own where there is one, else the class head, else the embedding."""
    ranked = {row.ranking: row for row in figures}
    return ranked.get("library") or ranked.get("head") or ranked["embedding"]


def read(path: Path) -> list[Line]:
    """Read every line; none where there is no file yet. :class:`ConfigError` names the line that is none of ours.

    A last line that a kill tore is left out; the next :func:`append` removes it.
    """
    if not path.exists():
        return []
    read_so_far: list[Line] = []
    for number, text in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        try:
            read_so_far.append(msgspec.json.decode(text, type=Line))
        except msgspec.MsgspecError as error:
            if not text.endswith(b"\n"):
                break
            msg = f"{str(path)!r}, line {number} is no result of `raman-train transfer` ({error}): take it out, or choose other --results"
            raise ConfigError(msg) from error
    return read_so_far


def append(path: Path, line: Line) -> None:
    """Write one more line, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    AppendOnlyFile(path, JSON_LINES).append([msgspec.json.encode(line) + b"\n"])
