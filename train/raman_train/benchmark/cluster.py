"""The cells of a benchmark as tasks of an existing Ray cluster.

Jobs and outcomes travel as JSON; only this process writes results. A task runs in the working directory of this process, with
the same absolute run folder: both must be on a file system that all hosts share, otherwise an interrupted run restarts from
the beginning on another host. Every host needs the package.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from raman_edge.errors import ConfigError

from raman_train.benchmark.budget import TimeBudget
from raman_train.benchmark.sweep import CellFailed, Job, Outcome, work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

CONNECT_TIMEOUT_S = 20.0


def on(address: str, jobs: Sequence[Job], budget: TimeBudget) -> Iterator[Outcome]:
    """Run ``jobs`` on the cluster at ``address`` and yield their outcomes as they finish.

    A training takes one core, and one GPU if the cluster has any and the device is not ``cpu``.

    Raises:
        ConfigError: if Ray is not installed, or no cluster answers.
    """
    ray = _ray()
    with _connected(ray, address):
        gpus = int(bool(ray.cluster_resources().get("GPU")))
        task = ray.remote(_task)
        sent = {
            task.options(num_cpus=1, num_gpus=gpus * (job.device != "cpu"), max_retries=1, name=str(job.cell)).remote(
                msgspec.json.encode(job), str(Path.cwd()), time.time() + budget.left
            ): job
            for job in jobs
        }
        while sent:
            ready, _ = ray.wait(list(sent), num_returns=1)
            for reference in ready:
                yield _outcome(ray, reference, sent.pop(reference))


def _task(job: bytes, folder: str, deadline: float) -> bytes:
    """Run one job on a host of the cluster until ``deadline``, Unix time in seconds."""
    os.chdir(folder)
    return msgspec.json.encode(work(msgspec.json.decode(job, type=Job), TimeBudget(deadline - time.time()), lambda _: None))


def _outcome(ray: ModuleType, reference: object, job: Job) -> Outcome:
    """Return the outcome of a task; a lost host is a failure of its cell only."""
    try:
        outcome: Outcome = msgspec.json.decode(ray.get(reference), type=Outcome)
    except ray.exceptions.RayError as error:
        return CellFailed(job.cell, f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}")
    return outcome


@contextmanager
def _connected(ray: ModuleType, address: str) -> Iterator[None]:
    """Connect to a cluster; leaving it ends our running tasks."""
    try:
        _check_port(address)
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    except (OSError, RuntimeError, ValueError) as error:
        msg = f"--ray {address}: no cluster answers ({error}). Start one with `ray start --head`, which prints its address"
        raise ConfigError(msg) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_port(address: str) -> None:
    """Raise ``OSError`` if nothing listens at ``host:port``: Ray itself would retry for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "//" not in host:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()


def _ray() -> ModuleType:
    try:
        import ray  # noqa: PLC0415 - an extra
        import ray.exceptions  # noqa: PLC0415 - same
    except ImportError as error:
        msg = "--ray needs the extra 'cluster': pip install 'raman-edge[cluster]'"
        raise ConfigError(msg) from error
    module: ModuleType = ray
    return module
