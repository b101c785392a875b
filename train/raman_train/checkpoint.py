"""The files of a run: weights as safetensors, everything else as JSON. No pickle.

::

    RUN/
    ├── checkpoint.safetensors   weights; configuration, labels and figures in its metadata
    ├── state.safetensors        state of an unfinished training, to resume it; removed at the end
    ├── split.npz                names of the spectra in each part of the split
    ├── history.jsonl            one line per epoch
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
    """Metadata of a checkpoint."""

    config: Config
    length: int
    """Points of the network's input."""
    labels: tuple[str, ...]
    spectra: int
    """Number of training spectra."""
    specimens: int
    epochs: int
    seconds: float
    device: str
    revision: str
    precision: Arithmetic = "fp32"
    """Arithmetic of the training steps; older checkpoints without this field were trained in fp32."""


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """A trained network and its metadata."""

    network: Network
    about: About
    sha256: str
    """Digest of the weights: the identity of the network."""


def save(path: Path, network: Network, about: About) -> None:
    """Write a checkpoint atomically: after a kill, the file is the old or the new one."""
    write(path, {name: value.contiguous() for name, value in network.state_dict().items()}, msgspec.json.encode(about).decode())


def write(path: Path, tensors: dict[str, Tensor], about: str) -> None:
    """Write tensors and one JSON document atomically."""
    partial = path.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial, {KEY: about})
    partial.replace(path)


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """Read tensors and their JSON document; :class:`ConfigError` if the file cannot be read or was not written by raman-train."""
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
    """Read a checkpoint, or the one in a run folder; :class:`ConfigError` if it cannot be read or does not fit the network."""
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
        msg = f"checkpoint {str(file)!r} does not fit the network {about.config.system}: {error}. Train it again"
        raise ConfigError(msg) from error
    network.eval()
    return Checkpoint(network, about, digest(tensors))


def digest(tensors: dict[str, Tensor]) -> str:
    """Return the digest of named weights, lower-case hex."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode() + b"\0" + tensors[name].cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
