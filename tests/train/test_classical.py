"""Systems without training, against slow and independent computations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_train import checkpoint, config, runs
from raman_train.config import LogisticConfig, NeighboursConfig, RandomConvolutionConfig, SearchConfig, SvmConfig
from raman_train.models import build, logistic, random_convolution, svm
from raman_train.models.logistic import Logistic
from raman_train.models.random_convolution import RandomConvolution
from raman_train.models.search import LibrarySearch, Neighbours, Similarity
from raman_train.models.svm import Svm
from scipy.signal import savgol_filter
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import LinearSVC

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from raman_train.config import ModelConfig

POINTS, CLASSES = 40, 6
ABSENT = 4
"""A class without a reference."""
SIMILARITIES: list[Similarity] = ["cosine", "pearson", "derivative", "root-derivative"]
EVERY: dict[str, ModelConfig] = {
    **{name: SearchConfig(name) for name in SIMILARITIES},
    "knn": NeighboursConfig(3),
    "svm": SvmConfig(1.0),
    "logistic": LogisticConfig(10.0),
    "random-convolution": RandomConvolutionConfig(groups=2, window=10, ridge=0.1),
}


def spectra(count: int, seed: int, points: int = POINTS) -> torch.Tensor:
    """Return rough spectra, 0..1."""
    return torch.rand(count, points, generator=torch.Generator().manual_seed(seed))


def references() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 15 spectra of five classes in random order, none of the class ABSENT."""
    return spectra(15, 1), torch.tensor([5, 0, 2, 1, 3, 0, 2, 5, 1, 3, 3, 2, 0, 0, 5])


def compared(row: NDArray[np.float64], similarity: str) -> NDArray[np.float64]:
    """Return the vector that a similarity compares, computed with scipy."""
    changed = {
        "cosine": lambda y: y,
        "pearson": lambda y: y - y.mean(),
        "derivative": lambda y: savgol_filter(y, 11, 2, deriv=1),
        "root-derivative": lambda y: savgol_filter(np.sqrt(y), 11, 2, deriv=1),
    }[similarity](row)
    unit: NDArray[np.float64] = changed / np.linalg.norm(changed)
    return unit


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_search_gives_the_best_similarity_of_each_class(similarity: Similarity) -> None:
    """The batch gives the results of single spectra in double precision, ends included; a class without a reference scores -1."""
    held, classes = references()
    queries = spectra(7, 2)
    system = LibrarySearch(POINTS, CLASSES, similarity)
    system.prepare(held, classes)
    scores, embedding = system(queries)
    for query, row in enumerate(queries.double().numpy()):
        mine = compared(row, similarity)
        np.testing.assert_allclose(embedding[query], mine, atol=1e-6)
        for name in range(CLASSES):
            theirs = [float(mine @ compared(held[i].double().numpy(), similarity)) for i in np.flatnonzero(classes == name)]
            assert scores[query, name].item() == pytest.approx(max(theirs, default=-1.0), abs=1e-6)


def test_pearson_is_the_correlation_coefficient() -> None:
    """The hit quality index is numpy's correlation."""
    held, _ = references()
    system = LibrarySearch(POINTS, 15, "pearson")
    system.prepare(held, torch.arange(15))
    scores, _ = system(spectra(1, 2))
    np.testing.assert_allclose(scores[0], np.corrcoef(spectra(1, 2).numpy(), held.numpy())[0, 1:], atol=1e-5)


def test_a_reference_is_found_again() -> None:
    """For a reference as query every search gives similarity 1 and its class."""
    held, classes = references()
    for similarity in SIMILARITIES:
        system = LibrarySearch(POINTS, CLASSES, similarity)
        system.prepare(held, classes)
        scores, _ = system(held)
        assert torch.equal(scores.argmax(1), classes)
        torch.testing.assert_close(scores.amax(1), torch.ones(15))


