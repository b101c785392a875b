"""What a run leaves behind: weights as safetensors, everything else as JSON beside them. No pickle.

::

    RUN/
    ├── checkpoint.safetensors   weights; config, labels and figures in its metadata
    ├── state.safetensors        where the run stands, to go on after a kill; gone when it is done
    ├── split.npz                which spectrum was on which side, by name
    ├── history.jsonl            one line an epoch
    └── curve.png                the learning curve
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from raman_edge.errors import ConfigError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from raman_train.config import Config
from raman_train.device import Arithmetic
from raman_train.models import Network, build

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CHECKPOINT = "checkpoint.safetensors"
STATE = "state.safetensors"
KEY = "raman_train"


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a checkpoint says of itself."""

    config: Config
    length: int
    """Points of the network's input."""
    labels: tuple[str, ...]
    spectra: int
    """Spectra it was trained on."""
    specimens: int
    epochs: int
    seconds: float
    device: str
    revision: str
    precision: Arithmetic = "fp32"
    """Of the training steps; checkpoints that say nothing were trained in fp32."""


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """A trained network and what it says of itself."""

    network: Network
    about: About
    sha256: str
    """Digest of the weights alone: it names the network."""


def save(path: Path, network: Network, about: About) -> None:
    """Write a checkpoint in one rename, so that a kill leaves the old one or the new one."""
    write(path, {name: value.contiguous() for name, value in network.state_dict().items()}, msgspec.json.encode(about).decode())


def write(path: Path, tensors: dict[str, Tensor], about: str) -> None:
    """Write tensors and one JSON document in one rename."""
    partial = path.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial, {KEY: about})
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read tensors and their JSON document; :class:`ConfigError` where the file is none of ours."""
    try:
        with safe_open(path, "pt") as file:
            about = (file.metadata() or {}).get(KEY)
        if about is None:
            msg = f"{str(path)!r} is a safetensors file, but not a checkpoint of raman-train"
            raise ConfigError(msg)
        return load_file(path), about
    except (OSError, SafetensorError) as error:
        msg = f"checkpoint {str(path)!r} cannot be read: {error}. Make one with `raman-train fit`"
        raise ConfigError(msg) from error


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, or the run folder that holds it."""
    file = path / CHECKPOINT if path.is_dir() else path
    tensors, text = read(file)
    try:
        about = msgspec.json.decode(text, type=About)
    except msgspec.MsgspecError as error:
        msg = f"checkpoint {str(file)!r}: {error}"
        raise ConfigError(msg) from error
    network = build(about.config.model, about.length, len(about.labels))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        msg = f"checkpoint {str(file)!r} does not fit {about.config.system} as it is now: {error}. Train it again"
        raise ConfigError(msg) from error
    network.eval()
    return Checkpoint(network, about, digest(tensors))


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the digest of named weights, lower-case hex."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode() + b"\0" + tensors[name].cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
