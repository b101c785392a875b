"""Model, reference library and user library, opened together: :class:`Identifier` names spectra for scripts and commands alike."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self, TypeAlias, cast, overload

import numpy as np

from raman_edge import records
from raman_edge.atomic_write import system_path
from raman_edge.calibration import store
from raman_edge.calibration.calibration import applied
from raman_edge.errors import ConfigError, LibraryError, SpectrumError
from raman_edge.identification import Identification
from raman_edge.matching import identify, library, pack
from raman_edge.matching.aligned import AlignedSearch
from raman_edge.model import model, signature
from raman_edge.service import settings
from raman_edge.sources.files import FileSource
from raman_edge.spectrum import Fault, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.formats.shift import AxisOption
    from raman_edge.matching.library import Library, Reference
    from raman_edge.matching.user_library import AddedReference, UserLibrary
    from raman_edge.model.model import Model
    from raman_edge.records import Provenance
    from raman_edge.service.settings import Settings

    StrPath: TypeAlias = str | os.PathLike[str]


def open_model(
    path: StrPath | None = None, references: StrPath | None = None, *, public_key: StrPath | None = None, threads: int = 1
) -> tuple[Model, Library]:
    """Open a model and the library that was exported with it.

    Parameters
    ----------
    path : path, optional
        The ONNX file; the embedded model where there is none.
    references : path, optional
        The ``.library.npz`` file; the one beside the model where there is none.
    public_key : path, optional
        Refuse a model and library that the owner of this key (PEM, Ed25519) has not signed.
    threads : int
        onnxruntime's threads, at least 1.

    Raises
    ------
    ModelError, LibraryError
        Either cannot be read, is damaged, not signed, or belongs to another model.
    """
    network, beside = model_paths(path, references)
    signed = signature.read(signature.path_beside(network), Path(public_key)) if public_key else None
    opened = model.Model.open(network, threads=threads, sha256=signed.model if signed else None)
    found = library.Library.open(beside, network=opened.card.network)
    if signed and found.sha256 != signed.library:
        raise LibraryError(
            kind="library not signed",
            place=repr(str(beside)),
            got=f"SHA-256 {found.sha256}",
            expected=f"{signed.library}, which is signed",
            advice="Use the library that was signed with this model",
        )
    return opened, found


def default_packs() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the installed packs, and remarks about packs in the user's folder that cannot be read."""
    names, remarks = list(pack.SHIPPED), []
    for name in pack.installed()[len(pack.SHIPPED) :]:
        try:
            pack.Pack.open(pack.find(name))
        except LibraryError as error:
            remarks.append(f"pack {name!r} is left out: {error}")
        else:
            names.append(name)
    return tuple(names), tuple(remarks)


def with_packs(
    model: Model, base: Library, names: Sequence[str], beside: Path, *, embedded: bool = True
) -> tuple[Library, tuple[str, ...]]:
    """Return the library of these packs, and remarks about references that the model cannot use.

    Parameters
    ----------
    model : Model
        Embeds the references.
    base : Library
        The library that was exported with it: the references of the pack ``minerals``.
    names : sequence of str
        Names of packs, or paths of their files, in the order in which equal scores rank.
    beside : Path
        Folder of the model, which may hold embeddings.
    embedded : bool
        Whether ``base`` is the embedded library.

    Raises
    ------
    LibraryError
        No such pack, a damaged one, or no reference is left.
    """
    facts = pack.Pack.open(pack.shipped_path(pack.MINERALS)).materials
    found: list[Reference] = []
    remarks: list[str] = []
    spectra: dict[bool, list[tuple[str, Spectrum]]] = {True: [], False: []}
    for name in dict.fromkeys(names):
        if name == pack.MINERALS:
            continue
        opened = pack.Pack.open(pack.find(name))
        references, left_out = opened.references(model, beside)
        found += references
        remarks += left_out
        spectra[name in pack.SHIPPED] += zip((one.label for one in opened.contents.references), opened.spectra, strict=True)
        facts = {**opened.materials, **facts}
    if pack.MINERALS in names:
        joined = base.described(facts, pack.MINERALS if embedded else library.OWN).joined(found)
        return _with_spectra(joined, spectra), tuple(remarks)
    if not found:
        got = ", ".join(names) or "none"
        raise LibraryError(
            kind="no references", place="packs", got=got, expected="at least one pack with references that the model can use"
        )
    return _with_spectra(library.Library.of_references(base.network, found).described(facts), spectra), tuple(remarks)


