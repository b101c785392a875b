"""Tables of several samples: which columns are spectra, and what is left out by name."""

from __future__ import annotations

import pytest
from contracts.format_contract import ORIGIN, answered
from raman_edge.formats import read

SHIFT = [100.5 + 10 * k for k in range(40)]
COUNTS = [[float(k * k * row % 37) + 0.25 for k in range(40)] for row in (1, 3, 5, 7)]


def table(*names: str, axis: str = "Raman shift (cm-1)", comma: bool = False) -> bytes:
    """Write a column a name."""
    rows = zip(SHIFT, *COUNTS[: len(names)], strict=True)
    text = "\t".join([axis, *names]) + "\n" + "".join("\t".join(f"{x:.2f}" for x in row) + "\n" for row in rows)
    return (text.replace(".", ",") if comma else text).encode()


@pytest.mark.parametrize(
    "names",
    [
        ("White quartz", "Black calcite", "Green gypsum"),
        ("Vein 1", "Vein 2 dark", "Vein 3"),
        ("Laser spot A", "Spot B"),
        ("Reference quartz", "Unknown stone"),
        ("Grain A fit for XRD", "Grain B"),
        ("No background", "Grain B"),
        ("Sample no 1", "Sample no 2"),
        ("Probe Nr 1", "Probe Nr 2"),
        ("Mass 12 mg", "Mass 20 mg"),
        ("Day 1", "Day 7", "Day 28"),
        ("Channel 1", "Channel 2"),
        ("Night shift", "Day shift"),
        ("Std 1", "Std 2"),
        ("Temperature 300 K", "Temperature 400 K"),
        ("White", "Black"),
        ("Net 1", "Rope 1"),
        ("Dunkle Probe", "Helle Probe"),
        ("Raw quartz", "Dark calcite"),
        ("bruit de fond", "grain"),
        ("Index A", "Index B"),
        ("ID12", "ID13"),
        ("Lambda phage", "E. coli"),
        ("暗石英", "方解石"),
        ("laser 532 nm", "laser 785 nm"),
        ("Transmission oil", "Gear oil"),
        ("Laser", "Excitation"),
        ("Intensity A", "Other rock"),
        ("Time Series_000_Spec.Data 1(0)", "Time Series_000_Spec.Data 1(1)"),
    ],
)
def test_a_word_in_a_name_drops_no_column(names: tuple[str, ...]) -> None:
    """As many spectra as columns, in their order, with their own counts."""
    found = read(table(*names), ORIGIN)
    assert [spectrum.meta["counts_from"] for spectrum in found] == list(names)
    assert [spectrum.counts.tolist() for spectrum in found] == COUNTS[: len(names)]


@pytest.mark.parametrize(
    ("names", "read_from", "left"),
    [
        (("Quartz", "Calcite", "Dark"), ["Quartz", "Calcite"], "'Dark' (dark)"),
        (("Quartz", "Dunkelspektrum"), ["Quartz"], "'Dunkelspektrum' (dark)"),
        (("Quartz", "White reference"), ["Quartz"], None),
        (("Quartz", "Quartz std", "Calcite"), ["Quartz", "Calcite"], "'Quartz std' (error or deviation)"),
        (("Mean", "Std"), ["Mean"], "'Std' (error or deviation)"),
        (("Intensity", "Temperature (°C)"), ["Intensity"], "'Temperature (°C)' (not counts)"),
        (
            ("Sample", "Dark", "Reference", "Absorbance"),
            ["Sample"],
            "'Dark' (dark), 'Reference' (reference), 'Absorbance' (not counts)",
        ),
        (("Processed", "Raw"), ["Processed"], "'Raw' (raw counts, of which there are processed ones)"),
        (("Counts", "Power (mW/cm^2)"), ["Counts"], "'Power (mW/cm^2)' (not counts)"),
    ],
)
def test_what_is_left_out_is_named(names: tuple[str, ...], read_from: list[str], left: str | None) -> None:
    """With what it is taken for; where it may be a sample, it is read."""
    found = read(table(*names), ORIGIN)
    if left is None:
        assert len(found) == len(names) or "left_out" in found[0].meta
    else:
        assert [spectrum.meta["counts_from"] for spectrum in found] == read_from
        assert {spectrum.meta["left_out"] for spectrum in found} == {left}


