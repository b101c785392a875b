"""The packs that are installed with raman-edge, made from the raw data and the tables beside this file.

The same data give the same packs. The raw data are not in the repository; the packs are, with licence and attribution.
"""

from __future__ import annotations

import csv
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge import formats, peaks
from raman_edge.calibration import standards
from raman_edge.errors import ConfigError, RamanEdgeError, SpectrumError
from raman_edge.matching.library import Library, Material
from raman_edge.matching.pack import EVERYDAY, MINERALS, SHIPPED, Pack, PackContents, PackReference, PackSource, at_steps, shipped_path
from raman_edge.spectrum import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from raman_edge.spectrum import Spectrum

    from raman_train.data.datasets import Dataset

TABLES = Path(__file__).parent
GROUP_LIST = "rruff/mineral_groups.csv"
RRUFF = PackSource(
    title="RRUFF, excellent_unoriented, and Dataset_2 of Zhou et al. 2022; groups from the RRUFF list of IMA minerals",
    licence="",
    attribution="Lafuente, Downs, Yang, Stone (2015), The power of databases: the RRUFF project, in Highlights in Mineralogical "
    "Crystallography, De Gruyter, 1-30; published without a licence",
)
ANIONS = {
    "carbonate": "CO3",
    "nitrate": "NO3",
    "oxalate": "C2O4",
    "borate": "B(?![aeikhr])",
    "compound of tetrahedral anions": "SO4|PO[34]|AsO[34]|As2O|VO|CrO4|MoO4|WO4|Si|Ge",
}
"""Kind of anion → how a formula shows it. Tetrahedral anions replace one another: vivianite and its arsenates are one group."""
MAJORITY = 0.75
"""Share of a group's members with one anion from which a member without it is taken for a mistake of the list, or no help to a chemist."""
FEWEST = 4
"""Members of a group for that."""
FARTHEST = 12.0
"""Largest error of an axis that is corrected, cm⁻¹: half the distance of two lines of polystyrene."""
NOT_GROUPS = frozenset({"Amorphous"})
"""Entries of the list that are no group of like minerals."""


class SourceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A source in ``everyday.toml``."""

    id: str
    title: str
    licence: str
    attribution: str
    folder: str = ""
    """Folder of files, one a material."""
    table: str = ""
    """Table with a column for each material; the first one is the axis, cm⁻¹."""
    licence_file: str = ""
    standard: str = ""
    """Column of the table that is polystyrene: its known lines correct the axis of all columns, measured on the same instrument."""


class MaterialTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A material in ``everyday.toml``; without groups and synonyms it is one of the minerals pack."""

    formula: str = ""
    groups: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    wasatch: tuple[str, ...] = ()
    rampp: tuple[str, ...] = ()


class EverydayTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``everyday.toml``."""

    name: str
    title: str
    sources: tuple[SourceTable, ...]
    materials: dict[str, MaterialTable]


class MineralsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``minerals.toml``."""

    alias: dict[str, str]
    groups: dict[str, tuple[str, ...]]
    names: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ListedMineral:
    """A line of the list."""

    name: str
    groups: tuple[str, ...]
    """As raman-edge names them."""
    anions: frozenset[str]


def build(name: str, data: Path, library: Library) -> tuple[Pack, tuple[str, ...]]:
    """Return a pack from the folder of raw ``data``, and remarks; ``library`` is the one of the embedded model, for its labels.

    Raises:
        ConfigError: if there is no such pack, or its data cannot be read.
    """
    if name == EVERYDAY:
        return everyday(data), ()
    if name == MINERALS:
        return minerals(data, library.labels)
    raise ConfigError(kind="no such pack", got=repr(name), expected=f"{MINERALS} or {EVERYDAY}")


