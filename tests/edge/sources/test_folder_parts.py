"""The parts of the watched folder: is a file complete, which file system is it, how long to rest."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import build
import command
import pytest
from markers import POSIX
from raman_edge.sources import pending, stability, windows
from raman_edge.sources.notify import FolderEvents
from raman_edge.sources.pending import PollSchedule, changed
from raman_edge.sources.scan import FileCandidate, ScanRules, Signature, file_system, is_candidate_name, is_network, scan
from raman_edge.sources.stability import (
    OPEN_STABLE_S,
    OpenWriter,
    Readiness,
    is_settled,
    open_for_writing,
    patience_s,
    read_complete,
    readiness,
    resolution_s,
    writer_of,
)
from raman_edge.spectrum import Spectrum
from watched_folder import once

needs_leases = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports whether a file is open elsewhere")
SECOND = 10**9


@pytest.mark.parametrize(
    ("age_s", "size", "signs", "writer", "unchanged_s", "expected"),
    [
        (0.0, 100, "", OpenWriter.NONE, 0.0, Readiness.NO),
        (0.0, 100, "", OpenWriter.NONE, 1.0, Readiness.YES),
        (2.0, 100, "", OpenWriter.NONE, 0.0, Readiness.YES),
        (0.0, 100, "times", OpenWriter.NONE, 0.0, Readiness.YES),
        (0.0, 100, "moved", OpenWriter.NONE, 0.0, Readiness.YES),
        (0.0, 0, "moved", OpenWriter.NONE, 0.0, Readiness.NO),
        (100.0, 0, "times", OpenWriter.NONE, 0.0, Readiness.NO),
        (100.0, 0, "", OpenWriter.NONE, 1.0, Readiness.YES),
        (-3600.0, 100, "", OpenWriter.NONE, 0.0, Readiness.NO),
        (0.0, 100, "moved", OpenWriter.OPEN, 0.0, Readiness.NO),
        (0.0, 100, "times", OpenWriter.OPEN, 30.0, Readiness.NO),
        (100.0, 100, "", OpenWriter.OPEN, 66.0, Readiness.IF_WHOLE),
        (100.0, 100, "", OpenWriter.OPEN, OPEN_STABLE_S, Readiness.YES),
        (100.0, 100, "times", OpenWriter.UNKNOWN, 0.9, Readiness.NO),
        (100.0, 100, "times", OpenWriter.UNKNOWN, 1.0, Readiness.YES),
        (1.9, 100, "times", OpenWriter.UNKNOWN, 1.9, Readiness.IF_WHOLE),
        (1.9, 100, "moved", OpenWriter.UNKNOWN, 1.9, Readiness.YES),
        (1.9, 100, "closed", OpenWriter.UNKNOWN, 1.9, Readiness.YES),
        (0.5, 100, "closed", OpenWriter.UNKNOWN, 0.5, Readiness.NO),
        (10.0, 100, "", OpenWriter.UNKNOWN, 10.0, Readiness.YES),
        (100.0, 100, "network", OpenWriter.UNKNOWN, 1.9, Readiness.IF_WHOLE),
        (4000.0, 100, "network", OpenWriter.UNKNOWN, 1.9, Readiness.YES),
    ],
)
def test_ready(age_s: float, size: int, signs: str, writer: OpenWriter, unchanged_s: float, expected: Readiness) -> None:
    """What no process writes is ready soon, what one may write later, and what one does write only if it is whole."""
    changed_ns = time.time_ns() - round(age_s * SECOND)
    state = Signature(1, 2, size, changed_ns - (1000 if "times" in signs else 0), changed_ns)
    flags = {sign: sign in signs for sign in ("moved", "closed", "network")}
    assert readiness(state, writer, unchanged_s, stable_s=1.0, **flags) is expected


@pytest.mark.parametrize(("stable_s", "expected"), [(0.1, 1.0), (1.0, 10.0), (3.0, 10.0), (20.0, 20.0)])
def test_patience(stable_s: float, expected: float) -> None:
    """Where the writer is unknown a file is unchanged for ten times as long, ten seconds at most, never less than the setting."""
    assert patience_s(stable_s) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ns", "tick_s"), [(SECOND, 2.05), (1_700_000_000 * SECOND, 2.05), (SECOND // 10, 0.25), (SECOND // 100, 0.05), (1, 0.05)]
)
def test_settled_once_a_tick_has_passed(ns: int, tick_s: float) -> None:
    """The digits of a file's times show how coarse they are; no later change has the same times once such a tick has passed."""
    state = Signature(1, 2, 3, ns, ns)
    assert resolution_s(state) == pytest.approx(tick_s)
    assert is_settled(state, 0.0)  # long ago, by this machine's own clock
    recent_ns = (time.time_ns() - 1000 * SECOND) // SECOND * SECOND + (ns % SECOND)
    recent = Signature(1, 2, 3, recent_ns, recent_ns)
    assert is_settled(recent, 0.0)
    assert not is_settled(recent, tick_s - 0.01, network=True)  # of a server whose clock may be behind
    assert is_settled(recent, tick_s + 0.01, network=True)
    now = time.time_ns() // (10 * SECOND) * 10 * SECOND + 20 * SECOND  # a clock that was set back: watching shows it all the same
    future = Signature(1, 2, 3, now, now)
    assert not is_settled(future, 2.0)
    assert is_settled(future, 2.1)


