"""One training in two processes: the same weights as in one process, and no endless wait for a dead one."""

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
from raman_train import checkpoint, config, distributed, loop, runs
from raman_train.config import DrcnnConfig, DrcnnEdgeConfig, ZhangCnnConfig
from raman_train.models import build, zhang
from torch import distributed as dist
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SMOKE = Path(config.__file__).parent / "configs" / "smoke.toml"
ZHANG = (
    "training.epochs=3", "training.optimiser=adam", "training.rate=0.001", "model={name='zhang_cnn'}",
    "recipe.steps=[{type='resample@1', start=100, stop=1500, step=40}, {type='minmax@1'}]",
)  # fmt: skip
EXACT = """
import sys, torch
from raman_train.cli import main
from raman_train.models import zhang
zhang.DROPOUT = 0.0
torch.set_default_dtype(torch.float64)
sys.exit(main(sys.argv[1:]))
"""
"""A training without dropout in fp64."""
ALONE_SOON = """
import torch
from raman_train import distributed
with distributed.joined(torch.device("cpu")) as world:
    if not world.is_first:
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
    """Every row of a batch belongs to one process."""
    rows = [distributed.ProcessGroup(rank, 4).rows(12) for rank in range(4)]
    assert [list(range(12))[own] for own in rows] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert list(range(12))[distributed.SINGLE.rows(12)] == list(range(12))


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    """The message has both numbers, and what to do."""
    with pytest.raises(ConfigError, match=r"training.batch: got 64, expected a multiple .* 3"):
        distributed.ProcessGroup(0, 3).rows(64)


def test_outside_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torchrun, and with a size of one, there is no process group."""
    for environment in ({}, {"WORLD_SIZE": "1", "RANK": "0"}):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with distributed.joined(CPU) as world:
            assert world is distributed.SINGLE
            assert not dist.is_initialized()
        assert distributed.is_first()
    monkeypatch.setenv("RANK", "1")
    assert not distributed.is_first()


def test_a_gpu_has_the_batch_statistics_of_all_processes() -> None:
    """BatchNorm becomes PyTorch's own form for several GPUs, with the same weights under the same names."""
    network = build(DrcnnEdgeConfig(width=4, recursions=1, squeeze=2, embedding=8, spectral=4), 64, 4)
    before = dict(network.state_dict(keep_vars=True))
    distributed.synchronise(network, torch.device("cuda"))
    assert type(network.norm) is nn.SyncBatchNorm
    after = dict(network.state_dict(keep_vars=True))
    assert list(after) == list(before)
    assert all(after[name] is value for name, value in before.items())


def test_batchnorm_on_several_cpus_is_refused() -> None:
    """PyTorch has no common statistics there; a network without BatchNorm is accepted."""
    with pytest.raises(ConfigError, match="BatchNorm, which Drcnn has: use GPUs, or one process"):
        distributed.synchronise(build(DrcnnConfig(recursions=1), 64, 4), CPU)
    distributed.synchronise(build(ZhangCnnConfig(), 64, 4), CPU)


@pytest.mark.usefixtures("one_process")
def test_bytes_reach_every_process() -> None:
    """Every process gets the bytes of the first one, also none."""
    pretended = distributed.ProcessGroup(0, 2)
    assert pretended.share(b"state \x00\xff", CPU) == b"state \x00\xff"
    assert pretended.share(b"", CPU) == b""


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No dropout, since each process draws masks of its own, and fp64."""
    monkeypatch.setattr(zhang, "DROPOUT", 0.0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("exact")
def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """A run that one process begins and two resume ends with the weights of a run in one process."""

    def stop(_: loop.Epoch) -> None:
        raise KeyboardInterrupt

    chosen = config.read(SMOKE, ZHANG)
    runs.fit(chosen, tmp_path / "one", CPU, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        runs.fit(chosen, tmp_path / "two", CPU, stop)
    script = tmp_path / "exact.py"
    script.write_text(EXACT)
    options = [part for text in ZHANG for part in ("--set", text)]
    made = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script),
         "fit", "--config", str(SMOKE), "--out", str(tmp_path / "two"), "--device", "cpu", *options],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert made.stdout.split() == [str(tmp_path / "two" / checkpoint.CHECKPOINT)]
    assert [line.split()[1] for line in made.stderr.splitlines() if line.startswith("epoch ")] == ["2/3", "3/3"]
    one, two = (checkpoint.read(tmp_path / run / checkpoint.CHECKPOINT)[0] for run in ("one", "two"))
    assert one.keys() == two.keys()
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, atol=1e-9, rtol=0, msg=name)


def test_a_failed_process_ends_the_other_one() -> None:
    """If one of two processes ends, the other one fails at the next communication."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    shared = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen([sys.executable, "-c", ALONE_SOON], env=shared | {"RANK": str(rank)}, stderr=subprocess.DEVNULL)
        for rank in range(2)
    ]
    assert [process.wait(timeout=100) for process in started] == [1, 3]
