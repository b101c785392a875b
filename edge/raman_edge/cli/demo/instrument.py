"""The demo's instrument: simulated, on a serial line of its own, and what a person does to it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from raman_edge.cli.demo.acts import find
from raman_edge.errors import ConfigError, SourceUnavailable
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import SerialSpectrometer
from raman_edge.simulator.ports import PtyAt, TcpAt
from raman_edge.simulator.scene import Scene, SceneConditions
from raman_edge.simulator.simulated import Simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from raman_edge.cli.demo.acts import Act
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.matching.library import Library

PROFILE = "ocean-sts"
"""It tells its serial number and the coefficients of its axis, and a frame with a byte too few is seen to be broken."""
BAUD = 115_200
AXIS_ERROR_CM = 5.0
"""What nobody but the simulation knows, cm⁻¹."""
QUIET = SceneConditions(spikes_per_s=0.0)
"""No cosmic particle but the one that the story tells of."""
AWAY = ("absent", "opening")
"""States of a link without a cable."""
LOOK_S = 0.02
"""Between two looks whether the cable's absence was noticed, s."""


class Instrument:
    """An instrument and the link to it, both open."""

    def __init__(self, simulated: Simulated, spectrometer: SerialSpectrometer) -> None:
        self.simulated, self.spectrometer = simulated, spectrometer

    def prepare(self, act: Act) -> None:
        """Lay the sample under the laser, and let happen what is to happen to the next exposure."""
        self.simulated.material(act.sample)
        if act.mishap == "spike":
            self.simulated.device.scene.strike()
        elif act.mishap == "damage":
            self.simulated.fault("drop")
        elif act.mishap == "unplug":
            self.simulated.unplug()

    def plug_in_again(self, over: Event, away_s: float) -> None:
        """Wait until it was noticed that the cable is out and ``away_s`` more, and put it in, also where all is ``over`` before."""
        while self.spectrometer.status.state not in AWAY and not over.wait(LOOK_S):
            pass
        over.wait(away_s)
        self.simulated.replug()


@contextmanager
def connected(library: Library, stop: Event, *, pacing: bool) -> Iterator[Instrument]:
    """Plug an instrument in and open the link to it while the block runs."""
    profile = catalogue.load(PROFILE)
    scene = Scene(profile, "none", find=partial(find, library), axis_error_cm=AXIS_ERROR_CM, conditions=QUIET)
    with (
        _plugged(profile, scene, pacing=pacing) as simulated,
        SerialSpectrometer(profile, simulated.port, baud=BAUD, stop=stop) as spectrometer,
    ):
        yield Instrument(simulated, spectrometer)


@contextmanager
def _plugged(profile: Profile, scene: Scene, *, pacing: bool) -> Iterator[Simulated]:
    """Plug into a pseudo-terminal, or into a TCP port where the system gives none."""
    try:
        simulated = Simulated(profile, scene, pacing=pacing, at=PtyAt())
        simulated.__enter__()
    except (ConfigError, SourceUnavailable, OSError):
        simulated = Simulated(profile, scene, pacing=pacing, at=TcpAt())
        simulated.__enter__()
    try:
        yield simulated
    finally:
        simulated.__exit__(None, None, None)
