"""``raman-edge doctor [DIR]``: what is wrong on this box, in plain words."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, write, write_text
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding
    from raman_edge.service.settings import Settings

WRONG = 1
WIDTHS = (7, 18)
"""Columns of the level and of the check."""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: those of ``watch`` that decide whether it can run."""
    parser.add_argument("folder", nargs="?", metavar="DIR", help="the folder that is, or will be, watched")
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_user_library(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)
    shared.add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Tell every finding; 1 where something is wrong."""
    as_json = options.json or not is_terminal()
    show = _as_json if as_json else _as_text()
    levels: Counter[str] = Counter()
    for finding in _findings(options):
        show(finding)
        levels[finding.level] += 1
    if not as_json:
        said = [f"{levels['wrong']} wrong" if levels["wrong"] else "nothing wrong", f"{levels['warning']} to be looked after"]
        write_text("")
        write_text(f"{', '.join(said[: 1 + bool(levels['warning'])])}")
    return WRONG if levels["wrong"] else 0


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    """Give the findings, those about the settings first; mistakes in them leave the command line to be looked at."""
    from raman_edge.diagnostics import doctor  # noqa: PLC0415 - after the arguments are known to be good
    from raman_edge.diagnostics.doctor.finding import ok, wrong  # noqa: PLC0415
    from raman_edge.service import settings  # noqa: PLC0415

    try:
        merged = shared.merged(options)
        read = settings.files(options.config)
        yield ok("settings", f"read from {', '.join(map(str, read))}" if read else "no file; the defaults")
    except ConfigError as error:
        for line in error.args:
            yield wrong("settings", line, "correct it; the rest is looked at without it")
        merged = settings.merge_given(shared.given(options))
    yield from doctor.examine(_asked(merged))


def _asked(merged: Settings) -> DoctorSettings:
    """Return what these settings would start ``watch`` with."""
    from raman_edge import journal  # noqa: PLC0415 - with sqlite
    from raman_edge.diagnostics.doctor.finding import DoctorSettings  # noqa: PLC0415
    from raman_edge.service.identifier import model_paths  # noqa: PLC0415 - with numpy

    model, library = model_paths(merged.model, merged.library)
    return DoctorSettings(
        journal=Path(merged.journal or journal.default_path()),
        model=model,
        library=library,
        folder=merged.folder,
        match=merged.match or ("*",),
        own=merged.user_library_path(),
        key=None if merged.key is None else Path(merged.key),
        threads=merged.threads,
        calibration=merged.calibration,
        move_failed=None if merged.move_failed is None else Path(merged.move_failed),
        to=merged.output,
        environ=dict(os.environ),
    )


def _as_json(finding: Finding) -> None:
    """Write one finding as a line of JSON."""
    write(json.dumps({"v": 1, "event": "finding", **asdict(finding)}, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def _as_text() -> Callable[[Finding], None]:
    """Return what writes a finding for a person: a line, and what to do below it."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from raman_edge.terminal.safe import safe_text  # noqa: PLC0415
    from raman_edge.terminal.terminal import needs_ascii  # noqa: PLC0415

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
