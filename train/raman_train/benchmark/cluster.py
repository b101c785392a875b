"""The cells of a benchmark as tasks of a Ray cluster that is already there.

What is sent and what comes back is JSON; only this process writes results. A task works in the
folder this process was started in, and its run folder is the same absolute path: both have to be
on a file system that every host shares, or a run that was stopped starts anew on another host.
The package has to be installed on every host.
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

from raman_train.benchmark.budget import Budget
from raman_train.benchmark.work import Failed, Job, Outcome, work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

ANSWERS_WITHIN_S = 20.0


def on(address: str, jobs: Sequence[Job], budget: Budget) -> Iterator[Outcome]:
    """Work off ``jobs`` on the cluster at ``address``; outcomes come as they are ready.

    A training takes one GPU where the cluster has any, unless the device asked for is the CPU, and one core.

    Raises:
        ConfigError: where Ray is not installed, or no cluster answers.
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
    """Work off one job on a host of the cluster; ``deadline`` is in seconds since the epoch of the clock."""
    os.chdir(folder)
    return msgspec.json.encode(work(msgspec.json.decode(job, type=Job), Budget(deadline - time.time()), lambda _: None))


def _outcome(ray: ModuleType, reference: object, job: Job) -> Outcome:
    """Return what a task answered; a host that went away is a failure of its cell alone."""
    try:
        answer: Outcome = msgspec.json.decode(ray.get(reference), type=Outcome)
    except ray.exceptions.RayError as error:
        return Failed(job.cell, f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}")
    return answer


@contextmanager
def _connected(ray: ModuleType, address: str) -> Iterator[None]:
    """Connect to a cluster, and leave it again: what is still running for us ends with that."""
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    except (OSError, RuntimeError, ValueError) as error:
        msg = f"--ray {address}: no cluster answers ({error}). Start one with `ray start --head`, which prints its address"
        raise ConfigError(msg) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise ``OSError`` where nothing listens at a ``host:port``: Ray itself would go on trying for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdigit() and "//" not in host:
        socket.create_connection((host, int(port)), timeout=ANSWERS_WITHIN_S).close()


def _ray() -> ModuleType:
    try:
        import ray  # noqa: PLC0415 - an extra
        import ray.exceptions  # noqa: PLC0415 - same
    except ImportError as error:
        msg = "--ray needs the extra 'cluster': pip install 'raman-edge[cluster]'"
        raise ConfigError(msg) from error
    module: ModuleType = ray
    return module
