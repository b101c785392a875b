"""``raman-edge watch DIR``: identify what lands in a folder, each content exactly once."""

from __future__ import annotations

import argparse
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from raman_edge.cli import forward
from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, say
from raman_edge.cli.parser import STOPS
from raman_edge.cli.renewal import Renewal
from raman_edge.cli.signals import stopping
from raman_edge.errors import ConfigError, JournalUnavailable, RamanEdgeError, SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.cli.display import Display
    from raman_edge.cli.parser import Parser
    from raman_edge.cli.signals import Stop
    from raman_edge.journal import Journal
    from raman_edge.service.systemd import Service
    from raman_edge.service.worker import IdentifiedSpectrum
    from raman_edge.sources.scan import ScanRules

LEFT_TO_THE_START = ("journal", "to")
"""Settings that a reload does not change."""
RESTS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Waits between two attempts where the journal cannot be written or the folder not be opened, s; the last one repeats."""
LOOK_S = 0.5
"""How often a waiting run looks whether it was told to stop, s."""
SOUND_S = 5.0
"""Trouble is over when nothing has failed for this long, s: on a full disk a small batch may still find room."""


def add_arguments(parser: Parser) -> None:
    """Add the command's arguments."""
    from raman_edge.service import settings  # noqa: PLC0415 - with msgspec

    parser.description = (
        "Identify what lands in a folder, exactly once: each content gets one row in the journal, whatever crashes, before it is shown. "
        "A terminal gets a live screen, a pipe JSON lines. No file is ever changed."
    )
    parser.examples = (
        ("raman-edge watch ./incoming", "identify new files, live, until Ctrl-C; a restart repeats and loses nothing"),
        ("raman-edge watch ./incoming --once --to csv:results.csv", "identify the files there are, append to a table, and end"),
        ("raman-edge watch /data --match '*.spc' --backlog newest=100", "only these files, and of the old ones the newest 100"),
    )
    parser.exits = {1: "with --once: some files could not be read; the journal has the reasons", 69: "no such folder", **STOPS}
    parser.add_argument("folder", metavar="DIR", nargs="?", help="the folder, and those below it; a file of settings may name it instead")
    parser.add_argument("--once", action="store_true", help="answer what is there and end")
    parser.add_argument("--match", action="append", metavar="GLOB", help="only files of these names, such as '*.csv'; may be repeated")
    parser.add_argument(
        "--stable",
        type=shared.seconds,
        metavar="S",
        help="a file is complete once unchanged for S seconds (1; network: 3); ten times as long, 10 s at most, where it cannot be "
        "known whether a program still writes it",
    )
    parser.add_argument("--poll", type=shared.seconds, metavar="S", help="look every S seconds (0.5; network: 2)")
    parser.add_argument(
        "--backlog",
        type=_backlog,
        metavar="process|skip|newest=N",
        help="what to do with files that lie there when a folder is watched for the first time: answer them (the default), leave "
        "them, or answer the newest N",
    )
    parser.add_argument(
        "--move-failed",
        type=Path,
        metavar="DIR",
        help="move files that hold no spectrum there, once the journal has the reason, and only if they are what they were and no "
        "program writes them; without it no file is ever moved",
    )
    forward.add_to(parser)
    parser.set_defaults(to=None)
    shared.add_laser(parser)
    shared.add_axis(parser)
    shared.add_calibration(parser, ". Where it ends while files are watched, each is a fault until there is a new one, and then answered")
    shared.add_journal(parser)
    shared.add_model(parser)
    shared.add_own(parser)
    shared.add_json(parser)
    settings.add_config(parser)


def run(options: argparse.Namespace) -> int:
    """Watch until told to stop; with ``--once`` 1 where some files could not be answered."""
    from raman_edge.service import settings  # noqa: PLC0415
    from raman_edge.service.systemd import Service  # noqa: PLC0415 - once the arguments are known to be good

    with stopping(reload=True) as stop:
        merged = settings.merge(options)
        settings.folder_of(merged)
        with shared.opened_journal(merged) as journal:
            watching = Watching(options, merged, journal, stop, Service.from_environment())
            tally = watching.run()
    failed = tally.pop("fault", 0)
    said = ", ".join(f"{count} {decision}" for decision, count in sorted(tally.items())) or "nothing identified"
    reasons = ", ".join(f"{count} {why}" for why, count in sorted(watching.ignored.items()))
    ignored = f"{watching.ignored.total()} ignored ({reasons}); " if reasons else ""
    say(f"{said}; {failed} failed; {ignored}journal {str(journal.path)!r}")
    return stop.code(1 if options.once and failed else 0)


