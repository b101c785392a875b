"""Organic compounds measured with a handheld instrument: arrays of spectra, labels and replicates.

NumPy stores an array of Python strings as a pickle, and a pickle is a program. :func:`strings` runs only opcodes that build
strings and containers, and replaces the three NumPy names in it by a class that does nothing: no code of the file is executed.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import zipfile
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.spectrum import Axis, Origin, Spectrum

from raman_train.data.datasets import LabelledSpectrum, gather

if TYPE_CHECKING:
    from pathlib import Path

    from raman_train.data.datasets import Dataset

ARRAYS = frozenset({"raman_shift_cm1", "intensity", "label", "replicate"})
LASER = 785
"""nm; only the file's name (``handheld_785.npz``) contains it."""
MAX_LABEL_BYTES = 16 * 1024 * 1024
NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '\|O', 'fortran_order': False, 'shape': \((?P<count>[0-9]{1,9}),\), \} *\n", re.DOTALL
)
OPCODES = frozenset(
    {
        "PROTO", "FRAME", "MARK", "STOP", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "SHORT_BINBYTES",
        "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "EMPTY_LIST", "APPEND", "APPENDS", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
        "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET",
    }
)  # fmt: skip
"""Opcodes of an array of strings; none of them allocates more memory than the file has bytes, except for large memo indices."""
GLOBALS = frozenset(
    {("numpy", "ndarray"), ("numpy", "dtype"), ("numpy._core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "_reconstruct")}
)


class NotStringsError(ValueError):
    """The bytes are not those of a one-dimensional array of strings."""


class _Inert:
    """Stands for NumPy's function and classes while unpickling: stores its arguments and its state, and does nothing else."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: tuple[object, ...] = ()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.state = state


class _StringUnpickler(pickle.Unpickler):
    """Refuses every name except those of NumPy's array, which stay without effect."""

    def find_class(self, module_name: str, global_name: str, /) -> type[_Inert]:
        """Return the inert class."""
        if (module_name, global_name) in GLOBALS:
            return _Inert
        msg = f"the name {module_name}.{global_name}"
        raise NotStringsError(msg)


def read(path: Path) -> Dataset:
    """Read ``raman_shift_cm1`` (n,), ``intensity`` (spectra, n), ``label`` and ``replicate`` (spectra,).

    A replicate is a specimen of its own, named ``label#replicate``: each is a separate placement under the instrument, so
    protocols that keep specimens apart keep replicates apart.

    Raises:
        ConfigError: if the arrays do not fit together, or the labels are not strings.
    """
    with np.load(path, allow_pickle=False) as npz:
        shift, intensity, replicate = npz["raman_shift_cm1"], npz["intensity"], npz["replicate"]
    labels = _labels(path)
    if not len(labels) == len(replicate) == len(intensity) or intensity.shape[1:] != shift.shape or not labels:
        msg = (
            f"{str(path)!r}: got intensity {intensity.shape}, shift {shift.shape}, {len(labels)} labels and "
            f"{len(replicate)} replicates; expected one row of intensity per label, as long as the shift"
        )
        raise ConfigError(msg)
    names = [f"{label}#{number}" for label, number in zip(labels, replicate.tolist(), strict=True)]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        msg = f"{str(path)!r}: got {twice[:3]} more than once; expected a different number for each replicate of a label"
        raise ConfigError(msg)
    try:
        return gather(
            [
                LabelledSpectrum(Spectrum(Axis(shift), counts, Origin("dataset", name)), label, name, name, LASER)
                for counts, label, name in zip(intensity, labels, names, strict=True)
            ]
        )
    except SpectrumError as error:
        msg = f"{str(path)!r}: {error}"
        raise ConfigError(msg) from error


def _labels(path: Path) -> list[str]:
    """Return the labels: an array of text, or of objects that are all strings."""
    try:
        with np.load(path, allow_pickle=False) as npz:
            return [str(label) for label in npz["label"].tolist()]
    except ValueError:  # NumPy refuses an array of objects
        pass
    try:
        with zipfile.ZipFile(path) as archive:
            return strings(archive.read("label.npy"))
    except NotStringsError as error:
        msg = (
            f"{str(path)!r}: the labels cannot be read ({error}). Of an array of objects only strings are read, and its code is never "
            "executed: save the labels as text, numpy.savez(..., label=numpy.array(labels, dtype=str))"
        )
        raise ConfigError(msg) from error


def strings(data: bytes) -> list[str]:
    """Return the strings of a ``.npy`` file with a one-dimensional array of objects, without executing code of the file.

    Raises:
        NotStringsError: if the file contains anything else.
    """
    header = NPY_HEADER.match(data)
    if header is None or len(data) > MAX_LABEL_BYTES:
        msg = (
            f"{len(data)} bytes that begin {data[:80]!r}; expected an array of objects with one dimension, {MAX_LABEL_BYTES} bytes at most"
        )
        raise NotStringsError(msg)
    program, count = data[header.end() :], int(header["count"])
    try:
        _check_opcodes(program)
        _, shape, kind, _, values = _StringUnpickler(io.BytesIO(program)).load().state
        found = [value for value in values if isinstance(value, str)]
        "".join(found).encode()  # refuses a lone surrogate
        complete = shape == (count,) and kind.arguments[0] == "O8" and isinstance(values, list) and len(found) == len(values) == count
    except NotStringsError:
        raise
    # The errors of an unpickler whose program makes no sense.
    except (pickle.UnpicklingError, ValueError, TypeError, AttributeError, LookupError, EOFError, OverflowError) as error:
        msg = f"not an array of strings as NumPy writes it: {error}"
        raise NotStringsError(msg) from error
    if not complete:
        msg = f"got {len(found)} strings in a pickle of {len(program)} bytes, expected {count} strings and nothing else"
        raise NotStringsError(msg)
    return found


def _check_opcodes(program: bytes) -> None:
    """Refuse every opcode that strings do not need, memo indices above its position, and bytes after its end."""
    last = 0
    for opcode, argument, place in pickletools.genops(program):
        if opcode.name not in OPCODES or (opcode.name == "LONG_BINPUT" and int(argument or 0) > (place or 0)):
            msg = f"opcode {opcode.name} at byte {place}"
            raise NotStringsError(msg)
        last = place or 0
    if last + 1 != len(program):
        msg = f"{len(program) - last - 1} bytes after the end of the pickle"
        raise NotStringsError(msg)
