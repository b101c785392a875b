"""raman-edge: a Raman spectrum becomes a name, at the instrument, in milliseconds.

The public names, loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
"""As ``typing.TYPE_CHECKING``, without importing typing."""

if TYPE_CHECKING:
    from raman_edge import errors
    from raman_edge.api import Instrument, calibrate, connect, read, watch
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.errors import (
        CalibrationError,
        ConfigError,
        FormatError,
        JournalError,
        LibraryError,
        ModelError,
        RamanEdgeError,
        SourceBusy,
        SourceError,
        SourceLost,
        SourceUnavailable,
        SpectrumError,
    )
    from raman_edge.identification import Identification
    from raman_edge.journal import Journal
    from raman_edge.service.identifier import Identifier
    from raman_edge.spectrum import Fault, Spectrum

__version__ = "0.1.0"

_ERRORS = (
    *("CalibrationError", "ConfigError", "FormatError", "JournalError", "LibraryError", "ModelError", "RamanEdgeError"),
    *("SourceBusy", "SourceError", "SourceLost", "SourceUnavailable", "SpectrumError"),
)
_MODULES = {
    "raman_edge.api": ("Instrument", "calibrate", "connect", "read", "watch"),
    "raman_edge.calibration.calibration": ("Calibration",),
    "raman_edge.errors": _ERRORS,
    "raman_edge.identification": ("Identification",),
    "raman_edge.journal": ("Journal",),
    "raman_edge.service.identifier": ("Identifier",),
    "raman_edge.spectrum": ("Fault", "Spectrum"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Calibration",
    "CalibrationError",
    "ConfigError",
    "Fault",
    "FormatError",
    "Identification",
    "Identifier",
    "Instrument",
    "Journal",
    "JournalError",
    "LibraryError",
    "ModelError",
    "RamanEdgeError",
    "SourceBusy",
    "SourceError",
    "SourceLost",
    "SourceUnavailable",
    "Spectrum",
    "SpectrumError",
    "__version__",
    "calibrate",
    "connect",
    "errors",
    "read",
    "watch",
]


def __getattr__(name: str) -> object:
    if name == "errors":
        return importlib.import_module("raman_edge.errors")
    if name not in _MODULE_OF:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value: object = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
