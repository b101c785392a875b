"""The reference library: what is stored, what is found, and every file that is refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raising import refused
from raman_edge.errors import LibraryError
from raman_edge.matching.library import MAX_LIBRARY_BYTES, Library
from raman_edge.peaks import Peaks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Change = Callable[[dict[str, NDArray[np.generic]]], object]

NETWORK = build.NETWORK
NO_PEAKS = Peaks(np.empty(0), np.empty(0), np.empty(0))
ORDINARY = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a library that opens: three labels, two of them with several references."""
    path = tmp_path_factory.mktemp("libraries") / "good.library.npz"
    make(["Zircon", "Quartz", "Zircon", "Apatite", "Quartz", "Zircon"]).save(path)
    return path


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows of unit norm."""
    made: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def make(labels: list[str], length: int = 8, seed: int = 0) -> Library:
    """Return a library of random embeddings with these labels."""
    rng = np.random.default_rng(seed)
    tables = {name: Peaks(np.array([464.25, 1008.5]), np.array([1.0, 0.5]), np.array([8.0, 12.5])) for name in labels}
    return Library.build(NETWORK, labels, unit(rng.normal(size=(len(labels), length))), [f"R{k:06}" for k in range(len(labels))], tables)


def slow_search(library: Library, embedding: NDArray[np.float32]) -> list[float]:
    """Return the best cosine of each label, by a loop over labels and references."""
    return [
        max(float(library.embedding[k] @ embedding) for k in range(len(library)) if library.label_of[k] == index)
        for index in range(len(library.labels))
    ]


def altered(good: Path, change: Change, name: str = "altered.library.npz") -> Path:
    """Write the good library's file with its arrays changed."""
    with np.load(good) as stored:
        arrays = dict(stored)
    change(arrays)
    path = good.with_name(name)
    np.savez(path, **arrays)
    return path


@given(st.lists(st.sampled_from(["a", "b", "Quartz", "Ångström", "石英"]), min_size=1, max_size=20), st.integers(1, 12), st.integers(0, 9))
@ORDINARY
def test_search_is_a_loop(labels: list[str], length: int, seed: int) -> None:
    """The best cosine of each label is the largest over its references, however they came in."""
    library = make(labels, length, seed)
    query = unit(np.random.default_rng(seed + 1).normal(size=(1, length)))[0]
    assert library.search(query).tolist() == pytest.approx(slow_search(library, query), abs=1e-6)


def test_reference_finds_itself() -> None:
    """A reference searched for has a similarity of 1 to its own label, and to no other."""
    library = build.make_library()
    for k, label in enumerate(library.labels):
        found = library.search(library.embedding[k])
        assert library.labels[int(found.argmax())] == label
        assert found[k] == pytest.approx(1.0, abs=2e-6)
        assert np.sort(found)[-2] < 0.95


def test_build_sorts_and_keeps_together() -> None:
    """References are sorted by label; embeddings and specimens follow, in the order they were given."""
    rows = unit(np.eye(4) + 0.1)
    tables = {"b": NO_PEAKS, "a": Peaks(np.array([1.0]), np.array([1.0]), np.array([2.0]))}
    library = Library.build(NETWORK, ["b", "a", "b", "a"], rows, ["b1", "a1", "b2", "a2"], tables)
    assert library.labels == ("a", "b")
    assert library.specimens == ("a1", "a2", "b1", "b2")
    assert library.label_of.tolist() == [0, 0, 1, 1]
    assert library.embedding == pytest.approx(rows[[1, 3, 0, 2]], abs=0.005)
    assert [len(table) for table in library.peaks] == [1, 0]
    assert len(library) == 4


def test_library_is_read_only() -> None:
    """A library cannot be changed through its arrays, nor through those it was made of."""
    library = make(["a", "b"])
    for array in (library.codes, library.embedding, library.label_of):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    rows = np.eye(2, dtype=np.int8)
    mine = Library(NETWORK, ("a", "b"), np.arange(2), rows, ("x", "y"), (NO_PEAKS, NO_PEAKS))
    rows[:] = 0
    assert mine.embedding[0, 0] == 1.0


