"""Every standard's spectrum calibrated as every standard: which are accepted, which are right.

``python benchmarks/calibration_matrix.py`` prints the confusion matrix of synthetic spectra, and that of the real files where
``RAMAN_DATA`` (or ``../shared/data``) has them; it ends with 1 where a wrong calibration was accepted. ``--rounds N`` takes N
instruments per kind of axis (other dispersion, resolution, noise, pixel count, line heights), ``--only NAME`` one spectrum.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from raman_edge import formats
from raman_edge.calibration import making, standards
from raman_edge.calibration.making import StandardSpectrum, make
from raman_edge.errors import CalibrationError, RamanEdgeError, SpectrumError
from raman_edge.spectrum import OTHER_METHOD, PIXELS, Axis, Origin, Spectrum

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray
    from raman_edge.calibration.calibration import Calibration
    from raman_edge.calibration.fit import Span

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RIGHT_CM = 4.0
"""A calibration is right where its axis, between its outermost lines, is nowhere further from the truth, cm⁻¹."""
MINERALS = {
    "quartz": {128: 0.35, 206: 0.28, 265: 0.06, 355: 0.1, 394: 0.05, 464: 1.0, 696: 0.02, 807: 0.05, 1082: 0.05, 1161: 0.06},
    "calcite": {156: 0.15, 282: 0.35, 712: 0.15, 1086: 1.0, 1436: 0.06},
    "gypsum": {181: 0.08, 414: 0.2, 493: 0.18, 619: 0.1, 670: 0.08, 1008: 1.0, 1136: 0.14},
    "corundum": {378: 0.25, 418: 1.0, 432: 0.15, 450: 0.07, 578: 0.12, 645: 0.25, 751: 0.2},
    "anatase": {144: 1.0, 197: 0.06, 397: 0.2, 516: 0.2, 639: 0.28},
    "glucose": {420: 0.5, 440: 0.6, 542: 1.0, 846: 0.6, 914: 0.5, 1073: 0.5, 1124: 0.6, 1347: 0.4, 1461: 0.3, 2889: 0.5, 2945: 0.7},
    "caffeine": {445: 0.4, 484: 0.3, 555: 1.0, 643: 0.4, 741: 0.5, 1242: 0.3, 1288: 0.3, 1328: 0.9, 1600: 0.4, 1656: 0.3, 1698: 0.6},
}
"""Materials that are no standard, textbook positions (cm⁻¹) and heights."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """The true spectrometer, which no program sees."""

    laser_nm: float
    wavelength: NDArray[np.float64]
    """nm in vacuum of each pixel, in order of the pixels."""
    width_cm: float
    """Resolution, full width at half maximum, cm⁻¹."""
    noise: float
    """Read noise relative to the highest line."""
    slope: float
    """Fluorescence relative to the highest line."""

    @property
    def shift(self) -> NDArray[np.float64]:
        """True Raman shift of each pixel."""
        result: NDArray[np.float64] = 1e7 / self.laser_nm - 1e7 / self.wavelength
        return result


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one spectrum under one standard."""

    truth: str
    claim: str
    kind: str
    """Of the axis."""
    laser: str
    error: float | None
    """Largest error of the axis where it is valid, cm⁻¹; None is refused."""
    why: str
    lines: int = 0
    rms: float = 0.0
    whole: float = 0.0
    """Largest error over the whole detector, cm⁻¹."""

    @property
    def verdict(self) -> str:
        """Say whether it was refused, right, or wrong."""
        return "refused" if self.error is None else "right" if self.error <= RIGHT_CM else "WRONG"


def instruments(rng: Generator, laser_nm: float) -> Instrument:
    """Return an instrument that could be: range, dispersion and its bend, pixels, resolution, noise."""
    pixels = int(rng.choice([512, 1024, 1044, 2048, 3648, 4096]))
    first = 1e7 / (1e7 / laser_nm - rng.uniform(-100, 350))
    last = 1e7 / (1e7 / laser_nm - rng.uniform(1800, 3400 if laser_nm > 600 else 4200))
    t = np.linspace(0.0, 1.0, pixels)
    bend = rng.uniform(-0.12, 0.12)
    skew = rng.uniform(-0.01, 0.01)
    t = t + bend * t * (1 - t) + skew * t * (1 - t) * (1 - 2 * t)
    wavelength = first + (last - first) * t
    if rng.random() < 0.25:
        wavelength = wavelength[::-1]
    per_pixel = (last - first) / pixels * 1e7 / laser_nm**2
    return Instrument(laser_nm, wavelength, max(rng.uniform(4, 14), 2.5 * per_pixel), 10 ** rng.uniform(-3.3, -1.8), rng.uniform(0, 1.0))


