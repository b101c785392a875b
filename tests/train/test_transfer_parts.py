"""The parts of a transfer: axis, folds, weights, systems, results."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_edge.spectrum import Axis, Origin, Spectrum
from raman_train import config, evaluate
from raman_train.config import DrcnnConfig, DrcnnEdgeConfig, FanConfig, NetworkConfig, SearchConfig, ZhangCnnConfig, ZhangDnnConfig
from raman_train.data import synthetic
from raman_train.data.datasets import LabelledSpectrum, gather
from raman_train.models import build
from raman_train.transfer import common_axis, folds, results, systems, training

if TYPE_CHECKING:
    from pathlib import Path

    from raman_train.data.datasets import Dataset

TINY = DrcnnEdgeConfig(width=4, recursions=1, squeeze=2, embedding=8, spectral=4)
LENGTH = 120
DENSE = {"classify.weight", "classify.bias"}


def measured(*ranges: tuple[float, float], step: float = 1.0) -> Dataset:
    """Return one spectrum per range, each with its own label."""
    rows = []
    for number, (low, high) in enumerate(ranges):
        axis = Axis.linear(low, high, step)
        counts = np.exp(-(((axis.shift - (low + high) / 2) / 8) ** 2))
        rows.append(
            LabelledSpectrum(Spectrum(axis, counts, Origin("test", "x")), f"label {number}", f"piece {number}", f"spectrum {number}")
        )
    return gather(rows)


def replicated(**counts: int) -> Dataset:
    """Return labels with these numbers of replicates, one spectrum each."""
    row = measured((100, 400))
    names = [(label, f"{label}#{number}") for label, count in counts.items() for number in range(1, count + 1)]
    return dataclasses.replace(
        row.select(np.zeros(len(names), dtype=np.intp)),
        labels=np.array([label for label, _ in names]),
        specimens=np.array([name for _, name in names]),
        names=np.array([name for _, name in names]),
    )


def test_the_axis_is_what_nine_in_ten_of_the_target_cover() -> None:
    """One short and one late spectrum among twenty do not shorten the axis, which starts at 30 cm⁻¹ or above."""
    ranges = [(10.0, 1800.0)] * 18 + [(10.0, 900.0), (700.0, 1800.0)]
    axis = common_axis.recipe_for(measured(*ranges)).axis
    assert (axis.start, axis.stop, len(axis)) == (30, 1800, 1771)


@pytest.mark.parametrize(("high", "spacing", "step", "stop"), [(1501, 1, 1, 1501), (1500, 2, 2, 1500), (3001, 1, 2, 3000)])
def test_coarse_spectra_and_long_axes_get_steps_of_two(high: float, spacing: float, step: float, stop: float) -> None:
    """The step is 1 cm⁻¹ if the spectra resolve it and the axis has at most 2048 points; the axis ends on a whole step."""
    axis = common_axis.recipe_for(measured((100, high), step=spacing)).axis
    assert (axis.shift[1] - axis.shift[0], axis.stop) == (step, stop)


def test_a_target_without_a_common_range_is_refused() -> None:
    """Spectra without a common range are refused with the range."""
    with pytest.raises(ConfigError, match=r"600\.\.450 cm⁻¹ in common, expected at least 200"):
        common_axis.recipe_for(measured((100, 450), (600, 1000)))


def test_a_source_elsewhere_is_refused_and_a_short_one_left_out() -> None:
    """Source spectra that cover less than half of the axis are left out; without any other the source is refused."""
    recipe = common_axis.recipe_for(measured((200, 1000)))
    kept = common_axis.source(measured((100, 700), (100, 500), (600, 1100)), recipe)
    assert kept.dataset.names.tolist() == ["spectrum 0", "spectrum 2"]
    assert kept.features.shape == (2, 801)
    with pytest.raises(ConfigError, match=r"on 1500\.\.2000 cm⁻¹, .* 200\.\.1000 cm"):
        common_axis.source(measured((1500, 2000)), recipe)


def test_a_target_spectrum_that_cannot_be_used_is_named() -> None:
    """A flat spectrum in the target is refused by name, not left out."""
    flat = measured((100, 400), (100, 400))
    flat.counts.setflags(write=True)
    flat.counts[301:] = 5
    with pytest.raises(ConfigError, match=r"1 spectra of the target cannot be used.*spectrum 1"):
        common_axis.target(flat, common_axis.recipe_for(flat))


def test_every_replicate_is_tested_once_and_not_trained_then() -> None:
    """Over the folds every replicate of a label with several is in the test part exactly once."""
    data = replicated(a=4, b=4, c=3, d=1, e=6)
    splits = folds.make(data, 4)
    queries = Counter(name for split in splits for name in data.names[split.test].tolist())
    assert queries == dict.fromkeys([name for name in data.names.tolist() if name != "d#1"], 1)
    for split in splits:
        assert not set(split.test.tolist()) & set(split.train.tolist())
        assert split.test.size + split.train.size == len(data)
        assert set(data.labels[split.test].tolist()) <= set(data.labels[split.train].tolist())
    assert folds.single_replicates(data) == ["d"]


def test_spectra_of_one_replicate_stay_together() -> None:
    """Two exposures of one specimen are in the same fold."""
    data = synthetic.make(materials=3, specimens=4, exposures=2)
    for split in folds.make(data, 4):
        assert not set(data.specimens[split.test].tolist()) & set(data.specimens[split.train].tolist())


def test_with_one_shot_every_replicate_is_the_reference_once() -> None:
    """``shots`` 1 trains on one replicate of each label, another one in each fold, and tests all others."""
    data = replicated(a=4, b=4, c=2, d=1)
    splits = folds.make(data, 4, shots=1)
    learned = Counter(name for split in splits for name in data.names[split.train].tolist())
    assert {learned[f"{label}#{number}"] for label in "ab" for number in range(1, 5)} == {1}
    assert learned["d#1"] == 4
    assert all(split.train.size == 4 for split in splits)


def test_as_many_folds_as_there_are_replicates_and_at_most_four() -> None:
    """The default number of folds follows the replicates."""
    assert [folds.default_folds(replicated(a=most, b=1)) for most in (2, 3, 4, 7)] == [2, 3, 4, 4]


@pytest.mark.parametrize(
    ("counts", "count", "shots", "message"),
    [
        ({"a": 1, "b": 1}, 4, 0, "none of the 2 labels has two replicates"),
        ({"a": 3, "b": 2}, 4, 0, r"--folds: got 4, expected 2 to 3"),
        ({"a": 3, "b": 2}, 1, 0, r"--folds: got 1, expected 2 to 3"),
        ({"a": 3, "b": 2}, 3, 3, "--shots: got 3, expected 0 to 2"),
        ({"a": 3, "b": 2}, 3, -1, "--shots: got -1"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(counts: dict[str, int], count: int, shots: int, message: str) -> None:
    """The message has the given number and the possible range."""
    with pytest.raises(ConfigError, match=message):
        folds.make(replicated(**counts), count, shots)


@pytest.mark.parametrize(
    ("network", "last"),
    [(TINY, {"classes"}), (ZhangDnnConfig(), DENSE), (ZhangCnnConfig(), DENSE), (DrcnnConfig(recursions=2), DENSE)],
)
def test_the_last_layer_is_what_depends_on_the_labels(network: NetworkConfig, last: set[str]) -> None:
    """The last layer of each network is its prototypes or its last dense layer, and nothing else."""
    assert training.last_layer(network, LENGTH) == last


def test_all_but_the_last_layer_comes_from_the_source() -> None:
    """Weights and statistics are those of the source, also with the same number of labels; the last layer is the network's own."""
    learned, network = build(TINY, LENGTH, 7), build(TINY, LENGTH, 7)
    learned.state_dict()["norm.running_mean"].fill_(3.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training.load_all_but_last(network, learned.state_dict(), TINY, LENGTH)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name] if name == "classes" else learned.state_dict()[name]), name
    assert not torch.equal(before["classes"], learned.state_dict()["classes"])


