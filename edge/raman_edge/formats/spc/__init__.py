"""Galactic (Thermo) SPC: what GRAMS and most spectrometers' software can save.

New files in both byte orders (versions 0x4B, 0x4C) and old ones (0x4D); an even axis, one axis for
all subfiles or one each; counts in 16 or 32 bits or floating point; one subfile or a series.
Galactic Universal Data Format Specification, SPC.H (1997).
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.binary import BinaryFile
from raman_edge.formats.columns import AXES as AXIS_ROLES
from raman_edge.formats.columns import Role, axis_kind, role
from raman_edge.formats.header import LASER_NM, HeaderFacts, facts, pairs, positive
from raman_edge.formats.shift import to_shift
from raman_edge.formats.spc.codes import AXES, METHODS, METHODS_NOT_RAMAN, RAMAN_SHIFT, UNNAMED, X_UNITS, Y_RAMAN, Y_UNITS
from raman_edge.formats.spc.header import CHROMATOGRAM, Header, described, header, log, order, recognises
from raman_edge.formats.spc.traces import traces
from raman_edge.formats.stack import Trace, stacked
from raman_edge.formats.text import safe
from raman_edge.spectrum import OTHER_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from raman_edge.formats.columns import AxisKind
    from raman_edge.formats.document import FileContent
    from raman_edge.formats.shift import AxisOption
    from raman_edge.spectrum import Origin, Spectrum

_UNBELIEVED = frozenset({2, 3, 10})
"""Codes of the counts that software writes by default: absorbance, Kubelka-Munk, log(1/R)."""
_MOST_ABSORBANCE = 10.0
"""No detector sees through more."""
_NM = re.compile(r"\b([0-9]{3,4}(?:\.[0-9]+)?) ?nm\b")


class Spc:
    """Reads every subfile, its x axis as a Raman shift where it can be made one.

    A file that is no Raman spectrum by its own codes keeps its axis, and says so in the meta.

    ``meta`` has the log's ``key=value`` lines and of the header ``comment``, ``source``,
    ``resolution``, ``method``, ``technique``, ``counts in`` (their unit), ``date`` (its time has no
    zone, so ``taken_at`` stays None) and, in a series, ``z``.
    """

    name = "Galactic SPC"

    def recognises(self, document: FileContent) -> bool:
        """Whether the file begins with an SPC header."""
        return recognises(document.data)

    def read(self, document: FileContent, origin: Origin) -> tuple[Spectrum, ...]:
        """Read every subfile."""
        file = BinaryFile(document.data, order(document.data[1]))
        head = header(file)
        other = _other_method(head)
        kind = None if other else _axis(head)
        stated = pairs(log(file, head))
        if other and _is_no_absorbance(file, head):
            other, kind = None, _axis(head)
        meta = {**stated, **described(file, head), "format": self.name, "counts in": head.y_label or Y_UNITS[head.y_unit]}
        if other:
            meta[OTHER_METHOD] = other
        known = _facts(stated).or_laser(document.laser_nm)

        def shifted(x: NDArray[np.float64]) -> NDArray[np.float64]:
            return x if other else _shift(x, kind, known.laser_nm, document.axis)

        return stacked(_traces(file, head, shifted, known), origin, meta)


def _traces(
    file: BinaryFile, head: Header, shifted: Callable[[NDArray[np.float64]], NDArray[np.float64]], known: HeaderFacts
) -> Iterator[Trace]:
    """Give every subfile its Raman shift."""
    for trace in traces(file, head):
        own = {"z": f"{trace.z:g} ({X_UNITS.get(head.z_unit, 'unknown unit')})"} if head.many else {}
        yield shifted(trace.x), trace.counts, own, known


def _axis(head: Header) -> AxisKind | None:
    """Return what the x axis is; None where nothing says it."""
    label = axis_kind(head.x_label)
    if head.x_unit != RAMAN_SHIFT and label is not None:
        return label
    return AXES.get(head.x_unit)


def _other_method(head: Header) -> str | None:
    """Return what was measured where the file's own codes say that it is no Raman spectrum, as in "absorbance over wavenumber (cm-1)"."""
    label = role(head.x_label)
    if head.x_unit == RAMAN_SHIFT or label in AXIS_ROLES:
        return None
    method = head.method or (2 if head.flags & CHROMATOGRAM else 0)
    other = Role.OTHER in {label, role(head.y_label)}
    if not other and method not in METHODS_NOT_RAMAN and head.y_unit in Y_RAMAN and head.x_unit in UNNAMED.union(AXES):
        return None
    x, y = head.x_label or X_UNITS[head.x_unit], head.y_label or Y_UNITS[head.y_unit]
    kind = f" (a {METHODS[method]})" if method in METHODS_NOT_RAMAN else ""
    return f"{safe(y)} over {safe(x)}{kind}"


def _is_no_absorbance(file: BinaryFile, head: Header) -> bool:
    """Whether only the code of the counts says absorbance or the like over wavenumbers, and the values are too large to be that."""
    return (
        head.y_unit in _UNBELIEVED
        and not head.y_label
        and head.method in {0, 11}
        and head.x_unit in UNNAMED.union(AXES)
        and not head.flags & CHROMATOGRAM
        and float(np.nanmax(next(traces(file, head)).counts, initial=0.0)) > _MOST_ABSORBANCE
    )


def _shift(x: NDArray[np.float64], kind: AxisKind | None, laser_nm: float | None, option: AxisOption | None) -> NDArray[np.float64]:
    """Return the Raman shift, cm⁻¹; an axis without a unit has to look like one."""
    try:
        return to_shift(x, kind, laser_nm, option, raman=True)
    except FormatError as error:
        if kind is not None:
            raise
        raise FormatError(
            kind="axis without a unit",
            place="byte 28",
            got=f"{x[0]:g} to {x[-1]:g}",
            expected="a Raman shift (cm-1)",
            advice="Select it with --axis nm or --axis shift, or set its unit in the software that made the file",
        ) from error


def _facts(stated: Mapping[str, str]) -> HeaderFacts:
    """Return what the log says: WiRE calls the laser "Laser: 785 nm edge", Nicolet gives its wavenumber."""
    known = replace(facts(stated), saturation=None)
    named, wavenumber = _NM.search(stated.get("laser", "")), positive(stated.get("ramanfreq", ""))
    nm = float(named[1]) if named else 1e7 / wavenumber if wavenumber else 0.0
    return replace(known, laser_nm=nm) if known.laser_nm is None and LASER_NM[0] <= nm <= LASER_NM[1] else known
