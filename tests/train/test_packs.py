"""Library packs made from the raw data, and the library of Open Specy."""

from __future__ import annotations

import dataclasses
import zipfile
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import untrained_run
from raising import refused
from raman_edge.errors import ConfigError, LibraryError
from raman_edge.matching import library
from raman_edge.matching import pack as packs
from raman_edge.matching.library import Library
from raman_edge.matching.pack import Pack
from raman_edge.model import model
from raman_train import config, runs
from raman_train.confidence import ScoredQueries
from raman_train.data import datasets, openspecy, readers, synthetic
from raman_train.packs import build, measure

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def embedded() -> Library:
    """The embedded library."""
    return Library.open(library.default_path(), network=model.Model.open(model.default_path()).card.network)


@pytest.mark.parametrize("name", packs.SHIPPED)
def test_the_shipped_pack_is_made_again_identically(name: str, embedded: Library, real_data: Path, tmp_path: Path) -> None:
    """The command makes from the raw data what is in the repository: contents, and every point."""
    if not (real_data / build.GROUP_LIST).exists():
        pytest.skip(f"no {build.GROUP_LIST}")
    made, _ = build.build(name, real_data, embedded)
    made.save(tmp_path / "made.pack.npz")
    made, shipped = Pack.open(tmp_path / "made.pack.npz"), Pack.open(packs.shipped_path(name))
    assert made.contents == shipped.contents
    for one, other in zip(made.spectra, shipped.spectra, strict=True):
        assert one.axis.same_as(other.axis)
        assert np.array_equal(one.counts, other.counts)


def test_every_label_of_the_tables_is_one_of_the_library(embedded: Library) -> None:
    """A misspelt label would describe nothing."""
    described = set(Pack.open(packs.shipped_path(packs.MINERALS)).materials)
    assert described <= set(embedded.labels)
    everyday = Pack.open(packs.shipped_path(packs.EVERYDAY))
    minerals = {one.label for one in everyday.contents.references} - set(everyday.materials)
    assert minerals == {"Calcite", "Moissanite", "Nahcolite", "PotassiumDihydrogenPhosphate", "Silicon", "Thenardite"}
    assert minerals <= set(embedded.labels)


def test_the_axis_of_the_polymers_is_that_of_polystyrene() -> None:
    """Its strongest line is where ASTM E1840 has it, in the references of both sources."""
    pack = Pack.open(packs.shipped_path(packs.EVERYDAY))
    for one, spectrum in zip(pack.contents.references, pack.spectra, strict=True):
        if one.label == "PS":
            inside = (spectrum.axis.shift > 980) & (spectrum.axis.shift < 1020)
            assert spectrum.axis.shift[inside][spectrum.counts[inside].argmax()] == pytest.approx(1001.4, abs=1.6), one.specimen


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("Calcite", "calcite group"),
        ("feldspar", "feldspar group"),
        ("alunite-jarosite-jarosite subgroup", "jarosite subgroup"),
        ("amphibole-group 2 Ca", "amphibole group (Ca)"),
        ("mica-true micas", "true mica group"),
        ("zeolite-chabazite series", "chabazite series"),
    ],
)
def test_a_name_of_the_list(listed: str, name: str) -> None:
    """The names of the list are those in common use."""
    assert build.group_name(listed) == name


def test_a_group_that_the_chemistry_contradicts_is_left_out(tmp_path: Path) -> None:
    """A nitrate among carbonates is not counted; phosphates and arsenates of one structure are."""
    rows = [f"C{k},Calcite,calcite,Ca(CO3),hexagonal" for k in range(7)] + ["N,Calcite,,Na(NO3),hexagonal"]
    rows += [f"P{k},Vivianite,,Fe3(PO4)2,monoclinic" for k in range(7)] + ["A,Vivianite,,Co3(AsO4)2,monoclinic"]
    path = tmp_path / "list.csv"
    path.write_text("mineral,structural_group,fleischer_group,ima_chemistry,crystal_system\n" + "\n".join(rows))
    listed, left_out = build.listed_minerals(path)
    assert listed["c0"].groups == ("calcite group",)
    assert listed["n"].groups == ()
    assert listed["a"].groups == ("vivianite group",)
    assert len(left_out) == 1
    path.write_text("nothing\n")
    assert build.listed_minerals(path)[0] == {}
    with refused(ConfigError, "not the list of minerals", repr(str(tmp_path / "none.csv")), cause="No such file"):
        build.listed_minerals(tmp_path / "none.csv")


