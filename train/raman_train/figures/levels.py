"""How much each recursion counts in the sum that the answer is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from raman_edge.errors import ConfigError

from raman_train.figures import style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

GROUP = 0.8
"""Width of all bars of one recursion together."""


@style.sheet()
def draw(weights: Mapping[str, NDArray[np.floating]]) -> Figure:
    """Draw the learned level weights of systems by name, each (recursions,), as wᵢ / Σ w; :class:`ConfigError` for none."""
    if not weights:
        msg = "no run has level weights: only drcnn and drcnn-edge sum their recursions"
        raise ConfigError(msg)
    shares = {name: np.asarray(own, dtype=np.float64) / np.sum(own, dtype=np.float64) for name, own in weights.items()}
    figure = style.blank(3.8 + style.LINE * len(shares))
    axes = figure.subplots()
    width, bars = GROUP / len(shares), []
    for number, own in enumerate(shares.values()):
        place = np.arange(1, own.size + 1) + (number - (len(shares) - 1) / 2) * width
        bars.append(axes.bar(place, own, 0.92 * width, color=style.colour(number)))
    for depth in sorted({own.size for own in shares.values()}):
        axes.hlines(1 / depth, 0.5, depth + 0.5, color="black", linestyle="--", linewidth=1)
        axes.annotate(f"1/{depth}", (depth + 0.5, 1 / depth), (3, 0), textcoords="offset points", va="center")
    axes.set(xlabel="recursion i", ylabel="level weight wᵢ / Σ w")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    style.legend(axes, bars, list(shares))
    style.caption(figure, remark(shares))
    return figure


def remark(shares: Mapping[str, NDArray[np.float64]]) -> str:
    """Return what the paper found and what is found here."""
    found = "; ".join(f"{style.plain(name, 60)}: the {ordinal(int(own.argmax()) + 1)} of {own.size}" for name, own in shares.items())
    return f"Highest in Zhou et al. 2022: the 6th of 9. Here {found}. Dashed: every recursion alike, 1/D, as training starts."


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th, 11th and so on."""
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