@given(st.integers(1, 12), st.integers(2, 300), st.integers(0, 99))
@ORDINARY
def test_library_is_opened_as_it_was_saved(good: Path, count: int, length: int, seed: int) -> None:
    """What is saved comes back exactly, embeddings at unit norm."""
    saved = make([f"mineral {k % 5}" for k in range(count)], length, seed)
    path = good.with_name("saved.library.npz")
    saved.save(path)
    opened = Library.open(path, network=NETWORK)
    assert (opened.labels, opened.specimens, opened.network) == (saved.labels, saved.specimens, NETWORK)
    assert opened.label_of.tolist() == saved.label_of.tolist()
    assert opened.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.linalg.norm(opened.embedding, axis=1) == pytest.approx(1.0, abs=1e-6)
    assert np.array_equal(opened.codes, saved.codes)


def test_peak_tables_are_opened_as_they_were_saved(good: Path) -> None:
    """Positions come back within 0.001 cm⁻¹, heights and widths within a thousandth."""
    tables = {
        "a": Peaks(np.array([128.123, 1085.987]), np.array([0.1234, 1.0]), np.array([3.25, 40.1])),
        "b": NO_PEAKS,
        "c": Peaks(np.array([3999.9]), np.array([1.0]), np.array([7.7])),
    }
    saved = Library.build(NETWORK, ["a", "b", "c"], unit(np.eye(3) + 0.2), ["1", "2", "3"], tables)
    path = good.with_name("peaks.library.npz")
    saved.save(path)
    for name, got in zip("abc", Library.open(path, network=NETWORK).peaks, strict=True):
        assert got.shift == pytest.approx(tables[name].shift, abs=1e-3)
        assert got.height == pytest.approx(tables[name].height, rel=1e-3)
        assert got.width == pytest.approx(tables[name].width, rel=1e-3)


