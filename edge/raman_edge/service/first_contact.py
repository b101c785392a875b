"""From a port, or nothing, to an instrument that can be measured with: found, described once, remembered.

Questions go to :class:`Questions`; where there is no terminal there is none, and what cannot be known is a :class:`ConfigError` whose
advice is the command line that answers it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from raman_edge.calibration import store
from raman_edge.errors import ConfigError, SourceError, SourceUnavailable
from raman_edge.instruments import ports
from raman_edge.instruments.profiles import catalogue
from raman_edge.instruments.serial import probe
from raman_edge.instruments.serial.port import PLUG_IN
from raman_edge.service import find_instrument, remembered
from raman_edge.service.remembered import MOST_TEXT, RememberedInstrument
from raman_edge.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from raman_edge.calibration.calibration import Calibration
    from raman_edge.instruments.ports import PortInfo
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.spectrometer import InstrumentInfo
    from raman_edge.service.find_instrument import Trial
    from raman_edge.service.remembered import PortPlace

LASERS_NM = (785.0, 532.0, 633.0, 638.0, 830.0, 1064.0)
"""Usual lasers of Raman instruments, the default first."""
ALL_REQUESTS = "I do not know: send the requests of all instruments, which another device could take for commands"
USB_DRIVER = "usb"
"""In place of a profile for an Ocean instrument on USB."""
NO_PORT = "Does the cable carry data, and has the instrument power? A virtual machine or a container must be given the device"
ADDRESSES = ("socket://", "loop://", "rfc2217://", "usb:", ports.OCEAN)
"""Beginnings of addresses that are no device file."""


class Questions(Protocol):
    """Asks a person; every question has a default."""

    def choose(self, question: str, answers: Sequence[str], default: int = 0) -> int:
        """Return the index of the chosen answer."""

    def laser(self, usual: Sequence[float]) -> float:
        """Return the laser's wavelength, nm; the first of ``usual`` is the default."""

    def confirm(self, question: str, *, default: bool) -> bool:
        """Return yes or no."""

    def name(self, default: str) -> str:
        """Return a name for an instrument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOptions:
    """What the command line gives; None is nothing."""

    port: str | None = None
    profile: str | None = None
    laser: float | None = None
    arm_laser: bool | None = None
    name: str | None = None
    baud: int | None = None
    has_calibration: bool = False
    """Whether a calibration is named, which may know the laser."""

    def line(self, port: str, profile: str) -> str:
        """Return the command line with ``profile``, and with the other options that were given; a laser that was not is a usual one."""
        laser = () if self.has_calibration else ("--laser", f"{self.laser or LASERS_NM[0]:g}")
        arm = () if self.arm_laser is None else ("--arm-laser",) if self.arm_laser else ("--no-arm-laser",)
        return command_line(port, "--profile", profile, *laser, *arm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An instrument on a port, before it is opened for measuring."""

    port: str
    place: PortPlace
    profile: str | None
    """None for an Ocean instrument on USB."""
    laser: float | None
    """nm, from the command line, an answer or memory; None leaves it to the profile or a calibration."""
    arm_laser: bool
    name: str | None
    """From the command line or an answer; None leaves it to the serial number."""
    reason: str
    """How it was found."""
    known: RememberedInstrument | None = None
    """What is remembered of it."""
    baud: int | None = None
    """Rate to change to, from the command line or memory."""
    answered_arm: bool | None = None
    """The answer to the question whether the laser may be switched on; None: there was no question."""

    def is_other(self, found: InstrumentInfo) -> bool:
        """Whether the connected instrument is not the remembered one."""
        return self.known is not None and not remembered.is_device(self.known, found, self.place)

    def with_memory(self, found: InstrumentInfo) -> Contact:
        """Return the contact with what is remembered of the connected instrument, as of one that was on another port before."""
        known = self.known or remembered.of_device(remembered.load(), found, self.place)
        return self if known is None else replace(self, known=known, laser=known.laser_nm if self.laser is None else self.laser)

    def to_remember(self, found: InstrumentInfo) -> RememberedInstrument:
        """Return what to remember of the connected instrument."""
        known = remembered.load()
        before = self.known or remembered.of_device(known, found, self.place)
        if before is not None:
            return msgspec.structs.replace(
                before,
                laser_nm=self.laser if before.laser_nm is None else before.laser_nm,
                arm_laser=self.answered_arm if before.arm_laser is None else before.arm_laser,
                baud=self.baud,
            )
        return RememberedInstrument(
            name=remembered.free_name(self.name or found.serial_number or found.model.partition(" (")[0], known),
            profile=USB_DRIVER if self.profile is None else lasting_profile(self.profile),
            port=self.place.port,
            model=found.model[:MOST_TEXT],
            serial_number=None if found.serial_number is None else found.serial_number[:MOST_TEXT],
            identity=found.identity[:MOST_TEXT],
            laser_nm=self.laser,
            arm_laser=self.answered_arm,
            baud=self.baud,
        )


