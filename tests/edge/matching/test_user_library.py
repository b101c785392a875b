"""The user's own library: what was taught stays, whatever model, process or power comes and goes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import build
import command
import markers
import materials
import msgspec
import numpy as np
import pytest
from raising import refused
from raman_edge import __version__
from raman_edge.errors import LibraryError
from raman_edge.matching import user_library
from raman_edge.matching.library import Library
from raman_edge.matching.user_library import UserLibrary, checked_name
from raman_edge.model.model import Model
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_edge.spectrum import Axis, Origin, Spectrum


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The matched filter."""
    return Model.open(build.write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the library will lie; its folder is not there yet."""
    return tmp_path / "data" / "own.sqlite3"


def learn(path: Path, model: Model, name: str = "Silicon", seed: int = 0, note: str = "") -> tuple[bool, ...]:
    """Teach one exposure."""
    seen = materials.exposure(seed=seed)
    with UserLibrary.open(path, create=True) as library:
        return library.store(name, [(seen, Library.make_reference(seen, name, "", model))], model, note)


def held(path: Path) -> tuple[user_library.UserReference, ...]:
    """Return the entries in a file."""
    with UserLibrary.open(path, create=False) as library:
        return library.entries()


def other_model(folder: Path) -> Model:
    """Return a model of another network on the same axis whose recipe leaves out what the first one's keeps."""
    recipe = Recipe((Resample(start=100.0, stop=1500.0, step=2.0), MinMax()))
    return Model.open(build.write_model(folder / "other.onnx", network="1" * 64, name="other", recipe=recipe))


def test_what_was_taught_is_kept_with_where_it_comes_from(path: Path, model: Model, tmp_path: Path) -> None:
    """Name, file, digest, time, version, network and note come back from another opening."""
    seen = materials.read(materials.write(tmp_path / "wafer.csv"))
    with UserLibrary.open(path, create=True) as library:
        assert library.store("Silicon", [(seen, Library.make_reference(seen, "Silicon", "", model))], model, "by Ä. B.") == (True,)
    (entry,) = held(path)
    assert (entry.name, entry.kind, entry.path, entry.index) == ("Silicon", "file", str(tmp_path / "wafer.csv"), 0)
    assert (entry.sha256, entry.version, entry.network, entry.note) == (seen.origin.sha256, __version__, build.NETWORK, "by Ä. B.")
    assert entry.learned.endswith("Z")


def test_a_relative_path_becomes_absolute(path: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is stored as an absolute path; a source that is no file keeps its name."""
    monkeypatch.chdir(tmp_path)
    materials.write(tmp_path / "wafer.csv")
    for seen in (materials.read(Path("wafer.csv")), materials.exposure()):
        with UserLibrary.open(path, create=True) as library:
            library.store("Silicon", [(seen, Library.make_reference(seen, "Silicon", "", model))], model)
    assert [entry.path for entry in held(path)] == [str(tmp_path / "wafer.csv"), "wafer-0"]


def test_a_reference_comes_back_as_it_was_made(path: Path, model: Model) -> None:
    """Embedding and peak table are those of the spectrum that was taught."""
    learn(path, model)
    made = Library.make_reference(materials.exposure(), "Silicon", "wafer-0", model)
    with UserLibrary.open(path, create=False) as library:
        ((found,), left_out) = library.references(model)
    assert left_out == ()
    assert (found.label, found.specimen) == ("Silicon", "wafer-0")
    assert np.array_equal(found.embedding, made.embedding)
    for name in ("shift", "height", "width"):
        assert np.array_equal(getattr(found.peaks, name), getattr(made.peaks, name))


def test_another_model_embeds_what_was_taught_again(path: Path, model: Model, tmp_path: Path) -> None:
    """A new model gets its own embedding of the kept spectrum, and remembers it; the first one's stays."""
    learn(path, model)
    other = other_model(tmp_path)
    for again in range(2):
        with UserLibrary.open(path, create=False) as library:
            ((found,), _) = library.references(other)
        assert found.embedding == pytest.approx(Library.make_reference(materials.exposure(), "", "", other).embedding, abs=1e-7), again
    with sqlite3.connect(path) as connection:
        models = {row[0] for row in connection.execute("SELECT model FROM embeddings")}
    connection.close()
    assert models == {model.sha256, other.sha256}


def test_what_a_model_cannot_use_is_left_out_and_reported(path: Path, model: Model, tmp_path: Path) -> None:
    """A spectrum that a new model's recipe refuses stays in the file, and the others still serve."""
    learn(path, model, "Silicon")
    beyond = Spectrum(Axis.linear(2000.0, 3000.0, 1.0), materials.exposure().counts[:1001], Origin("test", "beyond"))
    with UserLibrary.open(path, create=True) as library:
        library.store("Beyond", [(beyond, Library.make_reference(materials.exposure(), "Beyond", "", model))], model)
        found, left_out = library.references(other_model(tmp_path))
        assert [one.label for one in found] == ["Silicon"]
        assert len(left_out) == 1
        assert "'Beyond' from 'beyond' is left out" in left_out[0]
        assert len(library.entries()) == 2


def test_the_same_spectrum_is_kept_once_a_name(path: Path, model: Model) -> None:
    """Teaching it again changes nothing; under another name, or from another exposure, it is a reference of its own."""
    assert learn(path, model) == (True,)
    assert learn(path, model, note="again") == (False,)
    assert learn(path, model, seed=1) == (True,)
    assert learn(path, model, "Wafer") == (True,)
    assert [(entry.name, entry.note) for entry in held(path)] == [("Silicon", ""), ("Silicon", ""), ("Wafer", "")]


def test_forgotten_is_gone(path: Path, model: Model) -> None:
    """Forgetting removes every reference of that very name with its embeddings, and says what they were."""
    for name, seed in (("Silicon", 0), ("Silicon", 1), ("silicon", 0)):
        learn(path, model, name, seed)
    with UserLibrary.open(path, create=False) as library:
        assert [entry.path for entry in library.remove("Silicon")] == ["wafer-0", "wafer-1"]
        assert library.remove("Silicon") == ()
        assert [one.label for one in library.references(model)[0]] == ["silicon"]
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM embeddings").fetchone() == (1,)
    connection.close()


def test_all_or_nothing(path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than there is room for is refused as a whole, and what was there before is there after."""
    learn(path, model)
    monkeypatch.setattr(user_library, "MOST_ENTRIES", 2)
    taught = [(seen, Library.make_reference(seen, "X", "", model)) for seen in (materials.exposure(seed=seed) for seed in (5, 6))]
    with UserLibrary.open(path, create=True) as library:
        with refused(LibraryError, "full", got="3 references", expected="at most 2"):
            library.store("X", taught, model)
        assert [entry.name for entry in library.entries()] == ["Silicon"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", "\x1b[31mred", "a\x00", "\u202eabc", "\ud800"])
def test_what_is_no_name_is_refused(name: str) -> None:
    """Nothing, too much, control characters, direction overrides and half characters are no names."""
    with pytest.raises(LibraryError) as caught:
        checked_name(name)
    assert caught.value.kind == "not a material's name"
    assert str(caught.value).isascii()


@pytest.mark.parametrize(("given", "kept"), [(" Quartz ", "Quartz"), ("A\u0308ther", "Äther"), ("石英", "石英"), ("x" * 200, "x" * 200)])
def test_names_are_kept_in_one_form(given: str, kept: str) -> None:
    """Space around a name goes, and letters with marks are composed: what looks the same is the same."""
    assert checked_name(given) == kept


def test_a_note_is_bounded(path: Path, model: Model) -> None:
    """A note of more than 2000 characters is refused."""
    with refused(LibraryError, "note too long", got="2001", expected="2000"):
        learn(path, model, note="x" * 2001)


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import materials
from raman_edge.model.model import Model
from raman_edge.matching.library import Library
from raman_edge.matching.user_library import UserLibrary
model = Model.open(Path(sys.argv[2]))
for number in range(8):
    seen = materials.exposure(seed=100 * int(sys.argv[4]) + number)
    with UserLibrary.open(Path(sys.argv[3]), create=True) as own:
        own.store(f"writer {sys.argv[4]}", [(seen, Library.make_reference(seen, "", "", model))], model)
    print(number, flush=True)
"""


def writer(path: Path, tmp_path: Path, number: int) -> subprocess.Popen[bytes]:
    """Start a process that teaches eight references one by one, and reports it after each."""
    opened = tmp_path / "tiny.onnx"
    if not opened.exists():
        build.write_model(opened)
    called = [sys.executable, "-c", WRITER, str(Path(__file__).parents[2]), str(opened), str(path), str(number)]
    return subprocess.Popen(called, stdout=subprocess.PIPE, env=command.environment())


def test_two_processes_that_learn_at_once_lose_nothing(path: Path, tmp_path: Path) -> None:
    """Both create the file and write to it at the same time; every reference of both is there."""
    writers = [writer(path, tmp_path, number) for number in range(2)]
    outputs = [one.communicate(timeout=120)[0].split() for one in writers]
    assert [len(lines) for lines in outputs] == [8, 8]
    names = [entry.name for entry in held(path)]
    assert {name: names.count(name) for name in names} == {"writer 0": 8, "writer 1": 8}


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_kill_loses_no_confirmed_reference(after: int, path: Path, tmp_path: Path, model: Model) -> None:
    """A process that ends without a chance to tidy up leaves a library that opens, with every reference that it confirmed."""
    process = writer(path, tmp_path, 0)
    assert process.stdout is not None
    for _ in range(after):
        process.stdout.readline()
    process.kill()
    confirmed = after + len(process.stdout.read().split())
    process.stdout.close()
    process.wait(timeout=120)
    with UserLibrary.open(path, create=True) as library:
        assert confirmed <= len(library.entries()) <= confirmed + 1
        assert len(library.references(model)[0]) == len(library.entries())


@markers.DENIED
def test_a_write_protected_library_still_serves(path: Path, model: Model, tmp_path: Path) -> None:
    """References for another model are made without being remembered; learning says why it cannot."""
    learn(path, model)
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with UserLibrary.open(path, create=False) as library:
            assert len(library.references(other_model(tmp_path))[0]) == 1
        with refused(LibraryError, "cannot be written", got="readonly"):
            learn(path, model, seed=1)
    finally:
        path.parent.chmod(0o700)


def test_no_memory_is_no_failure(path: Path, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where embeddings for another model cannot be written down, they are made and serve all the same."""
    learn(path, model)

    def refused(*_: object) -> None:
        raise sqlite3.OperationalError

    with UserLibrary.open(path, create=False) as library:
        monkeypatch.setattr(library, "_store", refused)
        assert [one.label for one in library.references(other_model(tmp_path))[0]] == ["Silicon"]


def test_entries_are_plain_values(path: Path, model: Model) -> None:
    """An entry can be written as JSON and read back."""
    learn(path, model)
    (entry,) = held(path)
    assert msgspec.json.decode(msgspec.json.encode(entry), type=user_library.UserReference) == entry
