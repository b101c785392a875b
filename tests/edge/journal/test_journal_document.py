"""What docs/journal.md says of the journal is what it does."""

from __future__ import annotations

import re
from pathlib import Path

import journals
import pytest
from raman_edge import cli

TEXT = (Path(__file__).parents[3] / "docs" / "journal.md").read_text()
COMMANDS = sorted(set(re.findall(r"`?raman-edge (journal [^`\n|]*)", TEXT)))


@pytest.mark.parametrize("command_line", COMMANDS)
def test_every_command_is_understood(command_line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the page does something with a journal, and none is a usage error."""
    path = tmp_path / "journal.sqlite3"
    entry = journals.answer(0)
    journals.write(path, entry)
    words = [{"ID": entry.record.id, "HASH": "1" * 64}.get(word, word) for word in command_line.split()]
    expected = 65 if "--head" in command_line else 1 if "recheck" in command_line else 0  # another model answered in this test
    assert cli.main([*words, "--journal", str(path)]) == expected, capsys.readouterr().err


def test_all_actions_are_documented() -> None:
    """The page shows every action."""
    assert {command_line.split()[1] for command_line in COMMANDS} == {"list", "show", "export", "verify", "recheck", "prune"}
