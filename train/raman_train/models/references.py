"""What systems have that only remember: reference spectra, kept in the checkpoint as buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping


class Untrained(nn.Module):
    """A system without weights: done when it has seen its references."""

    def loss(self, spectra: Tensor, classes: Tensor) -> NoReturn:
        """Raise: nothing is trained step by step."""
        raise NotImplementedError("there are no weights to train: prepare() is all this system needs")


class References(Untrained):
    """Embeddings and classes of the spectra shown to :meth:`prepare`."""

    embeddings: Tensor
    """(references, e), unit norm."""
    classes: Tensor
    """(references,)."""

    def __init__(self, length: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("embeddings", torch.zeros(0, length))
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))
        # A checkpoint decides how many references there are: torch itself loads only what has the same size.
        self.register_load_state_dict_pre_hook(_make_room)  # type: ignore[no-untyped-call]  # torch's own types

    def embed(self, spectra: Tensor) -> Tensor:
        """Return what is compared, (batch, e) at unit norm, of spectra (batch, n)."""
        raise NotImplementedError

    def prepare(self, spectra: Tensor, classes: Tensor) -> None:
        """Keep the references: spectra (count, n) of classes (count,)."""
        self.embeddings, self.classes = self.embed(spectra), classes.clone()


def _make_room(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    for name, buffer in module.named_buffers(recurse=False):
        if prefix + name in state:
            setattr(module, name, torch.empty_like(state[prefix + name], device=buffer.device))
