"""``raman-edge devices replay FILE``: a recording is named again, as if it were measured now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.cli import deliver, plans
from raman_edge.cli import options as shared
from raman_edge.cli.output import say
from raman_edge.cli.signals import stopping

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
    one.add_argument("--dark", default=plans.NONE, metavar="FILE|none", help="a dark to subtract, beside those that were recorded")
    one.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after so many spectra")
    plans.add_axis(one)
    deliver.add_to(one)
    shared.add_journal(one)
    shared.add_model(one)
    shared.add_own(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Answer everything that was recorded."""
    from raman_edge.cli.naming import Naming  # noqa: PLC0415 - numpy and onnxruntime
    from raman_edge.instruments.recording import ReplayedSpectrometer  # noqa: PLC0415

    with stopping() as stop, ReplayedSpectrometer(options.recording, paced=options.paced, note=say) as replayed:
        options.laser = options.laser or replayed.plan.laser_nm  # the question is the same only with the same laser
        naming = Naming.opened(options)
        from raman_edge.cli.measuring import Measuring, summary  # noqa: PLC0415

        with shared.opened_journal(options) as journal:
            plan = plans.again(options, replayed.plan, plans.calibration_of(options, replayed.instrument))
            tally = Measuring(options, naming, journal, stop, replayed, plan).run()
            said = summary(tally, journal, replayed)
    say(said)
    return stop.code(0)
