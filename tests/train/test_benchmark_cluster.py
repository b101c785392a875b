"""The cells of a benchmark on a Ray cluster of two workers on this machine, reached by its address."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from benchmark_fakes import write_configs
from raman_train.benchmark import grid, results
from raman_train.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
"""A cluster is a dozen processes, two of which import torch: 20 s on a machine that has nothing else to do."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": os.urandom(32).hex(),
    "RAY_worker_niceness": "0",
    "RAY_raylet_start_wait_time_s": "300",
}
"""No usage data, no access without the token, no token in the home folder, and enough time to start on a busy machine."""


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Set the environment before Ray is imported."""
    with mock.patch.dict(os.environ, QUIET):
        pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
        yield


@pytest.fixture(scope="module")
def cluster(_quiet: None) -> Iterator[str]:
    """The address of a cluster of two workers with one core each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made.address
    made.shutdown()


@pytest.fixture(autouse=True)
def _small_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    monkeypatch.setattr(grid, "CONFIGS", write_configs(folder))
    monkeypatch.chdir(tmp_path)


def command(*more: str) -> list[str]:
    """Return a command that sweeps three systems over two seeds."""
    return ["benchmark", "--systems", "cosine,root-derivative,drcnn-edge", "--datasets", "everything", "--protocols", "sample",
            "--seeds", "0-1", "--data", "synthetic", "--device", "cpu", *more]  # fmt: skip


def test_a_cluster_gives_what_one_process_gives(cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, run folders and failures are those of one process, and then only the failed cells are left."""
    broken = tmp_path / "configs" / "cosine.toml"
    broken.write_text(broken.read_text().replace("[data]", "[data]\nleave_out = ['missing']"))
    output = {}
    for name, more in (("ray", ["--ray", cluster]), ("here", [])):
        assert main(command("--results", f"{name}.jsonl", "--runs", name, *more)) == 1
        output[name] = capsys.readouterr().err
        assert "4 run, 2 failed" in output[name]
        assert "data.leave_out: the dataset has no specimens ['missing']" in output[name]
    assert {text for text in output["ray"].splitlines() if text.startswith("failed")} == {
        text for text in output["here"].splitlines() if text.startswith("failed")
    }
    there, here = (sorted(results.read(Path(f"{name}.jsonl")).results, key=lambda one: one.config_sha256) for name in ("ray", "here"))
    assert len(there) == 4
    for a, b in zip(there, here, strict=True):
        assert (a.config_sha256, a.split_sha256, a.epochs) == (b.config_sha256, b.split_sha256, b.epochs)
        assert a.main.top1 == pytest.approx(b.main.top1, abs=0.05)
    assert {folder.name for folder in Path("ray").iterdir()} == {folder.name for folder in Path("here").iterdir()}
    assert main([*command("--results", "ray.jsonl", "--runs", "ray"), "--dry-run"]) == 0
    assert "2 of 6 cells to run" in capsys.readouterr().out


def test_an_address_where_no_cluster_is_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The address of no cluster is refused at once, with what to do."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        assert main(command("--ray", address)) == 78
    output = capsys.readouterr().err
    assert address in output
    assert "ray start --head" in output