def test_same_library_is_the_same_file(good: Path) -> None:
    """A library is saved to the same bytes at any time: its digest says whether it is the same."""
    paths = [good.with_name(f"{k}.library.npz") for k in "ab"]
    for path in paths:
        make(["a", "b"]).save(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_embedding_of_nothing_is_saved(good: Path) -> None:
    """A reference whose embedding is all zeros is stored as that, and is like nothing."""
    path = good.with_name("zero.library.npz")
    Library(NETWORK, ("a",), np.zeros(1, np.intp), np.zeros((1, 4), np.int8), ("x",), (NO_PEAKS,)).save(path)
    assert Library.open(path, network=NETWORK).search(np.full(4, 0.5, np.float32)).tolist() == [0.0]


def test_save_replaces_whole_files_only(good: Path) -> None:
    """A library that cannot be written is a LibraryError, and what stood there before still stands."""
    before = good.read_bytes()
    library = make(["a"])
    with refused(LibraryError, "cannot be written", cause="No such file"):
        library.save(good.parent / "nowhere" / "x.library.npz")
    blocked = good.with_name(f".{good.name}.{os.getpid()}.part")
    blocked.mkdir()
    with refused(LibraryError, "cannot be written", cause="Permission denied" if sys.platform == "win32" else "Is a directory"):
        library.save(good)
    blocked.rmdir()
    assert good.read_bytes() == before


def test_another_networks_library_is_refused(good: Path) -> None:
    """Embeddings of another network mean nothing: refused with the start of both digests."""
    with refused(LibraryError, "library of another network", got="000000000000", expected="ffffffffffff"):
        Library.open(good, network="f" * 64)


def test_query_of_another_length_is_refused(good: Path) -> None:
    """An embedding of another length or dimension is refused with both."""
    library = Library.open(good, network=NETWORK)
    for query in (np.ones(7, np.float32), np.ones((1, 8), np.float32)):
        with refused(LibraryError, "wrong length", expected="8"):
            library.search(query)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("schema", np.array(3), "unknown schema: got 3, expected 1 or 2"),
        ("schema", np.array([1, 1]), r"unknown schema: got \[1, 1\]"),
        ("schema", np.array(2.0), "schema: .*got 0 dimensions of type float64"),
        ("schema", np.array(1), r"wrong arrays: got \['line_count', .* besides"),
        ("network", np.array([NETWORK]), "network: .*got 1 dimensions"),
        ("network", np.array(7, np.int64), "network: .*got 0 dimensions of type int64"),
        ("labels", np.array([b"Apatite", b"Quartz", b"Zircon"]), "labels: .*got 1 dimensions of type"),
        ("labels", np.array([1, 2, 3], np.int64), "labels: .*got 1 dimensions of type int64, expected 1 of kind U"),
        ("labels", np.array(["a", "b"]), "6 references and 2 labels"),
        ("labels", np.array(["a", "a", "b"]), "labels: .*got 3, of which 2 differ"),
        ("labels", np.array(["a", "b", "\ud800"]), "labels: .*different texts"),
        ("labels", np.array([0xFFFFFFFF, 65, 66], dtype="<u4").view("<U1"), "labels: .*numbers that are no characters"),
        ("labels", np.array([65, 66, 0x110000], dtype=">u4").view(">U1"), "labels: .*numbers that are no characters"),
        ("labels", np.zeros(3, "U0"), "labels: .*got 3, of which 1 differ"),
        ("network", np.array(0x110000, dtype="<u4").view("<U1"), "network: .*numbers that are no characters"),
        ("labels", np.array([["a", "b", "c"]]), "labels: .*got 2 dimensions"),
        ("label_of", np.array([0, 1, 1, 2, 2], dtype=np.uint32), r"got label_of \(5,\)"),
        ("label_of", np.array([0, 1, 1, 2, 2, 3], dtype=np.uint32), "sorted by label, at least one a label"),
        ("label_of", np.array([0, 1, 1, 2, 2, 1], dtype=np.uint32), "sorted by label"),
        ("label_of", np.array([0, 0, 0, 2, 2, 2], dtype=np.uint32), "sorted by label"),
        ("label_of", np.array([1, 1, 1, 1, 2, 2], dtype=np.uint32), "sorted by label"),
        ("label_of", np.array([2**64 - 1, 0, 1, 1, 2, 2], dtype=np.uint64), "sorted by label"),
        ("label_of", np.array([0, 1, 1, 2, 2, 2], np.int64), "label_of: .*got 1 dimensions of type int64, expected 1 of kind u"),
        ("label_of", np.zeros((6, 1), np.uint32), "label_of: .*got 2 dimensions"),
        ("specimens", np.array(["x"] * 5), "5 references"),
        ("specimens", np.zeros(6), "specimens: .*got 1 dimensions of type float64"),
        ("embedding", np.zeros(6, np.int8), "embedding: .*got 1 dimensions of type int8, expected 2 of kind i1"),
        ("embedding", np.zeros((6, 2, 2), np.int8), "embedding: .*got 3 dimensions"),
        ("embedding", np.zeros((6, 8), np.int16), "embedding: .*got 2 dimensions of type int16"),
        ("embedding", np.full((6, 8), np.nan), "embedding: .*got 2 dimensions of type float64"),
        ("embedding", np.zeros((5, 8), np.int8), r"embedding \(5, 8\)"),
        ("embedding", np.zeros((6, 8), [("a", "i1")]), "embedding: .*got 2 dimensions of type"),
        ("peak_count", np.array([2, 2], dtype=np.uint16), r"got \[6, 6, 6\] values, expected 4"),
        ("peak_count", np.array([2, 2, 3], dtype=np.uint16), r"got \[6, 6, 6\] values, expected 7"),
        ("peak_count", np.array([3, 3], dtype=np.uint16), "lines: .*got 3 labels .* 2 labels"),
        ("line_count", np.array([2, 4], dtype=np.uint16), "lines: .*got 2 labels .* 3 labels"),
        ("line_count", np.array([2, 2, 3], dtype=np.uint16), "lines: .*expected 3 labels and 7 values"),
        ("line_shift", np.full(6, np.nan, np.float32), "finite positions"),
        ("line_lowest", np.full(6, 1.0, np.float16), r"heights in 0\.\.1"),
        ("line_highest", np.full(6, 1.5, np.float16), r"heights in 0\.\.1"),
        ("line_width", np.full(6, np.inf, np.float16), "widths from 0"),
        ("peak_count", np.array([], dtype=np.uint16), r"got \[6, 6, 6\] values, expected 0"),
        ("peak_count", np.array([8, -2, 0], dtype=np.int16), "peak_count: .*got 1 dimensions of type int16"),
        ("peak_shift", np.full(6, np.nan, np.float32), "finite positions"),
        ("peak_height", np.full(6, np.inf, np.float16), r"heights in 0\.\.1"),
        ("peak_height", np.full(6, 1.5, np.float16), r"heights in 0\.\.1"),
        ("peak_height", np.full(6, np.nan, np.float16), r"heights in 0\.\.1"),
        ("peak_width", np.full(6, -1.0, np.float16), "widths from 0"),
        ("peak_width", np.full(6, np.inf, np.float16), "widths from 0"),
        ("peak_width", np.zeros(5, np.float16), r"got \[6, 6, 5\] values, expected 6"),
        ("peak_shift", np.zeros(6, np.complex64), "peak_shift: .*got 1 dimensions of type complex64"),
    ],
)
def test_wrong_array_is_refused(good: Path, name: str, value: NDArray[np.generic], why: str) -> None:
    """An array of another type, shape, range or meaning is refused with its name and what was expected."""
    with pytest.raises(LibraryError, match=why) as error:
        Library.open(altered(good, lambda arrays: arrays.update({name: value})), network=NETWORK)
    assert error.value.kind in {"damaged file", "unknown schema", "wrong arrays"}


