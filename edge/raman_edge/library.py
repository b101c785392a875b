"""Reference spectra as embeddings, with labels and peak tables: what a spectrum is compared with."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raman_edge.errors import LibraryError
from raman_edge.peaks import Peaks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SCHEMA = 1
"""Version of the arrays in the file."""
MAX_LIBRARY_BYTES = 512 * 2**20
"""A library is refused above this, on disk or unpacked."""
INT8 = 127.0
"""Full scale of a stored embedding component."""


def default_path() -> Path:
    """Return where the embedded default library lies."""
    return Path(str(importlib.resources.files("raman_edge") / "assets" / "default.library.npz"))


@dataclass(frozen=True, eq=False)
class Library:
    """Reference embeddings, sorted by label, and one peak table a label."""

    network: str
    """Digest of the network that made the embeddings; they mean nothing to another."""
    labels: tuple[str, ...]
    """Unique names, (k,); each has at least one reference."""
    label_of: NDArray[np.intp]
    """Index into ``labels`` of each reference, (n,), never decreasing."""
    embedding: NDArray[np.float32]
    """Unit-norm embeddings, (n, e)."""
    specimens: tuple[str, ...]
    """What each reference is, such as its RRUFF id, (n,)."""
    peaks: tuple[Peaks, ...]
    """Peak table of each label, (k,)."""
    sha256: str = ""
    """Digest of the file it was read from, lower-case hex."""

    def __post_init__(self) -> None:
        n = len(self.specimens)
        shapes = (self.label_of.shape, self.embedding.shape[:1], (len(self.peaks),))
        if shapes != ((n,), (n,), (len(self.labels),)):
            msg = f"a library of {n} references and {len(self.labels)} labels has arrays of {shapes}: the file is damaged"
            raise LibraryError(msg)
        steps = np.diff(self.label_of, prepend=-1)
        if n == 0 or (steps < 0).any() or (steps > 1).any() or self.label_of[-1] != len(self.labels) - 1:
            msg = "a library's references are sorted by label and every label has one: the file is damaged"
            raise LibraryError(msg)
        object.__setattr__(self, "_first", np.flatnonzero(steps))

    @classmethod
    def build(
        cls, network: str, labels: Sequence[str], embedding: NDArray[np.float32], specimens: Sequence[str], peaks: dict[str, Peaks]
    ) -> Library:
        """Sort references by label and put them together; ``labels`` is (n,), one a reference."""
        names, index = np.unique(np.asarray(labels), return_inverse=True)
        order = np.argsort(index, kind="stable")
        unique = tuple(str(name) for name in names)
        return cls(
            network,
            unique,
            index[order],
            np.ascontiguousarray(embedding[order], dtype=np.float32),
            tuple(specimens[i] for i in order),
            tuple(peaks[name] for name in unique),
        )

    def __len__(self) -> int:
        return len(self.specimens)

    def search(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the best cosine of each label, (k,), for one unit-norm ``embedding``, (e,)."""
        if embedding.shape != self.embedding.shape[1:]:
            msg = f"the library holds embeddings of length {self.embedding.shape[1]}, got one of shape {embedding.shape}"
            raise LibraryError(msg)
        first: NDArray[np.intp] = self._first  # type: ignore[attr-defined]  # set in __post_init__ of a frozen dataclass
        best: NDArray[np.float32] = np.maximum.reduceat(self.embedding @ embedding, first)
        return best

    def save(self, path: Path) -> None:
        """Write the library; embeddings are stored as int8, 0.4 % of full scale a component."""
        peak = np.inf if not len(self) else np.abs(self.embedding).max(axis=1)
        counts = [len(table) for table in self.peaks]
        stacked = {name: np.concatenate([getattr(t, name) for t in self.peaks]).astype(np.float32) for name in ("shift", "height", "width")}
        np.savez_compressed(
            path,
            schema=np.array(SCHEMA),
            network=np.array(self.network),
            labels=np.array(self.labels),
            label_of=self.label_of.astype(np.uint32),
            specimens=np.array(self.specimens),
            embedding=np.rint(self.embedding / peak[:, None] * INT8).astype(np.int8),
            peak_count=np.array(counts, dtype=np.uint16),
            peak_shift=stacked["shift"],
            peak_height=stacked["height"].astype(np.float16),
            peak_width=stacked["width"].astype(np.float16),
        )

    @classmethod
    def open(cls, path: Path, *, network: str) -> Library:
        """Read the library at ``path`` for the network with digest ``network``.

        Raises :class:`LibraryError`: unreadable, damaged, or made by another network.
        """
        arrays, sha256 = _arrays(path)
        if int(arrays["schema"]) != SCHEMA:
            msg = f"library {str(path)!r} has schema {int(arrays['schema'])}; this raman-edge reads {SCHEMA}: update it or export again"
            raise LibraryError(msg)
        if str(arrays["network"]) != network:
            msg = (
                f"library {str(path)!r} was made by network {str(arrays['network'])[:12]}, the model is {network[:12]}: "
                "give the library that was exported with this model"
            )
            raise LibraryError(msg)
        embedding = arrays["embedding"].astype(np.float32)
        embedding /= np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1.0)
        return cls(
            network,
            tuple(str(name) for name in arrays["labels"]),
            arrays["label_of"].astype(np.intp),
            embedding,
            tuple(str(name) for name in arrays["specimens"]),
            _tables(arrays),
            sha256,
        )


