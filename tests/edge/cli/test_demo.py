"""``raman-edge demo`` without a terminal: what is measured, what is answered, what it comes to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import build
import numpy as np
import pytest
import raman_edge
from raman_edge import formats
from raman_edge.cli.demo import exposures, judging, summary
from raman_edge.cli.demo.burst import Burst, Dropped
from raman_edge.cli.demo.exposures import Exposure
from raman_edge.errors import FormatError, SourceLost
from raman_edge.matching.identify import Timing
from raman_edge.matching.library import Library
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.quality import Quality
from raman_edge.records import FaultRecord, ModelRef, Record, RecordSource, ResultRecord
from raman_edge.spectrum import Origin
from raman_edge.wording import NAMED

PACKAGES = Path(raman_edge.__file__).parents[1]
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, with its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the demo with its output in pipes."""
    variables = {name: value for name, value in os.environ.items() if name != "DEMO_SECONDS"}
    variables |= {"PYTHONPATH": str(PACKAGES)} | environment
    return subprocess.run(
        [sys.executable, "-m", "raman_edge", "demo", *arguments], capture_output=True, text=True, env=variables, timeout=120, check=False
    )


def plan() -> tuple[Exposure, ...]:
    """What is measured with the tiny library."""
    return exposures.plan(build.RECIPE.axis, build.make_library(), 9)


def test_the_plan_has_every_kind_of_sample() -> None:
    """Library minerals, two strangers, a broken file, a saturated exposure; names differ, the first and last are minerals."""
    kinds = [exposure.kind for exposure in plan()]
    assert [kinds.count(kind) for kind in ("mineral", "stranger", "broken", "saturated")] == [5, 2, 1, 1]
    assert (kinds[0], kinds[-1]) == ("mineral", "mineral")
    assert len({exposure.name for exposure in plan()}) == len(plan())
    assert [exposure.label for exposure in plan() if exposure.kind == "stranger"] == ["Polystyrene", "Cyclohexane"]


def test_a_burst_is_as_long_as_asked_and_no_file_is_another_one() -> None:
    """Minerals come again and again, each time another exposure."""
    files = exposures.plan(build.RECIPE.axis, build.make_library())
    assert len(files) == exposures.MANY
    assert len({exposure.content for exposure in files}) == len({exposure.name for exposure in files}) == len(files)


def test_what_the_library_has_is_no_stranger() -> None:
    """A material is only called unknown where the library does not have it."""
    names = ["Polystyrene", "Quartz"]
    library = Library.build(build.NETWORK, names, build.templates()[:2], names, dict.fromkeys(names, build.table("Quartz")))
    strangers = [exposure.label for exposure in exposures.plan(build.RECIPE.axis, library) if exposure.kind == "stranger"]
    assert strangers == ["Cyclohexane", "Silicon"]


def test_every_run_measures_the_same() -> None:
    """The plan is a function of model and library: a demo can be repeated."""
    assert plan() == plan()


@pytest.mark.parametrize("exposure", plan(), ids=lambda exposure: exposure.name)
def test_every_file_is_what_it_claims(exposure: Exposure) -> None:
    """Each format is read back with its strongest line where the material has it; the broken one is refused."""
    origin = Origin("file", exposure.name)
    if exposure.kind == "broken":
        with pytest.raises(FormatError):
            formats.read(exposure.content, origin)
        return
    (seen,) = formats.read(exposure.content, origin)
    assert len(seen) > 500
    if exposure.kind == "mineral":
        top = float(seen.axis.shift[np.argmax(seen.counts)])
        strongest = max(build.LINES[exposure.label], key=lambda line: line[1])[0]
        assert abs(top - strongest) < 5
    assert (int((seen.counts == seen.counts.max()).sum()) >= 4) == (exposure.kind == "saturated")


def test_all_formats_are_measured() -> None:
    """Comma, decimal comma, tab and a RRUFF header are all among the files."""
    assert {Path(exposure.name).suffix for exposure in plan()} == {".csv", ".txt", ".dat", ".rruff"}


