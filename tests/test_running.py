"""The pages and files of docs/running: their commands run, and what they say is what the program knows."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import build
import pytest
from raman_edge import cli
from raman_edge.errors import ConfigError
from raman_edge.service import settings
from raman_edge.service.settings import Settings
from raman_edge.settings import toml

RUNNING = Path(__file__).parents[1] / "docs" / "running"
README = (RUNNING / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"<!-- runs -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
CONFIG = (RUNNING / "config.toml").read_text("utf-8")
SET = re.sub(r"^# (?=[a-z_]+ = )", "", CONFIG, flags=re.MULTILINE)
"""The example with every key set."""
UNITS = ("raman-edge.service", "network.conf", "serial.conf")


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands name: a watched folder, settings, and a journal with one answer."""
    folder = tmp_path_factory.mktemp("box")
    (folder / "incoming").mkdir()
    (folder / "incoming" / "quartz.csv").write_text(build.text("Quartz"))
    shutil.copy(RUNNING / "config.toml", folder)
    run(folder, "raman-edge watch incoming --once --journal journal.sqlite3")
    return folder


def run(folder: Path, block: str) -> str:
    """Run a block as a reader would, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAMAN_EDGE_")} | {
        "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"],
        "XDG_CONFIG_HOME": str(folder / "home"),
        "XDG_STATE_HOME": str(folder / "home"),
        "XDG_DATA_HOME": str(folder / "home"),
    }
    done = subprocess.run(["sh", "-euc", block], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a POSIX shell")
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: " ".join(block.split()[:3]))
def test_the_commands_run(box: Path, block: str) -> None:
    """Every block marked as running ends with 0; a copy of the journal holds its records."""
    if block.startswith("sqlite3") and shutil.which("sqlite3") is None:
        pytest.skip("the program sqlite3 is not installed")
    (box / "copy.sqlite3").unlink(missing_ok=True)
    printed = run(box, block)
    assert "copy.sqlite3" not in block or '"quartz.csv"' in printed.replace("incoming/", "")


def test_there_are_blocks_that_run() -> None:
    """Settings, doctor and backups are shown by commands that are tested."""
    stated = " ".join(BLOCKS)
    assert all(command in stated for command in ("config show", "doctor", ".backup", "VACUUM INTO"))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_what_it_links_to_is_there(target: str) -> None:
    """No link to a file that does not exist."""
    assert (RUNNING / target).exists()


def test_every_file_is_mentioned() -> None:
    """The table at the top says what each file is, and whether it was tried."""
    assert {file.name for file in RUNNING.iterdir()} - {"README.md"} <= set(re.findall(r"\]\(([^)#:]+)\)", README))


# config.toml


def test_the_example_changes_nothing_as_it_stands() -> None:
    """Every key in it is a comment."""
    assert tomllib.loads(CONFIG) == {}


def test_the_example_has_every_key_once_in_the_programs_order() -> None:
    """No setting is missing in it, and it has none that the program does not know."""
    assert tuple(re.findall(r"^# ([a-z_]+) = ", CONFIG, re.MULTILINE)) == settings.KEYS


def test_the_example_loads_with_every_key_set() -> None:
    """Each example is a value that is accepted, and has a comment above it."""
    loaded = toml.convert(toml.parse(SET.encode(), "config.toml"), Settings)
    assert all(getattr(loaded, key) not in (None, ()) for key in settings.KEYS)
    assert all(re.search(rf"^# .*\.\n(# [a-z_]+ = .*\n)*# {key} = ", CONFIG, re.MULTILINE) for key in settings.KEYS)


def test_the_readme_shows_messages_as_they_are() -> None:
    """What is shown of a wrong file is what the program says of it."""
    shown = re.findall(r"^    raman-edge: (.*)$", README, re.MULTILINE)
    document = toml.parse(b"\n\nstabel_s = 3\n\n\n\npoll_s = 0", "/etc/raman-edge/config.toml")
    with pytest.raises(ConfigError) as caught:
        toml.convert(document, Settings)
    assert tuple(shown) == caught.value.args


# systemd, udev, container


def sections(name: str) -> dict[str, list[str]]:
    """Return the values of each key of a unit."""
    found: dict[str, list[str]] = {}
    for line in (RUNNING / name).read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("dropins", [(), ("network.conf",), ("serial.conf",), ("network.conf", "serial.conf")])
def test_systemd_accepts_the_unit(tmp_path: Path, dropins: tuple[str, ...]) -> None:
    """``systemd-analyze verify`` has nothing to say of it, with and without what opens more."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = tmp_path / "raman-edge.service"
    text = (RUNNING / unit.name).read_text("utf-8")
    unit.write_text(text.replace("/opt/raman-edge/bin/raman-edge", sys.executable))
    for name in dropins:
        (tmp_path / "raman-edge.service.d").mkdir(exist_ok=True)
        shutil.copy(RUNNING / name, tmp_path / "raman-edge.service.d")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_starts_a_command_that_there_is() -> None:
    """Its options are those of ``watch``, its variables those that are read, and a wrong setting does not start it again and again."""
    unit = sections("raman-edge.service")
    (start,) = unit["ExecStart"]
    assert start.split()[1:] == ["watch", "--json", "--config", "/etc/raman-edge/config.toml"]
    variables = {value.partition("=")[0] for value in unit["Environment"]}
    assert {name for name in variables if name.startswith("RAMAN_EDGE_")} <= set(settings.VARIABLES.values())
    assert unit["RestartPreventExitStatus"] == [f"2 {ConfigError.exit_code}"]
    assert unit["SuccessExitStatus"] == [f"{128 + signal.SIGINT} {128 + signal.SIGTERM}"]
    assert (unit["Type"], unit["WatchdogSec"]) == (["notify"], ["30"])


