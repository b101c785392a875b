"""Where calibrations lie: one JSON file an instrument, with the digest of what is in it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import msgspec

from raman_edge import whole
from raman_edge.calibration.calibration import Calibration
from raman_edge.errors import CalibrationError

VARIABLE = "RAMAN_EDGE_CALIBRATIONS"
"""The folder of calibrations, instead of one in the user's data folder."""
MOST_BYTES = 1 << 20
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}")


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    calibration: Calibration


def folder() -> Path:
    """Return where calibrations lie unless a path is given."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    import platformdirs  # noqa: PLC0415 - not needed where a path is given

    return Path(platformdirs.user_data_dir("raman-edge")) / "calibrations"


def path_of(instrument: str) -> Path:
    """Return where the calibration of an instrument lies; a name that no file can have becomes a digest."""
    plain = _PLAIN.fullmatch(instrument)
    name = instrument if plain else hashlib.sha256(instrument.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return folder() / f"{name}.json"


def write(calibration: Calibration, path: Path) -> None:
    """Write a calibration, whole or not at all; raises :class:`CalibrationError` where that cannot be."""
    data = msgspec.json.format(msgspec.json.encode(_Stored(calibration.id, calibration)), indent=1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole.written(path) as file:
            file.write(data + b"\n")
    except OSError as error:
        msg = f"the calibration cannot be written to {str(path)!r}: {error.strerror}"
        raise CalibrationError(msg) from error


def read(path: Path) -> Calibration:
    """Read a calibration; raises :class:`CalibrationError` where it is not there, damaged, or from a newer version."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        msg = f"the calibration {str(path)!r} cannot be read: {error.strerror}; `raman-edge calibrate` makes one"
        raise CalibrationError(msg) from error
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{str(path)!r} is no calibration of version 1 ({error}): make it again with `raman-edge calibrate`"
        raise CalibrationError(msg) from error
    if stored.id != stored.calibration.id:
        was = f"its digest is {stored.calibration.id}, {stored.id} was written"
        msg = f"the calibration {str(path)!r} was changed or damaged: {was}; make it again with `raman-edge calibrate`"
        raise CalibrationError(msg)
    return stored.calibration


def find(named: str) -> Calibration:
    """Return the calibration in a file of that name, else the one of an instrument of that name."""
    path = Path(named)
    if path.is_file():
        return read(path)
    kept = path_of(named)
    if not kept.is_file():
        msg = f"{named!r} is neither a calibration's file nor an instrument that was calibrated (looked for {str(kept)!r})"
        raise CalibrationError(msg)
    return read(kept)
