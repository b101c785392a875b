"""Which int8 products onnxruntime uses, by what the processor can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from raman_edge.model import runtime

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ("fpu sse avx2 avx512f avx512_vnni", "0"),
        ("fpu sse avx2 avx_vnni", "0"),
        ("fpu sse avx2 avx512f", "1"),
        ("fpu avx_vnni_int8 my_avx_vnni", "1"),
        ("", "1"),
    ],
)
def test_products_are_kept_exact_where_the_processor_does_not(tmp_path: Path, flags: str, setting: str) -> None:
    """A processor with one of the two VNNI flags needs no help; any other does."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n\nprocessor\t: 1\nflags\t\t: avx_vnni\n")
    assert runtime.exact_products(cpuinfo) == setting


@pytest.mark.parametrize("content", [None, "", "Features\t: fp asimd\n", "flags"])
def test_without_evidence_products_are_kept_exact(tmp_path: Path, content: str | None) -> None:
    """No such file, an empty one, or a processor of another kind: the careful setting."""
    cpuinfo = tmp_path / "cpuinfo"
    if content is not None:
        cpuinfo.write_text(content)
    assert runtime.exact_products(cpuinfo) == "1"
