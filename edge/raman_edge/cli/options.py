"""Options that several commands share, and what they name."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli.output import as_json, say

if TYPE_CHECKING:
    from raman_edge.journal import Journal
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.service.display import OpenDisplay
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.settings import Settings

LIMITED = "OPENBLAS_NUM_THREADS" in os.environ
"""Whether the environment limits numpy's threads."""
JOURNAL_VARIABLE = "RAMAN_EDGE_JOURNAL"
PACKS_VARIABLE = "RAMAN_EDGE_PACKS"
USER_LIBRARY_VARIABLE = "RAMAN_EDGE_USER_LIBRARY"
DAY_S = 86_400.0
AXES = ("nm", "shift", "pixel")
LASER_NM = (150.0, 2000.0)
"""Both as in :mod:`raman_edge.service.settings`, which is not imported for ``raman-edge --help``."""
OUTPUT = """an output for the records, besides the journal; may be repeated. jsonl:results.jsonl appends lines of JSON,
csv:results.csv appends to a table, mqtt://user@broker/lab/raman (mqtts:// with TLS; password in RAMAN_EDGE_MQTT_PASSWORD)
publishes each record, prometheus:9464 shows counters at http://127.0.0.1:9464/metrics, stdout writes lines of JSON.
An output that cannot be reached gets later what it missed"""


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--library``, ``--packs``, ``--threads`` and ``--public-key``."""
    parser.add_argument("--model", type=Path, metavar="FILE", help="a model made by `raman-train export --onnx`; default: the embedded one")
    parser.add_argument("--library", type=Path, metavar="FILE", help="reference library of that model; default: the .library.npz beside it")
    add_packs(
        parser,
        "library packs to compare with, by name or file (`raman-edge library packs` lists them); default: "
        f"{PACKS_VARIABLE}, else every installed one, or with "
        "--model or --library that library alone, which is then `minerals`",
    )
    parser.add_argument("--threads", type=at_least_one, default=1, metavar="N", help="processor threads (default: 1)")
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="PUBLIC.pem",
        help="refuse a model and library that are not signed with this key's private key (MODEL.sig)",
    )


def add_packs(parser: argparse.ArgumentParser, what: str = "these library packs, by name or file; default: every installed one") -> None:
    """Add ``--packs``."""
    parser.add_argument("--packs", type=comma_separated, metavar="NAME,…", help=what)


def add_user_library(parser: argparse.ArgumentParser, *, optional: bool = True) -> None:
    """Add ``--user-library`` and, where it is ``optional`` for the command, ``--no-user-library``."""
    parser.add_argument(
        "--user-library",
        type=Path,
        metavar="FILE",
        help=f"your materials, made by `raman-edge library add`; default: {USER_LIBRARY_VARIABLE}, else one in your data folder, at the "
        "start",
    )
    if optional:
        parser.add_argument("--no-user-library", dest="user_library", action="store_false", default=None, help="without your own library")


def add_laser(parser: argparse.ArgumentParser) -> None:
    """Add ``--laser``."""
    parser.add_argument(
        "--laser",
        type=laser_nm,
        metavar="NM",
        help="laser wavelength, nm, for files that do not name it and have a wavelength axis; what a file says takes precedence",
    )


def add_axis(parser: argparse.ArgumentParser) -> None:
    """Add ``--axis``."""
    parser.add_argument(
        "--axis",
        choices=AXES,
        help="what the axis of a file holds that does not name it: wavelengths (nm), Raman shifts (cm-1) or pixels, which need "
        "--calibration; what a file says takes precedence",
    )


def add_calibration(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add ``--calibration``; ``more`` continues its help."""
    parser.add_argument(
        "--calibration",
        metavar="FILE|SERIAL",
        help=f"put the spectra on the axis of a calibration made by `raman-edge calibrate`; files may then have an axis of pixels{more}",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json`` and ``--table``."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON lines, also on a terminal")
    form.add_argument("--table", action="store_true", help="lines for a person, also in a pipe")


