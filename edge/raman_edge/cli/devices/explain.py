"""``raman-edge devices explain PROFILE``: the bytes that a profile would send, and what it expects back."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, write, write_text

if TYPE_CHECKING:
    from raman_edge.instruments.profiles.explain import Explanation

SHOWN = 16
"""Bytes of a request on one line."""


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("explain", help="the bytes that a profile would send, and what it expects back", allow_abbrev=False)
    one.add_argument("profile", metavar="PROFILE", help="the name of a profile that ships, or a file of your own")
    one.add_argument("--exposure", type=_seconds, metavar="S", help="exposure, s; default: the profile's own")
    one.add_argument("--average", type=shared.at_least_one, default=1, metavar="N", help="spectra that the device averages (default: 1)")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print one object, or a line each for a person."""
    from raman_edge.instruments.profiles import catalogue, explain, requests  # noqa: PLC0415 - msgspec

    profile = catalogue.load(options.profile)
    told = explain.of(profile, requests.wanted(profile, options.exposure, options.average))
    if options.json or not is_terminal():
        write(json.dumps(_fact(told), ensure_ascii=False).encode())
        return 0
    _show(told)
    return 0


def _fact(told: Explanation) -> dict[str, object]:
    sends = [{"command": name, "hex": data.hex(" ")} for name, data in told.requests]
    return {"v": 1, "profile": told.profile, "sends": sends, "expects": list(told.expects), "trust": list(told.trust)}


def _show(told: Explanation) -> None:
    write_text(told.profile)
    for name, data in told.requests:
        rows = [data[at : at + SHOWN] for at in range(0, len(data), SHOWN)]
        for row in rows:
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - ASCII that can be seen
            write_text(f"  {name if row is rows[0] else '':17}  {row.hex(' '):{3 * SHOWN - 1}}  {text}")
    for title, lines in (("expects", told.expects), ("trust", told.trust)):
        for line in lines:
            write_text(f"  {title if line is lines[0] else '':17}  {line}")


def _seconds(text: str) -> float:
    """Read an exposure; the profile says which it can do."""
    try:
        return float(text)
    except ValueError as error:
        msg = f"expected seconds, such as 0.1, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg) from error
