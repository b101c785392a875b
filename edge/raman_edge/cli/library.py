"""``raman-edge library add | list | show | packs | remove``: your own materials, each from one spectrum, and the library packs."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from raman_edge import records
from raman_edge.calibration.calibration import applied
from raman_edge.cli import library_packs
from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, say, write, write_json, write_text
from raman_edge.errors import ConfigError, LibraryError
from raman_edge.matching.user_library import UserLibrary, checked_name, storable
from raman_edge.service.identifier import open_calibration, open_identifier
from raman_edge.sources.files import FileSource
from raman_edge.wording import counted, title

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from raman_edge.cli.parser import Parser
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Verdict
    from raman_edge.matching.user_library import AddedReference, UserReference
    from raman_edge.records import Provenance
    from raman_edge.spectrum import Fault

SOME_FAILED, NOTHING_DONE = 1, 65
DIGEST = 12
"""Characters of a digest that are shown to a person."""


ACTIONS = {
    "add": (f"{__name__}:add", "add a material, or another reference of one"),
    "list": (f"{__name__}:list", "list the materials that were added, or those of packs"),
    "show": (f"{__name__}:show", "show one material that was added, or that a pack holds"),
    "packs": ("raman_edge.cli.library_packs:packs", "list the library packs, with licence and attribution"),
    "remove": (f"{__name__}:remove", "remove a material that was added"),
}


def add_arguments(parser: Parser) -> None:
    """Add the command's actions."""
    parser.description = (
        "Your own materials: each needs one spectrum, and no training. The spectra are kept as they were measured, in your user library; "
        "commands that identify read it when they start. Library packs hold materials of others, with their licence."
    )
    parser.examples = (
        ('raman-edge library add "Beaker 7" white-powder.csv', "add a material; one spectrum is enough"),
        ("raman-edge library list", "what was added"),
        ("raman-edge library packs", "the library packs, with licence and attribution"),
    )
    parser.add_commands("ACTION", ACTIONS)


# add


def add_add(parser: Parser) -> None:
    """Add the arguments of ``add``."""
    parser.describe(
        description="Add a material from spectra of it, or another reference of a known material. The spectra are kept as they were "
        "measured; with --calibration on the calibrated axis. A running `watch` knows the material after its next start. With a folder "
        "alone, make a library pack of the files in it: each material is named by its sub-folder, else by its file.",
        examples=(
            ('raman-edge library add "Beaker 7" white-powder.csv --note "shelf 2"', "one spectrum is enough"),
            ('raman-edge library add "Beaker 7" more/', "more references, from every file of a folder"),
            ("raman-edge library add our-polymers/", "make a pack of a folder: a sub-folder, or a file, for each material"),
        ),
        exits={1: "some spectra were not added, or are identified as something else", 65: "nothing was added"},
    )
    parser.add_argument("name", metavar="NAME", help="the name of the material; or the folder to make a pack of")
    parser.add_argument("files", nargs="*", metavar="FILE", help="spectra of it: files, a folder, or - for standard input")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the pack of a folder; default: in your data folder, where its name selects it"
    )
    parser.add_argument("--licence", default="", metavar="TEXT", help="licence of the pack, such as 'CC BY 4.0'")
    parser.add_argument("--attribution", default="", metavar="TEXT", help="whom to name where the pack is passed on")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept with the spectra, such as who measured them")
    parser.add_argument("--force", action="store_true", help="also add spectra that are too poor to be identified")
    shared.add_user_library(parser, optional=False)
    shared.add_model(parser)
    shared.add_laser(parser)
    shared.add_calibration(parser)
    shared.add_axis(parser)
    shared.add_json(parser)
    parser.set_defaults(usage_error=parser.error)


def run_add(options: argparse.Namespace) -> int:
    """Add references; 1 where a spectrum was not added or is identified as something else, 65 where none was added."""
    if not options.files:
        return library_packs.make_pack(options)
    try:
        name = checked_name(options.name)
    except LibraryError as error:
        options.usage_error(str(error))
    settings = shared.merged(options)
    path = settings.user_library_path(create=True)
    if path is None:
        raise ConfigError(kind="no user library", place="user_library", got="false", advice="Name one with --user-library")
    calibration = open_calibration(options.calibration)
    identifier = open_identifier(settings.without_user_library)
    model = identifier.model
    with UserLibrary.open(path, create=True) as own:
        references, notes = own.references(model)
        library = identifier.library.joined(references)
        name = _one_name(name, library)
        for note in (*identifier.notes, *notes):
            say(note)
        standard_input = sys.stdin.buffer if sys.stdin else None
        files = FileSource(options.files, standard_input, options.laser, pixels=calibration is not None, axis=options.axis)
        spectra = files if calibration is None else applied(files, calibration)
        added, faults = own.add_reference(name, spectra, model, library, note=options.note, force=options.force)
    for one in added:
        _write_added(name, one, library, json=as_json(options))
    provenance = records.provenance(model, library, options.laser, None if calibration is None else calibration.id, axis=options.axis)
    _write_faults(faults, provenance, json=as_json(options))
    if not added:
        return NOTHING_DONE
    return SOME_FAILED if faults or not all(one.is_named(name) for one in added) else 0


