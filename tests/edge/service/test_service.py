"""What holds for every module of the service: it takes settings, and prints nothing by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from raman_edge import service
from raman_edge.service import signals

MODULES = sorted(Path(str(service.__file__)).parent.glob("*.py"))
COMMAND_LINE = {"argparse", "raman_edge.cli"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_it_knows_no_command_line(path: Path) -> None:
    """No options of a command line, no standard stream, no print: what it has to say goes to a callable that it is given."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not {name for name in imported if name and name.split(".", 2)[:2] in [one.split(".") for one in COMMAND_LINE]}
    assert "argparse" not in imported
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "print" not in called
    streams = {"stdout", "stderr", "stdin"}
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_sys(node.value)} & streams


def _is_sys(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "sys"


@pytest.mark.parametrize("event", signals.CLOSING)
def test_a_closed_windows_console_ends_the_run(event: int) -> None:
    """Its handler requests the end, and returns only when it has waited for it: Windows ends the process then."""
    stop, waits = signals.Stop(), []
    assert signals.on_console_event(stop, event, waits.append)
    assert stop.event.is_set()
    assert stop.closing
    assert stop.code(0) > 128
    assert waits == [signals.CLOSING_S]


@pytest.mark.parametrize("event", [0, 1])
def test_ctrl_c_and_ctrl_break_stop_the_run(event: int) -> None:
    """The first one requests the end at once, also while the main thread waits."""
    stop, waits = signals.Stop(), []
    assert signals.on_console_event(stop, event, waits.append)
    assert stop.event.is_set()
    assert stop.code(0) == 128 + signals.PRESSED[event]
    assert not waits


def test_a_second_ctrl_c_is_left_to_python_and_a_second_ctrl_break_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both end in a KeyboardInterrupt of the main thread."""
    interrupted: list[int] = []
    monkeypatch.setattr("_thread.interrupt_main", interrupted.append)
    stop = signals.Stop()
    stop.signal = 2
    assert not signals.on_console_event(stop, 0)
    assert not interrupted
    assert signals.on_console_event(stop, 1)
    assert interrupted == [signals.PRESSED[1]]


def test_an_unknown_console_event_is_left_to_windows() -> None:
    """The numbers 3 and 4 are reserved."""
    stop = signals.Stop()
    assert not signals.on_console_event(stop, 3)
    assert not stop.event.is_set()