def lasting_profile(name: str) -> str:
    """Return the name of a shipped profile, or the absolute path of a file."""
    return name if name in catalogue.profiles() else str(catalogue.find(name).absolute())


def place_now(port: str) -> PortPlace:
    """Return the place of a port, with the USB numbers that this machine knows of it."""
    return remembered.place_of(port, [*ports.serial(map(catalogue.load, catalogue.profiles())), *ports.ocean()])


def known_on(place: PortPlace, profile: str | None) -> RememberedInstrument | None:
    """Return what is remembered of the instrument on a port; None where that is nothing, or of another ``profile`` than the named one."""
    known = remembered.on_port(remembered.load(), place)
    if known is None or (profile is not None and lasting_profile(profile) != known.profile):
        return None
    return known


def require_device(known: RememberedInstrument, found: InstrumentInfo, place: PortPlace) -> None:
    """Raise :class:`SourceError` where the connected instrument is not the remembered one."""
    if not remembered.is_device(known, found, place):
        raise SourceError(
            kind="another instrument",
            place=repr(place.port),
            got=f"{found.model}, serial number {found.serial_number}",
            expected=f"{known.name!r}: {known.model}, serial number {known.serial_number}",
            advice="Give profile and laser, or run `raman-edge serial` once with this instrument",
        )


def profile_name(known: RememberedInstrument) -> str | None:
    """Return the profile of a remembered instrument; None for an Ocean instrument on USB."""
    return None if known.profile == USB_DRIVER else known.profile


def meet(
    options: ContactOptions, ask: Questions | None, note: Callable[[str], None], *, other_than: Sequence[RememberedInstrument] = ()
) -> Contact:
    """Find the instrument, and ask what cannot be known; nothing is remembered here.

    Parameters
    ----------
    options : ContactOptions
        What is not None is not looked for.
    ask : Questions or None
        None where no person can answer, as in a pipe.
    note : callable
        Takes lines about the progress and the result.
    other_than : sequence of RememberedInstrument
        Were expected on the port, and are not on it.

    Raises
    ------
    SourceUnavailable
        There is no port, or not this one.
    ConfigError
        Something cannot be known without a person; the advice is the command line that gives it.
    """
    profiles = catalogue.load_all(note)
    listed = [*ports.serial(profiles), *ports.ocean()]
    known = [one for one in remembered.load() if one not in other_than]
    port = options.port if options.port is not None else _port(listed, known, ask, note)
    require_present(port, listed)
    place = remembered.place_of(port, listed)
    before = remembered.on_port(known, place)
    trial: Trial | None = None
    name: str | None = options.profile
    reason = "as you named it"
    if port.startswith(ports.OCEAN):
        reason = "found on USB"
    elif name is None and before is not None and before.profile != USB_DRIVER and _is_still_there(before, port, profiles, note):
        name, reason = before.profile, f"remembered as {before.name!r}"
    elif name is None:
        before = None
        usb = next((one.profiles for one in listed if port in {one.address, one.device}), ())
        trial = _find(port, options, (profiles, usb), ask, note)
        name, reason = trial.candidate.profile, trial.candidate.reason
    page = None if name is None or port.startswith(ports.OCEAN) else catalogue.load(name)
    needs_laser = options.laser is None and not options.has_calibration and (page is None or page.laser is None)
    if ask is not None and before is None and trial is None and page is not None and needs_laser:
        note(f"connecting to {port} as {name}")
        trial = find_instrument.tried(find_instrument.ProfileCandidate(str(name), reason), port)
        if trial.instrument is None:
            raise SourceUnavailable(trial.doubt)
    found = None if trial is None else trial.instrument
    if found is not None:
        before = remembered.of_device(known, found, place)
        if before is not None:
            reason = f"{reason}; remembered as {before.name!r}"
    if before is not None and page is not None and before.profile != lasting_profile(str(name)):
        before = None  # the user names another profile
    contact = Contact(
        port=port,
        place=place,
        profile=name,
        laser=options.laser if options.laser is not None else None if before is None else before.laser_nm,
        arm_laser=bool(options.arm_laser if options.arm_laser is not None else before is not None and before.arm_laser),
        name=None if options.name is None else remembered.require_name(options.name),
        baud=options.baud if options.baud is not None else None if before is None else before.baud,
        reason=reason,
        known=before,
    )
    note(_found(contact, page, found))
    return contact if ask is None else _answered(contact, options, page, found, ask, needs_laser=needs_laser)


