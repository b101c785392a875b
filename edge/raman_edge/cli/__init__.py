"""The command line: one module a command, imported only when the command is chosen.

Exit codes: 0 ok, 1 some inputs failed, 2 usage, 65 bad data, 69 source unavailable,
70 internal, 73 cannot write, 74 a laser may still be on, 75 busy, 78 configuration,
130/143 after a stop by signal, 141 when the reader of a pipe has closed it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING

from raman_edge import __version__
from raman_edge.cli.output import forget_what_has_gone, has_no_reader, say
from raman_edge.cli.parser import EXITS, Parser, did_you_mean
from raman_edge.errors import LaserNotOff, RamanEdgeError

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS = {
    "identify": {
        "watch": "identify what lands in a folder, exactly once",
        "serial": "measure with a spectrometer and identify, live",
        "identify": "identify files once, for scripts",
        "demo": "all of it with a simulated spectrometer and the embedded model",
    },
    "instruments": {
        "instruments": "list, probe, simulate and record spectrometers",
        "calibrate": "calibrate an instrument's wavenumber axis against a standard",
    },
    "results": {
        "journal": "list, show, export, verify and recheck the results",
        "report": "write results as an HTML page, to file or print",
        "forward": "send results from the journal to files, a broker or a pipe",
    },
    "library, model and machine": {
        "library": "add your own materials from one spectrum, without training",
        "model": "show, verify and measure the model",
        "config": "show the settings of `watch` and where they come from",
        "doctor": "check this machine and say what to do",
        "completion": "make your shell complete commands, options, files, profiles and ports",
    },
}
"""Title → command → what it does; each command is the module of that name in this package."""
EXAMPLES = (
    ("raman-edge demo", "try it without an instrument"),
    ("raman-edge identify quartz.csv", "identify one file"),
    ("raman-edge watch ./incoming", "identify what the instrument's software writes into a folder"),
    ("raman-edge journal list", "show the results, newest first"),
)
COMMANDS = {name: (f"{__name__}.{name}", what) for group in GROUPS.values() for name, what in group.items()}
"""Command → its module, what it does."""

WORDS = {"help": "--help", "version": "--version"}
"""Words that people type where these options are meant."""
LIMITED = "OPENBLAS_NUM_THREADS" in os.environ
"""Whether the environment limits numpy's threads."""
VARIABLES = "RAMAN_EDGE_"
INTERNAL = 70
SIGNAL = 128
"""Exit code of a process that a signal ended, less the number of the signal."""
READER_LEFT = SIGNAL + 13
"""Exit code where the reader of standard output has gone: of SIGPIPE, which Windows does not define."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    finally:
        forget_what_has_gone()


def _run(arguments: Sequence[str]) -> int:
    try:
        if arguments and arguments[0] in WORDS:
            arguments = [*arguments[1:], WORDS[arguments[0]]]
        for line in _unknown_variables(arguments):
            say(line)
        limit_threads(_threads(arguments))
        options = _parser().parse_args(arguments)
        code: int = options.run(options)
    except RamanEdgeError as error:
        if isinstance(error, LaserNotOff):
            _say_context(error)
        for line in error.args:
            say(str(line))
        return error.exit_code
    except KeyboardInterrupt as stop:
        return SIGNAL + (stop.args[0] if stop.args else signal.SIGINT)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:  # noqa: BLE001 - the last place that can distinguish a defect from bad input
        if isinstance(error, BrokenPipeError) or has_no_reader(error):
            return READER_LEFT
        _say_defect(error)
        return INTERNAL
    return code


def limit_threads(threads: int | str) -> None:
    """Limit numpy's threads: idle ones that spin make the search of a library cost five times the processor time.

    OpenBLAS reads the limit when numpy is first imported: it is set before the module of a command is imported, and again
    where a settings file gives the number. A limit in the environment is kept.
    """
    if "numpy" not in sys.modules and not LIMITED:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)


def _threads(arguments: Sequence[str]) -> str:
    """Return N of ``--threads N``: it limits numpy before the module of a command imports that."""
    peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    peek.add_argument("--threads", nargs="?", default="1", const="1")
    return str(peek.parse_known_args(arguments)[0].threads)


def _unknown_variables(arguments: Sequence[str]) -> list[str]:
    """Return a line for each variable of the environment that looks like ours and has no effect; none for help."""
    given = sorted(name for name in os.environ if name.startswith(VARIABLES))
    if not given or {"-h", "--help"} & set(arguments):
        return []
    from raman_edge.service.settings import known_variables  # noqa: PLC0415 - msgspec, which `raman-edge --help` does not load

    known = known_variables()
    return [f"{name}: unknown variable, ignored{did_you_mean(name, known)}" for name in given if name not in known]


def _say_defect(error: Exception) -> None:
    for line in "".join(traceback.format_exception(error)).splitlines():
        say(line)
    say(f"internal error ({type(error).__name__}); please report it with the lines above")


def _say_context(error: LaserNotOff) -> None:
    """Print the error that ended the run before the laser was found on; the laser is the last line."""
    ended = error.__context__
    if isinstance(ended, RamanEdgeError):
        for line in ended.args:
            say(str(line))
    elif isinstance(ended, Exception) and not isinstance(ended, BrokenPipeError):
        _say_defect(ended)


def whole() -> Parser:
    """Return the parser with the arguments of every command."""
    parser = _parser()
    parser.fill(below=True)
    return parser


def _parser() -> Parser:
    parser = Parser(prog="raman-edge", description="A Raman spectrum becomes a name, at the instrument.", examples=EXAMPLES, exits=EXITS)
    parser.groups = GROUPS
    parser.add_argument("--version", action="version", version=f"raman-edge {__version__}", help="show the version and exit")
    parser.add_commands("COMMAND", COMMANDS)
    return parser
