"""Settings of ``watch``: which source takes precedence, and how the place of a mistake is reported."""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raising import refused
from raman_edge import cli
from raman_edge.cli import options
from raman_edge.cli import watch as command
from raman_edge.errors import ConfigError
from raman_edge.service import settings
from raman_edge.settings import Setting, first

COMMAND_ONLY = {"help", "once", "json", "table", "config"}
"""What a file does not say: how this one run goes, and how it is shown."""


@pytest.fixture(autouse=True)
def _no_other_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the files and variables of this machine out of the tests."""
    for name in [name for name in os.environ if name.startswith("RAMAN_EDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(settings, "places", lambda: (tmp_path / "user.toml", tmp_path / "system.toml"))


def written(path: Path, text: str) -> Path:
    """Write a file of settings."""
    path.write_text(text, "utf-8")
    return path


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    """Each layer counts where those before it have no value, and every value has its origin."""
    file = written(tmp_path / "f.toml", "poll_s = 1\nstable_s = 1\nthreads = 2\n")
    environ = {"RAMAN_EDGE_POLL_S": "3", "RAMAN_EDGE_STABLE_S": "3"}
    found = settings.gather({"poll_s": 4.0}, file, environ)
    assert found["poll_s"] == (4.0, "command line")
    assert found["stable_s"] == (3.0, "RAMAN_EDGE_STABLE_S")
    assert found["threads"] == (2, f"{file}:3")
    assert found["output"] == ((), "default")


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_the_first_source_with_a_value_wins(tmp_path_factory: pytest.TempPathFactory, who: list[bool]) -> None:
    """Command line, environment, user's file, system's file, in this order."""
    folder = tmp_path_factory.mktemp("who")
    files = [written(folder / f"{index}.toml", f"poll_s = {index}") for index in (2, 3) if who[index]]
    environ = {"RAMAN_EDGE_POLL_S": "1"} if who[1] else {}
    layers = [
        settings._of_command({"poll_s": 0.5 if who[0] else None}),
        settings._of_environment(environ),
        *map(settings._of_file, files),
    ]
    expected = next((value for value, speaks in zip((0.5, 1.0, 2.0, 3.0), who, strict=True) if speaks), None)
    assert first(["poll_s"], [*layers, {"poll_s": Setting(None, "default")}])["poll_s"].value == expected


def test_one_file_is_read_where_one_is_named_else_the_users_over_the_systems(tmp_path: Path) -> None:
    """``--config`` wins over RAMAN_EDGE_CONFIG; what is named stands alone; nothing has to be there."""
    assert settings.gather({}, None, {})["poll_s"].origin == "default"
    written(tmp_path / "system.toml", "poll_s = 1\nthreads = 3")
    written(tmp_path / "user.toml", "poll_s = 2")
    found = settings.gather({}, None, {})
    assert (found["poll_s"].value, found["threads"].value) == (2.0, 3)
    named = written(tmp_path / "named.toml", "poll_s = 4")
    assert settings.gather({}, None, {"RAMAN_EDGE_CONFIG": str(named)})["threads"].value == 1
    given_too = written(tmp_path / "given.toml", "poll_s = 5")
    assert settings.gather({}, given_too, {"RAMAN_EDGE_CONFIG": str(named)})["poll_s"].value == 5.0


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_named_file_has_to_be_there(tmp_path: Path, how: str) -> None:
    """A named file has to exist."""
    path = tmp_path / "none.toml"
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        settings.gather({}, path if how == "option" else None, {} if how == "option" else {"RAMAN_EDGE_CONFIG": str(path)})


def test_paths_in_a_file_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is started, the folder, the journal and files that sinks write lie beside the settings."""
    (tmp_path / "etc").mkdir()
    paths = 'folder = "in"\njournal = "/var/j"\nmodel = "~/m.onnx"\nuser_library = "user-library.sqlite3"'
    text = f'{paths}\noutput = ["jsonl:a.jsonl", "csv:/b", "mqtt://h/t"]'
    written(tmp_path / "etc" / "f.toml", text)
    monkeypatch.chdir(tmp_path)
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, "/home/x")
    merged = settings.merge({}, Path("etc/f.toml"), {})
    here = tmp_path / "etc"
    journal, model, table = (os.path.abspath(path) for path in ("/var/j", "/home/x/m.onnx", "/b"))  # noqa: PTH100 - on a drive of Windows
    assert (merged.folder, merged.journal, merged.model) == (str(here / "in"), journal, model)
    assert merged.user_library == str(here / "user-library.sqlite3")
    assert merged.output == (f"jsonl:{here / 'a.jsonl'}", f"csv:{table}", "mqtt://h/t")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("USB2+A01234", "USB2+A01234"),
        ("c.json", "{here}/c.json"),
        ("kept/SN-1", "{here}/kept/SN-1"),
        ("/etc/c", "/etc/c"),
        ("~/c", "/home/x/c"),
    ],
)
def test_a_calibration_is_an_instrument_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    """A name without a folder is a serial number; whatever else is a file, which lies beside the settings."""
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, "/home/x")
    file = written(tmp_path / "f.toml", f'calibration = "{text}"')
    if "/" in expected:
        expected = str(tmp_path / expected.format(here=tmp_path))  # on the drive of the file
    assert settings.merge({}, file, {}).calibration == expected
    assert settings.merge({}, file, {"RAMAN_EDGE_CALIBRATION": "other"}).calibration == "other"
    assert settings.merge({"calibration": "mine"}, file, {}).calibration == "mine"


