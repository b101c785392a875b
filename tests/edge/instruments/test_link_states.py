"""The states of a link: the ways that exist, and no other."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.instruments.spectrometer import NEXT_STATES, LinkStateMachine, State

STATES: tuple[State, ...] = get_args(State)


def test_a_link_is_opened_probed_and_measured_with() -> None:
    """The way of a link, its loss, and its way back."""
    link = LinkStateMachine()
    assert (link.state, link.why) == ("absent", "")
    way: tuple[State, ...] = ("opening", "probing", "ready", "acquiring", "ready", "acquiring")
    for state in way:
        link.enter(state)
        assert (link.state, link.why) == (state, "")
    lost: tuple[State, ...] = ("absent", "faulted")
    for state in lost:
        link.enter(state, f"it is {state}")
        link.enter("opening")
        link.enter("probing")
        assert link.why == f"it is {state}"
    link.enter("ready")
    assert link.why == ""
    link.enter("absent")
    assert (link.state, link.why) == ("absent", "")


@pytest.mark.parametrize(
    ("before", "after"), [("absent", "ready"), ("absent", "acquiring"), ("opening", "acquiring"), ("faulted", "ready")]
)
def test_a_way_that_does_not_exist_is_refused(before: State, after: State) -> None:
    """A state that skips the opening or the probing is a mistake of the program, and changes nothing."""
    link = LinkStateMachine()
    link.state = before
    with pytest.raises(RuntimeError, match=f"{before} cannot become {after}"):
        link.enter(after)
    assert link.state == before


@given(st.lists(st.sampled_from(STATES), max_size=20))
def test_whatever_is_tried_a_link_only_takes_ways_that_exist(tried: list[State]) -> None:
    """Of any sequence the accepted steps are those of the table, or end in absent or faulted."""
    link, taken = LinkStateMachine(), ["absent"]
    for state in tried:
        try:
            link.enter(state)
        except RuntimeError:
            continue
        taken.append(state)
    assert set(NEXT_STATES) == set(STATES)
    allowed = {(one, to) for one, ways in NEXT_STATES.items() for to in ways}
    for before, after in pairwise(taken):
        assert after in {before, "absent", "faulted"} or (before, after) in allowed
