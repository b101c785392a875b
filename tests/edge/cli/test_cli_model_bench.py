"""``raman-edge model bench``: that it measures what it says, on a machine as busy as it may be. No test looks at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import build
import command
import msgspec
import numpy as np
import pytest
from raman_edge import cli
from raman_edge.cli.model import UNKNOWN, table
from raman_edge.diagnostics import benchmark
from raman_edge.diagnostics.benchmark import inside, machine, outside, watching
from raman_edge.errors import SourceLost
from raman_edge.matching.library import Library
from raman_edge.model.model import Model

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

SHORT = benchmark.Repetitions(spectra=12, rounds=1, starts=1, watched_s=0.5)


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
    assert report.cold_start_s > report.bare_python_s > 0
    assert report.size_mb == round(sum(file.stat().st_size for file in pair) / 1e6, 2)
    assert report.watched.fed == 10


def test_percentiles_rise_and_the_overhead_is_their_ratio(report: benchmark.BenchmarkReport) -> None:
    """The whole pipeline holds the network: it takes longer, and the ratio is that of the medians."""
    for taken in (report.latency.network, report.latency.pipeline, report.watched.rename_to_record_ms, report.watched.rename_to_journal_ms):
        assert 0 < taken["p50"] <= taken["p90"] <= taken["p95"] <= taken["p99"]
    assert report.latency.overhead > 1
    assert report.latency.overhead == pytest.approx(report.latency.pipeline["p50"] / report.latency.network["p50"], rel=0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are measured in /proc")
def test_a_watching_process_is_measured_from_outside(report: benchmark.BenchmarkReport) -> None:
    """Its share of a core while it idles and while it is fed, and the memory it held."""
    watched = report.watched
    assert watched.idle_cpu_percent is not None
    assert watched.fed_cpu_percent is not None
    assert watched.resident_mb is not None
    assert 0 <= watched.idle_cpu_percent < watched.fed_cpu_percent
    assert 20 < watched.resident_mb < 2000


def test_it_is_one_object_on_a_pipe(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON that reads back as the report it was made from."""
    monkeypatch.setattr(benchmark, "QUICK", SHORT)
    assert cli.main(["model", "bench", "--quick", "--model", str(pair[0])]) == 0
    said = capsys.readouterr()
    made = msgspec.json.decode(said.out, type=benchmark.BenchmarkReport)
    assert made.v == json.loads(said.out)["v"] == 1
    assert made.effort == SHORT
    assert "other work on this machine makes every time longer" in said.err


def test_a_person_gets_a_table(report: benchmark.BenchmarkReport) -> None:
    """What was measured, the number, its unit, and that a p99 is of this run."""
    lines = dict(table(report))
    assert lines["network alone (onnxruntime)"].count("ms") == 4
    assert lines["network, 64 at once"].endswith("spectra/s")
    assert lines["runs on"].startswith("CPUExecutionProvider, 1 thread(s); onnxruntime")
    assert "every p99 is of this run" in lines[""]
    assert all(text.isprintable() for line in lines.items() for text in line)


