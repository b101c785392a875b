"""``raman-edge demo``: everything that ``serial``, ``calibrate`` and ``watch`` do, live, with a simulated spectrometer."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, program, say
from raman_edge.errors import ConfigError, OutputError
from raman_edge.service.run import open_outputs
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    from raman_edge.cli.parser import Parser

SECONDS_VARIABLE = "DEMO_SECONDS"
SECONDS = 50.0
TITLE = "demo: a simulated spectrometer"
WIDTH = 120
"""Columns of the summary in a pipe."""
NEXT = (
    ("identify --example ./incoming", "an example spectrum, copied to a folder"),
    ("watch ./incoming", "the folder, live, until Ctrl-C"),
    ("serial", "your instrument"),
)
"""Commands to go on with."""
INCOMPLETE = 1
"""Exit code if something has no answer, or the journal does not confirm all that was shown."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "A story in a minute, without an instrument: a simulated spectrometer on a serial line is calibrated, measures library minerals, "
        "a mixture and a material that is not in the library, is struck by a cosmic particle, saturates, sends a damaged frame and loses "
        "its cable; then a burst of files lands in a folder. The code of `raman-edge serial`, `calibrate` and `watch` answers all of it, "
        "and the journal confirms that nothing was lost. Nothing in it was measured: it shows that everything runs, not how well real "
        "spectra are named."
    )
    parser.examples = (
        ("raman-edge demo", "live on a terminal; needs no instrument and leaves no files"),
        ("raman-edge demo --seconds 10 --svg screen.svg", "in ten seconds, with a picture of the screen"),
    )
    parser.add_argument(
        "--seconds",
        type=shared.seconds,
        metavar="S",
        help=f"length of the story, s; longer on a slow machine (default: {SECONDS_VARIABLE}, else {SECONDS:g})",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture of the screen (100 columns, 30 rows)")
    shared.add_model(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Tell the story and print what happened beside what was answered."""
    seconds, began = _seconds(options), monotonic()
    with stopping() as stop, tempfile.TemporaryDirectory(prefix="raman-edge-demo-", ignore_cleanup_errors=True) as folder:
        naming = shared.open_identifier(options)
        # numpy and rich: after the number of threads was limited and the arguments were checked
        from rich.console import Console  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        from raman_edge.cli.demo.story import Story  # noqa: PLC0415
        from raman_edge.journal import Journal  # noqa: PLC0415
        from raman_edge.service.display import NoteDisplay  # noqa: PLC0415
        from raman_edge.terminal import picture, screen, terminal, theme  # noqa: PLC0415
        from raman_edge.terminal.controls import Controls  # noqa: PLC0415
        from raman_edge.terminal.live import Screen  # noqa: PLC0415

        on_screen = is_terminal() and not options.json
        controls = Controls(quit=stop.event.set)
        display = Screen(TITLE, naming.model, naming.library, controls=controls) if on_screen else NoteDisplay(say)
        incoming = Path(folder) / "incoming"
        incoming.mkdir()
        with (
            Journal.open(Path(folder) / "journal.sqlite3") as journal,
            open_outputs((), journal.path, say, stop=stop.event, stdout=not on_screen) as deliveries,
        ):
            story = Story(naming, journal, display, deliveries, stop.event, seconds)
            outcome = story.tell(incoming)
    if options.svg is not None:
        try:
            options.svg.write_text(picture.svg(screen.render(story.kept or story.state, *picture.SIZE), "raman-edge"), encoding="utf-8")
        except OSError as error:
            raise OutputError(kind="cannot write the picture", place=repr(str(options.svg)), cause=str(error.strerror)) from error
    console = Console(file=sys.stdout if on_screen else sys.stderr, highlight=False, width=None if on_screen else WIDTH)
    signs = theme.ASCII if terminal.needs_ascii(console) else theme.UNICODE
    console.print(outcome.table(signs), "", *outcome.paragraphs(monotonic() - began, signs), "", sep="\n")
    lines = [f"  {program()} {command:<34}{what}" for command, what in NEXT]
    console.print(Text("\n".join(["Next:", *map(signs.safe, lines), ""])), soft_wrap=True)
    return stop.code(0 if outcome.complete else INCOMPLETE)


def _seconds(options: argparse.Namespace) -> float:
    """Return the length of the story: the option, else the environment, else the default."""
    named = os.environ.get(SECONDS_VARIABLE)
    if options.seconds is not None or not named:
        return float(options.seconds or SECONDS)
    try:
        return shared.seconds(named)
    except argparse.ArgumentTypeError as error:
        raise ConfigError(kind="not a number of seconds", place=SECONDS_VARIABLE, cause=str(error)) from error