def add_journal(parser: argparse.ArgumentParser) -> None:
    """Add ``--journal``."""
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help=f"the journal; default: {JOURNAL_VARIABLE}, else one in the user's state folder"
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add ``--output``."""
    parser.add_argument("--output", action="append", default=[], metavar="OUTPUT", help=" ".join(OUTPUT.split()))


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``; every default of the settings is left to :func:`merged`."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings in TOML; default: RAMAN_EDGE_CONFIG, else config.toml in your configuration folder",
    )
    parser.set_defaults(threads=None, output=None)


def comma_separated(text: str) -> tuple[str, ...]:
    """Read a list of names."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        msg = "expected names of packs with commas between them, such as minerals,everyday"
        raise argparse.ArgumentTypeError(msg)
    return names


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
    """Read a laser wavelength, nm, within the range of Raman instruments."""
    low, high = LASER_NM
    try:
        value = float(text.lower().removesuffix("nm").replace(",", "."))
    except ValueError:
        value = 0.0
    if not low <= value <= high:
        msg = f"expected the laser wavelength in nm, {low:g} to {high:g}, such as 785; got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    return value


def limit_threads(threads: int | str) -> None:
    """Limit numpy's threads: idle ones that spin make the search of a library cost five times the processor time.

    OpenBLAS reads the limit when numpy is first imported: it is set before the module of a command is imported, and again
    where a settings file gives the number. A limit in the environment is kept.
    """
    if "numpy" not in sys.modules and not LIMITED:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)


def given(options: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the command line gives; what it does not give is None."""
    from raman_edge.service import settings  # noqa: PLC0415 - msgspec, which `raman-edge --help` does not load

    return {key: getattr(options, name, None) for key, name in settings.OPTIONS.items()}


def merged(options: argparse.Namespace) -> Settings:
    """Return the settings of a command line, the environment and files."""
    from raman_edge.service import settings  # noqa: PLC0415 - as in given()

    return settings.merge(given(options), getattr(options, "config", None))


def open_identifier(options: argparse.Namespace) -> Identifier:
    """Open model, library and user library of the options, with the notes on standard error; no user library without its option."""
    from raman_edge.service import identifier  # noqa: PLC0415 - numpy and onnxruntime, which not every command needs

    settings = merged(options)
    opened = identifier.open_identifier(settings if hasattr(options, "user_library") else settings.without_user_library)
    for note in opened.notes:
        say(note)
    return opened


def opened(options: argparse.Namespace) -> tuple[Model, Library]:
    """Open the model and the library of :func:`open_identifier`."""
    identifier = open_identifier(options)
    return identifier.model, identifier.library


def paths(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the paths of model and library."""
    from raman_edge.service.identifier import model_paths  # noqa: PLC0415 - as in open_identifier()

    settings = merged(options)
    return model_paths(settings.model, settings.library)


def open_journal(options: argparse.Namespace, *, create: bool = True) -> Journal:
    """Open the journal of :func:`journal_path`."""
    from raman_edge import journal  # noqa: PLC0415 - sqlite, which `raman-edge identify` does not need

    return journal.Journal.open(journal_path(options), create=create)


def journal_path(options: argparse.Namespace) -> Path:
    """Return the path of the journal of the options, the environment or a settings file, else the user's."""
    from raman_edge import journal  # noqa: PLC0415 - as in open_journal()

    return Path(merged(options).journal or journal.default_path())


def open_display(*, as_lines: bool) -> OpenDisplay:
    """Return what makes the display of a run: the screen, or notes on standard error where records go to standard output."""
    if as_lines:
        from raman_edge.service.display import NoteDisplay  # noqa: PLC0415 - numpy

        return lambda *_: NoteDisplay(say)
    from raman_edge.terminal.live import Screen  # noqa: PLC0415 - rich, only on a terminal

    return lambda source, identifier, controls: Screen(source, identifier.model, identifier.library, controls=controls)


def writes_lines(options: argparse.Namespace, outputs: tuple[str, ...] | list[str]) -> bool:
    """Whether a run writes JSON lines to standard output instead of showing a screen."""
    return as_json(options) or "stdout" in outputs