def of_dataset(dataset: Dataset, name: str, source: PackSource) -> tuple[Pack, tuple[str, ...]]:
    """Return a pack of a dataset of ``raman-train import``, and which spectra are left out; chemistry comes from the shipped packs."""
    known: dict[str, Material] = {}
    for shipped in SHIPPED:
        known = {**Pack.open(shipped_path(shipped)).materials, **known}
    references: list[PackReference] = []
    spectra: list[Spectrum] = []
    left_out: list[str] = []
    for place, label in enumerate(dataset.labels.tolist()):
        specimen, one = str(dataset.names[place]), dataset.spectrum(place)
        try:
            spectra.append(at_steps(one.axis.shift, one.counts))
        except SpectrumError as error:
            left_out.append(f"{specimen}: {error}")
            continue
        references.append(PackReference(label, specimen, 0))
    materials = tuple(known[label] for label in sorted({one.label for one in references} & known.keys()))
    contents = PackContents(name=name, title=source.title, sources=(source,), materials=materials, references=tuple(references))
    return Pack(contents, tuple(spectra)), tuple(left_out)


def everyday(data: Path) -> Pack:
    """Return the pack of organics, solvents, salts and polymers."""
    table = msgspec.convert(tomllib.loads((TABLES / "everyday.toml").read_text("utf-8")), EverydayTable)
    sources = tuple(
        PackSource(
            title=one.title,
            licence=one.licence,
            attribution=one.attribution,
            text=(data / one.licence_file).read_text("utf-8") if one.licence_file else "",
        )
        for one in table.sources
    )
    materials = tuple(
        Material(label, one.synonyms, one.formula, one.groups)
        for label, one in table.materials.items()
        if one.formula or one.groups or one.synonyms
    )
    references: list[PackReference] = []
    spectra: list[Spectrum] = []
    for number, source in enumerate(table.sources):
        columns = _columns(data / source.table, source.standard) if source.table else {}
        for label, one in table.materials.items():
            for specimen in getattr(one, source.id):
                spectrum = columns[specimen] if columns else _of_file(data / source.folder / f"{specimen}.csv")
                references.append(PackReference(label, f"{source.id}/{specimen}", number))
                spectra.append(spectrum)
    contents = PackContents(name=table.name, title=table.title, sources=sources, materials=materials, references=tuple(references))
    return Pack(contents, tuple(spectra))


def minerals(data: Path, labels: Sequence[str]) -> tuple[Pack, tuple[str, ...]]:
    """Return the pack of the minerals, without spectra, and which lines of the list are not used."""
    table = msgspec.convert(tomllib.loads((TABLES / "minerals.toml").read_text("utf-8")), MineralsTable)
    listed, left_out = listed_minerals(data / GROUP_LIST)
    groups: dict[str, list[str]] = defaultdict(list)
    for group, members in table.groups.items():
        for label in members:
            groups[label].append(group)
    materials = []
    for label in labels:
        found = listed.get(plain(table.alias.get(label, label)))
        formula, *synonyms = table.names.get(label, ("",))
        if found and found.name != label and plain(found.name) == plain(label):
            synonyms.insert(0, found.name)  # Chabazite-Ca: the label is a file's name, ChabaziteCa
        every = tuple(dict.fromkeys((*groups[label], *(found.groups if found else ()))))
        if formula or synonyms or every:
            materials.append(Material(label, tuple(synonyms), formula, every))
    lone = {group for group, count in Counter(group for one in materials for group in one.groups).items() if count == 1}
    kept = (msgspec.structs.replace(one, groups=tuple(group for group in one.groups if group not in lone)) for one in materials)
    contents = PackContents(
        name=MINERALS, title="Minerals", sources=(RRUFF,), materials=tuple(one for one in kept if one.groups or one.synonyms or one.formula)
    )
    return Pack(contents, ()), left_out


