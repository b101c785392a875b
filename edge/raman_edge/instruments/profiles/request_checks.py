"""What requests say: that every field can be parsed, knows its names, and holds what it may be asked for."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError
from raman_edge.instruments.profiles import expressions, fields, requests
from raman_edge.instruments.profiles.profile import Query
from raman_edge.instruments.profiles.requests import BUILT_IN, INTEGRATION, RequestValues, known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raman_edge.instruments.profiles.commands import Command
    from raman_edge.instruments.profiles.profile import Profile
    from raman_edge.instruments.profiles.validate import Found
    from raman_edge.settings.errors import KeyPath

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(profile: Profile) -> Iterator[Found]:
    """Give every mistake in expressions and templates; those that depend on numbers only where all could be read."""
    found = [*_probe(profile), *_times(profile), *_values(profile)]
    for path, command in requests.commands(profile):
        found += _fields(path, command, known(profile, str(path[1])))
    yield from found
    if not found:
        yield from _used(profile)
        yield from _fits(profile)


def _probe(profile: Profile) -> Iterator[Found]:
    probe = profile.match.probe
    if probe is None:
        return
    for at, text in enumerate(probe.send):
        yield from _field(("match", "probe", "send", at), text, frozenset())
    if not probe.expect:
        yield ("match", "probe", "expect"), "is empty, which every device answers: say what the answer begins with"


def _times(profile: Profile) -> Iterator[Found]:
    times = profile.integration
    if times is None:
        return
    if times.min > times.max:
        yield ("integration", "max"), f"got {times.max}, and min is {times.min}: the larger is max"
    elif not times.min <= times.default <= times.max:
        yield ("integration", "default"), f"got {times.default}, expected {times.min} to {times.max}, as min and max say"


def _values(profile: Profile) -> Iterator[Found]:
    timed = () if profile.integration is None else (INTEGRATION,)
    names = {*requests.ALWAYS, *timed}
    for key, formula in profile.values.items():
        path = ("values", key)
        if key in BUILT_IN or not NAME.fullmatch(key):
            yield path, "is no name that can be given: take letters, digits and _, and none of " + ", ".join(sorted(BUILT_IN))
        try:
            yield from _unknown(path, expressions.parse(formula).names(), frozenset(names))
        except ConfigError as error:
            yield path, str(error)
        names.add(key)


def _fields(path: KeyPath, command: Command, names: frozenset[str]) -> Iterator[Found]:
    for at, text in enumerate(command.send):
        yield from _field((*path, "send", at), text, names)


def _field(path: KeyPath, text: str, names: frozenset[str]) -> Iterator[Found]:
    try:
        yield from _unknown(path, fields.names(fields.parse(text)), names)
    except ConfigError as error:
        yield path, str(error)


def _unknown(path: KeyPath, used: frozenset[str], names: frozenset[str]) -> Iterator[Found]:
    for name in sorted(used - names):
        yield path, f"{name} is no name that is known here; known are {', '.join(sorted(names)) or 'none'}"


def _used(profile: Profile) -> Iterator[Found]:
    """Give what the profile says can be set, and no request ever tells the device."""
    told = _told(profile)
    times = profile.integration
    if times is not None and INTEGRATION not in told:
        yield ("integration",), "no command tells the device: use {integration} in one, or leave the table out"
    if times is not None and times.averages_max > 1 and "averages" not in told:
        yield ("integration", "averages_max"), f"got {times.averages_max}, and no command tells the device: use {{averages}} in one"
    if profile.commands.set_baud is not None and not told & {"baud", "baud_code"}:
        yield ("commands", "set_baud"), "tells no rate: use {baud} or {baud_code}"
    switch = profile.serial.switch
    if "baud_code" in told and switch is not None:
        for rate in profile.serial.baud:
            if str(rate) not in switch.codes:
                yield ("serial", "switch", "codes"), f"knows no code of {rate}, which serial.baud has"


def _told(profile: Profile) -> frozenset[str]:
    """Return every name that some request holds, also by way of ``values``."""
    told: set[str] = set()
    for _, command in requests.commands(profile):
        for text in command.send:
            told |= fields.names(fields.parse(text))
    for key, formula in reversed(profile.values.items()):
        if key in told:
            told |= expressions.parse(formula).names()
    return frozenset(told)


def _fits(profile: Profile) -> Iterator[Found]:
    """Make every request at the ends of what may be asked for, and give the first failure of each."""
    for path, command in requests.commands(profile):
        said = next(_failures(profile, path, command), None)
        if said is not None:
            yield path, said


def _failures(profile: Profile, path: KeyPath, command: Command) -> Iterator[str]:
    name = str(path[1])
    for wanted in _ends(profile, name):
        try:
            requests.sent(profile, command, requests.values(profile, name, wanted), "")
        except ConfigError as error:
            yield f"{str(error).removeprefix('.')} (at {_spoken(profile, wanted)})"


def _spoken(profile: Profile, wanted: RequestValues) -> str:
    unit = "" if profile.integration is None else f"integration {wanted.integration} {profile.integration.unit}, "
    return f"{unit}averages {wanted.averages}"


def _ends(profile: Profile, name: str) -> Iterator[RequestValues]:
    """Give what may be asked for: the smallest and the largest of everything."""
    times, axis = profile.integration, profile.wavelength
    integrations = (None,) if times is None else (times.min, times.default, times.max)
    averages = (1,) if times is None else (1, times.averages_max)
    last = axis.first_index + axis.coefficients - 1 if isinstance(axis, Query) and name == "coefficient" else 0
    rates = profile.serial.baud if name == "set_baud" else profile.serial.baud[:1]
    for integration, average, index, rate in product(integrations, averages, (0, last), rates):
        yield RequestValues(integration, average, index, rate)
