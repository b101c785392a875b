"""How fast a training is: what is counted, what is compared, and that a CPU's figures are not a GPU's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample
from raman_train import hardware, naive, race, speed, steps
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
        patch.setattr(steps, "POINTS", 32)
        patch.setattr(steps, "CLASSES", 8)
        yield


@pytest.fixture(scope="module")
def report() -> speed.Report:
    """A measurement on this CPU, of spectra of 32 points."""
    with pytest.MonkeyPatch.context() as patch:
        short = Recipe((Resample(start=100.0, stop=1495.0, step=45.0, outside="hold"), MinMax()))
        patch.setattr(race, "TINY", msgspec.structs.replace(race.TINY, recipe=short))
        patch.setattr(race, "TINY_EPOCHS", 2)
        return speed.run(CPU)


def test_both_trainings_are_in_the_report(report: speed.Report) -> None:
    """Each has its time, its batch and its accuracy, on as many epochs."""
    for side in (report.ours, report.naive):
        assert (side.batch, side.rate) == (32, 1e-4)
        assert side.epoch > 0
        assert side.seconds >= side.epoch
        assert side.top1 is not None
    assert (report.spectra, report.points, report.recursions, report.epochs) == (67, 32, 2, 2)


def test_its_ratios_are_those_of_its_figures(report: speed.Report) -> None:
    """Ratio, fraction of the peak and the length of the run that is asked for follow from what was measured."""
    assert report.ratio == pytest.approx(report.ours.spectra_per_second / report.naive.spectra_per_second)
    assert report.whole_ratio == pytest.approx(report.naive.seconds / report.ours.seconds)
    achieved = report.ours.spectra_per_second * report.flops
    assert report.fraction == pytest.approx(achieved / report.peak)
    whole, _ = hardware.cost(DrcnnConfig(), 1570, 1332)
    assert report.dataset_2_seconds == pytest.approx(40 * 6004 * whole / achieved)


def test_each_way_of_a_step_learns_the_same(report: speed.Report) -> None:
    """The ways differ in time alone: the losses of the same spectra are equal to the second digit, bf16 included."""
    assert [step.how for step in report.steps][:3] == ["fp32, Adam, memory given back", "+ one kernel for Adam", "+ freed memory kept"]
    for step in report.steps:
        assert step.seconds > 0
        assert step.losses == pytest.approx(report.steps[0].losses, abs=0.03)
    lines = speed.table(report).splitlines()
    assert any(line.split()[-4] == "1.0" for line in lines if "memory given back" in line)


def test_a_cpu_says_that_it_is_no_gpu(report: speed.Report) -> None:
    """The table ends with it; nothing of a GPU is in there, and with ``gpu`` the remark is gone."""
    said = speed.table(report)
    assert said.endswith("These are not the figures of a GPU.")
    assert "TF32" not in said
    assert "most memory held" not in said
    on_gpu = speed.table(msgspec.structs.replace(report, gpu=True, naive_tf32=report.ours.spectra_per_second / 4, memory=3 * 2**30))
    assert "not the figures" not in on_gpu
    assert "ours is 4.0 times" in on_gpu
    assert "3.0 GiB" in on_gpu


def test_the_report_is_json_and_back(report: speed.Report) -> None:
    """What is written is what was measured."""
    assert msgspec.json.decode(speed.encode(report), type=speed.Report) == report


def test_days_on_a_cpu_are_refused() -> None:
    """The whole run is for a GPU."""
    with pytest.raises(ConfigError, match=r"take days on a CPU: use --device cuda"):
        speed.run(CPU, Path("rruff.npz"))


@pytest.mark.parametrize("batch", [0, 1, 68])
def test_a_batch_that_cannot_be_timed_is_refused(batch: int) -> None:
    """One spectrum has no variance, and there are 67 to learn from."""
    with pytest.raises(ConfigError, match=f"a batch of {batch} spectra cannot be timed: expected 2 to 67"):
        speed.run(CPU, batch=batch)


def test_operations_are_counted_as_by_hand() -> None:
    """Forward is what Table 1 of the paper multiplies; backward is twice that, but for the spectra's own gradient."""
    n, labels, depth = 1024, 1322, 9
    convolutions = [
        (1, 64, n),
        (64, 128, n),
        *[(128, 128, n)] * depth,
        *[(128, 256, n // 2), (256, 512, n // 4)] * depth,
        (512, 1024, n // 8),
    ]
    layers = [3 * i * o * points for i, o, points in convolutions] + [65_536 * 1024, 1024 * 512, 512 * labels]
    flops, parameters = hardware.cost(DrcnnConfig(), n, labels)
    assert parameters == 70_456_371
    assert flops == pytest.approx(2 * (3 * sum(layers) - layers[0]), rel=1e-3)


def test_the_peak_is_that_of_the_device() -> None:
    """A CPU multiplies fp32, faster than a calculator and slower than a computing centre."""
    rate, of = hardware.peak(CPU)
    assert 1e8 < rate < 1e14
    assert of == "1024x1024 float32 matrices"


def test_the_first_epoch_is_left_out_of_the_rate() -> None:
    """Spectra that fill no batch are not shown and not counted."""
    task = race.Task("noise", np.zeros((70, 64), np.float32), np.zeros(70, np.intp), np.arange(70), splits.nobody(), 2, DrcnnConfig(1), 3)
    side = task.side("ours", 32, 1e-4, [9.0, 2.0, 4.0], 16.0, task.network(CPU))
    assert (side.first_epoch, side.epoch, side.spectra_per_second, side.top1) == (9.0, 3.0, 64 / 3, None)


def test_both_begin_with_the_same_weights() -> None:
    """The two networks of a comparison are equal before the first step."""
    task = race.Task("noise", np.zeros((4, 64), np.float32), np.zeros(4, np.intp), np.arange(4), splits.nobody(), 2, DrcnnConfig(1), 1)
    first, second = (task.network(CPU).state_dict() for _ in range(2))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_the_naive_way_learns() -> None:
    """It is slow, not wrong: a line's place is learned, and each epoch has its seconds."""
    torch.manual_seed(0)
    network = build(DrcnnConfig(recursions=1), 32, 2)
    classes = torch.arange(16) % 2
    spectra = torch.exp(-(((torch.arange(32) - 8 - 16 * classes[:, None]) / 3) ** 2))
    before = network.loss(spectra, classes).item()
    seconds = naive.fit(network, spectra, classes, 3, 8, 1e-3)
    assert len(seconds) == 3
    assert min(seconds) > 0
    assert network.loss(spectra, classes).item() < before / 2


@pytest.mark.parametrize(("batch", "rate"), [(None, 1e-4), (64, 2**0.5 * 1e-4)])
def test_a_larger_batch_has_a_larger_rate(batch: int | None, rate: float, report: speed.Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate follows the root of the batch, unless another one is asked for."""
    asked: list[tuple[int, float]] = []

    def ours(_: race.Task, __: torch.device, batch: int, rate: float) -> tuple[race.Side, None]:
        asked.append((batch, rate))
        return report.ours, None

    monkeypatch.setattr(race, "ours", ours)
    monkeypatch.setattr(race, "theirs", lambda *_: (report.naive, None))
    speed.run(CPU, batch=batch)
    speed.run(CPU, batch=batch, rate=0.5)
    assert asked == [(batch or 32, pytest.approx(rate)), (batch or 32, 0.5)]
