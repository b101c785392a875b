"""``raman-edge calibrate --list``, ``--restore`` and ``--remove``: the calibrations that are kept, in use and earlier ones."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from raman_edge.calibration import store
from raman_edge.cli.output import is_terminal, say, write, write_text

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from raman_edge.calibration.store import StoredCalibration

ID = 12
"""Characters of an id that a person sees."""


def run(options: argparse.Namespace) -> int:
    """List, restore or remove, whichever the options name."""
    for_a_person = is_terminal() and not options.json
    if options.list is not None:
        return _list(options.list or None, for_a_person=for_a_person)
    if options.restore is not None:
        one, aside = store.restore(options.restore)
        event = "restored"
    else:
        one, aside = store.remove(options.remove)
        event = "removed"
    if for_a_person:
        write_text(f"{event}: {_line(one)}")
    else:
        write(_encoded(one, event, aside))
    if aside is not None:
        what = "the one that was in use" if event == "restored" else "it"
        say(f"{what} is kept as {str(aside)!r}; `raman-edge calibrate --restore {shlex.quote(one.calibration.instrument)}` brings it back")
    return 0


def _list(instrument: str | None, *, for_a_person: bool) -> int:
    """Print what is kept; nothing is no error."""
    every = list(store.kept(instrument))
    for one in every:
        if for_a_person:
            write_text(_line(one))
        else:
            write(_encoded(one, "kept", None))
    if not every:
        of = "" if instrument is None else f" of {instrument!r}"
        say(f"no calibration{of} is kept in {str(store.folder())!r}; `raman-edge calibrate FILE --standard NAME` makes one")
    return 0


def _line(one: StoredCalibration) -> str:
    """Return a calibration on a line for a person."""
    made = one.calibration
    model = f" ({made.model})" if made.model else ""
    ended = made.expires <= datetime.now(UTC)
    until = f"{'ended' if ended else 'until'} {made.expires:%Y-%m-%d}"
    use = "in use " if one.in_use else "earlier"
    rms = "one line" if made.rms is None else f"{made.rms:.2f} cm⁻¹ rms"
    by = " and ".join(made.standards)
    return (
        f"{use}  {made.made:%Y-%m-%d %H:%M} UTC  {made.id[:ID]}  {made.instrument}{model}: {len(made.lines)} lines of {by}, {rms}, {until}"
    )


def _encoded(one: StoredCalibration, event: str, aside: Path | None) -> bytes:
    """Return a calibration as one line of JSON; ``aside`` is where the file is kept that was in use."""
    made = one.calibration
    return msgspec.json.encode(
        {
            "event": event,
            "id": made.id,
            "path": str(one.path).encode("utf-8", "backslashreplace").decode(),
            "in_use": one.in_use and event != "removed",
            "instrument": made.instrument,
            "serial": made.serial,
            "model": made.model,
            "standards": made.standards,
            "made": made.made,
            "expires": made.expires,
            "unit": made.unit,
            "laser_nm": made.laser_nm,
            "lines": len(made.lines),
            "rms": made.rms,
            "kept_as": None if aside is None else str(aside).encode("utf-8", "backslashreplace").decode(),
        }
    )
