"""What every codec promises; run for one small wire of each."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from codec_wires import PIXELS, Wire, comparable, cut
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples, slow
from raman_edge.errors import SpectrumError
from raman_edge.instruments.codecs.stream import RawFrame, Reply, WireFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray
    from raman_edge.instruments.codecs.stream import Event

INHERITED = settings(
    deadline=None, max_examples=examples(40), suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)
"""One test, run for every codec: each has its own executor, and a busy machine is no failure."""
GARBAGE = b"\x00\xff\x02\xff\xc1\xc0\xaa garbage 12,\x80\r"


def counts_of(events: Iterable[Event]) -> list[list[int]]:
    """Return the counts of the frames among the events."""
    return [event.counts.tolist() for event in events if isinstance(event, RawFrame)]


def damaged(frame: bytes) -> Iterable[bytes]:
    """Give the frame with one byte dropped, doubled or changed, at every place and in several ways."""
    for place in range(len(frame)):
        yield frame[:place] + frame[place + 1 :]
        yield frame[: place + 1] + frame[place:]
        yield from (frame[:place] + bytes([frame[place] ^ bits]) + frame[place + 1 :] for bits in (1, 0x10, 0x80, 0xFF))


class CodecContract:
    """Inherited by the tests of every codec."""

    wire: ClassVar[Wire]

    def sent(self, seed: int = 0) -> tuple[NDArray[np.int64], bytes]:
        """Return counts and their frame."""
        counts = self.wire.counts(random.Random(seed))  # noqa: S311 - not for secrets
        return counts, self.wire.make().encode(counts, self.wire.fields)

    def after(self, *parts: bytes) -> list[Event]:
        """Return the events of the parts, with a silence between them where the codec needs one to find a frame."""
        codec = self.wire.make()
        events: list[Event] = []
        for part in parts:
            events += codec.feed(part)
            events += [] if self.wire.synced else codec.silence()
        return events + list(codec.silence())

    @given(st.lists(st.integers(0, 65_535), min_size=PIXELS, max_size=PIXELS))
    @INHERITED
    def test_what_is_encoded_is_decoded(self, values: list[int]) -> None:
        """Any counts that the device can send come back, with the fields of the header."""
        counts = np.minimum(values, self.wire.top)
        (frame,) = self.wire.make().feed(self.wire.make().encode(counts, self.wire.fields))
        assert isinstance(frame, RawFrame)
        assert frame.counts.tolist() == counts.tolist()
        assert {name: frame.fields.get(name) for name in self.wire.fields} == self.wire.fields

    @given(st.data())
    @INHERITED
    def test_cuts_make_no_difference(self, draw: st.DataObject) -> None:
        """However the stream is cut, the same frames, replies and faults come out at the same bytes."""
        first, second = self.sent(1)[1], self.sent(2)[1]
        stream = first + GARBAGE + second[: len(second) // 2] + first + second + GARBAGE
        places = draw.draw(st.lists(st.integers(0, len(stream))))
        whole, parts = self.wire.make(), self.wire.make()
        expected = [*whole.feed(stream), *whole.silence()]
        got = [event for part in cut(stream, places) for event in parts.feed(part)]
        assert comparable([*got, *parts.silence()]) == comparable(expected)

    def test_byte_by_byte_is_as_good_as_whole(self) -> None:
        """A frame that arrives in single bytes is complete with its last one."""
        counts, frame = self.sent()
        codec = self.wire.make()
        assert [len(list(codec.feed(bytes([byte])))) for byte in frame[:-2]] == [0] * (len(frame) - 2)
        assert counts_of(codec.feed(frame[-2:])) == [counts.tolist()]

    def test_frames_that_touch_are_two(self) -> None:
        """Two frames without a pause are two frames, each where it stands."""
        (one, first), (two, second) = self.sent(1), self.sent(2)
        frames = list(self.wire.make().feed(first + second))
        assert counts_of(frames) == [one.tolist(), two.tolist()]
        assert all(isinstance(frame, RawFrame) for frame in frames)

    def test_garbage_is_counted_and_the_next_frame_found(self) -> None:
        """Before, between and behind frames, garbage costs at most the frame that touches it, and is reported."""
        (one, first), (two, second) = self.sent(1), self.sent(2)
        events = self.after(GARBAGE + b"\n", first, GARBAGE + b"\n", second, GARBAGE)
        assert counts_of(events) == [one.tolist(), two.tolist()]
        assert any(isinstance(event, WireFault) for event in events)
        assert all(event.why and event.dropped > 0 for event in events if isinstance(event, WireFault))

    def test_one_damaged_byte_is_noticed_where_the_device_has_a_checksum(self) -> None:
        """A frame with one byte dropped, doubled or changed gives its own counts or none, and the one after the next is found."""
        (one, frame), (two, second) = self.sent(1), self.sent(2)
        for bad in damaged(frame):
            found = counts_of(self.after(bad, second, second))
            assert two.tolist() in found
            if self.wire.proven:
                assert all(counts in (one.tolist(), two.tolist()) for counts in found), bad.hex()

    def test_a_frame_cut_short_is_dropped_in_silence(self) -> None:
        """Wherever a frame ends too early, it is no frame, its bytes are accounted for, and the next one is found."""
        counts, frame = self.sent(3)
        for end in range(len(frame) - 2):
            codec = self.wire.make()
            events = [*codec.feed(frame[:end]), *codec.silence()]
            assert counts_of(events) == []
            dropped = sum(event.dropped for event in events if isinstance(event, WireFault))
            assert dropped <= end if self.wire.name == "delimited" else dropped == end
            assert not codec._kept
            assert counts_of(codec.feed(frame)) == [counts.tolist()]

    @given(st.lists(st.binary(max_size=200)))
    @INHERITED
    def test_no_bytes_raise(self, parts: list[bytes]) -> None:
        """Whatever comes is answered with frames, replies and faults, and never more than the limit is kept."""
        codec = self.wire.make()
        for part in parts:
            assert all(isinstance(event, RawFrame | Reply | WireFault) for event in codec.feed(part))
            assert len(codec._kept) <= codec.limit
        list(codec.silence())
        assert not codec._kept

    @pytest.mark.parametrize("kind", ["random", "frame beginnings", *slow("zeros", "digits")])
    def test_garbage_for_ever_is_not_kept(self, kind: str) -> None:
        """Half a megabyte without a frame leaves no more than the limit behind, and no more events than bytes."""
        begins = self.sent()[1][:9]
        block = {"random": random.Random(1).randbytes(1 << 14), "zeros": bytes(1 << 14)}.get(kind)  # noqa: S311
        block = block or (begins * (1 << 11) if kind == "frame beginnings" else b"7" * (1 << 14))
        codec, count = self.wire.make(), 0
        for _ in range((1 << (17 if kind == "frame beginnings" else 19)) // len(block)):
            count = max(count, sum(1 for _ in codec.feed(block)))
            assert len(codec._kept) <= codec.limit
        assert count <= len(block)

    def test_a_frame_has_its_place_in_the_stream(self) -> None:
        """The bytes at the frame's place, decoded alone, are the frame; its counts cannot be written to."""
        counts, data = self.sent(4)
        frames = [event for event in self.after(GARBAGE + b"\n", data) if isinstance(event, RawFrame)]
        stream = GARBAGE + b"\n" + data
        assert counts_of(self.wire.make().feed(stream[frames[0].at : frames[0].at + frames[0].length])) == [counts.tolist()]
        assert not frames[0].counts.flags.writeable

    def test_reset_begins_anew(self) -> None:
        """After a reset nothing of the old stream is left, and places count from 0."""
        counts, frame = self.sent()
        codec = self.wire.make()
        list(codec.feed(GARBAGE + frame[:-3]))
        codec.reset()
        (event,) = codec.feed(frame)
        assert isinstance(event, RawFrame)
        assert event.counts.tolist() == counts.tolist()
        assert event.at + event.length <= len(frame)

    def test_counts_that_do_not_fit_are_refused(self) -> None:
        """A simulator cannot send other counts than the frame has room for."""
        with pytest.raises(SpectrumError, match=f"expected \\({PIXELS},\\)"):
            self.wire.make().encode(np.zeros(PIXELS + 1))
