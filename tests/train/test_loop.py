"""The training loop: its steps, its synchronisation with the device, and its state on disk."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_train import checkpoint, device, loop, state
from raman_train.config import AugmentConfig, DrcnnConfig, DrcnnEdgeConfig, TrainingConfig
from raman_train.distributed import SINGLE
from raman_train.models import Network, build
from sklearn.metrics import precision_score, roc_auc_score
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CPU = torch.device("cpu")
POINTS, LABELS = 64, 4
EDGE = DrcnnEdgeConfig(width=4, recursions=2, squeeze=2, embedding=8, spectral=4, dropout=0)
TRAINING = TrainingConfig(epochs=3, batch=8, precision="fp32", augment=AugmentConfig())
NOTHING = AugmentConfig(
    shift=0, far_shift=0, stretch=0, broaden=0, broaden_share=0, response=0, line_response=0, baseline=0, baseline_share=0,
    noise_low=1e-9, noise_high=1e-8, crop_share=0, spike_share=0, mix_share=0,
)  # fmt: skip


def examples(count: int = 32, step: float = 1.0) -> loop.Examples:
    """Return ``count`` spectra with one line each, whose position is the class."""
    rng = np.random.default_rng(0)
    classes = np.arange(count) % LABELS
    place = 10 + 12 * classes[:, None] + rng.normal(0, 0.5, (count, 1))
    return loop.Examples.of(np.exp(-(((np.arange(POINTS) - place) / 3) ** 2)).astype(np.float32), classes, CPU, step)


NO_EXAMPLES = loop.Examples.of(np.empty((0, POINTS), np.float32), np.empty(0, np.intp), CPU)


def network(config: DrcnnEdgeConfig | DrcnnConfig = EDGE) -> Network:
    """Return an untrained network, the same at each call."""
    torch.manual_seed(0)
    made = build(config, POINTS, LABELS)
    made.prepare(examples().features, examples().classes)
    return made


def fit(folder: Path, training: TrainingConfig = TRAINING, held: loop.Examples = NO_EXAMPLES) -> tuple[Network, list[loop.Epoch]]:
    """Train a small network and return it with its history."""
    folder.mkdir(exist_ok=True)
    return loop.fit(network(), examples(), held, training, folder, lambda _: None)


def under_way(folder: Path, training: TrainingConfig = TRAINING, step: float = 1.0) -> loop._Run:
    """Return a training that has not begun."""
    return loop._Run(network(), examples(step=step), training, SINGLE, state.StateFile(folder / checkpoint.STATE, SINGLE))


def weights(network: Network) -> dict[str, torch.Tensor]:
    """Return a copy of every tensor of a network."""
    return {name: value.clone() for name, value in network.state_dict().items()}


class NoScoredQueries(TorchDispatchMode):
    """Refuses every operation that makes the host wait for a GPU."""

    def __torch_dispatch__(
        self, func: object, types: object, args: tuple[object, ...] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        """Run an operation that stays on the device."""
        if str(func).split(".")[1] in {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select"}:
            pytest.fail(f"{func} asks the device for a number")
        return func(*args, **(kwargs or {}))  # type: ignore[operator]  # an operator of torch


def test_within_an_epoch_nothing_waits_for_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Augmentation, loss, gradient and moving average read no number from the device.

    The optimiser is excluded: on a CPU it reads its own count, which the fused one of a GPU leaves on the device.
    """
    run = loop._Run(network(DrcnnConfig(recursions=1)), examples(), TRAINING, SINGLE, state.StateFile(tmp_path / "state", SINGLE))
    monkeypatch.setattr(run._state.optimiser, "step", lambda: None)
    order = torch.randperm(32)
    with NoScoredQueries():
        run._step(order[:8], 0)
        run._step(order[8:16], 1)


@pytest.mark.slow
def test_a_compiled_training_is_the_same_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``compiled`` both augmentation and loss go through the compiler, and the same weights come out."""
    queries = []

    def traced(function: object, **options: object) -> object:
        queries.append(options)
        return compiler(function, backend="eager", **options)

    compiler = functools.partial(torch.compile)
    monkeypatch.setattr(torch, "compile", traced)
    plain, _ = fit(tmp_path / "plain", msgspec.structs.replace(TRAINING, epochs=1))
    assert queries == []
    fused, _ = fit(tmp_path / "fused", msgspec.structs.replace(TRAINING, epochs=1, compiled=True))
    assert queries == [{"dynamic": False}] * 2
    for name, value in weights(plain).items():
        torch.testing.assert_close(fused.state_dict()[name], value, msg=name)


def test_batches_never_change_their_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spectra that do not fill a batch are left for the next epoch; a set smaller than a batch is one batch."""
    seen: list[int] = []
    run = under_way(tmp_path, msgspec.structs.replace(TRAINING, batch=7))
    monkeypatch.setattr(run, "_step", lambda chosen, _: seen.append(len(chosen)) or torch.zeros(()))
    run.one_epoch(NO_EXAMPLES)
    assert seen == [7] * 4
    _, history = loop.fit(network(), examples(5), NO_EXAMPLES, TRAINING, tmp_path, lambda _: None)
    assert len(history) == 3


