"""WITec projects to test with: a tree of tags."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Tree = list[tuple[str, object]]
TYPES = {"i8": 1, "i4": 2, "i2": 3, "i1": 4, "u4": 5, "u2": 6, "u1": 7, "f4": 9, "f8": 10}


def tag(name: str, value: object, at: int) -> bytes:
    """Return a tag that begins at byte ``at`` of the file."""
    begin = at + 4 + len(name) + 20
    kind, body = contents(value, begin)
    return struct.pack("<I", len(name)) + name.encode("cp1252") + struct.pack("<IQQ", kind, begin, begin + len(body)) + body


def contents(value: object, begin: int) -> tuple[int, bytes]:
    """Return the type and the bytes of a tag's contents."""
    match value:
        case list():
            body = bytearray()
            for name, child in value:
                body += tag(name, child, begin + len(body))
            made = 0, bytes(body)
        case str():
            made = 9, struct.pack("<I", len(value.encode("cp1252"))) + value.encode("cp1252")
        case bool():
            made = 8, bytes([value])
        case int():
            made = 5, struct.pack("<i", value)
        case float():
            made = 2, struct.pack("<d", value)
        case bytes():
            made = 7, value
        case _:
            array = np.asarray(value)
            made = (8, array.astype("u1").tobytes()) if array.dtype == bool else (2, array.astype("<f8").tobytes())
    return made


@dataclass(frozen=True, eq=False)
class WitecGraph:
    """One graph of a project."""

    counts: NDArray[np.float64]
    """(x, y, columns)."""
    transformation: int = 22
    """Number of the data set that makes wavelengths of columns."""
    interpretation: int = 21
    caption: str = "Map_000_Spec.Data 1"
    kind: str = "u2"
    inverted: bool = False
    valid: Sequence[bool] | None = None

    def tree(self) -> Tree:
        """Return the graph's own tags."""
        wide, high, columns = self.counts.shape
        order = (1, 0, 2) if self.inverted else (0, 1, 2)
        raw = np.ascontiguousarray(self.counts.transpose(order)).astype(f"<{self.kind}").tobytes()
        made: Tree = [("Version", 1), ("SizeX", wide), ("SizeY", high), ("SizeGraph", columns), ("SpaceTransformationID", 19)]
        made += [
            ("XTransformationID", self.transformation),
            ("XInterpretationID", self.interpretation),
            ("DataFieldInverted", self.inverted),
        ]
        made.append(("GraphData", [("Dimension", 2), ("DataType", TYPES[self.kind]), ("Data", raw)]))
        return made if self.valid is None else [*made, ("LineValid", np.array(self.valid, bool))]


POLYNOMIAL: tuple[str, Tree] = (
    "TDSpectralTransformation",
    [("SpectralTransformationType", 0), ("Polynom", np.array([636.3, 0.1334, -2e-6]))],
)
GRATING: tuple[str, Tree] = (
    "TDSpectralTransformation",
    [
        *[("SpectralTransformationType", 1), ("nC", 511.5), ("LambdaC", 704.087), ("Gamma", 0.43633), ("Delta", 0.02)],
        *[("m", 1.0), ("d", 1666.67), ("x", 0.026), ("f", 300.0)],
    ],
)
FREE: tuple[str, Tree] = (
    "TDSpectralTransformation",
    [
        *[("SpectralTransformationType", 2), ("FreePolynomOrder", 3), ("FreePolynomStartBin", 2.0), ("FreePolynomStopBin", 36.0)],
        ("FreePolynom", np.array([640.0, 1.5, 1e-3, 1e-6])),
    ],
)
TABLE: tuple[str, Tree] = ("TDLUTTransformation", [("LUTSize", 40), ("LUT", 640.0 + 1.25 * np.arange(44.0))])
LINEAR: tuple[str, Tree] = ("TDLinearTransformation", [("ModelOrigin_D", 2.0), ("WorldOrigin_D", 640.0), ("Scale_D", 1.5)])
INFORMATION = (
    r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\par General:\par Time:\tab 15:03:08\par Date:\tab 15 July 2015\par Configuration:\tab Raman 633"
    r"\par Integration Time [s]:\tab 1.5\par Scan Width [\'b5m]:\tab 5}"
)


@dataclass(frozen=True, eq=False)
class WitecFile:
    """What a project is to hold; :meth:`made` writes it."""

    graphs: Sequence[WitecGraph]
    transformation: tuple[str, Tree] = POLYNOMIAL
    unit: str = "nm"
    laser: float = 632.8
    mark: bytes = b"WIT_PR06"
    information: str = INFORMATION
    others: Mapping[int, tuple[str, str, Tree]] = field(default_factory=dict)
    """Class, caption and tags of further data sets, by number."""

    def made(self) -> bytes:
        """Return the file's bytes."""
        kind, own = self.transformation
        turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
        view: Tree = [("ModelOrigin", np.array([0.5, 0.5, 0])), ("WorldOrigin", np.array([10.0, 20, 0]))]
        view += [("Scale", np.diag([0.5, 0.25, 1]).T), ("Rotation", turn.T)]
        sets: list[tuple[int, str, str, Tree]] = [
            (19, "TDSpaceTransformation", "places", [("TDSpaceTransformation", [("ViewPort3D", view)])]),
            (21, "TDSpectralInterpretation", "laser", [("TDSpectralInterpretation", [("ExcitationWaveLength", self.laser)])]),
            (22, kind, "axis", [("TDTransformation", [("StandardUnit", self.unit)]), (kind, own)]),
            (24, "TDText", "Map_000 Information", [("TDStream", [("StreamData", self.information.encode("cp1252"))])]),
        ]
        sets += [(100 + k, "TDGraph", graph.caption, [("TDGraph", graph.tree())]) for k, graph in enumerate(self.graphs)]
        sets += [(number, *rest) for number, rest in self.others.items()]
        tree: Tree = []
        for k, (number, name, caption, tags) in enumerate(sets):
            tree += [(f"DataClassName {k}", name), (f"Data {k}", [("TData", [("ID", number), ("Caption", caption)]), *tags])]
        tree.append(("NumberOfData", len(sets)))
        return self.mark + tag("WITec Project", [("Version", 7), ("Data", tree)], 8)