def _found(contact: Contact, page: Profile | None, found: InstrumentInfo | None) -> str:
    """Return the line about what was found, and why."""
    if page is None:
        return "an Ocean instrument on USB"
    what = f"{page.device.vendor} {page.device.model}"
    serial = f", serial number {found.serial_number}" if found is not None and found.serial_number else ""
    return f"{what} on {contact.port}: {contact.reason}{serial}"


def _answered(
    contact: Contact, options: ContactOptions, page: Profile | None, found: InstrumentInfo | None, ask: Questions, *, needs_laser: bool
) -> Contact:
    """Ask for the laser, its permission and a name, where they are unknown."""
    before = contact.known
    if needs_laser and contact.laser is None and not _is_calibrated(contact, found):
        contact = replace(contact, laser=ask.laser(LASERS_NM))
    if options.arm_laser is None and (before is None or before.arm_laser is None) and page is not None and page.commands.laser_on:
        allowed = ask.confirm(
            "May this program switch the laser on? Only for each exposure; it is off at every wait, fault and end", default=False
        )
        contact = replace(contact, arm_laser=allowed, answered_arm=allowed)
    if options.name is None and before is None and found is not None and found.serial_number is None:
        default = remembered.free_name(found.model.partition(" (")[0], remembered.load())
        contact = replace(contact, name=remembered.require_name(ask.name(default)))
    return contact


def _is_calibrated(contact: Contact, found: InstrumentInfo | None) -> bool:
    """Whether there is a calibration, which knows the laser."""
    name = None if found is None else found.serial_number or (None if contact.known is None else contact.known.name)
    return name is not None and found is not None and store.of_device(name, found.model) is not None


def remember(contact: Contact, found: InstrumentInfo, note: Callable[[str], None]) -> str:
    """Remember the connected instrument and return its name; a file that cannot be written is noted."""
    one = contact.to_remember(found)
    is_new = all(other.name != one.name for other in remembered.load())
    try:
        dropped = remembered.remember(one, contact.place)
    except ConfigError as error:
        note(f"{error}; this instrument is not remembered")
        return one.name
    if is_new:
        note(f"remembered as {one.name!r}; `raman-edge instruments show` shows what is remembered")
    for other in dropped:
        note(f"{other.name!r} is forgotten: {remembered.MOST} instruments are remembered, and it was not used for the longest time")
    return one.name


def require_laser(contact: Contact, found: InstrumentInfo, calibration: Calibration | None) -> None:
    """Raise :class:`ConfigError`, with the command line, where neither instrument nor calibration knows the laser."""
    if contact.laser is None and found.laser_nm is None and calibration is None:
        line = command_line(contact.port, *_profile_option(contact), "--laser", f"{LASERS_NM[0]:g}")
        advice = f"Give its wavelength in nm, as on its label: `{line}`"
        raise ConfigError(kind="unknown laser", place=found.profile, advice=advice)


def uncalibrated(contact: Contact) -> ConfigError:
    """Return the error for an instrument without a wavenumber axis where no person can calibrate it."""
    laser = "--laser", f"{contact.laser or LASERS_NM[0]:g}"
    line = quoted("raman-edge", "calibrate", "--port", contact.port, *_profile_option(contact), *laser, "--standard", "polystyrene")
    advice = f"With polystyrene under the laser run `{line}`, or `{command_line(contact.port)}` on a terminal and press c"
    return ConfigError(kind="unknown wavelengths", place=contact.profile or contact.port, advice=advice)


