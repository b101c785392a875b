"""Orders that a user types to a running simulated instrument, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from raman_edge.simulator.simulated import Simulated

ORDERS = {
    "unplug": "pull the cable; the device loses its power",
    "replug": "[SERIAL] plug in, the same instrument or another",
    "material": "NAME put another sample under the laser; A+B is a mixture, none is nothing",
    "laser": "on | off",
    "fault": "KIND[@N][:OPTION,…] inject a fault, by default into the next spectrum",
    "quit": "end",
}
"""Order → its arguments and its effect."""


def carry_out(line: str, simulated: Simulated) -> bool:
    """Carry out a line; a blank one does nothing. Return whether to continue; :class:`ConfigError` for a wrong order."""
    order, _, rest = line.strip().partition(" ")
    argument = rest.strip()
    if order not in {"", *ORDERS}:
        raise ConfigError(kind="unknown order", got=repr(line.strip()[:80]), expected=f"one of {', '.join(ORDERS)}")
    if order in {"unplug", "quit"} and argument:
        raise ConfigError(kind="unexpected argument", place=order, got=repr(argument[:80]))
    if order in {"material", "fault"} and not argument:
        raise ConfigError(kind="missing argument", place=order, expected=f"{order} {ORDERS[order].partition(' ')[0]}")
    if order == "unplug":
        simulated.unplug()
    elif order == "replug":
        simulated.replug(argument or None)
    elif order == "material":
        simulated.material(argument)
    elif order == "laser":
        simulated.laser(on=_switch(argument))
    elif order == "fault":
        simulated.fault(argument)
    return order != "quit"


def _switch(argument: str) -> bool:
    if argument not in {"on", "off"}:
        raise ConfigError(kind="wrong argument", place="laser", got=repr(argument[:80]), expected="on or off")
    return argument == "on"
