"""The tables of the screen and their parts, each a pure function to rows of an exact size."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from raman_edge.matching.identify import Reading
from raman_edge.quality import MIN_COVERAGE, MIN_SNR
from raman_edge.terminal.rows import EMPTY, GAP, beside, block, cells, fit, spread, title
from raman_edge.terminal.state import LISTED, place
from raman_edge.terminal.theme import CARE, PLAIN, QUIET, STRONG, STYLE
from raman_edge.wording import IF, NAMED, marked, percent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from raman_edge.matching.identify import Timing
    from raman_edge.matching.ranking import Candidate, Verdict
    from raman_edge.peaks import PeakMatch
    from raman_edge.quality import Quality
    from raman_edge.spectrum import AppliedCalibration
    from raman_edge.terminal.rows import Row
    from raman_edge.terminal.state import RecentResult, ScreenState
    from raman_edge.terminal.theme import Light, Theme
    from raman_edge.wording import Answer

SURE_SNR = 10.0
"""Ten standard deviations are IUPAC's limit of quantification: above it the light is good."""
SURE_COVERAGE = 0.75
"""Share of the model's axis above which the light is good."""
_SATURATED: dict[bool | None, tuple[str, Light]] = {True: ("yes", "bad"), False: ("no", "good"), None: ("not known", "out")}
PEAKS = 25
"""Cells of a peak's row: sign, position, difference, word."""
WORDS = {"match": PLAIN, "group": PLAIN, "possible": CARE, "ambiguous": CARE, "unknown": CARE, "rejected": CARE, "fault": CARE}
"""Style of an answer in the list of last results: its sign is coloured already."""
CHIP = 14
"""Most cells of a name in the one-line list of last results."""


