"""``raman-edge journal``: list, show, export, verify, recheck, prune, as a person and as a program use them."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import build
import command
import journals
import msgspec
import numpy as np
import pytest
from raman_edge import cli, records
from raman_edge.cli.journal_options import moment
from raman_edge.journal import Journal, JournalEntry
from raman_edge.outputs import files

if TYPE_CHECKING:
    from pathlib import Path

VERIFIED = {"ok": True, "rows": 6, "spectra": 5, "pruned": 0, "head": "", "noted": None, "wrong": None}
"""What `verify` says of an untouched journal, without its head."""
LABELS = ("Quartz", "Calcite", "Gypsum", "Zircon", "Anatase")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of five answers and a fault, a day apart, with a file name that a spreadsheet would run."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    names = ("=HYPERLINK(1).csv", "/data/line-1/b\x1b[31m.csv", "/data/line-2/c.csv", "/data/line-2/d\n.csv", "/data/line-2/e.csv")
    entries = [journals.answer(number, label, names[number]) for number, label in enumerate(LABELS)]
    journals.write(path, *(_on_day(entry, day) for day, entry in enumerate([*entries, journals.failure(0)], start=1)))
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that name the tiny model."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    return "--model", str(model), "--library", str(library), "--no-user-library"


def _on_day(entry: JournalEntry, day: int) -> JournalEntry:
    return JournalEntry(msgspec.structs.replace(entry.record, ts=f"2026-03-{day:02}T12:00:00.000Z"), entry.spectrum)


def journal(*arguments: str | Path, expect: int = 0) -> None:
    """Run an action in this process."""
    assert cli.main(["journal", *map(str, arguments)]) == expect


def output_records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return the lines of JSON that were printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def id_of(made: Path, label: str) -> str:
    """Return the id of the answer that names this material."""
    return str(journals.ask(made, "SELECT lower(hex(id)) FROM records WHERE best = ?", label)[0][0])


def test_list_is_newest_first_and_takes_a_limit(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe every record comes as it went out, the newest first; --limit takes the newest."""
    journal("list", "--journal", made)
    whole = output_records(capsys)
    assert [str(line["ts"])[8:10] for line in whole] == ["06", "05", "04", "03", "02", "01"]
    journal("list", "--journal", made, "--limit", "2")
    assert output_records(capsys) == whole[:2]


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (("--since", "2026-03-04"), [6, 5, 4]),
        (("--since", "2026-03-04T12:00:00Z", "--until", "2026-03-05T12:00"), [4]),
        (("--until", "2026-03-02T14:00+02:00"), [1]),
        (("--since", "1d"), []),
        (("--decision", "fault"), [6]),
        (("--decision", "match"), [5, 4, 3, 2, 1]),
        (("--label", "qUARTZ"), [1]),
        (("--label", "Quar"), []),
        (("--path", "/data/line-2/*"), [5, 4, 3]),
        (("--path", "*.csv", "--decision", "match", "--since", "2026-03-05"), [5]),
    ],
)
def test_filters(made: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], days: list[int]) -> None:
    """Each filter leaves what it says, and several leave what all of them say; list and export agree."""
    journal("list", "--journal", made, *options)
    listed = output_records(capsys)
    assert [int(str(line["ts"])[8:10]) for line in listed] == days
    journal("export", "--format", "jsonl", "--journal", made, *options)
    assert output_records(capsys) == listed[::-1]


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "7", "7w", "", "1e3d"])
def test_invalid_times(made: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """What is no time is a usage error that shows what times look like."""
    journal("list", "--journal", made, f"--since={text}", expect=2)
    assert "expected a time such as 2026-11-22" in capsys.readouterr().err


def test_times_ago() -> None:
    """A duration is that long ago."""
    before = datetime.now(UTC)
    for text, seconds in (("90m", 5400), ("24h", 86_400), ("7d", 604_800)):
        assert abs((before - moment(text)).total_seconds() - seconds) < 60


def test_list_on_a_terminal(made: Path, tmp_path: Path) -> None:
    """A terminal shows the newest fifty, a line each with the beginning of the id, and how many more there are."""
    code, written = command.on_terminal("journal", "list", "--journal", made)
    text = written.decode()
    assert code == 0
    assert text.splitlines()[1].startswith(f"{id_of(made, 'Anatase')[:8]}  2026-03-05 12:00:00Z  Anatase >99%")
    assert "\x1b" not in text
    many = tmp_path / "many"
    with Journal.open(many) as opened:
        opened.write([journals.failure(number, f"in/{number}") for number in range(63)], model="m", config="c")
    shown = command.on_terminal("journal", "list", "--journal", many)[1].decode()
    assert shown.count("fault") == 50
    assert "13 older records: --limit N shows N" in shown
    assert "no such record" in command.on_terminal("journal", "list", "--journal", many, "--label", "x")[1].decode()


def test_show_for_a_program(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe one object holds the record as it went out, its row, and every number of the spectrum."""
    journal("show", id_of(made, "Gypsum")[:6], "--journal", made)
    (whole,) = output_records(capsys)
    expected = journals.answer(2, "Gypsum").spectrum
    assert expected is not None
    assert whole["record"]["matches"][0]["label"] == "Gypsum"  # type: ignore[index]  # JSON
    assert whole["journal"]["seq"] == 3  # type: ignore[index]
    assert whole["spectrum"]["counts"] == expected.counts.tolist()  # type: ignore[index]
    assert whole["spectrum"]["shift"] == expected.axis.shift.tolist()  # type: ignore[index]


def test_show_for_a_person(made: Path) -> None:
    """A person reads answer, candidates, peaks, quality, file and spectrum, with a plot; nothing acts on the terminal."""
    code, written = command.on_terminal("journal", "show", id_of(made, "Calcite")[:8], "--journal", made)
    text = written.decode()
    assert code == 0
    for words in ("Calcite, match", "100 cases", "1086", "signal-to-noise", r"b\x1b[31m.csv", "1251 points, 150 to 1400 cm", "row 2, id"):
        assert words in text
    assert "\x1b" not in text
    assert any("\u2801" <= character <= "\u28ff" for character in text)


def test_show_a_fault(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault shows why, for a person too; it has no spectrum."""
    (fault,) = journals.ask(made, "SELECT lower(hex(id)) FROM records WHERE decision = 'fault'")[0]
    journal("show", str(fault), "--journal", made)
    assert output_records(capsys)[0]["spectrum"] is None
    assert b"it is no spectrum" in command.on_terminal("journal", "show", str(fault), "--journal", made)[1]


def test_ids(made: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An id that is nowhere, or begins several, is refused with what to do; one that cannot be an id is a usage error."""
    journal("show", "00000", "--journal", made, expect=65)
    assert "no such record: got id '00000'" in capsys.readouterr().err
    for text in ("abc", "ab*d", "../x", "ÄÖÜß"):
        journal("show", text, "--journal", made, expect=2)
        assert "its first 4 characters" in capsys.readouterr().err
    alike = tmp_path / "alike"
    twins = [journals.failure(number, f"in/{number}") for number in range(2)]
    named = [JournalEntry(msgspec.structs.replace(twin.record, id=f"abcdef{number:026}"), None) for number, twin in enumerate(twins)]
    journals.write(alike, *named)
    journal("show", "ABCDE", "--journal", alike, expect=65)
    assert "more than one record: got id 'ABCDE'" in capsys.readouterr().err
    journal("show", f"abcdef{1:026}", "--journal", alike)
    assert output_records(capsys)[0]["record"] == json.loads(records.encode(named[1].record))


def test_csv(made: Path, tmp_path: Path) -> None:
    """The table has the documented columns, a row a record, and no cell that a spreadsheet runs."""
    out = tmp_path / "all.csv"
    journal("export", "--format", "csv", "--journal", made, "--out", out)
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(files.COLUMNS)
    assert [row["label"] for row in rows] == [*LABELS, ""]
    assert rows[0]["path"] == "'=HYPERLINK(1).csv"
    assert rows[3]["path"] == "/data/line-2/d\\n.csv"
    assert rows[5]["event"] == "fault"
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    assert [entry.name for entry in tmp_path.iterdir()] == ["all.csv"]
    assert float(rows[0]["score"]) == pytest.approx(json.loads(records.encode(journals.answer(0).record))["matches"][0]["score"], abs=1e-4)


def test_csv_in_a_pipe_is_the_same(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output and --out get the same bytes."""
    journal("export", "--format", "csv", "--journal", made)
    printed = capsys.readouterr().out
    journal("export", "--format", "csv", "--journal", made, "--out", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == printed
    assert len(list(csv.reader(io.StringIO(printed)))) == 7


def test_out_cannot_be_written(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A place that cannot be written is an error, the journal itself is refused, and what was there before stays."""
    journal("export", "--format", "csv", "--journal", made, "--out", tmp_path / "no" / "x.csv", expect=73)
    assert "cannot be written" in capsys.readouterr().err
    journal("export", "--format", "csv", "--journal", made, "--out", made, expect=73)
    assert "is the journal itself" in capsys.readouterr().err
    assert len(journals.ids(made)) == 6


def test_a_spectrum_is_read_again(made: Path, pair: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An exported spectrum has the numbers of the file, and `identify` names it as before."""
    out = tmp_path / "spectrum.csv"
    journal("export", "--spectrum", id_of(made, "Zircon")[:8], "--journal", made, "--out", out)
    expected = journals.answer(3, "Zircon").spectrum
    assert expected is not None
    assert np.array_equal(np.loadtxt(out, delimiter=",", skiprows=1)[:, 1], expected.counts)
    assert cli.main(["identify", str(out), *pair]) == 0
    assert output_records(capsys)[0]["matches"][0]["label"] == "Zircon"  # type: ignore[index]
    (fault,) = journals.ask(made, "SELECT lower(hex(id)) FROM records WHERE decision = 'fault'")[0]
    journal("export", "--spectrum", str(fault), "--journal", made, expect=65)
    assert "the spectrum is not in the journal" in capsys.readouterr().err


def test_verify(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole journal gives its head and 0; a head noted elsewhere is found; one that is not there, or a change, is 65."""
    journal("verify", "--journal", made)
    (whole,) = output_records(capsys)
    assert whole["ok"]
    head = str(whole["head"])
    journal("verify", "--journal", made, "--head", head)
    assert output_records(capsys)[0]["noted"] == 6
    journal("verify", "--journal", made, "--head", "0" * 63 + "1", expect=65)
    assert "is not in the chain" in capsys.readouterr().err
    journal("verify", "--journal", made, "--head", "abc", expect=2)
    assert "64 hexadecimal digits" in capsys.readouterr().err
    bad = tmp_path / "bad"
    bad.write_bytes(made.read_bytes())
    journals.change(bad, "UPDATE records SET path = 'other' WHERE seq = 4")
    journal("verify", "--journal", bad, expect=65)
    captured = capsys.readouterr()
    assert "row 4 " in captured.err
    assert not json.loads(captured.out)["ok"]


def test_verify_on_a_terminal_and_of_a_wreck(made: Path, tmp_path: Path) -> None:
    """A person reads how much is whole and the head to note; a file that cannot be read is 65 and one line."""
    code, written = command.on_terminal("journal", "verify", "--journal", made)
    assert code == 0
    assert b"6 rows, each as it was written" in written
    assert b"5 with the spectrum" in written
    assert b"head " in written
    wreck = tmp_path / "wreck"
    data = made.read_bytes()
    wreck.write_bytes(data[:8192] + os.urandom(len(data) - 8192))
    done = command.call("journal", "verify", "--journal", wreck)
    assert done.returncode == 65
    assert done.stderr.count(b"\n") == 1


def test_recheck_the_same(made: Path, pair: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Every kept spectrum is answered as it was; a fault has none."""
    journal("recheck", "--all", "--journal", made, *pair)
    captured = capsys.readouterr()
    assert [json.loads(line)["same"] for line in captured.out.splitlines()] == [None, True, True, True, True, True]
    assert "5 the same, 0 different, 1 without a spectrum" in captured.err
    journal("recheck", "--last", "2", "--journal", made, *pair)
    assert len(output_records(capsys)) == 2
    journal("recheck", id_of(made, "Quartz"), "--journal", made, *pair)
    assert output_records(capsys) == [{"id": id_of(made, "Quartz"), "same": True, "differs": [], "notes": []}]


def test_recheck_shows_the_differences(pair: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each difference from the answer in the journal is printed, and that another model or library answers now."""
    old = tmp_path / "old"
    entry = journals.answer(0)
    first = entry.record.matches[0]  # type: ignore[union-attr]  # a result
    other = msgspec.structs.replace(
        entry.record,
        decision="unknown",
        names=(),
        matches=(replace(first, label="Opal"),),
        model=records.ModelRef("another", "f" * 64, "CPU", "e" * 64),
    )
    journals.write(old, JournalEntry(other, entry.spectrum))
    journal("recheck", "--all", "--journal", old, *pair, expect=1)
    captured = capsys.readouterr()
    (answer,) = [json.loads(line) for line in captured.out.splitlines()]
    assert not answer["same"]
    assert answer["differs"][0] == "decision unknown, now match"
    assert any(line.startswith("Opal") for line in answer["differs"])
    assert [note[:28] for note in answer["notes"]] == ["the model is another one: it", "the library is another one: "]
    shown = command.on_terminal("journal", "recheck", "--all", "--journal", old, *pair)[1]
    assert b"differs; decision unknown, now match" in shown


def test_recheck_of_what_was_pruned(made: Path, pair: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pruned spectra are counted, cannot be answered again, and leave a whole journal."""
    path = tmp_path / "pruned"
    path.write_bytes(made.read_bytes())
    journal("prune", "--journal", path, "--spectra-before", "2026-03-03")
    assert "2 spectra removed; every record is still there" in capsys.readouterr().err
    journal("recheck", id_of(made, "Quartz"), "--journal", path, *pair, expect=65)
    assert "not kept" in str(output_records(capsys)[0]["differs"])
    journal("verify", "--journal", path)
    assert output_records(capsys)[0] | {"head": ""} == VERIFIED | {"spectra": 3, "pruned": 2}


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["show", "abcd"], ["export", "--format", "csv"], ["verify"], ["recheck", "--all"], ["prune", "--spectra-before", "1d"]],
)
def test_without_a_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Every action says that there is no journal, and makes none."""
    journal(*arguments, "--journal", tmp_path / "none", expect=73)
    assert "not found" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves(made: Path) -> None:
    """A pipe that is closed early ends an export quietly."""
    with command.start("journal", "list", "--journal", made) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=120) in {0, 141}
        assert process.stderr is not None
        assert process.stderr.read() == b""


LIGHT = """
import sys
from raman_edge import cli
assert cli.main(["journal", "list", "--journal", sys.argv[1]]) == 0
assert cli.main(["journal", "export", "--format", "jsonl", "--journal", sys.argv[1]]) == 0
print(sorted({"numpy", "onnxruntime", "rich", "scipy"} & set(sys.modules)), file=sys.stderr)
"""


def test_a_list_loads_little(made: Path) -> None:
    """Who lists or exports records does not wait for the numbers' libraries to load."""
    listing = journals.child(LIGHT, made)
    _, errors = listing.communicate(timeout=120)
    assert errors.splitlines() == ["[]"]
