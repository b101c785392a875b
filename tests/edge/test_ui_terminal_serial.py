"""``raman-edge serial`` in a real terminal, with a simulated spectrometer at the other end of the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import pyte
import pytest
import screen_pictures
from rich.style import Style
from terminals import Terminal, simulated

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model, with its library beside it."""
    return str(build.write_pair(tmp_path_factory.mktemp("pair"))[0])


def test_a_person_measures_pauses_and_pulls_the_cable(tmp_path: Path, model: str) -> None:
    """The sample is named with the link beneath the heading; paused nothing comes; an unplugged instrument is the headline."""
    port = str(tmp_path / "ttyRAMAN")
    with simulated("ocean-sts", "Calcite", port, "--no-pacing") as instrument:
        arguments = ("serial", port, "--profile", "ocean-sts", "--laser", "785", "--model", model, "--interval", "0.2")
        with Terminal(100, 30, *arguments, "--journal", str(tmp_path / "journal.sqlite3")) as terminal:
            rows = terminal.until(lambda rows: "Calcite" in rows[3])
            assert rows[1].startswith(" ● ")
            assert "SIM00001" in rows[1]
            assert "exposure" in rows[2]
            assert "s single" in rows[-1]
            terminal.press(" ")
            terminal.until(lambda rows: "paused" in rows[1] and "go on" in rows[-1])
            terminal.press("p")
            terminal.until(lambda rows: "paused" not in rows[1] and "pause" in rows[-1])
            instrument.terminate()
            terminal.until(lambda rows: "! disconnected  the last result was Calcite" in rows[3])
            terminal.press("q")
            assert terminal.end() == 0
            terminal.assert_as_before()
            assert b"Traceback" not in terminal.written


def test_a_picture_has_the_cells_of_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, colour, bold, faint and reversed arrive in the frame as the terminal has them."""
    for code, what in screen_pictures.FAINT.items():
        monkeypatch.setitem(pyte.graphics.TEXT, code, what)
    screen = pyte.Screen(12, 2)
    pyte.Stream(screen).feed("\x1b[1;38;2;42;143;216mab\x1b[0m \x1b[2mcd\x1b[0m\x1b[7mef\x1b[0m")
    frame = screen_pictures.framed(screen)
    assert [line.rstrip() for line in frame.text.split("\n")] == ["ab cdef", ""]
    found = {text.strip(): style for text, style in frame.rows[0]}
    assert found["ab"] == Style(color="#2a8fd8", bold=True, dim=False, reverse=False)
    assert found["cd"].dim
    assert found["ef"].reverse
