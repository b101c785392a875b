"""A variant of an exported model: the steps that make the network smaller, and the precision of its graph."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from raman_export import graph, precision
from raman_export.inference import for_inference

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray
    from torch import nn

    from raman_export.compress import Step

Precision = Literal["fp32", "fp16", "int8"]

CALIBRATION = 512
"""Number of training spectra for the calibration of int8 and of the steps."""
EXACT = ("directions", "kernel", "axes")
"""Initializers that stay fp32: the √-derivative and the projections of the embedding, which are small and must be exact."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Ordered steps, then a precision."""

    precision: Precision
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return " ".join([self.precision, *map(str, self.steps)])


PLAIN = Variant("fp32")
"""The reference of the comparison."""


def network_digest(weights: str, steps: tuple[Step, ...]) -> str:
    """Return the network digest for its library: that of the ``weights``, with the steps that change the embedding."""
    return hashlib.sha256(" ".join([weights, *map(str, steps)]).encode()).hexdigest() if steps else weights


def calibration(spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the calibration spectra from the training spectra (n, length)."""
    return spectra[spread(len(spectra), CALIBRATION)]


def spread(count: int, wanted: int) -> NDArray[np.intp]:
    """Return ``wanted`` indices at equal distances in ``count``."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).astype(np.intp))


def compress(network: nn.Module, steps: tuple[Step, ...], spectra: NDArray[np.float32]) -> nn.Module:
    """Return the network after all steps, calibrated on ``spectra`` (n, length)."""
    for step in steps:
        network = step.apply(network, spectra)
    return network


def convert(network: nn.Module, length: int) -> onnx.ModelProto:
    """Return the fp32 graph of ``network``."""
    return graph.convert(for_inference(network), length)


def reduce(proto: onnx.ModelProto, kind: Precision, spectra: NDArray[np.float32]) -> onnx.ModelProto:
    """Return the fp32 graph ``proto`` in another precision; int8 is calibrated on ``spectra`` (n, length)."""
    match kind:
        case "fp32":
            return proto
        case "fp16":
            return precision.to_fp16(proto, EXACT)
        case "int8":
            return precision.to_int8(proto, spectra, EXACT)
