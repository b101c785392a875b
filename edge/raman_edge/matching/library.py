"""Reference spectra as embeddings, with labels and peak tables: what a spectrum is compared with."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import stat
import sys
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from raman_edge import atomic_write
from raman_edge.errors import LibraryError
from raman_edge.matching.search import Search, encode, lengths
from raman_edge.peaks import MaterialLines, Peaks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)

SCHEMA = 2
"""Version of the arrays in the file: 1 has one peak table a label and no lines of its other references; it is read too."""
MAX_LIBRARY_BYTES = 256 * 2**20
"""A library is refused above this, on disk (before it is read) or unpacked; the embedded one has 3 MiB."""
TABLE = 16
"""Peaks in a label's table, the most prominent ones."""


def default_path() -> Path:
    """Return where the embedded default library lies."""
    return Path(str(importlib.resources.files("raman_edge") / "assets" / "default.library.npz"))


def path_beside(model: Path) -> Path:
    """Return where the library of the model at ``model`` lies: beside it, under its name."""
    return model.with_name(model.name.removesuffix(".onnx") + ".library.npz")


@dataclass(frozen=True, eq=False, slots=True)
class Reference:
    """One more reference, as :meth:`Library.joined` takes it."""

    label: str
    specimen: str
    """What it is, such as the file it was read from."""
    embedding: NDArray[np.float32]
    """Unit norm, (e,)."""
    peaks: Peaks
    """Its peaks, at most :data:`TABLE`; they stand for the label where the library did not have it."""


