"""The whole product: a spectrum becomes a reading, a source a stream of readings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from raman_edge import peaks, quality
from raman_edge.errors import RamanEdgeError, SpectrumError
from raman_edge.matching import ranking
from raman_edge.spectrum import OTHER_METHOD, Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Candidate, Verdict
    from raman_edge.model.model import Model
    from raman_edge.peaks import Peaks
    from raman_edge.quality import Quality

Made = TypeVar("Made")
TOP = 5
"""Candidates in a reading."""
BATCH = 32
"""Spectra that go through the network at once: more gain nothing, and each waits for the last one."""
NOT_FINITE = "the network gives no finite numbers for this spectrum: is it damaged? `raman-edge model verify` tests the model"


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


@dataclass(frozen=True, eq=False, slots=True)
class _Prepared:
    """A spectrum as the network takes it."""

    spectrum: Spectrum
    features: NDArray[np.float32]
    peaks: Peaks
    quality: Quality
    ms: float


@dataclass(frozen=True, eq=False, slots=True)
class _Compared:
    """What network and library search say of a spectrum."""

    prepared: _Prepared
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    similarity: NDArray[np.float32]
    """Best cosine of each label, (k,)."""
    class_of: NDArray[np.intp]
    """Which of the network's classes each label is, -1 for none, (k,)."""
    ms: float
    """Its share of the run."""


def identify(spectrum: Spectrum, model: Model, library: Library) -> Reading:
    """Name one spectrum; :class:`SpectrumError` where the recipe cannot prepare it, or the network makes no numbers of it."""
    (compared,) = _compare([_prepare(spectrum, model)], model, library)
    return _judge(compared, model, library)


def identify_all(events: Sequence[Spectrum | Fault], model: Model, library: Library) -> list[Reading | Fault]:
    """Name many spectra in one run of the network, each as :func:`identify` would.

    What cannot be named, whatever the reason, is a fault in its place; only what is wrong with the model or the
    library is raised. The similarities of a larger batch may differ in the seventh digit; records have four.
    """
    prepared = [event if isinstance(event, Fault) else _guarded(event, partial(_prepare, event, model)) for event in events]
    compared = iter(_compare([one for one in prepared if isinstance(one, _Prepared)], model, library))
    return [one if isinstance(one, Fault) else _guarded(one.spectrum, partial(_judge, next(compared), model, library)) for one in prepared]


def readings(source: Iterable[Spectrum | Fault], model: Model, library: Library, batch: int = 1) -> Iterator[Reading | Fault]:
    """Name everything that ``source`` gives, ``batch`` together; what cannot be named is a fault in the stream."""
    waiting: list[Spectrum | Fault] = []
    for event in source:
        waiting.append(event)
        if len(waiting) >= batch:
            yield from identify_all(waiting, model, library)
            waiting.clear()
    yield from identify_all(waiting, model, library)


def probabilities(spectra: Sequence[Spectrum], model: Model, library: Library) -> NDArray[np.float64]:
    """Return the probability of every label of the library for every spectrum, (n, k), as :func:`identify` ranks them.

    Nothing is decided: each row adds up to 1, also where the material is not in the library. :class:`SpectrumError` names the spectrum.
    """
    class_of = _class_of(library, model)
    rows: list[NDArray[np.float64]] = []
    for first in range(0, len(spectra), BATCH):
        features = [_features(spectrum, first + place, model) for place, spectrum in enumerate(spectra[first : first + BATCH])]
        outputs = model.run(np.stack(features))
        similarity = library.search_all(outputs.embedding)
        finite = np.isfinite(outputs.logits).all(axis=1) & np.isfinite(outputs.embedding).all(axis=1)
        if not finite.all():
            raise SpectrumError(f"spectrum {first + int(finite.argmin())}: {NOT_FINITE}")
        compared = zip(similarity, outputs.logits, strict=True)
        rows += [ranking.probabilities(near, logits, class_of, model.card.decision) for near, logits in compared]
    return np.stack(rows) if rows else np.zeros((0, len(library.labels)))


