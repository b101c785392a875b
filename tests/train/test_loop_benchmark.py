"""The speed of a training: what is counted and compared, and the remark for a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train import loop_benchmark as speed
from raman_train.config import DrcnnConfig
from raman_train.data import splits
from raman_train.models import build

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def small_steps() -> Iterator[None]:
    """Time the steps of a small network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speed, "STEP_MODEL", DrcnnConfig(recursions=1))
        patch.setattr(speed, "STEP_POINTS", 32)
        patch.setattr(speed, "STEP_CLASSES", 8)
        yield


@pytest.fixture(scope="module")
def report() -> speed.SpeedReport:
    """A measurement on this CPU, of spectra of 32 points."""
    with pytest.MonkeyPatch.context() as patch:
        short = Recipe((Resample(start=100.0, stop=1495.0, step=45.0, outside="hold"), MinMax()))
        patch.setattr(speed, "TINY", msgspec.structs.replace(speed.TINY, recipe=short))
        patch.setattr(speed, "TINY_EPOCHS", 2)
        return speed.run(CPU)


def test_both_trainings_are_in_the_report(report: speed.SpeedReport) -> None:
    """Each training has its time, batch and accuracy, for the same number of epochs."""
    for side in (report.ours, report.naive):
        assert (side.batch, side.rate) == (32, 1e-4)
        assert side.epoch > 0
        assert side.seconds >= side.epoch
        assert side.top1 is not None
    assert (report.spectra, report.points, report.recursions, report.epochs) == (67, 32, 2, 2)


def test_its_ratios_are_those_of_its_figures(report: speed.SpeedReport) -> None:
    """Ratios, fraction of the peak and the extrapolated duration follow from the measurements."""
    assert report.ratio == pytest.approx(report.ours.spectra_per_second / report.naive.spectra_per_second)
    assert report.whole_ratio == pytest.approx(report.naive.seconds / report.ours.seconds)
    achieved = report.ours.spectra_per_second * report.flops
    assert report.fraction == pytest.approx(achieved / report.peak)
    whole, _ = speed.cost(DrcnnConfig(), 1570, 1332)
    assert report.dataset_2_seconds == pytest.approx(40 * 6004 * whole / achieved)


def test_each_way_of_a_step_learns_the_same(report: speed.SpeedReport) -> None:
    """The variants of a step differ only in time: their losses agree within 0.03, bf16 included."""
    assert [step.how for step in report.steps][:3] == ["fp32, Adam, memory given back", "+ one kernel for Adam", "+ freed memory kept"]
    *fresh, late, flushed = report.steps
    assert all(step.seconds > 0 for step in report.steps)
    for step in fresh:
        assert step.losses == pytest.approx(fresh[0].losses, abs=0.03)
    assert flushed.losses == late.losses
    lines = speed.table(report).splitlines()
    assert any(line.split()[-4] == "1.0" for line in lines if "memory given back" in line)


def test_a_cpu_has_a_remark(report: speed.SpeedReport) -> None:
    """The table of a CPU ends with a remark and has nothing of a GPU; with ``gpu`` the remark is absent."""
    output = speed.table(report)
    assert output.endswith("These are not the figures of a GPU.")
    assert "TF32" not in output
    assert "peak memory" not in output
    on_gpu = speed.table(msgspec.structs.replace(report, gpu=True, naive_tf32=report.ours.spectra_per_second / 4, memory=3 * 2**30))
    assert "not the figures" not in on_gpu
    assert "ours is 4.0 times as fast" in on_gpu
    assert "3.0 GiB" in on_gpu


def test_the_report_is_json_and_back(report: speed.SpeedReport) -> None:
    """The report is the same after JSON."""
    assert msgspec.json.decode(msgspec.json.encode(report), type=speed.SpeedReport) == report


def test_days_on_a_cpu_are_refused() -> None:
    """The whole run needs a GPU."""
    with pytest.raises(ConfigError, match=r"take days on a CPU: use --device cuda"):
        speed.run(CPU, Path("rruff.npz"))


