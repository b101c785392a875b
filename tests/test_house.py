"""benchmarks/house.py counts what it says, before and after."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import house

if TYPE_CHECKING:
    import pytest

FILES: house.Tree = {
    "README.md": b"# Title\n\nWords on `identify`.\n\nraman-edge identify quartz.csv\n",
    "docs/api.md": b"""```python
import raman_edge as re
spectrum = re.read("quartz.csv")[0]

# a comment
print(re.Identifier().identify(spectrum).label)
```
```python
identifier.identify(spectrum)
```
""",
    "pyproject.toml": b"""[project]
dependencies = ["pluggy"]
optional-dependencies.cpu = ["nothing-of-that-name>=1"]
""",
    "edge/raman_edge/__init__.py": b"from raman_edge import here\n",
    "edge/raman_edge/here/__init__.py": b"",
    "edge/raman_edge/here/one.py": b"from raman_edge import __version__\nfrom raman_edge.here import two\n\n\nclass Row: ...\n",
    "edge/raman_edge/here/two.py": b"from raman_edge.here.one import (\n    Row,\n)\n\nclass Line: ...\n",
    "edge/raman_edge/there.py": b"def late() -> None:\n    from raman_edge import here\n",
    "edge/raman_edge/here/three.py": b"if True:\n    import raman_edge.there\n",
    "train/raman_train/cli.py": b"def run():\n    from raman_export import graph\nclass Row: ...\n",
    "export/raman_export/graph.py": b"class Node:\n    class Row: ...\n",
    "notes/it.py": b"class Row: ...\n",
}


def test_a_tree_is_measured() -> None:
    """Every figure of a small tree is what one counts by hand."""
    found = dict(zip(house.AIMS, house.measured(FILES), strict=True))
    size = found.pop("installed edge")
    assert found == {
        "files of the edge": "6",
        "lines of the edge": "15",
        "import lines of all lines": "53.3 %",
        "imports inside functions": "1",
        "class names used more than once": "1 of 5",
        "circles of modules: imports at the top": "1 (here.one, here.two)",
        "circles of modules: all imports": "1 (here.one, here.two)",
        "circles of packages: all imports": "1 (here, there)",
        "imports from train to export": "1",
        "lines and imports to name an array": "3 and 1",
        "words of the README": "8",
        "line of the README that shows `identify`": "5",
    }
    assert size.endswith(" MB without nothing-of-that-name")


def test_a_tree_without_the_interface_has_none() -> None:
    """Before there was docs/api.md nothing can be counted in it."""
    assert house.to_name_an_array({}) == "no API"


def test_a_commit_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In a shallow clone the missing commit is reported, and its working tree is measured."""
    monkeypatch.setattr(house, "now", lambda: FILES)
    monkeypatch.setattr(sys, "argv", ["house.py", "--ref", "0" * 40])
    house.main()
    shown, errors = capsys.readouterr()
    assert "0" * 40 in errors
    assert "--unshallow" in errors
    assert shown.startswith("| | working tree | aim |\n")
    assert shown.count("\n") == 2 + len(house.AIMS)
