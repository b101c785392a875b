"""What docs/journal.md says of the journal is what it does."""

from __future__ import annotations

import re
from pathlib import Path

import journals
import pytest
from raman_edge import cli

TEXT = (Path(__file__).parents[3] / "docs" / "journal.md").read_text()
COMMANDS = sorted(set(re.findall(r"`?raman-edge (journal [^`\n|]*)", TEXT)))


@pytest.mark.parametrize("told", COMMANDS)
def test_every_command_is_understood(told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the page does something with a journal, and none is a usage error."""
    path = tmp_path / "journal.sqlite3"
    entry = journals.answer(0)
    journals.write(path, entry)
    words = [{"ID": entry.record.id, "HASH": "1" * 64}.get(word, word) for word in told.split()]
    expected = 65 if "--head" in told else 1 if "recheck" in told else 0  # another model answered in this test
    assert cli.main([*words, "--journal", str(path)]) == expected, capsys.readouterr().err


def test_all_actions_are_told() -> None:
    """The page shows every action."""
    assert {told.split()[1] for told in COMMANDS} == {"list", "show", "export", "verify", "recheck", "prune"}
