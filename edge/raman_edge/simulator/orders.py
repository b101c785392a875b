"""What a person types to a simulated instrument while it runs, a line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError

if TYPE_CHECKING:
    from raman_edge.simulator.simulated import Simulated

ORDERS = {
    "unplug": "pull the cable; the device loses its power",
    "replug": "[SERIAL] plug in, the same instrument or another",
    "material": "NAME lay something else under the laser; A+B is a mixture, none is nothing",
    "laser": "on | off",
    "fault": "KIND[@N][:OPTION,…] let something go wrong, with the next spectrum unless told otherwise",
    "quit": "end",
}
"""Order → what it takes and does."""


def carry_out(line: str, simulated: Simulated) -> bool:
    """Do what a line says, nothing for a blank one; returns whether to go on. :class:`ConfigError` says what was expected."""
    order, _, rest = line.strip().partition(" ")
    told = rest.strip()
    if order not in {"", *ORDERS}:
        msg = f"got {line.strip()[:80]!r}; expected one of {', '.join(ORDERS)}"
        raise ConfigError(msg)
    if order in {"unplug", "quit"} and told:
        msg = f"got {told[:80]!r} after {order}; expected nothing"
        raise ConfigError(msg)
    if order in {"material", "fault"} and not told:
        msg = f"got {order} alone; expected {order} {ORDERS[order].partition(' ')[0]}"
        raise ConfigError(msg)
    if order == "unplug":
        simulated.unplug()
    elif order == "replug":
        simulated.replug(told or None)
    elif order == "material":
        simulated.material(told)
    elif order == "laser":
        simulated.laser(on=_switch(told))
    elif order == "fault":
        simulated.fault(told)
    return order != "quit"


def _switch(told: str) -> bool:
    if told not in {"on", "off"}:
        msg = f"got laser {told[:80]!r}; expected laser on or laser off"
        raise ConfigError(msg)
    return told == "on"
