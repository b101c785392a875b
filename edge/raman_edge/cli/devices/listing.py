"""``raman-edge devices list``: the profiles that ship, and how far each can be trusted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, write, write_text

if TYPE_CHECKING:
    import argparse

    from raman_edge.devices.profile import Profile


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("list", help="the profiles that ship, and how far each can be trusted", allow_abbrev=False)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print a profile a line."""
    from raman_edge.devices import catalogue  # noqa: PLC0415 - msgspec
    from raman_edge.devices.profile import CERTAINTIES  # noqa: PLC0415

    profiles = [catalogue.load(name) for name in catalogue.profiles()]
    if options.json or not is_terminal():
        for profile in profiles:
            write(json.dumps(_fact(profile), ensure_ascii=False).encode())
        return 0
    width = max(len(profile.device.id) for profile in profiles)
    for profile in profiles:
        tested = "tested on hardware" if profile.provenance.hardware_tested else "not tried on hardware"
        write_text(f"{profile.device.id:{width}}  {profile.device.vendor} {profile.device.model}")
        write_text(f"{'':{width}}  {CERTAINTIES[profile.provenance.certainty]}; {tested}")
    return 0


def _fact(profile: Profile) -> dict[str, object]:
    device, provenance = profile.device, profile.provenance
    return {
        "v": 1,
        "profile": device.id,
        "vendor": device.vendor,
        "model": device.model,
        "certainty": provenance.certainty,
        "hardware_tested": provenance.hardware_tested,
        "unchecked": list(provenance.unchecked),
        "sources": list(provenance.sources),
    }
