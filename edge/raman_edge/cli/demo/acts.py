"""The story that the demo tells of a simulated spectrometer, as data: what happens, and which answer is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from raman_edge.acquisition.plan import Plan
from raman_edge.cli.demo import exposures
from raman_edge.simulator import samples
from raman_edge.simulator.materials import SEPARATOR, LinesMaterial

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.simulator.materials import Material

LASER_NM = 785.0
EXPOSURE_S = 0.1
"""As the simulated scene is bright for, s."""
TOO_LONG = 6
"""Times as long an exposure saturates the detector at the highest line."""
STANDARD = "polystyrene"

Right = Literal["name", "saturated", "unknown", "part", "anything", "axis"]
"""The label; the label and that the detector was saturated; no label; one of a mixture's parts, and none is as honest; whatever is
said, as nobody has calibrated the axis; a calibration that brings the axis nearer."""
Mishap = Literal["", "spike", "damage", "unplug"]
"""What goes wrong meanwhile."""


@dataclass(frozen=True, slots=True)
class Act:
    """One scene of the story: a sample, how it is measured, and what should come of it."""

    title: str
    """What happens, in words."""
    sample: str
    """What lies under the laser; parts of a mixture with ``+`` between them."""
    right: Right
    plan: Plan
    """How it is measured; the calibration comes from the story."""
    mishap: Mishap = ""
    pictured: bool = False
    """Whether the screen is at its best after it."""

    @property
    def searches(self) -> bool:
        """Whether it takes exposures that are for finding the exposure alone."""
        return self.plan.auto_exposure


def acts(library: Library) -> tuple[Act, ...]:
    """Return the story, with minerals of ``library``."""
    named = exposures.minerals_of(library)
    one, two, three, four = (named[place % len(named)] for place in range(4))
    usual = Plan(exposure_s=EXPOSURE_S, laser_nm=LASER_NM, count=1)
    strangers = [label for label in ("Cyclohexane", "Polystyrene", "Silicon") if label not in library.labels]
    return (
        Act(f"{one}, by the instrument's own axis", one, "anything", usual),
        Act(f"{STANDARD}, a standard: calibrated", STANDARD, "axis", replace(usual, averages=10, pixels=True)),
        Act(f"{one} again, on the calibrated axis", one, "name", replace(usual, averages=3)),
        Act(f"{two}, a cosmic particle strikes", two, "name", replace(usual, averages=3), "spike"),
        Act(f"{three}, exposed too long: saturated", three, "saturated", replace(usual, exposure_s=TOO_LONG * EXPOSURE_S)),
        Act(
            f"{three} again, the exposure is searched", three, "name", replace(usual, exposure_s=TOO_LONG * EXPOSURE_S, auto_exposure=True)
        ),
        Act(f"a mixture of {one} and {four}", f"{one}{SEPARATOR}{four}", "part", usual),
        *(Act(f"{label}, which is not in the library", label, "unknown", replace(usual, averages=3)) for label in strangers[:1]),
        Act(f"{four}, whose first frame loses a byte", four, "name", usual, "damage", pictured=True),
        Act(f"{two}, the cable is out and in again", two, "name", usual, "unplug"),
    )


def find(library: Library, name: str) -> Material:
    """Return what lies under the laser: of ``library``, else what every simulated instrument knows."""
    if name in library.labels:
        return LinesMaterial(name, exposures.table_of(library, name))
    if name in exposures.STRANGERS:
        return LinesMaterial(name, exposures.STRANGERS[name])
    return samples.find(name)
