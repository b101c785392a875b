"""``raman-edge deliver``: feed outputs from a journal without watching; and ``--to`` for the commands that watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.signals import stopping
from raman_edge.errors import ConfigError, JournalDamaged, SinkError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from threading import Event

    from raman_edge.outputs.forwarding import Forwarding

STDOUT = "stdout"
FILES = ("jsonl:", "csv:")
TO = """an output for the records, besides the journal; may be repeated. jsonl:results.jsonl appends lines of JSON,
csv:results.csv appends to a table, mqtt://user@broker/lab/raman (mqtts:// with TLS; password in RAMAN_EDGE_MQTT_PASSWORD)
publishes each record, prometheus:9464 shows counters at http://127.0.0.1:9464/metrics, stdout writes lines of JSON.
An output that cannot be reached gets later what it missed"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add ``--to``."""
    parser.add_argument("--to", action="append", default=[], metavar="OUTPUT", help=" ".join(TO.split()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_to(parser)
    parser.add_argument("--once", action="store_true", help="deliver what is there and end; else also what comes, until stopped")
    parser.add_argument("--from-now", action="store_true", help="to an output that this journal never fed: only what comes from now on")
    shared.add_journal(parser)


def run(options: argparse.Namespace) -> int:
    """Deliver until stopped; 65 where a row is damaged, with ``--once`` 73 where an output could not take everything."""
    if not options.to:
        msg = "there is no output to deliver to: give one with --to, such as --to csv:results.csv"
        raise ConfigError(msg)
    with stopping() as stop:
        with shared.opened_journal(options, create=False) as journal:
            path = journal.path
        with delivering(options.to, path, say, stop=stop.event, from_start=not options.from_now) as deliveries:
            if not options.once:
                stop.event.wait()
    for name, count in deliveries.delivered().items():
        say(f"{name}: {count} records delivered")
    if deliveries.damaged():
        return stop.code(JournalDamaged.exit_code)
    return stop.code(SinkError.exit_code if options.once and (deliveries.owed() or deliveries.refused()) else 0)


def files_of(specs: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of the files among the outputs that ``specs`` name."""
    return tuple(spec.partition(":")[2] for spec in specs if spec.startswith(FILES))


def delivering(
    specs: Sequence[str],
    journal: Path,
    note: Callable[[str], None],
    *,
    stop: Event,
    stdout: bool = False,
    from_start: bool = False,
    watched: str | None = None,
) -> Forwarding:
    """Return the outputs that ``specs`` name, and standard output where ``stdout``; they deliver in the ``with`` block.

    ``note`` is called from other threads. ``stop`` ends the run, and is set where nobody reads standard output;
    leaving the block raises why. ConfigError for a mistake, also a file in the ``watched`` folder.
    """
    from raman_edge.journal import Journal  # noqa: PLC0415 - with sqlite
    from raman_edge.outputs.forwarding import Forwarding  # noqa: PLC0415 - only where something is delivered

    wanted = [*([STDOUT] if stdout and STDOUT not in specs else []), *specs]
    for spec in wanted:
        if watched is not None and spec.startswith(FILES):
            _check_apart(spec, Path(watched))
    return Forwarding(lambda: Journal.open(journal, create=False), note, stop, from_start=from_start).add(*wanted)


def _check_apart(spec: str, watched: Path) -> None:
    """Refuse a file in the watched folder: every line of it would be read as a spectrum, and answered with another line."""
    from raman_edge.sources.root import lies_within  # noqa: PLC0415 - only where a folder is watched

    if lies_within(spec.partition(":")[2], watched):
        msg = f"the output {spec!r} lies in the watched folder {str(watched)!r}: give it a place outside"
        raise ConfigError(msg)
