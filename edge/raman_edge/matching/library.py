"""Reference spectra as embeddings, with labels and peak tables: what a spectrum is compared with."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np

from raman_edge import atomic_write, peaks
from raman_edge.bounded_read import bounded
from raman_edge.errors import LibraryError, SpectrumError
from raman_edge.matching.search import Search, encode, lengths
from raman_edge.peaks import MaterialLines, Peaks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from raman_edge.matching.aligned import AlignedSearch
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Spectrum

Number = TypeVar("Number", bound=np.generic)

SCHEMA = 2
"""Version of the arrays in the file: 1 has one peak table a label and no lines of its other references; it is read too."""
MAX_LIBRARY_BYTES = 256 * 2**20
"""A library is refused above this, on disk (before it is read) or unpacked; the embedded one has 3 MiB."""
OWN = "library"
"""Pack of the references that were exported with a model, where they are not those of the pack ``minerals``."""
TABLE = 16
"""Peaks in a label's table, the most prominent ones."""


def default_path() -> Path:
    """Return the path of the embedded default library."""
    return Path(str(importlib.resources.files("raman_edge") / "assets" / "default.library.npz"))


def path_beside(model: Path) -> Path:
    """Return the path of the library of the model at ``model``: beside it, under its name."""
    return model.with_name(model.name.removesuffix(".onnx") + ".library.npz")


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is known of a material besides its spectra."""

    label: str
    """Its one name in every result."""
    synonyms: tuple[str, ...] = ()
    """Other names, such as that of the chemical."""
    formula: str = ""
    """Plain text, such as ``CaSO4·2H2O``."""
    groups: tuple[str, ...] = ()
    """Groups it belongs to, such as ``feldspar group`` or ``alcohol``."""


@dataclass(frozen=True, eq=False, slots=True)
class Reference:
    """A reference to add with :meth:`Library.joined`."""

    label: str
    specimen: str
    """Origin, such as the file."""
    embedding: NDArray[np.float32]
    """Unit norm, (e,)."""
    peaks: Peaks
    """At most :data:`TABLE` peaks; they become the peak table of a new label."""
    pack: str = ""
    """Pack it belongs to; empty for none."""


@dataclass(frozen=True, eq=False)
class Library:
    """Reference embeddings, kept together by label, and one peak table a label."""

    network: str
    """Digest of the network that made the embeddings; another network cannot use them."""
    labels: tuple[str, ...]
    """Unique names, (k,); each has at least one reference."""
    label_of: NDArray[np.intp]
    """Index into ``labels`` of each reference, (n,), never decreasing."""
    codes: NDArray[np.int8]
    """Embeddings as integers, (n, e): the largest component of each is 127, its length says nothing."""
    specimens: tuple[str, ...]
    """Origin of each reference, such as its RRUFF id, (n,)."""
    peaks: tuple[Peaks, ...]
    """Peak table of each label, (k,)."""
    sha256: str = ""
    """Digest of the file it was read from, and of the references joined later, lower-case hex."""
    lines: tuple[MaterialLines, ...] = ()
    """Lines of each label over all of its references, (k,); by default those of its peak table."""
    packs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Packs that the references of a label come from, in the order in which they were joined."""
    materials: Mapping[str, Material] = field(default_factory=dict)
    """What is known of a label besides its references."""
    spectra: tuple[AlignedSearch, ...] = ()
    """The references of packs as spectra, each of a label of this library, in the order in which they are compared."""
    _first: NDArray[np.intp] = field(init=False, repr=False)
    """Place of each label's first reference, (k,)."""

    def __post_init__(self) -> None:
        n, k = len(self.specimens), len(self.labels)
        shapes = (self.label_of.shape, self.codes.shape[:1], (len(self.peaks),))
        if shapes != ((n,), (n,), (k,)) or self.codes.ndim != 2:  # noqa: PLR2004 - (n, e)
            got = f"label_of {self.label_of.shape}, embedding {self.codes.shape}, {len(self.peaks)} peak tables"
            raise _damaged("shapes", got, f"those of {n} references and {k} labels")
        if len(set(self.labels)) != k or not all(map(_is_text, self.labels)):
            raise _damaged("labels", f"{k}, of which {len(set(self.labels))} differ", "different texts")
        steps = np.diff(self.label_of, prepend=-1)
        if n == 0 or steps[0] != 1 or (steps < 0).any() or (steps > 1).any() or self.label_of[-1] != k - 1:
            raise _damaged("label_of", "another order", "references sorted by label, at least one a label")
        if not self.lines:
            object.__setattr__(self, "lines", tuple(MaterialLines.of([table]) for table in self.peaks))
        elif len(self.lines) != k:
            raise _damaged("lines", f"those of {len(self.lines)} labels", f"those of {k}")
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
        """Sort references by label and join them; ``labels`` is (n,), one a reference."""
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

    @staticmethod
    def make_reference(spectrum: Spectrum, label: str, specimen: str, model: Model, pack: str = "") -> Reference:
        """Return ``spectrum`` as a reference of ``label`` in ``pack``, by the recipe and the network of ``model``.

        Raises :class:`SpectrumError` where the recipe cannot prepare it, or the embedding is not finite.
        """
        recipe = model.card.recipe
        features = recipe.features(spectrum)
        embedding = model.run(features[np.newaxis]).embedding[0]
        if not np.isfinite(embedding).all():
            advice = "The spectrum may be damaged; `raman-edge model verify` tests the model"
            raise SpectrumError(kind="no finite embedding", place=specimen, got="NaN or infinity from the network", advice=advice)
        return Reference(label, specimen, embedding, peaks.find(recipe.axis, features.astype(np.float64), most=TABLE), pack)

    @classmethod
    def of_references(cls, network: str, references: Sequence[Reference]) -> Library:
        """Return the library of these references alone; the first one of a label gives its peak table."""
        labels, specimens = [one.label for one in references], [one.specimen for one in references]
        tables = {one.label: one.peaks for one in reversed(references)}
        lines = {label: MaterialLines.of([one.peaks for one in references if one.label == label]) for label in tables}
        made = cls.build(network, labels, np.stack([one.embedding for one in references]), specimens, tables, lines)
        return replace(made, sha256=_digest("", references), packs=_packs_of((), {}, references))

    def described(self, materials: Mapping[str, Material], pack: str = "") -> Library:
        """Return this library with what is known of its labels; ``pack`` is the one that all of its present references come from."""
        packs = dict.fromkeys(self.labels, (pack,)) if pack else self.packs
        return replace(self, packs=packs, materials={**self.materials, **materials})

    def __len__(self) -> int:
        return len(self.specimens)

    def synonyms(self, name: str) -> tuple[str, ...]:
        """Return the labels that ``name`` stands for, in upper or lower case: the label itself, else those with this synonym or formula."""
        wanted = name.strip().casefold()
        same = tuple(label for label in self.labels if label.casefold() == wanted)
        if same:
            return same
        named = (one for one in map(self.materials.get, self.labels) if one is not None)
        return tuple(one.label for one in named if wanted and wanted in {text.casefold() for text in (one.formula, *one.synonyms)})

    def group_of(self, names: Sequence[str]) -> str | None:
        """Return the group that all of these labels belong to, the smallest where they share several; None where they share none."""
        shared = frozenset.intersection(*(self._groups.get(name, frozenset()) for name in names)) if names else frozenset()
        return min(shared, key=lambda group: (self._members[group], group), default=None)

    @cached_property
    def _groups(self) -> dict[str, frozenset[str]]:
        return {label: frozenset(one.groups) for label in self.labels if (one := self.materials.get(label)) and one.groups}

    @cached_property
    def _members(self) -> Counter[str]:
        """Number of labels in each group."""
        return Counter(group for groups in self._groups.values() for group in groups)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """Unit-norm embeddings, (n, e); computed at every access."""
        return _sealed((self.codes / lengths(self.codes)[:, np.newaxis]).astype(np.float32))

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Index of each label in ``labels``."""
        return {label: index for index, label in enumerate(self.labels)}

    def joined(self, references: Iterable[Reference]) -> Library:
        """Return this library with more references.

        An existing label gets another reference and its lines, and keeps its peak table; new labels follow the existing
        ones, whose order stays: among equal scores an existing label ranks first. :class:`LibraryError` for another length.
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
            _packs_of(self.labels, self.packs, added),
            self.materials,
            self.spectra,
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
        """Open the search, for which the first spectrum would otherwise wait: ten milliseconds with the default library."""
        _ = self._search

    @cached_property
    def _search(self) -> Search:
        return Search(self.codes)

    def _check_length(self, embedding: NDArray[np.float32]) -> None:
        if embedding.shape != self.codes.shape[1:]:
            got, expected = f"an embedding of shape {embedding.shape}", f"length {self.codes.shape[1]}"
            raise LibraryError(kind="wrong length", place="library", got=got, expected=expected)

    def save(self, path: Path) -> None:
        """Write the library atomically; embeddings are stored as int8, in steps of 0.4 % of the largest component.

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
            raise LibraryError(kind="cannot be written", place=f"library {str(path)!r}", cause=str(error.strerror)) from error

    @classmethod
    def open(cls, path: Path, *, network: str) -> Library:
        """Read the library at ``path`` for the network with digest ``network``.

        Raises :class:`LibraryError`: unreadable, damaged, or made by another network.
        """
        arrays, sha256 = _arrays(path)
        if str(arrays["network"]) != network:
            got, advice = f"network {str(arrays['network'])[:12]}", "Give the library that was exported with this model"
            raise LibraryError(
                kind="library of another network", place=f"library {str(path)!r}", got=got, expected=network[:12], advice=advice
            )
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


def _damaged(place: str, got: str, expected: str) -> LibraryError:
    return LibraryError(kind="damaged file", place=f"library: {place}", got=got, expected=expected, advice=EXPORTED)


def _packs_of(labels: Iterable[str], before: Mapping[str, tuple[str, ...]], added: Iterable[Reference]) -> dict[str, tuple[str, ...]]:
    """Return the packs of each label with those of more references; a label without a pack so far is of the model's own library."""
    packs = {label: before.get(label, (OWN,)) for label in labels}
    for one in added:
        if one.pack and one.pack not in packs.get(one.label, ()):
            packs[one.label] = (*packs.get(one.label, ()), one.pack)
    return packs


