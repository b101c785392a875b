"""``raman-edge demo``: a story of everything that ``serial``, ``calibrate`` and ``watch`` do, live, without an instrument.

No measured spectra come with raman-edge. A simulated spectrometer on a serial line shows materials by the peak tables of
the library that is in use, and files of such exposures land in a temporary folder; from there on it is the same code
that talks to a real instrument and watches a real folder, and one journal keeps all of it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say
from raman_edge.errors import ConfigError
from raman_edge.service.run import open_outputs, open_worker
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    from raman_edge.cli.demo.proof import Proof
    from raman_edge.cli.demo.summary import Line
    from raman_edge.cli.demo.witness import Witness
    from raman_edge.cli.parser import Parser
    from raman_edge.journal import Journal
    from raman_edge.outputs.forwarding import Forwarding
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.signals import Stop

SECONDS_VARIABLE = "DEMO_SECONDS"
SECONDS = 50.0
PACED_FROM_S = 20.0
"""From this time on the line and the exposures take the time that real ones take, s."""
TITLE = "demo: a simulated spectrometer"
UNPROVED = 1
"""Exit code where something was not answered, or the journal does not prove that nothing was lost."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "A story in a minute, without an instrument: a simulated spectrometer on a serial line is calibrated, measures library minerals, "
        "a mixture and a material the library does not have, is struck by a cosmic particle, saturates, sends a damaged frame and loses "
        "its cable; then a burst of files lands in a folder. Everything is answered by the code of `raman-edge serial`, `calibrate` and "
        "`watch`, and the journal proves that nothing was lost. "
        "Nothing in it was measured: it shows that everything runs, not how well real spectra are named."
    )
    parser.examples = (
        ("raman-edge demo", "live on a terminal; needs no instrument and leaves no files"),
        ("raman-edge demo --seconds 10 --svg screen.svg", "in ten seconds, with a picture of the screen"),
    )
    parser.add_argument(
        "--seconds",
        type=shared.seconds,
        metavar="S",
        help=f"how long it gives you to read, s; it takes longer where the machine does (default: {SECONDS_VARIABLE}, else {SECONDS:g})",
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="leave a picture of the screen (100 columns, 30 rows)")
    shared.add_model(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Tell the story to its end, and print what happened beside what was answered."""
    seconds, began = _seconds(options), monotonic()
    # A terminal that is closed in the middle leaves nothing behind either.
    with stopping() as stop, tempfile.TemporaryDirectory(prefix="raman-edge-demo-", ignore_cleanup_errors=True) as folder:
        naming = shared.open_identifier(options)
        from raman_edge.cli.demo.summary import print_summary  # noqa: PLC0415 - rich, once the arguments are known to be good
        from raman_edge.journal import Journal  # noqa: PLC0415

        on_screen = is_terminal() and not options.json
        with Journal.open(Path(folder) / "journal.sqlite3") as journal:
            witness = _witness(naming, stop, on_screen=on_screen)
            with open_outputs((), journal.path, say, stop=stop.event, stdout=not on_screen) as deliveries:
                lines, proof = _tell(Path(folder), naming, journal, witness, deliveries, stop, seconds)
    if options.svg is not None:
        witness.draw(options.svg)
    print_summary(lines, proof, monotonic() - began, to_stdout=on_screen)
    missing = any(line.judgement == "missing" for line in lines) and not proof.early
    return stop.code(UNPROVED if missing or not proof.holds else 0)


def _witness(naming: Identifier, stop: Stop, *, on_screen: bool) -> Witness:
    """Return what shows the story: a screen, or notes."""
    from raman_edge.cli.demo.witness import Witness  # noqa: PLC0415 - rich
    from raman_edge.service.display import NoteDisplay  # noqa: PLC0415
    from raman_edge.terminal.controls import Controls  # noqa: PLC0415
    from raman_edge.terminal.live import Screen  # noqa: PLC0415

    controls, model, library = Controls(quit=stop.event.set), naming.model, naming.library
    return Witness.of(
        Screen(TITLE, model, library, controls=controls) if on_screen else NoteDisplay(say), TITLE, model, library, controls.keys
    )


def _tell(
    folder: Path, naming: Identifier, journal: Journal, witness: Witness, deliveries: Forwarding, stop: Stop, seconds: float
) -> tuple[list[Line], Proof]:
    """Play the acts and the burst, and return what came of them."""
    from raman_edge.cli.demo import acts, exposures, instrument, proof, summary  # noqa: PLC0415 - numpy and the simulator
    from raman_edge.cli.demo.burst import Burst  # noqa: PLC0415
    from raman_edge.cli.demo.story import Story  # noqa: PLC0415
    from raman_edge.sources.folder import FolderSource  # noqa: PLC0415

    incoming = folder / "incoming"
    incoming.mkdir()
    story = Story(naming, journal, witness, deliveries, stop.event, seconds)
    files = exposures.plan(naming.model.card.recipe.axis, naming.library)
    with ExitStack() as open_now:
        open_now.enter_context(witness)
        crew = open_now.enter_context(open_worker(naming, naming.provenance()))
        measuring = open_now.enter_context(instrument.connected(naming.library, stop.event, pacing=seconds >= PACED_FROM_S))
        story.play(acts.acts(naming.library), measuring, crew)
        link = proof.Link(sent=measuring.simulated.frames, counters=measuring.spectrometer.status.counters, played=story.played)
        shown = witness.answers
        burst = Burst(files, incoming, lambda: witness.answers - shown, stop.event)
        memory = journal.memory(naming.provenance().model.sha256, naming.provenance().config)
        story.watch(burst, FolderSource(incoming, memory, stop=burst.over, note=witness.note), crew)
    rows = summary.compare(burst.dropped, journal)
    filed = sum(row.judgement != "missing" for row in rows)
    proved = proof.prove(journal, link, dropped=len(rows), filed=filed, shown=witness.answers, early=stop.event.is_set())
    return [*summary.of_story(story.played), *summary.of_burst(rows)], proved


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