def _write_added(name: str, one: AddedReference, library: Library, *, json: bool) -> None:
    if json:
        write_json(_added(name, one, library))
    else:
        done = f"added in {one.enrol_ms:.0f} ms" if one.new else "was there already"
        write_text(f"{_place(one)}: {name} {done}; before {_verdict_text(one.before)}, now {_verdict_text(one.now)}")
    for line in _warnings(name, one, library):
        say(f"{_place(one)}: {line}")


def _write_faults(faults: Sequence[Fault], provenance: Provenance, *, json: bool) -> None:
    for fault in faults:
        if json:
            write(records.encode(records.of(fault, provenance)))
        else:
            say(f"{fault.origin.path}: {fault.why}")


def _one_name(name: str, library: Library) -> str:
    """Return the label that a synonym stands for, where it is one: a material has one name in every result."""
    known = library.synonyms(name)
    if not known or any(label.casefold() == name.casefold() for label in known):
        return name
    if len(known) > 1:
        say(f"{name} is a name of {', '.join(known)}: added as a separate material")
        return name
    say(f"{name} is {known[0]} in the library: added as a reference of {known[0]}")
    return known[0]


def _added(name: str, one: AddedReference, library: Library) -> dict[str, object]:
    origin = one.spectrum.origin
    return {
        "v": 1,
        "event": "added",
        "name": name,
        "source": {"kind": origin.kind, "path": storable(origin.path), "sha256": origin.sha256, "index": origin.index},
        "new": one.new,
        "before": _verdict(one.before),
        "now": _verdict(one.now),
        "alike": [{"label": other.label, "similarity": other.similarity} for other in one.alike],
        "warnings": _warnings(name, one, library),
        "ms": {"enrol": round(one.enrol_ms, 3)},
    }


def _place(one: AddedReference) -> str:
    """Return the file of a spectrum, and its number there."""
    origin = one.spectrum.origin
    return f"{origin.path}#{origin.index + 1}" if origin.index else origin.path


def _warnings(name: str, one: AddedReference, library: Library) -> list[str]:
    """Return what a user should know before relying on the new reference; ``library`` is the one before."""
    warnings = [*one.quality.reject_reasons, *one.quality.warnings]
    if not one.new:
        warnings.append(f"{name} has this spectrum already")
    if not one.is_named(name):
        warnings.append(f"added, but this spectrum is still {_verdict_text(one.now)}; `raman-edge library remove` removes a material")
    if one.alike:
        others = ", ".join(f"{other.label} ({other.similarity:.3f})" for other in one.alike)
        warnings.append(f"{name} is indistinguishable from {others}: a spectrum of one may be identified as the other")
    alike = [label for label in library.labels if label != name and label.casefold() == name.casefold()]
    if alike:
        warnings.append(f"the library also has {alike[0]!r}, a different name from {name!r}")
    return warnings


def _verdict(verdict: Verdict) -> dict[str, object]:
    first = verdict.ranked[0]
    return {"decision": verdict.decision, "match": first.label, "score": first.score, "similarity": first.similarity}


def _verdict_text(verdict: Verdict) -> str:
    """Return an answer in few words."""
    first = verdict.ranked[0]
    if verdict.best is None:
        return f"{verdict.decision} (nearest {first.label}, similarity {first.similarity:.2f})"
    score = "" if first.score is None or verdict.decision != "match" else f" {first.score:.0%}"
    return f"{title(verdict.decision, verdict.names, group=verdict.group, candidates=verdict.ranked)}{score}"


# list, show, remove


def add_list(parser: Parser) -> None:
    """Add the arguments of ``list``."""
    parser.describe(
        description="List the materials that were added: when, and from which files. With --packs, list those of library packs.",
        examples=(
            ("raman-edge library list --packs everyday", "the materials of a pack, with other names, formula and groups"),
            ("raman-edge library list", "each material with its references"),
            ("raman-edge library list --json", "one JSON object a material, for a script"),
        ),
    )
    _add_shared(parser)
    shared.add_packs(parser)
    parser.set_defaults(name=None)


