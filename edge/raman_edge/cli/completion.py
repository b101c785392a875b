"""``raman-edge completion bash | zsh | fish``: a script that completes commands, options, files, profiles and ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli import tree
from raman_edge.cli.output import write

if TYPE_CHECKING:
    import argparse

SHELLS = ("bash", "zsh", "fish")
PATHS = frozenset({"FILE", "PATH", "PUBLIC.pem", "CALIBRATION"})
PORTS = "/dev/serial/by-id/* /dev/ttyUSB* /dev/ttyACM* /dev/cu.usb* /dev/cu.wch*"
"""Where serial ports that are plugged in appear on Linux and macOS."""

Completed = dict[str, str | dict[str, str]]
"""Shell → what completes there; ``preamble`` holds the functions it names."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.description = (
        "Print a script with which your shell completes raman-edge: commands, options and their values, files and folders, profiles of "
        "instruments, serial ports that are plugged in. It asks nothing of raman-edge while you type. Print it anew after an update."
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    write(script(options.shell).encode().rstrip(b"\n"))
    return 0


def script(shell: str) -> str:
    """Return the script for a shell."""
    import shtab  # noqa: PLC0415 - for this command alone

    from raman_edge import cli  # noqa: PLC0415 - it imports this module by name
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - with msgspec

    root = cli.whole()
    profiles = _profiles(tuple(catalogue.profiles()))
    for branch in list(tree.branches(root)):
        branch.parser.description = branch.what
        for action in tree.arguments(branch.parser):
            _complete(action, shtab.FILE, shtab.DIRECTORY, profiles)
    made: str = shtab.complete(root, shell)
    return made


def _complete(action: argparse.Action, files: Completed, folders: Completed, profiles: Completed) -> None:
    """Tell of one argument what completes it, by what stands for its value in the help, and cut its help to its first clause."""
    action.help = tree.told(action, "raman-edge").split(";")[0].split(". ")[0].replace("%", "%%")
    words = tree.placeholder(action).split("|")
    kind: Completed | None = None
    if action.dest == "profile":
        kind = profiles
    elif "PORT" in words:
        kind = PORT
    elif "DIR" in words:
        kind = folders
    elif PATHS & set(words) or action.dest == "files":
        kind = files
    fixed = [word for word in words if word.islower() and word.isalpha()]
    if fixed and action.choices is None and action.nargs != 0:
        kind = _words(action.dest, fixed, with_files=kind is files)
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


def _profiles(names: tuple[str, ...]) -> Completed:
    """Return what completes profiles: those that ship, and files of one's own."""
    return _words("profile", list(names), with_files=True)


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