@pytest.mark.parametrize("batch", [0, 1, 68])
def test_a_batch_that_cannot_be_timed_is_refused(batch: int) -> None:
    """One spectrum has no variance, and there are 67 to learn from."""
    with pytest.raises(ConfigError, match=f"got {batch}, expected 2 to 67"):
        speed.run(CPU, batch=batch)


def test_operations_are_counted_as_by_hand() -> None:
    """Forward is that of Table 1 of the paper; backward is twice as much, without the gradient of the spectra."""
    n, labels, depth = 1024, 1322, 9
    convolutions = [
        (1, 64, n),
        (64, 128, n),
        *[(128, 128, n)] * depth,
        *[(128, 256, n // 2), (256, 512, n // 4)] * depth,
        (512, 1024, n // 8),
    ]
    layers = [3 * i * o * points for i, o, points in convolutions] + [65_536 * 1024, 1024 * 512, 512 * labels]
    flops, parameters = speed.cost(DrcnnConfig(), n, labels)
    assert parameters == 70_456_371
    assert flops == pytest.approx(2 * (3 * sum(layers) - layers[0]), rel=1e-3)


def test_the_peak_is_that_of_the_device() -> None:
    """A CPU multiplies fp32 at a plausible rate."""
    rate, of = speed.matrix_peak(CPU)
    assert 1e8 < rate < 1e14
    assert of == "1024x1024 float32 matrices"


def test_the_first_epoch_is_left_out_of_the_rate() -> None:
    """Spectra that do not fill a batch do not count."""
    task = speed.SpeedTask(
        "noise", np.zeros((70, 64), np.float32), np.zeros(70, np.intp), np.arange(70), splits.no_indices(), 2, DrcnnConfig(1), 3
    )
    side = task.timing("ours", 32, 1e-4, [9.0, 2.0, 4.0], 16.0, task.network(CPU))
    assert (side.first_epoch, side.epoch, side.spectra_per_second, side.top1) == (9.0, 3.0, 64 / 3, None)


def test_both_begin_with_the_same_weights() -> None:
    """The two networks of a comparison have the same initial weights."""
    task = speed.SpeedTask(
        "noise", np.zeros((4, 64), np.float32), np.zeros(4, np.intp), np.arange(4), splits.no_indices(), 2, DrcnnConfig(1), 1
    )
    first, second = (task.network(CPU).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_naive_way_learns() -> None:
    """It learns the position of a line, and each epoch has its seconds."""
    torch.manual_seed(0)
    network = build(DrcnnConfig(recursions=1), 32, 2)
    classes = torch.arange(16) % 2
    spectra = torch.exp(-(((torch.arange(32) - 8 - 16 * classes[:, None]) / 3) ** 2))
    before = network.loss(spectra, classes).item()
    seconds = speed.plain_fit(network, spectra, classes, 3, 8, 1e-3)
    assert len(seconds) == 3
    assert min(seconds) > 0
    assert network.loss(spectra, classes).item() < before / 2


@pytest.mark.parametrize(("batch", "rate"), [(None, 1e-4), (64, 2**0.5 * 1e-4)])
def test_a_larger_batch_has_a_larger_rate(
    batch: int | None, rate: float, report: speed.SpeedReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate follows the square root of the batch, unless it is given."""
    queries: list[tuple[int, float]] = []

    def ours(_: speed.SpeedTask, __: torch.device, batch: int, rate: float) -> tuple[speed.LoopTiming, None]:
        queries.append((batch, rate))
        return report.ours, None

    monkeypatch.setattr(speed, "train_ours", ours)
    monkeypatch.setattr(speed, "train_plainly", lambda *_: (report.naive, None))
    speed.run(CPU, batch=batch)
    speed.run(CPU, batch=batch, rate=0.5)
    assert queries == [(batch or 32, pytest.approx(rate)), (batch or 32, 0.5)]
