"""The queue of the paper's Table 2: its cells and their order."""

from __future__ import annotations

import pytest
from raman_edge.errors import ConfigError
from raman_train import config
from raman_train.benchmark import grid
from raman_train.benchmark.grid import Cell, DatasetFiles


def test_the_papers_own_network_comes_first_and_every_cell_once() -> None:
    """DRCNN on both datasets, the other networks, the split by specimen, Dataset_3, then more splits of the quick ones."""
    cells = grid.table_2_cells()
    assert len(set(cells)) == len(cells)
    assert cells[:3] == [
        Cell("drcnn", "dataset_1", "spectrum", 0), Cell("drcnn", "dataset_2", "spectrum", 0), Cell("sang", "dataset_1", "spectrum", 0),
    ]  # fmt: skip
    first = {(cell.system, cell.dataset) for cell in cells if cell.protocol == "spectrum" and cell.seed == 0}
    assert first >= {
        (system, dataset) for system in ("drcnn", "sang", "zhang_cnn", "zhang_dnn", "liu", "fan") for dataset in grid.TABLE_2_DATASETS
    }
    assert {(cell.system, cell.dataset) for cell in cells if cell.protocol == "sample"} == {
        (system, dataset) for system in ("drcnn", "sang") for dataset in grid.TABLE_2_DATASETS
    }


def test_a_part_of_the_queue_keeps_its_order() -> None:
    """A second machine takes other systems; what the queue does not have is refused with what it has."""
    assert grid.table_2_part((), (), (), ()) == grid.table_2_cells()
    part = grid.table_2_part(("liu", "sang"), (), ("spectrum",), (0,))
    assert [(cell.system, cell.dataset) for cell in part] == [
        ("sang", "dataset_1"), ("sang", "dataset_2"), ("liu", "dataset_1"), ("liu", "dataset_2"),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="--systems: got knn; the queue of Table 2 has drcnn, sang, "):
        grid.table_2_part(("knn",), (), (), ())
    with pytest.raises(ConfigError, match="no cell of the queue"):
        grid.table_2_part(("liu",), (), ("sample",), ())


def test_a_cap_changes_epochs_and_patience_of_the_slow_ones_alone() -> None:
    """Everything else is the packaged recipe; a GPU trains it without a cap."""
    for cell in grid.table_2_cells():
        whole, capped = (grid.table_2_configuration(cell, DatasetFiles(), capped=cut) for cut in (False, True))
        recipe = config.read(config.of_model(cell.system)).training
        assert (whole.training.epochs, whole.training.patience) == (recipe.epochs, recipe.patience)
        if cell.system in grid.SLOW:
            assert (capped.training.epochs, capped.training.patience) == (40, 10)
        else:
            assert capped == whole
        assert capped.settings_sha256 == whole.settings_sha256 or cell.system in grid.SLOW
