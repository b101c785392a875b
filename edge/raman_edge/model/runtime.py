"""onnxruntime as it is installed here: which wheels, which processors it can use, and a session on the best of them."""

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
"""What a wheel leaves beside the package; all of them install the same package, each over the other."""
VNNI = frozenset({b"avx512_vnni", b"avx_vnni"})
"""Flags of processors that multiply and add int8 in one instruction, without saturating in between."""
FIRST_PROCESSOR = 8192
"""Bytes of /proc/cpuinfo that tell of one processor; all are alike."""
MAX_MESSAGE = 300
"""Characters shown of what onnxruntime says."""


class OpenedSession(NamedTuple):
    """A session, and what is to be known of how it came about."""

    session: onnxruntime.InferenceSession
    notes: tuple[str, ...]
    """What a person should hear: a GPU that was not used, wheels that overwrite each other."""


def open_session(data: bytes, threads: int, *, gpu: bool = True) -> OpenedSession:
    """Open a session on the bytes of a model that neither spins idle cores nor reads other files.

    Without ``gpu`` it runs on the processor, also where CUDA is offered.

    Raises :class:`ConfigError` without onnxruntime, :class:`ModelError` with what it says where it cannot run the model.
    """
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", exact_products())
    # Weights outside the file would be outside its digest too: they are looked for where nothing can be.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    # What it would write on standard error, in colours, is in its exceptions, or said once by us.
    ort.set_default_logger_severity(4)
    wanted = _providers(ort) if gpu else [CPU]
    try:
        # onnxruntime prints its fallbacks; standard output belongs to the records.
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a provider it cannot use, which is told below
            session = ort.InferenceSession(data, options, providers=wanted)
    except Exception as error:
        msg = f"onnxruntime {ort.__version__} cannot run it; it says: {brief(error)}"
        raise ModelError(msg) from error
    session.disable_fallback()
    return OpenedSession(session, notes(installed(), offered=len(wanted) > 1, got=session.get_providers()[0]))


@cache
def exact_products(told: Path = Path("/proc/cpuinfo")) -> Literal["0", "1"]:
    """Return whether onnxruntime has to be told to keep int8 products exact (its ``session.x64quantprecision``).

    Processors with VNNI have one instruction that does, and with the setting onnxruntime does not use it: int8 then takes
    twice as long. Without VNNI, and where nothing tells, products would saturate.
    """
    try:
        with told.open("rb") as file:
            first = file.read(FIRST_PROCESSOR)
    except OSError:
        return "1"
    flags = next((line.split() for line in first.splitlines() if line.startswith(b"flags")), [])
    return "0" if VNNI & set(flags) else "1"


def installed(beside: Path | None = None) -> dict[str, str]:
    """Return the version of each onnxruntime wheel in the folder where the package lies, or in the folder ``beside``.

    Listing it takes a tenth of a millisecond, importing importlib.metadata forty.
    """
    folder = beside or Path(_onnxruntime().__file__ or "").parent.parent
    found = [WHEEL.fullmatch(name) for name in sorted(path.name for path in folder.iterdir())]
    return {wheel[1].replace("_", "-").lower(): wheel[2] for wheel in found if wheel}


def notes(wheels: Mapping[str, str], *, offered: bool, got: str) -> tuple[str, ...]:
    """Return what a person should hear of a session that ``got`` a provider, where CUDA was ``offered`` or not."""
    said = []
    if offered and got != CUDA:
        said.append(
            f"onnxruntime offers CUDA, which did not load: running on {got}. "
            "It needs an NVIDIA driver and the CUDA and cuDNN versions that its own documentation names for it"
        )
    if len(wheels) > 1:
        names = " and ".join(f"{name} {version}" for name, version in wheels.items())
        said.append(
            f"{names} are both installed and overwrite each other's files; which one runs depends on the order they came in (here: {got}). "
            f"Keep one: pip uninstall -y {' '.join(wheels)}, then pip install 'raman-edge[cpu]' or 'raman-edge[gpu]'"
        )
    return tuple(said)


def brief(error: Exception) -> str:
    """Return the start of what onnxruntime says, on one line."""
    return " ".join(str(error).split())[:MAX_MESSAGE]


def _onnxruntime() -> ModuleType:
    """Import onnxruntime, which since 1.29 tells its maker of every session unless it is told not to before it starts."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime as ort  # noqa: PLC0415 - commands that run no model do not pay for it
    except ImportError as error:
        msg = "onnxruntime is not installed: pip install 'raman-edge[cpu]' (or [gpu] for CUDA)"
        raise ConfigError(msg) from error
    module: ModuleType = ort
    return module


def _providers(ort: ModuleType) -> list[str | tuple[str, dict[str, str]]]:
    """Return the providers to try, best first.

    TensorFloat-32 would round the inputs of every product to 10 bits, and fail the model's probe.
    """
    if CUDA not in ort.get_available_providers():
        return [CPU]
    return [(CUDA, {"use_tf32": "0"}), CPU]
