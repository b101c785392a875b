"""A library with more references: what was there answers as before, unless the new material is nearer."""

from __future__ import annotations

import build
import materials
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import examples
from raising import refused
from raman_edge.errors import LibraryError
from raman_edge.matching import search
from raman_edge.matching.identify import identify
from raman_edge.matching.library import Library, Reference, default_path
from raman_edge.model.model import Model
from raman_edge.model.model import default_path as default_model
from raman_edge.peaks import Peaks
from raman_edge.spectrum import Origin, Spectrum

ORDINARY = settings(max_examples=examples(40), deadline=None)
LENGTH = 6
OLD = ("b", "a b", "Quartz", "z", "é")
NEW = ("A", "c", "Silicon", "zz")


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return random rows of unit norm."""
    rows = rng.normal(size=shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def marked(position: float) -> Peaks:
    """Return a peak table that differs from others."""
    return Peaks(np.array([position]), np.ones(1), np.ones(1))


def base(labels: list[str], seed: int) -> Library:
    """Return a library of random embeddings."""
    rows = unit(np.random.default_rng(seed), len(labels), LENGTH)
    return Library.build("n", labels, rows, [f"old {k}" for k in range(len(labels))], {name: marked(100.0) for name in labels})


def more(labels: list[str], seed: int) -> list[Reference]:
    """Return random references."""
    rows = unit(np.random.default_rng(seed + 1000), len(labels), LENGTH)
    return [Reference(name, f"new {k}", rows[k], marked(200.0 + k)) for k, name in enumerate(labels)]


old_labels = st.lists(st.sampled_from(OLD), min_size=1, max_size=12)


@given(old_labels, st.lists(st.sampled_from(NEW), max_size=6), st.integers(0, 99))
@ORDINARY
def test_old_similarities_stay_unless_the_new_material_is_nearer(old: list[str], new: list[str], seed: int) -> None:
    """New labels leave similarities and order of the old ones alone, and the nearest changes only to one that is nearer."""
    library = base(old, seed)
    joined = library.joined(more(new, seed))
    k = len(library.labels)
    for query in (*library.embedding, unit(np.random.default_rng(seed + 2000), LENGTH)):
        before, after = library.search(query), joined.search(query)
        assert joined.labels[:k] == library.labels
        assert after[:k] == pytest.approx(before, abs=1e-6)
        nearest = int(after.argmax())
        assert nearest == before.argmax() or after[nearest] > before.max() - 1e-6
        assert nearest < k or after[nearest] > after[:k].max()  # an equal one stands after the old


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The matched filter."""
    return Model.open(build.write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


@given(st.sampled_from(list(build.LINES)), st.floats(0, 1), st.integers(0, 99))
@ORDINARY
def test_old_answers_stay_unless_the_new_material_is_nearer(model: Model, label: str, share: float, seed: int) -> None:
    """Whatever mixture is enrolled, old labels are ranked in the order they were, and first stands the old first or the new label."""
    library, seen = build.make_library(), build.spectrum(label, seed)
    parts = (build.spectrum("Quartz", seed + 1).counts, materials.exposure(seed=seed).counts)
    mixed = Spectrum(seen.axis, share * parts[0] + (1 - share) * parts[1], Origin("test", "mixture"))
    joined = library.joined([Library.make_reference(mixed, "mixture", "", model)])
    before, after = (identify(seen, model, there).verdict.ranked for there in (library, joined))
    kept = [match for match in after if match.label != "mixture"]
    assert [match.label for match in kept] == [match.label for match in before[: len(kept)]]
    assert [match.similarity for match in kept] == pytest.approx([match.similarity for match in before[: len(kept)]], abs=2e-4)
    assert len(kept) >= len(after) - 1
    if after[0].label != before[0].label:
        assert (after[0].score or 0.0) > (after[1].score or 0.0) or after[0].similarity > after[1].similarity


@given(old_labels, st.lists(st.sampled_from(OLD + NEW), min_size=1, max_size=8), st.integers(0, 99))
@ORDINARY
def test_joined_is_a_loop_over_both(old: list[str], new: list[str], seed: int) -> None:
    """Each label's best cosine is the largest over its old and new references, whatever order they came in."""
    library, added = base(old, seed), more(new, seed)
    joined = library.joined(added)
    query = unit(np.random.default_rng(seed), LENGTH)
    every = [(library.labels[k], row) for k, row in zip(library.label_of, library.embedding, strict=True)]
    every += [(one.label, row / np.linalg.norm(row)) for one in added for row in search.encode(one.embedding[np.newaxis]).astype(float)]
    expected = [max(float(row @ query) for label, row in every if label == name) for name in joined.labels]
    assert joined.search(query).tolist() == pytest.approx(expected, abs=2e-6)
    assert len(joined) == len(every)
    assert set(joined.labels) == {label for label, _ in every}


def test_known_label_keeps_its_peaks_and_a_new_one_brings_its_own() -> None:
    """A known label keeps its peak table; a new one has that of its first reference; specimens stand by their references."""
    joined = base(["z", "b"], 0).joined(more(["b", "A", "A"], 0))
    assert joined.labels == ("b", "z", "A")
    assert joined.specimens == ("old 1", "new 0", "old 0", "new 1", "new 2")
    assert joined.label_of.tolist() == [0, 0, 1, 2, 2]
    assert [table.shift.tolist() for table in joined.peaks] == [[100.0], [100.0], [201.0]]


def test_nothing_joined_is_the_same_library() -> None:
    """Without a reference the very library comes back."""
    library = base(["a"], 0)
    assert library.joined([]) is library


def test_joined_leaves_the_library_alone() -> None:
    """Joining makes another library, read-only like the first, which stays what it was."""
    library = base(["b", "a"], 0)
    rows = library.codes.copy()
    joined = library.joined(more(["b", "c"], 0))
    assert (library.labels, len(library)) == (("a", "b"), 2)
    assert np.array_equal(library.codes, rows)
    with pytest.raises(ValueError, match="read-only"):
        joined.codes[0] = 0


def test_another_length_is_refused() -> None:
    """An embedding of another length is refused with both lengths."""
    with refused(LibraryError, "wrong length", got="(5,)", expected="6"):
        base(["a"], 0).joined([Reference("x", "", np.ones(5, np.float32), marked(1.0))])


def test_no_library_is_harmed_by_a_label_that_is_no_text() -> None:
    """Half a surrogate pair is refused as a label, as it is in a file."""
    with refused(LibraryError, "damaged file", "labels"):
        base(["a"], 0).joined([Reference("\ud800", "", np.ones(LENGTH, np.float32), marked(1.0))])


def test_the_embedded_library_names_its_own_references_as_before() -> None:
    """References of the embedded library, identified with a stranger enrolled, are what they were unless the stranger is nearer."""
    library = Library.open(default_path(), network=Model.open(default_model()).card.network)
    stranger = unit(np.random.default_rng(0), library.embedding.shape[1])
    joined = library.joined([Reference("stranger", "", stranger, marked(1.0))])
    for query in library.embedding[:: len(library) // 50]:
        before, after = library.search(query), joined.search(query)
        assert np.array_equal(before.argmax(), after[:-1].argmax())
        assert after[:-1] == pytest.approx(before, abs=1e-6)
        assert joined.labels[int(after.argmax())] == library.labels[int(before.argmax())]
    assert joined.labels[int(joined.search(stranger).argmax())] == "stranger"


def test_a_joined_library_can_be_saved_and_opened(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What was joined comes back from a file with labels in their order."""
    joined = build.make_library().joined([Reference("Ärger", "mine", build.templates()[0], marked(520.0))])
    path = tmp_path_factory.mktemp("joined") / "x.library.npz"
    joined.save(path)
    opened = Library.open(path, network=build.NETWORK)
    assert (opened.labels, opened.specimens) == (joined.labels, joined.specimens)
