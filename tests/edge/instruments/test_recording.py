"""Recordings: every exposure as it was, given again as it was, and nothing believed that is damaged."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import spectrometers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.acquisition.recorded import ReplayedSpectrometer
from raman_edge.errors import ConfigError, FormatError, OutputError, SourceUnavailable
from raman_edge.instruments import recording
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.recording import (
    MOST_PIXELS,
    ExposureLine,
    InstrumentLine,
    PlanLine,
    Recorder,
    RecordingHeader,
    entries,
)
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.spectrum import Fault, Origin
from spectrometers import BEGAN, FAULT, INSTRUMENT, Fake

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from raman_edge.instruments.spectrometer import Spectrometer


def drained(spectrometer: Spectrometer, most: int = 100) -> list[Exposure | Fault]:
    """Return everything that a spectrometer gives to its end."""
    found: list[Exposure | Fault] = []
    while not spectrometer.ended:
        assert len(found) < most
        got = spectrometer.expose()
        if got is not None:
            found.append(got)
    return found


def recorded(path: Path, fake: Fake) -> list[Exposure | Fault]:
    """Record all that a spectrometer gives, and return it."""
    with Recorder(fake, path) as recorder:
        return drained(recorder)


def replayed(path: Path, notes: list[str] | None = None) -> list[Exposure | Fault]:
    """Return all that a recording gives."""
    with ReplayedSpectrometer(path, note=([] if notes is None else notes).append) as again:
        return drained(again)


def same(one: Exposure | Fault, other: Exposure | Fault) -> bool:
    """Whether both are the same to the last bit."""
    if isinstance(one, Fault) or isinstance(other, Fault):
        return one == other
    alike = np.array_equal(one.frame.counts, other.frame.counts) and one.frame.counts.dtype == other.frame.counts.dtype
    facts = [(each.frame.fields, each.instrument, each.taken_at, each.exposure_s, each.averages, each.dark) for each in (one, other)]
    return alike and facts[0] == facts[1]


def test_a_recording_gives_what_was_measured(tmp_path: Path) -> None:
    """Exposures and faults come again in their order, with their counts, times, facts and the port they came from."""
    fake = Fake(happens=[None, FAULT, None], most=5)
    given_first = recorded(tmp_path / "run.jsonl", fake)
    assert len(given_first) == 6
    with ReplayedSpectrometer(tmp_path / "run.jsonl") as again:
        assert again.instrument == INSTRUMENT
        assert (again.status.port, again.status.profile, again.status.serial_number) == ("fake:", "fake", "F1")
        given_again = drained(again)
        assert (again.status.counters.frames, again.status.counters.bad, again.status.state) == (5, 1, "absent")
        assert again.expose() is None
    assert all(map(same, given_first, given_again))
    assert fake.opened == 0


reals = st.floats(allow_nan=False, allow_infinity=False)
frames = st.one_of(
    st.lists(st.integers(0, 65_535), min_size=2, max_size=50).map(lambda values: np.array(values, dtype=np.int64)),
    st.lists(st.integers(-(2**40), 2**40), min_size=2, max_size=50).map(lambda values: np.array(values, dtype=np.int64)),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=50).map(lambda values: np.array(values, dtype=np.int64)),
    st.lists(reals, min_size=2, max_size=50).map(lambda values: np.array(values, dtype=np.float64)),
)
words = st.text(max_size=20)
exposures = st.builds(
    Exposure,
    st.builds(RawFrame, frames, st.dictionaries(words, st.one_of(st.integers(-(2**53), 2**53), words), max_size=3)),
    st.builds(
        lambda identity, serial: spectrometers.instrument(identity=identity, serial_number=serial), words, st.one_of(st.none(), words)
    ),
    st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.one_of(st.none(), st.floats(1e-6, 1e4)),
    st.integers(1, 10_000),
    st.booleans(),
)


@given(st.lists(exposures, max_size=4))
@settings(max_examples=examples(60), deadline=None)
def test_any_exposure_comes_back_to_the_last_bit(shots: list[Exposure]) -> None:
    """Whatever an instrument counts, and says of itself, is read back as it was."""
    lines = [recording.encode(RecordingHeader(port="p", profile="q"))]
    for shot in shots:
        lines += [recording.encode(InstrumentLine(instrument=shot.instrument)), recording.encode(recording.shot(shot))]
    _, *back = entries(lines)
    assert all(isinstance(one, Exposure) and same(one, shot) for one, shot in zip(back, shots, strict=True))


def test_a_recording_remembers_its_plan(tmp_path: Path) -> None:
    """What decided which exposures made a spectrum is there when it is replayed; a recording without it has the plain plan."""
    planned = PlanLine(averages=4, auto_exposure=True, longest_s=2.5, gate=True, dark="auto", laser_nm=784.9)
    for name, plan in (("planned.jsonl", planned), ("plain.jsonl", None)):
        with Recorder(Fake(most=1), tmp_path / name, plan) as recorder:
            recorder.expose()
        with ReplayedSpectrometer(tmp_path / name) as again:
            assert again.plan == (plan or PlanLine())


def test_a_recorder_is_the_spectrometer_it_records(tmp_path: Path) -> None:
    """Every call of the recorder reaches the instrument, and the instrument's answers reach the caller."""
    fake = Fake(most=3)
    with Recorder(fake, tmp_path / "run.jsonl") as recorder:
        recorder.set_exposure(0.25)
        assert recorder.light(on=False)
        assert recorder.status == fake.status
        assert recorder.instrument is fake.instrument
        assert not recorder.ended
        assert isinstance(recorder.expose(), Exposure)
    assert fake.calls == ["expose 0.25", "light off"]
    assert [one.exposure_s for one in replayed(tmp_path / "run.jsonl") if isinstance(one, Exposure)] == [0.25]


