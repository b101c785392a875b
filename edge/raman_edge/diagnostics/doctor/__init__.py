"""What is wrong on a box, in plain words: one check after the other, nothing created and nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.diagnostics.doctor import calibrations, folders, journals, machine, models, software
from raman_edge.diagnostics.doctor.finding import DoctorSettings, Finding, wrong

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CHECKS: tuple[Callable[[DoctorSettings], Iterable[Finding]], ...] = (
    *(software.look, models.look, calibrations.look),
    *(journals.look, folders.look, machine.look),
)


def examine(asked: DoctorSettings, checks: Iterable[Callable[[DoctorSettings], Iterable[Finding]]] = CHECKS) -> Iterator[Finding]:
    """Give the findings as they are made; a check that the system does not let look says so, and the next one is made."""
    for check in checks:
        try:
            yield from check(asked)
        except OSError as error:
            found = f"could not be looked at to the end: {error.strerror} ({error.filename})"
            yield wrong(
                check.__module__.rpartition(".")[2], found, "let this user look there, or run this as the user that `watch` runs as"
            )
