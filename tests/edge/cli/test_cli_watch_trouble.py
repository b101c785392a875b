"""``raman-edge watch`` while the disk is full, the journal locked, moved, write-protected or damaged, and the folder away."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import build
import command
import journals
import pytest
from markers import POSIX, slow
from watch_process import MAIN, Watch, digests, journaled

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = 120
"""Their rows do not fit on the small disk."""
KIB = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, with room for some rows of a journal."""
    if sys.platform == "win32":
        pytest.skip("disks are mounted otherwise on Windows")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", place], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def remount(disk: Path, options: str) -> None:
    """Change a mounted disk."""
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def write(folder: Path, count: int, first: int = 0) -> None:
    """Write spectra that no other number gives."""
    for number in range(first, first + count):
        (folder / f"{number}.csv").write_text(build.text("Quartz", number))


def check(path: Path, watch: Watch, count: int) -> None:
    """Hold the journal against ``count`` contents: each once, each shown, the chain whole."""
    records = journaled(path)
    assert len(digests(records)) == len(set(digests(records))) == count
    assert {line["id"] for line in watch.lines} == {record["id"] for record in records}
    assert command.call("journal", "verify", "--journal", path).returncode == 0


def test_a_full_disk_is_reported_once_and_the_run_continues(folder: Path, disk: Path, model: Path) -> None:
    """Where the journal's disk is full the run goes on and reports it once; with room it goes on by itself, nothing lost or twice."""
    with Watch(folder, model, journal=disk / "j.sqlite3") as watch:
        write(folder, FILES)
        watch.wait_until(lambda: watch.noted("full") > 0, "a note")
        time.sleep(2.0)  # several attempts
        assert watch.process.poll() is None
        assert watch.noted("it works again") == 0
        before = watch.noted("cannot be")
        remount(disk, "size=50m")
        write(folder, 1, FILES)
        watch.wait_for(FILES + 1)
        watch.wait_until(lambda: watch.noted("it works again") > 0, "a note")
        assert watch.stop() == command.STOPPED
    assert 1 <= before <= 3, watch.notes
    assert len(set(watch.notes)) == len(watch.notes)
    assert watch.noted("it works again") == 1
    check(disk / "j.sqlite3", watch, FILES + 1)


def test_a_full_disk_ends_a_single_pass(folder: Path, disk: Path, model: Path) -> None:
    """With ``--once`` a journal that cannot be written is exit code 73, and the next pass with room answers what is left."""
    write(folder, FILES)
    called = ("watch", folder, "--once", "--model", model, "--journal", disk / "j.sqlite3", "--json")
    first = command.call(*called)
    assert first.returncode == 73
    assert b"full" in first.stderr
    remount(disk, "size=50m")
    second = command.call(*called)
    assert second.returncode == 0, second.stderr
    assert len(set(digests(journaled(disk / "j.sqlite3")))) == len(journaled(disk / "j.sqlite3")) == FILES


@POSIX
@pytest.mark.parametrize("how", ["replaced", *slow("moved", "deleted")])
def test_a_journal_that_is_taken_away(folder: Path, model: Path, how: str) -> None:
    """Where the journal is moved, deleted or replaced, what lies in the folder is answered anew in the one that is there then."""
    with Watch(folder, model) as watch:
        write(folder, 2)
        watch.wait_for(2)
        if how == "deleted":
            watch.journal.unlink()
        elif how == "moved":
            watch.journal.rename(folder.parent / "elsewhere")
        else:
            journals.write(folder.parent / "other", journals.answer(1))
            (folder.parent / "other").replace(watch.journal)
        write(folder, 1, 2)
        watch.wait_until(lambda: watch.journal.exists() and len(set(digests(journaled(watch.journal)))) >= 3, "all three in the journal")
        assert watch.stop() == command.STOPPED
    assert watch.noted("moved, deleted or replaced") >= 1
    assert command.call("journal", "verify", "--journal", watch.journal).returncode == 0