def _digest(before: str, added: Iterable[Reference]) -> str:
    """Return the digest of a library with these references added."""
    digest = hashlib.sha256(before.encode())
    for one in added:
        digest.update(one.label.encode("utf-8", "surrogatepass") + b"\0" + np.ascontiguousarray(one.embedding, dtype=np.float32).tobytes())
    return digest.hexdigest()


def _encoded(embedding: NDArray[np.floating]) -> NDArray[np.int8]:
    if not np.isfinite(embedding).all():
        raise LibraryError(kind="no finite embedding", place="library", got="NaN or infinity", advice="The network is damaged")
    return encode(embedding)


def _frozen(array: NDArray[Number]) -> NDArray[Number]:
    """Return ``array`` read-only; a copy unless it is read-only already."""
    return _sealed(array.copy()) if array.flags.writeable or not array.flags.owndata else array


def _sealed(array: NDArray[Number]) -> NDArray[Number]:
    """Set ``array`` read-only and return it."""
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
"""The arrays in a library file: start of numpy's type name without byte order, and number of dimensions."""
EXPORTED = "Give the .library.npz that was exported with the model"


def _arrays(path: Path) -> tuple[dict[str, NDArray[np.generic]], str]:
    """Return the arrays in the file and its digest, without unpickling."""
    data = bounded(path, MAX_LIBRARY_BYTES, LibraryError, place=f"library {str(path)!r}", advice=EXPORTED)
    try:
        arrays = unpack(data, MAX_LIBRARY_BYTES)
    except Exception as error:
        # Damaged bytes make zipfile, zlib and numpy raise almost anything, also MemoryError and TokenError.
        raise LibraryError(kind="damaged file", place=f"library {str(path)!r}", cause=str(error)[:300], advice=EXPORTED) from error
    _check(arrays, path)
    return arrays, hashlib.sha256(data).hexdigest()


