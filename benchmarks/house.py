"""How large, how tangled and how heavy the code is, beside an earlier commit: the table of the redesign.

``python benchmarks/house.py [--ref COMMIT]``. The commit is read by `git archive`; nothing is checked out.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
REF = "1e2fb95"
"""The commit at which the redesign was measured first."""
PACKAGES = {"edge": "raman_edge", "train": "raman_train", "export": "raman_export"}
AIMS = {
    "files of the edge": "≤ 200",
    "lines of the edge": "≤ 29500",
    "import lines of all lines": "≤ 6 %",
    "imports inside functions": "≤ 40",
    "class names used more than once": "≤ 10",
    "circles of modules: imports at the top": "0",
    "circles of modules: all imports": "0",
    "circles of packages: all imports": "0",
    "imports from train to export": "0",
    "lines and imports to name an array": "3 and 1",
    "installed edge": "≤ 180 MB",
    "words of the README": "≤ 1000",
    "line of the README that shows `identify`": "first screen",
}
"""What is measured → what it shall be."""
SHOWN = r"(\$ )?raman-edge identify|.*\.identify\("
"""How a document shows identification: a line of shell or of Python."""
Tree = dict[str, bytes]
"""Path → contents of each file."""


def at(ref: str) -> Tree | None:
    """Return the files of a commit; None where this clone has no such commit."""
    done = subprocess.run(["git", "archive", ref], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {member.name: file.read() for member in archive if member.isfile() and (file := archive.extractfile(member))}


def now() -> Tree:
    """Return the files of the working tree that git does not ignore."""
    listed = subprocess.run(["git", "ls-files", "-zco", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True).stdout
    return {name: (ROOT / name).read_bytes() for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}


def modules(files: Tree, package: str) -> dict[str, ast.Module]:
    """Return the modules of a package by their names."""
    found = {}
    for path, content in files.items():
        parts = Path(path).with_suffix("").parts
        if path.endswith(".py") and len(parts) > 1 and PACKAGES.get(parts[0]) == package == parts[1]:
            found[".".join(parts[1:]).removesuffix(".__init__")] = ast.parse(content)
    return found


def imports(tree: ast.AST, *, inside: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Give each import below a node, and whether it stands in a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, inside
        yield from imports(node, inside=inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def targets(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the names that an import may load as modules: of ``from a import b`` a.b, and a where b is no module."""
    prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return {f"{prefix}{alias.name}" for alias in node.names}


def graph(found: Mapping[str, ast.Module], *, functions: bool, packages: bool = False) -> dict[str, set[str]]:
    """Return which modules each imports: at its top, for type checking too, and with ``functions`` in its functions.

    The root, which offers the public names, is left out. ``packages`` joins what lies in one package below the root.
    """
    room = {name: name.split(".")[1] if packages else name for name in found if "." in name}
    arrows: dict[str, set[str]] = {node: set() for node in room.values()}
    for name, node in room.items():
        loaded = {target for one, inside in imports(found[name]) if functions or not inside for target in targets(one)}
        known = {target if target in found else target.rpartition(".")[0] for target in loaded}
        arrows[node] |= {room[other] for other in known if other in room} - {node}
    return arrows


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one node."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = arrows[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in arrows}
    found = {frozenset(other for other in reach[name] if name in reach[other]) for name in arrows if name in reach[name]}
    return sorted(sorted(circle) for circle in found)


def to_name_an_array(files: Tree) -> str:
    """Return lines and imports of the shortest block of docs/api.md that identifies a spectrum by itself."""
    blocks = re.findall(r"```python\n(.*?)```", files.get("docs/api.md", b"").decode(), flags=re.DOTALL)
    whole = [block for block in blocks if "import raman_edge" in block and ".identify(" in block]
    if not whole:
        return "no API"
    code = [[line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#")] for block in whole]
    shortest = min(code, key=len)
    return f"{len(shortest)} and {sum(line.startswith(('import ', 'from ')) for line in shortest)}"


def installed(files: Tree) -> str:
    """Return the size of what ``raman-edge[cpu]`` installs: our own packages, and what they require as it is installed here."""
    project = tomllib.loads(files["pyproject.toml"].decode())["project"]
    own = sum(len(content) for path, content in files.items() if path.split("/")[0] in {*PACKAGES, "firmware_configs"})
    waiting = [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["cpu"])]
    sizes: dict[str, int] = {}
    missing = []
    while waiting:
        wanted = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in sizes or (wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras))):
            continue
        sizes[name] = 0
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            missing.append(name)
            continue
        paths = [Path(str(file.locate())) for file in distribution.files or ()]
        sizes[name] = sum(path.stat().st_size for path in paths if path.is_file())
        waiting += map(Requirement, distribution.requires or ())
    return f"{(own + sum(sizes.values())) / 1e6:.0f} MB" + (f" without {', '.join(missing)}" if missing else "")


def measured(files: Tree) -> Iterator[str]:
    """Give the figures of a tree in the order of :data:`AIMS`."""
    edge = modules(files, "raman_edge")
    lines = sum(files[path].count(b"\n") for path in files if path.startswith("edge/raman_edge/") and path.endswith(".py"))
    every = [found for tree in edge.values() for found in imports(tree)]
    train = modules(files, "raman_train")
    trees = [*edge.values(), *train.values(), *modules(files, "raman_export").values()]
    classes = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    yield str(len(edge))
    yield str(lines)
    yield f"{100 * sum((node.end_lineno or node.lineno) - node.lineno + 1 for node, _ in every) / lines:.1f} %"
    yield str(sum(inside for _, inside in every))
    yield f"{sum(count > 1 for count in classes.values())} of {classes.total()}"
    for options in ({"functions": False}, {"functions": True}, {"functions": True, "packages": True}):
        found = circles(graph(edge, **options))
        yield str(len(found)) + "".join(f" ({', '.join(circle[:3])})".replace("raman_edge.", "") for circle in found)
    back = (target for tree in train.values() for node, _ in imports(tree) for target in targets(node))
    yield str(len([target for target in back if target.startswith("raman_export")]))
    yield to_name_an_array(files)
    yield installed(files)
    readme = files["README.md"].decode()
    yield str(len(readme.split()))
    yield str(next((number for number, line in enumerate(readme.splitlines(), 1) if re.match(SHOWN, line)), "nowhere"))


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--ref", default=REF, metavar="COMMIT", help=f"the commit to compare with ({REF})")
    ref = parser.parse_args().ref
    before = at(ref)
    if before is None:
        print(f"{ref} is no commit of this clone, so it is not compared; a shallow clone needs `git fetch --unshallow`", file=sys.stderr)
    columns = ({} if before is None else {ref: measured(before)}) | {"working tree": measured(now())}
    print(f"| | {' | '.join(columns)} | aim |\n|---|{'---|' * (len(columns) + 1)}")
    for (what, aim), *row in zip(AIMS.items(), *columns.values(), strict=True):
        print(f"| {what} | {' | '.join(row)} | {aim} |")


if __name__ == "__main__":
    main()
