"""A run that watches a folder: each content is identified exactly once, also across reloads and outages."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from raman_edge.atomic_write import system_path
from raman_edge.calibration import store
from raman_edge.errors import CalibrationError, ConfigError, JournalUnavailable, RamanEdgeError, SourceUnavailable
from raman_edge.journal import Journal
from raman_edge.service.display import RunObserver, saver
from raman_edge.service.identifier import open_calibration, open_identifier
from raman_edge.service.run import follow, open_outputs, open_worker, output_files
from raman_edge.sources.folder import FolderSource
from raman_edge.sources.scan import ScanRules, WatchedFolder
from raman_edge.terminal.controls import Controls
from raman_edge.terminal.state import AcquisitionState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.service.display import OpenDisplay
    from raman_edge.service.identifier import Identifier
    from raman_edge.service.settings import Settings
    from raman_edge.service.signals import Stop
    from raman_edge.service.systemd import ServiceManager
    from raman_edge.service.worker import IdentifiedSpectrum

NOT_RELOADED = ("journal", "output")
"""Settings that a reload does not change."""
SUCCESSOR_S = timedelta(seconds=5)
"""Between two checks for the next calibration."""


class WatchRun(RunObserver):
    """One run over a folder, which is opened anew after a reload, and after an outage of the journal or the folder."""

    def __init__(  # noqa: PLR0913 - each is one part of a run, by name
        self,
        settings: Settings,
        journal: Path,
        stop: Stop,
        manager: ServiceManager,
        *,
        reload: Callable[[], Settings],
        open_display: OpenDisplay,
        once: bool = False,
        stdout: bool = False,
        each: Callable[[str], None] | None = None,
    ) -> None:
        """Open what ``settings`` name; the journal is not created before everything else is known to work.

        Parameters
        ----------
        settings : Settings
            With a folder.
        journal : path
            Created by :meth:`run` where there is none.
        stop : Stop
            Ends or reloads the run.
        manager : ServiceManager
            Is notified of the state of the run.
        reload : callable
            Returns the settings as they are now.
        open_display : callable
            Makes the display.
        once : bool
            Whether the run ends when everything that the folder holds now is identified.
        stdout : bool
            Whether records go to standard output.
        each : callable, optional
            Takes the line of JSON of each new record.
        """
        self._settings, self.path, self._stop, self._manager = settings, journal, stop, manager
        self._reload_settings, self._once, self._each = reload, once, each
        self._use(settings, *_opened(settings))
        folder = settings.require_folder()
        WatchedFolder(folder, ScanRules(), self._note).open()
        controls = Controls(quit=stop.event.set, save=saver(Path(), Path(folder)))
        display = open_display(folder, self._identifier, controls)
        outputs = open_outputs(settings.output, journal, display.note, stop=stop.event, stdout=stdout, watched=Path(folder))
        super().__init__(display, outputs)
        self._output_files = output_files(settings.output)
        scan_rules(settings, journal, self._calibration, self._output_files)
        self._was_ready = False
        self.answered_before = 0
        """Files that the journal had answers to when the run began."""
        self.ignored: Counter[str] = Counter()
        """Names in the folder that are not read, by the reason, at the last scan."""

    def run(self) -> Counter[str]:
        """Identify what comes until the run is stopped, and return the number of results of each decision."""
        with Journal.open(self.path) as self._journal, self._outputs, self._display:
            for note in self._identifier.notes:
                self._display.note(note)
            while not (self._follow() or self._stop.event.is_set()):
                pass
            self._manager.stopping()
        return self.tally

    def show(self, answer: IdentifiedSpectrum) -> None:
        """Count and show one result, and hand its record on."""
        super().show(answer)
        if self._each is not None:
            self._each(answer.row.facts.line)

    def heartbeat(self, waiting: int) -> bool:
        """Notify outputs and service manager; True where settings are to be read again, or an output has failed for good."""
        self._manager.status(f"{self.tally.total()} answered, {waiting} waiting")
        self._manager.alive()
        if self._renewal.is_due():
            self._stop.reload.set()
        return super().heartbeat(waiting) or self._stop.reload.is_set()

    def _note(self, text: str) -> None:
        self._display.note(text)

    def _use(self, settings: Settings, identifier: Identifier, calibration: Calibration | None) -> None:
        self._settings, self._identifier, self._calibration = settings, identifier, calibration
        self._provenance = identifier.provenance(laser=settings.laser_nm, calibration=calibration, axis=settings.axis)
        self._renewal = CalibrationRenewal(settings.calibration, calibration, self._note)

    def _follow(self) -> bool:
        """Follow the folder with what is open now; False where it is to be followed on."""
        try:
            self._follow_once()
        except (JournalUnavailable, SourceUnavailable) as error:
            if self._once or not (self._was_ready or isinstance(error, JournalUnavailable)):
                raise
            self._manager.status(str(error))
            self._outage.wait(error, self._display.note, self._stop.event, until=self._stop.reload, tick=self._manager.alive)
        else:
            if not self._stop.reload.is_set():
                return True
        if self._stop.reload.is_set() and not self._stop.event.is_set():
            self._stop.reload.clear()
            self._reload()
        return False

    def _follow_once(self) -> None:
        self._display.acquisition(AcquisitionState(expires=self._calibration.expires if self._calibration else None))
        rules = scan_rules(self._settings, self.path, self._calibration, self._output_files)
        memory = self._journal.memory(self._provenance.model.sha256, self._provenance.config)
        source = FolderSource(
            self._settings.require_folder(), memory, rules, once=self._once, stop=self._stop.event, note=self._display.note
        )
        with source, open_worker(self._identifier, self._provenance) as worker:
            self._outage.begin_attempt()
            is_first, self._was_ready = not self._was_ready, True
            self._manager.ready()
            try:
                follow(source, worker, self._journal, self, self._stop.event)
            finally:
                self.ignored = source.ignored
                if is_first:
                    self.answered_before = source.answered_before

    def _reload(self) -> None:
        """Read settings, model, libraries and calibration again; an error leaves everything as it was, with a note."""
        self._manager.reloading()
        try:
            settings = self._reload_settings()
            identifier, calibration = _opened(settings)
            scan_rules(settings, self.path, calibration, self._output_files)
        except RamanEdgeError as error:
            self._display.note(f"not reloaded, everything goes on as it was: {error}")
        else:
            changed = [name for name in NOT_RELOADED if getattr(settings, name) != getattr(self._settings, name)]
            self._use(settings, identifier, calibration)
            self._display.using(identifier.model, identifier.library)
            for note in identifier.notes:
                self._display.note(note)
            kept = "".join(f"; {name} stays as it was until the next start" for name in changed)
            axis = f", calibration {calibration.id[:8]}" if calibration else ""
            self._display.note(f"reloaded: {self._provenance.model.id}{axis}{kept}")
        self._manager.ready()


def _opened(settings: Settings) -> tuple[Identifier, Calibration | None]:
    """Open what ``settings`` name; :class:`RamanEdgeError` where any of it cannot be used."""
    settings.require_folder()
    calibration = open_calibration(settings.calibration)
    return open_identifier(settings), calibration


def scan_rules(settings: Settings, journal: Path, calibration: Calibration | None, output_files: Sequence[str] = ()) -> ScanRules:
    """Return which files are read: neither the journal nor what this process itself writes, such as ``output_files``."""
    ignored = []
    for stream in (1, 2):
        with suppress(OSError):  # closed
            ignored.append(os.fstat(stream))
    watched = system_path(settings.require_folder())
    if settings.move_failed is not None and Path(watched).exists():  # else opening the folder reports that it is missing
        ignored.append(_folder_for_failed(Path(settings.move_failed), watched))
    return ScanRules(
        settings.match or ("*",),
        poll_s=settings.poll_s,
        stable_s=settings.stable_s,
        written=(*(f"{journal}{suffix}" for suffix in ("", "-wal", "-shm")), *output_files),
        ignore=frozenset((status.st_dev, status.st_ino) for status in ignored),
        laser_nm=settings.laser_nm,
        axis=settings.axis,
        calibration=calibration,
        newest=_newest(settings.backlog),
        move_failed=settings.move_failed,
    )


def _newest(backlog: str | None) -> int | None:
    """Return how many of the files that exist at the start are identified; None is all."""
    if backlog is None or backlog == "process":
        return None
    return 0 if backlog == "skip" else int(backlog.partition("=")[2])


def _folder_for_failed(path: Path, watched: str) -> os.stat_result:
    """Make the folder that failed files are moved to, where there is none."""
    try:
        folder = system_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        status = folder.stat()
        same = os.path.samestat(status, os.stat(watched))  # noqa: PTH116 - the folder as it was given
    except OSError as error:
        raise ConfigError(
            kind="folder cannot be used",
            place="--move-failed",
            got=f"{str(path)!r} ({error.strerror})",
            expected="a folder that this program may write to",
        ) from error
    if same:
        raise ConfigError(
            kind="folder cannot be used", place="--move-failed", got=repr(str(path)), expected="another folder than the watched one"
        )
    return status


class CalibrationRenewal:
    """Reports that the calibration of a run has expired, once, and picks up its replacement."""

    def __init__(self, name: str | None, used: Calibration | None, note: Callable[[str], None]) -> None:
        """``name`` is the file or the serial number under which the replacement will be found."""
        self._name, self._used, self._note = name, used, note
        self._next_check: datetime | None = None
        """None until the calibration has expired."""
        self._last_found = ""
        """Id of the last replacement that was reported: one that cannot be used is not reported again."""

    def is_due(self, now: datetime | None = None) -> bool:
        """Whether the calibration has expired and there is a replacement that has not; True once for each replacement."""
        now = now or datetime.now(UTC)
        if self._used is None or self._name is None or now < self._used.expires:
            return False
        if self._next_check is None:
            self._note(
                f"the calibration of {self._used.instrument!r} has expired: files are faults until the standard is measured again and "
                "`raman-edge calibrate` has run, then they are identified"
            )
        elif now < self._next_check:
            return False
        self._next_check = now + SUCCESSOR_S
        try:
            found = store.find(self._name)
            found.require_fresh(now)
        except CalibrationError:
            return False
        is_new, self._last_found = found.id != self._last_found, found.id
        return is_new