@needs_leases
def test_writer_is_seen(tmp_path: Path) -> None:
    """The kernel reports whether a process has a file open for writing; readers do not count."""
    path = tmp_path / "a"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    try:
        assert writer_of(fd, str(path)) is OpenWriter.NONE
        with path.open("ab"):
            assert writer_of(fd, str(path)) is OpenWriter.OPEN
        with path.open("rb"):
            assert writer_of(fd, str(path)) is OpenWriter.NONE
    finally:
        os.close(fd)


INTERRUPTED = """
import fcntl, os, sys
from raman_edge.sources import stability

def give_back(fd, command, argument):
    if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_UNLCK):
        try:
            os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
        except BlockingIOError:
            print("a writer came", flush=True)
    return ask(fd, command, argument)

ask, fcntl.fcntl = fcntl.fcntl, give_back
print(stability.writer_of(os.open(sys.argv[1], os.O_RDONLY), sys.argv[1]))
"""


@needs_leases
def test_asking_is_safe_while_a_writer_comes(tmp_path: Path) -> None:
    """A writer that opens the file during the lease does not kill the process that holds the lease (SIGIO would)."""
    path = tmp_path / "a"
    path.touch()
    called = [sys.executable, "-c", INTERRUPTED, str(path)]
    done = subprocess.run(called, capture_output=True, text=True, check=False, timeout=120, env=command.environment())
    assert (done.returncode, done.stdout) == (0, "a writer came\nOpenWriter.NONE\n"), done.stderr


def candidate(path: Path) -> FileCandidate:
    """Return a file as a scan gives it."""
    return FileCandidate(str(path), Signature.of(path.stat()))


def test_read_whole(tmp_path: Path) -> None:
    """A complete file is read to the last byte, a larger one than a chunk too."""
    path = tmp_path / "a"
    path.write_bytes(data := os.urandom(stability.CHUNK + 7))
    assert read_complete(candidate(path), len(data), lambda _: True, leases=True) == data


@POSIX
def test_not_read_where_it_is_not_the_file_that_was_scanned(tmp_path: Path) -> None:
    """A file that changed, was replaced or became a link since the scan is not read."""
    path = tmp_path / "a"
    path.write_text("before")
    scanned = candidate(path)
    path.write_text("after!")
    assert read_complete(scanned, 6, lambda _: True, leases=True) is None
    path.unlink()
    path.symlink_to(tmp_path / "b")
    (tmp_path / "b").write_text("before")
    with pytest.raises(OSError, match="symbolic links"):
        read_complete(scanned, 6, lambda _: True, leases=True)