def test_every_spectrum_is_shown_once_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batches of an epoch are a permutation of the training part, different in each epoch."""
    run = under_way(tmp_path)
    seen: list[int] = []
    monkeypatch.setattr(run, "_step", lambda chosen, _: seen.extend(chosen.tolist()) or torch.zeros(()))
    run.one_epoch(NO_EXAMPLES)
    run.one_epoch(NO_EXAMPLES)
    assert sorted(seen[:32]) == sorted(seen[32:]) == list(range(32))
    assert seen[:32] != seen[32:]


def test_shifts_are_in_wavenumbers_of_the_recipe(tmp_path: Path) -> None:
    """With points 4 cm⁻¹ apart, a shift of 8 cm⁻¹ moves a line by 2 points."""
    shifting = msgspec.structs.replace(TRAINING, augment=msgspec.structs.replace(NOTHING, shift=8.0))
    run = under_way(tmp_path, shifting, step=4.0)
    chosen = torch.full((2000,), 1)
    moved = run._augmented(chosen).argmax(1).float() - examples().features[1].argmax()
    assert moved.std() == pytest.approx(2.0, rel=0.1)


@pytest.mark.slow
def test_bf16_learns_what_fp32_learns(tmp_path: Path) -> None:
    """DRCNN's loss falls in both arithmetics; weights and their moments stay fp32."""
    losses = {}
    for kind in ("fp32", "bf16"):
        (tmp_path / kind).mkdir()
        training = TrainingConfig(epochs=6, batch=8, rate=1e-3, optimiser="adam", weight_decay=0, average=0, precision=kind)
        torch.manual_seed(0)
        drcnn = build(DrcnnConfig(recursions=3), POINTS, LABELS)
        made, history = loop.fit(drcnn, examples(), NO_EXAMPLES, training, tmp_path / kind, lambda _: None)
        losses[kind] = [done.loss for done in history]
        assert {weight.dtype for weight in made.parameters()} == {torch.float32}
    assert losses["bf16"] == pytest.approx(losses["fp32"], abs=0.05 * losses["fp32"][0])
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"][-1] < 0.2 * losses["bf16"][0]


def test_validation_is_what_the_averaged_network_names(tmp_path: Path) -> None:
    """The accuracy in the history is that of the averaged network."""
    held = examples(20)
    made, history = fit(tmp_path, msgspec.structs.replace(TRAINING, epochs=4), held)
    logits, _ = loop.outputs(made, held.features)
    assert history[-1].validation == pytest.approx(float((logits.argmax(1) == held.classes.numpy()).mean()), abs=1e-5)
    assert 0 < history[-1].validation < 1
    scores, truth = logits.astype(np.float64), held.classes.numpy()
    odds = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert history[-1].precision == pytest.approx(
        precision_score(truth, logits.argmax(1), labels=np.unique(truth), average="weighted", zero_division=1), abs=1e-5
    )
    one_hot = np.eye(logits.shape[1])[truth]
    assert history[-1].auc == pytest.approx(roc_auc_score(one_hot.ravel(), odds.ravel()), abs=1e-4)


def test_a_training_stopped_by_its_callback_is_saved(tmp_path: Path) -> None:
    """If the callback of an epoch raises, that epoch is on disk."""

    class Stopped(BaseException):
        pass

    there: list[bool] = []

    def stop(done: loop.Epoch) -> None:
        there.append((tmp_path / checkpoint.STATE).exists())
        if done.epoch == 1:
            raise Stopped

    with pytest.raises(Stopped):
        loop.fit(network(), examples(), NO_EXAMPLES, TRAINING, tmp_path, stop)
    assert there == [False, False]
    whole, _ = fit(tmp_path / "whole")
    recorded: list[int] = []
    resumed, history = loop.fit(network(), examples(), NO_EXAMPLES, TRAINING, tmp_path, lambda done: recorded.append(done.epoch))
    assert recorded == [2]
    assert [done.epoch for done in history] == [0, 1, 2]
    assert all(torch.equal(value, weights(whole)[name]) for name, value in weights(resumed).items())


