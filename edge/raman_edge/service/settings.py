"""Settings of a run, from the command line, environment variables and a TOML file, in this order of precedence.

Each key is also an environment variable (``RAMAN_EDGE_POLL_S`` for ``poll_s``). One file is read: the one that ``--config`` or
``RAMAN_EDGE_CONFIG`` names; without them the user's ``config.toml`` takes precedence over the system's, and both may be missing.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import platformdirs
from msgspec import Meta

from raman_edge.atomic_write import system_path
from raman_edge.errors import ConfigError
from raman_edge.settings import Setting, first, toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIG_VARIABLE = "RAMAN_EDGE_CONFIG"
FILE = "config.toml"
COMMAND_LINE = "command line"
DEFAULT = "default"
AXES = ("nm", "shift", "pixel")
"""What an axis may hold that its file does not name."""
LASER_NM = (150.0, 2000.0)
"""As in ``formats.header``, which loads numpy and every reader."""

Seconds = Annotated[float, Meta(gt=0, le=86_400, description="seconds, more than 0 and at most 86400 (a day)", examples=[1.0])]
File = Annotated[str, Meta(min_length=1, description="the path of a file, in quotes", examples=["/var/lib/raman-edge/…"])]
Folder = Annotated[str, Meta(min_length=1, description="the path of a folder, in quotes", examples=["/srv/spectra"])]
CalibrationName = Annotated[
    str, Meta(min_length=1, description="the file of a calibration, or the serial number it is of, in quotes", examples=["USB2+A01234"])
]
Glob = Annotated[str, Meta(min_length=1, description="a pattern of file names, in quotes", examples=["*.csv"])]
Output = Annotated[
    str,
    Meta(
        pattern=r"^(stdout$|(jsonl|csv|prometheus):.|mqtts?://.)",
        description="an output: jsonl:FILE, csv:FILE, stdout, mqtt://HOST/TOPIC, mqtts://HOST/TOPIC or prometheus:PORT",
        examples=["jsonl:answers.jsonl"],
    ),
]
PackName = Annotated[str, Meta(min_length=1, description="the name of a library pack, or its file, in quotes", examples=["everyday"])]
Backlog = Annotated[
    str, Meta(pattern=r"^(process|skip|newest=[1-9][0-9]{0,8})$", description='"process", "skip" or "newest=N"', examples=["newest=100"])
]
AxisSetting = Annotated[Literal["nm", "shift", "pixel"], Meta(description='"nm", "shift" or "pixel"', examples=["nm"])]
Threads = Annotated[int, Meta(ge=1, le=1024, description="a number of processor threads, 1 to 1024", examples=[1])]
Nanometres = Annotated[float, Meta(ge=LASER_NM[0], le=LASER_NM[1], description="a wavelength in nm, 150 to 2000", examples=[785.0])]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of ``watch``; None is the default of the run. Paths in a file are relative to that file."""

    folder: Folder | None = None
    """Folder to watch; None is none, and the command line has to name it."""
    match: Annotated[tuple[Glob, ...], Meta(min_length=1)] | None = None
    """Patterns of file names, any of which fits; None is every name."""
    stable_s: Seconds | None = None
    """A file is complete once it has been unchanged this long, s; None is 1, or 3 on a network file system.

    Where it cannot be known whether a program still writes the file, ten times as long, 10 s at most.
    """
    poll_s: Seconds | None = None
    """Time between two scans, s; None is 0.5, or 2 on a network file system."""
    backlog: Backlog | None = None
    """What to do with files that exist at the start: process all, skip them, process the newest N; None processes all."""
    laser_nm: Nanometres | None = None
    """Laser wavelength, nm, for files that do not name it; None is unknown."""
    axis: AxisSetting | None = None
    """What the axis of a file holds that does not name it; None is unknown, and such files are faults."""
    calibration: CalibrationName | None = None
    """Wavenumber calibration of the instrument that writes the files: its file, or the serial number; None is none."""
    move_failed: Folder | None = None
    """Where files that hold no spectrum are moved; None leaves them."""
    journal: File | None = None
    """The journal; None is the one in the user's state folder."""
    model: File | None = None
    """The model; None is the embedded one."""
    library: File | None = None
    """Reference library of the model; None is the one beside it."""
    packs: tuple[PackName, ...] | None = None
    """Library packs by name or file; None is every installed one for the embedded model, and the model's library alone for another."""
    user_library: File | bool | None = None
    """The user library; None and true are the one in the user's data folder where it exists, false is none."""
    public_key: File | None = None
    """Public key of the signature that the model must have; None requires no signature."""
    threads: Threads = 1
    """Processor threads."""
    output: tuple[Output, ...] = ()
    """Outputs for the records besides the journal, in the order given."""

    def require_folder(self) -> str:
        """Return the folder to watch; :class:`ConfigError` where none is set."""
        if self.folder is None:
            raise ConfigError(
                kind="no folder to watch",
                expected=f"raman-edge watch DIR, or folder in a settings file ({', '.join(map(str, places()))})",
            )
        return self.folder

    def user_library_path(self, *, create: bool = False) -> Path | None:
        """Return the path of the user library; None for no library, and where no setting names one and there is none to ``create``."""
        if isinstance(self.user_library, str):
            return Path(self.user_library)
        path = default_user_library()
        return path if self.user_library is not False and (create or os.path.exists(system_path(path))) else None  # noqa: PTH110 - as in files()

    @property
    def without_user_library(self) -> Settings:
        """The same settings, for a command that does not use the user library."""
        return msgspec.structs.replace(self, user_library=False)


