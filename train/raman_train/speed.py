"""How fast a training is, and how much of the device it uses: ``raman-train benchmark --speed``.

DRCNN is trained twice on the same split for as many epochs (:mod:`raman_train.race`): by our loop
and the way it is usually written. What the device can do at most is measured
in the same run, as the rate of a large matrix product.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import torch
from raman_edge.errors import ConfigError

from raman_train import hardware, race, runs, steps
from raman_train.config import DrcnnConfig
from raman_train.race import Side

if TYPE_CHECKING:
    from pathlib import Path

BATCH = 256
"""Fills a large GPU; the paper's 32 spectra do not."""
SMALLEST = 2
"""Spectra that BatchNorm can take a variance of."""
TERA = 1e12
STEP_MODEL = DrcnnConfig()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one device in one run."""

    device: str
    torch: str
    revision: str
    gpu: bool
    """The figures asked for are those of a GPU; on a CPU a much smaller DRCNN shows that all of this works."""
    data: str
    spectra: int
    points: int
    classes: int
    recursions: int
    epochs: int
    parameters: int
    flops: float
    """Of forward and backward of one spectrum."""
    peak: float
    """FLOP/s of a large matrix product in the arithmetic of ``ours``."""
    peak_of: str
    ours: Side
    naive: Side
    naive_tf32: float | None
    """Spectra a second of the naive way with TF32 convolutions, which is what PyTorch does unless told otherwise; None on a CPU."""
    memory: int | None
    """Most bytes that ``ours`` held on the device; None on a CPU."""
    fraction: float
    """Of the peak, reached by ``ours`` after the first epoch."""
    ratio: float
    """Spectra a second of ``ours`` over those of ``naive``."""
    whole_ratio: float
    """Seconds of ``naive`` over those of ``ours``, compiler included."""
    dataset_2_seconds: float
    """What 40 epochs of DRCNN on 6004 spectra of 1570 points and 1332 classes take at this rate, compiler left out."""
    steps: list[steps.Step] = []
    """A step of the full DRCNN on a CPU, as first written and as it is; empty on a GPU."""


def run(device: torch.device, data: Path | None = None, batch: int | None = None, rate: float | None = None) -> Report:
    """Measure on ``device``; with ``data``, a dataset that holds Dataset_2, on a GPU the whole run of 40 epochs.

    ``batch`` is that of our training, by default 256, and ``rate`` by default the paper's times the
    root of how many times larger the batch is (the rule for Adam of Malladi et al., NeurIPS 2022);
    the naive way has the paper's. Without ``data`` a GPU is timed on noise for a few epochs. A CPU
    gets a task that ends in a minute or two, and takes no ``data``.
    """
    task = race.task(device, data)
    batch = batch if batch is not None else (BATCH if device.type == "cuda" else race.PAPER_BATCH)
    if not SMALLEST <= batch <= task.train.size:
        msg = f"a batch of {batch} spectra cannot be timed: expected {SMALLEST} to {task.train.size}, as many as there are to learn from"
        raise ConfigError(msg)
    peak, peak_of = hardware.peak(device)
    ours, memory = race.ours(task, device, batch, rate or race.PAPER_RATE * math.sqrt(batch / race.PAPER_BATCH))
    naive, tf32 = race.theirs(task, device)
    measured = steps.measure(STEP_MODEL) if device.type == "cpu" else []
    flops, parameters = hardware.cost(task.model, task.points, task.labels)
    dataset_2, _ = hardware.cost(DrcnnConfig(), race.POINTS, race.CLASSES)
    achieved = ours.spectra_per_second * flops
    return Report(
        device=runs.device_name(device),
        torch=str(torch.__version__),
        revision=runs.revision(),
        gpu=device.type == "cuda",
        data=task.data,
        spectra=task.train.size,
        points=task.points,
        classes=task.labels,
        recursions=task.model.recursions,
        epochs=task.epochs,
        parameters=parameters,
        flops=flops,
        peak=peak,
        peak_of=peak_of,
        ours=ours,
        naive=naive,
        naive_tf32=tf32,
        memory=memory,
        fraction=achieved / peak,
        ratio=ours.spectra_per_second / naive.spectra_per_second,
        whole_ratio=naive.seconds / ours.seconds,
        dataset_2_seconds=race.EPOCHS * race.SPECTRA * dataset_2 / achieved,
        steps=measured,
    )


def encode(report: Report) -> bytes:
    """Return the report as JSON, indented."""
    return msgspec.json.format(msgspec.json.encode(report)) + b"\n"


def table(report: Report) -> str:
    """Return the report as lines for a person."""
    lines = [
        f"DRCNN with {report.recursions} recursions, {report.parameters:,} parameters, {report.points} points, {report.classes} classes",
        f"{report.spectra} spectra ({report.data}), {report.epochs} epochs, {report.flops / 1e9:.2f} GFLOP a spectrum",
        f"{report.device}, torch {report.torch}, revision {report.revision}",
        f"{'':44} batch  rate     first epoch    epoch    whole  spectra/s  top-1",
        *(_row(side) for side in (report.ours, report.naive)),
        f"ours: {report.ratio:.1f} times the spectra a second of the naive way, {report.whole_ratio:.1f} times with the compiler's time",
        f"ours: {_flops(report.fraction * report.peak)}, {report.fraction:.0%} of the {_flops(report.peak)} of {report.peak_of}",
        f"at this rate 40 epochs of DRCNN on Dataset_2 take {report.dataset_2_seconds:,.0f} s",
    ]
    if report.naive_tf32:
        faster = report.ours.spectra_per_second / report.naive_tf32
        lines.append(
            f"the naive way with PyTorch's default, TF32 convolutions: {report.naive_tf32:.0f} spectra/s; ours is {faster:.1f} times"
        )
    if report.memory:
        lines.append(f"most memory held by ours: {report.memory / 2**30:.1f} GiB")
    if report.steps:
        lines += steps.table(report.steps)
    if not report.gpu:
        lines.append("This is a CPU with a tiny DRCNN: it shows that the measurement works. These are not the figures of a GPU.")
    return "\n".join(lines)


def _flops(rate: float) -> str:
    return f"{rate / TERA:.1f} TFLOP/s" if rate >= TERA else f"{rate / 1e9:.1f} GFLOP/s"


def _row(side: Side) -> str:
    top1 = "-" if side.top1 is None else f"{side.top1:.4f}"
    return (
        f"{side.how:44} {side.batch:5}  {side.rate:.1e}  {side.first_epoch:9.2f} s {side.epoch:6.2f} s {side.seconds:6.1f} s "
        f"{side.spectra_per_second:10.1f}  {top1}"
    )
