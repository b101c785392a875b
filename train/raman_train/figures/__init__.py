"""Pictures of finished trainings: one a module, each a pure function from arrays to a figure.

=============== ==================================================== =============================
module          draws                                                in Zhou et al. 2022
=============== ==================================================== =============================
``learning``    loss and validation accuracy by epoch                Fig. 3
``confusion``   who is taken for whom: the whole and its worst parts Figs. 4 and 6
``levels``      how much every recursion counts                      the level weights
``pairs``       the most confused pairs as overlaid spectra          Fig. 7
``class_size``  accuracy by how much there was to learn from         none
``reliability`` whether a confidence means what it says              none
=============== ==================================================== =============================

``style`` holds what they share and is the one place that writes files; ``finished`` reads
runs, ``album`` says which pictures they give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_train.loop import Epoch


def learning_curve(history: Sequence[Epoch], path: Path, title: str) -> None:
    """Write loss, and validation accuracy where there is one, against epochs as one PNG."""
    from raman_train.figures import learning, style  # noqa: PLC0415 - half a second, only where a picture is drawn

    path.write_bytes(style.rendered(learning.draw({title: history}), "png"))
