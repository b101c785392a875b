"""The commands that this package adds to ``raman-train``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from raman_export import cli
from raman_train import cli as train_cli

DECLARED = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"][train_cli.GROUP]


def test_the_declared_entry_points_are_the_commands() -> None:
    """An installation finds ``export`` and ``sign``."""
    found = {name: EntryPoint(name, value, train_cli.GROUP).load() for name, value in DECLARED.items()}
    assert found == {"export": cli.add_export, "sign": cli.add_sign}


def test_the_help_lists_every_command_without_torch(tmp_path: Path) -> None:
    """The commands of both packages, also in a checkout that is not installed; nothing heavy is imported for it."""
    for name in ("torch", "onnx", "onnxruntime", "matplotlib"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('heavy')\n")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-m", "raman_export.cli", "--help"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout
    names = {line.split()[0] for line in shown.splitlines() if line.startswith("    ") and line.strip()}
    assert {"import", "fit", "evaluate", "benchmark", "figures", "transfer", "export", "sign"} <= names


def test_other_packages_add_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """``export`` is a command only with the entry points."""
    with pytest.raises(SystemExit):
        train_cli.main(["export", "--help"], [])
    assert "got 'export'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_cli.main(["export", "--help"])
    assert "--onnx" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        train_cli.main(["--help"], [])
    assert "python -m raman_export.cli" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("program", ["raman_train.cli", "raman_export.cli"])
def test_a_closed_pipe_is_quiet(program: str, tmp_path: Path) -> None:
    """A reader that leaves before anything is written, as ``head`` does, ends the command with the code of SIGPIPE and no message."""
    reading, writing = os.pipe()
    os.close(reading)
    results = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", program, "benchmark", "--dry-run", "--systems", "cosine", "--results", str(results)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
