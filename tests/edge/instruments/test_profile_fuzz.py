"""Pages with one thing replaced by anything: a profile that works, or mistakes with words."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raman_edge.errors import ConfigError
from raman_edge.instruments import codecs
from raman_edge.instruments.profiles import catalogue, requests, validate
from raman_edge.settings import toml

PAGES = {name: dict(toml.read(path).data) for name, path in catalogue.profiles().items()}
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["hex:", "ascii:{", "u8:{1//0}", "u32be:{integration*99999999}", "{a}", "lines", "obp", "query", "sum8", "\x00", "1/0"]
    ),
)
NESTED = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5
)


def places(data: Any) -> list[tuple[str | int, ...]]:
    """Return the path of every value of a page."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in items for path in [(key,), *((key, *inner) for inner in places(value))]]


@st.composite
def pages(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a page that ships with one value replaced."""
    page = copy.deepcopy(PAGES[draw(st.sampled_from(sorted(PAGES)))])
    *path, last = draw(st.sampled_from(places(page)))
    holder: Any = page
    for step in path:
        holder = holder[step]
    holder[last] = draw(NESTED)
    return page


@settings(max_examples=examples(300), deadline=None)
@given(pages())
def test_a_profile_works_or_is_refused(page: dict[str, Any]) -> None:
    """Whatever stands in one place, the page is refused with words, or every request of it can be made and its frame be read."""
    try:
        profile = validate.convert(toml.TomlDocument("x.toml", page, {}))
    except ConfigError as error:
        refused = [str(line) for line in error.args]
    else:
        refused = ["x.toml: "]
        explanation = requests.explain(profile, requests.DEFAULT)
        assert len(explanation.requests) == len(list(requests.commands(profile)))
        assert codecs.of(profile.frame, streaming=profile.streams).limit > 0
    assert refused
    assert all(line.startswith("x.toml: ") for line in refused)
