"""Which way imports point, and what a device never has to load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import build
import pytest
import raman_edge

ROOT = Path(raman_edge.__file__).parents[2]
TRAINING = ("torch", "onnx", "onnxscript", "scipy.signal", "sklearn", "matplotlib", "safetensors", "raman_train", "raman_export")
"""What the edge runs without; scipy.signal alone takes longer to import than a device may take to answer."""

FORBID = """
import importlib, json, pkgutil, sys

class Forbidden:
    def __init__(self, names):
        self.names = tuple(names)

    def find_spec(self, name, path=None, target=None):
        if name in self.names or name.startswith(tuple(f"{own}." for own in self.names)):
            raise ImportError(f"{name} must not be imported here")

sys.meta_path.insert(0, Forbidden(json.loads(sys.argv[1])))
"""
IMPORT_ALL = f"""{FORBID}
import raman_edge

def failed(name):
    raise

found = [module.name for module in pkgutil.walk_packages(raman_edge.__path__, "raman_edge.", onerror=failed)]
for name in found:
    if not name.endswith(".__main__"):  # importing it runs the command line
        importlib.import_module(name)
print(json.dumps([found, sorted(sys.modules)]))
"""
IDENTIFY = f"""{FORBID}
from pathlib import Path
import numpy as np
from raman_edge import records, synthetic
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.matching.identify import identify
from raman_edge.spectrum import Axis, Origin

model = Model.open(Path(sys.argv[2]))
library = Library.open(Path(sys.argv[3]), network=model.card.network)
table = library.peaks[library.labels.index("Quartz")]
axis, conditions = Axis.linear(150.0, 1400.0, 1.0), synthetic.SyntheticConditions()
seen = synthetic.expose(axis, table, conditions, np.random.default_rng(1), Origin("test", ""))
said = json.loads(records.encode(records.of(identify(seen, model, library), records.provenance(model, library))))
print(json.dumps([said["matches"][0]["label"], sorted(sys.modules)]))
"""


def run(script: str, *arguments: str) -> Any:
    """Run ``script`` in a fresh interpreter and return what it prints as JSON."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_edge_imports_nothing_of_training() -> None:
    """Every module of the edge can be imported where nothing of training, and no scipy.signal, exists."""
    found, loaded = run(IMPORT_ALL, json.dumps(TRAINING))
    files = {file.relative_to(ROOT / "edge").with_suffix("") for file in (ROOT / "edge" / "raman_edge").rglob("*.py")}
    names = {".".join(file.parts).removesuffix(".__init__") for file in files}
    assert set(found) | {"raman_edge"} == names
    assert {"raman_edge.cli", "raman_edge.terminal", "raman_edge.formats", "raman_edge.sources", "raman_edge.journal"} <= set(loaded)


def test_forbidden_modules_are_noticed() -> None:
    """The test above can fail: a module that is needed and forbidden is an error."""
    with pytest.raises(AssertionError, match=r"numpy must not be imported here"):
        run(IMPORT_ALL, json.dumps(["numpy"]))


def test_identifying_loads_neither_scipy_nor_training(tmp_path: Path) -> None:
    """Naming a spectrum from opened files to the record needs no scipy at all, no pybaselines and nothing of training."""
    model, library = build.write_pair(tmp_path)
    label, loaded = run(IDENTIFY, json.dumps([*TRAINING, "scipy", "pybaselines", "rich"]), str(model), str(library))
    assert label == "Quartz"
    assert not {name.partition(".")[0] for name in loaded} & {"scipy", "pybaselines", "torch", "onnx", "rich", "sqlite3"}


def test_imports_point_one_way() -> None:
    """The import contracts in pyproject.toml hold."""
    pytest.importorskip("importlinter", reason="import-linter is an extra of development")
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