@needs_leases
def test_not_taken_where_a_writer_comes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes read while a process opened the file for writing are thrown away, even if nothing was written yet."""
    path = tmp_path / "a"
    path.write_text("before")
    read, writers = os.read, []

    def reading(fd: int, size: int) -> bytes:
        writers.append(path.open("ab"))
        return read(fd, size)

    monkeypatch.setattr(os, "read", reading)
    assert read_complete(candidate(path), 6, lambda _: True, leases=True) is None
    assert len(writers) == 1
    writers[0].close()


MOUNTS = [
    r"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
    r"23 22 0:40 / /mnt/lab\040share rw,relatime - cifs //nas/lab rw",
    r"24 22 0:41 / /mnt/home rw - nfs4 nas:/home rw",
    r"25 24 254:1 / /mnt/home/local rw - xfs /dev/vdb rw",
    r"26 22 0:42 / /mnt/ssh rw - fuse.sshfs me@there: rw",
    r"27 22 0:43 / /over rw - tmpfs tmpfs rw",
    r"28 22 0:44 / /over rw - nfs nas:/over rw",
    "nonsense",
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/data", "ext4"),
        ("/mnt/lab share/in", "cifs"),
        ("/mnt/home", "nfs4"),
        ("/mnt/homes", "ext4"),
        ("/mnt/home/local/x", "xfs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/over/x", "nfs"),
    ],
)
def test_file_system_of_a_path(path: str, kind: str, tmp_path: Path) -> None:
    """The innermost, latest mount decides whether it is a network or a disk."""
    assert file_system(path, MOUNTS) == kind
    (tmp_path / "mountinfo").write_text("\n".join(MOUNTS))
    assert is_network(path, tmp_path / "mountinfo") is (kind not in {"ext4", "xfs"})


def test_unknown_mounts_are_local(tmp_path: Path) -> None:
    """Where the mounts are unknown, a folder counts as local."""
    assert is_network("/data", tmp_path / "none") is False


def test_names() -> None:
    """Spectra have any name but a hidden or temporary one, undecodable ones too."""
    assert all(is_candidate_name(name) for name in ("a", "a.csv", "\udcff.txt", "new\nline", "tmp", "apart.csv"))
    assert not any(is_candidate_name(name) for name in (".a", "a.tmp", "a.Part", "~$a.xls", "a~"))


def test_scan_reports_what_it_cannot_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed is a problem with a name, and the others are listed."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").touch()
    listing = os.scandir

    def denied(path: str) -> object:
        if path.endswith("a"):
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", denied)
    met: list[FileCandidate] = []
    found = scan(str(tmp_path), ScanRules(), met.append)
    assert [path for path, _ in met] == [str(tmp_path / "b" / "x.csv")]
    assert found.problems == {str(tmp_path / "a"): "cannot be listed: Permission denied"}


@pytest.mark.parametrize("when", ["lstat", "scandir", "scandir, replaced"])
def test_a_subfolder_that_goes_away_during_a_scan(tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder below that is removed, or replaced by a file, while the scan is at work is gone, and all else is found."""
    folder = tmp_path / "a"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").touch()
    (tmp_path / "y.csv").touch()
    name = when.partition(",")[0]
    call = getattr(os, name)

    def leaving(path: str) -> object:
        if Path(path) != tmp_path and folder.is_dir():
            folder.rename(tmp_path.parent / f"{tmp_path.name} gone")
            if "replaced" in when:
                folder.touch()
        return call(path)

    monkeypatch.setattr(os, name, leaving)
    met: list[FileCandidate] = []
    found = scan(str(tmp_path), ScanRules(), met.append)
    assert {path for path, _ in met} - {str(folder)} == {str(tmp_path / "b" / "x.csv"), str(tmp_path / "y.csv")}
    assert found.problems == {}
    assert not folder.is_dir()


@POSIX
def test_scan_counts_what_it_ignores(tmp_path: Path) -> None:
    """Hidden and temporary names, links and folders that are too deep are counted; names that fit no pattern are not."""
    for name in (".a.csv", "~a.csv", "$a.csv", "a.tmp", "b.csv.part", "c.txt", "d.csv"):
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / "1" / "2").mkdir(parents=True)
    (tmp_path / "link.csv").symlink_to(tmp_path / "d.csv")
    met: list[FileCandidate] = []
    found = scan(str(tmp_path), ScanRules(("*.csv",), depth=1), met.append)
    assert [Path(path).name for path, _ in met] == ["d.csv"]
    assert found.ignored == {"hidden": 4, "temporary": 2, "link or special file": 1, "too deep": 1}


