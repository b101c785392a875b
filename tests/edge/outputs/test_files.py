"""Records in files: whole lines and nothing lost, whatever happens to the file, the disk or the process."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import command
import pytest
import scripted_outputs
from contracts.sink_contract import SinkContract
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import POSIX, examples, slow
from raising import refused
from raman_edge.errors import ConfigError, SinkError
from raman_edge.outputs import files, opened
from raman_edge.outputs.files import COLUMNS, CsvFile, JsonLines, file_of
from raman_edge.quality import Quality
from raman_edge.records import encode

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from raman_edge.outputs import Sink

TESTS = Path(__file__).parents[2]
NAMELESS, DEVICE = "no file name", "a folder or a device"


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table by the names of its columns."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


class TestJsonLines(SinkContract):
    """Lines of JSON."""

    def sink(self, folder: Path) -> Sink:
        """Return the sink."""
        return JsonLines(self.disk(folder) / "results.jsonl")

    def disk(self, folder: Path) -> Path:
        """Return where the file lies, which is there unless it was taken away."""
        if not (folder / "away").exists():
            (folder / "out").mkdir(exist_ok=True)
        return folder / "out"

    def arrived(self, folder: Path, least: int) -> list[str]:
        """Return the ids."""
        found = scripted_outputs.ids((folder / "out" / "results.jsonl").read_bytes().splitlines())
        assert len(found) >= least
        return found

    def take_away(self, folder: Path) -> None:
        """Take the folder away, as a disk that is not mounted."""
        (folder / "away").mkdir()

    def bring_back(self, folder: Path) -> None:
        """Mount it."""
        (folder / "away").rename(folder / "out")


class TestTable(TestJsonLines):
    """Comma-separated values."""

    def sink(self, folder: Path) -> Sink:
        """Return the sink."""
        return CsvFile(self.disk(folder) / "results.csv")

    def arrived(self, folder: Path, least: int) -> list[str]:
        """Return the ids."""
        found = [row["id"] for row in read_table(folder / "out" / "results.csv")]
        assert len(found) >= least
        return found


@pytest.fixture(params=["jsonl", "csv"])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of a file."""
    return str(request.param)


def make(kind: str, path: Path) -> Sink:
    """Return the sink of a kind."""
    return opened(f"{kind}:{path}", scripted_outputs.Alone())


def found_in(kind: str, path: Path) -> list[str]:
    """Return the ids in a file of this kind; every line of it has one."""
    return [row["id"] for row in read_table(path)] if kind == "csv" else scripted_outputs.ids(path.read_bytes().splitlines())


@pytest.mark.parametrize("step", [17, *slow(1)])
def test_a_half_line_is_replaced(kind: str, step: int, tmp_path: Path) -> None:
    """Cut after any byte, as a crash or a power failure cuts it, the file has whole lines again after the next record."""
    path = tmp_path / "results"
    make(kind, path).send(scripted_outputs.rows(2))
    whole = path.read_bytes()
    for length in range(0, len(whole), step):
        path.write_bytes(whole[:length])
        make(kind, path).send(scripted_outputs.rows(2, first=2))
        assert found_in(kind, path)[-2:] == [row.id for row in scripted_outputs.rows(2, first=2)], length
        assert path.read_bytes().count(b"\n") == len(found_in(kind, path)) + (kind == "csv"), length


def without_newline(path: Path) -> None:
    """Remove the newline at the end of a file, as editors and scripts do."""
    path.write_bytes(path.read_bytes().rstrip(b"\r\n"))


@pytest.mark.parametrize("left", [b"", b"\r", bytes(20), b"\r" + bytes(3)])
def test_a_last_record_without_newline_is_kept(kind: str, tmp_path: Path, left: bytes) -> None:
    """A confirmed record that lost its newline, or got zeros behind it, is still there after the next records, once and whole."""
    path = tmp_path / "results"
    tricky = scripted_outputs.result(2, label='Quartz, "smoky"', why=("a, b", 'he said "no"'))
    make(kind, path).send([scripted_outputs.row(1), scripted_outputs.row(2, tricky)])
    expected = path.read_bytes()
    without_newline(path)
    path.write_bytes(path.read_bytes() + left)
    make(kind, path).send(scripted_outputs.rows(2, first=3))
    assert found_in(kind, path) == [row.id for row in scripted_outputs.rows(4)]
    assert path.read_bytes().splitlines()[: expected.count(b"\n")] == expected.splitlines()
    without_newline(path)
    make(kind, path).send(scripted_outputs.rows(1, first=5))
    assert found_in(kind, path) == [row.id for row in scripted_outputs.rows(5)]


