"""A variant: which steps make the network smaller, and in which precision its graph is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_export import arranged, graph, half, quantise

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray
    from torch import nn

    from raman_export.compress import Step

Precision = Literal["fp32", "fp16", "int8"]

CALIBRATION = 512
"""Training spectra shown to the calibration of int8 and of the steps."""
EXACT = ("directions", "kernel", "axes")
"""What stays fp32: the √-derivative and the projections of the embedding are small, and exactness is their use."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Ordered steps, then a precision."""

    precision: Precision
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.precision, *map(str, self.steps)])


PLAIN = Variant("fp32")
"""What every other variant is compared with."""


def network_digest(weights: str, steps: tuple[Step, ...]) -> str:
    """Return what a library of this network carries: the digest of its ``weights``, and of the steps that changed what it gives."""
    return hashlib.sha256(" ".join([weights, *map(str, steps)]).encode()).hexdigest() if steps else weights


def shown(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spectra, of those learned from (n, length), that calibrate."""
    return spectra[spread(len(spectra), CALIBRATION)]


def spread(count: int, wanted: int) -> NDArray[np.intp]:
    """Return ``wanted`` indices evenly over ``count``."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).astype(np.intp))


def compress(network: nn.Module, steps: tuple[Step, ...], calibration: NDArray[np.float32]) -> nn.Module:
    """Return the network after every step, in their order."""
    for step in steps:
        network = step.apply(network, calibration)
    return network


def convert(network: nn.Module, length: int) -> onnx.ModelProto:
    """Return the fp32 graph of ``network``."""
    return graph.convert(arranged.arrange(network), length)


def shrink(proto: onnx.ModelProto, precision: Precision, calibration: NDArray[np.float32]) -> onnx.ModelProto:
    """Return the fp32 graph ``proto`` in ``precision``."""
    match precision:
        case "fp32":
            return proto
        case "fp16":
            return half.halve(proto, EXACT)
        case "int8":
            return quantise.quantise(proto, calibration, EXACT)