def test_what_a_person_keeps_dark_is_recorded_as_dark(tmp_path: Path) -> None:
    """Exposures between "light off" and "light on" are dark ones, also where the instrument itself could do nothing."""
    fake = Fake(most=3, shutter=False)
    with Recorder(fake, tmp_path / "run.jsonl") as recorder:
        recorder.expose()
        assert not recorder.light(on=False)
        recorder.expose()
        recorder.light(on=True)
        recorder.expose()
    assert [one.dark for one in replayed(tmp_path / "run.jsonl") if isinstance(one, Exposure)] == [False, True, False]


def test_facts_are_written_when_they_change(tmp_path: Path) -> None:
    """What is known of the instrument stands before the first exposure and again where it is other, not at every one."""
    fake = Fake(most=4)
    with Recorder(fake, tmp_path / "run.jsonl") as recorder:
        recorder.expose()
        recorder.expose()
        fake.made = spectrometers.instrument(identity="1.2.3")
        recorder.expose()
        recorder.expose()
    kinds = [json.loads(line)["line"]["is"] for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert kinds == ["recording", "instrument", "exposure", "exposure", "instrument", "exposure", "exposure"]
    shots = [one for one in replayed(tmp_path / "run.jsonl") if isinstance(one, Exposure)]
    assert [one.instrument.identity for one in shots] == ["", "", "1.2.3", "1.2.3"]


def test_counts_are_packed(tmp_path: Path) -> None:
    """A frame of 800 counts of 16 bits takes less than its 1600 bytes in the file, base64 and all."""
    recorded(tmp_path / "run.jsonl", Fake(most=50))
    assert (tmp_path / "run.jsonl").stat().st_size / 50 < 2000


def test_a_file_that_exists_is_never_written_to(tmp_path: Path) -> None:
    """A second run into the same file is refused before the instrument is touched."""
    (tmp_path / "run.jsonl").write_text("mine")
    fake = Fake()
    with pytest.raises(ConfigError, match="name a new file"), Recorder(fake, tmp_path / "run.jsonl"):
        pass
    assert (tmp_path / "run.jsonl").read_text() == "mine"
    assert fake.opened == 0


def test_an_instrument_that_is_not_there_leaves_no_file(tmp_path: Path) -> None:
    """Where the spectrometer cannot be opened no empty recording stays behind."""

    class Away(Fake):
        def __enter__(self) -> Self:
            msg = "not there"
            raise SourceUnavailable(msg)

    with pytest.raises(SourceUnavailable), Recorder(Away(), tmp_path / "run.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A line that cannot be written ends the run with the file and the reason, and the instrument is closed."""

    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    fake = Fake()
    with Recorder(fake, tmp_path / "run.jsonl") as recorder:
        monkeypatch.setattr("raman_edge.instruments.recording.os.write", full)
        with pytest.raises(OutputError, match="No space left on device"):
            recorder.expose()
    assert fake.opened == 0


def test_a_recording_without_its_first_line_written_closes_the_instrument(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A disk that is full from the beginning leaves neither an open instrument nor a file."""

    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("raman_edge.instruments.recording.os.write", full)
    fake = Fake()
    with pytest.raises(OutputError, match="No space left"), Recorder(fake, tmp_path / "run.jsonl"):
        pass
    assert fake.opened == 0
    assert list(tmp_path.iterdir()) == []


@given(st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cut_anywhere_it_gives_what_is_whole(tmp_path: Path, data: st.DataObject) -> None:
    """A recording that was cut short, as by a power cut, gives every exposure before the cut, and a note where one is torn."""
    path = tmp_path / "whole.jsonl"
    if not path.exists():
        recorded(path, Fake(most=3, happens=[None, FAULT]))
    whole = path.read_bytes()
    end = data.draw(st.integers(whole.index(b"\n") + 1, len(whole)))
    (tmp_path / "cut.jsonl").write_bytes(whole[:end])
    notes: list[str] = []
    found = replayed(tmp_path / "cut.jsonl", notes)
    lines = whole[:end].splitlines(keepends=True)
    complete = [line for line in lines if line.endswith(b"\n")]
    assert len(found) == sum(b'"is":"exposure"' in line or b'"is":"fault"' in line for line in complete)
    assert bool(notes) == (len(complete) < len(lines))
    assert all("torn" in note for note in notes)


@given(st.data())
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_found_and_its_line_named(tmp_path: Path, data: st.DataObject) -> None:
    """A byte that was changed anywhere before the end is either found, with its line, or changes nothing."""
    path = tmp_path / "whole.jsonl"
    if not path.exists():
        recorded(path, Fake(most=3, happens=[None, FAULT]))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[place]))
    damaged = whole[:place] + bytes([byte]) + whole[place + 1 :]
    (tmp_path / "damaged.jsonl").write_bytes(damaged)
    found = answered(tmp_path / "damaged.jsonl")
    if isinstance(found, str):
        assert found.startswith("line ")
        assert "\n" not in found
    else:
        assert all(map(same, found, replayed(path)))


def answered(path: Path) -> list[Exposure | Fault] | str:
    """Return all that a recording gives, or what is wrong with it."""
    try:
        return replayed(path)
    except FormatError as error:
        return str(error)


def test_the_line_of_the_damage_is_named(tmp_path: Path) -> None:
    """A count that was changed in the third line is found there."""
    recorded(tmp_path / "run.jsonl", Fake(most=3))
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"averages":1', b'"averages":2')
    (tmp_path / "run.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(FormatError, match=r"line 3: its checksum is [0-9a-f]{8}, '[0-9a-f]{8}' was written"):
        replayed(tmp_path / "run.jsonl")


BEGIN = recording.encode(RecordingHeader(port="p", profile="q"))
KNOWN = recording.encode(InstrumentLine(instrument=INSTRUMENT))
GOOD = recording.shot(Exposure(RawFrame(np.arange(100)), INSTRUMENT, BEGAN, 0.1))


def changed(**changes: object) -> bytes:
    """Return an exposure's line with other values and the checksum that belongs to them."""
    return recording.encode(msgspec.structs.replace(GOOD, **changes))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([KNOWN], "line 1: the recording does not begin"),
        ([BEGIN, KNOWN, BEGIN], "line 3: the recording begins anew"),
        ([BEGIN, changed()], "line 2: an exposure before the facts"),
        ([BEGIN, KNOWN, changed(averages=0)], "line 3: an exposure of 0.1 s, 0 times"),
        ([BEGIN, KNOWN, changed(exposure_s=-1.0)], "line 3: an exposure of -1.0 s"),
        ([BEGIN, KNOWN, changed(taken_at=datetime(2026, 1, 1))], "line 3: an exposure"),  # noqa: DTZ001 - that is what is refused
        ([BEGIN, KNOWN, changed(counts=b"none")], "line 3: the counts cannot be unpacked"),
        ([BEGIN, KNOWN, changed(counts=zlib.compress(b"\0" * 3))], "line 3: 3 bytes of counts, 2 each"),
        ([BEGIN, KNOWN, changed(counts=zlib.compress(b""))], "line 3: 0 bytes of counts"),
        ([BEGIN, KNOWN, changed(counts=zlib.compress(b"\0" * 2 * (MOST_PIXELS + 1)))], "expected 2 to 65536"),
        (
            [BEGIN, KNOWN, changed(type="<f8", counts=zlib.compress(np.array([1.0, np.nan]).tobytes()))],
            "line 3: counts that are not finite",
        ),
        ([BEGIN, b"{}\n"], "line 2: no line of a recording"),
        ([BEGIN, b"\xff\xfe\n"], "line 2: no line of a recording"),
        ([BEGIN, b"[" * 200_000 + b"\n"], "line 2: no line of a recording"),
        ([BEGIN, b"x" * (recording.MOST_LINE + 1)], f"line 2: {recording.MOST_LINE + 1} bytes"),
        ([recording.encode(RecordingHeader(port="p", profile="q")).replace(b'"port"', b'"harbour"')], "line 1: "),
    ],
)
def test_what_no_instrument_gives_is_refused(lines: list[bytes], expected: str) -> None:
    """Lines with a right checksum and a wrong content are refused, each with its number and what is wrong."""
    with pytest.raises(FormatError) as raised:
        list(entries(lines))
    assert expected in str(raised.value)


def test_a_bomb_is_not_unpacked() -> None:
    """A line that would unpack to 64 MiB is refused after the bytes that a spectrum can have."""
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(b"\0" * (1 << 20)) for _ in range(64)) + bomb.flush()
    assert len(base64.b64encode(packed)) < recording.MOST_LINE
    with pytest.raises(FormatError, match="expected 2 to 65536"):
        list(entries([BEGIN, KNOWN, changed(counts=packed)]))


