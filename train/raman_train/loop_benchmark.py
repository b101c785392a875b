"""Speed of the training loop, and its share of what the device can do: ``raman-train benchmark --speed``.

DRCNN is trained twice on the same split for the same number of epochs: by :mod:`raman_train.loop`, and by a plain loop (fp32, a
data loader, torch's Adam, no compiler, the loss read after every step). The peak of the device is measured in the same run as
the rate of a large matrix product. On a CPU a step of the full DRCNN is also timed without and with each optimisation.
"""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from raman_train import device as devices
from raman_train import loop, runs
from raman_train.config import Config, DataConfig, DrcnnConfig, TrainingConfig
from raman_train.data import splits
from raman_train.models import build
from raman_train.optimiser import ADAM_BETAS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from raman_train.config import NetworkConfig
    from raman_train.device import Arithmetic
    from raman_train.models import Network

SPECTRA, POINTS, CLASSES, EPOCHS = 6004, 1570, 1332, 40
"""Dataset_2 without its test part, and the epochs whose duration is extrapolated."""
PAPER_BATCH, PAPER_RATE = 32, 1e-4
"""Zhou et al. 2022."""
BATCH = 256
"""Fills a large GPU; the paper's 32 spectra do not."""
MIN_BATCH = 2
"""BatchNorm needs a variance."""
NOISE_EPOCHS = 4
"""Epochs on noise; the first one does not count."""
TINY_EPOCHS = 12
TINY_MODEL = DrcnnConfig(recursions=2)
TINY = Config(
    TINY_MODEL,
    DataConfig(runs.SYNTHETIC, protocol="spectrum"),
    recipe=Recipe((Resample(start=100.0, stop=1497.0, step=11.0, outside="hold"), MinMax())),
)
"""Network and data for a CPU: 128 points, trained in seconds."""
STEP_MODEL, STEP_POINTS, STEP_CLASSES, TIMED_STEPS = DrcnnConfig(), 1570, 192, 2
"""The step timed on a CPU: Dataset_1's size; one more step warms up."""
DENORMAL, DENORMAL_SHARE = 1e-40, 0.18
"""Of Adam's means in DRCNN's first dense layer after 20 epochs of Dataset_2, counted in the state of that run."""
WARM_UP_PRODUCTS, TIMED_PRODUCTS = 3, 10
TERA = 1e12


