"""BatchNorm over a batch whose rows lie on several processes.

``nn.SyncBatchNorm`` is made for CUDA alone; this one works wherever ``torch.distributed`` does,
so that the code of several GPUs is the code that is tested on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch import distributed as dist


class WholeBatchNorm(nn.BatchNorm1d):
    """A ``BatchNorm1d`` whose mean and variance are those of the rows of all processes; each has as many."""

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # processes wait for each other here: nothing to fuse
    def forward(self, rows: Tensor) -> Tensor:
        """Return ``rows``, (batch, channels) or (batch, channels, n), normalised."""
        if not self.training:
            return super().forward(rows)
        inner = [0, *range(2, rows.ndim)]
        shape = [1, -1] + [1] * (rows.ndim - 2)
        values = rows.to(torch.promote_types(rows.dtype, torch.float32))
        count = values.numel() // values.shape[1] * dist.get_world_size()
        mean = _sum_over_processes(values.sum(inner)) / count
        centred = values - mean.view(shape)
        variance = _sum_over_processes(centred.square().sum(inner)) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        normal = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(rows.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of this batch."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def over_processes(network: nn.Module) -> None:
    """Let every ``BatchNorm1d`` of ``network`` see the whole batch; its weights and their names stay."""
    for layer in network.modules():
        if type(layer) is nn.BatchNorm1d:
            layer.__class__ = WholeBatchNorm  # no state of its own: the same weights over more rows


class _Sum(torch.autograd.Function):
    """The sum over processes; its gradient is the sum of their gradients.

    PyTorch's own differentiable all-reduce is deprecated in favour of a private one.
    """

    @staticmethod
    def forward(_: object, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]  # torch's own types
    return total
