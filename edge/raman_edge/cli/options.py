"""Options that several commands share, and what they open."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli.output import say

if TYPE_CHECKING:
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.journal import Journal
    from raman_edge.matching.library import Library
    from raman_edge.matching.user_library import UserLibrary
    from raman_edge.model.model import Model

LIMITED = "OPENBLAS_NUM_THREADS" in os.environ
"""Whether the environment limits numpy's threads."""
JOURNAL_VARIABLE = "RAMAN_EDGE_JOURNAL"
OWN_VARIABLE = "RAMAN_EDGE_LIBRARY"
DAY_S = 86_400.0
AXES = ("nm", "shift", "pixel")
"""What an axis may hold that its file does not name."""
LASER_NM = (150.0, 2000.0)
"""As in ``formats.header``, which imports numpy: too early for :func:`limit_threads`."""


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--library``, ``--threads`` and ``--public-key``."""
    parser.add_argument("--model", type=Path, metavar="FILE", help="a model made by `raman-train export --onnx`; default: the embedded one")
    parser.add_argument("--library", type=Path, metavar="FILE", help="reference library of that model; default: the .library.npz beside it")
    parser.add_argument("--threads", type=at_least_one, default=1, metavar="N", help="processor threads (default: 1)")
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="PUBLIC.pem",
        help="refuse a model and library that are not signed with this key's private key (MODEL.sig)",
    )


def add_own(parser: argparse.ArgumentParser, *, can_do_without: bool = True) -> None:
    """Add ``--own`` and, where a command can do without it, ``--no-own``."""
    parser.add_argument(
        "--own",
        type=Path,
        metavar="FILE",
        help=f"your materials, made by `raman-edge library add`; default: {OWN_VARIABLE}, else one in your data folder; read at the start",
    )
    if can_do_without:
        parser.add_argument("--no-own", action="store_true", help="without your own library")


def add_laser(parser: argparse.ArgumentParser) -> None:
    """Add ``--laser``."""
    parser.add_argument(
        "--laser",
        type=laser_nm,
        metavar="NM",
        help="the laser's wavelength, nm, for files that do not tell it and have a wavelength axis; what a file says itself wins",
    )


def add_axis(parser: argparse.ArgumentParser) -> None:
    """Add ``--axis``."""
    parser.add_argument(
        "--axis",
        choices=AXES,
        help="what the axis of a file holds that does not say it: wavelengths (nm), Raman shifts (cm-1) or pixels, which need "
        "--calibration; what a file says itself wins",
    )


def add_calibration(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add ``--calibration``; ``more`` is what the command says of it besides."""
    parser.add_argument(
        "--calibration",
        metavar="FILE|SERIAL",
        help=f"put the spectra on the axis of a calibration made by `raman-edge calibrate`; files may then have an axis of pixels{more}",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="JSON lines, also on a terminal")


def add_journal(parser: argparse.ArgumentParser) -> None:
    """Add ``--journal``."""
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help=f"the journal; default: {JOURNAL_VARIABLE}, else one in the user's state folder"
    )


def at_least_one(text: str) -> int:
    """Read a number of at least 1."""
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        msg = f"expected a whole number of at least 1, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def seconds(text: str) -> float:
    """Read a duration of more than 0 and at most a day, s."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= DAY_S:
        msg = f"expected seconds, more than 0 and at most {DAY_S:g}, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value


def laser_nm(text: str) -> float:
    """Read a laser's wavelength, nm, within what Raman instruments have."""
    low, high = LASER_NM
    try:
        value = float(text.lower().removesuffix("nm").replace(",", "."))
    except ValueError:
        value = 0.0
    if not low <= value <= high:
        msg = f"expected the laser's wavelength in nm, {low:g} to {high:g}, such as 785; got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value


def opened(options: argparse.Namespace) -> tuple[Model, Library]:
    """Open the model and the library that the options name, with the user's own where the command has :func:`add_own`."""
    model, library = opened_base(options)
    if not getattr(options, "no_own", True) and (path := own_path(options)) is not None:
        from raman_edge.matching.user_library import UserLibrary  # noqa: PLC0415 - with sqlite

        with UserLibrary.open(path, create=False) as own:
            library = with_own(library, own, model)
    return model, library


def opened_calibration(options: argparse.Namespace) -> Calibration | None:
    """Open the calibration that the options name, None where they name none; one that has ended is refused."""
    if options.calibration is None:
        return None
    limit_threads(options.threads)
    from datetime import UTC, datetime  # noqa: PLC0415 - for those who have one

    from raman_edge.calibration import store  # noqa: PLC0415

    calibration = store.find(options.calibration)
    calibration.require_fresh(datetime.now(UTC))
    return calibration


def opened_base(options: argparse.Namespace) -> tuple[Model, Library]:
    """Open the model and the library that was exported with it."""
    limit_threads(options.threads)
    from raman_edge.api import open_model  # noqa: PLC0415 - numpy and onnxruntime take 0.3 s

    model, library = open_model(options.model, options.library, public_key=options.public_key, threads=options.threads)
    for note in model.notes:
        say(note)
    return model, library


def paths(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return where the model and the library lie that the options name."""
    from raman_edge.matching import library  # noqa: PLC0415 - with numpy
    from raman_edge.model import model  # noqa: PLC0415 - with numpy

    beside = library.path_beside(options.model) if options.model else library.default_path()
    return options.model or model.default_path(), options.library or beside


def with_own(library: Library, own: UserLibrary, model: Model) -> Library:
    """Return ``library`` with what the user has taught; what this model cannot use is said."""
    references, left_out = own.references(model)
    for line in left_out:
        say(line)
    return library.joined(references)


def own_path(options: argparse.Namespace) -> Path | None:
    """Return where the user's own library lies; None where there is none yet and nobody has asked for one."""
    if options.own:
        return Path(options.own)
    path = default_own_path()
    return path if path.exists() else None


def default_own_path() -> Path:
    """Return where the user's own library lies unless an option says otherwise."""
    from raman_edge.service import settings  # noqa: PLC0415 - with msgspec

    return settings.user_library()


def limit_threads(threads: int | str) -> None:
    """Limit numpy's threads: idle ones that spin make the search of a library cost five times the processor time.

    OpenBLAS reads the limit when numpy is first imported: it is set before the module of a command is imported, and again
    where a settings file gives the number. A limit in the environment is kept.
    """
    if "numpy" not in sys.modules and not LIMITED:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)


def opened_journal(options: argparse.Namespace, *, create: bool = True) -> Journal:
    """Open the journal that option, environment or a file of settings name, else the user's own."""
    from raman_edge import journal  # noqa: PLC0415 - with sqlite
    from raman_edge.service import settings  # noqa: PLC0415 - with msgspec

    return journal.Journal.open(options.journal or settings.configured("journal") or journal.default_path(), create=create)