def test_a_finished_training_is_on_disk(tmp_path: Path) -> None:
    """After a kill behind the last epoch, a call returns the same network without a step."""
    made, history = fit(tmp_path)
    recorded: list[loop.Epoch] = []
    again, same = loop.fit(network(), examples(), NO_EXAMPLES, TRAINING, tmp_path, recorded.append)
    assert recorded == []
    assert same == history
    assert all(torch.equal(value, weights(made)[name]) for name, value in weights(again).items())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the histories that were written, in order."""
    histories: list[str] = []
    original = checkpoint.write

    def write(path: Path, tensors: dict[str, torch.Tensor], about: str) -> None:
        histories.append(about)
        original(path, tensors, about)

    monkeypatch.setattr(checkpoint, "write", write)
    return histories


def test_the_state_is_written_when_half_a_minute_is_unsaved(tmp_path: Path, written: list[str]) -> None:
    """The state is written half a minute after the last time, and not twice for one epoch."""
    now = [0.0]
    store = state.StateFile(tmp_path / checkpoint.STATE, SINGLE, lambda: now[0])
    moving = state.TrainingState(network(), TRAINING)
    due = []
    for second in (10, 29.9, 30, 59, 60.5):
        now[0] = second
        due.append(store.due)
        if store.due:
            store.write(moving, f"[{second}]")
            store.write(moving, f"[{second}]")
    assert due == [False, False, True, False, True]
    assert written == ["[30]", "[60.5]"]


def test_long_epochs_are_saved_one_by_one(tmp_path: Path, written: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """If an epoch is longer than that, the state is written after each."""
    monkeypatch.setattr(state, "EVERY", 0.0)
    fit(tmp_path)
    assert [len(msgspec.json.decode(history)) for history in written] == [1, 2, 3]


def test_the_state_holds_nothing_twice(tmp_path: Path) -> None:
    """Without average and patience the file has the network once: a copy of the largest one has 420 MB."""
    fit(tmp_path, msgspec.structs.replace(TRAINING, average=0))
    tensors, _ = checkpoint.read(tmp_path / checkpoint.STATE)
    assert {name.split("/")[0] for name in tensors} == {"network", "optimiser", "generator", "dropout"}


def test_moments_come_back_in_the_layout_of_their_weights(tmp_path: Path) -> None:
    """The fused optimiser of a GPU needs weights and moments in the same layout; a file has no layout."""
    fit(tmp_path)
    run = under_way(tmp_path)
    weight = run._state.network.get_parameter("recur.weight")
    assert not weight.is_contiguous()
    moments = run._state.optimiser.state[weight]
    assert moments["exp_avg"].stride() == moments["exp_avg_sq"].stride() == weight.stride()
    assert moments["exp_avg"].abs().sum() > 0


def test_the_state_of_another_kind_of_device_is_refused(tmp_path: Path) -> None:
    """A state of a GPU cannot be resumed on a CPU, and the message says so."""
    fit(tmp_path)
    tensors, history = checkpoint.read(tmp_path / checkpoint.STATE)
    checkpoint.write(tmp_path / checkpoint.STATE, tensors | {"generator": torch.zeros(16, dtype=torch.uint8)}, history)
    with pytest.raises(ConfigError, match=r"got cpu, but .* another kind of device"):
        fit(tmp_path)


def test_the_best_on_validation_is_kept_through_a_stop(tmp_path: Path) -> None:
    """With patience the best network is kept through an interruption."""
    patient = msgspec.structs.replace(TRAINING, patience=5)
    run = under_way(tmp_path, patient)
    run.one_epoch(examples())
    best = weights(run._state.average.network)
    run._state.keep_best()
    with torch.no_grad():
        for weight in run._state.average.network.parameters():
            weight.add_(1.0)
    run.save()
    again = under_way(tmp_path, patient)
    assert all(torch.equal(value, best[name]) for name, value in weights(again.best_network).items())
    assert again.best_network is not again._state.average.network


def test_outputs_are_made_where_the_network_lies() -> None:
    """Features on the host are moved to the network's device in parts; the last part may be smaller."""
    made = network().eval()
    logits, embeddings = loop.outputs(made, examples(10).features, batch=4)
    with torch.no_grad():
        expected = made(examples(10).features)
    np.testing.assert_allclose(logits, expected[0].numpy(), atol=1e-5)
    np.testing.assert_allclose(embeddings, expected[1].numpy(), atol=1e-5)


def test_under_torchrun_each_process_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """``LOCAL_RANK`` is the number of the GPU; a CPU has none."""
    assert device.pick("cuda") == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert device.pick("cuda") == torch.device("cuda", 3)
    assert device.pick("cpu") == CPU