def listed_minerals(path: Path) -> tuple[dict[str, ListedMineral], tuple[str, ...]]:
    """Return the minerals of the list by their plain names, and the memberships of a group that its chemistry contradicts.

    The list gives two groups, structural and Fleischer; both count. A mineral without the anion that nearly all others of a group
    have is not of that group here: a reader of "calcite group" expects a carbonate.

    Raises:
        ConfigError: if it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        read = [(row["mineral"], tuple(_groups(row)), anions(row["ima_chemistry"])) for row in rows]
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise ConfigError(kind="not the list of minerals", place=repr(str(path)), cause=str(error)) from error
    members: dict[str, list[frozenset[str]]] = defaultdict(list)
    for _, groups, found in read:
        for group in groups:
            members[group].append(found)
    expected: dict[str, str] = {}
    for group, each in members.items():
        counted = Counter(anion for found in each for anion in found)
        anion = min(counted, key=lambda one: (-counted[one], one), default="")  # the same in every run, also between equal ones
        count = counted[anion]
        if len(each) >= FEWEST and MAJORITY * len(each) <= count < len(each):
            expected[group] = anion
    listed: dict[str, ListedMineral] = {}
    left_out: list[str] = []
    for mineral, groups, found in read:
        wrong = [group for group in groups if group in expected and expected[group] not in found]
        left_out += [f"{mineral} is not counted to the {group}: it is no {expected[group]}" for group in wrong]
        listed[plain(mineral)] = ListedMineral(mineral, tuple(group for group in groups if group not in wrong), found)
    return listed, tuple(left_out)


def anions(formula: str) -> frozenset[str]:
    """Return the kinds of anions in a formula, such as ``carbonate``; empty for oxides, sulfides and others."""
    return frozenset(name for name, pattern in ANIONS.items() if re.search(pattern, formula))


def plain(name: str) -> str:
    """Return a mineral's name without case, accents, hyphens and brackets, which the file names of RRUFF lack."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower())


def _groups(row: dict[str, str]) -> Iterator[str]:
    """Give the groups of a line, structural and Fleischer, in the words of raman-edge."""
    seen: set[str] = set()
    for column in ("structural_group", "fleischer_group"):
        for listed in filter(None, map(str.strip, row[column].split(","))):
            if listed not in NOT_GROUPS and (name := group_name(listed)) not in seen:
                seen.add(name)
                yield name


def group_name(listed: str) -> str:
    """Return a name of the list as raman-edge shows it: ``jarosite subgroup`` for ``alunite-jarosite-jarosite subgroup``."""
    name = listed.lower()
    if match := re.fullmatch(r"(?P<group>.+)-group \d (?P<which>.+)", listed):  # amphibole-group 2 Ca
        return f"{match['group']} group ({match['which']})"
    if name.endswith((" subgroup", " series")):
        return name.rpartition("-")[2]
    if name.startswith("mica-"):
        return f"{name.removeprefix('mica-').removesuffix('s')} group"
    return f"{name} group"


def _of_file(path: Path) -> Spectrum:
    try:
        (spectrum,) = formats.read(path.read_bytes(), Origin("file", path.name))
        return at_steps(spectrum.axis.shift, spectrum.counts)
    except (OSError, ValueError, RamanEdgeError) as error:
        raise ConfigError(kind="cannot be read", place=repr(str(path)), cause=str(error)) from error


def _columns(path: Path, standard: str) -> dict[str, Spectrum]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, delimiter=";")
        columns = np.array(rows, dtype=np.float64).T
    except (OSError, ValueError) as error:
        raise ConfigError(kind="cannot be read", place=repr(str(path)), cause=str(error)) from error
    named = dict(zip(header[1:], columns[1:], strict=True))
    shift = corrected(columns[0], named[standard]) if standard else columns[0]
    return {name: at_steps(shift, column) for name, column in named.items()}


def corrected(shift: NDArray[np.floating], polystyrene: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return an axis that puts the lines of polystyrene where ASTM E1840 has them: a straight line through their errors.

    Raises:
        ConfigError: if fewer than four of its lines are found.
    """
    seen = at_steps(shift, polystyrene)
    found = peaks.find(seen.axis, seen.counts).shift
    lines = standards.find("polystyrene").truth()
    pairs = [(float(found[k]), line) for line in lines.tolist() if abs(found[k := int(np.abs(found - line).argmin())] - line) <= FARTHEST]
    if len(pairs) < 4:  # noqa: PLR2004 - a straight line, and lines to contradict it
        raise ConfigError(kind="no polystyrene", got=f"{len(pairs)} of its {len(lines)} lines", expected="at least 4")
    at, true = np.array(pairs).T
    slope, offset = np.polyfit(at, true - at, 1)
    whole: NDArray[np.floating] = shift + slope * shift + offset
    return whole
