"""A recording as a file: identified, calibrated with and taught from as any instrument's file is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import spectrometers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.acquisition import recorded, reduction
from raman_edge.acquisition.reduction import Reduction
from raman_edge.calibration.calibration import axis_unit
from raman_edge.errors import FormatError
from raman_edge.instruments.codecs.stream import RawFrame
from raman_edge.instruments.recording import MOST_PIXELS, InstrumentLine, PlanLine, Recorder, RecordingHeader, encode, shot
from raman_edge.instruments.spectrometer import Exposure
from raman_edge.sources.files import RECORDING, FileSource, parse
from raman_edge.spectrum import Fault, Origin, Spectrum
from spectrometers import BEGAN, FAULT, INSTRUMENT, Fake

if TYPE_CHECKING:
    from pathlib import Path

HERE = Origin("file", "run.recording", "ab" * 32)


def recording(
    path: Path, fake: Fake | None = None, exposures: int = 3, dark_from: int | None = None, plan: PlanLine | None = None
) -> bytes:
    """Record some exposures, three darks among them where that is wanted."""
    with Recorder(fake or Fake(), path, plan) as recorder:
        for number in range(exposures):
            if number == dark_from:
                recorder.light(on=False)
                for _ in range(3):
                    recorder.expose()
                recorder.light(on=True)
            recorder.expose()
    return path.read_bytes()


def read(data: bytes, **options: object) -> list[Spectrum]:
    """Return the spectra in a file's bytes."""
    found = parse(data, HERE, **options)  # type: ignore[arg-type]  # its options
    assert all(isinstance(one, Spectrum) for one in found), found
    return [one for one in found if isinstance(one, Spectrum)]


def why(data: bytes, **options: object) -> str:
    """Return the one fault that a file's bytes give."""
    (found,) = parse(data, HERE, **options)  # type: ignore[arg-type]  # its options
    assert isinstance(found, Fault)
    return found.why


def test_a_recording_is_recognized_by_its_first_bytes(tmp_path: Path) -> None:
    """The first bytes of every recording are those by which a file is taken for one."""
    assert recording(tmp_path / "run.recording").startswith(RECORDING)


def test_every_exposure_is_a_spectrum_of_the_file(tmp_path: Path) -> None:
    """Exposures are numbered spectra of the file, on the instrument's axis, with all that is known of them."""
    found = read(recording(tmp_path / "run.recording"))
    assert [(one.origin.kind, one.origin.path, one.origin.sha256, one.origin.index) for one in found] == [
        ("file", "run.recording", "ab" * 32, index) for index in range(3)
    ]
    assert all(abs(one.axis.shift[one.counts.argmax()] - 1086.0) < 2.5 for one in found)
    assert {one.meta["format"] for one in found} == {recorded.NAME}
    assert {one.meta["serial_number"] for one in found} == {"F1"}
    assert "left_out" not in found[0].meta


def test_they_are_corrected_as_at_the_bench(tmp_path: Path) -> None:
    """Counts, saturation and axis are those that the bench's own reduction gives of the same exposure."""
    fake = Fake(seed=4)
    got = fake.expose()
    assert isinstance(got, Exposure)
    bench = Reduction().spectrum([got])
    (one,) = read(recording(tmp_path / "run.recording", Fake(seed=4), exposures=1))
    assert np.array_equal(one.counts, bench.counts)
    assert one.axis.same_as(bench.axis)
    assert (one.saturation, one.exposure_s, one.taken_at) == (bench.saturation, bench.exposure_s, bench.taken_at)


def test_darks_are_subtracted_from_what_follows(tmp_path: Path) -> None:
    """A dark is no spectrum; exposures before it have the dark pixels subtracted, those after it the dark, and the file records it."""
    found = read(recording(tmp_path / "run.recording", dark_from=1))
    assert [one.meta["dark"].split(" ")[0] for one in found] == ["pixels", "spectrum", "spectrum"]
    assert found[0].meta["left_out"] == "3 dark exposures"