def _profile_option(contact: Contact) -> tuple[str, ...]:
    return () if contact.profile is None else ("--profile", contact.profile)


# The port


def require_present(port: str, listed: Sequence[PortInfo]) -> None:
    """Raise :class:`SourceUnavailable`, with the ports that are there, where ``port`` is a device file that is not."""
    if port.startswith(ADDRESSES) or any(port in {one.address, one.device} for one in listed):
        return
    if sys.platform == "win32" and not listed:
        return  # not every system can list its ports (Wine 8); opening says what is missing
    if sys.platform != "win32" and os.path.lexists(port) and Path(port).exists():
        return
    here = ", ".join(_described(one) for one in listed)
    expected = f"one of {here}" if here else ""
    advice = PLUG_IN if here else f"{PLUG_IN}; there is none now"
    raise SourceUnavailable(kind="not found", place=port, expected=expected, advice=advice)


def likely(listed: Sequence[PortInfo], known: Sequence[RememberedInstrument]) -> list[PortInfo]:
    """Return the ports where an instrument may be: those of remembered instruments, else those on USB, else all."""
    mine = [one for one in listed if remembered.on_port(known, remembered.place_of(one.address, listed)) is not None]
    return mine or [one for one in listed if one.vid is not None] or list(listed)


def _port(listed: Sequence[PortInfo], known: Sequence[RememberedInstrument], ask: Questions | None, note: Callable[[str], None]) -> str:
    """Return the only port where an instrument may be, or the chosen one."""
    # A remembered port that pyserial does not list, such as a link to a pseudo-terminal or an address in the network.
    other = [one.port for one in known if one.usb is None and one.port not in {port.address for port in listed} and Path(one.port).exists()]
    found = likely(listed, known)
    if found and other and remembered.on_port(known, remembered.place_of(found[0].address, listed)) is None:
        found = []
    addresses = [*(one.address for one in found), *other]
    if not addresses:
        raise SourceUnavailable(kind="no serial port and no Ocean instrument on USB", advice=NO_PORT)
    sure = bool(other) or any(one.vid is not None or remembered.on_port(known, remembered.place_of(one.address, listed)) for one in found)
    if len(addresses) == 1 and sure:
        note(f"using {addresses[0]}, the only port where an instrument may be")
        return addresses[0]
    words = [*(_described(one) for one in found), *other]
    if ask is None:
        lines = ", or ".join(f"`{command_line(address)}`" for address in addresses)
        kind = "several ports" if sure else "no port on USB"
        raise ConfigError(kind=kind, got=", ".join(words), expected="one on USB, or the one that you name", advice=f"Run {lines}")
    question = "Which port is the instrument on?" if sure else "No serial port on USB is there. Which of these is the instrument on?"
    chosen = ask.choose(question, [*words, "none of these"])
    if chosen == len(addresses):
        raise SourceUnavailable(kind="no port chosen", advice=NO_PORT)
    return addresses[chosen]


def _described(one: PortInfo) -> str:
    facts = [one.what, f"busy: {one.use.holder}" if one.use.access == "busy" else "", "no permission" if one.use.access == "denied" else ""]
    about = ", ".join(filter(None, facts))
    return f"{one.address} ({about})" if about else one.address


def command_line(port: str, *more: str) -> str:
    """Return the command line that measures on ``port``."""
    return quoted("raman-edge", "serial", port, *more)


# The profile


def _is_still_there(before: RememberedInstrument, port: str, profiles: Sequence[Profile], note: Callable[[str], None]) -> bool:
    """Whether nothing speaks against the remembered instrument: its USB place, its answer to its own probe, or that of another one."""
    try:
        page = catalogue.load(before.profile)
    except ConfigError as error:
        note(f"{before.name!r} is not used: {error}")
        return False
    if before.usb is not None:
        return True
    note(f"is {before.name!r} still on {port}?")
    own = probe.questions([page])
    for question in own or probe.questions(profiles):
        result = tuple(probe.ask(port, question))[-1]  # to its end, which closes the port
        if result.answered:
            return page.device.id in result.question.profiles
    return not own


