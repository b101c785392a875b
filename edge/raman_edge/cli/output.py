"""What the commands say: records on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from raman_edge.errors import OutputError
from raman_edge.escaping import printable, printable_json
from raman_edge.masking import masked_text


def say(text: str) -> None:
    """Write one line to standard error; what is read from outside cannot act on the terminal, and no password is shown."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"raman-edge: {printable(masked_text(text))}", file=sys.stderr, flush=True)


def forget_what_has_gone() -> None:
    """Send standard output and error nowhere where they cannot be written: flushing them once more at exit would change the exit code."""
    for fd, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, fd)
            os.close(nowhere)


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def write(line: bytes) -> None:
    """Write one line of JSON to standard output, at once: byte for byte, or to a terminal without anything that it might obey.

    Raises :class:`OutputError` where it cannot be written.
    """
    _put(printable_json(line, getattr(sys.stdout, "encoding", None) or "utf-8") if is_terminal() else line)


def _put(line: bytes) -> None:
    if sys.stdout is None:
        return
    try:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        msg = f"standard output cannot be written: {error.strerror}. Make room; what was answered is in the journal, where there is one"
        raise OutputError(msg) from error


def write_text(line: str, width: int | None = None) -> None:
    """Write one line for a person; what is not printable, or not in the terminal's encoding, is escaped.

    A line of more than ``width`` characters is cut; None never cuts.
    """
    shown = printable(line)
    if width is not None and len(shown) > width:
        shown = shown[: width - 1] + "…"
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _put(shown.encode(encoding, "backslashreplace"))
