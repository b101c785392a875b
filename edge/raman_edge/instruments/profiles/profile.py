"""An instrument as a page of facts: what ``firmware_configs/*.toml`` may say.

Every key says what it expects, so that a mistake in a file teaches what belongs there.
"""

from __future__ import annotations

from typing import Annotated
from typing import Literal as OneOf

import msgspec
from msgspec import Meta

from raman_edge.instruments.profiles.commands import Commands, Milliseconds, ReplyRules
from raman_edge.instruments.profiles.fields import Template
from raman_edge.instruments.profiles.frame import Frame
from raman_edge.instruments.profiles.literals import Literal

MAX_RATE = 4_000_000

Identifier = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z",
        description="a name of small letters, digits and hyphens",
        examples=["tcd1304-rossel"],
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=400, description="a text, 1 to 400 characters")]
UsbId = Annotated[int, Meta(ge=0, le=0xFFFF, description="a USB number, 0x0000 to 0xFFFF", examples=[0x2457])]
Rate = Annotated[int, Meta(ge=300, le=MAX_RATE, description="baud, 300 to 4000000", examples=[115_200])]
Code = Annotated[int, Meta(ge=0, le=2**32 - 1, description="what the device calls the rate, a whole number from 0")]
Pixel = Annotated[int, Meta(ge=0, le=65_535, description="a pixel, counted from 0", examples=[32])]
Range = Annotated[
    tuple[Pixel, Pixel], Meta(description="the first and the last pixel, counted from 0, both included", examples=[[32, 3679]])
]
Amount = Annotated[int, Meta(ge=1, le=2**32 - 1, description="a whole number of the unit, from 1", examples=[100])]
Averages = Annotated[int, Meta(ge=1, le=65_535, description="spectra that the device adds or averages, 1 to 65535", examples=[15])]
Counts = Annotated[float, Meta(ge=0, lt=2**32, description="counts, 0 or more")]
Bits = Annotated[int, Meta(ge=1, le=32, description="bits of the converter, 1 to 32", examples=[16])]
Formula = Annotated[
    str, Meta(min_length=1, max_length=200, description="arithmetic: + - * / // ( ), numbers, names", examples=["integration*2"])
]
Nanometres = Annotated[float, Meta(ge=150, le=2000, description="a wavelength in nm, 150 to 2000", examples=[785.0])]
Coefficients = Annotated[
    tuple[float, ...],
    Meta(min_length=2, max_length=8, description="2 to 8 numbers, the constant first, then the factor of the pixel, of its square …"),
]
WatchdogSeconds = Annotated[float, Meta(gt=0, le=3600, description="seconds, more than 0 and at most 3600", examples=[10])]

CERTAINTIES = {
    "vendor-document": "read in the vendor's own document",
    "firmware": "read in the source of the firmware",
    "driver": "read in the source of a driver that works",
    "community": "told by one secondary source",
    "unchecked": "general knowledge, read nowhere",
}
"""How far a profile can be trusted, the best first."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a profile: keys that are not known are refused."""


class DeviceFacts(Part, frozen=True, kw_only=True):
    """What the instrument is."""

    id: Identifier
    """The name a command calls it by."""
    vendor: Text
    model: Text
    note: Text | None = None
    """What a user should know before using it; None is nothing."""


class ProfileProvenance(Part, frozen=True, kw_only=True):
    """Where the facts come from, and who tried them."""

    sources: Annotated[tuple[Text, ...], Meta(min_length=1)]
    """Documents, firmware or drivers the facts were read in."""
    certainty: OneOf["vendor-document", "firmware", "driver", "community", "unchecked"]
    """The weakest fact that a spectrum depends on."""
    unchecked: tuple[Text, ...] = ()
    """Facts of the page that nobody has read anywhere."""
    hardware_tested: bool
    """Whether this very page was used with the real device."""
    tested_by: Text | None = None
    """Who, when, on which firmware; None where nobody has."""


class Usb(Part, frozen=True, kw_only=True):
    """A USB-to-serial bridge the device comes with."""

    vid: UsbId
    pid: UsbId


class ProbeCommand(Part, frozen=True, kw_only=True):
    """A question that only this kind of device answers so."""

    send: Annotated[tuple[Template, ...], Meta(min_length=1)]
    """Fields without names."""
    expect: Literal
    """What the answer begins with."""


class PortMatch(Part, frozen=True, kw_only=True):
    """How the device is found among ports."""

    usb: tuple[Usb, ...] = ()
    probe: ProbeCommand | None = None
    """None is not to ask."""


class BaudSwitch(Part, frozen=True, kw_only=True):
    """How the baud rate is changed with ``commands.set_baud``."""

    codes: dict[str, Code] = {}
    """Rate → ``{baud_code}``; empty where the rate itself is sent."""
    settle_ms: Milliseconds = 0
    """Between the acknowledgement and the change of the host's own rate, ms."""
    confirm: bool = False
    """Whether the same command has to be sent once more at the new rate."""


