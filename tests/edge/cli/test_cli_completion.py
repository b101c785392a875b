"""``raman-edge completion``: a real bash, zsh and fish complete what a person begins to type."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import command
import pytest
from raman_edge import cli
from raman_edge.cli import completion
from raman_edge.cli.parser import Parser
from raman_edge.instruments.profiles import catalogue

if sys.platform != "win32":
    import pty

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    Offer = Callable[..., list[str]]

DECISIONS = ["ambiguous", "fault", "group", "match", "possible", "rejected", "unknown"]
BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
compopt() { :; }
_shtab_raman_edge raman-edge "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""What bash does at Tab, without a terminal: compopt is only known while it completes."""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The scripts of every shell, in files."""
    folder = tmp_path_factory.mktemp("completion")
    for shell in completion.SHELLS:
        (folder / f"_raman-edge.{shell}").write_text(completion.script(shell), "utf-8")
    return {shell: folder / f"_raman-edge.{shell}" for shell in completion.SHELLS}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file, a folder with a blank in its name, and a profile."""
    (tmp_path / "spectrum.csv").write_text("")
    (tmp_path / "specimens of May").mkdir()
    (tmp_path / "special.toml").write_text("")
    return tmp_path


def bash(scripts: dict[str, Path], folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word."""
    if shutil.which("bash") is None:
        pytest.skip("no bash on this machine")
    called = ["bash", "--norc", "-c", BASH, "bash", str(scripts["bash"]), "raman-edge", *words]
    done = subprocess.run(called, capture_output=True, text=True, check=True, cwd=folder, env=command.environment(), timeout=120)
    assert done.stderr == ""
    return sorted({line.strip() for line in done.stdout.splitlines()} - {""})


def fish(scripts: dict[str, Path], folder: Path, *words: str) -> list[str]:
    """Return what fish offers for the last word."""
    if shutil.which("fish") is None:
        pytest.skip("no fish on this machine")
    line = " ".join(("raman-edge", *words))
    called = ["fish", "--no-config", "-c", f"source {scripts['fish']}; complete -C {line!r}"]
    environment = command.environment(HOME=str(folder))
    done = subprocess.run(called, capture_output=True, text=True, check=True, cwd=folder, env=environment, timeout=120)
    return sorted({line.split("\t")[0] for line in done.stdout.splitlines()})


SHELLS = pytest.mark.parametrize("offered", [bash, fish], ids=["bash", "fish"])


@SHELLS
def test_commands_and_actions(offered: Offer, scripts: dict[str, Path], folder: Path) -> None:
    """The first word is a command, the second of some an action."""
    assert offered(scripts, folder, "de") == [name for name in sorted(cli.COMMANDS) if name.startswith("de")]
    assert offered(scripts, folder, "journal", "") == ["export", "list", "prune", "recheck", "show", "verify"]


@SHELLS
def test_options_and_their_choices(offered: Offer, scripts: dict[str, Path], folder: Path) -> None:
    """Options are those of the command that stands there; where one has choices, these are offered."""
    assert offered(scripts, folder, "journal", "verify", "--he") == ["--head", "--help"]
    assert offered(scripts, folder, "journal", "list", "--decision", "") == DECISIONS
    assert "--profile" in offered(scripts, folder, "serial", "--")


@SHELLS
def test_files_and_folders(offered: Offer, scripts: dict[str, Path], folder: Path) -> None:
    """Where a file is meant files and folders are offered, where a folder is meant folders alone."""
    found = [name.rstrip("/").replace("\\ ", " ") for name in offered(scripts, folder, "identify", "spec")]
    assert found == ["special.toml", "specimens of May", "spectrum.csv"]
    found = [name.rstrip("/").replace("\\ ", " ") for name in offered(scripts, folder, "watch", "spec")]
    assert found == ["specimens of May"]
    assert "spectrum.csv" in offered(scripts, folder, "journal", "list", "--journal", "spectr")


@SHELLS
def test_profiles_and_words(offered: Offer, scripts: dict[str, Path], folder: Path) -> None:
    """A profile is one that ships, or a file; the words that an option takes are offered beside files."""
    shipped = sorted(name for name in catalogue.profiles() if name.startswith("ocean"))
    assert offered(scripts, folder, "serial", "--profile", "ocean") == shipped
    assert offered(scripts, folder, "instruments", "explain", "ocean") == shipped
    assert "special.toml" in offered(scripts, folder, "instruments", "explain", "special")
    assert offered(scripts, folder, "watch", "--backlog", "s") == ["skip"]


@SHELLS
def test_serial_ports(offered: Offer, scripts: dict[str, Path], folder: Path) -> None:
    """A port is one that is plugged in, Ocean's on USB, or any other that is typed as a path."""
    assert "ocean:" in offered(scripts, folder, "serial", "oce")
    assert offered(scripts, folder, "instruments", "probe", "/dev/nul") == ["/dev/null"]


def test_bash_takes_the_script_as_it_is(scripts: dict[str, Path]) -> None:
    """Bash reads the script without a word and knows what completes raman-edge from then on."""
    if shutil.which("bash") is None:
        pytest.skip("no bash on this machine")
    called = ["bash", "--norc", "-c", 'source "$1"; complete -p raman-edge', "bash", str(scripts["bash"])]
    done = subprocess.run(called, capture_output=True, text=True, check=True, env=command.environment(), timeout=120)
    assert (done.stdout.split()[-1], done.stderr) == ("raman-edge", "")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh on this machine")
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("raman-edge forw", "raman-edge forward "),
        ("raman-edge journal verify --he\t", "--head"),
        ("raman-edge journal list --decision amb", "--decision ambiguous "),
        ("raman-edge serial --profile tcd1304-tee", "tcd1304-teensy "),
        ("raman-edge identify spectr", "spectrum.csv "),
        ("raman-edge watch spec", "specimens\\ of\\ May/"),
    ],
)
def test_zsh_completes_at_tab(scripts: dict[str, Path], folder: Path, typed: str, shown: str) -> None:
    """A zsh that found the script in its fpath completes on its terminal, when Tab is pressed."""
    functions = folder / ".zfunc"
    functions.mkdir()
    shutil.copy(scripts["zsh"], functions / "_raman-edge")
    (folder / ".zshrc").write_text('fpath=(~/.zfunc $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1="ready> "\n')
    environment = command.environment(HOME=str(folder), ZDOTDIR=str(folder), TERM="dumb", COLUMNS="200")
    assert shown in at_terminal(["zsh", "-i"], folder, environment, typed, shown)


