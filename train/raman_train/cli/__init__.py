"""``raman-train``: from a database to a measured model file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from raman_edge.errors import RamanEdgeError

from raman_train.cli import benchmark, evaluate, export, figures, fit, import_, sign, transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
NOT_INSTALLED = 78
"""As a configuration that cannot work, ``EX_CONFIG``."""
TRAINING_PACKAGES = ("torch", "onnx", "onnxruntime", "onnxscript", "safetensors", "sklearn", "scipy", "matplotlib", "filelock")
"""What the extras ``cpu`` and ``train`` bring."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in TRAINING_PACKAGES:
            raise
        print(f"raman-train: {error.name} is not installed: install training with pip install 'raman-edge[cpu,train]'", file=sys.stderr)
        return NOT_INSTALLED
    except RamanEdgeError as error:
        print(f"raman-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("raman-train: interrupted; run the same command again to go on", file=sys.stderr)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="raman-train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (import_, fit, evaluate, benchmark, figures, export, sign, transfer):
        command.add(commands)
    return parser
