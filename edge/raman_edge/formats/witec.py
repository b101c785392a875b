"""WITec projects (.wip) and data (.wid): every spectrum, series and map in them.

A project holds data sets: graphs with counts, transformations from a column to a wavelength or from a
point to a place, interpretations with the laser and the unit shown, texts. A graph whose columns have a
spectral transformation is spectra. Names, formulas and units as wit_io (J. T. Holmi, 2019) has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import FormatError
from raman_edge.formats.columns import Role
from raman_edge.formats.document import CUT_SHORT, BinaryFile, safe
from raman_edge.formats.header import LASER_NM, HeaderFacts, facts, pairs, positive
from raman_edge.formats.spectra import Trace, axis, check_points, check_spectra, polynomial, stacked
from raman_edge.formats.witec_tags import Tag, number, read_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from raman_edge.formats.document import FileContent, Number
    from raman_edge.spectrum import Origin, Spectrum

_MARK = 8
"""Bytes of the mark."""
_MOST_DATA = 4096
"""Data sets of a project."""
_TYPES: dict[int, Number] = {
    1: "i8",
    2: "i4",
    3: "i2",
    4: "i1",
    5: "u4",
    6: "u2",
    7: "u1",
    8: "u1",
    9: "f4",
    10: "f8",
}
"""How counts are kept, by code."""
_POLYNOMIAL, _GRATING, _FREE_POLYNOMIAL = 0, 1, 2
"""Kinds of a spectral transformation."""
_MOST_ORDER = 32
_RTF = re.compile(r"\\'([0-9a-fA-F]{2})|\\(par|line|tab)\b ?|\\[a-zA-Z]+-?[0-9]* ?|[{}]")
_KEPT_FACTS = (
    *("date", "time", "start date", "start time", "sample name", "configuration"),
    *("objective name", "user name", "number of accumulations"),
)
"""What of the information about a measurement goes into the meta."""
_INFORMATION = " information"
_EXPOSURE = "exposure s"
"""Under which the exposure stands among the information, s."""
_MOST_INFORMATION = 4 * 1024 * 1024
"""Characters of all information that are looked at; each measurement has some 3000."""
_LASER = ("excitation wavelength [nm]", "laser wavelength [nm]")


@dataclass(frozen=True)
class _Data:
    """One data set of a project."""

    kind: str
    """Name of its class, as in ``TDGraph``."""
    caption: str
    tags: dict[str, Tag]

    @cached_property
    def own(self) -> dict[str, Tag]:
        """What only this class has."""
        return self.tags[self.kind].children if self.kind in self.tags else {}


@dataclass(frozen=True, slots=True)
class _Graph:
    """One graph that is spectra."""

    data: _Data
    tags: dict[str, Tag]
    columns: int
    wide: int
    high: int
    """Spectra along x and y."""
    transformation: _Data
    """From a column to its wavelength."""
    laser_nm: float | None

    @property
    def spectra(self) -> int:
        """Spectra there is room for."""
        return self.wide * self.high


@dataclass(frozen=True, slots=True)
class _PreparedGraph:
    """A graph on the axis of a Raman spectrum."""

    graph: _Graph
    shift: NDArray[np.float64]
    """cm⁻¹, (columns,)."""
    known: HeaderFacts
    meta: dict[str, str]


def read(document: FileContent, origin: Origin, name: str) -> tuple[Spectrum, ...]:
    """Read every spectrum of every graph that has a spectral axis; other data sets are counted in the meta.

    ``meta`` has ``title`` (the caption), ``x`` and ``y`` of a map, ``collected`` where a map is not
    complete, ``left_out`` and what the information about the measurement holds.
    """
    file = BinaryFile(document.data)
    _, root = read_tag(file, _MARK, file.size)
    data = _data_sets(root)
    graphs = [found for one in data.values() if one.kind == "TDGraph" and (found := _graph(one, data)) is not None]
    rest = sum(one.kind in {"TDGraph", "TDImage", "TDBitmap"} for one in data.values()) - len(graphs)
    if not graphs:
        kinds = ", ".join(sorted({safe(one.kind.removeprefix("TD")) for one in data.values()})[:9]) or "nothing"
        raise FormatError(
            kind="no spectra", got=f"{len(data)} data sets ({kinds})", expected="a graph with a spectral axis", advice="Save a graph"
        )
    check_spectra(sum(graph.spectra for graph in graphs), sum(graph.spectra * graph.columns for graph in graphs))
    information = _information(data)
    ready, faults = [], []
    for graph in graphs:
        try:
            ready.append(_prepared(graph, information, document))
        except FormatError as error:
            faults.append(error.at(safe(graph.data.caption)))
    if not ready:
        raise faults[0] if len(faults) == 1 else faults[0].at(f"the first of {len(faults)} graphs")
    meta = {"format": name} | _left_out(rest, faults)
    return stacked((trace for one in ready for trace in _traces(file, one, data)), origin, meta)


def _left_out(images: int, faults: list[FormatError]) -> dict[str, str]:
    """Say what of the project is not read."""
    parts = [f"{images} images and graphs that are no spectra"] if images else []
    if faults:
        parts.append(f"{len(faults)} graphs ({faults[0]})")
    return {"left_out": "; ".join(parts)} if parts else {}


def _data_sets(root: Tag) -> dict[int, _Data]:
    """Return the data sets by their number."""
    sets = root.children.get("Data")
    tags = replace(sets, most=2 * _MOST_DATA + 2).children if sets is not None else {}
    count = number(tags, "NumberOfData")
    if sets is None or count is None or not 0 <= count <= _MOST_DATA:
        got = "no" if count is None else f"{count:g}"
        raise FormatError(
            kind="too many data sets",
            place=f"byte {_MARK}",
            got=f"{got}",
            expected=f"up to {_MOST_DATA}",
            advice="The project is damaged: save it again",
        )
    found: dict[int, _Data] = {}
    for index in range(int(count)):
        kind, one = tags.get(f"DataClassName {index}"), tags.get(f"Data {index}")
        if kind is None or one is None:
            continue
        own = one.children
        about = own["TData"].children if "TData" in own else {}
        identity = number(about, "ID")
        caption = about["Caption"].text() if "Caption" in about else ""
        found.setdefault(-1 - index if identity is None else int(identity), _Data(kind.text(), caption, own))
    return found


def _graph(data: _Data, others: Mapping[int, _Data]) -> _Graph | None:
    """Return a graph with a spectral axis; None where it has none."""
    tags = data.own
    transformation = others.get(int(number(tags, "XTransformationID") or 0))
    interpretation = others.get(int(number(tags, "XInterpretationID") or 0))
    if transformation is None or not _is_spectral(transformation, interpretation):
        return None
    columns, wide, high = (int(number(tags, name) or 0) for name in ("SizeGraph", "SizeX", "SizeY"))
    check_points(columns)
    if wide < 1 or high < 1:
        raise FormatError(
            kind="no spectra",
            place=f"{safe(data.caption)}",
            got=f"{wide} x {high} spectra",
            expected="at least one",
            advice="Save the project again after the measurement",
        )
    check_spectra(wide * high, wide * high * columns)
    laser = None
    if interpretation is not None and interpretation.kind == "TDSpectralInterpretation":
        laser = number(interpretation.own, "ExcitationWaveLength")
    return _Graph(
        data=data,
        tags=tags,
        columns=columns,
        wide=wide,
        high=high,
        transformation=transformation,
        laser_nm=laser if laser is not None and LASER_NM[0] <= laser <= LASER_NM[1] else None,
    )


def _is_spectral(transformation: _Data, interpretation: _Data | None) -> bool:
    """Whether a column's value is a wavelength in nm."""
    if transformation.kind == "TDSpectralTransformation":
        return True
    about = transformation.tags["TDTransformation"].children if "TDTransformation" in transformation.tags else {}
    unit = about["StandardUnit"].text() if "StandardUnit" in about else ""
    spectral = interpretation is not None and interpretation.kind == "TDSpectralInterpretation"
    return spectral and unit == "nm" and transformation.kind in {"TDLUTTransformation", "TDLinearTransformation"}


