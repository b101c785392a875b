"""The installed onnxruntime: its wheels, its execution providers, and a session on the best of them."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from raman_edge.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import onnxruntime

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
WHEEL = re.compile(r"(onnxruntime(?:[-_](?:gpu|directml|openvino|qnn|rocm|migraphx|training))?)-([^-]+)\.dist-info", re.IGNORECASE)
"""The folder that a wheel leaves beside the package; all wheels install the same package and overwrite each other."""
VNNI = frozenset({b"avx512_vnni", b"avx_vnni"})
"""Flags of processors that multiply and add int8 in one instruction, without saturation in between."""
FIRST_PROCESSOR = 8192
"""Bytes of /proc/cpuinfo that describe one processor; all are alike."""
MAX_MESSAGE = 300
"""Characters shown of a message of onnxruntime."""


class OpenedSession(NamedTuple):
    """A session, and the problems of the installation that it runs on."""

    session: onnxruntime.InferenceSession
    notes: tuple[str, ...]
    """A GPU that is not used, wheels that overwrite each other."""


def open_session(data: bytes, threads: int, *, gpu: bool = True) -> OpenedSession:
    """Open a session on the bytes of a model that neither spins idle cores nor reads other files.

    Without ``gpu`` it runs on the processor, also where CUDA is available.
    Raises :class:`ConfigError` without onnxruntime, :class:`ModelError` where it cannot run the model.
    """
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", exact_products())
    # The digest of the file does not cover weights outside it: onnxruntime looks for them where nothing can be.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    # Its exceptions hold what it would write on standard error, in colours.
    ort.set_default_logger_severity(4)
    wanted = _providers(ort) if gpu else [CPU]
    try:
        # onnxruntime prints its fallbacks; standard output belongs to the records.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a provider it cannot use: notes() reports that
            session = ort.InferenceSession(data, options, providers=wanted)
    except Exception as error:
        raise ModelError(kind="cannot be loaded", cause=f"onnxruntime {ort.__version__}: {brief(error)}") from error
    session.disable_fallback()
    return OpenedSession(session, notes(installed(), offered=len(wanted) > 1, got=session.get_providers()[0]))


@cache
def exact_products(cpuinfo: Path = Path("/proc/cpuinfo")) -> Literal["0", "1"]:
    """Return onnxruntime's ``session.x64quantprecision``, which keeps int8 products exact.

    Processors with VNNI have an exact instruction, which onnxruntime does not use with the setting: int8 then takes
    twice as long. Without VNNI, or where the flags are unknown, products would saturate without the setting.
    """
    try:
        with cpuinfo.open("rb") as file:
            first = file.read(FIRST_PROCESSOR)
    except OSError:
        return "1"
    flags = next((line.split() for line in first.splitlines() if line.startswith(b"flags")), [])
    return "0" if VNNI & set(flags) else "1"


def installed(beside: Path | None = None) -> dict[str, str]:
    """Return the version of each onnxruntime wheel in the folder of the package, or in the folder ``beside``.

    Listing it takes a tenth of a millisecond, importing importlib.metadata forty.
    """
    folder = beside or Path(_onnxruntime().__file__ or "").parent.parent
    found = [WHEEL.fullmatch(name) for name in sorted(path.name for path in folder.iterdir())]
    return {wheel[1].replace("_", "-").lower(): wheel[2] for wheel in found if wheel}


def notes(wheels: Mapping[str, str], *, offered: bool, got: str) -> tuple[str, ...]:
    """Return the problems of a session that runs on the provider ``got``, with CUDA ``offered`` or not."""
    problems = []
    if offered and got != CUDA:
        problems.append(
            f"onnxruntime offers CUDA, which did not load: running on {got}. "
            "It needs an NVIDIA driver and the CUDA and cuDNN versions that its documentation names"
        )
    if len(wheels) > 1:
        names = " and ".join(f"{name} {version}" for name, version in wheels.items())
        problems.append(
            f"{names} are both installed and overwrite each other's files; the order of installation decides which one runs (here: {got}). "
            f"Keep one: pip uninstall -y {' '.join(wheels)}, then pip install 'raman-edge[cpu]' or 'raman-edge[gpu]'"
        )
    return tuple(problems)


def brief(error: Exception) -> str:
    """Return the start of a message of onnxruntime, on one line."""
    return " ".join(str(error).split())[:MAX_MESSAGE]


def _onnxruntime() -> ModuleType:
    """Import onnxruntime without its telemetry, which since 1.29 reports every session."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as ort  # noqa: PLC0415 - 100 ms, for commands that run a model
    except ImportError as error:
        advice = "pip install 'raman-edge[cpu]', or [gpu] for CUDA"
        raise ConfigError(kind="not installed", place="onnxruntime", advice=advice) from error
    module: ModuleType = ort
    return module


def _providers(ort: ModuleType) -> list[str | tuple[str, dict[str, str]]]:
    """Return the providers to try, best first.

    TensorFloat-32 would round the inputs of every product to 10 bits, and fail the model's probe.
    """
    if CUDA not in ort.get_available_providers():
        return [CPU]
    return [(CUDA, {"use_tf32": "0"}), CPU]
