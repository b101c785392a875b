"""``raman-edge devices validate FILE…``: every mistake of a profile, with its line and key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    import argparse


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("validate", help="every mistake of a profile with its line; 78 where there are some", allow_abbrev=False)
    one.add_argument("files", nargs="+", metavar="FILE", help="a profile of your own, or the name of one that ships")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Check every file; :data:`ConfigError.exit_code` where one is wrong."""
    wrong = 0
    for name in options.files:
        device, mistakes = _checked(name)
        wrong += bool(mistakes)
        for mistake in mistakes:
            say(mistake)
        if options.json or not is_terminal():
            told = {"v": 1, "file": name, "ok": not mistakes, "profile": device, "mistakes": mistakes}
            write(json.dumps(told, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        else:
            write_text(f"{name}: {f'{len(mistakes)} mistake(s)' if mistakes else f'good, {device}'}")
    return ConfigError.exit_code if wrong else 0


def _checked(name: str) -> tuple[str | None, list[str]]:
    """Return the profile's name, None where it is wrong, and its mistakes."""
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - msgspec

    try:
        return catalogue.load(name).device.id, []
    except ConfigError as error:
        return None, [str(line) for line in error.args]
