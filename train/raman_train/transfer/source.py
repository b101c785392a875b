"""What is pretrained on, and the pretrained networks: each is made once and kept."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

from raman_train import checkpoint
from raman_train.config import Config, DataConfig
from raman_train.data import datasets, readers
from raman_train.transfer import ground, teach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import torch
    from raman_edge.preprocessing import Recipe

    from raman_train.data.datasets import Dataset
    from raman_train.loop import Epoch
    from raman_train.transfer.ground import Ground
    from raman_train.transfer.plan import System


class Source:
    """One or several datasets as one, read when it is first asked for, on the target's axis."""

    def __init__(self, paths: Sequence[Path], recipe: Recipe) -> None:
        self._paths, self._recipe = tuple(paths), recipe
        self.names = tuple(path.name for path in paths)

    def expect(self) -> None:
        """Raise :class:`ConfigError` where a path is not there: better before the first training than after it."""
        missing = [str(path) for path in self._paths if not path.exists()]
        if missing or not self._paths:
            msg = (
                f"nothing to pretrain on: {', '.join(missing) or 'no --source'} is not there. Name with --source what `raman-train import` "
                "wrote or reads, such as RRUFF's archive"
            )
            raise ConfigError(msg)

    @cached_property
    def dataset(self) -> Dataset:
        """Everything, also what the axis leaves out."""
        return datasets.merge(*(readers.read(path)[0] for path in self._paths))

    @cached_property
    def sha256(self) -> str:
        """Digest of :attr:`dataset`."""
        return ground.digest(self.dataset)

    @cached_property
    def ground(self) -> Ground:
        """The spectra that can be used, on the target's axis."""
        return ground.source(self.dataset, self._recipe)

    def describe(self) -> str:
        """Return what is pretrained on, in a line for a person."""
        used, measured = self.ground.dataset, self.dataset
        return (
            f"source     {' + '.join(self.names)}: {len(used)} of {len(measured)} spectra cover at least {ground.SHARED:.0%} "
            f"of the axis, {len(self.ground.labels)} labels"
        )


class Pretrained:
    """Networks that learned the source, one folder each in ``folder``."""

    def __init__(self, source: Source, recipe: Recipe, folder: Path, device: torch.device) -> None:
        self.source = source
        self._recipe, self._folder, self._device = recipe, folder, device

    def place(self, name: str, system: System) -> Path:
        """Return the folder of a system; another pretraining, axis or source has another one."""
        return self._folder / f"{name}-{system.pretrained_sha256(self._recipe, self.source.sha256)[:12]}"

    def is_there(self, name: str, system: System) -> bool:
        """Whether the network of a system is made."""
        return (self.place(name, system) / checkpoint.CHECKPOINT).exists()

    def of(self, name: str, system: System, tell: Callable[[Epoch], None]) -> checkpoint.Checkpoint:
        """Return the pretrained network of a system; trains it where that was not done, and goes on where it was stopped."""
        folder = self.place(name, system)
        if not self.is_there(name, system):
            self._make(system, folder, tell)
        return checkpoint.load(folder)

    def _make(self, system: System, folder: Path, tell: Callable[[Epoch], None]) -> None:
        material = self.source.ground
        seed = system.pretraining.seed if system.pretraining else 0
        given = teach.lesson(system.model, system.pretraining, seed, material, material.everything)
        if given.training is None:
            msg = f"{system.model} learns nothing: there is nothing to pretrain"
            raise ConfigError(msg)
        config = Config(system.model, DataConfig(" + ".join(self.source.names), protocol="none"), given.training, self._recipe)
        network, history = teach.learn(given, None, folder, self._device, tell)
        teach.save(folder, network, history, config, material)
