"""Help: every command says what it does, how it is called, and what its exit codes mean, and none of it is wrong."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import command
import help_files
import platformdirs
import pytest
import raman_edge
from raman_edge import cli, errors, journal
from raman_edge.calibration import store
from raman_edge.cli import options
from raman_edge.cli.completion import branches
from raman_edge.cli.parser import EXITS, Parser
from raman_edge.service import remembered, settings

SOURCE = Path(raman_edge.__file__).parent
BRANCHES = {branch.parser.prog: branch for branch in branches(cli.whole())}
PARSERS = {prog: branch.parser for prog, branch in BRANCHES.items() if isinstance(branch.parser, Parser)}
EXAMPLES = [(prog, line) for prog, parser in PARSERS.items() for line, _ in parser.examples]
NOTED = "0123456789abcdef" * 4


def helped(prog: str, monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> str:
    """Return a command's help on a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    return BRANCHES[prog].parser.format_help()


@pytest.mark.skipif(sys.version_info[:2] != help_files.PYTHON, reason="argparse lays help out differently in other versions")
def test_help_is_that_of_the_files() -> None:
    """The help of each command is that in tests/data/help; ``python tests/help_files.py`` writes the files."""
    files = {file.name: file.read_text("utf-8") for file in help_files.FOLDER.iterdir()}
    assert help_files.texts() == files


def test_every_command_has_examples() -> None:
    """Every command and every action has two examples at least."""
    assert set(PARSERS) == set(BRANCHES)
    assert [prog for prog, parser in PARSERS.items() if len(parser.examples) < 2] == []


@pytest.mark.parametrize(("prog", "line"), EXAMPLES)
def test_every_example_is_understood(prog: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example is a command line that the parser takes; that of an action calls this action."""
    monkeypatch.setenv("NOTED", NOTED)
    words = shlex.split(os.path.expandvars(line), comments=True)
    end = next((number for number, word in enumerate(words) if word in {">", "|"}), len(words))
    assert words[0] == "raman-edge"
    parsed = cli.whole().parse_args(words[1:end])
    if BRANCHES[prog].leaf and prog != "raman-edge serial":
        assert line.startswith(f"{prog} ") or line == prog
    assert callable(parsed.run)


@pytest.mark.parametrize("prog", BRANCHES)
@pytest.mark.parametrize("columns", [80, 100])
def test_help_fits_the_terminal(prog: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of help is wider than the terminal, examples neither."""
    text = helped(prog, monkeypatch, columns)
    assert max(map(len, text.splitlines())) <= columns
    assert text == helped(prog, monkeypatch, columns)


@pytest.mark.parametrize("prog", BRANCHES)
def test_help_describes_the_command(prog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence about the command stands before the arguments, and examples after them; no percent sign is doubled."""
    text = helped(prog, monkeypatch, 200)
    about = text.split("\n\n")[1]
    assert about.rstrip().endswith(".")
    assert about[0].isupper()
    assert text.index("examples:\n") > text.index(about)
    assert "%%" not in text
    assert "%(" not in text


def test_exit_codes_are_those_of_the_errors() -> None:
    """Every code that an error or a signal ends with is explained, and those of the commands are among them."""
    tree_of = [errors.RamanEdgeError]
    for kind in tree_of:
        tree_of += kind.__subclasses__()
    assert {kind.exit_code for kind in tree_of} <= set(EXITS)
    assert {code for parser in PARSERS.values() for code in parser.exits} <= set(EXITS)


def test_help_lists_commands_by_group() -> None:
    """The first page has each command once, under its group, and imports none of them."""
    script = "import sys; from raman_edge import cli; cli.main(['--help']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=command.environment(COLUMNS="80"))
    *text, modules = done.stdout.splitlines()
    listed = [line.split()[0] for line in text if re.match(r"  [a-z]+  ", line)]
    assert listed == list(cli.COMMANDS)
    assert [line[:-1] for line in text if line.rstrip(":") in cli.GROUPS] == list(cli.GROUPS)
    assert not {f"raman_edge.cli.{name}" for name in cli.COMMANDS} & set(modules.split())


def test_a_command_imports_its_own_module_alone() -> None:
    """A command imports no other command, and no completion."""
    script = "import sys; from raman_edge import cli; cli.main(['instruments', 'list', 'no-such-name']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=command.environment())
    modules = set(done.stdout.split())
    assert {"raman_edge.cli.parser", "raman_edge.cli.instruments"} <= modules
    assert not {"raman_edge.cli.completion", "raman_edge.cli.journal", "raman_edge.cli.watch", "shtab", "rich"} & modules


RUNNING = Path(__file__).parents[3] / "docs/running/README.md"
VARIABLES = RUNNING.read_text("utf-8").partition("## Variables and places")[2].partition("\n## ")[0]


def test_every_variable_is_documented() -> None:
    """The page on running names each variable that the code reads, and no other."""
    text = "".join(file.read_text("utf-8") for file in SOURCE.rglob("*.py"))
    read = set(re.findall(r'"(RAMAN_EDGE_[A-Z_]+)"', text)) - {"RAMAN_EDGE_"}
    assert set(re.findall(r"`(RAMAN_EDGE_[A-Z_]+)`", VARIABLES)) == read
    assert read <= set(settings.known_variables())  # another one is reported as unknown


@pytest.mark.skipif(sys.platform != "linux" or any(name.startswith("XDG_") for name in os.environ), reason="the places of Linux")
def test_places_are_those_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journal, user library, calibrations, remembered instruments and settings lie where the page on running says."""
    for name in ("RAMAN_EDGE_CALIBRATIONS", remembered.VARIABLE, options.USER_LIBRARY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    config = platformdirs.user_config_path("raman-edge") / settings.FILE
    places = [journal.default_path(), settings.default_user_library(), store.folder(), remembered.path(), config]
    assert [str(Path(place).expanduser()) for place in re.findall(r"`(~/[^`]+)`", VARIABLES)] == list(map(str, places))