def test_what_we_write_is_known_by_identity(tmp_path: Path) -> None:
    """A file that we write is not met under any name, also when it was made anew since; the others are."""
    outside, root = tmp_path / "out.csv", tmp_path / "in"
    root.mkdir()
    rules = ScanRules(written=(str(outside), str(tmp_path / "not yet")))
    for number in range(2):
        outside.unlink(missing_ok=True)
        outside.write_text("1")
        (root / f"link {number}.csv").hardlink_to(outside)
        met: list[FileCandidate] = []
        found = scan(str(root), rules, met.append)
        assert found.ours == [str(root / f"link {number}.csv")]
    assert [path for path, _ in met] == [str(root / "link 0.csv")]  # an output of before, no more written to


def test_a_new_name_is_noticed_without_a_scan(tmp_path: Path) -> None:
    """A folder's own modification time shows a name that came or went, and a fresh one is not trusted."""
    os.utime(tmp_path, ns=(0, time.time_ns() - SECOND))
    found = scan(str(tmp_path), ScanRules(), lambda _: None)
    assert not changed(found.folders)
    (tmp_path / "a.csv").touch()
    assert changed(found.folders)
    assert changed(scan(str(tmp_path), ScanRules(), lambda _: None).folders)
    assert changed({str(tmp_path / "none"): 0})


