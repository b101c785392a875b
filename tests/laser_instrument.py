"""A page of an instrument with a laser and a shutter, and the instrument it describes: none that ships has either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.instruments.profiles import catalogue
from raman_edge.simulator import samples
from raman_edge.simulator.scene import Scene
from raman_edge.simulator.simulated import Simulated

if TYPE_CHECKING:
    from pathlib import Path

    from raman_edge.instruments.profiles.profile import Profile

PAGE = """
schema = 1
provenance = {{ sources = ["a test"], certainty = "unchecked", hardware_tested = false }}
device = {{ id = "lit", vendor = "nobody", model = "Lit" }}
serial = {{ baud = [115200] }}
integration = {{ unit = "ms", min = 1, max = 9999, default = 100 }}
sensor = {{ saturation = 65535 }}
laser = {{ wavelength_nm = 785.0 }}
answers = {{ ack = "hex:06", nak = "hex:15" }}
wavelength = {{ source = "static", coefficients = [790.0, 0.2] }}
dark = {{ method = "{method}" }}

[commands]
set_integration = {{ send = ["ascii:I {{integration}}\\r"], ack = true }}
acquire = {{ send = ["ascii:S\\r"] }}
laser_on = {{ send = ["ascii:L1\\r"], ack = true }}
laser_off = {{ send = ["ascii:L0\\r"], ack = true }}
shutter_open = {{ send = ["ascii:O\\r"], ack = true }}
shutter_close = {{ send = ["ascii:C\\r"], ack = true }}
serial_number = {{ send = ["ascii:N\\r"], reply = "line" }}

[frame]
mode = "fixed"
count = 600
dtype = "u16be"
sync = "hex:AA55"
checksum = {{ kind = "crc8", over = "frame" }}

[simulator]
dark_counts = 500
noise_counts = 5
serial_number = "LIT1"
"""


def write(folder: Path, method: str = "laser") -> Path:
    """Write the page; ``method`` is how a dark is taken."""
    path = folder / f"{method}.toml"
    path.write_text(PAGE.format(method=method))
    return path


def instrument(page: Profile | str, material: str = "Calcite", **more: object) -> Simulated:
    """Return a simulated instrument that takes no time, with a material of the built-in library under its laser."""
    profile = catalogue.load(page) if isinstance(page, str) else page
    return Simulated(profile, Scene(profile, material, find=samples.find), **{"pacing": False, **more})  # type: ignore[arg-type]


def shines(simulated: Simulated) -> bool:
    """Whether the instrument's laser is on now."""
    return simulated.device.laser
