"""The networks of Zhou 2022: layers, initialisation, and that they learn."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import torch
from msgspec import structs
from raman_edge.errors import ConfigError
from raman_train import checkpoint, config, optimiser
from raman_train.augment import Augment
from raman_train.cli import main
from raman_train.config import (
    DrcnnConfig,
    DrcnnEdgeConfig,
    FanConfig,
    LiuConfig,
    NetworkConfig,
    SangConfig,
    ZhangCnnConfig,
    ZhangDnnConfig,
)
from raman_train.models import Network, build, liu, sang, zhang
from raman_train.models.fan import Fan
from raman_train.models.layers import Classifier
from raman_train.models.liu import Liu
from torch import nn

if TYPE_CHECKING:
    from pathlib import Path

DATASET_2, DATASET_3 = (1570, 1332), (1024, 1322)
"""Points and classes."""
PUBLISHED: dict[str, NetworkConfig] = {
    "liu": LiuConfig(),
    "fan": FanConfig(),
    "zhang_cnn": ZhangCnnConfig(),
    "zhang_dnn": ZhangDnnConfig(),
    "sang": SangConfig(),
}
EVERY: dict[str, NetworkConfig] = PUBLISHED | {
    "drcnn": DrcnnConfig(recursions=2),
    "drcnn-edge": DrcnnEdgeConfig(width=4, recursions=2, squeeze=2, embedding=8, spectral=4),
}
LENGTH = {"sang": 270}
"""Points of test spectra: the unpadded convolutions of ``sang`` need 268, for the others 64 do."""
SHORT = 64


def on_paper(name: str, length: int, classes: int) -> Classifier:
    """Return a network with shapes and without storage."""
    with torch.device("meta"):
        network = build(EVERY[name], length, classes)
    assert isinstance(network, Classifier)
    return network


def parameters(network: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.fixture
def slim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same networks with narrow layers, for speed; the tests do not depend on the width."""
    for module in (liu, zhang, sang):
        monkeypatch.setattr(module, "HIDDEN", 32)
    monkeypatch.setattr(zhang, "WIDTHS", (48, 32, 32, 32, 32, 16))
    monkeypatch.setattr(sang, "GROUPS", tuple((channels // 8, count) for channels, count in sang.GROUPS))


def batch(name: str = "fan", count: int = 8, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spectra with one line each, whose position is their class; (count, n) and (count,)."""
    length = LENGTH.get(name, SHORT)
    truth = torch.arange(count) % classes
    place = (torch.arange(length)[None] - length * (truth[:, None] + 1) / (classes + 1)) / 3
    noise = 0.05 * torch.rand(count, length, generator=torch.Generator().manual_seed(count))
    return torch.exp(-(place**2)) + noise, truth


def seen(name: str) -> Network:
    """Return a network prepared with its training spectra."""
    torch.manual_seed(0)
    network = build(EVERY[name], LENGTH.get(name, SHORT), 4)
    network.prepare(*batch(name, 16))
    return network


def conv(inputs: int, outputs: int, points: int) -> int:
    """Return the number of parameters of a convolution."""
    return inputs * outputs * points + outputs


def dense(*widths: int) -> int:
    """Return the number of parameters of consecutive dense layers of these widths."""
    return sum(a * b + b for a, b in pairwise(widths))


@pytest.mark.parametrize(
    ("name", "at_2", "at_3"),
    [
        # Convolutions (1·16·21 + 16) + (16·32·11 + 32) + (32·64·5 + 64) = 16 320 and their BatchNorm 2·(16 + 32 + 64) = 224;
        # (64·196)·2048 + 2048 + 2·2048 = 25 696 256; 2048·1332 + 1332 + 2·1332 = 2 731 932. At 1024: 64·128, 1322 classes.
        ("liu", 28_444_732, 19_511_326),
        # (1·32·5 + 32) + (32·64·5 + 64) = 10 496; 1570 → 785 → 392 → 196 → 98, (64·98)·1024 + 1024 = 6 423 552;
        # 1024·1332 + 1332 = 1 365 300. At 1024: 64·64, 1322 classes.
        ("fan", 7_799_348, 5_560_874),
        # liu without BatchNorm: 16 320 + (64·196)·2048 + 2048 + 2048·1332 + 1332. At 1024: 64·128, 1322 classes.
        ("zhang_cnn", 28_437_748, 19_504_362),
        # 1570·3072 + 3072 + 3072·2048 + 2048 + 3·(2048·2048 + 2048) + 2048·1024 + 1024 + 1024·1332 + 1332. At 1024: 1024·3072.
        ("zhang_dnn", 27_172_148, 25_484_586),
        # 64: 256 + 12 352; 128: 24 704 + 49 280; 256: 98 560 + 3·196 864; 512: 393 728 + 7·786 944 = 6 678 080 so far;
        # 1570 → 783 → 389 → 190 → 91 → 41, (512·41)·512 + 512 + 2·512; 512·512 + 512 + 2·512; 512·1332 + 1332.
        # At 1024: 1024 → 510 → 253 → 122 → 57 → 24, (512·24)·512.
        ("sang", 18_374_516, 13_912_938),
    ],
)
def test_each_has_the_parameters_worked_out_by_hand(name: str, at_2: int, at_3: int) -> None:
    """Dataset_2 has 1570 points and 1332 classes, Dataset_3 1024 and 1322."""
    assert parameters(on_paper(name, *DATASET_2)) == at_2
    assert parameters(on_paper(name, *DATASET_3)) == at_3


def test_the_hand_worked_sums_follow_from_the_layers() -> None:
    """The same numbers from kernel sizes and widths."""
    lenet = conv(1, 16, 21) + conv(16, 32, 11) + conv(32, 64, 5)
    vgg = [(1, 64), (64, 64), (64, 128), (128, 128), (128, 256), *[(256, 256)] * 3, (256, 512), *[(512, 512)] * 7]
    expected = {
        "liu": lenet + 2 * (16 + 32 + 64) + dense(64 * 196, 2048, 1332) + 2 * (2048 + 1332),
        "fan": conv(1, 32, 5) + conv(32, 64, 5) + dense(64 * 98, 1024, 1332),
        "zhang_cnn": lenet + dense(64 * 196, 2048, 1332),
        "zhang_dnn": dense(1570, 3072, 2048, 2048, 2048, 2048, 1024, 1332),
        "sang": sum(conv(a, b, 3) for a, b in vgg) + dense(512 * 41, 512, 512, 1332) + 4 * 512,
    }
    assert {name: parameters(on_paper(name, *DATASET_2)) for name in PUBLISHED} == expected


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("liu", ["16x1570", "16x785", "32x785", "32x392", "64x392", "64x196", "12544", "2048"]),
        ("fan", ["32x785", "32x392", "64x196", "64x98", "6272", "1024"]),
        ("zhang_cnn", ["16x1570", "16x785", "32x785", "32x392", "64x392", "64x196", "12544", "2048"]),
        ("zhang_dnn", ["3072", *["2048"] * 4, "1024"]),
        (
            "sang",
            [
                *["64x1568", "64x1566", "64x783", "128x781", "128x779", "128x389"],
                *["256x387", "256x385", "256x383", "256x381", "256x190"],
                *["512x188", "512x186", "512x184", "512x182", "512x91"],
                *["512x89", "512x87", "512x85", "512x83", "512x41", "20992", "512", "512"],
            ],
        ),
    ],
)
def test_every_layer_has_its_shape(name: str, shapes: list[str]) -> None:
    """Channels and points after each layer that can change them, at 1570 points."""
    network = on_paper(name, *DATASET_2)
    level, got = torch.empty(2, 1570, device="meta"), []
    for layer in network.hidden:
        level = layer(level)
        if isinstance(layer, nn.Conv1d | nn.MaxPool1d | nn.Flatten | nn.Linear):
            got.append("x".join(str(n) for n in level.shape[1:]))
    assert got == shapes
    logits, embedding = network(torch.empty(2, 1570, device="meta"))
    assert (logits.shape, embedding.shape) == ((2, 1332), level.shape)


def kinds(name: str) -> list[str]:
    """Return the layers of a network by name, in order, without those that only reshape."""
    network = on_paper(name, *DATASET_2)
    layers = [layer for layer in network.modules() if not list(layer.children())]
    return [type(layer).__name__ for layer in layers if not isinstance(layer, nn.Flatten | nn.Unflatten)]


def test_layers_stand_in_the_order_of_the_papers() -> None:
    """Order of BatchNorm, activation, pool and dropout in each network."""
    lenet = ["Conv1d", "LeakyReLU", "MaxPool1d", "Dropout"]
    assert kinds("liu") == [
        *["Conv1d", "BatchNorm1d", "LeakyReLU", "MaxPool1d"] * 3, "Linear", "BatchNorm1d", "Tanh", "Dropout", "Linear", "BatchNorm1d",
    ]  # fmt: skip
    assert kinds("fan") == [*["Conv1d", "ReLU", "MaxPool1d", "Dropout"] * 2, "Linear", "ReLU", "Dropout", "Linear"]
    assert kinds("zhang_cnn") == [*lenet * 3, "Linear", "Tanh", "Dropout", "Linear"]
    assert kinds("zhang_dnn") == [*["Linear", "Tanh", "Dropout"] * 6, "Linear"]
    groups = [kind for count in (2, 2, 4, 4, 4) for kind in [*["Conv1d", "ReLU"] * count, "MaxPool1d"]]
    assert kinds("sang") == [*groups, *["Linear", "BatchNorm1d", "ReLU", "Dropout"] * 2, "Linear"]


def test_numbers_that_leave_no_shape() -> None:
    """Dropout shares and slopes are those of the papers, and every convolution and dense layer has a bias."""
    shares = {"liu": {0.5}, "fan": {0.5}, "zhang_cnn": {0.4}, "zhang_dnn": {0.4}, "sang": {0.5}}
    for name in PUBLISHED:
        layers = list(on_paper(name, *DATASET_2).modules())
        assert {layer.p for layer in layers if isinstance(layer, nn.Dropout)} == shares[name]
        assert {layer.negative_slope for layer in layers if isinstance(layer, nn.LeakyReLU)} <= {0.3}
        assert all(layer.bias is not None for layer in layers if isinstance(layer, nn.Conv1d | nn.Linear))


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("length", [268, 777, 1023])
def test_any_length_works(name: str, length: int) -> None:
    """The pools round down, and the first dense layer follows."""
    logits, _ = on_paper(name, length, 7)(torch.empty(2, length, device="meta"))
    assert tuple(logits.shape) == (2, 7)


@pytest.mark.parametrize(("name", "length"), [("sang", 267), ("liu", 7), ("fan", 10), ("zhang_cnn", 5)])
def test_spectra_that_are_too_short_are_refused(name: str, length: int) -> None:
    """The message has the number of points and what to change."""
    with pytest.raises(ConfigError, match=rf"{length} points.*recipe"):
        build(EVERY[name], length, 7)


@pytest.mark.usefixtures("slim")
@pytest.mark.parametrize("name", EVERY)
def test_an_answer_is_the_same_each_time(name: str) -> None:
    """In evaluation mode the outputs are deterministic and independent of the batch, and embeddings have norm 1."""
    network, (spectra, _) = seen(name).eval(), batch(name)
    with torch.no_grad():
        logits, embedding = network(spectra)
        torch.testing.assert_close(network(spectra)[0], logits, rtol=0, atol=0)
        torch.testing.assert_close(network(spectra[2:3])[0], logits[2:3], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(8))


@pytest.mark.usefixtures("slim")
@pytest.mark.parametrize("name", EVERY)
def test_one_step_of_adam_lowers_the_loss_and_reaches_every_parameter(name: str) -> None:
    """Every parameter has a gradient, and a small step along it reduces the loss."""
    network, (spectra, truth) = seen(name).train(), batch(name)
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0  # what is drawn would blur the comparison
    adam = torch.optim.Adam(network.parameters(), lr=1e-4)
    before = network.loss(spectra, truth)
    before.backward()  # type: ignore[no-untyped-call]  # torch's own types
    assert all(weight.grad is not None for weight in network.parameters())
    # A bias in front of BatchNorm is taken out again: its gradient is rounding, or nothing.
    assert [key for key, w in network.named_parameters() if w.grad is not None and not w.grad.any() and not key.endswith("bias")] == []
    adam.step()
    assert network.loss(spectra, truth) < before


@pytest.mark.usefixtures("slim")
@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_start_as_keras_starts_them(name: str) -> None:
    """Glorot uniform: within ±√(6 / (ins + outs)), filling that range; biases 0."""
    for layer in seen(name).modules():
        if isinstance(layer, nn.Conv1d | nn.Linear):
            field = layer.kernel_size[0] if isinstance(layer, nn.Conv1d) else 1
            limit = math.sqrt(6 / (field * (layer.weight.shape[0] + layer.weight.shape[1])))
            assert 0.75 * limit < layer.weight.abs().max() <= limit
            assert layer.bias is not None
            assert not layer.bias.any()


def test_fan_standardises_every_point() -> None:
    """Training spectra have mean 0 and deviation 1 at every point; a constant point stays 0."""
    network = Fan(SHORT, 4)
    spectra, truth = batch(count=16)
    spectra[:, 30] = 0.25
    network.prepare(spectra, truth)
    inside: list[torch.Tensor] = []
    network.hidden.register_forward_pre_hook(lambda _, given: inside.append(given[0]))
    network(spectra)
    torch.testing.assert_close(inside[0].mean(0), torch.zeros(SHORT), atol=1e-4, rtol=0)
    deviation = inside[0].std(0, correction=0)
    assert deviation[30] == 0
    torch.testing.assert_close(deviation[31:], torch.ones(SHORT - 31), atol=1e-3, rtol=0)


def test_liu_weighs_classes_by_one_over_their_size() -> None:
    """Classes of 1, 3 and 4 spectra have weights 12 : 4 : 3, an absent class 0, and the mean over the spectra is 1."""
    network = Liu(64, 4)
    truth = torch.tensor([0, 1, 1, 1, 3, 3, 3, 3])
    network.prepare(torch.rand(8, 64), truth)
    torch.testing.assert_close(network.class_weights, torch.tensor([8 / 3, 8 / 9, 0.0, 2 / 3]))
    assert network.class_weights[truth].mean() == pytest.approx(1)


def test_lius_loss_is_the_weighted_mean() -> None:
    """Each spectrum's cross-entropy times the weight of its class; without weights the plain mean."""
    spectra, truth = batch()
    network = Liu(SHORT, 4).eval()
    network.class_weights.copy_(torch.tensor([2.0, 1.0, 0.5, 0.0]))
    logits, _ = network(spectra)
    each = -torch.log_softmax(logits, 1)[torch.arange(8), truth]
    torch.testing.assert_close(network.loss(spectra, truth), (each * torch.tensor([2.0, 1.0, 0.5, 0.0] * 2)).mean())
    plain = Liu(SHORT, 4, class_weighted=False)
    plain.prepare(spectra[:5], truth[:5])
    assert (plain.class_weights == 1).all()


@pytest.mark.usefixtures("slim")
@pytest.mark.parametrize("name", EVERY)
def test_a_checkpoint_gives_the_same_answers(name: str, tmp_path: Path) -> None:
    """A loaded network gives the same outputs, and its digest identifies it."""
    network, (spectra, _) = seen(name).eval(), batch(name)
    path = tmp_path / checkpoint.CHECKPOINT
    checkpoint.save(path, network, about(EVERY[name], LENGTH.get(name, SHORT)))
    made = checkpoint.load(path)
    with torch.no_grad():
        torch.testing.assert_close(made.network(spectra), network(spectra), rtol=0, atol=0)
    assert made.sha256 == checkpoint.digest(network.state_dict())


def about(model: config.ModelConfig, length: int, classes: int = 4) -> checkpoint.About:
    """Return the metadata of a checkpoint of ``model``."""
    chosen = config.Config(model=model, data=config.DataConfig("synthetic"))
    labels = tuple("abcdefgh"[:classes])
    return checkpoint.About(
        config=chosen, length=length, labels=labels, spectra=1, specimens=1, epochs=0, seconds=0.0, device="", revision=""
    )


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A checkpoint with other weights than the network is refused by name."""
    path = tmp_path / checkpoint.CHECKPOINT
    checkpoint.save(path, seen("fan"), about(FanConfig(), length=SHORT + 64))
    with pytest.raises(ConfigError, match=r"does not fit the network fan[\s\S]*Train it again"):
        checkpoint.load(path)


def test_clipping_is_of_each_weight_tensor() -> None:
    """Keras' clipnorm: a tensor with a longer gradient is scaled to the limit; 0 clips nothing."""
    network = seen("fan")
    for index, weight in enumerate(network.parameters()):
        weight.grad = torch.full_like(weight, (index + 1) / math.sqrt(weight.numel()))  # norms 1, 2, 3, ...
    norms = [float(weight.grad.norm()) for weight in network.parameters() if weight.grad is not None]
    optimiser.clip(network, 0)
    assert [float(weight.grad.norm()) for weight in network.parameters() if weight.grad is not None] == norms
    optimiser.clip(network, 3)
    clipped = [float(weight.grad.norm()) for weight in network.parameters() if weight.grad is not None]
    assert clipped == pytest.approx([min(norm, 3) for norm in norms], rel=2e-3)  # single precision over a million elements


SYSTEMS = {
    *EVERY,
    *("cosine", "pearson", "derivative", "root-derivative", "knn", "svm", "logistic", "random-convolution"),
}


def test_every_system_ships_its_papers_recipe() -> None:
    """``--model NAME`` finds a configuration with that system."""
    assert {name: config.read(config.of_model(name)).system for name in SYSTEMS} == {name: name for name in SYSTEMS}


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        # rate, batch, epochs, patience, clipnorm
        ("drcnn", (1e-4, 32, 200, 30, 0)),
        ("liu", (1e-3, 64, 50, 10, 0)),
        ("fan", (1e-4, 100, 100, 0, 0)),
        ("zhang_cnn", (5e-5, 32, 100, 0, 5)),
        ("zhang_dnn", (5e-5, 32, 50, 0, 5)),
        ("sang", (1e-4, 32, 200, 30, 0)),
    ],
)
def test_recipes_are_those_of_the_papers(name: str, recipe: tuple[float, ...]) -> None:
    """Adam, without decay or average, on the arrays as published: 30 to 1599 cm⁻¹, zero outside the measured range."""
    chosen = config.read(config.of_model(name))
    training = chosen.training
    assert (training.rate, training.batch, training.epochs, training.patience, training.clip_norm) == recipe
    assert (training.optimiser, training.weight_decay + training.average) == ("adam", 0)
    assert (training.augment is not None) == (name == "liu")
    assert (chosen.data.subset, chosen.data.protocol, len(chosen.recipe.axis)) == ("dataset_2", "spectrum", 1570)
    assert b'"outside":"zero"' in chosen.recipe.to_json()


def test_lius_augmentation_only_shifts_mixes_and_makes_noise() -> None:
    """Without these three a spectrum is unchanged; with them it changes."""
    augment = config.read(config.of_model("liu")).training.augment
    assert augment is not None
    spectra, _ = batch(count=16)
    spectra = (spectra - spectra.amin(1, keepdim=True)) / (spectra.amax(1, keepdim=True) - spectra.amin(1, keepdim=True))
    off = structs.replace(augment, shift=0.0, noise_low=1e-9, noise_high=1e-9, mix_share=0.0)
    still = Augment(off, 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(still(still.mix(spectra, spectra.flip(0)))[:, :-1], spectra[:, :-1], atol=1e-4, rtol=0)
    assert (Augment(augment, 1.0, torch.Generator().manual_seed(0))(spectra) - spectra).abs().amax(1).min() > 0.01


def test_an_unknown_system_is_answered_with_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train fit --model vgg` ends with 78 and lists the names."""
    assert main(["fit", "--model", "vgg", "--out", str(tmp_path)]) == 78
    output = capsys.readouterr().err
    assert "'vgg'" in output
    assert all(name in output for name in SYSTEMS)


def test_model_and_config_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both or neither is a usage error."""
    for which in ([], ["--model", "fan", "--config", "x.toml"]):
        with pytest.raises(SystemExit) as stopped:
            main(["fit", *which, "--out", str(tmp_path)])
        assert stopped.value.code == 2
    assert "--model" in capsys.readouterr().err
