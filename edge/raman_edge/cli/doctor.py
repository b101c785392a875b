"""``raman-edge doctor [DIR]``: what would stop a run on this machine."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, write, write_text
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from raman_edge.diagnostics.doctor import DoctorSettings, Finding

WRONG = 1
WIDTHS = (7, 18)
"""Columns of the level and of the check."""
STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: those of ``watch`` that decide whether it can run."""
    from raman_edge.service import settings  # noqa: PLC0415 - with msgspec

    parser.add_argument("folder", nargs="?", metavar="DIR", help="the folder that is, or will be, watched")
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_own(parser)
    shared.add_calibration(parser)
    shared.add_json(parser)
    settings.add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Print every finding; 1 where something is wrong."""
    as_json = options.json or not is_terminal()
    show = _as_json if as_json else _as_text()
    levels: Counter[str] = Counter()
    for finding in _findings(options):
        show(finding)
        levels[finding.level] += 1
    if not as_json:
        counts = [f"{levels['wrong']} wrong" if levels["wrong"] else "nothing wrong", f"warnings: {levels['warning']}"]
        write_text("")
        write_text(", ".join(counts[: 1 + bool(levels["warning"])]))
    return WRONG if levels["wrong"] else 0


def _findings(options: argparse.Namespace) -> Iterator[Finding]:
    """Give the findings, those of the settings first; where the settings are invalid, the rest is checked by the command line alone."""
    from raman_edge.diagnostics import doctor  # noqa: PLC0415 - after the arguments are known to be good
    from raman_edge.service import settings  # noqa: PLC0415

    try:
        merged = settings.merge(options)
        read = settings.files(options.config)
        yield doctor.ok("settings", f"read from {', '.join(map(str, read))}" if read else "no file; the defaults")
    except ConfigError as error:
        for line in error.args:
            yield doctor.wrong("settings", line, "correct it; the rest is checked without it")
        merged = settings.merge_nothing(options)
    yield from doctor.examine(_settings(merged))


def _settings(options: argparse.Namespace) -> DoctorSettings:
    """Return what merged options would start ``watch`` with."""
    from raman_edge import journal  # noqa: PLC0415 - with sqlite
    from raman_edge.diagnostics.doctor import DoctorSettings  # noqa: PLC0415

    model, library = shared.paths(options)
    return DoctorSettings(
        journal=options.journal or journal.default_path(),
        model=model,
        library=library,
        folder=options.folder,
        match=tuple(options.match or ("*",)),
        own=None if options.no_own else shared.own_path(options),
        key=options.key,
        threads=options.threads,
        calibration=options.calibration,
        move_failed=options.move_failed,
        to=tuple(options.to),
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
