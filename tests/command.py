"""The command line as its users run it: another process, with pipes or on a terminal; and in this process, where that is enough."""

from __future__ import annotations

import io
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest
import raman_edge
from raman_edge import cli

if TYPE_CHECKING:
    from collections.abc import Sequence

if sys.platform == "win32":
    import ctypes
else:
    import fcntl
    import pty
    import termios

if sys.platform == "win32":
    CTRL_C, CTRL_BREAK = 0, 1
    STOPPED = 128 + signal.SIGBREAK
else:
    STOPPED = 128 + signal.SIGTERM
"""Exit code of a run that :func:`stop` ends."""
KEPT = (
    *("PATH", "HOME", "TMPDIR", "LANG", "RAMAN_EDGE_USER_LIBRARY"),
    *("SYSTEMROOT", "TEMP", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "PROGRAMDATA"),
)
"""Variables that a command needs: on POSIX systems, and on Windows."""
MODULE = ("-m", "raman_edge")
"""What Python runs."""
PACKAGE_PARENT = str(Path(raman_edge.__file__).parent.parent)


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which the package is found and nothing of the user's is."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": PACKAGE_PARENT, "TERM": "xterm-256color", **more}


def start(
    *arguments: str | bytes | Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.PIPE,
    program: Sequence[str] = MODULE,
    **more: str,
) -> subprocess.Popen[bytes]:
    """Start ``raman-edge``, or another ``program`` of Python, with pipes; ``more`` goes to its environment."""
    called = [sys.executable, *program, *arguments]
    return subprocess.Popen(called, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment(**more))


def run(*arguments: str | bytes | Path, given: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``raman-edge`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "raman_edge", *arguments],
        input=given,
        capture_output=True,
        timeout=150,
        check=False,
        env=environment(**more),
    )


def call(*arguments: str | bytes | Path, given: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``raman-edge`` to its end in this process, with the streams and the environment of :func:`run`, in a tenth of its time."""
    with ExitStack() as stack:
        stdin, stdout, stderr = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(3))
        stdin.write(given)
        stdin.seek(0)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in list(os.environ):
            patch.delenv(name)
        for name, value in environment(**more).items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdin", io.TextIOWrapper(stdin, "utf-8", "surrogateescape"))
        patch.setattr(sys, "stdout", io.TextIOWrapper(stdout, "utf-8", "surrogateescape"))
        patch.setattr(sys, "stderr", io.TextIOWrapper(stderr, "utf-8", "backslashreplace", line_buffering=True))
        code = cli.main([os.fsdecode(argument) for argument in arguments])
        written = []
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            stream.buffer.seek(0)
            written.append(stream.buffer.read())
    return subprocess.CompletedProcess(arguments, code, *written)


if sys.platform == "win32":

    def console_event(process: subprocess.Popen[bytes], event: int) -> None:
        """Start the system's thread for console events in a process: this is how Windows delivers them, and needs no console here."""
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        address, handle = ctypes.c_void_p, ctypes.c_void_p
        kernel32.GetModuleHandleW.restype = handle
        kernel32.GetProcAddress.restype, kernel32.GetProcAddress.argtypes = address, (handle, ctypes.c_char_p)
        kernel32.CreateRemoteThread.restype = handle
        kernel32.CreateRemoteThread.argtypes = (handle, address, ctypes.c_size_t, address, address, ctypes.c_uint32, address)
        routine = kernel32.GetProcAddress(kernel32.GetModuleHandleW("kernel32"), b"CtrlRoutine")
        assert routine
        assert kernel32.CreateRemoteThread(int(process._handle), None, 0, routine, event, 0, None)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Press Ctrl-C for a process."""
    if sys.platform == "win32":
        console_event(process, CTRL_C)
    else:
        process.send_signal(signal.SIGINT)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to a process; on Windows, which has no such signal, press Ctrl-Break for it."""
    if sys.platform == "win32":
        console_event(process, CTRL_BREAK)
    else:
        process.send_signal(signal.SIGTERM)


def on_terminal(
    *arguments: str | bytes | Path, columns: int = 100, rows: int = 30, signal_after: tuple[bytes, int] | None = None
) -> tuple[int, bytes]:
    """Run ``raman-edge`` with standard output and error on a terminal; return its exit code and all that it wrote.

    On Windows, which has no pseudo-terminals, the test is skipped. ``signal_after`` is what to wait for on the terminal, and which
    signal to send then.
    """
    if sys.platform == "win32":
        pytest.skip("Windows has no pseudo-terminals")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "raman_edge", *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment()
    )
    os.close(theirs)
    written = bytearray()
    while part := _read(ours):
        written += part
        if signal_after and signal_after[0] in written:
            process.send_signal(signal_after[1])
            signal_after = None
    os.close(ours)
    return process.wait(timeout=120), bytes(written)


def _read(fd: int) -> bytes:
    """Return what comes within a minute, or nothing at the end."""
    if not select.select([fd], [], [], 60.0)[0]:
        return b""
    try:
        return os.read(fd, 65_536)
    except OSError:  # Linux says EIO when the other end of a terminal is closed
        return b""
