"""Passwords in addresses, made unreadable: nobody reads one in a message, a log or the settings that are shown.

An address that hides a password need not be one that can be read: a ``/``, ``#`` or ``[`` in the password makes another
address of it. So what is hidden is decided by the text: all between the first ``:`` behind ``//`` and the last ``@``; a
port that is no number; the value of every option that is not known; and all behind an option that is called a password.
"""

from __future__ import annotations

import re

HIDDEN = "***"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/{2,}")
"""How an address begins."""
BROKER = re.compile(r"mqtts?:/{0,1}(?!/)", re.IGNORECASE)
"""How an address of a broker begins that lacks a slash."""
BEGINS = re.compile(rf"{SCHEME.pattern}|{BROKER.pattern}", re.IGNORECASE)
ADDRESS = re.compile(rf"(?:{BEGINS.pattern})[^\n]*", re.IGNORECASE)
PORT = re.compile(r"(\[[^\]@]*\]|[^:\[\]]*)(?::([^/?#]*))?")
"""Host, in brackets where it has colons, and port."""
OPTION = re.compile(r"([?&])([^=&#]*)(=?)([^&#]*)")
SHOWN = frozenset(("qos", "retain", "protocol", "client", "ca", "password_file"))
"""Options whose values are no secrets."""
SECRET = re.compile(r"pass|pwd|pw\b|secret|token|credential|auth|key", re.IGNORECASE)
"""How what holds a password is called."""
ASSIGNED = re.compile(r"^(\s*[\w.\"'-]*(?:pass|pwd|pw\b|secret|token|credential)[\w.\"'-]*\s*[=:]\s*).*", re.IGNORECASE)
"""A line of a file that sets a password."""


def masked(address: str) -> str:
    """Return an address without the password that it may hold."""
    begin = BEGINS.match(address)
    if begin is None:
        return address
    head, rest = address[: begin.end()], address[begin.end() :]
    user, at, place = rest.rpartition("@")
    if at and ":" in user:
        user = f"{user.partition(':')[0]}:{HIDDEN}"
    authority = PORT.match(place)
    host, port = (authority[1], authority[2]) if authority else ("", None)
    after = place[authority.end() :] if authority else place
    if (port and not (port.isascii() and port.isdigit())) or (after and after[0] not in "/?#"):
        return f"{head}{user}{at}{host}:{HIDDEN}"
    path, question, query = after.partition("?")
    shown_port = "" if port is None else f":{port}"
    return f"{head}{user}{at}{host}{shown_port}{path}{_masked_options(question + query)}"


def holds_password(address: str) -> bool:
    """Whether an address names a user with a password, or has an option that is called one."""
    begin = BEGINS.match(address)
    if begin is None:
        return False
    rest = address[begin.end() :]
    user, _, place = rest.rpartition("@")
    names = [option[2] for option in OPTION.finditer(place)]
    return ":" in user or any(SECRET.search(name) and name not in SHOWN for name in names)


def masked_text(text: str) -> str:
    """Return a text, such as a message or a line of a file, without the passwords of the addresses in it.

    Where an address ends cannot be known, as a password may hold quotes and blanks: it is taken to end with the line where
    that hides more.
    """
    return "\n".join(
        ADDRESS.sub(lambda found: _masked_in_text(found[0]), ASSIGNED.sub(rf"\g<1>{HIDDEN}", line)) for line in text.split("\n")
    )


def _masked_in_text(rest: str) -> str:
    """Mask what begins with an address and goes on with other text."""
    end = next((place for place, character in enumerate(rest) if character in "'\"`\\ \t,;)>]}" and _ends(rest, place)), len(rest))
    return masked(rest[:end]) + rest[end:]


def _ends(rest: str, place: int) -> bool:
    """Whether an address can end before ``place``: nothing behind it belongs to a password."""
    begin = BEGINS.match(rest)
    if begin is None:
        return True
    inside, behind = rest[begin.end() : place], rest[place:]
    another = BEGINS.search(behind)
    return "@" not in (behind[: another.start()] if another else behind) or ("@" not in inside and ":" not in inside)


def _masked_options(query: str) -> str:
    """Return ``?name=value&name=value`` without what may be a password."""
    shown = []
    for option in OPTION.finditer(query):
        mark, name, equals, value = option.groups()
        if SECRET.search(name) and name not in SHOWN:
            shown.append(f"{mark}{name if equals else ''}{equals}{HIDDEN}")
            return "".join(shown)
        if name in SHOWN:
            shown.append(f"{mark}{name}{equals}{value}")
        else:
            shown.append(f"{mark}{name if equals else HIDDEN}{equals}{HIDDEN if equals else ''}")
    fragment = query.partition("#")
    return "".join(shown) + ("#" + HIDDEN if fragment[1] else "")
