"""Consoles without UTF-8: code pages of Windows, and ASCII. Each sign of ours is shown, or a plain substitute of it; data is escaped.

And paths that are too long for programs of Windows that do not ask for them.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import unicodedata
from pathlib import Path

import build
import command
import journals
import pytest
import raman_edge
from raman_edge import cli
from raman_edge.atomic_write import system_path
from raman_edge.cli.identify import EXAMPLE
from raman_edge.wording import encodable

ENCODINGS = ("cp1252", "cp437", "ascii")
COMMANDS = {
    "help": ("--help",),
    "identify": ("identify", "--example", "--table", "--no-user-library"),
    "details": ("identify", "--example", "--table", "--details", "--no-user-library"),
    "no such file": ("identify", "no such file.csv", "--table", "--no-user-library"),
    "an unknown option": ("identify", "--colour…"),
    "list": ("journal", "list", "--table", "JOURNAL"),
    "show": ("journal", "show", "ID", "--table", "JOURNAL"),
    "verify": ("journal", "verify", "JOURNAL"),
    "packs": ("library", "packs", "--table"),
    "materials": ("library", "list", "--packs", "everyday", "--table"),
    "profiles": ("instruments", "list", "--table"),
    "a profile": ("instruments", "show", "ocean-sts"),
    "settings": ("config", "show", "--origin"),
    "doctor": ("doctor",),
    "calibrations": ("calibrate", "--list"),
    "model": ("model", "info"),
}
BRAILLE = "\u2800"
ESCAPED = re.compile(rb"\\[uU][0-9a-f]{4}")


def run(monkeypatch: pytest.MonkeyPatch, encoding: str, *words: str) -> tuple[int, bytes, bytes]:
    """Run a command with streams of this encoding, as Python opens them: standard output refuses what it lacks."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, errors) for errors in ("strict", "backslashreplace")]
    with monkeypatch.context() as patch:
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        code = cli.main(list(words))
    for stream in streams:
        stream.flush()
    out, err = (stream.buffer.getvalue() for stream in streams if isinstance(stream.buffer, io.BytesIO))
    return code, out, err


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_speaks_without_utf_8(name: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is escaped, nothing ends with a defect."""
    monkeypatch.setenv("RAMAN_EDGE_CALIBRATIONS", str(tmp_path / "calibrations"))
    entry = journals.answer(0)
    path = tmp_path / "journal.sqlite3"
    journals.write(path, entry, journals.failure(1))
    replaced = {"JOURNAL": ("--journal", str(path)), "ID": (entry.record.id,)}
    words = [word for given in COMMANDS[name] for word in replaced.get(given, (given,))]
    code, out, err = run(monkeypatch, encoding, *words)
    assert code != cli.INTERNAL, err
    assert out + err
    assert not ESCAPED.search((out + err).replace(rb"\u2026", b"" if name == "an unknown option" else rb"\u2026")), out + err
    assert b"Traceback" not in err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_help_is_shown_without_utf_8(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its signs have substitutes: ``NAME...`` and ``cm-1``."""
    code, out, err = run(monkeypatch, "ascii", name, "--help")
    assert (code, err) == (0, b"")
    assert not ESCAPED.search(out)
    assert out.isascii()


def test_a_real_pipe_with_a_code_page(tmp_path: Path) -> None:
    """As Windows gives it: PYTHONIOENCODING stands for the code page of the console."""
    (tmp_path / "Größe.csv").write_bytes(EXAMPLE.read_bytes())
    done = command.run("identify", "--details", "--table", "--no-user-library", tmp_path / "Größe.csv", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert "Größe.csv".encode("cp1252") in done.stdout
    assert not ESCAPED.search(done.stdout + done.stderr)


def test_signs_are_substituted_and_data_is_escaped() -> None:
    """A unit is replaced as a whole; a letter that the encoding lacks stays recognisable."""
    text = "10 cm⁻¹ ± 2 ≈ √4 CaSO₄·2H₂O → α"
    assert encodable(text, "utf-8") == text
    assert encodable(text, None) == text
    assert encodable(text, "cp1252") == "10 cm-1 ± 2 ~ sqrt4 CaSO4·2H2O -> \\u03b1"
    assert encodable(text, "cp437") == "10 cm-1 ± 2 ≈ √4 CaSO4·2H2O -> α"
    assert encodable(text, "ascii") == "10 cm-1 +- 2 ~ sqrt4 CaSO4-2H2O -> \\u03b1"


def test_every_sign_of_ours_has_a_substitute() -> None:
    """No text of the edge uses a sign that a console without it would show as an escape; file formats know other languages."""
    package = Path(raman_edge.__file__).parent
    used = {sign for file in package.rglob("*.py") if "formats" not in file.parts for sign in _signs(file)}
    shown = {sign for sign in used if unicodedata.category(sign)[0] in "NPS" and not BRAILLE <= sign <= "\u28ff"}
    assert len(shown) > 20
    assert not [sign for sign in shown if encodable(sign, "ascii").startswith("\\")]


def _signs(file: Path) -> set[str]:
    """Return the characters beyond ASCII in the texts of a module, without docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in documents]
    return {sign for text in texts if isinstance(text, str) for sign in text if not sign.isascii()}


def test_all_of_it_below_a_path_of_300_characters(model: Path, tmp_path: Path) -> None:
    """A folder is watched, failed files moved, journal, outputs, user library and report written.

    Wine takes such paths without the prefix, too: there this proves only that the prefix does no harm.
    """
    far = tmp_path / "/".join(["d" * 40] * 7)
    here = system_path(far / "in")
    here.mkdir(parents=True)
    (here / "good.csv").write_text(build.text())
    (here / "bad.csv").write_text("no spectrum\n")
    assert len(str(far)) > 300
    outputs = [part for name in ("csv", "jsonl") for part in ("--output", f"{name}:{far / name}")]
    journal, library = ("--journal", str(far / "more" / "j.sqlite3")), ("--user-library", str(far / "more" / "u.sqlite3"))
    failed, report = far / "failed", far / "report.html"
    ran = command.call("watch", far / "in", "--once", "--model", model, *journal, *outputs, "--move-failed", failed, "--stable", "0.1")
    assert ran.returncode in {0, 1}, ran.stderr
    assert {path.name for path in system_path(far).iterdir()} == {"csv", "failed", "in", "jsonl", "more"}
    assert [[path.name for path in system_path(folder).iterdir()] for folder in (far / "in", failed)] == [["good.csv"], ["bad.csv"]]
    assert str(far / "in" / "good.csv") in ran.stdout.decode().replace("\\\\", "\\")
    added = command.call("library", "add", "Mine", far / "in" / "good.csv", "--model", model, *library, "--force")
    assert added.returncode == 0, added.stderr
    for arguments in (
        ("report", "--all", "-o", report, *journal, "--model", model),
        ("journal", "export", "--format", "csv", "--out", far / "j.csv", *journal),
        ("journal", "verify", *journal),
    ):
        done = command.call(*arguments)
        assert done.returncode == 0, (arguments, done.stderr)
    assert b"bad.csv" in system_path(report).read_bytes()
    again = command.call("report", "--all", "-o", report, *journal, "--model", model)
    assert b"exists already" in again.stderr