def _with_spectra(base: Library, spectra: Mapping[bool, Sequence[tuple[str, Spectrum]]]) -> Library:
    """Return the library with those of the reference spectra whose label it has; the key is whether they are of a shipped pack."""
    usable = {shipped: [one for one in found if one[0] in base.place] for shipped, found in spectra.items()}
    searches = [AlignedSearch(*zip(*found, strict=True), settles=shipped) for shipped, found in usable.items() if found]
    return replace(base, spectra=tuple(searches))


def model_paths(path: StrPath | None = None, references: StrPath | None = None) -> tuple[Path, Path]:
    """Return the paths of the model and of the library that :func:`open_model` opens."""
    network = Path(path) if path else model.default_path()
    return network, Path(references) if references else library.path_beside(network) if path else library.default_path()


class Identifier:
    """A model, its reference library and the user library.

    Threads may share one: identification reads what does not change, and :meth:`add_reference` replaces the library in one step.
    """

    def __init__(
        self,
        model: StrPath | None = None,  # noqa: A002, RUF100 - the field's word
        library: StrPath | None = None,
        *,
        packs: Sequence[StrPath] | None = None,
        user_library: StrPath | bool = True,
        public_key: StrPath | None = None,
        threads: int = 1,
        create: bool = True,
    ) -> None:
        """Open model and libraries.

        Parameters
        ----------
        model, library : path, optional
            As in :func:`open_model`; the embedded ones where there are none.
        packs : sequence of str or path, optional
            Library packs by name, or their files; ``minerals`` is the library of the model. None is every installed pack for the
            embedded model, and the library alone where ``model`` or ``library`` is given: its decisions were measured with that one.
        user_library : path or bool
            True is the library that ``raman-edge library add`` writes, if it exists; False is none. A path that does not exist is
            created by :meth:`add_reference`.
        public_key : path, optional
            Refuse a model that the owner of this key has not signed.
        threads : int
            onnxruntime's threads, at least 1.
        create : bool
            False refuses a path of ``user_library`` that does not exist.

        Raises
        ------
        ModelError, LibraryError
            A file cannot be used.
        """
        if threads < 1:
            raise ConfigError(kind="number out of range", place="threads", got=repr(threads), expected="a whole number of at least 1")
        self._model, base = open_model(model, library, public_key=public_key, threads=threads)
        self.path, self.threads = model_paths(model, library)[0], threads
        embedded = model is None and library is None
        names, remarks = default_packs() if packs is None and embedded else ((pack.MINERALS,) if packs is None else packs, ())
        base, notes = with_packs(self._model, base, [os.fspath(name) for name in names], self.path.parent, embedded=embedded)
        self._setup(base, user_library, (*remarks, *notes), create=create)

    @classmethod
    def of(cls, model: Model, library: Library, user_library: StrPath | bool = False) -> Self:  # noqa: FBT001, FBT002 - a path too
        """Return the identifier of an open model and library, without packs."""
        made = cls.__new__(cls)
        made._model, made.path, made.threads = model, model_paths()[0], 1  # noqa: SLF001 - the same class
        made._setup(library, user_library, (), create=True)  # noqa: SLF001 - the same class
        return made

    def _setup(self, base: Library, user_library: StrPath | bool, remarks: tuple[str, ...], *, create: bool) -> None:  # noqa: FBT001 - a path too
        self._lock = threading.Lock()
        self._user_path = settings.default_user_library() if user_library is True else Path(user_library) if user_library else None
        must_exist = user_library is not True and not create
        notes: tuple[str, ...] = ()
        if self._user_path is not None and (must_exist or os.path.exists(system_path(self._user_path))):  # noqa: PTH110 - Path.exists raises without access
            with self._user_library(create=False) as own:
                references, notes = own.references(self._model)
            base = base.joined(references)
        elif self._user_path is not None and not isinstance(user_library, bool):
            notes = (f"user library {str(self._user_path)!r} does not exist; add_reference creates it",)
        self.notes: tuple[str, ...] = (*self._model.notes, *remarks, *notes)
        """Remarks about the installation, and which references of packs and user library this model cannot use; usually empty."""
        self._library = base
        base.prepare()

    def __repr__(self) -> str:
        return f"Identifier({self._model.card.name!r}, {len(self._library.labels)} labels, {len(self._library)} references)"

    @property
    def model(self) -> Model:
        """The open model; ``model.card`` says what it was trained on and how it was measured."""
        return self._model

    @property
    def library(self) -> Library:
        """The references that spectra are compared with now, those of the user library included."""
        return self._library

    @property
    def axis(self) -> NDArray[np.floating]:
        """Raman shift of the columns of ``X`` in :meth:`predict`, cm⁻¹, (n,), read-only."""
        return self._model.card.recipe.axis.shift

    @property
    def classes_(self) -> NDArray[np.str_]:
        """Labels of the columns of :meth:`predict_proba`, (k,); references that were added with a new label stand last."""
        return np.array(self._library.labels)

    def provenance(
        self, *, laser: float | None = None, calibration: Calibration | None = None, axis: AxisOption | None = None
    ) -> Provenance:
        """Return what results depend on: model, library and configuration.

        Parameters
        ----------
        laser, calibration, axis
            As in :func:`raman_edge.read`.

        Returns
        -------
        Provenance
            As records name it.
        """
        return records.provenance(self._model, self._library, laser, calibration.id if calibration else None, axis)

    @overload
    def identify(self, shift: ArrayLike, counts: ArrayLike, /) -> Identification: ...
    @overload
    def identify(self, spectrum: Spectrum, /) -> Identification: ...
    @overload
    def identify(self, spectra: Iterable[Spectrum | Fault], /) -> list[Identification]: ...

    def identify(
        self, first: Spectrum | Iterable[Spectrum | Fault] | ArrayLike, counts: ArrayLike | None = None, /
    ) -> Identification | list[Identification]:
        """Identify one spectrum or several.

        Parameters
        ----------
        first : array_like, Spectrum, or iterable of Spectrum
            Raman shift of one spectrum, cm⁻¹, (n,), strictly monotonic, with ``counts``; or spectra.
        counts : array_like, optional
            Counts of that spectrum, (n,), finite, not corrected: the model brings its own preprocessing.

        Returns
        -------
        Identification or list of Identification
            One for one spectrum, else a list in the order given. In a list, a spectrum that cannot be identified has the decision
            ``fault`` in its place.

        Raises
        ------
        SpectrumError
            The one spectrum is impossible, does not overlap with the model's axis, or has no structure.
        """
        if counts is not None:
            first = Spectrum(cast("ArrayLike", first), counts)
        if isinstance(first, Spectrum):
            references = self._library  # another thread may replace it
            return Identification.of(identify.identify(first, self._model, references), records.provenance(self._model, references))
        return list(self.identify_each(_spectra(first), batch=identify.BATCH))

    def identify_each(
        self, spectra: Iterable[Spectrum | Fault], *, provenance: Provenance | None = None, batch: int = 1
    ) -> Iterator[Identification]:
        """Identify a stream, in its order.

        Parameters
        ----------
        spectra : iterable of Spectrum or Fault
            Read as far as results are taken.
        provenance : Provenance, optional
            What the records say of laser, axis and calibration, from :meth:`provenance`.
        batch : int
            Spectra that go through the network together; 1 gives every result before the next spectrum is read.

        Yields
        ------
        Identification
            What cannot be identified has the decision ``fault``.
        """
        references = self._library  # another thread may replace it
        provenance = provenance or records.provenance(self._model, references)
        for event in identify.readings(spectra, self._model, references, batch):
            yield Identification.of(event, provenance)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Return the probability of every label, as scikit-learn has it.

        Parameters
        ----------
        X : array_like
            Counts at :attr:`axis`, (m, n), one spectrum a row.

        Returns
        -------
        ndarray
            (m, k) in the order of :attr:`classes_`. Each row adds up to 1 also where the material is not in the library:
            :meth:`identify` says whether it is.

        Raises
        ------
        SpectrumError
            ``X`` has another shape, or a row is not finite or has no structure; the message names the row.
        """
        return identify.probabilities(self._rows(X), self._model, self._library)

    def predict(self, X: ArrayLike) -> NDArray[np.str_]:  # noqa: N803 - scikit-learn's name
        """Return the most probable label of every row; it never abstains, unlike :meth:`identify`.

        Parameters
        ----------
        X : array_like, (m, n)
            Counts at :attr:`axis`, a spectrum a row.

        Returns
        -------
        ndarray of str, (m,)
            ``classes_[predict_proba(X).argmax(axis=1)]``.

        Raises
        ------
        SpectrumError
            As :meth:`predict_proba`.
        """
        rows, opened, references = self._rows(X), self._model, self._library
        best = identify.probabilities(rows, opened, references).argmax(axis=1)
        return np.array([references.labels[place] for place in best.tolist()], dtype=np.str_)

    def _rows(self, given: ArrayLike) -> list[Spectrum]:
        axis = self._model.card.recipe.axis
        try:
            rows = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise SpectrumError(
                kind="not a table of numbers",
                place="X",
                got=f"{type(given).__name__} ({error})",
                expected=f"shape (m, {len(axis)}) with one spectrum a row",
            ) from error
        if rows.ndim != 2 or rows.shape[1] != len(axis):  # noqa: PLR2004 - a table
            raise SpectrumError(
                kind="wrong shape",
                place="X",
                got=f"shape {rows.shape}",
                expected=f"(m, {len(axis)}), counts at identifier.axis with one spectrum a row",
                advice="Interpolate with numpy.interp, or use identify(shift, counts)",
            )
        if not (finite := np.isfinite(rows).all(axis=1)).all():
            raise SpectrumError(
                kind="counts not finite", place=f"X, spectrum {int(finite.argmin())}", got="NaN or infinity", expected="finite counts"
            )
        return [Spectrum(axis, row) for row in rows]

    def add_reference(self, label: str, spectrum: Spectrum, *, note: str = "", force: bool = False) -> AddedReference:
        """Add a spectrum to the user's library; this identifier knows it at once, others when they are opened.

        Parameters
        ----------
        label : str
            Name of the material, 1 to 200 printable characters; of a known one, by its label or a synonym that no other has, it becomes
            another reference.
        spectrum : Spectrum
            Not corrected.
        note : str
            Kept with the spectrum, such as who measured it.
        force : bool
            Also add a spectrum that is too poor to be identified.

        Returns
        -------
        AddedReference
            ``before`` and ``now`` (what it is identified as), ``new``, and ``alike``: labels that it cannot be distinguished from.

        Raises
        ------
        LibraryError
            Not a name, the library cannot be written, or the identifier was made with ``user_library=False``.
        SpectrumError
            The spectrum cannot be used.
        """
        from raman_edge.matching.user_library import checked_name  # noqa: PLC0415 - sqlite

        name = checked_name(label)
        if len(known := self._library.synonyms(name)) == 1 and known[0].casefold() != name.casefold():
            name = known[0]  # one name a material: "sodium sulfate" is another reference of Thenardite
        with self._lock, self._user_library(create=True) as own:
            learned, faults = own.add_reference(name, [spectrum], self._model, self._library, note=note, force=force)
            if faults:
                raise SpectrumError(faults[0].why)
            self._library = learned[0].library
            self._library.prepare()
        return learned[0]

    def _user_library(self, *, create: bool) -> UserLibrary:
        from raman_edge.matching.user_library import UserLibrary  # noqa: PLC0415 - sqlite

        if self._user_path is None:
            raise LibraryError(kind="no user library", expected="Identifier(user_library=...) with a path or True")
        return UserLibrary.open(self._user_path, create=create)


def _spectra(given: object) -> Iterator[Spectrum | Fault]:
    """Yield the spectra of an iterable; :class:`SpectrumError` names the place of anything else, such as an array without counts."""
    if isinstance(given, np.ndarray | str | bytes) or not hasattr(given, "__iter__"):
        raise SpectrumError(
            kind="no spectrum",
            place="identify",
            got=f"{type(given).__name__} alone",
            expected="identify(shift, counts), a Spectrum, or a list of Spectrum",
        )
    for place, one in enumerate(given):
        if not isinstance(one, Spectrum | Fault):
            raise SpectrumError(
                kind="no spectrum", place=f"identify, item {place}", got=type(one).__name__, expected="a Spectrum: Spectrum(shift, counts)"
            )
        yield one


def open_calibration(name: str | None) -> Calibration | None:
    """Return the calibration of that file or serial number, None without a name; :class:`CalibrationError` where it has expired."""
    if name is None:
        return None
    calibration = store.find(name)
    calibration.require_fresh(datetime.now(UTC))
    return calibration


def identify_files(
    identifier: Identifier,
    paths: Sequence[str],
    *,
    laser: float | None = None,
    axis: AxisOption | None = None,
    calibration: Calibration | None = None,
    standard_input: BinaryIO | None = None,
) -> Iterator[Identification]:
    """Identify files once; no journal is kept.

    Parameters
    ----------
    identifier : Identifier
        Names the spectra.
    paths : sequence of str
        Files, folders (their files, not those below), and ``-`` for ``standard_input``.
    laser, axis, calibration
        As in :func:`raman_edge.read`.
    standard_input : binary file, optional
        Read where ``paths`` has ``-``.

    Yields
    ------
    Identification
        A file that cannot be read has the decision ``fault``.
    """
    spectra: Iterable[Spectrum | Fault] = FileSource(paths, standard_input, laser, axis=axis, pixels=calibration is not None)
    if calibration is not None:
        spectra = applied(spectra, calibration)
    yield from identifier.identify_each(spectra, provenance=identifier.provenance(laser=laser, calibration=calibration, axis=axis))


def open_identifier(chosen: Settings) -> Identifier:
    """Return the identifier that settings name; a path of the user library has to exist."""
    named = chosen.user_library
    return Identifier(
        chosen.model,
        chosen.library,
        packs=chosen.packs,
        user_library=True if named is None else named,
        public_key=chosen.public_key,
        threads=chosen.threads,
        create=not isinstance(named, str),
    )
