"""``watch`` beside the software of an instrument, which shares a file with no other program until it has written all of it."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import build
import command
import pytest
import vendor_writer
from watch_process import Watch, digests, journaled

WRITER = Path(vendor_writer.__file__)
FILES = 500


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, its library beside it."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))[0]


class Writer:
    """The vendor's software as a process; ``written`` are the digests of its complete files."""

    def __init__(self, folder: Path, count: int) -> None:
        self.written: list[str] = []
        arguments = [sys.executable, WRITER, folder, str(count)]
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=command.environment())
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.written.extend(line.decode().strip() for line in lines)

    def end(self) -> int:
        """Wait until all is written."""
        code = self.process.wait(timeout=170)
        self._reader.join()
        return code


def watching(folder: Path, journal: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a watcher with the embedded model."""
    arguments = [sys.executable, "-m", "raman_edge", "watch", folder, "--journal", journal, "--stable", "0.3", *more]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(arguments, stdin=quiet, stdout=quiet, stderr=quiet, env=command.environment())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_none_is_lost_and_none_is_there_twice(tmp_path: Path) -> None:
    """Of 500 files, written while the watcher is killed again and again, each has one result, of its complete content."""
    folder, journal = tmp_path / "incoming", tmp_path / "journal.sqlite3"
    rng = random.Random(4)  # noqa: S311 - the same kills every time
    folder.mkdir()
    writer = Writer(folder, FILES)
    kills = 0
    while writer.process.poll() is None:
        watcher = watching(folder, journal)
        until = time.monotonic() + rng.uniform(3.0, 8.0)
        while writer.process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        kills += watcher.poll() is None
        watcher.kill()
        watcher.wait()
    assert writer.end() == 0
    assert watching(folder, journal, "--once").wait(timeout=200) == 0
    found = Counter(digests(journaled(journal)))
    assert len(writer.written) == FILES
    assert kills > 0
    assert found == Counter(writer.written)
    assert command.run("journal", "verify", "--journal", journal).returncode == 0


def test_a_file_that_its_program_holds_open_is_no_fault(tmp_path: Path, model: Path) -> None:
    """It is answered when the program closes it, from all of its content, and nothing is reported before."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    content = vendor_writer.text(1)
    with Watch(folder, model, "--stable", "0.2", "--poll", "0.1") as run:
        fd = vendor_writer.create(folder / "held.csv")
        os.write(fd, content[: len(content) // 2])
        (folder / "other.csv").write_bytes(vendor_writer.text(2))
        run.wait_for(1)
        time.sleep(1.5)
        assert digests(run.lines) == [hashlib.sha256(vendor_writer.text(2)).hexdigest()]
        os.write(fd, content[len(content) // 2 :])
        os.close(fd)
        run.wait_for(2)
        assert digests(run.lines)[1] == hashlib.sha256(content).hexdigest()
        assert {line["event"] for line in run.lines} == {"result"}


def test_two_watchers_share_a_folder_and_a_journal(tmp_path: Path, model: Path) -> None:
    """Started together, they answer each content once between them."""
    folder, journal = tmp_path / "incoming", tmp_path / "journal.sqlite3"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.csv").write_bytes(vendor_writer.text(number))
    with Watch(folder, model, "--once", journal=journal) as one, Watch(folder, model, "--once", journal=journal) as other:
        codes = one.end(), other.end()
        assert codes == (0, 0), (one.notes, other.notes)
        between = digests(one.lines + other.lines)
    assert Counter(digests(journaled(journal))) == Counter(hashlib.sha256(vendor_writer.text(number)).hexdigest() for number in range(40))
    assert set(between) == set(digests(journaled(journal)))
