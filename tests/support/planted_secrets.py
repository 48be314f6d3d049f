"""Secrets of every usual kind, planted in text as agents' logs hold it. Random, made at run time, worth nothing."""

from __future__ import annotations

import base64
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"
HEX = string.hexdigits[:16]


@dataclass(frozen=True, slots=True)
class Planted:
    """A text, what is secret in it, and of which kind that is."""

    kind: str
    text: str
    secret: str


def _jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head, body = part({"alg": "HS256", "typ": "JWT"}), part({"sub": str(rng.random()), "iat": rng.getrandbits(31)})
    return f"{head}.{body}.{_any(rng, URLSAFE, 43)}"


def _any(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _key_block(rng: random.Random, name: str) -> str:
    lines = "\n".join(_any(rng, ALNUM + "+/", 64) for _ in range(6))
    return f"-----BEGIN {name}PRIVATE " + f"KEY-----\n{lines}\n-----END {name}PRIVATE " + "KEY-----"


TOKENS: dict[str, Callable[[random.Random], str]] = {
    "github classic": lambda r: "gh" + r.choice("pousr") + "_" + _any(r, ALNUM, 36),
    "github fine-grained": lambda r: "github" + "_pat_" + _any(r, ALNUM, 22) + "_" + _any(r, ALNUM, 59),
    "gitlab": lambda r: "gl" + "pat-" + _any(r, URLSAFE, 20),
    "openai": lambda r: "sk" + "-" + _any(r, ALNUM, 20) + "T3Blbk" + "FJ" + _any(r, ALNUM, 20),
    "openai project": lambda r: "sk" + "-proj-" + _any(r, URLSAFE, 74) + "T3Blbk" + "FJ" + _any(r, URLSAFE, 74),
    "anthropic": lambda r: "sk" + "-ant-api03-" + _any(r, URLSAFE, 93) + "AA",
    "openrouter": lambda r: "sk" + "-or-v1-" + _any(r, HEX, 64),
    "aws id": lambda r: r.choice(("AKIA", "ASIA")) + _any(r, string.ascii_uppercase + "234567", 16),
    "slack bot": lambda r: f"xox{'b'}-{_any(r, string.digits, 12)}-{_any(r, string.digits, 13)}-{_any(r, ALNUM, 24)}",
    "slack app": lambda r: "xa" + f"pp-1-A{_any(r, ALNUM.upper(), 10)}-{_any(r, string.digits, 13)}-{_any(r, HEX, 64)}",
    "google api": lambda r: "AI" + "za" + _any(r, URLSAFE, 35),
    "google oauth": lambda r: "ya" + "29." + _any(r, URLSAFE, 120),
    "google client": lambda r: "GOC" + "SPX-" + _any(r, URLSAFE, 28),
    "jwt": _jwt,
    "rsa key": lambda r: _key_block(r, "RSA "),
    "openssh key": lambda r: _key_block(r, "OPENSSH "),
    "pkcs8 key": lambda r: _key_block(r, ""),
    "npm": lambda r: "np" + "m_" + _any(r, ALNUM, 36),
    "pypi": lambda r: "py" + "pi-AgEIcHlwaS5vcmc" + _any(r, URLSAFE, 130),
    "stripe": lambda r: "sk" + "_live_" + _any(r, ALNUM, 24),
    "hugging face": lambda r: "h" + "f_" + _any(r, string.ascii_letters, 34),
    "sendgrid": lambda r: "S" + "G." + _any(r, URLSAFE, 22) + "." + _any(r, URLSAFE, 43),
    "telegram": lambda r: _any(r, "123456789", 9) + ":AA" + _any(r, URLSAFE, 33),
    "digitalocean": lambda r: "dop" + "_v1_" + _any(r, HEX, 64),
    "xai": lambda r: "xa" + "i-" + _any(r, ALNUM, 80),
    "groq": lambda r: "gs" + "k_" + _any(r, ALNUM, 52),
}
"""Secrets that are known by how they look."""
SURROUNDINGS = (
    "{}",
    "I found the key {} in the config, let me use it.",
    'curl -H "X-Api: {}" https://api.example.com/v1/items',
    '{{"tool":"readFile","content":"const k = \\"{}\\";"}}',
    "Result:\n1 | KEY={}\n2 | PORT=8080",
    "- old\n+ new: `{}`",
    "https://example.com/hook?key={}&v=2",
    '{{"tool":"newFileCreated","content":"# mine\\\\n{}\\\\n"}}',
    "https://example.com/hook?q=a%20{}",
    "\x1b[32m{}\x1b[0m",
)


def _password(rng: random.Random) -> str:
    return _any(rng, ALNUM + "!#%^*-_+.", 14) + rng.choice(string.digits)


IN_PLACE: dict[str, Callable[[str], str]] = {
    "slack hook": lambda s: f"https://hooks.slack.com/services/{s}",
    "postgres url": lambda s: f"postgresql://app:{s}@db.internal:5432/shop",
    "mongo url": lambda s: f"mongodb+srv://root:{s}@cluster0.abcde.mongodb.net/test",
    "amqp url": lambda s: f'broker = "amqp://guest:{s}@mq:5672//"',
    "redis url": lambda s: f"REDIS_URL=redis://:{s}@cache:6379/0",
    "git url": lambda s: f"git clone https://oauth2:{s}@gitlab.example.com/a/b.git",
    "dsn": lambda s: f"Server=db;Database=shop;User Id=sa;Password={s};Encrypt=true",
    "bearer": lambda s: f"Authorization: Bearer {s}",
    "bearer json": lambda s: f'{{"headers":{{"Authorization":"Bearer {s}"}}}}',
    "x-api-key": lambda s: f"x-api-key: {s}",
    "env": lambda s: f"DEBUG=1\nDB_PASSWORD={s}\nPORT=80",
    "env quoted": lambda s: f'SECRET_KEY="{s}"\n',
    "env export": lambda s: f"export SERVICE_TOKEN={s}",
    "yaml": lambda s: f"database:\n  password: {s}\n  port: 5432",
    "json": lambda s: f'{{"client_secret": "{s}", "scope": "all"}}',
    "escaped json": lambda s: f'{{\\"api_key\\":\\"{s}\\"}}',
    "python": lambda s: f"client = Client(api_key='{s}', timeout=3)",
    "flag": lambda s: f"mysql -u root --password={s} shop",
    "npmrc": lambda s: f"//npm.example/:_authToken={s}",
    "netrc": lambda s: f"machine example.com login me password {s}",
    "curl user": lambda s: f"curl -u admin:{s} https://example.com/api",
}
"""Secrets that only their place gives away."""


def _aws_secret(rng: random.Random) -> tuple[str, str]:
    secret = _any(rng, ALNUM + "+/", 40)
    return secret, f"aws_secret_access_key = {secret}"


def _basic(rng: random.Random) -> tuple[str, str]:
    secret = base64.b64encode(f"admin:{_password(rng)}".encode()).decode()
    return secret, f"authorization: Basic {secret}"


def planted(seed: int, *, each: int) -> Iterator[Planted]:
    """Yield `each` secrets of every kind, in changing surroundings; equal seeds give equal texts."""
    rng = random.Random(seed)
    for number in range(each):
        for kind, make in TOKENS.items():
            secret = make(rng)
            around = SURROUNDINGS[number % len(SURROUNDINGS)]
            yield Planted(kind, around.format(secret), secret)
        for kind, place in IN_PLACE.items():
            secret = _any(rng, URLSAFE, 40) if kind.startswith("bearer") else _password(rng)
            if kind == "slack hook":
                secret = f"T{_any(rng, ALNUM, 9)}/B{_any(rng, ALNUM, 9)}/{_any(rng, ALNUM, 24)}"
            yield Planted(kind, place(secret), secret)
        for kind, pair in (("aws secret", _aws_secret(rng)), ("basic", _basic(rng))):
            yield Planted(kind, pair[1], pair[0])


def harmless(seed: int, *, each: int) -> Iterator[tuple[str, str]]:
    """Yield (kind, text) of texts that look random and are no secrets."""
    rng = random.Random(seed)
    for _ in range(each):
        sha = _any(rng, HEX, 40)
        yield "git sha", f"commit {sha}\nAuthor: a <a@example.com>"
        yield "short sha", f"[main {sha[:7]}] Mend the cart"
        yield "sha256", f"sha256:{_any(rng, HEX, 64)}"
        yield "integrity", f'"integrity": "sha512-{base64.b64encode(rng.randbytes(64)).decode()}"'
        yield "uuid", f'"taskId":"{uuid.UUID(int=rng.getrandbits(128), version=4)}"'
        yield "image", f"data:image/png;base64,{base64.b64encode(rng.randbytes(900)).decode()}"
        yield "epoch", f'"ts":{rng.randrange(10**12, 10**13)}'
        yield "path", f"/home/me/project/{_any(rng, string.ascii_lowercase, 12)}/token_store.py:{rng.randrange(900)}"
        yield "call", f"token = read_token({_any(rng, string.ascii_lowercase, 9)})"
        yield "attribute", f"password=settings.{_any(rng, string.ascii_lowercase, 8)}.password1"
        yield "hole", "api_key: ${API_KEY_2}, token: <your-token>, password: process.env.DB_PASS1"
        yield "count", f'"tokensIn": {rng.randrange(10**6)}, max_tokens={rng.randrange(9000)}'
        yield "type", "def login(user: str, password: str, token: str | None = None) -> bool:"
        yield "url", f"https://example.com:8443/a/{_any(rng, ALNUM, 22)}?page={rng.randrange(9)}"
        yield "css class", f"sk-{_any(rng, string.ascii_lowercase, 6)}-loader-animation-container-wide"
        yield "prose", "The password must have 12 characters; the secret: patience. Bearer tokens expire."
