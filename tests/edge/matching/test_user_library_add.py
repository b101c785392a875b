"""Adding a reference: one spectrum is enough, poor ones are refused, similar ones are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import materials
import numpy as np
import pytest
from raising import refused
from raman_edge.errors import LibraryError, SpectrumError
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library
from raman_edge.matching.user_library import UserLibrary
from raman_edge.model.model import Model, Outputs
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


BASE = build.make_library()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The matched filter."""
    return Model.open(build.write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[UserLibrary]:
    """An empty library of one's own."""
    with UserLibrary.open(tmp_path / "own.sqlite3", create=True) as opened:
        yield opened


def joined(own: UserLibrary, model: Model) -> Library:
    """Return what answers now."""
    return BASE.joined(own.references(model)[0])


def test_one_spectrum_teaches_a_material(model: Model, own: UserLibrary) -> None:
    """Silicon is unknown before and named after, from one exposure; other exposures of it are named too, and minerals as before."""
    (one,), faults = own.add_reference("Silicon", [materials.exposure()], model, BASE)
    assert faults == ()
    assert (one.before.decision, one.now.decision, one.new) == ("unknown", "match", True)
    assert one.is_named("Silicon")
    assert one.alike == ()
    assert one.enrol_ms > 0
    library = joined(own, model)
    for seed in range(1, 6):
        best = identify(materials.exposure(seed=seed), model, library).verdict.best
        assert best is not None
        assert best.label == "Silicon"
        assert [peak.reference for peak in best.peaks.matched if peak.height == 1.0] == [pytest.approx(520.5, abs=1)]
    for label in build.LINES:
        seen = build.spectrum(label, 3)
        before, after = (identify(seen, model, there).verdict for there in (BASE, library))
        kept = [match.label for match in after.ranked if match.label != "Silicon"]
        assert kept == [match.label for match in before.ranked][: len(kept)]
        assert after.best is not None
        assert after.best.label == label


def test_several_spectra_are_several_references(model: Model, own: UserLibrary) -> None:
    """Each good spectrum becomes a reference of the same name, in one go."""
    taught, _ = own.add_reference("Silicon", [materials.exposure(seed=seed) for seed in range(3)], model, BASE)
    assert [one.before.decision for one in taught] == ["unknown"] * 3
    assert len(joined(own, model)) == len(BASE) + 3
    assert joined(own, model).labels == (*BASE.labels, "Silicon")


def test_a_known_label_gets_another_reference(model: Model, own: UserLibrary) -> None:
    """A name that the library has gains a reference, no second label."""
    (one,), _ = own.add_reference("Quartz", [build.spectrum("Quartz", 1)], model, BASE)
    assert one.is_named("Quartz")
    assert joined(own, model).labels == BASE.labels
    assert len(joined(own, model)) == len(BASE) + 1
    assert one.now.ranked[0].similarity == pytest.approx(1.0, abs=1e-3)


def test_the_class_head_may_disagree(model: Model, own: UserLibrary) -> None:
    """A spectrum that the network was taught to be another mineral keeps that name: one reference does not overrule it."""
    (one,), _ = own.add_reference("Quartz", [build.spectrum("Calcite", 1)], model, BASE)
    assert not one.is_named("Quartz")
    assert [match.label for match in one.now.ranked[:2]] == ["Calcite", "Quartz"]
    assert one.now.ranked[1].similarity == pytest.approx(1.0, abs=1e-3)


def test_noise_is_refused_unless_forced(model: Model, own: UserLibrary) -> None:
    """A spectrum without a line is no reference; ``force`` takes it all the same, and says what is wrong with it."""
    noise = materials.noise()
    taught, (fault,) = own.add_reference("Noise", [noise], model, BASE)
    assert (taught, own.entries()) == ((), ())
    assert "not added: too noisy" in fault.why
    assert "--force" in fault.why
    (one,), faults = own.add_reference("Noise", [noise], model, BASE, force=True)
    assert (faults, one.new) == ((), True)
    assert one.quality.reject_reasons[0].startswith("too noisy")


def test_faults_pass_and_what_cannot_be_prepared_is_one(model: Model, own: UserLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreadable file, and a spectrum of which the network makes no numbers, do not stop the others."""
    broken = Fault(Origin("file", "broken.csv"), "no spectrum")
    run = model.run

    def sometimes(features: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Outputs:
        outputs = run(features)
        return Outputs(outputs.logits, outputs.embedding * np.float32(np.nan)) if features[0, 0] == 1.0 else outputs

    monkeypatch.setattr(model, "run", sometimes)
    odd = Spectrum(Axis.linear(100.0, 1500.0, 2.0), np.exp(-np.arange(701.0)), Origin("test", "odd"))
    taught, faults = own.add_reference("Silicon", [broken, odd, materials.exposure()], model, BASE, force=True)
    assert len(taught) == 1
    assert faults[0] is broken
    assert "no finite numbers" in faults[1].why


def test_similar_references_are_reported(model: Model, own: UserLibrary) -> None:
    """A spectrum that a reference of another label equals in all but noise names that label, and its own never."""
    own.add_reference("Silicon", [materials.exposure()], model, BASE)
    (one,), _ = own.add_reference("Wafer", [materials.exposure()], model, joined(own, model))
    assert [other.label for other in one.alike] == ["Silicon"]
    assert one.alike[0].similarity == pytest.approx(1.0, abs=1e-3)
    (again,), _ = own.add_reference("Silicon", [materials.exposure(seed=1)], model, BASE.joined(own.references(model)[0][:1]))
    assert again.alike == ()


def test_a_known_reference_is_reported(model: Model, own: UserLibrary) -> None:
    """The same spectrum under the same name is not stored twice, and searched once."""
    own.add_reference("Silicon", [materials.exposure()], model, BASE)
    (one,), _ = own.add_reference("Silicon", [materials.exposure()], model, joined(own, model))
    assert (one.new, one.is_named("Silicon")) == (False, True)
    assert len(own.entries()) == 1


def test_an_invalid_name_stores_nothing(model: Model, own: UserLibrary) -> None:
    """Names are checked where they are stored, too."""
    with refused(LibraryError, "not a material's name"):
        own.add_reference("a\tb", [materials.exposure()], model, BASE)
    assert own.entries() == ()


def test_a_reference_of_no_numbers_is_refused(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that gives no finite embedding makes no reference."""
    monkeypatch.setattr(model, "run", lambda _: Outputs(np.zeros((1, 5), np.float32), np.full((1, 701), np.inf, np.float32)))
    with pytest.raises(SpectrumError, match="no finite embedding"):
        Library.make_reference(materials.exposure(), "x", "", model)
