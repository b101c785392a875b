"""What every test shares: where real data lies, one thread for torch, and signals as a shell in the foreground leaves them."""

from __future__ import annotations

import os
import signal
import sys
import tomllib
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from data_folder import DATA
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("every", deadline=None, derandomize=True)
settings.register_profile("quick", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("random", max_examples=1000, deadline=None, derandomize=False, print_blob=True)
settings.load_profile("every")
"""`make test` chooses "quick", `make test-random` "random". Only "random" draws new cases in every run: elsewhere a failure comes from
the change under test, not from luck. No example has a time limit: a busy machine is not a fault."""
os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Tiny networks are slower on several threads, and tests run beside other work."""
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""Tests that import onnxruntime themselves send nothing to its maker either."""
os.environ["RAMAN_EDGE_USER_LIBRARY"] = str(Path(__file__).parent / "nothing-was-taught.sqlite3")
"""What the user of this machine has taught is nothing to the tests."""


for name, handler in (("SIGHUP", signal.SIG_DFL), ("SIGQUIT", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
    # nohup, and a shell in the background, leave these ignored; commands that tests start would inherit that and miss the test's signal.
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        signal.signal(getattr(signal, name), handler)


if sys.platform == "win32":
    _write_text = Path.write_text

    def _exactly(path: Path, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = "\n") -> int:
        """Write a text with the line ends that a test gives it: many compare digests of bytes."""
        return _write_text(path, data, encoding, errors, newline)

    Path.write_text = _exactly  # type: ignore[method-assign]  # a test helper for one system

NOT_ON_WINDOWS = Path(__file__).parent / "platforms" / "not_on_windows.toml"
"""Tests that mean nothing on Windows, by reason."""


REASONS = {test: reason for reason, tests in tomllib.loads(NOT_ON_WINDOWS.read_text("utf-8")).items() for test in tests}
if sys.platform == "win32":
    collect_ignore = [f"edge/{file}" for file in REASONS if "::" not in file]  # they cannot even be imported


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, on Windows, what means nothing there, with the reason."""
    for item in items if sys.platform == "win32" else ():
        file, _, test = item.nodeid.removeprefix("tests/edge/").partition("::")
        for name in (f"{file}::{test.partition('[')[0]}", f"{file}::{test}"):
            if reason := REASONS.get(name):
                item.add_marker(pytest.mark.skip(reason=reason))


COMMANDS = "raman_train.commands"
FILES = count()
"""Numbers of the files of remembered instruments, one a test."""


@pytest.fixture(scope="session", autouse=True)
def _commands_of_this_checkout() -> Iterator[None]:
    """Register the entry points of pyproject.toml if the installed metadata is older than this checkout."""
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"][COMMANDS]
    points = metadata.EntryPoints(metadata.EntryPoint(name, value, COMMANDS) for name, value in declared.items())
    with pytest.MonkeyPatch.context() as patch:
        if {point.name for point in metadata.entry_points(group=COMMANDS)} != set(declared):
            patch.setattr("raman_train.cli.entry_points", lambda *, group: points.select(group=group))
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run at once: half as many again as there are processors, for many wait for a folder, a broker or a child."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return processors + processors // 2


@pytest.fixture(autouse=True)
def _no_remembered_instruments(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test begin without remembered instruments, and keep those of this machine's user out of it."""
    monkeypatch.setenv("RAMAN_EDGE_INSTRUMENTS", str(tmp_path_factory.getbasetemp() / f"{next(FILES)}-instruments.toml"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real spectra; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no real spectra at {DATA}: set RAMAN_DATA")
    return DATA
