"""A file is there when it is whole, or as it was."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest
from raman_edge import atomic_write

if TYPE_CHECKING:
    from pathlib import Path


def test_it_appears_at_the_end(tmp_path: Path) -> None:
    """Until the block is left the old content lies there, then the new one and nothing else."""
    path = tmp_path / "dark.json"
    path.write_bytes(b"old")
    with atomic_write.written(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_fails_leaves_the_old_one(tmp_path: Path, error: BaseException) -> None:
    """Whatever ends the block early, the file is as it was and no part of the new one is left."""
    path = tmp_path / "dark.json"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        _broken_off(path, error)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    """A missing folder raises the system's own error."""
    with pytest.raises(FileNotFoundError), atomic_write.written(tmp_path / "nowhere" / "dark.json") as file:
        file.write(b"new")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("CON", "a device"),
        ("nul", "a device"),
        ("aux.csv", "a device"),
        (r"C:\data\COM1.txt", "a device"),
        ("lpt9 .tar.gz", "a device"),
        ("com¹.json", "a device"),
        ("CONIN$", "a device"),
        (r"prn\a.csv", "a device"),
        (r"\\.\COM3", "a device"),
        (r"\\?\C:\data\nul", "a device"),
        ("report.html.", "a blank or a dot"),
        ("out.csv ", "a blank or a dot"),
        ("C:/data /a.csv", "a blank or a dot"),
        ("a?.csv", "'?'"),
        ("a<b>.csv", "'<'"),
        ("a\x07b.csv", "'\\x07'"),
        ("answers.csv:hidden", "':'"),
        (r"C:\data\a:b.csv", "':'"),
    ],
)
def test_names_that_windows_cannot_have(path: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Devices in any spelling, what Windows cuts off, and characters that mean something else to it; on other systems all are names."""
    assert why in atomic_write.windows_refusal(path)
    monkeypatch.setattr("sys.platform", "linux")
    atomic_write.require_name(path)
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(OSError, match="Windows") as caught:
        atomic_write.require_name(path)
    assert caught.value.strerror


@pytest.mark.parametrize(
    "path",
    [
        *("con fusion.csv", "console.txt", "auxiliary", "nulls.csv", "com10.txt", "COM.csv", "a.con", ".hidden", "..", r"..\a.csv", "./a"),
        *("C:a.csv", r"C:\data\a.csv", r"\\server\share\a b.csv", r"\\?\UNC\server\share\a.csv", r"\\?\C:\a.csv", "Größe µm.csv", "-"),
    ],
)
def test_names_that_windows_can_have(path: str) -> None:
    """Names that only look like those, drives, shares, and the prefix of long paths."""
    assert atomic_write.windows_refusal(path) == ""


@pytest.mark.parametrize("name", ["USB2A01234", "flame-7", "a.b_c"])
def test_a_plain_name_names_its_file(name: str) -> None:
    """As it is."""
    assert atomic_write.file_stem(name) == name


@pytest.mark.parametrize("name", ["CON", "con.1", "com1", "../a", "a/b", "a b", "x.", ".x", "µ", "a" * 81, "", "\udcff"])
def test_any_other_name_gets_a_digest(name: str) -> None:
    """It is the same on every system, and another for another name."""
    stem = atomic_write.file_stem(name)
    assert atomic_write.windows_refusal(f"{stem}.json") == ""
    assert (len(stem), stem.isalnum()) == (32, True)
    assert stem != atomic_write.file_stem(f"{name}'")


def test_a_target_that_is_open_elsewhere_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace an open file; a virus scanner closes it soon. Elsewhere the first refusal counts."""
    path, refusals = tmp_path / "dark.json", [PermissionError(13, "Permission denied")] * 2
    replace = type(path).replace

    def refused(source: Path, target: Path) -> Path:
        if refusals:
            raise refusals.pop()
        return replace(source, target)

    monkeypatch.setattr(type(path), "replace", refused)
    monkeypatch.setattr("sys.platform", "win32")
    with atomic_write.written(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    refusals.append(PermissionError(13, "Permission denied"))
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(PermissionError), atomic_write.written(path) as file:
        file.write(b"newer")
    assert list(tmp_path.iterdir()) == [path]


def _broken_off(path: Path, error: BaseException) -> None:
    with atomic_write.written(path) as file:
        file.write(b"ne")
        raise error


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"C:\Spectra\a.csv", r"\\?\C:\Spectra\a.csv"),
        (r"\\server\share\a.csv", r"\\?\UNC\server\share\a.csv"),
        (r"\\?\C:\a.csv", r"\\?\C:\a.csv"),
    ],
)
def test_long_paths_of_windows_have_a_prefix(path: str, expected: str) -> None:
    """A drive letter, a share, and a path that has the prefix already."""
    assert atomic_write.long_path(path) == expected


def test_links_that_cannot_be_followed_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the system about a path of a network drive, or of Wine about a long one, is no failure of a run."""

    def realpath(path: str) -> str:
        raise OSError(errno.EIO, "More data available", path)

    assert atomic_write.real_path(tmp_path / "a") == os.path.realpath(tmp_path / "a")
    monkeypatch.setattr(os.path, "realpath", realpath)
    assert atomic_write.real_path(tmp_path / "x" / ".." / "a") == str(tmp_path / "a")


LONG = "\\".join(["d" * 40] * 7)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"C:\data\a.csv", r"C:\data\a.csv"),
        (rf"C:\{LONG}\a.csv", rf"\\?\C:\{LONG}\a.csv"),
        (rf"C:/{LONG}/x/../a.csv", rf"\\?\C:\{LONG}\a.csv"),
        (rf"\\server\share\{LONG}", rf"\\?\UNC\server\share\{LONG}"),
        (rf"\\?\C:\{LONG}", rf"\\?\C:\{LONG}"),
        (LONG, rf"\\?\D:\work\{LONG}"),
        ("d" * 239, "d" * 239),
        ("d" * 240, rf"\\?\D:\work\{'d' * 240}"),  # short as it is typed, too long with the current folder
        (rf"\{LONG}", rf"\\?\D:\{LONG}"),
        ("", ""),
    ],
)
def test_a_path_that_is_too_long_for_windows_has_a_prefix(path: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all of it, also of a relative one; other paths and other systems have none."""
    monkeypatch.setattr(os, "getcwd", lambda: r"D:\work")
    monkeypatch.setattr(sys, "platform", "linux")
    assert atomic_write.system_path(path) == path
    monkeypatch.setattr(sys, "platform", "win32")
    assert atomic_write.system_path(path) == expected
