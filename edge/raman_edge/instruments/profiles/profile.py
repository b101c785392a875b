"""An instrument profile: the keys of ``firmware_configs/*.toml``.

Every key has a description, which the message for a wrong value shows.
"""

from __future__ import annotations

from typing import Annotated
from typing import Literal as OneOf

import msgspec
from msgspec import Meta

from raman_edge.instruments.profiles.fields import Literal, Template, literal
from raman_edge.instruments.profiles.frame import Frame, Keyword

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
Milliseconds = Annotated[float, Meta(ge=0, le=600_000, description="milliseconds, 0 to 600000", examples=[50])]
Reply = OneOf["none", "line", "text", "u8", "u16be", "u16le", "u32be", "u32le", "f32be", "f32le"]
"""What follows the acknowledgement: nothing, text up to CR or LF, text whose end only silence shows, or a number in binary."""
Beginning = Annotated[
    str, Meta(pattern=r"\A[\x21-\x7E]{1,15}\Z", description="1 to 15 printable ASCII characters without blanks", examples=["FLMS"])
]
WatchdogSeconds = Annotated[float, Meta(gt=0, le=3600, description="seconds, more than 0 and at most 3600", examples=[10])]

CERTAINTIES = {
    "vendor-document": "read in the vendor's own document",
    "firmware": "read in the source of the firmware",
    "driver": "read in the source of a working driver",
    "community": "from one secondary source",
    "unchecked": "general knowledge, without a source",
}
"""Certainty of a profile, the best first."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a profile; unknown keys are refused."""


class DeviceFacts(Part, frozen=True, kw_only=True):
    """The instrument."""

    id: Identifier
    """Its name on the command line."""
    vendor: Text
    model: Text
    note: Text | None = None
    """What a user should know before using it; None is nothing."""


class ProfileProvenance(Part, frozen=True, kw_only=True):
    """Sources of the facts, and who tested them."""

    sources: Annotated[tuple[Text, ...], Meta(min_length=1)]
    """Documents, firmware or drivers that state the facts."""
    certainty: OneOf["vendor-document", "firmware", "driver", "community", "unchecked"]
    """Of the weakest fact that a spectrum depends on."""
    unchecked: tuple[Text, ...] = ()
    """Facts without a source."""
    hardware_tested: bool
    """Whether this profile was used with the real device."""
    tested_by: Text | None = None
    """Who, when, with which firmware; None where it is untested."""


class Usb(Part, frozen=True, kw_only=True):
    """The USB-to-serial bridge of the device."""

    vid: UsbId
    pid: UsbId


class ProbeCommand(Part, frozen=True, kw_only=True):
    """A request that only this kind of device answers this way."""

    send: Annotated[tuple[Template, ...], Meta(min_length=1)]
    """Fields, without names in them."""
    expect: Literal
    """First bytes of the answer."""


class PortMatch(Part, frozen=True, kw_only=True):
    """How the device is found on a port."""

    usb: tuple[Usb, ...] = ()
    probe: ProbeCommand | OneOf["identify"] | None = None
    """``"identify"`` is the request of ``commands.identify`` and its answer; None sends nothing."""
    serial_numbers: tuple[Beginning, ...] = ()
    """Beginnings of the serial numbers of this model; they decide between profiles with the same answer to ``probe``."""
    disturbed_by: tuple[Literal, ...] = ()
    """Beginnings of commands of the device that change something and are not in this profile. A request of another profile that holds
    one of them is not sent to an unknown device."""


class BaudSwitch(Part, frozen=True, kw_only=True):
    """How ``commands.set_baud`` changes the rate."""

    codes: dict[str, Code] = {}
    """Rate → ``{baud_code}``; empty where the rate itself is sent."""
    settle_ms: Milliseconds = 0
    """From the acknowledgement to the change of the host's rate, ms."""
    confirm: bool = False
    """Whether the same command must be sent again at the new rate."""


class Serial(Part, frozen=True, kw_only=True):
    """The line."""

    baud: Annotated[tuple[Rate, ...], Meta(min_length=1, max_length=16)]
    """Rates to try, the power-up rate first."""
    bytesize: OneOf[7, 8] = 8
    parity: OneOf["N", "E", "O"] = "N"
    stopbits: OneOf[1, 2] = 1
    flow: OneOf["none", "rts-cts", "xon-xoff"] = "none"
    dtr_on_open: OneOf["keep", "raise", "lower"] = "keep"
    """Arduino-like boards restart when DTR rises."""
    rts_on_open: OneOf["keep", "raise", "lower"] = "keep"
    boot_ms: Milliseconds = 0
    """From opening until the device listens, ms."""
    drain_ms: Milliseconds = 200
    """Silence that ends a broken answer, ms."""
    byte_gap_ms: Milliseconds = 0
    """Pause between two bytes of a request, ms; 0 is one write."""
    switch: BaudSwitch | None = None
    """None where the rate is fixed."""

    @property
    def bits_per_byte(self) -> int:
        """Bits on the line for a byte: start, data, parity, stop."""
        return 1 + self.bytesize + (self.parity != "N") + self.stopbits


