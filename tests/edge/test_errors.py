"""The tree of errors: its shape, its exit codes, and that its picture is true."""

from __future__ import annotations

import re

import pytest
from raman_edge import errors
from raman_edge.errors import RamanEdgeError

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
