"""``raman-edge devices page NAME``: a profile as it is written, to copy and to change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.cli.output import is_terminal, write, write_text

if TYPE_CHECKING:
    import argparse


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "page",
        help="a profile as it is written, to copy and to change",
        description="Prints the TOML of a profile: raman-edge devices page generic-csv-stream > mine.toml, and then change it.",
        allow_abbrev=False,
    )
    one.add_argument("profile", metavar="PROFILE", help="the name of a profile that ships, or a file of your own")
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print the page: to a pipe or a file byte for byte."""
    from raman_edge.instruments.profiles import catalogue  # noqa: PLC0415 - msgspec
    from raman_edge.settings import toml  # noqa: PLC0415

    path = catalogue.find(options.profile)
    toml.read(path)  # which says what is wrong with a file that cannot be read
    text = path.read_text("utf-8")
    if not is_terminal():
        write(text.removesuffix("\n").encode())
        return 0
    for line in text.splitlines():
        write_text(line)
    return 0
