"""Files that a user names: pipes and devices end a command with a reason, and never hold it up."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import command
import pytest
from raising import refused
from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

needs_pipes = pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in the file system")


def test_as_many_bytes_as_allowed(tmp_path: Path) -> None:
    """A file of the largest size is read; one byte more is refused with both sizes."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    assert bounded(path, 100, ConfigError) == b"x" * 100
    with refused(ConfigError, "too large", "line file", got="100 bytes", expected="at most 99 bytes"):
        bounded(path, 99, ConfigError, place="line file 'a'")


@pytest.mark.parametrize(("name", "cause"), [("none", "No such file"), (".", "Is a directory"), ("a\0b", "embedded null")])
def test_what_cannot_be_opened(name: str, cause: str, tmp_path: Path) -> None:
    """A missing file, a folder, and a name that no file can have."""
    with refused(ConfigError, "cannot be read", cause=cause):
        bounded(tmp_path / name, 100, ConfigError)


@needs_pipes
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening a pipe without a writer would wait for one; a device may have no end."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with refused(ConfigError, "not a file", got="a pipe or a device"):
            bounded(tmp_path / path, 100, ConfigError)


COMMANDS = [
    (("config", "show", "--config", "{}"), 78),
    (("identify", "x.csv", "--model", "{}"), 78),
    (("identify", "x.csv", "--library", "{}"), 78),
    (("identify", "x.csv", "--public-key", "{}"), 78),
    (("identify", "x.csv", "--calibration", "{}"), 78),
    (("identify", "{}"), 65),
    (("calibrate", "{}", "--standard", "neon"), 65),
    (("calibrate", "x.csv", "--standard", "{}"), 78),
    (("instruments", "validate", "{}"), 78),
    (("instruments", "replay", "{}"), 65),
    (("instruments", "simulate", "ocean-sts", "--material", "{}"), 78),
    (("serial", "{}", "--profile", "ocean-sts"), 69),
    (("serial", "socket://127.0.0.1:9", "--profile", "{}"), 78),
    (("serial", "port", "--profile", "ocean-sts", "--dark", "{}"), 78),
    (("journal", "list", "--journal", "{}"), 73),
    (("library", "list", "--user-library", "{}"), 78),
    (("library", "add", "x", "{}"), 65),
    (("forward", "--once", "--journal", "{}", "--output", "jsonl:out"), 73),
    (("watch", ".", "--once", "--output", "jsonl:{}"), 78),
    (("watch", ".", "--once", "--output", "mqtt://me@host/a?password_file={}"), 78),
    (("doctor", "--journal", "{}", "."), None),
    (("doctor", "--user-library", "{}", "."), None),
]


@needs_pipes
@pytest.mark.slow
@pytest.mark.parametrize(("called", "code"), COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_no_command_waits_for_a_pipe(called: tuple[str, ...], code: int | None, tmp_path: Path) -> None:
    """Wherever a file is named, a pipe without a writer ends the command."""
    pipe = tmp_path / "elsewhere" / "pipe"
    pipe.parent.mkdir()
    os.mkfifo(pipe)
    (tmp_path / "in").mkdir()
    arguments = [part.replace("{}", str(pipe)) for part in called]
    environ = command.environment(RAMAN_EDGE_JOURNAL=str(tmp_path / "journal.sqlite3"))
    ran = [sys.executable, "-m", "raman_edge", *arguments]
    done = subprocess.run(ran, cwd=tmp_path / "in", capture_output=True, timeout=120, check=False, env=environ)
    assert code is None or done.returncode == code, done.stderr
    assert b"internal error" not in done.stderr
