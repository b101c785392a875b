"""Keys and ports of Windows, with fakes of its console and of its ports; `make test-windows` runs the edge itself."""

from __future__ import annotations

import ast
import os
import sys
import tomllib
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import build
import pytest
from raman_edge.atomic_write import system_path
from raman_edge.bounded_read import bounded
from raman_edge.calibration import standards, store
from raman_edge.cli.output import new_file
from raman_edge.errors import ConfigError, RamanEdgeError
from raman_edge.instruments import ports
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.recording import Recorder
from raman_edge.journal import Journal
from raman_edge.matching import pack
from raman_edge.matching.user_library import UserLibrary
from raman_edge.outputs import broker
from raman_edge.outputs.files import JSON_LINES, AppendOnlyFile
from raman_edge.service import settings
from raman_edge.service.settings import Settings
from raman_edge.settings import toml
from raman_edge.simulator import samples
from raman_edge.sources.files import FileSource, read_file
from raman_edge.spectrum import Fault, Spectrum
from raman_edge.wording import quoted, with_plain_paths
from watched_folder import once

WRITERS = {
    "recording": lambda path: Recorder(None, path).__enter__(),  # type: ignore[arg-type]  # it is not opened
    "output": lambda path: AppendOnlyFile(path, JSON_LINES).append([b"{}"]),
    "journal": Journal.open,
    "user library": lambda path: UserLibrary.open(path, create=True),
    "command": lambda path: new_file(path, "-o").__enter__(),
}
"""What writes a file whose name the user gives."""


@pytest.mark.parametrize("name", ["NUL", "aux.csv", "results.csv.", "results.csv:b"])
@pytest.mark.parametrize("writer", WRITERS)
def test_no_writer_takes_a_name_that_windows_cannot_have(writer: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One error that says why, and no file: NUL would swallow it, a colon would hide it behind another file."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(RamanEdgeError) as caught:
        WRITERS[writer](tmp_path / name)
    assert "Windows" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["CON", "aux.toml"])
