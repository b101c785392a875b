"""The tree of errors: its shape, its exit codes, and that its picture is true."""

from __future__ import annotations

import copy
import re

import pytest
from raman_edge import errors
from raman_edge.errors import ConfigError, JournalError, RamanEdgeError, RowDamaged

TREE: set[type[RamanEdgeError]] = {value for value in vars(errors).values() if isinstance(value, type)}


@pytest.mark.parametrize("error", sorted(TREE, key=repr))
def test_every_error_hangs_on_the_root(error: type[RamanEdgeError]) -> None:
    """One except clause in the command line catches all of them, and knows what to end with."""
    assert issubclass(error, RamanEdgeError)
    assert error.__doc__
    assert error.exit_code in {65, 69, 70, 73, 74, 75, 78}


def test_exit_codes_are_the_documented_ones() -> None:
    """Bad data, unusable places, files that cannot be written and wrong configurations end with their own codes."""
    codes = {error.__name__: error.exit_code for error in TREE}
    configuration = {"ConfigError", "ModelError", "CardError", "ProbeMismatch", "LibraryError", "CalibrationError"}
    damaged = {"JournalDamaged", "RowDamaged", "RecordsDamaged"}
    assert {name for name, code in codes.items() if code == 65} == {"SpectrumError", "FormatError", "NoSuchRecord"} | damaged
    assert {name for name, code in codes.items() if code == 69} == {"SourceError", "SourceUnavailable", "SourceLost"}
    assert {name for name, code in codes.items() if code == 75} == {"SourceBusy"}
    unwritten = {"JournalError", "JournalUnavailable", "OutputError", "SinkError", "RecordsRefused"}
    assert {name for name, code in codes.items() if code == 73} == unwritten
    assert {name for name, code in codes.items() if code == 78} == configuration


def test_picture_shows_the_tree() -> None:
    """The drawing in the module's docstring has every error under the one it is derived from, and no other."""
    drawn = re.findall(r"^    ([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name in drawn} == {error.__name__ for error in TREE}
    above: dict[int, str] = {}
    for rails, name in drawn:
        depth = len(rails) // 4
        above[depth] = name
        parent = above[depth - 1] if depth else "Exception"
        assert getattr(errors, name).__bases__[0].__name__ == parent


def test_an_error_is_a_value_and_its_message_is_made_of_it() -> None:
    """Place, kind, got, expected and advice stand in the message in this order; what is empty is left out."""
    error = ConfigError(kind="unknown key", place="a.toml line 3", got="'baud_rate'", expected="baud or codec", advice="Correct the key")
    assert str(error) == "a.toml line 3: unknown key: got 'baud_rate', expected baud or codec. Correct the key"
    assert (error.kind, error.place, error.got, error.expected) == ("unknown key", "a.toml line 3", "'baud_rate'", "baud or codec")
    assert str(ConfigError(kind="no such file", got="'x'")) == "no such file: got 'x'"
    assert str(ConfigError("one mistake", "another")) == "one mistake; another"


def test_an_error_keeps_its_parts_at_another_place() -> None:
    """The place stands before the error's own place, or before each of its complete messages."""
    moved = ConfigError(kind="unknown key", place="line 3", got="'a'", advice="Correct it").at("a.toml")
    assert (str(moved), moved.place) == ("a.toml: line 3: unknown key: got 'a'. Correct it", "a.toml: line 3")
    assert str(ConfigError("one mistake", "another").at("a.toml")) == "a.toml: one mistake; a.toml: another"


@pytest.mark.parametrize("error", [JournalError(kind="busy", place="j.sqlite3"), RowDamaged(3, "odd"), ConfigError("one", "two", kind="k")])
def test_an_error_crosses_processes_whole(error: RamanEdgeError) -> None:
    """The worker process hands errors to the first one with all that they hold."""
    copied = copy.copy(error)  # by __reduce__, as between processes
    assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))
