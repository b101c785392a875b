"""The programs: Python, packages, the one onnxruntime, extras, settings."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from typing import TYPE_CHECKING

from raman_edge import __version__
from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok, warning, wrong
from raman_edge.errors import ConfigError
from raman_edge.model import runtime
from raman_edge.service import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

LEAST_PYTHON = (3, 11)
SHOWN = ("numpy", "msgspec", "rich", "scipy")
"""Packages whose version a report names."""
ELSEWHERE = frozenset(("cpu", "gpu", "train", "dev", "cluster"))
"""Extras that are no part of a running box, or that have a check of their own."""
OTHER_VARIABLES = frozenset(("RAMAN_EDGE_MQTT_PASSWORD", "RAMAN_EDGE_CALIBRATIONS"))
"""What is no setting: a secret stands in no file of settings."""
REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+).*;.*extra == ['"]([^'"]+)['"]""")
"""A requirement of an extra, as the metadata of an installed package has it."""


def look(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at what is installed."""
    yield python(sys.version_info[:3], platform.machine(), {name: _version(name) for name in SHOWN}, wide=sys.maxsize > 2**32)
    yield onnxruntime(_wheels(), vnni=runtime.exact_products() == "0")
    yield extras(_requirements(), _version, asked.to)
    yield variables(asked.environ)


def python(version: tuple[int, ...], machine: str, packages: Mapping[str, str], *, wide: bool) -> Finding:
    """Judge the interpreter; ``wide`` is whether it has 64 bits."""
    told = f"Python {'.'.join(map(str, version))} on {machine}"
    if version < LEAST_PYTHON:
        return wrong("python", told, f"raman-edge needs Python {'.'.join(map(str, LEAST_PYTHON))} or newer")
    if not wide:
        return wrong("python", f"{told}, 32 bits", "there is no onnxruntime for 32 bits: install a 64-bit system")
    missing = [name for name, version in packages.items() if not version]
    if missing:
        return wrong("python", f"{told}; {', '.join(missing)} missing", "pip install --force-reinstall raman-edge")
    return ok("python", f"raman-edge {__version__}, {told}, {', '.join(f'{name} {version}' for name, version in packages.items())}")


def onnxruntime(wheels: Mapping[str, str], *, vnni: bool) -> Finding:
    """Judge the installed onnxruntime wheels, of which there has to be one."""
    if not wheels:
        return wrong("onnxruntime", "not installed", "pip install 'raman-edge[cpu]', or [gpu] for CUDA")
    if len(wheels) > 1:
        (said,) = runtime.notes(wheels, offered=False, got="either")
        found, _, todo = said.partition(". ")
        return wrong("onnxruntime", found, todo)
    speed = "int8 in one instruction (VNNI)" if vnni else "no VNNI: int8 models take twice as long"
    return ok("onnxruntime", f"{' '.join(*wheels.items())}, the only one; {speed}")


def extras(requirements: Iterable[str], version: Callable[[str], str], to: Iterable[str]) -> Finding:
    """Judge which extras are installed, and whether the outputs ``to`` need one that is not."""
    found: dict[str, list[str]] = {}
    for requirement in requirements:
        if (parsed := REQUIREMENT.match(requirement)) and parsed[2] not in ELSEWHERE:
            found.setdefault(parsed[2], []).append(parsed[1])
    missing = sorted(extra for extra, names in found.items() if not all(version(name) for name in names))
    needed = {"mqtt": "mqtt", "mqtts": "mqtt", "prometheus": "metrics"}
    lacking = sorted({needed[kind] for spec in to if (kind := spec.partition(":")[0]) in needed} & set(missing))
    if lacking:
        return wrong("extras", f"an output needs {' and '.join(lacking)}, not installed", f"pip install 'raman-edge[{','.join(lacking)}]'")
    there = ", ".join(sorted(set(found) - set(missing))) or "none"
    return ok("extras", f"installed: {there}; not: {', '.join(missing) or 'none'}")


def variables(environ: Mapping[str, str]) -> Finding:
    """Judge the variables of the environment that are meant for raman-edge."""
    known = {*settings.VARIABLES.values(), settings.CONFIG_VARIABLE, *OTHER_VARIABLES}
    given = sorted(name for name in environ if name.startswith("RAMAN_EDGE_"))
    if stray := [name for name in given if name not in known]:
        return warning("environment", f"{', '.join(stray)}: nothing reads it", f"known are {', '.join(sorted(known))}")
    return ok("environment", f"{', '.join(given) or 'no RAMAN_EDGE_ variable'} set" if given else "no RAMAN_EDGE_ variable is set")


def _wheels() -> dict[str, str]:
    try:
        return runtime.installed()
    except ConfigError:
        return {}


def _requirements() -> list[str]:
    try:
        return importlib.metadata.requires("raman-edge") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _version(name: str) -> str:
    """Return the version of an installed package; empty where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