def _features(spectrum: Spectrum, place: int, model: Model) -> NDArray[np.float32]:
    try:
        return model.card.recipe.features(spectrum)
    except SpectrumError as error:
        raise SpectrumError(f"spectrum {place}: {error}") from error


def _prepare(spectrum: Spectrum, model: Model) -> _Prepared:
    started = perf_counter()
    if other := spectrum.meta.get(OTHER_METHOD):
        msg = f"the file says that it holds no Raman spectrum but {other}: take the Raman file of the sample"
        raise SpectrumError(msg)
    axis = model.card.recipe.axis
    features = model.card.recipe.features(spectrum)
    found = peaks.find(axis, features)
    judged = quality.assess(spectrum, axis)
    return _Prepared(spectrum, features, found, judged, 1e3 * (perf_counter() - started))


def _compare(prepared: Sequence[_Prepared], model: Model, library: Library) -> list[_Compared]:
    """Run network and library search once over all."""
    if not prepared:
        return []
    started = perf_counter()
    outputs = model.run(np.stack([one.features for one in prepared]))
    similarity = library.search_all(outputs.embedding)
    class_of = _class_of(library, model)
    share_ms = 1e3 * (perf_counter() - started) / len(prepared)
    rows = zip(prepared, outputs.logits, outputs.embedding, similarity, strict=True)
    return [_Compared(one, logits, embedding, near, class_of, share_ms) for one, logits, embedding, near in rows]


def _judge(compared: _Compared, model: Model, library: Library) -> Reading:
    """Rank, explain and decide."""
    started = perf_counter()
    one, decision, axis = compared.prepared, model.card.decision, model.card.recipe.axis
    spectrum = one.spectrum
    _refuse_infinite(compared)
    ranked = ranking.rank(library.labels, compared.similarity, compared.logits, compared.class_of, decision, TOP)
    covered = (max(axis.start, spectrum.axis.start), min(axis.stop, spectrum.axis.stop))
    explained = tuple(_explained(match, one.peaks, library, covered) for match in ranked.matches)
    said = ranking.decide(replace(ranked, matches=explained), one.quality, decision, model.card.claims)
    read_ms, infer_ms = spectrum.origin.read_ms, compared.ms + 1e3 * (perf_counter() - started)
    timing = Timing(read_ms, one.ms, infer_ms, read_ms + one.ms + infer_ms)
    return Reading(spectrum, one.features, one.peaks, one.quality, said, timing)


def _guarded(spectrum: Spectrum, step: Callable[[], Made]) -> Made | Fault:
    """Return what ``step`` makes of a spectrum, or the fault it makes instead."""
    try:
        return step()
    except SpectrumError as error:
        return Fault(spectrum.origin, str(error))
    except RamanEdgeError:
        raise  # the model or the library is at fault, not this spectrum
    except Exception as error:  # noqa: BLE001 - one spectrum that meets a defect must not stop the instrument, now or at every restart
        return Fault(spectrum.origin, f"identifying it failed ({type(error).__name__}: {error}); please report it with the file")


def _refuse_infinite(compared: _Compared) -> None:
    """Refuse what would rank as anything: every comparison with NaN is false."""
    if not (np.isfinite(compared.logits).all() and np.isfinite(compared.embedding).all()):
        raise SpectrumError(NOT_FINITE)


def _explained(match: Candidate, found: Peaks, library: Library, covered: tuple[float, float]) -> Candidate:
    lines = library.lines[library.place[match.label]]
    return replace(match, peaks=peaks.match(found, lines, covered))


@lru_cache(maxsize=2)
def _class_of(library: Library, model: Model) -> NDArray[np.intp]:
    """Return for each library label which of the network's classes it is, -1 for none."""
    place = {name: index for index, name in enumerate(model.card.labels)}
    return np.array([place.get(label, -1) for label in library.labels], dtype=np.intp)
