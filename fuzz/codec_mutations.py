"""Frames of every codec, damaged one byte or one burst at a time, decoded between good ones.

``python fuzz/codec_mutations.py COUNT [FIRST]`` tallies by wire:

- good: the damaged frame gave its own counts; fault: it gave none; reply: it was taken for an answer.
- nothing: nothing but line ends was left of it; merged: what was left of it went into the next frame.
- changed: it gave other counts, and the device has no checksum.
- WRONG-ACCEPTED: other counts although a checksum has to notice; LOST: a good frame around it was not found.
- SILENT: it was gone without a report; ESCAPED: an exception; SLOW; KEPT: more than the limit was kept.

Exit code 1 where one of those in capitals came.
"""

from __future__ import annotations

import collections
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.instruments.codecs.stream import RawFrame, Reply, WireFault

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # helpers that tests and scripts share
from codec_wires import WIRES, Wire, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from raman_edge.instruments.codecs.stream import Event

SLOW_S = 1.0
"""Three times in a row: a machine that is busy with something else is not slow at the same mutation again."""


def _flipped(data: bytearray, place: int, rng: random.Random) -> None:
    data[place] ^= rng.randrange(1, 256)


def _dropped(data: bytearray, place: int, _: random.Random) -> None:
    del data[place]


def _doubled(data: bytearray, place: int, _: random.Random) -> None:
    data.insert(place, data[place])


def _cut_short(data: bytearray, place: int, _: random.Random) -> None:
    del data[place:]


def _beheaded(data: bytearray, place: int, _: random.Random) -> None:
    del data[:place]


def _behind_garbage(data: bytearray, place: int, rng: random.Random) -> None:
    data[:0] = rng.randbytes(place)


CHANGES: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    *(_flipped, _flipped, _dropped, _dropped, _doubled, _doubled),
    *(_cut_short, _beheaded, _behind_garbage),
)


def mutation(wire: Wire, rng: random.Random) -> str:
    """Return what became of one damaged frame between good ones."""
    maker = wire.make()
    counts = [wire.counts(rng) for _ in range(4)]
    frames = [maker.encode(values, wire.fields) for values in counts]
    bad = bytearray(frames[1])
    rng.choice(CHANGES)(bad, rng.randrange(len(bad)), rng)
    parts = [frames[0], bytes(bad), frames[2], frames[3]]
    events: list[Event] = []
    codec = wire.make()
    started = time.perf_counter()
    for stretch in [b"".join(parts)] if wire.synced else parts:
        for part in cut(stretch, [rng.randrange(len(stretch) + 1) for _ in range(rng.choice((0, 1, 3)))]):
            events += codec.feed(part)
            if len(codec._kept) > codec.limit:
                return "KEPT"
        events += codec.silence()
    if time.perf_counter() - started > SLOW_S:
        return "SLOW"
    became = verdict(wire, [values.tolist() for values in counts], events)
    return "nothing" if became in ("SILENT", "merged") and not bytes(bad).strip(b"\r\n\0") else became


def verdict(wire: Wire, sent: list[list[int]], events: list[Event]) -> str:
    """Judge the events by what was sent: the first, the damaged and two good frames."""
    found = [event.counts.tolist() for event in events if isinstance(event, RawFrame)]
    if sent[0] not in found or sent[3] not in found:
        return "LOST"
    if any(values not in sent for values in found):
        return "WRONG-ACCEPTED" if wire.proven else "changed"
    if sent[1] in found:
        return "good"
    if any(isinstance(event, WireFault) for event in events):
        return "fault"
    if any(isinstance(event, Reply) for event in events):
        return "reply"
    return "SILENT" if wire.proven else "merged"


def run(numbers: range) -> dict[str, collections.Counter[str]]:
    """Do the mutations of these numbers, of each wire in turn, and return what became of them by wire."""
    tally: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for number in numbers:
        wire = WIRES[number % len(WIRES)]
        try:
            became = "SLOW"
            for _ in range(3):
                became = mutation(wire, random.Random(number)) if became == "SLOW" else became  # noqa: S311 - not for secrets
        except Exception as error:  # noqa: BLE001 - that none comes is what is looked at
            became = f"ESCAPED {error!r}"
        tally[wire.name][became] += 1
        if became[0].isupper():
            print(f"mutation {number} of {wire.name}: {became}", flush=True)
    return tally


def main() -> int:
    """Run what the command line selects."""
    count, first = int(sys.argv[1]), int((sys.argv[2:] or ["0"])[0])
    tally = run(range(first, first + count))
    for name, became in tally.items():
        print(f"{name}: {dict(sorted(became.items()))}")
    together = sum(tally.values(), collections.Counter[str]())
    print(f"{count} mutations of {len(tally)} wires: {dict(sorted(together.items()))}")
    return int(any(became[0].isupper() for became in together))


if __name__ == "__main__":
    sys.exit(main())
