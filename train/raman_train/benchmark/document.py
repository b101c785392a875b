"""Tables in a document, between its markers; everything else stays byte for byte.

::

    <!-- table: sample -->
    | system | … |
    <!-- end -->
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARKED = re.compile(r"(?P<start><!-- table: (?P<name>[^\n]*?) -->\r?\n)(?P<body>.*?)(?P<end><!-- end -->)", re.DOTALL)
START = "<!-- table: "
END = "<!-- end -->"


def fill(text: str, tables: Mapping[str, str]) -> str:
    """Return ``text`` with the tables between its markers; a document is up to date if nothing changes.

    Raises:
        ConfigError: for an unknown table, a marker without its end, or no marker at all.
    """
    found = list(MARKED.finditer(text))
    unknown = sorted({match["name"] for match in found} - tables.keys())
    if unknown:
        msg = f"unknown table: {', '.join(unknown)}; expected {', '.join(tables)}"
        raise ConfigError(msg)
    if any(START in match["body"] for match in found) or not len(found) == text.count(START) == text.count(END) > 0:
        msg = (
            f"got {text.count(START)} markers of a start and {text.count(END)} of an end, {len(found)} of them paired; "
            f"expected a line `{START}NAME -->` and a later line `{END}` for each table"
        )
        raise ConfigError(msg)
    return MARKED.sub(lambda match: f"{match['start']}{tables[match['name']]}\n{match['end']}", text)


def write(path: Path, tables: Mapping[str, str]) -> bool:
    """Fill a document atomically; True if it changed; :class:`ConfigError` if the document cannot be read, or its markers are wrong."""
    try:
        before = path.read_bytes()
        after = fill(before.decode("utf-8"), tables).encode("utf-8")
    except OSError as error:
        msg = f"document {str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except (UnicodeDecodeError, ConfigError) as error:
        msg = f"document {str(path)!r}: {error}"
        raise ConfigError(msg) from error
    if after == before:
        return False
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(after)
    shutil.copymode(path, partial)
    partial.replace(path)
    return True
