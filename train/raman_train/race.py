"""One network trained twice on the same split for as many epochs: by our loop, and the way it is usually written."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample

from raman_train import loop, naive, runs
from raman_train.config import Config, DataConfig, DrcnnConfig, TrainingConfig
from raman_train.data import splits
from raman_train.models import build

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from raman_train.models import Network

SPECTRA, POINTS, CLASSES, EPOCHS = 6004, 1570, 1332, 40
"""Dataset_2 without its test part, and the run whose length is asked for."""
PAPER_BATCH, PAPER_RATE = 32, 1e-4
"""Zhou 2022."""
NOISE_EPOCHS = 4
"""Enough to leave the first one out."""
TINY_MODEL = DrcnnConfig(recursions=2)
TINY = Config(
    TINY_MODEL,
    DataConfig(runs.SYNTHETIC, protocol="spectrum"),
    recipe=Recipe((Resample(start=100.0, stop=1497.0, step=11.0, outside="hold"), MinMax())),
)
"""What a CPU trains in seconds: 128 points."""
TINY_EPOCHS = 12


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two trainings."""

    how: str
    batch: int
    rate: float
    first_epoch: float
    """Seconds; whatever is compiled or tried out on the way is in here."""
    epoch: float
    """Seconds, mean of the other epochs."""
    seconds: float
    """The whole training by the wall clock, compiler and saved states included."""
    spectra_per_second: float
    """After the first epoch."""
    top1: float | None
    """On the test part; None where the spectra are noise."""


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """What is trained, and on what."""

    data: str
    features: NDArray[np.float32]
    """(n, points)."""
    classes: NDArray[np.intp]
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    """Nothing where the spectra are noise."""
    labels: int
    model: DrcnnConfig
    epochs: int

    @property
    def points(self) -> int:
        """Points of a spectrum."""
        return int(self.features.shape[1])

    def network(self, device: torch.device) -> Network:
        """Return the untrained network, the same every time."""
        torch.manual_seed(0)
        return build(self.model, self.points, self.labels).to(device)

    def side(self, how: str, batch: int, rate: float, epochs: list[float], seconds: float, network: Network) -> Side:
        """Return what one training did, given the seconds of its epochs and of the whole."""
        mean = float(np.mean(epochs[1:]))
        shown = self.train.size // batch * batch
        return Side(
            how=how, batch=batch, rate=rate, first_epoch=epochs[0], epoch=mean, seconds=seconds, spectra_per_second=shown / mean,
            top1=self._top1(network),
        )  # fmt: skip

    def _top1(self, network: Network) -> float | None:
        if not self.test.size:
            return None
        logits, _ = loop.outputs(network, torch.from_numpy(self.features[self.test]))
        return round(float((logits.argmax(1) == self.classes[self.test]).mean()), 4)


def task(device: torch.device, data: Path | None) -> Task:
    """Return what to train on ``device``: Dataset_2 of ``data``, noise of its size without it, something tiny on a CPU."""
    if device.type != "cuda" and data:
        msg = f"40 epochs of DRCNN on {str(data)!r} take days on a CPU: use --device cuda, or leave --data out"
        raise ConfigError(msg)
    if device.type != "cuda":
        return _of("synthetic spectra", TINY_MODEL, TINY, TINY_EPOCHS)
    if data:
        model = DrcnnConfig()
        config = Config(model, DataConfig(str(data), subset="dataset_2", protocol="spectrum"))
        return _of("Dataset_2, protocol spectrum", model, config, EPOCHS)
    rng = np.random.default_rng(0)
    features, classes = rng.random((SPECTRA, POINTS), dtype=np.float32), rng.integers(CLASSES, size=SPECTRA)
    return Task("noise", features, classes, np.arange(SPECTRA), splits.nobody(), CLASSES, DrcnnConfig(), NOISE_EPOCHS)


def _of(what: str, model: DrcnnConfig, config: Config, epochs: int) -> Task:
    material = runs.prepare(config)
    learned = np.concatenate([material.split.train, material.split.validation])
    return Task(what, material.features, material.classes, learned, material.split.test, len(material.labels), model, epochs)


def ours(given: Task, device: torch.device, batch: int, rate: float) -> tuple[Side, int | None]:
    """Train with :func:`raman_train.loop.fit`; return what it did, and the most bytes it held on a GPU."""
    # bf16 gains nothing on a network as small as the CPU's; raman_train.steps measures a real one.
    training = TrainingConfig(
        epochs=given.epochs, batch=batch, rate=rate, optimiser="adam", weight_decay=0, average=0,
        precision="auto" if device.type == "cuda" else "fp32",
    )  # fmt: skip
    network = given.network(device)
    train, nobody = (loop.Examples.of(given.features[part], given.classes[part], device) for part in (given.train, splits.nobody()))
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        kept, history = loop.fit(network, train, nobody, training, Path(folder), lambda _: None)
        seconds = time.perf_counter() - started
    memory = torch.cuda.max_memory_allocated(device) if on_gpu else None
    how = "ours: bf16, compiled, data on the device" if on_gpu else "ours: fp32"
    return given.side(how, batch, rate, [done.seconds for done in history], seconds, kept), memory


def theirs(given: Task, device: torch.device) -> tuple[Side, float | None]:
    """Train as :mod:`raman_train.naive` does; return what it did, and on a GPU the spectra a second with TF32 convolutions."""
    network = given.network(device)
    spectra, classes = torch.from_numpy(given.features[given.train]), torch.from_numpy(given.classes[given.train].astype(np.int64))
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        started = time.perf_counter()
        epochs = naive.fit(network, spectra, classes, given.epochs, PAPER_BATCH, PAPER_RATE)
        seconds = time.perf_counter() - started
        side = given.side("naive: fp32, data loader, Adam, not compiled", PAPER_BATCH, PAPER_RATE, epochs, seconds, network)
    if device.type != "cuda":
        return side, None
    again = naive.fit(network, spectra, classes, 2, PAPER_BATCH, PAPER_RATE)
    return side, len(spectra) // PAPER_BATCH * PAPER_BATCH / again[1]
