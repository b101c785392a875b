"""Static int8: U8 activations, S8 weights per channel, calibrated on training spectra.

The pair that processors with VNNI multiply in one instruction. Dynamic quantisation does
nothing for convolutions.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from raman_edge.model.model import INPUT

from raman_export import graph

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK = 32


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime ships no types
    """Hands training spectra to the calibration, a few at a time."""

    def __init__(self, features: NDArray[np.float32]) -> None:
        self._chunks = iter([features[low : low + CHUNK] for low in range(0, len(features), CHUNK)])

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next chunk, None at the end."""
        chunk = next(self._chunks, None)
        return None if chunk is None else {INPUT: chunk}


def quantise(proto: onnx.ModelProto, calibration: NDArray[np.float32], exact: tuple[str, ...] = ()) -> onnx.ModelProto:
    """Return ``proto`` in int8 but for what :func:`graph.kept_exact` keeps.

    ReLU vanishes into the range of the convolution before it, whose zero point is 0; pools and joins work on int8.
    """
    kept = graph.kept_exact(proto, exact)
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        source, cleaned, made = (Path(folder) / name for name in ("fp32.onnx", "clean.onnx", "int8.onnx"))
        onnx.save(_unshared(proto), source)
        quant_pre_process(str(source), str(cleaned), skip_symbolic_shape=True)
        quantize_static(
            cleaned, made, _Reader(calibration), quant_format=QuantFormat.QDQ, op_types_to_quantize=[*graph.WEIGHTED, *graph.CARRYING],
            per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=kept,
            calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip
        return onnx.load(made)


def _unshared(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Give each recursion its own copy of the shared weights: some 7 kB of int8 a recursion.

    A quantised bias has the scale of its convolution's input times that of the weights, and
    the input's scale is another one at every recursion; onnxruntime 1.31 refuses shared
    quantised weights when it lays them out for the processor.
    """
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    known = {initializer.name: initializer for initializer in copied.graph.initializer}
    seen: set[str] = set()
    for node in copied.graph.node:
        if node.op_type != "Conv":
            continue
        for place, name in enumerate(node.input):
            if name in seen:
                own = copied.graph.initializer.add()
                own.CopyFrom(known[name])
                own.name = node.input[place] = f"{name}/{node.name}"
            elif name in known:
                seen.add(name)
    return copied
