"""The steps of the lanes of other platforms: how they end."""

from __future__ import annotations

import os
import time

import psutil
import pytest
from platforms import lane

LEAVES = "echo all; sleep 60 & echo $!"
"""A script that leaves a program behind, which holds its output."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what is left for a moment only."""
    monkeypatch.setattr(lane, "LEFT_S", 0.2)


def run(script: str, limit_s: float = 30.0) -> str:
    """Run a script as a step does."""
    return lane.Lane("test", os.environ).run(["sh", "-c", script], limit_s=limit_s)


def gone(process: int) -> bool:
    """Whether a process ends soon."""
    for _ in range(100):
        try:
            if psutil.Process(process).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_a_step_ends_with_its_first_program() -> None:
    """What it leaves is ended, and does not keep the step waiting for its output."""
    began = time.monotonic()
    written, left = run(LEAVES).splitlines()
    assert written == "all"
    assert gone(int(left))
    assert time.monotonic() - began < 30


def test_a_step_that_takes_too_long_says_what_it_wrote() -> None:
    """It is ended with all of its programs."""
    with pytest.raises(lane.Failed, match=r"took more than 0\.5 s\nall") as failed:
        run(f"{LEAVES}; sleep 60", limit_s=0.5)
    assert gone(int(str(failed.value).splitlines()[-1]))


def test_a_step_that_fails_says_how() -> None:
    """With its exit code and its output, without the list of handles of Wine's server."""
    with pytest.raises(lane.Failed, match="ended with 3\nwhy"):
        run("echo 0x1234; echo why >&2; exit 3")
