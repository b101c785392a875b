"""Control characters in names of files and materials: on a terminal every line, of text and of JSON, shows them as escapes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import build
import command
import journals
import pytest
from raman_edge.wording import printable, printable_json

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "\u009b\x7f\x85\u202e\u2066\u2069\u200f\u2028\u061c"
"""CSI and NEL of C1, DEL, a direction override, isolates and marks, a line separator."""
NAME = f"a{HOSTILE}31mb.csv"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that name the tiny model."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    return "--model", str(model), "--library", str(library), "--no-user-library"


COMMANDS = {
    "list": ("journal", "list"),
    "list as JSON": ("journal", "list", "--json"),
    "show": ("journal", "show", "ID"),
    "show as JSON": ("journal", "show", "ID", "--json"),
    "export of a table": ("journal", "export", "--format", "csv"),
    "export of lines": ("journal", "export", "--format", "jsonl"),
    "verify of a damaged row": ("journal", "verify"),
    "recheck": ("journal", "recheck", "--all", "PAIR"),
    "recheck as JSON": ("journal", "recheck", "--all", "--json", "PAIR"),
    "forward": ("forward", "--once", "--output", "stdout"),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_commands_that_read_a_journal(what: str, tmp_path: Path, pair: tuple[str, ...]) -> None:
    """Nothing that a terminal obeys comes through, and the name is there in escapes."""
    path = tmp_path / "journal.sqlite3"
    entry = journals.answer(0, path=NAME)
    journals.write(path, entry, journals.failure(1, path=NAME))
    if "damaged" in what:
        journals.change(path, "DELETE FROM lines WHERE seq = 1")
    words = [entry.record.id if word == "ID" else word for word in COMMANDS[what] if word != "PAIR"]
    words += pair if "PAIR" in COMMANDS[what] else ()
    _, written = command.on_terminal(*words, "--journal", path, columns=400)
    text = written.decode()
    assert not set(text) & set(HOSTILE)
    assert "recheck" in what or "9b" in text


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_identify(options: tuple[str, ...], tmp_path: Path, pair: tuple[str, ...]) -> None:
    """The same of a file that is named on the command line, also where it is no spectrum."""
    (tmp_path / NAME).write_text("no spectrum")
    _, written = command.on_terminal("identify", tmp_path / NAME, *options, *pair, columns=400)
    assert not set(written.decode()) & set(HOSTILE)
    assert b"9b" in written


def test_json_stays_the_same_json() -> None:
    """Escaped for a terminal, a line of JSON is the same value, also outside of the Basic Multilingual Plane."""
    for text in (HOSTILE, "Å⁻¹", "\U000e0001\U0001f600"):
        shown = printable_json(json.dumps({"a": text}, ensure_ascii=False).encode())
        assert shown.decode().isprintable()
        assert json.loads(shown)["a"] == text
    line = '{"a": "Å"}'
    assert printable_json(line.encode()) == line.encode()
    assert printable_json(line.encode(), "ANSI_X3.4-1968") == b'{"a": "\\u00c5"}'
    assert printable_json(b'"\xed\xa0\x9b"').decode("ascii").isprintable()
    assert printable(HOSTILE).isprintable()
