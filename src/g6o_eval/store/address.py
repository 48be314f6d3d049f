"""Where a Dolt server is and how to speak to it: a store's URL, taken apart and checked."""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from g6o_eval.errors import DeclarationError

PASSWORD_VARIABLE = "G6O_STORE_PASSWORD"  # noqa: S105 # the name of a variable
DEFAULT_PORT = 3306
ANSWER_SECONDS = 120.0
"""How long one statement may take until its first answer, and the pause between two parts of it."""

Tls = Literal["off", "encrypt", "verify"]

_FORM = "dolt://user@host:port/database"
_OPTIONS = ("tls", "tls_ca", "tls_cert", "tls_key", "timeout")
_DATABASE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A database on a Dolt server.

    Attributes:
        url: as it may be shown, without a password.
        host: name or IP address.
        port: of the server.
        user: who connects.
        password: "" without one; in no repr, no message and no log.
        database: its name.
        tls: "off"; "encrypt": whoever answers is believed; "verify": its certificate must be good for the host.
        tls_ca: file of the certificates that sign the server's; None: those of the system.
        tls_cert: file of our certificate, for servers that ask for one.
        tls_key: file of its key.
        answer_seconds: see ANSWER_SECONDS.
    """

    url: str
    host: str
    port: int = DEFAULT_PORT
    user: str
    password: str = field(default="", repr=False)
    database: str
    tls: Tls
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    answer_seconds: float = ANSWER_SECONDS

    @property
    def server(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


def parse_address(url: str, *, password: str | None = None) -> Address:
    """Take a dolt:// URL apart.

    Options behind a "?": tls=off|encrypt|verify (default: off on this machine, verify elsewhere),
    tls_ca=FILE, tls_cert=FILE, tls_key=FILE, timeout=SECONDS (see ANSWER_SECONDS).

    Args:
        url: dolt://user@host:port/database; a user or password with one of :/@?#% in it is percent-encoded.
        password: used when the URL has none.

    Raises:
        DeclarationError: the URL has another form; it never shows the password.
    """
    shown = without_password(url)
    parts, port = _parts(url, shown)
    database = unquote(parts.path.removeprefix("/"))
    if not _DATABASE.fullmatch(database):
        raise DeclarationError(
            f"{shown!r} names the database {database!r}: use letters, digits, _ and -, 64 characters at most"
        )
    host, options = str(parts.hostname), _options(parts.query, shown)
    return Address(
        url=shown,
        host=host,
        port=port,
        user=unquote(str(parts.username)),
        password=unquote(parts.password or "") or password or "",
        database=database,
        tls=_tls(options, host, shown),
        tls_ca=options.get("tls_ca"),
        tls_cert=options.get("tls_cert"),
        tls_key=options.get("tls_key"),
        answer_seconds=_seconds(options, shown),
    )


def _parts(url: str, shown: str) -> tuple[SplitResult, int]:
    """Return the parts of a URL that names a server and a user, and the port."""
    wrong = f"a server store's URL is {_FORM}, got {shown!r}"
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise DeclarationError(f"{wrong}: host and port cannot be read") from None
    if parts.scheme != "dolt" or not parts.hostname or not parts.username or parts.fragment:
        raise DeclarationError(wrong)
    return parts, port


def without_password(url: str) -> str:
    """Return the URL as it may be shown: `dolt://user:secret@host/db` without `:secret`."""
    # Up to the last @, so that a password with one of / or @ in it, which should be encoded, is not shown either.
    return re.sub(r"^([a-z]+://[^/@:]*):.*@", r"\1@", url, flags=re.DOTALL)


def _options(query: str, shown: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown or len(options) < len(pairs):
        wrong = f"the option {unknown[0]!r}" if unknown else "an option twice"
        raise DeclarationError(f"{shown!r} has {wrong}: the options are {', '.join(_OPTIONS)}, each once")
    if empty := sorted(name for name, value in options.items() if not value):
        raise DeclarationError(f"{shown!r} has the option {empty[0]!r} without a value")
    return options


def _tls(options: dict[str, str], host: str, shown: str) -> Tls:
    files = [name for name in ("tls_ca", "tls_cert", "tls_key") if name in options]
    asked = options.get("tls") or ("verify" if files or not _is_loopback(host) else "off")
    if asked not in get_args(Tls):
        raise DeclarationError(f"{shown!r} says tls={asked}: it is off, encrypt or verify")
    if (asked == "off" and files) or (asked == "encrypt" and "tls_ca" in options):
        raise DeclarationError(f"{shown!r} says tls={asked} and names {files[0]}, which needs tls=verify")
    if "tls_key" in options and "tls_cert" not in options:
        raise DeclarationError(f"{shown!r} names tls_key without tls_cert")
    return cast(Tls, asked)


def _seconds(options: dict[str, str], shown: str) -> float:
    text = options.get("timeout", str(ANSWER_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise DeclarationError(f"{shown!r} says timeout={text}: it is a number of seconds above 0")
    return seconds


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