def test_faults_and_a_torn_end_are_left_out_and_reported(tmp_path: Path) -> None:
    """What gave no spectrum in the recording is named in the meta of those that are there."""
    data = recording(tmp_path / "run.recording", Fake(happens=[None, FAULT]), exposures=4)
    found = read(data[:-20])
    assert len(found) == 2
    assert found[0].meta["left_out"].startswith("1 faults, line 6 is torn")


def test_the_best_source_of_the_laser_counts(tmp_path: Path) -> None:
    """What was recorded with wins, then the instrument's own, then what the file is read with; without any it is requested."""
    unknown = Fake(instrument=spectrometers.instrument(laser_nm=None))
    silent = recording(tmp_path / "silent", unknown)
    assert "unknown laser" in why(silent)
    assert read(silent, laser_nm=785.0)[0].meta["laser_nm"] == "785"
    assert read(recording(tmp_path / "own"), laser_nm=532.0)[0].meta["laser_nm"] == "785"
    planned = recording(tmp_path / "planned", plan=PlanLine(laser_nm=784.5))
    assert read(planned, laser_nm=532.0)[0].meta["laser_nm"] == "784.5"


def test_a_calibration_gets_the_pixels(tmp_path: Path) -> None:
    """A recording without wavelengths cannot be identified, but can be calibrated with."""
    recording(tmp_path / "run.recording", Fake(instrument=spectrometers.instrument(coefficients=None)))
    with FileSource([str(tmp_path / "run.recording")]) as given_files:
        (fault,) = given_files
    assert isinstance(fault, Fault)
    assert "raman-edge calibrate" in fault.why
    with FileSource([str(tmp_path / "run.recording")], pixels=True) as given_files:
        found = list(given_files)
    assert len(found) == 3
    assert all(isinstance(one, Spectrum) and axis_unit(one) == "pixel" for one in found)


def test_nothing_is_cut_for_a_calibration(tmp_path: Path) -> None:
    """Points at the laser's line are there for a calibration, and not for a model."""
    data = recording(tmp_path / "run.recording")
    assert read(data, pixels=True)[0].axis.start < reduction.LEAST_SHIFT < read(data)[0].axis.start


def test_an_empty_recording_is_a_fault(tmp_path: Path) -> None:
    """A recording without an exposure with light is a fault that says what is in it."""
    assert "got no exposure" in why(recording(tmp_path / "none", exposures=0))
    with Recorder(Fake(happens=[FAULT]), tmp_path / "dark") as recorder:
        recorder.expose()
        recorder.light(on=False)
        recorder.expose()
    assert "1 dark exposures, 1 faults" in why((tmp_path / "dark").read_bytes())


def test_the_line_of_a_damage_is_in_the_fault(tmp_path: Path) -> None:
    """A damaged recording is one fault with the format and the line."""
    data = recording(tmp_path / "run.recording").replace(b'"dark":false', b'"dark":true', 1)
    assert why(data).startswith("raman-edge recording: line 3: its checksum")


def test_more_than_fits_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose lines unpack to more than can be held is refused before they all are."""
    monkeypatch.setattr(recorded, "MOST_COUNTS", 3 * MOST_PIXELS)
    line = encode(shot(Exposure(RawFrame(np.zeros(MOST_PIXELS, dtype=np.int64)), INSTRUMENT, BEGAN)))
    lines = [
        encode(RecordingHeader(port="p", profile="q")),
        encode(InstrumentLine(instrument=INSTRUMENT)),
        *[line] * 5,
    ]
    with pytest.raises(FormatError, match="instruments replay"):
        recorded.spectra(b"".join(lines), HERE)


@given(st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_anywhere_it_is_answered(tmp_path: Path, data: st.DataObject) -> None:
    """A recording with bytes changed, put in or taken out gives spectra or one line of reason, never an exception."""
    path = tmp_path / "run.recording"
    whole = path.read_bytes() if path.exists() else recording(path, dark_from=1)
    place = data.draw(st.integers(0, len(whole)))
    damaged = whole[:place] + data.draw(st.binary(max_size=30)) + whole[place + data.draw(st.integers(0, 30)) :]
    found = parse(damaged, HERE)
    assert found
    assert all(isinstance(one, Spectrum) or one.why.isprintable() for one in found)