def test_raw_and_dark_of_one_sample_are_subtracted() -> None:
    """Those of another one are not."""
    found = read(table("Quartz raw", "Quartz dark", "Calcite raw", "Calcite dark"), ORIGIN)
    assert [spectrum.meta["counts_from"] for spectrum in found] == ["Quartz raw - Quartz dark", "Calcite raw - Calcite dark"]
    assert found[0].counts.tolist() == [raw - dark for raw, dark in zip(COUNTS[0], COUNTS[1], strict=True)]


def test_x_and_y_in_turn_without_names() -> None:
    """Two spectra, each on its own axis; the shorter one ends in empty cells."""
    rows = [f"{x},{a},{x + 50},{b}\n" for x, a, b in zip(SHIFT, *COUNTS[:2], strict=True)]
    text = "".join(rows[:30]) + "".join(",".join(row.split(",")[:2]) + ",,\n" for row in rows[30:])
    first, second = read(text.encode(), ORIGIN)
    assert (len(first), first.axis.start, first.counts.tolist()) == (40, SHIFT[0], COUNTS[0])
    assert (len(second), second.axis.start, second.counts.tolist()) == (30, SHIFT[0] + 50, COUNTS[1][:30])


def test_wavelengths_beside_their_shifts_give_the_laser() -> None:
    """ENLIGHTEN's text without a header: nm, cm⁻¹, counts."""
    nm = [1e7 / (1e7 / 785 - x) for x in SHIFT]
    text = "".join(f"{a:.2f} {x:.2f} {y:.2f}\n" for a, x, y in zip(nm, SHIFT, COUNTS[0], strict=True))
    (found,) = read(text.encode(), ORIGIN)
    assert (found.axis.shift.tolist(), found.counts.tolist(), found.meta["laser_nm"]) == (SHIFT, COUNTS[0], "785")


def test_pixel_numbers_beside_shifts_are_no_axis() -> None:
    """The numbers of the pixels, then the shift, without names."""
    text = "".join(f"{k} {x} {y}\n" for k, (x, y) in enumerate(zip(SHIFT, COUNTS[0], strict=True)))
    (found,) = read(text.encode(), ORIGIN)
    assert (found.axis.shift.tolist(), found.counts.tolist()) == (SHIFT, COUNTS[0])


def test_two_axes_without_names_need_an_option() -> None:
    """Which of them is meant is unknown."""
    text = "".join(f"{x} {2 * x} {y}\n" for x, y in zip(SHIFT, COUNTS[0], strict=True))
    assert "unknown columns" in str(answered(text.encode()))


@pytest.mark.parametrize("axis", ["Wavelength (cm-1)", "Wavelength (1 / cm)", "Wellenlänge [cm⁻¹]"])
@pytest.mark.parametrize("laser", [None, 785.0])
def test_the_unit_in_brackets_beats_the_name(axis: str, laser: float | None) -> None:
    """Raman shifts stay Raman shifts, with a laser too."""
    (found,) = read(table("Intensity", axis=axis), ORIGIN, laser_nm=laser)
    assert found.axis.shift.tolist() == SHIFT


THOUSANDS = {
    "tabs": ("\t", ".", ","),
    "semicolons": (";", ",", "."),
    "no-break spaces": (";", ",", "\u00a0"),
    "apostrophes": ("\t", ".", "'"),
    "typographic apostrophes": ("\t", ".", "’"),
    "blanks between cells": (" ", ".", ","),
}


@pytest.mark.parametrize("form", [",.2f", ",.0f"])
@pytest.mark.parametrize("name", THOUSANDS)
def test_separators_of_thousands(name: str, form: str) -> None:
    """Also where a single row has one, and where the numbers are whole."""
    delimiter, decimal, mark = THOUSANDS[name]
    counts = [250.0 + 11 * k for k in range(39)] + [1_234_567.0]
    write = str.maketrans({",": mark, ".": decimal})
    text = "".join(
        f"{x:.2f}".translate(write) + delimiter + f"{y:{form}}".translate(write) + "\n" for x, y in zip(SHIFT, counts, strict=True)
    )
    (found,) = read(("Raman shift (cm-1)" + delimiter + "Intensity\n" + text).encode(), ORIGIN)
    assert (found.axis.shift.tolist(), found.counts.tolist()) == (SHIFT, counts)


def test_separators_of_thousands_that_part_cells_as_well() -> None:
    """The first such line and the word are in the message."""
    text = "Raman shift,Intensity\n" + "".join(f"{x:.2f},{800 + 30 * k:,.2f}\n" for k, x in enumerate(SHIFT))
    assert "line 9: separators of thousands: got '170.50,1,010.00'" in str(answered(text.encode()))
