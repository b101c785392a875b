"""One training step of the paper's DRCNN on a CPU, as first written and with each thing that made it faster.

``raman-train benchmark --speed`` prints it: Dataset_1's size (1570 points, 192 classes), batch 32, noise for spectra.
Processor seconds are counted, so that another program on the machine disturbs less.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import msgspec
import torch

from raman_train import device, layout, memory
from raman_train.models import build
from raman_train.optimiser import ADAM_BETAS

if TYPE_CHECKING:
    from raman_train.config import DrcnnConfig
    from raman_train.device import Arithmetic

POINTS, CLASSES, BATCH, RATE = 1570, 192, 32, 1e-4
"""Dataset_1 and the recipe of Zhou 2022."""
TIMED = 2
"""Steps counted, after one that warms up."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One way to make a step, measured."""

    how: str
    seconds: float
    """Of a processor, the fastest step."""
    wall: float
    """Seconds by the clock, of the same step."""
    losses: list[float]
    """Of every step, from the same weights and spectra."""


def measure(config: DrcnnConfig) -> list[Step]:
    """Return a step's time in each way, slowest first; bf16 is left out where the processor does not multiply it."""
    ways: list[tuple[str, bool, bool, Arithmetic]] = [
        ("fp32, Adam, memory given back", False, False, "fp32"),
        ("+ one kernel for Adam", True, False, "fp32"),
        ("+ freed memory kept", True, True, "fp32"),
    ]
    if device.cpu_multiplies_bf16():
        ways.append(("+ bf16", True, True, "bf16"))
    return [_measured(config, *way) for way in ways]


def _measured(config: DrcnnConfig, how: str, fused: bool, keep: bool, kind: Arithmetic) -> Step:  # noqa: FBT001 - a row of the table above
    cpu = torch.device("cpu")
    torch.manual_seed(0)
    network = build(config, POINTS, CLASSES)
    layout.channels_last(network)
    network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=RATE, betas=ADAM_BETAS, fused=fused)
    spectra, labels = torch.rand(BATCH, POINTS), torch.randint(CLASSES, (BATCH,))
    took, losses = [], []
    with memory.kept() if keep else nullcontext():
        for _ in range(1 + TIMED):
            processor, wall = time.process_time(), time.perf_counter()
            optimiser.zero_grad(set_to_none=True)
            with device.autocast(kind, cpu):
                loss = network.loss(spectra, labels)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
            optimiser.step()
            took.append((time.process_time() - processor, time.perf_counter() - wall))
            losses.append(round(float(loss.detach()), 4))
    seconds, clock = min(took[1:])
    return Step(how=how, seconds=round(seconds, 3), wall=round(clock, 3), losses=losses)


def table(steps: list[Step]) -> list[str]:
    """Return the steps as lines for a person, each with its ratio to the first."""
    lines = [f"one step of DRCNN as published, batch {BATCH}:   processor s   wall s   times as fast   losses"]
    for step in steps:
        losses = " ".join(f"{loss:.3f}" for loss in step.losses)
        lines.append(f"  {step.how:40} {step.seconds:10.2f} {step.wall:8.2f} {steps[0].seconds / step.seconds:13.1f}    {losses}")
    return lines