class Trouble:
    """What is wrong with a run that goes on trying; false where nothing is."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._attempts = 0
        self._tried_at = 0.0

    def __bool__(self) -> bool:
        return self._attempts > 0

    def is_news(self, error: RamanEdgeError) -> bool:
        """Whether this was not said yet: a full disk has several ways to fail, and each is said once."""
        known = str(error) in self._said
        self._said.add(str(error))
        return not known

    def rest_s(self) -> float:
        """Return how long to wait after one more failure, s."""
        self._attempts += 1
        return RESTS_S[min(self._attempts, len(RESTS_S)) - 1]

    def tried(self) -> None:
        """Note that an attempt begins."""
        self._tried_at = monotonic()

    @property
    def is_past(self) -> bool:
        """Whether the last attempt has gone on without a failure for long enough."""
        return monotonic() - self._tried_at > SOUND_S


class Watching:
    """One run of the command: its source is opened anew after a reload, and where the journal could not be used for a while."""

    def __init__(self, options: argparse.Namespace, merged: argparse.Namespace, journal: Journal, stop: Stop, service: Service) -> None:
        """Open what ``merged`` names; ``options`` are those of the command line, which a reload merges with the files anew."""
        from raman_edge.cli.display import NotesOnly, Onlooker, OnScreen  # noqa: PLC0415 - once the arguments are known to be good
        from raman_edge.cli.keeping import keeper  # noqa: PLC0415
        from raman_edge.cli.naming import Naming  # noqa: PLC0415 - numpy and onnxruntime
        from raman_edge.terminal.controls import Controls  # noqa: PLC0415

        self._options, self._merged = options, merged
        self._journal, self._stop, self._service = journal, stop, service
        self._naming = Naming.opened(merged, shared.opened_calibration(merged))
        as_lines = bool(merged.json) or not is_terminal() or forward.STDOUT in (merged.to or ())
        keys = Controls(quit=stop.event.set, save=keeper(Path(), Path(merged.folder)))
        self._display: Display = NotesOnly() if as_lines else OnScreen(merged.folder, self._naming.model, self._naming.library, keys)
        self._deliveries = forward.delivering(
            merged.to or (), journal.path, self._display.note, stop=stop.event, stdout=as_lines, watched=merged.folder
        )
        self._onlooker = Onlooker(self._display, self._deliveries)
        self._renewal = Renewal(merged.calibration, self._naming.calibration, self._display.note)
        self._trouble = Trouble()
        self._was_ready = False
        self._to: tuple[str, ...] = tuple(merged.to or ())
        self.ignored: Counter[str] = Counter()
        """Names in the folder that are not looked at, by the reason, at the last look."""

    def run(self) -> Counter[str]:
        """Answer what comes and return how many answers there were of each kind."""
        with self._deliveries, self._display:
            while not (self._attend() or self._stop.event.is_set()):
                pass
            self._service.stopping()
        return self._onlooker.tally

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Count and show one answer."""
        self._onlooker.show(answer)

    def pulse(self, waiting: int) -> bool:
        """Wake the sinks and tell the service manager; True where settings are to be read again, or nobody reads what is written."""
        self._service.status(f"{self._onlooker.tally.total()} answered, {waiting} waiting")
        self._service.alive()
        if self._trouble and self._trouble.is_past:
            self._trouble = Trouble()
            self._display.note("it works again; what came meanwhile is answered")
        if self._renewal.is_due():
            self._stop.reload.set()
        return self._onlooker.pulse(waiting) or self._stop.reload.is_set()

    def _attend(self) -> bool:
        """Follow the folder with what is open now; False where it is to be followed on."""
        try:
            self._follow()
        except (JournalUnavailable, SourceUnavailable) as error:
            if self._merged.once or not (self._was_ready or isinstance(error, JournalUnavailable)):
                raise
            self._rest(error)
        else:
            if not self._stop.reload.is_set():
                return True
        if self._stop.reload.is_set() and not self._stop.event.is_set():
            self._stop.reload.clear()
            self._reload()
        return False

    def _follow(self) -> None:
        from raman_edge.service.run import follow  # noqa: PLC0415 - with the model
        from raman_edge.sources.folder import FolderSource  # noqa: PLC0415
        from raman_edge.terminal.state import AcquisitionState  # noqa: PLC0415

        merged, means, calibration = self._merged, self._naming.means, self._naming.calibration
        self._display.bench(AcquisitionState(expires=calibration.expires if calibration else None))
        memory = self._journal.memory(means.model.sha256, means.config)
        rules = _rules(merged, self._journal, calibration, self._to)
        source = FolderSource(merged.folder, memory, rules, once=merged.once, stop=self._stop.event, note=self._display.note)
        with source, self._naming.crew as crew:
            self._trouble.tried()
            self._was_ready = True
            self._service.ready()
            try:
                follow(source, crew, self._journal, self, self._stop.event)
            finally:
                self.ignored = source.ignored

    def _rest(self, error: RamanEdgeError) -> None:
        """Say what is wrong and wait for the next attempt; a run that is told to stop meanwhile ends with the error."""
        if self._trouble.is_news(error):
            self._display.note(f"{error}. It is tried again until it works")
        self._service.status(str(error))
        for _ in range(round(self._trouble.rest_s() / LOOK_S)):
            self._service.alive()
            if self._stop.event.wait(LOOK_S):
                raise error
            if self._stop.reload.is_set():
                return

    def _reload(self) -> None:
        """Read settings, model, library and calibration again; where anything is wrong with them, go on with what there was."""
        from raman_edge.cli.naming import Naming  # noqa: PLC0415 - loaded by now
        from raman_edge.service import settings  # noqa: PLC0415

        self._service.reloading()
        try:
            merged = settings.merge(self._options)
            settings.folder_of(merged)
            naming = Naming.opened(merged, shared.opened_calibration(merged))
            _rules(merged, self._journal, naming.calibration, self._to)
        except RamanEdgeError as error:
            self._display.note(f"not reloaded, everything goes on as it was: {error}")
        else:
            changed = [name for name in LEFT_TO_THE_START if getattr(merged, name) != getattr(self._merged, name)]
            self._merged, self._naming = merged, naming
            self._renewal = Renewal(merged.calibration, naming.calibration, self._display.note)
            self._display.using(naming.model, naming.library)
            kept = "".join(f"; {name} stays as it was until the next start" for name in changed)
            axis = f", calibration {naming.calibration.id[:8]}" if naming.calibration else ""
            self._display.note(f"reloaded: {naming.means.model.id}{axis}{kept}")
        self._service.ready()


