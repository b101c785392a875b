"""``raman-edge devices list [WORD…]``: the profiles that ship, and how far each can be trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from raman_edge.instruments.profiles.profile import Profile

NONE = 1


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("list", help="the profiles that ship, and how far each can be trusted", allow_abbrev=False)
    one.add_argument("words", nargs="*", metavar="WORD", help="only those that have every word in their name, vendor or model")
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print a profile a line; 1 where words fit none."""
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - msgspec

    files = catalogue.profiles()
    profiles = [profile for profile in map(catalogue.load, files) if _fits(profile, options.words)]
    if not profiles:
        say(f"no profile has {' and '.join(options.words)} in its name, vendor or model; known are {', '.join(files)}")
        return NONE
    if options.json or not is_terminal():
        for profile in profiles:
            write(json.dumps(_fact(profile, str(files[profile.device.id])), ensure_ascii=False).encode("utf-8", "backslashreplace"))
        return 0
    _show(profiles)
    return 0


def _fits(profile: Profile, words: Sequence[str]) -> bool:
    device = profile.device
    text = f"{device.id} {device.vendor} {device.model}".lower()
    return all(word.lower() in text for word in words)


def _show(profiles: Sequence[Profile]) -> None:
    from raman_edge.instruments.profiles.profile import CERTAINTIES  # noqa: PLC0415 - msgspec

    for profile in profiles:
        tested = "tested on hardware" if profile.provenance.hardware_tested else "not tried on hardware"
        pixels = "any number of pixels" if profile.n_pixels is None else f"{profile.n_pixels} pixels"
        write_text(f"{profile.device.id}  {profile.device.vendor} {profile.device.model}")
        write_text(f"  {pixels}, {profile.serial.baud[0]} baud")
        write_text(f"  {CERTAINTIES[profile.provenance.certainty]}; {tested}")
    write_text("")
    write_text("raman-edge devices explain NAME says what it sends, page NAME shows it whole")


def _fact(profile: Profile, file: str) -> dict[str, object]:
    device, provenance = profile.device, profile.provenance
    return {
        "v": 1,
        "profile": device.id,
        "vendor": device.vendor,
        "model": device.model,
        "baud": list(profile.serial.baud),
        "pixels": profile.n_pixels,
        "certainty": provenance.certainty,
        "hardware_tested": provenance.hardware_tested,
        "unchecked": list(provenance.unchecked),
        "sources": list(provenance.sources),
        "file": file,
    }
