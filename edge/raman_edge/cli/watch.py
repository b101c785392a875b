"""``raman-edge watch DIR``: identify what lands in a folder, each content exactly once."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write
from raman_edge.cli.signals import stopping

if TYPE_CHECKING:
    import argparse
    from typing import Self

    from raman_edge.cli.signals import Stop
    from raman_edge.journal import Journal
    from raman_edge.library import Library
    from raman_edge.model import Model
    from raman_edge.pipeline import Reading
    from raman_edge.record import Record
    from raman_edge.sources import Source
    from raman_edge.sources.scan import Rules
    from raman_edge.spectrum import Fault


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", metavar="DIR", help="the folder, and those below it")
    parser.add_argument("--once", action="store_true", help="answer what is there and end")
    parser.add_argument("--match", action="append", metavar="GLOB", help="only files of these names, such as '*.csv'; may be repeated")
    parser.add_argument(
        "--stable", type=shared.seconds, metavar="S", help="a file is complete once unchanged for S seconds (1; network: 3)"
    )
    parser.add_argument("--poll", type=shared.seconds, metavar="S", help="look every S seconds (0.5; network: 2)")
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_own(parser)
    shared.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Watch until told to stop; with ``--once`` 1 where some files could not be answered."""
    with stopping() as stop:
        model, library = shared.opened(options)
        with shared.opened_journal(options) as journal:
            tally = _watch(options, model, library, journal, stop)
    failed = tally.pop("fault", 0)
    said = ", ".join(f"{count} {decision}" for decision, count in sorted(tally.items())) or "nothing identified"
    say(f"{said}; {failed} failed; journal {str(journal.path)!r}")
    return stop.code(1 if options.once and failed else 0)


def _watch(options: argparse.Namespace, model: Model, library: Library, journal: Journal, stop: Stop) -> Counter[str]:
    """Answer what comes and return how many answers there were of each kind."""
    from raman_edge.record import config_id  # noqa: PLC0415 - numpy and msgspec, once the arguments are known to be good
    from raman_edge.sources.folder import FolderSource  # noqa: PLC0415

    display = Lines() if options.json or not is_terminal() else OnScreen(options.folder, model, library)
    memory = journal.memory(model.sha256, config_id(model))
    source = FolderSource(options.folder, memory, _rules(options, journal), once=options.once, stop=stop.event, note=display.note)
    with source, display:
        return follow(source, model, library, journal, display)


def follow(source: Source, model: Model, library: Library, journal: Journal, display: Display) -> Counter[str]:
    """Answer everything that an open ``source`` gives: into the journal first, then shown; return how many of each kind."""
    from raman_edge import record  # noqa: PLC0415 - numpy and msgspec
    from raman_edge.journal import Entry  # noqa: PLC0415 - with them
    from raman_edge.pipeline import readings  # noqa: PLC0415

    tally: Counter[str] = Counter()
    config = record.config_id(model)
    for event in readings(source, model, library):
        said = record.of(event, model)
        journal.write([Entry(said, getattr(event, "spectrum", None))], model=model.sha256, config=config)
        display.show(event, said)
        tally[said.decision if isinstance(said, record.Result) else "fault"] += 1
    return tally


def _rules(options: argparse.Namespace, journal: Journal) -> Rules:
    """Return which files are looked at: never the journal, nor what this command itself writes."""
    from raman_edge.sources.scan import Rules  # noqa: PLC0415 - with the source

    ours = [journal.path.stat()]
    for stream in (1, 2):
        with suppress(OSError):
            ours.append(os.fstat(stream))
    ignore = frozenset((status.st_dev, status.st_ino) for status in ours)
    return Rules(tuple(options.match or ("*",)), poll_s=options.poll, stable_s=options.stable, ignore=ignore)


class Display(Protocol):
    """Where answers and notes are shown."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def show(self, event: Reading | Fault, said: Record) -> None:
        """Show one answer, which is in the journal by now."""

    def note(self, text: str) -> None:
        """Show one line about the source."""


class Lines:
    """One line of JSON an answer; notes go to standard error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Every line is written at once."""

    def show(self, event: Reading | Fault, said: Record) -> None:  # noqa: ARG002 - the record says it all
        """Write one line to standard output."""
        from raman_edge.record import encode  # noqa: PLC0415 - loaded by now

        write(encode(said))

    def note(self, text: str) -> None:
        """Write one line to standard error."""
        say(text)


class OnScreen:
    """The live screen."""

    def __init__(self, folder: str, model: Model, library: Library) -> None:
        from raman_edge.ui.live import Screen  # noqa: PLC0415 - rich, only on a terminal

        self._screen = Screen(source=folder, model=model, library=library)
        self._shown = ExitStack()

    def __enter__(self) -> Self:
        self._shown.enter_context(self._screen)
        return self

    def __exit__(self, *exc: object) -> None:
        self._shown.close()

    def show(self, event: Reading | Fault, said: Record) -> None:  # noqa: ARG002 - a screen draws the spectrum itself
        """Draw one answer."""
        self._screen.show(event)

    def note(self, text: str) -> None:
        """Show one line at the foot of the screen."""
        self._screen.note(text)