@pytest.mark.parametrize("what", ["journal.sqlite3*", *slow("journal.sqlite3-wal")])
def test_a_journal_that_is_damaged(folder: Path, model: Path, what: str) -> None:
    """A journal or a log that is overwritten while it is open ends the run, whichever thread notices it first."""
    with Watch(folder, model) as watch:
        write(folder, 2)
        watch.wait_for(2)
        for file in folder.parent.glob(what):
            with file.open("r+b") as data:
                data.write(os.urandom(file.stat().st_size))
        write(folder, 1, 2)
        assert watch.end() in {65, 73}
    assert watch.noted("damaged: ") + watch.noted("not a database") >= 1, watch.notes


def test_a_journal_that_is_cut_heals(folder: Path, model: Path) -> None:
    """A journal that is cut short while it is open is whole again from its log."""
    with Watch(folder, model) as watch:
        write(folder, 2)
        watch.wait_for(2)
        os.truncate(watch.journal, 5000)
        write(folder, 1, 2)
        watch.wait_for(3)
        assert watch.stop() == command.STOPPED
    check(watch.journal, watch, 3)


def test_a_journal_that_another_program_holds(folder: Path, model: Path) -> None:
    """While another program writes to the journal the run waits, and then answers what came."""
    impatient = f"import sys; from raman_edge import cli, sqlite_file; sqlite_file.BUSY_S = 0.2; {MAIN}"
    with Watch(folder, model, program=("-c", impatient)) as watch:
        write(folder, 1)
        watch.wait_for(1)
        with sqlite3.connect(watch.journal, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            write(folder, 1, 1)
            watch.wait_until(lambda: watch.noted("Another program holds it") > 0, "a note")
            other.execute("ROLLBACK")
        watch.wait_for(2)
        assert watch.stop() == command.STOPPED
    check(watch.journal, watch, 2)


def test_an_output_whose_disk_is_full(folder: Path, disk: Path, model: Path) -> None:
    """An output without room is reported once and gets later what it missed; the journal and the other outputs go on."""
    out = disk / "out.jsonl"
    with Watch(folder, model, "--output", f"jsonl:{out}") as watch:
        (disk / "filler").write_bytes(bytes(650 * KIB))
        write(folder, 60)
        watch.wait_for(60)
        watch.wait_until(lambda: watch.noted("fails") > 0, "a note")
        (disk / "filler").unlink()
        watch.wait_until(lambda: out.read_bytes().count(b"\n") >= 60, "all lines")
        assert watch.stop() == command.STOPPED
    assert watch.noted("fails") == 1
    assert len(out.read_bytes().splitlines()) >= len(digests(journaled(watch.journal))) == 60


# The folder


def listens(pid: int) -> bool:
    """Whether the process has opened the folder and gets its events."""
    found = False
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed since it was listed
            found |= "inotify" in str(link.readlink())
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are looked up in /proc")
def test_a_folder_away_at_a_reload(folder: Path, model: Path) -> None:
    """Where the folder is away when settings are read again, it is waited for, also if nothing was answered yet."""
    with Watch(folder, model, "--move-failed", str(folder.parent / "failed")) as watch:
        watch.wait_until(lambda: listens(watch.process.pid), "its start")
        folder.rename(folder.parent / "away")
        watch.wait_until(lambda: watch.noted("waiting for it") > 0, "a note")
        watch.process.send_signal(signal.SIGHUP)
        watch.wait_until(lambda: watch.noted("reloaded") > 0 and watch.noted("cannot be watched") > 0, "a note of each")
        write(folder.parent / "away", 1)
        (folder.parent / "away").rename(folder)
        watch.wait_for(1)
        assert watch.stop() == command.STOPPED


@POSIX
def test_settings_are_read_while_there_is_trouble(folder: Path, model: Path) -> None:
    """A signal to read settings again is handled while the run waits for what is away."""
    with Watch(folder, model) as watch:
        write(folder, 1)
        watch.wait_for(1)
        shutil.rmtree(folder)
        watch.process.send_signal(signal.SIGHUP)
        for count in (1, 2, 3):
            watch.wait_until(lambda count=count: watch.noted("reloaded") >= count, "a note")  # type: ignore[misc]
            watch.process.send_signal(signal.SIGHUP)
        assert watch.noted("cannot be watched") == 1
        assert watch.end(signal.SIGTERM) == 69
