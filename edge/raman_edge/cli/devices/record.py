"""``raman-edge devices record PORT -o FILE``: raw exposures into a file, without naming anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import instrument_options
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    import argparse


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "record",
        help="raw exposures into a file, for `replay`, `identify` or `calibrate`",
        description="Measure, and keep every exposure as it came, darks and broken ones too, before anything is made of it. A run that is "
        "killed leaves a recording that ends earlier. A file that exists is never written to.",
        allow_abbrev=False,
    )
    instrument_options.add_instrument(one)
    one.add_argument("-o", "--out", required=True, type=Path, metavar="FILE", help="the recording, a new file")
    instrument_options.add_exposure(one)
    one.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after so many spectra; default: when stopped")
    one.add_argument("--laser", type=shared.laser_nm, metavar="NM", help="the laser's wavelength, nm, instead of what the page says")
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Record until told to stop, or ``--count`` spectra are there."""
    from raman_edge.acquisition.acquisition import Acquisition  # noqa: PLC0415 - numpy
    from raman_edge.instruments.recording import Recorder  # noqa: PLC0415
    from raman_edge.spectrum import Fault  # noqa: PLC0415

    with stopping() as stop:
        settings = instrument_options.measure_settings(options)
        plan, link = settings.plan(pixels=True), instrument_options.link_settings(options)
        recorder = Recorder(link.open(stop.event, instrument_options.guard), options.out, settings.recorded())
        with recorder as spectrometer:
            for event in Acquisition(spectrometer, plan, stop=stop.event, note=say):
                if isinstance(event, Fault):
                    say(event.why)
            counters = spectrometer.status.counters
            say(f"{counters.frames} exposures, {counters.bad} broken, {counters.timeouts} late; kept in {str(options.out)!r}")
    return stop.code(0)
