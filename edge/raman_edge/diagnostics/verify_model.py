"""Everything that can be said for or against a model file and its library, one check after the other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.errors import LibraryError, ModelError
from raman_edge.matching.library import Library
from raman_edge.model import check, model, signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """One check and how it ended."""

    name: str
    passed: bool | None
    """None where nobody asked for it, or where it was not reached."""
    said: str
    """What was found, or the reason."""


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """What is to be verified, and against what."""

    model: Path
    library: Path
    key: Path | None = None
    """Public key of who made both."""
    sha256: str | None = None
    """Digest that the model must have, lower-case hex."""
    threads: int = 1


@dataclass(slots=True)
class VerifyState:
    """What the checks so far have brought to light."""

    data: bytes = b""
    digest: str = ""
    network: str = ""
    library: str = ""
    """Digest of the library."""


Outcome = tuple[bool | None, str]


def verify(asked: VerifySettings) -> tuple[ModelCheck, ...]:
    """Make every check; nothing is loaded by onnxruntime before structure and card have passed.

    Raises :class:`ConfigError` where the key cannot be used: that says nothing about the model.
    """
    found, done = VerifyState(), dict[str, ModelCheck]()
    for name, (needs, make) in CHECKS.items():
        if needs and done[needs].passed is not True:
            done[name] = ModelCheck(name, None, f"not reached: the check of the {needs} did not pass")
            continue
        try:
            passed, said = make(asked, found)
        except (ModelError, LibraryError) as error:
            passed, said = False, str(error)
        done[name] = ModelCheck(name, passed, said)
    return tuple(done.values())


def _file(asked: VerifySettings, found: VerifyState) -> Outcome:
    found.data = model.read(asked.model)
    found.digest = hashlib.sha256(found.data).hexdigest()
    return True, f"{len(found.data)} bytes, SHA-256 {found.digest}"


def _digest(asked: VerifySettings, found: VerifyState) -> Outcome:
    if asked.sha256 is None:
        return None, "not asked for: --sha256 HEX compares"
    if asked.sha256 != found.digest:
        return False, f"SHA-256 is {found.digest}, {asked.sha256} expected: another file, or changed on its way"
    return True, "the SHA-256 that was expected"


def _structure(_: VerifySettings, found: VerifyState) -> Outcome:
    seen = check.inspect(found.data)
    return True, (
        f"{len(seen.graph.nodes)} nodes of known operators, {len(seen.graph.weights)} weights, all in the file; "
        f"one spectrum takes {seen.work:.2g} multiplications"
    )


def _card(asked: VerifySettings, found: VerifyState) -> Outcome:
    card = model.look_through(found.data, asked.model)
    found.network = card.network
    return True, f"{card.name}, {card.precision}, {len(card.labels)} labels, recipe {' '.join(step.tag for step in card.recipe.steps)}"


def _probe(asked: VerifySettings, found: VerifyState) -> Outcome:
    opened = model.Model.open(asked.model, threads=asked.threads, sha256=found.digest)
    return True, f"the model gave here ({opened.provider}) what it gave where it was exported"


def _library(asked: VerifySettings, found: VerifyState) -> Outcome:
    library = Library.open(asked.library, network=found.network)
    found.library = library.sha256
    check.check_names("the library's labels", library.labels)
    check.check_names("the library's specimens", library.specimens)
    return True, f"{len(library)} references of {len(library.labels)} labels, of this network; SHA-256 {library.sha256}"


def _signature(asked: VerifySettings, found: VerifyState) -> Outcome:
    beside = signature.path_beside(asked.model)
    if asked.key is None:
        return (
            None,
            "not checked: --public-key PUBLIC.pem checks it" if beside.is_file() else "there is none",
        )
    signed = signature.read(beside, asked.key)
    for what, expected, got in (("model", signed.model, found.digest), ("library", signed.library, found.library)):
        if expected != got:
            return False, f"the signature is good, and of another {what}: it names SHA-256 {expected}, this is {got}"
    return True, "model and library are those that the owner of the key signed"


CHECKS: dict[str, tuple[str, Callable[[VerifySettings, VerifyState], Outcome]]] = {
    "file": ("", _file),
    "digest": ("file", _digest),
    "structure": ("file", _structure),
    "card": ("structure", _card),
    "probe": ("card", _probe),
    "library": ("card", _library),
    "signature": ("library", _signature),
}
"""Check → the one that must pass before it means anything, and what makes it; in this order."""
