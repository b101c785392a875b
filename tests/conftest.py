"""What every test shares: where real data lies, one thread for torch, and signals as a shell in the foreground leaves them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Tiny networks are slower on several threads, and tests run beside other work."""
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Tests that import onnxruntime themselves tell its maker nothing either."""
os.environ["RAMAN_EDGE_USER_LIBRARY"] = str(Path(__file__).parent / "nothing-was-taught.sqlite3")
"""What the user of this machine has taught is nothing to the tests."""


for name in ("SIGHUP", "SIGQUIT"):
    # nohup, and a shell in the background, leave these ignored; commands that tests start would inherit that and miss the test's signal.
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def data_folder() -> Path:
    """Return the folder of real spectra: ``RAMAN_DATA``, or ``../shared/data`` beside the checkout."""
    return Path(os.environ.get("RAMAN_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real spectra; the test is skipped where there is none."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real spectra at {folder}: set RAMAN_DATA")
    return folder