def test_arrays_missing_and_too_many_are_named(good: Path) -> None:
    """A file of other arrays is refused with the names of those that are missing and those that are too many."""
    path = altered(good, lambda arrays: (arrays.pop("specimens"), arrays.update(colour=np.array(1))))
    with refused(LibraryError, "wrong arrays", got="['colour'] besides, without ['specimens']"):
        Library.open(path, network=NETWORK)


def test_future_schema_is_reported_before_its_arrays(good: Path) -> None:
    """A library from the future says update, whatever else it holds."""
    path = altered(good, lambda arrays: (arrays.pop("labels"), arrays.update(schema=np.array(9))))
    with refused(LibraryError, "unknown schema", got="9", expected="2"):
        Library.open(path, network=NETWORK)


class Trap:
    """An object that leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_pickles_are_never_read(good: Path) -> None:
    """An array of pickled objects, a pickle as a member and a pickle as the file are refused without running them."""
    mark = good.with_name("unpickled")
    trap = np.array([Trap(mark)] * 3, dtype=object)
    paths = [altered(good, lambda arrays: arrays.update(labels=trap)), good.with_name("member.npz"), good.with_name("whole.npz")]
    with zipfile.ZipFile(paths[1], "w") as packed:
        packed.writestr("labels.npy", pickle.dumps(Trap(mark)))
    paths[2].write_bytes(pickle.dumps(Trap(mark)))
    for path in paths:
        with pytest.raises(LibraryError) as error:
            Library.open(path, network=NETWORK)
        assert error.value.kind in {"damaged file", "wrong arrays"}
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(99), b"\x93NUMPY\x01\x00" + bytes(99), bytes(5000)])
def test_file_that_is_no_zip_is_refused(good: Path, content: bytes) -> None:
    """Something else than a zip archive is a damaged library, named in one line."""
    path = good.with_name("no.library.npz")
    path.write_bytes(content)
    with pytest.raises(LibraryError) as error:
        Library.open(path, network=NETWORK)
    assert (error.value.kind, "no.library.npz" in error.value.place) == ("damaged file", True)
    assert str(error.value).isprintable()


def test_bomb_is_not_unpacked(good: Path) -> None:
    """An archive that says it unpacks to more than any library is refused by what it says."""
    path = good.with_name("bomb.library.npz")
    content = bytearray(good.read_bytes())
    says = content.index(b"PK\x01\x02") + 24  # the unpacked size in the first entry of the archive's directory
    content[says : says + 4] = (MAX_LIBRARY_BYTES + 2**20).to_bytes(4, "little")
    path.write_bytes(content)
    with refused(LibraryError, "damaged file", cause="unpacks to 257 MiB; at most 256 MiB"):
        Library.open(path, network=NETWORK)


def test_size_that_lies_is_refused(good: Path) -> None:
    """An array that claims more numbers than its member has bytes is damaged: nothing that large is kept."""
    for shape in ("(10000000000000,)", "(100000000000000000000000,)", "(3000,)", "(-1,)"):
        header = f"{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        path = good.with_name("liar.library.npz")
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("embedding.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(100))
        with refused(LibraryError, "damaged file"):
            Library.open(path, network=NETWORK)


@pytest.mark.parametrize("header", [b"(" * 3000, b"'''", b"{'descr': '|i1'}", b"{}", b"\xff\xfe", b"__import__('os')"])
def test_invalid_header_is_refused(good: Path, header: bytes) -> None:
    """An array whose header cannot be read is damaged, whatever numpy says of it."""
    path = good.with_name("header.library.npz")
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("labels.npy", b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n")
    with refused(LibraryError, "damaged file"):
        Library.open(path, network=NETWORK)


@given(st.data())
@ORDINARY
def test_damaged_file_is_a_library_error(good: Path, data: st.DataObject) -> None:
    """A library with bytes changed, or cut short, is refused with a LibraryError, or opens as it was."""
    content = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = good.with_name("damaged.library.npz")
    path.write_bytes(content[: data.draw(st.sampled_from([None, len(content) // 2, data.draw(st.integers(0, len(content)))]))])
    try:
        opened = Library.open(path, network=NETWORK)
    except LibraryError:
        return
    assert np.array_equal(opened.embedding, Library.open(good, network=NETWORK).embedding)


def test_what_cannot_be_read_is_refused(good: Path) -> None:
    """A missing file, a directory and a file that is too large are refused with the reason."""
    with refused(LibraryError, "cannot be read", "nowhere.npz", cause="No such file"):
        Library.open(good.with_name("nowhere.npz"), network=NETWORK)
    with refused(LibraryError, "cannot be read", cause="Is a directory"):
        Library.open(good.parent, network=NETWORK)
    large = good.with_name("large.npz")
    large.touch()
    os.truncate(large, MAX_LIBRARY_BYTES + 2**20)
    with refused(LibraryError, "too large", got="257 MiB", expected="256 MiB"):
        Library.open(large, network=NETWORK)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embedding_that_is_not_finite_is_refused(bad: float) -> None:
    """A reference whose embedding is no number would be like everything: the library is not made."""
    rows = np.eye(2, dtype=np.float32)
    rows[1, 1] = bad
    with refused(LibraryError, "no finite embedding"):
        Library.build(NETWORK, ["a", "b"], rows, ["x", "y"], {"a": NO_PEAKS, "b": NO_PEAKS})


def test_library_of_nothing_is_refused() -> None:
    """A library has at least one reference: without one there is nothing to be most like."""
    with refused(LibraryError, "damaged file", "label_of"):
        Library(NETWORK, (), np.empty(0, np.intp), np.empty((0, 4), np.int8), (), ())


def test_label_that_no_record_can_carry_is_refused() -> None:
    """A name with half a character, as an undecodable command line gives it, is refused before it is stored."""
    with refused(LibraryError, "damaged file", "labels"):
        make(["Quartz", "caf\udce9"])


@pytest.mark.skipif(sys.platform == "win32", reason="devices have other names there")
def test_what_never_ends_is_not_read() -> None:
    """A device is refused before its first byte."""
    with refused(LibraryError, "not a file"):
        Library.open(Path("/dev/zero"), network="ab")
