"""The record: the fields of the architecture's page, an id that stays, and JSON whatever the text is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import build
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raman_edge import records
from raman_edge.matching.identify import TOP, identify, readings
from raman_edge.matching.library import Library
from raman_edge.model.model import Model
from raman_edge.spectrum import Axis, Fault, Origin, Spectrum
from raman_edge.wording import ANSWERS, NAMED

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

FILE = Origin("file", "/data/run 1/calcite.csv", "ab" * 32, read_ms=0.412345)
ORDINARY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = st.text(st.characters(), max_size=40)
"""Any characters, half surrogate pairs among them."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Library]:
    """A model and its library."""
    model, library = build.write_pair(tmp_path_factory.mktemp("pair"))
    return Model.open(model), Library.open(library, network=build.NETWORK)


def result(pair: tuple[Model, Library], spectrum: Spectrum | None = None) -> records.ResultRecord:
    """Return the record of one exposure of calcite, or of ``spectrum``."""
    made = records.of(identify(spectrum or build.spectrum("Calcite", origin=FILE), *pair), records.provenance(*pair))
    assert isinstance(made, records.ResultRecord)
    return made


def fault(pair: tuple[Model, Library], event: Fault) -> records.FaultRecord:
    """Return the record of a fault."""
    made = records.of(event, records.provenance(*pair))
    assert isinstance(made, records.FaultRecord)
    return made


def parsed(made: records.Record) -> dict[str, Any]:
    """Parse the line a record becomes with Python's own parser, refusing NaN and infinity."""
    line = records.encode(made)
    assert b"\n" not in line

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} in a record")

    document: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return document


def test_result_has_the_documented_fields(pair: tuple[Model, Library]) -> None:
    """A result has exactly the fields of the architecture's page, nested as there."""
    document = parsed(result(pair))
    fields = {"decision", "names", "group", "cause", "why", "matches", "one_of", "known", "quality", "aligned"}
    assert set(document) == {"v", "event", "id", "ts", "source", "model", "calibration", "ms"} | fields
    assert set(document["one_of"]) == {"p90", "p95"}
    assert document["one_of"]["p90"] == ["Calcite"]
    assert 0.5 < document["known"] <= 1
    assert (document["v"], document["event"], document["calibration"]) == (3, "result", None)
    assert set(document["source"]) == {"kind", "path", "sha256"}
    assert all(set(match) == {"label", "score", "similarity", "peaks", "synonyms", "formula", "packs"} for match in document["matches"])
    peaks = document["matches"][0]["peaks"]
    assert set(peaks) == {"matched", "missing", "extra"}
    assert all(set(peak) == {"at", "reference", "delta", "height", "reference_height"} for peak in peaks["matched"])
    assert all(set(peak) == {"at", "height"} for peak in document["matches"][-1]["peaks"]["missing"])
    assert len(peaks["matched"]) == 3
    assert document["matches"][-1]["peaks"]["missing"]
    assert set(document["quality"]) == {"snr", "saturated", "coverage"}
    assert set(document["model"]) == {"id", "sha256", "provider", "library"}
    assert set(document["ms"]) == {"read", "prepare", "infer", "total"}


def test_fault_has_the_documented_fields(pair: tuple[Model, Library]) -> None:
    """A fault has exactly the fields of the architecture's page."""
    document = parsed(fault(pair, Fault(Origin("file", "x.csv"), "line 3: no number")))
    assert set(document) == {"v", "event", "id", "ts", "source", "why"}
    assert (document["v"], document["event"], document["why"]) == (3, "fault", "line 3: no number")
    assert document["source"] == {"kind": "file", "path": "x.csv"}


