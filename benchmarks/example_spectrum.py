"""Make the example spectrum of ``raman-edge identify --example``: ``python benchmarks/example_spectrum.py``.

It is simulated from the lines of α-quartz as handbooks list them, with fluorescence and photon noise; nothing is measured.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from raman_edge.cli.identify import EXAMPLE

LINES = (
    *((128.0, 0.35, 4.0), (206.0, 0.33, 12.0), (264.0, 0.03, 4.0), (355.0, 0.09, 4.0)),
    *((464.0, 1.0, 4.0), (807.0, 0.03, 4.0), (1162.0, 0.03, 4.0)),
)
"""Raman shift of a line, cm⁻¹, its height as a share of the highest, and half of its width at half height, cm⁻¹."""
HIGHEST = 8000.0
"""Counts of the highest line."""
SEED = 1
STEP, START, STOP = 2.0, 100.0, 1800.0
HEADER = "# Quartz, simulated by benchmarks/example_spectrum.py\n# Laser wavelength (nm): 785\nRaman shift (cm-1),Intensity (counts)\n"


def text() -> str:
    """Return the content of the file."""
    shift = np.arange(START, STOP + STEP / 2, STEP)
    expected = 900.0 - 0.25 * (shift - START)
    for at, height, half_width in LINES:
        expected += HIGHEST * height / (1 + ((shift - at) / half_width) ** 2)
    counts = np.random.default_rng(SEED).poisson(expected)
    return HEADER + "".join(f"{x:.0f},{y}\n" for x, y in zip(shift, counts, strict=True))


if __name__ == "__main__":
    Path(EXAMPLE).write_text(text(), "utf-8", newline="\n")
