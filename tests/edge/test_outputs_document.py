"""What docs/outputs.md says of the outputs is what they do."""

from __future__ import annotations

import re
from pathlib import Path

import scripted_outputs
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from raman_edge.outputs import broker, forwarding, prometheus
from raman_edge.outputs.files import COLUMNS

TEXT = (Path(__file__).parents[2] / "docs" / "outputs.md").read_text()


def first_column(heading: str) -> list[str]:
    """Return what is in backquotes in the first column of the last table below a heading."""
    section = TEXT.split(f"## {heading}")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


class Known(scripted_outputs.Alone):
    """An overview in which the backlog is known."""

    def backlog(self) -> int | None:
        """Some."""
        return 3


def test_the_columns() -> None:
    """The table of columns is complete and in order."""
    assert first_column("Files") == list(COLUMNS)


def test_the_options_of_a_broker() -> None:
    """Every option is explained, and no other."""
    assert first_column("MQTT") == list(broker.OPTIONS)
    assert f"{broker.PORTS['mqtt']};" in TEXT
    assert broker.PASSWORD_VARIABLE in TEXT


def test_the_metrics() -> None:
    """Every metric of ours is explained, with its labels, and no other."""
    made = prometheus.Metrics(Known())
    made.count(scripted_outputs.result(1))
    made.count(scripted_outputs.fault(2))
    families = text_string_to_metric_families(generate_latest(made.registry).decode())
    given = {family.name for family in families if family.name.startswith("raman_edge_") and not family.name.endswith("_created")}
    explained = {name.partition("{")[0].removesuffix("_total") for name in first_column("Prometheus")}
    assert explained == given
    assert f"the first {prometheus.MOST_MATERIALS} materials" in TEXT
    assert prometheus.OTHER in TEXT


def test_the_numbers() -> None:
    """Batches and waits are those of the code."""
    assert f"({forwarding.BATCH} records at most)" in TEXT
    assert f"after {forwarding.FIRST_REST_S:g}, 2, 4 … {forwarding.LONGEST_REST_S:g} s" in TEXT
    assert f"waits {forwarding.STOPPED_S:g} s at most" in TEXT
