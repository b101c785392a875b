"""Dark spectra: what they are good for, and the files they are kept in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import spectrometers
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.acquisition import darks
from raman_edge.acquisition.darks import DarkRun, length
from raman_edge.errors import ConfigError
from spectrometers import BEGAN, PIXELS, exposure

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.acquisition.darks import Dark


def taken(number: int = 3, **changes: object) -> Dark:
    """Return the mean of some dark exposures."""
    rng = np.random.default_rng(5)
    return darks.of([exposure(400.0 + rng.normal(0, 3, PIXELS), dark=True, **changes) for _ in range(number)])


def test_a_dark_is_the_mean_of_its_exposures() -> None:
    """A dark knows its instrument, exposure, time, and how many exposures it is the mean of."""
    dark = taken(4)
    assert (dark.profile, dark.serial_number, dark.exposure_s, dark.averages, dark.taken_at) == ("fake", "F1", 0.1, 4, BEGAN)
    assert abs(float(dark.counts.mean()) - 400.0) < 1.0
    assert not dark.counts.flags.writeable


def test_a_dark_fits_exposures_like_its_own() -> None:
    """The same instrument with the same exposure gets it subtracted, however many exposures are averaged."""
    assert taken().why_not(exposure(np.zeros(PIXELS))) is None
    assert taken().why_not(exposure(np.zeros(PIXELS), averages=5)) is None
    assert taken(exposure_s=None).why_not(exposure(np.zeros(PIXELS), exposure_s=None)) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exposure_s": 0.2}, "the dark has 0.1 s, the spectrum 0.2 s"),
        ({"exposure_s": None}, "an unknown exposure"),
        ({"instrument": spectrometers.instrument(serial_number="F2")}, "from fake F1, this is fake F2"),
        ({"instrument": spectrometers.instrument(serial_number=None)}, "without a serial number"),
        ({"instrument": spectrometers.instrument(profile="other")}, "this is other F1"),
    ],
)
def test_a_dark_that_does_not_fit_is_refused_with_the_reason(changes: dict[str, object], reason: str) -> None:
    """A dark of another exposure or instrument is refused in words that have both, and what to do."""
    why = taken().why_not(exposure(np.zeros(PIXELS), **changes))
    assert why is not None
    assert reason in why
    assert "take" in why


def test_a_dark_of_another_length_is_refused() -> None:
    """A dark of another number of pixels is refused with both numbers."""
    why = taken().why_not(exposure(np.zeros(PIXELS + 1)))
    assert why is not None
    assert "800" in why
    assert "801" in why


def test_a_dark_is_written_and_read_to_the_last_bit(tmp_path: Path) -> None:
    """A dark comes back from its file as it went, with the same digest, over whatever lay there."""
    (tmp_path / "dark.json").write_text("older")
    dark = taken()
    darks.write(dark, tmp_path / "dark.json")
    back = darks.read(tmp_path / "dark.json")
    assert back.sha256 == dark.sha256
    assert np.array_equal(back.counts, dark.counts)
    assert (back.exposure_s, back.averages, back.taken_at, back.saturation) == (0.1, 3, BEGAN, 65_535)
    assert os.listdir(tmp_path) == ["dark.json"]  # noqa: PTH208 - nothing is left beside it


def test_a_count_that_was_changed_is_found(tmp_path: Path) -> None:
    """A file of which one count was changed is refused by its digest."""
    path = tmp_path / "dark.json"
    darks.write(taken(), path)
    stored = msgspec.json.decode(path.read_bytes())
    stored["dark"]["counts"][17] += 1.0
    path.write_bytes(msgspec.json.encode(stored))
    with pytest.raises(ConfigError, match="changed or damaged"):
        darks.read(path)


def rewritten(path: Path, **changes: object) -> None:
    """Write a dark with other values, and the digest that belongs to them."""
    content = msgspec.structs.replace(taken()._content, **changes)
    path.write_bytes(msgspec.json.encode({"sha256": darks._digest(content), "dark": content}))


MANY = (0.0,) * (darks.MOST_PIXELS + 1)


@pytest.mark.parametrize(
    "changes", [{"counts": ()}, {"counts": (1.0,)}, {"averages": 0}, {"exposure_s": -1.0}, {"saturation": 0.0}, {"counts": MANY}]
)
def test_what_no_instrument_counts_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """A file with a digest that is right and values that cannot be is refused."""
    rewritten(tmp_path / "dark.json", **changes)
    with pytest.raises(ConfigError, match="impossible dark"):
        darks.read(tmp_path / "dark.json")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"sha256": "0", "dark": 3}', b"\xff\xfe", b"[" * 100_000, b'{"version": 2}'])
def test_what_is_no_dark_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    """Any other file is refused with its name and what to do."""
    (tmp_path / "dark.json").write_bytes(data)
    with pytest.raises(ConfigError, match="not a dark") as raised:
        darks.read(tmp_path / "dark.json")
    assert "\n" not in str(raised.value)


def test_a_dark_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A file that cannot be opened is refused with the way to make one."""
    with pytest.raises(ConfigError, match="--dark take"):
        darks.read(tmp_path / "none.json")


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A missing folder is reported as the reason."""
    with pytest.raises(ConfigError, match="cannot be written"):
        darks.write(taken(), tmp_path / "none" / "dark.json")


def test_the_first_light_completes_a_run() -> None:
    """Dark exposures in a row make one dark by the first exposure with light, and the next row another one."""
    run, lit = DarkRun(), exposure(np.zeros(PIXELS))
    seen = [run.feed(exposure(np.full(PIXELS, float(k)), dark=True)) for k in (1, 3)]
    made, after = run.feed(lit), run.feed(lit)
    assert seen == [None, None]
    assert made is not None
    assert made.counts[0] == 2.0
    assert after is None


def test_a_run_begins_anew_with_another_exposure() -> None:
    """Dark exposures of another duration are not averaged with those before."""
    run = DarkRun()
    run.feed(exposure(np.zeros(PIXELS), dark=True))
    run.feed(exposure(np.ones(PIXELS), dark=True, exposure_s=0.2))
    made = run.close()
    assert made is not None
    assert (made.exposure_s, made.averages) == (0.2, 1)


@given(st.integers(1, 10_000))
def test_a_dark_is_no_noisier_than_what_it_is_subtracted_from(averages: int) -> None:
    """A dark has as many exposures as a spectrum, and enough to find spikes."""
    assert length(averages) >= max(3, averages)
