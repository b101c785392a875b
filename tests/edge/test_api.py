"""The public interface: identification from a script, a notebook and scikit-learn's side, with the command line's answers."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import build
import numpy as np
import pytest
import raman_edge as re
from raising import refused
from raman_edge import cli
from raman_edge.spectrum import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.identification import Identification

VARIES = ("ts", "ms")
"""Keys of a record that differ between two runs."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tiny model and its library."""
    return build.write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def identifier(pair: tuple[Path, Path]) -> re.Identifier:
    """Return an identifier of the tiny model, without a user library."""
    return re.Identifier(*pair, user_library=False)


def arrays(label: str = "Quartz", seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return Raman shift and counts of a mineral."""
    made = build.spectrum(label, seed)
    return np.array(made.axis.shift), np.array(made.counts)


def without(record: dict[str, object]) -> dict[str, object]:
    """Return what of a record is the same in every run."""
    return {key: value for key, value in record.items() if key not in VARIES}


# One spectrum and several


def test_arrays_are_identified(identifier: re.Identifier) -> None:
    """Two arrays give a label with its probability, the decision, and the candidates in order."""
    result = identifier.identify(*arrays())
    assert (result.label, result.decision, result.names) == ("Quartz", "match", ("Quartz",))
    assert result.probability == result.candidates[0].score
    assert result.reasons == ()
    assert result.candidates[0].label == "Quartz"
    assert result.quality is not None
    assert result.spectrum is not None
    assert "Quartz" in repr(result)


def test_it_gives_what_the_command_line_prints(
    identifier: re.Identifier, pair: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record of a file is the line of ``raman-edge identify``, but for the times."""
    (path := tmp_path / "calcite.csv").write_text(build.text("Calcite"))
    assert cli.main(["identify", str(path), "--json", "--no-user-library", "--model", str(pair[0])]) == 0
    printed = json.loads(capsys.readouterr().out)
    (spectrum,) = re.read(path)
    assert without(identifier.identify(spectrum).to_dict()) == without(printed)


def test_the_embedded_model_is_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three lines name a spectrum with the embedded model, as the command does."""
    (path := tmp_path / "quartz.csv").write_text(build.text("Quartz"))
    assert cli.main(["identify", str(path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    result = re.Identifier().identify(re.read(path)[0])
    assert without(result.to_dict()) == without(printed)


def test_a_list_keeps_its_order_and_a_bad_spectrum_its_place(identifier: re.Identifier) -> None:
    """A spectrum that cannot be identified is a fault in its place; the others are what they are alone."""
    flat = re.Spectrum(np.arange(150.0, 1400.0), np.ones(1250))
    spectra = [build.spectrum("Quartz"), flat, build.spectrum("Gypsum")]
    results = identifier.identify(spectra)
    assert [one.label for one in results] == ["Quartz", None, "Gypsum"]
    assert [one.decision for one in results][1] == "fault"
    assert results[1].reasons
    assert (results[1].candidates, results[1].spectrum, results[1].quality) == ((), None, None)
    assert results[1].to_dict()["event"] == "fault"
    assert identifier.identify([]) == []
    assert [one.label for one in identifier.identify(iter(spectra[:1]))] == ["Quartz"]
    alone = identifier.identify(spectra[2])
    assert alone.names == results[2].names


def test_a_stream_is_read_as_far_as_results_are_taken(identifier: re.Identifier) -> None:
    """A map of any size is identified one spectrum at a time."""
    taken = []

    def spectra() -> object:
        for seed in range(100):
            taken.append(seed)
            yield build.spectrum("Quartz", seed)

    stream = identifier.identify_each(spectra())
    assert next(stream).label == "Quartz"
    assert taken == [0]


def test_an_unknown_spectrum_has_no_label(identifier: re.Identifier) -> None:
    """Noise is named nothing, with a reason; the candidates stay without probabilities."""
    rng = np.random.default_rng(3)
    result = identifier.identify(np.arange(150.0, 1400.0), rng.normal(1000.0, 30.0, 1250))
    assert result.decision in {"unknown", "rejected"}
    assert (result.label, result.probability, result.names) == (None, None, ())
    assert result.reasons
    assert result.candidates
    assert all(one.score is None for one in result.candidates)


def test_threads_share_an_identifier(identifier: re.Identifier) -> None:
    """Eight threads get what one gets."""
    spectra = [build.spectrum(label, seed) for seed in range(8) for label in build.LINES]
    alone = [identifier.identify(one).names for one in spectra]
    with ThreadPoolExecutor(8) as pool:
        assert [one.names for one in pool.map(identifier.identify, spectra)] == alone


# A spectrum of two arrays


def test_falling_arrays_are_reversed_together() -> None:
    """Some instruments export from high to low: the counts stay at their Raman shift, and the arrays are copies."""
    shift, counts = arrays()
    made, reversed_ = re.Spectrum(shift, counts), re.Spectrum(shift[::-1], counts[::-1])
    assert np.array_equal(made.axis.shift, reversed_.axis.shift)
    assert np.array_equal(made.counts, reversed_.counts)
    counts[:] = 0
    assert made.counts.max() > 0
    assert not made.counts.flags.writeable
    assert re.Spectrum([1, 2, 3], [4, 5, 6], exposure_s=0.5).exposure_s == 0.5
    assert np.array_equal(re.Spectrum([3, 2, 1], [4, 5, 6]).counts, [6, 5, 4])


@pytest.mark.parametrize(
    ("shift", "counts"),
    [
        ([1, 2, 3], [1, 2]),
        ([1, 2, 2], [1, 2, 3]),
        ([1, 3, 2], [1, 2, 3]),
        ([3, 2, 1], [1, 2]),
        ([1, 2, 3], [1, float("nan"), 3]),
        ([1, 2, float("inf")], [1, 2, 3]),
        ([1], [1]),
        ([], []),
        (5, 6),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        (["a", "b"], [1, 2]),
        ([1, 2], ["1", "x"]),
        ([1, 2], [1j, 2]),
        ([1, 2], [[1], [2, 3]]),
        ([1, 2], None),
        ([1, 2], [None, 2]),
        ([1, 2], [{}, 2]),
        (np.ma.masked_array([1.0, 2.0, 3.0], [0, 0, 1]), [1, 2, 3]),
        ([1, 2, 3], np.ma.masked_array([1, 2, 3], [0, 1, 0])),
        (np.array(["2026-01-01", "2026-01-02"], "M8[D]"), [1, 2]),
    ],
)
def test_impossible_arrays_are_refused(shift: object, counts: object) -> None:
    """Arrays that no spectrometer can have produced are a SpectrumError, and nothing else."""
    with pytest.raises(re.SpectrumError):
        re.Spectrum(shift, counts)  # type: ignore[arg-type]  # what is to be refused


@pytest.mark.parametrize("given", [np.ones(5), [1.0, 2.0], "quartz.csv", 5, [build.spectrum(), None]])
def test_what_is_no_spectrum_is_refused(identifier: re.Identifier, given: object) -> None:
    """One array alone, a path or a list of numbers says what is expected instead."""
    with refused(re.SpectrumError, "no spectrum", "identify", expected="Spectrum"):
        identifier.identify(given)  # type: ignore[call-overload]  # what is to be refused


def test_a_spectrum_off_the_models_axis_is_refused(identifier: re.Identifier) -> None:
    """One spectrum that cannot be prepared raises."""
    with pytest.raises(re.SpectrumError):
        identifier.identify(np.arange(3000.0, 3500.0), np.ones(500))


# scikit-learn's names


def test_probabilities_are_those_of_the_ranking(identifier: re.Identifier) -> None:
    """Rows of counts at ``axis`` have shape (m, k), add up to 1, and give the candidates' scores."""
    spectra = [build.spectrum(label) for label in ("Quartz", "Gypsum", "Anatase")]
    X = np.stack([np.interp(identifier.axis, one.axis.shift, one.counts) for one in spectra])  # noqa: N806 - scikit-learn's name
    shares = identifier.predict_proba(X)
    assert shares.shape == (3, len(identifier.classes_)) == (3, len(build.LINES))
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert identifier.predict(X).tolist() == ["Quartz", "Gypsum", "Anatase"]
    assert np.array_equal(identifier.predict(X), identifier.classes_[shares.argmax(axis=1)])
    result = identifier.identify(identifier.axis, X[0])
    of = dict(zip(identifier.classes_.tolist(), shares[0], strict=True))
    assert [of[one.label] for one in result.candidates] == pytest.approx([one.score for one in result.candidates], abs=1e-4)
    assert identifier.predict_proba(np.zeros((0, len(identifier.axis)))).shape == (0, len(build.LINES))
    assert identifier.predict(np.zeros((0, len(identifier.axis)))).shape == (0,)


def test_many_rows_are_what_each_is_alone(identifier: re.Identifier) -> None:
    """More rows than go through the network at once keep their order."""
    row = [np.interp(identifier.axis, one.axis.shift, one.counts) for one in (build.spectrum("Quartz"), build.spectrum("Zircon"))]
    X = np.stack(row * 40)  # noqa: N806 - scikit-learn's name
    assert identifier.predict_proba(X) == pytest.approx(np.tile(identifier.predict_proba(X[:2]), (40, 1)), abs=1e-5)


def test_a_bad_row_is_named(identifier: re.Identifier) -> None:
    """The wrong shape, NaN and a flat row say where they are."""
    n = len(identifier.axis)
    good = np.interp(identifier.axis, *arrays())
    for X in (good, np.ones((2, n + 1)), np.ones((1, 1, n)), [["a"] * n], None):  # noqa: N806 - scikit-learn's name
        with pytest.raises(re.SpectrumError) as caught:
            identifier.predict(X)  # type: ignore[arg-type]  # what is to be refused
        assert caught.value.place == "X"
    bad = np.tile(good, (40, 1))
    bad[35] = 1.0
    with pytest.raises(re.SpectrumError, match=r"spectrum 35"):
        identifier.predict_proba(bad)
    bad[33, 5] = np.nan
    with pytest.raises(re.SpectrumError, match=r"spectrum 33: "):
        identifier.predict_proba(bad)


# The user's own library


def test_a_reference_is_known_at_once_and_to_the_next_identifier(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """What was added answers here, in another identifier, and in the command line."""
    own = tmp_path / "own.sqlite3"
    axis = np.arange(150.0, 1400.0)
    counts = 100.0 + sum(1e4 * np.exp(-(((axis - at) / 5) ** 2)) for at in (230.0, 555.0, 870.0, 1210.0))
    counts = counts + np.random.default_rng(1).normal(0, 20, axis.size)
    beaker = re.Spectrum(axis, counts)
    first = re.Identifier(*pair, user_library=own)
    assert first.identify(beaker).label != "Beaker 7"
    learned = first.add_reference("Beaker 7", beaker, note="shelf 3")
    assert learned.new
    assert learned.is_named("Beaker 7")
    assert first.identify(beaker).label == "Beaker 7"
    assert first.classes_[-1] == "Beaker 7"
    assert not first.add_reference("Beaker 7", beaker).new
    assert re.Identifier(*pair, user_library=own).identify(beaker).label == "Beaker 7"
    assert re.Identifier(*pair, user_library=False).identify(beaker).label != "Beaker 7"
    with pytest.raises(re.LibraryError):
        re.Identifier(*pair, user_library=tmp_path / "none.sqlite3", create=False)
    assert first.identify(*arrays("Calcite")).label == "Calcite"


def test_what_cannot_be_added_is_an_error(identifier: re.Identifier, pair: tuple[Path, Path], tmp_path: Path) -> None:
    """No library, no name, no spectrum: each has its error, and the identifier goes on."""
    with refused(re.LibraryError, "no user library"):
        identifier.add_reference("Beaker 7", build.spectrum())
    mine = re.Identifier(*pair, user_library=tmp_path / "own.sqlite3")
    with pytest.raises(re.LibraryError, match="name"):
        mine.add_reference("\x1b[31m", build.spectrum())
    with pytest.raises(re.SpectrumError):
        mine.add_reference("Flat", re.Spectrum(np.arange(150.0, 1400.0), np.ones(1250)))
    assert mine.identify(*arrays()).label == "Quartz"


def test_references_are_added_while_other_threads_identify(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Each identification uses the library before or after, never one that is half changed."""
    mine = re.Identifier(*pair, user_library=tmp_path / "own.sqlite3")
    with ThreadPoolExecutor(4) as pool:
        adding = [pool.submit(mine.add_reference, f"Quartz {seed}", build.spectrum("Quartz", seed)) for seed in range(6)]
        seen = [pool.submit(mine.identify, build.spectrum("Calcite", seed)) for seed in range(20)]
        assert all(one.result().new for one in adding)
        assert {one.result().label for one in seen} == {"Calcite"}
    assert {f"Quartz {seed}" for seed in range(6)} <= set(mine.classes_.tolist())


# Files and errors


def test_a_file_is_read_or_its_fault_is_raised(tmp_path: Path) -> None:
    """A spectrum comes with its origin; a missing file, a folder and rubbish have their own errors."""
    (path := tmp_path / "quartz.csv").write_text(build.text("Quartz"))
    (spectrum,) = re.read(path)
    assert spectrum.origin.path == str(path)
    assert re.read(str(path))[0].origin.sha256 == spectrum.origin.sha256
    for bad in (tmp_path / "away.csv", tmp_path, "a\0b", "-"):
        with refused(re.SourceUnavailable, "cannot be read", expected="a readable file"):
            re.read(bad)
    (rubbish := tmp_path / "rubbish.csv").write_bytes(b"\x00\x01not a spectrum")
    with refused(re.FormatError, "no spectrum", "rubbish.csv"):
        re.read(rubbish)


def test_what_cannot_be_opened_is_an_error_of_the_toolkit(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A missing model, another model's library, a number of threads."""
    with pytest.raises(re.ModelError):
        re.Identifier(tmp_path / "away.onnx")
    with pytest.raises(re.RamanEdgeError):
        re.Identifier(pair[0], pair[0])
    with refused(re.ConfigError, "number out of range", "threads"):
        re.Identifier(*pair, threads=0)
    assert all(issubclass(getattr(re, name), re.RamanEdgeError) for name in re._ERRORS)


def test_a_signature_is_required(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A public key refuses an unsigned model."""
    with pytest.raises(re.RamanEdgeError):
        re.Identifier(*pair, public_key=tmp_path / "key.pem")


# Notebook


def hostile(identifier: re.Identifier) -> Identification:
    """Return an identification whose label, path and reason are markup."""
    label = "<script>alert('x')</script>\x1b[31m&"
    taught = identifier.library.joined([])
    place = {one: label if one == "Quartz" else one for one in taught.labels}
    renamed = type(taught)(
        taught.network, tuple(place[one] for one in taught.labels), taught.label_of, taught.codes, taught.specimens, taught.peaks
    )
    return re.Identifier.of(identifier.model, renamed).identify(build.spectrum("Quartz", origin=Origin("file", "<b>.csv")))


def test_labels_are_escaped_in_html(identifier: re.Identifier) -> None:
    """A label is text in a notebook, whatever it contains."""
    result = hostile(identifier)
    assert "<script>" in str(result.label)
    shown = result._repr_html_()
    assert "<script>" not in shown
    assert "\x1b" not in shown
    assert "&lt;script&gt;" in shown
    assert "\x1b" not in repr(result)
    fault = identifier.identify([re.Fault(Origin("file", "a"), "<img src=x>")])[0]
    assert "<img" not in fault._repr_html_()


def test_a_spectrum_is_plotted(identifier: re.Identifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plot has the spectrum, units on its axes, and the label as text; without matplotlib the error says what to install."""
    if sys.platform == "win32":
        pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    result = identifier.identify(*arrays())
    axes = result.plot()
    assert "Quartz" in axes.get_title()  # type: ignore[attr-defined]  # of matplotlib
    assert "cm⁻¹" in axes.get_xlabel()  # type: ignore[attr-defined]  # of matplotlib
    assert len(axes.lines) > 1  # type: ignore[attr-defined]  # of matplotlib
    assert result.plot(axes) is axes
    hostile(identifier).plot().figure.canvas.draw()  # type: ignore[attr-defined]  # of matplotlib
    pyplot.close("all")
    with pytest.raises(re.ConfigError, match="fault"):
        identifier.identify([re.Fault(Origin("file", "a"), "broken")])[0].plot()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(re.ConfigError, match="pip install matplotlib"):
        result.plot()


# The package itself


def test_every_public_name_is_there_and_nothing_is_loaded_before() -> None:
    """``import raman_edge`` loads no numpy; each name of ``__all__`` can be had, and an unknown one is an AttributeError."""
    script = (
        "import sys, raman_edge as re; assert 'numpy' not in sys.modules; assert set(re.__all__) <= set(dir(re)); "
        "print(sorted(name for name in re.__all__ if getattr(re, name) is None)); print(hasattr(re, 'nothing'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\nFalse\n"), done.stderr
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "raman_edge", "--version"], capture_output=True, text=True, check=True)
    assert "numpy" not in done.stderr
    assert set(re._MODULE_OF) | {"errors", "__version__"} == set(re.__all__)


def test_identifying_loads_no_spectrometer_and_no_database() -> None:
    """A script that identifies arrays pays for neither pyserial, sqlite nor rich."""
    script = (
        "import sys, raman_edge as re; re.Identifier(user_library=False); "
        "print(sorted({'serial', 'sqlite3', 'rich', 'scipy', 'matplotlib', 'multiprocessing'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
