"""What the commands print: records on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import IO, TYPE_CHECKING, TextIO

from raman_edge import atomic_write
from raman_edge.errors import OutputError
from raman_edge.masking import masked_text
from raman_edge.wording import encodable, printable, printable_json, quoted, with_plain_paths

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

DELAY_S = 0.5
"""How long a command runs before it shows its progress, s."""
EVERY_S = 0.2
"""How often it shows its progress, s."""
STD_OUTPUT_HANDLE, VIRTUAL_TERMINAL = -11, 4
"""GetStdHandle, and ENABLE_VIRTUAL_TERMINAL_PROCESSING of SetConsoleMode."""


def say(text: str) -> None:
    """Write one line to standard error, with control characters escaped and passwords masked."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(shown_on(sys.stderr, f"raman-edge: {masked_text(with_plain_paths(text))}"), file=sys.stderr, flush=True)


def shown_on(stream: TextIO | None, text: str) -> str:
    """Return a text as this stream can show it: what it cannot is substituted or escaped, and so are control characters."""
    return encodable(printable(text), getattr(stream, "encoding", None))


def forget_what_has_gone() -> None:
    """Send standard output and error to the null device where they cannot be written: flushing them at exit would change the exit code."""
    for fd, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, fd)
            os.close(nowhere)


def has_no_reader(error: Exception) -> bool:
    """Whether ``error`` is that of a pipe without a reader, and standard output is such a pipe: flushing it fails as well."""
    if not isinstance(error, OSError) or not atomic_write.reader_left(error):
        return False
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as again:
        return atomic_write.reader_left(again)
    return False


def program() -> str:
    """Return the words that call this program again from here: its name if the shell finds this very file, else its path."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py" or not called.exists():
        return f"{quoted(sys.executable)} -m raman_edge"
    found = shutil.which(called.name)
    if found is not None and called.samefile(found):
        return called.name
    near = os.path.relpath(called)
    return quoted(near if not near.startswith(os.pardir) else os.path.abspath(called))  # noqa: PTH100 - links in it stay


def is_terminal() -> bool:
    """Whether standard output is a terminal; on Windows a console that takes escape sequences, which the device ``NUL`` is not."""
    return sys.stdout is not None and sys.stdout.isatty() and (sys.platform != "win32" or _takes_sequences())


def _takes_sequences() -> bool:
    """Let the Windows console of standard output take escape sequences, and return whether it does."""
    import ctypes  # noqa: PLC0415 - on Windows only
    from ctypes import wintypes  # noqa: PLC0415

    kernel32 = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]  # mypy looks as on Linux
    kernel32.GetStdHandle.restype = wintypes.HANDLE
    handle, mode = wintypes.HANDLE(kernel32.GetStdHandle(STD_OUTPUT_HANDLE)), wintypes.DWORD()
    if not kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
        return False
    return bool(mode.value & VIRTUAL_TERMINAL or kernel32.SetConsoleMode(handle, mode.value | VIRTUAL_TERMINAL))


def as_json(options: argparse.Namespace) -> bool:
    """Whether a command writes JSON lines: to a pipe or a file unless ``--table`` is given, to a terminal with ``--json``."""
    return bool(options.json) or not (is_terminal() or getattr(options, "table", False))


def write(line: bytes) -> None:
    """Write one line of JSON to standard output, at once: byte for byte, or to a terminal with control characters escaped.

    Raises :class:`OutputError` where it cannot be written.
    """
    _put(printable_json(line, getattr(sys.stdout, "encoding", None) or "utf-8") if is_terminal() else line)


def write_json(value: object) -> None:
    """Write ``value`` as one line of JSON; a byte of a file name that is not UTF-8 is written as an escape."""
    write(json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def write_text(line: str, width: int | None = None) -> None:
    """Write one line for a person; what is not printable is escaped, what the terminal's encoding lacks is substituted or escaped.

    A line of more than ``width`` characters is cut; None never cuts.
    """
    shown = shown_on(sys.stdout, line)
    if width is not None and len(shown) > width:
        ellipsis = shown_on(sys.stdout, "…")
        shown = shown[: width - len(ellipsis)] + ellipsis
    _put(shown.encode(getattr(sys.stdout, "encoding", None) or "utf-8"))


def _put(line: bytes) -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        if atomic_write.reader_left(error):
            raise BrokenPipeError(error.errno, error.strerror) from error
        raise OutputError(
            kind="cannot be written", place="standard output", cause=error.strerror or str(error), advice="Results in the journal are safe"
        ) from error


@contextmanager
def new_file(path: Path, option: str) -> Iterator[IO[bytes]]:
    """Give a file that appears at ``path`` when all of it is written, or not at all; ``option`` names it on the command line.

    Raises :class:`OutputError` where it cannot be written.
    """
    try:
        with atomic_write.written(path) as file:
            yield file
    except OSError as error:
        got, advice = error.strerror or str(error), f"Give another file with {option}"
        raise OutputError(kind="cannot be written", place=repr(str(path)), got=got, advice=advice) from error


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many of how many are done, on a terminal at standard error; the line disappears at the end.

    ``what`` is counted, a word in the plural.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (MofNCompleteColumn(), TextColumn(what), BarColumn(), TimeRemainingColumn())
    bar = Progress(
        *columns, console=Console(file=sys.stderr), transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    )
    task, due = bar.add_task(what), monotonic() + DELAY_S

    def show(done: int, of: int) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + EVERY_S
            with suppress(OSError):  # a terminal that is gone
                bar.update(task, completed=done, total=of)
                bar.start()
                bar.refresh()

    try:
        yield show
    finally:
        with suppress(OSError):
            bar.stop()