def _wavelengths(transformation: _Data, columns: int) -> NDArray[np.float64]:
    """Return the wavelength of every column, nm."""
    tags, at = transformation.own, np.arange(float(columns))
    if transformation.kind == "TDLinearTransformation":
        origin, world, scale = (
            _required_number(tags, transformation, f"{name}_D", name) for name in ("ModelOrigin", "WorldOrigin", "Scale")
        )
        return np.asarray(scale * (at - origin) + world)
    if transformation.kind == "TDLUTTransformation":
        table = _required_numbers(tags, transformation, "LUT")[: int(number(tags, "LUTSize") or 0)]
        if table.size < 2:  # noqa: PLR2004 - one value is not an axis
            raise FormatError(
                kind="wrong number of wavelengths",
                place=f"{safe(transformation.caption)}",
                got=f"a table of {table.size} wavelengths",
                expected="one per column",
                advice="Save the project again",
            )
        return np.asarray(np.interp(at, np.arange(float(table.size)), table), np.float64)
    kind = int(_required_number(tags, transformation, "SpectralTransformationType"))
    if kind == _POLYNOMIAL:
        return polynomial(_required_numbers(tags, transformation, "Polynom")[:3].tolist(), at)
    if kind == _GRATING:
        return _grating(at, tags, transformation)
    if kind == _FREE_POLYNOMIAL:
        order = int(_required_number(tags, transformation, "FreePolynomOrder"))
        first, last = (_required_number(tags, transformation, f"FreePolynom{which}Bin") for which in ("Start", "Stop"))
        coefficients = _required_numbers(tags, transformation, "FreePolynom")[: max(0, min(order, _MOST_ORDER)) + 1]
        return polynomial(coefficients.tolist(), np.clip(at, first, max(first, last)))
    raise FormatError(
        kind="unsupported axis",
        place=f"{safe(transformation.caption)}",
        got=f"a spectral axis of kind {kind}",
        expected=f"0 to {_FREE_POLYNOMIAL}",
        advice="Export the spectrum as text",
    )


