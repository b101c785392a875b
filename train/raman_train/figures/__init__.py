"""Figures of finished trainings; each ``draw`` is a pure function from arrays to a figure.

================== ============================================================ =============================
module             draws                                                        in Zhou et al. 2022
================== ============================================================ =============================
``learning``       loss and validation figures by epoch; weight of recursions   Fig. 3; the level weights
``confusion``      the confusion matrix and its worst parts                     Figs. 4 and 6
``confused_pairs`` the most confused pairs as overlaid spectra                  Fig. 7
``accuracy``       accuracy by class size and by confidence                     none
================== ============================================================ =============================

``style`` has the common settings and writes the files; :mod:`raman_train.run_figures` reads runs and lists their figures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_train.loop import Epoch


def learning_curve(history: Sequence[Epoch], path: Path, title: str) -> None:
    """Write loss, and validation figures if there are any, against epochs as one PNG."""
    from raman_train.figures import learning, style  # noqa: PLC0415 - matplotlib takes 0.5 s to import

    path.write_bytes(style.rendered(learning.draw({title: history}), "png"))