def test_a_library_of_other_minerals_is_measured_too() -> None:
    """Where none of the well-known minerals is in the library, its own are taken, spread over it."""
    names = [f"Mineral {i:02d}" for i in range(40)]
    filters = np.tile(build.templates()[:1], (40, 1))
    library = Library.build(build.NETWORK, names, filters, names, dict.fromkeys(names, build.table("Quartz")))
    measured = [exposure.label for exposure in exposures.plan(build.RECIPE.axis, library, exposures.MOST + 4) if exposure.kind == "mineral"]
    assert (len(measured), measured[0], measured[-1]) == (exposures.MOST, "Mineral 00", "Mineral 39")


def test_the_burst_is_over_when_all_is_answered(tmp_path: Path) -> None:
    """Half of the files lie there at once, the others come, none under a temporary name, and the last answer ends it."""
    answered = 0
    with Burst(plan()[:4], tmp_path, lambda: answered, threading.Event()) as burst:
        assert len(burst.dropped) >= 2
        while not burst.over.wait(0.02):
            answered = sum(1 for path in tmp_path.iterdir() if path.suffix != ".tmp")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {e.name: e.content for e in plan()[:4]}
    assert [drop.exposure for drop in burst.dropped] == list(plan()[:4])


def test_a_burst_that_nobody_answers_ends_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no answer comes for long, it is over, and what was dropped is known."""
    monkeypatch.setattr("raman_edge.cli.demo.burst.PATIENCE_S", 0.05)
    with Burst(plan()[:2], tmp_path, lambda: 0, threading.Event()) as burst:
        assert burst.over.wait(60)
    assert len(burst.dropped) == 2


def test_a_stop_ends_the_burst(tmp_path: Path) -> None:
    """Somebody who wants no more gets no more."""
    stop = threading.Event()
    stop.set()
    with Burst(plan(), tmp_path, lambda: 0, stop) as burst:
        assert burst.over.wait(60)
    assert burst.dropped == []


def test_a_full_disk_is_told_and_not_swallowed(tmp_path: Path) -> None:
    """If the instrument cannot write, the run ends with one clear error."""
    with pytest.raises(SourceLost, match="cannot write"), Burst(plan()[:3], tmp_path / "gone", lambda: 0, threading.Event()):
        pass


def test_a_disk_that_fills_up_meanwhile_is_told_as_well(tmp_path: Path) -> None:
    """What goes wrong in the thread that writes is raised where the block ends."""
    (tmp_path / (plan()[1].name)).mkdir()
    with (
        pytest.raises(SourceLost, match="cannot write"),
        Burst(plan()[:2], tmp_path, lambda: 0, threading.Event()) as burst,
    ):
        assert burst.over.wait(60)


def said(decision: str, label: str = "Quartz", *, saturated: bool | None = None, among: tuple[str, ...] = ()) -> ResultRecord:
    """A record that says this."""
    return ResultRecord(
        id="1",
        ts="2026-01-01T00:00:01.500Z",
        source=RecordSource("file", "/x/a.csv"),
        decision=decision,  # type: ignore[arg-type]  # one of the five
        names=among or ((label,) if decision in NAMED else ()),
        why=(),
        matches=(Candidate(label, 0.9, 0.9),),
        one_of=PredictionSets((label,), (label,)),
        known=0.9,
        quality=Quality(50.0, saturated, 1.0),
        model=ModelRef("m", "", "CPU"),
        ms=Timing(1.0, 1.0, 1.0, 3.0),
    )


FAULT = FaultRecord(id="2", ts="2026-01-01T00:00:01.500Z", source=RecordSource("file", "/x/a.csv"), why="it is empty")


@pytest.mark.parametrize(
    ("kind", "record", "right"),
    [
        ("mineral", said("match"), True),
        ("mineral", said("match", "Calcite"), False),
        ("mineral", said("ambiguous", "Calcite", among=("Calcite", "Quartz")), True),
        ("mineral", said("ambiguous", "Calcite", among=("Calcite", "Gypsum")), False),
        ("mineral", said("possible"), True),
        ("mineral", said("unknown"), False),
        ("mineral", FAULT, False),
        ("stranger", said("unknown"), True),
        ("stranger", said("match"), False),
        ("saturated", said("match", saturated=True), True),
        ("saturated", said("match"), False),
        ("broken", FAULT, True),
        ("broken", said("unknown"), False),
    ],
)
def test_what_is_right_is_strict(kind: str, record: Record, right: bool) -> None:  # noqa: FBT001 - a parameter
    """A stranger must be unknown, a saturated exposure must say so, a broken file must be a fault."""
    exposure = Exposure("a.csv", kind, "Quartz", b"")  # type: ignore[arg-type]  # one of the four
    assert (judging.of_file(exposure, record) == "right") is right


def test_a_burst_is_one_line_and_its_failures_one_each() -> None:
    """A file without a record is missing, and the line of the burst says so; right ones have no line of their own."""
    exposure = Exposure("a.csv", "mineral", "Quartz", b"")
    drops = [Dropped(exposure, AT), Dropped(replace(exposure, name="b.csv"), AT + timedelta(seconds=1))]
    rows = summary.compare(drops, Records(said("match")))  # type: ignore[arg-type]  # a journal as far as it is asked
    assert [(row.judgement, row.after_s) for row in rows] == [("right", 1.5), ("missing", None)]
    first, other = summary.of_burst(rows)
    assert (first.judgement, first.answer) == ("missing", "1 right, 1 missing, after 1.5 s")
    assert (other.happened, other.answer) == ("  b.csv: Quartz", "not yet")
    assert [line.judgement for line in summary.of_burst(rows[:1])] == ["right"]
    assert summary.of_burst([]) == []
    assert len(summary.of_burst(rows[1:] * 30)) == 1 + summary.LISTED


class Records:
    """A journal with these records."""

    def __init__(self, *held: Record) -> None:
        self._held = held

    def records(self) -> list[str]:
        """Give the lines."""
        from raman_edge.records import encode

        return [encode(record).decode() for record in self._held]


def test_a_pipe_gets_one_line_of_json_a_record_and_the_summary_on_standard_error(pair: Path, tmp_path: Path) -> None:
    """The whole story is told: every record is a line, nothing is lost, the picture is written, nothing is left behind."""
    picture, left = tmp_path / "screen.svg", tmp_path / "tmp"
    left.mkdir()
    ended = run("--model", str(pair), "--svg", str(picture), DEMO_SECONDS="0.1", TMPDIR=str(left))
    assert ended.returncode == 0, ended.stderr
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [record["source"]["kind"] for record in records].count("file") == exposures.MANY
    assert sum(record["source"]["kind"] == "serial" and record["event"] == "result" for record in records) == 9
    assert f"{len(records)} answers given, {len(records)} rows verified, each as it was written" in " ".join(ended.stderr.split())
    assert "Nothing lost" in ended.stderr
    assert "LOST" not in ended.stderr
    assert {record["event"] for record in records} == {"result", "fault"}
    assert len({record["calibration"]["id"] for record in records if record.get("calibration")}) == 1
    assert "\x1b" not in ended.stderr
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert list(left.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        ((), {"DEMO_SECONDS": "soon"}, 78, "DEMO_SECONDS"),
        (("--seconds", "0"), {}, 2, "more than 0"),
        (("--model", "/nowhere.onnx"), {}, 78, "/nowhere.onnx"),
    ],
)
def test_mistakes_are_told_in_one_line(pair: Path, arguments: tuple[str, ...], environment: dict[str, str], code: int, words: str) -> None:
    """A bad duration, model or picture ends with the right code and no traceback."""
    ended = run("--model", str(pair), *arguments, **environment)
    assert ended.returncode == code
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_stop_by_signal_still_sums_up(pair: Path) -> None:
    """SIGINT ends the demo with 130 and the summary of what was dropped until then."""
    command = [sys.executable, "-m", "raman_edge", "demo", "--model", str(pair), "--seconds", "60"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGES)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("{")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert "ended early" in errors
    assert "Traceback" not in errors


def test_help_says_that_it_is_simulated() -> None:
    """Nobody takes the demo's exposures for measurements."""
    ended = run("--help")
    assert ended.returncode == 0
    assert "a simulated spectrometer" in " ".join(ended.stdout.split())