def test_weights_of_another_axis_are_refused() -> None:
    """A network pretrained with another number of points is refused."""
    with pytest.raises(ConfigError, match="another network or axis"):
        training.load_all_but_last(build(TINY, LENGTH, 3), build(TINY, 2 * LENGTH, 3).state_dict(), TINY, LENGTH)


def test_disturbed_spectra_are_the_test_part_alone_and_the_same_each_time() -> None:
    """Training spectra stay as measured; test spectra change, in the same way for every system."""
    data = measured(*[(100.0, 400.0)] * 6)
    material, test = common_axis.target(data, common_axis.recipe_for(data)), np.array([1, 4])
    once, again, other = (training.disturbed(material, test, seed).features for seed in (0, 0, 1))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert np.flatnonzero((once != material.features).any(axis=1)).tolist() == [1, 4]


def test_every_system_has_its_trainings() -> None:
    """A network has its packaged configuration with the changes of a transfer; ``search`` stands for all similarities."""
    chosen = systems.read(["drcnn", "drcnn-edge", "zhang_cnn", "zhang_dnn", "sang", "liu", "fan", "search", "knn", "svm"])
    assert list(chosen)[-7:] == ["fan", "cosine", "pearson", "derivative", "root-derivative", "knn", "svm"]
    assert chosen["root-derivative"] == systems.TransferSystem(SearchConfig("root-derivative"))
    for name in list(chosen)[:7]:
        packaged = config.read(config.of_model(name))
        first_training, again = chosen[name].pretraining, chosen[name].retraining
        assert first_training
        assert again
        assert chosen[name].model == packaged.model
        assert (first_training.rate, first_training.batch, first_training.optimiser) == (
            packaged.training.rate,
            packaged.training.batch,
            packaged.training.optimiser,
        )
        assert (first_training.patience, again.patience, again.batch, again.compiled) == (0, 0, 16, False)


