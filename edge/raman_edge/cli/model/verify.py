"""``raman-edge model verify [FILE]``: structure, card, digest, self-test, library and signature; each check a line."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, write, write_text

if TYPE_CHECKING:
    from raman_edge.diagnostics.verify_model import ModelCheck

BAD = 65
OUTCOMES = {True: "passed", False: "FAILED", None: "-"}


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("verify", help="whether a model may be trusted and works here; 65 where not", allow_abbrev=False)
    one.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the model; default: --model, else the embedded one")
    shared.add_model(one)
    one.add_argument("--sha256", type=_digest, metavar="HEX", help="digest that the model must have")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print every check; 65 where one failed."""
    from raman_edge.diagnostics.verify_model import VerifySettings, verify  # noqa: PLC0415 - numpy

    options.model = options.file or options.model
    model, library = shared.paths(options)
    checks = verify(VerifySettings(model, library, options.key, options.sha256, options.threads))
    ok = all(check.passed is not False for check in checks)
    if options.json or not is_terminal():
        told = {"v": 1, "model": str(model), "library": str(library), "ok": ok, "checks": [_fact(check) for check in checks]}
        write(json.dumps(told, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    else:
        for check in checks:
            write_text(f"{check.name:9}  {OUTCOMES[check.passed]:6}  {check.found}")
    return 0 if ok else BAD


def _fact(check: ModelCheck) -> dict[str, object]:
    return {"check": check.name, "passed": check.passed, "said": check.found}


def _digest(text: str) -> str:
    """Read a SHA-256."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        msg = f"expected a SHA-256 of 64 hexadecimal digits, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return text.lower()
