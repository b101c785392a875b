"""Text that vendors' software exports and that needs no reader of its own: the words of their headers, and how they end early."""

from __future__ import annotations

import pytest
from contracts.format_contract import ORIGIN, answered
from raman_edge.formats import read

SHIFT = [100.5 + 10 * k for k in range(40)]
NM = [790.0 + 2 * k for k in range(40)]
COUNTS = [float(k * k % 37) + 0.25 for k in range(40)]
OCEAN = {
    "English": (
        "Data from a.txt Node\n\nDate: Tue Mar 18 08:44:17 EST 2014\nUser: me\nIntegration Time (sec): 2.000000E-1\n"
        "XAxis mode: Wavelengths\nNumber of Pixels in Spectrum: 40\n>>>>>Begin Spectral Data<<<<<\n"
    ),
    "SpectraSuite": (
        "SpectraSuite Data File\n++++++++++++\nDate: Fri Aug 19 13:19:52 CDT 2016\nDark Spectrum Present: Yes\n"
        "Integration Time (usec): 200000 (USB2+H11150)\nNumber of Pixels in Processed Spectrum: 40\n"
        ">>>>>Begin Processed Spectral Data<<<<<\n"
    ),
    "OOIBase32": "OOIBase32 Version 2.0.6.5 Data File\n+++++\nIntegration Time (msec): 200\n>>>>>Begin Spectral Data<<<<<\n",
    "German": (
        "Daten von a.txt Knoten\n\nDatum: Di Mrz 18 08:44:17 MEZ 2014\nBenutzer: ich\nLaserleistung: 300\nIntegrationszeit (ms): 200\n"
        "X-Achsenmodus: Wellenlängen\nAnzahl der Pixel im Spektrum: 40\n>>>>>Beginn Spektraldaten<<<<<\n"
    ),
    "French": (
        "Données de a.txt\nTemps d'intégration (s): 0,2\nMode de l'axe des X: Longueurs d'onde\nNombre de pixels dans le spectre: 40\n"
        ">>>>>Début des données spectrales<<<<<\n"
    ),
    "Spanish": "Tiempo de integración (ms): 200\nModo del eje X: Longitudes de onda\nNúmero de píxeles: 40\n>>>>>Inicio<<<<<\n",
    "Italian": "Tempo di integrazione (ms): 200\nModalità asse X: Lunghezze d'onda\nNumero di pixel: 40\n>>>>>Inizio dati<<<<<\n",
    "Portuguese": "Tempo de integração (s): 0,2\nModo do eixo X: Comprimentos de onda\nNúmero de pixels: 40\n>>>>>Dados<<<<<\n",
    "Russian": "Время интегрирования (мс): 200\nОсь X: длина волны\nЧисло пикселей: 40\n>>>>>Начало данных<<<<<\n",
    "Chinese": "日期：2014\n积分时间（毫秒）：200\nX轴模式：波长\n光谱像素数：40\n>>>>>开始光谱数据<<<<<\n",
    "Japanese": "積分時間(ミリ秒):200\nX軸モード:波長\n画素数:40\n>>>>>スペクトルデータ<<<<<\n",
}


def rows(x: list[float], y: list[float], *, comma: bool = False) -> str:
    """Write two columns with tabs."""
    text = "".join(f"{a:.2f}\t{b:.2f}\n" for a, b in zip(x, y, strict=True))
    return text.replace(".", ",") if comma else text


