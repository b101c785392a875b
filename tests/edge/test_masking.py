"""Passwords: wherever an address stands, and whatever a password holds, nothing that is printed has it."""

from __future__ import annotations

import itertools
import json
import os
from typing import TYPE_CHECKING

import journals
import pytest
import scripted_outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples, slow
from raman_edge import cli
from raman_edge.errors import ConfigError
from raman_edge.masking import HIDDEN, holds_password, masked, masked_setting, masked_text
from raman_edge.outputs import opened

if TYPE_CHECKING:
    from pathlib import Path

FIRST, LAST = "Zq7x", "Kw9v"
"""What every password here begins and ends with."""
INSIDE = (
    "",
    "/",
    "#",
    "[",
    "]",
    "[x]",
    "@",
    ":",
    "?",
    "&",
    "=",
    ";",
    ",",
    " ",
    "%",
    "%2F",
    "\\",
    "'",
    '"',
    "`",
    "\u2100",
    "ü",
    "/t?qos=1#",
    "://",
    "\x1b[0m",
)
SHAPES = {
    "a user": "mqtt://user:{}@broker.lab/lab/raman",
    "a port": "mqtt://user:{}@broker.lab:1883/lab/raman?qos=1",
    "with TLS": "mqtts://user:{}@broker.lab/t",
    "a bad port": "mqtt://user:{}@broker.lab:port/t",
    "a port that is too large": "mqtt://user:{}@broker.lab:99999/t",
    "brackets": "mqtt://user:{}@[::1]:1883/t",
    "half a bracket": "mqtt://user:{}@[::1/t",
    "no host": "mqtt://user:{}@/t",
    "no topic": "mqtt://user:{}@broker.lab",
    "no user": "mqtt://:{}@broker.lab/t",
    "no @": "mqtt://broker.lab:{}/t",
    "an option": "mqtt://broker.lab/t?password={}",
    "an option among others": "mqtt://user@broker.lab/t?qos=1&password={}&retain=1",
    "another option": "mqtt://broker.lab/t?token={}",
    "no option at all": "mqtt://broker.lab/t?{}",
    "a wrong option": "mqtt://broker.lab/t?user={}",
    "after the topic": "mqtt://broker.lab/t;password={}",
    "one slash": "mqtt:/user:{}@broker.lab/t",
    "no slash": "mqtt:user:{}@broker.lab/t",
    "no colon": "mqtt//user:{}@broker.lab/t",
    "large letters": "MQTT://user:{}@broker.lab/t",
    "another scheme": "amqp://user:{}@broker.lab/t",
    "a wrong scheme": "mqqt://user:{}@broker.lab/t",
    "no scheme": "user:{}@broker.lab/t",
    "prometheus": "prometheus:user:{}@0.0.0.0:9464",
}
SOME = ("a user", "a bad port", "half a bracket", "no @", "an option among others", "no scheme", "prometheus")
"""Those that are tried in every place."""
SIMPLE = ("", "/", "#", "[", "?", " ", "'")


def leaks(text: str) -> bool:
    """Return whether a part of the password is in a text."""
    return FIRST in text or LAST in text


def address(shape: str, inside: str) -> str:
    """Return an address with a password."""
    return SHAPES[shape].format(f"{FIRST}{inside}{LAST}")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_form_is_hidden(shape: str) -> None:
    """Whatever the password holds, the address and the error that are shown do not have it."""
    for inside in INSIDE:
        if shape == "no @" and inside == "@":
            continue  # then the first half is a password, and the second one a host
        spec = address(shape, inside)
        assert not leaks(masked(spec)), spec
        assert HIDDEN in masked(spec), spec
        with pytest.raises(ConfigError) as raised:
            opened(spec, scripted_outputs.Alone())
        assert not leaks(str(raised.value)), spec
        assert not leaks(repr(raised.value.__cause__)), spec


