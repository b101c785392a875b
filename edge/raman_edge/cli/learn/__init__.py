"""``raman-edge learn NAME FILE…``: a new material from one spectrum, without training; what was taught, and forgetting it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.errors import ConfigError, LibraryError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from raman_edge.matching.library import Library
    from raman_edge.matching.teach import AddedReference
    from raman_edge.matching.user_library.entry import UserReference
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Fault

SOME_FAILED, NOTHING_DONE = 1, 65


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Teach a new material from one spectrum, or give a known one another reference. The spectra are kept as they were measured, "
        "in your own library (with --calibration on the calibrated axis); commands that identify read it when they start: a running "
        "`watch` knows the material from its next start on."
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="what the material is called")
    parser.add_argument("files", nargs="*", metavar="FILE", help="spectra of it: files, a folder, or - for standard input")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="what was taught, when, and from what")
    instead.add_argument("--forget", metavar="NAME", help="remove every reference of a material that was taught")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept with the spectra, such as who measured them")
    parser.add_argument("--force", action="store_true", help="also learn spectra too poor to be named")
    shared.add_user_library(parser, optional=False)
    shared.add_model(parser)
    shared.add_laser(parser)
    shared.add_calibration(parser)
    shared.add_axis(parser)
    shared.add_json(parser)
    parser.set_defaults(usage_error=parser.error)


def run(options: argparse.Namespace) -> int:
    """Learn, list or forget; 1 where a spectrum was not learned or keeps another name, 65 where nothing was done."""
    if options.list or options.forget is not None:
        if options.name is not None:
            options.usage_error("--list and --forget stand without NAME and FILE")
        return _list(options) if options.list else _forget(options)
    if not options.files:
        options.usage_error("expected NAME FILE…, --list, or --forget NAME")
    return _learn(options)


def _learn(options: argparse.Namespace) -> int:
    from raman_edge.service.identifier import open_calibration, open_identifier  # noqa: PLC0415 - numpy, after its threads were limited

    calibration, settings = open_calibration(options.calibration), shared.merged(options)
    identifier = open_identifier(settings.without_user_library)
    model = identifier.model
    from raman_edge.calibration.calibration import applied  # noqa: PLC0415 - numpy, after its threads were limited
    from raman_edge.matching.teach import teach  # noqa: PLC0415
    from raman_edge.matching.user_library import UserLibrary  # noqa: PLC0415
    from raman_edge.matching.user_library.entry import checked_name  # noqa: PLC0415
    from raman_edge.sources.files import FileSource  # noqa: PLC0415

    try:
        name = checked_name(options.name)
    except LibraryError as error:
        options.usage_error(str(error))
    path = settings.user_library_path(create=True)
    if path is None:
        msg = "got user_library = false in the settings, expected a library to learn into: name one with --user-library"
        raise ConfigError(msg)
    with UserLibrary.open(path, create=True) as own:
        references, notes = own.references(model)
        library = identifier.library.joined(references)
        for note in (*identifier.notes, *notes):
            say(note)
        standard_input = sys.stdin.buffer if sys.stdin else None
        given = FileSource(options.files, standard_input, options.laser, pixels=calibration is not None, axis=options.axis)
        spectra = given if calibration is None else applied(given, calibration)
        learned, faults = teach(name, spectra, model, library, own, note=options.note, force=options.force)
    _tell(options, name, learned, faults, model, library, None if calibration is None else calibration.id)
    if not learned:
        return NOTHING_DONE
    return SOME_FAILED if faults or not all(one.is_named(name) for one in learned) else 0


def _tell(
    options: argparse.Namespace,
    name: str,
    learned: Iterable[AddedReference],
    faults: Iterable[Fault],
    model: Model,
    library: Library,
    calibration: str | None,
) -> None:
    """Print what was learned and what was not; ``library`` is the one before, ``calibration`` the id of the axis."""
    from raman_edge import records  # noqa: PLC0415 - numpy
    from raman_edge.cli.learn import taught as shown  # noqa: PLC0415

    for one in learned:
        if _for_a_person(options):
            write_text(shown.words(name, one))
        else:
            write(shown.encoded(name, one, library))
        for line in shown.warnings(name, one, library):
            say(f"{shown.place(one)}: {line}")
    for fault in faults:
        if _for_a_person(options):
            say(f"{fault.origin.path}: {fault.why}")
        else:
            write(records.encode(records.of(fault, records.provenance(model, library, options.laser, calibration, axis=options.axis))))


def _list(options: argparse.Namespace) -> int:
    """Print what was taught, by material; nothing is no error."""
    from raman_edge.cli.learn import listed  # noqa: PLC0415 - msgspec

    entries = _held(options)
    if _for_a_person(options):
        for line in listed.words(entries):
            write_text(line)
    else:
        for encoded in listed.encoded(entries):
            write(encoded)
    return 0


def _held(options: argparse.Namespace) -> tuple[UserReference, ...]:
    path = shared.merged(options).user_library_path()
    if path is None:
        return ()
    from raman_edge.matching.user_library import UserLibrary  # noqa: PLC0415 - sqlite

    with UserLibrary.open(path, create=False) as own:
        return own.entries()


def _forget(options: argparse.Namespace) -> int:
    """Remove a material and say what it was; what was not taught cannot be forgotten."""
    path = shared.merged(options).user_library_path()
    removed: tuple[UserReference, ...] = ()
    if path is not None:
        from raman_edge.matching.user_library import UserLibrary  # noqa: PLC0415 - sqlite

        with UserLibrary.open(path, create=False) as own:
            removed = own.forget(options.forget)
    if not removed:
        say(f"{options.forget!r} was never taught; `raman-edge learn --list` shows what was")
        return NOTHING_DONE
    from raman_edge.cli.learn import listed  # noqa: PLC0415 - msgspec

    if _for_a_person(options):
        for line in (f"Forgotten: {options.forget}", *listed.words(removed)[1:]):
            write_text(line)
    else:
        for encoded in listed.encoded(removed, event="forgotten"):
            write(encoded)
    return 0


def _for_a_person(options: argparse.Namespace) -> bool:
    return is_terminal() and not options.json
