"""``raman-edge completion bash | zsh | fish``: a script that completes commands, options, files, profiles and ports."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

import shtab

from raman_edge import cli
from raman_edge.cli.output import write
from raman_edge.instruments.profiles import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.cli.parser import Parser

SHELLS = ("bash", "zsh", "fish")
PATHS = frozenset({"FILE", "PATH", "PUBLIC.pem", "CALIBRATION"})
PORTS = "/dev/serial/by-id/* /dev/ttyUSB* /dev/ttyACM* /dev/cu.usb* /dev/cu.wch*"
"""Where connected serial ports appear on Linux and macOS."""

Completed = dict[str, str | dict[str, str]]
"""Shell → what completes there; ``preamble`` holds the functions it names."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Print a script with which your shell completes raman-edge: commands, options and their values, files and folders, profiles of "
        "instruments, connected serial ports. The script does not run raman-edge while you type. Print it again after an update."
    )
    parser.examples = (
        ("raman-edge completion bash > ~/.raman-edge.bash", "and in ~/.bashrc: source ~/.raman-edge.bash"),
        ("raman-edge completion zsh > ~/.zfunc/_raman-edge", "and in ~/.zshrc, before compinit: fpath=(~/.zfunc $fpath)"),
        ("raman-edge completion fish > ~/.config/fish/completions/raman-edge.fish", "fish, at once"),
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    write(script(options.shell).encode().rstrip(b"\n"))
    return 0


def script(shell: str) -> str:
    """Return the script for a shell."""
    root = cli.whole()
    profiles = _words("profile", list(catalogue.profiles()), with_files=True)
    for branch in list(branches(root)):
        branch.parser.description = branch.what
        for action in arguments(branch.parser):
            _complete(action, profiles)
    made: str = shtab.complete(root, shell)
    return made


class Branch(NamedTuple):
    """A command, or an action of a command."""

    parser: argparse.ArgumentParser
    what: str
    """Its line in the list of the parser above it; empty for the root."""
    leaf: bool
    """Whether it runs, and takes no action."""


def branches(root: argparse.ArgumentParser, what: str = "") -> Iterator[Branch]:
    """Give every command with its actions after it, the root first."""
    below = [action for action in arguments(root) if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - has no public name
    yield Branch(root, what, not below)
    for action in below:
        helps = {choice.dest: choice.help or "" for choice in action._get_subactions()}  # noqa: SLF001 - nothing public gives their help
        for name, parser in action.choices.items():
            yield from branches(parser, helps.get(name, ""))


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments of a parser, in the order in which they were added."""
    return list(parser._actions)  # noqa: SLF001 - argparse has no public list of them


def placeholder(action: argparse.Action) -> str:
    """Return the placeholder of an argument's value; empty for a flag."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    return f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper()


def _complete(action: argparse.Action, profiles: Completed) -> None:
    """Set what completes an argument, by its placeholder, and shorten its help to the first clause."""
    help_text = (action.help or "") % {**vars(action), "prog": "raman-edge"}
    action.help = help_text.split(";")[0].split(". ")[0].replace("%", "%%")
    words = placeholder(action).split("|")
    kind: Completed | None = None
    if action.dest == "profile":
        kind = profiles
    elif "PORT" in words:
        kind = PORT
    elif "DIR" in words:
        kind = shtab.DIRECTORY
    elif PATHS & set(words) or action.dest == "files":
        kind = shtab.FILE
    fixed = [word for word in words if word.islower() and word.isalpha()]
    if fixed and action.choices is None and action.nargs != 0:
        kind = _words(action.dest, fixed, with_files=kind is shtab.FILE)
    if kind is not None:
        action.complete = kind  # type: ignore[attr-defined]  # where shtab looks for it


def _words(name: str, words: list[str], *, with_files: bool) -> Completed:
    """Return what completes these words, and files where the argument takes one too."""
    function = f"_raman_edge_{name}{'_or_file' if with_files else ''}"
    listed = " ".join(words)
    more = {"bash": 'compgen -f -- "$1"', "zsh": "_files", "fish": "__fish_complete_path (commandline -ct)"} if with_files else {}
    return {
        "bash": function,
        "zsh": function,
        "fish": f"({function})",
        "preamble": {
            "bash": f'{function}() {{ compgen -W "{listed}" -- "$1"; {more.get("bash", ":")}; }}',
            "zsh": f"{function}() {{ compadd -- {listed}; {more.get('zsh', ':')} }}",
            "fish": f"function {function}; string split ' ' -- '{listed}'; {more.get('fish', 'true')}; end",
        },
    }


PORT: Completed = {
    "bash": "_raman_edge_port_or_file",
    "zsh": "_raman_edge_port_or_file",
    "fish": "(_raman_edge_port_or_file)",
    "preamble": {
        "bash": "_raman_edge_port_or_file() {\n"
        f'  compgen -W "$(for port in {PORTS}; do [ -e "$port" ] && echo "$port"; done) ocean:" -- "$1"\n'
        '  compgen -f -- "$1"\n}',
        "zsh": "_raman_edge_port_or_file() {\n"
        f"  local -a ports; ports=({' '.join(f'{pattern}(N)' for pattern in PORTS.split())} ocean:)\n"
        "  compadd -a ports; _files\n}",
        "fish": "function _raman_edge_port_or_file\n"
        f"  for port in {PORTS}; test -e $port; and echo $port; end\n"
        "  echo ocean:; __fish_complete_path (commandline -ct)\nend",
    },
}