def test_the_name_of_the_list_is_a_synonym(tmp_path: Path) -> None:
    """RRUFF's file names, which are the labels, lack hyphens and brackets."""
    (tmp_path / "rruff").mkdir()
    rows = ("Monazite-(Ce),Monazite,,CePO4,monoclinic", "Monazite-(La),Monazite,,LaPO4,monoclinic", "Quartz,Quartz,,SiO2,hexagonal")
    (tmp_path / build.GROUP_LIST).write_text("mineral,structural_group,fleischer_group,ima_chemistry,crystal_system\n" + "\n".join(rows))
    made, _ = build.minerals(tmp_path, ["MonaziteCe", "MonaziteLa", "Quartz"])
    assert {label: made.materials[label].synonyms for label in ("MonaziteCe", "MonaziteLa")} == {
        "MonaziteCe": ("Monazite-(Ce)",),
        "MonaziteLa": ("Monazite-(La)",),
    }
    assert "Quartz" not in made.materials["Quartz"].synonyms


FACTS = """spectrum_identity,organization,sample_name
HDPE,Cabernard et al. 2018,1
Polyethylenterephtalate,Cabernard et al. 2018,2
Ethylene vinyl acetate 14% copolymer,Cabernard et al. 2018,3
Calcite,RRUFF,4
Fe3 O4,Raman Open Database,5
Vermilio,Raman Spectroscopic Library UCL Chemistry,6
,J. Lynch,7
"""


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A copy of the package, with both tables."""
    rows = [f"{shift},{shift % 7},{name},{name}" for name in range(1, 8) for shift in (100.0, 200.0, 300.0, 300.0)]
    path = tmp_path / "pyopenspecy-0.0.1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"pyopenspecy/data/{openspecy.FACTS}", FACTS)
        archive.writestr(f"pyopenspecy/data/{openspecy.SPECTRA}", "wavenumber,intensity,sample_name,group\n" + "\n".join(rows))
    return path


def test_the_library_of_open_specy(wheel: Path, tmp_path: Path) -> None:
    """One name a material, copolymers apart; what the minerals have and what has no name is left out, and counted."""
    dataset, left_out = readers.read(wheel)
    assert dict(zip(dataset.names.tolist(), dataset.labels.tolist(), strict=True)) == {
        "openspecy/1": "PE",
        "openspecy/2": "PET",
        "openspecy/3": "Ethylene vinyl acetate 14% copolymer",
        "openspecy/6": "Cinnabar",
    }
    assert dataset.spectrum(0).axis.shift.tolist() == [100.0, 200.0, 300.0]
    assert len(left_out) == 3
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert readers.read(tmp_path / "unpacked")[0].labels.tolist() == dataset.labels.tolist()


def test_tables_without_their_columns(tmp_path: Path) -> None:
    """One clear error."""
    for name in (openspecy.FACTS, openspecy.SPECTRA):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with refused(ConfigError, "not the library of Open Specy", repr(str(tmp_path)), cause="KeyError"):
        readers.read(tmp_path)


def test_a_dataset_becomes_a_pack(wheel: Path, tmp_path: Path) -> None:
    """What was imported can be searched with any model; chemistry of known labels comes with it."""
    dataset, _ = readers.read(wheel)
    pack, left_out = build.of_dataset(dataset, "openspecy", packs.PackSource(title="Open Specy", licence="", attribution="its authors"))
    pack.save(tmp_path / "openspecy.pack.npz")
    again = Pack.open(tmp_path / "openspecy.pack.npz")
    assert not left_out
    assert [one.label for one in again.contents.references] == dataset.labels.tolist()
    assert again.materials["PE"].synonyms[0] == "polyethylene"


def test_groups_where_the_species_is_open() -> None:
    """Two plagioclases that cannot be distinguished are named as their group, others by their species; with the class head as well."""
    labels = ("Albite", "Oligoclase", "Quartz", "Calcite")
    truth = np.repeat(np.arange(4), 50)
    rng = np.random.default_rng(0)
    scores = np.full((truth.size, 4), 0.3, dtype=np.float32) + rng.uniform(0, 0.01, (truth.size, 4)).astype(np.float32)
    scores[np.arange(truth.size), truth] += 0.6
    scores[:100, :2] = 0.9 + rng.uniform(0, 0.01, (100, 2)).astype(np.float32)
    specimens = np.array([f"R{number:06}" for number in range(truth.size)])
    for similarity, head, weights in ((scores, scores, (0.0,)), (np.zeros_like(scores), scores, (0.5,))):
        found = measure.groups(measure.ScoredSplit(ScoredQueries(similarity, head, truth, weights), specimens, labels))
        assert 0.65 < found.species < 0.85
        assert found.species_or_group == found.group_right == 1.0
        assert found.level > found.species + 0.15
        assert 0.35 < found.group <= 0.5


def test_a_run_on_other_data_is_refused(tmp_path: Path) -> None:
    """Its groups would be those of another split."""
    untrained_run.write("drcnn-edge", tmp_path, 1570, 3)
    with refused(ConfigError, "a run on other data", repr(str(tmp_path)), expected="dataset_2, protocol sample"):
        measure.of_network(tmp_path)


def test_packs_are_learned_and_never_tested() -> None:
    """``data.packs`` adds its spectra to the training part; test and validation stay, and so do the digests of runs without packs."""
    smoke = config.of_model("smoke")
    without, together = (runs.prepare(config.read(smoke, replaced)) for replaced in ([], ['data.packs=["everyday"]']))
    assert runs.parts(together)["test"].tolist() == runs.parts(without)["test"].tolist()
    assert runs.parts(together)["validation"].tolist() == runs.parts(without)["validation"].tolist()
    added = np.flatnonzero(together.in_packs)
    assert not without.in_packs.any()
    assert len(added) == len(Pack.open(packs.shipped_path(packs.EVERYDAY)).spectra)
    assert set(added.tolist()) < set(together.split.train.tolist())
    assert together.features.shape == (len(together.dataset), without.features.shape[1])
    assert {"PS", "Acetonitrile"} < set(together.labels) - set(without.labels)
    assert [together.labels[k] for k in together.classes] == together.dataset.labels.tolist()
    assert b"packs" not in msgspec.json.encode(config.read(smoke))


def test_species_that_are_kept_apart_are_not_learned_from_a_pack() -> None:
    """Else a test of unknown species would be none."""
    taken = datasets.of_packs([packs.EVERYDAY], {"Calcite", "PS"})
    assert taken is not None
    assert not {"Calcite", "PS"} & set(taken.labels.tolist())
    assert "Silicon" in taken.labels
    with refused(LibraryError, "no such pack"):
        datasets.of_packs(["everday"], ())


def test_a_pack_teaches_no_species_that_a_split_keeps_apart(tmp_path: Path) -> None:
    """Polystyrene of the pack is learned where the split has it in the library, and left out where it is an unknown species."""
    whole = synthetic.make()
    labels = np.where(whole.labels == whole.labels[0], "PS", whole.labels)
    dataclasses.replace(whole, labels=labels).save(tmp_path / "lab.npz")
    seen = set()
    for seed in range(40):
        options = [f"data.path={tmp_path}/lab.npz", "data.protocol=open", f"data.split_seed={seed}", 'data.packs=["everyday"]']
        chosen = runs.prepare(config.read(config.of_model("smoke"), options))
        apart = "PS" in chosen.dataset.labels[chosen.split.unknown]
        assert ("PS" in chosen.dataset.labels[chosen.in_packs]) is not apart
        seen.add(bool(apart))
        if len(seen) > 1:
            break
    assert seen == {True, False}