@pytest.mark.parametrize("name", EVERY)
def test_a_flat_or_dark_spectrum_gives_numbers(name: str) -> None:
    """The outputs are finite for any input, also below zero."""
    system = build(EVERY[name], POINTS, CLASSES)
    system.prepare(*references())
    for queries in (torch.zeros(2, POINTS), torch.ones(2, POINTS), -torch.ones(2, POINTS)):
        scores, embedding = system(queries)
        assert torch.isfinite(scores).all()
        assert torch.isfinite(embedding).all()


def test_a_derivative_of_too_few_points_is_refused() -> None:
    """The window of the derivative has 11 points."""
    assert LibrarySearch(11, 2, "derivative")
    with pytest.raises(ConfigError, match="10 points, expected at least 11"):
        LibrarySearch(10, 2, "root-derivative")


def test_neighbours_vote_with_their_cosines() -> None:
    """By hand: references at 0°, 10°, 30° and 60° from the query; of three votes, two similar ones win over the nearest."""
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 30.0, 60.0]))
    system = Neighbours(2, 4, k=3)
    system.prepare(7 * torch.stack([angles.cos(), angles.sin()], dim=1), torch.tensor([2, 0, 0, 1]))
    scores, embedding = system(torch.tensor([[3.0, 0.0]]))
    # cos 10° + cos 30° = 0.98481 + 0.86603; cos 0° = 1; the fourth has no vote.
    torch.testing.assert_close(scores, torch.tensor([[1.85083, 0.0, 1.0, 0.0]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(embedding, torch.tensor([[1.0, 0.0]]))


def test_one_neighbour_is_cosine_search() -> None:
    """With k = 1 the result is that of the cosine search; k above the number of references uses all of them."""
    one, search, all_of_them = Neighbours(POINTS, CLASSES, 1), LibrarySearch(POINTS, CLASSES, "cosine"), Neighbours(POINTS, CLASSES, 99)
    for system in (one, search, all_of_them):
        system.prepare(*references())
    queries = spectra(9, 3)
    assert torch.equal(one(queries)[0].argmax(1), search(queries)[0].argmax(1))
    torch.testing.assert_close(one(queries)[0].amax(1), search(queries)[0].amax(1))
    held, classes = references()
    cosines = torch.nn.functional.normalize(queries) @ torch.nn.functional.normalize(held).T
    torch.testing.assert_close(all_of_them(queries)[0][:, 2], cosines[:, classes == 2].sum(1))


@pytest.mark.parametrize("components", [14, 5])
def test_svm_gives_scikit_learns_decision(components: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For known classes the decision function of scikit-learn's pipeline; -1 for an absent class."""
    monkeypatch.setattr(svm, "COMPONENTS", components)
    held, classes = references()
    system = Svm(POINTS, CLASSES, c=2.0)
    system.prepare(held, classes)
    queries = spectra(7, 2)
    theirs = make_pipeline(Normalizer(), PCA(components, svd_solver="full"), LinearSVC(C=2.0, random_state=0, tol=1e-6, max_iter=100_000))
    expected = theirs.fit(held.double().numpy(), classes.numpy()).decision_function(queries.double().numpy())
    scores, embedding = system(queries)
    present = [name for name in range(CLASSES) if name != ABSENT]
    np.testing.assert_allclose(scores[:, present], expected, atol=2e-2)
    assert (scores[:, ABSENT] == -1).all()
    torch.testing.assert_close(embedding, queries / queries.norm(dim=1, keepdim=True))


def test_svm_with_two_classes_decides_for_both() -> None:
    """scikit-learn gives one plane for two classes; here each has its own, and the training spectra are recognised."""
    held, _ = references()
    classes = torch.tensor([3, 1] * 7 + [3])
    system = Svm(POINTS, CLASSES, c=1000.0)
    system.prepare(held, classes)
    scores, _ = system(held)
    assert torch.equal(scores.argmax(1), classes)
    torch.testing.assert_close(scores[:, 1], -scores[:, 3])


def test_svm_needs_two_classes() -> None:
    """Training spectra of one class are refused."""
    with pytest.raises(ConfigError, match=r"of one class.*at least two"):
        Svm(POINTS, CLASSES, 1.0).prepare(spectra(3, 1), torch.tensor([2, 2, 2]))


def test_logistic_regression_is_at_the_minimum_of_its_loss() -> None:
    """The gradient of scikit-learn's objective, c times the summed cross-entropy plus half the squared weights, vanishes."""
    held, classes = references()
    system = Logistic(POINTS, CLASSES, c=5.0)
    system.prepare(held, classes)
    present = [name for name in range(CLASSES) if name != ABSENT]
    vectors = torch.stack([torch.from_numpy(compared(row, "root-derivative")) for row in held.double().numpy()])
    weight, bias = (part[present].double().requires_grad_() for part in (system.weight, system.bias))
    places = torch.tensor([present.index(name) for name in classes.tolist()])
    objective = 5.0 * torch.nn.functional.cross_entropy(vectors @ weight.T + bias, places, reduction="sum") + (weight**2).sum() / 2
    for gradient in torch.autograd.grad(objective, [weight, bias]):
        assert gradient.abs().max() < 0.02
    scores, embedding = system(spectra(7, 2))
    assert (scores[:, ABSENT] == logistic.ABSENT).all()
    np.testing.assert_allclose(embedding[0], compared(spectra(7, 2).double().numpy()[0], "root-derivative"), atol=1e-6)


def test_logistic_regression_with_two_classes_decides_for_both() -> None:
    """scikit-learn fits one logit for two classes; here each has its own, with the same probabilities."""
    held, _ = references()
    classes = torch.tensor([3, 1] * 7 + [3])
    system = Logistic(POINTS, CLASSES, c=30.0)
    system.prepare(held, classes)
    scores, embedding = system(held)
    assert torch.equal(scores.argmax(1), classes)
    theirs = LogisticRegression(C=30.0, tol=1e-6).fit(embedding.numpy(), classes.numpy()).predict_proba(embedding.numpy())
    np.testing.assert_allclose(scores.softmax(1)[:, [1, 3]], theirs, atol=5e-3)


def test_logistic_regression_needs_two_classes() -> None:
    """Training spectra of one class are refused."""
    with pytest.raises(ConfigError, match=r"of one class.*at least two"):
        Logistic(POINTS, CLASSES, 1.0).prepare(spectra(3, 1), torch.tensor([2, 2, 2]))


def test_random_convolution_counts_the_winning_kernels_by_hand() -> None:
    """The features of one spectrum, computed point by point; the kernels of a group compete, and the windows overlap by half."""
    system = RandomConvolution(POINTS, CLASSES, groups=2, window=10, ridge=1.0)
    (query,) = spectra(1, 3).double().numpy()
    signal = np.pad(compared(query, "root-derivative"), 16)
    expected = []
    for kernels, dilation in zip(system.kernels.double().numpy(), random_convolution.DILATIONS, strict=True):
        places = 16 + np.arange(POINTS)[:, None] + dilation * np.arange(-4, 5)
        response = (signal[places] @ kernels.T).reshape(POINTS, 2, 8)
        for sign in (1, -1):
            alone = np.zeros((2, 8, POINTS))
            for point in range(POINTS):
                for group in range(2):
                    values = sign * response[point, group]
                    alone[group, values.argmax(), point] = max(0.0, values.max())
            expected += [alone[:, :, start : start + 10].mean(axis=2).reshape(16, 1) for start in range(0, 31, 5)]
    # In the order of the system: dilation, sign, kernel, window.
    ordered = np.concatenate([np.concatenate(expected[k : k + 7], axis=1).ravel() for k in range(0, len(expected), 7)])
    root = np.sqrt(ordered)
    np.testing.assert_allclose(system.embed(spectra(1, 3))[0], root / np.linalg.norm(root), atol=1e-5)


def test_random_convolution_is_scikit_learns_ridge() -> None:
    """The dual solution is that of ``Ridge`` on one-hot classes; a class without a spectrum scores -1."""
    held, classes = references()
    system = RandomConvolution(POINTS, CLASSES, groups=2, window=10, ridge=0.5)
    system.prepare(held, classes)
    scores, features = system(spectra(7, 2))
    present = [name for name in range(CLASSES) if name != ABSENT]
    inside, targets = system.embed(held).double().numpy(), np.eye(CLASSES)[classes.numpy()][:, present]
    # The centre is that of all spectra; the weights are one over the size of the class.
    theirs = Ridge(alpha=0.5, fit_intercept=False)
    theirs.fit(inside - inside.mean(axis=0), targets - targets.mean(axis=0), sample_weight=1 / np.bincount(classes)[classes])
    expected = theirs.predict(features.double().numpy() - inside.mean(axis=0)) + targets.mean(axis=0)
    np.testing.assert_allclose(scores[:, present], expected, atol=1e-4)
    assert (scores[:, ABSENT] == -1).all()


def test_random_convolution_refuses_spectra_shorter_than_its_window() -> None:
    """The message names the key."""
    with pytest.raises(ConfigError, match=r"40 points.*model\.window = 50"):
        RandomConvolution(POINTS, CLASSES, groups=1, window=50, ridge=1.0)


@pytest.mark.parametrize("name", EVERY)
def test_a_system_without_weights_has_no_loss(name: str) -> None:
    """A system without weights refuses a training step."""
    system = build(EVERY[name], POINTS, CLASSES)
    assert list(system.parameters()) == []
    with pytest.raises(NotImplementedError, match=r"no weights to train: prepare\(\)"):
        system.loss(*references())


@pytest.mark.parametrize("name", EVERY)
def test_a_checkpoint_holds_the_references(name: str, tmp_path: Path) -> None:
    """A loaded system gives the same results with any number of references; other references give another digest."""
    system, path = build(EVERY[name], POINTS, CLASSES).eval(), tmp_path / checkpoint.CHECKPOINT
    held, classes = references()
    system.prepare(held, classes)
    about = checkpoint.About(
        config=config.Config(model=EVERY[name], data=config.DataConfig("synthetic")), length=POINTS, labels=tuple("abcdef"),
        spectra=15, specimens=15, epochs=0, seconds=0.0, device="", revision="",
    )  # fmt: skip
    checkpoint.save(path, system, about)
    made = checkpoint.load(path)
    queries = spectra(7, 2)
    torch.testing.assert_close(made.network(queries), system(queries), rtol=0, atol=0)
    assert made.sha256 == checkpoint.digest(system.state_dict())
    system.prepare(held[:9], classes[:9])
    assert checkpoint.digest(system.state_dict()) != made.sha256


@pytest.mark.parametrize("name", EVERY)
def test_a_run_needs_no_epoch(name: str, tmp_path: Path) -> None:
    """`fit` and `evaluate` treat it like any other system: checkpoint, split and figures, without training."""
    smoke = Path(config.__file__).parent / "configs" / "smoke.toml"
    model = {
        "knn": "{name='knn', k=3}",
        "svm": "{name='svm', c=10}",
        "logistic": "{name='logistic', c=100}",
        "random-convolution": "{name='random-convolution', ridge=0.1}",
    }.get(name, f"{{name='search', similarity='{name}'}}")
    chosen = config.read(smoke, [f"model={model}"])
    runs.fit(chosen, tmp_path, torch.device("cpu"), lambda _: None)
    made = checkpoint.load(tmp_path)
    result, _ = runs.measure(made, runs.prepare(chosen))
    assert (result.system, result.epochs) == (name, 0)
    assert result.main.top1 > 0.8