class Serial(Part, frozen=True, kw_only=True):
    """The line."""

    baud: Annotated[tuple[Rate, ...], Meta(min_length=1, max_length=16)]
    """Rates to try, the one it wakes up with first."""
    bytesize: OneOf[7, 8] = 8
    parity: OneOf["N", "E", "O"] = "N"
    stopbits: OneOf[1, 2] = 1
    flow: OneOf["none", "rts-cts", "xon-xoff"] = "none"
    dtr_on_open: OneOf["keep", "raise", "lower"] = "keep"
    """Boards of the Arduino kind restart when DTR rises."""
    rts_on_open: OneOf["keep", "raise", "lower"] = "keep"
    boot_ms: Milliseconds = 0
    """From opening until the device listens, ms."""
    drain_ms: Milliseconds = 200
    """Silence after which a broken answer is over, ms."""
    byte_gap_ms: Milliseconds = 0
    """Between two bytes of a request, ms; 0 is one write."""
    switch: BaudSwitch | None = None
    """None where the rate cannot be changed."""

    @property
    def bits_per_byte(self) -> int:
        """Bits on the line for a byte: start, data, parity, stop."""
        return 1 + self.bytesize + (self.parity != "N") + self.stopbits


class Sensor(Part, frozen=True, kw_only=True):
    """The detector; how many pixels it has is ``frame.count``."""

    adc_bits: Bits | None = None
    """None is unknown."""
    saturation: Counts | None = None
    """Counts at which it saturates; None is unknown, or asked with ``commands.saturation``."""
    active: Range | None = None
    """Pixels that see light; None is all."""
    dark_pixels: Range | None = None
    """Pixels that see none; None is unknown."""
    bad_pixels: tuple[Pixel, ...] = ()
    """Pixels whose counts mean nothing."""
    reverse: bool = False
    """Whether the last pixel comes first."""


class Integration(Part, frozen=True, kw_only=True):
    """The exposure, in whole ``unit``s."""

    unit: OneOf["us", "ms", "s"]
    """What ``{integration}`` is counted in."""
    min: Amount
    max: Amount
    default: Amount
    averages_max: Averages = 1
    """Most spectra that the device itself adds or averages."""
    sums: bool = False
    """Whether it sends their sum and not their mean."""
    discard_after_change: Annotated[int, Meta(ge=0, le=16, description="spectra, 0 to 16")] = 0
    """Spectra after a change that still have the exposure before."""
    margin_ms: Milliseconds = 500
    """Time beyond exposure and transfer that a spectrum may take, ms."""


class Static(Part, frozen=True, kw_only=True, tag_field="source", tag="static"):
    """A polynomial that stands in the profile: good for one instrument alone."""

    coefficients: Coefficients
    """nm, of the pixel counted from ``first_pixel``."""
    first_pixel: OneOf[0, 1] = 0


class Query(Part, frozen=True, kw_only=True, tag_field="source", tag="query"):
    """A polynomial that the device tells with ``commands.coefficient``."""

    coefficients: Annotated[int, Meta(ge=2, le=8, description="how many coefficients, 2 to 8")]
    first_index: Annotated[int, Meta(ge=0, le=255, description="``{index}`` of the constant, 0 to 255")] = 0
    first_pixel: OneOf[0, 1] = 0


class Unknown(Part, frozen=True, kw_only=True, tag_field="source", tag="none"):
    """No axis: it takes a calibration against a standard."""


Wavelength = Static | Query | Unknown


class Laser(Part, frozen=True, kw_only=True):
    """What excites; ``commands.laser_off`` is sent at every end, at every fault, and before every wait."""

    wavelength_nm: Nanometres
    watchdog_s: WatchdogSeconds | None = None
    """The device itself switches it off after so long without a request, s; None where it does not."""
    keep_warm: bool = False
    """Whether it has to stay on between exposures, because it takes long to settle: between them the shutter is closed. A device without
    a shutter is measured with only under ``--keep-laser-on``."""


class DarkSettings(Part, frozen=True, kw_only=True):
    """How a spectrum without the sample's light is taken."""

    method: OneOf["ask", "laser", "shutter"] = "ask"
    """Ask the user, switch off the laser, or close the shutter."""
    prompt: Text = "Block the beam and press Enter"


class Simulator(Part, frozen=True, kw_only=True):
    """What the simulated instrument is like beyond what the page says."""

    dark_counts: Counts = 100
    noise_counts: Counts = 5
    """Standard deviation of the readout, counts."""
    material: Text = "Calcite"
    serial_number: Annotated[str, Meta(pattern=r"\A[\x21-\x7E]{1,15}\Z", description="1 to 15 printable ASCII characters")] = "SIM00001"
    axis_nm: Annotated[tuple[Nanometres, Nanometres], Meta(description="nm at the first and the last active pixel")] = (790.0, 1000.0)
    laser_nm: Nanometres = 785.0


class Profile(Part, frozen=True, kw_only=True):
    """An instrument; :func:`raman_edge.instruments.profiles.catalogue.load` also checks what these tables say of each other."""

    schema: OneOf[1]
    """Version of these keys."""
    device: DeviceFacts
    provenance: ProfileProvenance
    match: PortMatch = PortMatch()
    serial: Serial
    sensor: Sensor = Sensor()
    integration: Integration | None = None
    """None where the device cannot be told its exposure, and nobody knows it."""
    values: dict[str, Formula] = {}
    """Names for arithmetic that requests use, in this order; each may use those before it."""
    commands: Commands = Commands()
    answers: ReplyRules = ReplyRules()
    frame: Frame
    wavelength: Wavelength = Unknown()
    laser: Laser | None = None
    """None where another device, or nobody, controls it."""
    dark: DarkSettings = DarkSettings()
    simulator: Simulator = Simulator()

    @property
    def n_pixels(self) -> int | None:
        """Values of a spectrum; None where the first one tells."""
        return self.frame.count

    @property
    def streams(self) -> bool:
        """Whether spectra come without being asked for."""
        return self.commands.acquire is None and self.commands.start is None
