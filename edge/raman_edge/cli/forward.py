"""``raman-edge forward``: feed outputs from a journal without watching; and ``--to`` for the commands that watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.parser import STOPS
from raman_edge.cli.signals import stopping
from raman_edge.errors import ConfigError, JournalDamaged, SinkError
from raman_edge.journal import Journal
from raman_edge.outputs.forwarding import Forwarding

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from threading import Event

    from raman_edge.cli.parser import Parser

STDOUT = "stdout"
FILES = ("jsonl:", "csv:")
TO = """an output for the results, besides the journal; may be repeated. jsonl:results.jsonl appends JSON lines,
csv:results.csv appends to a table, mqtt://user@broker/lab/raman (mqtts:// with TLS; password in RAMAN_EDGE_MQTT_PASSWORD)
publishes each record, prometheus:9464 serves counters at http://127.0.0.1:9464/metrics, stdout writes JSON lines.
An output that cannot be reached receives what it missed later"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add ``--to``."""
    parser.add_argument("--to", action="append", default=[], metavar="OUTPUT", help=" ".join(TO.split()))


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Send results from the journal to files, a broker or a pipe. The journal keeps a position for each output: an output receives "
        "what it missed, and nothing twice."
    )
    parser.examples = (
        ("raman-edge forward --once --to csv:results.csv", "append what the table does not have yet, and end"),
        ("raman-edge forward --to mqtt://user@broker/lab/raman", "publish new results, until Ctrl-C"),
    )
    parser.exits = {65: "a row is damaged; the others are sent", 73: "with --once: an output could not take everything", **STOPS}
    add_to(parser)
    parser.add_argument("--once", action="store_true", help="send what the journal holds and end; default: also new results, until stopped")
    parser.add_argument("--from-now", action="store_true", help="an output that is new to this journal receives only new results")
    shared.add_journal(parser)


def run(options: argparse.Namespace) -> int:
    """Forward until stopped; 65 where a row is damaged, with ``--once`` 73 where an output could not take everything."""
    if not options.to:
        raise ConfigError(kind="missing", place="--to", expected="an output such as --to csv:results.csv")
    with stopping() as stop:
        with shared.opened_journal(options, create=False) as journal:
            path = journal.path
        with delivering(options.to, path, say, stop=stop.event, from_start=not options.from_now) as forwarding:
            if not options.once:
                stop.event.wait()
    for name, count in forwarding.delivered().items():
        say(f"{name}: {count} records sent")
    if forwarding.damaged():
        return stop.code(JournalDamaged.exit_code)
    return stop.code(SinkError.exit_code if options.once and (forwarding.owed() or forwarding.refused()) else 0)


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
    """Return the outputs that ``specs`` name, and standard output where ``stdout``; they receive records in the ``with`` block.

    ``note`` is called from other threads. ``stop`` ends the run, and is set when the reader of standard output is gone;
    leaving the block raises why. ConfigError for a mistake, also for a file in the ``watched`` folder.
    """
    wanted = [*([STDOUT] if stdout and STDOUT not in specs else []), *specs]
    for spec in wanted:
        if watched is not None and spec.startswith(FILES):
            _check_apart(spec, Path(watched))
    return Forwarding(lambda: Journal.open(journal, create=False), note, stop, from_start=from_start).add(*wanted)


def _check_apart(spec: str, watched: Path) -> None:
    """Refuse a file in the watched folder: every line of it would be read as a spectrum and answered with another line."""
    from raman_edge.sources.root import lies_within  # noqa: PLC0415 - numpy; `forward` does without

    if lies_within(spec.partition(":")[2], watched):
        got = f"a file in the watched folder {str(watched)!r}"
        raise ConfigError(kind="output in the watched folder", place=repr(spec), got=got, expected="a file outside")
