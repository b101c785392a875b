"""Pictures of the screen from real runs: ``python benchmarks/screen_pictures.py [OUT]``, OUT is ``docs``.

Each is what a terminal of 100 by 30 showed while ``raman-edge serial`` measured with a simulated spectrometer,
cell by cell, by the embedded model. Nothing is drawn by hand, and nothing in it was measured.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyte
from raman_edge.terminal.rows import SIZE, Frame, svg
from rich.style import Style

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
from terminals import Terminal, simulated

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.terminal.rows import Row

PROFILE, PORT = "ocean-sts", "ttyRAMAN"
SERIAL = ("--profile", PROFILE, "--laser", "785", "--baud", "115200")
# pyte knows no faint text (SGR 2) and the screen has no italics: the one stands for the other on its way to the picture.
FAINT = {2: "+italics"}


def main() -> None:
    """Write the pictures and say where."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs").absolute()
    pyte.graphics.TEXT.update(FAINT)
    for name, scene in SCENES.items():
        path = out / f"{name}.svg"
        path.write_text(svg(pictured(scene), f"raman-edge serial, {scene.material} (simulated)"), encoding="utf-8")
        print(path)


class Scene(NamedTuple):
    """What is measured, and what the picture is to show."""

    material: str
    shows: Callable[[list[str]], bool]
    options: tuple[str, ...] = ()
    unplugged: bool = False
    """Whether the instrument goes after two spectra."""


SCENES = {
    "screen-serial": Scene("Quartz", lambda rows: "✓ Quartz" in rows[3] and "2 of 3" in rows[1], ("--average", "3")),
    "screen-unknown": Scene("polystyrene", lambda rows: "– unknown" in rows[3] and "3 done" in rows[0]),
    "screen-disconnected": Scene("Quartz", lambda rows: "disconnected" in rows[3], unplugged=True),
}


def pictured(scene: Scene) -> Frame:
    """Return the screen once it is as the scene wants it."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder), simulated(PROFILE, scene.material, PORT) as instrument:
        options = ("serial", PORT, *SERIAL, *scene.options, "--journal", "journal.sqlite3")
        with Terminal(*SIZE, *options, COLORTERM="truecolor") as terminal:
            if scene.unplugged:
                terminal.until(lambda rows: "2 done" in rows[0])
                instrument.terminate()
            terminal.until(scene.shows)
            return framed(terminal.screen)


def framed(screen: pyte.Screen) -> Frame:
    """Return the cells of a terminal as a frame."""
    return Frame(tuple(_row(screen, y) for y in range(screen.lines)))


def _row(screen: pyte.Screen, y: int) -> Row:
    row: list[tuple[str, Style]] = []
    for x in range(screen.columns):
        cell = screen.buffer[y][x]
        color = None if cell.fg == "default" else f"#{cell.fg}"
        style = Style(color=color, bold=cell.bold, dim=cell.italics, reverse=cell.reverse)
        if row and row[-1][1] == style:
            row[-1] = (row[-1][0] + cell.data, style)
        else:
            row.append((cell.data, style))
    return tuple(row)


if __name__ == "__main__":
    main()
