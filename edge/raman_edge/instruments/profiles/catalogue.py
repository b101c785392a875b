"""Profiles by name: those in the package first, then those of the checkout it runs from; a path is a profile of one's own."""

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
"""In a wheel the profiles lie in the package; in a checkout beside ``edge``."""


def profiles(folders: tuple[Path, ...] = FOLDERS) -> dict[str, Path]:
    """Return every profile that ships, name → file, sorted by name; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob(f"*{SUFFIX}"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(name: str, folders: tuple[Path, ...] = FOLDERS) -> Path:
    """Return the file of a profile that ships, or of a path; :class:`ConfigError` where there is none of that name."""
    known = profiles(folders)
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    if path.suffix != SUFFIX and path.name == name and not path.is_file():
        near = difflib.get_close_matches(name, known, 1)
        advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known) or 'none'}; a file of your own ends with {SUFFIX}"
        msg = f"no profile is called {name!r}: {advice}"
        raise ConfigError(msg)
    return path


def load(name: str) -> Profile:
    """Read the profile of that name or path; :class:`ConfigError`, a line for every mistake."""
    return validate.load(find(name))
