"""Names and digests that run folders and result files on disk depend on: they never change."""

from __future__ import annotations

from pathlib import Path

import pytest
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train.benchmark import grid, sweep
from raman_train.benchmark.grid import Cell, DatasetFiles
from raman_train.transfer import systems

TABLE_2 = {
    "drcnn-dataset_1-spectrum-0": ("7f593bd7", "958bc62d"),
    "drcnn-dataset_2-spectrum-0": ("2fc2b24f", "e1f26ed6"),
    "sang-dataset_1-spectrum-0": ("dee5e8d7", "085c7a24"),
    "sang-dataset_2-spectrum-0": ("863b2aaf", "7b8fef89"),
    "zhang_cnn-dataset_1-spectrum-0": ("2421ddf4", "2421ddf4"),
    "zhang_cnn-dataset_2-spectrum-0": ("e34a11eb", "e34a11eb"),
    "zhang_dnn-dataset_1-spectrum-0": ("3ff28589", "3ff28589"),
    "zhang_dnn-dataset_2-spectrum-0": ("4b1df304", "4b1df304"),
    "liu-dataset_1-spectrum-0": ("fe668069", "fe668069"),
    "liu-dataset_2-spectrum-0": ("9a587f6d", "9a587f6d"),
    "fan-dataset_1-spectrum-0": ("567605e8", "567605e8"),
    "fan-dataset_2-spectrum-0": ("5a7c4ea0", "5a7c4ea0"),
    "drcnn-dataset_1-sample-0": ("97b9a3fa", "a6612a71"),
    "sang-dataset_1-sample-0": ("71db9440", "8a090f27"),
    "drcnn-dataset_2-sample-0": ("c4cfac22", "becf2f5b"),
    "sang-dataset_2-sample-0": ("0762d130", "a44389ea"),
    "drcnn-dataset_3-paper-spectrum-0": ("c39b7e3f", "13d85bd4"),
    "fan-dataset_2-spectrum-4": ("d3d9632f", "d3d9632f"),
}
"""Ends of the run folders of cells of Table 2: on a CPU, where the slow ones are capped, and with the paper's epochs."""
SETTINGS = {"drcnn": "cbde645be803", "zhang_dnn": "d9de3fe6ae24", "fan": "f84e97359ec0"}
RECIPE = Recipe((Resample(start=200.0, stop=1800.0, step=1.0, outside="hold"), MinMax()))
TRANSFER = {
    "zhang_dnn": ("7bf25d24b572", "0bc99088d00b", "c98bcf97f0d1", "39724413865a"),
    "drcnn-edge": ("d99687c1f750", "914a374cda90", "9c2dfdaf182f", "268074f08b7b"),
}
"""Of ``scratch``, ``enrolled`` and ``transfer``, and of the pretrained weights."""


@pytest.mark.parametrize("capped", [True, False])
def test_the_run_folders_of_table_2_keep_their_names(capped: bool) -> None:  # noqa: FBT001 - a case
    """The folder of a cell on disk is found and resumed by every later version."""
    found = {}
    for cell in grid.table_2_cells():
        folder = sweep.job(cell, grid.table_2_configuration(cell, DatasetFiles(), capped=capped), Path("runs"), "cpu").folder
        found[str(cell)] = Path(folder).name
    assert {name: found[name] for name in TABLE_2} == {name: f"{name}-{ends[not capped]}" for name, ends in TABLE_2.items()}


def test_a_cell_of_the_grid_keeps_its_name_and_settings() -> None:
    """The same for a cell of ``raman-train benchmark``, and for the digest by which results are averaged."""
    cell = Cell("drcnn-edge", "dataset_1", "sample", 0)
    assert Path(sweep.job(cell, grid.configuration(cell, DatasetFiles()), Path("runs"), "cpu").folder).name == f"{cell}-331fc3ab"
    for system, digest in SETTINGS.items():
        made = grid.configuration(Cell(system, "dataset_1", "spectrum", 3), DatasetFiles())
        assert made.settings_sha256.startswith(digest)


def test_transfer_results_keep_their_digests() -> None:
    """Lines of ``transfer.jsonl`` and pretrained networks are found again."""
    for name, system in systems.read(list(TRANSFER)).items():
        *starts, pretrained = TRANSFER[name]
        assert [system.sha256(start, RECIPE)[:12] for start in ("scratch", "enrolled", "transfer")] == starts
        assert system.pretrained_sha256(RECIPE, "ab").startswith(pretrained)
    assert systems.read(["root-derivative"])["root-derivative"].sha256("references", RECIPE).startswith("04e07cea91b0")
