"""``raman-edge report``: pages about what is in the journal, as a person and as a script ask for them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import build
import command
import journals
import msgspec
import pytest
import report_pages
from raman_edge import cli
from raman_edge.cli import report
from raman_edge.journal import JournalEntry

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("Quartz", "Calcite", "Gypsum")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of three answers, a day apart, and a fault."""
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    entries = [*(journals.answer(number, label) for number, label in enumerate(LABELS)), journals.failure()]
    dated = [msgspec.structs.replace(entry.record, ts=f"2026-03-0{day}T12:00:00.000Z") for day, entry in enumerate(entries, start=1)]
    journals.write(path, *(JournalEntry(record, entry.spectrum) for record, entry in zip(dated, entries, strict=True)))
    return path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that name the tiny model."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    return "--model", str(model), "--library", str(library), "--no-user-library"


def call(made: Path, out: Path, pair: tuple[str, ...], *arguments: str, expect: int = 0) -> str:
    """Make a report in this process and return it."""
    code = cli.main(["report", *arguments, "--journal", str(made), "-o", str(out), *pair])
    assert code == expect
    return out.read_text("utf-8") if out.exists() and not expect else ""


def titles(document: str) -> list[str]:
    """Return the answers of the pages, in their order."""
    taken = report_pages.Taken(document)
    level = "h1" if taken.tags.count("article") == 1 else "h2"
    return [re.sub("<[^>]*>", "", heading) for heading in re.findall(f"<{level}>(.*?)</{level}>", document)]


def test_an_id_or_its_beginning_makes_one_page(made: Path, tmp_path: Path, pair: tuple[str, ...]) -> None:
    """What `journal list` shows of an id is enough; the reference is there, as the model at hand is the one that answered."""
    first = journals.ids(made)[0]
    whole, brief = call(made, tmp_path / "a.html", pair, first), call(made, tmp_path / "b.html", pair, first[:8])
    assert titles(whole) == ["Quartz"]
    assert whole == brief
    assert 'class="reference"' in whole


def test_several_ids_come_once_each_in_their_order(made: Path, tmp_path: Path, pair: tuple[str, ...]) -> None:
    """Ids give their pages in the order in which they are given; one that is given twice is one page."""
    ids = journals.ids(made)
    assert titles(call(made, tmp_path / "a.html", pair, ids[2], ids[0], ids[2][:9], ids[3])) == ["Gypsum", "Quartz", "Not read"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--last", "2"), ["Not read", "Gypsum"]),
        (("--all",), ["Not read", "Gypsum", "Calcite", "Quartz"]),
        (("--decision", "match", "--last", "2"), ["Gypsum", "Calcite"]),
        (("--label", "calcite"), ["Calcite"]),
        (("--since", "2026-03-02", "--until", "2026-03-03"), ["Calcite"]),
        (("--path", "*Quartz*"), ["Quartz"]),
    ],
)
def test_the_filters_of_journal_list_select(
    made: Path, tmp_path: Path, pair: tuple[str, ...], options: tuple[str, ...], expected: list[str]
) -> None:
    """The same options as those of `journal list` say which records are meant, the newest first."""
    assert titles(call(made, tmp_path / "a.html", pair, *options)) == expected


@pytest.mark.parametrize(
    "arguments", [(), ("abcd", "--last", "1"), ("abcd", "--label", "x"), ("--last", "0"), ("x",), ("--all", "--last", "2")]
)
def test_what_is_not_clear_is_a_mistake_of_use(made: Path, tmp_path: Path, pair: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    """No selection, two at once, and what is no id end with 2 and leave no file."""
    call(made, tmp_path / "a.html", pair, *arguments, expect=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("0000abcd",), ("--label", "Unobtainium")])
def test_no_such_record_is_reported(
    made: Path, tmp_path: Path, pair: tuple[str, ...], arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """An id or a filter that finds nothing ends with 65 and says where the ids are."""
    call(made, tmp_path / "a.html", pair, *arguments, expect=65)
    assert "`raman-edge journal list` shows" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_too_many_results_are_refused(
    made: Path, tmp_path: Path, pair: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """More results than a browser can lay out are refused with what narrows them; --last takes as many as may be."""
    monkeypatch.setattr(report, "MOST", 3)
    call(made, tmp_path / "a.html", pair, "--all", expect=2)
    assert "more than 3 results" in capsys.readouterr().err
    assert len(titles(call(made, tmp_path / "a.html", pair, "--last", "3"))) == 3


def test_a_file_that_is_there_stays(made: Path, tmp_path: Path, pair: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A file is replaced with --force only, and the journal itself never."""
    out = tmp_path / "a.html"
    out.write_text("mine")
    call(made, out, pair, "--all", expect=73)
    assert out.read_text() == "mine"
    assert "exists already. Replace it with --force" in capsys.readouterr().err
    assert titles(call(made, out, pair, "--all", "--force"))
    before = made.read_bytes()
    call(made, made, pair, "--all", "--force", expect=73)
    assert made.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("place", ["nowhere/a.html", "."])
def test_a_place_that_cannot_be_written_is_reported(
    made: Path, tmp_path: Path, pair: tuple[str, ...], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there, or is the place itself, ends with 73 and leaves nothing half written."""
    call(made, tmp_path / place, pair, "--last", "1", "--force", expect=73)
    assert "cannot be written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_dash_is_standard_output(made: Path, pair: tuple[str, ...], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """With -o - the document goes down the pipe, and nothing else does."""
    assert cli.main(["report", "--last", "1", "--journal", str(made), "-o", "-", *pair]) == 0
    printed = capsysbinary.readouterr()
    assert printed.out.startswith(b"<!DOCTYPE html>")
    assert printed.out.endswith(b"</html>\n")
    assert printed.err == b""


def test_a_pipe_that_is_closed_is_quiet(made: Path) -> None:
    """A reader that has gone ends the command with 141 and without a word."""
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as gone:
        process = command.start("report", "--all", "--journal", made, "--no-user-library", "-o", "-", stdout=gone)
        stderr = process.communicate(timeout=120)[1]
    assert (process.returncode, stderr) == (141, b"")


def test_faults_need_no_model(made: Path, tmp_path: Path) -> None:
    """A page about what could not be read opens no model: one that is not there does not matter."""
    nothing = ("--model", str(tmp_path / "nothing.onnx"))
    assert titles(call(made, tmp_path / "a.html", nothing, "--decision", "fault")) == ["Not read"]
    call(made, tmp_path / "b.html", nothing, "--last", "2", expect=78)


def test_another_model_is_reported(made: Path, tmp_path: Path) -> None:
    """With the embedded model, which did not answer, the pages say what they cannot show."""
    done = command.call("report", "--label", "Quartz", "--journal", made, "--no-user-library", "-o", tmp_path / "a.html")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"1 result in" in done.stderr
    document = (tmp_path / "a.html").read_text("utf-8")
    assert "Another model answered" in document
    assert 'class="reference"' not in document


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_report_is_as_readable_as_any_new_file(made: Path, tmp_path: Path, pair: tuple[str, ...]) -> None:
    """The file has the mode of files that the user makes."""
    call(made, tmp_path / "a.html", pair, "--last", "1")
    (tmp_path / "other").write_text("")
    assert (tmp_path / "a.html").stat().st_mode == (tmp_path / "other").stat().st_mode