def test_result_has_the_identification(pair: tuple[Model, Library]) -> None:
    """The values of a record are those of the reading, the model and the source."""
    reading = identify(build.spectrum("Calcite", origin=FILE), *pair)
    made = records.of(reading, records.provenance(*pair))
    assert isinstance(made, records.ResultRecord)
    assert made.decision == reading.verdict.decision == "match"
    assert made.matches == reading.verdict.ranked
    assert made.matches[0].label == "Calcite"
    assert made.quality == reading.quality
    assert made.model == records.ModelRef("matched-filter-000000000000", pair[0].sha256, "CPUExecutionProvider", pair[1].sha256)
    assert (made.source.kind, made.source.path, made.source.sha256) == (FILE.kind, FILE.path, FILE.sha256)
    assert made.ms.read == 0.412
    assert made.ms.total == pytest.approx(reading.timing.total, abs=6e-4)


def test_time_is_utc(pair: tuple[Model, Library]) -> None:
    """The time of a record is the present, in UTC, as ISO 8601 with milliseconds."""
    stamp = result(pair).ts
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(stamp)) < timedelta(minutes=5)


def test_same_content_has_the_same_id(pair: tuple[Model, Library]) -> None:
    """A file that is read again, later and under another name, gets the id it had."""
    first = result(pair)
    again = result(pair, build.spectrum("Calcite", origin=replace(FILE, path="copy.csv", read_ms=9.9)))
    assert first.id == again.id
    assert re.fullmatch(r"[0-9a-f]{32}", first.id)


def test_other_content_has_another_id(pair: tuple[Model, Library]) -> None:
    """Another content, another place in the file and a fault at the same place each have their own id."""
    origins = (FILE, replace(FILE, sha256="cd" * 32), replace(FILE, index=1), replace(FILE, index=11))
    ids = {result(pair, build.spectrum("Calcite", origin=origin)).id for origin in origins}
    assert len(ids | {fault(pair, Fault(FILE, "why")).id}) == 5


def test_spectra_without_a_file_get_ids_from_their_numbers(pair: tuple[Model, Library]) -> None:
    """What came from no file has an id from axis and counts: the same for the same numbers, another for others."""
    seen = build.spectrum("Calcite")
    same = Spectrum(seen.axis, seen.counts, Origin("serial", "/dev/ttyUSB0"))
    moved = Spectrum(Axis(seen.axis.shift + 1.0), seen.counts, seen.origin)
    other = build.spectrum("Calcite", seed=1)
    assert result(pair, seen).id == result(pair, same).id
    assert len({result(pair, spectrum).id for spectrum in (seen, moved, other)}) == 3


def test_other_model_has_another_id(pair: tuple[Model, Library], tmp_path: Path) -> None:
    """What another model file says of the same content is another record."""
    other = Model.open(build.write_model(tmp_path / "other.onnx", name="another"))
    assert other.sha256 != pair[0].sha256
    assert result(pair).id != result((other, pair[1])).id
    event = Fault(FILE, "why")
    assert fault(pair, event).id != fault((other, pair[1]), event).id


def test_other_configuration_has_another_id(pair: tuple[Model, Library], monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides the record besides the model is in its configuration id, and that in the record's."""
    before = records.provenance(*pair).config, result(pair).id
    monkeypatch.setattr("raman_edge.records.TOP", TOP + 1)
    assert records.provenance(*pair).config != before[0]
    assert result(pair).id != before[1]


def test_another_axis_is_another_configuration(pair: tuple[Model, Library]) -> None:
    """With a calibration, results and faults have other ids than without, and others with each."""
    ways = [records.provenance(*pair, laser, calibration) for laser in (None, 785.0) for calibration in (None, "c" * 32, "d" * 32)]
    assert len({means.config for means in ways}) == len(ways)
    event = Fault(FILE, "why")
    assert len({records.of(event, means).id for means in ways}) == len(ways)


def test_faults_without_content_get_ids_from_place_and_reason(pair: tuple[Model, Library]) -> None:
    """A file that could not be read has an id from its path and the reason."""
    events = [Fault(Origin("file", path), why) for path in ("a", "b") for why in ("gone", "denied")]
    assert len({fault(pair, event).id for event in events}) == 4
    assert fault(pair, events[0]).id == fault(pair, events[0]).id


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"caf\xe9.csv".decode("utf-8", "surrogateescape"), r"caf\xe9.csv"),
        (b"\xff\x80".decode("utf-8", "surrogateescape"), r"\xff\x80"),
        ("half \ud800 a pair", r"half \ud800 a pair"),
        ("\x1b[31mred\x1b[0m\n.csv", "\x1b[31mred\x1b[0m\n.csv"),
        ("石英 ü.csv", "石英 ü.csv"),
        ('quote " and \\ back', 'quote " and \\ back'),
    ],
)
def test_undecodable_names_travel_as_escapes(pair: tuple[Model, Library], path: str, shown: str) -> None:
    """A file name that is no UTF-8 is shown with its bytes escaped; any other is itself."""
    for made in (result(pair, build.spectrum(origin=Origin("file", path))), fault(pair, Fault(Origin("file", path), path))):
        document = parsed(made)
        assert document["source"]["path"] == shown
        if document["event"] == "fault":
            assert document["why"] == shown