class LoopTiming(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two trainings."""

    how: str
    batch: int
    rate: float
    first_epoch: float
    """Seconds, including compilation and the search for the fastest convolutions."""
    epoch: float
    """Seconds, mean of the other epochs."""
    seconds: float
    """Wall time of the whole training, including compilation and saved states."""
    spectra_per_second: float
    """After the first epoch."""
    top1: float | None
    """On the test part; None for noise."""


class StepTiming(msgspec.Struct, frozen=True, kw_only=True):
    """A training step on a CPU with some of the optimisations."""

    how: str
    seconds: float
    """Processor seconds of the fastest step; other programs disturb them less than wall time."""
    wall: float
    """Wall time of the same step, s."""
    losses: list[float]
    """Of every step, from the same weights and spectra."""


class SpeedReport(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements on one device in one run."""

    device: str
    torch: str
    revision: str
    gpu: bool
    """False: a much smaller DRCNN on a CPU, which only shows that the measurement works."""
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
    ours: LoopTiming
    naive: LoopTiming
    naive_tf32: float | None
    """Spectra per second of the plain loop with TF32 convolutions, PyTorch's default; None on a CPU."""
    memory: int | None
    """Peak memory of ``ours`` on the device, bytes; None on a CPU."""
    fraction: float
    """Share of the peak that ``ours`` reaches after the first epoch."""
    ratio: float
    """Spectra per second of ``ours`` over those of ``naive``."""
    whole_ratio: float
    """Seconds of ``naive`` over those of ``ours``, including compilation."""
    dataset_2_seconds: float
    """Duration of 40 epochs of DRCNN on 6004 spectra of 1570 points and 1332 classes at this rate, without compilation."""
    steps: list[StepTiming] = []
    """Empty on a GPU."""


@dataclass(frozen=True, eq=False, slots=True)
class SpeedTask:
    """Network and data of both trainings."""

    data: str
    features: NDArray[np.float32]
    """(n, points)."""
    classes: NDArray[np.intp]
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    """Empty for noise."""
    labels: int
    model: DrcnnConfig
    epochs: int

    def network(self, device: torch.device) -> Network:
        """Return the untrained network, the same at each call."""
        torch.manual_seed(0)
        return build(self.model, self.features.shape[1], self.labels).to(device)

    def timing(self, how: str, batch: int, rate: float, epochs: list[float], seconds: float, network: Network) -> LoopTiming:
        """Return the timing of one training from the seconds of its epochs and of the whole."""
        mean, top1 = float(np.mean(epochs[1:])), None
        if self.test.size:
            logits, _ = loop.outputs(network, torch.from_numpy(self.features[self.test]))
            top1 = round(float((logits.argmax(1) == self.classes[self.test]).mean()), 4)
        return LoopTiming(
            how=how, batch=batch, rate=rate, first_epoch=epochs[0], epoch=mean, seconds=seconds,
            spectra_per_second=self.train.size // batch * batch / mean, top1=top1,
        )  # fmt: skip


def run(device: torch.device, data: Path | None = None, batch: int | None = None, rate: float | None = None) -> SpeedReport:
    """Measure on ``device``.

    With ``data``, a dataset that contains Dataset_2, a GPU trains all 40 epochs; without it, a few epochs of noise. A CPU gets a
    task of a minute or two. ``batch`` and ``rate`` are those of our loop; by default 256 on a GPU, and the paper's rate times the
    square root of the ratio of the batches (Malladi et al., NeurIPS 2022). The plain loop has the paper's.

    Raises:
        ConfigError: if the batch does not fit the task, or a CPU gets ``data``.
    """
    task = _task(device, data)
    batch = batch if batch is not None else (BATCH if device.type == "cuda" else PAPER_BATCH)
    if not MIN_BATCH <= batch <= task.train.size:
        msg = f"--speed-batch: got {batch}, expected {MIN_BATCH} to {task.train.size}, the number of training spectra"
        raise ConfigError(msg)
    peak, peak_of = matrix_peak(device)
    ours, memory = train_ours(task, device, batch, rate or PAPER_RATE * math.sqrt(batch / PAPER_BATCH))
    naive, tf32 = train_plainly(task, device)
    points = task.features.shape[1]
    flops, parameters = cost(task.model, points, task.labels)
    dataset_2, _ = cost(DrcnnConfig(), POINTS, CLASSES)
    achieved = ours.spectra_per_second * flops
    return SpeedReport(
        device=devices.name_of(device), torch=str(torch.__version__), revision=runs.revision(), gpu=device.type == "cuda",
        data=task.data, spectra=task.train.size, points=points, classes=task.labels, recursions=task.model.recursions,
        epochs=task.epochs, parameters=parameters, flops=flops, peak=peak, peak_of=peak_of, ours=ours, naive=naive,
        naive_tf32=tf32, memory=memory, fraction=achieved / peak, ratio=ours.spectra_per_second / naive.spectra_per_second,
        whole_ratio=naive.seconds / ours.seconds, dataset_2_seconds=EPOCHS * SPECTRA * dataset_2 / achieved,
        steps=time_steps(STEP_MODEL) if device.type == "cpu" else [],
    )  # fmt: skip


def _task(device: torch.device, data: Path | None) -> SpeedTask:
    """Return the task for ``device``: Dataset_2 of ``data``, noise of its size, or a tiny one on a CPU."""
    if device.type != "cuda" and data:
        msg = f"40 epochs of DRCNN on {str(data)!r} take days on a CPU: use --device cuda, or omit --data"
        raise ConfigError(msg)
    if device.type == "cuda" and not data:
        rng = np.random.default_rng(0)
        features, classes = rng.random((SPECTRA, POINTS), dtype=np.float32), rng.integers(CLASSES, size=SPECTRA)
        return SpeedTask("noise", features, classes, np.arange(SPECTRA), splits.no_indices(), CLASSES, DrcnnConfig(), NOISE_EPOCHS)
    what, model, config, epochs = "synthetic spectra", TINY_MODEL, TINY, TINY_EPOCHS
    if data:
        config = Config(DrcnnConfig(), DataConfig(str(data), subset="dataset_2", protocol="spectrum"))
        what, model, epochs = "Dataset_2, protocol spectrum", DrcnnConfig(), EPOCHS
    prepared = runs.prepare(config)
    train = np.concatenate([prepared.split.train, prepared.split.validation])
    return SpeedTask(what, prepared.features, prepared.classes, train, prepared.split.test, len(prepared.labels), model, epochs)


def train_ours(task: SpeedTask, device: torch.device, batch: int, rate: float) -> tuple[LoopTiming, int | None]:
    """Train with :func:`raman_train.loop.fit`; return its timing, and its peak memory on a GPU, bytes."""
    on_gpu = device.type == "cuda"
    # bf16 does not speed up a network as small as the one for a CPU; time_steps() measures a real one.
    training = TrainingConfig(
        epochs=task.epochs, batch=batch, rate=rate, optimiser="adam", weight_decay=0, average=0, precision="auto" if on_gpu else "fp32"
    )
    network = task.network(device)
    train, nothing = (loop.Examples.of(task.features[part], task.classes[part], device) for part in (task.train, splits.no_indices()))
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        trained, history = loop.fit(network, train, nothing, training, Path(folder), lambda _: None)
        seconds = time.perf_counter() - started
    how = "ours: bf16, compiled, data on the device" if on_gpu else "ours: fp32"
    timing = task.timing(how, batch, rate, [done.seconds for done in history], seconds, trained)
    return timing, torch.cuda.max_memory_allocated(device) if on_gpu else None


def train_plainly(task: SpeedTask, device: torch.device) -> tuple[LoopTiming, float | None]:
    """Train with :func:`plain_fit`; return its timing, and on a GPU the spectra per second with TF32 convolutions."""
    network = task.network(device)
    spectra, classes = torch.from_numpy(task.features[task.train]), torch.from_numpy(task.classes[task.train].astype(np.int64))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        started = time.perf_counter()
        epochs = plain_fit(network, spectra, classes, task.epochs, PAPER_BATCH, PAPER_RATE)
        seconds = time.perf_counter() - started
        timing = task.timing("naive: fp32, data loader, Adam, not compiled", PAPER_BATCH, PAPER_RATE, epochs, seconds, network)
    if device.type != "cuda":
        return timing, None
    again = plain_fit(network, spectra, classes, 2, PAPER_BATCH, PAPER_RATE)
    return timing, len(spectra) // PAPER_BATCH * PAPER_BATCH / again[1]


def plain_fit(network: Network, features: Tensor, classes: Tensor, epochs: int, batch: int, rate: float) -> list[float]:
    """Train ``network`` on its device with tensors in host memory, (n, length) and (n,), and return the seconds of each epoch."""
    device = next(network.parameters()).device
    loader = DataLoader(TensorDataset(features, classes), batch_size=batch, shuffle=True, drop_last=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    network.train()
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        total = 0.0
        for spectra, labels in loader:
            loss = network.loss(spectra.to(device), labels.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
            optimiser.step()
            total += loss.item()
        seconds.append(time.perf_counter() - started)
    return seconds


def matrix_peak(device: torch.device) -> tuple[float, str]:
    """Return the FLOP/s of a large product of random matrices in the arithmetic of a training on ``device``, and its description."""
    on_gpu = device.type == "cuda"
    size, kind = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    started = 0.0
    for number in range(-WARM_UP_PRODUCTS, TIMED_PRODUCTS):
        if number == 0:
            if on_gpu:
                torch.cuda.synchronize(device)
            started = time.perf_counter()
        left @ right
    if on_gpu:
        torch.cuda.synchronize(device)
    rate = 2 * size**3 * TIMED_PRODUCTS / (time.perf_counter() - started)
    return rate, f"{size}x{size} {str(kind).removeprefix('torch.')} matrices"


def cost(config: NetworkConfig, points: int, classes: int) -> tuple[float, int]:
    """Return the FLOPs of forward and backward of one spectrum, and the number of parameters; nothing is computed.

    A multiplication and an addition are two FLOPs. Only matrices and convolutions count; the rest is small.
    """
    batch = 2
    with torch.device("meta"):
        network = build(config, points, classes)
        spectra, labels = torch.empty(batch, points), torch.empty(batch, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        network.loss(spectra, labels).backward()  # type: ignore[no-untyped-call]  # torch's own types
    return counter.get_total_flops() / batch, sum(weight.numel() for weight in network.parameters())


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to make a training step on a CPU."""

    how: str
    fused: bool = True
    """One kernel for Adam."""
    keep: bool = True
    """Freed memory is kept."""
    kind: Arithmetic = "fp32"
    late: bool = False
    """As late in a training: :data:`DENORMAL_SHARE` of the gradients are 0 and their means denormal."""
    flush: bool = True
    """Denormal numbers are zero."""


def time_steps(config: DrcnnConfig) -> list[StepTiming]:
    """Return the time of a training step with each optimisation added, slowest first; without bf16 if the processor lacks it."""
    ways = [
        _Way("fp32, Adam, memory given back", fused=False, keep=False),
        _Way("+ one kernel for Adam", keep=False),
        _Way("+ freed memory kept"),
    ]
    kind = ways[-1].kind
    if devices.cpu_multiplies_bf16():
        kind = "bf16"
        ways.append(_Way("+ bf16", kind=kind))
    ways.append(_Way("the last one, late in a training", kind=kind, late=True, flush=False))
    ways.append(_Way("+ denormal numbers are zero", kind=kind, late=True))
    return [_time_step(config, way) for way in ways]


def _time_step(config: DrcnnConfig, way: _Way) -> StepTiming:
    torch.manual_seed(0)
    network = build(config, STEP_POINTS, STEP_CLASSES)
    devices.channels_last(network)
    network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=PAPER_RATE, betas=ADAM_BETAS, fused=way.fused)
    spectra, labels = torch.rand(PAPER_BATCH, STEP_POINTS), torch.randint(STEP_CLASSES, (PAPER_BATCH,))
    took, losses = [], []
    with ExitStack() as stack:
        if way.flush:
            stack.enter_context(devices.denormals_flushed())
        if way.keep:
            stack.enter_context(devices.freed_memory_kept())
        for _ in range(1 + TIMED_STEPS):
            processor, wall = time.process_time(), time.perf_counter()
            optimiser.zero_grad(set_to_none=True)
            with devices.autocast(way.kind, torch.device("cpu")):
                loss = network.loss(spectra, labels)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own types
            spent = time.process_time() - processor, time.perf_counter() - wall
            if way.late:
                _age(network, optimiser)
            processor, wall = time.process_time(), time.perf_counter()
            optimiser.step()
            took.append((spent[0] + time.process_time() - processor, spent[1] + time.perf_counter() - wall))
            losses.append(round(float(loss.detach()), 4))
    seconds, clock = min(took[1:])
    return StepTiming(how=way.how, seconds=round(seconds, 3), wall=round(clock, 3), losses=losses)


def _age(network: Network, optimiser: torch.optim.Optimizer) -> None:
    """Give :data:`DENORMAL_SHARE` of every weight the gradient and Adam's mean of one whose gradient has been 0 for long."""
    for weight in network.parameters():
        some = int(DENORMAL_SHARE * weight.numel())
        for values, value in ((weight.grad, 0.0), (optimiser.state[weight].get("exp_avg"), DENORMAL)):
            if values is not None:
                values.view(-1)[:some] = value


def table(report: SpeedReport) -> str:
    """Return the report as lines of text."""
    faster = report.ours.spectra_per_second / (report.naive_tf32 or 1)
    lines = [
        f"DRCNN with {report.recursions} recursions, {report.parameters:,} parameters, {report.points} points, {report.classes} classes",
        f"{report.spectra} spectra ({report.data}), {report.epochs} epochs, {report.flops / 1e9:.2f} GFLOP a spectrum",
        f"{report.device}, torch {report.torch}, revision {report.revision}",
        f"{'':44} batch  rate     first epoch    epoch    whole  spectra/s  top-1",
        *(_row(side) for side in (report.ours, report.naive)),
        f"ours: {report.ratio:.1f} times the spectra a second of the naive way, {report.whole_ratio:.1f} times with the compiler's time",
        f"ours: {_flops(report.fraction * report.peak)}, {report.fraction:.0%} of the {_flops(report.peak)} of {report.peak_of}",
        f"at this rate 40 epochs of DRCNN on Dataset_2 take {report.dataset_2_seconds:,.0f} s",
        *([f"naive with TF32 convolutions, PyTorch's default: {report.naive_tf32:.0f} spectra/s; ours is {faster:.1f} times as fast"]
          if report.naive_tf32 else []),
        *([f"peak memory of ours: {report.memory / 2**30:.1f} GiB"] if report.memory else []),
    ]  # fmt: skip
    if report.steps:
        lines.append(f"one step of DRCNN as published, batch {PAPER_BATCH}:   processor s   wall s   times as fast   losses")
    for step in report.steps:
        losses = " ".join(f"{loss:.3f}" for loss in step.losses)
        lines.append(f"  {step.how:40} {step.seconds:10.2f} {step.wall:8.2f} {report.steps[0].seconds / step.seconds:13.1f}    {losses}")
    if not report.gpu:
        lines.append("This is a CPU with a tiny DRCNN: it shows that the measurement works. These are not the figures of a GPU.")
    return "\n".join(lines)


def _flops(rate: float) -> str:
    return f"{rate / TERA:.1f} TFLOP/s" if rate >= TERA else f"{rate / 1e9:.1f} GFLOP/s"


def _row(timing: LoopTiming) -> str:
    top1 = "-" if timing.top1 is None else f"{timing.top1:.4f}"
    return (
        f"{timing.how:44} {timing.batch:5}  {timing.rate:.1e}  {timing.first_epoch:9.2f} s {timing.epoch:6.2f} s {timing.seconds:6.1f} s "
        f"{timing.spectra_per_second:10.1f}  {top1}"
    )
