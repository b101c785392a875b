"""The HTML document: one page for each result, and a contact sheet before several."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

from raman_edge import __version__, quality, wording
from raman_edge.errors import ConfigError
from raman_edge.matching import ranking
from raman_edge.terminal.theme import UNICODE, safe_text
from raman_edge.terminal.widgets import lights

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
    from markupsafe import Markup
except ImportError as missing:
    raise ConfigError(
        kind="package not installed", place="raman-edge report", expected="jinja2", advice="pip install 'raman-edge[report]'"
    ) from missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, tzinfo

    from jinja2.runtime import Context

    from raman_edge.peaks import PeakMatch
    from raman_edge.report.subject import ReportedResult

CARD_CELLS = 72
"""Length of an answer and of a file name on the contact sheet."""
SATURATED = {True: "yes", False: "no", None: "not known: neither the file nor the instrument states the saturation level"}


def document(results: Sequence[ReportedResult], zone: tzinfo | None = None) -> Iterator[str]:
    """Yield one HTML document about one result or more, in pieces of whole lines: the same bytes for the same results.

    Times are given in UTC and in ``zone``; None is the zone of this machine.
    """
    from_template = ENVIRONMENT.get_template
    single = len(results) == 1
    counts = Counter(result.kind for result in results)
    listed = ", ".join(f"{counts[kind]} {kind}" for kind in (*wording.ANSWERS, "fault") if counts[kind])
    title = str(results[0].title) if single else f"{len(results)} results"
    yield from_template("head.html").render(results=results, title=title, counts=listed) + "\n"
    page = from_template("result.html")
    for result in results:
        yield page.render(result=result, zone=zone, heading="h1" if single else "h2") + "\n"
    yield "</body></html>\n"


def peak_rows(found: PeakMatch) -> list[tuple[str, str, str, str, float]]:
    """Return kind, measured and reference position, difference and height of each peak, in order of Raman shift."""
    rows = [(p.at, "matched", f"{p.at:.1f}", f"{p.reference:.1f}", f"{p.delta + 0.0:+.1f}", p.height) for p in found.matched]
    rows += [(p.at, "missing", "–", f"{p.at:.1f}", "", p.height) for p in found.missing]
    rows += [(p.at, "extra", f"{p.at:.1f}", "–", "", p.height) for p in found.extra]
    return [row[1:] for row in sorted(rows)]


@pass_context
def _clock(context: Context, when: datetime) -> str:
    """Return a time in UTC and in the zone of the document."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, {when.astimezone(context['zone']):%Y-%m-%d %H:%M:%S %z} local"


def _visible(value: object) -> object:
    """Make control characters of text visible; Jinja escapes markup afterwards. Markup was rendered by a template here."""
    return safe_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


ENVIRONMENT = Environment(
    loader=PackageLoader("raman_edge.report"),
    autoescape=True,
    finalize=_visible,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals.update(
    clock=_clock,
    cut=lambda text: safe_text(text, CARD_CELLS),
    lights=lights,
    peak_rows=peak_rows,
    sign=UNICODE.sign,
    version=__version__,
    quality_limits=quality,
    ranking=ranking,
    saturated=SATURATED,
    wording=wording,
)
