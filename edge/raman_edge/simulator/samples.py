"""Samples of a simulated instrument, by name: a standard, a material of the embedded library or a pack, a file of a spectrum."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge import formats
from raman_edge.atomic_write import system_path
from raman_edge.calibration import standards
from raman_edge.errors import ConfigError, FormatError, RamanEdgeError
from raman_edge.matching import library, pack
from raman_edge.model import model
from raman_edge.simulator import materials
from raman_edge.simulator.materials import Curve, Lamp, LinesMaterial
from raman_edge.spectrum import Origin

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.simulator.materials import LightSource

HEIGHTS = {
    # Relative to the tallest, about as a near-infrared laser shows them; no measurement uses them.
    "polystyrene": (0.3, 0.2, 1.0, 0.3, 0.2, 0.2, 0.2, 0.5, 0.3, 0.4, 0.8),
    "cyclohexane": (0.1, 0.1, 1.0, 0.4, 0.15, 0.4, 0.35, 0.1, 0.6, 0.6, 0.8),
}
"""Heights of a standard's lines; equal where none are given."""
NEAREST = 3
"""Names that are suggested for an unknown one."""


def find(name: str) -> LightSource:
    """Return the material of that name, in any case; :class:`ConfigError` with the nearest names where there is none.

    ``none`` is no sample; a standard has its lines; every other name is looked up in the peak tables of the embedded library, then
    as a label, synonym or formula in the installed packs. A name with a dot or a slash that is a file is the spectrum in the file.
    """
    wanted = name.strip()
    if system_path(Path(wanted)).is_file() and ("/" in wanted or "\\" in wanted or "." in wanted):
        return measured(Path(wanted))
    for look in (_standard, _reference, _plain, _of_packs):
        if (found := look(wanted)) is not None:
            return found
    raise ConfigError(kind="unknown material", got=repr(name), **_advice(wanted))


def measured(path: Path) -> LightSource:
    """Return the first spectrum of a file as a material; :class:`ConfigError` where there is none."""
    place = f"material {str(path)!r}"
    try:
        with system_path(path).open("rb") as file:
            data = file.read(formats.MAX_BYTES)  # a spectrum that is cut there is not read
        seen = formats.read(data, Origin("file", str(path)))[0]
    except OSError as error:
        raise ConfigError(kind="cannot be read", place=place, cause=error.strerror or str(error)) from error
    except FormatError as error:
        raise ConfigError(kind="not a spectrum", place=place, cause=str(error)) from error
    return Curve(path.name, seen.axis.shift, seen.counts)


def _standard(name: str) -> LightSource | None:
    try:
        standard = standards.find(name)
    except ConfigError:
        return None
    if standard.lamp:
        return Lamp(standard.name, standard.truth())
    return LinesMaterial.at(standard.name, standard.lines, HEIGHTS.get(standard.name, ()))


def _reference(name: str) -> LightSource | None:
    embedded = _library()
    if embedded is None:
        return None
    places = [place for place, label in enumerate(embedded.labels) if label.lower() == name.lower()]
    peaks = embedded.peaks[places[0]] if places else None
    return LinesMaterial(embedded.labels[places[0]], peaks) if peaks is not None and len(peaks) else None


def _plain(name: str) -> LightSource | None:
    try:
        return materials.find(name)
    except ConfigError:
        return None


def _of_packs(name: str) -> LightSource | None:
    """Return the material that the packs know by that label, synonym or formula, with the lines of the library if it has them."""
    found = {one.name: one for label in pack.labels_named(name) if (one := _reference(label) or _spectrum(label))}
    if len(found) > 1:
        raise ConfigError(kind="several materials have that name", got=repr(name), expected=f"one of {', '.join(sorted(found))}")
    return next(iter(found.values()), None)


def _spectrum(label: str) -> Curve | None:
    """Return the first spectrum that the packs have of a label."""
    for opened in pack.open_installed():
        for reference, spectrum in zip(opened.contents.references, opened.spectra, strict=True):
            if reference.label.casefold() == label.casefold():
                return Curve(reference.label, spectrum.axis.shift, spectrum.counts)
    return None


@cache
def _library() -> Library | None:
    """Open the embedded library, without running its model; None where none is embedded, as in a fresh checkout."""
    try:
        path = model.default_path()
        return library.Library.open(library.default_path(), network=model.look_through(model.read(path), path).network)
    except RamanEdgeError:
        return None


def _advice(name: str) -> dict[str, str]:
    """Return what was expected: the nearest names, or examples."""
    embedded = _library()
    known = [one.name for one in standards.STANDARDS] + [one.name for one in (*materials.MINERALS, materials.NONE)]
    known += embedded.labels if embedded else ()
    for opened in pack.open_installed():
        known += [one.label for one in opened.contents.references]
        known += [synonym for one in opened.contents.materials for synonym in one.synonyms]
    spelled = {text.casefold(): text for text in reversed(known)}
    near = [spelled[text] for text in difflib.get_close_matches(name.casefold(), spelled, NEAREST)]
    if near:
        return {"advice": f"Did you mean {' or '.join(near)}?"}
    return {"expected": "a standard such as polystyrene, a mineral of the library such as Quartz, none, or a file of a spectrum"}
