"""Common settings of the figures: sizes, colours, safe labels; and the writing of files."""

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
"""Inches. At 800 px, the width in a README, 8 points are 11 px, the smallest readable size."""
LINE = 0.18
"""Height of a line of a legend, inches."""
DPI = 160
Form = Literal["png", "svg"]
FORMS: tuple[Form, Form] = ("png", "svg")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe and Ito: distinguishable with colour blindness (https://jfly.uni-koeln.de/color/). Their yellow is too pale for lines on white."""
BLUE, VERMILLION = COLOURS[:2]
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One per colour, so that no figure depends on colour alone."""
DASHES = ("-", "--", ":", "-.")
QUIET = "#767676"
"""For secondary text; contrast 4.5 : 1 on white, as WCAG 2 requires."""
COUNTS = LinearSegmentedColormap.from_list("counts", ["#f6c667", "#d55e00", "#6a1b4d", "#1b0c2b"])
"""From light to dark: a larger count is darker, also in grey print. The lightest shade is visible on white."""

SHEET: dict[str, Any] = {
    # Labels are data: "$x$" is a name, not a formula.
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same figure on every machine
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
    "svg.hashsalt": "raman-edge",  # for the same identifiers in every drawing
}


@contextmanager
def sheet() -> Iterator[None]:
    """Use only these settings, not those of the user; also a decorator."""
    with matplotlib.style.context(["default", SHEET]):
        yield


def blank(height: float) -> Figure:
    """Return an empty figure of the common width, ``height`` inches high."""
    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")


def caption(figure: Figure, text: str) -> None:
    """Write a caption below the figure."""
    figure.supxlabel(
        "\n".join(textwrap.wrap(text, 118, break_on_hyphens=False)), fontsize=8.5, color=QUIET, x=0.01, ha="left", linespacing=1.35
    )


def title(figure: Figure, *lines: str) -> None:
    """Write a title above the figure, at its left."""
    figure.suptitle("\n".join(lines), fontsize=10.5, x=0.01, ha="left", linespacing=1.35)


def percent() -> PercentFormatter:
    """Return the formatter of an axis of shares: 95 %."""
    return PercentFormatter(1, decimals=0, symbol=" %")


def legend(axes: Axes, handles: Sequence[Any], labels: Sequence[str]) -> Legend:
    """Write a legend with exactly these labels above the axes.

    matplotlib omits a label that starts with "_" (before 3.10 it warns); labels set afterwards are plain text.
    """
    made = axes.legend(handles, [str(number) for number in range(len(labels))], loc="lower left", bbox_to_anchor=(0, 1.01), borderaxespad=0)
    for text, label in zip(made.get_texts(), labels, strict=True):
        text.set_text(plain(label, 100))
    return made


def plain(label: str, most: int = 28) -> str:
    """Return a label as one line of at most ``most`` printable characters; a longer one keeps both ends."""
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
    """Return the dashes of the system with this number, which change when the colours repeat."""
    return DASHES[index // len(COLOURS) % len(DASHES)]


@sheet()
def rendered(figure: Figure, form: Form) -> bytes:
    """Return the bytes of a figure; equal figures give equal bytes at every call."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Characters that the font lacks are drawn as boxes; the rest of the figure is still useful.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        _settle(figure)
        figure.savefig(buffer, format=form, dpi=DPI, metadata={"Date": None} if form == "svg" else None)
    return buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Compute the layout once: after another drawing it differs in its last digits."""
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write ``stem``.png and ``stem``.svg and return their paths; :class:`ConfigError` if they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{stem}.{form}" for form in FORMS]
        for file, form in zip(files, FORMS, strict=True):
            file.write_bytes(rendered(figure, form))
    except OSError as error:
        msg = f"figures cannot be written to {str(folder)!r}: {error.strerror or error}. Choose another --out"
        raise ConfigError(msg) from error
    return files
