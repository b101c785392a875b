"""``raman-edge devices replay FILE``: a recording is named again, as if it were measured now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import instrument_options
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.instruments.recording import ReplayedSpectrometer
from raman_edge.service.measure import MeasureRun, replayed_plan, summary
from raman_edge.service.signals import stopping

if TYPE_CHECKING:
    import argparse


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser(
        "replay",
        help="name a recording again, as if it were measured now",
        description="Give the exposures of a recording again, in their order and averaged as they were. The spectra have the ids that they "
        "had: a journal that has them gets none twice, a new one becomes the same.",
        allow_abbrev=False,
    )
    one.add_argument("recording", type=Path, metavar="FILE", help="made by `devices record` or `serial --record`")
    one.add_argument("--paced", action="store_true", help="as far apart as they were measured; default: as fast as they are named")
    one.add_argument("--average", type=shared.at_least_one, metavar="N", help="exposures of a spectrum; default: as it was recorded")
    one.add_argument(
        "--dark", default=instrument_options.NONE, metavar="FILE|none", help="a dark to subtract, beside those that were recorded"
    )
    one.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after so many spectra")
    instrument_options.add_axis(one)
    shared.add_output(one)
    shared.add_journal(one)
    shared.add_model(one)
    shared.add_user_library(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Answer everything that was recorded."""
    as_lines = shared.writes_lines(options, options.output)
    with stopping() as stop, ReplayedSpectrometer(options.recording, paced=options.paced, note=say) as replayed:
        options.laser = options.laser or replayed.plan.laser_nm  # the question is the same only with the same laser
        identifier = shared.open_identifier(options)
        with shared.open_journal(options) as journal:
            calibration = instrument_options.calibration(options, replayed.instrument)
            plan = replayed_plan(
                replayed.plan, calibration, average=options.average, dark=options.dark, laser=options.laser, count=options.count
            )
            display = shared.open_display(as_lines=as_lines)
            run = MeasureRun(identifier, journal, stop, replayed, plan, open_display=display, outputs=options.output, stdout=as_lines)
            tally = run.run()
            said = summary(tally, journal, replayed)
    say(said)
    return stop.code(0)