def test_a_key_is_replaced_for_one_network_or_for_all() -> None:
    """``retraining.epochs`` changes every network, ``zhang_dnn.retraining.epochs`` one; a search has no training."""
    replaced = ["retraining.epochs=3", "zhang_dnn.retraining.epochs=5", "sang.retraining.epochs=9"]
    chosen = systems.read(["zhang_dnn", "fan", "cosine"], replaced)
    assert [system.retraining and system.retraining.epochs for system in chosen.values()] == [5, 3, None]
    assert chosen["fan"].model == FanConfig()


@pytest.mark.parametrize(
    ("names", "replaced", "message"),
    [
        (["resnet"], [], "got 'resnet', expected some of liu"),
        (["fan"], ["retraining.epoch=3"], "'fan'.*epoch"),
        (["fan"], ["retraining.epochs=0"], "'fan'.*epochs"),
        (["fan"], ["fan.retraining.epochs"], "KEY=VALUE"),
    ],
)
def test_a_mistake_in_the_systems_is_named(names: list[str], replaced: list[str], message: str) -> None:
    """An unknown system, key or value is refused with its place."""
    with pytest.raises(ConfigError, match=message):
        systems.read(names, replaced)


def test_the_digest_knows_what_a_line_depends_on() -> None:
    """Another retraining changes scratch and transfer, another pretraining enrolled and transfer."""
    recipe = common_axis.recipe_for(measured((100, 400)))
    replaced = ("model.name=fan", "retraining.rate=1", "pretraining.rate=1")
    one, retrained, pretrained = (systems.read(["fan"], [text])["fan"] for text in replaced)
    starts: tuple[results.Start, ...] = ("references", "scratch", "enrolled", "transfer")
    same = [[one.sha256(start, recipe) == other.sha256(start, recipe) for start in starts] for other in (retrained, pretrained)]
    assert same == [[True, False, True, False], [True, True, False, False]]
    assert one.pretrained_sha256(recipe, "a") != one.pretrained_sha256(recipe, "b")
    assert one.pretrained_sha256(recipe, "a") == retrained.pretrained_sha256(recipe, "a")


def line(top1: float, **changes: object) -> results.TransferResult:
    """Return a result with one ranking."""
    figures = [
        evaluate.Figures(
            ranking="head", top1=top1, top3=1.0, top5=1.0, macro_top1=top1 / 2, precision=0.5, recall=top1, f1=0.25, interval=0.1
        )
    ]
    fields: dict[str, object] = {
        "target": "mine", "target_sha256": "t", "source": (), "source_sha256": "", "system": "fan", "start": "scratch", "shots": 0,
        "folds": 2, "fold": 0, "seed": 0, "train": 12, "test": 4, "asked": 8, "labels": 4, "labels_asked": 4, "figures": figures,
        "disturbed": figures, "pretraining_spectra": 0, "pretraining_epochs": 0, "pretraining_seconds": 0.0, "epochs": 7,
        "seconds": 3.0, "device": "cpu", "threads": 1, "revision": "r", "config_sha256": "c", "split_sha256": "s",
    }  # fmt: skip
    return msgspec.convert(fields | changes, results.TransferResult)


