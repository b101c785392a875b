"""A set of labelled spectra, each on its own axis, as one npz file without pickle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from raman_edge.errors import ConfigError
from raman_edge.spectrum import Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_edge.preprocessing import Recipe

SCHEMA = 1
NATIVE = 4
"""Bit of :attr:`Dataset.subsets`: an original of RRUFF's archive ``excellent_unoriented``."""
DATASET_3_SPECTRA = (2, 20)
"""Fewest and most spectra of a label of Dataset_3 (Zhou et al. 2022)."""


@dataclass(frozen=True, eq=False, slots=True)
class Dataset:
    """Labelled spectra; the points of all stand one after the other."""

    shift: NDArray[np.float32]
    """cm⁻¹, (points,)."""
    counts: NDArray[np.float32]
    """(points,)."""
    start: NDArray[np.int64]
    """Where each spectrum starts in ``shift``, and where the last one ends, (n + 1,)."""
    labels: NDArray[np.str_]
    """Name, (n,)."""
    specimens: NDArray[np.str_]
    """The piece of matter it was measured on (the RRUFF id without its crystal suffix), (n,)."""
    lasers: NDArray[np.int32]
    """Excitation, nm, (n,); 0 is unknown."""
    names: NDArray[np.str_]
    """The spectrum's own name, unique, (n,)."""
    subsets: NDArray[np.uint8]
    """Bit 0: in Dataset_1 of the paper, bit 1: in Dataset_2, bit 2: an original that Dataset_3 is chosen from, (n,)."""

    def __len__(self) -> int:
        return int(self.labels.size)

    def spectrum(self, index: int) -> Spectrum:
        """Return one spectrum as the edge would see it."""
        low, high = self.start[index], self.start[index + 1]
        return Spectrum(Axis(self.shift[low:high]), self.counts[low:high], Origin("dataset", str(self.names[index])))

    def features(self, recipe: Recipe) -> NDArray[np.float32]:
        """Return every spectrum through the edge's own ``recipe``, (n, length)."""
        return np.stack([recipe.features(self.spectrum(i)) for i in range(len(self))])

    def select(self, which: NDArray[np.intp]) -> Dataset:
        """Return the spectra with these indices, in this order."""
        pieces = [slice(self.start[i], self.start[i + 1]) for i in which]
        return Dataset(
            np.concatenate([self.shift[p] for p in pieces]),
            np.concatenate([self.counts[p] for p in pieces]),
            np.concatenate([[0], np.cumsum([p.stop - p.start for p in pieces])]).astype(np.int64),
            self.labels[which],
            self.specimens[which],
            self.lasers[which],
            self.names[which],
            self.subsets[which],
        )

    def subset(self, name: str) -> Dataset:
        """Return Dataset_1, 2 or 3 of the paper, or all of it; :class:`ConfigError` where it is not there."""
        if name == "all":
            return self
        if name == "dataset_3":
            return self.select(self._dataset_3())
        bit = {"dataset_1": 1, "dataset_2": 2}[name]
        which = np.flatnonzero(self.subsets & bit)
        if not which.size:
            msg = f"the dataset holds no spectrum of {name}: import the paper's arrays (paper_datasets.npz)"
            raise ConfigError(msg)
        return self.select(which)

    def _dataset_3(self) -> NDArray[np.intp]:
        """Return which spectra are Dataset_3: RRUFF's originals of labels with 2 to 20 of them.

        Counted among the originals alone, or labels would be larger than the archive has them: a merged dataset is refused.
        """
        native = self.subsets & NATIVE > 0
        if not native.all():
            msg = (
                f"dataset_3 is made of RRUFF's excellent_unoriented alone, and {int((~native).sum())} of these {len(self)} spectra "
                "are not of it: import excellent_unoriented.zip under that name and by itself"
            )
            raise ConfigError(msg)
        _, label, spectra = np.unique(self.labels, return_inverse=True, return_counts=True)
        low, high = DATASET_3_SPECTRA
        return np.flatnonzero((spectra[label] >= low) & (spectra[label] <= high))

    def without(self, specimens: Sequence[str]) -> Dataset:
        """Return the dataset without these specimens; :class:`ConfigError` for one that is not there."""
        missing = sorted(set(specimens) - set(self.specimens.tolist()))
        if missing:
            msg = f"leave_out names specimens that the dataset does not hold: {missing}"
            raise ConfigError(msg)
        return self.select(np.flatnonzero(~np.isin(self.specimens, list(specimens)))) if specimens else self

    def census(self) -> str:
        """Return what is in it, in lines for a person."""
        classes, specimens = Counter(self.labels.tolist()), Counter(zip(self.labels.tolist(), self.specimens.tolist(), strict=True))
        per_class = Counter(label for label, _ in specimens)
        points = np.diff(self.start)
        lasers = ", ".join(f"{laser or 'unknown'} nm: {count}" for laser, count in sorted(Counter(self.lasers.tolist()).items()))
        ends = [self.shift[self.start[:-1]], self.shift[self.start[1:] - 1]]
        return "\n".join(
            [
                f"spectra    {len(self)} of {len(classes)} labels and {len(set(self.specimens.tolist()))} specimens",
                f"labels     {sum(n == 1 for n in per_class.values())} with one specimen, "
                f"{sum(n == 1 for n in classes.values())} with one spectrum; largest: "
                + ", ".join(f"{name} {n}" for name, n in classes.most_common(3)),
                f"lasers     {lasers}",
                f"points     {points.min()} to {points.max()}, median {int(np.median(points))}",
                f"range      starts {ends[0].min():.0f} to {ends[0].max():.0f}, ends {ends[1].min():.0f} to {ends[1].max():.0f} cm-1",
                f"paper      Dataset_1 {int((self.subsets & 1 > 0).sum())}, Dataset_2 {int((self.subsets & 2 > 0).sum())}, {self._third()}",
            ]
        )

    def _third(self) -> str:
        """Return what the census says of Dataset_3."""
        if not (self.subsets & NATIVE > 0).all():
            return "Dataset_3 0"
        chosen = self.labels[self._dataset_3()]
        return f"Dataset_3 {chosen.size} of {np.unique(chosen).size} labels"

    def save(self, path: Path) -> None:
        """Write the dataset."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        np.savez_compressed(path, schema=np.array(SCHEMA), **fields)


def load(path: Path) -> Dataset:
    """Read what :meth:`Dataset.save` wrote; :class:`ConfigError` where it is something else."""
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
        msg = f"dataset {str(path)!r} is not one of ours ({error}): make it with `raman-train import`"
        raise ConfigError(msg) from error


def merge(*datasets: Dataset) -> Dataset:
    """Put datasets together; of spectra with the same name the first stays."""
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
