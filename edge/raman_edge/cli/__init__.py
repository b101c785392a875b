"""The command line: one command a file, loaded only when it is called for.

Exit codes: 0 ok, 1 some inputs failed, 2 usage, 65 bad data, 69 source unavailable,
70 internal, 73 cannot write, 74 a laser may still be on, 75 busy, 78 configuration,
130/143 after a stop by signal, 141 when the reader of a pipe has gone.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from typing import TYPE_CHECKING

from raman_edge import __version__
from raman_edge.cli.options import limit_threads
from raman_edge.cli.output import forget_what_has_gone, say
from raman_edge.cli.parser import Parser
from raman_edge.errors import LaserNotOff, RamanEdgeError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

GROUPS = {
    "use": {
        "watch": "identify what lands in a folder, exactly once",
        "serial": "measure with a spectrometer and identify, live",
        "identify": "identify files once, for scripts",
        "demo": "the whole thing with a simulated spectrometer and the embedded model",
        "report": "a page about a result, to file or print",
    },
    "instruments": {
        "devices": "serial spectrometers as pages of facts",
        "calibrate": "an instrument's wavenumber axis, by a standard of known lines",
    },
    "journal": {
        "journal": "what was said",
        "deliver": "what was said, to files, a broker or a pipe",
    },
    "model and machine": {
        "learn": "a new material from one spectrum, without training",
        "model": "what runs here, whether to trust it, how fast it is",
        "config": "what `watch` is told by files and environment",
        "doctor": "what is wrong on this box, in plain words",
        "completion": "your shell completes commands, options, files, profiles and ports",
    },
}
"""What it is for → command → what it does; each is the module of that name in this package."""
COMMANDS = {name: what for group in GROUPS.values() for name, what in group.items()}
"""Command → what it does."""

INTERNAL = 70
SIGNAL = 128
"""A process that a signal ended reports this plus the signal's number."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _run(argv)
    finally:
        forget_what_has_gone()


def _run(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        called = next((argument for argument in arguments if not argument.startswith("-")), None)
        limit_threads(_threads(arguments))
        options = _parser((called,)).parse_args(arguments)
        code: int = options.run(options)
    except RamanEdgeError as error:
        if isinstance(error, LaserNotOff):
            _say_before(error)
        for line in error.args:
            say(str(line))
        return error.exit_code
    except KeyboardInterrupt as stop:
        return SIGNAL + (stop.args[0] if stop.args else signal.SIGINT)
    except BrokenPipeError:
        return SIGNAL + signal.SIGPIPE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:  # noqa: BLE001 - the last place where a defect can be told from bad input
        _say_defect(error)
        return INTERNAL
    return code


def _threads(arguments: Sequence[str]) -> str:
    """Return N of ``--threads N``: numpy reads it when it is imported, which is when the module of a command is imported."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    peek.add_argument("--threads", nargs="?", default="1", const="1")
    return str(peek.parse_known_args(arguments)[0].threads)


def _say_defect(error: Exception) -> None:
    import traceback  # noqa: PLC0415 - only for defects

    for line in "".join(traceback.format_exception(error)).splitlines():
        say(line)
    say(f"internal error ({type(error).__name__}); please report it with the lines above")


def _say_before(error: LaserNotOff) -> None:
    """Say what ended the run, where that was an error of its own; the laser stands below it, in the last line."""
    ended = error.__context__
    if isinstance(ended, RamanEdgeError):
        for line in ended.args:
            say(str(line))
    elif isinstance(ended, Exception) and not isinstance(ended, BrokenPipeError):
        _say_defect(ended)


def whole() -> argparse.ArgumentParser:
    """Return the parser with the arguments of every command."""
    return _parser(COMMANDS)


def _parser(called: Container[str | None]) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the commands that are called."""
    parser = Parser(prog="raman-edge", description="A Raman spectrum becomes a name, at the instrument.", allow_abbrev=False)
    parser.groups = GROUPS
    parser.add_argument("--version", action="version", version=f"raman-edge {__version__}", help="show the version and end")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.", allow_abbrev=False)
        if name in called:
            module = importlib.import_module(f"raman_edge.cli.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
