"""An Ocean instrument on USB keeps what every spectrometer keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contracts.spectrometer_contract import SpectrometerContract
from raman_edge.instruments.ocean_usb import OceanSpectrometer
from usb_bus import Bus, Sts, use_fake_bus

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path


class TestOceanOnUsb(SpectrometerContract):
    """An STS on a simulated bus."""

    exposure_s = 0.25

    @pytest.fixture(autouse=True)
    def _plugged_in(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        self.bus: Bus = use_fake_bus(monkeypatch)
        self.bus.plug(Sts())
        yield
        self.bus.unplug()

    def spectrometer(self, folder: Path, stop: threading.Event) -> OceanSpectrometer:
        """Return the only one on the bus."""
        _ = folder
        return OceanSpectrometer("ocean:", stop=stop)

    def missing(self, folder: Path) -> OceanSpectrometer:
        """Return one that is not on the bus."""
        _ = folder
        return OceanSpectrometer("ocean:ANOTHER")
