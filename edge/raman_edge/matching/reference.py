"""One spectrum becomes one reference, by the very recipe and network that will search it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raman_edge import peaks
from raman_edge.errors import SpectrumError
from raman_edge.matching.library import TABLE, Reference

if TYPE_CHECKING:
    from raman_edge.model.model import Model
    from raman_edge.spectrum import Spectrum


def make(spectrum: Spectrum, label: str, specimen: str, model: Model) -> Reference:
    """Return ``spectrum`` as a reference of ``label`` for ``model``.

    Raises :class:`SpectrumError` where the recipe cannot prepare it, or the network makes no numbers of it.
    """
    recipe = model.card.recipe
    features = recipe.features(spectrum)
    embedding = model.run(features[np.newaxis]).embedding[0]
    if not np.isfinite(embedding).all():
        msg = "the network gives no finite embedding for this spectrum: is it damaged? `raman-edge model verify` tests the model"
        raise SpectrumError(msg)
    return Reference(label, specimen, embedding, peaks.find(recipe.axis, features.astype(np.float64), most=TABLE))
