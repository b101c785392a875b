"""The whole product: a spectrum becomes a reading, a source a stream of readings."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import build
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from raising import refused
from raman_edge import peaks, synthetic
from raman_edge.errors import ModelError, SpectrumError
from raman_edge.matching.identify import TOP, Reading, _class_of, identify, readings
from raman_edge.matching.library import Library
from raman_edge.model.model import Model, Outputs
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from numpy.typing import NDArray

    Pair = tuple[Model, Library]

HERE = Origin("file", "x.csv", "ab" * 32, read_ms=3.5)
SILICON = Peaks(np.array([520.5]), np.array([1.0]), np.array([5.0]))
SOMEWHERE_ELSE = Spectrum(Axis.linear(2000.0, 3000.0, 1.0), np.arange(1001.0), HERE)
"""A spectrum that shares no range with the model."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A model and its library."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    return Model.open(model), Library.open(library, network=build.NETWORK)


@pytest.mark.parametrize("label", build.LINES)
def test_every_mineral_is_named(pair: Pair, label: str) -> None:
    """Each mineral of the library is named, in every exposure."""
    for seed in range(10):
        reading = identify(build.spectrum(label, seed), *pair)
        assert reading.verdict.decision == "match", reading.verdict
        assert reading.verdict.best is not None
        assert reading.verdict.best.label == label
        assert reading.verdict.doubts == ()


@pytest.mark.parametrize(
    "axis",
    [build.RECIPE.axis, Axis.linear(50.0, 3500.0, 3.3), Axis.linear(110.0, 1300.0, 0.4), Axis(np.linspace(11.0, 40.0, 900) ** 2)],
)
def test_named_on_any_instruments_axis(pair: Pair, axis: Axis) -> None:
    """A mineral is named on the model's own axis, a coarser, a finer and an uneven one."""
    reading = identify(build.spectrum("Quartz", 4, axis=axis), *pair)
    assert reading.verdict.best is not None
    assert reading.verdict.best.label == "Quartz"
    assert reading.features.shape == (len(build.RECIPE.axis),)


def test_silicon_is_unknown(pair: Pair) -> None:
    """A material that is not in the library is unknown, and the nearest is named as that, not as the answer."""
    for seed in range(10):
        seen = synthetic.expose(
            Axis.linear(150.0, 1400.0, 1.0), SILICON, synthetic.SyntheticConditions(), np.random.default_rng(seed), HERE
        )
        verdict = identify(seen, *pair).verdict
        assert verdict.decision == "unknown"
        assert verdict.best is None
        assert verdict.doubts[0].startswith(f"nothing in the library is near enough: the nearest, {verdict.ranked[0].label}")


def test_noise_is_rejected(pair: Pair) -> None:
    """An exposure without a signal is rejected, and the candidates are no answer."""
    for seed in range(10):
        counts = np.random.default_rng(seed).normal(300.0, 8.0, 1251)
        verdict = identify(Spectrum(Axis.linear(150.0, 1400.0, 1.0), counts, HERE), *pair).verdict
        assert (verdict.decision, verdict.best) == ("rejected", None)


def test_enrolled_material_is_named(pair: Pair) -> None:
    """A material that the network was never taught is named from one reference in the library, and the others still are."""
    model, library = pair
    pure = synthetic.lines(build.RECIPE.axis, SILICON)
    centred = pure - pure.mean()
    rows = np.vstack([library.embedding, centred / np.linalg.norm(centred)]).astype(np.float32)
    names = [*(library.labels[k] for k in library.label_of), "Silicon"]
    tables = dict(zip(library.labels, library.peaks, strict=True)) | {"Silicon": SILICON}
    enrolled = Library.build(library.network, names, rows, [*library.specimens, "wafer"], tables)
    seen = synthetic.expose(Axis.linear(150.0, 1400.0, 1.0), SILICON, synthetic.SyntheticConditions(), np.random.default_rng(1), HERE)
    best = identify(seen, model, enrolled).verdict.best
    assert best is not None
    assert best.label == "Silicon"
    assert [m.reference for m in best.peaks.matched] == [520.5]
    for label in build.LINES:
        found = identify(build.spectrum(label, 1), model, enrolled).verdict.best
        assert found is not None
        assert found.label == label


def test_reading_holds_what_was_found(pair: Pair) -> None:
    """A reading has the spectrum it is of, the model's input, its peaks and its quality."""
    seen = build.spectrum("Gypsum", 2)
    reading = identify(seen, *pair)
    assert reading.spectrum is seen
    assert np.array_equal(reading.features, build.RECIPE.features(seen))
    assert reading.peaks.shift.tolist() == peaks.find(build.RECIPE.axis, reading.features).shift.tolist()
    assert reading.quality.coverage == pytest.approx(1250 / 1400, abs=1e-3)
    assert len(reading.verdict.ranked) == min(TOP, len(build.LINES))


def test_every_candidate_is_explained(pair: Pair) -> None:
    """Each candidate has the spectrum's peaks beside its own table, and misses none that was not measured."""
    reading = identify(build.spectrum("Quartz", 5), *pair)
    for candidate in reading.verdict.ranked:
        expected = peaks.match(reading.peaks, build.table(candidate.label), (150.0, 1400.0))
        assert [x.at for x in candidate.peaks.missing] == [x.at for x in expected.missing]
        assert [m.reference for m in candidate.peaks.matched] == [m.reference for m in expected.matched]
    best = reading.verdict.ranked[0].peaks
    assert [m.reference for m in best.matched] == [206.0, 464.0]
    assert best.missing == ()
    assert best.extra == ()


