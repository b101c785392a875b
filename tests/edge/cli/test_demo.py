"""``raman-edge demo`` without a terminal: what is measured, how answers are judged, and the closing summary."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import build
import command
import numpy as np
import pytest
import raman_edge
from raman_edge import formats
from raman_edge.cli import demo
from raman_edge.cli import demo_samples as samples
from raman_edge.cli.demo import DemoResult, SummaryLine
from raman_edge.cli.demo_samples import SampleFile
from raman_edge.errors import FormatError, SourceUnavailable
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.matching.identify import Timing
from raman_edge.matching.library import Library
from raman_edge.matching.ranking import Candidate, PredictionSets
from raman_edge.quality import Quality
from raman_edge.records import FaultRecord, ModelRef, Record, RecordSource, ResultRecord
from raman_edge.spectrum import Origin
from raman_edge.terminal.theme import ASCII, UNICODE
from raman_edge.wording import NAMED
from rich.cells import cell_len
from rich.console import Console

if TYPE_CHECKING:
    from raman_edge.cli.demo_samples import Mishap, Right
    from raman_edge.simulator.ports import TcpAt
    from raman_edge.terminal.theme import Theme

PACKAGES = Path(raman_edge.__file__).parents[1]
LIBRARY = build.make_library()
AT = datetime(2026, 1, 1, tzinfo=UTC)
TS = "2026-01-01T00:00:01.500Z"
FAULT = FaultRecord(id="2", ts=TS, source=RecordSource("file", "/x/a.csv"), why="it is empty")


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


def files(library: Library = LIBRARY, count: int = 9) -> tuple[SampleFile, ...]:
    """A short burst."""
    return samples.files(build.RECIPE.axis, library, count)


def library_of(*names: str) -> Library:
    """A library with these labels."""
    templates = np.tile(build.templates()[:1], (len(names), 1))
    return Library.build(build.NETWORK, names, templates, names, dict.fromkeys(names, build.table("Quartz")))


def result(decision: str, label: str = "Quartz", *, saturated: bool | None = None, among: tuple[str, ...] = ()) -> ResultRecord:
    """A record with this decision."""
    return ResultRecord(
        id="1",
        ts=TS,
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


def line(right: Right, *records: Record, sample: str = "Quartz", mishap: Mishap = "", spikes: int = 0) -> SummaryLine:
    """The line of an act with these records."""
    return demo.act_line(replace(samples.acts(LIBRARY)[0], right=right, sample=sample, mishap=mishap), records, spikes)


def test_the_story_has_every_turn() -> None:
    """A calibration, a mixture, an unknown, a spike, saturation, a damaged frame, a cable; one act has the picture."""
    acts = samples.acts(LIBRARY)
    assert [act.right for act in acts[:2]] == ["any", "axis"]
    assert {act.right for act in acts} == {"name", "saturated", "unknown", "part", "any", "axis"}
    assert {act.mishap for act in acts} == {"", "spike", "damage", "unplug"}
    assert sum(act.pictured for act in acts) == 1
    assert all(act.plan.count == 1 for act in acts)


def test_the_burst_has_every_kind_of_file() -> None:
    """Minerals, two strangers, a broken file, a saturated spectrum; names differ, the first and last are minerals; it is repeatable."""
    kinds = [file.right for file in files()]
    assert [kinds.count(kind) for kind in ("name", "unknown", "fault", "saturated")] == [5, 2, 1, 1]
    assert (kinds[0], kinds[-1]) == ("name", "name")
    many = files(count=samples.FILES)
    assert len(many) == len({file.content for file in many}) == len({file.name for file in many}) == samples.FILES
    assert files() == files()
    assert {Path(file.name).suffix for file in files()} == {".csv", ".txt", ".dat", ".rruff"}


def test_a_label_of_the_library_is_no_stranger() -> None:
    """A material should only be unknown if the library does not have it; with all of them the story has no stranger."""
    assert samples.strangers(library_of("Polystyrene", "Quartz")) == [name for name in samples.STRANGERS if name != "Polystyrene"]
    assert "unknown" not in {act.right for act in samples.acts(library_of("Quartz", *samples.STRANGERS))}
    assert "unknown" not in {file.right for file in files(library_of("Quartz", *samples.STRANGERS))}


def test_a_library_of_other_minerals_is_measured_too() -> None:
    """If none of the well-known minerals is in the library, its own are taken, spread over it."""
    named = samples.minerals(library_of(*(f"Mineral {i:02d}" for i in range(40))))
    assert (len(named), named[0], named[-1]) == (samples.MOST, "Mineral 00", "Mineral 39")


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_every_file_is_what_it_claims(file: SampleFile) -> None:
    """Each format is read back with its strongest line where the material has it; the broken one is refused."""
    origin = Origin("file", file.name)
    if file.right == "fault":
        with pytest.raises(FormatError):
            formats.read(file.content, origin)
        return
    (seen,) = formats.read(file.content, origin)
    assert len(seen) > 500
    if file.right == "name":
        top = float(seen.axis.shift[np.argmax(seen.counts)])
        strongest = max(build.LINES[file.label], key=lambda line: line[1])[0]
        assert abs(top - strongest) < 5
    assert (int((seen.counts == seen.counts.max()).sum()) >= 4) == (file.right == "saturated")


@pytest.mark.parametrize(
    ("right", "record", "judgement"),
    [
        ("name", result("match"), "right"),
        ("name", result("match", "Calcite"), "wrong"),
        ("name", result("ambiguous", "Calcite", among=("Calcite", "Quartz")), "right"),
        ("name", result("ambiguous", "Calcite", among=("Calcite", "Gypsum")), "wrong"),
        ("name", result("possible"), "right"),
        ("name", result("unknown"), "wrong"),
        ("name", result("match", saturated=True), "wrong"),
        ("name", FAULT, "wrong"),
        ("name", None, "missing"),
        ("unknown", result("unknown"), "right"),
        ("unknown", result("match"), "wrong"),
        ("saturated", result("match", saturated=True), "right"),
        ("saturated", result("match"), "wrong"),
        ("part", result("unknown"), "open"),
        ("part", result("match", "Gypsum"), "wrong"),
        ("any", result("match", "Gypsum"), "open"),
        ("any", None, "missing"),
        ("fault", FAULT, "right"),
        ("fault", result("unknown"), "wrong"),
    ],
)
def test_answers_are_judged_strictly(right: Right, record: Record | None, judgement: str) -> None:
    """A stranger must be unknown, saturation must be recorded, a broken file must be a fault."""
    assert samples.judge(right, ["Quartz"], record) == judgement


@pytest.mark.parametrize(
    ("one", "judgement"),
    [
        (line("part", result("match", "Calcite"), sample="Quartz+Calcite"), "right"),
        (line("name", FAULT), "missing"),
        (line("name", FAULT, result("match"), mishap="damage"), "right"),
        (line("name", result("match"), mishap="damage"), "wrong"),
        (line("name", result("match"), mishap="unplug"), "wrong"),
        (line("name", result("match"), mishap="spike", spikes=2), "right"),
        (line("name", result("match"), mishap="spike"), "wrong"),
        (line("any", result("match"), mishap="spike"), "wrong"),
    ],
)
def test_a_mishap_has_to_be_reported(one: SummaryLine, judgement: str) -> None:
    """An act whose spike, damaged frame or cable left no trace is not right, whatever the name."""
    assert one.judgement == judgement


def test_faults_and_spikes_stand_beside_the_answer() -> None:
    """The line of an act has the answer, the spiked values and the faults."""
    answer = line("name", FAULT, result("ambiguous", among=("Calcite", "Quartz")), spikes=2).answer
    assert answer == "one of Calcite, Quartz, 2 spiked values left out, 1 fault reported"


def test_a_burst_is_one_line_and_its_failures_one_each() -> None:
    """A file without a record is missing, and the line of the burst says so; right ones have no line of their own."""
    file = SampleFile("a.csv", "Quartz", "name", b"")
    written = [(file, AT), (replace(file, name="b.csv"), AT)]
    first, other = demo.burst_lines(written, {"a.csv": result("match")})
    assert (first.judgement, first.answer) == ("missing", "1 right, 1 missing, after 1.5 s")
    assert (other.happened, other.answer, other.judgement) == ("  b.csv: Quartz", "nothing", "missing")
    assert [one.judgement for one in demo.burst_lines(written[:1], {"a.csv": result("match")})] == ["right"]
    assert demo.burst_lines([], {}) == []
    assert len(demo.burst_lines(written * 30, {})) == 1 + demo.LISTED


WHOLE = DemoResult(lines=[line("name", FAULT, result("match")), line("any")], acts=2, measured=2, files=1, filed=1, shown=4, rows=4)


@pytest.mark.parametrize(
    ("outcome", "complete"),
    [
        (WHOLE, True),
        (replace(WHOLE, measured=1), False),
        (replace(WHOLE, filed=0), False),
        (replace(WHOLE, rows=3), False),
        (replace(WHOLE, wrong="row 1 is not as it was written"), False),
        (replace(WHOLE, measured=1, filed=0, early=True), True),
        (replace(WHOLE, rows=3, early=True), False),
        (replace(WHOLE, wrong="row 1 is not as it was written", early=True), False),
    ],
)
def test_what_is_missing_is_reported(outcome: DemoResult, complete: bool) -> None:  # noqa: FBT001 - a parameter
    """A measurement, file or row too few, or a broken chain, and the last line shows it; ended early, only the journal counts."""
    assert outcome.complete is complete
    assert outcome.sentences(1.0)[-1].startswith("Nothing lost" if complete else "NOT COMPLETE")


@pytest.mark.parametrize("width", [40, 80, 100, 120])
@pytest.mark.parametrize("theme", [ASCII, UNICODE])
def test_the_summary_fits_its_terminal(width: int, theme: Theme) -> None:
    """No row is wider than the terminal, no markup in a label is obeyed, and plain ASCII is enough."""
    console = Console(file=io.StringIO(), width=width)
    hostile = replace(WHOLE, lines=[*WHOLE.lines, SummaryLine("[bold red]x[/]", "\x1b[31m", "wrong", 1.0)])
    console.print(hostile.table(theme), *hostile.paragraphs(50.0, theme), sep="\n")
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert max(map(cell_len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "[bold" in text
    assert text.isascii() or theme is UNICODE


def test_without_pseudo_terminals_the_instrument_is_on_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system has no pseudo-terminal, the same instrument answers on a TCP port."""

    def none() -> TcpAt:
        raise SourceUnavailable(kind="no pseudo-terminal")

    monkeypatch.setattr(demo, "PtyAt", none)
    with demo.connected(LIBRARY, threading.Event(), pacing=False) as (simulated, spectrometer):
        assert simulated.port.startswith("socket://")
        simulated.material("Quartz+Cyclohexane")
        while (got := spectrometer.expose()) is None:
            pass
        assert isinstance(got, Exposure)