def at_terminal(called: list[str], folder: Path, environment: dict[str, str], typed: str, awaited: str) -> str:
    """Start a shell on a terminal, type and press Tab when it is ready; return what it then shows, up to ``awaited``."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(called, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment, start_new_session=True)
    os.close(theirs)
    assert "ready> " in read_until(ours, "ready> ")
    os.write(ours, f"{typed}\t".encode())
    seen = read_until(ours, awaited)
    process.kill()
    process.wait()
    os.close(ours)
    return seen


def read_until(terminal: int, awaited: str) -> str:
    """Read from the terminal until something is there, or a minute has passed."""
    seen, until = "", time.monotonic() + 60
    while awaited not in seen and time.monotonic() < until:
        if select.select([terminal], [], [], 1)[0]:
            try:
                seen += os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                break
    return seen


def test_the_command_prints_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    """The script comes on standard output, the same each time; an unknown shell is a usage error."""
    assert cli.main(["completion", "bash"]) == 0
    first = capsys.readouterr().out
    assert cli.main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == first
    assert "complete -o bashdefault" in first
    assert cli.main(["completion", "ksh"]) == 2


# The tree of commands


def parser() -> Parser:
    """Return a small command line with every kind of argument."""
    root = Parser(prog="tool", description="What it is for.")
    actions = root.add_subparsers(metavar="ACTION")
    one = actions.add_parser("one", help="the first")
    one.add_argument("names", nargs="+", metavar="NAME")
    one.add_argument("extra", nargs="*")
    one.add_argument("--size", default=3, metavar="N", help="how many of %(prog)s, 50 %% of them (default: %(default)s)")
    one.add_argument("-o", "--out", required=True, metavar="FILE")
    one.add_argument("--kind", choices=("a", "b"))
    one.add_argument("--flag", action="store_true")
    actions.add_parser("two", help="the second").add_argument("maybe", nargs="?", metavar="MAYBE")
    return root


def taken(name: str) -> dict[str, argparse.Action]:
    """Return the arguments of an action by what they are stored as."""
    found = {branch.parser.prog: branch.parser for branch in completion.branches(parser())}
    return {action.dest: action for action in completion.arguments(found[f"tool {name}"])}


def test_the_tree_has_every_branch_in_order() -> None:
    """The root comes first, each command before its actions, with its line of the list above; leaves run."""
    found = [(branch.parser.prog, branch.what, branch.leaf) for branch in completion.branches(parser())]
    assert found == [("tool", "", False), ("tool one", "the first", True), ("tool two", "the second", True)]


def test_a_placeholder_stands_for_the_value_of_an_argument() -> None:
    """The metavar, else the choices, else the name in capitals; a flag has none."""
    one = taken("one")
    assert {name: completion.placeholder(one[name]) for name in ("names", "extra", "size", "out", "kind", "flag")} == {
        "names": "NAME",
        "extra": "EXTRA",
        "size": "N",
        "out": "FILE",
        "kind": "{a,b}",
        "flag": "",
    }
    assert completion.placeholder(taken("two")["maybe"]) == "MAYBE"
