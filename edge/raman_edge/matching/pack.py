"""Library packs: files of references with names, groups, source, licence and attribution.

A pack is independent of any model: it holds spectra at 1 cm⁻¹, and the model in use embeds them. The embeddings are kept beside the
model, or in the user's cache folder, under a digest of the pack and of the model. The pack ``minerals`` holds no spectra: its
references are in the library that was exported with the model.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import os
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import platformdirs

from raman_edge import atomic_write
from raman_edge.bounded_read import bounded
from raman_edge.errors import LibraryError, RamanEdgeError, SpectrumError
from raman_edge.matching.library import TABLE, Library, Material, Reference, unpack
from raman_edge.matching.search import encode, lengths
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from raman_edge.model.model import Model

END = ".pack.npz"
"""Suffix of a pack's file."""
MINERALS, EVERYDAY = "minerals", "everyday"
"""Packs that are installed with raman-edge."""
SHIPPED = (MINERALS, EVERYDAY)
SCHEMA = 1
MAX_BYTES = 64 * 2**20
"""A larger pack is refused, on disk and unpacked."""
MOST_REFERENCES = 10_000
MOST_TEXT, MOST_LICENCE = 300, 20_000
"""Characters of a name or a title, and of a licence."""
LONGEST = 10_000
"""Points of a spectrum: 1 cm⁻¹ each."""
FULL_SCALE = 65_535
"""The highest point of a stored spectrum."""
REPLICATE = re.compile(r"(?:_\d+|\s*#\s*\d+|\s*\(\d+\)|[\s_-]+(?:rep|replicate|run|scan|copy)[\s_-]*\d+)$", re.IGNORECASE)
"""End of the stem of a replicate, as ``raman-train import`` reads a folder."""
MADE = "Packs are made by `raman-edge library add FOLDER`"


class PackSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where references come from, and the terms of their use."""

    title: str
    licence: str
    """Short name, such as ``MIT``; empty where it is unknown."""
    attribution: str
    """What has to be named wherever the references are passed on."""
    text: str = ""
    """The licence itself, where it has to travel with the data."""


class PackReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One spectrum of a pack."""

    label: str
    specimen: str
    """Origin within its source, such as the name of the file."""
    source: int
    """Index into :attr:`PackContents.sources`."""