class Sensor(Part, frozen=True, kw_only=True):
    """The detector; ``frame.count`` is its number of pixels."""

    adc_bits: Bits | None = None
    """None is unknown."""
    saturation: Counts | None = None
    """Counts at which it saturates; None is unknown, or comes from ``commands.saturation``."""
    active: Range | None = None
    """Pixels that see light; None is all."""
    dark_pixels: Range | None = None
    """Covered pixels; None is unknown."""
    bad_pixels: tuple[Pixel, ...] = ()
    """Pixels without meaning."""
    reverse: bool = False
    """Whether the last pixel comes first."""


class Integration(Part, frozen=True, kw_only=True):
    """The exposure, in whole ``unit``s."""

    unit: OneOf["us", "ms", "s"]
    """Unit of ``{integration}``."""
    min: Amount
    max: Amount
    default: Amount
    averages_max: Averages = 1
    """Most spectra that the device adds or averages."""
    sums: bool = False
    """Whether it sends their sum instead of their mean."""
    discard_after_change: Annotated[int, Meta(ge=0, le=16, description="spectra, 0 to 16")] = 0
    """Spectra after a change that still have the previous exposure."""
    margin_ms: Milliseconds = 500
    """Longest time of a spectrum beyond exposure and transfer, ms."""


class Static(Part, frozen=True, kw_only=True, tag_field="source", tag="static"):
    """A polynomial in the profile: valid for one instrument only."""

    coefficients: Coefficients
    """nm, of the pixel counted from ``first_pixel``."""
    first_pixel: OneOf[0, 1] = 0


class Query(Part, frozen=True, kw_only=True, tag_field="source", tag="query"):
    """A polynomial that the device returns with ``commands.coefficient``."""

    coefficients: Annotated[int, Meta(ge=2, le=8, description="how many coefficients, 2 to 8")]
    first_index: Annotated[int, Meta(ge=0, le=255, description="``{index}`` of the constant, 0 to 255")] = 0
    first_pixel: OneOf[0, 1] = 0


class Unknown(Part, frozen=True, kw_only=True, tag_field="source", tag="none"):
    """No axis: a calibration against a standard is needed."""


Wavelength = Static | Query | Unknown


class Nonlinearity(Part, frozen=True, kw_only=True):
    """A polynomial of the counts above the dark, by which they are divided; the device returns it with ``commands.nonlinearity``."""

    coefficients: Annotated[int, Meta(ge=1, le=8, description="how many coefficients at most, 1 to 8")] = 8
    first_index: Annotated[int, Meta(ge=0, le=255, description="``{index}`` of the constant, 0 to 255")] = 0
    count: OneOf["number", "degree"] = "number"
    """What ``commands.nonlinearity_count`` returns: how many coefficients there are, or the degree, which is one less."""


class Laser(Part, frozen=True, kw_only=True):
    """The laser; ``commands.laser_off`` is sent at every end, at every fault, and before every wait."""

    wavelength_nm: Nanometres
    watchdog_s: WatchdogSeconds | None = None
    """Time without a request after which the device switches it off, s; None where it never does."""
    keep_warm: bool = False
    """Whether it must stay on between exposures, because it settles slowly; the shutter is closed between them. A device without
    a shutter needs ``--keep-laser-on``."""


class DarkSettings(Part, frozen=True, kw_only=True):
    """How a dark spectrum is taken."""

    method: OneOf["ask", "laser", "shutter"] = "ask"
    """Ask the user, switch off the laser, or close the shutter."""
    prompt: Text = "Block the beam and press Enter"


class Simulator(Part, frozen=True, kw_only=True):
    """Properties of the simulated instrument that the other tables do not give."""

    dark_counts: Counts = 100
    noise_counts: Counts = 5
    """Standard deviation of the readout, counts."""
    material: Text = "Calcite"
    serial_number: Annotated[str, Meta(pattern=r"\A[\x21-\x7E]{1,15}\Z", description="1 to 15 printable ASCII characters")] = "SIM00001"
    axis_nm: Annotated[tuple[Nanometres, Nanometres], Meta(description="nm at the first and the last active pixel")] = (790.0, 1000.0)
    laser_nm: Nanometres = 785.0