def test_a_newer_version_is_refused() -> None:
    """A recording of a version that is not known is not guessed at."""
    inner = b'{"is":"recording","version":2,"port":"p","profile":"q"}'
    with pytest.raises(FormatError, match="newer version"):
        list(entries([b'{"crc":"%08x","line":%s}\n' % (zlib.crc32(inner), inner)]))


@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_nothing_to_replay_is_reported_on_opening(tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there, is empty, or was torn in its first line is refused when it is opened."""
    if content is not None:
        (tmp_path / "run.jsonl").write_bytes(content)
    with (
        pytest.raises((SourceUnavailable, FormatError), match=r"recording|nothing to replay"),
        ReplayedSpectrometer(tmp_path / "run.jsonl"),
    ):
        pass


def test_settings_do_not_change_a_recording(tmp_path: Path) -> None:
    """Another exposure or the light off are no errors, and what was recorded comes as it was."""
    first = recorded(tmp_path / "run.jsonl", Fake(most=2))
    with ReplayedSpectrometer(tmp_path / "run.jsonl") as again:
        again.set_exposure(5.0)
        assert again.light(on=False)
        assert all(map(same, drained(again), first))


def test_paced_it_keeps_the_distances(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At the recorded pace exposures come as far apart as they were, with a sign of life a second, by a clock that this test turns."""
    shots = [recording.shot(Exposure(RawFrame(np.arange(9)), INSTRUMENT, BEGAN + timedelta(seconds=s), 0.1)) for s in (0, 2.5, 2.6)]
    (tmp_path / "run.jsonl").write_bytes(b"".join([BEGIN, KNOWN, *map(recording.encode, shots)]))
    now = [100.0]
    monkeypatch.setattr("raman_edge.acquisition.recorded.monotonic", lambda: now[0])
    monkeypatch.setattr("raman_edge.acquisition.recorded.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    came = []
    with ReplayedSpectrometer(tmp_path / "run.jsonl", paced=True) as again:
        while not again.ended:
            got = again.expose()
            came.append((got is not None, round(now[0] - 100.0, 3)))
    assert came == [(True, 0.0), (False, 1.0), (False, 2.0), (True, 2.5), (True, 2.6)]


def test_a_fault_keeps_where_it_came_from() -> None:
    """A fault's origin and reason are read back, whatever signs they have."""
    fault = Fault(Origin("serial", "/dev/tty\x1b[31m", "ab" * 32, 3), 'line "7"\n is short')
    _, back = entries([BEGIN, recording.encode(recording.broken(fault))])
    assert back == fault


def test_a_shot_keeps_what_the_recorder_knows() -> None:
    """An exposure that a person kept dark is written as dark, and nothing else of it changes."""
    shot = Exposure(RawFrame(np.arange(5)), INSTRUMENT, BEGAN, 0.1)
    assert recording.shot(replace(shot, dark=True)) == msgspec.structs.replace(recording.shot(shot), dark=True)
    assert isinstance(recording.shot(shot), ExposureLine)
