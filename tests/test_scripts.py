"""The scripts of benchmarks/ and fuzz/, which are run by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LOAD = """
import runpy, sys
from pathlib import Path
path, loaded, root = list(sys.path), set(sys.modules), Path.cwd().parent
own = {root / name for name in ("tests", "benchmarks", "fuzz")}  # not .venv, which may lie beside them
for script in sorted(Path.cwd().glob("*.py")):
    runpy.run_path(str(script), run_name="loaded")
    for name in set(sys.modules) - loaded:
        if own & set(Path(getattr(sys.modules[name], "__file__", None) or "/").parents):
            del sys.modules[name]
    sys.path[:] = path
    print(script.name)
"""


@pytest.mark.parametrize("folder", ["benchmarks", "fuzz"])
def test_every_script_loads_by_itself(folder: str) -> None:
    """Each script finds the helpers that it imports when it is started as the documentation says, outside pytest."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    packages = os.pathsep.join(str(ROOT / package) for package in ("edge", "train", "export"))
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=ROOT / folder,
        env=environment | {"PYTHONPATH": packages},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == sorted(path.name for path in (ROOT / folder).glob("*.py"))
