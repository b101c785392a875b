"""Library packs: what they hold, that they are rebuilt identically, and every file that is refused."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import build
import msgspec
import numpy as np
import pytest
from raising import refused
from raman_edge.errors import LibraryError
from raman_edge.matching import pack as packs
from raman_edge.matching.library import Library, Material, Reference
from raman_edge.matching.pack import Pack, PackContents, PackReference, PackSource
from raman_edge.model import model as models
from raman_edge.model.model import Model
from raman_edge.peaks import Peaks
from raman_edge.service.identifier import Identifier
from raman_edge.spectrum import Spectrum
from raman_edge.wording import USER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = PackSource(title="a lab", licence="CC0", attribution="a lab")


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep packs and embeddings of the user of this machine out."""
    monkeypatch.setattr(packs, "user_folder", lambda: tmp_path / "user-packs")
    monkeypatch.setattr(packs, "_cache_folder", lambda: tmp_path / "cache")


def made(name: str = "lab", labels: tuple[str, ...] = ("Calcite", "Gypsum")) -> Pack:
    """Return a pack of spectra of the tests' materials."""
    spectra = tuple(packs.at_steps(one.axis.shift, one.counts) for one in map(build.spectrum, labels))
    references = tuple(PackReference(label, f"{label}.csv", 0) for label in labels)
    return Pack(PackContents(name=name, title="Lab", sources=(SOURCE,), materials=(), references=references), spectra)


def saved(folder: Path, pack: Pack) -> Path:
    """Write a pack and return its file."""
    path = folder / f"{pack.name}{packs.END}"
    path.parent.mkdir(parents=True, exist_ok=True)
    pack.save(path)
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small model and its library."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))


def test_a_pack_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Contents are equal, spectra to a 65 535th of their height, and the same contents give the same bytes."""
    pack = made()
    again = Pack.open(saved(tmp_path, pack))
    assert again.contents == pack.contents
    for before, after in zip(pack.spectra, again.spectra, strict=True):
        assert after.axis.shift.tolist() == before.axis.shift.tolist()
        span = before.counts.max() - before.counts.min()
        np.testing.assert_allclose(after.counts / 65_535, (before.counts - before.counts.min()) / span, atol=1e-5)
    assert saved(tmp_path / "other", made()).read_bytes() == (tmp_path / "lab.pack.npz").read_bytes()


@pytest.mark.parametrize("name", packs.SHIPPED)
def test_every_source_of_a_shipped_pack_has_an_attribution(name: str) -> None:
    """A pack carries the attribution that its licence requires; MIT travels with its text."""
    pack = Pack.open(packs.shipped_path(name))
    assert pack.contents.sources
    for source in pack.contents.sources:
        assert source.attribution
        assert ("Permission is hereby granted" in source.text) == (source.licence == "MIT")
    assert {one.source for one in pack.contents.references} <= set(range(len(pack.contents.sources)))


def test_a_material_has_one_name() -> None:
    """No name of a material is the label of another one, in either shipped pack."""
    for pack in map(Pack.open, map(packs.shipped_path, packs.SHIPPED)):
        labels = {one.label.casefold() for one in pack.contents.materials}
        for one in pack.contents.materials:
            assert not {text.casefold() for text in one.synonyms} & (labels - {one.label.casefold()}), one.label


def test_groups_of_minerals() -> None:
    """Calcite is with the carbonates of its structure and not with a nitrate; the plagioclases are one group."""
    materials = Pack.open(packs.shipped_path(packs.MINERALS)).materials
    assert "calcite group" in materials["Calcite"].groups
    assert "calcite group" in materials["Magnesite"].groups
    assert "calcite group" not in materials["Nitratine"].groups
    assert "plagioclase feldspar" in set(materials["Albite"].groups) & set(materials["Oligoclase"].groups)


def test_the_embeddings_beside_the_embedded_model_are_its_own(tmp_path: Path) -> None:
    """The stored embeddings belong to the embedded model and the shipped pack, and are what the model computes."""
    model = Model.open(models.default_path())
    pack = Pack.open(packs.shipped_path(packs.EVERYDAY))
    stored, left_out = pack.references(model, models.default_path().parent)
    assert not left_out
    assert not (tmp_path / "cache").exists()  # read, not computed
    computed, _ = pack.embed(model)
    for one, other in zip(stored, computed, strict=True):
        assert (one.label, one.specimen, one.pack) == (other.label, other.specimen, packs.EVERYDAY)
        assert float(one.embedding @ other.embedding) > 0.999
        np.testing.assert_allclose(one.peaks.shift, other.peaks.shift, atol=0.1)


def test_embeddings_are_computed_once(tiny: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start reads them; a damaged cache is computed again."""
    model, pack = Model.open(tiny[0]), Pack.open(saved(tmp_path, made()))
    first, _ = pack.references(model)
    (cached,) = (tmp_path / "cache").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(Pack, "embed", lambda *_: pytest.fail("computed again"))
        again, _ = pack.references(model)
    assert [one.label for one in again] == [one.label for one in first]
    cached.write_bytes(b"damaged")
    repaired, _ = pack.references(model)
    assert [one.specimen for one in repaired] == [one.specimen for one in first]


