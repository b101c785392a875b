"""Library packs on the command line: ``raman-edge library packs``, a pack of a folder, and the materials of packs."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from raman_edge.atomic_write import system_path
from raman_edge.calibration.calibration import applied
from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, say, write_json, write_text
from raman_edge.matching import pack as packs
from raman_edge.matching.library import Material, default_path
from raman_edge.matching.pack import Pack, PackReference
from raman_edge.matching.user_library import UserLibrary
from raman_edge.service.identifier import open_calibration
from raman_edge.sources.files import read_file
from raman_edge.wording import USER

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from raman_edge.cli.parser import Parser
    from raman_edge.spectrum import Fault, Spectrum


SOME_FAILED, NOTHING_DONE = 1, 65
NEAREST = 5
"""Most names that are offered where none is found."""
SHORTEST = 4
"""Least characters of a part of a name that is looked for."""


def make_pack(options: argparse.Namespace) -> int:
    """Make a pack of a folder; 1 where files were left out."""
    folder = Path(options.name)
    if not system_path(folder).is_dir():
        options.usage_error(f"expected NAME FILE…, or a folder to make a pack of; got {options.name!r} alone")
    out = options.out or packs.user_folder() / f"{folder.resolve().name}{packs.END}"
    calibration = open_calibration(options.calibration)

    def read(file: Path) -> list[Spectrum | Fault]:
        events = read_file(str(file), options.laser, axis=options.axis, pixels=calibration is not None)
        return [*(applied(events, calibration) if calibration else events)]

    source = packs.PackSource(title=str(folder), licence=options.licence, attribution=options.attribution)
    made, left_out = packs.of_folder(folder, read, source)
    for line in left_out:
        say(line)
    if not made.spectra:
        say(f"no spectrum in {str(folder)!r}; no pack was made")
        return NOTHING_DONE
    system_path(out.parent).mkdir(parents=True, exist_ok=True)
    made.save(out)
    labels = sorted({one.label for one in made.contents.references})
    if as_json(options):
        write_json({"v": 1, "event": "pack", "path": str(out), "name": made.name, "materials": labels, "references": len(made.spectra)})
    else:
        write_text(f"{out}: pack {made.name}, {len(labels)} materials, {len(made.spectra)} references: {', '.join(labels)}")
    return SOME_FAILED if left_out else 0


def add_packs(parser: Parser) -> None:
    """Add the arguments of ``packs``."""
    parser.describe(
        description="List the library packs: their materials and references, and source, licence and attribution of these.",
        examples=(
            ("raman-edge library packs", "the installed packs, and your user library"),
            ("raman-edge library packs --packs lab.pack.npz", "one pack, by its file"),
        ),
    )
    shared.add_user_library(parser, optional=False)
    shared.add_json(parser)
    shared.add_packs(parser)


def run_packs(options: argparse.Namespace) -> int:
    """Print the packs with source, licence and attribution."""
    for pack in _open_packs(options):
        references = pack.contents.references
        labels = {one.label for one in references}
        if as_json(options):
            sources = [msgspec.to_builtins(one) for one in pack.contents.sources]
            facts = {"name": pack.name, "title": pack.contents.title, "materials": len(labels), "references": len(references)}
            write_json({"v": 1, "event": "pack", **facts, "sha256": pack.sha256, "sources": sources})
            continue
        write_text(f"{pack.name}  {pack.contents.title}: {len(labels)} materials, {len(references)} references")
        for one in pack.contents.sources:
            write_text(f"  {one.title}")
            write_text(f"    licence: {one.licence or 'none was published'}")
            write_text(f"    attribution: {one.attribution or 'none given'}")
    return _user_pack(options)


def _user_pack(options: argparse.Namespace) -> int:
    """Print the user library as a pack, if it exists."""
    path = shared.merged(options).user_library_path()
    if path is None or options.packs:
        return 0
    with UserLibrary.open(path, create=False) as own:
        entries = own.entries()
    materials = len({entry.name for entry in entries})
    if as_json(options):
        write_json(
            {"v": 1, "event": "pack", "name": USER, "title": str(path), "materials": materials, "references": len(entries), "sources": []}
        )
    else:
        write_text(f"{USER}  {path}: {materials} materials, {len(entries)} references, added by you")
    return 0


class Listed(NamedTuple):
    """A material of a pack, with its references there."""

    pack: Pack
    material: Material
    references: Sequence[PackReference]


def of_packs(options: argparse.Namespace) -> list[Listed]:
    """Return the materials of the packs of the options, or those that the name stands for."""
    wanted = None if options.name is None else options.name.strip().casefold()
    return [one for one in _every(options) if wanted is None or wanted in packs.names_of(one.material)]


def nearest(options: argparse.Namespace) -> list[str]:
    """Return the labels in the packs that a name, which no material has, may stand for: what contains it, else what is spelled alike."""
    wanted = options.name.strip().casefold()
    label_of = {name: one.material.label for one in _every(options) for name in packs.names_of(one.material)}
    near = [name for name in label_of if len(wanted) >= SHORTEST and wanted in name] or difflib.get_close_matches(wanted, label_of, NEAREST)
    return list(dict.fromkeys(label_of[name] for name in near))[:NEAREST]


def _every(options: argparse.Namespace) -> Iterator[Listed]:
    for pack in _open_packs(options):
        references: dict[str, list[PackReference]] = {label: [] for label in pack.materials}
        for one in pack.contents.references:
            references.setdefault(one.label, []).append(one)
        for label, of_label in references.items():
            yield Listed(pack, pack.materials.get(label, Material(label)), of_label)


def _open_packs(options: argparse.Namespace) -> list[Pack]:
    chosen = shared.merged(options).packs
    return [_whole(one) for one in ([Pack.open(packs.find(name)) for name in chosen] if chosen else packs.open_installed())]


def _whole(pack: Pack) -> Pack:
    """Return a pack with its references: those of the minerals are in the library that was exported with the embedded model."""
    if pack.name != packs.MINERALS or pack.contents.references:
        return pack
    with np.load(default_path(), allow_pickle=False) as arrays:
        labels = arrays["labels"][arrays["label_of"]].tolist()
        references = tuple(PackReference(*one, 0) for one in zip(labels, arrays["specimens"].tolist(), strict=True))
    return replace(pack, contents=msgspec.structs.replace(pack.contents, references=references))


def material(listed: Listed) -> dict[str, object]:
    """Return a material of a pack for a script."""
    pack, material, references = listed
    sources = pack.contents.sources
    return {
        "v": 1,
        "event": "material",
        "name": material.label,
        "pack": pack.name,
        "synonyms": list(material.synonyms),
        "formula": material.formula,
        "groups": list(material.groups),
        "references": [
            {"specimen": one.specimen, "source": sources[one.source].title, "licence": sources[one.source].licence} for one in references
        ],
    }


def material_lines(listed: Listed, full: bool) -> list[str]:  # noqa: FBT001 - how much
    """Return a material of a pack for a person: one line, and where it is shown alone the specimens of each source."""
    pack, material, references = listed
    beside = ", ".join(filter(None, (*material.synonyms, material.formula)))
    groups = f"  [{'; '.join(material.groups)}]" if material.groups else ""
    lines = [f"{material.label}{', ' if beside else ''}{beside}{groups}  pack {pack.name}"]
    if full:
        for number, source in enumerate(pack.contents.sources):
            if specimens := dict.fromkeys(one.specimen for one in references if one.source == number):
                lines.append(f"  {', '.join(specimens)}  {source.title}, {source.licence or 'no licence'}: {source.attribution}")
    return lines
