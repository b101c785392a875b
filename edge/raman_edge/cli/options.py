"""Options that several commands share, and what they name."""

from __future__ import annotations

import argparse
from pathlib import Path

from raman_edge.cli.output import as_json
from raman_edge.service import settings
from raman_edge.service.settings import AXES, LASER_NM, Settings

PACKS_VARIABLE = "RAMAN_EDGE_PACKS"
USER_LIBRARY_VARIABLE = "RAMAN_EDGE_USER_LIBRARY"
DAY_S = 86_400.0
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


def given(options: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the command line gives; what it does not give is None."""
    return {key: getattr(options, name, None) for key, name in settings.OPTIONS.items()}


def merged(options: argparse.Namespace) -> Settings:
    """Return the settings of a command line, the environment and files."""
    return settings.merge(given(options), getattr(options, "config", None))


def writes_lines(options: argparse.Namespace, outputs: tuple[str, ...] | list[str]) -> bool:
    """Whether a run writes JSON lines to standard output instead of showing a screen."""
    return as_json(options) or "stdout" in outputs