class Command(Part, frozen=True, kw_only=True):
    """One request, sent in one write, and its answer."""

    send: tuple[Template, ...] = ()
    """Fields, in order; may be empty only where there is a ``message``."""
    message: Annotated[int, Meta(ge=0, le=2**32 - 1, description="an OBP message type", examples=[0x00101100])] | None = None
    """Message type of the Ocean Binary Protocol, with ``send`` as its data; None sends ``send`` alone."""
    ack: bool = False
    """Whether ``answers.ack`` comes before the reply."""
    reply: Reply = "none"
    """What comes then; the spectrum of an acquisition is described in ``frame`` instead."""
    after: str = ""
    """For ``line`` and ``text``: the text before the value, such as a tab; "" takes all of it."""
    settle_ms: Milliseconds = 0
    """How long the device needs before the next request, ms."""


class Commands(Part, frozen=True, kw_only=True):
    """Commands by purpose; None where the device has none. A device without ``acquire`` and ``start`` streams by itself."""

    prepare: tuple[Command, ...] = ()
    """Sent after every opening, in order: modes that the other commands rely on."""
    identify: Command | None = None
    """Its answer, a text or a number, names the device or its firmware."""
    serial_number: Command | None = None
    """Its answer is the serial number, which a calibration is bound to."""
    set_integration: Command | None = None
    """Holds ``{integration}``, in ``integration.unit``; None where ``acquire`` holds it."""
    set_averages: Command | None = None
    """Holds ``{averages}``; None where ``acquire`` holds it or the device cannot average."""
    acquire: Command | None = None
    """One spectrum, now."""
    repeat: Command | None = None
    """Sends the last spectrum again, without measuring."""
    start: Command | None = None
    """Spectra one after the other, until ``stop``."""
    stop: Command | None = None
    """Ends the stream."""
    abort: Command | None = None
    """Aborts the running measurement."""
    set_baud: Command | None = None
    """Holds ``{baud}``, or ``{baud_code}`` from ``serial.switch.codes``."""
    save_baud: Command | None = None
    """Keeps the new baud rate through a loss of power."""
    coefficient: Command | None = None
    """Asks for a coefficient of the wavelength polynomial; holds ``{index}``."""
    nonlinearity: Command | None = None
    """Asks for a coefficient of the nonlinearity polynomial; holds ``{index}``."""
    nonlinearity_count: Command | None = None
    """Its answer is the number of those coefficients, or the degree; see ``nonlinearity.count``."""
    saturation: Command | None = None
    """Its answer is the count at which the detector saturates; 0 is unset."""
    laser_on: Command | None = None
    """Needs ``laser_off``."""
    laser_off: Command | None = None
    """Sent at every end, at every fault, and before every wait."""
    laser_watchdog: Command | None = None
    """Lets the device switch its laser off after ``laser.watchdog_s`` without a request; sent before ``laser_on``."""
    shutter_open: Command | None = None
    """Needs ``shutter_close``."""
    shutter_close: Command | None = None
    """Sent before a dark spectrum."""


class ReplyRules(Part, frozen=True, kw_only=True):
    """Answers to any command; those to an acquisition are in ``frame``."""

    ack: Literal = ""
    """Accepted; "" is none."""
    nak: Literal = ""
    """Refused; "" is none."""
    busy: Literal = ""
    """Busy; "" is none."""
    error: Keyword | None = None
    """Beginning of a line that reports an error in words; None is none."""
    echo: bool = False
    """Whether the device echoes a request before it answers."""

    @property
    def literals(self) -> dict[str, bytes]:
        """Those of ``ack``, ``nak`` and ``busy`` that the device has, as bytes."""
        texts = {"ack": self.ack, "nak": self.nak, "busy": self.busy}
        return {name: literal(text) for name, text in texts.items() if text}


class Profile(Part, frozen=True, kw_only=True):
    """An instrument; :func:`raman_edge.instruments.profiles.catalogue.load` also checks the tables against each other."""

    schema: OneOf[1]
    """Version of these keys."""
    device: DeviceFacts
    provenance: ProfileProvenance
    match: PortMatch = PortMatch()
    serial: Serial
    sensor: Sensor = Sensor()
    integration: Integration | None = None
    """None where the exposure cannot be set and is unknown."""
    values: dict[str, Formula] = {}
    """Names for arithmetic in requests, in order; each may use earlier ones."""
    commands: Commands = Commands()
    answers: ReplyRules = ReplyRules()
    frame: Frame
    wavelength: Wavelength = Unknown()
    nonlinearity: Nonlinearity | None = None
    """None where the device does not return one."""
    laser: Laser | None = None
    """None where this device does not control one."""
    dark: DarkSettings = DarkSettings()
    simulator: Simulator = Simulator()

    @property
    def n_pixels(self) -> int | None:
        """Values of a spectrum; None where the first spectrum decides."""
        return self.frame.count

    @property
    def streams(self) -> bool:
        """Whether spectra come without a request."""
        return self.commands.acquire is None and self.commands.start is None
