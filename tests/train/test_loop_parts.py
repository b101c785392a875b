"""Parts of a training step: rate, average, memory layout, settings of the device."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from raman_train import device, optimiser
from raman_train.config import DrcnnConfig, TrainingConfig
from raman_train.models import build
from torch import nn


def test_the_rate_rises_for_a_fifth_and_falls_to_nothing() -> None:
    """One-cycle starts at 4 % of its peak, peaks after 20 % of the steps and ends at 0; Adam's rate is constant."""
    cycle = TrainingConfig(rate=0.01)
    rates = [optimiser.rate(progress / 100, cycle) for progress in range(101)]
    assert rates[0] == pytest.approx(0.0004)
    assert max(rates) == rates[20] == 0.01
    assert rates[100] == pytest.approx(0)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    adam = TrainingConfig(rate=0.01, optimiser="adam")
    assert {optimiser.rate(progress, adam) for progress in (0.0, 0.1, 0.9)} == {0.01}


def test_only_matrices_decay() -> None:
    """Biases, norms and level weights have no weight decay."""
    network = build(DrcnnConfig(recursions=1), 16, 2)
    groups = optimiser.make(network, TrainingConfig(weight_decay=0.1)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert [{weight.ndim > 1 for weight in group["params"]} for group in groups] == [{True}, {False}]
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


def test_the_average_is_the_one_written_down() -> None:
    """After every step the average is decay times the old one plus the rest of the new weights; counts are copied."""
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    average = optimiser.Average(network, 0.5)  # type: ignore[arg-type]  # any network will do
    expected = network[0].weight.detach().clone()
    for step in range(40):
        with torch.no_grad():
            network[0].weight.add_(1.0)
            network[1].num_batches_tracked.add_(1)
        average.update(step)
        keep = min(0.5, (step + 1) / (step + 21))
        expected = keep * expected + (1 - keep) * network[0].weight.detach()
        torch.testing.assert_close(average.network.get_parameter("0.weight"), expected)
    assert average.network.get_buffer("1.num_batches_tracked") == 40
    assert not torch.equal(average.network.get_parameter("0.weight"), network[0].weight)


def test_without_average_the_network_is_its_own() -> None:
    """With decay 0 there is no second network, and an update changes nothing."""
    network = nn.Linear(2, 3)
    before = network.weight.detach().clone()
    average = optimiser.Average(network, 0)  # type: ignore[arg-type]  # any network will do
    average.update(0)
    assert average.network is network
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize(
    "options", [{}, {"padding": 2}, {"padding": "same"}, {"stride": 2}, {"padding": 2, "dilation": 2}, {"groups": 2}, {"bias": False}]
)
def test_rows_are_convolved_as_ever(options: dict[str, object]) -> None:
    """With channels last a convolution gives the numbers and gradients that ``Conv1d`` gives."""
    torch.manual_seed(0)
    plain = nn.Conv1d(4, 6, 5, **options)  # type: ignore[arg-type]  # the options of a convolution
    rows = nn.Sequential(copy.deepcopy(plain))
    device.channels_last(rows)
    assert type(rows[0]) is device.RowConv
    assert list(rows[0].state_dict()) == list(plain.state_dict())
    seen = torch.randn(3, 4, 31)
    made, expected = rows(seen), plain(seen)
    torch.testing.assert_close(made, expected)
    made.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(rows[0].weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pool", [nn.MaxPool1d(2), nn.MaxPool1d(3, stride=2, padding=1), nn.MaxPool1d(2, ceil_mode=True)], ids=str)
def test_a_pool_of_rows_is_a_pool(pool: nn.MaxPool1d) -> None:
    """With channels last a pool gives the same numbers, and the layout of its input."""
    rows = nn.Sequential(copy.deepcopy(pool))
    device.channels_last(rows)
    assert type(rows[0]) is device.RowPool
    seen = torch.randn(3, 31, 4).transpose(1, 2)
    assert torch.equal(rows(seen), pool(seen))
    assert rows(seen).stride(1) == 1


@pytest.mark.parametrize("learns", [True, False])
def test_from_one_convolution_to_the_next_channels_stay_last(learns: bool) -> None:  # noqa: FBT001 - a case
    """Through ReLU, pool and stacking of DRCNN's nine levels the layout stays; only the input and the output are converted."""
    network = build(DrcnnConfig(recursions=2), 64, 2)
    device.channels_last(network)
    strides: list[tuple[int, ...]] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv1d):
            layer.register_forward_pre_hook(lambda _, inputs: strides.append(inputs[0].stride()))
    with torch.set_grad_enabled(learns):
        network(torch.rand(3, 64))
    assert len(strides) == 7
    assert all(stride[1] == 1 for stride in strides[2:6])


def test_what_pads_with_something_else_is_left_alone() -> None:
    """Only zero padding has a row form."""
    circular = nn.Sequential(nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular"))
    device.channels_last(circular)
    assert type(circular[0]) is nn.Conv1d


def test_a_gpu_is_tuned_for_the_length_of_a_training() -> None:
    """TF32 and the search for the fastest convolution are on inside, and restored outside, also after an error."""

    def settings() -> tuple[str, bool]:
        return torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark

    before = settings()
    with device.tuned(torch.device("cuda")):
        assert settings() == ("high", True)
    assert settings() == before
    with pytest.raises(ZeroDivisionError), device.tuned(torch.device("cuda")):
        _ = 1 / 0
    assert settings() == before
    with device.tuned(torch.device("cpu")):
        assert settings() == before


@pytest.mark.parametrize("able", [False, True])
def test_auto_is_bf16_where_the_device_multiplies_it(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a case
    """``auto`` is bf16 on a GPU and on a processor with the instruction; an explicit choice is used."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": able}, raising=False)
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert device.arithmetic("auto", cpu) == ("bf16" if able else "fp32")
    assert device.arithmetic("auto", gpu) == "bf16"
    assert device.arithmetic("fp32", gpu) == "fp32"
    assert device.arithmetic("bf16", cpu) == "bf16"


def test_a_torch_without_capabilities_computes_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older releases of torch do not report the capabilities of a processor."""
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert device.arithmetic("auto", torch.device("cpu")) == "fp32"


def test_autocast_is_on_in_bf16_alone() -> None:
    """A product is bf16 inside the context, and fp32 outside and in fp32."""
    cpu, ones = torch.device("cpu"), torch.ones(4, 4)
    for kind, made in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        with device.autocast(kind, cpu):  # type: ignore[arg-type]  # a tuple of the two
            assert (ones @ ones).dtype == made
    assert (ones @ ones).dtype == torch.float32


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted as Linux does")
def test_freed_memory_is_kept() -> None:
    """Within the block a repeated large allocation causes no page faults; after it the memory is returned."""
    if device.describe_allocator() != "freed memory kept between steps (glibc mallopt)":
        pytest.skip(f"not glibc's allocator: {device.describe_allocator()}")
    script = (
        "import resource, numpy as np\n"
        "from raman_train import device\n"
        "def faults(n):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(n): np.ones(16_000_000)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "plain = faults(3)\n"
        "with device.freed_memory_kept():\n"
        "    faults(1); kept = faults(3)\n"
        "print(plain, kept, faults(3))\n"
    )
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    plain, kept, after = map(int, made.stdout.split())
    assert kept < 0.05 * plain
    assert after > 0.5 * plain


def test_denormal_numbers_are_zero_in_a_training() -> None:
    """Adam's mean of a gradient that stays 0 becomes 0, not the smallest number there is; outside the block nothing changes."""

    def mean_bits() -> int:
        weight = torch.nn.Parameter(torch.zeros(64))
        adam = torch.optim.Adam([weight], fused=True)
        weight.grad = torch.full((64,), 1e-36)
        for _ in range(300):
            adam.step()
            weight.grad.zero_()
        mean: torch.Tensor = adam.state[weight]["exp_avg"]
        return int(mean.view(torch.int32).max())

    kept = mean_bits()
    assert 0 < kept < 1 << 23  # no exponent: denormal
    if not torch.set_flush_denormal(False):
        pytest.skip("this processor computes with denormal numbers in one way only")
    with device.tuned(torch.device("cpu")):
        assert mean_bits() == 0
    assert mean_bits() == kept


def test_the_state_of_dropout_is_restored() -> None:
    """A restored state gives the same masks."""
    cpu = torch.device("cpu")
    kept = device.dropout_state(cpu)
    first = torch.rand(5)
    device.set_dropout_state(kept, cpu)
    assert torch.equal(torch.rand(5), first)
