"""``raman-edge instruments``: spectrometers as profiles of facts: listed, checked, probed, simulated, recorded and replayed."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from raman_edge.cli import instrument_options
from raman_edge.cli import options as shared
from raman_edge.cli.instrument_ports import ROW, add_new, add_ports, add_probe, byte_rows
from raman_edge.cli.output import as_json, is_terminal, say, write, write_json, write_text
from raman_edge.cli.parser import LASER, STOPS
from raman_edge.errors import ConfigError, RamanEdgeError
from raman_edge.instruments.profiles import catalogue, requests
from raman_edge.instruments.profiles.profile import CERTAINTIES
from raman_edge.service import remembered
from raman_edge.service.signals import stopping
from raman_edge.settings import toml
from raman_edge.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raman_edge.cli.parser import Actions, Parser
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.service.remembered import RememberedInstrument
    from raman_edge.simulator.simulated import Simulated

WORDS = {True: "yes", False: "no"}
NOT_FOUND = 1
POLL_S = 0.2
"""How often a simulation checks whether it still runs, s."""
MOST_PORT = 65_535


def add_arguments(parser: Parser) -> None:
    """Add the command's actions."""
    parser.description = (
        "Spectrometers: what is connected, the profiles that describe them, simulated ones to try everything with, and recordings of raw "
        "exposures."
    )
    parser.examples = (
        ("raman-edge instruments ports", "what is connected"),
        ("raman-edge instruments list", "which instruments are known"),
        ("raman-edge instruments simulate ocean-usb2000", "an instrument to try everything with"),
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for add in (_add_list, add_ports, add_probe, add_new, _add_show, _add_simulate, _add_record, _add_replay, _add_validate, _add_explain):
        add(actions)
    for add in (_add_forget, _add_rename):
        add(actions)


# list


def _add_list(actions: Actions) -> None:
    one = actions.add_parser(
        "list",
        help="list the known profiles, and how well each was tested",
        description="List the profiles that ship and those in your own folder, and how well each was tested.",
        examples=(
            ("raman-edge instruments list", "every profile, with what was tested"),
            ("raman-edge instruments list ocean", "those with a word in name, vendor or model"),
        ),
        exits={NOT_FOUND: "no profile has these words"},
    )
    one.add_argument("words", nargs="*", metavar="WORD", help="only profiles with every word in their name, vendor or model")
    shared.add_json(one)
    one.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    """Print a profile a line; 1 where the words fit none."""
    files = catalogue.profiles()
    profiles = [profile for profile in catalogue.load_all(say) if _fits(profile, options.words)]
    if not profiles:
        say(f"no profile has {' and '.join(options.words)} in its name, vendor or model; the profiles are {', '.join(files)}")
        return NOT_FOUND
    for profile in profiles:
        device, provenance = profile.device, profile.provenance
        if as_json(options):
            write_json(_facts(profile, files[device.id]))
            continue
        tested = "tested on hardware" if provenance.hardware_tested else "not tested on hardware"
        pixels = "any number of pixels" if profile.n_pixels is None else f"{profile.n_pixels} pixels"
        own = ", your own" if catalogue.is_own(files[device.id]) else ""
        write_text(f"{device.id}  {device.vendor} {device.model}{own}")
        write_text(f"  {pixels}, {profile.serial.baud[0]} baud")
        write_text(f"  {CERTAINTIES[provenance.certainty]}; {tested}")
    if not as_json(options):
        write_text("")
        write_text("raman-edge instruments explain NAME shows what a profile sends, show NAME all of it")
    return 0


def _fits(profile: Profile, words: Sequence[str]) -> bool:
    device = profile.device
    text = f"{device.id} {device.vendor} {device.model}".lower()
    return all(word.lower() in text for word in words)


def _facts(profile: Profile, file: Path) -> dict[str, object]:
    device, provenance = profile.device, profile.provenance
    return {
        "v": 1,
        "profile": device.id,
        "vendor": device.vendor,
        "model": device.model,
        "baud": list(profile.serial.baud),
        "pixels": profile.n_pixels,
        "certainty": provenance.certainty,
        "hardware_tested": provenance.hardware_tested,
        "unchecked": list(provenance.unchecked),
        "sources": list(provenance.sources),
        "file": str(file),
        "own": catalogue.is_own(file),
    }


# show, validate, explain


def _add_show(actions: Actions) -> None:
    one = actions.add_parser(
        "show",
        help="show the remembered instruments, one of them, or the file of a profile",
        description="Without a name, list the instruments that `raman-edge serial` remembers. With the name or the serial number of one, "
        "show what is remembered of it. With the name of a profile, print its TOML file, to copy and change.",
        examples=(
            ("raman-edge instruments show", "the remembered instruments"),
            ("raman-edge instruments show ocean-usb2000", "the profile of an instrument"),
            ("raman-edge instruments show generic-csv-stream > mine.toml", "a start for your own"),
        ),
    )
    one.add_argument("profile", metavar="NAME", nargs="?", help="a remembered instrument, a profile that ships, or your own file")
    shared.add_json(one)
    one.set_defaults(run=_show)


def _add_profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("profile", metavar="PROFILE", help="the name of a known profile, or a file")


def _show(options: argparse.Namespace) -> int:
    """Print what is remembered, or the file of a profile: to a pipe or a file byte for byte."""
    known = remembered.load()
    if options.profile is None:
        if not known:
            say(f"no instrument is remembered in {str(remembered.path())!r}; `raman-edge serial` adds one")
        for one in known:
            _show_remembered(one, options)
        return 0
    mine = [one for one in known if options.profile in {one.name, one.serial_number}]
    for one in mine:
        _show_remembered(one, options)
    if mine:
        return 0
    path = catalogue.find(options.profile)
    toml.read(path)  # raises where the file cannot be read
    text = path.read_text("utf-8")
    if not is_terminal():
        write(text.removesuffix("\n").encode())
        return 0
    for line in text.splitlines():
        write_text(line)
    return 0


def _show_remembered(one: RememberedInstrument, options: argparse.Namespace) -> None:
    facts = {key: value for key, value in msgspec.structs.asdict(one).items() if value not in {None, ""}}
    if as_json(options):
        write_json({"v": 1, **facts, "last_used": str(one.last_used) if one.last_used else None})
        return
    write_text(one.name)
    for key, value in facts.items():
        if key != "name":
            write_text(f"  {key.replace('_', ' '):14} {WORDS.get(value, value) if isinstance(value, bool) else value}")


def _add_forget(actions: Actions) -> None:
    one = actions.add_parser(
        "forget",
        help="forget a remembered instrument",
        description="Forget what `raman-edge serial` remembers of an instrument; the next contact asks again. Its calibration stays: "
        "`raman-edge calibrate --remove` removes that.",
        examples=(
            ("raman-edge instruments forget 'Raman bench'", "by its name, as `instruments show` lists it"),
            ("raman-edge instruments forget SN42", "by its serial number"),
        ),
        exits={ConfigError.exit_code: "no such instrument"},
    )
    one.add_argument("name", metavar="NAME", help="its name or serial number")
    one.set_defaults(run=_forget)


def _forget(options: argparse.Namespace) -> int:
    gone = remembered.forget(options.name)
    say(f"{gone.name!r} is forgotten")
    return 0


def _add_rename(actions: Actions) -> None:
    one = actions.add_parser(
        "rename",
        help="give a remembered instrument another name",
        description="Give a remembered instrument another name. A calibration that is kept by the old name, as of an instrument without a "
        "serial number, is kept by the new one from then on.",
        examples=(
            ("raman-edge instruments rename 'Ocean Optics USB2000' 'Raman bench'", "by its name"),
            ("raman-edge instruments rename SN42 'Raman bench'", "by its serial number"),
        ),
        exits={ConfigError.exit_code: "no such instrument, or another one has that name"},
    )
    one.add_argument("name", metavar="NAME", help="its name or serial number")
    one.add_argument("to", metavar="NEW", help="the new name")
    one.set_defaults(run=_rename)


def _rename(options: argparse.Namespace) -> int:
    from raman_edge.service import calibrate  # noqa: PLC0415 - slow to import; `list` does without

    before = remembered.named(options.name)
    after = remembered.rename(options.name, options.to)
    if before.serial_number is None:
        calibrate.rename_calibration(before.name, after.name, before.model)
    say(f"{before.name!r} is now {after.name!r}")
    return 0


def _add_validate(actions: Actions) -> None:
    one = actions.add_parser(
        "validate",
        help="check profiles: every mistake with its line",
        description="Check your own profiles before you use them: every mistake with its line, what was got and what is expected.",
        examples=(
            ("raman-edge instruments validate mine.toml", "every mistake with its line"),
            ("raman-edge instruments validate ocean-usb2000", "a known profile"),
        ),
        exits={ConfigError.exit_code: "a profile has mistakes"},
    )
    one.add_argument("files", nargs="+", metavar="FILE", help="a file, or the name of a known profile")
    shared.add_json(one)
    one.set_defaults(run=_validate)


def _validate(options: argparse.Namespace) -> int:
    """Check every file; :data:`ConfigError.exit_code` where one is wrong."""
    wrong = 0
    for name in options.files:
        device, mistakes = _checked(name)
        wrong += bool(mistakes)
        for mistake in mistakes:
            say(mistake)
        if as_json(options):
            write_json({"v": 1, "file": name, "ok": not mistakes, "profile": device, "mistakes": mistakes})
        else:
            write_text(f"{name}: {f'{len(mistakes)} mistake(s)' if mistakes else f'valid, {device}'}")
    return ConfigError.exit_code if wrong else 0


def _checked(name: str) -> tuple[str | None, list[str]]:
    """Return the profile's name, None where it is wrong, and its mistakes."""
    try:
        return catalogue.load(name).device.id, []
    except ConfigError as error:
        return None, [str(line) for line in error.args]


def _add_explain(actions: Actions) -> None:
    one = actions.add_parser(
        "explain",
        help="show the bytes that a profile sends, and what it expects back",
        description="Show the bytes that a profile sends, and what it expects back, without sending any.",
        examples=(
            ("raman-edge instruments explain ocean-usb2000", "the bytes of every request, and what is expected back"),
            ("raman-edge instruments explain mine.toml --exposure 0.5", "your own, at an exposure of half a second"),
        ),
    )
    _add_profile(one)
    one.add_argument("--exposure", type=_seconds, metavar="S", help="exposure, s; default: the profile's own")
    one.add_argument("--average", type=shared.at_least_one, default=1, metavar="N", help="spectra that the device averages (default: 1)")
    shared.add_json(one)
    one.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    """Print one object, or lines for a person."""
    profile = catalogue.load(options.profile)
    found = requests.explain(profile, requests.wanted(profile, options.exposure, options.average))
    if as_json(options):
        sends = [{"command": name, "hex": data.hex(" ")} for name, data in found.requests]
        write_json({"v": 1, "profile": found.profile, "sends": sends, "expects": found.expects, "trust": found.trust})
        return 0
    write_text(found.profile)
    for name, data in found.requests:
        for number, row in enumerate(byte_rows(data) if data else [" " * (3 * ROW - 1)]):
            write_text(f"  {'' if number else name:17}  {row}".rstrip())
    for title, lines in (("expects", found.expects), ("trust", found.trust)):
        for number, line in enumerate(lines):
            write_text(f"  {'' if number else title:17}  {line}")
    return 0


def _seconds(text: str) -> float:
    """Read an exposure; the profile has its limits."""
    try:
        return float(text)
    except ValueError as error:
        msg = f"expected seconds, such as 0.1, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg) from error


# record, replay


def _add_record(actions: Actions) -> None:
    one = actions.add_parser(
        "record",
        help="record raw exposures for `replay`, `identify` or `calibrate`",
        description="Measure, and write every exposure to a file as it came, including darks and damaged ones, before anything is "
        "computed from it. A run that is killed leaves a shorter recording. An existing file is never overwritten.",
        examples=(
            ("raman-edge instruments record /dev/ttyUSB0 -o run.recording --count 20", "twenty spectra, with all of their exposures"),
            ("raman-edge instruments record ocean: -o run.recording --exposure 0.5", "from Ocean on USB, at an exposure of half a second"),
        ),
        exits={69: "no such port, or the instrument is not on it", 73: "the file exists already, or cannot be written", **LASER, **STOPS},
    )
    instrument_options.add_instrument(one)
    one.add_argument("-o", "--out", required=True, type=Path, metavar="FILE", help="the recording, a new file")
    instrument_options.add_exposure(one)
    one.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after N spectra; default: when stopped")
    one.add_argument("--laser", type=shared.laser_nm, metavar="NM", help="the laser's wavelength, nm, instead of the profile's")
    one.set_defaults(run=_record)


def _record(options: argparse.Namespace) -> int:
    """Record until stopped, or until ``--count`` spectra are there."""
    from raman_edge.acquisition.acquisition import Acquisition  # noqa: PLC0415 - slow to import; `list` does without
    from raman_edge.instruments.recording import Recorder  # noqa: PLC0415
    from raman_edge.spectrum import Fault  # noqa: PLC0415

    instrument_options.fill_in(options)
    with stopping() as stop:
        settings = instrument_options.measure_settings(options)
        plan, link = settings.plan(pixels=True), instrument_options.link_settings(options)
        recorder = Recorder(link.open(stop.event, instrument_options.guard), options.out, settings.recorded())
        with recorder as spectrometer:
            for event in Acquisition(spectrometer, plan, stop=stop.event, note=say):
                if isinstance(event, Fault):
                    say(event.why)
            counters = spectrometer.status.counters
            say(f"{counters.frames} exposures, {counters.bad} damaged, {counters.timeouts} late; written to {str(options.out)!r}")
    return stop.code(0)


def _add_replay(actions: Actions) -> None:
    one = actions.add_parser(
        "replay",
        help="identify a recording as if it were measured now",
        description="Give the exposures of a recording again, in their order and averaged as they were. The spectra keep their ids: a "
        "journal that has them gets none twice, and a new one becomes the same.",
        examples=(
            ("raman-edge instruments replay run.recording", "identify what was recorded, as if the instrument were there"),
            ("raman-edge instruments replay run.recording --average 1 --json", "each exposure separately, for a script"),
        ),
        exits={65: "the file is no recording"},
    )
    one.add_argument("recording", type=Path, metavar="FILE", help="made by `instruments record` or `serial --record`")
    one.add_argument("--paced", action="store_true", help="at the pace of the measurement; default: as fast as possible")
    one.add_argument("--average", type=shared.at_least_one, metavar="N", help="exposures a spectrum; default: as recorded")
    one.add_argument("--dark", default=instrument_options.NONE, metavar="FILE|none", help="a dark to subtract, besides the recorded ones")
    one.add_argument("--count", type=shared.at_least_one, metavar="N", help="end after N spectra")
    instrument_options.add_axis(one)
    shared.add_output(one)
    shared.add_journal(one)
    shared.add_model(one)
    shared.add_user_library(one)
    shared.add_json(one)
    one.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    """Identify everything that was recorded."""
    from raman_edge.instruments.recording import ReplayedSpectrometer  # noqa: PLC0415 - slow to import; `list` does without
    from raman_edge.service import measure  # noqa: PLC0415

    as_lines = shared.writes_lines(options, options.output)

    with stopping() as stop, ReplayedSpectrometer(options.recording, paced=options.paced, note=say) as replayed:
        options.laser = options.laser or replayed.plan.laser_nm  # ids are the same only with the same laser
        identifier = shared.open_identifier(options)
        with shared.open_journal(options) as journal:
            calibration = instrument_options.calibration(options, replayed.instrument)
            plan = measure.replayed_plan(
                replayed.plan, calibration, average=options.average, dark=options.dark, laser=options.laser, count=options.count
            )
            display = shared.open_display(as_lines=as_lines)
            run = measure.MeasureRun(
                identifier, journal, stop, replayed, plan, open_display=display, outputs=options.output, stdout=as_lines
            )
            tally = run.run()
            result = measure.summary(tally, journal, replayed)
    say(result)
    return stop.code(0)


# simulate


def _add_simulate(actions: Actions) -> None:
    one = actions.add_parser(
        "simulate",
        help="simulate an instrument on a pseudo-terminal or a TCP port",
        description=(
            "Simulate an instrument from its profile, byte by byte, at the pace of its line: a material under its laser, dark, noise, and "
            "faults on demand. While it runs, standard input takes one command a line: unplug, replug [SERIAL], material NAME, "
            "laser on|off, fault KIND, quit."
        ),
        epilog=(
            "A fault is KIND[@N][:OPTION[,OPTION]]: drop, flip, duplicate, truncate, silence, late, repeat, nak, busy, stale or unplug; "
            "in the next spectrum, the N-th (@N), every N-th (:every=N) or at random (:p=0.01). on=set_integration applies it to that "
            "request, for=2 sets its seconds, serial=X the instrument that is connected after unplug."
        ),
        examples=(
            ("raman-edge instruments simulate ocean-usb2000", "a port that answers as the instrument does; its name is printed"),
            ("raman-edge instruments simulate ocean-sts --material Calcite --axis-error 2", "a mineral, and a shifted axis"),
            ("raman-edge instruments simulate ocean-usb2000 --fault drop:every=10", "a fault in every tenth spectrum"),
        ),
    )
    _add_profile(one)
    one.add_argument(
        "--material",
        metavar="NAME",
        help="a standard, a mineral of the library, A+B, none, or a file of a spectrum; default: the profile's",
    )
    where = one.add_mutually_exclusive_group()
    where.add_argument("--link", type=Path, metavar="PATH", help="a link to the pseudo-terminal; default: one in a temporary folder")
    where.add_argument("--tcp", type=_address, metavar="[HOST:]PORT", help="a TCP port instead, without a baud rate; 0 is any free one")
    one.add_argument("--serial-number", metavar="S", help="the instrument's serial number; default: the profile's")
    one.add_argument("--axis-error", type=_wavenumbers, default=0.0, metavar="CM", help="shift of its axis, cm⁻¹ (default: 0)")
    one.add_argument("--fault", action="append", default=[], metavar="KIND", help="a fault, see below; may be repeated")
    one.add_argument("--seed", type=_seed, default=0, metavar="N", help="the same number gives the same noise and faults (default: 0)")
    one.add_argument("--baud", type=shared.at_least_one, metavar="RATE", help="its rate at power-on; default: the profile's first")
    one.add_argument("--exposure", type=shared.seconds, metavar="S", help="its exposure at power-on, s; default: the profile's")
    one.add_argument("--no-pacing", action="store_true", help="as fast as possible: line and exposure take no time")
    one.add_argument("--verbose", action="store_true", help="print every request and event on standard error")
    shared.add_json(one)
    one.set_defaults(run=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    """Simulate until a signal, or ``quit`` on standard input."""
    from raman_edge.simulator import ports, samples, scene, simulated  # noqa: PLC0415 - slow to import; `list` does without

    profile = catalogue.load(options.profile)
    world = scene.Scene(profile, options.material, find=samples.find, axis_error_cm=options.axis_error)
    at = ports.TcpAt(*options.tcp) if options.tcp else ports.PtyAt(options.link)
    instrument = simulated.Simulated(profile, world, faults=options.fault, seed=options.seed, pacing=not options.no_pacing, at=at)
    instrument.device.begin(baud=options.baud, exposure_s=options.exposure, serial=options.serial_number)
    if options.verbose:
        instrument.note = say
    with stopping() as stop, instrument:
        _show_simulated(options, profile, instrument)
        threading.Thread(target=_take_orders, args=(instrument, stop.event), daemon=True).start()
        while not stop.event.wait(POLL_S) and instrument.running:
            pass
    return stop.code(0)


def _show_simulated(options: argparse.Namespace, profile: Profile, simulated: Simulated) -> None:
    """Print where it is and how to connect."""
    device = simulated.device
    connect = f"raman-edge serial {quoted(simulated.port)}"
    if as_json(options):  # a script is asked nothing
        connect += f" --profile {quoted(options.profile)} --laser {profile.simulator.laser_nm:g}"
    serial, material = device.answers.serial_number, device.scene.material.name
    if as_json(options):
        facts = {"v": 1, "port": simulated.port, "profile": profile.device.id, "baud": device.baud, "connect": connect}
        write_json({**facts, "serial_number": serial, "material": material})
        return
    write_text(f"{profile.device.vendor} {profile.device.model}, simulated, on {simulated.port}")
    write_text(f"  serial number {serial}, {device.baud} baud, {device.exposure_s:g} s, material: {material}")
    write_text(f"  connect:  {connect}")
    write_text("  commands: unplug, replug [SERIAL], material NAME, laser on|off, fault KIND, quit; Ctrl-C ends")


def _take_orders(simulated: Simulated, ended: threading.Event) -> None:
    """Carry out the lines of standard input, to its end; a mistake is printed and changes nothing."""
    from raman_edge.simulator.simulated import carry_out  # noqa: PLC0415 - slow to import; `list` does without

    with contextlib.suppress(OSError, ValueError):  # no standard input, or closed
        for line in sys.stdin or ():
            try:
                going_on = carry_out(line, simulated)
            except RamanEdgeError as error:
                say(str(error))
                continue
            if not going_on:
                ended.set()
                return


def _address(text: str) -> tuple[str, int]:
    """Read ``PORT`` or ``HOST:PORT``, with an IPv6 address in brackets."""
    host, _, number = text.rpartition(":")
    if not (number.isascii() and number.isdigit() and int(number) <= MOST_PORT):
        msg = f"expected a port from 0 to {MOST_PORT}, or HOST:PORT, such as 7000 or 0.0.0.0:7000; got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return host.strip("[]") or "127.0.0.1", int(number)


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**63):
        msg = f"expected a whole number from 0, got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _wavenumbers(text: str) -> float:
    """Read the shift of an axis, cm⁻¹."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -200 <= value <= 200:  # noqa: PLR2004 - beyond that it is another instrument
        msg = f"expected wavenumbers in cm⁻¹, -200 to 200, such as 3; got {text[:80]!r}"
        raise argparse.ArgumentTypeError(msg)
    return value
