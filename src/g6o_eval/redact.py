"""Secrets out of every text that leaves the process; untrusted text made harmless for readers.

Three questions, three functions: does it hold a secret (`find_secrets`, `redact`), can a terminal
show it (`plain`), can it pose as part of a prompt (`neutralise`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret stands in a text. It does not hold the secret itself, so that it can be logged.

    Attributes:
        kind: what it looks like: "openai-key", "jwt", "password" …
        start: index of its first character.
        end: index behind its last character.
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Pattern:
    """How one kind of secret is recognised.

    Attributes:
        kind: as in Secret.
        hints: lower-case substrings one of which every match holds; a text without them is not searched.
        regex: its named groups are what is replaced.
    """

    kind: str
    hints: tuple[str, ...]
    regex: re.Pattern[str]


def _pattern(kind: str, hints: str, regex: str, flags: int = 0) -> _Pattern:
    return _Pattern(kind, tuple(hints.split()), re.compile(regex, flags))


_START = r"(?<![A-Za-z0-9_-])"
_WORD = r"[A-Za-z0-9_-]"
_NAMES = (
    r"(?:pass(?:word|wd|phrase)|pwd|(?:api|access|secret|private|auth)[_-]?(?:key|token)|"
    r"(?:client[_-]?)?secret|token)"
)
_NAME_HINTS = "password passwd passphrase pwd key token secret"

# Every repetition is bounded or excludes what follows it, so that matching takes linear time.
_PATTERNS = (
    _pattern(
        "private-key",
        "-----begin",
        r"(?P<s>-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?!-----BEGIN )[\s\S]){0,20000}?(?:-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----|\Z))",
    ),
    _pattern("anthropic-key", "sk-ant-", rf"{_START}(?P<s>sk-ant-{_WORD}{{16,}})"),
    _pattern("openai-key", "sk-", rf"{_START}(?P<s>sk-(?:proj|svcacct|admin)-{_WORD}{{16,}})"),
    _pattern("openrouter-key", "sk-or-", rf"{_START}(?P<s>sk-or-(?:v\d-)?{_WORD}{{16,}})"),
    # The digit keeps out words that only begin like a key.
    _pattern("openai-key", "sk-", rf"{_START}(?P<s>sk-(?=[A-Za-z]{{0,60}}\d)[A-Za-z0-9]{{20,}})"),
    _pattern("stripe-key", "k_live_ k_test_", rf"{_START}(?P<s>[sr]k_(?:live|test)_[A-Za-z0-9]{{16,}})"),
    _pattern(
        "github-token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        rf"{_START}(?P<s>gh[pousr]_[A-Za-z0-9]{{20,}}|github_pat_[A-Za-z0-9_]{{20,}})",
    ),
    _pattern("gitlab-token", "glpat-", rf"{_START}(?P<s>glpat-{_WORD}{{20,}})"),
    _pattern("aws-key", "akia asia", rf"{_START}(?P<s>(?:AKIA|ASIA)[A-Z0-9]{{16}})(?![A-Za-z0-9])"),
    _pattern("slack-token", "xox xapp-", rf"{_START}(?P<s>(?:xox[abeoprs]|xapp-\d)-[A-Za-z0-9-]{{10,}})"),
    _pattern("slack-hook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/]{20,200})"),
    _pattern("google-key", "aiza", rf"{_START}(?P<s>AIza{_WORD}{{35,}})"),
    _pattern("google-token", "ya29. gocspx-", rf"{_START}(?P<s>(?:ya29\.|GOCSPX-){_WORD}{{20,}})"),
    _pattern("sendgrid-key", "sg.", rf"{_START}(?P<s>SG\.{_WORD}{{16,64}}\.{_WORD}{{16,}})"),
    _pattern("telegram-token", ":aa", r"(?<![\w-])(?P<s>\d{8,10}:AA[\w-]{32,})"),
    _pattern("digitalocean-token", "_v1_", rf"{_START}(?P<s>do[opr]_v1_[0-9a-f]{{40,}})"),
    _pattern("xai-key", "xai-", rf"{_START}(?P<s>xai-[A-Za-z0-9]{{40,}})"),
    _pattern("groq-key", "gsk_", rf"{_START}(?P<s>gsk_[A-Za-z0-9]{{40,}})"),
    _pattern("huggingface-token", "hf_", rf"{_START}(?P<s>hf_[A-Za-z0-9]{{30,}})"),
    _pattern("npm-token", "npm_", rf"{_START}(?P<s>npm_[A-Za-z0-9]{{36,}})"),
    _pattern("pypi-token", "pypi-", rf"{_START}(?P<s>pypi-{_WORD}{{50,}})"),
    _pattern("jwt", "eyj", rf"{_START}(?P<s>eyJ{_WORD}{{8,}}\.eyJ{_WORD}{{8,}}\.{_WORD}{{8,}})"),
    _pattern("url-password", "://", r"[A-Za-z0-9+.-]://[^\s/:@\"'<>]{0,100}:(?P<s>[^\s/@\"'<>]{1,200})@"),
    _pattern("password", "password", r"\blogin[ \t]{1,4}\S{1,100}\s{1,8}password[ \t]{1,4}(?P<s>\S{6,200})", re.I),
    _pattern("password", "-u --user", r"(?:\s-u|--user)[ =][\"']?[^\s:\"'/\\]{1,60}:(?P<s>[^\s\"'\\]{6,200})"),
    _pattern("bearer", "bearer basic", r"\b(?:bearer|basic)[ \t]{1,4}(?P<s>[A-Za-z0-9._~+/-]{16,}={0,2})", re.I),
    _pattern(
        "password",
        _NAME_HINTS,
        rf"{_NAMES}\\?[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}}\\?[\"'](?P<s>[^\"'\\\s]{{6,200}})(?=\\?[\"'])",
        re.I,
    ),
    # Without quotes it may be code: a digit is needed, and no call or attribute may follow.
    _pattern(
        "password",
        _NAME_HINTS,
        rf"{_NAMES}\\?[\"']?[ \t]{{0,3}}[:=][ \t]{{0,3}}(?=[^\s\d]{{0,200}}\d)"
        r"(?P<s>[^\s\"'\\,;&(){}<>\[\]]{6,200})(?![^\s\"'\\,;&)}<>\]])",
        re.I,
    ),
    _pattern(
        "password",
        _NAME_HINTS,
        r"^(?:export[ ])?[A-Z][A-Z0-9_]{0,60}?(?:PASSWORD|PASSWD|TOKEN|SECRET|API_KEY|ACCESS_KEY|PRIVATE_KEY)="
        r"(?P<s>[^\s\"'\\,;&(){}<>\[\]]{6,200})$",
        re.M,
    ),
)

_MARK = re.compile(r"\[redacted:[a-z-]+\]")
# What stands behind `token=` without being a secret: holes, environment, masks, numbers, names, paths.
_NO_SECRET = re.compile(
    r"[${<].*|%\(?[a-z_]*\)?[a-z%]?|[*x.•]+|(?:undefined|required|optional|redacted|string)|\d+(?:\.\d+)?"
    r"|[A-Za-z_]+\d{0,3}(?:\.[A-Za-z_]+\d{0,3})+|\.{0,2}/[\w./-]*",
    re.I,
)


def find_secrets(text: str) -> tuple[Secret, ...]:
    """Return the secrets of a text by position, none overlapping another.

    Recognised are keys of the usual providers, JSON web tokens, private key blocks, passwords in
    URLs, bearer headers, and assignments to a name such as `password`, `token`, `api_key`. Hashes,
    UUIDs and paths standing alone are no secrets.
    """
    found: list[Secret] = []
    for secret in sorted(_candidates(text), key=lambda s: (s.start, -s.end)):
        if not found or secret.start >= found[-1].end:
            found.append(secret)
        elif secret.end > found[-1].end:
            found[-1] = replace(found[-1], end=secret.end)
    return tuple(found)


def redact(text: str) -> str:
    """Replace each secret by `[redacted:<kind>]`. Redacting twice changes nothing."""
    while secrets := find_secrets(text):  # what stood behind one secret can only be seen once that is gone
        for secret in reversed(secrets):
            text = f"{text[: secret.start]}[redacted:{secret.kind}]{text[secret.end :]}"
    return text


def plain(text: str) -> str:
    r"""Return a text that looks like what it holds: no character is unseen or moves another.

    Control characters other than newline and tab, escape sequences, bidirectional and zero-width
    marks, tag characters, blanks that are not U+0020, lone surrogates and private-use characters
    become `\uXXXX` or `\UXXXXXXXX`.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # most texts; a tenth of the time of searching them
    return _UNSEEN.sub(_escaped, text)


