"""Labelled spectra, each on its own axis, stored as one npz file without pickle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError
from raman_edge.matching import pack
from raman_edge.matching.pack import Pack
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_edge.preprocessing import Recipe

SCHEMA = 1
NATIVE = 4
"""Bit of :attr:`Dataset.subsets`: an original of RRUFF's archive ``excellent_unoriented``."""
DATASET_3_SPECTRA = (2, 20)
"""Fewest and most spectra of a label of Dataset_3 (Zhou et al. 2022)."""


@dataclass(frozen=True, eq=False, slots=True)
class LabelledSpectrum:
    """One spectrum and what is known about it."""

    spectrum: Spectrum
    label: str
    specimen: str
    """The physical sample."""
    name: str
    """Unique within a dataset."""
    laser: int = 0
    """Excitation, nm; 0 is unknown."""


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Labelled spectra; their points are concatenated."""

    shift: NDArray[np.float32]
    """cm⁻¹, (points,)."""
    counts: NDArray[np.float32]
    """(points,)."""
    start: NDArray[np.int64]
    """Offset of each spectrum in ``shift``, and the end of the last one, (n + 1,)."""
    labels: NDArray[np.str_]
    """(n,)."""
    specimens: NDArray[np.str_]
    """The physical sample (the RRUFF id without its crystal suffix), (n,)."""
    lasers: NDArray[np.int32]
    """Excitation, nm, (n,); 0 is unknown."""
    names: NDArray[np.str_]
    """Unique name of the spectrum, (n,)."""
    subsets: NDArray[np.uint8]
    """Bit 0: in Dataset_1 of the paper, bit 1: in Dataset_2, bit 2: a file that Dataset_3 is selected from, (n,)."""

    def __len__(self) -> int:
        return int(self.labels.size)

    def spectrum(self, index: int) -> Spectrum:
        """Return one spectrum as the edge reads it."""
        low, high = self.start[index], self.start[index + 1]
        return Spectrum(Axis(self.shift[low:high]), self.counts[low:high], Origin("dataset", str(self.names[index])))

    def features(self, recipe: Recipe) -> NDArray[np.float32]:
        """Return the spectra preprocessed by ``recipe``, (n, length)."""
        return np.stack([recipe.features(self.spectrum(i)) for i in range(len(self))])

    def select(self, which: NDArray[np.intp]) -> Dataset:
        """Return the spectra at the indices ``which``, in that order."""
        pieces = [slice(self.start[i], self.start[i + 1]) for i in which]
        shift, counts = (np.concatenate([points[p] for p in pieces]) for points in (self.shift, self.counts))
        start = np.concatenate([[0], np.cumsum([p.stop - p.start for p in pieces])]).astype(np.int64)
        columns = {name: getattr(self, name)[which] for name in ("labels", "specimens", "lasers", "names", "subsets")}
        return Dataset(shift, counts, start, **columns)

    def subset(self, name: str) -> Dataset:
        """Return Dataset_1, 2 or 3 of the paper, or everything (``all``); :class:`ConfigError` if the dataset does not contain it."""
        if name == "all":
            return self
        if name == "dataset_3":
            return self.select(self._dataset_3())
        bit = {"dataset_1": 1, "dataset_2": 2}[name]
        which = np.flatnonzero(self.subsets & bit)
        if not which.size:
            msg = f"the dataset contains no spectrum of {name}: import the paper's arrays (paper_datasets.npz)"
            raise ConfigError(msg)
        return self.select(which)

    def _dataset_3(self) -> NDArray[np.intp]:
        """Return the indices of Dataset_3: RRUFF's files of labels with 2 to 20 of them.

        A merged dataset is refused: with spectra of other origin the counts per label would not be those of the archive.
        """
        native = self.subsets & NATIVE > 0
        if not native.all():
            msg = (
                f"dataset_3 is selected from RRUFF's excellent_unoriented only; {int((~native).sum())} of these {len(self)} spectra "
                "have another origin: import excellent_unoriented.zip, under this name, into a dataset of its own"
            )
            raise ConfigError(msg)
        _, label, spectra = np.unique(self.labels, return_inverse=True, return_counts=True)
        low, high = DATASET_3_SPECTRA
        return np.flatnonzero((spectra[label] >= low) & (spectra[label] <= high))

    def without(self, specimens: Sequence[str]) -> Dataset:
        """Return the dataset without these specimens; :class:`ConfigError` if a specimen is not in the dataset."""
        missing = sorted(set(specimens) - set(self.specimens.tolist()))
        if missing:
            msg = f"data.leave_out: the dataset has no specimens {missing}"
            raise ConfigError(msg)
        return self.select(np.flatnonzero(~np.isin(self.specimens, list(specimens)))) if specimens else self

    def census(self) -> str:
        """Return a summary of the contents as text."""
        classes, specimens = Counter(self.labels.tolist()), Counter(zip(self.labels.tolist(), self.specimens.tolist(), strict=True))
        per_class = Counter(label for label, _ in specimens)
        points = np.diff(self.start)
        lasers = ", ".join(f"{laser or 'unknown'} nm: {count}" for laser, count in sorted(Counter(self.lasers.tolist()).items()))
        ends = [self.shift[self.start[:-1]], self.shift[self.start[1:] - 1]]
        chosen = self.labels[self._dataset_3()] if (self.subsets & NATIVE > 0).all() else self.labels[:0]
        third = f"{chosen.size} of {np.unique(chosen).size} labels" if chosen.size else "0"
        return "\n".join(
            [
                f"spectra    {len(self)} of {len(classes)} labels and {len(set(self.specimens.tolist()))} specimens",
                f"labels     {sum(n == 1 for n in per_class.values())} with one specimen, "
                f"{sum(n == 1 for n in classes.values())} with one spectrum; largest: "
                + ", ".join(f"{name} {n}" for name, n in classes.most_common(3)),
                f"lasers     {lasers}",
                f"points     {points.min()} to {points.max()}, median {int(np.median(points))}",
                f"range      starts {ends[0].min():.0f} to {ends[0].max():.0f}, ends {ends[1].min():.0f} to {ends[1].max():.0f} cm-1",
                f"paper      Dataset_1 {(self.subsets & 1 > 0).sum()}, Dataset_2 {(self.subsets & 2 > 0).sum()}, Dataset_3 {third}",
            ]
        )

    def save(self, path: Path) -> None:
        """Write the dataset to an npz file."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        np.savez_compressed(path, schema=np.array(SCHEMA), **fields)