class PackContents(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything of a pack but its spectra."""

    schema: int = SCHEMA
    name: str
    title: str
    sources: tuple[PackSource, ...]
    materials: tuple[Material, ...]
    references: tuple[PackReference, ...] = ()


@dataclass(frozen=True, eq=False)
class Pack:
    """An open pack."""

    contents: PackContents
    spectra: tuple[Spectrum, ...]
    """One for each reference, at steps of 1 cm⁻¹."""
    sha256: str = ""
    """Digest of its file, lower-case hex."""

    @property
    def name(self) -> str:
        """Name by which ``--packs`` selects it."""
        return self.contents.name

    @cached_property
    def materials(self) -> dict[str, Material]:
        """Material of each label."""
        return {one.label: one for one in self.contents.materials}

    @classmethod
    def open(cls, path: Path) -> Pack:
        """Read a pack; :class:`LibraryError` where it is no pack, damaged, or of a newer schema."""
        place = f"pack {str(path)!r}"
        data = bounded(path, MAX_BYTES, LibraryError, place=place, advice=MADE)
        try:
            arrays = unpack(data, MAX_BYTES)
            contents = msgspec.json.decode(np.asarray(arrays["contents"]).astype(np.uint8, casting="safe").tobytes(), type=PackContents)
            spectra = tuple(_unpacked(contents, arrays["start"], arrays["points"], arrays["counts"]))
            _check(contents)
        except Exception as error:
            # As for a library: damaged bytes make zipfile, zlib, numpy and msgspec raise almost anything.
            raise LibraryError(kind="damaged file", place=place, cause=str(error)[:300], advice=MADE) from error
        return cls(contents, spectra, hashlib.sha256(data).hexdigest())

    def save(self, path: Path) -> None:
        """Write the pack atomically; the same contents give the same bytes. :class:`LibraryError` where it cannot be written."""
        _check(self.contents)
        counts = [_scaled(one.counts) for one in self.spectra]
        packed = io.BytesIO()
        np.savez_compressed(
            packed,
            contents=np.frombuffer(msgspec.json.encode(self.contents), np.uint8),
            start=np.array([round(one.axis.start) for one in self.spectra], dtype=np.int32),
            points=np.array([row.size for row in counts], dtype=np.int32),
            counts=np.concatenate(counts) if counts else np.zeros(0, np.uint16),
        )
        _write(path, packed.getvalue(), f"pack {str(path)!r}")

    def references(self, model: Model, beside: Path | None = None) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
        """Return its references for ``model``, and why some cannot be one.

        Embeddings are read from ``beside`` (the folder of the model) or the user's cache folder, else computed and stored in the cache.
        """
        if not self.spectra:
            return (), ()
        key = self.key(model)
        name = embeddings_name(self.name)
        places = [*([beside / name] if beside else []), _cache_folder() / f"{key[:32]}.npz"]
        for place in places:
            with suppress(LibraryError):
                return self._read(place, key, model.card.embedding), ()
        made, left_out = self.embed(model)
        if not left_out:
            data = _embeddings(key, made)
            # A cache that cannot be written still serves; the embeddings are then computed at every start.
            with suppress(LibraryError, OSError):
                atomic_write.system_path(places[-1].parent).mkdir(parents=True, exist_ok=True)
                _write(places[-1], data, "cache")
        return made, left_out

    def embed(self, model: Model) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
        """Compute the references for ``model``, and why some cannot be one: a model may work on another part of the axis."""
        made: list[Reference] = []
        left_out: list[str] = []
        for one, spectrum in zip(self.contents.references, self.spectra, strict=True):
            try:
                made.append(Library.make_reference(spectrum, one.label, one.specimen, model, self.name))
            except SpectrumError as error:
                left_out.append(f"pack {self.name}: {one.label!r} is left out, this model cannot use it: {error}")
        return tuple(made), tuple(left_out)

    def store_embeddings(self, model: Model, folder: Path) -> Path:
        """Write the embeddings by ``model`` into ``folder``, where the model lies, and return the file."""
        made, left_out = self.embed(model)
        if left_out:
            raise LibraryError(kind="reference not usable", place=f"pack {self.name}", cause=left_out[0])
        path = folder / embeddings_name(self.name)
        _write(path, _embeddings(self.key(model), made), f"embeddings {str(path)!r}")
        return path

    def key(self, model: Model) -> str:
        """Return the digest that the embeddings of this pack by ``model`` belong to."""
        return hashlib.sha256(f"{SCHEMA} {TABLE} {self.sha256} {model.sha256}".encode()).hexdigest()

    def _read(self, path: Path, key: str, width: int) -> tuple[Reference, ...]:
        """Return the stored references; :class:`LibraryError` where the file belongs to another model or pack, or is damaged."""
        data = bounded(path, MAX_BYTES, LibraryError, place="embeddings", advice="")
        try:
            arrays = unpack(data, MAX_BYTES)
            codes, counts = np.asarray(arrays["codes"], dtype=np.int8), arrays["peak_count"].astype(np.intp)
            embedding = (codes / lengths(codes)[:, np.newaxis]).astype(np.float32)
            ends = np.cumsum(counts)
            columns = [arrays[f"peak_{name}"].astype(np.float64) for name in ("shift", "height", "width")]
            tables = [Peaks(*(column[end - count : end] for column in columns)) for end, count in zip(ends, counts, strict=True)]
        except Exception as error:
            raise LibraryError(kind="damaged file", place="embeddings", cause=str(error)[:300]) from error
        if str(arrays["key"]) != key or codes.shape != (len(self.spectra), width):
            raise LibraryError(kind="of another model", place="embeddings")
        rows = zip(self.contents.references, embedding, tables, strict=True)
        return tuple(Reference(one.label, one.specimen, vector, table, self.name) for one, vector, table in rows)


def shipped_path(name: str) -> Path:
    """Return the path of a pack that is installed with raman-edge."""
    return Path(str(importlib.resources.files("raman_edge") / "assets" / f"{name}{END}"))


def user_folder() -> Path:
    """Return the folder of the user's packs; it need not exist."""
    return Path(platformdirs.user_data_dir("raman-edge")) / "packs"


def installed() -> tuple[str, ...]:
    """Return the names of all packs that a name selects: those of raman-edge, and those in the user's folder."""
    folder = user_folder()
    try:
        found = sorted(name.removesuffix(END) for name in os.listdir(atomic_write.system_path(folder)) if name.endswith(END))  # noqa: PTH208 - the folder may be missing
    except OSError:
        found = []
    return (*SHIPPED, *(name for name in found if name not in SHIPPED))


def find(name: str) -> Path:
    """Return the path of the pack with that name, or of a file; :class:`LibraryError` where there is none."""
    if name in SHIPPED:
        return shipped_path(name)
    if is_path(name):
        return Path(name)
    path = user_folder() / f"{name}{END}"
    if not atomic_write.system_path(path).exists():
        raise LibraryError(
            kind="no such pack", place="packs", got=repr(name), expected=f"{', '.join(installed())}, or the path of a file …{END}",
            advice="`raman-edge library packs` lists the packs",
        )  # fmt: skip
    return path


def open_installed() -> Iterator[Pack]:
    """Give the packs that a name selects; one of the user that cannot be read is left out."""
    for name in installed():
        try:
            yield Pack.open(find(name))
        except LibraryError:
            if name in SHIPPED:
                raise


def labels_named(name: str) -> tuple[str, ...]:
    """Return ``name``, and the labels of installed packs that it is a synonym or the formula of, in upper or lower case."""
    wanted = name.strip().casefold()
    found = {one.label: None for pack in open_installed() for one in pack.contents.materials if wanted in names_of(one)}
    return tuple(dict.fromkeys((name, *found)))


def names_of(material: Material) -> frozenset[str]:
    """Return every name that finds a material, in lower case."""
    return frozenset(text.casefold() for text in (material.label, material.formula, *material.synonyms) if text)


def is_path(name: str) -> bool:
    """Whether a value of ``--packs`` is a path, not a name."""
    return name.endswith(".npz") or "/" in name or os.sep in name


def embeddings_name(pack: str) -> str:
    """Return the name of the file with a pack's embeddings, beside the model."""
    return f"{atomic_write.file_stem(pack)}.embeddings.npz"


def at_steps(shift: NDArray[np.floating], counts: NDArray[np.floating]) -> Spectrum:
    """Return a spectrum at steps of 1 cm⁻¹, as a pack stores it; ``shift`` increases. :class:`SpectrumError` where it is too short."""
    axis = Axis(shift)
    low, high = int(np.ceil(axis.start)), int(np.floor(axis.stop))
    if high - low < 2 or high - low >= LONGEST:  # noqa: PLR2004 - a spectrum
        raise SpectrumError(kind="wrong range", got=f"{axis.start:g} to {axis.stop:g} cm⁻¹", expected=f"3 to {LONGEST} cm⁻¹")
    grid = np.arange(low, high + 1, dtype=np.float64)
    return Spectrum(Axis(grid), np.interp(grid, axis.shift, counts))


def of_folder(folder: Path, read: Callable[[Path], Sequence[Spectrum | Fault]], source: PackSource) -> tuple[Pack, tuple[str, ...]]:
    """Return a pack of the files in ``folder`` and its sub-folders, and why files are left out.

    A material is named by the sub-folder of its file, else by the file without the number of a replicate. Hidden files are skipped.
    """
    references: list[PackReference] = []
    spectra: list[Spectrum] = []
    left_out: list[str] = []
    place = atomic_write.system_path(folder)
    for file in sorted(place.rglob("*")):
        inside = file.relative_to(place)
        if not file.is_file() or any(part.startswith(".") for part in inside.parts):
            continue
        label = unicodedata.normalize("NFC", inside.parent.name or REPLICATE.sub("", file.stem).strip() or file.stem)
        try:
            seen = read(file)
            left_out += [f"{inside.as_posix()}: {one.why}" for one in seen if isinstance(one, Fault)]
            made = [at_steps(one.axis.shift, one.counts) for one in seen if isinstance(one, Spectrum)]
            label.encode()
            inside.as_posix().encode()
        except (RamanEdgeError, UnicodeError) as error:
            left_out.append(f"{inside.as_posix()}: {error}")
            continue
        names = [inside.as_posix() + (f"#{number}" if number > 1 else "") for number in range(1, len(made) + 1)]
        references += [PackReference(label, name, 0) for name in names]
        spectra += made
    name = folder.resolve().name
    contents = PackContents(name=name, title=name, sources=(source,), materials=(), references=tuple(references))
    return Pack(contents, tuple(spectra)), tuple(left_out)


def _scaled(counts: NDArray[np.floating]) -> NDArray[np.uint16]:
    low, high = float(counts.min()), float(counts.max())
    scaled: NDArray[np.uint16] = np.rint((counts - low) / ((high - low) or 1.0) * FULL_SCALE).astype(np.uint16)
    return scaled


def _unpacked(
    contents: PackContents, start: NDArray[np.generic], points: NDArray[np.generic], counts: NDArray[np.generic]
) -> Iterator[Spectrum]:
    if counts.dtype != np.uint16 or not start.shape == points.shape == (len(contents.references),):
        msg = f"{len(contents.references)} references with {start.shape} and {points.shape} spectra of {counts.dtype}"
        raise ValueError(msg)
    sizes = points.astype(np.int64)
    if (sizes < 3).any() or (sizes > LONGEST).any() or int(sizes.sum()) != counts.size:  # noqa: PLR2004 - as in at_steps()
        msg = f"spectra of {int(sizes.sum())} points in {counts.size} numbers"
        raise ValueError(msg)
    ends = np.cumsum(sizes).tolist()
    for one, first, size, end in zip(contents.references, start.tolist(), sizes.tolist(), ends, strict=True):
        axis = Axis(np.arange(first, first + size, dtype=np.float64))
        yield Spectrum(axis, counts[end - size : end].astype(np.float64), Origin("pack", one.specimen))


def _check(contents: PackContents) -> None:
    """Refuse texts that a terminal might obey, and references without a source."""
    if contents.schema != SCHEMA:
        raise ValueError(f"schema {contents.schema}, expected {SCHEMA}: update raman-edge")
    if len(contents.references) > MOST_REFERENCES:
        raise ValueError(f"{len(contents.references)} references, expected at most {MOST_REFERENCES}")
    texts: list[str] = [contents.name, contents.title]
    for source in contents.sources:
        texts += [source.title, source.licence, source.attribution]
        if len(source.text) > MOST_LICENCE or not source.text.replace("\n", "").isprintable():
            raise ValueError("a licence that cannot be printed, or is too long")
    for material in contents.materials:
        texts += [material.label, material.formula, *material.synonyms, *material.groups]
    texts += [text for one in contents.references for text in (one.label, one.specimen)]
    labels = [*(one.label for one in contents.materials), *(one.label for one in contents.references)]
    if wrong := next((text for text in texts if not text.isprintable() or len(text) > MOST_TEXT), None):
        raise ValueError(f"text of {len(wrong)} characters, {wrong[:60]!a}; expected at most {MOST_TEXT}, all printable")
    if not contents.name or is_path(contents.name) or not all(label.strip() for label in labels):
        raise ValueError(f"name {contents.name!r}, expected one without / and labels that are not empty")
    if any(not 0 <= one.source < len(contents.sources) for one in contents.references):
        raise ValueError("a reference of a source that is not listed")


def _embeddings(key: str, made: Sequence[Reference]) -> bytes:
    stacked = {name: np.concatenate([getattr(one.peaks, name) for one in made]).astype(np.float32) for name in ("shift", "height", "width")}
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        key=np.array(key),
        codes=encode(np.stack([one.embedding for one in made])),
        peak_count=np.array([len(one.peaks) for one in made], dtype=np.uint16),
        peak_shift=stacked["shift"],
        peak_height=stacked["height"],
        peak_width=stacked["width"],
    )
    return packed.getvalue()


def _write(path: Path, data: bytes, place: str) -> None:
    try:
        with atomic_write.written(path) as file:
            file.write(data)
    except OSError as error:
        raise LibraryError(kind="cannot be written", place=place, cause=str(error.strerror)) from error


def _cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("raman-edge")) / "embeddings"
