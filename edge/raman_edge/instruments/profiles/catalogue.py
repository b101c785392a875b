"""Profiles by name: the user's own, then those of the package, then those of the checkout. A path is a profile anywhere."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from raman_edge.atomic_write import system_path
from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import validate

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.instruments.profiles.profile import Profile

FOLDER = "firmware_configs"
OWN_FOLDER = "instruments"
SUFFIX = ".toml"
PACKAGE = Path(__file__).parents[2]
FOLDERS = (PACKAGE / FOLDER, PACKAGE.parents[1] / FOLDER)
"""A wheel has the profiles in the package, a checkout beside ``edge``."""


def own_folder() -> Path:
    """Return the folder of the user's own profiles, ``~/.config/raman-edge/instruments`` on Linux; it need not exist."""
    return Path(platformdirs.user_config_dir("raman-edge")) / OWN_FOLDER


def profiles(folders: tuple[Path, ...] | None = None) -> dict[str, Path]:
    """Return the known profiles, name → file, sorted by name; the first folder that has a name wins, the user's own before all."""
    found: dict[str, Path] = {}
    for folder in (own_folder(), *FOLDERS) if folders is None else folders:
        for path in system_path(folder).glob(f"*{SUFFIX}"):
            found.setdefault(path.stem, folder / path.name)
    return dict(sorted(found.items()))


def is_own(path: Path) -> bool:
    """Whether a file is in the folder of the user's own profiles."""
    return path.parent == own_folder()


def find(name: str, folders: tuple[Path, ...] | None = None) -> Path:
    """Return the file of a known profile, or a path; :class:`ConfigError` where neither is meant."""
    known = profiles(folders)
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.suffix != SUFFIX and path.name == name and not system_path(path).is_file():
        near = difflib.get_close_matches(name, known, 1)
        advice = f"Did you mean {near[0]}?" if near else f"The name of a file ends with {SUFFIX}"
        expected = f"one of {', '.join(known)}" if known and not near else ""
        raise ConfigError(kind="unknown profile", got=repr(name), expected=expected, advice=advice)
    return path


def load(name: str) -> Profile:
    """Read the profile of that name or path; :class:`ConfigError` with a message for every mistake."""
    return _loaded(find(name))


def load_all(report: Callable[[str], None] | None = None) -> list[Profile]:
    """Read all known profiles, the user's own first, each part sorted by name.

    A profile of the user's own with a mistake is left out, and ``report`` gets a line for each mistake; :class:`ConfigError` without it.
    """
    found: list[Profile] = []
    for path in sorted(profiles().values(), key=lambda path: (not is_own(path), path.stem)):
        try:
            found.append(_loaded(path))
        except ConfigError as error:
            if report is None or not is_own(path):
                raise
            for message in error.args:
                report(f"left out: {message}")
    return found


def _loaded(path: Path) -> Profile:
    profile = validate.load(path)
    if is_own(path) and profile.device.id != path.stem:
        kind, place, got = "file name differs from device.id", str(path), path.name
        advice = "Rename the file, or change device.id: a profile is known by both"
        raise ConfigError(kind=kind, place=place, got=got, expected=f"{profile.device.id}{SUFFIX}", advice=advice)
    return profile
