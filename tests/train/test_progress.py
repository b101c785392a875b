"""Progress on a terminal and in a pipe."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from raman_train.cli import progress
from raman_train.loop import Epoch
from rich.console import Console

EPOCHS = [Epoch(0, 2.5, 1.0), Epoch(1, 1.25, 1.0, validation=0.75)]
SHOW_CURSOR = "\x1b[?25h"


def test_a_pipe_gets_a_line_per_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    """Loss, validation and the time left, and nothing else."""
    with progress.epoch_progress(3) as on_epoch:
        for done in EPOCHS:
            on_epoch(done)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1/3  loss 2.5000  1.0 s, 0.0 min left",
        "epoch 2/3  loss 1.2500  validation top-1 0.7500  1.0 s, 0.0 min left",
    ]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_terminal_gets_a_bar_and_its_cursor_back(interrupted: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a case
    """Also after Ctrl-C; the bar has the text of the last epoch."""
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=screen, force_terminal=True, width=100))
    with suppress(KeyboardInterrupt), progress.epoch_progress(3) as on_epoch:
        for done in EPOCHS:
            on_epoch(done)
        if interrupted:
            raise KeyboardInterrupt
    shown = screen.getvalue()
    assert "━" in shown
    assert "epoch 2/3  loss 1.2500  validation top-1 0.7500" in shown
    assert shown.rindex(SHOW_CURSOR) > shown.rindex("epoch 2/3")
