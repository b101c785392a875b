"""The files for contributors: their facts are the package's, and every path that a document names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from raman_edge import __version__

ROOT = Path(__file__).parents[1]
FOLDERS = ("edge", "train", "export", "tests", "benchmarks", "fuzz")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "Makefile", ROOT / ".ci" / "run"])
NAMED = re.compile(r"(?<![\w/.-])(?:edge|train|export|tests|benchmarks|fuzz|docs|firmware_configs)/[\w./*-]*\w")
SCRIPT = re.compile(r"(?:tests|benchmarks|fuzz)/\w+\.py")
MADE = {"docs/benchmarks/speed.json"}
"""Files that a command in the text writes."""


def test_the_citation_is_of_this_version() -> None:
    """CITATION.cff has what the format needs, and the version and licence of the package."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["title"], str(citation["version"]), citation["license"]) == ("raman-edge", __version__, "MIT")
    assert all({"type", "title", "authors"} <= set(reference) for reference in citation["references"])


def test_the_commit_hooks_are_the_checks_of_make() -> None:
    """The hooks before a commit are the commands of ``make check`` in its order, and none comes from another repository."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert recipe is not None
    assert [source["repo"] for source in hooks] == ["local"]
    assert [hook["entry"] for hook in hooks[0]["hooks"]] == [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe[1].splitlines()]
    assert {hook["language"] for hook in hooks[0]["hooks"]} == {"system"}


def missing(text: str, pattern: re.Pattern[str], *bases: Path) -> list[str]:
    """Return the paths in a text that are below none of the folders; a name may be cut short, as of a decision."""
    return [name for name in pattern.findall(text) if name not in MADE and not any([*base.glob(f"{name}*")] for base in bases)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_in_a_document_exists(document: Path) -> None:
    """A path that begins with a folder of the repository is there, seen from the root or from the document."""
    assert missing(document.read_text("utf-8"), NAMED, ROOT, document.parent) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_script_that_code_names_exists(folder: str) -> None:
    """Comments and docstrings name scripts where they are."""
    texts = {path: path.read_text("utf-8") for path in sorted((ROOT / folder).rglob("*.py"))}
    assert texts
    assert {path: gone for path, text in texts.items() if (gone := missing(text, SCRIPT, ROOT))} == {}


def test_a_path_that_does_not_exist_is_found() -> None:
    """The tests above can fail."""
    assert missing("`python tests/edge/nothing.py`, docs/nothing.md", NAMED, ROOT) == ["tests/edge/nothing.py", "docs/nothing.md"]


def test_make_help_lists_every_target_that_has_a_description() -> None:
    """A name with a hyphen or a digit is listed too."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    described = re.findall(r"^([\w-]+):[^#\n]*## ", makefile, re.MULTILINE)
    pattern = re.search(r"sed -n 's/\^\\\(\[(.+?)\]\*\\\)", makefile)
    assert pattern is not None
    assert {"test", "test-all", "table2"} <= set(described)
    assert all(re.fullmatch(f"[{pattern[1]}]+", name) for name in described)
