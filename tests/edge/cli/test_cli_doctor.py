"""``raman-edge doctor`` on real folders, journals and models; it leaves everything as it was."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import build
import calibrations
import command
import markers
import pytest
from raman_edge import cli
from raman_edge.calibration import store
from raman_edge.journal import Journal
from raman_edge.matching.user_library import UserLibrary
from raman_edge.sqlite_file import look_into

if TYPE_CHECKING:
    from pathlib import Path


class Box:
    """A machine of one folder: home, model, journal and watched folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.model, self.library = build.write_pair(root)
        self.folder = root / "incoming"
        self.folder.mkdir()
        (self.folder / "quartz.csv").write_text(build.text("Quartz"))
        self.journal = root / "journal.sqlite3"

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of this machine."""
        home = str(self.root / "home")
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "WIN_PD_OVERRIDE_LOCAL_APPDATA")
        return {**dict.fromkeys(places, home), "RAMAN_EDGE_USER_LIBRARY": "", **more}

    def doctor(self, *arguments: str | Path, **more: str) -> tuple[int, dict[str, dict[str, str]]]:
        """Run it, and return its exit code and its findings by the name of the check."""
        named = ("--model", self.model, "--journal", self.journal, *arguments)
        done = command.call("doctor", *named, given=b"", **self.environment(**more))
        assert done.stderr == b""
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(finding["v"] == 1 and finding["event"] == "finding" for finding in found)
        return done.returncode, {finding["check"]: finding for finding in found}

    def snapshot(self) -> dict[str, tuple[object, ...]]:
        """Return every file and folder, its times and its content."""
        return {str(path): _state(path) for path in (self.root, *sorted(self.root.rglob("*")))}


def _state(path: Path) -> tuple[object, ...]:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, content


def _content(state: tuple[object, ...] | None) -> object:
    """Return a state without the change time."""
    return state and (*state[:3], state[4])


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A box on which all is well and nothing was answered yet."""
    return Box(tmp_path)


def watched(box: Box, *arguments: str | Path) -> None:
    """Answer what lies in the folder."""
    done = command.call(
        "watch", box.folder, "--once", "--model", box.model, "--journal", box.journal, *arguments, given=b"", **box.environment()
    )
    assert done.returncode == 0, done.stderr


def test_a_good_box_has_nothing_wrong(box: Box) -> None:
    """0, and every check has its finding."""
    code, found = box.doctor(box.folder)
    assert code == 0, found
    assert not [finding for finding in found.values() if finding["level"] == "wrong"]
    assert "1 matching files in 1 folders" in found["folder"]["found"]
    assert "which `watch` makes" in found["journal"]["found"]
    assert "gives the numbers of its export here (CPUExecutionProvider)" in found["model"]["found"]
    checks = {"settings", "python", "onnxruntime", "extras", "environment", "model", "library", "own library", "journal", "disk", "folder"}
    assert found.keys() == checks | {"files", "processors", "memory", "heat", "time", "serial ports"}


@pytest.mark.parametrize("state", ["new", "answered", "crashed"])
def test_it_creates_and_changes_nothing(box: Box, state: str) -> None:
    """No file, no folder, no byte, no time: not the journal's, nor those that sqlite keeps beside it."""
    if state != "new":
        watched(box)
        with UserLibrary.open(box.root / "own.sqlite3", create=True):
            pass
    if state == "crashed":
        with Journal.open(box.journal, create=False) as journal:
            journal.advance("a sink", 1)
            for end in ("", "-wal", "-shm"):  # as a power cut leaves them: copied while they are open
                shutil.copy(f"{box.journal}{end}", box.root / f"left.sqlite3{end}")
        box.journal = box.root / "left.sqlite3"
    own: list[str | Path] = ["--user-library", box.root / "own.sqlite3"] if state != "new" else []
    before = box.snapshot()
    code, found = box.doctor(box.folder, *own)
    assert code == 0, found
    after = box.snapshot()
    log, index = (str(box.root / f"left.sqlite3{end}") for end in ("-wal", "-shm"))
    assert (index in after) == (index in before) == (state == "crashed")
    after[index] = before[index] = ()  # readers note in it that they read
    assert _content(after.pop(log, None)) == _content(before.pop(log, None))  # sqlite sets its owner, and with it the change time
    assert after == before


