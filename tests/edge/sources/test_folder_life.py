"""The watched folder over time: it goes away and comes back, its writers are slow, nothing happens."""

from __future__ import annotations

import hashlib
import itertools
import sys
import time
from pathlib import Path

import build
import pytest
from markers import POSIX
from raising import refused
from raman_edge.errors import SourceLost, SourceUnavailable
from raman_edge.sources import folder
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules
from raman_edge.spectrum import Fault, Spectrum
from watched_folder import QUICK, Remembered, Watched, attempts, once

needs_events = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports a rename")


# The folder itself


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    """A folder that is removed and made again is watched on, with one note for each."""
    root = tmp_path / "in"
    root.mkdir()
    with Watched(root) as watched:
        root.rmdir()
        watched.wait_for(notes=1)
        root.mkdir()
        (root / "a.csv").write_text(build.text())
        watched.wait_for(values=1, notes=2)
    assert "waiting for it" in watched.notes[0]
    assert watched.notes[1] in {f"folder {str(root)!r} can be read again", f"another folder is at {str(root)!r} now; watching that one"}


@POSIX
def test_a_folder_replaced_by_another_is_read(tmp_path: Path) -> None:
    """Another folder under the same name, even as a link, is reported and read; what was answered is not repeated."""
    root, other = tmp_path / "in", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    for place in (root, other):
        (place / "a.csv").write_text(build.text())
    (other / "b.csv").write_text(build.text(seed=1))
    with Watched(root) as watched:
        watched.wait_for(values=1)
        root.rename(tmp_path / "old")
        root.symlink_to(other)
        watched.wait_for(values=2)
    assert Path(watched.values[1].origin.path).name == "b.csv"
    assert f"another folder is at {str(root)!r} now; watching that one" in watched.notes


def test_a_folder_moved_in_is_read(tmp_path: Path) -> None:
    """Files that arrive inside a folder that is moved in are answered."""
    root, batch = tmp_path / "in", tmp_path / "batch"
    root.mkdir()
    batch.mkdir()
    (batch / "a.csv").write_text(build.text())
    with Watched(root) as watched:
        batch.rename(root / "batch")
        watched.wait_for(values=1)


def test_no_folder_at_the_start_is_an_error(tmp_path: Path) -> None:
    """A file, or nothing, in place of the folder is refused with a reason."""
    (tmp_path / "file").touch()
    for path, why in ((tmp_path / "file", "Not a directory"), (tmp_path / "none", "" if sys.platform == "win32" else "No such file")):
        with refused(SourceUnavailable, "cannot be watched", str(path), cause=why), FolderSource(path, Remembered()):
            pass


def test_a_single_pass_does_not_wait_for_a_lost_folder(tmp_path: Path) -> None:
    """With ``once``, a folder that goes away ends the run with an error."""
    root = tmp_path / "in"
    root.mkdir()
    with FolderSource(root, Remembered(), QUICK, once=True) as source:
        root.rmdir()
        with refused(SourceLost, "gone while it was read", str(root)):
            list(source)


# Time


def test_once_gives_up_on_an_endless_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single pass waits a while for a file that is being written, then answers it with a deferral it does not remember."""
    monkeypatch.setattr(folder, "DRAIN_S", 0.3)
    memory = Remembered()
    with (tmp_path / "slow.csv").open("w", newline="") as file:
        file.write(build.text())
        file.flush()
        (value,) = once(tmp_path, memory)
    assert isinstance(value, Fault)
    assert value.why.startswith("deferred: the file was still being written")
    assert not memory.files
    assert isinstance(once(tmp_path, memory)[0], Spectrum)


def test_written_after_it_was_renamed_is_waited_for(tmp_path: Path) -> None:
    """A file that is renamed into place and then written on has to lie still like any other."""
    with Watched(tmp_path, rules=ScanRules(poll_s=0.02, stable_s=1.0)) as watched:
        for number in attempts():
            path, temporary, text = tmp_path / f"{number}.csv", tmp_path / f"{number}.tmp", build.text(seed=number)
            temporary.touch()
            temporary.rename(path)
            writes = [time.monotonic()]
            for start in range(0, len(text), len(text) // 4 + 1):
                time.sleep(0.15)
                with path.open("a", newline="") as file:
                    file.write(text[start : start + len(text) // 4 + 1])
                writes.append(time.monotonic())
            if max(later - earlier for earlier, later in itertools.pairwise(writes)) < 1.0:
                break
        watched.wait_until(lambda: any(value.origin.path == str(path) for value in watched.values), path.name)
    (value,) = [value for value in watched.values if value.origin.path == str(path)]
    assert value.origin.sha256 == hashlib.sha256(text.encode()).hexdigest()


@needs_events
def test_renamed_into_place_is_answered_at_once(tmp_path: Path) -> None:
    """A file that is renamed into place is answered well before it would count as still, and before the next poll."""
    with Watched(tmp_path, rules=ScanRules(poll_s=60.0, stable_s=60.0)) as watched:
        time.sleep(0.1)
        for number in range(5):
            (tmp_path / "a.csv.tmp").write_text(build.text(seed=number))
            (tmp_path / "a.csv.tmp").rename(tmp_path / f"{number}.csv")
            watched.wait_for(values=number + 1)


def test_an_idle_folder_costs_little(tmp_path: Path) -> None:
    """Watching two thousand answered files takes less than a twentieth of a core."""
    for number in range(2000):
        (tmp_path / f"{number}.csv").touch()
    memory = Remembered()
    memory.seen_each = lambda files: [True] * len(files)  # type: ignore[method-assign]  # everything was answered before
    with Watched(tmp_path, memory, ScanRules()) as watched:
        time.sleep(0.5)
        for _ in range(10):  # on a busy machine one second may cost more than the others
            before = time.process_time()
            time.sleep(1.0)
            spent = time.process_time() - before
            if spent < 0.05:
                break
    assert watched.values == []
    assert spent < 0.05
