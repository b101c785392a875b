"""Print the highest top-1 that a class head can have: some minerals have no spectrum in the training part of a split.

``python benchmarks/ceilings.py runs/rruff.npz`` takes the splits of the benchmark. A network that stops by validation learns from the
training part alone; one with a fixed number of epochs, and every library search, has the validation part, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import numpy as np
from raman_train.benchmark import grid
from raman_train.config import DataConfig
from raman_train.data import datasets, splits

SUBSETS: tuple[Literal["dataset_1", "dataset_2"], ...] = ("dataset_1", "dataset_2")
PROTOCOLS: tuple[Literal["spectrum", "sample"], ...] = ("spectrum", "sample")
HEAD = "subset      protocol  split  classes  without a training spectrum  ceiling, learned from train alone  with validation"


def main() -> None:
    """Print a line for each split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="FILE.npz", help="a dataset of raman-train import")
    whole = datasets.load(parser.parse_args().data)
    print(HEAD)
    for subset in SUBSETS:
        dataset = whole.subset(subset)
        names, classes = np.unique(dataset.labels, return_inverse=True)
        for protocol in PROTOCOLS:
            for seed in grid.SEEDS:
                split = splits.make(DataConfig("", subset=subset, protocol=protocol, split_seed=seed), dataset, classes)
                alone, both = (np.bincount(classes[part], minlength=names.size) for part in (split.train, split.library))
                ceilings = [float((learned[classes[split.test]] > 0).mean()) for learned in (alone, both)]
                missing = int((alone == 0).sum())
                print(f"{subset:11} {protocol:8} {seed:6} {names.size:8} {missing:28} {ceilings[0]:34.4f} {ceilings[1]:16.4f}")


if __name__ == "__main__":
    main()
