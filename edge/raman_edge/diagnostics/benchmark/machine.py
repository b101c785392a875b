"""Where the numbers were taken: processor, versions, and how busy it was."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import msgspec
import numpy as np

from raman_edge import __version__
from raman_edge.model.runtime import installed


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs to compare numbers with another machine's."""

    processor: str
    cores: int | None
    """Those that this process may use."""
    load: float | None
    """Processes that wanted to run, mean of the last minute; None where the system does not count them."""
    system: str
    python: str
    raman_edge: str
    numpy: str
    onnxruntime: dict[str, str]
    """Version of each installed wheel."""


def facts() -> Machine:
    """Return what this machine is."""
    return Machine(
        processor=processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        raman_edge=__version__,
        numpy=np.__version__,
        onnxruntime=installed(),
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's own name where the system tells it, else its family."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
