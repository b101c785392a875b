"""States of the screen to test, measure and look at: made without chance, and without a model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import build
import numpy as np
from raman_edge import peaks, synthetic
from raman_edge.instruments.spectrometer import Counters, LinkStatus
from raman_edge.matching.identify import Reading, Timing
from raman_edge.matching.ranking import Candidate, PredictionSets, Verdict
from raman_edge.quality import Quality
from raman_edge.spectrum import AppliedCalibration, Axis, Fault, Origin, Spectrum
from raman_edge.terminal.controls import KEYS, Controls
from raman_edge.terminal.state import AcquisitionState, ModelFacts, ScreenState, fold, pressed
from raman_edge.wording import NAMED

if TYPE_CHECKING:
    from raman_edge.wording import Answer

SIZES = ((80, 24), (100, 30), (200, 60))
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
WATCH_KEYS = Controls(quit=lambda: None, save=lambda _: "").keys
SERIAL_KEYS = KEYS
MODEL = ModelFacts("drcnn-edge-0123456789ab", "int8", "CPU", 812, 100.0, 1500.0, "2026-11-20")
EMPTY = ScreenState("/data/incoming", MODEL, keys=WATCH_KEYS, now=NOW)
UNPLUGGED = "/dev/ttyUSB0 is gone: the cable was pulled, or the instrument was switched off. It is opened again as soon as it is there"
ABSENT = (("Zircon", 0.55, 0.71), ("Anatase", 0.25, 0.64), ("Gypsum", 0.1, 0.52), ("Quartz", 0.06, 0.4), ("Calcite", 0.04, 0.33))


def exposure(label: str, name: str, *, ripple: float = 0.004, ceiling: float = 1e9) -> Spectrum:
    """One exposure without chance in it: lines, a background, and a ripple in place of noise."""
    axis = Axis.linear(150.0, 1400.0, 1.0)
    pure = synthetic.lines(axis, build.table(label), shift_error=0.8)
    ripples = ripple * np.sin(2.3 * axis.shift) * np.cos(0.7 * axis.shift)
    counts = 900 + 21_000 * (pure + 0.3 * np.exp(-(((axis.shift - 800) / 400) ** 2)) + ripples)
    return Spectrum(axis, np.minimum(counts, ceiling), Origin("file", name), exposure_s=0.5)


def reading(
    seen: Spectrum,
    decision: Answer,
    scores: tuple[tuple[str, float, float], ...],
    doubts: tuple[str, ...] = (),
    among: PredictionSets | None = None,
    **quality: object,
) -> Reading:
    """A reading with these words and numbers; features and peaks are computed, and what names nothing has no probabilities."""
    features = build.RECIPE.features(seen)
    found = peaks.find(build.RECIPE.axis, features)
    ranked = tuple(
        Candidate(label, score if decision in NAMED else None, similarity, peaks.match(found, build.table(label), (150.0, 1400.0)))
        for label, score, similarity in scores
    )
    names = () if decision not in NAMED else among.p90 if among else (ranked[0].label,)
    sets = among or PredictionSets(names, names) if decision in NAMED else None
    judged = Quality(**({"snr": 57.3, "saturated": None, "coverage": 0.893} | quality))  # type: ignore[arg-type]  # its own fields
    verdict = Verdict(decision, names, ranked, doubts, sets, 0.93 if decision == "match" else 0.4)
    return Reading(seen, features, found, judged, verdict, Timing(0.41, 0.92, 0.55, 1.88))


MATCH = reading(
    exposure("Zircon", "/data/incoming/zircon-017.txt"),
    "match",
    (("Zircon", 0.971, 0.95), ("Gypsum", 0.02, 0.61), ("Anatase", 0.006, 0.3), ("Quartz", 0.002, 0.2), ("Calcite", 0.001, 0.1)),
    saturated=False,
)
AMBIGUOUS = reading(
    exposure("Calcite", "/data/incoming/石膏-第三号样品.csv"),
    "ambiguous",
    (("Calcite", 0.46, 0.9), ("Gypsum", 0.44, 0.89), ("Anatase", 0.06, 0.4), ("Zircon", 0.03, 0.3), ("Quartz", 0.01, 0.2)),
    ("if in the library, it is one of these in 90 of 100 cases",),
    PredictionSets(("Calcite", "Gypsum", "Anatase"), ("Calcite", "Gypsum", "Anatase", "Zircon")),
)
POSSIBLE = reading(
    exposure("Quartz", "/data/incoming/vein-2.txt"),
    "possible",
    (("Quartz", 0.92, 0.79), *ABSENT[1:3]),
    (
        "more likely not in the library than in it: of spectra as near as this, 60% are of other materials",
        "Quartz does not explain the peak at 1086 cm⁻¹: a mixture, or another material",
    ),
)
UNKNOWN = reading(
    exposure("Quartz", "wafer.txt"),
    "unknown",
    ABSENT,
    ("nothing in the library is near enough: the nearest, Zircon, has a similarity of 0.71; 0.84 is the least for a name",),
)
WEAK = reading(
    exposure("Gypsum", "dark.txt", ripple=2.0),
    "rejected",
    ABSENT,
    ("too noisy: the signal is 1.8 times the noise, 3 is the least; expose longer",),
    snr=1.8,
    coverage=0.41,
)
SATURATED = reading(
    exposure("Anatase", "bright.txt", ceiling=9000.0),
    "match",
    (("Anatase", 0.93, 0.9), *ABSENT[2:]),
    ("the detector is saturated: expose shorter",),
    saturated=True,
)
FAULT = Fault(
    Origin("file", "/data/incoming/export.txt"),
    "the file is a web page (HTML), not a spectrum: save the file behind the link, not the page itself, and copy it here again",
)
EVENTS: dict[str, Reading | Fault] = {
    "match": MATCH,
    "possible": POSSIBLE,
    "ambiguous": AMBIGUOUS,
    "unknown": UNKNOWN,
    "rejected": WEAK,
    "saturated": SATURATED,
    "fault": FAULT,
}


def state_after(*names: str, before: ScreenState = EMPTY) -> ScreenState:
    """The state after all events and then the named ones."""
    state = before
    for event in (*EVENTS.values(), *(EVENTS[name] for name in names)):
        state = fold(state, replace(event))  # another event, not the same one as before
    return state


def after(state: ScreenState, *keys: str) -> ScreenState:
    """The state after these keys."""
    for key in keys:
        state = pressed(state, key)
    return state


LINK = LinkStatus(
    "acquiring", "/dev/ttyUSB0", "ocean-usb2000", 115_200, "USB2E7916", 0.1, 4, None, Counters(frames=1204, bad=3, timeouts=1, reconnects=1)
)
LASER = replace(LINK, laser=True)
BENCH = AcquisitionState(done=3, of=10, expires=NOW + timedelta(days=20))
CALIBRATED = AppliedCalibration("0c1d" * 16, NOW - timedelta(days=10, hours=3), 0.4)


def from_port(event: Reading) -> Reading:
    """The same exposure as it comes from an instrument whose axis is calibrated."""
    origin = Origin("serial", "/dev/ttyUSB0")
    taken = NOW - timedelta(seconds=2)
    seen = replace(event.spectrum, origin=origin, taken_at=taken, exposure_s=0.1, saturation=65_535.0, calibrated=CALIBRATED)
    return replace(event, spectrum=seen)


BAD_FRAME = Fault(Origin("serial", "/dev/ttyUSB0"), "the checksum is 4f1a and not 4e1a: the frame is dropped, the next one is on its way")


def serial(*events: Reading | Fault, link: LinkStatus = LASER, bench: AcquisitionState = BENCH) -> ScreenState:
    """The state of an instrument after these events."""
    state = ScreenState("/dev/ttyUSB0", MODEL, link=link, acquisition=bench, keys=SERIAL_KEYS, now=NOW)
    for event in events:
        state = fold(state, event)
    return state


STONE = from_port(MATCH)
SERIAL = serial(from_port(UNKNOWN), BAD_FRAME, from_port(AMBIGUOUS), STONE)
STATES = {
    "waiting": EMPTY,
    **{name: state_after(name) for name in EVENTS},
    "note": replace(state_after("match"), note="the folder is gone"),
    "backlog": replace(state_after("match"), waiting=12_345, left_s=41.0),
    "held": fold(after(state_after("match"), "hold"), UNKNOWN),
    "history": after(state_after("match"), "[", "[", "["),
    "zoomed": after(state_after("match"), "+", "+"),
    "help": after(state_after("match"), "?"),
    "serial": SERIAL,
    "serial-help": after(SERIAL, "?"),
    "broken-frame": fold(SERIAL, BAD_FRAME),
    "opening": serial(link=replace(LINK, state="opening", baud=9600, serial_number=None, exposure_s=None, counters=Counters())),
    "disconnected": replace(SERIAL, link=replace(LASER, state="absent", laser=False, why=UNPLUGGED)),
    "paused": replace(SERIAL, acquisition=replace(BENCH, paused=True), link=LINK),
    "dark": replace(SERIAL, acquisition=replace(BENCH, doing="dark"), link=replace(LASER, laser=False)),
    "question": replace(SERIAL, acquisition=replace(BENCH, doing="dark", done=0, question="Block the beam and press Enter")),
    "trigger": replace(SERIAL, acquisition=replace(BENCH, doing="trigger")),
    "exposure": replace(SERIAL, acquisition=replace(BENCH, doing="exposure", of=1)),
    "calibration-ends": replace(SERIAL, acquisition=replace(BENCH, expires=NOW + timedelta(hours=30))),
}
