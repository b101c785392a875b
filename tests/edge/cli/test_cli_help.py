"""Help teaches: every command says what it is for, how it is called, and what its exit code means, and none of it is wrong."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import command
import platformdirs
import pytest
import raman_edge
from raman_edge import cli, errors, journal
from raman_edge.calibration import store
from raman_edge.cli import options, tree
from raman_edge.cli.examples import EXITS, PAGES
from raman_edge.service import settings

SOURCE = Path(raman_edge.__file__).parent
BRANCHES = {branch.parser.prog: branch for branch in tree.branches(cli.whole())}
EXAMPLES = [(prog, line) for prog, page in PAGES.items() for line, _ in page.examples]
NOTED = "0123456789abcdef" * 4


def helped(prog: str, monkeypatch: pytest.MonkeyPatch, columns: int = 80) -> str:
    """Return a command's help on a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    return BRANCHES[prog].parser.format_help()


def test_every_command_has_its_page() -> None:
    """Commands and actions, and nothing else, have examples: two at least."""
    assert set(PAGES) == set(BRANCHES)
    assert all(len(page.examples) >= 2 for page in PAGES.values())


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
def test_help_says_what_a_command_is_for(prog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence of what it is for stands before the arguments, and examples after them."""
    text = helped(prog, monkeypatch, 200)
    about = text.split("\n\n")[1]
    assert about.rstrip().endswith((".", "change it."))
    assert about[0].isupper()
    assert text.index("examples:\n") > text.index(about)


def test_exit_codes_are_those_of_the_errors() -> None:
    """Every code that an error or a signal ends with is explained, and those of the commands are among them."""
    tree_of = [errors.RamanEdgeError]
    for kind in tree_of:
        tree_of += kind.__subclasses__()
    assert {kind.exit_code for kind in tree_of} <= set(EXITS)
    assert {code for page in PAGES.values() for code in page.exits} <= set(EXITS)


def test_help_lists_commands_by_what_they_are_for() -> None:
    """The first page has each command once, under its group, and loads none of them to say so."""
    script = "import sys; from raman_edge import cli; cli.main(['--help']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=command.environment(COLUMNS="80"))
    *text, modules = done.stdout.splitlines()
    listed = [line.split()[0] for line in text if re.match(r"  [a-z]+  ", line)]
    assert listed == list(cli.COMMANDS)
    assert [line[:-1] for line in text if line.rstrip(":") in cli.GROUPS] == list(cli.GROUPS)
    assert not {f"raman_edge.cli.{name}" for name in cli.COMMANDS} & set(modules.split())


def test_a_command_loads_no_help() -> None:
    """What runs pays nothing for its help, nor for completion."""
    script = "import sys; from raman_edge import cli; cli.main(['devices', 'list', 'nothing-of-that-name']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=command.environment())
    modules = done.stdout.split()
    assert "raman_edge.cli.parser" in modules
    assert not {"raman_edge.cli.examples", "raman_edge.cli.helping", "raman_edge.cli.tree", "shtab"} & set(modules)


VARIABLES = (SOURCE.parents[1] / "docs/running/README.md").read_text("utf-8").partition("## Variables and places")[2].partition("\n## ")[0]


def test_every_variable_is_documented() -> None:
    """The page on running names each variable that the code reads, and no other."""
    text = "".join(file.read_text("utf-8") for file in SOURCE.rglob("*.py"))
    read = set(re.findall(r'"(RAMAN_EDGE_[A-Z_]+)"', text)) - {"RAMAN_EDGE_"}
    assert set(re.findall(r"`(RAMAN_EDGE_[A-Z_]+)`", VARIABLES)) == read


@pytest.mark.skipif(sys.platform != "linux" or any(name.startswith("XDG_") for name in os.environ), reason="the places of Linux")
def test_places_are_where_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journal, user library, calibrations and settings lie where the page on running says."""
    for name in ("RAMAN_EDGE_CALIBRATIONS", options.OWN_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    places = [journal.default_path(), options.default_own_path(), store.folder(), platformdirs.user_config_path("raman-edge") / settings.FILE]
    assert [str(Path(place).expanduser()) for place in re.findall(r"`(~/[^`]+)`", VARIABLES)] == list(map(str, places))
