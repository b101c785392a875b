"""``raman-edge demo``: everything that ``watch`` does, live, on simulated exposures of the library's minerals.

No measured spectra come with raman-edge. A simulated instrument makes exposures from the peak
tables of the library that is in use, and writes them into a temporary folder the way instrument
software does; from there on it is the same code that watches a real folder.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from raman_edge.cli import deliver
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say
from raman_edge.cli.signals import stopping
from raman_edge.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from raman_edge.cli.demo.instrument import Instrument
    from raman_edge.cli.display import Display
    from raman_edge.cli.naming import Naming
    from raman_edge.cli.signals import Stop
    from raman_edge.crew import Answered
    from raman_edge.devices.exposure import LinkStatus
    from raman_edge.journal import Journal
    from raman_edge.library import Library
    from raman_edge.model import Model
    from raman_edge.pipeline import Reading
    from raman_edge.sinks.deliveries import Deliveries
    from raman_edge.spectrum import Fault
    from raman_edge.ui.state import Bench

SECONDS_VARIABLE = "DEMO_SECONDS"
SECONDS = 30.0
TITLE = "demo: simulated exposures of library minerals"
UNANSWERED = 1
"""Exit code where a file was dropped and not answered."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Watch a simulated spectrometer at work: simulated exposures of library minerals, of two materials the library does not "
        "have, a saturated one and a broken file are dropped into a temporary folder and identified as `raman-edge watch` does. "
        "Nothing in it was measured: it shows that everything runs, not how well real spectra are named."
    )
    parser.add_argument(
        "--seconds", type=shared.seconds, metavar="S", help=f"how long it measures, s (default: {SECONDS_VARIABLE}, else {SECONDS:g})"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="leave a picture of the last screen (100 columns, 30 rows)")
    shared.add_model(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Run the demo to its end and print what was dropped beside what was answered."""
    seconds = _seconds(options)
    with stopping() as stop, tempfile.TemporaryDirectory(prefix="raman-edge-demo-", ignore_cleanup_errors=True) as folder:
        from raman_edge.cli.naming import Naming  # noqa: PLC0415 - numpy and onnxruntime

        naming = Naming.opened(options)
        model, library = naming.model, naming.library
        from raman_edge.cli.demo import exposures, summary  # noqa: PLC0415 - numpy and rich, once the arguments are known to be good
        from raman_edge.cli.demo.instrument import Instrument  # noqa: PLC0415
        from raman_edge.cli.display import NotesOnly, OnScreen  # noqa: PLC0415
        from raman_edge.journal import Journal  # noqa: PLC0415
        from raman_edge.ui.controls import Controls  # noqa: PLC0415

        incoming = Path(folder) / "incoming"
        incoming.mkdir()
        instrument = Instrument(exposures.plan(model.card.recipe.axis, library), incoming, seconds, stop.event)
        on_screen = is_terminal() and not options.json
        shown: Display = OnScreen(TITLE, model, library, Controls(quit=stop.event.set)) if on_screen else NotesOnly()
        with Journal.open(Path(folder) / "journal.sqlite3") as journal:
            witness = Witness(shown, instrument, naming, options.svg)
            with deliver.delivering((), journal.path, say, stop=stop.event, stdout=not on_screen) as deliveries:
                _watch(instrument, naming, journal, stop, witness, deliveries)
            rows = summary.compare(instrument.dropped, journal)
    summary.print_summary(rows, to_stdout=on_screen)
    return stop.code(UNANSWERED if summary.unanswered(rows) else 0)


def _watch(instrument: Instrument, naming: Naming, journal: Journal, stop: Stop, display: Display, deliveries: Deliveries) -> None:
    """Answer what the instrument drops, by the very code of ``watch``, until it has finished or a signal comes."""
    from raman_edge.cli.display import Onlooker  # noqa: PLC0415 - with the model
    from raman_edge.ingest import follow  # noqa: PLC0415
    from raman_edge.sources.folder import FolderSource  # noqa: PLC0415

    memory = journal.memory(naming.means.model.sha256, naming.means.config)
    source = FolderSource(instrument.folder, memory, stop=stop.event, note=display.note)
    with source, display, instrument, naming.crew as crew:
        follow(source, crew, journal, Onlooker(display, deliveries))


def _seconds(options: argparse.Namespace) -> float:
    """Return how long to measure: the option, else the environment, else the default."""
    named = os.environ.get(SECONDS_VARIABLE)
    if options.seconds is not None or not named:
        return float(options.seconds or SECONDS)
    try:
        return shared.seconds(named)
    except argparse.ArgumentTypeError as error:
        msg = f"{SECONDS_VARIABLE}: {error}"
        raise ConfigError(msg) from error


class Witness:
    """A display that tells the instrument of every answer and, if asked to, leaves a picture of the last screen."""

    def __init__(self, display: Display, instrument: Instrument, naming: Naming, picture: Path | None) -> None:
        from raman_edge.ui.state import ModelFacts, ScreenState  # noqa: PLC0415 - rich

        self._display, self._instrument, self._picture = display, instrument, picture
        self._state = ScreenState(TITLE, ModelFacts.of(naming.model, naming.library))

    def __enter__(self) -> Self:
        self._display.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._display.__exit__(*exc)
        if self._picture is not None and not any(exc):
            self._draw(self._picture)

    def show(self, event: Reading | Fault) -> None:
        """Show one answer and remember it."""
        from raman_edge.ui.state import fold  # noqa: PLC0415

        self._state = fold(self._state, event)
        self._display.show(event)
        self._instrument.answered += 1

    def count(self, decision: Answered) -> None:
        """Count one answer that is not looked at."""
        self._display.count(decision)
        self._instrument.answered += 1

    def note(self, text: str) -> None:
        """Show one line about the source."""
        self._display.note(text)

    def waiting(self, files: int) -> None:
        """Show how many files wait."""
        self._display.waiting(files)

    def using(self, model: Model, library: Library) -> None:
        """Show what names the spectra from now on."""
        self._display.using(model, library)

    def link(self, status: LinkStatus) -> None:
        """Show how the link to the instrument does."""
        self._display.link(status)

    def bench(self, bench: Bench) -> None:
        """Show what the acquisition is at."""
        self._display.bench(bench)

    def _draw(self, path: Path) -> None:
        """Write the last screen of this run as an SVG file: the frame a terminal of that size would have shown."""
        from raman_edge.ui.picture import SIZE, svg  # noqa: PLC0415
        from raman_edge.ui.screen import render  # noqa: PLC0415

        try:
            path.write_text(svg(render(self._state, *SIZE), "raman-edge"), encoding="utf-8")
        except OSError as error:
            msg = f"the picture {str(path)!r} cannot be written: {error.strerror}"
            raise OutputError(msg) from error