def _grating(at: NDArray[np.float64], tags: dict[str, Tag], transformation: _Data) -> NDArray[np.float64]:
    """Return the wavelengths behind a grating, nm, by the grating equation on a detector that may be tilted."""
    centre, nm, gamma, delta, order, density, pixel, focal = (
        _required_number(tags, transformation, name) for name in ("nC", "LambdaC", "Gamma", "Delta", "m", "d", "x", "f")
    )
    alpha = np.arcsin(nm * order / density / (2 * np.cos(gamma / 2))) - gamma / 2
    across = pixel * (centre - at) - focal * np.sin(delta)
    beta = gamma + alpha - delta - np.arctan2(across, focal * np.cos(delta))
    return np.asarray(density / order * (np.sin(alpha) + np.sin(beta)))


def _required_number(tags: dict[str, Tag], data: _Data, *names: str) -> float:
    value = number(tags, *names)
    if value is None:
        raise FormatError(
            kind="missing number",
            place=f"{safe(data.caption)}",
            got=f"no number {names[-1]}",
            expected="one",
            advice="The project is damaged: save it again",
        )
    return value


def _required_numbers(tags: dict[str, Tag], data: _Data, name: str) -> NDArray[np.float64]:
    found = tags[name].numbers() if name in tags else None
    if found is None or not found.size:
        raise FormatError(
            kind="missing numbers",
            place=f"{safe(data.caption)}",
            got=f"no {name}",
            expected="numbers",
            advice="The project is damaged: save it again",
        )
    return found


def _prepared(graph: _Graph, information: Mapping[str, dict[str, str]], document: FileContent) -> _PreparedGraph:
    """Return a graph with its Raman shift, and what is known of its spectra."""
    caption = graph.data.caption
    about = next((texts for name, texts in information.items() if caption.lower().startswith(name)), {})
    laser = graph.laser_nm or next((nm for key in _LASER if (nm := positive(about.get(key, ""))) is not None), None)
    known = HeaderFacts(laser_nm=laser, exposure_s=positive(about.get(_EXPOSURE, ""))).or_laser(document.laser_nm)
    shift, stated = axis(_wavelengths(graph.transformation, graph.columns), Role.WAVELENGTH, known, document)
    return _PreparedGraph(graph, shift, known, stated | {"title": caption} | {key: about[key] for key in _KEPT_FACTS if key in about})


def _traces(file: BinaryFile, ready: _PreparedGraph, others: Mapping[int, _Data]) -> Iterator[Trace]:
    """Give every spectrum of a graph its place."""
    graph, meta = ready.graph, dict(ready.meta)
    points = _points(graph)
    if len(points) < graph.spectra:
        meta["collected"] = f"{len(points)} of {graph.spectra}"
    dtype, at = _counts(graph)
    where = _places(graph, others)
    size = int(dtype[1]) * graph.columns
    for index, x, y in points:
        own = {} if where is None else {name: f"{value:g} um" for name, value in zip("xyz", where(x, y), strict=True)}
        yield ready.shift, file.array(dtype, at + index * size, graph.columns, "counts"), meta | own, ready.known


