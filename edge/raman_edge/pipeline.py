"""The whole product: a spectrum becomes a reading, a source a stream of readings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from raman_edge import peaks, quality, verdict
from raman_edge.errors import RamanEdgeError, SpectrumError
from raman_edge.spectrum import Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from raman_edge.library import Library
    from raman_edge.model import Model, Outputs
    from raman_edge.peaks import Peaks
    from raman_edge.quality import Quality
    from raman_edge.verdict import Match, Verdict

TOP = 5
"""Candidates in a reading."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds, by stage."""

    read: float
    """Bytes to spectrum."""
    prepare: float
    """Quality, recipe, peaks of the spectrum."""
    infer: float
    """Network, library search, ranking."""
    total: float
    """From the bytes to the ranked matches."""


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """One spectrum and all that was found out about it."""

    spectrum: Spectrum
    features: NDArray[np.float32]
    """The network's input, on the model's axis, (n,)."""
    peaks: Peaks
    """Peaks of the features."""
    quality: Quality
    verdict: Verdict
    timing: Timing


def identify(spectrum: Spectrum, model: Model, library: Library) -> Reading:
    """Name one spectrum; :class:`SpectrumError` where the recipe cannot prepare it, or the network makes no numbers of it."""
    started = perf_counter()
    axis = model.card.recipe.axis
    features = model.card.recipe.features(spectrum)
    found = peaks.find(axis, features)
    judged = quality.assess(spectrum, axis)
    prepared = perf_counter()
    outputs = _finite(model.run(features[np.newaxis]))
    similarity = library.search(outputs.embedding[0])
    ranking = verdict.rank(
        library.labels,
        similarity,
        outputs.logits[0],
        _class_of(library.labels, model.card.labels),
        model.card.decision,
        TOP,
    )
    covered = (max(axis.start, spectrum.axis.start), min(axis.stop, spectrum.axis.stop))
    explained = tuple(_explained(match, found, library, covered) for match in ranking.matches)
    said = verdict.decide(replace(ranking, matches=explained), judged, model.card.decision)
    ended = perf_counter()
    read_ms = spectrum.origin.read_ms
    timing = Timing(read_ms, 1e3 * (prepared - started), 1e3 * (ended - prepared), read_ms + 1e3 * (ended - started))
    return Reading(spectrum, features, found, judged, said, timing)


def readings(source: Iterable[Spectrum | Fault], model: Model, library: Library) -> Iterator[Reading | Fault]:
    """Name everything that ``source`` gives; what cannot be named is a fault in the stream."""
    for event in source:
        if isinstance(event, Fault):
            yield event
            continue
        try:
            yield identify(event, model, library)
        except SpectrumError as error:
            yield Fault(event.origin, str(error))
        except RamanEdgeError:
            raise  # the model or the library is at fault, not this spectrum
        except Exception as error:  # noqa: BLE001 - one spectrum that meets a defect must not stop the instrument, now or at every restart
            yield Fault(event.origin, f"identifying it failed ({type(error).__name__}: {error}); please report it with the file")


def _finite(outputs: Outputs) -> Outputs:
    """Refuse what would rank as anything: every comparison with NaN is false."""
    if not (np.isfinite(outputs.logits).all() and np.isfinite(outputs.embedding).all()):
        msg = "the network gives no finite numbers for this spectrum: is it damaged? `raman-edge model verify` tests the model"
        raise SpectrumError(msg)
    return outputs


def _explained(match: Match, found: Peaks, library: Library, covered: tuple[float, float]) -> Match:
    table = library.peaks[library.place[match.label]]
    return replace(match, peaks=peaks.match(found, table, covered))


@lru_cache(maxsize=4)
def _class_of(labels: tuple[str, ...], classes: tuple[str, ...]) -> NDArray[np.intp]:
    """Return for each library label which of the network's classes it is, -1 for none."""
    place = {name: index for index, name in enumerate(classes)}
    return np.array([place.get(label, -1) for label in labels], dtype=np.intp)
