"""A lab's own library: a folder of labelled spectra, embedded by a model that was exported before. Nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from raman_edge import quality
from raman_edge.errors import ConfigError, SpectrumError
from raman_edge.matching.library import Library, path_beside
from raman_edge.matching.teach import ALIKE
from raman_edge.model.model import Model
from raman_edge.peaks import MaterialLines
from raman_train.data import folder

from raman_export.library import central, distinct

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from raman_edge.matching.library import Reference
    from raman_train.data.datasets import Dataset


class Alike(msgspec.Struct, frozen=True):
    """Two labels that a spectrum cannot tell apart."""

    label: str
    other: str
    similarity: float
    """Largest cosine of a reference of one to a reference of the other."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a folder."""

    library: str
    library_bytes: int
    network: str
    """Digest of the network it is for."""
    labels: int
    references: int
    """Of the folder, without those that say nothing new about their label."""
    spectra: int
    """Of the folder, those that were good enough."""
    with_base: tuple[int, int] | None
    """Labels and references of the whole library, where the model's own is in it."""
    refused: tuple[str, ...]
    """What was left out, and why."""
    alike: tuple[Alike, ...]
    """The nearest first."""


def run(source: Path, model: Path, out: Path, *, with_base: bool) -> str:
    """Write the library of the folder ``source`` for ``model`` to ``out`` and return the report as JSON.

    ``with_base`` puts the model's own library (the .library.npz beside it) into it. Raises :class:`ConfigError` where no
    spectrum of the folder can be used.
    """
    network = Model.open(model)
    dataset, left_out = folder.read(source)
    made, refused = references(dataset, network)
    if not made:
        msg = f"none of the {len(dataset)} spectra below {str(source)!r} can be a reference: {refused[:2]}"
        raise ConfigError(msg)
    digest = network.card.network
    own = _chosen(made)
    whole = Library.open(path_beside(model), network=digest).joined(own) if with_base else _alone(digest, own)
    whole.save(out)
    Library.open(out, network=digest)  # the edge's own door
    report = Report(
        library=str(out), library_bytes=out.stat().st_size, network=digest,
        labels=len({one.label for one in own}), references=len(own), spectra=len(made),
        with_base=(len(whole.labels), len(whole)) if with_base else None,
        refused=(*left_out, *refused), alike=alike(own, whole),
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(report)).decode()


def references(dataset: Dataset, model: Model) -> tuple[list[Reference], list[str]]:
    """Return each spectrum as a reference, and what is too poor to be one."""
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


def alike(own: Sequence[Reference], library: Library) -> tuple[Alike, ...]:
    """Return which labels the references ``own`` cannot be told from, each pair once."""
    found: dict[tuple[str, str], float] = {}
    for one in own:
        similarity = library.search(one.embedding)
        for index in np.flatnonzero(similarity > ALIKE).tolist():
            pair = (min(one.label, library.labels[index]), max(one.label, library.labels[index]))
            found[pair] = max(found.get(pair, -1.0), float(similarity[index]))
    pairs = sorted(((value, *pair) for pair, value in found.items() if pair[0] != pair[1]), reverse=True)
    return tuple(Alike(label, other, round(value, 4)) for value, label, other in pairs)


def _chosen(made: Sequence[Reference]) -> list[Reference]:
    """Return the references that say something new about their label, the most central one of each label first: its peaks are shown."""
    labels = np.array([one.label for one in made])
    embedding = np.stack([one.embedding for one in made])
    first = [central(np.flatnonzero(labels == label), embedding) for label in np.unique(labels)]
    order = np.array([*first, *sorted(set(range(len(made))) - set(first))], dtype=np.intp)
    kept = order[distinct(labels[order], embedding[order])]
    return [made[index] for index in kept]


def _alone(network: str, own: Sequence[Reference]) -> Library:
    tables = {one.label: one.peaks for one in reversed(own)}
    lines = {label: MaterialLines.of([one.peaks for one in own if one.label == label]) for label in tables}
    return Library.build(
        network, [one.label for one in own], np.stack([one.embedding for one in own]), [one.specimen for one in own], tables, lines
    )
