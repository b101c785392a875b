"""Errors as tests ask for them: by class, kind and place, never by their words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.errors import RamanEdgeError


@contextmanager
def refused(
    error: type[RamanEdgeError], kind: str, place: str = "", *, cause: str = "", got: str = "", expected: str = ""
) -> Iterator[None]:
    """Pass if the block raises ``error`` of this ``kind``; the others are parts of the error's own."""
    with pytest.raises(error) as caught:
        yield
    raised = caught.value
    assert raised.kind == kind, raised
    for name, part in (("place", place), ("cause", cause), ("got", got), ("expected", expected)):
        text = getattr(raised, name)
        assert part in text or repr(part)[1:-1] in text, raised  # a path of Windows is quoted with its backslashes doubled
