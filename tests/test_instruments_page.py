"""docs/instruments.md: its example is made, checked, explained, simulated, probed, used and calibrated; its tables are the code's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import console_blocks
import profile_tables
import pytest
from raman_edge.instruments.ports import OCEAN_VENDOR
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.profiles.profile import CERTAINTIES

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = profile_tables.PAGE.read_text("utf-8")
ANCHORS = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)}
NAME = "halden-r512.toml"
posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell and pseudo-terminals")


def blocks(mark: str) -> tuple[console_blocks.Shown, ...]:
    """Return the console blocks under a mark."""
    found = tuple(one for one in console_blocks.shown(PAGE) if one.mark == mark)
    assert found
    return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page's profile, and the wrong one made from it as the page says."""
    folder = tmp_path_factory.mktemp("bench")
    found = re.search(rf"<!-- {NAME} -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found
    (folder / NAME).write_text(found[1])
    changes = re.search(rf"<!-- wrong.toml is {NAME} with (.*) -->", PAGE)
    assert changes
    wrong = found[1]
    for before, after in re.findall(r"`(.*?)` → `(.*?)`", changes[1]):
        assert before in wrong
        wrong = wrong.replace(before, after)
    (folder / "wrong.toml").write_text(wrong)
    return folder


@pytest.fixture(scope="module")
def environment(bench: Path) -> dict[str, str]:
    """Return an environment with nothing of the user's, whose journal and calibrations lie on the bench."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAMAN_EDGE_", "XDG_", "NO_COLOR"))}
    path = str(Path(sys.executable).parent) + os.pathsep + os.environ["PATH"]
    places = {name: str(bench / "home") for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "HOME")}
    return {**kept, **places, "PATH": path, "TERM": "xterm", "PYTHONUTF8": "1"}


@pytest.fixture(scope="module")
def simulated(bench: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start the page's simulated instrument, as a reader does in another terminal, and end it by its own order."""
    (block,) = blocks("stays")
    started = ["sh", "-euc", f"exec {block.command}"]
    process = subprocess.Popen(started, cwd=bench, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert json.loads(process.stdout.readline())["port"].endswith("ttyRAMAN")
    yield process
    process.communicate("quit\n", timeout=120)
    assert process.returncode == 0


@posix
@pytest.mark.parametrize("block", blocks("runs"), ids=lambda block: " ".join(block.command.split()[1:4]))
@pytest.mark.usefixtures("simulated")
def test_what_is_shown_is_what_is_printed(block: console_blocks.Shown, bench: Path, environment: dict[str, str]) -> None:
    """Every line of the page stands on the terminal; only the wrong profile fails."""
    code, seen = console_blocks.on_terminal(block.command, bench, environment)
    assert console_blocks.agrees(block.lines, seen), "\n".join(seen)
    assert code == (78 if "wrong" in block.command else 0)


@posix
@pytest.mark.slow
def test_the_simulated_instrument_is_named_and_calibrated(
    bench: Path, environment: dict[str, str], simulated: subprocess.Popen[str]
) -> None:
    """Calcite is found; polystyrene calibrates; the next record has the calibration of that serial number."""
    ((answers,), (calibrates,)) = blocks("answers"), blocks("calibrates")
    records = run(answers.command, bench, environment)
    assert len(records) == 3
    assert {record["matches"][0]["label"] for record in records} == {"Calcite"}
    assert {record["calibration"] for record in records} == {None}
    assert simulated.stdin
    simulated.stdin.write("material polystyrene\n")
    simulated.stdin.flush()
    once = answers.command.replace("auto --count 3", "0.1 --count 1")
    assert any(run(once, bench, environment)[0]["matches"][0]["label"] != "Calcite" for _ in range(20))  # until the order was read
    (made,) = run(calibrates.command, bench, environment)
    assert (made["event"], made["serial"], made["standards"]) == ("calibrated", "R512-0031", ["polystyrene"])
    after = run(once, bench, environment)
    assert after[0]["calibration"]["id"] == made["id"]


def run(command: str, folder: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Run a command in a pipe and return its records."""
    done = subprocess.run(["sh", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_tables_match_the_code() -> None:
    """Every table that a profile may have is on the page with every key; ``python tests/profile_tables.py`` writes them anew."""
    assert profile_tables.rewritten(PAGE) == PAGE
    assert {f"{module}.{name}" for module, name in profile_tables.TABLE.findall(PAGE)} == set(profile_tables.structs())


def test_the_certainties_are_those_of_the_code() -> None:
    """Each level has its meaning, in the code's words and order."""
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|`]+) \|$", PAGE.partition("## How far")[2].partition("## Ocean")[0], re.MULTILINE)
    assert dict(rows) == CERTAINTIES
    assert [name for name, _ in rows] == list(CERTAINTIES)


def test_the_page_is_right_about_those_that_ship() -> None:
    """It says that none has met its instrument, and that one has a message when it has."""
    assert not any(catalogue.load(name).provenance.hardware_tested for name in catalogue.profiles())
    assert "none of them has met its instrument yet" in PAGE


def test_every_bridge_of_a_profile_has_a_udev_rule() -> None:
    """The chips that profiles and the page name, and Ocean's USB, are in the rules that ship; each belongs to a group."""
    rules = (profile_tables.PAGE.parent / "running" / "70-raman-edge.rules").read_text("utf-8")
    named = {usb for name in catalogue.profiles() for usb in catalogue.load(name).match.usb}
    for usb in named:
        assert f'ATTRS{{idVendor}}=="{usb.vid:04x}", ATTRS{{idProduct}}=="{usb.pid:04x}"' in rules
    assert named
    assert f'ATTR{{idVendor}}=="{OCEAN_VENDOR:04x}", GROUP="dialout", MODE="0660"' in rules
    assert "666" not in rules


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL), ids=lambda text: text.split("\n")[0])
def test_its_toml_is_toml(text: str) -> None:
    """Every block can be read; the names that the second one defines are those of a profile that ships."""
    read = tomllib.loads(text)
    if "values" in read:
        assert read["values"] == catalogue.load("tcd1304-rossel").values


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^):]+)\)", PAGE))))
def test_what_it_links_to_is_there(target: str) -> None:
    """No link to a file or a heading that does not exist."""
    file, _, anchor = target.partition("#")
    assert not file or (profile_tables.PAGE.parent / file).exists()
    assert not anchor or anchor in ANCHORS
