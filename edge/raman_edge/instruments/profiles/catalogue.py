"""Profiles by name: those in the package first, then those of the checkout; a path is a user's own profile."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import validate

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.profile import Profile

FOLDER = "firmware_configs"
SUFFIX = ".toml"
PACKAGE = Path(__file__).parents[2]
FOLDERS = (PACKAGE / FOLDER, PACKAGE.parents[1] / FOLDER)
"""A wheel has the profiles in the package, a checkout beside ``edge``."""


def profiles(folders: tuple[Path, ...] = FOLDERS) -> dict[str, Path]:
    """Return the shipped profiles, name → file, sorted by name; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob(f"*{SUFFIX}"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(name: str, folders: tuple[Path, ...] = FOLDERS) -> Path:
    """Return the file of a shipped profile, or a path; :class:`ConfigError` where neither is meant."""
    known = profiles(folders)
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.suffix != SUFFIX and path.name == name and not path.is_file():
        near = difflib.get_close_matches(name, known, 1)
        advice = f"Did you mean {near[0]}?" if near else f"The name of a file ends with {SUFFIX}"
        expected = f"one of {', '.join(known)}" if known and not near else ""
        raise ConfigError(kind="unknown profile", got=repr(name), expected=expected, advice=advice)
    return path


def load(name: str) -> Profile:
    """Read the profile of that name or path; :class:`ConfigError` with a message for every mistake."""
    return validate.load(find(name))