def test_a_record_that_comes_again_stands_once(kind: str, tmp_path: Path) -> None:
    """A line that a crash cut anywhere, also in the last column, gives way to the record that comes now."""
    path = tmp_path / "results"
    last = [scripted_outputs.row(3, scripted_outputs.fault(3, "it is no spectrum, or it is"))]
    make(kind, path).send(scripted_outputs.rows(2))
    begin = path.stat().st_size
    make(kind, path).send(last)
    whole = path.read_bytes()
    for length in range(begin, len(whole)):
        path.write_bytes(whole[:length])
        make(kind, path).send([*last, scripted_outputs.row(4)])
        assert found_in(kind, path) == [row.id for row in scripted_outputs.rows(4)], length


def test_a_foreign_table_is_not_cut(tmp_path: Path) -> None:
    """A file that begins with other columns is left as it is, also where its last line looks like one of ours."""
    path = tmp_path / "results.csv"
    content = b"name,score\r\n" + b"0" * 32 + b",half of a row"
    path.write_bytes(content)
    with refused(SinkError, "other columns", repr(str(path))):
        CsvFile(path).send(scripted_outputs.rows(1))
    assert path.read_bytes() == content


def test_a_line_longer_than_any_record_is_ended(tmp_path: Path) -> None:
    """Of a last line whose beginning lies too far back nothing is cut."""
    path = tmp_path / "results.jsonl"
    content = b"x" * 100 + b"{" * files.LONGEST_LINE
    path.write_bytes(content)
    JsonLines(path).send(scripted_outputs.rows(1))
    assert path.read_bytes().splitlines()[0] == content


def test_what_another_program_wrote_is_kept(tmp_path: Path) -> None:
    """A line that is not ours and has no end is ended, never cut; one that a power failure filled with zeros is cut."""
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"# notes of the lab")
    JsonLines(path).send(scripted_outputs.rows(1))
    assert path.read_bytes().splitlines()[0] == b"# notes of the lab"
    assert scripted_outputs.ids(path.read_bytes().splitlines()[1:]) == [scripted_outputs.row(1).id]
    path.write_bytes(b'{"id": "x"}\n' + bytes(50))
    JsonLines(path).send(scripted_outputs.rows(1))
    assert scripted_outputs.ids(path.read_bytes().splitlines()) == ["x", scripted_outputs.row(1).id]


def test_a_table_of_other_columns_is_not_continued(tmp_path: Path) -> None:
    """A file that begins otherwise than with our columns is left as it is, and the message says what to do."""
    path = tmp_path / "results.csv"
    path.write_bytes(b"name,score\r\nQuartz,1\r\n")
    with refused(SinkError, "other columns", repr(str(path)), got="name,score"):
        CsvFile(path).send(scripted_outputs.rows(1))
    assert path.read_bytes() == b"name,score\r\nQuartz,1\r\n"


def test_a_rotated_or_deleted_file_is_made_again(kind: str, tmp_path: Path) -> None:
    """After a rename or a deletion records go to a new file of the name, which for a table has the columns again."""
    path = tmp_path / "results"
    with make(kind, path) as sink:
        sink.send(scripted_outputs.rows(2))
        path.rename(tmp_path / "results.1")
        sink.send(scripted_outputs.rows(2, first=3))
        path.rename(tmp_path / "results.2")
        path.touch()
        sink.send(scripted_outputs.rows(2, first=5))
        parts = [tmp_path / "results.1", tmp_path / "results.2", path]
        assert [name for part in parts for name in found_in(kind, part)] == [row.id for row in scripted_outputs.rows(6)]
        path.unlink()
        sink.send(scripted_outputs.rows(1, first=7))
    assert found_in(kind, path) == [scripted_outputs.row(7).id]


