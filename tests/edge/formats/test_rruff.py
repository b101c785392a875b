"""RRUFF text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contracts.format_contract import EXAMPLES, ORIGIN, FormatContract, answered
from raman_edge.formats import FileContent, read
from raman_edge.formats.rruff import Rruff
from raman_edge.spectrum import OTHER_METHOD, Origin

if TYPE_CHECKING:
    from raman_edge.spectrum import Spectrum

ROWS = "".join(f"{150 + k}, {k % 7}\r\n" for k in range(40))
HEADER = "##NAMES=Quartz\n##RRUFFID=R040031\n"


def rruff(text: str, path: str = "x.txt") -> Spectrum:
    """Read one RRUFF text."""
    (found,) = read(text.encode(), Origin("file", path))
    return found


class TestRruff(FormatContract):
    """The contract, on a file in RRUFF's form."""

    reader = Rruff()
    example = "rruff.txt"


def test_reads_every_row() -> None:
    """Axis, counts and the header's texts come out as written."""
    (found,) = read((EXAMPLES / "rruff.txt").read_bytes(), ORIGIN)
    assert (len(found), found.axis.start, found.axis.stop) == (40, 150.25, 540.25)
    assert found.counts.argmax() == 31
    assert found.meta["names"] == "Quartz, Chalcedony"
    assert found.meta["ideal chemistry"] == "SiO_2_"
    assert found.meta["description"] == "Colourless, 2×3 mm"


@pytest.mark.parametrize(
    ("file", "laser", "processing"),
    [
        ("a/Quartz__R040031__Raman__532__0__unoriented__Raman_Data_Processed__27040.txt", "532", "processed"),
        ("C:\\d\\Quartz__R040031__Raman__785__0__unoriented__Raman_Data_RAW__1.txt", "785", "raw"),
        ("Anatase__R060277__Broad_Scan____0__unoriented__Raman_Data_RAW__21346.txt", None, "raw"),
        ("quartz.txt", None, None),
    ],
)
def test_takes_the_laser_from_a_rruff_file_name(file: str, laser: str | None, processing: str | None) -> None:
    """Laser and processing stand only in the file name, where it is still RRUFF's."""
    found = rruff(HEADER + ROWS + "##END=\n", file)
    assert (found.meta.get("laser_nm"), found.meta.get("processing")) == (laser, processing)


def test_header_beats_the_file_name() -> None:
    """Names and id come from the header when a file was renamed."""
    found = rruff(HEADER + ROWS + "##END=\n", "Topaz__R050176__Raman__514__0__unoriented__Raman_Data_Processed__1.txt")
    assert (found.meta["names"], found.meta["rruffid"]) == ("Quartz", "R040031")


@pytest.mark.parametrize("rows", [ROWS.split("\r\n")[::-1], [*ROWS.split("\r\n")[20:], *ROWS.split("\r\n")[:20]]])
def test_descending_and_shuffled_axes_are_put_in_order(rows: list[str]) -> None:
    """The order of the rows makes no difference to the spectrum."""
    found, plain = rruff(HEADER + "\r\n".join(row for row in rows if row) + "\r\n##END=\n"), rruff(HEADER + ROWS + "##END=\n")
    assert found.axis.same_as(plain.axis)
    assert found.counts.tolist() == plain.counts.tolist()


def test_repeated_shifts_are_averaged() -> None:
    """Two rows of one Raman shift are one point with their mean, and the metadata record it."""
    found = rruff(HEADER + ROWS + "189, 11\r\n##END=\n")
    assert (len(found), found.counts[-1]) == (40, (39 % 7 + 11) / 2)
    assert found.meta["tidied"] == "1 rows of the same Raman shift averaged"


def test_header_in_latin_1_beside_utf_8() -> None:
    """Header lines in different encodings each come out right."""
    data = HEADER.encode() + "##LOCALITY=Québec\n".encode("latin-1") + "##SOURCE=Züs\n".encode() + ROWS.encode() + b"##END=\n"
    (found,) = read(data, ORIGIN)
    assert (found.meta["locality"], found.meta["source"]) == ("Québec", "Züs")


def test_header_value_over_two_lines() -> None:
    """A line without a label continues the value above it."""
    assert rruff(HEADER + "##DESCRIPTION=green\nand blue\n" + ROWS + "##END=\n").meta["description"] == "green and blue"


def test_a_file_cut_short_is_refused() -> None:
    """A file without its end mark is not taken for a shorter spectrum."""
    message = answered((HEADER + ROWS).encode())
    assert message == "RRUFF text: line 43: missing ##END=. The file is cut short or still being written: copy it again"


def test_a_header_without_rows_is_refused_with_both_numbers() -> None:
    """An empty table is named as such."""
    assert "axis without numbers: got no number in 0 rows" in str(answered((HEADER + "##END=\n").encode()))
    assert "3 of 3 rows" in str(answered((HEADER + "100, 1\n200, 2\n300, 3\n##END=\n").encode()))


def test_jcamp_with_a_names_label_is_not_rruff() -> None:
    """JCAMP-DX has labels of the same form, and may have NAMES among them."""
    assert not Rruff().recognises(FileContent(b"##TITLE=x\n##NAMES=y\n##XUNITS=1/CM\n"))


def test_markup_and_escape_codes_in_the_header_are_data() -> None:
    """What a header says is kept as it is, for others to escape when they show it."""
    assert rruff("##NAMES=[bold]Quartz\x1b[31m\n##RRUFFID=R1\n" + ROWS + "##END=\n").meta["names"] == "[bold]Quartz\x1b[31m"


@pytest.mark.parametrize("method", ["Infrared__Infrared_Data_Processed", "Powder__Xray_Data_XY_RAW"])
def test_infrared_and_xray_files_are_refused_by_name(method: str) -> None:
    """They look like Raman files inside; only their names show it, and the metadata repeat it."""
    found = rruff(HEADER + ROWS + "##END=\n", f"dir/Quartz__R040031-1__{method}__463.txt")
    assert found.meta[OTHER_METHOD].endswith(", by its name")
