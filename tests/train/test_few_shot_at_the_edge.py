"""The few-shot figures of ``evaluate`` are those of user references at the edge: the same embeddings, the same search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.matching.user_library import UserLibrary
from raman_edge.model.model import Model
from raman_train import evaluate, metrics
from raman_train.data.datasets import LabelledSpectrum, gather
from raman_train.data.splits import Split

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.spectrum import Spectrum

KNOWN = ("Calcite", "Gypsum", "Quartz")
NEW = ("Anatase", "Zircon")
"""Species that the library does not have: three exposures each are references, three are queries."""


def exposures(label: str) -> list[Spectrum]:
    """Return six exposures of a mineral for a dataset."""
    made = [build.spectrum(label, seed) for seed in range(6)]
    return [replace(one, counts=one.counts.astype(np.float32)) for one in made]


def test_the_edge_finds_what_evaluate_measures(tmp_path: Path) -> None:
    """Similarities of every label to every query agree, and so do the results of the search."""
    model = Model.open(build.write_model(tmp_path / "tiny.onnx"))
    labels = [*KNOWN, *NEW]
    spectra = {label: exposures(label) for label in labels}
    dataset = gather([LabelledSpectrum(one, label, one.origin.path, one.origin.path) for label in labels for one in spectra[label]])
    outputs = model.run(dataset.features(model.card.recipe))
    classes = np.repeat(np.arange(len(labels)), 6)
    place = np.arange(classes.size).reshape(len(labels), 6)
    split = Split(train=place[:3, :3].ravel(), validation=place[:0].ravel(), test=place[:, 3:].ravel(), enrolled=place[3:, :3].ravel())
    answers = evaluate.SystemOutputs(outputs.logits, outputs.embedding, build.SCALE)
    measured = evaluate.embedding_scores(answers, classes, split)

    base_rows = outputs.embedding[split.train]
    names = [labels[k] for k in classes[split.train]]
    base = Library.build(build.NETWORK, names, base_rows, names, {name: build.table(name) for name in KNOWN})
    with UserLibrary.open(tmp_path / "own.sqlite3", create=True) as own:
        for label in NEW:
            added, faults = own.add_reference(label, spectra[label][:3], model, base)
            assert (len(added), faults) == (3, ())
        library = base.joined(own.references(model)[0])
    queries = [one for label in labels for one in spectra[label][3:]]
    order = [library.labels.index(label) for label in labels]
    searched = np.stack([library.search(model.run(model.card.recipe.features(one)[None]).embedding[0])[order] for one in queries])
    assert searched == pytest.approx(measured, abs=0.005)  # references are rounded to int8
    top1 = metrics.top(measured, classes[split.test], 1)
    named = [identify(one, model, library).verdict.ranked[0].label for one in queries]
    assert np.mean([name == labels[k] for name, k in zip(named, classes[split.test], strict=True)]) >= top1 > 0.9