@settings(deadline=None, max_examples=examples(300))
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=12), st.sampled_from(sorted(SHAPES)))
def test_any_password_is_hidden(inside: str, shape: str) -> None:
    """The same for any text."""
    if shape in {"no @", "no option at all", "a wrong option", "another option", "an option", "an option among others", "after the topic"}:
        inside = inside.replace("@", "")  # before an @ this is a user's name
    if shape == "no scheme" and inside.startswith(("/", ":/")):
        return
    assert not leaks(masked(address(shape, inside))), address(shape, inside)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in {"no scheme", "another scheme", "a wrong scheme"}])
@pytest.mark.parametrize("quote", ["'", '"', "`", " ", "("])
def test_in_a_text(shape: str, quote: str) -> None:
    """In the middle of a line an address is found and hidden, and the text around it stays."""
    for inside in SIMPLE:
        if shape in {"no @", "no option at all", "a wrong option"} and inside in {" ", "'"}:
            continue  # ends the address
        spec = address(shape, inside)
        shown = masked_text(f"mistake: {quote}{spec}{quote} is wrong. Expected mqtt://[USER@]HOST[:PORT]/TOPIC[?qos=1&retain=0]")
        assert not leaks(shown), spec
        assert shown.startswith("mistake: ")
        assert shown.endswith("mqtt://[USER@]HOST[:PORT]/TOPIC[?qos=1&retain=0]")


PLAIN = (
    "mqtt://broker/t",
    "mqtt://user@broker:1883/lab/raman?qos=1&client=x&password_file=/etc/raman/pw",
    "mqtts://[::1]:8883/t?ca=/etc/ca.pem&protocol=5",
    "jsonl:/data/a:b@c.jsonl",
    "csv:x@y:z@k",
    "stdout",
    "prometheus:9464",
    "prometheus:[::1]:9464",
    "http://127.0.0.1:9464/metrics",
)


@pytest.mark.parametrize("plain", PLAIN)
def test_a_file_without_spectra_is_shown(plain: str) -> None:
    """Addresses without a password, and names of files, are shown as they are."""
    assert masked(plain) == plain
    assert masked_text(f"an output '{plain}' works") == f"an output '{plain}' works"


def test_the_colon_of_a_sentence_is_no_part_of_an_address() -> None:
    """The port of an instrument is shown, and a password before the colon stays hidden."""
    line = "Lit on socket://127.0.0.1:38131: as you named it"
    assert masked_text(line) == line
    assert masked_text(f"mqtt://broker:{FIRST}: wrong") == f"mqtt://broker:{HIDDEN}: wrong"


def test_which_addresses_hold_one() -> None:
    """A password makes an address a mistake; a colon, an @ in a path or a file of passwords does not."""
    assert holds_password("mqtt://u:@h/t")
    assert holds_password("mqtt://h/t?passwd=x")
    assert not holds_password("mqtt://h:1883/t?password_file=/x")
    assert not holds_password("mqtt://u@h:1883/t")


# The command line


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with a journal, and an environment without settings of ours."""
    for name in list(os.environ):
        if name.startswith("RAMAN_EDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    (tmp_path / "in").mkdir()
    journals.write(tmp_path / "journal.sqlite3", journals.answer(0))
    return tmp_path


def journal_of(arguments: tuple[str, ...], bare: Path) -> tuple[str, ...]:
    """Return the option that names a journal, for a command that has it."""
    return ("--journal", str(bare / "j")) if arguments[0] == "watch" else ()


def printed(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command, and return its code and all that it printed."""
    code = cli.main(arguments)
    both = capfd.readouterr()
    return code, both.out + both.err