def _points(graph: _Graph) -> list[tuple[int, int, int]]:
    """Return the spectra that were measured, as they follow in the file: number, column and line of the map."""
    valid = graph.tags["LineValid"].numbers() if "LineValid" in graph.tags else None
    lines = {y for y in range(graph.high) if valid is None or y >= valid.size or valid[y]}
    along_x = bool(number(graph.tags, "DataFieldInverted"))
    found = []
    for index in range(graph.spectra):
        x, y = (index % graph.wide, index // graph.wide) if along_x else (index // graph.high, index % graph.high)
        if y in lines:
            found.append((index, x, y))
    if not found:
        raise FormatError(
            kind="no spectra",
            place=f"{safe(graph.data.caption)}",
            got=f"0 of {graph.spectra} spectra",
            expected="at least one",
            advice="Wait until the measurement is complete",
        )
    return found


def _counts(graph: _Graph) -> tuple[Number, int]:
    """Return how the counts are kept, and the byte where they begin."""
    tags = graph.tags["GraphData"].children if "GraphData" in graph.tags else {}
    code, data = number(tags, "DataType"), tags.get("Data")
    if code not in _TYPES or data is None:
        raise FormatError(
            kind="unsupported type of counts",
            place=f"{safe(graph.data.caption)}",
            got=f"type {code}",
            expected="a known type",
            advice="Export the spectrum as text",
        )
    dtype = _TYPES[int(code)]
    wanted = int(dtype[1]) * graph.columns * graph.spectra
    if data.size < wanted:
        raise FormatError(
            kind="wrong number of counts",
            place=f"byte {data.at}",
            got=f"{data.size} bytes",
            expected=f"{wanted} of {graph.wide} x {graph.high} spectra",
            advice=CUT_SHORT,
        )
    return dtype, data.at


def _places(graph: _Graph, others: Mapping[int, _Data]) -> Callable[[int, int], NDArray[np.float64]] | None:
    """Return the function from a point of a map to its place, um (3,); None without a map or its places."""
    space = others.get(int(number(graph.tags, "SpaceTransformationID") or 0))
    if min(graph.wide, graph.high) < 2 or space is None or space.kind != "TDSpaceTransformation":  # noqa: PLR2004 - a line has one
        return None
    view = space.own["ViewPort3D"].children if "ViewPort3D" in space.own else {}
    model, world, scale, rotation = (
        found.numbers() if (found := view.get(name)) is not None else None for name in ("ModelOrigin", "WorldOrigin", "Scale", "Rotation")
    )
    if model is None or world is None or scale is None or rotation is None:
        return None
    if (model.size, world.size, scale.size, rotation.size) != (3, 3, 9, 9):
        return None
    turn = rotation.reshape(3, 3).T @ scale.reshape(3, 3).T
    return lambda x, y: turn @ (np.array([x, y, 0.0]) - model) + world


def _information(data: Mapping[int, _Data]) -> dict[str, dict[str, str]]:
    """Return the pairs in the texts called "… Information", by the beginning of the captions they belong to."""
    found: dict[str, dict[str, str]] = {}
    left = _MOST_INFORMATION
    for one in data.values():
        caption = one.caption.lower()
        stream = one.tags["TDStream"].children.get("StreamData") if "TDStream" in one.tags else None
        if one.kind == "TDText" and caption.endswith(_INFORMATION) and stream is not None:
            rich = stream.raw() if left > 0 else ""
            left -= len(rich)
            about = pairs(_plain(rich).splitlines())
            exposure_s = facts(about).exposure_s
            found[caption.removesuffix(_INFORMATION) + "_"] = about | ({_EXPOSURE: f"{exposure_s!r}"} if exposure_s else {})
    return found


def _plain(rich: str) -> str:
    """Return the text of a rich text."""
    return _RTF.sub(lambda found: chr(int(found[1], 16)) if found[1] else {"par": "\n", "line": "\n", "tab": "\t"}.get(found[2], ""), rich)