def test_a_list_on_the_command_line_replaces_the_files(tmp_path: Path) -> None:
    """Patterns and outputs are not mixed from two places."""
    file = written(tmp_path / "f.toml", 'match = ["*.csv"]\noutput = ["stdout"]')
    merged = settings.merge({"match": ["*.txt"]}, file, {"RAMAN_EDGE_OUTPUT": "jsonl:a,csv:b"})
    assert (merged.match, merged.output) == (("*.txt",), ("jsonl:a", "csv:b"))


@pytest.mark.parametrize(
    ("given_here", "text", "expected"),
    [
        (None, "", None),
        (None, "user_library = true", True),
        (None, "user_library = false", False),
        (Path("a"), "user_library = false", "a"),
        (False, 'user_library = "/b"', False),
    ],
)
def test_a_user_library_and_none_are_one_setting(tmp_path: Path, given_here: object, text: str, expected: object) -> None:
    """``--user-library FILE`` takes precedence over a file's false, and ``--no-user-library`` over a file's path."""
    merged = settings.merge({"user_library": given_here}, written(tmp_path / "f.toml", text), {})
    assert merged.user_library == expected


@pytest.mark.parametrize(("words", "expected"), [((), None), (("--user-library", "a"), "a"), (("--no-user-library",), False)])
def test_the_options_of_the_user_library_are_one_value(words: tuple[str, ...], expected: object) -> None:
    """A path, false, or nothing given."""
    parser = argparse.ArgumentParser()
    options.add_user_library(parser)
    given_here = options.given(parser.parse_args(words))
    assert settings.merge(given_here, None, {}).user_library == expected


def test_the_variable_of_the_user_library_wins_over_a_file_and_may_name_no_file_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the default path then, where a library is used if it exists."""
    file = written(tmp_path / "f.toml", "user_library = false")
    monkeypatch.setenv("RAMAN_EDGE_USER_LIBRARY", str(tmp_path / "none"))
    merged = settings.merge({}, file)
    assert (merged.user_library, merged.user_library_path()) == (None, None)
    assert merged.user_library_path(create=True) == settings.default_user_library() == tmp_path / "none"


@pytest.mark.parametrize(
    ("given_here", "environ", "expected"),
    [
        ({"model": "m"}, {}, ("m", None)),
        ({}, {"RAMAN_EDGE_MODEL": "n"}, ("n", None)),
        ({}, {"RAMAN_EDGE_LIBRARY": "l"}, ("/file.onnx", "l")),
        ({"model": "m", "library": "l"}, {"RAMAN_EDGE_LIBRARY": "k"}, ("m", "l")),
        ({}, {}, ("/file.onnx", "/file.npz")),
    ],
)
def test_a_library_belongs_to_its_model(
    tmp_path: Path, given_here: dict[str, object], environ: dict[str, str], expected: tuple[str, str | None]
) -> None:
    """A model that takes precedence does not get the library of another model from a weaker source."""
    file = written(tmp_path / "f.toml", 'model = "/file.onnx"\nlibrary = "/file.npz"')
    merged = settings.merge(given_here, file, environ)
    named = [path and (str(tmp_path / path) if path.startswith("/") else path) for path in expected]  # on the drive of the file
    assert [merged.model, merged.library] == named


def test_files_are_read_at_each_merge(tmp_path: Path) -> None:
    """A reload merges the same command line with the file as it is then."""
    file = written(tmp_path / "f.toml", "poll_s = 1")
    assert settings.merge({"poll_s": None}, file, {}).poll_s == 1.0
    written(file, "poll_s = 2")
    merged = settings.merge({"poll_s": None}, file, {})
    assert (merged.poll_s, merged.threads) == (2.0, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("poll_s = 0", "f.toml:1: poll_s: got 0, expected seconds, more than 0"),
        ("stable_s = 90000", "f.toml:1: stable_s: got 90000, expected seconds"),
        ("threads = 0", "f.toml:1: threads: got 0, expected a number of processor threads, 1 to 1024"),
        ("laser_nm = 78", "f.toml:1: laser_nm: got 78, expected a wavelength in nm, 150 to 2000"),
        ('backlog = "newest=0"', 'f.toml:1: backlog: got "newest=0", expected "process", "skip" or "newest=N"'),
        ('\noutput = [\n "stdout",\n "ftp://x"\n]', 'f.toml:4: output[1]: got "ftp://x", expected an output: jsonl:FILE'),
        ("match = []", "f.toml:1: match: got [], expected a list"),
        ('folder = ""', 'f.toml:1: folder: got "", expected the path of a folder'),
        ("[watch]\npoll_s = 1", "f.toml:1: watch: unknown key; did you mean match?"),
        ("poll-s = 1", "f.toml:1: poll-s: unknown key; did you mean poll_s?"),
    ],
)
def test_every_key_is_checked_with_its_place(tmp_path: Path, text: str, line: str) -> None:
    """Ranges, patterns, types and names, each with the line."""
    file = written(tmp_path / "f.toml", text)
    with pytest.raises(ConfigError) as caught:
        settings.merge({}, file, {})
    assert str(caught.value).startswith(f"{tmp_path}{os.sep}{line}")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("RAMAN_EDGE_POLL_S", "fast", 'RAMAN_EDGE_POLL_S: poll_s: got "fast", expected seconds'),
        ("RAMAN_EDGE_POLL_S", "0", 'RAMAN_EDGE_POLL_S: poll_s: got "0", expected seconds'),
        ("RAMAN_EDGE_OUTPUT", "stdout,x", 'RAMAN_EDGE_OUTPUT: output[1]: got "x"'),
        ("RAMAN_EDGE_THREADS", "1.5", 'RAMAN_EDGE_THREADS: threads: got "1.5"'),
    ],
)
def test_the_environment_is_checked_too(name: str, text: str, expected: str) -> None:
    """The variable stands where a file's name and line would."""
    with pytest.raises(ConfigError) as caught:
        settings.merge({}, None, {name: text})
    assert str(caught.value).startswith(expected)


