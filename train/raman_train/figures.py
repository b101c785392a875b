"""Pictures of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_train.loop import Epoch

LOSS, ACCURACY = "#0072b2", "#d55e00"
"""Blue and vermillion of Okabe and Ito: told apart by every kind of eye."""


def learning_curve(history: Sequence[Epoch], path: Path, title: str) -> None:
    """Draw loss, and validation accuracy where there is one, against epochs."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second, only where a picture is drawn

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    epochs = [done.epoch + 1 for done in history]
    axes.plot(epochs, [done.loss for done in history], color=LOSS, marker="o", markersize=3)
    axes.set(xlabel="epoch", yscale="log", title=title)
    axes.set_ylabel("training loss", color=LOSS)
    seen = [(done.epoch + 1, done.validation) for done in history if done.validation is not None]
    if seen:
        right = axes.twinx()
        right.plot(*zip(*seen, strict=True), color=ACCURACY, marker="s", markersize=3)
        right.set_ylabel("validation top-1", color=ACCURACY)
        right.set_ylim(0, 1)
    figure.savefig(path, dpi=120)
