"""The model, the libraries and the user's own: that they open, belong together and compute here what they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.diagnostics.doctor.database import DatabaseFacts, look_into
from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, ok, warning, wrong
from raman_edge.errors import ConfigError
from raman_edge.matching.user_library.database import APPLICATION, SCHEMA
from raman_edge.model import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from raman_edge.diagnostics.verify_model import ModelCheck

ANOTHER_MODEL = "name another with --model, or leave --model out for the embedded one; `raman-edge model verify` tells more"
ANOTHER_LIBRARY = "name the library that was exported with this model with --library"


def look(asked: DoctorSettings) -> Iterator[Finding]:
    """Look at everything that an answer comes from."""
    yield from _verified(asked)
    yield own(asked)


def _verified(asked: DoctorSettings) -> Iterator[Finding]:
    from raman_edge.diagnostics import verify_model  # noqa: PLC0415 - numpy

    wanted = verify_model.VerifySettings(asked.model, asked.library, asked.key, threads=asked.threads)
    try:
        yield from model(verify_model.verify(wanted), str(asked.model), signed=asked.key is not None)
        yield from provider(asked)
    except ConfigError as error:
        yield wrong("model", str(error), "")


def model(checks: Sequence[ModelCheck], path: str, *, signed: bool) -> Iterator[Finding]:
    """Judge what the verification of a model and its library has said."""
    said = {check.name: check for check in checks}
    broken = [check for check in checks if check.passed is False]
    if failed := [check for check in broken if check.name not in {"library", "signature"}]:
        yield wrong("model", f"{path}: {failed[0].said}", ANOTHER_MODEL)
        return
    yield ok("model", f"{said['card'].said}; {said['probe'].said}")
    for name in ("library", "signature"):
        if said[name] in broken:
            yield wrong(
                name, said[name].said, ANOTHER_LIBRARY if name == "library" else "use files from who you trust, or another --public-key"
            )
        elif name == "library" or signed:
            yield ok(name, said[name].said.partition("; SHA-256")[0])


def provider(asked: DoctorSettings) -> Iterator[Finding]:
    """Judge whether a GPU that was paid for is used."""
    from raman_edge.model.model import Model  # noqa: PLC0415 - numpy

    wheels = runtime.installed()
    if wheels.keys() == {"onnxruntime-gpu"}:
        opened = Model.open(asked.model, threads=asked.threads)
        for note in opened.notes:
            yield warning("gpu", note, "or install raman-edge[cpu] in its place: a GPU is not needed")
        if not opened.notes:
            yield ok("gpu", f"the model runs on {opened.provider}")


def own(asked: DoctorSettings) -> Finding:
    """Judge the user's own library."""
    if asked.own is None:
        return ok("own library", "none")
    if not asked.own.exists():
        return wrong(
            "own library",
            f"{asked.own} is not there",
            "name another with --user-library, or leave --user-library out; `raman-edge library add` makes one",
        )
    seen = look_into(asked.own, "SELECT count(*) FROM entries")
    return judged(seen, str(asked.own))


def judged(seen: DatabaseFacts, path: str) -> Finding:
    """Judge what was seen in the file."""
    if seen.tables and seen.application != APPLICATION:
        return wrong("own library", f"{path} belongs to another program", "name another with --user-library")
    if seen.why:
        return wrong("own library", f"{path} cannot be read: {seen.why}", "put back a copy, or go without: --no-user-library")
    if seen.schema > SCHEMA:
        return wrong("own library", f"{path} is from a newer raman-edge (schema {seen.schema}, here {SCHEMA})", "update raman-edge")
    return ok("own library", f"{path}: {seen.rows[0][0] if seen.rows else 0} spectra taught")