def neutralise(text: str) -> str:
    """Return untrusted text that cannot pose as a part of a prompt, still readable.

    The adapter's field markers `[[ ## name ## ]]` and the role markers of chat templates
    (`<|im_start|>`, `[INST]`, `<<SYS>>`, a line that begins with `system:`) get a middle dot
    inside, so that no parser takes them for its own.
    """
    for sign, pattern, replacement in _MARKERS:
        if sign in text:
            text = pattern.sub(replacement, text)
    return text


# Written out, not asked of unicodedata: its tables differ between Python versions, and prompts must not.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u2800\u3164\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb"
    "\ufffe\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
# What every match holds stands before its pattern: without it there is nothing to search for.
_MARKERS = (
    ("##", re.compile(r"\[(?=\[[ \t]{0,8}##)"), "[·"),
    ("##", re.compile(r"##(?=[ \t]{0,8}\]\])"), "##·"),
    ("<|", re.compile(r"<(?=\|[A-Za-z_][\w-]{0,40}\|>)"), "<·"),
    ("S", re.compile(r"\[(?=/?(?:INST|SYS)\])"), "[·"),
    ("<", re.compile(r"<(?=</?SYS>>)|<(?=/?(?:system|assistant|user)>)", re.I), "<·"),
    (":", re.compile(r"^([ \t]{0,8}(?:system|assistant|user|human|developer))(?=:)", re.I | re.M), r"\1·"),
)


