"""Princeton Instruments SPE files to test with: WinSpec's header, LightField's XML."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CODES = {"f4": 0, "i4": 1, "i2": 2, "u2": 3, "f8": 5, "u1": 6, "u4": 8}
NM, SHIFT, PIXELS, USER = 4, 6, 1, 3


def header(code: int, version: float) -> bytearray:
    """Return a header with the marks that both versions have."""
    made = bytearray(4100)
    struct.pack_into("<h", made, 108, code)
    struct.pack_into("<f", made, 1992, version)
    struct.pack_into("<I", made, 2996, 0x0123_4567)
    struct.pack_into("<H", made, 4098, 0x5555)
    return made


@dataclass(frozen=True, eq=False)
class WinSpecFile:
    """What a file of version 2 is to hold; :meth:`made` writes it."""

    frames: Sequence[Sequence[NDArray[np.float64]]]
    """Counts, by frame and row."""
    polynomial: Sequence[float] | None = (627.08211, 0.1001802, -1.27218e-06)
    """None is no calibration."""
    unit: int = NM
    laser: float = 636.3
    exposure: float = 30.0
    start: int = 1
    binned: int = 1
    points: Sequence[float] = (1.0, 670.5, 1340.0)
    """Pixels that the calibration was made with."""
    kind: str = "u2"
    regions: int = 1

    def made(self) -> bytes:
        """Return the file's bytes."""
        made = header(CODES[self.kind], 2.5)
        columns = len(self.frames[0][0])
        struct.pack_into("<f", made, 10, self.exposure)
        made[20:30], made[172:179], made[200:207] = b"15Mar2017\0", b"182836\0", b"by hand"
        struct.pack_into("<H", made, 42, columns)
        struct.pack_into("<H", made, 656, len(self.frames[0]))
        struct.pack_into("<I", made, 668, 4)
        struct.pack_into("<i", made, 1446, len(self.frames))
        struct.pack_into("<h6H", made, 1510, self.regions, self.start, self.start + columns * self.binned - 1, self.binned, 1, 1, 1)
        if self.polynomial is not None:
            struct.pack_into("<BBBBB", made, 3098, 1, self.unit, self.unit, len(self.polynomial) - 1, len(self.points))
            struct.pack_into(f"<{len(self.points)}d", made, 3103, *self.points)
            struct.pack_into(f"<{len(self.polynomial)}d", made, 3263, *self.polynomial)
        struct.pack_into("<d", made, 3311, self.laser)
        return bytes(made) + b"".join(np.asarray(row, f"<{self.kind}").tobytes() for frame in self.frames for row in frame)


@dataclass(frozen=True, eq=False)
class LightFieldFile:
    """What a file of version 3 is to hold; :meth:`made` writes it."""

    frames: Sequence[Sequence[NDArray[np.float64]]]
    """Counts, by frame and region, (rows, columns)."""
    wavelengths: NDArray[np.float64] | None
    """nm; None is no calibration."""
    starts: Sequence[int] = (0,)
    binned: int = 1
    wide: int = 0
    """Columns of the sensor; those of the first region where 0."""
    laser: str = ' laserLine="531.988"'
    kind: str = "u4"
    metadata: bytes = b""
    """Behind every frame."""
    orientation: str = "Normal"
    before: str = ""
    """What stands in front of the XML's first tag."""

    def made(self) -> bytes:
        """Return the file's bytes."""
        regions = [np.atleast_2d(region) for region in self.frames[0]]
        size = sum(region.size for region in regions) * int(self.kind[1])
        body = b"".join(
            b"".join(np.asarray(region, f"<{self.kind}").tobytes() for region in frame) + self.metadata for frame in self.frames
        )
        made = header(CODES[self.kind], 3.0)
        struct.pack_into("<i", made, 1446, len(self.frames))
        struct.pack_into("<Q", made, 678, len(made) + len(body))
        return bytes(made) + body + self.xml(regions, size).encode()

    def xml(self, regions: Sequence[NDArray[np.float64]], size: int) -> str:
        """Return the XML of these regions."""
        blocks = places = custom = ""
        for number, (region, start) in enumerate(zip(regions, self.starts, strict=True)):
            rows, columns = region.shape
            blocks += (
                f'<DataBlock type="Region" calibrations="2,{3 + number}" count="1" width="{columns}" height="{rows}" size="1" stride="1" />'
            )
            places += (
                f'<SensorMapping id="{3 + number}" x="{start}" y="0" width="{columns * self.binned}" height="{rows}" '
                f'xBinning="{self.binned}" yBinning="1" />'
            )
            custom += (
                f'<RegionOfInterest x="{start}" y="0" width="{columns * self.binned}" height="{rows}" xBinning="{self.binned}" '
                'yBinning="1" />'
            )
        nm = "" if self.wavelengths is None else ",".join(map(repr, self.wavelengths.tolist()))
        mapping = (
            f'<WavelengthMapping id="1" orientation="{self.orientation}"{self.laser}><Wavelength>{nm}</Wavelength></WavelengthMapping>'
        )
        wide = self.wide or regions[0].shape[1]
        return (
            f'{self.before}<SpeFormat version="3.0" xmlns="http://www.princetoninstruments.com/spe/2009"><DataFormat>'
            f'<DataBlock type="Frame" count="{len(self.frames)}" pixelFormat="x" size="{size}" stride="{size + len(self.metadata)}">'
            f"{blocks}</DataBlock></DataFormat><Calibrations>{mapping if nm else ''}"
            f'<SensorInformation id="2" orientation="Normal" width="{wide}" height="400" />{places}</Calibrations>'
            '<DataHistories><DataHistory id="1"><Origin creator="by hand" created="2024-10-01T11:32:24.6579626+02:00" '
            'software="LightField" softwareVersion="6.0"><Experiment xmlns="http://www.princetoninstruments.com/experiment/2009">'
            '<System><Cameras count="1"><Camera model="PyLoN" serialNumber="0911110002" /></Cameras></System>'
            "<Devices><Cameras><Camera><ShutterTiming>"
            '<ExposureTime type="Double">29999.999999999996</ExposureTime></ShutterTiming><ReadoutControl><RegionsOfInterest>'
            f"<CustomRegions>{custom}</CustomRegions></RegionsOfInterest></ReadoutControl></Camera></Cameras></Devices>"
            "</Experiment></Origin></DataHistory></DataHistories></SpeFormat>"
        )