def add_show(parser: Parser) -> None:
    """Add the arguments of ``show``."""
    parser.describe(
        description="Show one material: its references that were added, and what packs hold of it. A synonym or a formula finds it too.",
        examples=(
            ('raman-edge library show "Beaker 7"', "when it was added, and from which files"),
            ('raman-edge library show "Beaker 7" --json', "also digests, versions and notes, for a script"),
        ),
        exits={65: "no such material"},
    )
    parser.add_argument("name", metavar="NAME", help="the name of the material, a synonym or its formula")
    _add_shared(parser)
    shared.add_packs(parser)
    parser.set_defaults(run=run_list)


def add_remove(parser: Parser) -> None:
    """Add the arguments of ``remove``."""
    parser.describe(
        description="Remove every reference of a material that was added. What was removed is printed.",
        examples=(
            ('raman-edge library remove "Beaker 7"', "it is not identified any more"),
            ('raman-edge library remove "Beaker 7" --json', "for a script"),
        ),
        exits={65: "no such material was added"},
    )
    parser.add_argument("name", metavar="NAME", help="the name of the material, in upper or lower case")
    _add_shared(parser)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    shared.add_user_library(parser, optional=False)
    shared.add_json(parser)


def run_list(options: argparse.Namespace) -> int:
    """Print the materials that were added, or the one that is named."""
    entries: Sequence[UserReference] = ()
    if (path := shared.merged(options).user_library_path()) is not None:
        with UserLibrary.open(path, create=False) as own:
            entries = own.entries()
        if options.name is not None:
            name = _stored_name(options.name, entries)
            entries = [entry for entry in entries if entry.name == name]
    listed = library_packs.of_packs(options) if options.name is not None or options.packs else []
    if options.name is not None and not entries and not listed:
        near = library_packs.nearest(options)
        advice = f"did you mean {' or '.join(near)}?" if near else "`raman-edge library list` shows the materials"
        say(f"no material {options.name!r} was added, and no pack has it; {advice}")
        return NOTHING_DONE
    entries = () if options.packs and options.name is None else entries
    if as_json(options):
        _write_materials(entries, "material")
        for one in listed:
            write_json(library_packs.material(one))
        return 0
    lines = [
        *_lines(entries),
        *(line for one in listed for line in library_packs.material_lines(one, options.name is not None)),
    ]
    for line in lines or ["no material was added yet: raman-edge library add NAME FILE"]:
        write_text(line)
    return 0


def run_remove(options: argparse.Namespace) -> int:
    """Remove a material and print what it was."""
    removed: Sequence[UserReference] = ()
    if (path := shared.merged(options).user_library_path()) is not None:
        with UserLibrary.open(path, create=False) as own:
            options.name = _stored_name(options.name, own.entries())
            removed = own.remove(options.name)
    if not removed:
        say(f"no material {options.name!r} was added; `raman-edge library list` shows those that were")
        return NOTHING_DONE
    if as_json(options):
        _write_materials(removed, "removed")
        return 0
    for line in (f"removed: {options.name}", *_lines(removed)[1:]):
        write_text(line)
    return 0


def _stored_name(name: str, entries: Sequence[UserReference]) -> str:
    """Return the name as it was added; upper and lower case count only where two names differ in nothing else."""
    names = {entry.name for entry in entries}
    alike = [one for one in names if one.casefold() == name.casefold()]
    return alike[0] if name not in names and len(alike) == 1 else name


def _write_materials(entries: Sequence[UserReference], event: Literal["material", "removed"]) -> None:
    """Write one line of JSON a material, with all its references."""
    for name, references in _by_name(entries):
        shown = [
            {
                "source": {"kind": one.kind, "path": one.path, "sha256": one.sha256, "index": one.index},
                "added": one.learned,
                "raman_edge": one.version,
                "network": one.network,
                "note": one.note,
            }
            for one in references
        ]
        write_json({"v": 1, "event": event, "name": name, "references": shown})


def _lines(entries: Sequence[UserReference]) -> list[str]:
    """Return lines for a person: each material, and below it its references."""
    lines = []
    for name, references in _by_name(entries):
        lines.append(f"{name}  {counted(len(references), 'reference')}")
        for one in references:
            place = f"{one.path}#{one.index + 1}" if one.index else one.path
            note = f"  {one.note}" if one.note else ""
            lines.append(f"  {one.learned.replace('T', ' ')}  {one.sha256[:DIGEST]}  {place}{note}")
    return lines


def _by_name(entries: Sequence[UserReference]) -> Iterator[tuple[str, list[UserReference]]]:
    """Give the materials by name, their references in the order in which they were added."""
    for name, references in groupby(sorted(entries, key=lambda one: one.name), key=lambda one: one.name):
        yield name, list(references)