def heights(standard: standards.Standard, rng: Generator, way: str) -> NDArray[np.float64]:
    """Return heights of a standard's lines: as its table has them, with two missing, all alike, or by chance."""
    if way == "table":
        table = np.array(standard.heights) if len(standard.heights) else np.ones(len(standard.lines))
        return table * np.exp(rng.normal(0, 0.3, table.size))
    if way == "missing":
        tall = heights(standard, rng, "table")
        tall[rng.choice(tall.size, min(2, tall.size // 4), replace=False)] = 0.0
        return tall
    return rng.uniform(0.3, 1.0, len(standard.lines)) if way == "chance" else np.ones(len(standard.lines))


def exposed(name: str, instrument: Instrument, rng: Generator, way: str) -> NDArray[np.float64]:
    """Return counts of a standard, a lamp or a mineral."""
    axis, width = instrument.shift, instrument.width_cm
    if name in MINERALS:
        places, tall = np.array([*MINERALS[name]], dtype=float), np.array([*MINERALS[name].values()])
        width = np.hypot(width, 7.0)
    else:
        standard = standards.find(name)
        tall = heights(standard, rng, way)
        places = 1e7 / instrument.laser_nm - 1e7 / standard.wavelengths(instrument.laser_nm)
        width = width if standard.lamp else np.hypot(width, 6.0)
    apart = (axis[None, :] - places[:, None]) / (width / 2.3548)
    pure = (tall[:, None] * np.exp(-(apart**2) / 2)).sum(axis=0)
    top = max(float(pure.max()), 1e-9)
    t = np.linspace(-1, 1, axis.size)
    glow = 0.0 if name in {"neon", "argon", "mercury-argon"} else instrument.slope
    counts = 30_000 * (pure / top + glow * np.exp(-((t - 0.2) ** 2)) + 0.02)
    return rng.poisson(counts) + rng.normal(0, 30_000 * instrument.noise, axis.size)


def spectrum(instrument: Instrument, counts: NDArray[np.float64], kind: str, label_nm: float, rng: Generator) -> Spectrum:
    """Return what the instrument writes: pixels, or a Raman shift that is off by a few cm⁻¹."""
    origin = Origin("test", "synthetic")
    if kind == "pixel":
        return Spectrum(Axis(np.arange(float(counts.size))), counts, origin, meta={PIXELS: str(counts.size)})
    rising = instrument.shift[0] < instrument.shift[-1]
    shift, counts = (instrument.shift, counts) if rising else (instrument.shift[::-1], counts[::-1])
    t = np.linspace(-1, 1, shift.size)
    nominal = shift + rng.uniform(-8, 8) + rng.uniform(-5, 5) * t + rng.uniform(-2, 2) * t**2
    return Spectrum(Axis(nominal), counts, origin, meta={"laser_nm": f"{label_nm:g}"})


def error(made: Calibration, seen: Spectrum, instrument: Instrument) -> tuple[float, float]:
    """Return the largest error of the calibrated axis where it is valid between its lines, and anywhere, cm⁻¹."""
    got = made.apply(seen, NOW).axis.shift
    truth = np.sort(instrument.shift)
    low, high = min(line.at for line in made.lines), max(line.at for line in made.lines)
    inside = (got >= low) & (got <= high)
    off = np.abs(got - truth)
    return float(off[inside].max(initial=0.0)), float(off.max())


def remembered() -> None:
    """Read a spectrum as a standard once: after a refusal the next standard is tried on the same spectrum."""
    read, known = making._read, {}

    def again(one: StandardSpectrum, span: Span, laser_nm: float) -> object:
        key = (one.spectrum.counts.tobytes(), one.spectrum.axis.shift.tobytes(), one.standard.name, laser_nm)
        if key not in known:
            if len(known) > 2 * len(standards.STANDARDS):
                known.clear()
            known[key] = read(one, span, laser_nm)
        return known[key]

    making._read = again  # type: ignore[assignment]


def tried(seen: Spectrum, truth: str, claim: str, kind: str, laser: str, label_nm: float, instrument: Instrument | None) -> Outcome:
    """Calibrate, and judge what comes out."""
    blank = Outcome(truth, claim, kind, laser, None, "")
    try:
        made = make(StandardSpectrum(seen, standards.find(claim)), instrument="X", laser_nm=label_nm, made=NOW, days=30)
    except RamanEdgeError as refusal:
        return replace(blank, why=str(refusal))
    if instrument is None:
        worst, whole = (0.0 if claim in truth.split("|") else 999.0), 0.0
    else:
        try:
            worst, whole = error(made, seen, instrument)
        except (SpectrumError, CalibrationError) as refusal:
            return replace(blank, error=999.0, why=f"accepted, not applicable: {refusal}")
        if len(made.lines) == 1:
            line = made.lines[0].at
            at = int(np.abs(np.sort(instrument.shift) - line).argmin())
            worst = float(abs(made.apply(seen, NOW).axis.shift[at] - line)) if claim == truth else 999.0
    return replace(blank, error=worst, whole=whole, lines=len(made.lines), rms=made.rms or 0.0)


def synthetic(rounds: int, seed: int, only: str | None) -> Iterator[Outcome]:
    """Try every material of every instrument as every standard."""
    names = [one.name for one in standards.STANDARDS]
    for number in range(rounds):
        rng = np.random.default_rng([seed, number])
        laser = float(rng.choice([532.0, 633.0, 785.0, 830.0]))
        device = instruments(rng, laser)
        for truth in [*names, *MINERALS]:
            if only is not None and truth != only:
                continue
            way = str(rng.choice(["table", "missing", "chance", "alike"]))
            counts = exposed(truth, device, rng, way)
            for kind in ("pixel", "shift"):
                others = [other for other in (532.0, 633.0, 785.0, 830.0, 1064.0) if other != laser]
                for laser_kind, label in (("right laser", laser), ("wrong laser", float(rng.choice(others)))):
                    seen = spectrum(device, counts, kind, label, rng)
                    for claim in names:
                        yield tried(seen, truth, claim, kind, laser_kind, label, device)


REAL = (
    ("Ne_785nm", "neon", 785.0),
    ("neon_n", "neon", 532.0),
    ("PST02_iRPlus785", "polystyrene", 785.0),
    ("PST10_iR532_Probe_100_3000msx7.txt", "polystyrene", 532.0),
    ("PST10_iR532_Probe_100_3000msx7.spc", "polystyrene", 532.0),
    ("MacroRAM", "polystyrene", 785.0),
    ("PST10_iR785", "polystyrene", 785.0),
    ("PST02_Zolix", "polystyrene", 785.0),
    ("PST_532_SEX139", "polystyrene", 532.0),
    ("PST_Reflex532_Z050_010_10000msx2.txt", "polystyrene", 532.0),
    ("PST_Reflex532_Z050_010_10000msx2.spc", "polystyrene", 532.0),
    ("PST_WiICV532", "polystyrene", 532.0),
    ("PST_WITEcAlpha532", "polystyrene", 532.0),
    ("polystyrene_aritficially", "polystyrene", 785.0),
    ("polystyrene.csv", "polystyrene", 785.0),
    ("WP785_acetonitrile", "acetonitrile", 785.0),
    ("wasatch_library/acetonitrile", "acetonitrile", 785.0),
    ("wasatch_library/acetaminophen", "4-acetamidophenol", 785.0),
    ("wasatch_library/cyclohexane", "cyclohexane", 785.0),
    ("RAMAN.SPC", "cyclohexane", 1064.0),
    ("wasatch_library/toluene", "toluene-acetonitrile", 785.0),
    ("S0N02", "silicon", 785.0),
    ("S0P10", "silicon", 785.0),
    ("wasatch_library/Silicon.csv", "silicon", 785.0),
    ("Si-data.WIP", "silicon", 632.8),
)
"""Part of a path, what it is of, and its laser; every other file is right as none. Toluene has six lines of the mixture with
acetonitrile at the same places, hence the right axis; that it lacks the others is no reason to call the axis wrong."""


def real(root: Path, only: str | None) -> Iterator[Outcome]:
    """Try every real file as every standard."""
    files = [*sorted((root / "instrument_files").rglob("*")), *sorted((root / "organics" / "wasatch_library").glob("*.csv"))]
    for path in files:
        if not path.is_file() or (only is not None and only not in str(path)):
            continue
        found = next((one for one in REAL if one[0] in str(path)), None)
        truth, laser = (found[1], found[2]) if found else ("nothing", 532.0 if "532" in path.name or "openraman" in str(path) else 785.0)
        if "acetonitrile_n" in path.name:
            truth = "acetonitrile"
        try:
            seen = formats.read(path.read_bytes(), Origin("file", str(path)), laser_nm=laser, pixels=True)[0]
        except RamanEdgeError:
            continue
        if OTHER_METHOD in seen.meta:
            continue
        kind = "pixel" if PIXELS in seen.meta else "shift"
        for claim in [one.name for one in standards.STANDARDS]:
            outcome = tried(seen, truth, claim, kind, "right laser", laser, None)
            yield replace(outcome, why=f"{path.name[:40]}: {outcome.why}")


def table(title: str, outcomes: list[Outcome], *, detail: bool) -> Iterator[str]:
    """Yield a confusion matrix, how true standards fared, and what went wrong, line by line."""
    yield f"\n{title}: {len(outcomes)} calibrations, right/refused/WRONG"
    claims = [one.name for one in standards.STANDARDS]
    yield f"{'spectrum of':22}" + "".join(f"{claim[:9]:>10}" for claim in claims)
    for truth in dict.fromkeys(one.truth for one in outcomes):
        counts = [Counter(one.verdict for one in outcomes if (one.truth, one.claim) == (truth, claim)) for claim in claims]
        cells = ["/".join(str(count[verdict]) for verdict in ("right", "refused", "WRONG")) for count in counts]
        yield f"{truth:22}" + "".join(f"{cell:>10}" for cell in cells)
    total = Counter(one.verdict for one in outcomes)
    yield f"  all: {total['right']} right, {total['refused']} refused, {total['WRONG']} WRONG"
    for laser, kind in product(("right laser", "wrong laser"), ("pixel", "shift")):
        mine = [one for one in outcomes if one.claim == one.truth and (one.laser, one.kind) == (laser, kind)]
        errors = sorted(one.error for one in mine if one.verdict == "right" and one.error is not None)
        if errors:
            count = Counter(one.verdict for one in mine)
            off = "" if title == "real" else f"; off by {errors[len(errors) // 2]:.2f} (median) to {errors[-1]:.2f} cm-1 between the lines"
            yield f"  true standard, {kind}, {laser}: {count['right']} right, {count['refused']} refused, {count['WRONG']} WRONG{off}"
    for one in outcomes:
        what = f"{one.truth} as {one.claim}, {one.kind}, {one.laser}"
        if one.verdict == "WRONG":
            yield f"  WRONG: {what}: off {one.error:.1f}, {one.lines} lines, rms {one.rms:.2f} {one.why}"
        elif detail and one.truth == one.claim and one.verdict == "refused":
            yield f"  refused: {what}: {one.why}"


def main() -> int:
    """Print both matrices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--detail", action="store_true", help="why true standards were refused")
    parser.add_argument("--part", choices=("both", "synthetic", "real"), default="both")
    options = parser.parse_args()
    remembered()
    wrong = 0
    root = Path(os.environ.get("RAMAN_DATA") or Path(__file__).parents[2] / "shared" / "data")
    parts = {"synthetic": synthetic(options.rounds, options.seed, options.only), "real": real(root, options.only)}
    for part, outcomes in parts.items():
        if options.part not in {"both", part}:
            continue
        found = list(outcomes)
        wrong += sum(one.verdict == "WRONG" for one in found)
        sys.stdout.writelines(f"{line}\n" for line in table(part, found, detail=options.detail))
        sys.stdout.flush()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
