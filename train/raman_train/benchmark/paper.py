"""What the paper reports: Zhou et al., RSC Adv. 2022, 12, 5053, Table 2; means of 30 runs, random 70/30 splits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """Shares of the spectra asked; None where the paper gives none."""

    top1: float
    top3: float | None = None
    top5: float | None = None
    precision: float | None = None
    """Weighted by class size, as recall and F1 are."""
    recall: float | None = None
    f1: float | None = None


FIGURES = {
    ("dataset_1", "liu"): Published(0.9601),
    ("dataset_1", "fan"): Published(0.9679),
    ("dataset_1", "zhang_cnn"): Published(0.9583),
    ("dataset_1", "sang"): Published(0.9772),
    ("dataset_1", "drcnn"): Published(0.9798, 0.9981, 0.9981, 0.9813, 0.9798, 0.9794),
    ("dataset_2", "liu"): Published(0.8309),
    ("dataset_2", "fan"): Published(0.8368),
    ("dataset_2", "zhang_cnn"): Published(0.8466),
    ("dataset_2", "sang"): Published(0.8791),
    ("dataset_2", "drcnn"): Published(0.8818, 0.9347, 0.9347, 0.9298, 0.8842, 0.8579),
    ("dataset_3-paper", "fan"): Published(0.6581),
    ("dataset_3-paper", "zhang_cnn"): Published(0.7950),
    ("dataset_3-paper", "sang"): Published(0.8305),
    ("dataset_3-paper", "drcnn"): Published(0.8419, 0.9115, 0.9251, 0.9271, 0.8419, 0.8055),
}
"""By dataset and system, protocol ``spectrum``. The paper's "Zhang" stands beside ``zhang_cnn``."""