@POSIX
def test_a_file_deleted_while_it_is_written_is_written_again(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went into a file that has no name any more counts as not sent."""
    path = tmp_path / "results"
    sync = os.fsync

    def sync_and_delete(fd: int) -> None:
        sync(fd)
        path.unlink(missing_ok=True)

    monkeypatch.setattr(os, "fsync", sync_and_delete)
    with refused(SinkError, "cannot be written", cause="deleted"):
        make(kind, path).send(scripted_outputs.rows(1))


FULL = """
import resource, signal, sys
from pathlib import Path
import scripted_outputs
from raman_edge.errors import SinkError
from raman_edge.outputs import opened

kind, path, most = sys.argv[1:]
sink = opened(f"{kind}:{path}", scripted_outputs.Alone())
sink.send(scripted_outputs.rows(2))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(path).stat().st_size + int(most), resource.RLIM_INFINITY))
try:
    sink.send(scripted_outputs.rows(3, first=3))
except SinkError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink.send(scripted_outputs.rows(3, first=3))
"""


@POSIX
@pytest.mark.parametrize("most", [100, *slow(0, 1, 400)])
def test_a_full_disk_leaves_no_half_line(kind: str, tmp_path: Path, most: int) -> None:
    """Where the disk takes some bytes of a batch and then no more, none of them stays; with room again all of it is written."""
    path = tmp_path / "results"
    arguments = [sys.executable, "-c", FULL, kind, str(path), str(most)]
    environment = command.environment(PYTHONPATH=f"{command.PACKAGE_PARENT}{os.pathsep}{TESTS}")
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment, timeout=120)
    assert "cannot be written: File too large" in done.stdout
    assert found_in(kind, path) == [row.id for row in scripted_outputs.rows(5)]


WRITE = """
import sys
import scripted_outputs
from raman_edge.outputs import opened

kind, path = sys.argv[1:]
sink = opened(f"{kind}:{path}", scripted_outputs.Alone())
number = 1
while True:
    sink.send(scripted_outputs.rows(50, first=number))
    number += 50
    print(number, flush=True)
