"""What the codes in a Galactic SPC header stand for, and which of them a Raman spectrum cannot have.

Galactic Universal Data Format Specification, SPC.H (1997): fxtype, fytype, fexper.
"""

from __future__ import annotations

from raman_edge.formats.columns import CM_PER_EV, AxisKind, Role

RAMAN_SHIFT, TEXT_LABELS = 13, 15
X_UNITS: dict[int, str] = {
    0: "arbitrary",
    1: "wavenumber (cm-1)",
    2: "micrometres",
    3: "nanometres",
    4: "time (s)",
    5: "time (minutes)",
    6: "frequency (Hz)",
    7: "frequency (kHz)",
    8: "frequency (MHz)",
    9: "mass (m/z)",
    10: "chemical shift (ppm)",
    11: "time (days)",
    12: "time (years)",
    RAMAN_SHIFT: "Raman shift (cm-1)",
    14: "energy (eV)",
    TEXT_LABELS: "named by the text labels",
    16: "diode number",
    17: "channel",
    18: "degrees",
    19: "temperature (F)",
    20: "temperature (C)",
    21: "temperature (K)",
    22: "data points",
    23: "time (ms)",
    24: "time (us)",
    25: "time (ns)",
    26: "frequency (GHz)",
    27: "length (cm)",
    28: "length (m)",
    29: "length (mm)",
    30: "time (hours)",
    255: "double interferogram",
}
"""Units of an axis, by code."""
AXES: dict[int, AxisKind] = {
    1: AxisKind(Role.WAVENUMBER, 1.0, "cm-1"),
    2: AxisKind(Role.WAVELENGTH, 1e3, "µm"),
    3: AxisKind(Role.WAVELENGTH, 1.0, "nm"),
    RAMAN_SHIFT: AxisKind(Role.SHIFT, 1.0, "cm-1"),
    14: AxisKind(Role.WAVENUMBER, CM_PER_EV, "eV"),
    16: AxisKind(Role.PIXEL),
    17: AxisKind(Role.PIXEL),
    22: AxisKind(Role.PIXEL),
}
"""The codes that can be a Raman axis, and what it is then."""
UNNAMED = frozenset({0, TEXT_LABELS})
"""The codes that say nothing of the axis."""
Y_UNITS: dict[int, str] = {
    0: "arbitrary intensity",
    1: "interferogram",
    2: "absorbance",
    3: "Kubelka-Munk",
    4: "counts",
    5: "volts",
    6: "degrees",
    7: "milliamperes",
    8: "millimetres",
    9: "millivolts",
    10: "log(1/R)",
    11: "percent",
    12: "intensity",
    13: "relative intensity",
    14: "energy",
    16: "decibel",
    19: "temperature (F)",
    20: "temperature (C)",
    21: "temperature (K)",
    22: "refractive index",
    23: "extinction coefficient",
    24: "real part",
    25: "imaginary part",
    26: "complex",
    128: "transmission",
    129: "reflectance",
    130: "single beam with valleys",
    131: "emission",
}
Y_RAMAN = frozenset({0, 4, 5, 7, 9, 12, 13, 14})
"""What a detector's signal is stored as."""
METHODS: dict[int, str] = {
    0: "general",
    1: "gas chromatogram",
    2: "chromatogram",
    3: "HPLC chromatogram",
    4: "FT-IR, FT-NIR or FT-Raman spectrum",
    5: "near-infrared spectrum",
    7: "UV-VIS spectrum",
    8: "X-ray diffraction pattern",
    9: "mass spectrum",
    10: "NMR spectrum",
    11: "Raman spectrum",
    12: "fluorescence spectrum",
    13: "atomic spectrum",
    14: "diode-array chromatogram",
}
METHODS_NOT_RAMAN = frozenset({1, 2, 3, 5, 8, 9, 10, 13, 14})
"""A spectrometer for fluorescence or UV-VIS measures Raman spectra as well; the others do not."""