def test_a_journal_that_is_being_written_is_read_beside(box: Box) -> None:
    """The newest record is read while another process has the journal open, and that process is named."""
    watched(box)
    script = (
        "import sys, sqlite3; connection = sqlite3.connect(sys.argv[1]); connection.execute('SELECT * FROM records').fetchone();"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(box.journal)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"open"
        _, found = box.doctor()
        other.communicate()
    assert found["records"]["found"].startswith("1, the newest")
    if sys.platform.startswith("linux"):
        assert found["in use"]["found"] == f"open in process {other.pid}"
    _, found = box.doctor()
    assert found["in use"]["found"].startswith("no process")


def test_what_is_broken_is_found(box: Box) -> None:
    """1, and each trouble has its own line with what to do; one does not hide another."""
    box.journal.write_bytes(b"no database at all" * 100)
    damaged = box.root / "damaged.onnx"
    damaged.write_bytes(box.model.read_bytes()[:1000])
    code, found = box.doctor(box.root / "none", "--model", damaged, "--user-library", box.root / "none.sqlite3")
    assert code == 1
    wrong = {name for name, finding in found.items() if finding["level"] == "wrong"}
    assert wrong == {"model", "own library", "records", "folder"}
    assert ("File not found" if sys.platform == "win32" else "No such file") in found["folder"]["found"]
    assert "file is not a database" in found["records"]["found"]
    assert all(found[name]["todo"] for name in wrong)


def test_a_library_of_another_model_is_found(box: Box) -> None:
    """The model is well, and the library beside it is not its own."""
    other = box.root / "other.library.npz"
    other.write_bytes(box.library.read_bytes()[:-100])
    code, found = box.doctor("--library", other)
    assert (code, found["model"]["level"], found["library"]["level"]) == (1, "ok", "wrong")


def test_mistakes_in_the_settings_are_found_and_the_rest_is_looked_at(box: Box) -> None:
    """Each mistake is a finding with its line; what the command line says is checked all the same."""
    config = box.root / "config.toml"
    config.write_text('poll_s = 0\nfoldr = "x"\n')
    done = command.call("doctor", "--json", "--model", box.model, "--config", config, box.folder, given=b"", **box.environment())
    found = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [finding["found"] for finding in found if finding["level"] == "wrong"]
    assert done.returncode == 1
    assert [line.partition(": ")[0] for line in wrong] == [f"{config}:1", f"{config}:2"]
    assert any(finding["check"] == "folder" and finding["level"] == "ok" for finding in found)


def test_what_a_file_of_settings_names_is_looked_at(box: Box) -> None:
    """Folder, journal and outputs from the file, as ``watch`` would take them."""
    config = box.root / "config.toml"
    config.write_text('folder = "incoming"\njournal = "other.sqlite3"\noutput = ["jsonl:none/o"]\nmove_failed = "home"\nthreads = 1000\n')
    done = command.call("doctor", "--model", box.model, "--config", config, given=b"", **box.environment())
    found = {finding["check"]: finding for finding in map(json.loads, done.stdout.splitlines())}
    assert repr(str(box.folder)) in found["folder"]["found"]
    assert str(box.root / "other.sqlite3") in found["journal"]["found"]
    output = f"jsonl:{box.root / 'none' / 'o'}"
    assert found[f"output {output!r}"]["level"] == "wrong"
    assert found["failed files"]["level"] == "wrong"
    assert found["processors"]["level"] == "warning"


def test_a_file_that_is_being_written_is_counted(box: Box) -> None:
    """As the kernel lists it; an empty one too."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux reports a writer")
    with (box.folder / "slow.csv").open("w"):
        _, found = box.doctor(box.folder)
    assert found["files"]["found"] == "of the newest 2: 1 being written, 0 not readable; 1 empty"


@markers.DENIED
def test_what_this_user_may_not_read_is_found(box: Box) -> None:
    """A file and a place for the journal of another user."""
    (box.folder / "quartz.csv").chmod(0)
    closed = box.root / "closed"
    closed.mkdir(mode=0)
    code, found = box.doctor(box.folder, "--journal", closed / "j.sqlite3")
    assert (code, found["files"]["level"]) == (1, "warning")


def test_a_terminal_gets_lines_for_a_person(box: Box) -> None:
    """The level, the check, what was found, and below it what to do; names are data."""
    odd = box.root / "\x1b[31mnone"
    code, written = command.on_terminal("doctor", odd, "--model", box.model, "--journal", box.journal, columns=100)
    text = written.decode()
    assert code == 1
    assert "\x1b[31mnone" not in text
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in text.splitlines()]
    (place,) = [number for number, line in enumerate(lines) if line.startswith("wrong")]
    assert lines[place].split()[1] == "folder"
    assert "what to do" in "".join(lines[place + 1 : place + 4])
    assert lines[-1].startswith("1 wrong")


def test_a_narrow_terminal_shows_all_of_it(box: Box) -> None:
    """Forty columns cut nothing."""
    _, written = command.on_terminal("doctor", box.folder, "--model", box.model, "--journal", box.journal, columns=40)
    assert "…" not in written.decode()


def test_a_database_is_looked_into_without_a_trace(tmp_path: Path) -> None:
    """In write-ahead mode and closed: no log and no index is made beside it."""
    path = tmp_path / "a.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA user_version = 3; CREATE TABLE t (x); INSERT INTO t VALUES (1);")
    seen = look_into(path, "SELECT x FROM t WHERE x < 2")
    assert (seen.schema, seen.write_ahead, seen.rows, seen.problem) == (3, True, ((1,),), "")
    assert [file.name for file in tmp_path.iterdir()] == ["a.sqlite3"]


@pytest.mark.parametrize("content", [None, b"", b"no database" * 100])
def test_a_journal_that_is_no_database_is_reported(tmp_path: Path, content: bytes | None) -> None:
    """Not there, empty, something else."""
    path = tmp_path / "a.sqlite3"
    if content is not None:
        path.write_bytes(content)
    seen = look_into(path, "SELECT 1")
    assert bool(seen.problem) == (content != b"")
    assert seen.rows == ()


def test_it_ends_with_the_pipe(box: Box) -> None:
    """Who reads only the first line ends it, without a complaint."""
    process = command.start("doctor", "--model", box.model, "--journal", box.journal)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) in {0, cli.READER_LEFT}
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_lookup_order_is_in_the_help() -> None:
    """The list of commands has it."""
    done = command.run("--help")
    assert b"doctor" in done.stdout
    assert b"config" in done.stdout


def test_a_calibration_is_looked_at_where_one_is_named(tmp_path: Path) -> None:
    """By option or by settings: a valid one is reported with its age, a missing or expired one is wrong, and none is no finding."""
    box = Box(tmp_path)
    assert "calibration" not in box.doctor()[1]
    code, found = box.doctor("--calibration", "SN-9")
    assert (code, found["calibration"]["level"]) == (1, "wrong")
    assert "unknown calibration" in found["calibration"]["found"]
    store.write(calibrations.fresh(), tmp_path / "c.json")
    (tmp_path / "watch.toml").write_text('calibration = "c.json"\n')
    code, found = box.doctor("--config", tmp_path / "watch.toml")
    assert found["calibration"]["level"] in {"ok", "warning"}
    assert found["calibration"]["found"].startswith("of SN-1, ")
    store.write(calibrations.fresh(ended=True), tmp_path / "c.json")
    code, found = box.doctor("--config", tmp_path / "watch.toml")
    assert (code, found["calibration"]["todo"]) == (1, "measure the standard again and run `raman-edge calibrate`")