def test_references_the_model_cannot_use_are_left_out(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    """A spectrum outside the model's axis is named in a remark, the others are used."""
    far = Spectrum(np.arange(5000.0, 5100.0), np.arange(100.0))
    pack = made()
    more = (*pack.contents.references, PackReference("Far", "far", 0))
    wide = Pack(msgspec.structs.replace(pack.contents, references=more), (*pack.spectra, far))
    references, left_out = Pack.open(saved(tmp_path, wide)).references(Model.open(tiny[0]))
    assert [one.label for one in references] == ["Calcite", "Gypsum"]
    assert len(left_out) == 1
    assert "'Far'" in left_out[0]


def test_packs_of_a_name_or_a_file(tiny: tuple[Path, Path], tmp_path: Path) -> None:
    """A pack in the user's folder is found by its name, any other by its file; each label knows its packs."""
    saved(tmp_path / "user-packs", made("lab", ("Calcite",)))
    other = saved(tmp_path, made("other", ("Gypsum",)))
    assert packs.installed() == (*packs.SHIPPED, "lab")
    opened = Identifier(*tiny, packs=["minerals", "lab", other], user_library=False)
    assert opened.library.packs["Calcite"] == ("library", "lab")
    assert opened.library.packs["Gypsum"] == ("library", "other")
    alone = Identifier(*tiny, packs=["lab"], user_library=False)
    assert alone.library.labels == ("Calcite",)
    with refused(LibraryError, "no such pack", "packs", got="'none'"):
        Identifier(*tiny, packs=["none"], user_library=False)


def test_a_given_model_has_its_own_library_alone(tiny: tuple[Path, Path]) -> None:
    """Its decisions were measured with that library: packs are joined where they are named."""
    assert set(Identifier(*tiny, user_library=False).library.packs.values()) == {("library",)}


def test_the_everyday_pack_is_known_by_default(tmp_path: Path) -> None:
    """Polymers and solvents are in the library of an identifier, and minerals keep their place before them."""
    identifier = Identifier(user_library=tmp_path / "own.sqlite3")
    assert identifier.library.packs["PE"] == ("everyday",)
    assert identifier.library.packs["Calcite"] == ("minerals", "everyday")
    assert identifier.library.labels.index("Zircon") < identifier.library.labels.index("PE")
    learned = identifier.add_reference("Beaker 7", build.spectrum("Calcite"))
    assert learned.library.packs["Beaker 7"] == (USER,)


def test_a_synonym_teaches_the_label(tmp_path: Path) -> None:
    """Sodium sulfate is another reference of Thenardite; a name of two materials stays a material of its own."""
    identifier = Identifier(user_library=tmp_path / "own.sqlite3")
    identifier.add_reference("Sodium Sulfate", build.spectrum("Calcite"))
    assert identifier.library.packs["Thenardite"] == ("minerals", "everyday", USER)
    identifier.add_reference("calcium carbonate", build.spectrum("Gypsum"))
    assert identifier.library.packs["calcium carbonate"] == (USER,)


def test_names_find_labels() -> None:
    """A synonym and a formula find every material that has them, in upper or lower case, and the name itself stays."""
    assert packs.labels_named("SODIUM sulfate") == ("SODIUM sulfate", "Thenardite")
    assert {"Calcite", "Aragonite"} <= set(packs.labels_named("CaCO3"))
    assert packs.labels_named("Beaker 7") == ("Beaker 7",)


def test_a_folder_becomes_a_pack(tmp_path: Path) -> None:
    """Labels come from sub-folders or file names; what cannot be read is listed and the rest is used."""
    for name in ("PE/monday.csv", "Nylon-6_2.csv", "bad.csv", ".hidden.csv"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("x")

    def read(file: Path) -> list[Spectrum]:
        if file.name == "bad.csv":
            raise LibraryError(kind="bad")
        return [build.spectrum("Calcite")]

    pack, left_out = packs.of_folder(tmp_path / "in", read, SOURCE)
    assert [(one.label, one.specimen) for one in pack.contents.references] == [("Nylon-6", "Nylon-6_2.csv"), ("PE", "PE/monday.csv")]
    assert len(left_out) == 1
    assert left_out[0].startswith("bad.csv")


def changed(change: Callable[[PackContents], PackContents]) -> bytes:
    """Return the bytes of a pack whose contents were changed after they were checked."""
    pack = made()
    packed = io.BytesIO()
    np.savez_compressed(
        packed,
        contents=np.frombuffer(msgspec.json.encode(change(pack.contents)), np.uint8),
        start=np.array([round(one.axis.start) for one in pack.spectra], dtype=np.int32),
        points=np.array([len(one) for one in pack.spectra], dtype=np.int32),
        counts=np.zeros(sum(map(len, pack.spectra)), np.uint16),
    )
    return packed.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        changed(lambda one: msgspec.structs.replace(one, schema=2)),
        changed(lambda one: msgspec.structs.replace(one, name="../up")),
        changed(lambda one: msgspec.structs.replace(one, title="\x1b[31m")),
        changed(lambda one: msgspec.structs.replace(one, materials=(Material("Calcite", synonyms=("a\nb",)),))),
        changed(lambda one: msgspec.structs.replace(one, references=one.references[:1])),
        changed(lambda one: msgspec.structs.replace(one, sources=())),
    ],
)
def test_what_is_no_pack_is_refused(data: bytes, tmp_path: Path) -> None:
    """Damaged, newer, hostile: one error, with the file."""
    path = tmp_path / "bad.pack.npz"
    path.write_bytes(data)
    with refused(LibraryError, "damaged file", f"pack {str(path)!r}"):
        Pack.open(path)