def _backlog(text: str) -> str:
    """Read what to do with what lies there."""
    kind, _, number = text.partition("=")
    if text in {"process", "skip"} or (kind == "newest" and number.isascii() and number.isdigit() and int(number) >= 1):
        return text
    msg = f"expected process, skip or newest=N with N of at least 1, got {text!r}"
    raise argparse.ArgumentTypeError(msg)


def _newest(backlog: str | None) -> int | None:
    """Return how many of the files that lie there are answered; None is all."""
    if backlog is None or backlog == "process":
        return None
    return 0 if backlog == "skip" else int(backlog.partition("=")[2])


def _rules(options: argparse.Namespace, journal: Journal, calibration: Calibration | None, to: Sequence[str]) -> ScanRules:
    """Return which files are looked at: never the journal, nor what this command itself writes, such as the outputs ``to``."""
    from raman_edge.sources.scan import ScanRules  # noqa: PLC0415 - with the source

    ours = []
    for stream in (1, 2):
        with suppress(OSError):  # closed
            ours.append(os.fstat(stream))
    journals = (f"{journal.path}{suffix}" for suffix in ("", "-wal", "-shm"))
    if options.move_failed is not None and Path(options.folder).exists():  # else whoever opens the folder says that it is away
        ours.append(_folder_for_failed(options.move_failed, options.folder))
    return ScanRules(
        tuple(options.match or ("*",)),
        poll_s=options.poll,
        stable_s=options.stable,
        written=(*journals, *forward.files_of(to)),
        ignore=frozenset((status.st_dev, status.st_ino) for status in ours),
        laser_nm=options.laser,
        axis=options.axis,
        calibration=calibration,
        newest=_newest(options.backlog),
        move_failed=None if options.move_failed is None else str(options.move_failed),
    )


def _folder_for_failed(path: Path, watched: str) -> os.stat_result:
    """Make the folder that failed files go to, where there is none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        status = path.stat()
        same = os.path.samestat(status, os.stat(watched))  # noqa: PTH116 - the folder as it was given
    except OSError as error:
        msg = f"failed files cannot be moved to {str(path)!r}: {error.strerror}. Give a folder that you may write to with --move-failed"
        raise ConfigError(msg) from error
    if same:
        msg = f"failed files cannot be moved to {str(path)!r}: it is the watched folder itself. Give another one with --move-failed"
        raise ConfigError(msg)
    return status