KEYS: tuple[str, ...] = Settings.__struct_fields__
SHARED = ("journal", "model", "library", "packs", "user_library", "public_key")
"""Keys that hold for every command, also those without ``--config``."""
PATHS = frozenset(("folder", "move_failed", *SHARED))
"""Keys whose texts are paths."""
CALIBRATION_END = ".json"
"""Suffix of a calibration's file; a name without a folder and without this suffix is a serial number."""
OUTPUT_COMMA = re.compile(r"(?:(?<=^stdout)|(?<=,stdout)),|,(?=stdout(?:,|$)|(?:jsonl|csv|prometheus):|mqtts?:)")
"""A comma between two outputs; others belong to the name of a file or to an address."""
FILE_OUTPUTS = ("jsonl:", "csv:")
OPTIONS = {key: key.removesuffix("_s").removesuffix("_nm") for key in KEYS}
"""Key → attribute of the command line's option, whose name has no unit."""
VARIABLES = {key: f"RAMAN_EDGE_{key.upper()}" for key in KEYS}
"""Key → environment variable."""
OTHER_VARIABLES = ("RAMAN_EDGE_MQTT_PASSWORD", "RAMAN_EDGE_CALIBRATIONS", "RAMAN_EDGE_INSTRUMENTS")
"""Variables that are no settings of a run."""
USER_LIBRARY = "user-library.sqlite3"
"""File name of the user library in the user's data folder."""


