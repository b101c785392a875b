"""What a spectrometer can be told: each command's bytes and what it answers, as a profile writes them."""

from __future__ import annotations

from typing import Annotated
from typing import Literal as OneOf

import msgspec
from msgspec import Meta

from raman_edge.instruments.profiles.fields import Template
from raman_edge.instruments.profiles.frame import Keyword
from raman_edge.instruments.profiles.literals import Literal, literal

Milliseconds = Annotated[float, Meta(ge=0, le=600_000, description="milliseconds, 0 to 600000", examples=[50])]
Reply = OneOf["none", "line", "u8", "u16be", "u16le", "u32be", "u32le", "f32be", "f32le"]
"""What comes after the acknowledgement: nothing, text up to CR or LF, or a number in binary."""


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request, in one write, and its answer."""

    send: tuple[Template, ...] = ()
    """Fields, in this order; may be empty only where ``message`` says it all."""
    message: Annotated[int, Meta(ge=0, le=2**32 - 1, description="an OBP message type", examples=[0x00101100])] | None = None
    """Message type of the Ocean Binary Protocol, whose message carries ``send`` as its data; None where ``send`` is all."""
    ack: bool = False
    """Whether ``answers.ack`` comes before the reply."""
    reply: Reply = "none"
    """What comes then; an acquisition's frame is told in ``frame`` instead."""
    after: str = ""
    """For ``line``: the text that stands before the value, such as a tab; "" is the whole line."""
    settle_ms: Milliseconds = 0
    """How long the device needs before the next request, ms."""


class Commands(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Commands by what they do; None where the device has none. A device without ``acquire`` and ``start`` streams by itself."""

    prepare: tuple[Command, ...] = ()
    """After every opening, in this order: modes that the rest relies on."""
    identify: Command | None = None
    """Its answer, a text or a number, tells what device or firmware it is."""
    serial_number: Command | None = None
    """Its answer is the instrument's own, which a calibration is bound to."""
    set_integration: Command | None = None
    """``{integration}`` in the unit of ``integration.unit``; None where ``acquire`` holds it."""
    set_averages: Command | None = None
    """``{averages}``; None where ``acquire`` holds it or the device cannot."""
    acquire: Command | None = None
    """One spectrum, now."""
    repeat: Command | None = None
    """The last spectrum once more, without measuring."""
    start: Command | None = None
    """Spectra without end, until ``stop``."""
    stop: Command | None = None
    """No more spectra."""
    abort: Command | None = None
    """Give up the measurement that is running."""
    set_baud: Command | None = None
    """``{baud}``, or ``{baud_code}`` out of ``serial.switch.codes``."""
    save_baud: Command | None = None
    """Keep the new baud rate over a loss of power."""
    coefficient: Command | None = None
    """A coefficient of the wavelength polynomial; ``{index}`` says which."""
    saturation: Command | None = None
    """Its answer is the count at which the detector saturates; 0 is not set."""
    laser_on: Command | None = None
    """Only with ``laser_off``."""
    laser_off: Command | None = None
    """Sent at every end, at every fault, and before every wait."""
    laser_watchdog: Command | None = None
    """Makes the device switch its laser off by itself after ``laser.watchdog_s`` without a request; sent before ``laser_on``."""
    shutter_open: Command | None = None
    """Only with ``shutter_close``."""
    shutter_close: Command | None = None
    """Before a dark spectrum."""


class ReplyRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What any command may be answered with; an acquisition's own answers are told in ``frame``."""

    ack: Literal = ""
    """Understood; "" is nothing."""
    nak: Literal = ""
    """Refused; "" is nothing."""
    busy: Literal = ""
    """Not now; "" is nothing."""
    error: Keyword | None = None
    """Beginning of a line that says in words what is wrong; None where there is none."""
    echo: bool = False
    """Whether the device sends back what it was sent before it answers."""

    @property
    def literals(self) -> dict[str, bytes]:
        """``ack``, ``nak`` and ``busy`` as bytes, those that the device has."""
        texts = {"ack": self.ack, "nak": self.nak, "busy": self.busy}
        return {name: literal(text) for name, text in texts.items() if text}