def test_the_group_that_labels_share() -> None:
    """The smallest group is named; labels without a common group share none."""
    rng = np.random.default_rng(0)
    names = ("Albite", "Oligoclase", "Sanidine", "Quartz")
    rows = rng.normal(size=(4, 8))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    empty = Peaks(np.empty(0), np.empty(0), np.empty(0))
    library = Library.of_references(build.NETWORK, [Reference(name, name, row, empty) for name, row in zip(names, unit, strict=True)])
    groups = {
        "Albite": ("feldspar group", "plagioclase feldspar"),
        "Oligoclase": ("feldspar group", "plagioclase feldspar"),
        "Sanidine": ("feldspar group",),
    }
    described = library.described({name: Material(name, groups=each) for name, each in groups.items()})
    assert described.group_of(["Albite", "Oligoclase"]) == "plagioclase feldspar"
    assert described.group_of(["Albite", "Sanidine"]) == "feldspar group"
    assert described.group_of(["Albite", "Quartz"]) is None
    assert described.group_of([]) is None
    assert replace(described, materials={}).group_of(["Albite", "Oligoclase"]) is None


def test_a_damaged_pack_of_the_user_stops_nothing(tmp_path: Path) -> None:
    """It is left out with a remark; one that is named is an error."""
    (tmp_path / "user-packs").mkdir()
    (tmp_path / "user-packs" / "bad.pack.npz").write_bytes(b"damaged")
    identifier = Identifier(user_library=False)
    assert "PE" in identifier.library.labels
    (remark,) = [note for note in identifier.notes if "'bad'" in note]
    assert "damaged" in remark
    with refused(LibraryError, "damaged file"):
        Identifier(packs=["minerals", "bad"], user_library=False)