@pytest.mark.parametrize("shape", [*SOME[::3], *slow(*(shape for shape in SOME if shape not in SOME[::3]))])
def test_commands_and_environment(shape: str, bare: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As an output, as an unknown argument, as a folder, in the environment: nothing that is printed has the password."""
    for inside in ("", "/#", "[ '"):
        spec = address(shape, inside)
        code, text = printed(capfd, "forward", "--once", "--output", spec, "--journal", str(bare / "journal.sqlite3"))
        assert (code, leaks(text)) == (78, False), text
        if shape not in {"no scheme", "another scheme", "a wrong scheme"} and not (shape == "no @" and " " in inside):
            for arguments in (("forward", "--too", spec), ("forward", spec), ("watch", spec, "--once")):
                code, text = printed(capfd, *arguments)
                assert code != 0
                assert not leaks(text), (arguments, text)
        monkeypatch.setenv("RAMAN_EDGE_OUTPUT", f"stdout,{spec},prometheus:9464")
        for arguments in (
            ("config", "show"),
            ("config", "show", "--origin"),
            ("config", "show", "--json"),
            ("watch", str(bare / "in"), "--once"),
        ):
            _, text = printed(capfd, *arguments, *journal_of(arguments, bare))
            assert not leaks(text), (arguments, text)
        monkeypatch.delenv("RAMAN_EDGE_OUTPUT")


def test_an_address_without_its_beginning(capfd: pytest.CaptureFixture[str]) -> None:
    """An unknown argument is hidden too where it only looks like user, password and host."""
    for inside in ("", "/", "#"):
        code, text = printed(capfd, "forward", "--too", address("no scheme", inside))
        assert (code, leaks(text)) == (2, False), text


def test_an_internal_error(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    """An internal error is reported with its traceback, without the password in it."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"no rule for {address('a port', '/')!r}")

    monkeypatch.setattr("raman_edge.cli.forward.open_outputs", fail)
    code, text = printed(capfd, "forward", "--output", "stdout", "--journal", str(bare / "journal.sqlite3"))
    assert (code, leaks(text)) == (70, False), text
    assert f"mqtt://user:{HIDDEN}@broker.lab" in text


FILES = {
    "a list": "output = [{}]",
    "a text": "output = {}",
    "a list in a list": "output = [[{}]]",
    "the wrong key": "output = [{}]",
    "a folder": "folder = {}",
    "no end of the list": "output = [{}",
    "no end of the text": 'output = ["{raw}]',
    "no key": "[{}]\n= 3",
    "twice": "output = [{}]\noutput = [{}]",
    "no quotes": "output = {raw}",
    "on a line of its own": "output = [\n  {}\n  {}\n]",
    "a comment behind": "output = [{}] # {raw} [\nx",
    "a password alone": 'mqtt_password = "{secret}',
    "a password alone, without quotes": "password = {secret}",
    "a password with a colon": "password: {secret}",
}


@pytest.mark.parametrize(
    ("form", "shape"),
    [case if SOME[0] in case or "a list" in case else slow(case)[0] for case in itertools.product(FILES, SOME)],
)
def test_files_of_settings(form: str, shape: str, bare: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In a file of settings, right or wrong: neither the settings nor the error that are shown have the password."""
    file = bare / "config.toml"
    for inside in ("/", "["):
        raw = address(shape, inside)
        if (form, shape) == ("a folder", "no scheme"):
            continue  # a folder as any other
        file.write_text(FILES[form].replace("{raw}", raw).replace("{secret}", f"{FIRST}{inside}{LAST}").replace("{}", json.dumps(raw)))
        for arguments in (("config", "show"), ("config", "show", "--origin", "--json"), ("watch", str(bare / "in"), "--once")):
            _, text = printed(
                capfd, *arguments, "--config", str(file), *(["--journal", str(bare / "j")] if arguments[0] == "watch" else [])
            )
            assert not leaks(text), (arguments, text)


def test_a_line_that_sets_a_password() -> None:
    """Of a line that sets a password only the key is shown."""
    assert masked_setting('mqtt_password = "s3cret') == f"mqtt_password = {HIDDEN}"
    assert masked_setting("poll_s = 1,5") == "poll_s = 1,5"
