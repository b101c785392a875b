"""Identification: a spectrum becomes a reading, a source becomes a stream of readings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from raman_edge import peaks, quality
from raman_edge.errors import RamanEdgeError, SpectrumError
from raman_edge.matching import cause, ranking
from raman_edge.matching.ranking import Candidate
from raman_edge.spectrum import OTHER_METHOD, Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from raman_edge.matching.aligned import AlignedSearch
    from raman_edge.matching.library import Library
    from raman_edge.matching.ranking import Verdict
    from raman_edge.model.model import Model
    from raman_edge.peaks import Peaks
    from raman_edge.quality import Quality

Made = TypeVar("Made")
TOP = 5
"""Candidates in a reading."""
BATCH = 32
"""Spectra in one run of the network: a larger batch is no faster, and each spectrum waits for the last one."""
UNSETTLED = frozenset({"group", "possible", "ambiguous", "unknown"})
"""Decisions that whole reference spectra may settle; a match of the network stands."""
NOT_FINITE = "the network gives no finite numbers for this spectrum, which may be damaged; `raman-edge model verify` tests the model"


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
    """One spectrum with its features, peaks, quality and verdict."""

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
    """Outputs of network and library search for a spectrum."""

    prepared: _Prepared
    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]
    similarity: NDArray[np.float32]
    """Best cosine of each label, (k,)."""
    class_of: NDArray[np.intp]
    """Index of the network's class of each label, -1 for none, (k,)."""
    ms: float
    """Its share of the run."""


def identify(spectrum: Spectrum, model: Model, library: Library) -> Reading:
    """Identify one spectrum; :class:`SpectrumError` where the recipe cannot prepare it, or the network gives no finite numbers."""
    (compared,) = _compare([_prepare(spectrum, model)], model, library)
    return _judge(compared, model, library)


def identify_all(events: Sequence[Spectrum | Fault], model: Model, library: Library) -> list[Reading | Fault]:
    """Identify many spectra in one run of the network, each as :func:`identify` would.

    A spectrum that cannot be identified becomes a fault in its place; only errors of the model or the
    library are raised. The similarities of a larger batch may differ in the seventh digit; records have four.
    """
    prepared = [event if isinstance(event, Fault) else _guarded(event, partial(_prepare, event, model)) for event in events]
    compared = iter(_compare([one for one in prepared if isinstance(one, _Prepared)], model, library))
    return [one if isinstance(one, Fault) else _guarded(one.spectrum, partial(_judge, next(compared), model, library)) for one in prepared]


def readings(source: Iterable[Spectrum | Fault], model: Model, library: Library, batch: int = 1) -> Iterator[Reading | Fault]:
    """Identify every spectrum of ``source``, ``batch`` together; one that cannot be identified is a fault in the stream."""
    waiting: list[Spectrum | Fault] = []
    for event in source:
        waiting.append(event)
        if len(waiting) >= batch:
            yield from identify_all(waiting, model, library)
            waiting.clear()
    yield from identify_all(waiting, model, library)


def probabilities(spectra: Sequence[Spectrum], model: Model, library: Library) -> NDArray[np.float64]:
    """Return the probability of every label of the library for every spectrum, (n, k), as :func:`identify` ranks them.

    No decision is made: each row adds up to 1, also where the material is not in the library. :class:`SpectrumError` names the spectrum.
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
        raise SpectrumError(f"the file declares {other}, not a Raman spectrum: use the Raman file of the sample")
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
    ranked = replace(ranked, matches=explained)
    verdict = ranking.decide(ranked, one.quality, decision, model.card.claims, library.group_of)
    for search in library.spectra:
        if verdict.decision == "unknown" or (search.settles and verdict.decision in UNSETTLED):
            verdict = _aligned(verdict, compared, search, library, covered)
    if verdict.decision == "unknown":
        why = cause.find(spectrum, one.peaks, one.quality, ranked, library, model)
        strange, *others = verdict.doubts
        reasons = (strange, f"probable cause: {why.text}")
        reasons = reasons if why.kind == "not in library" else reasons[::-1]
        verdict = replace(verdict, cause=why, doubts=(*reasons, *others))
    read_ms, infer_ms = spectrum.origin.read_ms, compared.ms + 1e3 * (perf_counter() - started)
    timing = Timing(read_ms, one.ms, infer_ms, read_ms + one.ms + infer_ms)
    return Reading(spectrum, one.features, one.peaks, one.quality, verdict, timing)


def _aligned(verdict: Verdict, compared: _Compared, search: AlignedSearch, library: Library, covered: tuple[float, float]) -> Verdict:
    """Return the verdict of the whole reference spectra where one of them is convincing, else ``verdict``."""
    prepared = compared.prepared
    found = search.search(prepared.spectrum)
    if found is None or not found.convincing:
        return verdict
    similarity = float(compared.similarity[library.place[found.label]])
    both = (max(covered[0], found.covered[0]), min(covered[1], found.covered[1]))
    seen = prepared.peaks.within(both).moved(-found.offset)
    at_reference = tuple(at - found.offset for at in both)
    first = _explained(Candidate(found.label, None, round(similarity, 4)), seen, library, (at_reference[0], at_reference[1]))
    return ranking.by_aligned(verdict, first, found, prepared.quality, settles=search.settles)


def _guarded(spectrum: Spectrum, step: Callable[[], Made]) -> Made | Fault:
    """Return the result of ``step`` for a spectrum, or the fault that it causes."""
    try:
        return step()
    except SpectrumError as error:
        return Fault(spectrum.origin, str(error))
    except RamanEdgeError:
        raise  # an error of the model or the library, not of this spectrum
    except Exception as error:  # noqa: BLE001 - a defect met by one spectrum must not stop the instrument, now or at every restart
        return Fault(spectrum.origin, f"identifying it failed ({type(error).__name__}: {error}); please report it with the file")


def _refuse_infinite(compared: _Compared) -> None:
    """Refuse NaN and infinity, which would rank anywhere: every comparison with NaN is false."""
    if not (np.isfinite(compared.logits).all() and np.isfinite(compared.embedding).all()):
        raise SpectrumError(NOT_FINITE)


def _explained(match: Candidate, found: Peaks, library: Library, covered: tuple[float, float]) -> Candidate:
    lines = library.lines[library.place[match.label]]
    known = library.materials.get(match.label)
    return replace(
        match,
        peaks=peaks.match(found, lines, covered),
        synonyms=known.synonyms if known else (),
        formula=known.formula if known else "",
        packs=library.packs.get(match.label, ()),
    )


@lru_cache(maxsize=2)
def _class_of(library: Library, model: Model) -> NDArray[np.intp]:
    """Return the index of the network's class of each library label, -1 for none."""
    place = {name: index for index, name in enumerate(model.card.labels)}
    return np.array([place.get(label, -1) for label in library.labels], dtype=np.intp)
