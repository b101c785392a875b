"""``raman-train``: from a database to a measured model file."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from raman_edge.cli.output import forget_what_has_gone
from raman_edge.cli.parser import Parser
from raman_edge.errors import RamanEdgeError

from raman_train.cli import benchmark, figures, fit, import_, pack, transfer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    Add = Callable[[argparse._SubParsersAction[Any]], None]  # noqa: SLF001 - argparse has no public name for it
    """Adds a command to the parser, with its function as the default of ``run``."""

GROUP = "raman_train.commands"
"""Entry points by which other packages add commands; each is a function ``add(commands)``."""
NO_OTHERS = "The commands export and sign are not installed: install raman-edge again, or use python -m raman_export.cli."
EXAMPLES = (
    ("raman-train import spectra/ --out spectra.npz", "read a folder of files, or archives, into one dataset"),
    ("raman-train evaluate --config drcnn-edge.toml --out runs/one", "train a configuration and measure it on kept-apart specimens"),
    ("raman-train export --onnx runs/one model.onnx", "the model and its library for `raman-edge identify --model model.onnx`"),
    ("raman-train fit --help", "every command has its own help"),
)
INTERRUPTED = 130
PIPE_CLOSED = 141
"""As of a process that SIGPIPE ended; `raman-edge` has the same codes."""
NOT_INSTALLED = 78
"""``EX_CONFIG``."""
TRAINING_PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "safetensors", "sklearn", "scipy", "matplotlib", "filelock")
"""Packages of the extras ``cpu`` and ``train``."""


def main(argv: Sequence[str] | None = None, added: Iterable[Add] | None = None) -> int:
    """Run one command and return its exit code; ``added`` replaces the installed commands of other packages."""
    others = [*(installed() if added is None else added)]
    parser = Parser(
        prog="raman-train",
        description="From a database of spectra to a measured model file for raman-edge.",
        epilog=None if others else NO_OTHERS,
        examples=EXAMPLES,
    )
    commands: Any = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for add in (import_.add, fit.add, benchmark.add, figures.add, transfer.add, pack.add, *others):
        add(commands)
    try:
        options = parser.parse_args(argv)
        code = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of standard output has closed it, as `head` does
        return PIPE_CLOSED
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAINING_PACKAGES:
            raise
        print(f"raman-train: {error.name} is not installed: install training with pip install 'raman-edge[cpu,train]'", file=sys.stderr)
        return NOT_INSTALLED
    except RamanEdgeError as error:
        print(f"raman-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("raman-train: interrupted; run the same command again to resume", file=sys.stderr)
        return INTERRUPTED
    else:
        return code
    finally:
        forget_what_has_gone()


def installed() -> list[Add]:
    """Return the commands of other packages, sorted by name."""
    return [point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]
