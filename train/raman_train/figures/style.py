"""What the pictures share: sizes, colours, safe labels, and the one place that writes them."""

from __future__ import annotations

import io
import textwrap
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import matplotlib.style
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter
from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

WIDTH = 8.0
"""Inches. At the 800 px a README shows, 8 points are 11 px: the smallest that is read without effort."""
LINE = 0.18
"""Height of a line of a legend, inches."""
DPI = 160
Form = Literal["png", "svg"]
FORMS: tuple[Form, Form] = ("png", "svg")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito: told apart by every kind of eye (https://jfly.uni-koeln.de/color/). Their yellow is too pale for lines on white."""
BLUE, VERMILLION = COLOURS[:2]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One a colour, so that no picture depends on colour alone."""
DASHES = ("-", "--", ":", "-.")
QUIET = "#767676"
"""For what is not the message; 4.5 : 1 on white, as WCAG 2 asks of text."""
COUNTS = LinearSegmentedColormap.from_list("counts", ["#f6c667", "#d55e00", "#6a1b4d", "#1b0c2b"])
"""One hue from light to dark: a larger count is darker, in grey print too. Its lightest shade still stands out from white."""

SHEET: dict[str, Any] = {
    # Labels are data: "$x$" is a name here, not a formula.
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.markersize": 5,
    "svg.hashsalt": "raman-edge",  # else every drawing has other identifiers
}


@contextmanager
def sheet() -> Iterator[None]:
    """Draw with these settings and no one's own; also a decorator."""
    with matplotlib.style.context(["default", SHEET]):
        yield


def blank(height: float) -> Figure:
    """Return an empty figure of the common width, ``height`` inches high."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def caption(figure: Figure, text: str) -> None:
    """Write what a reader has to know below the figure."""
    figure.supxlabel(
        "\n".join(textwrap.wrap(text, 118, break_on_hyphens=False)), fontsize=8.5, color=QUIET, x=0.01, ha="left", linespacing=1.35
    )


def title(figure: Figure, *lines: str) -> None:
    """Write what is drawn above the figure, at its left."""
    figure.suptitle("\n".join(lines), fontsize=10.5, x=0.01, ha="left", linespacing=1.35)


def percent() -> PercentFormatter:
    """Return the labels of an axis of shares: 95 %."""
    return PercentFormatter(1, decimals=0, symbol=" %")


def legend(axes: Axes, handles: Sequence[Any], labels: Sequence[str]) -> Legend:
    """Write a legend with these very labels above the axes, where it hides nothing.

    matplotlib leaves out (before 3.10, warns of) a label that starts with "_"; set afterwards, it is text like any other.
    """
    made = axes.legend(handles, [str(number) for number in range(len(labels))], loc="lower left", bbox_to_anchor=(0, 1.01), borderaxespad=0)
    for text, label in zip(made.get_texts(), labels, strict=True):
        text.set_text(plain(label, 100))
    return made


def plain(label: str, most: int = 28) -> str:
    """Return a label as one line of printable characters, at most ``most`` of them: what is longer keeps both of its ends."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in label).split()) or "(no name)"
    tail = most // 3
    return line if len(line) <= most else f"{line[: most - tail - 1]}…{line[-tail:]}"


def colour(index: int) -> str:
    """Return the colour of the system with this number."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """Return the marker of the system with this number."""
    return MARKERS[index % len(MARKERS)]


def dash(index: int) -> str:
    """Return the dashes of the system with this number: others once the colours are used up."""
    return DASHES[index // len(COLOURS) % len(DASHES)]


@sheet()
def rendered(figure: Figure, form: Form) -> bytes:
    """Return the bytes of a picture; equal figures give equal bytes, however often they are asked for."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the rest of the picture is still worth having.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        _settle(figure)
        figure.savefig(buffer, format=form, dpi=DPI, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Lay the figure out, once: the layout after a drawing depends, in its last digits, on the one before."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write ``stem``.png and ``stem``.svg and return their paths; :class:`ConfigError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_written(folder / f"{stem}.{form}", rendered(figure, form)) for form in FORMS]
    except OSError as error:
        msg = f"figures cannot be written to {str(folder)!r}: {error.strerror or error}. Choose another --out"
        raise ConfigError(msg) from error


def _written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file