def test_no_reader_waits_for_a_device(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of settings, a model or a profile of such a name is refused with the reason."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigError) as caught:
        bounded(tmp_path / name, 100, ConfigError)
    assert "device of Windows" in caught.value.cause


def test_a_spectrum_named_like_a_device_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another system wrote it into a share; the prefix makes a file of it, and of a path of more than 260 characters."""
    monkeypatch.setattr(sys, "platform", "linux")
    assert system_path("aux.csv") == "aux.csv"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "getcwd", lambda: r"D:\work")
    assert system_path(r"C:\data\aux.csv") == r"\\?\C:\data\aux.csv"
    assert system_path(r"in\.\con") == r"\\?\D:\work\in\con"
    assert system_path(r"\\server\share\nul.csv") == r"\\?\UNC\server\share\nul.csv"
    assert system_path(r"C:\data\a.csv") == r"C:\data\a.csv"
    assert not system_path(r"\\.\COM3").startswith(r"\\.")


@pytest.mark.skipif(sys.platform != "win32", reason="names of Windows")
def test_a_spectrum_named_like_a_device_is_identified_on_windows(tmp_path: Path) -> None:
    """In a folder and by its name; nothing waits for a serial port."""
    place = Path(system_path(str(tmp_path / "aux.csv")))
    place.write_text(build.text())
    (value,) = FileSource([str(tmp_path)])
    (other,) = FileSource([str(tmp_path / "aux.csv")])
    assert isinstance(value, Spectrum)
    assert isinstance(other, Spectrum)
    (seen,) = once(tmp_path)
    assert isinstance(seen, Spectrum)
    place.unlink()


def everywhere_else(monkeypatch: pytest.MonkeyPatch, typed: Path, stored: Path) -> None:
    """Let system calls use ``stored`` for each path below ``typed``, as they use the prefix for a long path of Windows."""

    def moved(path: str | Path) -> str | Path:
        return type(path)(os.fspath(path).replace(os.fspath(typed), os.fspath(stored)))

    for name, module in tuple(sys.modules.items()):
        if name.startswith("raman_edge.") and hasattr(module, "system_path"):
            monkeypatch.setattr(module, "system_path", moved)


@pytest.mark.parametrize("writer", [name for name in WRITERS if name not in {"recording", "command"}])
def test_each_writer_writes_where_the_system_path_is(writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No system call gets the path as it was typed, which may be too long for Windows."""
    typed, stored = tmp_path / "typed", tmp_path / "stored"
    (stored / "below").mkdir(parents=True)
    everywhere_else(monkeypatch, typed, stored)
    with ExitStack() as stack:
        if hasattr(opened := WRITERS[writer](typed / "below" / "it"), "__exit__"):
            stack.push(opened)
    assert (stored / "below" / "it").is_file()
    assert not typed.exists()


def test_new_files_are_written_where_the_system_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a command appears there, and a recording without its instrument is removed there."""
    typed, stored = tmp_path / "typed", tmp_path / "stored"
    stored.mkdir()
    everywhere_else(monkeypatch, typed, stored)
    with pytest.raises(TypeError):
        WRITERS["recording"](typed / "recording")  # its spectrometer is None, which no `with` takes
    with new_file(typed / "report.html", "-o") as file:
        file.write(b"content")
    assert [(path.name, path.read_bytes()) for path in stored.iterdir()] == [("report.html", b"content")]
    assert not typed.exists()


def test_a_folder_is_watched_where_the_system_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read and failed ones moved there; results have the paths as they were typed."""
    typed, stored = tmp_path / "typed", tmp_path / "stored"
    for folder in ("in", "in/below", "failed"):
        (stored / folder).mkdir(parents=True)
    (stored / "in" / "below" / "good.csv").write_text(build.text())
    (stored / "in" / "bad.csv").write_text("no spectrum\n")
    everywhere_else(monkeypatch, typed, stored)
    found = once(typed / "in", move_failed=str(typed / "failed"))
    assert {(type(value), value.origin.path) for value in found} == {
        (Spectrum, str(typed / "in" / "below" / "good.csv")),
        (Fault, str(typed / "in" / "bad.csv")),
    }
    assert [file.name for file in (stored / "failed").iterdir()] == ["bad.csv"]
    assert [file.name for file in (stored / "in").iterdir()] == ["below"]
    (one,) = FileSource([str(typed / "in" / "below")])
    assert one.origin.path == str(typed / "in" / "below" / "good.csv")
    assert not typed.exists()


def test_what_is_named_is_found_where_the_system_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A material, a broker's certificates, a profile, a pack's folder, a user library and a configuration."""
    typed, stored = tmp_path / "typed", tmp_path / "stored"
    stored.mkdir()
    for name in ("quartz.csv", "ca.pem", "mine"):
        (stored / name).write_text(build.text())
    everywhere_else(monkeypatch, typed, stored)
    monkeypatch.setattr(catalogue, "own_folder", lambda: typed)
    (stored / "probed.toml").touch()
    monkeypatch.setattr(settings, "places", lambda: (typed / "mine",))
    monkeypatch.setattr(settings, "default_user_library", lambda: typed / "mine")
    assert samples.find(str(typed / "quartz.csv")).name
    assert broker.parse(f"mqtts://host/topic?ca={typed / 'ca.pem'}").ca == typed / "ca.pem"
    assert catalogue.find("probed") == typed / "probed.toml"
    assert settings.files(None, {}) == (typed / "mine",)
    assert Settings().user_library_path() == typed / "mine"
    source = pack.PackSource(title="ours", licence="", attribution="")
    made, left_out = pack.of_folder(typed, lambda file: list(read_file(str(file))), source)
    assert {reference.label for reference in made.contents.references} == {"quartz", "ca", "mine"}
    assert [one.split(":")[0] for one in left_out] == ["probed.toml"]


@pytest.mark.skipif(sys.platform != "win32", reason="sqlite's limit on Windows; on Linux it is 512 bytes")
def test_a_journal_below_a_path_of_1200_characters(tmp_path: Path) -> None:
    """Sqlite takes at most 1040 bytes by default, whatever the prefix."""
    path = tmp_path / "/".join(["d" * 40] * 30) / "journal.sqlite3"
    with Journal.open(path) as journal:
        assert list(journal.records()) == []
    assert system_path(path).is_file()


def test_a_calibration_of_an_instrument_named_like_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file has another name, on every system."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path))
    assert store.path_of("COM1").name not in {"COM1.json", store.path_of("com1").name}
    assert store.path_of("A01234").name == "A01234.json"


PROFILE = catalogue.find("c12880ma-csv")
LINES = "Title: Krypton lamp\nunit = nm (vacuum)\n811.51 50 # tall\n760.36 25\n785.7 5\n"
READERS = {
    "profile.toml": (PROFILE.read_text("utf-8"), catalogue.load),
    "config.toml": ("# mine\npoll_s = 2\nmatch = [\n  '*.csv',\n]\nfolder = 'C:\\spectra'\n", lambda path: toml.load(Path(path), Settings)),
    "lamp.txt": (LINES, lambda path: standards.find(path).lines),
    "spectrum.csv": (build.text(), lambda path: [one.counts.tolist() for one in read_file(path) if isinstance(one, Spectrum)]),
}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("name", READERS)
def test_files_that_an_editor_of_windows_saved(name: str, mark: bytes, tmp_path: Path) -> None:
    """Lines that end with CR LF, and a byte order mark before them, change nothing."""
    text, read = READERS[name]
    path = tmp_path / name
    path.write_bytes(text.encode())
    expected = read(str(path))
    path.write_bytes(mark + text.encode().replace(b"\n", b"\r\n"))
    assert expected
    assert read(str(path)) == expected


def test_quotes_of_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that a message advises can be typed: cmd.exe knows double quotes only."""
    monkeypatch.setattr(sys, "platform", "win32")
    assert quoted("raman-edge", "serial", "COM3") == "raman-edge serial COM3"
    assert quoted(r"C:\Program Files\raman-edge.exe") == r'"C:\Program Files\raman-edge.exe"'
    monkeypatch.setattr(sys, "platform", "linux")
    assert quoted("my box") == "'my box'"


def test_paths_in_messages_are_as_a_person_types_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors quote paths with repr, which doubles each backslash; other text, a share beside it, stays."""
    path, share = r"C:\data\a.csv", r"\\server\x"
    message = f"file {path!r}: gone; {share!r} and {share} stay"
    monkeypatch.setattr(sys, "platform", "linux")
    assert with_plain_paths(message) == message
    monkeypatch.setattr(sys, "platform", "win32")
    assert with_plain_paths(message) == rf"file '{path}': gone; '{share}' and {share} stay"


def test_each_test_that_windows_leaves_out_exists() -> None:
    """A test that has another name now is not left out in silence."""
    here = Path(__file__).parent
    for tests in tomllib.loads((here.parent / "platforms" / "not_on_windows.toml").read_text("utf-8")).values():
        for test in tests:
            file, _, name = test.partition("::")
            tree = ast.parse((here / file).read_text("utf-8"))
            names = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
            assert not name or name.partition("::")[0].partition("[")[0] in names, test  # a class inherits its tests from a contract


def test_ports_of_windows_have_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``COM3`` is listed by its name, with its USB device, and no program that has it open is looked for."""
    port = SimpleNamespace(
        device="COM3", description="USB Serial Port (COM3)", vid=0x0403, pid=0x6001, serial_number="A1", manufacturer="FTDI", product=None
    )
    monkeypatch.setattr(sys, "platform", "win32")
    (found,) = ports.serial([], [port], tmp_path, tmp_path)
    assert (found.address, found.device, found.what, found.use.access) == ("COM3", "COM3", "FTDI", "unknown")