def unpack(data: bytes, most: int) -> dict[str, NDArray[np.generic]]:
    """Return the arrays in a zip archive whose directory declares at most ``most`` bytes; zipfile reads no more than declared."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        unpacked = sum(item.file_size for item in packed.infolist())
    if unpacked > most:
        msg = f"it unpacks to {unpacked / 2**20:.0f} MiB; at most {most / 2**20:.0f} MiB are read"
        raise ValueError(msg)
    with np.load(io.BytesIO(data), allow_pickle=False) as npz:
        return {name: npz[name] for name in npz.files}


def _check(arrays: dict[str, NDArray[np.generic]], path: Path) -> None:
    """Refuse another schema, and arrays that are missing, too many, or of another type or dimension than :meth:`Library.save` writes."""
    schema = np.asarray(arrays.get("schema", SCHEMA)).tolist()
    if schema not in (1, SCHEMA):  # a tuple: a damaged file may hold a list, which is not hashable
        advice = "Update raman-edge, or export the library again"
        raise LibraryError(
            kind="unknown schema", place=f"library {str(path)!r}", got=str(schema)[:40], expected=f"1 or {SCHEMA}", advice=advice
        )
    wanted = {name: kind for name, kind in ARRAYS.items() if schema == SCHEMA or not name.startswith("line_")}
    if arrays.keys() != wanted.keys():
        lacks, spare = sorted(wanted.keys() - arrays.keys()), sorted(arrays.keys() - wanted.keys())
        got = f"{str(spare)[:200]} besides, without {lacks}"
        raise LibraryError(
            kind="wrong arrays", place=f"library {str(path)!r}", got=got, expected="those of a .library.npz", advice=EXPORTED
        )
    for name, (kind, dimensions) in wanted.items():
        array = np.asarray(arrays[name])  # a member that is no array is bytes
        if not array.dtype.str[1:].startswith(kind) or array.ndim != dimensions:
            got, expected = f"{array.ndim} dimensions of type {str(array.dtype)[:40]}", f"{dimensions} of kind {kind}"
            raise LibraryError(kind="damaged file", place=f"library {str(path)!r}: {name}", got=got, expected=expected, advice=EXPORTED)
        if kind == "U" and _highest(array) > sys.maxunicode:
            place = f"library {str(path)!r}: {name}"
            raise LibraryError(kind="damaged file", place=place, got="numbers that are no characters", advice=EXPORTED)


def _highest(texts: NDArray[np.generic]) -> int:
    """Return the highest code point in an array of text: a file can hold any 32 bits, a Python string cannot."""
    return int(np.frombuffer(texts.tobytes(), np.dtype(np.uint32).newbyteorder(texts.dtype.byteorder)).max(initial=0))


def _is_text(name: str) -> bool:
    """Whether ``name`` can be written as UTF-8, which half a surrogate pair cannot."""
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
        raise _damaged("peak tables", f"{[column.size for column in stacked]} values", str(int(counts.sum())))
    if not (np.isfinite(shift).all() and ((height >= 0) & (height <= 1)).all() and ((width >= 0) & (width < np.inf)).all()):
        raise _damaged("peak tables", "other numbers", "finite positions, heights in 0..1 and widths from 0")
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
        got = f"{counts.size} labels and {[column.size for column in stacked]} values"
        raise _damaged("lines", got, f"{arrays['peak_count'].size} labels and {int(counts.sum())} values")
    inside = (lowest >= 0).all() and (lowest <= highest).all() and (highest <= 1).all()
    if not (np.isfinite(shift).all() and inside and ((width >= 0) & (width < np.inf)).all()):
        raise _damaged("lines", "other numbers", "finite positions, heights in 0..1 and widths from 0")
    ends = np.cumsum(counts)
    starts = (ends - counts).tolist()
    return tuple(MaterialLines(*(column[start:end] for column in stacked)) for start, end in zip(starts, ends.tolist(), strict=True))
