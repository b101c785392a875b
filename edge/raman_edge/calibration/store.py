"""Where calibrations lie: one JSON file an instrument, with the digest of what is in it.

A calibration that is replaced or removed stays in the folder ``earlier`` beside it, named by instrument, date and digest.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import platformdirs

from raman_edge import atomic_write
from raman_edge.bounded_read import bounded
from raman_edge.calibration.calibration import Calibration
from raman_edge.errors import CalibrationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

VARIABLE = "RAMAN_EDGE_CALIBRATIONS"
"""The folder of calibrations, instead of one in the user's data folder."""
EARLIER = "earlier"
"""The folder of replaced calibrations, beside those in use."""
MOST_BYTES = 1 << 20
LEAST_ID = 6
"""Characters of an id that name a calibration."""


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    calibration: Calibration


def folder() -> Path:
    """Return where calibrations lie unless a path is given."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    return Path(platformdirs.user_data_dir("raman-edge")) / "calibrations"


def path_of(instrument: str) -> Path:
    """Return where the calibration of an instrument lies; a name that no file can have becomes a digest."""
    return folder() / f"{atomic_write.file_stem(instrument)}.json"


def place_for(instrument: str, model: str | None) -> Path:
    """Return where to keep a calibration: :func:`path_of`, or beside it where an instrument of another model has that serial number.

    On Windows and macOS also where the serial number of another instrument differs in upper and lower case only.
    """
    path = path_of(instrument)
    if not _is_file(path):
        return path
    try:
        found = read(path)
    except CalibrationError:
        return path
    taken = (model is not None and not found.is_of_model(model)) or _differs_in_case(found, instrument)
    return path_of(f"{model or ''} {instrument}") if taken else path


def of_device(serial: str, model: str | None) -> Calibration | None:
    """Return the calibration of a device, None where it has none; one of another model with the same serial number is not its own."""
    for path in (path_of(serial), path_of(f"{model or ''} {serial}")):
        if _is_file(path) and (found := read(path)).is_of_model(model) and not _differs_in_case(found, serial):
            return found
    return None


def _is_file(path: Path) -> bool:
    return atomic_write.system_path(path).is_file()


def _differs_in_case(calibration: Calibration, instrument: str) -> bool:
    known = {calibration.instrument, calibration.serial}
    return instrument not in known and instrument.casefold() in {name.casefold() for name in known if name is not None}


def for_instrument(named: str | None, serial: str | None, model: str | None, now: datetime | None) -> Calibration | None:
    """Return the calibration that is named (see :func:`find`), else that of the serial number and model; None where there is neither.

    Raises :class:`CalibrationError` as :func:`fitting` does.
    """
    if named is None and serial is None:
        return None
    found = find(named, model) if named is not None else of_device(str(serial), model)
    return None if found is None else fitting(found, serial, model, now)


def fitting(calibration: Calibration, serial: str | None, model: str | None, now: datetime | None) -> Calibration:
    """Return ``calibration``; :class:`CalibrationError` where it is of another instrument, or has expired at ``now`` (None: unchecked)."""
    if serial is not None:
        calibration.require_instrument(serial, model)
    if now is not None:
        calibration.require_fresh(now)
    return calibration


def write(calibration: Calibration, path: Path) -> Path | None:
    """Write a calibration, whole or not at all; return where the file that it replaces is kept, None where it replaces none.

    Raises :class:`CalibrationError` where that cannot be; what was there is there then.
    """
    data = msgspec.json.format(msgspec.json.encode(_Stored(calibration.id, calibration)), indent=1)
    try:
        atomic_write.system_path(path.parent).mkdir(parents=True, exist_ok=True)
        kept = _set_aside(path)
        with atomic_write.written(path) as file:
            file.write(data + b"\n")
    except OSError as error:
        raise CalibrationError(kind="cannot write the calibration", place=f"{str(path)!r}", cause=f"{error.strerror}") from error
    return kept


def _set_aside(path: Path) -> Path | None:
    """Copy what lies at ``path`` to the earlier ones; None where nothing does."""
    if not _is_file(path):
        return None
    data = atomic_write.system_path(path).read_bytes()
    try:
        was = read(path)
        name = f"{path.stem}.{was.made:%Y%m%dT%H%M%SZ}.{was.id[:8]}"
    except CalibrationError:
        name = f"{path.stem}.unreadable.{hashlib.sha256(data).hexdigest()[:8]}"
    kept = path.parent / EARLIER / f"{name}.json"
    atomic_write.system_path(kept.parent).mkdir(exist_ok=True)
    with atomic_write.written(kept) as file:
        file.write(data)
    return kept


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """A calibration and where it lies."""

    calibration: Calibration
    path: Path
    in_use: bool
    """False where another one has replaced it, or it was removed."""


def kept(instrument: str | None = None) -> Iterator[StoredCalibration]:
    """Yield the calibrations in the folder, of one instrument where it is named: by instrument, those in use first, then the latest.

    Files that are no calibration are left out.
    """
    found = []
    for place in (folder(), folder() / EARLIER):
        listed = atomic_write.system_path(place)
        for name in sorted(file.name for file in listed.glob("*.json")) if listed.is_dir() else ():
            path = place / name
            try:
                one = StoredCalibration(read(path), path, in_use=place == folder())
            except CalibrationError:
                continue
            if instrument is None or instrument in {one.calibration.instrument, one.calibration.serial, one.calibration.id}:
                found.append(one)
    yield from sorted(found, key=lambda one: (one.calibration.instrument, not one.in_use, -one.calibration.made.timestamp(), str(one.path)))


def named(wanted: str, *, in_use: bool | None = None) -> StoredCalibration:
    """Return the kept calibration of an instrument, or the one whose id begins so; :class:`CalibrationError` where that is none or several.

    Of an instrument's earlier ones (``in_use`` False) the latest is taken.
    """
    every = [one for one in kept() if in_use is None or one.in_use == in_use]
    by_id = [one for one in every if len(wanted) >= LEAST_ID and one.calibration.id.startswith(wanted.lower())]
    mine = [one for one in every if wanted in {one.calibration.instrument, one.calibration.serial}]
    chosen = by_id or (mine[:1] if in_use is False else [one for one in mine if one.in_use])
    if len({one.calibration.id for one in chosen}) == 1:
        return chosen[0]
    which = {None: "kept", True: "in use", False: "earlier"}[in_use]
    if chosen:
        ids = ", ".join(f"{one.calibration.id[:12]} ({one.calibration.model or one.calibration.instrument})" for one in chosen)
        raise CalibrationError(
            kind="several calibrations", got=f"{wanted!r}, which fits {len(chosen)}: {ids}", expected="one", advice="Give its id"
        )
    expected = f"the instrument, or the beginning of the id, of a calibration that is {which}"
    raise CalibrationError(
        kind="unknown calibration", got=repr(wanted), expected=expected, advice="`raman-edge calibrate --list` shows them"
    )


def restore(wanted: str) -> tuple[StoredCalibration, Path | None]:
    """Put an earlier calibration into use again, the one in use becomes an earlier one; return it and where that one is kept."""
    earlier = named(wanted, in_use=False)
    path = place_for(earlier.calibration.instrument, earlier.calibration.model)
    replaced = write(earlier.calibration, path)
    if earlier.path != replaced:
        _delete(earlier.path)
    return StoredCalibration(earlier.calibration, path, in_use=True), replaced


def remove(wanted: str) -> tuple[StoredCalibration, Path | None]:
    """Take a calibration out of use, which keeps it as an earlier one; an earlier one, which only its id names, is deleted.

    Return it and where it is kept, None where it was deleted.
    """
    try:
        one = named(wanted, in_use=True)
    except CalibrationError:
        one = named(wanted)
        if not one.calibration.id.startswith(wanted.lower()):
            raise
    try:
        aside = _set_aside(one.path) if one.in_use else None
    except OSError as error:
        raise CalibrationError(kind="cannot keep the earlier calibration", place=f"{str(one.path)!r}", cause=f"{error.strerror}") from error
    _delete(one.path)
    return one, aside


def _delete(path: Path) -> None:
    try:
        atomic_write.system_path(path).unlink()
    except OSError as error:
        raise CalibrationError(kind="cannot remove the calibration", place=f"{str(path)!r}", cause=f"{error.strerror}") from error


def read(path: Path) -> Calibration:
    """Read a calibration; raises :class:`CalibrationError` where it is not there, damaged, or from a newer version."""
    data = bounded(path, MOST_BYTES, CalibrationError, place=f"calibration {str(path)!r}", advice="`raman-edge calibrate` makes one")
    try:
        stored = msgspec.json.decode(data, type=_Stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CalibrationError(
            kind="not a calibration of version 1",
            place=f"{str(path)!r}",
            cause=f"{error}",
            advice="Make it again with `raman-edge calibrate`",
        ) from error
    if stored.id != stored.calibration.id:
        was = f"its digest is {stored.calibration.id}, {stored.id} was written"
        raise CalibrationError(
            kind="calibration changed or damaged", place=f"{str(path)!r}", got=f"{was}", advice="Make it again with `raman-edge calibrate`"
        )
    return stored.calibration


def find(wanted: str, model: str | None = None) -> Calibration:
    """Return the calibration in a file of that name, else the one in use of an instrument of that name, else the one whose id begins so.

    Where instruments of several models have that name, ``model`` (vendor and model) selects one; without it, the name is refused.
    """
    path = Path(wanted)
    if _is_file(path):
        return read(path)
    at = path_of(wanted)
    if not _is_file(at):
        try:
            return named(wanted).calibration
        except CalibrationError:
            raise CalibrationError(
                kind="unknown calibration",
                got=f"{wanted!r}",
                expected=f"the file of a calibration or a calibrated instrument (searched {str(at)!r})",
                advice="`raman-edge calibrate --list` shows them",
            ) from None
    found = read(at)
    alike = [found, *(one.calibration for one in kept(wanted) if one.in_use and one.path != at)]
    fitting = [one for one in alike if one.is_of_model(model)]
    if len(fitting) > 1:
        models = ", ".join(f"{one.model} ({one.id[:12]})" for one in fitting)
        raise CalibrationError(
            kind="ambiguous serial number",
            got=f"{wanted!r} of {len(fitting)} calibrated instruments: {models}",
            expected="one",
            advice="Give the id",
        )
    return fitting[0] if fitting else found
