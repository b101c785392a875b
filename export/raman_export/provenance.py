"""What a card says its model was made from: the data that were really used, and the method that was really trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raman_train.config import DrcnnConfig, DrcnnEdgeConfig, FanConfig, LiuConfig, SangConfig, ZhangCnnConfig, ZhangDnnConfig
from raman_train.data.datasets import NATIVE
from raman_train.runs import SYNTHETIC

if TYPE_CHECKING:
    from raman_train.checkpoint import About
    from raman_train.config import ModelConfig
    from raman_train.data.datasets import Dataset

RRUFF = (
    "Lafuente B, Downs R T, Yang H, Stone N (2015) The power of databases: the RRUFF project. "
    "Highlights in Mineralogical Crystallography, 1-30"
)
SANG = "Sang et al. (2022) Neural Process. Lett. 54, 677 (the arrays of Dataset_1 and Dataset_2)"
METHODS: dict[type[ModelConfig], str] = {
    DrcnnConfig: "Zhou et al. (2022) RSC Adv. 12, 5053 (DRCNN)",
    DrcnnEdgeConfig: "Zhou et al. (2022) RSC Adv. 12, 5053 (DRCNN, the recursion that this network is made of)",
    LiuConfig: "Liu et al. (2017) arXiv 1708.09022",
    FanConfig: "Fan et al. (2019) Analyst 144, 1789 (DeepCID)",
    ZhangCnnConfig: "Zhang et al. (2020) J. Raman Spectrosc. 51, 176",
    ZhangDnnConfig: "Zhang et al. (2020) J. Raman Spectrosc. 51, 176",
    SangConfig: "Sang et al. (2022) Neural Process. Lett. 54, 677",
}
"""The paper of each network; a library search has none."""
PAPER = 0b011
"""Bits of :attr:`Dataset.subsets`: in Dataset_1 or Dataset_2 of the paper."""


class Source(NamedTuple):
    """What the card says of the data and the method."""

    trained_on: str
    cite: tuple[str, ...]
    licence: str


def describe(about: About, dataset: Dataset) -> Source:
    """Return what the card of a run says; ``dataset`` is what it was trained on and measured with."""
    cite, terms = [], []
    if bool((dataset.subsets & (PAPER | NATIVE)).any()):
        cite.append(RRUFF)
        terms.append("made from RRUFF spectra, published without a licence; RRUFF asks to be cited")
    if bool((dataset.subsets & PAPER).any()):
        cite.append(SANG)
    computed = about.config.data.path == SYNTHETIC
    others = 0 if computed else int((dataset.subsets == 0).sum())
    if computed:
        terms.append("made from computed spectra")
    elif others:
        terms.append(
            f"made from {others} spectra of {Path(about.config.data.path).name} whose terms the file does not name: ask who made it"
        )
    if type(about.config.model) in METHODS:
        cite.append(METHODS[type(about.config.model)])
    return Source(
        trained_on=(
            f"{about.spectra} Raman spectra of {about.specimens} specimens, {len(about.labels)} labels "
            f"({Path(about.config.data.path).name}, {about.config.data.subset})"
        ),
        cite=tuple(dict.fromkeys(cite)),
        licence=". ".join([*terms, "The weights: MIT" if not others else "The weights: as their maker decides"]),
    )