def reason_of(text: str) -> str:
    """Return the message of a file that is refused."""
    return str(answered(text.encode()))


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("language", OCEAN)
def test_ocean_optics_in_several_languages(language: str, comma: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Wavelengths, made Raman shifts with the laser of the option; the exposure in seconds."""
    text = OCEAN[language] + rows(NM, COUNTS, comma=comma) + ">>>>>End Spectral Data<<<<<\n"
    assert "unknown laser wavelength: got a wavelength axis (790 to 868 nm)" in reason_of(text)
    (found,) = read(text.encode(), ORIGIN, laser_nm=785.0)
    assert found.axis.start == pytest.approx(1e7 / 785 - 1e7 / 790)
    assert found.counts.tolist() == COUNTS
    assert found.exposure_s == pytest.approx(0.2)


@pytest.mark.parametrize("language", [name for name, header in OCEAN.items() if "40" in header])
def test_a_spectrum_with_fewer_pixels_than_its_header_has_is_cut_short(language: str) -> None:
    """Rows are missing, not pixels."""
    message = reason_of(OCEAN[language] + rows(NM[:30], COUNTS[:30]))
    assert "wrong number of rows: got 30 rows" in message


@pytest.mark.parametrize(
    "mode", ["XAxis mode: Raman Shifts", "X-Achsenmodus: Raman-Verschiebung", "Mode de l'axe des X: Décalages Raman", "X轴模式：拉曼位移"]
)
def test_ocean_optics_in_raman_mode(mode: str) -> None:
    """The header says that the axis is a shift, in any language."""
    (found,) = read(f"Data\n{mode}\n>>>>>Begin Spectral Data<<<<<\n{rows(SHIFT, COUNTS)}".encode(), ORIGIN)
    assert found.axis.shift.tolist() == SHIFT


@pytest.mark.parametrize(
    ("key", "nm"),
    [
        ("Laser-Wellenlänge (nm): 785", "785"),
        ("Longitud de onda del láser: 785 nm", "785"),
        ("Longueur d'onde du laser = 632,8", "632.8"),
        ("激光波长：532", "532"),
        ("レーザー波長(nm):532", "532"),
        ("Anregungswellenlänge\t1064", "1064"),
        ("Laser: 532 nm DPSS", "532"),
        ("Laser: 532 mW", None),
        ("Laserleistung: 300", None),
        ("Laserstrom (mA): 785", None),
    ],
)
def test_the_laser_in_several_languages(key: str, nm: str | None) -> None:
    """Its wavelength, never its power or current."""
    (found,) = read(f"{key}\nRaman shift\tcounts\n{rows(SHIFT, COUNTS)}".encode(), ORIGIN)
    assert found.meta.get("laser_nm") == nm


def test_witec_with_a_header() -> None:
    """Sections in brackets, the axis's unit in the header, names that say nothing."""
    header = (
        "//Exported ASCII-File\n[Header]\nFileName = C:\\a.wip\nGraphName = Quartz\nSizeX = 1\nSizeY = 1\nSizeGraph = {}\n"
        "XAxisUnit = rel. 1/cm\nDataUnit = CCD cts\n\n[Data]\nX-Axis\tSpec.Data 1\n"
    )
    (found,) = read((header.format(40) + rows(SHIFT, COUNTS)).encode(), ORIGIN)
    assert (found.axis.shift.tolist(), found.meta["graphname"], found.meta["counts_from"]) == (SHIFT, "Quartz", "Spec.Data 1")
    assert "wrong number of rows: got 40 rows" in reason_of(header.format(41) + rows(SHIFT, COUNTS))


def test_witec_tables_of_several_spectra() -> None:
    """Labels, then units, then a column a spectrum."""
    table = "".join(f"{x}\t{y}\t{2 * y}\n" for x, y in zip(SHIFT, COUNTS, strict=True))
    found = read(f"X-Axis\tSpectrum 1\tSpectrum 2\nrel. 1/cm\tCCD cts\tCCD cts\n{table}".encode(), ORIGIN)
    assert [spectrum.counts.tolist() for spectrum in found] == [COUNTS, [2 * y for y in COUNTS]]


def test_renishaw_maps() -> None:
    """Four columns with two tabs between their names; each place is a spectrum."""
    table = "".join(
        f"{x}\t{y}\t{shift}\t{count + x}\n"
        for x in (0.0, 1.5)
        for y in (0.0, 2.0)
        for shift, count in zip(SHIFT[::-1], COUNTS, strict=True)
    )
    found = read(("#X\t\t#Y\t\t#Wave\t\t#Intensity\n" + table).encode(), ORIGIN)
    assert len(found) == 4
    assert all(spectrum.axis.shift.tolist() == SHIFT for spectrum in found)
    assert found[2].counts.tolist() == [count + 1.5 for count in COUNTS[::-1]]
    assert [spectrum.meta["place"] for spectrum in found] == ["0, 0", "0, 2", "1.5, 0", "1.5, 2"]


@pytest.mark.parametrize("rows_left", [60, 100, 139])
def test_a_map_that_ends_within_a_spectrum_is_cut_short(rows_left: int) -> None:
    """A part of an axis is never averaged with the whole one before it."""
    lines = [f"{place}\t{shift}\t{count}\n" for place in range(4) for shift, count in zip(SHIFT, COUNTS, strict=True)]
    message = reason_of("#X\t#Wave\t#Intensity\n" + "".join(lines[:rows_left]))
    assert f"incomplete spectrum: got the same axis of 40 rows repeatedly, the last time {rows_left % 40} of them. The file" in message


BWSPEC = (
    "File Version;BWSpec4.11_1\nDate;2020-01-01 12:34:56\nintigration times(ms);2100\npixel_num;{}\nlaser_wavelength;784,82\n"
    "Pixel;Wavelength;Wavenumber;Raman Shift;Dark;Reference;Raw data #1;Dark Subtracted #1;%TR #1;\n"
)


def bwspec(declared: int, present: int) -> str:
    """Write a BWSpec table whose first five pixels have no Raman shift."""
    return BWSPEC.format(declared) + "".join(
        f"{k};"
        + ("   ;   ;   ;" if k < 5 else f"{790 + k},5;{12_658 - k},1;{80 + 10 * k},5;")
        + f"900,0;65535,0;{1000 + k},0;{100 + k},0;0,0;\n"
        for k in range(present)
    )


def test_bwspec_declares_its_pixels() -> None:
    """All rows count, also those without a Raman shift."""
    (found,) = read(bwspec(40, 40).encode(), ORIGIN)
    assert (len(found), found.exposure_s, found.meta["laser_nm"]) == (35, 2.1, "784.82")
    assert "wrong number of rows: got 33 rows" in reason_of(bwspec(40, 33))
    assert "wrong number of rows: got 32 rows" in reason_of(bwspec(40, 33)[:-9])


def test_enlighten_declares_its_pixels() -> None:
    """Where the rows are the detector's; an axis in even steps is a grid that the program has made."""
    head = "ENLIGHTEN Version,4\nLaser Wavelength,785\nPixel Count,50\n\nPixel,Wavenumber,Processed\n"
    detector = "".join(f"{k},{200 + 3 * k - 0.01 * k * k:.2f},{k % 7}\n" for k in range(40))
    assert "wrong number of rows: got 40 rows" in reason_of(head + detector)
    grid = "".join(f"{k},{200 + k:.2f},{k % 7}\n" for k in range(40))
    assert len(read((head + grid).encode(), ORIGIN)[0]) == 40


def test_bwspec_with_commas_and_points_and_several_measurements() -> None:
    """Older versions write them so; every dark-subtracted column is a spectrum."""
    names = "Pixel,Wavelength,Wavenumber,Raman Shift,Dark,Raw data #1,Dark Subtracted #1,Raw data #2,Dark Subtracted #2,\n"
    rows = "".join(f"{k},{790 + k}.5,{12_658 - k},{100 + 10 * k}.5,900.0,{1000 + k},{100 + k},{1100 + k},{200 + k},\n" for k in range(40))
    found = read(("File Version,BWSpec4.02_15\nintigration times(ms),2100\nlaser_wavelength,785\n" + names + rows).encode(), ORIGIN)
    assert [spectrum.meta["counts_from"] for spectrum in found] == ["Dark Subtracted #1", "Dark Subtracted #2"]
    assert {(spectrum.exposure_s, spectrum.axis.start) for spectrum in found} == {(2.1, 100.5)}


def test_bwspec_saves_a_selected_part() -> None:
    """The number of pixels is then the detector's, not the table's."""
    assert len(read(bwspec(2048, 40).replace("pixel_num", "all_data_save;0\npixel_num").encode(), ORIGIN)[0]) == 35


def test_the_jaz_has_letters_for_names() -> None:
    """Wavelength, dark, reference, sample, processed: the sample without the dark is the spectrum."""
    table = "".join(f"{x}\t900\t5000\t{900 + y}\t0.5\n" for x, y in zip(NM, COUNTS, strict=True))
    text = "Jaz Data File\n+++\nNumber of Pixels in File: {}\n>>>>>Begin Processed Spectral Data<<<<<\nW\tD\tR\tS\tP\n" + table
    (found,) = read(text.format(40).encode(), ORIGIN, laser_nm=785.0)
    assert found.counts.tolist() == COUNTS
    assert "wrong number of rows: got 40 rows" in reason_of(text.format(41))
