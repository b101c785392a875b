"""What a network takes from another one that learned other labels: all but the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from raman_edge.errors import ConfigError

from raman_train.models import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from raman_train.config import ModelConfig
    from raman_train.models import Network


def last_layer(config: ModelConfig, length: int) -> frozenset[str]:
    """Return the names of the weights that belong to the labels: those whose shape depends on how many there are.

    Told from two networks without storage that differ in nothing else, so no system has to name its own.
    """
    with torch.device("meta"):
        two, three = (build(config, length, labels).state_dict() for labels in (2, 3))
    return frozenset(name for name in two if two[name].shape != three[name].shape)


def load_all_but_last(network: Network, learned: Mapping[str, Tensor], config: ModelConfig, length: int) -> None:
    """Copy ``learned`` into ``network``, statistics of batch normalisation included; the last layer stays as it is.

    Raises :class:`ConfigError` where the two are not the same network on the same axis.
    """
    own, last = network.state_dict(), last_layer(config, length)
    wrong = [name for name in own if name not in last and (name not in learned or learned[name].shape != own[name].shape)]
    if wrong:
        msg = f"the pretrained weights are of another network or axis: {wrong[:3]} do not fit. Remove them and pretrain again"
        raise ConfigError(msg)
    network.load_state_dict({name: own[name] if name in last else learned[name] for name in own})
