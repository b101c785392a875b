"""The processes that the benchmark starts: what is measured of them, and that none is left. No test looks at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import build
import command
import msgspec
import pytest
from benching import processes
from raman_edge.diagnostics import benchmark
from raman_edge.errors import SourceLost
from raman_edge.matching.library import Library

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.slow

PROC = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are measured in /proc")
SCRIPT = (
    "import sys; from pathlib import Path; from benching import processes; import build; "
    "processes.measure((Path(sys.argv[1]), Path(sys.argv[2])), 1, [build.spectrum(seed=i) for i in range(5)], "
    "processes.Repetitions(1, float(sys.argv[3])))"
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tests' own model and library."""
    return build.write_pair(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def costs(pair: tuple[Path, Path]) -> processes.ProcessCosts:
    """One short measurement."""
    spectra = benchmark.exposures(Library.open(pair[1], network=build.NETWORK), 12)
    return processes.measure(pair, 1, spectra, processes.Repetitions(starts=1, watched_s=0.5))


def script(pair: tuple[Path, Path], watched_s: float) -> list[str]:
    """Return a program that measures processes for ``watched_s``."""
    return [sys.executable, "-c", SCRIPT, *map(str, pair), str(watched_s)]


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which the benchmark's own modules are found."""
    paths = os.pathsep.join((str(Path(processes.__file__).parents[1]), str(Path(build.__file__).parent), *sys.path))
    return command.environment(PYTHONPATH=paths, **more)


def test_starts_are_measured(costs: processes.ProcessCosts) -> None:
    """Identifying takes longer than a Python that does nothing, and every spectrum that was given is answered."""
    assert costs.cold_start_s > costs.bare_python_s > 0
    assert costs.watched.fed == 10
    for taken in (costs.watched.rename_to_record_ms, costs.watched.rename_to_journal_ms):
        assert 0 < taken["p50"] <= taken["p90"] <= taken["p95"] <= taken["p99"]


@PROC
def test_a_watching_process_is_measured_from_outside(costs: processes.ProcessCosts) -> None:
    """Its share of a core while it idles and while it is fed, and the memory it held."""
    watched = costs.watched
    assert watched.idle_cpu_percent is not None
    assert watched.fed_cpu_percent is not None
    assert watched.resident_mb is not None
    assert 0 <= watched.idle_cpu_percent < watched.fed_cpu_percent
    assert 20 < watched.resident_mb < 2000


def test_what_the_system_does_not_know_is_unknown(costs: processes.ProcessCosts) -> None:
    """Without /proc there is neither memory nor processor time; nothing is made up."""
    assert processes.cpu_seconds(2**30) is None
    assert processes.peak_resident_mb(2**30) is None
    bare = msgspec.structs.replace(costs.watched, resident_mb=None, idle_cpu_percent=None)
    lines = dict(replace(costs, watched=bare).lines())
    assert lines["  most memory held"] == lines["`watch`, idle"] == processes.UNKNOWN


@PROC
def test_processor_time_is_that_of_the_process() -> None:
    """The time of a process by the system is what the process itself counts."""
    before = processes.cpu_seconds(os.getpid())
    started = time.process_time()
    while time.process_time() - started < 0.2:
        pass
    after = processes.cpu_seconds(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(time.process_time() - started, abs=0.1)


@pytest.mark.parametrize("called", [["-c", "raise SystemExit('gone')"], ["-c", "pass"]])
def test_a_process_that_ends_is_reported(called: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ends before it answers is an error with its last words, not an endless wait."""
    monkeypatch.setattr(processes, "ANSWER_S", 0.2)
    with (
        processes.running([sys.executable, *called], tmp_path) as answers,
        pytest.raises(SourceLost, match=r"1 of 1 spectra .* (gone|none)"),
    ):
        answers.wait_for({"a.csv"})


def test_a_start_that_fails_is_reported(tmp_path: Path) -> None:
    """A command that ends with an error is not timed: its error is reported."""
    options = processes.Options(tmp_path / "none.onnx", tmp_path / "none.npz", 1)
    with pytest.raises(SourceLost, match=r"`raman_edge identify .*` ended with 78; its last output: .*none.onnx': cannot be read"):
        processes.cold_start(options, build.spectrum(), 1)


def test_nothing_of_the_users_is_touched(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The user's journal and library stay as they are: there are none before, and none after."""
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_DATA_HOME": str(tmp_path / "data")}
    done = subprocess.run(script(pair, 0.2), capture_output=True, check=False, env=environment(**home))
    assert done.returncode == 0, done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
def test_a_measurement_that_is_interrupted_leaves_nothing_running(pair: tuple[Path, Path]) -> None:
    """Ctrl-C ends the process that is measured with the one that measures, and no `watch` is left."""
    process = subprocess.Popen(script(pair, 60.0), stderr=subprocess.PIPE, env=environment())
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    watching: list[str] = []
    while not watching:
        assert process.poll() is None
        watching = [pid for pid in children.read_text().split() if b"watch" in _command_line(pid)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert b"watch" not in _command_line(watching[0])


def _command_line(pid: str) -> bytes:
    """Return the command line of a process; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
