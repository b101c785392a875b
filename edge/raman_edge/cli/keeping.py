"""The save key: the spectrum that is shown, written to a file that this program and any other reads."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import OutputError
from raman_edge.escaping import printable
from raman_edge.sources.root import lies_within
from raman_edge.wording import IF, title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.matching.identify import Reading
    from raman_edge.spectrum import Spectrum

LONGEST = 40
"""Most characters of a name that the spectrum's origin gives."""


def keeper(into: Path, watched: Path | None = None) -> Callable[[Reading], str]:
    """Return what writes a reading's spectrum into the folder ``into`` and says where it is.

    In or below ``watched`` nothing is written: it would come back as a spectrum of its own. Whoever calls the result
    gets an :class:`OutputError` then, and where the file cannot be written.
    """

    def keep(reading: Reading) -> str:
        try:
            here = into.resolve(strict=True)
        except OSError as error:
            msg = f"not saved: the folder {str(into)!r} is not there: {error.strerror}"
            raise OutputError(msg) from error
        if watched is not None and lies_within(here, watched):
            msg = f"not saved: {str(here)!r} is being watched, the file would be identified again. Start from another folder"
            raise OutputError(msg)
        return f"saved as {_written(here, reading).name} in {here}"

    return keep


def _written(into: Path, reading: Reading) -> Path:
    text = "\n".join(_lines(reading)) + "\n"
    for path in _free(into, reading.spectrum):
        try:
            with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            msg = f"not saved: {str(path)!r} cannot be written: {error.strerror}"
            raise OutputError(msg) from error
        return path
    raise AssertionError  # the numbers never end


def _free(into: Path, spectrum: Spectrum) -> Iterator[Path]:
    """Return names by origin and time; from the second one on they have a number."""
    stem = Path(spectrum.origin.path.replace("\\", "/")).stem
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in stem)[:LONGEST]
    taken = (spectrum.taken_at or datetime.now(UTC)).astimezone(UTC)
    for number in count():
        more = f"-{number + 1}" if number else ""
        yield into / f"{name or 'spectrum'}-{taken:%Y%m%dT%H%M%SZ}{more}.csv"


def _lines(reading: Reading) -> Iterator[str]:
    """Return a header that says what it is, and a line a point; decimals as many as tell the numbers exactly."""
    spectrum, verdict = reading.spectrum, reading.verdict
    best = verdict.best if verdict.decision == "match" else None
    sure = f" ({best.score:.1%} {IF})" if best and best.score is not None else ""
    said = f"{title(verdict.decision, verdict.names)}{sure}"
    yield f"# Measured: {printable(spectrum.origin.path)}"
    yield f"# Answer: {printable(said)}"
    if spectrum.taken_at is not None:
        yield f"# Time: {spectrum.taken_at.isoformat()}"
    if spectrum.exposure_s is not None:
        yield f"# Exposure: {spectrum.exposure_s!r} s"
    if spectrum.calibrated is not None:
        yield f"# Calibration: {spectrum.calibrated.id}"
    yield "Raman shift (cm-1),Intensity (counts)"
    for shift, counts in zip(spectrum.axis.shift.tolist(), spectrum.counts.tolist(), strict=True):
        yield f"{shift!r},{counts!r}"
