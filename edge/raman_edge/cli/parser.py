"""The parser of every command: it suggests what a misspelt word may mean, and its help ends with examples and exit codes.

A table names the module of each command and of each action; the module is imported when its command is chosen. What a module needs it
imports at its top: commands that are not chosen cost nothing.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any, NoReturn

from raman_edge.masking import masked_arguments
from raman_edge.wording import encodable, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Examples = tuple[tuple[str, str], ...]
    """Command lines, each with what it does."""

NARROW = 40
"""Fewest columns that help is laid out for."""
MORE = (
    "Every command explains itself, with examples: raman-edge COMMAND --help. raman-edge --version shows the version; raman-edge "
    "completion makes the shell complete commands, options and names."
)
EXITS: dict[int, str] = {
    0: "success",
    1: "some inputs failed, or a check found a difference",
    2: "the command line is wrong",
    65: "bad data: a file without a spectrum, no such record, a damaged journal, a failed verification",
    69: "an instrument or a folder is not available",
    70: "a defect in raman-edge; please report what it prints",
    73: "a journal or an output cannot be written",
    74: "A LASER MAY STILL BE ON: the instrument did not confirm that it is off",
    75: "busy: another program uses it",
    78: "a setting, a profile, a model or a calibration is wrong",
    129: "the terminal was closed; stopped cleanly",
    130: "Ctrl-C; stopped cleanly",
    131: "Ctrl-\\ with a laser in use; stopped cleanly (134: SIGABRT)",
    141: "the reader of the pipe has closed it",
    143: "SIGTERM; stopped cleanly",
}
"""Exit codes of all commands."""
LASER: dict[int, str] = {74: EXITS[74]}
STOPS: dict[int, str] = {130: "Ctrl-C (143: SIGTERM): stopped cleanly, nothing is lost"}


class Parser(argparse.ArgumentParser):
    """argparse without abbreviated options, and with examples and exit codes at the end of its help."""

    groups: Mapping[str, Mapping[str, str]] | None = None
    """Title → command → what it does, where commands are listed in groups."""

    def __init__(self, *, examples: Examples = (), exits: Mapping[int, str] | None = None, **kwargs: Any) -> None:  # noqa: ANN401 - argparse's own
        super().__init__(allow_abbrev=False, **kwargs)
        self.examples = examples
        self.exits = exits or {}
        """Exit codes that mean something particular here."""
        self.source = ""
        """``module``, or ``module:action``, that has the arguments and is not imported yet."""

    def add_commands(self, metavar: str, table: Mapping[str, tuple[str, str]]) -> None:
        """Add commands: name → module, what it does.

        A module has ``add_arguments`` and ``run``, or for its action A ``add_A`` and ``run_A``.
        """
        commands = self.add_subparsers(metavar=metavar, required=True)
        for name, (source, what) in table.items():
            commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.").source = source

    def describe(self, *, description: str, examples: Examples, exits: Mapping[int, str] | None = None, epilog: str | None = None) -> None:
        """Set what the help says besides the arguments."""
        self.description, self.examples, self.exits, self.epilog = description, examples, exits or {}, epilog

    def fill(self, *, below: bool = False) -> None:
        """Import the module of this command and add its arguments, once; ``below`` those of all actions too."""
        name, _, action = self.source.partition(":")
        self.source = ""
        if name:
            module = importlib.import_module(name)
            getattr(module, f"add_{action or 'arguments'}")(self)
            if (run := getattr(module, f"run_{action}" if action else "run", None)) is not None:
                self.set_defaults(run=run)
        if below:
            for group in self._actions:
                if isinstance(group, argparse._SubParsersAction):  # noqa: SLF001 - has no public name
                    for command in group.choices.values():
                        command.fill(below=True)

    def parse_known_args(
        self,
        args: Iterable[str] | None = None,
        namespace: Any = None,  # noqa: ANN401 - as in argparse
    ) -> tuple[Any, list[str]]:
        """Parse; an unknown option, or a word too many, is an error that names the command it was given to."""
        self.fill()
        given = list(sys.argv[1:] if args is None else args)
        known = [option for action in self._actions for option in action.option_strings]
        below = any(isinstance(action, argparse._SubParsersAction) for action in self._actions)  # noqa: SLF001 - has no public name
        for word in given:
            option = word.partition("=")[0]
            if word == "--" or (below and not word.startswith("-")):
                break  # the command below parses what follows it
            if word.startswith("--") and " " not in option and option not in known:
                near = did_you_mean(option, known) or (". Options of a command stand after it" if below else "")
                self.error(f"unknown option {option!r}{near}")
        parsed, rest = super().parse_known_args(given, namespace)
        if rest:
            self.error(f"got {' '.join(map(repr, rest))}, which this command does not take")
        return parsed, rest

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - as in argparse
        """Refuse a value that is none of the choices, with the likeliest one."""
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, f"got {value!r}, expected {', '.join(choices)}{did_you_mean(str(value), choices)}")

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and exit with 2; arguments may hold escape codes and passwords.

        Without any command or action, the help is printed: it lists them.
        """
        if message.endswith((": COMMAND", ": ACTION")):
            self.exit(2, f"{self._front() if self.groups else self.format_help()}\n{self.prog}: expected {message.rpartition(' ')[2]}\n")
        self.exit(2, f"{self.prog}: {printable(masked_arguments(message))}\n{self.prog} --help shows how it is called\n")

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 - as in argparse
        """Print help, version or an error; what the stream's encoding lacks is substituted."""
        super()._print_message(encodable(message, getattr(file, "encoding", None)), file)

    def format_help(self) -> str:
        """Return help as wide as the terminal, with examples and exit codes at its end."""
        lines = [self._front() if self.groups else super().format_help()]
        if self.examples:
            lines.append("examples:")
        for line, what in self.examples:
            lines += [f"  {line}", *_wrapped(what, " " * 6, " " * 6)]
        if self.exits:
            lines += ["", "exit codes:"]
        for code, meaning in self.exits.items():
            lines += _wrapped(meaning, f"  {code:<5} ", " " * 8)
        return "\n".join([*lines, ""]) if self.examples or self.exits else lines[0]

    def _front(self) -> str:
        """Return the list of commands by group."""
        groups = self.groups or {}
        lines = [self.format_usage(), *_wrapped(self.description or "")]
        longest = 2 + max(len(name) for group in groups.values() for name in group)
        for title, group in groups.items():
            lines += ["", f"{title}:"]
            for name, what in group.items():
                lines += _wrapped(what, f"  {name:<{longest}}", " " * (longest + 2))
        return "\n".join([*lines, "", *_wrapped(MORE), ""])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``. Did you mean …?`` with the known word that is most similar; empty where none is similar."""
    names = {name.strip("-"): name for name in known}  # two dashes are no similarity
    near = difflib.get_close_matches(word.strip("-"), names, n=1)
    return f". Did you mean {names[near[0]]}?" if near else ""


def _wrapped(text: str, first: str = "", others: str = "") -> list[str]:
    """Return lines no wider than argparse makes its own."""
    width = max(NARROW, shutil.get_terminal_size().columns - 2)
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