def test_a_pipe_gets_one_line_of_json_a_record_and_the_summary_on_standard_error(pair: Path, tmp_path: Path) -> None:
    """Every record is a line, nothing is lost, the picture is written, nothing is left behind."""
    picture, left = tmp_path / "screen.svg", tmp_path / "tmp"
    left.mkdir()
    ended = run("--model", str(pair), "--svg", str(picture), DEMO_SECONDS="0.1", TMPDIR=str(left))
    assert ended.returncode == 0, ended.stderr
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [record["source"]["kind"] for record in records].count("file") == samples.FILES
    assert sum(record["source"]["kind"] == "serial" and record["event"] == "result" for record in records) == 9
    words = " ".join(ended.stderr.split())
    assert "10 of 10 measurements answered; link reconnected: 1." in words
    assert f"{samples.FILES} of {samples.FILES} files answered" in words
    assert f"{len(records)} results shown, {len(records)} rows, each verified against the hash chain" in words
    assert "Nothing lost" in words
    assert {record["event"] for record in records} == {"result", "fault"}
    assert len({record["calibration"]["id"] for record in records if record.get("calibration")}) == 1
    assert f"{sys.executable} -m raman_edge identify --example ./incoming" in words
    assert "\x1b" not in ended.stderr
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert list(left.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_reported(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture in a folder that does not exist ends with one line and the code of an output."""
    monkeypatch.setattr(demo.Story, "play", lambda *_: WHOLE)
    ended = command.call("demo", "--model", pair, "--svg", tmp_path / "none" / "screen.svg")
    assert ended.returncode == 73
    assert b"cannot write the picture" in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        ((), {"DEMO_SECONDS": "soon"}, 78, "DEMO_SECONDS"),
        (("--seconds", "0"), {}, 2, "more than 0"),
        (("--model", "/nowhere.onnx"), {}, 78, "nowhere.onnx"),
    ],
)
def test_mistakes_give_one_line(pair: Path, arguments: tuple[str, ...], environment: dict[str, str], code: int, words: str) -> None:
    """A bad duration, model or picture ends with the right code and no traceback."""
    ended = command.call("demo", "--model", pair, *arguments, **environment)
    assert ended.returncode == code
    assert words in ended.stderr.decode()
    assert b"Traceback" not in ended.stderr


def test_a_stop_by_signal_still_sums_up(pair: Path) -> None:
    """SIGINT ends the demo with 130 and a summary of what was measured until then."""
    called = [sys.executable, "-m", "raman_edge", "demo", "--model", str(pair), "--seconds", "60"]
    with subprocess.Popen(
        called, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGES)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("{")
        command.interrupt(process)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT
    assert "ended early" in errors
    assert "Traceback" not in errors


def test_help_states_that_it_is_simulated() -> None:
    """The help states that nothing in the demo is measured."""
    ended = command.call("demo", "--help")
    assert ended.returncode == 0
    assert "a simulated spectrometer" in " ".join(ended.stdout.decode().split())
