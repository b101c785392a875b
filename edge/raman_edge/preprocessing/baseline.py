"""Subtract the fluorescence background."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

from raman_edge.errors import SpectrumError
from raman_edge.preprocessing.step import Points, StepBase, imported, require

if TYPE_CHECKING:
    from raman_edge.spectrum import Axis


class Baseline(StepBase, frozen=True, tag="baseline@1"):
    """Subtract a baseline fitted by pybaselines.

    Needs the extra ``baseline``. Importing pybaselines takes about a second, so only a recipe with this step does it.
    """

    method: Literal["arpls", "asls", "airpls", "snip", "modpoly"] = "arpls"
    """The algorithm, by pybaselines' name; arpls is Baek et al., Analyst 140 (2015) 250."""
    lam: float = 1e5
    """Smoothness of the Whittaker methods (arpls, asls, airpls); their literature uses 1e2 to 1e9."""
    half_window: int = 40
    """Largest half window of snip, points."""
    poly_order: int = 5
    """Order of modpoly."""

    def __post_init__(self) -> None:
        require(self.lam > 0, f"baseline wants lam above 0; got {self.lam}")
        require(self.half_window >= 1, f"baseline wants a half_window of at least 1 point; got {self.half_window}")
        require(0 <= self.poly_order <= 20, f"baseline wants a poly_order of 0..20; got {self.poly_order}")  # noqa: PLR2004

    def load(self) -> None:
        imported("pybaselines", self.tag)

    def apply(self, axis: Axis, counts: Points) -> tuple[Axis, Points]:
        try:
            with warnings.catch_warnings():
                # A fit that stops early says so on standard error; what it had by then is used.
                warnings.simplefilter("ignore")
                fitted = self._fit(axis, counts)
        except ValueError as error:
            msg = f"no {self.method} baseline fits the {counts.size} points of the spectrum: {error}"
            raise SpectrumError(msg) from error
        return axis, counts - fitted

    def _fit(self, axis: Axis, counts: Points) -> Points:
        options: dict[str, float]
        if self.method == "snip":
            options = {"max_half_window": self.half_window}
        elif self.method == "modpoly":
            options = {"poly_order": self.poly_order}
        else:
            options = {"lam": self.lam}
        fitter = imported("pybaselines", self.tag).Baseline(x_data=axis.shift, check_finite=False)
        fitted: Points = getattr(fitter, self.method)(counts, **options)[0]
        return fitted
