"""Help teaches: every command says what it is for, how it is called, and what its exit code means, and none of it is wrong."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import command
import platformdirs
import pytest
import raman_edge
from raman_edge import cli, errors, journal
from raman_edge.calibration import store
from raman_edge.cli import manual, options, tree
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


# The manual page


@pytest.fixture(scope="module")
def page() -> str:
    """The page as it would be made now."""
    return manual.page()


def test_the_manual_page_is_up_to_date(page: str) -> None:
    """The page in docs is the one that the parser makes: `python -m raman_edge.cli.manual` writes it anew."""
    assert (SOURCE.parents[1] / manual.PLACE).read_text("utf-8") == page


def test_the_manual_page_names_everything(page: str) -> None:
    """Each command has its section, and each option stands in its own or among those of all."""
    shown = page.replace("\\-", "-")
    for prog, branch in BRANCHES.items():
        assert f".SS {prog}\n" in shown or prog == "raman-edge"
        for action in tree.arguments(branch.parser) if prog != "raman-edge" else ():
            assert all(flag in shown for flag in action.option_strings)
    assert all(f".SH {title.upper()}\n" in shown for title in cli.GROUPS)


def test_the_manual_page_knows_the_places_of_this_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files lie where the page says, and each variable that it names, and no other, is read by the code."""
    monkeypatch.delenv("RAMAN_EDGE_CALIBRATIONS", raising=False)
    own = platformdirs.user_data_path("raman-edge") / "user-library.sqlite3"
    monkeypatch.delenv(options.USER_LIBRARY_VARIABLE, raising=False)
    assert settings.default_user_library() == own
    if sys.platform == "linux" and not any(name.startswith("XDG_") for name in os.environ):
        places = [journal.default_path(), own, store.folder(), platformdirs.user_config_path("raman-edge") / settings.FILE]
        assert [str(Path(place).expanduser()) for place in manual.FILES] == list(map(str, places))
    text = "".join(file.read_text("utf-8") for file in SOURCE.rglob("*.py") if file.name != "manual.py")
    read = set(re.findall(r'"(RAMAN_EDGE_[A-Z_]+)"', text))
    assert read - {"RAMAN_EDGE_"} <= set(manual.VARIABLES)


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="no mandoc on this machine to check the page with")
def test_the_manual_page_is_well_formed(page: str) -> None:
    """Mandoc finds nothing but that the page has no date."""
    done = subprocess.run(["mandoc", "-T", "lint"], input=page.encode(), capture_output=True, check=False)
    said = [line for line in done.stdout.decode().splitlines() if "missing date" not in line]
    assert said == []


@pytest.mark.skipif(shutil.which("man") is None, reason="no man on this machine to show the page with")
def test_man_shows_the_page(page: str, tmp_path: Path) -> None:
    """Man shows hyphens as they are typed, and characters of the field as they are."""
    place = tmp_path / "raman-edge.1"
    place.write_text(page)
    environment = command.environment(MANWIDTH="100", LC_ALL="C.UTF-8", MAN_KEEP_FORMATTING="")
    done = subprocess.run(["man", "-l", str(place)], capture_output=True, check=False, env=environment)
    shown = re.sub(r".\x08", "", done.stdout.decode())
    if "RAMAN-EDGE(1)" not in shown:
        pytest.skip(f"man formats nothing on this machine: {done.stdout.decode()[:100]} {done.stderr.decode()[:100]}")
    assert "--journal FILE" in shown
    assert "raman-edge journal verify" in shown
    assert '"Beaker 7"' in shown
    assert "…" in shown
