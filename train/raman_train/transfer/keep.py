"""The model a user keeps: retrained on all of the target, an ordinary run that ``raman-train export`` accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from raman_edge.errors import ConfigError

from raman_train import checkpoint
from raman_train.config import Config, DataConfig
from raman_train.transfer import teach

if TYPE_CHECKING:
    from pathlib import Path

    from raman_train.transfer.study import Study

EXPORTED = "drcnn-edge"
"""The system that the edge runs."""
TARGET = "target.npz"
"""What the model was retrained on, beside it: export makes the library from it."""
CLAIM = "transfer.json"
"""What the model's weights come from."""


def keep(study: Study, name: str, folder: Path) -> Path:
    """Retrain system ``name`` on all of the target, from the source's weights, and return the checkpoint in ``folder``.

    Done once; goes on where it was stopped. Raises :class:`ConfigError` where the folder holds another model.
    """
    system, target = study.request.systems[name], study.target
    given = teach.lesson(system.model, system.retraining, study.request.seeds[0], target, target.everything)
    if given.training is None:
        msg = f"{name!r} learns nothing: there is no model to keep"
        raise ConfigError(msg)
    origin = study.origin(name)
    config = Config(system.model, DataConfig(str(folder / TARGET), protocol="none"), given.training, study.recipe)
    _claim(folder, {"config": config.sha256, "target": study.target_sha256, "pretrained": origin.sha256})
    made = folder / checkpoint.CHECKPOINT
    if made.exists():
        return made
    target.dataset.save(folder / TARGET)
    network, history = teach.learn(given, origin.network.state_dict(), folder, study.request.device, study.watch(given.epochs))
    return teach.save(folder, network, history, config, target)


def _claim(folder: Path, what: dict[str, str]) -> None:
    """Refuse a folder that something else lies in."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = msgspec.json.encode(what)
    file = folder / CLAIM
    if any(folder.iterdir()) and not (file.exists() and file.read_bytes() == claim):
        msg = f"{str(folder)!r} holds something else than this model: choose another --keep, or remove it"
        raise ConfigError(msg)
    file.write_bytes(claim)
