"""TOML into structs: every mistake at once, each with its place, what was got, what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct
from raising import refused
from raman_edge import cli
from raman_edge.errors import ConfigError
from raman_edge.settings import toml
from raman_edge.settings.toml import mistakes

if TYPE_CHECKING:
    from pathlib import Path


class Cut(Struct, forbid_unknown_fields=True, tag_field="kind", tag="cut"):
    """One step of two."""

    start: float


class Smooth(Struct, forbid_unknown_fields=True, tag_field="kind", tag="smooth"):
    """The other."""

    order: int


class Port(Struct, forbid_unknown_fields=True):
    """A table."""

    baud: Annotated[int, Meta(ge=300, description="bits per second, at least 300", examples=[9600])]
    parity: Literal["none", "even"] = "none"


class Profile(Struct, forbid_unknown_fields=True):
    """A file with every kind of key."""

    name: Annotated[str, Meta(min_length=1, description="a name in quotes", examples=["Flame"])] = "none"
    wait_s: Annotated[float, Meta(gt=0, le=60, description="seconds, more than 0 and at most 60", examples=[1.0])] | None = None
    match: list[Annotated[str, Meta(min_length=1, description="a pattern in quotes", examples=["*.csv"])]] = []
    port: Port | None = None
    ports: list[Port] = []
    steps: list[Cut | Smooth] = []
    own: str | bool | None = None
    n: int = 0
    pair: tuple[int, int] = (0, 0)
    few: Annotated[tuple[int, ...], Meta(min_length=1)] = (0,)

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.n == 7:
            msg = "n is 7 and m is missing: give both"
            raise ValueError(msg)


def mistakes_of(text: str) -> list[str]:
    """Return the error of a text, without the name of the file."""
    with pytest.raises(ConfigError) as caught:
        toml.convert(toml.parse(text.encode(), "f.toml"), Profile)
    assert all(line.startswith("f.toml:") for line in caught.value.args)
    return [str(line).removeprefix("f.toml:") for line in caught.value.args]


def test_a_good_file_becomes_the_struct(tmp_path: Path) -> None:
    """Tables, lists and tagged tables are read, with Windows' line ends and byte order mark too."""
    path = tmp_path / "f.toml"
    text = 'name = "é"\nwait_s = 2\nown = false\n[port]\nbaud = 9600\n[[steps]]\nkind = "cut"\nstart = 1\n'
    for data in (text.encode(), b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()):
        path.write_bytes(data)
        assert toml.load(path, Profile) == Profile("é", 2.0, own=False, port=Port(9600), steps=[Cut(1.0)])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\nwiat_s = 3", "2: wiat_s: unknown key; did you mean wait_s?"),
        (
            'zzz = "\\n"',
            "1: zzz: unknown key; known are name, wait_s, match, port, ports, steps, own, n, pair, few",
        ),
        ('wait_s = "x"', '1: wait_s: got "x", expected seconds, more than 0 and at most 60; such as: wait_s = 1.0'),
        ("wait_s = nan", "1: wait_s: got nan, expected seconds, more than 0 and at most 60; such as: wait_s = 1.0"),
        ('match = [\n"a",\n"",\n]', '3: match[1]: got "", expected a pattern in quotes; such as: "*.csv"'),
        ('match = "*"', '1: match: got "*", expected a list; such as: match = ["*.csv"]'),
        ("few = []", "1: few: got [], expected a list of length >= 1"),
        ("[port]\nbaud = 1", "2: port.baud: got 1, expected bits per second, at least 300; such as: baud = 9600"),
        ("[port]\n", "1: port.baud is missing: expected bits per second, at least 300; such as: baud = 9600"),
        ('port = {baud = 300, parity = "odd"}', '1: port.parity: got "odd", expected "none" or "even"'),
        ('[[ports]]\nbaud = 300\n[[ports]]\n"a b" = 1\nbaud=300', '4: ports[1]."a b": unknown key; known are baud, parity'),
        ("port = 3", "1: port: got 3, expected a table"),
        ('[[steps]]\nkind = "smoth"', '2: steps[0].kind: got "smoth", expected "cut" or "smooth"; did you mean smooth?'),
        ("[[steps]]\nkind = [1]", '2: steps[0].kind: got [1], expected "cut" or "smooth"'),
        ("[[steps]]\nstart = 1", '1: steps[0].kind is missing: expected "cut" or "smooth"'),
        ('[[steps]]\nkind = "cut"\nstart = true', "3: steps[0].start: got true, expected a number"),
        ("own = 3", "1: own: got 3, expected true or false or a text in quotes"),
        ("n = 1.5", "1: n: got 1.5, expected a whole number"),
        ("name = 2026-11-22", '1: name: got 2026-11-22, expected a name in quotes; such as: name = "Flame"'),
        ("name = {a = 1}", '1: name: got a table, expected a name in quotes; such as: name = "Flame"'),
        ("pair = [1,\n'x']", '2: pair[1]: got "x", expected a whole number'),
        ("n = 7", " n is 7 and m is missing: give both"),
    ],
)
def test_a_mistake_is_reported_with_its_place(text: str, line: str) -> None:
    """One line: where, which key, what was got, what was expected, an example or the nearest key."""
    assert mistakes_of(text) == [line]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file() -> None:
    """Who corrects a file does not have to run it once a mistake."""
    text = 'n = "a"\nbad = 1\n[port]\nbaud = 1\n\n[[ports]]\nparity = 3\n'
    places = [line.partition(": ")[0] for line in mistakes_of(text)]
    assert places == ["1", "2", "4", "6", "7"]


