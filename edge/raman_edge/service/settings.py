"""What ``raman-edge watch`` may be told by a file, by the environment and on the command line, and which of them wins.

The command line wins over the environment (``RAMAN_EDGE_POLL_S`` and so on), that over the
file. ``--config FILE``, else ``RAMAN_EDGE_CONFIG``, names the one file that is read; where
neither does, the user's ``config.toml`` wins over the system's, and both may be missing.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from raman_edge.errors import ConfigError
from raman_edge.settings import toml
from raman_edge.settings.sources import Setting, first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIG_VARIABLE = "RAMAN_EDGE_CONFIG"
FILE = "config.toml"
COMMAND_LINE = "command line"
DEFAULT = "default"

Seconds = Annotated[float, Meta(gt=0, le=86_400, description="seconds, more than 0 and at most 86400 (a day)", examples=[1.0])]
File = Annotated[str, Meta(min_length=1, description="the path of a file, in quotes", examples=["/var/lib/raman-edge/…"])]
Folder = Annotated[str, Meta(min_length=1, description="the path of a folder, in quotes", examples=["/srv/spectra"])]
Named = Annotated[
    str, Meta(min_length=1, description="the file of a calibration, or the serial number it is of, in quotes", examples=["USB2+A01234"])
]
Glob = Annotated[str, Meta(min_length=1, description="a pattern of file names, in quotes", examples=["*.csv"])]
Sink = Annotated[
    str,
    Meta(
        pattern=r"^(stdout$|(jsonl|csv|prometheus):.|mqtts?://.)",
        description="an output: jsonl:FILE, csv:FILE, stdout, mqtt://HOST/TOPIC, mqtts://HOST/TOPIC or prometheus:PORT",
        examples=["jsonl:answers.jsonl"],
    ),
]
Backlog = Annotated[
    str, Meta(pattern=r"^(process|skip|newest=[1-9][0-9]{0,8})$", description='"process", "skip" or "newest=N"', examples=["newest=100"])
]
AxisTold = Annotated[str, Meta(pattern=r"^(nm|shift|pixel)$", description='"nm", "shift" or "pixel"', examples=["nm"])]
Threads = Annotated[int, Meta(ge=1, le=1024, description="a number of processor threads, 1 to 1024", examples=[1])]
Nanometres = Annotated[float, Meta(ge=150, le=2000, description="a wavelength in nm, 150 to 2000", examples=[785.0])]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be said; None leaves it to the command's own default. Paths in a file are relative to that file."""

    folder: Folder | None = None
    """The folder that is watched; None is none, and the command line has to say it."""
    match: Annotated[tuple[Glob, ...], Meta(min_length=1)] | None = None
    """Patterns of file names, any of which fits; None is every name."""
    stable_s: Seconds | None = None
    """A file is complete once it has been unchanged this long, s; None is 1, or 3 on a network file system.

    Where it cannot be known whether a program still writes the file, ten times as long, 10 s at most.
    """
    poll_s: Seconds | None = None
    """Seconds between two looks; None is 0.5, or 2 on a network file system."""
    backlog: Backlog | None = None
    """What to do with files that lie there at the start: answer them, leave them, answer the newest N; None is to answer them."""
    laser_nm: Nanometres | None = None
    """Wavelength of the laser, nm, for files that do not tell it; None is unknown."""
    axis: AxisTold | None = None
    """What the axis of files holds that do not say it; None is unknown, and such files are faults that ask."""
    calibration: Named | None = None
    """The wavenumber calibration of the instrument that writes the files: its file, or the serial number; None is none."""
    move_failed: Folder | None = None
    """Where files that hold no spectrum are moved; None is nowhere, they stay."""
    journal: File | None = None
    """The journal; None is the one in the user's state folder."""
    model: File | None = None
    """The model; None is the embedded one."""
    library: File | None = None
    """Reference library of the model; None is the one beside it."""
    own: File | bool | None = None
    """The user's own library; None and true are the one in the user's data folder where there is one, false is none."""
    public_key: File | None = None
    """Public key of the signature that the model must have; None requires no signature."""
    threads: Threads = 1
    """Processor threads."""
    to: tuple[Sink, ...] = ()
    """Where records go besides; in the order given."""


KEYS: tuple[str, ...] = Settings.__struct_fields__
PATHS = frozenset(("folder", "move_failed", "journal", "model", "library", "own", "public_key"))
"""Keys whose texts are paths."""
CALIBRATION_END = ".json"
"""What the file of a calibration ends with; a name without a folder and without this end is an instrument's."""
OUTPUT_COMMA = re.compile(r"(?:(?<=^stdout)|(?<=,stdout)),|,(?=stdout(?:,|$)|(?:jsonl|csv|prometheus):|mqtts?:)")
"""A comma between two outputs; others belong to the name of a file or to an address."""
FILE_SINKS = ("jsonl:", "csv:")
OPTIONS = {key: key.removesuffix("_s").removesuffix("_nm") for key in KEYS}
"""Key → what argparse calls the option, whose name has no unit."""
VARIABLES = {key: f"RAMAN_EDGE_{key.upper()}" for key in KEYS} | {"own": "RAMAN_EDGE_LIBRARY", "library": "RAMAN_EDGE_REFERENCES"}
"""Key → environment variable; every command knows RAMAN_EDGE_LIBRARY as the user's own library."""


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``, and leave every default to :func:`merge`."""
    told = f"settings in TOML; default: {CONFIG_VARIABLE}, else {FILE} in your configuration folder"
    parser.add_argument("--config", type=Path, metavar="FILE", help=told)
    parser.set_defaults(threads=None)


def merge(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """Return the options of a command line with what environment and files add to them; the given ones are left as they are.

    Reads the files anew each time. Raises :class:`ConfigError`, a line for every mistake.
    """
    return _applied(options, gather(options, environ))


def merge_nothing(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options of a command line with the defaults alone, where the files or the environment cannot be used."""
    return _applied(options, first(KEYS, [_of_command(options), _defaults()]))