HINT_REACH = 256
"""Characters behind a secret's start in which its hint stands, if not before it."""
_HINTS = tuple(sorted({hint for pattern in _PATTERNS for hint in pattern.hints}))
# Enough to look for: what holds another hint says no more. A text without the sign needs none of its group.
_SHORTEST = [hint for hint in _HINTS if not any(other in hint for other in _HINTS if other != hint)]
_GROUPS = [
    (sign, [hint for hint in _SHORTEST if next((one for one in "_-" if one in hint), "") == sign])
    for sign in ("", "_", "-")
]


def hints_at_secret(text: str) -> bool:
    """Say whether a text holds what every secret holds within HINT_REACH characters of its start; quick."""
    lowered = text.lower()
    return any(
        sign in lowered and any([hint in lowered for hint in hints])  # noqa: C419 - a generator costs more
        for sign, hints in _GROUPS
    )


_ESCAPES = re.compile(
    r"(?:\x1b|\\+(?:u001b|x1b|e|033))\[[0-9;]{0,12}m|\\+(?:[nrtbfv]|u[0-9a-f]{4})|%[0-9a-f]{2}", re.IGNORECASE
)
"""What ends a word, though its last character looks like one: JSON's, a URL's, a terminal's."""


def _candidates(text: str) -> list[Secret]:
    lowered = text.lower()
    present = {hint for hint in _HINTS if hint in lowered}
    if not present:
        return []
    blanked = _ESCAPES.sub(lambda escape: " " * len(escape.group()), text)
    return _matches(text, present) + (_matches(blanked, present) if blanked != text else [])


def _matches(text: str, present: set[str]) -> list[Secret]:
    marks = [mark.span() for mark in _MARK.finditer(text)]
    found = []
    for pattern in _PATTERNS:
        if present.isdisjoint(pattern.hints):
            continue
        for match in pattern.regex.finditer(text):
            start, end = match.span("s")
            named = pattern.kind == "password" and _NO_SECRET.fullmatch(match.group("s"))
            if not named and not any(first <= start and end <= last for first, last in marks):
                found.append(Secret(pattern.kind, start, end))
    return found


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
