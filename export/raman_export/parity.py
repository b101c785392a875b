"""Does the exported graph compute what the network computes?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnxruntime as ort
import torch
from raman_edge.errors import ModelError
from raman_edge.model import runtime
from raman_edge.model.model import INPUT, OUTPUTS, Outputs

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray
    from torch import nn

BATCH = 128
MAX_DIFFERENCE = 2e-3
"""Largest accepted difference of a logit (they reach ±20) between torch and onnxruntime, both fp32."""
MIN_COSINE = 0.99999
"""Smallest accepted cosine of two fp32 embeddings."""


class Parity(msgspec.Struct, frozen=True):
    """Two runs of the same spectra, compared."""

    logits: float
    """Largest absolute difference of a logit."""
    embedding: float | None
    """Smallest cosine of two embeddings; None where they are not of one length."""
    agreement: float
    """Share of spectra with the same best class."""


def session(data: bytes, threads: int) -> ort.InferenceSession:
    """Open a graph on the CPU as the edge does."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", runtime.exact_products())
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run(proto: onnx.ModelProto, features: NDArray[np.float32], threads: int = 2) -> Outputs:
    """Run a graph on ``features`` (n, length) in batches."""
    opened = session(proto.SerializeToString(), threads)
    made = [opened.run(OUTPUTS, {INPUT: features[low : low + BATCH]}) for low in range(0, len(features), BATCH)]
    return Outputs(*(np.concatenate(part) for part in zip(*made, strict=True)))


def compare(left: Outputs, right: Outputs) -> Parity:
    """Compare the outputs of two graphs for the same spectra."""
    return Parity(
        logits=float(np.abs(left.logits - right.logits).max()),
        embedding=float((left.embedding * right.embedding).sum(axis=1).min()) if left.embedding.shape == right.embedding.shape else None,
        agreement=float((left.logits.argmax(axis=1) == right.logits.argmax(axis=1)).mean()),
    )


@torch.no_grad()
def check(network: nn.Module, proto: onnx.ModelProto, features: NDArray[np.float32]) -> Parity:
    """Compare torch and onnxruntime on ``features``; :class:`ModelError` beyond the tolerance."""
    network.eval()
    logits, embedding = network(torch.from_numpy(features))
    found = compare(Outputs(logits.numpy(), embedding.numpy()), run(proto, features))
    cosine = found.embedding or 0.0
    if not (found.logits <= MAX_DIFFERENCE and cosine >= MIN_COSINE):
        msg = (
            f"onnxruntime does not compute what torch computes: logits differ by {found.logits:.2g} (at most {MAX_DIFFERENCE}), "
            f"embeddings have a cosine of {cosine:.6f} (at least {MIN_COSINE}). Nothing was written"
        )
        raise ModelError(msg)
    return found
