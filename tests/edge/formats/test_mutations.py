"""Mutated files: spectra or one line, within bounds of time and memory. The command does many more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import format_mutations
import markers
import pytest
from contracts.format_contract import EXAMPLES

COMMAND = [sys.executable, str(Path(format_mutations.__file__))]


@markers.POSIX
def test_no_mutation_of_the_examples_does_harm() -> None:
    """A few hundred of them, in processes of their own."""
    ends = format_mutations.tally(EXAMPLES, range(600))
    assert set(ends) == {"answered", "fault"}, ends
    assert ends.total() == 600


def test_a_mutation_is_reproduced_by_its_number() -> None:
    """The same number gives the same bytes, others give others."""
    contents = format_mutations.files(EXAMPLES)
    made = [format_mutations.mutation(contents, number) for number in range(300)]
    assert made == [format_mutations.mutation(contents, number) for number in range(300)]
    assert len({*made}) > 200


@markers.POSIX
@pytest.mark.parametrize(
    ("does", "reason"),
    [("raise ValueError('x')", "ESCAPED ValueError x"), ("bytearray(1 << 31)", "ESCAPED MemoryError "), ("os._exit(3)", "CRASHED")],
)
def test_harm_is_reported_with_its_number(does: str, reason: str, tmp_path: Path) -> None:
    """Another exception, too much memory and the end of the process are no answers, and the rest goes on."""
    (tmp_path / "a").write_bytes(b"1 2\n")
    code = (
        "import os, sys, format_mutations\n"
        "def answer(data, number):\n"
        f"    if number == 7:\n        {does}\n"
        "    return 'fault'\n"
        "format_mutations.answer = answer\n"
        f"sys.argv = ['', {str(tmp_path)!r}, '20']\n"
        "sys.exit(format_mutations.main())\n"
    )
    folder = str(Path(format_mutations.__file__).parent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False, timeout=100)
    assert done.returncode == 1, done.stderr
    assert f"mutation 7: {reason}" in done.stdout
    assert "'fault': 19" in done.stdout


@markers.POSIX
def test_it_is_a_command(tmp_path: Path) -> None:
    """It prints how many mutations ended how."""
    (tmp_path / "a.txt").write_bytes((EXAMPLES / "delimited.csv").read_bytes())
    done = subprocess.run([*COMMAND, str(tmp_path), "30", "5"], capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"30 mutations of the files below {tmp_path}: ")