def _applied(options: argparse.Namespace, settings: Mapping[str, Setting]) -> argparse.Namespace:
    merged = argparse.Namespace(**vars(options))
    for key, setting in settings.items():
        value = setting.value
        if key == "own":
            merged.no_own = value is False
            # The variable names a place where nothing need be yet: whoever opens the library looks there.
            value = None if isinstance(value, bool) or setting.origin == VARIABLES["own"] else value
        if isinstance(value, tuple):
            value = list(value)
        setattr(merged, OPTIONS[key], Path(value) if key in PATHS - {"folder"} and isinstance(value, str) else value)
    return merged


def gather(options: argparse.Namespace, environ: Mapping[str, str] = os.environ) -> dict[str, Setting]:
    """Return every key with its value and where that comes from, the default too."""
    named = getattr(options, "config", None)
    return first(KEYS, [_of_command(options), _of_environment(environ), *map(_of_file, files(named, environ)), _defaults()])


def user_library() -> Path:
    """Return where the user's own library lies unless an option gives a path; there need not be one yet."""
    if named := configured("own"):
        return named
    import platformdirs  # noqa: PLC0415 - not needed where a path is given

    return Path(platformdirs.user_data_dir("raman-edge")) / "own.sqlite3"


def configured(key: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the path that environment or files give for ``key``; None where they give none.

    For commands that share the journal or the model with ``watch`` and have no ``--config``.
    """
    value = gather(argparse.Namespace(), environ)[key].value
    return Path(value) if isinstance(value, str) else None


def folder_of(options: argparse.Namespace) -> str:
    """Return the folder that merged options name; :class:`ConfigError` where there is none."""
    if options.folder is None:
        msg = f"no folder to watch: say raman-edge watch DIR, or set folder in a file of settings ({', '.join(map(str, places()))})"
        raise ConfigError(msg)
    return str(options.folder)


def files(named: Path | None, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the files that are read, the one that wins first."""
    if chosen := named or environ.get(CONFIG_VARIABLE):
        return (Path(chosen),)
    return tuple(path for path in places() if os.path.exists(path))  # noqa: PTH110 - Path.exists raises where a folder is closed to us


def places() -> tuple[Path, Path]:
    """Return where the user's file and the system's are looked for."""
    import platformdirs  # noqa: PLC0415 - not needed where a file is named

    system = "/etc/raman-edge" if sys.platform.startswith("linux") else platformdirs.site_config_dir("raman-edge")
    return Path(platformdirs.user_config_dir("raman-edge")) / FILE, Path(system) / FILE


def _defaults() -> dict[str, Setting]:
    return {key: Setting(value, DEFAULT) for key, value in msgspec.structs.asdict(Settings()).items()}


def _of_command(options: argparse.Namespace) -> dict[str, Setting]:
    """Return what the command line says; an option that was not given is None."""
    said = {key: getattr(options, OPTIONS[key], None) for key in KEYS}
    if getattr(options, "no_own", False):
        said["own"] = False
    return {
        key: Setting(str(value) if isinstance(value, Path) else value, COMMAND_LINE) for key, value in said.items() if value is not None
    }


def _of_environment(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Return what the environment says; lists are separated by commas, an empty variable says nothing."""
    return {key: Setting(_from_text(key, name, text), name) for key, name in VARIABLES.items() if (text := environ.get(name))}


def _from_text(key: str, name: str, text: str) -> object:
    given: object = text
    if key == "match":
        given = text.split(",")
    elif key == "to":
        given = OUTPUT_COMMA.split(text)
    try:
        return getattr(msgspec.convert({key: given}, Settings, strict=False), key)
    except msgspec.ValidationError:
        return getattr(toml.convert(toml.TomlDocument(name, {key: given}, {}), Settings), key)  # which tells what is wrong


def _of_file(path: Path) -> dict[str, Setting]:
    """Return what one file says."""
    document = toml.read(path)
    settings = toml.convert(document, Settings)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow a link to where the file's neighbours are not
    return {
        key: Setting(value, document.place((key,)))
        for key, value in ((key, _placed(key, getattr(settings, key), folder)) for key in document.data)
    }


def _placed(key: str, value: object, folder: Path) -> object:
    """Return a value with its paths made absolute, those that are relative being relative to ``folder``."""
    if key in PATHS and isinstance(value, str):
        return str(folder / Path(value).expanduser())
    if key == "calibration" and isinstance(value, str) and (Path(value).name != value or value.endswith(CALIBRATION_END)):
        return str(folder / Path(value).expanduser())
    if key == "to" and isinstance(value, tuple):
        return tuple(_sinks(value, folder))
    return value


def _sinks(specs: tuple[str, ...], folder: Path) -> Iterator[str]:
    for spec in specs:
        kind, colon, rest = spec.partition(":")
        yield f"{kind}:{folder / Path(rest).expanduser()}" if kind + colon in FILE_SINKS else spec
