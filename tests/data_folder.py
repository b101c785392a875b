"""Where the real spectra are, which the repository does not contain."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("RAMAN_DATA") or Path(__file__).parents[2] / "shared" / "data")
"""``RAMAN_DATA``, or ``../shared/data`` beside the checkout; it need not exist."""