NAMES = frozenset(
    {"schema", "network", "labels", "label_of", "specimens", "embedding", "peak_count", "peak_shift", "peak_height", "peak_width"}
)
"""The arrays in a library file."""


def _arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Return the arrays in the file and its digest, without ever unpickling."""
    try:
        if path.stat().st_size > MAX_LIBRARY_BYTES:
            msg = f"library {str(path)!r} is larger than {MAX_LIBRARY_BYTES / 2**20:.0f} MiB"
            raise LibraryError(msg)
        data = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            unpacked = sum(item.file_size for item in packed.infolist())
        if unpacked > MAX_LIBRARY_BYTES:
            msg = f"library {str(path)!r} unpacks to {unpacked / 2**20:.0f} MiB; at most {MAX_LIBRARY_BYTES / 2**20:.0f} are read"
            raise LibraryError(msg)
        with np.load(io.BytesIO(data), allow_pickle=False) as npz:
            arrays = {name: npz[name] for name in npz.files}
    except OSError as error:
        msg = f"library {str(path)!r} cannot be read: {error.strerror}. Give the .library.npz that was exported with the model"
        raise LibraryError(msg) from error
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        msg = f"library {str(path)!r} is damaged: {error}"
        raise LibraryError(msg) from error
    if arrays.keys() != NAMES:
        msg = f"library {str(path)!r} lacks {sorted(NAMES - arrays.keys())} and has {sorted(arrays.keys() - NAMES)} too much"
        raise LibraryError(msg)
    return arrays, hashlib.sha256(data).hexdigest()


def _tables(arrays: dict[str, NDArray[np.generic]]) -> tuple[Peaks, ...]:
    """Cut the stacked peak arrays into one table a label."""
    ends = np.cumsum(arrays["peak_count"].astype(np.intp))
    stacked = [arrays[f"peak_{name}"].astype(np.float64) for name in ("shift", "height", "width")]
    if any(column.shape != (int(ends[-1]) if ends.size else 0,) for column in stacked):
        msg = f"the library's peak tables hold {[c.size for c in stacked]} values, {int(ends[-1])} expected: the file is damaged"
        raise LibraryError(msg)
    return tuple(Peaks(*(column[end - count : end] for column in stacked)) for end, count in zip(ends, arrays["peak_count"].tolist(), strict=True))
