"""``raman-edge model bench``: that it measures what it says, on a machine as busy as it may be. No test looks at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import build
import msgspec
import numpy as np
import pytest
from raman_edge import cli
from raman_edge.cli.model import table
from raman_edge.diagnostics import benchmark
from raman_edge.matching.library import Library
from raman_edge.model.model import Model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SHORT = benchmark.Repetitions(spectra=12, rounds=1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tests' own model and library."""
    return build.write_pair(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def report(pair: tuple[Path, Path]) -> benchmark.BenchmarkReport:
    """One short measurement."""
    model = Model.open(pair[0])
    return benchmark.measure(model, Library.open(pair[1], network=model.card.network), pair, 1, SHORT)


def test_everything_is_measured(report: benchmark.BenchmarkReport, pair: tuple[Path, Path]) -> None:
    """Each number is there, of its unit, and of this model."""
    assert report.provider == "CPUExecutionProvider"
    assert (report.references, report.precision) == (5, "fp32")
    assert report.throughput_per_s.keys() == {"1", "4", "16", "64"}
    assert all(rate > 0 for rate in report.throughput_per_s.values())
    assert report.size_mb == round(sum(file.stat().st_size for file in pair) / 1e6, 2)


def test_percentiles_rise_and_the_overhead_is_their_ratio(report: benchmark.BenchmarkReport) -> None:
    """The whole pipeline holds the network: it takes longer, and the ratio is that of the medians."""
    for taken in (report.latency.network, report.latency.pipeline):
        assert 0 < taken["p50"] <= taken["p90"] <= taken["p95"] <= taken["p99"]
    assert report.latency.overhead > 1
    assert report.latency.overhead == pytest.approx(report.latency.pipeline["p50"] / report.latency.network["p50"], rel=0.05)


def test_it_is_one_object_on_a_pipe(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON that reads back as the report it was made from."""
    monkeypatch.setattr(benchmark, "QUICK", SHORT)
    assert cli.main(["model", "bench", "--quick", "--model", str(pair[0])]) == 0
    captured = capsys.readouterr()
    made = msgspec.json.decode(captured.out, type=benchmark.BenchmarkReport)
    assert made.v == json.loads(captured.out)["v"] == 2
    assert made.effort == SHORT
    assert "other work on this machine makes every time longer" in captured.err


def test_a_person_gets_a_table(report: benchmark.BenchmarkReport) -> None:
    """What was measured, the number, its unit, and that a p99 is of this run."""
    lines = dict(table(report))
    assert lines["network alone (onnxruntime)"].count("ms") == 4
    assert lines["network, 64 at once"].endswith("spectra/s")
    assert lines["runs on"].startswith("CPUExecutionProvider, 1 thread; onnxruntime")
    assert "every p99 is of this run" in lines[""]
    assert all(text.isprintable() for line in lines.items() for text in line)


def test_exposures_are_all_different(pair: tuple[Path, Path]) -> None:
    """Equal spectra would be answered from a cache or a journal."""
    library = Library.open(pair[1], network=build.NETWORK)
    made = benchmark.exposures(library, 10)
    assert len({spectrum.counts.tobytes() for spectrum in made}) == 10
    assert all(np.array_equal(a.counts, b.counts) for a, b in zip(made, benchmark.exposures(library, 10), strict=True))


def test_the_network_and_the_pipeline_take_turns(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What slows the machine for a while slows both: each spectrum is given to one, then to the other."""
    model = Model.open(pair[0])
    library = Library.open(pair[1], network=model.card.network)
    turns: list[str] = []

    def recorded(work: object) -> float:
        turns.append("network" if "Model.run" in str(work) else "pipeline")
        return 1.0

    monkeypatch.setattr(benchmark, "seconds", recorded)
    benchmark.latency(model, library, benchmark.exposures(library, 3))
    assert turns == ["network", "pipeline"] * 3


def test_the_machine_is_named(tmp_path: Path) -> None:
    """The processor by its own name where the system has it, by its family elsewhere."""
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Processor @ 1 GHz\nprocessor\t: 1\nmodel name\t: B\n")
    assert benchmark.processor(tmp_path / "cpuinfo") == "A Processor @ 1 GHz"
    assert benchmark.processor(tmp_path / "none")
    found = benchmark.machine()
    assert found.numpy == np.__version__
    assert found.cores is not None
    assert found.cores >= 1
