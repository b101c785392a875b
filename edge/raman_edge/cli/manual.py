"""The manual page raman-edge(1), made from the same parser and pages as the help: ``python -m raman_edge.cli.manual``."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge import __version__, cli
from raman_edge.cli import tree
from raman_edge.cli.examples import EXITS, PAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from raman_edge.cli.examples import Page
    from raman_edge.cli.tree import Branch

PLACE = Path("docs/raman-edge.1")
"""Where the page lies in a checkout."""
COMMON = 3
"""Commands from which on an option that is the same in all of them is told once, at the end."""
LINE = 60
"""Characters of a line of the file, before they are escaped."""
ABOUT = (
    "raman-edge stands beside a spectrometer. It reads the spectra that an instrument measures, or that its software drops into a "
    "folder, prepares them, runs a small network and a library search on one processor core, and tells ranked matches with the "
    "evidence for them. Where nothing in its library is near enough, the answer is unknown. A terminal gets a screen or a table; a "
    "pipe, or --json, gets JSON lines on standard output, and everything else on standard error."
)
VARIABLES = {
    "RAMAN_EDGE_JOURNAL": "the journal, instead of the one in the user's state folder",
    "RAMAN_EDGE_USER_LIBRARY": "the user's own library, instead of the one in the user's data folder",
    "RAMAN_EDGE_LIBRARY": "for watch: the reference library of the model",
    "RAMAN_EDGE_CALIBRATIONS": "the folder of calibrations, instead of the one in the user's data folder",
    "RAMAN_EDGE_CONFIG": "the file of settings of watch",
    "RAMAN_EDGE_MQTT_PASSWORD": "the password for a broker",
    "RAMAN_EDGE_POLL_S": "and others: every setting of watch, as `raman-edge config show` lists them",
    "NO_COLOR": "no colour on the terminal",
}
FILES = {
    "~/.local/state/raman-edge/journal.sqlite3": "the journal",
    "~/.local/share/raman-edge/user-library.sqlite3": "what was taught",
    "~/.local/share/raman-edge/calibrations": "calibrations, by serial number; those that were replaced are in earlier/",
    "~/.config/raman-edge/config.toml": "settings of watch; those of the system are in /etc/raman-edge/config.toml",
}
"""On Linux."""


def page() -> str:
    """Return the page in the man macros (man(7))."""
    found = list(tree.branches(cli.whole()))
    shared = _shared(found)
    lines = [f'.TH RAMAN-EDGE 1 "" "raman-edge {__version__}" "User Commands"', ".nh"]
    lines += [".SH NAME", _escaped("raman-edge") + r" \- name a Raman spectrum, at the instrument"]
    lines += [".SH SYNOPSIS", *_bold("raman-edge [--help] [--version] COMMAND ...")]
    lines += [".SH DESCRIPTION", *_text(ABOUT)]
    for title, group in cli.GROUPS.items():
        lines.append(f".SH {_escaped(title).upper()}")
        for name in group:
            below = [branch for branch in found if branch.parser.prog.split()[1:2] == [name]]
            lines += (line for branch in below for line in _command(branch, shared))
    lines += [".SH COMMON OPTIONS", *_terms((_flags(action), told) for action, told in shared.values())]
    lines += [".SH EXAMPLES", *_examples(PAGES["raman-edge"])]
    lines += [".SH EXIT STATUS", *_terms((str(code), meaning) for code, meaning in EXITS.items())]
    lines += [".SH ENVIRONMENT", *_terms(VARIABLES.items()), ".SH FILES", *_terms(FILES.items())]
    return "\n".join([*lines, ""])


Shared = dict[tuple[str, str], tuple[argparse.Action, str]]
"""Flags and help of an option → the option and its help."""


def _shared(found: Iterable[Branch]) -> Shared:
    """Return the options that are the same in several commands."""
    seen: Shared = {}
    count: Counter[tuple[str, str]] = Counter()
    for branch in found:
        for action in tree.arguments(branch.parser):
            told = tree.told(action, branch.parser.prog)
            key = _key(action, told)
            if action.option_strings:
                seen[key] = action, told
                count[key] += 1
    return {key: seen[key] for key in sorted(seen) if count[key] >= COMMON}


def _command(branch: Branch, shared: Shared) -> Iterator[str]:
    """Give one command or action: how it is called, what it does, what it takes, examples, exit codes."""
    parser, known = branch.parser, PAGES.get(branch.parser.prog)
    taken = [(action, tree.told(action, parser.prog)) for action in tree.arguments(parser) if branch.leaf]
    common = [action for action, told in taken if _key(action, told) in shared]
    own = [(action, told) for action, told in taken if action not in common]
    about = known.about if known and known.about else (parser.description or branch.what) % {"prog": parser.prog}
    yield f".SS {_escaped(parser.prog)}"
    if branch.leaf:
        yield from _bold(" ".join([parser.prog, *(_usage(action) for action, _ in own), *(["[COMMON OPTION]..."] if common else [])]))
        yield ".PP"
    yield from _text(about)
    yield from _terms((_flags(action), told) for action, told in own)
    if common:
        yield from (".PP", *_text(f"Common options: {', '.join(action.option_strings[-1] for action in common)}."))
    if known:
        yield from (".PP", "Examples:", *_examples(known))
    if known and known.exits:
        yield from (".PP", "Exit codes:", *_terms((str(code), meaning) for code, meaning in known.exits.items()))


def _examples(known: Page) -> Iterator[str]:
    for line, what in known.examples:
        yield from (".TP", *_bold(line), *_text(what))


def _key(action: argparse.Action, told: str) -> tuple[str, str]:
    return " ".join(action.option_strings), told


def _flags(action: argparse.Action) -> str:
    """Return how an argument is written."""
    value = tree.placeholder(action)
    return " ".join(part for part in (", ".join(action.option_strings), value) if part)


def _usage(action: argparse.Action) -> str:
    """Return an argument as it stands in a line of usage."""
    value = tree.placeholder(action)
    if action.option_strings:
        said = " ".join(part for part in (action.option_strings[-1], value) if part)
        return said if action.required else f"[{said}]"
    return {"?": f"[{value}]", "*": f"[{value}]...", "+": f"{value}..."}.get(str(action.nargs), value)


def _terms(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, what in rows:
        yield from (".TP", *_bold(name), *_text(what))


def _bold(text: str) -> list[str]:
    lines = _text(text)
    return [f"\\fB{lines[0]}", *lines[1:-1], f"{lines[-1]}\\fR"] if len(lines) > 1 else [f"\\fB{lines[0]}\\fR"]


def _text(text: str) -> list[str]:
    """Return text in lines of roff."""
    return [_escaped(line) for line in textwrap.wrap(text, LINE, break_long_words=False, break_on_hyphens=False)]


def _escaped(text: str) -> str:
    r"""Return text as roff shows it: hyphens as typed, no line read as a request, other characters than ASCII as ``\[uXXXX]``."""
    for character, shown in {"\\": "\\e", "-": "\\-", '"': "\\(dq", "'": "\\(aq", "`": "\\(ga"}.items():
        text = text.replace(character, shown)
    plain = "".join(character if character.isascii() else f"\\[u{ord(character):04X}]" for character in text)
    return f"\\&{plain}" if plain.startswith(".") else plain


def main(argv: Sequence[str]) -> int:
    """Write the page, to :data:`PLACE` or where it is wanted."""
    place = Path(argv[0]) if argv else PLACE
    place.write_text(page(), "utf-8")
    print(f"{place} is written", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
