"""The last step of every reader: points, an origin and the header become a spectrum."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from raman_edge.formats.header import HeaderFacts
from raman_edge.spectrum import Spectrum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raman_edge.formats.tidy import Points
    from raman_edge.spectrum import Origin

_NOTHING = HeaderFacts()


def with_laser(meta: Mapping[str, str], known: HeaderFacts) -> dict[str, str]:
    """Return ``meta`` with ``laser_nm`` and ``laser_from`` where the laser is known."""
    if known.laser_nm is None:
        return dict(meta)
    return {**meta, "laser_nm": f"{known.laser_nm:g}", "laser_from": known.laser_from}


def spectrum(points: Points, origin: Origin, meta: Mapping[str, str], known: HeaderFacts = _NOTHING, index: int = 0) -> Spectrum:
    """Build spectrum number ``index`` of a file; ``meta`` gains ``laser_nm``, ``laser_from``, ``tidied`` where known."""
    stated = with_laser(meta, known)
    if points.notes:
        stated["tidied"] = "; ".join(points.notes)
    return Spectrum(
        axis=points.axis,
        counts=points.counts,
        origin=replace(origin, index=index),
        taken_at=known.taken_at,
        exposure_s=known.exposure_s,
        saturation=known.saturation,
        meta=stated,
    )