def test_what_the_system_does_not_tell_is_said(report: benchmark.BenchmarkReport) -> None:
    """Without /proc there is neither memory nor processor time; nothing is made up."""
    assert watching.cpu_seconds(2**30) is None
    assert watching.peak_resident_mb(2**30) is None
    bare = msgspec.structs.replace(report.watched, resident_mb=None, idle_cpu_percent=None)
    lines = dict(table(msgspec.structs.replace(report, watched=bare)))
    assert lines["  peak memory"] == lines["`watch`, idle"] == UNKNOWN


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are measured in /proc")
def test_processor_time_is_that_of_the_process() -> None:
    """The time of a process as the system tells it is what the process itself counts."""
    before = watching.cpu_seconds(os.getpid())
    started = time.process_time()
    while time.process_time() - started < 0.2:
        pass
    after = watching.cpu_seconds(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(time.process_time() - started, abs=0.1)


def test_exposures_are_all_different(pair: tuple[Path, Path]) -> None:
    """Equal spectra would be answered from a cache or a journal."""
    library = Library.open(pair[1], network=build.NETWORK)
    made = inside.exposures(library, 10)
    assert len({spectrum.counts.tobytes() for spectrum in made}) == 10
    assert all(np.array_equal(a.counts, b.counts) for a, b in zip(made, inside.exposures(library, 10), strict=True))


def test_the_network_and_the_pipeline_take_turns(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What slows the machine for a while slows both: each spectrum is given to one, then to the other."""
    model = Model.open(pair[0])
    library = Library.open(pair[1], network=model.card.network)
    turns: list[str] = []

    def told(work: object) -> float:
        turns.append("network" if "Model.run" in str(work) else "pipeline")
        return 1.0

    monkeypatch.setattr(inside, "seconds", told)
    inside.latency(model, library, inside.exposures(library, 3))
    assert turns == ["network", "pipeline"] * 3


@pytest.mark.parametrize("called", [["-c", "raise SystemExit('gone')"], ["-c", "pass"]])
def test_a_process_that_ends_is_said(called: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends before it answers is an error with its last words, not an endless wait."""
    monkeypatch.setattr(watching, "ANSWER_S", 0.2)
    with (
        watching.running([sys.executable, *called], tmp_path) as answers,
        pytest.raises(SourceLost, match=r"1 of 1 spectra .* (gone|nothing)"),
    ):
        answers.wait_for({"a.csv"})


def test_a_start_that_fails_is_said(tmp_path: Path) -> None:
    """A command that ends with an error is not timed: its error is told."""
    options = watching.Options(tmp_path / "none.onnx", tmp_path / "none.npz", 1)
    with pytest.raises(SourceLost, match=r"`raman_edge identify .*` ended with 78; it says: .*none.onnx' cannot be read"):
        outside.cold_start(options, build.spectrum(), 1)


def test_nothing_of_the_users_is_touched(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The journal and the library of whoever measures stay as they are: there are none before, and none after."""
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_DATA_HOME": str(tmp_path / "data")}
    called = (
        "import sys; from raman_edge import cli; from raman_edge.diagnostics import benchmark; "
        "benchmark.QUICK = benchmark.Repetitions(5, 1, 1, 0.2); "
        "sys.exit(cli.main(['model', 'bench', '--quick', '--model', {!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", called.format(str(pair[0]))], capture_output=True, check=False, env=command.environment(**home)
    )
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_measurement_that_is_ended_leaves_nothing_running(pair: tuple[Path, Path]) -> None:
    """SIGTERM ends the process that is measured with the one that measures: 143, and no `watch` is left."""
    called = (
        "import sys; from raman_edge import cli; from raman_edge.diagnostics import benchmark; "
        "benchmark.QUICK = benchmark.Repetitions(5, 1, 1, 60.0); "
        "sys.exit(cli.main(['model', 'bench', '--quick', '--model', {!r}]))"
    )
    process = subprocess.Popen([sys.executable, "-c", called.format(str(pair[0]))], stderr=subprocess.PIPE, env=command.environment())
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    watching: list[str] = []
    while not watching:
        assert process.poll() is None
        watching = [pid for pid in children.read_text().split() if b"watch" in _command_line(pid)]
    process.terminate()
    assert process.wait(30) == 143
    assert b"watch" not in _command_line(watching[0])


def _command_line(pid: str) -> bytes:
    """Return how a process was called; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_machine_is_named(tmp_path: Path) -> None:
    """The processor by its own name where the system tells it, by its family elsewhere."""
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Processor @ 1 GHz\nprocessor\t: 1\nmodel name\t: B\n")
    assert machine.processor(tmp_path / "cpuinfo") == "A Processor @ 1 GHz"
    assert machine.processor(tmp_path / "none")
    told = machine.facts()
    assert told.numpy == np.__version__
    assert told.cores is not None
    assert told.cores >= 1