@pytest.mark.parametrize(
    ("data", "kind", "place", "got"),
    [
        (b'a = 1\npath = "C:\\data"', "not TOML", "f.toml:2", "column 13"),
        (b"a =", "not TOML", "f.toml:1", "'a =' (Invalid value"),
        (b"\n\njust words\n", "not TOML", "f.toml:3", "column 6"),
        (b"a = 1\na = 2", "not TOML", "f.toml:2", "'a = 2'"),
        (b"a = 1\nb = '\xff'", "not UTF-8", "f.toml:2", "byte 0xff"),
        ("a = 1".encode("utf-16"), "not UTF-8", "f.toml:1", "byte 0xff"),
        (b"a = " + b"[" * 100_000, "nested too deep", "f.toml", ""),
    ],
)
def test_text_that_is_not_toml_is_refused_with_its_line(data: bytes, kind: str, place: str, got: str) -> None:
    """The error has the line and what the parser stopped at."""
    with refused(ConfigError, kind, place, got=got):
        toml.parse(data, "f.toml")


def test_a_windows_path_in_the_wrong_quotes_is_explained() -> None:
    r"""``"C:\data"`` is the commonest mistake of all."""
    with pytest.raises(ConfigError) as caught:
        toml.parse(b'path = "C:\\data"', "f.toml")
    assert "single quotes: 'C:" in caught.value.advice


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, and a file larger than settings are."""
    (tmp_path / "large").write_bytes(b"#" * (toml.MAX_BYTES + 1))
    for name, kind, cause in (
        ("none", "cannot be read", "No such file"),
        (".", "cannot be read", "Is a directory"),
        ("large", "too large", ""),
    ):
        with refused(ConfigError, kind, str(tmp_path / name), cause=cause):
            toml.load(tmp_path / name, Profile)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["baud", "kind", "start", "x y"]), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([field.name for field in msgspec.structs.fields(Profile)]), VALUES))
def test_every_error_of_msgspec_is_reported_with_its_mistakes(data: dict[str, object]) -> None:
    """No document is refused without a reason, no good one has mistakes, and no reason takes a second line."""
    found = mistakes(data, Profile)
    try:
        msgspec.convert(data, Profile)
    except msgspec.ValidationError:
        assert found
    else:
        assert not found
    assert not any("\n" in message for _, message in found)


def test_the_command_line_prints_each_mistake_on_its_own_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Several mistakes are several lines on standard error, and 78."""

    def fail(_: object) -> int:
        raise ConfigError("f.toml:1: one", "f.toml:2: \x1b two")

    monkeypatch.setattr("raman_edge.cli.identify.run", fail)
    assert cli.main(["identify", "x"]) == 78
    assert str(ConfigError("one", "two")) == "one; two"
    assert capsys.readouterr().err == "raman-edge: f.toml:1: one\nraman-edge: f.toml:2: \\x1b two\n"
