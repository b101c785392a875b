"""What the screen says of an instrument: its link, what goes on, its calibration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.acquisition.plan import AcquisitionProgress
from raman_edge.instruments.spectrometer import Counters, LinkStatus
from raman_edge.terminal.headline import WORDS
from raman_edge.terminal.live import LOOKED_S, RemainingTime
from raman_edge.terminal.rows import width_of
from raman_edge.terminal.screen import lasting, render
from raman_edge.terminal.state import AcquisitionState
from raman_edge.terminal.theme import ALARM, ASCII, UNICODE
from raman_edge.terminal.widgets import age, calibration_row
from screens import BENCH, CALIBRATED, LASER, LINK, NOW, SERIAL, SIZES, UNPLUGGED, after, serial


def shown(state: object, width: int = 100, height: int = 30, **how: bool) -> str:
    """The text of a frame, spaces run together."""
    return " ".join(render(state, width, height, **how).text.split())  # type: ignore[arg-type]  # a state


def test_everything_about_the_link_is_shown() -> None:
    """State, exposure, averages, page, serial number, rate and every counter that is not zero."""
    text = shown(SERIAL, 200, 60)
    for fact in (
        "measuring",
        "100 ms × 4",
        "ocean-usb2000",
        "USB2E7916",
        "115200 baud",
        "1204 exposures",
        "3 broken",
        "1 late",
        "1 reconnect",
    ):
        assert fact in text
    assert "refused" not in text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_laser_that_is_on_cannot_be_overlooked(size: tuple[int, int], ascii_only: bool) -> None:  # noqa: FBT001 - a parameter
    """It stands in a box of its own at every size, reversed and in words; off or unknown it does not."""
    frame = render(SERIAL, *size, ascii_only=ascii_only)
    assert any("LASER ON" in text and style == ALARM for row in frame.rows for text, style in row)
    for laser in (False, None):
        assert "LASER" not in render(replace(SERIAL, link=replace(LASER, laser=laser)), *size).text


def test_a_laser_is_shown_while_the_instrument_does_not_answer() -> None:
    """Least of all then may it be forgotten."""
    assert "LASER ON" in shown(replace(SERIAL, link=replace(LASER, state="faulted", why="it is busy")))


@pytest.mark.parametrize("state", ["absent", "opening", "probing", "faulted"])
def test_a_link_that_gives_nothing_is_the_headline(state: str) -> None:
    """The reason is there whole; the last result stays, named as such, and nothing of it is in colour."""
    frame = render(replace(SERIAL, link=replace(LINK, state=state, why=UNPLUGGED)), 100, 30)  # type: ignore[arg-type]  # one of the states
    text = " ".join(frame.text.split())
    assert UNPLUGGED in text
    assert "the last result was Zircon" in text
    assert WORDS[state][0] in text  # type: ignore[index]
    drawn = [style for row in frame.rows for part, style in row if any("\u2800" < character <= "\u28ff" for character in part)]
    assert drawn
    assert all(style.dim for style in drawn)


def test_before_the_first_spectrum_the_link_shows_its_state() -> None:
    """Opening and asking are no failure; a port that is not there says why."""
    assert "! disconnected" not in shown(serial(link=replace(LINK, state="opening")))
    assert "○ opening" in shown(serial(link=replace(LINK, state="opening")))
    assert "! not found" in shown(serial(link=replace(LINK, state="absent", why="no such port")))


@pytest.mark.parametrize(
    ("bench", "words"),
    [
        ({"doing": "dark"}, "taking the dark 3 of 10"),
        ({"doing": "exposure", "of": 1}, "finding the exposure"),
        ({"doing": "trigger", "of": 1}, "waiting for the trigger"),
        ({"paused": True}, "paused"),
        ({}, "3 of 10"),
    ],
)
def test_what_goes_on_stands_in_words(bench: dict[str, object], words: str) -> None:
    """At the smallest of the three sizes too."""
    assert words in shown(replace(SERIAL, acquisition=replace(BENCH, **bench)), 80, 24)  # type: ignore[arg-type]  # its own fields


def test_a_wait_for_a_person_shows_what_to_do() -> None:
    """The question takes the place of the answer, unless an older one is selected."""
    with_question = replace(SERIAL, acquisition=replace(BENCH, question="Block the beam\x1b[2J and press Enter"))
    rows = render(with_question, 80, 24).text.split("\n")
    assert any(row.startswith(r" ◐ Block the beam\x1b[2J and press Enter") for row in rows)
    assert "Block" not in render(after(with_question, "["), 80, 24).text


def test_the_bench_of_an_acquisition_is_taken_over() -> None:
    """Every fact of its progress is on the screen."""
    taken = AcquisitionState.at(AcquisitionProgress("dark", 2, 5, question="Close the shutter"), NOW)
    assert taken == AcquisitionState("dark", 2, 5, paused=False, expires=NOW, question="Close the shutter")


@given(
    st.text(st.characters(exclude_categories=()), max_size=80),
    st.sampled_from(sorted(WORDS)),
    st.integers(1, 220),
    st.integers(1, 62),
    st.booleans(),
    st.integers(0, 10**12),
)
def test_hostile_facts_stay_text_and_fit(text: str, state: str, width: int, height: int, ascii_only: bool, count: int) -> None:  # noqa: FBT001 - drawn
    """A port, a page, a serial number or a reason of any kind moves nothing, whatever the counters say."""
    link = LinkStatus(state, text, text, count, text, float(count) or None, 3, True, Counters(*[count] * 7), text)  # type: ignore[arg-type]  # noqa: FBT003
    frame = render(replace(SERIAL, link=link, source=text), width, height, ascii_only=ascii_only)
    assert {width_of(row) for row in frame.rows} == {width}
    assert len(frame.rows) == height
    assert all(line.isprintable() for line in frame.text.split("\n"))


@pytest.mark.parametrize(
    ("expires", "sign", "words"),
    [
        (None, "good", "10 d ago"),
        (NOW + timedelta(days=20), "good", "10 d ago"),
        (NOW + timedelta(hours=30), "care", "in 30 h"),
        (NOW, "bad", "expired"),
    ],
)
def test_a_calibration_warns_before_it_ends(expires: object, sign: str, words: str) -> None:
    """Its age while it is good; when it ends once that is near; that it has ended."""
    row = calibration_row(CALIBRATED, expires, NOW, UNICODE)  # type: ignore[arg-type]  # a time or None
    text = "".join(part for part, _ in row)
    assert text.startswith(UNICODE.sign[sign])
    assert text.endswith(words)


def test_an_axis_as_it_was_given_is_called_that() -> None:
    """Without a calibration the light is out, and is not called good."""
    assert "".join(part for part, _ in calibration_row(None, None, NOW, ASCII)).split() == ["o", "calibrated", "no"]
    assert "12 Nov" in "".join(part for part, _ in calibration_row(CALIBRATED, None, None, ASCII))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=3), "3 d"),
    ],
)
def test_ages_have_the_unit_that_suits_them(span: timedelta, words: str) -> None:
    """A clock that went back makes no negative age."""
    assert age(span) == words


@pytest.mark.parametrize(("value", "words"), [(0.2, "1 s"), (41.3, "41 s"), (730, "12 min"), (12_600, "3.5 h")])
def test_what_is_left_has_the_unit_that_suits_it(value: float, words: str) -> None:
    """Seconds, minutes, hours."""
    assert lasting(value) == words


def test_what_waits_takes_as_long_as_the_last_ones_did() -> None:
    """At 100 a second 1000 take 10 s; nothing is shown before the rate is known, nor without a backlog."""
    pace = RemainingTime()
    assert pace.left_s(0.0, 0, 1000) is None
    assert pace.left_s(0.5, 50, 1000) is None
    assert pace.left_s(5.0, 500, 1000) == pytest.approx(10.0)
    assert pace.left_s(5.1, 510, 0) is None
    assert pace.left_s(5.2, 520, 1000) == pytest.approx(10.0)
    assert pace.left_s(8.0, 520, 0) is None
    assert pace.left_s(8.5, 570, 10) is None


def test_a_rate_of_long_ago_is_forgotten() -> None:
    """The last seconds count: a run that slows down shows it."""
    pace = RemainingTime()
    pace.left_s(0.0, 0, 10)
    for second in range(1, 200):
        fast = second < 100
        left = pace.left_s(float(second), 100 * second if fast else 10_000 + (second - 100), 100)
    assert left == pytest.approx(100, rel=2 / LOOKED_S)
