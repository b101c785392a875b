"""One training in two processes: the same weights as one process, and no process waits for a dead one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from raman_edge.errors import ConfigError
from raman_train import batchnorm, checkpoint, config, distributed, loop, runs
from raman_train.models import drcnn
from torch import distributed as dist
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"
EDGE = ("training.epochs=3", "model.dropout=0")
DRCNN = (
    "training.epochs=1", "training.optimiser=adam", "training.rate=0.001", "model={name='drcnn', recursions=2}",
    "recipe.steps=[{type='resample@1', start=100, stop=1500, step=40}, {type='minmax@1'}]",
)  # fmt: skip
TWICE = """
import sys, torch
from raman_train import distributed
from raman_train.cli import main
from raman_train.models import drcnn
drcnn.DROPOUT = 0.0
with distributed.joined(torch.device("cpu")):
    codes = []
    for arguments, kind in zip(sys.argv[1:], (torch.float32, torch.float64), strict=True):
        torch.set_default_dtype(kind)
        codes.append(main(arguments.split("|")))
sys.exit(max(codes))
"""
"""Two trainings in one pair of processes: starting them is what takes long."""
ALONE_SOON = """
import torch
from raman_train import distributed
with distributed.joined(torch.device("cpu")) as world:
    if not world.leads:
        raise SystemExit(3)
    world.mean(torch.zeros(1))
"""


@pytest.fixture
def one_process() -> Iterator[None]:
    """A group of one process, in this one."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_rows_are_shared_out_without_rest() -> None:
    """Every row of a batch is one process's own."""
    rows = [distributed.World(rank, 4).rows(12) for rank in range(4)]
    assert [list(range(12))[own] for own in rows] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert list(range(12))[distributed.ALONE.rows(12)] == list(range(12))


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    """Both numbers are in the message, and what to do."""
    with pytest.raises(ConfigError, match=r"batches of 64 .* 3 processes: set training.batch"):
        distributed.World(0, 3).rows(64)


def test_outside_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No group is made; a size of one is alone too."""
    for environment in ({}, {"WORLD_SIZE": "1", "RANK": "0"}):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with distributed.joined(CPU) as world:
            assert world is distributed.ALONE
            assert not dist.is_initialized()
        assert distributed.leads()
    monkeypatch.setenv("RANK", "1")
    assert not distributed.leads()


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 7)])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.usefixtures("one_process")
def test_batchnorm_over_processes_is_batchnorm(shape: tuple[int, ...], momentum: float | None) -> None:
    """Values, gradients and running statistics are those of PyTorch's own where one process has all rows."""
    torch.manual_seed(0)
    own, ours = (nn.Sequential(nn.BatchNorm1d(5, momentum=momentum)) for _ in range(2))
    batchnorm.over_processes(ours)
    assert type(ours[0]) is batchnorm.WholeBatchNorm
    for _ in range(2):
        seen = 3 + 2 * torch.randn(shape)
        left, right = seen.clone().requires_grad_(), seen.clone().requires_grad_()
        made, expected = ours(left), own(right)
        torch.testing.assert_close(made, expected)
        weight = torch.randn(shape)
        (made * weight).sum().backward()
        (expected * weight).sum().backward()
        torch.testing.assert_close(left.grad, right.grad)
    for name, value in own.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, msg=name)
    torch.testing.assert_close(ours[0].weight.grad, own[0].weight.grad)
    torch.testing.assert_close(ours.eval()(seen), own.eval()(seen))


@pytest.mark.usefixtures("one_process")
def test_bytes_reach_every_process() -> None:
    """What the first process has comes out, nothing at all included."""
    pretended = distributed.World(0, 2)
    assert pretended.share(b"state \x00\xff", CPU) == b"state \x00\xff"
    assert pretended.share(b"", CPU) == b""


def torn(replaced: tuple[str, ...], folder: Path) -> None:
    """Leave in ``folder`` what a training of one process leaves that is stopped after its first epoch."""

    def stop(_: loop.Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.fit(config.read(SMOKE, replaced), folder, CPU, stop)


@pytest.fixture
def arithmetic() -> Iterator[Callable[[torch.dtype], None]]:
    """Changes the arithmetic of what is made from now on, until the test ends."""
    before = torch.get_default_dtype()
    yield torch.set_default_dtype
    torch.set_default_dtype(before)


def test_two_processes_train_what_one_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arithmetic: Callable[[torch.dtype], None]
) -> None:
    """Begun by one process and gone on with by two, a run ends with the weights of one that had one process all along.

    There is no dropout in this test: each process draws masks of its own. Adam makes rounding
    errors large where a gradient is nothing else (biases in front of a BatchNorm). Of the small
    network the matrices are therefore compared; DRCNN, which is larger, is computed in fp64, and
    everything is compared.
    """
    monkeypatch.setattr(drcnn, "DROPOUT", 0.0)
    edge, large = tmp_path / "edge", tmp_path / "drcnn"
    runs.fit(config.read(SMOKE, EDGE), edge / "one", CPU, lambda _: None)
    torn(EDGE, edge / "two")
    arithmetic(torch.float64)
    runs.fit(config.read(SMOKE, DRCNN), large / "one", CPU, lambda _: None)
    script = tmp_path / "twice.py"
    script.write_text(TWICE)
    commands = [command(EDGE, edge / "two"), command(DRCNN, large / "two")]
    made = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script), *commands],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == [str(folder / "two" / checkpoint.CHECKPOINT) for folder in (edge, large)]
    assert [line.split()[1] for line in made.stderr.splitlines() if line.startswith("epoch ")] == ["2/3", "3/3", "1/1"]
    compare(edge, 1e-6, only_matrices=True)
    compare(large, 1e-9, only_matrices=False)


def command(replaced: tuple[str, ...], folder: Path) -> str:
    """Return the arguments of ``raman-train fit`` as one text."""
    options = [part for text in replaced for part in ("--set", text)]
    return "|".join(["fit", "--config", str(SMOKE), "--out", str(folder), "--device", "cpu", *options])


def compare(folder: Path, tolerance: float, *, only_matrices: bool) -> None:
    """See that the two runs in ``folder`` have the same weights."""
    one, two = (checkpoint.read(folder / run / checkpoint.CHECKPOINT)[0] for run in ("one", "two"))
    assert one.keys() == two.keys()
    compared = [name for name, value in one.items() if value.ndim > 1 or not only_matrices]
    assert len(compared) >= 8
    for name in compared:
        torch.testing.assert_close(two[name], one[name], atol=tolerance, rtol=0, msg=name)


def test_nobody_waits_for_a_process_that_failed() -> None:
    """Where one of two processes ends, the other one fails at the next thing they do together."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([sys.executable, "-c", ALONE_SOON], env=shared | {"RANK": str(rank)}, stderr=subprocess.DEVNULL)
        for rank in range(2)
    ]
    assert [process.wait(timeout=100) for process in started] == [1, 3]
