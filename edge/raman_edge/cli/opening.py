"""What the options of a command name, opened: model and library, and the display of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.service import identifier
from raman_edge.service.display import NoteDisplay

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.service.display import OpenDisplay
    from raman_edge.service.identifier import Identifier


def open_identifier(options: argparse.Namespace) -> Identifier:
    """Open model, library and user library of the options, with the notes on standard error; no user library without its option."""
    settings = shared.merged(options)
    opened = identifier.open_identifier(settings if hasattr(options, "user_library") else settings.without_user_library)
    for note in opened.notes:
        say(note)
    return opened


def open_model(options: argparse.Namespace) -> tuple[Model, Library]:
    """Open the model and the library of :func:`open_identifier`."""
    opened = open_identifier(options)
    return opened.model, opened.library


def model_paths(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the paths of model and library."""
    settings = shared.merged(options)
    return identifier.model_paths(settings.model, settings.library)


def open_display(*, as_lines: bool) -> OpenDisplay:
    """Return what makes the display of a run: the screen, or notes on standard error where records go to standard output."""
    if as_lines:
        return lambda *_: NoteDisplay(say)
    from raman_edge.terminal.live import Screen  # noqa: PLC0415 - rich, only on a terminal

    return lambda source, identifier, controls: Screen(source, identifier.model, identifier.library, controls=controls)
