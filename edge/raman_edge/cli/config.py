"""``raman-edge config show``: the settings of ``watch`` from files and environment, as a settings file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import write_json, write_text
from raman_edge.masking import masked, masked_text
from raman_edge.service import settings

if TYPE_CHECKING:
    import argparse

    from raman_edge.cli.parser import Parser
    from raman_edge.settings import Setting


ACTIONS = {"show": (f"{__name__}:show", "show every setting of `watch` and its value, as TOML")}


def add_arguments(parser: Parser) -> None:
    """Add the command's action."""
    parser.description = "The settings of `watch` from settings files and environment; options of the command line override them."
    parser.examples = (
        ("raman-edge config show", "every setting of `watch`"),
        ("raman-edge config show --origin", "and where each comes from"),
    )
    parser.add_commands("ACTION", ACTIONS)


def add_show(parser: Parser) -> None:
    """Add the arguments of ``show``."""
    parser.describe(
        description="Show every setting of `watch` and its value, as TOML; a setting without a value is a comment.",
        examples=(
            ("raman-edge config show --origin", "every setting, its value, and the file or variable it comes from"),
            ("raman-edge config show > config.toml", "a settings file to start from"),
        ),
    )
    parser.add_argument("--origin", action="store_true", help="also show where each value comes from")
    shared.add_config(parser)
    shared.add_json(parser)


def run_show(options: argparse.Namespace) -> int:
    """Print every setting."""
    values = settings.gather({}, options.config)
    if options.json:
        write_json(
            {
                "v": 1,
                "settings": {key: {"value": _shown(key, setting.value), "origin": setting.origin} for key, setting in values.items()},
            }
        )
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
    """Return a value with its passwords masked."""
    if isinstance(value, (list, tuple)):
        return [_shown(key, one) for one in value]
    hide = masked if key == "output" else masked_text
    return hide(value) if isinstance(value, str) else value
