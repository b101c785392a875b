# ruff: noqa: S608 - tests change tables by name
"""Damaged rows and foreign tables: 65 and one line from every command that reads a journal, and what is whole is still delivered."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import build
import command
import journals
import pytest
import scripted_outputs
from raman_edge import cli
from raman_edge.journal import rows
from raman_edge.sqlite_file import look_into

if TYPE_CHECKING:
    from pathlib import Path

BAD = 2
"""The row that is damaged."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of three answers and a fault."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    journals.write(path, *(journals.answer(number) for number in range(3)), journals.failure(1))
    journals.ask(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that name the tiny model."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    return "--model", str(model), "--library", str(library), "--no-user-library"


def with_line(path: Path, line: str) -> None:
    """Let the damaged row hold another line of JSON, packed as it has to be."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        stored = connection.execute(f"SELECT {rows.COLUMNS} FROM {rows.TABLES} WHERE seq = {BAD}").fetchone()
        _, name, sha256, _, _, _, where, ts, _, best, _, _, first = stored
        before = rows.primer(first, (where, rows.unpacked(sha256), rows.unpacked(name), rows.written(ts), best))
        connection.execute(f"UPDATE lines SET line = ? WHERE seq = {BAD}", (rows.pack(line, before),))


DAMAGES = {
    "no packed line": "UPDATE lines SET line = x'00' WHERE seq = 2",
    "a number": "UPDATE lines SET line = 5 WHERE seq = 2",
    "a text": "UPDATE lines SET line = 'text' WHERE seq = 2",
    "no line": "DELETE FROM lines WHERE seq = 2",
    "an id that is a number": "UPDATE records SET id = 1.5 WHERE seq = 2",
    "a time that is none": "UPDATE records SET ts = 9e99 WHERE seq = 2",
    "a time far away": "UPDATE records SET ts = 9223372036854775807 WHERE seq = 2",
    "a run that is gone": "UPDATE records SET run = 99 WHERE seq = 2",
    "a path of bytes": "UPDATE records SET path = x'ff' WHERE seq = 2",
}
LINES = {
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "another event": '{"event":"other","v":1}',
    "another version": '{"event":"result","v":2}',
    "deep": "[" * 100_000,
    "no JSON": "Quartz",
}


def damaged(whole: Path, place: Path, what: str) -> Path:
    """Return a journal of which one row is damaged."""
    path = place / "journal.sqlite3"
    shutil.copyfile(whole, path)
    if what in DAMAGES:
        journals.change(path, DAMAGES[what])
    else:
        with_line(path, LINES[what])
    return path


def run(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Run a command, and return its code and standard error; never with a traceback."""
    code = cli.main([str(argument) for argument in arguments])
    both = capfd.readouterr()
    assert "Traceback" not in both.err, arguments
    assert "report it" not in both.err, arguments
    return code, both.err


READ_ALL = (
    ("journal", "export", "--format", "csv"),
    ("journal", "recheck", "--all", "PAIR"),
    ("report", "--all", "-o", "OUT/page.html", "PAIR"),
    ("forward", "--once", "--output", "csv:OUT/table.csv"),
    ("journal", "verify"),
)
PASSED_ON = (
    ("journal", "list"),
    ("journal", "export", "--format", "jsonl"),
    ("forward", "--once", "--output", "jsonl:OUT/lines.jsonl"),
    ("forward", "--once", "--output", "stdout"),
)
"""They hand lines on without reading them."""


@pytest.mark.parametrize("what", [*DAMAGES, *LINES])
def test_every_command_ends_with_65(
    what: str, whole: Path, tmp_path: Path, pair: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever is damaged, no command ends with a traceback, and all that read the row end with 65 and a line with the reason."""
    path = damaged(whole, tmp_path, what)
    for arguments in (*READ_ALL, *PASSED_ON):
        words = [word.replace("OUT", str(tmp_path)) for word in arguments if word != "PAIR"] + [*(pair if "PAIR" in arguments else ())]
        code, text = run(capfd, *words, "--journal", path)
        assert code == 65 or (what in LINES and arguments in PASSED_ON and code == 0), (arguments, text)
        reasons = ("damaged", "no record", "not a record", "is not what was written")
        assert code == 0 or any(reason in text for reason in reasons), (arguments, text)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_is_whole_is_delivered(kind: str, whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A damaged row holds nothing up: the others are delivered, it is named once, and the next run goes on behind it."""
    path = damaged(whole, tmp_path, "no packed line")
    out = tmp_path / f"out.{kind}"
    code, text = run(capfd, "forward", "--once", "--output", f"{kind}:{out}", "--journal", path)
    assert (code, text.count("row 2 of the journal is damaged")) == (65, 1)
    assert len(out.read_bytes().splitlines()) == 3 + (kind == "csv")
    assert run(capfd, "forward", "--once", "--output", f"{kind}:{out}", "--journal", path) == (
        0,
        f"raman-edge: {kind}:{out}: 0 records sent\n",
    )


def test_prometheus_leaves_out_what_is_no_record(tmp_path: Path) -> None:
    """A line that is no record is not counted, and the others are."""
    from raman_edge.errors import RecordsDamaged
    from raman_edge.outputs import opened

    table = opened(f"csv:{tmp_path / 't.csv'}", scripted_outputs.Alone())
    bad = scripted_outputs.row(2).__class__(2, "x", "null")
    with pytest.raises(RecordsDamaged, match="row 2 is left out"):
        table.send([scripted_outputs.row(1), bad, scripted_outputs.row(3)])
    assert len((tmp_path / "t.csv").read_bytes().splitlines()) == 3


def test_a_journal_with_a_trigger(whole: Path, tmp_path: Path, pair: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """A journal that another program has changed is 65 for every command, also for `watch`, and `verify` does not say ok."""
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(whole, path)
    journals.change(path, "CREATE TRIGGER planted BEFORE INSERT ON records BEGIN SELECT raise(ignore); END")
    (tmp_path / "in").mkdir()
    for arguments in (*READ_ALL, *PASSED_ON, ("watch", str(tmp_path / "in"), "--once", "PAIR")):
        words = [word.replace("OUT", str(tmp_path)) for word in arguments if word != "PAIR"] + [*(pair if "PAIR" in arguments else ())]
        code, text = run(capfd, *words, "--journal", path)
        assert code == 65, (arguments, text)
        assert "trigger 'planted'" in text


def test_verify_distinguishes_pruned_from_removed(whole: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`verify` says how many spectra were pruned, and ends with 65 where one was removed by hand."""
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(whole, path)
    assert cli.main(["journal", "prune", "--spectra-before", "2100-01-01", "--journal", str(path)]) == 0
    capfd.readouterr()
    assert cli.main(["journal", "verify", "--journal", str(path)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert (found["ok"], found["spectra"], found["pruned"]) == (True, 0, 3)
    shutil.copyfile(whole, path)
    journals.change(path, "DELETE FROM spectra WHERE seq = 2")
    code, text = run(capfd, "journal", "verify", "--journal", path)
    assert (code, "removed by hand" in text) == (65, True)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS seq, i AS ts FROM n"


def test_doctor_does_not_run_what_it_looks_at(whole: Path, tmp_path: Path) -> None:
    """A view in the place of a table is reported, not read."""
    path = tmp_path / "journal.sqlite3"
    shutil.copyfile(whole, path)
    for statement in ("ALTER TABLE records RENAME TO kept", f"CREATE VIEW records AS {ENDLESS}"):
        journals.change(path, statement)
    assert "view 'records'" in look_into(path, "SELECT count(*) FROM records").problem


def test_a_library_that_is_endless_does_not_stop_a_watch(tmp_path: Path, pair: tuple[str, ...]) -> None:
    """A mailed library that would run for ever ends `watch` at once with 78, and a line that says which file to move away."""
    path = tmp_path / "user-library.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute(f"CREATE VIEW entries AS {ENDLESS}")
        made.execute("CREATE TABLE embeddings (entry, model, embedding, peaks)")
        made.execute("PRAGMA application_id = 1380273969")
        made.execute("PRAGMA user_version = 1")
    (tmp_path / "in").mkdir()
    done = command.call("watch", tmp_path / "in", "--user-library", path, "--journal", tmp_path / "j", *pair[:4])
    assert done.returncode == 78, done.stderr
    assert str(path).encode() in done.stderr