def headline(sign: str, words: Row, name: str, width: int, theme: Theme) -> Row:
    """Return the answer at the left end and its origin at the right end."""
    left: Row = ((f" {theme.sign[sign]} ", STYLE[sign]), *words)
    room = width - sum(cells(text) for text, _ in left) - 2
    right: Row = ((theme.safe(name, max(min(room, width // 3), 0)) + " ", QUIET),)
    return spread(left, right, width)


def matches(verdict: Verdict, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the ranked candidates with bars of their probability, or of their similarity if nothing is named.

    A probability among the labels of the library has no meaning for a material that is not in it.
    """
    ranked = verdict.ranked[:height]
    longest = max((cells(theme.safe(marked(match))) for match in ranked), default=0)
    label = min(longest, max(8, width - 16))
    return [_match(match, match.label in verdict.names, verdict.decision, label, width, theme) for match in ranked]


def candidates(verdict: Verdict) -> str:
    """Return the meaning of the numbers beside the candidates."""
    claimed = any(match.score is not None for match in verdict.ranked)
    return IF if claimed else "nearest, similarity"


def _match(match: Candidate, answer: bool, decision: Answer, label: int, width: int, theme: Theme) -> Row:  # noqa: FBT001 - a fact about a row
    """Return one candidate; those of the answer have its sign and colour."""
    named = decision in NAMED
    share = match.similarity if match.score is None else match.score
    score = f"{share:6.3f}" if match.score is None else f"{percent(share, 1):>6}"
    room = max(0, width - label - len(score) - 5)
    style = STYLE[decision] if answer else (PLAIN if named else QUIET)
    sign = theme.arrow if decision == "match" else theme.sign[decision]
    return (
        (f"{sign} " if answer else "  ", style),
        *fit(((theme.safe(marked(match), label), style),), label),
        ("  ", PLAIN),
        *fit(((bar(share, room, theme), STYLE["good"] if named else QUIET),), room),
        (f" {score}", style),
    )


def bar(share: float, width: int, theme: Theme) -> str:
    """Return ``share`` (0..1) of ``width`` cells, to half a cell if the terminal can."""
    steps = len(theme.bar)
    filled = round(min(1.0, max(0.0, share)) * width * steps)
    whole, part = divmod(filled, steps)
    return theme.bar[-1] * whole + (theme.bar[part - 1] if part else "")


def peak_rows(found: PeakMatch, height: int, theme: Theme) -> list[Row]:
    """Return the highest peaks in order of position; a last row counts the others."""
    rows = [(p.height, p.at, "matched", f"{p.delta + 0.0:+6.1f}") for p in found.matched]
    rows += [(p.height, p.at, "missing", " " * 6) for p in found.missing]
    rows += [(p.height, p.at, "extra", " " * 6) for p in found.extra]
    kept = sorted(rows, reverse=True)[: height if len(rows) <= height else height - 1]
    shown: list[Row] = [
        ((f"{theme.sign[word]} ", STYLE[word]), (f"{at:6.1f} {delta} ", PLAIN), (word, QUIET if word == "matched" else STYLE[word]))
        for _, at, word, delta in sorted(kept, key=lambda row: row[1])
    ]
    if len(rows) > len(kept) and height > 0:
        shown.append(((f"  {theme.ellipsis} {len(rows) - len(kept)} smaller", QUIET),))
    return shown


def peak_heading(theme: Theme) -> Row:
    """Return the heading of the table of peaks."""
    return ((f"{theme.unit:>8} {theme.delta:>6}", QUIET),)


def peak_summary(found: PeakMatch, theme: Theme) -> str:
    """Return one line about the peaks: how many of the reference were found, the largest difference, and the extra ones."""
    known = len(found.matched) + len(found.missing)
    if not known:
        return "the reference has no peak in this range"
    words = f"{len(found.matched)} of {known} reference peaks found"
    if found.matched:
        worst = max((peak.delta for peak in found.matched), key=abs)
        words += f", at most {worst + 0.0:+.1f} {theme.unit} off"
    return f"{words}, {len(found.extra)} extra"


def quality_rows(reading: Reading, theme: Theme) -> tuple[list[Row], list[Row]]:
    """Return quality as traffic lights, and facts of the measurement."""
    judged, axis = reading.quality, reading.spectrum.axis
    values = quality_values(judged)
    rows = [light_row(light, name, value, theme) for (name, light), value in zip(lights(judged).items(), values, strict=True)]
    facts = [_fact("range", f"{axis.start:.0f}{theme.range}{axis.stop:.0f}"), _fact("points", f"{len(axis)}")]
    if reading.spectrum.exposure_s is not None:
        facts.append(_fact("exposure", f"{reading.spectrum.exposure_s:.3g} s"))
    return rows, facts


def lights(judged: Quality) -> dict[str, Light]:
    """Return the traffic light of each measure of quality."""
    return {
        "signal/noise": _grade(judged.snr, MIN_SNR, SURE_SNR),
        "saturated": _SATURATED[judged.saturated][1],
        "coverage": _grade(judged.coverage, MIN_COVERAGE, SURE_COVERAGE),
    }


def quality_values(judged: Quality) -> tuple[str, str, str]:
    """Return the values beside the :func:`lights`."""
    return f"{judged.snr:.0f}", _SATURATED[judged.saturated][0], f"{judged.coverage:.0%}"


def _grade(value: float, least: float, sure: float) -> Light:
    return "bad" if value < least else "care" if value < sure else "good"


def light_row(light: Light, name: str, value: str, theme: Theme) -> Row:
    """Return one traffic light with name and value."""
    style = STYLE[light]
    return ((f"{theme.sign[light]} ", style), (f"{name:<12}", PLAIN), (f"{value:>9}", style if light in {"care", "bad"} else PLAIN))


def _fact(name: str, value: str) -> Row:
    return (("  ", PLAIN), (f"{name:<9}", QUIET), (f"{value:>12}", PLAIN))


def stages(timing: Timing) -> list[tuple[str, float]]:
    """Return the milliseconds of each stage, by name."""
    return [("read", timing.read), ("prepare", timing.prepare), ("infer", timing.infer), ("total", timing.total)]


def time_rows(timing: Timing) -> list[Row]:
    """Return one row a stage."""
    return [_fact(name, f"{ms:.1f} ms") for name, ms in stages(timing)]


def result_rows(recent: Sequence[RecentResult], chosen: int | None, width: int, theme: Theme) -> list[Row]:
    """Return the last results one a row: sign, file, answer, probability, time; the ``chosen`` one is strong."""
    name = min(28, width // 3, max((cells(theme.safe(outcome.name)) for outcome in recent), default=0))
    rows: list[Row] = []
    for i, outcome in enumerate(recent):
        style, words = STYLE[outcome.decision], WORDS[outcome.decision]
        numbers = "" if outcome.ms is None else f"{outcome.ms:7.1f} ms"
        score = "" if outcome.score is None else f"{percent(outcome.score, 1):>7}"
        tail: Row = ((f"{score:>7}{numbers:>11}" if width > 50 else score, QUIET),)  # noqa: PLR2004 - cells for three columns
        room = max(0, width - name - 4 - sum(cells(text) for text, _ in tail) - 1)
        head: Row = (
            (f"{theme.sign[outcome.decision]} ", style),
            *fit(((theme.safe(outcome.name, name), STRONG if i == chosen else QUIET),), name + 2),
            (theme.safe(outcome.text, room), words),
        )
        rows.append(spread(head, tail, width))
    return rows


def chips(recent: Sequence[RecentResult], width: int, theme: Theme) -> Row:
    """Return as many last results as fit on one row, the newest first and strong."""
    row: Row = EMPTY
    left = width
    for outcome in recent:
        words = theme.safe(outcome.text if outcome.decision in NAMED else outcome.decision, CHIP)
        left -= 2 + cells(words)
        if left < 0:
            break
        row = (*row, (f"{theme.sign[outcome.decision]} ", STYLE[outcome.decision]), (f"{words}   ", PLAIN if row else STRONG))
        left -= 3
    return row


SOON = timedelta(days=3)
"""Time before the expiry of a calibration from which the light is ``care``."""


def calibration_row(used: AppliedCalibration | None, expires: datetime | None, now: datetime | None, theme: Theme) -> Row:
    """Return the light of the calibration in use, from its expiry and the time ``now``."""
    return light_row(*_judged(used, expires, now), theme)


def _judged(used: AppliedCalibration | None, expires: datetime | None, now: datetime | None) -> tuple[Light, str, str]:
    if used is None:
        return "out", "calibrated", "no"
    if now is None:
        return "good", "calibrated", f"{used.made:%d %b}"
    if expires is not None and now >= expires:
        return "bad", "calibrated", "expired"
    if expires is not None and expires - now < SOON:
        return "care", "cal. ends", f"in {age(expires - now)}"
    return "good", "calibrated", f"{age(now - used.made)} ago"


def age(span: timedelta) -> str:
    """Return a time in the largest suitable unit: ``12 min``, ``5 h``, ``3 d``."""
    minutes = max(0.0, span.total_seconds() / 60)
    if minutes < 100:  # noqa: PLR2004 - two digits
        return f"{minutes:.0f} min"
    hours = minutes / 60
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} d"  # noqa: PLR2004 - two days


WIDE = 150
"""Columns from which the last results stand beside the tables."""
THREE = 64
"""Columns from which the peaks have a table."""
ROOMY = 8
"""Rows from which the peaks' table has a heading."""
INSET = 1
"""Margin on either side, cells."""
QUALITY = 23
"""Cells of the table of quality."""


def tables(state: ScreenState, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the tables of the last reading, ``height`` rows with their titles."""
    if height < 1:
        return []
    width -= 2 * INSET
    reading = state.shown if isinstance(state.shown, Reading) else None
    peaks = PEAKS if width >= THREE else 0
    results = (width - peaks - QUALITY) // 2 if width >= WIDE else 0
    others = [size for size in (peaks, QUALITY, results) if size]
    first = max(0, width - sum(others) - GAP * len(others))
    name = candidates(reading.verdict) if reading else "candidates"
    columns = [_table(name, matches(reading.verdict, first, height - 1, theme) if reading else [], first, height, theme)]
    if peaks:
        columns.append(_table(_against(reading), _peaks(reading, height - 1, theme), peaks, height, theme))
    columns.append(_table("quality", _quality(state, reading, height - 1, theme), QUALITY, height, theme))
    if results:
        columns.append(_table("last results", _results(state, results, height - 1, theme), results, height, theme))
    return [_inset(row) for row in beside(columns)]


def last_results(state: ScreenState, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the last results: a titled list, or one or two short rows."""
    if height > 2:  # noqa: PLR2004 - a title needs two rows beneath it
        inner = width - 2 * INSET
        return [_inset(row) for row in _table("last results", _results(state, inner, height - 1, theme), inner, height, theme)]
    lead = " last  "
    margin = (" " * len(lead), PLAIN)
    recent = state.recent
    rows: list[Row] = [((lead, QUIET), *chips(recent, width - len(lead), theme))] if recent else []
    failed = next((outcome for outcome in recent if outcome.decision == "fault"), None)
    if failed is not None:
        sign = (f"{theme.sign['fault']} ", STYLE["fault"])
        reported: Row = (sign, (theme.safe(f"{failed.name}: {failed.text}", max(0, width - len(lead) - 3)), QUIET))
        # A single row shows a new fault until the next result.
        rows = [rows[0], (margin, *reported)] if height > 1 else [((lead, QUIET), *reported)] if failed is recent[0] else rows
    return block(rows, width, height)


def _results(state: ScreenState, width: int, height: int, theme: Theme) -> list[Row]:
    """Return the last results; the list moves so that the selected one is in it."""
    chosen = place(state) if state.view.at is not None else None
    rows = max(0, min(height, LISTED))
    first = 0 if chosen is None else max(0, min(chosen - rows + 1, len(state.past) - rows))
    return result_rows(state.listed(first, LISTED), None if chosen is None else chosen - first, width, theme)


def _inset(row: Row) -> Row:
    margin: Row = ((" " * INSET, PLAIN),)
    return (*margin, *row, *margin)


def _table(name: str, rows: list[Row], width: int, height: int, theme: Theme) -> list[Row]:
    return [title(name, width, theme), *block(rows, width, height - 1)]


def _against(reading: Reading | None) -> str:
    """Return the title of the peaks, which are compared with those of the first candidate."""
    ranked = reading.verdict.ranked if reading else ()
    return f"peaks, {ranked[0].label}" if ranked else "peaks"


def _peaks(reading: Reading | None, height: int, theme: Theme) -> list[Row]:
    """Return the peaks compared with those of the first candidate, with a heading if there is room."""
    if reading is None or not reading.verdict.ranked:
        return []
    heading = [peak_heading(theme)] if height >= ROOMY else []
    return [*heading, *peak_rows(reading.verdict.ranked[0].peaks, height - len(heading), theme)]


def _quality(state: ScreenState, reading: Reading | None, height: int, theme: Theme) -> list[Row]:
    """Return quality, calibration and, if there is room, the time of each stage."""
    if reading is None:
        return []
    calibrated = calibration_row(reading.spectrum.calibrated, state.acquisition.expires, state.now, theme)
    lights, facts = quality_rows(reading, theme)
    rows, times = [*lights, calibrated, *facts], time_rows(reading.timing)
    return [*rows, EMPTY, *times] if height > len(rows) + len(times) else rows
