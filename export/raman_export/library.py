"""Libraries: references embedded by the model that searches them, of a training or of a folder of labelled spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge import peaks, quality
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.matching.library import TABLE, Library, path_beside
from raman_edge.matching.user_library import ALIKE
from raman_edge.model.model import Model
from raman_edge.peaks import MaterialLines
from raman_train.data import folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_edge.matching.library import Reference
    from raman_edge.spectrum import Axis
    from raman_train.data.datasets import Dataset

SAME = 0.9995
"""References of one label with a higher cosine are duplicates."""


class SimilarPair(msgspec.Struct, frozen=True):
    """Two labels that a spectrum cannot distinguish."""

    label: str
    other: str
    similarity: float
    """Largest cosine between their references."""


class LibraryReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of building a library from a folder."""

    library: str
    library_bytes: int
    network: str
    """Digest of the network that searches it."""
    labels: int
    references: int
    """Of the folder, without duplicates."""
    spectra: int
    """Of the folder, with sufficient quality."""
    with_base: tuple[int, int] | None
    """Labels and references of the whole library, if it contains that of the model."""
    refused: tuple[str, ...]
    """Files and spectra left out, with the reason."""
    alike: tuple[SimilarPair, ...]
    """The most similar pairs first."""


def build(
    network: str, labels: NDArray[np.str_], specimens: NDArray[np.str_], embedding: NDArray[np.float32], features: NDArray[np.float32],
    axis: Axis,
) -> Library:  # fmt: skip
    """Return the library of these references, (n, …), without duplicates."""
    kept = distinct(labels, embedding)
    tables, lines = {}, {}
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        every = {index: peaks.find(axis, features[index].astype(np.float64), most=TABLE) for index in own.tolist()}
        tables[str(label)] = every[central(own, embedding)]
        lines[str(label)] = MaterialLines.of(list(every.values()))
    return Library.build(network, labels[kept].tolist(), embedding[kept], specimens[kept].tolist(), tables, lines)


def distinct(labels: NDArray[np.str_], embedding: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the indices of the references without duplicates: the first of each label, and those that differ from all before."""
    kept: list[int] = []
    for label in np.unique(labels):
        own: list[int] = []
        for index in np.flatnonzero(labels == label).tolist():
            if not own or float((embedding[own] @ embedding[index]).max()) < SAME:
                own.append(index)
        kept += own
    return np.array(sorted(kept), dtype=np.intp)


def central(own: NDArray[np.intp], embedding: NDArray[np.float32]) -> int:
    """Return the index in ``own`` of the reference most similar to all of them, whose peaks represent the label."""
    return int(own[int((embedding[own] @ embedding[own].T).mean(axis=1).argmax())])


def of_folder(source: Path, model: Path, out: Path, *, with_base: bool) -> str:
    """Write the library of the folder ``source`` for ``model`` to ``out`` and return the report as JSON. Nothing is trained.

    ``with_base`` includes the library of the model (the .library.npz beside it).

    Raises:
        ConfigError: if no spectrum of the folder is usable.
    """
    network = Model.open(model)
    dataset, left_out = folder.read(source)
    made, refused = references(dataset, network)
    if not made:
        msg = f"none of the {len(dataset)} spectra below {str(source)!r} is good enough for a reference: {refused[:2]}"
        raise ConfigError(msg)
    digest = network.card.network
    own = _chosen(made)
    whole = Library.open(path_beside(model), network=digest).joined(own) if with_base else Library.of_references(digest, own)
    whole.save(out)
    Library.open(out, network=digest)  # as the edge opens it
    report = LibraryReport(
        library=str(out), library_bytes=out.stat().st_size, network=digest,
        labels=len({one.label for one in own}), references=len(own), spectra=len(made),
        with_base=(len(whole.labels), len(whole)) if with_base else None,
        refused=(*left_out, *refused), alike=similar_pairs(own, whole),
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def references(dataset: Dataset, model: Model) -> tuple[list[Reference], list[str]]:
    """Return each spectrum as a reference, and the messages for those whose quality is too low."""
    made: list[Reference] = []
    refused: list[str] = []
    for index in range(len(dataset)):
        spectrum, name = dataset.spectrum(index), str(dataset.names[index])
        problems = quality.assess(spectrum, model.card.recipe.axis).reject_reasons
        if problems:
            refused.append(f"{name}: {'; '.join(problems)}")
            continue
        try:
            made.append(Library.make_reference(spectrum, str(dataset.labels[index]), name, model))
        except SpectrumError as error:
            refused.append(f"{name}: {error}")
    return made, refused


def similar_pairs(own: Sequence[Reference], library: Library) -> tuple[SimilarPair, ...]:
    """Return the pairs of a label of ``own`` and another label of ``library`` with very similar references, each once."""
    found: dict[tuple[str, str], float] = {}
    for one in own:
        similarity = library.search(one.embedding)
        for index in np.flatnonzero(similarity > ALIKE).tolist():
            pair = (min(one.label, library.labels[index]), max(one.label, library.labels[index]))
            found[pair] = max(found.get(pair, -1.0), float(similarity[index]))
    pairs = sorted(((value, *pair) for pair, value in found.items() if pair[0] != pair[1]), reverse=True)
    return tuple(SimilarPair(label, other, round(value, 4)) for value, label, other in pairs)


def _chosen(made: Sequence[Reference]) -> list[Reference]:
    """Return the references without duplicates, with the most central one of each label, whose peaks are shown, first."""
    labels = np.array([one.label for one in made])
    embedding = np.stack([one.embedding for one in made])
    first = [central(np.flatnonzero(labels == label), embedding) for label in np.unique(labels)]
    order = np.array([*first, *sorted(set(range(len(made))) - set(first))], dtype=np.intp)
    kept = order[distinct(labels[order], embedding[order])]
    return [made[index] for index in kept]