def load(path: Path) -> Dataset:
    """Read a file of :meth:`Dataset.save`; :class:`ConfigError` if the file cannot be read or is not a dataset."""
    try:
        with np.load(path, allow_pickle=False) as npz:
            if int(npz["schema"]) != SCHEMA:
                msg = f"dataset {str(path)!r} has schema {int(npz['schema'])}, expected {SCHEMA}: run `raman-train import` again"
                raise ConfigError(msg)
            return Dataset(**{name: npz[name] for name in Dataset.__slots__})
    except OSError as error:
        msg = f"dataset {str(path)!r} cannot be read: {error.strerror or error}. Make it with `raman-train import`"
        raise ConfigError(msg) from error
    except (KeyError, ValueError, EOFError) as error:
        msg = f"dataset {str(path)!r} is not a dataset of raman-train ({error}): make it with `raman-train import`"
        raise ConfigError(msg) from error


def of_packs(names: Sequence[str], without: Container[str]) -> Dataset | None:
    """Return the reference spectra of library packs (names, or paths), but those of the labels ``without``; None if there are none.

    Raises:
        LibraryError: if a pack is missing or cannot be read.
    """
    opened = [Pack.open(pack.find(name)) for name in names]
    pairs = [(one.name, *pair) for one in opened for pair in zip(one.contents.references, one.spectra, strict=True)]
    rows = [
        LabelledSpectrum(spectrum, reference.label, reference.specimen, f"{name}/{reference.specimen}")
        for name, reference, spectrum in pairs
        if reference.label not in without
    ]
    return gather(rows) if rows else None


def merge(*datasets: Dataset) -> Dataset:
    """Merge datasets; of spectra with the same name the first one is used."""
    starts, offset = [], 0
    for dataset in datasets:
        starts.append(dataset.start[:-1] + offset)
        offset += int(dataset.start[-1])
    starts.append(np.array([offset]))
    columns = {
        name: np.concatenate([getattr(dataset, name) for dataset in datasets])
        for name in ("shift", "counts", "labels", "specimens", "lasers", "names", "subsets")
    }
    together = Dataset(start=np.concatenate(starts), **columns)
    _, first = np.unique(together.names, return_index=True)
    return together.select(np.sort(first))


def gather(rows: Sequence[LabelledSpectrum], subsets: int = 0) -> Dataset:
    """Return the spectra as a dataset, with the bits ``subsets`` (see :attr:`Dataset.subsets`) for each of them."""
    return Dataset(
        shift=np.concatenate([row.spectrum.axis.shift for row in rows]).astype(np.float32),
        counts=np.concatenate([row.spectrum.counts for row in rows]).astype(np.float32),
        start=np.concatenate([[0], np.cumsum([len(row.spectrum) for row in rows])]),
        labels=np.array([row.label for row in rows]),
        specimens=np.array([row.specimen for row in rows]),
        lasers=np.array([row.laser for row in rows], dtype=np.int32),
        names=np.array([row.name for row in rows]),
        subsets=np.full(len(rows), subsets, dtype=np.uint8),
    )