@pytest.mark.parametrize("left", ["", '{"target": "half'])
def test_a_last_line_without_newline(tmp_path: Path, left: str) -> None:
    """A result without its end of line counts; an incomplete one is ignored and replaced by the next append."""
    path = tmp_path / "results.jsonl"
    first, second = line(0.5), line(0.6)
    path.write_bytes(msgspec.json.encode(first) + (b"\n" + left.encode() if left else b""))
    assert results.read(path) == [first]
    results.append(path, second)
    assert results.read(path) == [first, second]


def test_the_interval_counts_folds_not_seeds() -> None:
    """Mean and Student's t over two folds, seeds averaged first: .8 and .6 give .7 ± 12.7062 x .1; more seeds do not narrow it."""
    once = [line(0.8, fold=0), line(0.6, fold=1)]
    assert results.interval(once, [0.8, 0.6]) == (pytest.approx(0.7), pytest.approx(12.7062 * 0.1, rel=1e-4))
    twice = [*once, line(0.9, fold=0, seed=1), line(0.5, fold=1, seed=1), line(0.7, fold=0, seed=2)]
    mean, half = results.interval(twice, [0.8, 0.6, 0.9, 0.5, 0.7])
    assert (mean, half) == (pytest.approx((0.8 + 0.55) / 2), pytest.approx(12.7062 * 0.125, rel=1e-4))


def test_a_perfect_score_is_no_more_certain_than_its_spectra_are_many() -> None:
    """All 152 spectra correct gives Wilson's 2.46 points (z²/(n + z²)); half of the folds twice as many."""
    perfect = [line(1.0, fold=fold, asked=152) for fold in (0, 1)]
    assert results.interval(perfect, [1.0, 1.0]) == (1.0, pytest.approx(3.8416 / (152 + 3.8416)))
    assert results.interval(perfect[:1], [1.0]) == (1.0, pytest.approx(3.8416 / (76 + 3.8416)))


def test_the_table_has_missing_rows() -> None:
    """A row is a system with one training; it has "not run", or the number of its results."""
    run = [line(0.8, fold=0), line(0.6, fold=1)]
    missing = results.TransferRow("drcnn", "transfer", "d", "x")
    text = results.render(run, {results.TransferRow.of(run[0]): 4, missing: 6})
    head, rule, ours, other = text.splitlines()
    assert head.count("|") == rule.count("|") == ours.count("|") == other.count("|")
    assert ours == ("| fan | target | 7 | 0.7000 ± 1.2706 | 0.5000 | 0.7000 | 0.2500 | 0.3500 | 0.7000 ± 1.2706 | 2 of 4 | 3 |")
    assert "not run" in other
    assert "0 of 6" in other


def test_a_pretrained_row_names_its_source() -> None:
    """Rows of two sources differ by the names of their data and the number of spectra; no name of a file can break the table."""
    rows = [
        line(0.5, target="my\nown", start="transfer", source=source, source_sha256=source[0], pretraining_spectra=80)
        for source in (("organics",), ("minerals.npz", "a|b"), ("two\nlines",))
    ]
    text = results.sections(rows)
    assert len(text.splitlines()) == len(["caption", "", "head", "rule", *rows])
    assert r"| two\nlines (80), then target |" in text
    assert "| organics (80), then target |" in text
    assert r"| minerals.npz + a\|b (80), then target |" in text


def test_other_trainings_are_rows_of_their_own() -> None:
    """Two configurations of one system are separate rows; another target or number of shots is another table."""
    several = [line(0.8), line(0.6, config_sha256="other"), line(0.4, shots=1)]
    text = results.sections(several)
    assert text.count("| fan |") == 3
    assert text.count(results.HEAD) == 2
    assert "trained on 1 replicate of each label (12 spectra)" in text
    assert results.sections([]) == "not run"
