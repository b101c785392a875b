"""The wheel and the sdist: what they hold, and that they install and run where no checkout is."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import build
import numpy as np
import pytest
from raman_edge import __version__

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="the demo's instrument is a pseudo-terminal")]
ROOT = Path(__file__).parents[1]
PACKAGES = Path(np.__file__).parents[1]
"""Where the packages lie that this Python has: an installation outside the checkout uses them too."""
HEAVY = ("scipy", "pybaselines", "torch", "onnx", "sklearn", "matplotlib")
"""What the light edge installs none of: blocked there."""
FILES = {"wheel": f"raman_edge-{__version__}-py3-none-any.whl", "sdist": f"raman_edge-{__version__}.tar.gz"}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheel and sdist, made from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True)
    return {kind: folder / name for kind, name in FILES.items()}


def installed(distribution: Path, folder: Path) -> Path:
    """Install into a new environment that sees the packages of this one, not the checkout, and return the folder of its programs."""
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    command_line = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    place = Path(subprocess.run(command_line, check=True, capture_output=True, text=True).stdout.strip())
    # This adds the folder alone: .pth files in it, such as that of an editable install, are not read.
    (place / "packages.pth").write_text(f"{PACKAGES}\nimport sys; sys.modules.update(dict.fromkeys({HEAVY}))\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install"]
    options = ["--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed", "--no-compile"]
    done = subprocess.run([*pip, *options, distribution], cwd=folder, check=False, capture_output=True, text=True, env=outside(folder))
    assert done.returncode == 0, done.stderr
    return python.parent


def outside(home: Path, **more: str) -> dict[str, str]:
    """Return an environment without a path to the checkout."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8", **more}


def test_the_wheel_holds_the_packages_and_no_tests(distributions: dict[str, Path]) -> None:
    """Every module and data file of the three packages, the instrument profiles, the embedded model; not the models of papers."""
    names = set(zipfile.ZipFile(distributions["wheel"]).namelist())
    checkout = {
        str(file.relative_to(ROOT / folder))
        for folder in ("edge", "train", "export")
        for file in (ROOT / folder).glob("raman_*/**/*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    profiles = {f"raman_edge/firmware_configs/{file.name}" for file in (ROOT / "firmware_configs").iterdir()}
    assert {name for name in names if ".dist-info/" not in name} == checkout | profiles
    assert {"raman_edge/py.typed", "raman_edge/assets/default.onnx", "raman_edge/assets/default.library.npz"} <= names
    assert "raman_edge/firmware_configs/ocean-sts.toml" in names
    assert not [name for name in names if "test" in Path(name).parts or name.startswith(("tests", "docs", "share"))]


def test_the_light_edge_needs_neither_scipy_nor_torch(distributions: dict[str, Path]) -> None:
    """The metadata of the wheel ask for them with an extra alone."""
    wheel = zipfile.ZipFile(distributions["wheel"])
    lines = wheel.read(f"raman_edge-{__version__}.dist-info/METADATA").decode().splitlines()
    required = [line.partition(" ")[2] for line in lines if line.startswith("Requires-Dist:")]
    always = [line for line in required if "extra ==" not in line]
    assert always
    assert not [line for line in always if line.startswith(("scipy", "pybaselines", "torch", "onnx"))]
    assert [line for line in required if line.startswith("scipy") and "extra == 'baseline'" in line]


def test_the_sdist_holds_what_builds_and_tests_it(distributions: dict[str, Path]) -> None:
    """Sources, tests and their data, documents, scripts, and what `make` needs."""
    with tarfile.open(distributions["sdist"]) as archive:
        tops = {Path(name).parts[1] for name in archive.getnames()}
    expected = "edge train export firmware_configs tests docs benchmarks fuzz pyproject.toml Makefile constraints.txt README.md LICENSE"
    assert set(expected.split()) <= tops
    assert not tops & {"runs", "dist", ".venv"}


@pytest.mark.parametrize("kind", FILES)
def test_it_runs_outside_the_checkout(kind: str, distributions: dict[str, Path], tmp_path: Path) -> None:
    """Version, identification with the embedded model, and the demo, from an environment that does not see the checkout."""
    programs = installed(distributions[kind], tmp_path / "env")

    def run(*command: str | Path, **more: str) -> str:
        environment = outside(tmp_path, **more)
        done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True, timeout=150)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(programs / "python", "-c", "import sys; print(sys.modules['scipy'])") == "None\n"
    places = run(programs / "python", "-c", "import raman_edge, raman_train, raman_export as e; print(raman_edge, raman_train, e)")
    assert places.count(str(tmp_path)) == 3, places
    edge = programs / "raman-edge"
    assert run(edge, "--version") == f"raman-edge {__version__}\n"
    (tmp_path / "quartz.csv").write_text(build.text("Quartz"))
    assert json.loads(run(edge, "identify", "quartz.csv"))["matches"][0]["label"] == "Quartz"
    assert "ocean-sts" in run(edge, "instruments", "list")
    output = run(edge, "demo", "--json", DEMO_SECONDS="0.1")
    assert {json.loads(line)["event"] for line in output.splitlines()} >= {"result", "fault"}
