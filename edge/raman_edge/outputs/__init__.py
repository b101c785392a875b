"""Outputs: each sink gets every record of the journal at least once, in one thread per sink.

A sink is named by a specification, as it is given on a command line::

    jsonl:FILE                                  lines of JSON, appended
    csv:FILE                                    a table, appended
    stdout                                      lines of JSON on standard output
    mqtt://[USER@]HOST[:PORT]/TOPIC[?OPTIONS]   messages to a broker; mqtts:// with TLS
    prometheus:[HOST:]PORT                      counters to be scraped

The journal keeps a cursor for each sink, under its name: the last record that it confirmed. The next run
goes on there. Ids are stable, so a reader that must not count twice drops those it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from raman_edge.errors import ConfigError
from raman_edge.masking import masked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.journal import JournalRow

KINDS = "jsonl:FILE, csv:FILE, stdout, mqtt://HOST/TOPIC, mqtts://HOST/TOPIC or prometheus:PORT"


class Sink(Protocol):
    """A place that records are sent to; opened by ``with``, anew after every :class:`raman_edge.errors.SinkError`."""

    @property
    def name(self) -> str:
        """Name without secrets, and without options that leave it the same sink."""

    @property
    def remembers(self) -> bool:
        """Whether the next run goes on where this one stopped; else each run begins with its own records."""

    def __enter__(self) -> Self:
        """Open it; SinkError for a failure that may pass."""

    def __exit__(self, *exc: object) -> None:
        """Release everything."""

    def send(self, rows: Sequence[JournalRow]) -> None:
        """Return when the receiver has confirmed all ``rows``; without rows, when it is there.

        Raises RecordsRefused where it has all but those that it can never take.
        Raises SinkError for a failure that may pass; all ``rows`` are then sent again.
        BrokenPipeError and OutputError end the run: standard output has no reader.
        """


@dataclass(frozen=True, slots=True)
class Standing:
    """State of one sink."""

    name: str
    owed: int
    """Records in the journal that it has not confirmed."""
    failing: bool


class Overview(Protocol):
    """What a sink can report about the run besides the records."""

    def newest(self) -> int:
        """Return the number of the journal's newest record; 0 where there is none."""

    def standings(self) -> Sequence[Standing]:
        """Return the states of the sinks that remember."""

    def backlog(self) -> int | None:
        """Return how many files wait to be read; None is unknown."""


def opened(spec: str, overview: Overview) -> Sink:
    """Make the sink that ``spec`` names, not yet opened.

    Raises :class:`ConfigError`: no such kind, a mistake in its parts, its extra is not installed.
    """
    kind, _, rest = spec.partition(":")
    if spec == "stdout":
        from raman_edge.outputs.pipe import Pipe  # noqa: PLC0415 - an output that is not used is not loaded

        return Pipe.standard_output()
    if kind == "jsonl":
        from raman_edge.outputs.files import JsonLines, file_of  # noqa: PLC0415

        return JsonLines(file_of(spec))
    if kind == "csv":
        from raman_edge.outputs.files import CsvFile, file_of  # noqa: PLC0415 - msgspec, to read the records

        return CsvFile(file_of(spec))
    if kind in {"mqtt", "mqtts"}:
        from raman_edge.outputs import broker, mqtt  # noqa: PLC0415 - paho

        return mqtt.Mqtt(broker.parse(spec))
    if kind == "prometheus":
        from raman_edge.outputs import prometheus  # noqa: PLC0415 - prometheus_client

        return prometheus.Prometheus(*prometheus.address(rest), overview)
    raise ConfigError(kind="unknown output", place=f"output {masked(spec)!r}", expected=KINDS)