def test_undecodable_names_keep_their_ids_apart(pair: tuple[Model, Library]) -> None:
    """A name with a raw byte and a name that spells its escape are two names."""
    names = (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\xe9", "café")
    assert len({fault(pair, Fault(Origin("file", name), "gone")).id for name in names}) == 3


@given(path=TEXT, why=TEXT, index=st.integers(0, 10**6), sha256=st.none() | st.just("ef" * 32))
@ORDINARY
def test_any_fault_comes_back_from_its_line(pair: tuple[Model, Library], path: str, why: str, index: int, sha256: str | None) -> None:
    """Whatever a path and a reason contain, the record is one line of JSON that reads back as it was."""
    made = fault(pair, Fault(Origin("file", path, sha256, index), why))
    assert parsed(made)["event"] == "fault"
    assert records.decode(records.encode(made)) == made
    assert records.decode(records.encode(made).decode()) == made


@pytest.mark.parametrize("label", build.LINES)
def test_any_result_comes_back_from_its_line(pair: tuple[Model, Library], label: str) -> None:
    """A result reads back equal, field by field, with tuples where there were tuples."""
    made = result(pair, build.spectrum(label, 3, origin=replace(FILE, index=4)))
    again = records.decode(records.encode(made))
    assert again == made
    assert isinstance(again, records.ResultRecord)
    assert again.source.index == 4
    assert again.matches[0].peaks == made.matches[0].peaks


@given(
    st.sampled_from([*build.LINES]),
    st.integers(0, 50),
    st.floats(1.0, 1e6),
    st.floats(0.0, 50.0),
    st.sampled_from([None, 200.0, 5e4]),
    st.sampled_from([(150.0, 1400.0, 1.0), (0.0, 4000.0, 4.0), (1300.0, 1900.0, 0.5)]),
)
@ORDINARY
def test_records_hold_numbers_only(
    pair: tuple[Model, Library],
    label: str,
    seed: int,
    signal: float,
    background: float,
    saturation: float | None,
    ends: tuple[float, float, float],
) -> None:
    """No number of a record is NaN or infinite, however bad the exposure; what names nothing has neither probabilities nor sets."""
    conditions: dict[str, Any] = {"signal": signal, "background": background, "saturation": saturation}
    seen = build.spectrum(label, seed, axis=Axis.linear(*ends), **conditions)
    (event,) = readings([seen], *pair)
    document = parsed(records.of(event, records.provenance(*pair)))
    if isinstance(event, Fault):
        assert "flat spectrum" in document["why"]  # saturated wherever the model looks
        return
    assert document["decision"] in ANSWERS
    named = document["decision"] in NAMED
    assert (bool(document["names"]), document["one_of"] is not None) == (named, named)
    numbers = [document["quality"]["snr"], document["quality"]["coverage"], *document["ms"].values()]
    for match in document["matches"]:
        assert (match["score"] is not None) is named
        numbers += [match["score"] or 0.0, match["similarity"]]
        numbers += [value for peaks in match["peaks"].values() for peak in peaks for value in peak.values()]
    assert all(isinstance(number, float | int) for number in numbers)
