"""What a running command names spectra with, opened together: model, library, what a record says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared

if TYPE_CHECKING:
    import argparse

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model
    from raman_edge.records import Provenance
    from raman_edge.service.worker import Worker


@dataclass(frozen=True, eq=False, slots=True)
class Naming:
    """A model and its library, and how they are called in records."""

    model: Model
    library: Library
    means: Provenance
    crew: Worker
    calibration: Calibration | None = None
    """What makes the axes; None leaves them as instruments wrote them."""

    @classmethod
    def opened(cls, options: argparse.Namespace, calibration: Calibration | None = None) -> Naming:
        """Open what the options name; whatever is wrong with it is raised, and nothing is half opened."""
        model, library = shared.opened(options)
        library.prepare()
        from raman_edge import records  # noqa: PLC0415 - numpy, after its threads were limited
        from raman_edge.service.worker import Worker, WorkerSettings  # noqa: PLC0415 - with it

        path, _ = shared.paths(options)
        means = records.means(
            model, library, getattr(options, "laser", None), calibration.id if calibration else None, getattr(options, "axis", None)
        )
        return cls(model, library, means, Worker(model, WorkerSettings(path, options.threads, library, means)), calibration)