def test_an_empty_variable_counts_as_unset() -> None:
    """As in every shell script that sets one to nothing."""
    assert settings.gather({}, None, {"RAMAN_EDGE_POLL_S": ""})["poll_s"].origin == "default"


def test_no_folder_anywhere_is_reported(tmp_path: Path) -> None:
    """The message names the command and the files."""
    assert settings.merge({"folder": "a"}, None, {}).require_folder() == "a"
    with refused(ConfigError, "no folder to watch", expected=str(tmp_path / "user.toml")):
        settings.merge({}, None, {}).require_folder()


def test_commands_without_config_find_the_same_journal(tmp_path: Path) -> None:
    """``journal list`` reads what ``watch`` writes."""
    assert settings.merge({}, None, {}).journal is None
    written(tmp_path / "user.toml", 'journal = "j"')
    assert settings.merge({}, None, {}).journal == str(tmp_path / "j")
    assert settings.merge({}, None, {"RAMAN_EDGE_JOURNAL": "/k"}).journal == "/k"


def test_a_file_has_every_option_of_the_command_line() -> None:
    """Every option of ``watch`` has its key, except how one run goes and is shown."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert {action.dest for action in parser._actions} - COMMAND_ONLY <= set(settings.OPTIONS.values())


def test_every_variable_belongs_to_one_key() -> None:
    """No two keys read the same variable."""
    assert set(settings.VARIABLES) == set(settings.OPTIONS) == set(settings.KEYS)
    assert len(set(settings.VARIABLES.values())) == len(settings.KEYS)
    assert set(settings.KEYS) > settings.PATHS


# config show


def test_show_prints_an_equivalent_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What ``config show`` prints is TOML, and read again gives the same settings."""
    file = written(tmp_path / "f.toml", 'folder = "in"\nmatch = ["*.csv"]\nuser_library = false\noutput = ["jsonl:é.jsonl"]\npoll_s = 1')
    assert cli.main(["config", "show", "--config", str(file), "--origin"]) == 0
    printed = capsys.readouterr().out
    again = written(tmp_path / "again.toml", printed)
    assert {key: setting.value for key, setting in settings.gather({}, again, {}).items()} == {
        key: setting.value for key, setting in settings.gather({}, file, {}).items()
    }
    assert f"# {file}:2\n" in printed
    assert msgspec.convert(tomllib.loads(printed), settings.Settings).poll_s == 1.0


def test_show_as_json_has_value_and_origin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For scripts."""
    monkeypatch.setenv("RAMAN_EDGE_POLL_S", "2")
    assert cli.main(["config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["settings"]
    assert shown["poll_s"] == {"value": 2.0, "origin": "RAMAN_EDGE_POLL_S"}
    assert list(shown) == list(settings.KEYS)


def test_show_of_a_wrong_file_is_a_configuration_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """78, a line for every mistake."""
    file = written(tmp_path / "f.toml", "a = 1\nb = 2")
    assert cli.main(["config", "show", "--config", str(file)]) == 78
    assert capsys.readouterr().err.count("raman-edge: ") == 2
