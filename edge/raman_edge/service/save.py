"""The save key of the screen: the spectrum that is shown, written to a CSV file that this program and others read."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.errors import OutputError
from raman_edge.sources.scan import lies_within
from raman_edge.wording import IF, printable, title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from raman_edge.matching.identify import Reading
    from raman_edge.spectrum import Spectrum

MAX_NAME = 40
"""Most characters of a name that come from the spectrum's origin."""


def saver(folder: Path, watched: Path | None = None) -> Callable[[Reading], str]:
    """Return a function that writes a spectrum into ``folder`` and returns a line that names the file.

    The function raises :class:`OutputError` where the file cannot be written, and in or below ``watched``: the file would be
    identified as one more spectrum.
    """

    def save(reading: Reading) -> str:
        try:
            here = folder.resolve(strict=True)
        except OSError as error:
            raise OutputError(kind="not saved", place=repr(str(folder)), cause=str(error.strerror), expected="a folder") from error
        if watched is not None and lies_within(here, watched):
            raise OutputError(
                kind="not saved", place=repr(str(here)), got="a watched folder", expected="another one", advice="Start from another folder"
            )
        return f"saved as {_write(here, reading).name} in {here}"

    return save


def _write(into: Path, reading: Reading) -> Path:
    text = "\n".join(_lines(reading)) + "\n"
    for path in _free(into, reading.spectrum):
        try:
            with path.open("x", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise OutputError(kind="not saved", place=repr(str(path)), cause=str(error.strerror), expected="a writable folder") from error
        return path
    raise AssertionError  # the numbers never end


def _free(into: Path, spectrum: Spectrum) -> Iterator[Path]:
    """Yield file names from origin and time; from the second one on they have a number."""
    stem = Path(spectrum.origin.path.replace("\\", "/")).stem
    name = "".join(character if character.isalnum() or character in "-_" else "-" for character in stem)[:MAX_NAME]
    taken = (spectrum.taken_at or datetime.now(UTC)).astimezone(UTC)
    for number in count():
        more = f"-{number + 1}" if number else ""
        yield into / f"{name or 'spectrum'}-{taken:%Y%m%dT%H%M%SZ}{more}.csv"


def _lines(reading: Reading) -> Iterator[str]:
    """Yield a header and a line for each point; numbers have as many decimals as reproduce them exactly."""
    spectrum, verdict = reading.spectrum, reading.verdict
    best = verdict.best if verdict.decision == "match" else None
    sure = f" ({best.score:.1%} {IF})" if best and best.score is not None else ""
    yield f"# Measured: {printable(spectrum.origin.path)}"
    yield f"# Answer: {printable(f'{title(verdict.decision, verdict.names, group=verdict.group, candidates=verdict.ranked)}{sure}')}"
    if spectrum.taken_at is not None:
        yield f"# Time: {spectrum.taken_at.isoformat()}"
    if spectrum.exposure_s is not None:
        yield f"# Exposure: {spectrum.exposure_s!r} s"
    if spectrum.calibrated is not None:
        yield f"# Calibration: {spectrum.calibrated.id}"
    yield "Raman shift (cm-1),Intensity (counts)"
    for shift, counts in zip(spectrum.axis.shift.tolist(), spectrum.counts.tolist(), strict=True):
        yield f"{shift!r},{counts!r}"