@dataclass(frozen=True, eq=False)
class Library:
    """Reference embeddings, kept together by label, and one peak table a label."""

    network: str
    """Digest of the network that made the embeddings; they mean nothing to another."""
    labels: tuple[str, ...]
    """Unique names, (k,); each has at least one reference."""
    label_of: NDArray[np.intp]
    """Index into ``labels`` of each reference, (n,), never decreasing."""
    codes: NDArray[np.int8]
    """Embeddings as integers, (n, e): the largest component of each is 127, its length says nothing."""
    specimens: tuple[str, ...]
    """What each reference is, such as its RRUFF id, (n,)."""
    peaks: tuple[Peaks, ...]
    """Peak table of each label, (k,)."""
    sha256: str = ""
    """Digest of the file it was read from, and of the references joined later, lower-case hex."""
    lines: tuple[MaterialLines, ...] = ()
    """Lines of each label over all of its references, (k,); where they are not given, those of its peak table."""
    _first: NDArray[np.intp] = field(init=False, repr=False)
    """Place of each label's first reference, (k,)."""

    def __post_init__(self) -> None:
        n, k = len(self.specimens), len(self.labels)
        shapes = (self.label_of.shape, self.codes.shape[:1], (len(self.peaks),))
        if shapes != ((n,), (n,), (k,)) or self.codes.ndim != 2:  # noqa: PLR2004 - (n, e)
            msg = (
                f"a library of {n} references and {k} labels has label_of of shape {self.label_of.shape}, "
                f"embedding of shape {self.codes.shape} and {len(self.peaks)} peak tables: the file is damaged"
            )
            raise LibraryError(msg)
        if len(set(self.labels)) != k or not all(map(_is_text, self.labels)):
            msg = f"a library's labels are text and differ; got {k}, of which {len(set(self.labels))} differ: the file is damaged"
            raise LibraryError(msg)
        steps = np.diff(self.label_of, prepend=-1)
        if n == 0 or steps[0] != 1 or (steps < 0).any() or (steps > 1).any() or self.label_of[-1] != k - 1:
            msg = "a library's references are sorted by label and every label has one: the file is damaged"
            raise LibraryError(msg)
        if not self.lines:
            object.__setattr__(self, "lines", tuple(MaterialLines.of([table]) for table in self.peaks))
        elif len(self.lines) != k:
            msg = f"a library of {k} labels has the lines of each; got those of {len(self.lines)}: the file is damaged"
            raise LibraryError(msg)
        for name, value in (("label_of", self.label_of), ("codes", self.codes), ("_first", np.flatnonzero(steps))):
            object.__setattr__(self, name, _frozen(value))

    @classmethod
    def build(
        cls,
        network: str,
        labels: Sequence[str],
        embedding: NDArray[np.float32],
        specimens: Sequence[str],
        peaks: dict[str, Peaks],
        lines: dict[str, MaterialLines] | None = None,
    ) -> Library:
        """Sort references by label and put them together; ``labels`` is (n,), one a reference."""
        names, index = np.unique(np.asarray(labels), return_inverse=True)
        order = np.argsort(index, kind="stable")
        unique = tuple(str(name) for name in names)
        return cls(
            network,
            unique,
            index[order],
            _sealed(_encoded(embedding[order])),
            tuple(specimens[i] for i in order),
            tuple(peaks[name] for name in unique),
            lines=tuple(lines[name] for name in unique) if lines else (),
        )

    def __len__(self) -> int:
        return len(self.specimens)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """Unit-norm embeddings as they are searched, (n, e); made anew each time."""
        return _sealed((self.codes / lengths(self.codes)[:, np.newaxis]).astype(np.float32))

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each label stands in ``labels``."""
        return {label: index for index, label in enumerate(self.labels)}

    def joined(self, references: Iterable[Reference]) -> Library:
        """Return this library with more references.

        A label that is here gets another reference and its lines, and keeps its peak table; new labels stand after the old
        ones, whose order stays: among equal scores an old label goes first. :class:`LibraryError` for another length.
        """
        added = tuple(references)
        labels = tuple(dict.fromkeys((*self.labels, *(one.label for one in added))))
        place = {label: index for index, label in enumerate(labels)}
        added = tuple(sorted(added, key=lambda one: place[one.label]))
        if not added:
            return self
        for one in added:
            self._check_length(one.embedding)
        tables = {one.label: one.peaks for one in reversed(added)} | dict(zip(self.labels, self.peaks, strict=True))
        lines = dict(zip(self.labels, self.lines, strict=True))
        for one in added:
            lines[one.label] = lines[one.label].and_of(one.peaks) if one.label in lines else MaterialLines.of([one.peaks])
        label_of = np.array([place[one.label] for one in added], dtype=np.intp)
        after = np.searchsorted(self.label_of, label_of, side="right")
        specimens = np.insert(np.array(self.specimens, dtype=object), after, [one.specimen for one in added])
        return Library(
            self.network,
            labels,
            np.insert(self.label_of, after, label_of),
            _sealed(np.insert(self.codes, after, _encoded(np.stack([one.embedding for one in added])), axis=0)),
            tuple(specimens.tolist()),
            tuple(tables[label] for label in labels),
            _digest(self.sha256, added),
            tuple(lines[label] for label in labels),
        )

    def search(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the best cosine of each label, (k,), for one unit-norm ``embedding``, (e,)."""
        best: NDArray[np.float32] = self.search_all(embedding[np.newaxis])[0]
        return best

    def search_all(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the same, (b, k), for several, (b, e): a third of the time each, as the library is read once."""
        self._check_length(embeddings[0])
        best: NDArray[np.float32] = np.maximum.reduceat(self._search.cosines(embeddings), self._first, axis=1)
        return best

    def prepare(self) -> None:
        """Get ready to be searched, which the first spectrum would else wait for: ten milliseconds with the default library."""
        _ = self._search

    @cached_property
    def _search(self) -> Search:
        return Search(self.codes)

    def _check_length(self, embedding: NDArray[np.float32]) -> None:
        if embedding.shape != self.codes.shape[1:]:
            msg = f"the library holds embeddings of length {self.codes.shape[1]}, got one of shape {embedding.shape}"
            raise LibraryError(msg)

    def save(self, path: Path) -> None:
        """Write the library, whole or not at all; embeddings are stored as int8, 0.4 % of the largest component.

        Raises :class:`LibraryError` where the file cannot be written.
        """
        counts = [len(table) for table in self.peaks]
        stacked = {name: np.concatenate([getattr(t, name) for t in self.peaks]).astype(np.float32) for name in ("shift", "height", "width")}
        gathered = {name: np.concatenate([getattr(t, name) for t in self.lines]).astype(np.float32) for name in LINE_COLUMNS}
        packed = io.BytesIO()
        np.savez_compressed(
            packed,
            schema=np.array(SCHEMA),
            network=np.array(self.network),
            labels=np.array(self.labels),
            label_of=self.label_of.astype(np.uint32),
            specimens=np.array(self.specimens),
            embedding=self.codes,
            peak_count=np.array(counts, dtype=np.uint16),
            peak_shift=stacked["shift"],
            peak_height=stacked["height"].astype(np.float16),
            peak_width=stacked["width"].astype(np.float16),
            line_count=np.array([len(lines) for lines in self.lines], dtype=np.uint16),
            line_shift=gathered["shift"],
            line_width=gathered["width"].astype(np.float16),
            line_highest=gathered["highest"].astype(np.float16),
            line_lowest=gathered["lowest"].astype(np.float16),
        )
        try:
            with atomic_write.written(path) as file:
                file.write(packed.getbuffer())
        except OSError as error:
            msg = f"library {str(path)!r} cannot be written: {error.strerror}. Give a place that can be"
            raise LibraryError(msg) from error

    @classmethod
    def open(cls, path: Path, *, network: str) -> Library:
        """Read the library at ``path`` for the network with digest ``network``.

        Raises :class:`LibraryError`: unreadable, damaged, or made by another network.
        """
        arrays, sha256 = _arrays(path)
        if str(arrays["network"]) != network:
            msg = (
                f"library {str(path)!r} was made by network {str(arrays['network'])[:12]}, the model is {network[:12]}: "
                "give the library that was exported with this model"
            )
            raise LibraryError(msg)
        return cls(
            network,
            tuple(arrays["labels"].tolist()),
            arrays["label_of"].astype(np.intp),
            _sealed(arrays["embedding"].astype(np.int8)),
            tuple(arrays["specimens"].tolist()),
            _tables(arrays),
            sha256,
            _lines(arrays),
        )


def _digest(before: str, added: Iterable[Reference]) -> str:
    """Return the digest of a library with these references besides."""
    said = hashlib.sha256(before.encode())
    for one in added:
        said.update(one.label.encode("utf-8", "surrogatepass") + b"\0" + np.ascontiguousarray(one.embedding, dtype=np.float32).tobytes())
    return said.hexdigest()


def _encoded(embedding: NDArray[np.floating]) -> NDArray[np.int8]:
    if not np.isfinite(embedding).all():
        msg = "a library's embeddings are finite numbers: the network that made them is damaged"
        raise LibraryError(msg)
    return encode(embedding)


def _frozen(array: NDArray[Number]) -> NDArray[Number]:
    """Return ``array`` read-only: a copy of it, unless nobody can write to it anyway."""
    return _sealed(array.copy()) if array.flags.writeable or not array.flags.owndata else array


def _sealed(array: NDArray[Number]) -> NDArray[Number]:
    """Return ``array`` itself, read-only from now on."""
    array.setflags(write=False)
    return array


LINE_COLUMNS = ("shift", "width", "highest", "lowest")
"""Columns of the lines of a label."""
ARRAYS = {
    "schema": ("i", 0),
    "network": ("U", 0),
    "labels": ("U", 1),
    "label_of": ("u", 1),
    "specimens": ("U", 1),
    "embedding": ("i1", 2),
    "peak_count": ("u", 1),
    "peak_shift": ("f", 1),
    "peak_height": ("f", 1),
    "peak_width": ("f", 1),
    "line_count": ("u", 1),
    **{f"line_{name}": ("f", 1) for name in LINE_COLUMNS},
}
"""The arrays in a library file: how numpy's name of the type begins, byte order aside, and number of dimensions."""


def _arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Return the arrays in the file and its digest, without ever unpickling."""
    data = _read(path)
    try:
        arrays = _unpack(data)
    except Exception as error:
        # Damaged bytes make zipfile, zlib and numpy raise almost anything, also MemoryError and TokenError.
        msg = f"library {str(path)!r} is damaged: {str(error)[:300]}. Give the .library.npz that was exported with the model"
        raise LibraryError(msg) from error
    _check(arrays, path)
    return arrays, hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            msg = f"library {str(path)!r} is no file but a device or a pipe, which may never end. Give the .library.npz itself"
            raise LibraryError(msg)
        size = status.st_size
        if size > MAX_LIBRARY_BYTES:
            raise LibraryError(_too_large(path, size))
        with path.open("rb") as file:
            return file.read(MAX_LIBRARY_BYTES)  # no more, also where it grows: what is cut is refused as damaged
    except OSError as error:
        msg = f"library {str(path)!r} cannot be read: {error.strerror or error}. Give the .library.npz that was exported with the model"
        raise LibraryError(msg) from error


def _too_large(path: Path, size: int) -> str:
    most = f"{MAX_LIBRARY_BYTES / 2**20:.0f} MiB"
    return (
        f"library {str(path)!r} is {size / 2**20:.0f} MiB; at most {most} are read. Give the .library.npz that was exported with the model"
    )


def _unpack(data: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays in a zip archive that says it is not too large; zipfile reads no more than it says."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        unpacked = sum(item.file_size for item in packed.infolist())
    if unpacked > MAX_LIBRARY_BYTES:
        msg = f"it unpacks to {unpacked / 2**20:.0f} MiB; at most {MAX_LIBRARY_BYTES / 2**20:.0f} MiB are read"
        raise ValueError(msg)
    with np.load(io.BytesIO(data), allow_pickle=False) as npz:
        return {name: npz[name] for name in npz.files}


def _check(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    """Refuse another schema, and arrays that are missing, too many, or of another type or dimension than :meth:`Library.save` writes."""
    schema = np.asarray(arrays.get("schema", SCHEMA)).tolist()
    if schema not in (1, SCHEMA):  # a list in a damaged file, which no set can be asked for
        msg = f"library {str(path)!r} has schema {str(schema)[:40]}; this raman-edge reads {SCHEMA}: update it or export the library again"
        raise LibraryError(msg)
    expected = {name: kind for name, kind in ARRAYS.items() if schema == SCHEMA or not name.startswith("line_")}
    if arrays.keys() != expected.keys():
        lacks, spare = sorted(expected.keys() - arrays.keys()), sorted(arrays.keys() - expected.keys())
        msg = f"library {str(path)!r} lacks {lacks} and has {str(spare)[:200]} too much: is it a .library.npz?"
        raise LibraryError(msg)
    for name, (kind, dimensions) in expected.items():
        array = np.asarray(arrays[name])  # a member that is no array comes as bytes
        if not array.dtype.str[1:].startswith(kind) or array.ndim != dimensions:
            msg = (
                f"library {str(path)!r} is damaged: {name} has {array.ndim} dimensions of type {str(array.dtype)[:40]}, "
                f"{dimensions} of kind {kind} expected"
            )
            raise LibraryError(msg)
        if kind == "U" and _highest(array) > sys.maxunicode:
            msg = f"library {str(path)!r} is damaged: {name} holds numbers that are no characters"
            raise LibraryError(msg)


def _highest(texts: NDArray[np.generic]) -> int:
    """Return the highest code point in an array of text; numpy lets a file hold any 32 bits, Python cannot make a string of them."""
    return int(np.frombuffer(texts.tobytes(), np.dtype(np.uint32).newbyteorder(texts.dtype.byteorder)).max(initial=0))


def _is_text(name: str) -> bool:
    """Whether ``name`` holds whole characters only: half a surrogate pair cannot be written as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tables(arrays: dict[str, NDArray[np.generic]]) -> tuple[Peaks, ...]:
    """Cut the stacked peak arrays into one table a label."""
    counts = arrays["peak_count"].astype(np.intp)
    ends = np.cumsum(counts)
    stacked = [arrays[f"peak_{name}"].astype(np.float64) for name in ("shift", "height", "width")]
    shift, height, width = stacked
    if [column.size for column in stacked] != [int(counts.sum())] * 3:
        msg = f"the library's peak tables hold {[c.size for c in stacked]} values, {int(counts.sum())} expected: the file is damaged"
        raise LibraryError(msg)
    if not (np.isfinite(shift).all() and ((height >= 0) & (height <= 1)).all() and ((width >= 0) & (width < np.inf)).all()):
        msg = "the library's peaks have positions that are finite, heights in 0..1 and widths from 0: the file is damaged"
        raise LibraryError(msg)
    starts = (ends - counts).tolist()
    return tuple(Peaks(*(column[start:end] for column in stacked)) for start, end in zip(starts, ends.tolist(), strict=True))


def _lines(arrays: dict[str, NDArray[np.generic]]) -> tuple[MaterialLines, ...]:
    """Cut the stacked lines into those of each label; empty for a library of schema 1, which has none."""
    if "line_count" not in arrays:
        return ()
    counts = arrays["line_count"].astype(np.intp)
    stacked = [arrays[f"line_{name}"].astype(np.float64) for name in LINE_COLUMNS]
    shift, width, highest, lowest = stacked
    if counts.size != arrays["peak_count"].size or [column.size for column in stacked] != [int(counts.sum())] * len(LINE_COLUMNS):
        msg = (
            f"the library's lines are those of {counts.size} labels and hold {[c.size for c in stacked]} values; "
            f"{arrays['peak_count'].size} labels and {int(counts.sum())} values expected: the file is damaged"
        )
        raise LibraryError(msg)
    inside = (lowest >= 0).all() and (lowest <= highest).all() and (highest <= 1).all()
    if not (np.isfinite(shift).all() and inside and ((width >= 0) & (width < np.inf)).all()):
        msg = "the library's lines have positions that are finite, heights in 0..1 and widths from 0: the file is damaged"
        raise LibraryError(msg)
    ends = np.cumsum(counts)
    starts = (ends - counts).tolist()
    return tuple(MaterialLines(*(column[start:end] for column in stacked)) for start, end in zip(starts, ends.tolist(), strict=True))