def test_nobody_but_the_group_may_use_the_instrument() -> None:
    """The udev rule says 0660 and never 0666, and makes systemd know the device."""
    lines = [line for line in (RUNNING / "70-raman-edge.rules").read_text("utf-8").splitlines() if "SYMLINK" in line]
    assert lines
    assert all('MODE="0660"' in line and 'GROUP="dialout"' in line and 'TAG+="systemd"' in line for line in lines)


def test_the_container_runs_under_any_user() -> None:
    """Not as root, with explicit threads, its state outside of it, and variables that are read."""
    text = (RUNNING / "Containerfile").read_text("utf-8")
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert "OMP_NUM_THREADS=1" in text
    assert set(re.findall(r"RAMAN_EDGE_\w+", text)) <= set(settings.VARIABLES.values())
    copied = re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE)
    assert all((RUNNING.parents[1] / name).exists() for names in copied for name in names.split())


@pytest.mark.slow
def test_the_container_has_all_that_its_wheel_needs(tmp_path: Path) -> None:
    """Its pip commands build and install the wheel from the files that it copies, and nothing else; the program then runs."""
    text = (RUNNING / "Containerfile").read_text("utf-8")
    source, wheels, target = tmp_path / "source", tmp_path / "wheels", tmp_path / "target"
    source.mkdir()
    for names, place in re.findall(r"^COPY (.*) (\S+)$", text, re.MULTILINE):
        for name in names.split():
            origin, copy = RUNNING.parents[1] / name, source / place
            if origin.is_dir():
                shutil.copytree(origin, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(origin, copy)
    made = re.search(r"^RUN pip (wheel .*)$", text, re.MULTILINE)
    put = re.search(r"pip (install [^&]*?)\s*\\?\n\s*&&", text)
    assert made is not None
    assert put is not None
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def pip(command: str, *more: str) -> None:
        words = [str(wheels) if word == "/wheels" else word for word in shlex.split(command)]
        called = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, "--no-deps", *more]
        done = subprocess.run(called, cwd=source, env=environment, capture_output=True, text=True, timeout=150, check=False)
        assert done.returncode == 0, done.stderr

    pip(made[1], "--no-build-isolation")
    pip(put[1], "--target", str(target))
    assert {file.name for file in (target / "raman_edge" / "firmware_configs").iterdir()} == {
        file.name for file in (RUNNING.parents[1] / "firmware_configs").iterdir()
    }
    script = "import sys; from raman_edge import cli; sys.exit(cli.main())"
    called = [sys.executable, "-c", script, "identify", "--example"]
    done = subprocess.run(called, cwd=tmp_path, env=environment | {"PYTHONPATH": str(target)}, capture_output=True, text=True, check=False)
    assert (done.returncode, '"names":["Quartz"]' in done.stdout) == (0, True), done.stderr


def test_the_container_starts_commands_that_exist() -> None:
    """What it runs, and its health check, are command lines that the parser takes."""
    text = (RUNNING / "Containerfile").read_text("utf-8")
    commands = [json.loads(command) for command in re.findall(r"CMD (\[.*\])$", text, re.MULTILINE)]
    assert len(commands) == 2
    for words in commands:
        assert callable(cli.whole().parse_args(words[words[0] == "raman-edge" :]).run)