def _find(
    port: str,
    options: ContactOptions,
    known: tuple[Sequence[Profile], Sequence[str]],
    ask: Questions | None,
    note: Callable[[str], None],
) -> Trial:
    """Return the confirmed trial of a profile; ``known`` are all profiles, and the names of those that name the port's USB numbers."""
    profiles, usb = known
    doubted: list[Trial] = []
    for named in (usb, ()) if usb else ((),):
        trials = _tried(find_instrument.candidates(port, profiles, named, note), port, note)
        if good := find_instrument.fitting(trials):
            return good[0] if len(good) == 1 else _chosen(good, port, options, ask)
        doubted += trials
    return _named_by_person((port, options), profiles, doubted, ask, note)


def _tried(group: Sequence[find_instrument.ProfileCandidate], port: str, note: Callable[[str], None]) -> list[Trial]:
    trials = []
    for candidate in group:
        note(f"trying {candidate.profile}: {candidate.reason}")
        trials.append(trial := find_instrument.tried(candidate, port))
        if trial.doubt:
            note(f"{candidate.profile} is doubted: {trial.doubt}")
    return trials


def _chosen(good: Sequence[Trial], port: str, options: ContactOptions, ask: Questions | None) -> Trial:
    """Return one of several profiles that give whole spectra."""
    names = [trial.candidate.profile for trial in good]
    if ask is None:
        raise ConfigError(
            kind="several profiles fit",
            place=repr(port),
            got=", ".join(names),
            expected="one",
            advice=f"Run `{options.line(port, names[0])}`, with the right one of them",
        )
    highest = max(trial.highest for trial in good)
    words = [_words(trial, highest) for trial in good]
    return good[ask.choose("Several instruments speak this way. Which one is it? The name plate or the manual says it", words)]


def _words(trial: Trial, highest: float) -> str:
    found = trial.instrument
    if found is None or found.sensor.saturation is None:
        return trial.candidate.profile if found is None else f"{found.model} ({trial.candidate.profile})"
    return f"{found.model} ({trial.candidate.profile}; its counts reach {found.sensor.saturation:g}, the highest now is {highest:g})"


def _named_by_person(
    at: tuple[str, ContactOptions],
    profiles: Sequence[Profile],
    doubted: Sequence[Trial],
    ask: Questions | None,
    note: Callable[[str], None],
) -> Trial:
    """Ask for the profile until one is confirmed; doubted ones come last."""
    port, options = at
    wrong = {trial.candidate.profile: trial.doubt for trial in doubted}
    kind = "no profile is confirmed" if wrong else "unknown instrument"
    got = "; ".join(f"{name}: {why}" for name, why in wrong.items()) or "nothing that a profile expects"
    if ask is None:
        advice = (
            f"Run `{options.line(port, 'NAME')}` with a NAME of `raman-edge instruments list` and your laser; "
            f"`raman-edge instruments probe {quoted(port)}` shows the bytes"
        )
        raise ConfigError(kind=kind, place=repr(port), got=got, advice=advice)
    question = "The instrument does not tell what it is. Which one is it?"
    while True:
        order = sorted(profiles, key=lambda page: page.device.id in wrong)
        answers = [f"{page.device.vendor} {page.device.model} ({page.device.id})" for page in order]
        chosen = ask.choose(question, [*answers, ALL_REQUESTS, "none of these"], len(order) + 1)
        if chosen == len(order):
            trials = _tried(find_instrument.candidates(port, profiles, (), note, everything=True), port, note)
            if good := find_instrument.fitting(trials):
                return good[0] if len(good) == 1 else _chosen(good, port, options, ask)
            wrong |= {trial.candidate.profile: trial.doubt for trial in trials}
            question = "No request found it. Which one is it?"
            continue
        if chosen > len(order):
            advice = f"Write a profile of it (docs/instruments.md), and run `{options.line(port, 'FILE.toml')}`"
            raise ConfigError(kind=kind, place=repr(port), got=got, advice=advice)
        name = order[chosen].device.id
        trial = _tried([find_instrument.ProfileCandidate(name, "you named it")], port, note)[0]
        if not trial.doubt:
            return trial
        wrong[name] = trial.doubt
        question = f"{name} gives no whole spectra. Which one is it?"
