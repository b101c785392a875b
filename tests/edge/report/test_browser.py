"""What a real browser makes of the pages: nothing refused, nothing fetched, one sheet of A4 a result."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import zlib
from typing import TYPE_CHECKING

import journals
import msgspec
import pytest
import report_pages
from raman_edge.matching.ranking import PredictionSets
from raman_edge.records import RecordSource

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.report import ReportedResult

BROWSER = next(filter(None, map(shutil.which, ("google-chrome", "chromium", "chromium-browser", "chrome"))), None)
A4_POINTS = (595, 842)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine to look at the pages with")


def ask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Let the browser do one thing without a window, on a profile of its own."""
    called = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}"]
    return subprocess.run([*called, "--enable-logging=stderr", *arguments], capture_output=True, timeout=120, check=True)


@pytest.fixture(scope="module", autouse=True)
def _starts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where a browser is installed and cannot start, or may not read what the tests write."""
    folder = tmp_path_factory.mktemp("browser")
    (folder / "works.html").write_text("<title>it works</title>")
    try:
        done = ask(folder, "--dump-dom", (folder / "works.html").as_uri())
    except subprocess.SubprocessError as error:
        pytest.skip(f"{BROWSER} does not start here: {error}")
    if b"it works" not in done.stdout:
        pytest.skip(f"{BROWSER} does not read {folder}")


def written(folder: Path, *subjects: ReportedResult) -> Path:
    """Write the document about these."""
    path = folder / "page.html"
    path.write_text(report_pages.text(*subjects), "utf-8")
    return path


def every_answer() -> list[ReportedResult]:
    """Return a result of every kind."""
    record = report_pages.result()
    others = [
        msgspec.structs.replace(
            record, id=f"{number:032x}", decision=decision, one_of=PredictionSets(("Quartz", "Calcite"), ("Quartz", "Calcite"))
        )
        for number, decision in enumerate(("ambiguous", "unknown", "rejected"))
    ]
    return [report_pages.subject(one, report_pages.spectrum(), report_pages.at_hand()) for one in (record, *others)] + [
        report_pages.subject(report_pages.fault())
    ]


def sheets(pdf: bytes) -> list[tuple[int, int]]:
    """Return the size of every sheet of a PDF, points."""
    parts = [pdf] + [zlib.decompressobj().decompress(stream) for stream in re.findall(rb"stream\r?\n(x.*?)endstream", pdf, re.DOTALL)]
    boxes = [box for part in parts for box in re.findall(rb"/Type\s*/Page\b(?!s).*?/MediaBox\s*\[([^\]]*)\]", part, re.DOTALL)]
    return [tuple(round(float(number)) for number in box.split()[2:]) for box in boxes]  # type: ignore[misc]  # two of four numbers


def test_every_answer_prints_on_one_sheet_of_a4(tmp_path: Path) -> None:
    """A contact sheet, and a sheet for each result, however it ended: nothing runs over onto a sheet of its own."""
    subjects = every_answer()
    pdf = tmp_path / "page.pdf"
    ask(tmp_path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer", written(tmp_path, *subjects).as_uri())
    found = sheets(pdf.read_bytes())
    assert len(found) == 1 + len(subjects)
    assert all(abs(got - a4) <= 1 for sheet in found for got, a4 in zip(sheet, A4_POINTS, strict=True))


def test_a_page_is_never_wider_than_its_sheet(tmp_path: Path) -> None:
    """Labels, paths and headers without a blank are broken: the browser shrinks nothing to make them fit."""
    long = "Magnesiohornblende" * 12
    record = report_pages.result()
    matches = tuple(dataclasses.replace(match, label=f"{long}{number}") for number, match in enumerate(record.matches))
    wide = msgspec.structs.replace(
        record, matches=matches, source=RecordSource("file", f"/{long}/{long}"), why=(long,), one_of=PredictionSets((long,), (long,))
    )
    measured = dataclasses.replace(report_pages.spectrum(), meta={long: long})
    where = tmp_path / "wide.html"
    probe = "<script>document.title = document.documentElement.scrollWidth</script>"
    document = report_pages.text(report_pages.subject(wide, measured, report_pages.at_hand())).replace(
        "default-src 'none'", "default-src 'none'; script-src 'unsafe-inline'"
    )
    where.write_text(document.replace("</body>", f"{probe}</body>"), "utf-8")
    seen = ask(tmp_path, "--window-size=600,800", "--dump-dom", where.as_uri()).stdout.decode()
    assert re.findall(r"<title>(\d+)</title>", seen) == ["600"]


def test_a_browser_refuses_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """The policy of the page forbids nothing that the page needs; a hostile label makes no element, and the words arrive as they were."""
    hostile = "<script>document.title='run'</script><img src='http://127.0.0.1:9/x'>"
    record = msgspec.structs.replace(report_pages.result(), why=(hostile,))
    done = ask(
        tmp_path, "--dump-dom", written(tmp_path, report_pages.subject(record, report_pages.spectrum(), report_pages.at_hand())).as_uri()
    )
    seen, complaints = done.stdout.decode(), done.stderr.decode(errors="replace")
    assert "Content Security Policy" not in complaints
    assert "ERR_" not in complaints
    assert "&lt;script&gt;document.title='run'" in seen
    assert "<title>Quartz" in seen
    assert "<img" not in seen


def test_the_picture_is_drawn_in_light_and_dark(tmp_path: Path) -> None:
    """On a screen the page follows the reader's choice of light or dark, and something is drawn on both."""
    where = written(tmp_path, report_pages.of(journals.answer())).as_uri()
    grounds = []
    for scheme in (0, 1):
        shot = tmp_path / f"{scheme}.png"
        ask(tmp_path, "--window-size=300,200", f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={shot}", where)
        pixels = rows(shot.read_bytes())
        grounds.append(sum(pixels[0][:3]) / 3)
        assert len(set(b"".join(pixels))) > 20
    assert grounds[0] < 60
    assert grounds[1] > 240


def rows(png: bytes) -> list[bytes]:
    """Return the rows of bytes of an 8-bit PNG without interlacing (ISO/IEC 15948, filters of section 9)."""
    width = int.from_bytes(png[16:20])
    channels = {2: 3, 6: 4}[png[25]]
    at, packed = 8, b""
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        packed += png[at + 8 : at + 8 + size] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + size
    data, stride = zlib.decompress(packed), width * channels
    before, made = bytes(stride), []
    for start in range(0, len(data), stride + 1):
        before = unfiltered(data[start], data[start + 1 : start + 1 + stride], before, channels)
        made.append(before)
    return made


def unfiltered(kind: int, line: bytes, above: bytes, back: int) -> bytes:
    """Return a row as it was before it was filtered."""
    row = bytearray(line)
    for i in range(len(row)):
        left, up, corner = (row[i - back] if i >= back else 0), above[i], (above[i - back] if i >= back else 0)
        guess = left + up - corner
        nearest = min((left, up, corner), key=lambda value: abs(guess - value))
        row[i] = (row[i] + (0, left, up, (left + up) // 2, nearest)[kind]) & 255
    return bytes(row)
