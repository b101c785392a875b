"""Pretraining and retraining of each system: its packaged configuration with the changes of ``systems.toml``, key by key."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from raman_edge.errors import ConfigError

from raman_train import config
from raman_train.benchmark.grid import CLASSICAL_SYSTEMS, SYSTEMS
from raman_train.config import ModelConfig, TrainingConfig
from raman_train.models.search import Similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.preprocessing import Recipe

    from raman_train.transfer.results import Start

FILE = Path(__file__).with_name("systems.toml")
SEARCH = "search"
"""Stands for all library searches."""


class TransferSystem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A system and its two trainings; None for a system that only stores references."""

    model: ModelConfig
    pretraining: TrainingConfig | None = None
    """On the source."""
    retraining: TrainingConfig | None = None
    """On the target, from pretrained or from new weights, with the same number of epochs."""

    def sha256(self, start: Start, recipe: Recipe) -> str:
        """Digest of the model, the preprocessing and the trainings of ``start``: everything except data, seed and fold."""
        trainings = {"references": [], "scratch": [self.retraining], "enrolled": [self.pretraining]}
        return _digest([self.model, recipe, start, trainings.get(start, [self.pretraining, self.retraining])])

    def pretrained_sha256(self, recipe: Recipe, source_sha256: str) -> str:
        """Digest of everything that the pretrained weights depend on."""
        return _digest([self.model, recipe, self.pretraining, source_sha256])


def read(names: Sequence[str], replaced: Sequence[str] = ()) -> dict[str, TransferSystem]:
    """Return the named systems in this order.

    ``replaced`` are ``key.path=value`` texts: ``retraining.epochs=20`` changes every named network,
    ``zhang_dnn.retraining.epochs=20`` only that one.

    Raises:
        ConfigError: for an unknown name or key.
    """
    wanted = [one for name in names for one in (get_args(Similarity) if name == SEARCH else [name])]
    unknown = [name for name in wanted if name not in SYSTEMS]
    if unknown or not wanted:
        msg = f"--systems: got {', '.join(map(repr, unknown)) or 'nothing'}, expected some of {', '.join([*SYSTEMS, SEARCH])}"
        raise ConfigError(msg)
    networks = {name: _network(name) for name in wanted if name not in CLASSICAL_SYSTEMS}
    for text in replaced:
        own = text.split(".", 1)[0] in SYSTEMS
        where, rest = text.split(".", 1) if own else ("", text)
        for table in [networks[where]] if where in networks else [] if own else networks.values():
            config.replace(table, rest)
    return {name: _system(name, networks.get(name) or {"model": _packaged(name)["model"]}) for name in wanted}


def _digest(content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def _packaged(name: str) -> dict[str, Any]:
    return tomllib.loads(config.of_model(name).read_text("utf-8"))


def _network(name: str) -> dict[str, Any]:
    """Return model and trainings of a network as tables."""
    packaged, changes = _packaged(name), tomllib.loads(FILE.read_text("utf-8"))
    trainings = {
        part: packaged["training"] | changes["all"][part] | changes.get(name, {}).get(part, {}) for part in ("pretraining", "retraining")
    }
    return {"model": packaged["model"], **trainings}


def _system(name: str, raw: object) -> TransferSystem:
    try:
        return msgspec.convert(raw, TransferSystem)
    except msgspec.ValidationError as error:
        msg = f"transfer, system {name!r}: {error}"
        raise ConfigError(msg) from error