"""


@pytest.mark.slow
def test_killed_while_it_writes(kind: str, tmp_path: Path) -> None:
    """Killed at any moment, what was confirmed is there, every line but the last is whole, and the next run mends that one."""
    path = tmp_path / "results"
    environment = command.environment(PYTHONPATH=f"{command.PACKAGE_PARENT}{os.pathsep}{TESTS}")
    for _ in range(3):
        path.unlink(missing_ok=True)
        child = subprocess.Popen([sys.executable, "-c", WRITE, kind, path], stdout=subprocess.PIPE, env=environment)
        assert child.stdout is not None
        confirmed = int([child.stdout.readline() for _ in range(3)][-1])
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        make(kind, path).send([scripted_outputs.row(999_999)])
        found = found_in(kind, path)
        assert found[: confirmed - 1] == [row.id for row in scripted_outputs.rows(confirmed - 1)]
        assert found[-1] == scripted_outputs.row(999_999).id


def test_two_processes_append_to_one_file(kind: str, tmp_path: Path) -> None:
    """Two that write at once tear none of each other's lines."""
    path = tmp_path / "results"
    environment = command.environment(PYTHONPATH=f"{command.PACKAGE_PARENT}{os.pathsep}{TESTS}")
    both = [subprocess.Popen([sys.executable, "-c", WRITE, kind, path], stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    counts = []
    for child in both:
        assert child.stdout is not None
        counts.append(int([child.stdout.readline() for _ in range(5)][-1]) - 1)
    for child in both:
        child.terminate()
        child.communicate()
    make(kind, path).send([scripted_outputs.row(999_999)])
    found = found_in(kind, path)
    assert set(found) >= {row.id for row in scripted_outputs.rows(max(counts))}
    assert len(found) >= sum(counts)


@POSIX
def test_a_writer_is_not_disturbed(kind: str, tmp_path: Path) -> None:
    """While another process writes, nothing is appended, and what looks like a half line is not taken for one."""
    path = tmp_path / "results"
    make(kind, path).send(scripted_outputs.rows(1))
    second = make(kind, tmp_path / "other")
    second.send(scripted_outputs.rows(1, first=2))
    line = (tmp_path / "other").read_bytes().splitlines(keepends=True)[-1]
    ours = threading.Thread(target=make(kind, path).send, args=(scripted_outputs.rows(1, first=3),))
    with path.open("ab", buffering=0) as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        theirs.write(line[:20])
        ours.start()
        ours.join(0.3)
        theirs.write(line[20:])
    ours.join(60)
    assert found_in(kind, path) == [row.id for row in scripted_outputs.rows(3)]


def test_the_columns_are_the_documented_ones(tmp_path: Path) -> None:
    """A result and a fault fill the columns as their comments say."""
    named = scripted_outputs.result(1, quality=Quality(41.04, saturated=True, coverage=0.98))
    unknown = scripted_outputs.result(2, decision="unknown", why=("nothing is near", "too noisy"))
    CsvFile(tmp_path / "t.csv").send(
        [scripted_outputs.row(1, named), scripted_outputs.row(2, unknown), scripted_outputs.row(3, scripted_outputs.fault(3))]
    )
    header = (tmp_path / "t.csv").read_bytes().split(b"\r\n")[0].decode().split(",")
    expected = "id ts path sha256 index event decision group label score formula similarity known one_of_90 snr saturated coverage model"
    assert header == [*expected.split(), "cause", "why"] == list(COLUMNS)
    first, second, third = read_table(tmp_path / "t.csv")
    assert (first["label"], first["score"], first["similarity"], first["saturated"]) == ("Quartz", "0.9700", "0.9500", "true")
    assert (first["snr"], first["one_of_90"], first["path"]) == ("41.0", "Quartz; Opal", "/in/1.csv")
    assert (second["label"], second["score"], second["saturated"], second["why"]) == ("", "", "", "nothing is near; too noisy")
    assert (third["event"], third["decision"], third["known"], third["why"]) == ("fault", "", "", "it is no spectrum")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1)", "a\r\nb", 'a "b", c', "ü\x1b[31m"])
def test_text_of_others_is_data(tmp_path: Path, text: str) -> None:
    """Names and paths neither calculate in a spreadsheet nor break a line; a table of one record has two lines."""
    CsvFile(tmp_path / "t.csv").send([scripted_outputs.row(1, scripted_outputs.result(1, label=text, path=text))])
    assert (tmp_path / "t.csv").read_bytes().count(b"\n") == 2
    (row,) = read_table(tmp_path / "t.csv")
    for cell in (row["label"], row["path"], row["one_of_90"]):
        assert cell[0] not in "=+-@\t\r"
        assert cell.isprintable()
    plain = text.isprintable() and text[0] not in "=+-@"
    assert (row["label"] == text) == plain


@settings(deadline=None, max_examples=examples(200))
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_is_one_row(text: str) -> None:
    """Whatever a label holds, the line is one row of all columns, and of one line."""
    line = CsvFile(Path("/nowhere/t.csv")).line(scripted_outputs.row(1, scripted_outputs.result(1, label=text)))
    assert line.endswith(b"\r\n")
    assert line.count(b"\n") == line.count(b"\r") == 1
    (cells,) = csv.reader([line.decode()])
    assert len(cells) == len(COLUMNS)


def test_json_is_the_very_record(tmp_path: Path) -> None:
    """A line of the file is the journal's line, byte for byte."""
    record = scripted_outputs.result(1, label="Åkermanite")
    JsonLines(tmp_path / "r").send([scripted_outputs.row(1, record)])
    assert (tmp_path / "r").read_bytes() == encode(record) + b"\n"
    assert json.loads((tmp_path / "r").read_bytes())["matches"][0]["label"] == "Åkermanite"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("", "no file name"), ("a\0b", "no file name"), (".", "a folder or a device"), ("/dev/null", "a folder or a device")],
)
def test_no_file_can_lie_there(kind: str, name: str, wrong: str) -> None:
    """A folder, a device or no name at all is an error at the start."""
    with refused(ConfigError, wrong):
        make(kind, Path(name)) if name else opened(f"{kind}:", scripted_outputs.Alone())


@POSIX
def test_the_name_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file has the same cursor from whatever folder it is named; a link is not followed, for it may be rotated."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert file_of("jsonl:link") == file_of(f"jsonl:{tmp_path}/x/../link") == tmp_path / "link"
    assert make("csv", Path("a:b.csv")).name == f"csv:{tmp_path}/a:b.csv"
