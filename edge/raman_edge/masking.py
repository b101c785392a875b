"""Passwords in addresses, hidden from messages, logs and shown settings.

An address with a password may be invalid: a ``/``, ``#`` or ``[`` in the password makes another address of it. So the text
decides what is hidden: everything between the first ``:`` and the last ``@``; a port that is not a number; the value of every
unknown option; and everything behind an option or a key whose name means a password.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import pairwise

HIDDEN = "***"
BEGINS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/{2,}|mqtts?:/?|prometheus:(?=[^@]*@)", re.IGNORECASE)
"""Beginning of an address, also of one without slashes."""
BROKER = re.compile(r"\bmqtts?:(?=\S)|\bmqtts?//", re.IGNORECASE)
"""Beginning of a broker's address in a text."""
ANY = re.compile(rf"{BROKER.pattern}|[A-Za-z][A-Za-z0-9+.-]*://|\bprometheus:(?=.*@)", re.IGNORECASE)
"""Beginning of any address in a text."""
ADVICE = re.compile(r"(mqtts?://(?:\[USER@\])?HOST\S*)")
"""Addresses in our own messages."""
AUTHORITY = re.compile(r"(\[[^\]@]*\]|[^:/?#\[\]]*)(?::([^/?#]*))?")
"""Host, in brackets where it has colons, and port."""
PLACE = re.compile(r"[/?#;]")
MOST_PORT = 65_535
OPTION = re.compile(r"([?&;])([^=&;#]*)(=?)([^&;#]*)")
OPTIONS_SHOWN = frozenset(("qos", "retain", "protocol", "client", "ca", "password_file"))
"""Options whose values are not secret."""
SECRET = re.compile(r"pass|pwd|\bpw\b|secret|token|credential", re.IGNORECASE)
"""Names that mean a password."""
SECRET_OPTION = re.compile(rf"[?&;](?!password_file=)[^=&;#]*(?:{SECRET.pattern})[^=&;#]*=", re.IGNORECASE)
SETTING = re.compile(rf"[\"']?[\w.-]*(?:{SECRET.pattern})[\w.-]*[\"']?\s*[=:]", re.IGNORECASE)
"""A key that is set to a password, in a line of a file."""
WORD = re.compile(r"\S+")
FILES = ("jsonl:", "csv:")
QUOTES = "'\"`"


def masked(address: str) -> str:
    """Return an address without the password that it may hold."""
    begin = BEGINS.match(address)
    if begin is None:
        return address if address.startswith(FILES) else _masked_user(address)
    head, rest = address[: begin.end()], address[begin.end() :]
    user, at, place = rest.rpartition("@")
    if at and ":" not in user and PLACE.search(user):  # the @ is in the topic or in an option
        user, place = "", rest
    elif at:
        user = _masked_user(user + at)
    authority = AUTHORITY.match(place)
    host, port = (authority[1], authority[2]) if authority else ("", None)
    after = place[authority.end() :] if authority else place
    if (port and not _is_port(port)) or (after and after[0] not in "/?#"):
        return f"{head}{user}{host}:{HIDDEN}"
    return f"{head}{user}{host}{'' if port is None else f':{port}'}{_masked_options(after)}"


def holds_password(address: str) -> bool:
    """Whether an address has a user with a password, or an option whose name means one."""
    begin = BEGINS.match(address)
    rest = address[begin.end() if begin else 0 :]
    user, at, _ = rest.rpartition("@")
    return bool(at and ":" in user) or any(_is_secret(option[2]) for option in OPTION.finditer(rest))


def masked_text(text: str) -> str:
    """Return a text, such as a message or a line of a file, without the passwords of the addresses in it.

    The end of an address in a text is unknown, as a password may contain quotes and blanks. In doubt more is hidden.
    """
    return "\n".join(_masked_line(line) for line in text.split("\n"))


def masked_arguments(text: str) -> str:
    """Return a text about a command's arguments without the passwords in them, also for an address without its beginning."""
    return WORD.sub(lambda word: _masked_user(word[0]), masked_text(text))


def masked_setting(line: str) -> str:
    """Return a line of a file of settings without the password that it may hold."""
    if (found := SETTING.search(line)) is not None:
        return f"{masked_text(line[: found.end()])} {HIDDEN}"
    return masked_text(line) if ANY.search(line) else _masked_user(line)


def _masked_line(line: str) -> str:
    parts = ADVICE.split(line)
    return "".join(part if number % 2 else _masked_part(part) for number, part in enumerate(parts))


def _masked_part(line: str) -> str:
    first = ANY.search(line)
    if first is None:
        return line
    starts = sorted({first.start(), *(found.start() for found in BROKER.finditer(line))})
    shown = [line[: starts[0]]]
    for start, end in pairwise((*starts, len(line))):
        part, quote = line[start:end], line[start - 1 : start] if start else ""
        length = _length(part, quote)
        shown += [masked(part[:length]), part[length:]]
    return "".join(shown)


def _length(part: str, quote: str) -> int:
    """Return how much of a text that begins with an address belongs to it, or may."""
    least = part.rfind("@") + 1
    if SECRET_OPTION.search(part):
        return part.rfind(quote) if quote and quote in QUOTES and quote in part else len(part)
    if quote and quote in QUOTES and part.find(quote, least) >= 0:
        ends = part.find(quote, least)
        # A quoted address may contain the quote itself: without a user, it may be in an invalid port.
        return ends if least else max(ends, part.rfind(quote) if masked(part[:ends]) != part[:ends] else ends)
    ends = next((place for place in range(least, len(part)) if part[place].isspace() or part[place] in QUOTES), len(part))
    return ends - (not least and part[:ends].endswith(":"))  # the colon of the sentence


def _masked_user(text: str) -> str:
    """Return ``user:password@…`` without the password."""
    user, at, rest = text.rpartition("@")
    return f"{user.partition(':')[0]}:{HIDDEN}@{rest}" if at and ":" in user else text


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MOST_PORT)) and int(text) <= MOST_PORT


def _is_secret(name: str) -> bool:
    return bool(SECRET.search(name)) and name not in OPTIONS_SHOWN


def _masked_options(text: str) -> str:
    """Return path, ``?name=value&name=value`` and what follows, up to the first that may hold a password."""
    for option in OPTION.finditer(text):
        mark, name, equals, _ = option.groups()
        if name in OPTIONS_SHOWN or (mark == ";" and not SECRET.search(name)):
            continue
        is_name = equals and (SECRET.search(name) or get_close_matches(name, OPTIONS_SHOWN, 1))
        return f"{text[: option.start()]}{mark}{name + equals if is_name else ''}{HIDDEN}"
    return text
