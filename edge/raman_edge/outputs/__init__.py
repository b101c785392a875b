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

from raman_edge.errors import ConfigError
from raman_edge.masking import masked
from raman_edge.outputs.files import CsvFile, JsonLines, file_of
from raman_edge.outputs.sink import Overview, Pipe, Sink, Standing

__all__ = ["Overview", "Sink", "Standing", "opened"]

KINDS = "jsonl:FILE, csv:FILE, stdout, mqtt://HOST/TOPIC, mqtts://HOST/TOPIC or prometheus:PORT"


def opened(spec: str, overview: Overview) -> Sink:
    """Make the sink that ``spec`` names, not yet opened.

    Raises :class:`ConfigError`: no such kind, a mistake in its parts, its extra is not installed.
    """
    kind, _, rest = spec.partition(":")
    if spec == "stdout":
        return Pipe.standard_output()
    if kind == "jsonl":
        return JsonLines(file_of(spec))
    if kind == "csv":
        return CsvFile(file_of(spec))
    if kind in {"mqtt", "mqtts"}:
        from raman_edge.outputs import broker, mqtt  # noqa: PLC0415 - paho, an extra

        return mqtt.Mqtt(broker.parse(spec))
    if kind == "prometheus":
        from raman_edge.outputs import prometheus  # noqa: PLC0415 - prometheus_client, an extra

        return prometheus.Prometheus(*prometheus.address(rest), overview)
    raise ConfigError(kind="unknown output", place=f"output {masked(spec)!r}", expected=KINDS)
