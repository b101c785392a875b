"""``raman-edge doctor [DIR]``: check this machine and say what to do."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from raman_edge import journal
from raman_edge.cli import journal_options
from raman_edge.cli import options as shared
from raman_edge.cli.output import as_json, write_json, write_text
from raman_edge.diagnostics import doctor
from raman_edge.diagnostics.doctor import DoctorSettings, ok, wrong
from raman_edge.errors import ConfigError
from raman_edge.service import settings
from raman_edge.service.identifier import model_paths
from raman_edge.terminal.terminal import needs_ascii
from raman_edge.terminal.theme import safe_text
from raman_edge.wording import counted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from raman_edge.cli.parser import Parser
    from raman_edge.diagnostics.doctor import Finding
    from raman_edge.service.settings import Settings

WRONG = 1
WIDTHS = (7, 18)
"""Columns of the level and of the check."""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments: those of ``watch`` that decide whether it can run."""
    parser.description = (
        "Check this machine: model, journal, libraries, permissions, software. Each problem comes with what to do; nothing is changed."
    )
    parser.examples = (
        ("raman-edge doctor", "model, journal, libraries, permissions, software"),
        ("raman-edge doctor ./incoming", "also the folder to watch"),
    )
    parser.exits = {WRONG: "something is wrong"}
    parser.add_argument("folder", nargs="?", metavar="DIR", help="the folder to watch")
    journal_options.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)
    shared.add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Print every finding; 1 where something is wrong."""
    show = _show_json if as_json(options) else _text_writer()
    levels: Counter[str] = Counter()
    for finding in _findings(options):
        show(finding)
        levels[finding.level] += 1
    if not as_json(options):
        warnings = f", {counted(levels['warning'], 'warning')}" if levels["warning"] else ""
        write_text("")
        write_text(f"{levels['wrong'] or 'nothing'} wrong{warnings}")
    return WRONG if levels["wrong"] else 0


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    """Give the findings, those about the settings first; where the settings are wrong, the options alone are checked."""
    try:
        merged = shared.merged(options)
        files = settings.files(options.config)
        yield ok("settings", f"read from {', '.join(map(str, files))}" if files else "no file; the defaults")
    except ConfigError as error:
        for line in error.args:
            yield wrong("settings", line, "correct it; the other checks ignore the settings")
        merged = settings.merge_given(shared.given(options))
    yield from doctor.examine(_checked(merged))


def _checked(merged: Settings) -> DoctorSettings:
    """Return what these settings would start ``watch`` with."""
    model, library = model_paths(merged.model, merged.library)
    return DoctorSettings(
        journal=Path(merged.journal or journal.default_path()),
        model=model,
        library=library,
        folder=merged.folder,
        match=merged.match or ("*",),
        own=merged.user_library_path(),
        key=None if merged.public_key is None else Path(merged.public_key),
        threads=merged.threads,
        calibration=merged.calibration,
        move_failed=None if merged.move_failed is None else Path(merged.move_failed),
        to=merged.output,
        environ=dict(os.environ),
    )


def _show_json(finding: Finding) -> None:
    write_json({"v": 1, "event": "finding", **asdict(finding)})


def _text_writer() -> Callable[[Finding], None]:
    """Return what writes a finding for a person: a line, and what to do below it."""
    console = Console(highlight=False)
    ascii_only = needs_ascii(console)

    def show(finding: Finding) -> None:
        line = Table.grid(padding=(0, 2), expand=True)
        line.add_column(width=WIDTHS[0])
        line.add_column(width=WIDTHS[1])
        line.add_column(ratio=1, overflow="fold")
        found, todo = (Text(safe_text(text, ascii_only=ascii_only)) for text in (finding.found, finding.todo))
        line.add_row(Text(finding.level, STYLES[finding.level]), Text(safe_text(finding.check, ascii_only=ascii_only)), found)
        if todo:
            line.add_row("", Text("what to do", "bold"), todo)
        console.print(line)

    return show
