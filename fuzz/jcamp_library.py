"""What the library ``jcamp`` does with JCAMP-DX: ``python fuzz/jcamp_library.py FOLDER [COUNT]``.

The numbers of docs/decisions/0013 come from here: COUNT tables of every form, written from known numbers;
tables with one damaged difference; a header that declares 10⁹ points; COUNT mutations of the files in FOLDER.
"""

from __future__ import annotations

import collections
import contextlib
import io
import random
import resource
import sys
from pathlib import Path

import jcamp  # type: ignore[import-untyped]
from format_mutations import files, mutation

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
from jcamp_forms import FORMS, file

MEMORY = 4 << 30
DIFFERENCES = "JKLMNOPQjklmnopq"


def ended(data: bytes, values: list[int] | None = None) -> str:
    """Read, and return how that ended."""
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            found = jcamp.read(io.BytesIO(data))
        outcome = "read" if values is None else "right" if found["y"].tolist() == values else "WRONG"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        outcome = type(error).__name__
    return outcome + ", printing" * bool(out.getvalue())


def damaged(text: str, rng: random.Random) -> str:
    """Change one difference of the table, not in its last two lines."""
    start = text.index("##XYDATA")
    stop = text.rindex("\n", 0, text.rindex("\n", 0, text.index("##END")))
    place = rng.choice([k for k in range(start + 20, stop) if text[k] in DIFFERENCES])
    return text[:place] + chr(ord(text[place]) + 1) + text[place + 1 :]


def main() -> int:
    """Run what the command line selects."""
    folder, count = Path(sys.argv[1]), int((sys.argv[2:] or ["1000"])[0])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    rng = random.Random(1)  # noqa: S311 - not for secrets
    noisy = [[rng.randint(-9999, 9999) for _ in range(60)] for _ in range(count)]
    flat = [[100 + 7 * (rng.random() < 0.25) for _ in range(60)] for _ in range(count)]
    tally: dict[str, collections.Counter[str]] = {}
    for form in FORMS:
        for name, tables in (("noise", noisy), ("nearly flat", flat)):
            tally[f"{form}, {name}"] = collections.Counter(ended(file(values, form, factor=1.0).encode(), values) for values in tables)
    tally["a damaged difference"] = collections.Counter(ended(damaged(file(v, "DIF", factor=1.0), rng).encode()) for v in noisy)
    tally["60 points, 10^9 declared"] = collections.Counter([ended(file(flat[0], "AFFN", NPOINTS="1000000000").encode())])
    contents = files(folder)
    tally["mutations"] = collections.Counter(ended(mutation(contents, number)) for number in range(count))
    for name, ends in tally.items():
        print(f"{name}: {dict(ends.most_common())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
