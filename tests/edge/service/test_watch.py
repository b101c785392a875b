"""A watching run as a script starts it: from settings, without a command line, and nothing on a standard stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import build
import pytest
from raising import refused
from raman_edge.errors import ConfigError
from raman_edge.service.display import NoteDisplay
from raman_edge.service.settings import Settings
from raman_edge.service.signals import Stop
from raman_edge.service.systemd import ServiceManager
from raman_edge.service.watch import WatchRun

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A folder with a good and a bad file, the tiny model, and an output."""
    network, _ = build.write_pair(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "quartz.csv").write_text(build.text("Quartz"))
    (tmp_path / "in" / "bad.csv").write_text("no spectrum")
    output = (f"jsonl:{tmp_path / 'out.jsonl'}",)
    return Settings(folder=str(tmp_path / "in"), model=str(network), user_library=False, stable_s=0.05, poll_s=0.05, output=output)


def run(settings: Settings, path: Path, notes: list[str]) -> dict[str, int]:
    """Watch once and return the number of results of each decision."""
    made = WatchRun(
        settings,
        path,
        Stop(),
        ServiceManager(),
        reload=lambda: settings,
        open_display=lambda *_: NoteDisplay(notes.append),
        once=True,
    )
    return dict(made.run())


def test_a_folder_is_watched_from_settings(settings: Settings, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each content is identified once over two runs; records are in the output, and nothing is printed."""
    notes: list[str] = []
    assert run(settings, tmp_path / "journal.sqlite3", notes) == {"match": 1, "fault": 1}
    assert run(settings, tmp_path / "journal.sqlite3", notes) == {}
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert sorted(line["event"] for line in lines) == ["fault", "result"]
    assert capfd.readouterr() == ("", "")


def test_settings_without_a_folder_are_refused(settings: Settings, tmp_path: Path) -> None:
    """Before anything is opened."""
    with refused(ConfigError, "no folder to watch"):
        run(Settings(model=settings.model), tmp_path / "journal.sqlite3", [])


def test_the_folder_for_failed_files_is_another_one(settings: Settings, tmp_path: Path) -> None:
    """The watched folder itself, or a place that is no folder, is refused."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "in", tmp_path / "file"):
        wrong = Settings(folder=settings.folder, model=settings.model, user_library=False, move_failed=str(place))
        with refused(ConfigError, "folder cannot be used", "--move-failed", got=str(place)):
            run(wrong, tmp_path / "journal.sqlite3", [])
