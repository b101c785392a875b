"""The queue of the paper's Table 2: what it holds, in which order, and that it goes on where it stood."""

from __future__ import annotations

from raman_train import config
from raman_train.benchmark import table2
from raman_train.benchmark.grid import Cell, Files


def test_the_papers_own_network_comes_first_and_every_cell_once() -> None:
    """DRCNN on both datasets, the other networks, crystals kept apart, Dataset_3, then more splits of the quick ones."""
    cells = table2.cells()
    assert len(set(cells)) == len(cells)
    assert cells[:3] == [
        Cell("drcnn", "dataset_1", "spectrum", 0), Cell("drcnn", "dataset_2", "spectrum", 0), Cell("sang", "dataset_1", "spectrum", 0),
    ]  # fmt: skip
    first = {(cell.system, cell.dataset) for cell in cells if cell.protocol == "spectrum" and cell.seed == 0}
    assert first >= {(system, dataset) for system in ("drcnn", "sang", "zhang_cnn", "zhang_dnn", "liu", "fan") for dataset in table2.BOTH}
    assert {(cell.system, cell.dataset) for cell in cells if cell.protocol == "sample"} == {
        (system, dataset) for system in ("drcnn", "sang") for dataset in table2.BOTH
    }


def test_a_cap_changes_epochs_and_patience_of_the_slow_ones_alone() -> None:
    """Everything else stays the packaged recipe; a GPU trains it whole."""
    for cell in table2.cells():
        whole, capped = (table2.configuration(cell, Files(), capped=cut) for cut in (False, True))
        recipe = config.read(config.of_model(cell.system)).training
        assert (whole.training.epochs, whole.training.patience) == (recipe.epochs, recipe.patience)
        if cell.system in table2.SLOW:
            assert (capped.training.epochs, capped.training.patience) == (40, 10)
        else:
            assert capped == whole
        assert capped.settings_sha256 == whole.settings_sha256 or cell.system in table2.SLOW
