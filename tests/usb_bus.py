"""A simulated USB bus below pyusb, and Ocean instruments on it as their bytes: python-seabreeze itself drives them."""

from __future__ import annotations

import struct
from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from threading import Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol

import numpy as np
import seabreeze.pyseabreeze
import usb.backend  # type: ignore[import-untyped] # pyusb has no types
import usb.core  # type: ignore[import-untyped]
from raman_edge.instruments import ports
from raman_edge.instruments.codecs.obp import HEADER, Flag, Message
from seabreeze import spectrometers
from seabreeze.backends import BackendConfig
from seabreeze.pyseabreeze import transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from numpy.typing import NDArray

GONE = 19
"""ENODEV."""
BULK = 2
SPECTRUM = 0x00101100
ADDRESSES = count(1)
"""python-seabreeze knows a device by its address for as long as anything still holds it."""


class Device(Protocol):
    """An instrument at the end of a cable."""

    product: int
    micros: int
    """The last exposure that was set, µs."""

    def written(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take a request; give its answers, each with the endpoint it comes from."""


@dataclass
class Sts:
    """An STS: Ocean Binary Protocol, wavelengths of three coefficients."""

    serial: str = "S13427"
    product: int = 0x4000
    micros: int = 0
    coefficients: tuple[float, ...] = (640.0, 0.25, -1e-5)
    counts: int | NDArray[np.float64] = 1000
    """Of every pixel, or of each, (1024,)."""
    light: Event = field(default_factory=Event)
    """Whether the exposure is over; set at first."""

    def __post_init__(self) -> None:
        self.light.set()

    def written(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Answer a message; a spectrum once its exposure is over."""
        _, _, flags, _, kind, _, _, _, now, immediate, _ = HEADER.unpack_from(data)
        if kind == 0x00110010:
            (self.micros,) = struct.unpack("<L", immediate[:now])
        if kind == SPECTRUM:
            self.light.wait(20)
        answers = {
            0x00000101: bytes([len(self.serial)]),
            0x00000100: self.serial.encode().ljust(16, b"\0"),
            0x00180100: bytes([len(self.coefficients)]),
            0x00180101: struct.pack("<f", self.coefficients[immediate[0]] if kind == 0x00180101 else 0),
            SPECTRUM: np.broadcast_to(self.counts, 1024).astype("<u2").tobytes(),
        }
        sent = Flag.RESPONSE | (Flag.ACK if flags & Flag.ACK_WANTED else 0)
        yield 0x81, Message(kind, answers.get(kind, b""), sent).to_bytes()


@dataclass
class Usb2000Plus:
    """A USB2000+: Ocean's command set, with an EEPROM of texts in slots."""

    serial: str = "USB2+H00001"
    product: int = 0x101E
    micros: int = 0
    coefficients: tuple[float, ...] = (188.5, 0.38, -1.5e-5, -2e-9)
    nonlinearity: tuple[float, ...] = (0.89, 3.1e-6, -2.6e-11)

    @property
    def slots(self) -> dict[int, str]:
        """What the EEPROM holds."""
        held = {0: self.serial, 14: str(len(self.nonlinearity) - 1)}
        held |= {1 + number: f"{value:.8g}" for number, value in enumerate(self.coefficients)}
        return held | {6 + number: f"{value:.8g}" for number, value in enumerate(self.nonlinearity)}

    def written(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Answer a request."""
        if data[0] == 0x02:
            (self.micros,) = struct.unpack("<I", data[1:])
        elif data[0] == 0x6B:
            yield 0x81, data[1:2] + b"\0\0"
        elif data[0] == 0x05:
            yield 0x81, (data[:2] + self.slots.get(data[1], "").encode()).ljust(17, b"\0")
        elif data[0] == 0xFE:
            yield 0x81, bytes(14) + b"\x80\x00"
        elif data[0] == 0x09:
            yield 0x82, np.arange(2048, dtype="<u2").tobytes() + b"\x69"


@dataclass
class Plugged:
    """A device at an address; it has another one after it was plugged in again."""

    device: Device
    address: int
    refused: int = 0
    """Error number that opening it gives; 0 is none."""
    answers: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))


def use_fake_bus(monkeypatch: pytest.MonkeyPatch) -> Bus:
    """Return an empty bus that python-seabreeze looks at instead of this machine's."""
    made = Bus()
    monkeypatch.setitem(transport._pyusb_backend_instances, "simulated", made)
    monkeypatch.setattr(BackendConfig, "requested", "pyseabreeze")
    monkeypatch.setattr(BackendConfig, "api_kwargs", {"pyusb_backend": "simulated"})
    monkeypatch.setattr(spectrometers.Spectrometer.__dict__["_backend"], "_backend", None)
    monkeypatch.setattr(spectrometers, "_lib", seabreeze.pyseabreeze, raising=False)
    monkeypatch.setattr(seabreeze.pyseabreeze, "_api_kwargs", {"pyusb_backend": "simulated"}, raising=False)
    monkeypatch.setattr(spectrometers.list_devices, "_api", seabreeze.pyseabreeze.SeaBreezeAPI(pyusb_backend="simulated"), raising=False)
    monkeypatch.setattr(transport.IPv4Transport, "list_devices", lambda **_: ())  # it would ask the network, and leave its socket open
    monkeypatch.setattr(ports, "ocean", lambda: iter(()))
    return made


class Bus(usb.backend.IBackend):  # type: ignore[misc] # pyusb has no types
    """What pyusb asks for."""

    def __init__(self) -> None:
        super().__init__()
        self._plugged: list[Plugged] = []

    def plug(self, device: Device, refused: int = 0) -> None:
        """Plug a device in."""
        self._plugged.append(Plugged(device, next(ADDRESSES), refused))

    def unplug(self) -> None:
        """Pull every cable."""
        self._plugged.clear()

    def enumerate_devices(self) -> Iterator[Plugged]:
        """Give what is plugged in."""
        return iter(tuple(self._plugged))

    def get_device_descriptor(self, dev: Plugged) -> SimpleNamespace:
        """Describe a device."""
        names = "bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol bMaxPacketSize0 bcdDevice"
        empty = dict.fromkeys((*names.split(), "iManufacturer", "iProduct", "iSerialNumber"), 0)
        place = {"bus": 1, "address": dev.address, "port_number": 1, "port_numbers": (1,), "speed": 3}
        return SimpleNamespace(**empty, idVendor=0x2457, idProduct=dev.device.product, bNumConfigurations=1, **place)

    def get_configuration_descriptor(self, _dev: Plugged, config: int) -> SimpleNamespace:
        """Describe the one configuration."""
        if config:
            raise IndexError
        names = "bLength bDescriptorType wTotalLength iConfiguration bmAttributes bMaxPower"
        return SimpleNamespace(**dict.fromkeys(names.split(), 0), bNumInterfaces=1, bConfigurationValue=1, extra_descriptors=[])

    def get_interface_descriptor(self, _dev: Plugged, intf: int, alt: int, _config: int) -> SimpleNamespace:
        """Describe the one interface."""
        if intf or alt:
            raise IndexError
        names = "bLength bDescriptorType bInterfaceNumber bAlternateSetting bInterfaceClass bInterfaceSubClass bInterfaceProtocol"
        return SimpleNamespace(**dict.fromkeys((*names.split(), "iInterface"), 0), bNumEndpoints=3, extra_descriptors=[])

    def get_endpoint_descriptor(self, _dev: Plugged, ep: int, _intf: int, _alt: int, _config: int) -> SimpleNamespace:
        """Describe an endpoint: one out, two in."""
        names = "bLength bDescriptorType bInterval bRefresh bSynchAddress"
        address = (0x01, 0x81, 0x82)[ep]
        return SimpleNamespace(
            **dict.fromkeys(names.split(), 0), bEndpointAddress=address, bmAttributes=BULK, wMaxPacketSize=512, extra_descriptors=[]
        )

    def open_device(self, dev: Plugged) -> Plugged:
        """Open it, unless the user may not."""
        self._refuse(dev, 13)
        return dev

    def set_configuration(self, handle: Plugged, _value: int) -> None:
        """Take it, unless another has it."""
        self._refuse(handle, 16)
        handle.answers.clear()

    def get_configuration(self, _handle: Plugged) -> int:
        """Return the one there is."""
        return 1

    def bulk_write(self, handle: Plugged, _ep: int, _intf: int, data: array[int], _timeout: int) -> int:
        """Give a request to the device."""
        self._refuse(handle, 0)
        for endpoint, answer in handle.device.written(data.tobytes()):
            handle.answers[endpoint] += answer
        return len(data)

    def bulk_read(self, handle: Plugged, ep: int, _intf: int, buff: array[int], _timeout: int) -> int:
        """Fill the buffer with what the device has answered."""
        self._refuse(handle, 0)
        held = handle.answers[ep]
        count = min(len(held), len(buff))
        buff[:count] = array("B", held[:count])
        del held[:count]
        return count

    def close_device(self, handle: Plugged) -> None:
        """Let go of it."""

    def claim_interface(self, handle: Plugged, intf: int) -> None:
        """Take the interface."""

    def release_interface(self, handle: Plugged, intf: int) -> None:
        """Let go of the interface."""

    def reset_device(self, handle: Plugged) -> None:
        """Begin anew."""

    def _refuse(self, plugged: Plugged, number: int) -> None:
        if plugged not in self._plugged:
            raise usb.core.USBError("No such device (it may have been disconnected)", errno=GONE)
        if number and plugged.refused == number:
            raise usb.core.USBError({13: "Access denied (insufficient permissions)", 16: "Resource busy"}[number], errno=number)
