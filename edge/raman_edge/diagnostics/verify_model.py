"""The checks of ``raman-edge model verify``: file, digest, structure, card, probe, library and signature, one after the other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.atomic_write import system_path
from raman_edge.errors import LibraryError, ModelError
from raman_edge.matching.library import Library
from raman_edge.model import card, check, model, signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One check and its outcome."""

    name: str
    passed: bool | None
    """None where it was not requested or not reached."""
    found: str
    """What was found, or the reason."""


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """What is verified, and against what."""

    model: Path
    library: Path
    key: Path | None = None
    """Public key of the maker of both."""
    sha256: str | None = None
    """Digest that the model must have, lower-case hex."""
    threads: int = 1


@dataclass(slots=True)
class VerifyState:
    """Results of the checks so far that later checks need."""

    data: bytes = b""
    digest: str = ""
    network: str = ""
    library: str = ""
    """Digest of the library."""


Outcome = tuple[bool | None, str]


def verify(settings: VerifySettings) -> tuple[ModelCheck, ...]:
    """Make every check; onnxruntime loads nothing before structure and card have passed.

    Raises :class:`ConfigError` where the key cannot be used, which is not a property of the model.
    """
    state, done = VerifyState(), dict[str, ModelCheck]()
    for name, (needs, make) in CHECKS.items():
        if needs and done[needs].passed is not True:
            done[name] = ModelCheck(name, None, f"not reached: the check of the {needs} did not pass")
            continue
        try:
            passed, found = make(settings, state)
        except (ModelError, LibraryError) as error:
            passed, found = False, str(error)
        done[name] = ModelCheck(name, passed, found)
    return tuple(done.values())


def _file(settings: VerifySettings, state: VerifyState) -> Outcome:
    state.data = model.read(settings.model)
    state.digest = hashlib.sha256(state.data).hexdigest()
    return True, f"{len(state.data)} bytes, SHA-256 {state.digest}"


def _digest(settings: VerifySettings, state: VerifyState) -> Outcome:
    if settings.sha256 is None:
        return None, "not requested: --sha256 HEX compares"
    if settings.sha256 != state.digest:
        return False, f"got SHA-256 {state.digest}, expected {settings.sha256}: another file, or changed on its way"
    return True, "the expected SHA-256"


def _structure(_: VerifySettings, state: VerifyState) -> Outcome:
    checked = check.inspect(state.data)
    weights = f"{checked.weights} weights, all in the file"
    return True, f"{checked.nodes} nodes of known operators, {weights}; one spectrum takes {checked.work:.2g} multiplications"


def _card(settings: VerifySettings, state: VerifyState) -> Outcome:
    found = model.look_through(state.data, settings.model)
    state.network = found.network
    steps = " ".join(step.tag for step in found.recipe.steps)
    return True, f"{found.name}, {found.precision}, {len(found.labels)} labels, recipe {steps}"


def _probe(settings: VerifySettings, state: VerifyState) -> Outcome:
    opened = model.Model.open(settings.model, threads=settings.threads, sha256=state.digest)
    return True, f"the model gives the numbers of its export here ({opened.provider})"


def _library(settings: VerifySettings, state: VerifyState) -> Outcome:
    library = Library.open(settings.library, network=state.network)
    state.library = library.sha256
    card.check_names("the library's labels", library.labels)
    card.check_names("the library's specimens", library.specimens)
    return True, f"{len(library)} references of {len(library.labels)} labels, of this network; SHA-256 {library.sha256}"


def _signature(settings: VerifySettings, state: VerifyState) -> Outcome:
    beside = signature.path_beside(settings.model)
    if settings.key is None:
        return None, "not checked: --public-key PUBLIC.pem checks it" if system_path(beside).is_file() else "there is none"
    signed = signature.read(beside, settings.key)
    for what, expected, got in (("model", signed.model, state.digest), ("library", signed.library, state.library)):
        if expected != got:
            return False, f"a good signature of another {what}: got SHA-256 {got}, expected {expected}"
    return True, "model and library are signed by the owner of the key"


CHECKS: dict[str, tuple[str, Callable[[VerifySettings, VerifyState], Outcome]]] = {
    "file": ("", _file),
    "digest": ("file", _digest),
    "structure": ("file", _structure),
    "card": ("structure", _card),
    "probe": ("card", _probe),
    "library": ("card", _library),
    "signature": ("library", _signature),
}
"""Check → the one that must pass before it is made, and its function; in this order."""
