"""``raman-edge config show``: what ``watch`` would be told by files and environment, as a file of settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import write, write_text
from raman_edge.masking import masked, masked_text
from raman_edge.service import settings

if TYPE_CHECKING:
    import argparse

    from raman_edge.settings.sources import Setting


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="every setting of `watch` and its value, as TOML", allow_abbrev=False)
    show.add_argument("--origin", action="store_true", help="and where each value comes from")
    shared.add_config(show)
    shared.add_json(show)


def run(options: argparse.Namespace) -> int:
    """Print every setting; what nobody has set is a comment."""
    values = settings.gather({}, options.config)
    if options.json:
        told = {key: {"value": _shown(key, setting.value), "origin": setting.origin} for key, setting in values.items()}
        write(json.dumps({"v": 1, "settings": told}, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        return 0
    lines = {key: _line(key, setting) for key, setting in values.items()}
    widest = max(map(len, lines.values()))
    for key, setting in values.items():
        with_origin = options.origin and setting.value is not None
        write_text(f"{lines[key]:<{widest}}  # {setting.origin}" if with_origin else lines[key])
    return 0


def _line(key: str, setting: Setting) -> str:
    """Return a setting as TOML; JSON writes these values as TOML does."""
    if setting.value is None:
        return f"# {key} is not set"
    return f"{key} = {json.dumps(_shown(key, setting.value), ensure_ascii=False)}"


def _shown(key: str, value: object) -> object:
    """Return a value without the passwords in it."""
    if isinstance(value, (list, tuple)):
        return [_shown(key, one) for one in value]
    hide = masked if key == "output" else masked_text
    return hide(value) if isinstance(value, str) else value
