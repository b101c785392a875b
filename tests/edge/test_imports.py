"""Which way imports point, and what a device never has to load."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import build
import command
import pytest
from markers import slow
from raising import refused
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import Baseline, MinMax, Recipe, Smooth
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raman_edge.preprocessing import Step

ROOT = Path(__file__).parents[2]
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
record = json.loads(records.encode(records.of(identify(seen, model, library), records.provenance(model, library))))
print(json.dumps([record["matches"][0]["label"], sorted(sys.modules)]))
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


# Without the extra "baseline"


WITHOUT_BASELINE = """
import sys
sys.modules.update(dict.fromkeys(("scipy", "pybaselines")))
from raman_edge import cli
sys.exit(cli.main(sys.argv[1:]))
"""
HERE = Origin("test", "")


def without_baseline(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``raman-edge`` in a folder, where neither scipy nor pybaselines can be imported."""
    called = [sys.executable, "-c", WITHOUT_BASELINE, *map(str, arguments)]
    return subprocess.run(called, capture_output=True, text=True, check=False, cwd=folder, env=command.environment(), timeout=120)


@pytest.mark.parametrize(
    ("step", "package", "arguments"),
    [
        (Smooth(), "scipy", ["identify", "absent"]),
        (Baseline(), "pybaselines", ["serial", "absent", "--profile", "ocean-sts", "--journal", "journal.sqlite3"]),
        *slow(
            (Baseline(), "pybaselines", ["watch", ".", "--once", "--journal", "journal.sqlite3"]),
            (Baseline(), "pybaselines", ["library", "add", "Beaker 7", "absent"]),
        ),
    ],
)
def test_a_model_whose_preprocessing_lacks_a_package_is_refused_at_the_start(
    step: Step, package: str, arguments: list[str], tmp_path: Path
) -> None:
    """Each command refuses the model before it opens a file or port, and says which package is missing and what to install."""
    model = build.write_model(tmp_path / "smoothed.onnx", recipe=Recipe((build.RECIPE.steps[0], step, MinMax())))
    build.make_library().save(tmp_path / "smoothed.library.npz")
    done = without_baseline(tmp_path, *arguments, "--model", model)
    assert (done.returncode, done.stdout) == (78, "")
    assert all(part in done.stderr for part in (str(model), step.tag, package, "pip install 'raman-edge[baseline]'"))
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("step", "package"), [(Baseline(), "pybaselines"), (Smooth(), "scipy.signal")])
def test_a_step_names_the_package_that_it_lacks(step: Step, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that is read or written without its packages is data; one that is applied, or loaded, names what is missing."""
    monkeypatch.setitem(sys.modules, package, None)
    recipe = Recipe((build.RECIPE.steps[0], step))
    assert Recipe.from_json(recipe.to_json()) == recipe
    seen = Spectrum(Axis.linear(150.0, 1400.0, 1.0), range(1251), HERE)
    for use in (recipe.load, lambda: recipe.features(seen)):
        with refused(ConfigError, "package not installed", step.tag, expected=package.partition(".")[0]):
            use()


def test_a_package_that_lacks_its_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pybaselines without scipy: scipy is what is missing."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"pybaselines", "scipy"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with refused(ConfigError, "package not installed", "baseline@1", expected="scipy"):
        Baseline().load()


def declared(requirements: Iterable[str]) -> set[str]:
    """Return the names of the packages in requirements, as imports would spell them."""
    return {re.split(r"[^A-Za-z0-9._-]", line)[0].replace("-", "_").lower() for line in requirements}


def test_every_package_is_declared() -> None:
    """Each package that a module of the edge imports is a dependency, or part of an extra of the edge."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].items()
    always = declared(project["dependencies"])
    optional = declared(line for name, lines in extras if name not in {"train", "cluster", "dev"} for line in lines)
    assert {"scipy", "pybaselines"} <= optional - always
    by_module = metadata.packages_distributions()
    found = set()
    for file in (ROOT / "edge" / "raman_edge").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            found |= {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"raman_edge", "__future__"}
    assert {"numpy", "msgspec", "serial"} <= found
    assert [name for name in found if (always | optional).isdisjoint(declared(by_module[name]))] == []


def test_imports_point_one_way() -> None:
    """The import contracts in pyproject.toml hold."""
    pytest.importorskip("importlinter", reason="import-linter is an extra of development")
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
