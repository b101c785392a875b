"""``mqtt://[USER@]HOST[:PORT]/TOPIC[?OPTIONS]``: which broker, which topic, how.

Options: ``qos=0|1|2`` (1), ``retain=0|1`` (0), ``protocol=5|3.1.1`` (5), ``client=ID``, ``ca=FILE``
(of the authority that signed the broker's certificate; mqtts, default: the system's) and
``password_file=FILE``. The password is read from that file or from RAMAN_EDGE_MQTT_PASSWORD,
not from the command line, where every user of the machine can see it.
"""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from raman_edge import masking
from raman_edge.atomic_write import system_path
from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError

PASSWORD_VARIABLE = "RAMAN_EDGE_MQTT_PASSWORD"  # noqa: S105 - the name of a variable
FORM = "The form is mqtt://[USER@]HOST[:PORT]/TOPIC[?qos=1&retain=0]"
PORTS = {"mqtt": 1883, "mqtts": 8883}
OPTIONS = {"qos": ("0", "1", "2"), "retain": ("0", "1"), "protocol": ("5", "3.1.1"), "client": None, "ca": None, "password_file": None}
"""Option → what it may be; None is any text."""
CLIENT_CHARACTERS = 23
"""The longest client identifier that every broker takes (MQTT 3.1.1, section 3.1.3.1)."""
LONGEST_PASSWORD = 65_535
"""Bytes (MQTT 3.1.1, section 3.1.3.5)."""
LONGEST_TOPIC = 65_535 - len("/state")
"""Bytes (MQTT 3.1.1, section 1.5.3), with what is put behind it."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where messages go."""

    host: str
    port: int
    topic: str
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    qos: Literal[0, 1, 2] = 1
    """0 is sent once and not confirmed: messages on their way are lost when the connection breaks."""
    retain: bool = False
    protocol: Literal["5", "3.1.1"] = "5"
    """A broker of version 5 reports a refused message; one of 3.1.1 drops it and confirms."""
    client: str = ""
    """Client identifier; empty is made of this host's name and the topic."""
    ca: Path | None = None

    @property
    def name(self) -> str:
        """The sink's name, without password and options."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}/{self.topic}"

    @property
    def state_topic(self) -> str:
        """Topic of ``online`` or ``offline``."""
        return f"{self.topic}/state"

    @property
    def client_id(self) -> str:
        """The same at every start, for the broker's log and rules."""
        made = hashlib.sha256(f"{socket.gethostname()}\0{self.name}".encode()).hexdigest()
        return self.client or f"ramanedge{made}"[:CLIENT_CHARACTERS]


def parse(spec: str) -> Broker:
    """Read a specification; :class:`ConfigError` with what was got and what was expected."""
    if masking.holds_password(spec):
        advice = f"Others can see it: put it in {PASSWORD_VARIABLE} or in a file with ?password_file=FILE (an @ in a name is written %40)"
        raise _mistake(spec, "a password in the address", advice=advice)
    try:
        parts = urlsplit(spec)
        host, port = parts.hostname, parts.port
    except ValueError:  # its message quotes what may be a password
        raise _mistake(spec, "not an address", expected="brackets around a host with colons, a port from 1 to 65535") from None
    if not host:
        raise _mistake(spec, "no host")
    options = _options(spec, parts.query)
    ca = options.get("ca")
    if ca and parts.scheme != "mqtts":
        raise _mistake(spec, "?ca= without TLS", expected="mqtts://HOST/TOPIC")
    if ca and not system_path(Path(ca)).is_file():
        raise _mistake(spec, "not a file", f"ca={ca}")
    return Broker(
        host=host,
        port=port or PORTS[parts.scheme],
        topic=_topic(spec, unquote(parts.path[1:])),
        tls=parts.scheme == "mqtts",
        user=unquote(parts.username) if parts.username else None,
        password=_password(spec, options.get("password_file")) if parts.username else None,
        qos={"0": 0, "1": 1, "2": 2}[options.get("qos", "1")],  # type: ignore[arg-type]  # a literal of three
        retain=options.get("retain") == "1",
        protocol="3.1.1" if options.get("protocol") == "3.1.1" else "5",
        client=options.get("client", ""),
        ca=Path(ca) if ca else None,
    )


def _options(spec: str, query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in OPTIONS:
            raise _mistake(spec, "unknown option", expected=", ".join(OPTIONS))
        if name in found:
            raise _mistake(spec, "option given twice", repr(name))
        allowed = OPTIONS[name]
        if not value or (allowed is not None and value not in allowed):
            raise _mistake(spec, "invalid option", f"{name}={value}", " or ".join(allowed) if allowed else "some text")
        found[name] = value
    return found


def _topic(spec: str, topic: str) -> str:
    if not topic or "#" in spec or set(topic) & set("+#\0") or len(topic.encode("utf-8", "replace")) > LONGEST_TOPIC:
        raise _mistake(spec, "invalid topic", repr(topic[:60]), "a name such as lab/raman, without + and #")
    return topic


def _password(spec: str, file: str | None) -> str | None:
    """Return the password; None where there is none."""
    password = os.environ.get(PASSWORD_VARIABLE) if file is None else _password_in(spec, file)
    if password is not None and len(password.encode("utf-8", "surrogateescape")) > LONGEST_PASSWORD:
        raise _mistake(spec, "password too long", expected=f"at most {LONGEST_PASSWORD} bytes (MQTT 3.1.1)")
    return password


def _password_in(spec: str, file: str) -> str:
    place = f"output {masking.masked(spec)!r}: password file {file!r}"
    try:
        return bounded(Path(file), LONGEST_PASSWORD + 2, ConfigError, place=place, advice=FORM).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ConfigError(kind="not UTF-8", place=place, advice=FORM) from error


def _mistake(spec: str, kind: str, got: str = "", expected: str = "", advice: str = FORM) -> ConfigError:
    return ConfigError(kind=kind, place=f"output {masking.masked(spec)!r}", got=got, expected=expected, advice=advice)