def test_same_spectrum_has_the_same_answer(pair: Pair) -> None:
    """Naming a spectrum twice gives the same verdict to the last digit: nothing is kept between two."""
    first = identify(build.spectrum("Zircon", 9), *pair)
    identify(build.spectrum("Quartz", 1), *pair)
    assert identify(build.spectrum("Zircon", 9), *pair).verdict == first.verdict


def test_timing_adds_up(pair: Pair) -> None:
    """The total is the reading of the file, the preparation and the inference, each above 0."""
    seen = build.spectrum("Calcite", origin=HERE)
    timing = identify(seen, *pair).timing
    assert timing.read == 3.5
    assert timing.prepare > 0
    assert timing.infer > 0
    assert timing.total == pytest.approx(timing.read + timing.prepare + timing.infer)


def test_stream_goes_on_after_a_fault(pair: Pair) -> None:
    """A spectrum that cannot be prepared becomes a fault with its origin and reason; those around it are named, in order."""
    missing = Fault(Origin("file", "gone.csv"), "it is gone")
    source: list[Spectrum | Fault] = [build.spectrum("Quartz"), SOMEWHERE_ELSE, missing, build.spectrum("Gypsum")]
    first, second, third, fourth = readings(source, *pair)
    assert isinstance(first, Reading)
    assert isinstance(second, Fault)
    assert second.origin is HERE
    assert "got a spectrum of 2000 to 3000 cm⁻¹, expected 100 to 1500 cm⁻¹" in second.why
    assert third is missing
    assert isinstance(fourth, Reading)
    assert fourth.verdict.ranked[0].label == "Gypsum"


def test_stream_is_answered_one_by_one(pair: Pair) -> None:
    """Each spectrum is answered before the next is pulled: an instrument's source blocks."""
    pulled = []

    def source() -> Iterator[Spectrum]:
        for label in build.LINES:
            pulled.append(label)
            yield build.spectrum(label)

    for count, event in enumerate(readings(source(), *pair), start=1):
        assert isinstance(event, Reading)
        assert len(pulled) == count
    assert len(pulled) == len(build.LINES)


def test_spectrum_the_recipe_refuses_is_an_error(pair: Pair) -> None:
    """Alone, a spectrum that cannot be prepared is a SpectrumError."""
    with refused(SpectrumError, "outside the model's axis"):
        identify(SOMEWHERE_ELSE, *pair)
    flat = Spectrum(Axis.linear(150.0, 1400.0, 1.0), np.full(1251, 7.0), HERE)
    with refused(SpectrumError, "flat spectrum"):
        identify(flat, *pair)


@pytest.mark.parametrize("name", ["logits", "embedding"])
def test_network_without_an_answer_is_a_fault(pair: Pair, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN from the network is a fault: every comparison with it is false, so it would rank as anything."""
    model, library = pair
    whole = model.run

    def broken(features: NDArray[np.float32]) -> Outputs:
        outputs = whole(features)
        values = {"logits": outputs.logits.copy(), "embedding": outputs.embedding.copy()}
        values[name][0, 2] = np.nan
        return Outputs(**values)

    monkeypatch.setattr(model, "run", broken)
    (event,) = readings([build.spectrum("Quartz")], model, library)
    assert isinstance(event, Fault)
    assert "no finite numbers" in event.why


def test_defect_that_one_spectrum_meets_is_a_fault(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is a fault with the advice to report it; the spectra after it are named."""
    whole = peaks.find

    def defective(axis: Axis, counts: NDArray[np.floating]) -> Peaks:
        if counts[-1] == 1.0:
            msg = "index 7 is out of bounds"
            raise IndexError(msg)
        return whole(axis, counts)

    monkeypatch.setattr(peaks, "find", defective)
    slope = Spectrum(Axis.linear(150.0, 1400.0, 1.0), np.arange(1251.0), HERE)
    first, second = readings([slope, build.spectrum("Quartz")], *pair)
    assert isinstance(first, Fault)
    assert first.origin is HERE
    assert "IndexError: index 7 is out of bounds" in first.why
    assert isinstance(second, Reading)


def test_model_that_fails_ends_the_stream(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that can no longer be run is no fault of the spectrum: it is raised."""

    def broken(features: NDArray[np.float32]) -> NoReturn:
        msg = f"no memory for {features.shape}"
        raise ModelError(msg)

    monkeypatch.setattr(pair[0], "run", broken)
    with pytest.raises(ModelError, match="no memory"):
        list(readings([build.spectrum("Quartz")], *pair))


def test_classes_are_found_by_name() -> None:
    """A library's label is the network's class of the same name, in whatever order both stand; others have none."""
    library, model = Mock(labels=("a", "b", "new", "c")), Mock(card=Mock(labels=("c", "a", "unused", "b")))
    assert _class_of(library, model).tolist() == [1, 3, -1, 0]


@given(
    arrays.arrays(np.float64, st.integers(2, 200), elements=st.floats(allow_nan=False, allow_infinity=False)),
    st.floats(-500.0, 1400.0),
    st.floats(0.01, 30.0),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_spectrum_is_read_or_refused(pair: Pair, counts: NDArray[np.float64], start: float, step: float) -> None:
    """Any finite counts on any axis are a reading or a fault, without a warning."""
    seen = Spectrum(Axis(start + step * np.arange(counts.size)), counts, HERE)
    (event,) = readings([seen], *pair)
    if isinstance(event, Reading):
        assert event.verdict.ranked
        assert np.isfinite(event.features).all()
    else:
        assert event.why.isprintable()