class Clock:
    """A clock, and an event that is never set, in which waiting takes no time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def wait(self, seconds: float) -> bool:
        """Let time pass."""
        self.now += seconds
        return False


@pytest.mark.parametrize(
    ("cost_s", "due_s", "news", "rested_s"),
    [
        (0.0, None, False, 0.5),
        (0.01, None, False, 1.0),
        (0.0, None, True, 0.1),
        (0.2, None, True, 0.4),
        (0.0, 0.3, False, 0.3),
        (0.2, 0.3, False, 0.4),
        (0.0, 9.0, False, 0.5),
    ],
)
def test_rest(cost_s: float, due_s: float | None, news: bool, rested_s: float, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a column of the table
    """A rest is the poll, or a hundred times a costly scan; shorter where a name is new or a file due, but twice the scan at least."""
    clock = Clock()
    monkeypatch.setattr(pending, "monotonic", clock)
    list(PollSchedule(0.5, 0.1).rest(clock, lambda: news, cost_s, due_s))  # type: ignore[arg-type]  # it waits like an event
    assert clock.now == pytest.approx(rested_s)


@needs_leases
def test_arrivals(tmp_path: Path) -> None:
    """What was renamed into a followed folder, and what was closed there by a writer, is reported once, whatever its name."""
    arrivals = FolderEvents()
    arrivals.open()
    (tmp_path / "below").mkdir()
    arrivals.follow([str(tmp_path), str(tmp_path / "below")])
    (tmp_path / "written").write_text("1")
    (tmp_path / "written").rename(tmp_path / os.fsdecode(b"und\xff.csv"))
    (tmp_path / os.fsdecode(b"und\xff.csv")).rename(tmp_path / "below" / "b.csv")
    moved = {str(tmp_path / os.fsdecode(b"und\xff.csv")), str(tmp_path / "below" / "b.csv")}
    assert arrivals.take() == (moved, {str(tmp_path / "written")})
    assert arrivals.take() == (set(), set())
    arrivals.close()
    assert arrivals.take() == (set(), set())


@needs_leases
def test_events_show_which_files_are_open(tmp_path: Path) -> None:
    """A file that was changed and not closed is being written, one that was closed last is not, and a new name begins anew."""
    arrivals, path = FolderEvents(), tmp_path / "a"
    arrivals.open()
    arrivals.follow([str(tmp_path)])
    with path.open("w") as file:
        for _ in range(2):  # closed by another writer in between
            file.write("1")
            file.flush()
            arrivals.take()
            assert (arrivals.writing, arrivals.closed) == ({str(path)}, set())
            path.open("a").close()
            arrivals.take()
            assert (arrivals.writing, arrivals.closed) == (set(), {str(path)})
        file.write("1")
    path.rename(tmp_path / "b")
    arrivals.take()
    assert (arrivals.writing, arrivals.closed) == (set(), set())
    arrivals.close()


@needs_leases
def test_lost_events_leave_nothing_known(tmp_path: Path) -> None:
    """Where the kernel's queue was full, no file counts as open or as closed."""
    arrivals = FolderEvents()
    arrivals.open()
    arrivals.follow([str(tmp_path)])
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    with (tmp_path / "a").open("wb", buffering=0) as a, (tmp_path / "b").open("wb", buffering=0) as b:
        for _ in range(most // 2 + 10):
            a.write(b"1")
            b.write(b"1")
    arrivals.take()
    assert (arrivals.writing, arrivals.closed) == (set(), set())
    arrivals.close()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc")
def test_proc_lists_files_open_for_writing(tmp_path: Path) -> None:
    """A file that a visible process has open for writing is listed, one that is read is not, and without /proc nothing is."""
    for name in "rw":
        (tmp_path / name).touch()
    with (tmp_path / "r").open("rb"), (tmp_path / "w").open("ab"):
        found = open_for_writing()
    r, w = ((tmp_path / name).stat() for name in "rw")
    assert (w.st_dev, w.st_ino) in found
    assert (r.st_dev, r.st_ino) not in found
    assert open_for_writing(str(tmp_path)) == open_for_writing(str(tmp_path / "none")) == frozenset()


@needs_leases
def test_arrivals_of_a_folder_that_was_replaced(tmp_path: Path) -> None:
    """A folder that was removed and made again is followed again, and one that is not there is nothing."""
    root = tmp_path / "in"
    root.mkdir()
    arrivals = FolderEvents()
    arrivals.follow([str(root)])  # not open yet
    arrivals.open()
    arrivals.follow([str(root)])
    root.rmdir()
    arrivals.follow([str(root)])
    root.mkdir()
    arrivals.follow([str(root)])
    (tmp_path / "a").touch()
    (tmp_path / "a").rename(root / "a")
    assert arrivals.take() == ({str(root / "a")}, set())
    assert len(arrivals._folders) == 1
    arrivals.close()


def test_rest_ends_with_the_stop() -> None:
    """A rest ends at once when the source is stopped."""
    stop = threading.Event()
    stop.set()
    began = time.monotonic()
    assert list(PollSchedule(60.0, 60.0).rest(stop, lambda: False, 0.0, None)) == []
    assert time.monotonic() - began < 30


def test_a_folder_can_be_moved_while_its_files_are_looked_at(tmp_path: Path) -> None:
    """A scan holds no folder open longer than its listing takes: Windows would refuse to rename it."""
    root, aside = tmp_path / "in", tmp_path / "aside"
    root.mkdir()
    for number in range(3):
        (root / f"{number}.csv").write_text(build.text())
    met = []

    def meet(candidate: FileCandidate) -> None:
        met.append(candidate)
        root.rename(aside)
        aside.rename(root)

    scan(str(root), ScanRules(), meet)
    assert len(met) == 3


@pytest.mark.parametrize("path", [r"\\server\share\folder", r"\\?\UNC\server\share\folder"])
def test_a_share_of_windows_is_remote(path: str) -> None:
    """A UNC path is on another machine, with or without the prefix for long paths."""
    assert windows.is_remote(path)


def test_a_file_that_its_writer_does_not_share_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sharing violation of Windows means not yet: no fault however long it lasts, and the file is read when it is over."""
    (tmp_path / "a.csv").write_text(build.text())
    attempts = []

    def refused(path: str) -> int:
        attempts.append(path)
        if len(attempts) <= 2 * len(pending.RETRY_S):
            error = PermissionError(13, "in use", path)
            error.winerror = 32  # type: ignore[attr-defined]  # an attribute on Windows
            raise error
        return open_to_read(path)

    open_to_read = stability.open_to_read
    monkeypatch.setattr(stability, "open_to_read", refused)
    values = once(tmp_path)
    assert [type(value) for value in values] == [Spectrum]
    assert len(attempts) > 2 * len(pending.RETRY_S)


def test_the_time_of_creation_is_no_change_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a file made long ago and written now counts as changed now; a copy with an old time as changed when it was made."""
    monkeypatch.setattr("raman_edge.sources.scan.sys.platform", "win32")
    status = SimpleNamespace(st_dev=1, st_ino=2, st_size=3, st_mtime_ns=20, st_ctime_ns=10)
    assert Signature.of(status).ctime_ns == 20  # type: ignore[arg-type]  # as much of one as it takes
    status.st_mtime_ns = 5
    assert Signature.of(status).ctime_ns == 10  # type: ignore[arg-type]
