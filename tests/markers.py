"""What `make test` leaves out of a table of cases, how often it repeats a random one, and what is not tested on Windows."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

ORDINARY = 100
"""Examples of a random case, as hypothesis has it; the profile "quick" of `make test` has fewer."""


POSIX = pytest.mark.skipif(sys.platform == "win32", reason="it needs what Windows does not have")
"""Links without a privilege, pipes in the file system, change times, signals, pseudo-terminals, permissions."""
DENIED = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the administrator is denied nothing")
"""Files and folders without a right: Windows has other rights, and root all of them."""


def slow(*cases: object) -> list[ParameterSet]:
    """Return cases of a table, of which `make test` leaves these out; a tuple is a row."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]


def examples(count: int) -> int:
    """Return how often a random case is tried that is tried ``count`` times when every test runs."""
    return max(1, count * settings.default.max_examples // ORDINARY)
