"""Teach a material from a spectrum: what it was named before, and what it is named now."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from raman_edge.errors import SpectrumError
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.sources.parse import fault
from raman_edge.spectrum import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from raman_edge.matching.identify import Reading
    from raman_edge.matching.library import Reference
    from raman_edge.matching.ranking import Verdict
    from raman_edge.matching.user_library import UserLibrary
    from raman_edge.model.model import Model
    from raman_edge.quality import Quality
    from raman_edge.spectrum import Spectrum

ALIKE = 0.98
"""Two labels whose references have a larger cosine than this cannot be told apart by a spectrum."""
MOST_ALIKE = 5
"""Labels that are named as indistinguishable, the nearest ones."""


@dataclass(frozen=True, slots=True)
class Confusable:
    """Another label that a spectrum cannot be told from."""

    label: str
    similarity: float
    """Cosine to its best reference, -1..1."""


@dataclass(frozen=True, eq=False, slots=True)
class AddedReference:
    """One spectrum that was learned."""

    spectrum: Spectrum
    quality: Quality
    new: bool
    """False where the library had this very spectrum under this name."""
    before: Verdict
    now: Verdict
    alike: tuple[Confusable, ...]
    """Other labels that it cannot be told from, the nearest first."""
    enrol_ms: float
    """Its share of the enrolment: embedding it, storing it, joining it to the library."""
    library: Library
    """The library with all that was learned together."""

    def is_named(self, name: str) -> bool:
        """Whether it is now named ``name``."""
        return self.now.best is not None and self.now.best.label == name


def teach(
    name: str, spectra: Iterable[Spectrum | Fault], model: Model, library: Library, own: UserLibrary, *, note: str = "", force: bool = False
) -> tuple[tuple[AddedReference, ...], tuple[Fault, ...]]:
    """Store every good spectrum as a reference of ``name``; what cannot be used comes back as faults.

    ``library`` is what answers now, with the user's own. ``force`` also takes what :mod:`raman_edge.quality` rejects.
    Raises :class:`raman_edge.errors.LibraryError` where nothing can be stored.
    """
    before: list[Reading] = []
    faults: list[Fault] = []
    for spectrum in spectra:
        seen = spectrum if isinstance(spectrum, Fault) else _read(spectrum, model, library, force=force)
        if isinstance(seen, Fault):
            faults.append(seen)
        else:
            before.append(seen)
    return (_stored(name, before, model, library, own, note) if before else ()), tuple(faults)


def _read(spectrum: Spectrum, model: Model, library: Library, *, force: bool) -> Reading | Fault:
    """Return what the spectrum is named so far, or why it cannot be learned."""
    try:
        reading = identify(spectrum, model, library)
    except SpectrumError as error:
        return fault(spectrum.origin, str(error))
    if reading.quality.reject_reasons and not force:
        reasons = "; ".join(reading.quality.reject_reasons)
        return fault(spectrum.origin, f"not learned: {reasons}. --force (in Python force=True) learns it all the same")
    return reading


def _stored(name: str, before: list[Reading], model: Model, library: Library, own: UserLibrary, note: str) -> tuple[AddedReference, ...]:
    """Enrol the spectra of these readings, together, and read them again."""
    started = perf_counter()
    made = [Library.make_reference(reading.spectrum, name, reading.spectrum.origin.path, model) for reading in before]
    new = own.learn(name, [(reading.spectrum, one) for reading, one in zip(before, made, strict=True)], model, note)
    joined = library.joined(one for one, is_new in zip(made, new, strict=True) if is_new)
    share_ms = 1e3 * (perf_counter() - started) / len(before)
    return tuple(
        AddedReference(
            reading.spectrum,
            reading.quality,
            is_new,
            reading.verdict,
            identify(reading.spectrum, model, joined).verdict,
            _alike(one, library),
            share_ms,
            joined,
        )
        for reading, one, is_new in zip(before, made, new, strict=True)
    )


def _alike(made: Reference, library: Library) -> tuple[Confusable, ...]:
    """Return the labels other than its own that a reference cannot be told from."""
    similarity = library.search(made.embedding)
    order = (-similarity).argsort(kind="stable")[: MOST_ALIKE + 1]
    near = (Confusable(library.labels[k], round(float(similarity[k]), 4)) for k in order if similarity[k] > ALIKE)
    return tuple(one for one in near if one.label != made.label)[:MOST_ALIKE]
