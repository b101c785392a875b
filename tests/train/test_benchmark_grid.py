"""The cells of a benchmark, and the configuration of each."""

from __future__ import annotations

import pytest
from benchmark_lines import line
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import Resample
from raman_train.benchmark import grid
from raman_train.benchmark.grid import Cell, DatasetFiles


def test_every_system_has_the_first_seed_before_any_has_the_second() -> None:
    """Seeds are outermost, the rest keeps the given order."""
    found = grid.cells(["svm", "cosine"], ["dataset_2", "dataset_1"], ["sample"], [3, 1])
    assert [str(cell) for cell in found] == [
        f"{system}-{dataset}-sample-{seed}" for seed in (3, 1) for dataset in ("dataset_2", "dataset_1") for system in ("svm", "cosine")
    ]


def test_all_is_every_system_in_the_order_of_the_tables() -> None:
    """The paper's systems come first, ours last."""
    systems = [cell.system for cell in grid.cells(["all"], ["dataset_1"], ["sample"], [0])]
    assert systems == list(grid.SYSTEMS)
    assert (systems[0], systems[-1]) == ("liu", "drcnn-edge")


@pytest.mark.parametrize(
    ("systems", "datasets", "protocols", "message"),
    [
        (["vgg"], ["dataset_1"], ["sample"], "unknown system: vgg; expected liu"),
        (["liu", "all"], ["dataset_1"], ["sample"], "unknown system: all"),
        (["liu"], ["dataset_4"], ["sample"], "unknown dataset: dataset_4; expected dataset_1"),
        (["liu"], ["dataset_1"], ["none"], "unknown protocol: none; expected spectrum"),
        ([], ["dataset_1"], ["sample"], "unknown system: none given"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(
    systems: list[str], datasets: list[str], protocols: list[str], message: str
) -> None:
    """A misspelt system, dataset or protocol is refused."""
    with pytest.raises(ConfigError, match=message):
        grid.cells(systems, datasets, protocols, [0])


@pytest.mark.parametrize("system", grid.SYSTEMS)
def test_every_system_has_its_packaged_configuration(system: str) -> None:
    """The name of a row is the system of its configuration."""
    made = grid.configuration(Cell(system, "dataset_2", "sample", 4), DatasetFiles(data="here.npz"))
    assert made.system == system
    assert (made.data.path, made.data.subset, made.data.protocol, made.data.copies) == ("here.npz", "dataset_2", "sample", "none")
    assert made.data.split_seed == made.training.seed == 4


@pytest.mark.parametrize(("dataset", "copies"), [("dataset_3", "after_split"), ("dataset_3-paper", "before_split")])
def test_dataset_3_is_1024_points_of_the_native_files(dataset: str, copies: str) -> None:
    """Both versions are on the paper's axis, 0 to 1700, zero outside, and differ in the time of copying."""
    made = grid.configuration(Cell("cosine", dataset, "spectrum", 0), DatasetFiles(native="native.npz"))
    axis = made.recipe.axis
    assert (len(axis), axis.start, axis.stop) == (1024, 0.0, pytest.approx(1700.0))
    assert isinstance(step := made.recipe.steps[0], Resample)
    assert step.outside == "zero"
    assert (made.data.path, made.data.subset, made.data.copies) == ("native.npz", "dataset_3", copies)


def test_set_goes_into_every_configuration_but_not_where_cells_differ() -> None:
    """Epochs and the path of the data can be set; seed, protocol and system cannot."""
    cell = Cell("drcnn", "dataset_1", "sample", 0)
    made = grid.configuration(cell, DatasetFiles(), ["training.epochs=2", "data.path=synthetic"])
    assert (made.training.epochs, made.data.path) == (2, "synthetic")
    with pytest.raises(ConfigError, match=r"determine training\.seed; use --seeds"):
        grid.configuration(cell, DatasetFiles(), ["training.seed=3"])
    with pytest.raises(ConfigError, match=r"determine data\.protocol; use --protocols"):
        grid.configuration(cell, DatasetFiles(), ["data.protocol = laser"])
    with pytest.raises(ConfigError, match="'liu' in a cell of 'drcnn'"):
        grid.configuration(cell, DatasetFiles(), ["model={name='liu'}"])


@pytest.mark.parametrize(("dataset", "source"), grid.DATASETS.items())
def test_a_result_knows_its_dataset(dataset: str, source: grid.Source) -> None:
    """The dataset of a result is that of its cell."""
    assert grid.dataset_of(line(subset=source.subset, copies=source.copies)) == dataset


def test_a_result_of_no_dataset_of_ours_keeps_a_name_of_its_own() -> None:
    """Dataset_1 with copies is not Dataset_1."""
    assert grid.dataset_of(line(copies="after_split")) == "dataset_1, copies after_split"


@pytest.mark.parametrize(
    ("text", "seeds", "again"),
    [("0-4", (0, 1, 2, 3, 4), "0-4"), ("7", (7,), "7"), ("0,2,7", (0, 2, 7), "0,2,7"), ("1-2, 2,0", (1, 2, 0), "0-2")],
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: tuple[int, ...], again: str) -> None:
    """Seeds are read once each, and written in the form they are read in."""
    assert grid.seeds(text) == seeds
    assert grid.seeds_text(seeds) == again


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "4-0", "0..4", "1,,2"])
def test_other_seeds_are_refused(text: str) -> None:
    """Anything that is not a number or a range is refused."""
    with pytest.raises(ConfigError, match="--seeds: got"):
        grid.seeds(text)
