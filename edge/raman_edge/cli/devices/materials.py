"""What can be laid under a simulated laser, by name: a standard, a reference of the embedded library, a file of a spectrum."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.calibration import standards
from raman_edge.errors import ConfigError, FormatError, RamanEdgeError
from raman_edge.simulator import materials
from raman_edge.simulator.materials import Curve, Lamp, LinesMaterial

if TYPE_CHECKING:
    from raman_edge.matching.library import Library
    from raman_edge.simulator.materials import Material

HEIGHTS = {
    # Against the tallest, about as a near-infrared laser shows them; nothing is measured by these.
    "polystyrene": (0.3, 0.2, 1.0, 0.3, 0.2, 0.2, 0.2, 0.5, 0.3, 0.4, 0.8),
    "cyclohexane": (0.1, 0.1, 1.0, 0.4, 0.15, 0.4, 0.35, 0.1, 0.6, 0.6, 0.8),
}
"""Heights of a standard's lines; all alike where nobody says."""
NEAREST = 3
"""Names that are suggested for one that nobody knows."""


def find(name: str) -> Material:
    """Return the material of that name, in any case; :class:`ConfigError` with the nearest names where there is none.

    ``none`` is nothing; a standard is known by its lines; everything else by the peak tables of the embedded library.
    A name with a dot or a slash in it that is a file is the spectrum in the file.
    """
    wanted = name.strip()
    if Path(wanted).is_file() and ("/" in wanted or "\\" in wanted or "." in wanted):
        return measured(Path(wanted))
    for look in (_standard, _reference, _plain):
        if (found := look(wanted)) is not None:
            return found
    msg = f"no material is called {name!r}: {_advice(wanted)}"
    raise ConfigError(msg)


def measured(path: Path) -> Material:
    """Return the material that a file's first spectrum is of; :class:`ConfigError` where it is no spectrum."""
    from raman_edge import formats  # noqa: PLC0415 - for the few who give a file
    from raman_edge.spectrum import Origin  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            data = file.read(formats.MAX_BYTES)  # a spectrum that is cut there is none
        seen = formats.read(data, Origin("file", str(path)))[0]
    except OSError as error:
        msg = f"the material's file {str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except FormatError as error:
        msg = f"the material's file {str(path)!r} is no spectrum: {error}"
        raise ConfigError(msg) from error
    return Curve(path.name, seen.axis.shift, seen.counts)


def _standard(name: str) -> Material | None:
    try:
        standard = standards.find(name)
    except ConfigError:
        return None
    if standard.lamp:
        return Lamp(standard.name, standard.truth())
    return LinesMaterial.at(standard.name, standard.lines, HEIGHTS.get(standard.name, ()))


def _reference(name: str) -> Material | None:
    library = _library()
    if library is None:
        return None
    places = [place for place, label in enumerate(library.labels) if label.lower() == name.lower()]
    peaks = library.peaks[places[0]] if places else None
    return LinesMaterial(library.labels[places[0]], peaks) if peaks is not None and len(peaks) else None


def _plain(name: str) -> Material | None:
    try:
        return materials.find(name)
    except ConfigError:
        return None


@cache
def _library() -> Library | None:
    """Open the embedded library, without running its model; None where none is embedded, as in a fresh checkout."""
    from raman_edge.matching import library  # noqa: PLC0415 - once a name is looked up in it
    from raman_edge.model import model  # noqa: PLC0415 - once a name is looked up in it

    try:
        path = model.default_path()
        return library.Library.open(library.default_path(), network=model.look_through(model.read(path), path).network)
    except RamanEdgeError:
        return None


def _advice(name: str) -> str:
    library = _library()
    known = [one.name for one in standards.STANDARDS] + [one.name for one in (*materials.MINERALS, materials.NONE)]
    known += library.labels if library else ()
    known = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, known, NEAREST) or difflib.get_close_matches(name.capitalize(), known, NEAREST)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "expected a standard such as polystyrene, a mineral of the library such as Quartz, none, or a file of a spectrum"