def merge(
    given: Mapping[str, object] | None = None, config: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of a run; files are read anew at each call.

    Parameters
    ----------
    given : mapping, optional
        Key → value of the command line or of a caller; None is not given.
    config : path, optional
        The one file to read; else ``RAMAN_EDGE_CONFIG``, else the user's and the system's.
    environ : mapping
        Environment variables.

    Raises
    ------
    ConfigError
        One line for each mistake.
    """
    return _settings(gather(given, config, environ))


def merge_given(given: Mapping[str, object]) -> Settings:
    """Return the settings of the command line alone, where files or the environment cannot be used."""
    return _settings(first(KEYS, [_of_command(given), _defaults()]))


def known_variables() -> tuple[str, ...]:
    """Return every environment variable that is read; another name that begins with ``RAMAN_EDGE_`` is a mistake."""
    return (*VARIABLES.values(), CONFIG_VARIABLE, *OTHER_VARIABLES)


def _settings(found: Mapping[str, Setting]) -> Settings:
    values = {key: setting.value for key, setting in found.items()}
    if found["user_library"].origin == VARIABLES["user_library"]:
        values["user_library"] = None  # the variable may name a file that does not exist yet: default_user_library() returns it
    return Settings(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})  # type: ignore[arg-type]  # checked by layer


def gather(
    given: Mapping[str, object] | None = None, config: str | os.PathLike[str] | None = None, environ: Mapping[str, str] = os.environ
) -> dict[str, Setting]:
    """Return every key with its value and the origin of the value, defaults included; arguments as for :func:`merge`."""
    layers = [_of_command(given or {}), _of_environment(environ), *map(_of_file, files(config, environ))]
    for number, layer in enumerate(layers):
        if "model" in layer:  # a library belongs to one model: that of another model in a weaker layer does not fit
            layers[number + 1 :] = [{key: one for key, one in weaker.items() if key != "library"} for weaker in layers[number + 1 :]]
            break
    return first(KEYS, [*layers, _defaults()])


def default_user_library(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the user library where no option names one; the file need not exist yet."""
    named = gather({}, None, environ)["user_library"].value
    if isinstance(named, str):
        return Path(named)
    return Path(platformdirs.user_data_dir("raman-edge")) / USER_LIBRARY


def files(config: str | os.PathLike[str] | None, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Return the files that are read, in order of precedence."""
    if chosen := config or environ.get(CONFIG_VARIABLE):
        return (Path(chosen),)
    return tuple(path for path in places() if os.path.exists(system_path(path)))  # noqa: PTH110 - Path.exists raises where a folder is not accessible


def places() -> tuple[Path, Path]:
    """Return the paths of the user's file and of the system's."""
    system = "/etc/raman-edge" if sys.platform.startswith("linux") else platformdirs.site_config_dir("raman-edge")
    return Path(platformdirs.user_config_dir("raman-edge")) / FILE, Path(system) / FILE


def _defaults() -> dict[str, Setting]:
    return {key: Setting(value, DEFAULT) for key, value in msgspec.structs.asdict(Settings()).items()}


def _of_command(given: Mapping[str, object]) -> dict[str, Setting]:
    """Return the layer of the command line; a value of None is not given."""
    return {
        key: Setting(str(value) if isinstance(value, Path) else value, COMMAND_LINE) for key, value in given.items() if value is not None
    }


def _of_environment(environ: Mapping[str, str]) -> dict[str, Setting]:
    """Return the layer of the environment; commas separate lists, an empty variable is not set."""
    return {key: Setting(_from_text(key, name, text), name) for key, name in VARIABLES.items() if (text := environ.get(name))}


def _from_text(key: str, name: str, text: str) -> object:
    value: object = text
    if key in {"match", "packs"}:
        value = text.split(",")
    elif key == "output":
        value = OUTPUT_COMMA.split(text)
    try:
        return getattr(msgspec.convert({key: value}, Settings, strict=False), key)
    except msgspec.ValidationError:
        return getattr(toml.convert(toml.TomlDocument(name, {key: value}, {}), Settings), key)  # raises the error with its place


def _of_file(path: Path) -> dict[str, Setting]:
    """Return the layer of one file."""
    document = toml.read(path)
    found = toml.convert(document, Settings)
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow a link to a folder without the file's neighbours
    return {key: Setting(_absolute(key, getattr(found, key), folder), document.place((key,))) for key in document.data}


def _absolute(key: str, value: object, folder: Path) -> object:
    """Return a value of a file with its relative paths, which are relative to ``folder``, made absolute."""
    if isinstance(value, str):
        is_file = key == "calibration" and (Path(value).name != value or value.endswith(CALIBRATION_END))
        return str(folder / Path(value).expanduser()) if key in PATHS or is_file else value
    if key == "packs" and isinstance(value, tuple):
        return tuple(str(folder / Path(name).expanduser()) if Path(name).name != name or name.endswith(".npz") else name for name in value)
    if key == "output" and isinstance(value, tuple):
        return tuple(_absolute_outputs(value, folder))
    return value


def _absolute_outputs(specs: tuple[str, ...], folder: Path) -> Iterator[str]:
    for spec in specs:
        kind, colon, path = spec.partition(":")
        yield f"{kind}:{folder / Path(path).expanduser()}" if kind + colon in FILE_OUTPUTS else spec
