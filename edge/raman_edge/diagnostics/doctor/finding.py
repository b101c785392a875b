"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    level: Level
    """``warning``: works, and less well than it could, or not for long. ``wrong``: does not work."""
    found: str
    todo: str = ""
    """What to do about it; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """What the report is about: what ``watch`` would be started with."""

    journal: Path
    model: Path
    library: Path
    folder: str | None = None
    """None: no folder was named."""
    match: tuple[str, ...] = ("*",)
    own: Path | None = None
    """None: without."""
    key: Path | None = None
    threads: int = 1
    calibration: str | None = None
    """File or instrument; None: axes as the files have them."""
    move_failed: Path | None = None
    to: tuple[str, ...] = ()
    """Outputs, as they are named on the command line."""
    environ: dict[str, str] = field(default_factory=dict)


def ok(check: str, found: str) -> Finding:
    """Return a good finding."""
    return Finding(check, "ok", found)


def warning(check: str, found: str, todo: str) -> Finding:
    """Return one that works for now."""
    return Finding(check, "warning", found, todo)


def wrong(check: str, found: str, todo: str) -> Finding:
    """Return one that does not work."""
    return Finding(check, "wrong", found, todo)


def text_of(path: Path) -> str:
    """Return what a small file of the system says; empty where there is none, or it is closed to us."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
